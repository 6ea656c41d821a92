#ifndef POOL_POOL_INTERNAL_H
#define POOL_POOL_INTERNAL_H

#include "auth/keyring.h"
#include "auth/users.h"
#include "base/buffer.h"
#include "base/map.h"
#include "conf/effective.h"
#include "conf/settings.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/timer.h"
#include "net/tls.h"
#include "pool/peers.h"
#include "pool/pools.h"
#include "server_internal.h"
#include "track/statements.h"
#include "track/vars.h"

/* What the files of this folder share of pool, database and pools. */

struct pools {
	struct loop            *loop;
	struct resolver        *resolver;
	struct statement_store *statements;
	struct varset_store    *varsets;
	const struct settings  *settings;
	struct tls_context     *tls;     /* held; NULL: without TLS */
	struct users           *users;   /* of auth_file */
	struct keyring         *keyring;
	struct peers           *peers;
	struct stream_limits    limits;  /* of server streams */
	struct map              names;   /* name -> struct database, the removed ones not */
	struct list             databases;
	struct list             departed; /* removed, but still in use */
	struct list             pools;
	uint64_t                next_id;
	uint64_t                next_generation; /* of functions known, over all databases */
	bool                    paused, shutting_down;
	struct moment           derive_turn; /* when derive_left was filled */
	uint32_t                derive_left; /* password work left for this turn */
	bool                    has_blocked; /* a pool may be blocked; see pool_serve_blocked */
	struct timer            upkeep;
	struct loop_task        changed; /* tells the watcher */
	void (*on_change)(void *ctx);
	void *watcher;
	void (*on_cluster)(void *ctx, struct database *database);
	void *cluster_watcher;
	void (*on_trouble)(void *ctx, struct database *database, unsigned host);
	void *trouble_watcher;
};

struct database {
	struct list_node              node; /* in pools->databases or ->departed */
	struct pools                 *pools;
	char                         *name;
	const struct settings        *settings; /* a reference; owns entry */
	const struct database_settings *entry;
	struct map                    users; /* server user -> struct pool */
	struct map                    learned; /* user -> struct learned_secret, see learned.c */
	struct list                   pool_list;
	struct pool_counters          counters; /* of pools freed */
	unsigned                      clients;
	unsigned                      servers; /* open */
	bool                          paused, disabled, removed, is_auto;
	bool                          old_protocol; /* its servers refused a newer one than 3.0 */
	struct moment                 idle_since; /* no client and no pool; never: in use */

	struct cluster       *cluster; /* NULL: its entry is none */
	uint64_t              routes[ROUTE_REASONS];
	struct function_book *functions; /* a reference */
	uint64_t              functions_generation;
	struct verdicts      *verdicts; /* NULL: it does not split */
};

/* The effective settings of a pool, so that the hot path looks nothing up. */
struct pool_limits {
	enum pool_mode mode;
	unsigned       size; /* 0 = no limit */
	unsigned       reserve, minimum;
	unsigned       database_max, user_max; /* 0 = no limit */
	struct span    lifetime;
};

struct pool {
	struct list_node   node;        /* in pools->pools */
	struct list_node   in_database; /* in database->pool_list */
	struct pools      *pools;
	struct database   *database;
	char              *user; /* logs in to servers */
	struct pool_limits limits;

	/*
	 * With a cluster: a home has a pool below it for each host, made on first use, and perhaps
	 * those of hosts that left, until they are empty. They stand before it in all lists.
	 */
	struct pool  *home;  /* whose pool of one host this is; NULL: it is a home itself */
	struct pool **hosts; /* CLUSTER_MAX_HOSTS places by index; NULL: none was made */
	struct list   below; /* all of them */
	struct list_node in_home;
	int           host;  /* index in the cluster; -1: it is a home, or the host left */
	char         *where; /* the host's name; NULL: it is a home */
	int           port;
	bool          of_replica; /* a home's welcome is that of a replica */

