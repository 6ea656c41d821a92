/*
 * Clients of an entry that splits, a primary and a standby behind it, and what may happen to both:
 * probes, silence, lost connections, a primary that is gone for a while. Each step is a byte: the
 * upper half of the lower bits says what it is, the uppermost bit which of two clients does it.
 * Every request is answered once and in order, by a host that may run it, whatever had to be moved
 * or held; the hosts are told nothing that no client may send.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "net/loop.h"
#include "pool/database.h"
#include "pool/pools.h"
#include "route/position.h"
#include "session/roster.h"
#include "stage/stage.h"
#include "wire/frame.h"
#include "wire/notice.h"
#include "wire/query.h"
#include "wire/reader.h"
#include "wire/startup.h"
#include "wire/writer.h"

#define CLIENTS	     2
#define STEPS_MAX    300
#define TOKEN	     "SELECT t"
#define SECOND	     0x80
#define LAST_SECONDS 60 /* longer than anything may be held */

struct visitor {
	int fd; /* -1: gone */
	struct buffer in, out;
	unsigned asked;	   /* times it must hear ReadyForQuery */
	unsigned ready;	   /* times it did */
	unsigned token;	   /* of its last SELECT */
	unsigned answered; /* the newest token it was answered */
	bool in_batch;	   /* a Sync must come before the next Query: an error skips to it */
	bool strict;	   /* nothing it said may be refused for where it ran */
};

struct world {
	struct stage stage;
	struct visitor visitors[CLIENTS];
	uint64_t position;
};

static const char *const texts[] = {
	"STORE 1",
	"SELECT HOST",
	"SELECT WRITES",
	"SELECT CONFLICT",
	"BEGIN",
	"BEGIN READ ONLY",
	"COMMIT",
	"ROLLBACK",
	"FAIL",
	"SET TimeZone='EST'",
	"SET pgcarwash.route = 'replica'",
	"SET pgcarwash.route = 'auto'",
	"SHOW pgcarwash.position",
	"SET pgcarwash.read_after = '7/1/0/500'",
	"ROWS 200",
	"RECALL",
	"DISCARD ALL",
	"SELECT 1;SELECT 2",
	"BEGIN;STORE 2",
	"COPY OUT 3",
	"",
};

/* ---- hosts ---- */

static struct database *database_of(struct world *world)
{
	return pools_database(world->stage.pools, SLICE_LITERAL("db"));
}

static void find(struct world *world, unsigned host, enum endpoint_role role, uint64_t round)
{
	struct cluster *cluster = database_cluster(database_of(world));
	struct moment now = loop_now(world->stage.loop);
	struct probe_facts facts = {
		.answered = role != ROLE_UNKNOWN,
		.asked = now,
		.in_recovery = role == ROLE_REPLICA,
		.system_id = 7,
		.timeline = 1,
		.started_us = 1,
		.position = world->position,
		.round = round,
		.own_lag = { -1 },
	};
	struct cluster_change change = cluster_take_facts(cluster, host, &facts, now);

	database_cluster_changed(database_of(world), &change);
}

static void probe(struct world *world, bool replica_follows)
{
	struct cluster *cluster = database_cluster(database_of(world));
	uint64_t round = position_send_round(cluster, loop_now(world->stage.loop));

	world->position += 10;
	find(world, 0, ROLE_PRIMARY, round);
	if (replica_follows)
		find(world, 1, ROLE_REPLICA, round);
}

static void happen(struct world *world, unsigned what)
{
	switch (what % 8) {
	case 0: probe(world, true); break;
	case 1: probe(world, false); break;
	case 2: find(world, 0, ROLE_UNKNOWN, 0); break;
	case 3: find(world, 1, ROLE_UNKNOWN, 0); break;
	case 4: postgres_kick(&world->stage.replica); break;
	case 5: world->stage.replica.deaf = !world->stage.replica.deaf; break;
	case 6: world->stage.postgres.schema++; break;
	default: find(world, 1, ROLE_REPLICA, 0); break;
	}
}

/* ---- clients ---- */

static void write_named(struct buffer *out, char type, const char *fields, size_t len)
{
	size_t mark = writer_begin(out, type);

	writer_bytes(out, (struct slice){ fields, len });
	writer_end(out, mark);
}

