#ifndef ADMIN_STATS_INTERNAL_H
#define ADMIN_STATS_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"
#include "base/result.h"
#include "base/text.h"
#include "net/loop.h"
#include "net/timer.h"
#include "pool/pool.h"
#include "stats/counter.h"

/*
 * Averages of the last stats_period, per database. The counters themselves belong to the
 * pools, which only count on; here is what they were when the window began.
 */

enum stats_item {
	STATS_ASSIGNMENTS,
	STATS_TRANSACTIONS,
	STATS_QUERIES,
	STATS_RECEIVED,
	STATS_SENT,
	STATS_TRANSACTION_US,
	STATS_QUERY_US,
	STATS_WAIT_US,
	STATS_CLIENT_PARSES,
	STATS_SERVER_PARSES,
	STATS_BINDS,
	STATS_CLIENT_LOGINS,
	STATS_ITEMS,
};

struct stats_entry {
	struct list_node node; /* in stats->entries */
	char *name;
	struct counter items[STATS_ITEMS];
	bool seen; /* its database still exists */
};

struct stats {
	struct map names; /* name -> struct stats_entry */
	struct list entries;
	struct pool_counters console; /* of the console's own visits */
	struct window window;
};

void stats_init(struct stats *stats);
void stats_release(struct stats *stats);
/* Brings the totals up to date, for rows about to be shown. BROKEN without memory. */
enum result stats_refresh(struct stats *stats, const struct pools *pools) MUST_USE;
/* Ends the window, begins the next; refresh first. */
void stats_close_window(struct stats *stats, struct moment now);
/* All databases together. */
void stats_sum(const struct stats *stats, struct stats_entry *sum);
/* The mean of an item in the last window: per second, or per event for times. */
uint64_t stats_average(const struct stats *stats, const struct stats_entry *entry,
		       enum stats_item item);
/* The log's line about all databases. */
void stats_log(const struct stats *stats);

#endif
