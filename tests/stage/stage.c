/* Builds the stage, turns it, takes it down. See stage.h. */
#include "stage/stage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "conf/load.h"
#include "net/loop.h"
#include "net/resolve.h"
#include "pool/pools.h"
#include "session/roster.h"
#include "stage/clock.h"

/* So many turns in which nothing happens mean that only time can help. */
#define STILL_TURNS 3
/* Nothing on a stage may take longer: so much time, so many turns. */
#define PLAY_SECONDS 100
#define PLAY_TURNS   20000

static const char *const tracked[] = { "client_encoding", "DateStyle", "TimeZone",
				       "standard_conforming_strings", "application_name" };

/* ---- settings ---- */

/* ":" in databases stands for where the small PostgreSQL listens, or both of them. */
static void write_databases(FILE *file, const struct stage *stage, const char *text)
{
	const struct postgres *postgres = &stage->postgres;

	for (; *text; text++) {
		if (*text != ':')
			fputc(*text, file);
		else if (stage->setup->replica)
			fprintf(file, "host=%s,%s", postgres->dir, stage->replica.dir);
		else if (postgres->dir[0])
			fprintf(file, "host=%s", postgres->dir);
		else
			fprintf(file, "host=127.0.0.1 port=%d", postgres->port);
	}
}

/* Names and passwords, or the verifiers by which the small PostgreSQL knows them. */
static void write_users(FILE *file, const struct stage *stage)
{
	static const char *const names[] = { "alice", "bob", "carol", "admin" };
	struct buffer secret = BUFFER_EMPTY;

	if (stage->setup->verifiers)
		postgres_verifier(&stage->postgres, &secret);
	else
		buffer_append_text(&secret, stage->password);
	for (unsigned i = 0; i < COUNT_OF(names); i++)
		fprintf(file, "\"%s\" \"%.*s\"\n", names[i], (int)secret.len, secret.data);
	buffer_release(&secret);
}

static void write_files(const struct stage *stage, const char *databases, const char *settings)
{
	const struct stage_setup *setup = stage->setup;
	char users[128];
	FILE *file;

	if (!databases)
		databases = setup->databases ? setup->databases : "db = :";
	if (!settings)
		settings = setup->settings ? setup->settings : "";
	snprintf(users, sizeof(users), "%s.users", stage->file);
	file = fopen(users, "w");
	write_users(file, stage);
	fclose(file);
	file = fopen(stage->file, "w");
	fprintf(file, "[databases]\n");
	write_databases(file, stage, databases);
	fprintf(file,
		"\n[users]\n%s\n[pgcarwash]\nlisten_addr =\nauth_type = trust\nauth_file = %s\n"
		"pool_mode = transaction\nunix_socket_dir = /tmp\nquery_wait_notify = 0\n%s\n",
		setup->users ? setup->users : "", users, settings);
	fclose(file);
}

const struct settings *stage_load(struct stage *stage, const char *databases, const char *settings)
{
	const struct settings *loaded;
	struct complaints complaints;

	mem_fault_pause(true);
	write_files(stage, databases, settings);
	mem_fault_pause(false);
	complaints_init(&complaints);
	loaded = settings_load(stage->file, NULL, &complaints);
	for (size_t i = 0; getenv("SHOW_LOG") && i < complaints.count; i++)
		fprintf(stderr, "%s\n", complaints.items[i].text);
	complaints_release(&complaints);
	return loaded;
}

bool stage_reload(struct stage *stage, const char *databases, const char *settings)
{
	const struct settings *loaded = stage_load(stage, databases, settings);

	if (!loaded)
		return false;
	pools_reload(stage->pools, loaded);
	roster_reload(stage->roster, loaded);
	settings_unref(stage->settings);
	stage->settings = loaded;
	return true;
}

/* ---- building ---- */

static enum result track_settings(struct stage *stage)
{
	for (unsigned i = 0; i < COUNT_OF(tracked); i++)
		if (varset_store_track(stage->varsets, slice_of(tracked[i])) != OK)
			return BROKEN;
	return OK;
}

static void take_down(struct stage *stage)
{
	roster_free(stage->roster);
	pools_free(stage->pools);
	resolver_free(stage->resolver);
	loop_free(stage->loop);
	statement_store_free(stage->statements);
	varset_store_free(stage->varsets);
	settings_unref(stage->settings);
}

static enum result build(struct stage *stage)
{
	struct pools_options for_pools;
	struct roster_options for_roster;

	stage->settings = stage_load(stage, NULL, NULL);
	stage->loop = loop_new();
	stage->statements = statement_store_new(1);
	stage->varsets = varset_store_new(2);
	if (!stage->settings || !stage->loop || !stage->statements || !stage->varsets ||
	    track_settings(stage) != OK)
		return BROKEN;
	stage->resolver = resolver_new(stage->loop, "", span_seconds(15), span_seconds(15));
	if (!stage->resolver)
		return BROKEN;
	for_pools = (struct pools_options){ stage->loop, stage->resolver, stage->statements,
					    stage->varsets, stage->settings };
	stage->pools = pools_new(&for_pools);
	if (!stage->pools)
		return BROKEN;
	for_roster = (struct roster_options){ stage->loop, stage->pools, stage->statements,
					      stage->varsets, stage->settings };
	stage->roster = roster_new(&for_roster);
	return stage->roster ? OK : BROKEN;
}

static void remove_world(struct stage *stage)
{
	char users[128];

	postgres_release(&stage->postgres);
	if (stage->setup->replica)
		postgres_release(&stage->replica);
	snprintf(users, sizeof(users), "%s.users", stage->file);
	unlink(users);
	unlink(stage->file);
}

