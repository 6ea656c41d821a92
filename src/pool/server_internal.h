#ifndef POOL_SERVER_INTERNAL_H
#define POOL_SERVER_INTERNAL_H

#include "net/dial.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/timer.h"
#include "pool/server.h"
#include "wire/message.h"

/* What the files server*.c and canceler.c share. */

/* What a server does for itself, nobody's, in state LOGIN (CONNECT_QUERY) or TESTED. */
enum server_work {
	WORK_NONE,
	WORK_CONNECT_QUERY,
	WORK_CLEAN, /* its client left half-way: cancel, Sync, ROLLBACK */
	WORK_RESET, /* server_reset_query */
	WORK_CHECK, /* server_check_query */
};

/* Longest time for each of them; over it the server is closed. */
#define CLEAN_SECONDS 5
/* A last cancel, sent when that time is over, has so long to be of use. */
#define LAST_CANCEL_SECONDS 1
/* So long a request may run on whose client said goodbye in order. */
#define FINISH_SECONDS 60
#define WORK_SECONDS  30

/* How far the input callback is with the bytes the stream shows. */
struct pump {
	size_t done; /* bytes dealt with, not consumed yet */
	size_t run;  /* the last so many of them go to run_to in one piece */
	struct conversation *run_to;
	uint32_t             body_left; /* of a flowing message: body bytes still to come */
	struct conversation *body_to;   /* who gets them; NULL: dropped */
	size_t rows; /* bytes since the last message that was not part of a result's rows */
	bool                 active;    /* the input callback is on the stack */
	bool                 swallowed; /* of these bytes something was for nobody */
};

struct server {
	struct list_node    node; /* in pool->servers[state] */
	struct pool        *pool;
	enum server_state   state;
	enum server_work    work;
	uint64_t            id;
	struct dial        *dial;   /* while CONNECTING */
	struct stream      *stream; /* NULL while CONNECTING, and after closing */
	struct server_login *login; /* while LOGIN; NULL there: a claim waits to be told of it */
	struct waiter      *claim;  /* for whom it logs in; NULL: for all, or it is lent by now */
	bool                dedicated; /* belongs to one client: never lent again */
	enum replication    replication;
	const struct varset *welcome;  /* of a dedicated one: what it told at its login */
	char               *host;   /* as dialled, owned */
	int                 port;

	struct backend  backend;
	struct pump     pump;
	struct borrower borrower;    /* events NULL: not lent */
	uint32_t        lend_number; /* counts up each time it changes hands */
	uint64_t        sent_before; /* bytes sent to it when it was last lent */
	uint32_t        parses_seen; /* of backend.parses, already counted in the pool */
	bool            unsent; /* closed before anything was sent to it for who had it */
	bool            told_fatal;  /* its FATAL error was passed to the borrower */
	bool            dirty;       /* lent since the last reset query */
	bool            close_needed;
	bool            answered; /* said something to the start-up packet */
	uint32_t        protocol; /* the version asked for, then the one spoken */

	struct list cancels;      /* struct cancel aimed at it */
	struct list cancels_over; /* those whose requesters are not told yet */
	uint64_t    cancelled;    /* 1 + number of the debt last cancelled by canceler_cancel_own */
	struct moment cancel_due;   /* when it is cancelled again; never: not while one is sent */
	struct span   cancel_pause; /* from the cancel settled last to the next */
	uint32_t    pid;
	char       *key; /* from BackendKeyData, owned; NULL: cannot be cancelled */
	size_t      key_len;

	struct moment connected; /* logged in */
	struct moment born;      /* dialled */
	struct moment requested; /* last lent */
	struct moment released;  /* last given back, or tested */
	struct span   jitter;    /* added to its lifetime */

	struct moment clean_until; /* WORK_CLEAN: over it the server is closed */
	bool          last_cancel; /* that time is over, and a last cancel was sent */
	bool          finishing;   /* what it was asked may end of itself: no cancel yet */

	struct timer     timer; /* deadline of login or work, or the next cancel */
	enum ending      lost;  /* why, for on_lost */
	struct loop_task task;  /* tells on_lost, then frees */
};

/* ---- server.c ---- */

