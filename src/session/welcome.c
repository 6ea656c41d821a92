/*
 * After the proof: the database must be there, a pool is found, its first server must have logged
 * in (its parameters are what clients are told), and the client is welcomed. A client of a service
 * is handed over to it instead.
 */
#include "session_internal.h"

#include "auth/challenge.h"
#include "base/alloc.h"
#include "base/log.h"
#include "pool/database.h"
#include "pool/login_secret.h"
#include "pool/pools.h"
#include "wire/notice.h"
#include "wire/result.h"
#include "wire/startup.h"
#include "wire/sasl.h"

/* Walks the settings the client asked for. */
static bool next_param(const struct login *login, size_t *at, struct slice *name,
                       struct slice *value)
{
	if (*at >= login->params.len)
		return false;
	*name = slice_of(login->params.data + *at);
	*at += name->len + 1;
	*value = slice_of(login->params.data + *at);
	*at += value->len + 1;
	return true;
}

/* Replaces *set by the set with one more pair. */
static enum result add(const struct varset **set, struct slice name, struct slice value)
{
	const struct varset *more = varset_with(*set, name, value);

	if (more == NULL)
		return BROKEN;
	varset_unref(*set);
	*set = more;
	return OK;
}

/*
 * What the client wants: the tracked settings as the pool's servers have them, and over them what
 * it asked for, reported or not. NULL without memory.
 */
static const struct varset *wanted(struct session *session)
{
	const struct varset *welcome = pool_welcome(session->pool);
	const struct varset *wants = varset_empty(session->roster->varsets);
	struct slice         name, value;
	enum result          result = wants ? OK : BROKEN;
	unsigned             index = 0;
	size_t               at = 0;

	while (result == OK && varset_next(welcome, &index, &name, &value)) {
		if (varset_store_tracks(session->roster->varsets, name))
			result = add(&wants, name, value);
	}
	while (result == OK && next_param(session->login, &at, &name, &value))
		result = add(&wants, name, value);
	if (result == OK)
		return wants;
	varset_unref(wants);
	return NULL;
}

void welcome_memo_clear(struct welcome_memo *memo)
{
	varset_unref(memo->welcome);
	varset_unref(memo->wants);
	buffer_release(&memo->params);
	buffer_release(&memo->messages);
	*memo = (struct welcome_memo){ 0 };
}

/* ParameterStatus for everything servers report, as the client will have it. */
static void write_parameters(struct session *session, const struct varset *wants,
                             struct buffer *out)
{
	struct slice name, value, own;
	unsigned     index = 0;

	while (varset_next(pool_welcome(session->pool), &index, &name, &value)) {
		own = varset_value(wants, name);
		result_write_parameter(out, name, own.data ? own : value);
	}
}

/* The memo made right for this client. BROKEN without memory. */
static enum result recall(struct session *session)
{
	struct welcome_memo *memo = &session->roster->memo;
	struct slice         params = buffer_slice(&session->login->params);

	if (memo->welcome != NULL && memo->welcome == pool_welcome(session->pool) &&
	    slice_equal(buffer_slice(&memo->params), params))
		return OK;
	welcome_memo_clear(memo);
	memo->wants = wanted(session);
	if (memo->wants == NULL)
		return BROKEN;
	memo->welcome = varset_ref(pool_welcome(session->pool));
	buffer_append_slice(&memo->params, params);
	write_parameters(session, memo->wants, &memo->messages);
	if (!memo->params.failed && !memo->messages.failed)
		return OK;
	welcome_memo_clear(memo);
	return BROKEN;
}

static enum result make_conversation(struct session *session)
{
	if (recall(session) != OK)
		return BROKEN;
	return session_converse(session, session->roster->memo.wants);
}

static void write_key(struct session *session, struct buffer *out)
{
	struct slice key = cancel_key_of(session);

	result_write_key(out, cancel_key_pid(key), cancel_key_secret(key));
}

static void write_notice(struct session *session, struct buffer *out)
{
	const char *text = session->roster->settings->login_notify_message;

	if (text[0] != '\0')
		notice_write(out, 'N',
		             &(struct notice_view){ .severity = SLICE_LITERAL("NOTICE"),
		                                    .sqlstate = SLICE_LITERAL("00000"),
		                                    .message = slice_of(text) });
}