bool stage_init(struct stage *stage, const struct stage_setup *setup)
{
	struct log_target log = { .quiet = !getenv("SHOW_LOG"),
				  .verbose = getenv("SHOW_LOG") ? 2 : 0 };
	bool built;

	*stage = (struct stage){ .setup = setup, .password = "secret" };
	mem_fault_pause(true);
	clock_start();
	if (log_open(&log) != OK)
		abort();
	list_init(&stage->clients);
	postgres_init(&stage->postgres, setup->tcp);
	stage->postgres.login = setup->login;
	if (setup->replica) {
		postgres_init(&stage->replica, false);
		stage->replica.standby = true;
	}
	if (setup->server_password)
		stage->postgres.password = setup->server_password;
	snprintf(stage->file, sizeof(stage->file), "/tmp/stage_%d.ini", (int)getpid());
	mem_fault_pause(false);
	built = build(stage) == OK;
	if (built)
		return true;
	take_down(stage);
	remove_world(stage);
	return false;
}

void stage_release(struct stage *stage)
{
	LIST_EACH(&stage->clients, node)
	client_free(CONTAINER_OF(node, struct client, node));
	roster_end_all(stage->roster, END_DAEMON_EXIT);
	stage_turn(stage);
	take_down(stage);
	remove_world(stage);
}

/* ---- marks ---- */

static void spell_mark(char *out, size_t cap, const char *word)
{
	snprintf(out, cap, " %.*s ", (int)strcspn(word, " \n"), word);
}

void stage_mark(struct stage *stage, const char *word)
{
	char mark[64];
	size_t len = strlen(stage->marks);

	spell_mark(mark, sizeof(mark), word);
	snprintf(stage->marks + len, sizeof(stage->marks) - len, "%s", mark);
}

static bool anyone_ended(const struct stage *stage)
{
	LIST_EACH(&stage->clients, node)
	if (CONTAINER_OF(node, struct client, node)->state >= CLIENT_ENDED)
		return true;
	return false;
}

bool stage_is_marked(const struct stage *stage, const char *word)
{
	char mark[64];

	spell_mark(mark, sizeof(mark), word);
	/* Who was ended will not fall asleep any more. */
	if (strcmp(mark, " asleep ") == 0)
		return stage->postgres.sleeping > 0 || anyone_ended(stage);
	return strstr(stage->marks, mark) != NULL;
}

struct client *stage_client(const struct stage *stage, const char *name)
{
	size_t len = strcspn(name, " \n");

	LIST_EACH(&stage->clients, node)
	{
		struct client *client = CONTAINER_OF(node, struct client, node);

		if (strlen(client->name) == len && memcmp(client->name, name, len) == 0)
			return client;
	}
	return NULL;
}

/* ---- turning ---- */

struct stopper {
	struct loop_task task;
	struct loop *loop;
};

static void stop_loop(struct loop_task *task)
{
	loop_stop(CONTAINER_OF(task, struct stopper, task)->loop);
}

/* A turn of the daemon's: it does not sleep, because something is queued for it. */
static void turn_loop(struct stage *stage)
{
	struct stopper stopper = { .task.run = stop_loop, .loop = stage->loop };

	loop_next_turn(stage->loop, &stopper.task);
	loop_run(stage->loop);
}

/* What clients ask of the daemon's own code. */
static void serve_client(struct stage *stage, struct client *client)
{
	struct address peer = { .unix_path.sun_family = AF_UNIX, .len = sizeof(sa_family_t) };

	if (client->arm)
		mem_fail_at(stage->arm_at);
	client->arm = false;
	if (client->new_fd >= 0) {
		int fd = client->new_fd;

		client->new_fd = -1;
		roster_accept(stage->roster, fd, &peer);
	}
	if (client->act) {
		stage->setup->act(stage, client->act);
		client->act = NULL;
	}
}

static bool act_all(struct stage *stage)
{
	bool any = postgres_step(&stage->postgres);

	if (stage->setup->replica)
		any |= postgres_step(&stage->replica);

	LIST_EACH(&stage->clients, node)
	any |= client_step(CONTAINER_OF(node, struct client, node));
	return any;
}

void stage_turn(struct stage *stage)
{
	bool any;

	LIST_EACH(&stage->clients, node)
	serve_client(stage, CONTAINER_OF(node, struct client, node));
	turn_loop(stage);
	mem_fault_pause(true);
	any = act_all(stage);
	mem_fault_pause(false);
	stage->turns++;
	stage->still = any ? 0 : stage->still + 1;
	clock_move(1);
	if (stage->still > STILL_TURNS && clock_move_to_alarm())
		stage->still = 0;
}

static bool is_over(const struct stage *stage)
{
	LIST_EACH(&stage->clients, node)
	if (CONTAINER_OF(node, struct client, node)->state == CLIENT_ACTING)
		return false;
	return true;
}

bool stage_play(struct stage *stage)
{
	int64_t end = clock_us() + (int64_t)PLAY_SECONDS * 1000000;
	unsigned turns = stage->turns + PLAY_TURNS;

	while (!is_over(stage)) {
		if (clock_us() > end || stage->turns > turns)
			return false;
		stage_turn(stage);
	}
	return true;
}

void stage_pass(struct stage *stage, unsigned ms)
{
	int64_t end = clock_us() + (int64_t)ms * 1000;

	while (clock_us() < end)
		stage_turn(stage);
}
