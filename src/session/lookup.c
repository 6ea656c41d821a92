/*
 * auth_query: asks an ordinary pool for a server like any client, runs the query there, reads
 * the answer, gives the server back. Owns the conversation that stands for the client, and what was
 * answered until it is told (it is wiped after).
 *
 *   ASKING -> RUNNING -> OVER        everything that goes wrong -> OVER
 *
 * The query runs in a transaction with a search_path that no client can choose, however the
 * server was lent before: for our own query pg_catalog alone, for one of the operator's, which may
 * name functions of his without their schema, what he gave the role or the database.
 */
#include "lookup.h"

#include "auth/users.h"
#include "base/alloc.h"
#include "base/log.h"
#include "pool/database.h"
#include "pool/pools.h"
#include "pool/server.h"
#include "session_internal.h"
#include "wire/notice.h"
#include "wire/query.h"
#include "wire/reader.h"
#include "wire/writer.h"

/* One row with a name and a secret, and what comes with it; nobody's secret is longer. */
#define ANSWER_MAX (2 * USERS_SECRET_MAX)

#define BEGIN_STANDARD "BEGIN; SET LOCAL search_path TO pg_catalog, pg_temp"
#define BEGIN_CUSTOM   "BEGIN; SET LOCAL search_path TO DEFAULT"

#define TYPE_OID_TEXT 25

struct lookup {
	struct roster       *roster;
	struct pool         *pool; /* attached */
	struct waiter        waiter;
	struct server       *server; /* lent; NULL = none */
	struct conversation *conversation;
	struct buffer        requests; /* what a client would send */
	size_t               sent;     /* of requests */
	struct buffer        replies;
	struct buffer        user;
	bool                 is_over;
	enum ending          why;
	bool                 found;
	struct buffer        secret;
	bool                 has_secret;
	struct loop_task     more; /* goes on with requests that had to wait */
	struct loop_task     task; /* tells the asker; then the reaper */
	void (*on_done)(void *ctx, const struct lookup_answer *answer);
	void *ctx;
};

static void wipe(struct buffer *buffer)
{
	if (buffer->data)
		explicit_bzero(buffer->data, buffer->cap);
	buffer_release(buffer);
}

static void reap(struct loop_task *task)
{
	struct lookup *lookup = CONTAINER_OF(task, struct lookup, task);

	conversation_free(lookup->conversation);
	buffer_release(&lookup->requests);
	buffer_release(&lookup->user);
	wipe(&lookup->replies);
	wipe(&lookup->secret);
	mem_free(lookup);
}

static void give_back(struct lookup *lookup)
{
	struct server *server = lookup->server;

	if (server == NULL)
		return;
	lookup->server = NULL;
	backend_forget_creditor(server_backend(server), lookup->conversation);
	pool_give_back(server, false);
}

static void leave_pool(struct lookup *lookup)
{
	loop_forget(lookup->roster->loop, &lookup->more);
	pool_withdraw(&lookup->waiter);
	give_back(lookup);
	if (lookup->pool != NULL)
		pool_detach(lookup->pool);
	lookup->pool = NULL;
}

static void end_of_turn(struct loop_task *task)
{
	struct lookup       *lookup = CONTAINER_OF(task, struct lookup, task);
	struct lookup_answer answer = { .why = lookup->why, .found = lookup->found };

	/* An empty secret is not NULL. */
	if (lookup->has_secret)
		answer.secret = lookup->secret.len ? buffer_slice(&lookup->secret)
		                                   : SLICE_LITERAL("");
	lookup->task.run = reap;
	loop_reap(lookup->roster->loop, &lookup->task);
	lookup->on_done(lookup->ctx, &answer);
}

/* What is left to do is to tell it; the server goes at once. */
static void finish(struct lookup *lookup, enum ending why)
{
	if (lookup->is_over)
		return;
	lookup->is_over = true;
	lookup->why = why;
	leave_pool(lookup);
	lookup->task.run = end_of_turn;
	loop_at_end(lookup->roster->loop, &lookup->task);
}

