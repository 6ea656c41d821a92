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

#endif