void welcome_send(struct session *session, struct slice parameters)
{
	struct buffer out = BUFFER_EMPTY;

	sasl_write_request(&out, AUTH_REQUEST_OK, SLICE_NONE);
	buffer_append_slice(&out, parameters);
	write_key(session, &out);
	if (session->service == NULL)
		write_notice(session, &out);
	result_write_ready(&out, 'I');
	if (out.failed)
		session_end(session, END_NO_MEMORY, NULL);
	else
		session_write(session, buffer_slice(&out));
	buffer_release(&out);
}

static void enter_service(struct session *session)
{
	struct service_login who = {
		.user = slice_of(session->user),
		.own_user = session->login->own_user,
		.authenticated = true,
	};
	struct buffer parameters = BUFFER_EMPTY;

	session->visit = session->service->open(session->service->ctx, session, &who);
	if (session->visit == NULL) {
		session_end(session, END_NO_MEMORY, NULL);
		return;
	}
	session->service->write_welcome(session->service->ctx, &parameters);
	if (parameters.failed)
		session_end(session, END_NO_MEMORY, NULL);
	else
		welcome_send(session, buffer_slice(&parameters));
	buffer_release(&parameters);
	if (session_is_leaving(session))
		return;
	login_free(session);
	session_enter(session, SESSION_SERVED);
	stream_set_events(session->stream, &visit_events, session);
	loop_at_end(session->roster->loop, &session->pump);
}

static void enter_pool(struct session *session)
{
	if (make_conversation(session) != OK || direct_open(session) != OK) {
		session_end(session, END_NO_MEMORY, NULL);
		return;
	}
	welcome_send(session, buffer_slice(&session->roster->memo.messages));
	if (session_is_leaving(session))
		return;
	pool_counters(session->pool)->client_logins++;
	request_begin(session);
	loop_at_end(session->roster->loop, &session->pump);
}

/* The parameters are known; no server comes with them. */
static void on_grant(struct waiter *waiter, struct server *server)
{
	(void)server;
	enter_pool(CONTAINER_OF(waiter, struct session, waiter));
}

static const struct waiter_events waits = {
	.on_grant = on_grant,
	.on_refuse = session_refused,
};

static void wait_for_welcome(struct session *session)
{
	struct server *server;

	session->waiter.borrower = (struct borrower){ &reply_events, session };
	session->waiter.for_login = true;
	session->waiter.events = &waits;
	if (pool_ask(session->pool, &session->waiter, &server) == OK)
		enter_pool(session);
	else
		session_watch_deadline(session);
}

static void end_without_database(struct session *session, enum ending why, const char *format)
{
	struct buffer *scratch = &session->roster->scratch;

	buffer_clear(scratch);
	buffer_append_text(scratch,
	                   why == END_NO_SUCH_DATABASE ? "no such database: " : "database \"");
	buffer_append_text(scratch, session->dbname);
	buffer_append_text(scratch, format);
	buffer_append(scratch, "", 1);
	session_end(session, why, scratch->failed ? NULL : scratch->data);
}

void welcome_begin(struct session *session)
{
	struct roster           *roster = session->roster;
	const struct scram_keys *keys = NULL;

	if (cancel_give_key(session, session->login->protocol >= PROTOCOL_3_2 ?
	                                     CANCEL_KEY_LONG :
	                                     CANCEL_KEY_SHORT) != OK) {
		session_end(session, END_NO_MEMORY, NULL);
		return;
	}
	if (session->service != NULL) {
		enter_service(session);
		return;
	}
	if (session->database == NULL) {
		end_without_database(session, END_NO_SUCH_DATABASE, "");
		return;
	}
	if (database_is_disabled(session->database)) {
		end_without_database(session, END_DATABASE_DISABLED, "\" is disabled");
		return;
	}
	if (roster->shutting_down) {
		session_end(session, END_POOLER_SHUTTING_DOWN, NULL);
		return;
	}
	session->pool = pools_find(roster->pools, session->database, slice_of(session->user));
	if (session->pool == NULL) {
		session_end(session, END_NO_MEMORY, NULL);
		return;
	}
	pool_attach(session->pool);
	database_note_login(session->database, slice_of(session->user));
	if (session->login->challenge != NULL)
		keys = challenge_keys(session->login->challenge);
	if (keys != NULL)
		pool_learn_keys(session->pool, slice_of(session->user), keys);
	if (session->replication != REPLICATION_NONE)
		replication_begin(session);
	else
		wait_for_welcome(session);
}