void lookup_cancel(struct lookup *lookup)
{
	if (lookup == NULL)
		return;
	lookup->is_over = true;
	leave_pool(lookup);
	loop_forget(lookup->roster->loop, &lookup->task);
	lookup->task.run = reap;
	loop_reap(lookup->roster->loop, &lookup->task);
}

/* ---- the query ---- */

static void write_bind(struct buffer *out, struct slice user)
{
	size_t mark = writer_begin(out, 'B');

	writer_text(out, SLICE_NONE); /* portal */
	writer_text(out, SLICE_NONE); /* statement */
	writer_u16(out, 0);           /* all parameters as text */
	writer_u16(out, 1);
	writer_u32(out, (uint32_t)user.len);
	writer_bytes(out, user);
	writer_u16(out, 0); /* all columns as text */
	writer_end(out, mark);
}

static void write_execute(struct buffer *out)
{
	size_t mark = writer_begin(out, 'E');

	writer_text(out, SLICE_NONE);
	writer_u32(out, 0); /* all rows */
	writer_end(out, mark);
}

static void write_requests(struct buffer *out, const struct lookup_wish *wish)
{
	size_t mark;

	query_write_query(out, wish->is_standard ? SLICE_LITERAL(BEGIN_STANDARD)
	                                         : SLICE_LITERAL(BEGIN_CUSTOM));
	mark = writer_begin(out, 'P');
	writer_text(out, SLICE_NONE);
	writer_text(out, slice_of(wish->query));
	writer_u16(out, 1);
	writer_u32(out, TYPE_OID_TEXT);
	writer_end(out, mark);
	write_bind(out, wish->user);
	query_write_target(out, 'D', 'P', SLICE_NONE);
	write_execute(out);
	writer_empty(out, 'S');
	query_write_query(out, SLICE_LITERAL("COMMIT"));
}

static enum result send_bytes(struct lookup *lookup, struct slice bytes)
{
	return bytes.len == 0 ? OK : server_write(lookup->server, bytes);
}

static enum result send_message(struct lookup *lookup, const struct message *message)
{
	struct slice bytes = message_bytes(message);
	struct step  step = conversation_request(lookup->conversation,
	                                         server_backend(lookup->server), message);

	if (step.kind == STEP_END || send_bytes(lookup, step.before) != OK)
		return BROKEN;
	if (step.kind == STEP_DROP)
		return OK;
	return send_bytes(lookup, (struct slice){ bytes.data + step.skip, bytes.len - step.skip });
}

/* Sends what may go out now; the rest follows when the server has answered. */
static void send_requests(struct lookup *lookup)
{
	struct frame_limits limits = lookup->roster->limits;
	struct message      message;
	size_t              need;

	limits.max_packet = UINT32_MAX;
	limits.max_collect = UINT32_MAX;
	while (lookup->sent < lookup->requests.len) {
		struct slice rest = { lookup->requests.data + lookup->sent,
			              lookup->requests.len - lookup->sent };

		if (frame_next(rest, SIDE_CLIENT, &limits, &message, &need) != OK) {
			finish(lookup, END_CONFIG_ERROR);
			return;
		}
		if (conversation_must_wait(lookup->conversation, server_backend(lookup->server),
		                           &message))
			return;
		if (send_message(lookup, &message) != OK) {
			finish(lookup, END_CONFIG_ERROR);
			return;
		}
		lookup->sent += message_bytes(&message).len;
	}
}

static void send_more(struct loop_task *task)
{
	send_requests(CONTAINER_OF(task, struct lookup, more));
}

/* ---- the answer ---- */

static void log_error_of(const struct lookup *lookup, struct slice body)
{
	struct notice_view view = { 0 };

	if (notice_read(body, &view) != OK)
		view.message = SLICE_LITERAL("unreadable error");
	log_line(LEVEL_ERROR, server_prefix(lookup->server), "error in auth_query: %.*s: %.*s",
	         (int)view.severity.len, view.severity.data, (int)view.message.len,
	         view.message.data);
}

/* One row: the name, and the secret or NULL. */
static enum result read_row(struct lookup *lookup, struct slice body)
{
	struct reader reader;
	struct slice  name, secret = SLICE_NONE;
	int32_t       len;

