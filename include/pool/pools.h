#ifndef POOL_POOLS_H
#define POOL_POOLS_H

#include <stdbool.h>

#include "base/ending.h"
#include "base/moment.h"
#include "base/result.h"
#include "base/text.h"
#include "conf/settings.h"
#include "pool/database.h"
#include "pool/pool.h"

/*
 * All databases and pools: find or make, limits that span pools (max_db_connections,
 * max_user_connections, eviction of idle servers of other pools), upkeep, and the operators'
 * verbs. Nothing that is counted or limited is hidden elsewhere.
 */

struct pools;
struct loop;
struct resolver;
struct statement_store;
struct tls_context;
struct varset_store;
struct keyring;
struct peers;
struct secret;
struct users;

struct pools_options {
	struct loop            *loop;
	struct resolver        *resolver;
	struct statement_store *statements;
	struct varset_store    *varsets;
	const struct settings  *settings; /* a reference is taken */
};
struct pools *pools_new(const struct pools_options *options) MUST_USE;
/* Closes all servers. No session may be attached any more. NULL is allowed. */
void pools_free(struct pools *pools);

/*
 * New settings: databases gone are removed (their clients refused with END_DATABASE_REMOVED
 * through the roster's watcher), changed ones reconnect as their servers come free.
 */
void pools_reload(struct pools *pools, const struct settings *settings);

/*
 * What connections to servers are encrypted with from now on; a reference is taken. Another one
 * than before means that servers are reached otherwise: those open are replaced as they come
 * free. Without it there is no TLS.
 */
void pools_set_tls(struct pools *pools, struct tls_context *tls);

/* The next number of a socket, of clients and servers alike: from 1, never twice. */
uint64_t pools_next_id(struct pools *pools);
/* The users of auth_file, read anew by each reload; never NULL. Borrowed until the next reload. */
const struct users *pools_users(const struct pools *pools);
/* The secret of one of them, NULL when there is no such user. Borrowed likewise. */
const struct secret *pools_user_secret(const struct pools *pools, struct slice user);
/* Keys derived from passwords, for logins of clients and to servers alike. */
struct keyring *pools_keyring(struct pools *pools);
/* The processes of [peers], which live as long as the pools. */
struct peers *pools_peers(const struct pools *pools);

/* The database of this name: a named one, or made from `*`; NULL when there is neither. */
struct database *pools_database(struct pools *pools, struct slice name);
/* The same; prefix is of the log line about one that is made: the socket that asks, or NULL. */
struct database *pools_database_for(struct pools *pools, struct slice name, const char *prefix);
/* The same without making one. */
struct database *pools_known_database(const struct pools *pools, struct slice name);
struct database *pools_next_database(const struct pools *pools, const struct database *after);
struct pool     *pools_next_pool(const struct pools *pools, const struct pool *after);
/*
 * The pool for a client user of a database (the forced user's pool when the entry has one);
 * made on first use. NULL without memory.
 */
struct pool *pools_find(struct pools *pools, struct database *database, struct slice user);
/* The pool of exactly this user, even where the entry forces another (for auth_query). */
struct pool *pools_find_as(struct pools *pools, struct database *database, struct slice user);
/* Servers now open for this server user, over all pools. */
unsigned pools_user_servers(const struct pools *pools, struct slice user);

/* Operators' verbs; database NULL = all. Waits are watched through pools_watch. */
void pools_pause(struct pools *pools, struct database *database);
void pools_resume(struct pools *pools, struct database *database);
void pools_set_disabled(struct database *database, bool disabled);
void pools_reconnect(struct pools *pools, struct database *database);
/* Closes all servers now and leaves it paused; its clients are the roster's work. */
void pools_kill(struct pools *pools, struct database *database);
/* SHUTDOWN WAIT_FOR_SERVERS: waiters are refused with END_SERVER_SHUTDOWN, as are new ones. */
void pools_shut_down(struct pools *pools);
/* True after pools_pause(NULL) until pools_resume(NULL). */
bool pools_is_paused(const struct pools *pools);
/* True when no server of it (all: NULL) is open / is marked to be closed. */
bool pools_is_drained(const struct pools *pools, const struct database *database);
bool pools_is_recycled(const struct pools *pools, const struct database *database);
/* on_change is called, from the end-of-turn queue, after servers closed. One watcher. */
void pools_watch(struct pools *pools, void (*on_change)(void *ctx), void *ctx);
/*
 * on_trouble is called when a host of a cluster should be probed at once: a connection failed, or
 * a server said something that smells of a change. It may not change the cluster inside. One
 * watcher.
 */
void pools_watch_trouble(struct pools *pools,
                         void (*on_trouble)(void *ctx, struct database *database, unsigned host),
                         void *ctx);
/*
 * on_cluster is called when a database made from `*` has a cluster, which somebody should probe;
 * those of entries are there after pools_new and pools_reload. One watcher.
 */
void pools_watch_clusters(struct pools *pools,
                          void (*on_cluster)(void *ctx, struct database *database), void *ctx);

#endif