	struct list   servers[SERVER_LEAVING + 1]; /* by state; idle ones by time, oldest first */
	unsigned      open;                        /* servers in all states but LEAVING */
	unsigned      dedicated; /* those of them that belong to one client (dedicated.c) */
	unsigned      dedicated_logins;            /* those of these that are logging in */
	unsigned      next_host;                   /* in a list of hosts */
	unsigned      evictions; /* servers to be closed when they come free, for starving pools */
	bool          blocked;   /* waits for a server of another pool to be closed */
	struct moment lifetime_closed; /* when a server was last closed for its age */

	struct list      waiters, logins, refusals;
	struct list      held, again; /* of a home */
	struct list      claims; /* who waits for a server of his own */
	struct loop_task task; /* serves them */

	const struct varset *welcome;
	bool                 welcome_stale; /* RECONNECT: to be fetched anew */
	struct scram_keys   *learned;       /* from a client's SCRAM login, owned */

	bool          failed; /* the last login to a server failed */
	bool          final;  /* and the next would, too */
	enum ending   failure;
	struct moment retry_at;  /* when logins are tried again */
	unsigned      rebuffs;   /* failures in a row that only an operator can cure */
	struct moment starved_at; /* when memory to open a server was short; never: it was not */
	struct buffer login_error;  /* the server's ErrorResponse, whole */
	struct buffer cached_error; /* what newcomers are told meanwhile, whole */

	struct pool_counters counters;
	unsigned             attached;
	unsigned             cancels_dialling, cancels_sent;
	struct moment        empty_since; /* no session and no server; never: in use */
};

/* ---- pool.c ---- */

struct pool *pool_new(struct database *database, struct slice user) MUST_USE;
/* The pool below home of this host; see pool_at_host. */
struct pool *pool_new_below(struct pool *home, unsigned host) MUST_USE;
/* Pools below it go with it. No server (LEAVING ones counted), waiter or session may be left. */
void pool_free(struct pool *pool);
void pool_set_limits(struct pool *pool);
bool pool_is_paused(const struct pool *pool);
/* True when it has the user that its database's entry forces. */
bool pool_is_forced(const struct pool *pool);
/* A reload changed how servers are connected to, or RECONNECT: those open are of no use. */
void pool_recycle(struct pool *pool, enum ending why);
/* Logins that failed for this reason, here or below, are worth another try. */
void pool_try_again(struct pool *home, enum ending failure);
/* Closes the servers that belong to nobody / all servers. */
void pool_close_free_servers(struct pool *pool, enum ending why);
void pool_close_all_servers(struct pool *pool, enum ending why);

/* ---- hosts.c ---- */

static inline struct pool *pool_home(struct pool *pool)
{
	return pool->home ? pool->home : pool;
}
/* True for a home whose servers are in pools below it. */
static inline bool pool_is_spread(const struct pool *pool)
{
	return !pool->home && pool->database->cluster;
}
/* True when its clients may be served by several hosts. */
bool pool_splits(const struct pool *pool);
/* The pool below a home that takes what nobody routes: NULL when no host is known to be up. */
struct pool *pool_default(struct pool *home);
/* True when its host is the primary. */
bool pool_is_primary(const struct pool *pool);
/* True when its host is one that transactions may be sent to. */
bool pool_takes_work(const struct pool *pool);
/* True when another host, which is up, may let its waiters in where this one did not. */
bool pool_has_stand_in(const struct pool *pool);
/* The cluster has another list of hosts, or there is none any more. */
void pool_match_hosts(struct pool *home);
/* Leaves the home; for pool_free. */
void pool_leave_home(struct pool *pool);
/* A transaction begins (1) or ends (-1) on a server of it. */
void pool_count_lent(struct pool *pool, int change);
/* Something failed that may mean that the cluster has changed. */
void pool_note_trouble(struct pool *pool);
/* An error of a server of a cluster went by: body of ErrorResponse. */
void pool_smell(struct pool *pool, struct slice body);

/* ---- queue.c ---- */

/* All who wait for a server of it decide anew at the end of this turn. */
void pool_requeue(struct pool *pool);
/* The same for those a home holds. */
void pool_wake(struct pool *home);

