/*
 * Replication clients (start-up parameter `replication`): standbys, pg_receivewal, pg_basebackup,
 * pg_recvlogical, subscriptions. What they say and hear is for a walsender, which is started anew
 * with the client's own start-up settings, belongs to it alone and ends with it; whatever the
 * pool's mode, the session keeps it (PostgreSQL docs, "Streaming Replication Protocol").
 */
#include "session_internal.h"

#include "base/alloc.h"
#include "pool/database.h"
#include "pool/server.h"
#include "route/policy.h"
#include "wire/result.h"

/* What the server told at its login is what the client is told: nothing is to be set later. */
static enum result make_conversation(struct session *session, struct server *server)
{
	struct conversation_options options = {
		.store = session->roster->statements,
		.wants = server_backend(server)->has,
		.owner = session,
	};

	session->conversation = conversation_new(&options);
	return session->conversation ? OK : BROKEN;
}

static enum result welcome(struct session *session, struct server *server)
{
	struct buffer parameters = BUFFER_EMPTY;
	struct slice  name, value;
	unsigned      index = 0;
	bool          failed;

	while (varset_next(server_welcome(server), &index, &name, &value))
		result_write_parameter(&parameters, name, value);
	failed = parameters.failed;
	if (!failed)
		welcome_send(session, buffer_slice(&parameters));
	buffer_release(&parameters);
	return failed ? BROKEN : OK;
}

/* The server is lent; it is the session's to give back. */
static void on_grant(struct waiter *waiter, struct server *server)
{
	struct session *session = CONTAINER_OF(waiter, struct session, waiter);

	session->server = server;
	if (make_conversation(session, server) != OK || welcome(session, server) != OK) {
		session_end(session, END_NO_MEMORY, NULL);
		return;
	}
	if (session_is_leaving(session))
		return;
	pool_counters(session->pool)->client_logins++;
	login_free(session);
	session_find_timeouts(session);
	session_enter(session, SESSION_IDLE);
	session_enter(session, SESSION_WORKING);
	stream_set_events(session->stream, &request_events, session);
	request_granted(session, server);
	if (!session_is_leaving(session))
		loop_at_end(session->roster->loop, &session->pump);
}

/* A stream is begun where a transaction that may write would be: at the primary, if any will do. */
static void ask(struct session *session)
{
	const struct route_request request = { .available = UINT64_MAX };
	struct cluster            *cluster = database_cluster(session->database);
	struct pool               *pool = session->pool;
	struct server             *server;
	struct route_choice        choice;

	if (cluster != NULL) {
		choice = policy_choose(cluster, &request, loop_now(session->roster->loop));
		if (choice.answer == ROUTE_HOLD) {
			pool_hold(session->pool, &session->waiter);
			return;
		}
		if (choice.answer == ROUTE_ERROR) {
			session_end(session, END_REPLICA_WAIT, NULL);
			return;
		}
		pool = pool_at_host(session->pool, choice.host);
	}
	if (pool == NULL) {
		session_end(session, END_NO_MEMORY, NULL);
		return;
	}
	/* Its server has to be started first: that is never at once. */
	if (pool_ask(pool, &session->waiter, &server) == OK)
		on_grant(&session->waiter, server);
}

static void on_again(struct waiter *waiter)
{
	ask(CONTAINER_OF(waiter, struct session, waiter));
}

static const struct waiter_events waits = {
	.on_grant = on_grant,
	.on_refuse = session_refused,
	.on_again = on_again,
};

void replication_begin(struct session *session)
{
	struct waiter *waiter = &session->waiter;

	waiter->borrower = (struct borrower){ &reply_events, session };
	waiter->events = &waits;
	waiter->dedicated = &session->login->dedicated;
	*waiter->dedicated = (struct dedicated){ .startup = &session->login->params,
		                                 .replication = session->replication };
	ask(session);
}
