/*
 * One client session: its states and the door between them, what it writes, its deadlines and
 * its end. Owned by the roster; freed by the loop's reaper, so that whoever is on the stack when
 * it ends still holds a valid pointer.
 *
 *   GREETING -> PROVING -> IDLE <-> WAITING -> WORKING -> IDLE
 *                  |         \------------------^
 *                  \-> SERVED            any -> LEAVING
 */
#include "session_internal.h"

#include <assert.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/log.h"
#include "conf/effective.h"
#include "pool/database.h"
#include "pool/pools.h"
#include "wire/notice.h"

/* So long one who hung up after Terminate may wait until what it asked before is sent. */
#define HUNG_UP_SECONDS 60
/* A proxy speaks at once; this is for its first packet to get lost twice. */
#define PROXY_SECONDS 10

#define TO(state) (1u << SESSION_##state)

static const struct {
	const char *name;
	unsigned    moves; /* states it may go to, besides LEAVING */
} states[] = {
	[SESSION_GREETING] = { "login", TO(PROVING) },
	[SESSION_PROVING] = { "login", TO(IDLE) | TO(SERVED) },
	[SESSION_IDLE] = { "idle", TO(WAITING) | TO(WORKING) },
	[SESSION_WAITING] = { "waiting", TO(WORKING) | TO(IDLE) },
	[SESSION_WORKING] = { "active", TO(IDLE) },
	[SESSION_SERVED] = { "active", 0 },
	[SESSION_LEAVING] = { "leaving", 0 },
};

const char *session_state_name(enum session_state state)
{
	return states[state].name;
}

bool session_is_leaving(const struct session *session)
{
	return session->state == SESSION_LEAVING;
}

void session_enter(struct session *session, enum session_state state)
{
	assert(state == SESSION_LEAVING || (states[session->state].moves & (1u << state)) != 0);
	if (session->state <= SESSION_PROVING && state > SESSION_PROVING)
		session->roster->logging_in--;
	if (state == SESSION_SERVED)
		session->roster->served++;
	else if (session->state == SESSION_SERVED)
		session->roster->served--;
	session->state = state;
	if (state == SESSION_WAITING)
		session->told_of_wait = false;
	if (state == SESSION_IDLE && session->watched)
		session->idle_since = loop_now(session->roster->loop);
	if (state == SESSION_WAITING || session->watched)
		session_watch_deadline(session);
}

void session_idle_anew(struct session *session)
{
	if (session->state != SESSION_IDLE || !session->watched)
		return;
	session->idle_since = loop_now(session->roster->loop);
	session_watch_deadline(session);
}

const char *session_prefix(const struct session *session)
{
	static char text[256];
	char        host[48] = "?";
	int         port = 0;

	if (session->stream != NULL) {
		const struct address *peer = stream_peer(session->stream);

		address_host(peer, host, sizeof(host));
		port = address_is_unix(peer) ? session->roster->settings->listen_port
		                             : address_port(peer);
	}
	snprintf(text, sizeof(text),
	         strchr(host, ':') ? "C-%p: %s/%s@[%s]:%d" : "C-%p: %s/%s@%s:%d",
	         (const void *)session, session->dbname ? session->dbname : "(nodb)",
	         session->user ? session->user : "(nouser)", host, port);
	return text;
}

void session_facts(const struct session *session, struct session_facts *facts)
{
	*facts = (struct session_facts){
		.id = session->id,
		.state = session->state,
		.user = session->user ? session->user : "(nouser)",
		.database = session->dbname ? session->dbname : "(nodb)",
		.stream = session->stream,
		.pool = session->pool,
		.server = session->server,
		.connected = session->connected,
		.requested = session->query_began,
		.replication = session->replication,
		.key = cancel_key_of(session),
		.conversation = session->conversation,
	};
	if (session->state == SESSION_WAITING || list_has(&session->waiter.node))
		facts->waiting_since = session->waiter.since;
	if (session->conversation != NULL) {
		facts->statements = conversation_statements(session->conversation);
		facts->application_name = varset_value(conversation_wants(session->conversation),
		                                       SLICE_LITERAL("application_name"));
	}
}

void session_write(struct session *session, struct slice bytes)
{
	if (session_is_leaving(session) || bytes.len == 0)
		return;
	/* A socket that failed tells by on_end; only missing memory is news here. */
	if (stream_write(session->stream, bytes) != OK && !stream_saw_end(session->stream))
		session_end(session, END_NO_MEMORY, NULL);
}

void session_resume_client(struct session *session)
{
	if (!session->suspended && session->state != SESSION_LEAVING)
		stream_resume(session->stream);
}

