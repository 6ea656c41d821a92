/*
 * Idle clients, passed to another process or adopted from one. Called by the console, which tells
 * of them, and by the daemon, which takes them over at its start.
 */
#include "session/handover.h"

#include <fcntl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "net/stream_tls.h"
#include "pool/database.h"
#include "pool/pools.h"
#include "session_internal.h"

/* ---- here ---- */

/* With a cluster it matters how far a client has written: that is not told. */
bool handover_is_possible(const struct session *session)
{
	return session->state == SESSION_IDLE && session->server == NULL &&
	       session->direction == NULL &&
	       !stream_is_secured(session->stream) && !session->in_transaction &&
	       session->request_left == 0 && !session->request_drop &&
	       moment_is_never(session->hung_up) && stream_input(session->stream).len == 0 &&
	       stream_out_len(session->stream) == 0 && !stream_saw_end(session->stream) &&
	       !conversation_is_pinned(session->conversation);
}

void handover_mark(struct session *session)
{
	session->passed = true;
}

bool handover_is_marked(const struct session *session)
{
	return session->passed;
}

unsigned handover_let_go(struct roster *roster)
{
	unsigned count = 0;

	LIST_EACH(&roster->sessions, node)
	{
		struct session *session = CONTAINER_OF(node, struct session, node);

		if (!session->passed)
			continue;
		session_end(session, END_TAKEN_OVER, NULL);
		count++;
	}
	return count;
}

/* ---- there ---- */

static enum result keep_names(struct session *session, const struct handover_client *client)
{
	session->user = mem_alloc_zero(client->user.len + client->database.len + 2);
	if (session->user == NULL)
		return BROKEN;
	session->dbname = session->user + client->user.len + 1;
	memcpy(session->user, client->user.data, client->user.len);
	memcpy(session->dbname, client->database.data, client->database.len);
	return OK;
}

static enum result keep_key(struct session *session, struct slice key)
{
	if (key.len < CANCEL_KEY_MIN || key.len > CANCEL_KEY_LONG)
		return BROKEN;
	return cancel_keep_key(session, key);
}

static const struct varset *wanted(struct session *session, const struct handover_client *client)
{
	const struct varset *wants = varset_empty(session->roster->varsets), *more;

	for (size_t i = 0; wants != NULL && i < client->setting_count; i++) {
		more = varset_with(wants, client->settings[i].name, client->settings[i].value);
		varset_unref(wants);
		wants = more;
	}
	return wants;
}

static enum result keep_talk(struct session *session, const struct handover_client *client)
{
	const struct varset *wants = wanted(session, client);
	enum result          result;

	if (wants == NULL)
		return BROKEN;
	result = session_converse(session, wants);
	varset_unref(wants);
	if (result != OK)
		return BROKEN;
	for (size_t i = 0; i < client->statement_count; i++)
		if (conversation_take_statement(session->conversation, client->statements[i].name,
		                                client->statements[i].value) != OK)
			return BROKEN;
	return OK;
}

static enum ending settle(struct session *session, const struct handover_client *client)
{
	struct roster *roster = session->roster;

	if (keep_names(session, client) != OK || keep_key(session, client->key) != OK)
		return END_NO_MEMORY;
	session->database = session_database(session, client->database);
	if (session->database == NULL)
		return END_DATABASE_REMOVED;
	/* Limits are for those who come: this one is there. */
	if (roster_count_user(roster, client->user, 1) != OK)
		return END_NO_MEMORY;
	session->counted = true;
	database_count_client(session->database, 1);
	session->pool = pools_find(roster->pools, session->database, client->user);
	if (session->pool == NULL)
		return END_NO_MEMORY;
	pool_attach(session->pool);
	if (client->keys != NULL)
		pool_learn_keys(session->pool, client->user, client->keys);
	if (keep_talk(session, client) != OK || direct_open(session) != OK)
		return END_NO_MEMORY;
	return END_NONE;
}

enum result handover_adopt(struct roster *roster, int fd, const struct handover_client *client)
{
	struct session *session;
	enum ending     why = END_NO_MEMORY;

	/* That is the old process's doing, and it may be another program. */
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	session = roster_add_session(roster, fd);
	if (session == NULL)
		return BROKEN;
	session_enter(session, SESSION_PROVING);
	session->is_unix = client->peer.len == 0 && address_is_unix(stream_peer(session->stream));
	if (client->peer.len == 0 || stream_set_peer(session->stream, &client->peer) == OK)
		why = settle(session, client);
	if (why != END_NONE) {
		session_end(session, why, NULL);
		return BROKEN;
	}
	request_begin(session);
	return OK;
}
