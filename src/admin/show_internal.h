#ifndef ADMIN_SHOW_INTERNAL_H
#define ADMIN_SHOW_INTERNAL_H

#include "admin/admin_internal.h"
#include "base/moment.h"

/* What the files of SHOW share. Each row of the table is defined beside its function. */

extern const struct show show_help, show_version, show_state, show_lists, show_mem;
extern const struct show show_config, show_config_sources;
extern const struct show show_databases, show_pools, show_users;
extern const struct show show_clients, show_servers, show_sockets, show_active_sockets;
extern const struct show show_fds, show_fd_states;
extern const struct show show_peers, show_peer_pools;
extern const struct show show_clusters, show_routes;
/* Not in the table: what EXPLAIN ROUTE answers with. */
extern const struct show show_explanation;
extern const struct show show_dns_hosts, show_dns_zones;
extern const struct show show_stats, show_stats_totals, show_stats_averages, show_totals;

/* How many users SHOW USERS would list. BROKEN without memory. */
enum result users_count(const struct admin *admin, size_t *count) MUST_USE;

/* What PostgreSQL's own SHOW says about a setting; not listed anywhere, for drivers. */
const struct show *show_foreign_find(const char *name);

#define TEXT(name)                                                                                 \
	{                                                                                          \
		name, TYPE_TEXT                                                                    \
	}
#define INT4(name)                                                                                 \
	{                                                                                          \
		name, TYPE_INT4                                                                    \
	}
#define INT8(name)                                                                                 \
	{                                                                                          \
		name, TYPE_INT8                                                                    \
	}
#define NUMERIC(name)                                                                              \
	{                                                                                          \
		name, TYPE_NUMERIC                                                                 \
	}
#define BYTEA(name)                                                                                \
	{                                                                                          \
		name, TYPE_BYTEA                                                                   \
	}
#define FLOAT8(name)                                                                               \
	{                                                                                          \
		name, TYPE_FLOAT8                                                                  \
	}
/* The columns of a struct show from an array. */
#define COLUMNS(array) .columns = (array), .count = COUNT_OF(array)

/* "YYYY-MM-DD HH:MM:SS ZONE" in local time; NULL for never. */
void table_time(struct table *table, struct admin *admin, struct moment moment);
/* "0x..." for a thing in memory, "" for NULL. */
void table_pointer(struct table *table, const void *pointer);

#endif