#define NAMED(type, fields) write_named(&visitor->out, type, fields, sizeof(fields) - 1)

static void write_sync(struct visitor *visitor)
{
	visitor->asked++;
	visitor->in_batch = false;
	NAMED('S', "");
}

static void write_query(struct visitor *visitor, const char *text)
{
	if (visitor->in_batch)
		write_sync(visitor);
	visitor->asked++;
	query_write_query(&visitor->out, slice_of(text));
}

static void ask(struct visitor *visitor, unsigned what)
{
	const char *text = texts[what % COUNT_OF(texts)];

	write_query(visitor, text);
	if (strcmp(text, "BEGIN READ ONLY") == 0 || strstr(text, "= 'replica'"))
		visitor->strict = false;
}

static void write_token(struct visitor *visitor, bool prepared)
{
	char text[32];
	size_t mark;

	snprintf(text, sizeof(text), TOKEN "%u", ++visitor->token);
	if (!prepared) {
		write_query(visitor, text);
		return;
	}
	mark = writer_begin(&visitor->out, 'P');
	writer_text(&visitor->out, SLICE_NONE);
	writer_text(&visitor->out, slice_of(text));
	writer_u16(&visitor->out, 0);
	writer_end(&visitor->out, mark);
}

/* A piece of a batch; the last of them ends it. */
static void batch(struct visitor *visitor, unsigned what)
{
	visitor->in_batch = true;
	switch (what % 10) {
	case 0: write_token(visitor, true); break;
	case 1: NAMED('P', "a\0SELECT HOST\0\0\0"); break;
	case 2: NAMED('P', "b\0STORE 3\0\0\0"); break;
	case 3: NAMED('B', "\0\0\0\0\0\0\0\0"); break;
	case 4: NAMED('B', "\0a\0\0\0\0\0\0\0"); break;
	case 5: NAMED('B', "\0b\0\0\0\0\0\0\0"); break;
	case 6: NAMED('D', "P\0"); break;
	case 7: NAMED('C', "Sa\0"); break;
	case 8: NAMED('H', ""); break;
	default: NAMED('E', "\0\0\0\0\0"); break;
	}
}

static void come(struct world *world, struct visitor *visitor)
{
	struct address peer = { .unix_path.sun_family = AF_UNIX, .len = sizeof(sa_family_t) };
	int ends[2];
	size_t mark;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
	roster_accept(world->stage.roster, ends[1], &peer);
	*visitor = (struct visitor){ .fd = ends[0], .asked = 1, .strict = true };
	mark = startup_write_begin(&visitor->out, PROTOCOL_3_0);
	startup_write_pair(&visitor->out, SLICE_LITERAL("user"), SLICE_LITERAL("alice"));
	startup_write_pair(&visitor->out, SLICE_LITERAL("database"), SLICE_LITERAL("db"));
	startup_write_end(&visitor->out, mark);
}

static void leave(struct visitor *visitor)
{
	if (visitor->fd >= 0)
		close(visitor->fd);
	visitor->fd = -1;
	buffer_release(&visitor->in);
	buffer_release(&visitor->out);
}

/* ---- what they hear ---- */

static void take_row(struct visitor *visitor, struct slice body)
{
	struct reader reader;
	struct slice value;
	char text[16];

	reader_init(&reader, body);
	CHECK(reader_u16(&reader) == 1);
	value = reader_bytes(&reader, (size_t)reader_i32(&reader));
	CHECK(reader_end(&reader) == OK);
	if (value.len < 2 || value.len >= sizeof(text) || value.data[0] != 't')
		return;
	snprintf(text, sizeof(text), "%.*s", (int)value.len - 1, value.data + 1);
	/* Later than what it was answered before, and asked for. */
	CHECK((unsigned)atoi(text) >= visitor->answered);
	visitor->answered = (unsigned)atoi(text);
	CHECK(visitor->answered <= visitor->token);
}

/* false: its session is over. */
static bool take_error(const struct visitor *visitor, struct slice body)
{
	struct notice_view view;

	CHECK(notice_read(body, &view) == OK);
	if (visitor->strict)
		CHECK(!slice_equal(view.sqlstate, SLICE_LITERAL("25006")));
	return !notice_is_fatal(&view);
}

