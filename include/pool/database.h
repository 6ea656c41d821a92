#ifndef POOL_DATABASE_H
#define POOL_DATABASE_H

#include <stdbool.h>

#include "base/result.h"
#include "conf/settings.h"
#include "pool/pool.h"

/*
 * A database as clients name it, at run time: its settings entry and what operators did to it
 * (PAUSE, DISABLE, ...). Exists from its first use (or from load, for the named ones) until
 * a reload drops it.
 */

struct database;
struct secret; /* auth/secret.h */

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

#endif
