#ifndef POOL_POOL_H
#define POOL_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ending.h"
#include "base/moment.h"
#include "base/result.h"
#include "base/text.h"
#include "conf/settings.h"
#include "pool/server.h"
#include "pool/waiter.h"

/*
 * The servers of one (database, user), and the queue of those who wait for one. A pool lends;
 * grants to waiters happen in the loop's end-of-turn queue, oldest waiter first.
 *
 * Where the database is a cluster (database_cluster), this is a client's home: it is attached
 * there, its counters and welcome are there, but the servers are in pools below, one a host.
 * Asked itself, it takes the primary's or, when there is none, that of any host which is up.
 */

struct pool;
struct database; /* pool/database.h */
struct scram_keys; /* auth/scram.h */
struct varset;

/*
 * Asks for a server of one's own. OK: *server is lent now (only if nobody waits longer; NULL
 * for_login when pool_welcome is known). AGAIN: waiter is in the queue, on_grant or on_refuse
 * follows. Never BROKEN. Opens a server if limits allow.
 */
enum result pool_ask(struct pool *pool, struct waiter *waiter, struct server **server) MUST_USE;
/*
 * The pool below home of one host of its cluster (an index as in route/cluster.h); made on first
 * use. Borrowed until the next turn. NULL without memory, or when there is no such host.
 */
struct pool *pool_at_host(struct pool *home, unsigned host);
/* The host whose servers the pool has; -1 when it is a home pool, or of a host that left. */
int pool_host(const struct pool *pool);
/*
 * Hosts of home's cluster, as bits, whose pools have room for one more (a free server, or leave to
 * open one), and those that let us not in: the last login failed, and it is not time for another.
 */
void pool_see_hosts(const struct pool *home, uint64_t *room, uint64_t *refusing);
/* Waits, in no queue, until the cluster changes: on_again follows, or on_refuse. */
void pool_hold(struct pool *home, struct waiter *waiter);
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

/* Those keys, NULL when there are none. A secret; borrowed. */
const struct scram_keys *pool_learned_keys(const struct pool *pool);

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