static bool take_all(struct visitor *visitor)
{
	const struct frame_limits limits = { UINT32_MAX, UINT32_MAX };
	struct slice rest = buffer_slice(&visitor->in);
	struct message message;
	size_t need;
	bool lives = true;

	while (lives && rest.len && frame_next(rest, SIDE_SERVER, &limits, &message, &need) == OK &&
	       message_is_whole(&message)) {
		size_t len = MESSAGE_HEADER_LEN + message.len;

		switch (message.type) {
		case 'D': take_row(visitor, message.body); break;
		case 'E': lives = take_error(visitor, message.body); break;
		case 'Z': visitor->ready++; break;
		default: break;
		}
		CHECK(visitor->ready <= visitor->asked);
		rest.data += len;
		rest.len -= len;
	}
	buffer_drop_front(&visitor->in, visitor->in.len - rest.len);
	return lives;
}

static void exchange(struct visitor *visitor)
{
	char bytes[8192];
	ssize_t got, sent;

	if (visitor->fd < 0)
		return;
	if (visitor->out.len > 0) {
		sent = send(visitor->fd, visitor->out.data, visitor->out.len, MSG_NOSIGNAL);
		if (sent > 0)
			buffer_drop_front(&visitor->out, (size_t)sent);
	}
	while ((got = recv(visitor->fd, bytes, sizeof(bytes), 0)) > 0)
		buffer_append(&visitor->in, bytes, (size_t)got);
	if (!take_all(visitor) || got == 0)
		leave(visitor);
}

static void turn(struct world *world)
{
	stage_turn(&world->stage);
	for (unsigned i = 0; i < CLIENTS; i++)
		exchange(&world->visitors[i]);
}

/* ---- all of it ---- */

static void act(struct world *world, unsigned step)
{
	struct visitor *visitor = &world->visitors[step & SECOND ? 1 : 0];
	unsigned what = step & 0x1f;

	switch (step >> 5 & 3) {
	case 0:
		if (visitor->fd >= 0)
			ask(visitor, what);
		break;
	case 1:
		if (visitor->fd < 0)
			break;
		if (what < 20)
			batch(visitor, what);
		else if (what < 28)
			write_sync(visitor);
		else
			write_token(visitor, false);
		break;
	case 2: happen(world, what); break;
	default:
		if (what == 31 && visitor->fd >= 0)
			leave(visitor);
		else if (what == 30 && visitor->fd < 0)
			come(world, visitor);
		for (unsigned i = 0; i < what % 8; i++)
			turn(world);
	}
}

static bool all_heard(const struct world *world)
{
	for (unsigned i = 0; i < CLIENTS; i++)
		if (world->visitors[i].fd >= 0 &&
		    world->visitors[i].ready < world->visitors[i].asked)
			return false;
	return true;
}

/* Who is still there ends what it has begun; then everybody must have been answered. */
static void end(struct world *world)
{
	struct moment due;

	world->stage.replica.deaf = false;
	probe(world, true);
	for (unsigned i = 0; i < CLIENTS; i++)
		if (world->visitors[i].fd >= 0)
			write_sync(&world->visitors[i]);
	turn(world);
	due = moment_after(loop_now(world->stage.loop), span_seconds(LAST_SECONDS));
	while (!all_heard(world) && !moment_reached(due, loop_now(world->stage.loop)))
		turn(world);
	CHECK(all_heard(world));
	for (unsigned i = 0; i < CLIENTS; i++)
		leave(&world->visitors[i]);
	for (unsigned i = 0; i < 8; i++)
		turn(world);
	CHECK(roster_clients(world->stage.roster) == 0);
	CHECK(!world->stage.postgres.complaint[0] && !world->stage.replica.complaint[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct stage_setup setup = {
		.databases = "db = : user=alice read_write_split=on",
		.settings = "auth_type = trust\n",
		.replica = true,
	};
	struct world world = { .position = 1000 };

	if (size > STEPS_MAX)
		return 0;
	CHECK(stage_init(&world.stage, &setup));
	probe(&world, true);
	probe(&world, true);
	for (unsigned i = 0; i < CLIENTS; i++)
		come(&world, &world.visitors[i]);
	for (size_t i = 0; i < size; i++)
		act(&world, data[i]);
	end(&world);
	stage_release(&world.stage);
	return 0;
}