	reader_init(&reader, body);
	if (reader_u16(&reader) != 2)
		return BROKEN;
	len = reader_i32(&reader);
	if (len < 0)
		return OK;
	name = reader_bytes(&reader, (size_t)len);
	len = reader_i32(&reader);
	if (len >= 0)
		secret = reader_bytes(&reader, (size_t)len);
	if (reader_end(&reader) != OK || secret.len > USERS_SECRET_MAX)
		return BROKEN;
	if (!slice_equal(name, buffer_slice(&lookup->user))) {
		log_line(LEVEL_WARNING, server_prefix(lookup->server),
		         "auth_query gave another user than it was asked for");
		return OK;
	}
	lookup->found = true;
	lookup->has_secret = len >= 0;
	buffer_append_slice(&lookup->secret, secret);
	return lookup->secret.failed ? BROKEN : OK;
}

static enum result check_columns(const struct lookup *lookup, const struct message *message)
{
	struct reader reader;
	unsigned      columns = 0;

	if (message->type == 'T') {
		reader_init(&reader, message->body);
		columns = reader_u16(&reader);
	}
	if (columns == 2)
		return OK;
	log_line(LEVEL_ERROR, server_prefix(lookup->server),
	         "error in auth_query: it must return 2 columns (name, secret), not %u", columns);
	return BROKEN;
}

static enum result read_reply(struct lookup *lookup, const struct message *message)
{
	switch (message->type) {
	case 'E': log_error_of(lookup, message->body); return BROKEN;
	case 'T':
	case 'n': return check_columns(lookup, message);
	case 'D': return lookup->found ? OK : read_row(lookup, message->body);
	default: return OK;
	}
}

static enum result read_replies(struct lookup *lookup)
{
	const struct frame_limits limits = { ANSWER_MAX, ANSWER_MAX };
	struct message            message;
	size_t                    at = 0, need;

	if (lookup->replies.failed)
		return BROKEN;
	while (at < lookup->replies.len) {
		struct slice rest = { lookup->replies.data + at, lookup->replies.len - at };

		if (frame_next(rest, SIDE_SERVER, &limits, &message, &need) != OK ||
		    !message_is_whole(&message) || read_reply(lookup, &message) != OK)
			return BROKEN;
		at += message_bytes(&message).len;
	}
	return OK;
}

/* ---- what the pool calls ---- */

static void on_bytes(void *ctx, struct slice bytes)
{
	struct lookup *lookup = ctx;

	if (lookup->is_over)
		return;
	if (lookup->replies.len + bytes.len <= ANSWER_MAX) {
		buffer_append_slice(&lookup->replies, bytes);
		return;
	}
	log_line(LEVEL_ERROR, server_prefix(lookup->server),
	         "error in auth_query: the answer is too long");
	finish(lookup, END_CONFIG_ERROR);
}

static void on_ready(void *ctx, char status)
{
	(void)ctx;
	(void)status;
}

/* Not inside the server's callback. */
static void on_swallowed(void *ctx)
{
	struct lookup *lookup = ctx;

	if (!lookup->is_over && lookup->sent < lookup->requests.len)
		loop_at_end(lookup->roster->loop, &lookup->more);
}

static void on_turn_over(void *ctx)
{
	struct lookup *lookup = ctx;

	if (lookup->is_over)
		return;
	/* Only the settings were answered, and the query had to wait for that. */
	if (lookup->sent < lookup->requests.len)
		on_swallowed(lookup);
	else
		finish(lookup, read_replies(lookup) == OK ? END_NONE : END_CONFIG_ERROR);
}

static void on_retry(void *ctx)
{
	finish(ctx, END_CONFIG_ERROR);
}

static void on_refused(void *ctx, struct slice error)
{
	struct lookup *lookup = ctx;

	log_error_of(lookup, error);
	finish(lookup, END_CONFIG_ERROR);
}

static void on_room(void *ctx)
{
	(void)ctx;
}

static void on_lost(void *ctx, enum ending why, bool told)
{
	struct lookup *lookup = ctx;

	(void)told;
	lookup->server = NULL;
	log_error("auth_query for user \"%.*s\" lost its server: %s", (int)lookup->user.len,
	          lookup->user.data, ending_row(why)->text);
	finish(lookup, END_CONFIG_ERROR);
}