/* Dials. NULL without memory; the pool's failure is noted by the caller. */
struct server *server_open(struct pool *pool) MUST_USE;
/*
 * Its login failed: closes it, and has those told who wait for it. text: as server_close; error:
 * the server's ErrorResponse body or SLICE_NONE.
 */
void server_refused(struct server *server, enum ending why, const char *text, struct slice error);
void           server_enter(struct server *server, enum server_state state);
/*
 * Closes at once; a borrower hears of it at the end of the turn. text: for the log, NULL = the
 * ending's own.
 */
void server_close(struct server *server, enum ending why, const char *text);
void server_lend(struct server *server, const struct borrower *borrower);
/* It is lent, and no byte has gone out since. */
bool server_is_unsent(const struct server *server);
/* Takes the borrower's rights away and forgets all creditors. */
void server_take(struct server *server);
/* Frees it at the end of the turn if it is closed and nobody refers to it any more. */
void server_let_go(struct server *server);
/* At once, for pools_free. */
void server_free(struct server *server);
/* Counts the Parse messages sent since the last call. */
void server_count_parses(struct server *server);
/* Takes fd, connected: SERVER_LOGIN. */
void server_connected(struct server *server, int fd);

/* ---- server_pump.c ---- */

/* The stream's on_input, for every state after LOGIN's handshake. */
void server_pump(struct server *server);
/* Reads what an idle server sent unasked; closes it unless that is harmless. */
void server_read_idle(struct server *server);
/* Writes the severity and text of an ErrorResponse body for the log. */
void server_error_text(struct slice body, char *text, size_t cap);

/* ---- server_login.c ---- */

/* The socket is connected: asks for TLS, or sends the start-up packet. */
void server_login_start(struct server *server);
/* TLS is up. */
void server_login_secured(struct server *server);
void server_login_input(struct server *server);
/* A ParameterStatus: part of the welcome. BROKEN: malformed or no memory. */
enum result server_login_note(struct server *server, struct slice body);
/* The connect query's replies came. */
void server_login_done(struct server *server);
void server_login_free(struct server *server);

/* ---- server_protocol.c ---- */

/* Which version to ask for; noted in the server. */
uint32_t server_protocol_ask(struct server *server);
/* NegotiateProtocolVersion. BROKEN: not an answer to what was asked. */
enum result server_protocol_negotiated(struct server *server, struct slice body) MUST_USE;
/*
 * The login fails: error is the ErrorResponse's body, SLICE_NONE at the end of the connection.
 * True when that looks like a refusal of the version; the next login then asks for 3.0.
 */
bool server_protocol_steps_down(struct server *server, struct slice error);

/* ---- server_reset.c ---- */

/* The next thing to do with a server that belongs to nobody: clean, reset, close or idle. */
void server_release(struct server *server);
/* Something came while it worked for itself. */
void server_work_on(struct server *server);
/* Runs the check query on an idle server. */
void server_check(struct server *server);
/* True when it has been idle so long that it must be checked before it is lent. */
bool server_needs_check(const struct server *server);
bool server_lifetime_over(const struct server *server);
/* The timer of a deadline. */
void server_on_due(void *ctx);

/* ---- canceler.c ---- */

/*
 * Cancels what runs on a server whose client left, and again at cancel_due while the server is
 * still at the same request: a backend that has not read its query yet ignores a cancel. To be
 * called whenever a cancel was settled and at cancel_due. Failing is no matter: the time is
 * bounded.
 */
void canceler_cancel_own(struct server *server);
/* The same without a pause before. True when there is something to cancel. */
bool canceler_cancel_last(struct server *server);
/* The server was given back: what was not sent yet is not sent any more. */
void canceler_expire(struct server *server);
/* The server is closed: ends all. */
void canceler_end_all(struct server *server);
/* Ends and frees all at once, for server_free. */
void canceler_free_all(struct server *server);

/* Why the message at the start of input cannot be read: `unknown` for its type, or the rest. */
static inline enum ending server_unreadable(struct slice input, enum ending unknown)
{
	return message_rule(SIDE_SERVER, input.data[0]) ? END_SERVER_BAD_HEADER : unknown;
}

#endif
