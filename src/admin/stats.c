/*
 * Averages over the last stats_period, per database, and the log's stats line. Owns one entry
 * per database name: what its counters were when the window began. Entries of databases that
 * are gone leave with the window. Called by the admin's timer and by SHOW STATS and its kin.
 */

#include <inttypes.h>
#include <stdlib.h>

#include "admin/admin_internal.h"
#include "base/alloc.h"
#include "base/log.h"
#include "pool/database.h"
#include "pool/pools.h"

void stats_init(struct stats *stats)
{
	*stats = (struct stats){ .window = { .began = MOMENT_NEVER } };
	list_init(&stats->entries);
	/* Clients cannot choose many names: each is one of a database that exists. */
	map_init(&stats->names, 0);
}

static struct stats_entry *entry_of(struct list_node *node)
{
	return CONTAINER_OF(node, struct stats_entry, node);
}

static void entry_free(struct stats *stats, struct stats_entry *entry)
{
	(void)map_remove(&stats->names, slice_of(entry->name));
	list_remove(&stats->entries, &entry->node);
	mem_free(entry->name);
	mem_free(entry);
}

void stats_release(struct stats *stats)
{
	LIST_EACH(&stats->entries, node)
	entry_free(stats, entry_of(node));
	map_release(&stats->names);
}

static struct stats_entry *entry_new(struct stats *stats, const char *name)
{
	struct stats_entry *entry = mem_alloc_zero(sizeof(*entry));

	if (!entry)
		return NULL;
	entry->name = mem_copy_text(name, strlen(name));
	if (!entry->name || map_put(&stats->names, slice_of(name), entry) != OK) {
		mem_free(entry->name);
		mem_free(entry);
		return NULL;
	}
	list_append(&stats->entries, &entry->node);
	return entry;
}

static void set_totals(struct stats_entry *entry, const struct pool_counters *now)
{
	const uint64_t totals[STATS_ITEMS] = {
		[STATS_ASSIGNMENTS] = now->assignments,
		[STATS_TRANSACTIONS] = now->transactions,
		[STATS_QUERIES] = now->queries,
		[STATS_RECEIVED] = now->bytes_received,
		[STATS_SENT] = now->bytes_sent,
		[STATS_TRANSACTION_US] = now->transaction_us,
		[STATS_QUERY_US] = now->query_us,
		[STATS_WAIT_US] = now->wait_us,
		[STATS_CLIENT_PARSES] = now->client_parses,
		[STATS_SERVER_PARSES] = now->server_parses,
		[STATS_BINDS] = now->binds,
		[STATS_CLIENT_LOGINS] = now->client_logins,
	};

	for (unsigned i = 0; i < STATS_ITEMS; i++) {
		struct counter *counter = &entry->items[i];

		/* A database of the same name made anew counts from zero. */
		if (totals[i] < counter->at_start)
			counter->at_start = 0;
		counter->total = totals[i];
	}
	entry->seen = true;
}

static enum result refresh_one(struct stats *stats, const char *name,
			       const struct pool_counters *counters)
{
	struct stats_entry *entry = map_get(&stats->names, slice_of(name));

	if (!entry)
		entry = entry_new(stats, name);
	if (!entry)
		return BROKEN;
	set_totals(entry, counters);
	return OK;
}

enum result stats_refresh(struct stats *stats, const struct pools *pools)
{
	const struct database *database = NULL;
	enum result result;

	LIST_EACH(&stats->entries, node)
	entry_of(node)->seen = false;
	result = refresh_one(stats, CONSOLE_DATABASE, &stats->console);
	while (result == OK && (database = pools_next_database(pools, database))) {
		struct pool_counters sum = { .queries = 0 };

		database_counters(database, &sum);
		result = refresh_one(stats, database_name(database), &sum);
	}
	if (result != OK)
		return result;
	LIST_EACH(&stats->entries, node)
	if (!entry_of(node)->seen)
		entry_free(stats, entry_of(node));
	return OK;
}

void stats_close_window(struct stats *stats, struct moment now)
{
	window_close(&stats->window, now);
	LIST_EACH(&stats->entries, node)
	counters_close(entry_of(node)->items, STATS_ITEMS);
}

void stats_sum(const struct stats *stats, struct stats_entry *sum)
{
	*sum = (struct stats_entry){ .name = NULL };
	LIST_EACH(&stats->entries, node)
	counters_merge(sum->items, entry_of(node)->items, STATS_ITEMS);
}

/* What a time is divided by. */
static const enum stats_item events_of[STATS_ITEMS] = {
	[STATS_TRANSACTION_US] = STATS_TRANSACTIONS,
	[STATS_QUERY_US] = STATS_QUERIES,
	[STATS_WAIT_US] = STATS_ASSIGNMENTS,
};

uint64_t stats_average(const struct stats *stats, const struct stats_entry *entry,
		       enum stats_item item)
{
	switch (item) {
	case STATS_TRANSACTION_US:
	case STATS_QUERY_US:
	case STATS_WAIT_US:
		return counter_mean(&entry->items[item], &entry->items[events_of[item]]);
	default: return counter_rate(&entry->items[item], &stats->window);
	}
}

void stats_log(const struct stats *stats)
{
	struct stats_entry sum;
	uint64_t mean[STATS_ITEMS];

	stats_sum(stats, &sum);
	for (unsigned i = 0; i < STATS_ITEMS; i++)
		mean[i] = stats_average(stats, &sum, (enum stats_item)i);
	log_info("stats: %" PRIu64 " xacts/s, %" PRIu64 " queries/s, %" PRIu64
		 " client parses/s, %" PRIu64 " server parses/s, %" PRIu64 " binds/s, %" PRIu64
		 " client logins/s, in %" PRIu64 " B/s, out %" PRIu64 " B/s, xact %" PRIu64
		 " us, query %" PRIu64 " us, wait %" PRIu64 " us",
		 mean[STATS_TRANSACTIONS], mean[STATS_QUERIES], mean[STATS_CLIENT_PARSES],
		 mean[STATS_SERVER_PARSES], mean[STATS_BINDS], mean[STATS_CLIENT_LOGINS],
		 mean[STATS_RECEIVED], mean[STATS_SENT], mean[STATS_TRANSACTION_US],
		 mean[STATS_QUERY_US], mean[STATS_WAIT_US]);
}
