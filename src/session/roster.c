/*
 * All client sessions: accepting them, counting them, ending many at once. Owns the sessions, the
 * table of cancel keys and the counts per user.
 */
#include "session/roster.h"

#include <unistd.h>

#include "auth/users.h"
#include "base/alloc.h"
#include "base/log.h"
#include "base/random.h"
#include "conf/effective.h"
#include "net/listener.h"
#include "pool/pools.h"
#include "session_internal.h"

/* A statement longer than this is not collected but flows; see conversation_is_pinned. */
#define MAX_COLLECT (1u << 20)
/* Bytes for a slow client beyond which its server is not read any more, and below which again. */
#define OUT_HIGH (128 * 1024)
#define OUT_LOW  (32 * 1024)
#define READ_SIZE (64 * 1024)

struct user_count {
	unsigned clients;
};

static void run_changed(struct loop_task *task)
{
	struct roster *roster = CONTAINER_OF(task, struct roster, changed);

	if (roster->on_change != NULL)
		roster->on_change(roster->on_change_ctx);
}

static void take_settings(struct roster *roster, const struct settings *settings)
{
	roster->settings = settings_ref(settings);
	roster->limits = (struct frame_limits){
		.max_packet = settings->max_packet_size,
		.max_collect = MAX_COLLECT,
	};
	roster->stream_limits = (struct stream_limits){
		.read_size = effective_read_size(settings, READ_SIZE),
		.out_high = OUT_HIGH,
		.out_low = OUT_LOW,
		.in_max = MAX_COLLECT + 2 * READ_SIZE,
		.turn_reads = effective_turn_reads(settings),
	};
}

/* Without users whose secrets could make it, it stays what it was. */
static void take_mock_key(struct roster *roster)
{
	uint8_t key[SCRAM_KEY_LEN];

	if (users_mock_key(pools_users(roster->pools), key) == OK)
		memcpy(roster->mock_key, key, sizeof(key));
}

struct roster *roster_new(const struct roster_options *options)
{
	struct roster *roster = mem_alloc_zero(sizeof(*roster));
	uint64_t       seed;

	if (roster == NULL)
		return NULL;
	roster->loop = options->loop;
	roster->pools = options->pools;
	roster->statements = options->statements;
	roster->varsets = options->varsets;
	take_settings(roster, options->settings);
	list_init(&roster->sessions);
	random_bytes(&seed, sizeof(seed));
	map_init(&roster->keys, seed);
	map_init(&roster->users, seed);
	buffer_init(&roster->scratch);
	random_bytes(roster->mock_key, sizeof(roster->mock_key));
	take_mock_key(roster);
	admission_read(roster);
	roster->changed.run = run_changed;
	return roster;
}

void roster_free(struct roster *roster)
{
	if (roster == NULL)
		return;
	loop_forget(roster->loop, &roster->changed);
	map_release(&roster->keys);
	map_release(&roster->users);
	buffer_release(&roster->scratch);
	welcome_memo_clear(&roster->memo);
	admission_release(roster);
	outside_release(roster);
	settings_unref(roster->settings);
	tls_context_unref(roster->tls);
	mem_free_secret(roster, sizeof(*roster));
}

void roster_reload(struct roster *roster, const struct settings *settings)
{
	const struct settings *old = roster->settings;

	take_settings(roster, settings);
	if (admission_differs(old, settings))
		admission_read(roster);
	settings_unref(old);
	take_mock_key(roster);
	welcome_memo_clear(&roster->memo);
	LIST_EACH(&roster->sessions, node)
	{
		struct session *session = CONTAINER_OF(node, struct session, node);

		if (session->database != NULL && database_is_removed(session->database)) {
			session_end(session, END_DATABASE_REMOVED, NULL);
			continue;
		}
		if (session->conversation != NULL && session->replication == REPLICATION_NONE &&
		    direct_open(session) != OK) {
			session_end(session, END_NO_MEMORY, NULL);
			continue;
		}
		session_find_timeouts(session);
		/* What was not watched has no beginning: it is now. */
		if (session->state == SESSION_IDLE && moment_is_never(session->idle_since))
			session->idle_since = loop_now(roster->loop);
		session_watch_deadline(session);
	}
}

void roster_set_tls(struct roster *roster, struct tls_context *tls)
{
	struct tls_context *old = roster->tls;

	roster->tls = tls_context_ref(tls);
	tls_context_unref(old);
}

void roster_changed(struct roster *roster)
{
	if (roster->on_change != NULL)
		loop_at_end(roster->loop, &roster->changed);
}

void roster_watch(struct roster *roster, void (*on_change)(void *ctx), void *ctx)
{
	roster->on_change = on_change;
	roster->on_change_ctx = ctx;
}