void pool_serve(struct loop_task *task);
/* Has the queue served at the end of this turn. */
void pool_serve_soon(struct pool *pool);
/* The same for all pools that a shared limit keeps waiting: a server was closed. */
void pool_serve_blocked(struct pools *pools);
/* It leaves the queue it is in and will be refused at the end of this turn. */
void pool_refuse(struct waiter *waiter, enum ending why);
/* All waiters will be refused at the end of this turn. */
void pool_refuse_all(struct pool *pool, enum ending why);

/* ---- pool_open.c ---- */

/* Opens, or checks, as many servers as the waiters need and the limits allow. */
void pool_open_more(struct pool *pool);
/* True when all its servers are still logging in. */
bool pool_serves_nobody(const struct pool *pool);
/* Whether the limits allow one server more now; servers of other pools may be closed for it. */
bool pool_makes_room(struct pool *pool);
/* Opens one for min_pool_size, evicting none. */
void pool_open_minimum(struct pool *pool);
/* A server's login ended. error: its ErrorResponse body, or SLICE_NONE. */
void pool_login_succeeded(struct pool *pool, const struct varset *reported);
void pool_login_failed(struct pool *pool, enum ending why, struct slice error);

/* ---- dedicated.c ---- */

/* Opens servers for the claims, as far as the limits allow. */
void dedicated_open(struct pool *pool);
/* Lends those that have logged in. */
void dedicated_grant(struct pool *pool);
/* The server has logged in for its claim, which gets it at the end of the turn. */
void dedicated_is_ready(struct server *server);
/* Its server is closed, because of error (a body) or why: it is told at the end of the turn. */
void dedicated_refuse(struct waiter *waiter, enum ending why, struct slice error);
/* The claim is withdrawn. */
void dedicated_withdraw(struct waiter *waiter);
/* It was refused, with this, and is in no list any more: tells it, with what its server said. */
void dedicated_tell(struct waiter *waiter, enum ending why);

/* ---- server_secure.c ---- */

enum secure_answer {
	SECURE_WAIT,    /* the server was asked: secure_take_answer when something comes */
	SECURE_PLAIN,   /* go on without TLS */
	SECURE_SHAKING, /* the stream's on_secured or on_end follows */
	SECURE_BROKEN,  /* *why tells; from secure_begin: no memory */
};
/* The first thing on a connection to server: its own, or one that cancels what it does. */
enum secure_answer secure_begin(const struct server *server, struct stream *stream) MUST_USE;
enum secure_answer secure_take_answer(const struct server *server, struct stream *stream,
                                      enum ending *why) MUST_USE;
/* What it means that a connection ended before its login was done; the log is told of TLS. */
enum ending secure_judge_end(const struct server *server, const struct stream *stream, int error);

/* ---- upkeep.c ---- */

void upkeep_run(struct pools *pools);

/* ---- pools.c ---- */

/* Reads auth_file anew; BROKEN without memory, the old users then stay. */
enum result pools_read_users(struct pools *pools, const struct settings *settings) MUST_USE;
/* The limits of server streams, open ones included, from the settings. */
void pools_set_limits(struct pools *pools);
/* Makes the databases of the settings that are not there yet. */
enum result pools_make_named(struct pools *pools) MUST_USE;

/* ---- learned.c ---- */

/* Wipes and forgets all. */
void database_release_learned(struct database *database);

/* ---- database.c ---- */

/* entry in settings; NULL without memory. */
struct database *database_new(struct pools *pools, struct slice name,
                              const struct settings             *settings,
                              const struct database_settings *entry, bool is_auto) MUST_USE;
/* No pool may be left. */
void database_free(struct database *database);
/* Another entry, in newer settings; limits of its pools follow. */
void database_set_entry(struct database *database, const struct settings *settings,
                        const struct database_settings *entry);
/* Makes, changes or drops its cluster as the entry says. BROKEN without memory. */
enum result database_follow_hosts(struct database *database) MUST_USE;
/* Out of the names: only those who use it still see it. */
void database_depart(struct database *database);

#endif
