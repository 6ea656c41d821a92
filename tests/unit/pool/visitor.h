#ifndef VISITOR_H
#define VISITOR_H

/*
 * What stands above the pool in tests: a world (loop, settings from a text, pools, a fake
 * PostgreSQL) and visitors, who ask for servers and query through real conversations.
 */

#include "base/log.h"
#include "net/dial.h"
#include "net/resolve.h"
#include "net/timer.h"
#include "pool/canceler.h"
#include "pool/pools.h"
#include "conf/load.h"
#include "track/conversation.h"
#include "pool/fake_postgres.h"

struct world {
	struct loop            *loop;
	struct resolver        *resolver;
	struct statement_store *statements;
	struct varset_store    *varsets;
	struct pools           *pools;
	struct fake_postgres    fake;
	struct timer            timer;
	char                    ini[96];
};

static inline void world_stop(void *ctx)
{
	struct world *world = ctx;

	loop_stop(world->loop);
}

/* Lets the loop turn for so long. */
static inline void world_spin(struct world *world, int ms)
{
	timer_arm_in(&world->timer, span_ms(ms));
	loop_run(world->loop);
}

/* Turns until condition is true; a failure after three seconds. */
#define UNTIL(world, condition)                                                                    \
	do {                                                                                       \
		int until_left = 1500;                                                             \
		while (!(condition) && until_left--)                                               \
			world_spin(world, 2);                                                      \
		if (!(condition))                                                                  \
			FAIL("not in time: %s", #condition);                                       \
	} while (0)

/*
 * Reads settings: general goes into [pgcarwash], databases into [databases]; "DIR" in the
 * latter is the fake's folder. NULL and a failure when they are bad.
 */
static inline const struct settings *world_load(struct world *world, const char *general,
                                                const char *databases)
{
	struct complaints      complaints;
	const struct settings *settings;
	FILE                  *file = fopen(world->ini, "w");

	fprintf(file, "[databases]\n");
	for (; *databases; databases++) {
		if (strncmp(databases, "DIR", 3) == 0) {
			fprintf(file, "%s", world->fake.dir);
			databases += 2;
		} else {
			fputc(*databases, file);
		}
	}
	fprintf(file, "\n[pgcarwash]\nlisten_addr =\nunix_socket_dir = %s\nlog_connections = 0\n"
	              "log_disconnections = 0\n%s\n",
	        world->fake.dir, general);
	fclose(file);
	complaints_init(&complaints);
	settings = settings_load(world->ini, NULL, &complaints);
	for (size_t i = 0; !settings && i < complaints.count; i++)
		FAIL("%s", complaints.items[i].text);
	complaints_release(&complaints);
	return settings;
}

static inline void world_init(struct world *world, const char *general, const char *databases)
{
	struct log_target      target = { .quiet = !getenv("SHOW_LOG"),
		                          .verbose = getenv("SHOW_LOG") ? 2 : 0 };
	const struct settings *settings;
	struct pools_options   options;

	CHECK(log_open(&target) == OK);
	*world = (struct world){ .loop = loop_new() };
	fake_init(&world->fake, world->loop);
	snprintf(world->ini, sizeof(world->ini), "%s.ini", world->fake.dir);
	world->resolver = resolver_new(world->loop, NULL, span_seconds(10), span_seconds(10));
	world->statements = statement_store_new(1);
	world->varsets = varset_store_new(2);
	timer_init(&world->timer, world->loop, world_stop, world);
	settings = world_load(world, general, databases);
	options = (struct pools_options){ world->loop, world->resolver, world->statements,
		                          world->varsets, settings };
	world->pools = pools_new(&options);
	settings_unref(settings);
}

static inline void world_release(struct world *world)
{
	pools_free(world->pools);
	fake_release(&world->fake);
	world_spin(world, 1);
	resolver_free(world->resolver);
	timer_release(&world->timer);
	loop_free(world->loop);
	statement_store_free(world->statements);
	varset_store_free(world->varsets);
	unlink(world->ini);
}

static inline void world_reload(struct world *world, const char *general, const char *databases)
{
	const struct settings *settings = world_load(world, general, databases);

	pools_reload(world->pools, settings);
	settings_unref(settings);
}

static inline struct pool *world_pool(struct world *world, const char *database, const char *user)
{
	struct database *found = pools_database(world->pools, slice_of(database));

	return found ? pools_find(world->pools, found, slice_of(user)) : NULL;
}

static inline struct pool_facts world_facts(struct world *world, const struct pool *pool)
{
	struct pool_facts facts;

	pool_facts(pool, loop_now(world->loop), &facts);
	return facts;
}

/* What the fake was asked so far. */
static inline const char *world_log(struct world *world)
{
	buffer_append(&world->fake.log, "", 1);
	world->fake.log.len--;
	return world->fake.log.data;
}

/* ---- visitors ---- */

struct visitor {
	struct world        *world;
	struct pool         *pool;
	struct waiter        waiter;
	struct server       *server;
	struct conversation *conversation;
	struct buffer        got; /* message types received; texts of errors and rows not */
	struct buffer        bytes;
	unsigned             pieces; /* on_bytes calls */
	unsigned             grants, readies, turns, retries, settled;
	char                 status;
	bool                 refused, lost, told, keeps, leaves, cautious;
	enum ending          why;
	char                 error[160];
	unsigned             order; /* its place among all grants */
};

static unsigned visitor_order;

static inline void visitor_on_bytes(void *ctx, struct slice bytes)
{
	struct visitor *visitor = ctx;

	visitor->pieces++;
	buffer_append_slice(&visitor->bytes, bytes);
	if (visitor->leaves) {
		visitor->leaves = false;
		pool_give_back(visitor->server, false);
		visitor->server = NULL;
	} else if (visitor->cautious) {
		server_pause(visitor->server);
	}
}

static inline void visitor_on_ready(void *ctx, char status)
{
	struct visitor *visitor = ctx;

	visitor->readies++;
	visitor->status = status;
}

static inline void visitor_give_back(struct visitor *visitor)
{
	struct server *server = visitor->server;

	visitor->server = NULL;
	pool_give_back(server, false);
}

static inline void visitor_on_turn_over(void *ctx)
{
	struct visitor *visitor = ctx;

	visitor->turns++;
	if (!visitor->keeps)
		visitor_give_back(visitor);
}

static inline void visitor_on_retry(void *ctx)
{
	((struct visitor *)ctx)->retries++;
}

static inline void visitor_on_room(void *ctx)
{
	(void)ctx;
}

static inline void visitor_on_lost(void *ctx, enum ending why, bool told)
{
	struct visitor *visitor = ctx;

	visitor->lost = true;
	visitor->why = why;
	visitor->told = told;
	visitor->server = NULL;
}

static inline void visitor_on_settled(void *ctx)
{
	((struct visitor *)ctx)->settled++;
}

static const struct borrower_events visitor_events = {
	.on_bytes = visitor_on_bytes,
	.on_ready = visitor_on_ready,
	.on_turn_over = visitor_on_turn_over,
	.on_retry = visitor_on_retry,
	.on_room = visitor_on_room,
	.on_lost = visitor_on_lost,
	.on_cancel_settled = visitor_on_settled,
};

static inline void visitor_on_grant(struct waiter *waiter, struct server *server)
{
	struct visitor *visitor = CONTAINER_OF(waiter, struct visitor, waiter);

	visitor->grants++;
	visitor->server = server;
	visitor->order = ++visitor_order;
}

static inline void visitor_on_refuse(struct waiter *waiter, enum ending why, struct slice error)
{
	struct visitor    *visitor = CONTAINER_OF(waiter, struct visitor, waiter);
	struct notice_view view;

	visitor->refused = true;
	visitor->why = why;
	if (!error.len)
		return;
	CHECK(error.data[0] == 'E');
	error.data += MESSAGE_HEADER_LEN;
	error.len -= MESSAGE_HEADER_LEN;
	CHECK(notice_read(error, &view) == OK);
	snprintf(visitor->error, sizeof(visitor->error), "%.*s %.*s", (int)view.sqlstate.len,
	         view.sqlstate.data, (int)view.message.len, view.message.data);
}

static const struct waiter_events visitor_waits = {
	.on_grant = visitor_on_grant,
	.on_refuse = visitor_on_refuse,
};

static inline void visitor_init(struct visitor *visitor, struct world *world,
                                const char *database, const char *user)
{
	struct conversation_options options = { .tracks_statements = true,
		                                .store = world->statements,
		                                .wants = varset_empty(world->varsets),
		                                .owner = visitor };

	*visitor = (struct visitor){ .world = world };
	visitor->pool = world_pool(world, database, user);
	visitor->conversation = conversation_new(&options);
	varset_unref(options.wants);
	visitor->waiter.events = &visitor_waits;
	visitor->waiter.borrower = (struct borrower){ &visitor_events, visitor };
	pool_attach(visitor->pool);
}

/* Leaves, whatever it has. */
static inline void visitor_release(struct visitor *visitor)
{
	pool_withdraw(&visitor->waiter);
	if (visitor->server)
		visitor_give_back(visitor);
	pool_detach(visitor->pool);
	conversation_free(visitor->conversation);
	buffer_release(&visitor->got);
	buffer_release(&visitor->bytes);
}

static inline enum result visitor_ask(struct visitor *visitor)
{
	enum result result = pool_ask(visitor->pool, &visitor->waiter, &visitor->server);

	if (result == OK)
		visitor->order = ++visitor_order;
	return result;
}

/* Asks and waits until granted. */
static inline void visitor_get(struct visitor *visitor)
{
	if (visitor->waiter.pool || visitor_ask(visitor) != OK)
		UNTIL(visitor->world, visitor->server || visitor->refused);
}

/* Sends a message through the conversation, as a session does. */
static inline void visitor_send(struct visitor *visitor, const struct buffer *bytes)
{
	struct frame_limits limits = { 1 << 24, 1 << 24 };
	struct backend     *backend = server_backend(visitor->server);
	struct buffer       align = BUFFER_EMPTY;
	struct message      message;
	struct step         step;
	size_t              need;

	CHECK(frame_next(buffer_slice(bytes), SIDE_CLIENT, &limits, &message, &need) == OK);
	CHECK(conversation_align(visitor->conversation, backend, &align) == OK);
	if (align.len)
		CHECK(server_write(visitor->server, buffer_slice(&align)) == OK);
	step = conversation_request(visitor->conversation, backend, &message);
	CHECK(step.kind == STEP_FORWARD);
	if (step.before.len)
		CHECK(server_write(visitor->server, step.before) == OK);
	CHECK(server_write(visitor->server,
	                   (struct slice){ bytes->data + step.skip, bytes->len - step.skip }) ==
	      OK);
	buffer_release(&align);
}

static inline void visitor_query(struct visitor *visitor, const char *text)
{
	struct buffer out = BUFFER_EMPTY;

	query_write_query(&out, slice_of(text));
	visitor_send(visitor, &out);
	buffer_release(&out);
}

/* Asks, queries, and waits for the end of the turn. */
static inline void visitor_do(struct visitor *visitor, const char *text)
{
	unsigned before = visitor->readies;

	if (!visitor->server)
		visitor_get(visitor);
	if (!visitor->server) {
		FAIL("no server for %s", text);
		return;
	}
	visitor_query(visitor, text);
	UNTIL(visitor->world, visitor->readies > before || visitor->lost);
}

/* The types of the messages received so far, e.g. "TDCZ". */
static inline const char *visitor_got(struct visitor *visitor)
{
	struct slice rest = buffer_slice(&visitor->bytes);

	buffer_clear(&visitor->got);
	while (rest.len >= MESSAGE_HEADER_LEN) {
		const unsigned char *head = (const unsigned char *)rest.data;
		size_t n = ((size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 |
		            head[4]) +
		           1;

		buffer_append(&visitor->got, rest.data, 1);
		if (n > rest.len)
			break;
		rest.data += n;
		rest.len -= n;
	}
	buffer_append(&visitor->got, "", 1);
	return visitor->got.data;
}

#endif