static void run_pump(struct loop_task *task)
{
	struct session *session = CONTAINER_OF(task, struct session, pump);

	switch (session->state) {
	case SESSION_PROVING: login_work(session); break;
	case SESSION_IDLE:
	case SESSION_WORKING: request_pump(session); break;
	case SESSION_SERVED: visit_events.on_input(session); break;
	default: break;
	}
}

struct session *roster_add_session(struct roster *roster, int fd)
{
	struct session *session = mem_alloc_zero(sizeof(*session));
	struct login   *login = mem_alloc_zero(sizeof(*login));

	if (session == NULL || login == NULL) {
		close(fd);
		mem_free(session);
		mem_free(login);
		return NULL;
	}
	session->stream =
		stream_new(roster->loop, fd, &roster->stream_limits, &login_events, session);
	if (session->stream == NULL) {
		mem_free(session);
		mem_free(login);
		return NULL;
	}
	session->roster = roster;
	session->login = login;
	session->id = pools_next_id(roster->pools);
	session->connected = loop_now(roster->loop);
	session->pump.run = run_pump;
	timer_init(&session->deadline, roster->loop, session_on_deadline, session);
	list_append(&roster->sessions, &session->node);
	roster->logging_in++;
	return session;
}

void roster_accept(struct roster *roster, int fd, const struct address *peer)
{
	struct session *session = roster_add_session(roster, fd);

	if (session == NULL)
		return;
	proxied_expect(session, peer);
	session_watch_deadline(session);
	if (roster->suspended)
		stream_pause(session->stream);
}

void roster_add_service(struct roster *roster, const struct service *service)
{
	for (size_t i = 0; i < COUNT_OF(roster->services); i++) {
		if (roster->services[i] == NULL) {
			roster->services[i] = service;
			return;
		}
	}
}

void roster_shut_down(struct roster *roster)
{
	roster->shutting_down = true;
}

void roster_end_database(struct roster *roster, const struct database *database, enum ending why)
{
	LIST_EACH(&roster->sessions, node)
	{
		struct session *session = CONTAINER_OF(node, struct session, node);

		if (session->database != NULL &&
		    (database == NULL || session->database == database))
			session_end(session, why, NULL);
	}
}

void roster_end_all(struct roster *roster, enum ending why)
{
	LIST_EACH(&roster->sessions, node)
		session_end(CONTAINER_OF(node, struct session, node), why, NULL);
}

bool roster_kill(struct roster *roster, uint64_t id)
{
	LIST_EACH(&roster->sessions, node)
	{
		struct session *session = CONTAINER_OF(node, struct session, node);

		if (session->id != id || session->state <= SESSION_PROVING)
			continue;
		session_end(session, END_ADMIN_KILL, NULL);
		return true;
	}
	return false;
}

void roster_suspend(struct roster *roster)
{
	roster->suspended = true;
	LIST_EACH(&roster->sessions, node)
	{
		struct session *session = CONTAINER_OF(node, struct session, node);

		if (session->service != NULL)
			continue;
		session->suspended = true;
		stream_pause(session->stream);
		stream_flush(session->stream);
	}
}

void roster_resume(struct roster *roster)
{
	roster->suspended = false;
	LIST_EACH(&roster->sessions, node)
	{
		struct session *session = CONTAINER_OF(node, struct session, node);

		session->suspended = session->passed = false;
		stream_resume(session->stream);
		loop_at_end(roster->loop, &session->pump);
	}
}

bool roster_is_quiet(const struct roster *roster)
{
	LIST_EACH(&roster->sessions, node)
	{
		struct session *session = CONTAINER_OF(node, struct session, node);

		if (session->service == NULL && stream_out_len(session->stream) > 0)
			return false;
	}
	return true;
}

unsigned roster_clients(const struct roster *roster)
{
	return roster->sessions.len;
}

unsigned roster_logging_in(const struct roster *roster)
{
	return roster->logging_in;
}

struct session *roster_next(const struct roster *roster, const struct session *after)
{
	struct list_node *node = after ? list_next(&roster->sessions, &after->node)
	                               : list_first(&roster->sessions);

	return node ? CONTAINER_OF(node, struct session, node) : NULL;
}

struct pools *roster_pools(const struct roster *roster)
{
	return roster->pools;
}

unsigned roster_user_clients(const struct roster *roster, struct slice user)
{
	const struct user_count *count = map_get(&roster->users, user);

	return count ? count->clients : 0;
}

enum result roster_count_user(struct roster *roster, struct slice user, int change)
{
	struct user_count *count = map_get(&roster->users, user);

	if (count == NULL) {
		if (change < 0)
			return BROKEN;
		count = mem_alloc_zero(sizeof(*count));
		if (count == NULL || map_put(&roster->users, user, count) != OK) {
			mem_free(count);
			return BROKEN;
		}
	}
	count->clients = (unsigned)((int)count->clients + change);
	if (count->clients == 0)
		mem_free(map_remove(&roster->users, user));
	return OK;
}
