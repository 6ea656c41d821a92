#ifndef POOL_POOL_H
#define POOL_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/ending.h"
#include "base/list.h"
#include "base/moment.h"
#include "base/result.h"
#include "base/text.h"
#include "conf/settings.h"
#include "pool/server.h"
#include "wire/startup.h"

/*
 * The servers of one (endpoint, database, user), and the queue of those who wait for one.
 * A pool lends; grants to waiters happen in the loop's end-of-turn queue, oldest waiter first.
 */

struct pool;
struct database; /* pool/database.h */
struct scram_keys; /* auth/scram.h */
struct varset;

/* A place in a pool's queue; embedded in the session, zeroed before its first use. */
struct waiter {
	struct list_node node;
	struct pool     *pool;     /* set while waiting */
	struct moment    since;    /* when it began to wait */
	struct borrower  borrower; /* to whom the server will be lent */
	/*
	 * A login that only waits for the welcome parameters: it is granted without a server
	 * (server NULL) as soon as pool_welcome is known.
	 */
	bool             for_login;
	/*
	 * A server of its own (replication): settings, name NUL value NUL ..., that a new
	 * connection is started with, borrowed while waiting; NULL: any server of the pool. It is
	 * lent once, and closed when it is given back.
	 */
	const struct buffer *startup;
	enum replication replication; /* what it will be */
	struct server   *own;      /* the pool's own: that server, while it logs in */
	struct buffer    error;    /* the pool's own: what that server said, for on_refuse */
	enum ending      refused;  /* the pool's own: refused with it at the end of this turn */
	/* From the end-of-turn queue: server is lent to borrower (NULL: for_login). */
	void (*on_grant)(struct waiter *waiter, struct server *server);
	/*
	 * From the end-of-turn queue: there will be none. error: the ErrorResponse message to be
	 * passed to the client as it is (the server's own, or one made of a failure remembered),
	 * or SLICE_NONE, then why tells.
	 */
	void (*on_refuse)(struct waiter *waiter, enum ending why, struct slice error);
};

/*
 * Asks for a server of one's own. OK: *server is lent now (only if nobody waits longer; NULL
 * for_login when pool_welcome is known). AGAIN: waiter is in the queue, on_grant or on_refuse
 * follows. Never BROKEN. Opens a server if limits allow.
 */
enum result pool_ask(struct pool *pool, struct waiter *waiter, struct server **server) MUST_USE;
/* Leaves the queue; nothing when not in it. */
void pool_withdraw(struct waiter *waiter);
/*
 * Takes a lent server back, in whatever condition: a clean one is free for the next (after
 * server_reset_query where the mode asks for it); one whose client left half-way is cancelled,
 * brought to Sync and rolled back first, within a time; one that cannot be saved (mid_message:
 * part of a client's message was sent and the rest will never come) is closed. What it still
 * owes to anyone is owed to nobody from now on. The pointer is not the caller's any more; no
 * callback of the borrower comes after. Also right for a server whose on_lost is on its way.
 */
void pool_give_back(struct server *server, bool mid_message);

/* How a client left that still had a server. */
struct farewell {
	/*
	 * It said Terminate. PostgreSQL does what was asked before that and only then reads it, so
	 * what runs is not cancelled, for a minute at most.
	 */
	bool     orderly;
	char     message_type; /* of the message it was sending; counts only with ... */
	uint32_t message_left; /* ... bytes of its body that will never come */
};
/*
 * As pool_give_back, knowing more. A CopyData message can be filled up, as the COPY is made to
 * fail anyway; any other message cut short costs the server.
 */
void pool_give_back_after(struct server *server, const struct farewell *farewell);
/* The borrower found the server unusable (why goes to the log); closes it, as pool_give_back. */
void pool_discard(struct server *server, enum ending why);

/* Settings the pool's servers report at login; NULL until one has logged in. Borrowed. */
const struct varset *pool_welcome(const struct pool *pool);

/*
 * A client proved itself by SCRAM as user: with these keys (copied) one can log in to servers
 * that hold the same verifier. Without effect unless user is the pool's server user.
 */
void pool_learn_keys(struct pool *pool, struct slice user, const struct scram_keys *keys);

const char      *pool_user(const struct pool *pool);
struct database *pool_database(const struct pool *pool);
enum pool_mode   pool_mode(const struct pool *pool); /* effective for this pool */

/* Counters of one pool, summed per database for SHOW STATS. Times in microseconds. */
struct pool_counters {
	uint64_t assignments, transactions, queries;
	uint64_t bytes_received; /* from clients, forwarded */
	uint64_t bytes_sent;     /* from servers */
	uint64_t transaction_us, query_us, wait_us;
	uint64_t client_parses, server_parses, binds, client_logins;
};
/* The session adds to what it sees; the pool itself counts assignments, wait_us, server_parses. */
struct pool_counters *pool_counters(struct pool *pool);

/* What SHOW POOLS says. */
struct pool_facts {
	unsigned clients_active, clients_waiting;
	unsigned cancels_active, cancels_waiting;
	unsigned servers_active, servers_cancelling, servers_held;
	unsigned servers_idle, servers_used, servers_tested, servers_login;
	struct span oldest_wait;
};
void pool_facts(const struct pool *pool, struct moment now, struct pool_facts *facts);
/* Walks the pool's servers, leaving ones not: NULL gives the first, NULL at the end. */
struct server *pool_next_server(const struct pool *pool, const struct server *after);
/* How many sessions use this pool now; keeps it from being freed. */
void pool_attach(struct pool *pool);
void pool_detach(struct pool *pool);

#endif
