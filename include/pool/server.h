#ifndef POOL_SERVER_H
#define POOL_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ending.h"
#include "base/moment.h"
#include "base/result.h"
#include "base/text.h"
#include "track/backend.h"
#include "wire/startup.h"

/*
 * One backend connection: its stream, what it has been told (struct backend), its state. The
 * pump that reads its replies lives here; it passes what is for a client to the borrower.
 */

struct server;
struct pool;
struct stream;

enum server_state {
	SERVER_CONNECTING, /* dialling */
	SERVER_LOGIN,      /* handshake, connect_query */
	SERVER_IDLE,       /* clean, to be lent */
	SERVER_USED,       /* idle too long: must pass the check query first */
	SERVER_TESTED,     /* check or reset query under way, or cleaned after its client left */
	SERVER_LENT,       /* belongs to a borrower */
	SERVER_HELD,       /* given back, but a cancel aimed at it is not settled yet */
	SERVER_LEAVING,    /* closed; freed by the reaper */
};

/*
 * Who a server is lent to. ctx is conversation_owner() of the creditor for on_bytes, and the
 * waiter's borrower for the rest. All are called from the loop, never from inside a call the
 * borrower made: most from the server's own input callback, on_lost and on_cancel_settled
 * also from the end-of-turn queue. The borrower may give the server back inside them.
 */
struct borrower_events {
	/* Bytes for the client, whole messages or parts of a flowing one; borrowed for the call. */
	void (*on_bytes)(void *ctx, struct slice bytes);
	/* A ReadyForQuery for the client was passed on: 'I', 'T' or 'E'. Before on_turn_over. */
	void (*on_ready)(void *ctx, char status);
	/* ReadyForQuery 'I' and nothing is owed: it may give the server back. */
	void (*on_turn_over)(void *ctx);
	/*
	 * Replies came that nobody gets, to requests of our own making: what had to wait for them
	 * (conversation_must_wait) may go on. May be NULL.
	 */
	void (*on_swallowed)(void *ctx);
	/* REPLY_RETRY: the turn's requests are to be sent again (conversation_replay). */
	void (*on_retry)(void *ctx);
	/*
	 * REPLY_ELSEWHERE, or the server is lost while its guarded turn may be run elsewhere
	 * (track/guard.h): the turn's requests are to be taken (conversation_replay) and the server
	 * given back. NULL: never guarded.
	 */
	void (*on_elsewhere)(void *ctx, enum moved_why why);
	/*
	 * REPLY_REFUSED: the server refused a setting the client wants (error: the ErrorResponse
	 * body). The session is to end with END_BAD_PARAMETER and to give the server back. NULL:
	 * the server is closed, on_lost follows.
	 */
	void (*on_refused)(void *ctx, struct slice error);
	/* The server's out-buffer has room again after server_is_full. */
	void (*on_room)(void *ctx);
	/*
	 * The server is lost. told: the client can be told nothing any more: the server's own FATAL
	 * ErrorResponse was passed on already, or a message broke off half-way. The server is gone;
	 * it is not to be given back.
	 */
	void (*on_lost)(void *ctx, enum ending why, bool told);
	/* No cancel is aimed at the server any more (server_has_cancel says false). May be NULL. */
	void (*on_cancel_settled)(void *ctx);
};

struct borrower {
	const struct borrower_events *events;
	void                         *ctx;
};

/* Of a lent server, valid until given back: what it has been told, for conversation_*. */
struct backend *server_backend(struct server *server);
/* Of a server of one's own: all settings it told of at its login. Borrowed. */
const struct varset *server_welcome(const struct server *server);
/* Sends; BROKEN without memory or when the socket failed (on_lost follows from the loop). */
enum result server_write(struct server *server, struct slice bytes) MUST_USE;
bool        server_is_full(const struct server *server);
/* The client is slow: read no more from the server until resumed. */
void server_pause(struct server *server);
void server_resume(struct server *server);
/* True while a cancel aimed at it is not settled: nothing new may be sent to it. */
bool server_has_cancel(const struct server *server);
/* True while the borrower got only the beginning of a message: nothing may be said between. */
bool server_is_mid_message(const struct server *server);

struct pool      *server_pool(const struct server *server);
enum server_state server_state(const struct server *server);
const char       *server_state_name(enum server_state state); /* as SHOW SERVERS says it */

struct server_facts {
	uint64_t      id;            /* process-wide socket number */
	enum server_state state;
	const struct stream *stream; /* NULL while connecting */
	void         *link;          /* the borrower's ctx, NULL when not lent */
	struct moment connected;
	struct moment requested;     /* last lent */
	uint32_t      pid;           /* from BackendKeyData */
	unsigned      prepared;      /* statements prepared on it */
	bool          close_needed;
	enum replication replication;
	struct slice  application_name; /* empty when unknown; valid until its next message */
	const char   *host;          /* as dialled: a name, an address or a socket's folder */
	int           port;
};
void server_facts(const struct server *server, struct server_facts *facts);
/* "S-0x...: db/user@host:port" for log_line. Valid until the next call. */
const char *server_prefix(const struct server *server);

#endif