enum result session_converse(struct session *session, const struct varset *wants)
{
	const struct settings            *settings = session->roster->settings;
	const struct conversation_options options = {
		.tracks_statements = pool_mode(session->pool) != POOL_MODE_SESSION &&
		                     settings->max_prepared_statements > 0,
		.store = session->roster->statements,
		.wants = wants,
		.owner = session,
	};

	session->conversation = conversation_new(&options);
	return session->conversation ? OK : BROKEN;
}

struct database *session_database(struct session *session, struct slice name)
{
	struct pools    *pools = session->roster->pools;
	struct database *database = pools_known_database(pools, name);

	return database ? database : pools_database_for(pools, name, session_prefix(session));
}

static void give_back(struct session *session, bool orderly)
{
	struct server  *server = session->server;
	struct farewell farewell = { .orderly = orderly, .message_type = session->request_type };

	if (!session->request_drop)
		farewell.message_left = session->request_left;
	if (server == NULL)
		return;
	session->server = NULL;
	session->server_paused = false;
	session->stalled = false;
	/* It was the server that was slow: nobody else will wake the client's stream. */
	session_resume_client(session);
	if (session->direction != NULL)
		direct_given_back(session);
	session->in_query = session->in_transaction = false;
	if (session->conversation != NULL)
		backend_forget_creditor(server_backend(server), session->conversation);
	pool_give_back_after(server, &farewell);
}

void session_give_back(struct session *session)
{
	give_back(session, false);
}

static void write_ending(struct session *session, enum ending why, const char *instead,
                         struct slice detail)
{
	const struct ending_row *row = ending_row(why);
	struct buffer            out = BUFFER_EMPTY;
	const char              *text = instead ? instead : row->text;

	if (row->severity[0] == '\0' || session->told)
		return;
	/* Inside a row that will not be finished an error would be read as part of it. */
	if (session->server != NULL && server_is_mid_message(session->server))
		return;
	notice_write(&out, 'E',
	             &(struct notice_view){ .severity = slice_of(row->severity),
	                                    .sqlstate = slice_of(row->sqlstate),
	                                    .message = slice_of(text),
	                                    .detail = detail });
	if (!out.failed && stream_write(session->stream, buffer_slice(&out)) != OK)
		log_debug("the last error could not be sent");
	buffer_release(&out);
	if (session->roster->settings->log_pooler_errors)
		log_line(LEVEL_WARNING, session_prefix(session), "pooler error: %s", text);
}

static void uncount(struct session *session)
{
	struct roster *roster = session->roster;

	if (!session->counted)
		return;
	session->counted = false;
	if (session->database != NULL)
		database_count_client(session->database, -1);
	/* Taking away needs no memory. */
	if (roster_count_user(roster, slice_of(session->user), -1) != OK)
		assert(false);
}

static void reap(struct loop_task *task)
{
	struct session *session = CONTAINER_OF(task, struct session, pump);

	timer_release(&session->deadline);
	conversation_free(session->conversation);
	direct_close(session);
	mem_free(session->user);
	mem_free(session);
}

/* Not a byte, or a proxy said no more than that it is there. */
static bool said_nothing(const struct session *session)
{
	uint64_t header = session->login != NULL ? session->login->proxy_len : 0;

	return stream_bytes_in(session->stream) == header;
}

static void log_closing(struct session *session, enum ending why, const char *instead)
{
	struct span age = moment_between(session->connected, loop_now(session->roster->loop));

	/* One that came and left without a byte is a health check, not news. */
	if (!session->roster->settings->log_disconnections || session->cancel != NULL ||
	    (why == END_CLIENT_EOF && said_nothing(session)))
		return;
	log_line(LEVEL_LOG, session_prefix(session), "closing because: %s (age=%llds)",
	         instead ? instead : ending_row(why)->text, (long long)(age.us / 1000000));
}

void session_end(struct session *session, enum ending why, const char *instead)
{
	session_end_detailed(session, why, instead, SLICE_NONE);
}

void session_end_detailed(struct session *session, enum ending why, const char *instead,
                          struct slice detail)
{
	struct roster *roster = session->roster;

	if (session_is_leaving(session))
		return;
	write_ending(session, why, instead, detail);
	log_closing(session, why, instead);
	pool_withdraw(&session->waiter);
	cancel_forget(session);
	give_back(session, why == END_CLIENT_CLOSED);
	login_free(session);
	if (session->visit != NULL)
		session->service->close(session->visit);
	session->visit = NULL;
	session_enter(session, SESSION_LEAVING);
	uncount(session);
	if (session->pool != NULL)
		pool_detach(session->pool);
	session->pool = NULL;
	session->database = NULL;
	/* What comes from a client that another process has is for that one. */
	stream_close(session->stream, why != END_TAKEN_OVER);
	session->stream = NULL;
	timer_disarm(&session->deadline);
	loop_forget(roster->loop, &session->pump);
	list_remove(&roster->sessions, &session->node);
	session->pump.run = reap;
	loop_reap(roster->loop, &session->pump);
	roster_changed(roster);
}

