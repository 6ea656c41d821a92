#ifndef POOL_DATABASE_H
#define POOL_DATABASE_H

#include <stdbool.h>

#include "base/result.h"
#include "conf/settings.h"
#include "pool/pool.h"
#include "route/cluster.h"
#include "route/policy.h"

/*
 * A database as clients name it, at run time: its settings entry and what operators did to it
 * (PAUSE, DISABLE, ...). Exists from its first use (or from load, for the named ones) until
 * a reload drops it.
 */

struct database;
struct function_book; /* sql/function_book.h */
struct secret;        /* auth/secret.h */
struct verdicts;      /* sql/verdicts.h */

const char *database_name(const struct database *database);
/* Its entry in the current settings; changes on reload. */
const struct database_settings *database_settings(const struct database *database);
bool     database_is_paused(const struct database *database);
bool     database_is_disabled(const struct database *database);
/* A reload dropped it: its clients are to leave with END_DATABASE_REMOVED. */
bool     database_is_removed(const struct database *database);
/* Made from `*`. */
bool     database_is_auto(const struct database *database);
unsigned database_servers(const struct database *database);
/* Clients logged in or logging in to it: the session counts itself in and out. */
unsigned database_clients(const struct database *database);
void     database_count_client(struct database *database, int change);
/* Counters of all its pools, freed ones included. */
void     database_counters(const struct database *database, struct pool_counters *sum);

/*
 * What auth_query said of a user of this database (both copied): for logins to its servers. A new
 * secret for an old one lets a pool whose logins failed try again at once. BROKEN without memory.
 */
enum result database_learn_secret(struct database *database, struct slice user,
                                  struct slice secret) MUST_USE;
void database_forget_secret(struct database *database, struct slice user);
/*
 * A password with which a client of this user came in (PAM, LDAP; copied): servers are logged in
 * with it before any other secret but the entry's. BROKEN without memory.
 */
enum result database_learn_password(struct database *database, struct slice user,
                                    struct slice password) MUST_USE;
const struct secret *database_learned_password(const struct database *database,
                                               struct slice user);
/* A client of this user has logged in; noted for users whose secret was learned. */
void database_note_login(struct database *database, struct slice user);
/* Walks the users noted; *cursor is 0 at first, the name is borrowed. */
bool database_next_met(const struct database *database, size_t *cursor, struct slice *user);
/* NULL when none was learned. Borrowed until the user's is learned or forgotten anew. */
const struct secret *database_learned_secret(const struct database *database, struct slice user);
/*
 * A learned secret whose kind an unknown name can imitate: the same for the same name while it is
 * there, and each kind as often as it was learned. NULL when there is none. Borrowed likewise.
 */
const struct secret *database_learned_example(const struct database *database,
                                              struct slice name);

/* ---- its cluster ---- */

/* What is known of the hosts behind it, or NULL: its entry is no cluster. Owned; see reload. */
struct cluster *database_cluster(const struct database *database);
/*
 * Carries out what follows from facts: servers closed, waiters decide anew. To be called with
 * every change that a function of route/ gives.
 */
void database_cluster_changed(struct database *database, const struct cluster_change *change);

/* SHOW ROUTES: transactions by where they went and why; ROUTE_REASONS numbers. */
const uint64_t *database_routes(const struct database *database);
void            database_count_route(struct database *database, enum route_reason reason);

/* What is known of its functions (a reference is taken, NULL: nothing); verdicts follow. */
void database_set_functions(struct database *database, struct function_book *functions);
struct function_book *database_functions(const struct database *database);
/*
 * Another number with every database_set_functions, that no other database ever has: what was
 * judged with other functions is judged anew.
 */
uint64_t database_functions_generation(const struct database *database);
/* Texts judged; NULL when it does not split, or without memory. Owned. */
struct verdicts *database_verdicts(const struct database *database);

#endif