static const struct borrower_events events = {
	.on_bytes = on_bytes,
	.on_ready = on_ready,
	.on_turn_over = on_turn_over,
	.on_swallowed = on_swallowed,
	.on_retry = on_retry,
	.on_refused = on_refused,
	.on_room = on_room,
	.on_lost = on_lost,
};

/* Settings as servers have them when they come from their login. NULL without memory. */
static const struct varset *plain_settings(const struct lookup *lookup)
{
	struct varset_store *store = lookup->roster->varsets;
	const struct varset *welcome = pool_welcome(lookup->pool);
	const struct varset *wants = varset_empty(store), *more;
	struct slice         name, value;
	unsigned             index = 0;

	while (wants != NULL && welcome != NULL && varset_next(welcome, &index, &name, &value)) {
		if (!varset_store_tracks(store, name))
			continue;
		more = varset_with(wants, name, value);
		varset_unref(wants);
		wants = more;
	}
	return wants;
}

static enum result make_conversation(struct lookup *lookup)
{
	struct conversation_options options = {
		.store = lookup->roster->statements,
		.wants = plain_settings(lookup),
		.owner = lookup,
	};

	if (options.wants == NULL)
		return BROKEN;
	lookup->conversation = conversation_new(&options);
	varset_unref(options.wants);
	return lookup->conversation ? OK : BROKEN;
}

static void begin(struct lookup *lookup, struct server *server)
{
	struct buffer *scratch = &lookup->roster->scratch;

	if (make_conversation(lookup) != OK) {
		pool_give_back(server, false);
		finish(lookup, END_NO_MEMORY);
		return;
	}
	lookup->server = server;
	buffer_clear(scratch);
	if (conversation_align(lookup->conversation, server_backend(server), scratch) != OK ||
	    send_bytes(lookup, buffer_slice(scratch)) != OK) {
		finish(lookup, END_NO_MEMORY);
		return;
	}
	send_requests(lookup);
}

static void on_grant(struct waiter *waiter, struct server *server)
{
	begin(CONTAINER_OF(waiter, struct lookup, waiter), server);
}

/* The server's own words are for the log: whoever asks has not shown yet who he is. */
static void on_refuse(struct waiter *waiter, enum ending why, struct slice error)
{
	struct lookup     *lookup = CONTAINER_OF(waiter, struct lookup, waiter);
	struct notice_view view = { .message = slice_of(ending_row(why)->text) };

	if (error.len > MESSAGE_HEADER_LEN &&
	    notice_read((struct slice){ error.data + MESSAGE_HEADER_LEN,
	                                error.len - MESSAGE_HEADER_LEN },
	                &view) != OK)
		view.message = slice_of(ending_row(why)->text);
	log_error("no server for auth_query: %.*s", (int)view.message.len, view.message.data);
	finish(lookup, why == END_SERVER_SHUTDOWN ? END_POOLER_SHUTTING_DOWN : END_CONFIG_ERROR);
}

static const struct waiter_events waits = {
	.on_grant = on_grant,
	.on_refuse = on_refuse,
};

struct lookup *lookup_start(struct roster *roster, const struct lookup_wish *wish)
{
	struct lookup *lookup = mem_alloc_zero(sizeof(*lookup));
	struct server *server;

	if (lookup == NULL)
		return NULL;
	lookup->roster = roster;
	lookup->on_done = wish->on_done;
	lookup->ctx = wish->ctx;
	lookup->task.run = reap;
	lookup->more.run = send_more;
	write_requests(&lookup->requests, wish);
	buffer_append_slice(&lookup->user, wish->user);
	lookup->pool = pools_find_as(roster->pools, wish->database, slice_of(wish->auth_user));
	if (lookup->pool != NULL)
		pool_attach(lookup->pool);
	if (lookup->pool == NULL || lookup->requests.failed || lookup->user.failed) {
		lookup_cancel(lookup);
		return NULL;
	}
	lookup->waiter.borrower = (struct borrower){ &events, lookup };
	lookup->waiter.events = &waits;
	if (pool_ask(lookup->pool, &lookup->waiter, &server) == OK)
		begin(lookup, server);
	return lookup;
}