/* Why a packet cannot be read on, when that shows in its first byte; END_NONE otherwise. */
static enum ending unreadable_type(const struct session *session, struct slice input)
{
	if (input.len == 0)
		return END_NONE;
	if (session->state == SESSION_GREETING)
		return input.data[0] == 'p' ? END_PASSWORD_TOO_EARLY : END_NONE;
	if (session->state == SESSION_PROVING && input.data[0] == '\0')
		return END_STARTUP_TWICE;
	return message_rule(SIDE_CLIENT, input.data[0]) == NULL ? END_UNKNOWN_PACKET : END_NONE;
}

void session_end_unreadable(struct session *session, struct slice input)
{
	/* Behind the header there may be a password. */
	size_t      len = session->state == SESSION_GREETING ? 8 : MESSAGE_HEADER_LEN;
	enum ending why = unreadable_type(session, input);
	char        digits[2 * 8 + 1] = "", text[64];

	for (size_t i = 0; i < len && i < input.len; i++)
		snprintf(digits + 2 * i, 3, "%02x", (unsigned char)input.data[i]);
	snprintf(text, sizeof(text), "%s: '%s'", ending_row(END_BAD_PACKET)->text, digits);
	if (why == END_NONE)
		session_end(session, END_BAD_PACKET, text);
	else
		session_end(session, why, NULL);
}

void session_refused(struct waiter *waiter, enum ending why, struct slice error)
{
	struct session    *session = CONTAINER_OF(waiter, struct session, waiter);
	struct notice_view view = { 0 };
	struct slice       body = error;
	char               text[256];

	if (error.len <= MESSAGE_HEADER_LEN) {
		session_end(session, why, NULL);
		return;
	}
	session_write(session, error);
	if (session_is_leaving(session))
		return;
	body.data += MESSAGE_HEADER_LEN;
	body.len -= MESSAGE_HEADER_LEN;
	if (notice_read(body, &view) != OK || view.message.len == 0)
		view.message = slice_of(ending_row(why)->text);
	snprintf(text, sizeof(text), "%.*s", (int)view.message.len, view.message.data);
	if (session->roster->settings->log_pooler_errors)
		log_line(LEVEL_WARNING, session_prefix(session), "pooler error: %s", text);
	session->told = true;
	session_end(session, why, text);
}

void session_find_timeouts(struct session *session)
{
	const struct settings      *settings = session->roster->settings;
	const struct user_settings *user = NULL;

	if (session->user != NULL)
		user = settings_user(settings, slice_of(session->user));
	/* A stream of changes is one query, meant to go on for ever. */
	session->watched = session->replication == REPLICATION_NONE &&
	                   (effective_query_timeout(settings, user).us > 0 ||
	                    effective_idle_transaction_timeout(settings, user).us > 0 ||
	                    effective_transaction_timeout(settings, user).us > 0 ||
	                    effective_client_idle_timeout(settings, user).us > 0);
}

struct due {
	struct moment at;
	enum ending   why; /* END_NONE: not to end, but to be told of its wait */
};

static void sooner(struct due *due, struct moment since, struct span timeout, enum ending why)
{
	struct moment at = moment_after(since, timeout);

	if (timeout.us <= 0 || moment_is_never(since))
		return;
	if (moment_is_never(due->at) || at.us < due->at.us)
		*due = (struct due){ at, why };
}

static void due_while_working(const struct session *session, const struct user_settings *user,
                              struct due *due)
{
	const struct settings *settings = session->roster->settings;

	if (session->in_query)
		sooner(due, session->query_began, effective_query_timeout(settings, user),
		       END_QUERY_TIMEOUT);
	/* Who stops in the middle of a message keeps the server as well. */
	if ((session->in_transaction || session->request_left > 0) && !session->in_query)
		sooner(due, session->ready_at, effective_idle_transaction_timeout(settings, user),
		       END_IDLE_TRANSACTION);
	if (session->in_transaction)
		sooner(due, session->transaction_began,
		       effective_transaction_timeout(settings, user), END_TRANSACTION_TIMEOUT);
}

static void due_while_idle(const struct session *session, const struct user_settings *user,
                           struct due *due)
{
	const struct settings *settings = session->roster->settings;

	if (!direct_has_block(session)) {
		sooner(due, session->idle_since, effective_client_idle_timeout(settings, user),
		       END_CLIENT_IDLE);
		return;
	}
	/* A block that has no server yet is one to its client. */
	sooner(due, session->idle_since, effective_idle_transaction_timeout(settings, user),
	       END_IDLE_TRANSACTION);
	sooner(due, session->transaction_began, effective_transaction_timeout(settings, user),
	       END_TRANSACTION_TIMEOUT);
}

static void due_while_held(const struct session *session, struct due *due)
{
	enum ending   why;
	struct moment at = direct_hold_ends(session, &why);

	if (!moment_is_never(at) && (moment_is_never(due->at) || at.us <= due->at.us))
		*due = (struct due){ at, why };
}

/* Also of a login: it waits for the first server of its pool. */
static void due_while_waiting(const struct session *session, const struct user_settings *user,
                              struct due *due)
{
	const struct settings *settings = session->roster->settings;

	sooner(due, session->waiter.since,
	       effective_query_wait_timeout(settings, database_settings(session->database), user),
	       END_QUERY_WAIT_TIMEOUT);
	sooner(due, session->waiter.since, settings->query_timeout, END_QUERY_TIMEOUT_WAITING);
}

static void due_while_logging_in(const struct session *session, const struct user_settings *user,
                                 struct due *due)
{
	bool waits = list_has(&session->waiter.node);

	if (session->login != NULL && session->login->awaits_proxy)
		sooner(due, session->connected, span_seconds(PROXY_SECONDS), END_PROXY_TIMEOUT);
	sooner(due, session->connected, session->roster->settings->client_login_timeout,
	       waits ? END_LOGIN_TIMEOUT_SERVER : END_LOGIN_TIMEOUT);
	if (waits && session->waiter.pool != NULL)
		due_while_waiting(session, user, due);
}

static struct due next_due(const struct session *session)
{
	const struct settings      *settings = session->roster->settings;
	const struct user_settings *user = NULL;
	struct due                  due = { MOMENT_NEVER, END_NONE };

	sooner(&due, session->hung_up, span_seconds(HUNG_UP_SECONDS), END_CLIENT_EOF);
	if (session->user != NULL)
		user = settings_user(settings, slice_of(session->user));
	switch (session->state) {
	case SESSION_GREETING:
	case SESSION_PROVING: due_while_logging_in(session, user, &due); break;
	case SESSION_IDLE: due_while_idle(session, user, &due); break;
	case SESSION_WAITING:
		due_while_waiting(session, user, &due);
		if (!session->told_of_wait)
			sooner(&due, session->waiter.since,
			       span_seconds(settings->query_wait_notify), END_NONE);
		due_while_held(session, &due);
		break;
	case SESSION_WORKING: due_while_working(session, user, &due); break;
	case SESSION_SERVED:
	case SESSION_LEAVING: break;
	}
	return due;
}

/*
 * The timer is only ever moved nearer here; when it wakes too early it looks again. So the
 * common case, a deadline that moves away with every query, costs a comparison.
 */
void session_watch_deadline(struct session *session)
{
	struct due due;

	if (session_is_leaving(session))
		return;
	due = next_due(session);
	if (moment_is_never(due.at))
		return;
	if (!timer_is_armed(&session->deadline) || due.at.us < session->deadline.due.us)
		timer_arm(&session->deadline, due.at);
}

/* Nothing is owed to a client that waits: a notice is never between the parts of a reply. */
static void tell_of_wait(struct session *session)
{
	const struct notice_view notice = {
		.severity = SLICE_LITERAL("NOTICE"),
		.sqlstate = SLICE_LITERAL("00000"),
		.message = SLICE_LITERAL("no server connection is free, the query waits"),
	};
	struct buffer out = BUFFER_EMPTY;

	session->told_of_wait = true;
	notice_write(&out, 'N', &notice);
	session_write(session, buffer_slice(&out));
	buffer_release(&out);
}

void session_on_deadline(void *ctx)
{
	struct session *session = ctx;
	struct due      due = next_due(session);

	if (moment_is_never(due.at))
		return;
	if (!moment_reached(due.at, loop_now(session->roster->loop))) {
		timer_arm(&session->deadline, due.at);
		return;
	}
	if (due.why == END_FAILOVER_HOLD || due.why == END_REPLICA_WAIT) {
		direct_hold_over(session);
		session_watch_deadline(session);
		return;
	}
	if (due.why != END_NONE) {
		session_end(session, due.why, NULL);
		return;
	}
	tell_of_wait(session);
	session_watch_deadline(session);
}
