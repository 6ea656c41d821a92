/*
 * SHOW STATS, STATS_TOTALS, STATS_AVERAGES and TOTALS: one table of items, the columns of the
 * reference written out beside it. The names differ from one show to the next because tools
 * read them so.
 */

#include <stdlib.h>

#include "admin/show_internal.h"
#include "base/alloc.h"

/* The items' names in SHOW TOTALS, behind "total_" and "avg_". */
static const char *const item_names[STATS_ITEMS] = {
	[STATS_ASSIGNMENTS] = "server_assignment_count",
	[STATS_TRANSACTIONS] = "xact_count",
	[STATS_QUERIES] = "query_count",
	[STATS_RECEIVED] = "client_bytes",
	[STATS_SENT] = "server_bytes",
	[STATS_TRANSACTION_US] = "xact_time",
	[STATS_QUERY_US] = "query_time",
	[STATS_WAIT_US] = "wait_time",
	[STATS_CLIENT_PARSES] = "ps_client_parse_count",
	[STATS_SERVER_PARSES] = "ps_server_parse_count",
	[STATS_BINDS] = "ps_bind_count",
	[STATS_CLIENT_LOGINS] = "client_login_count",
};

static int by_name(const void *a, const void *b)
{
	const struct stats_entry *const *left = a, *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

/* All entries sorted by name, in memory of the caller's; NULL without. */
static struct stats_entry **sorted_entries(struct stats *stats)
{
	struct stats_entry **entries = mem_alloc(stats->entries.len * sizeof(struct stats_entry *));
	size_t count = 0;

	if (!entries)
		return NULL;
	LIST_EACH(&stats->entries, node)
	entries[count++] = CONTAINER_OF(node, struct stats_entry, node);
	qsort(entries, count, sizeof(*entries), by_name);
	return entries;
}

enum part {
	PART_TOTALS = 1,
	PART_AVERAGES = 2,
	PART_OLD_NAMES = 4, /* of numbers that are among the totals by another name */
};

static void write_row(struct table *table, struct stats *stats, const struct stats_entry *entry,
		      unsigned parts)
{
	table_row(table);
	table_text(table, entry->name);
	for (unsigned i = 0; parts & PART_TOTALS && i < STATS_ITEMS; i++)
		table_total(table, entry->items[i].total);
	for (unsigned i = 0; parts & PART_AVERAGES && i < STATS_ITEMS; i++)
		table_total(table, stats_average(stats, entry, (enum stats_item)i));
	if (parts & PART_OLD_NAMES)
		table_total(table, entry->items[STATS_QUERIES].total);
	table_row_end(table);
}

static enum result write_rows(struct admin *admin, struct table *table, unsigned parts)
{
	struct stats *stats = &admin->stats;
	struct stats_entry **entries;

	if (stats_refresh(stats, admin->pools) != OK)
		return BROKEN;
	entries = sorted_entries(stats);
	if (!entries)
		return BROKEN;
	for (size_t row = 0; row < stats->entries.len; row++)
		write_row(table, stats, entries[row], parts);
	mem_free(entries);
	return OK;
}

static enum result stats_rows(struct admin *admin, struct table *table)
{
	return write_rows(admin, table, PART_TOTALS | PART_AVERAGES | PART_OLD_NAMES);
}

static const struct result_column stats_columns[] = {
	TEXT("database"),
	NUMERIC("total_server_assignment_count"),
	NUMERIC("total_xact_count"),
	NUMERIC("total_query_count"),
	NUMERIC("total_received"),
	NUMERIC("total_sent"),
	NUMERIC("total_xact_time"),
	NUMERIC("total_query_time"),
	NUMERIC("total_wait_time"),
	NUMERIC("total_client_parse_count"),
	NUMERIC("total_server_parse_count"),
	NUMERIC("total_bind_count"),
	NUMERIC("total_client_login_count"),
	NUMERIC("avg_server_assignment_count"),
	NUMERIC("avg_xact_count"),
	NUMERIC("avg_query_count"),
	NUMERIC("avg_recv"),
	NUMERIC("avg_sent"),
	NUMERIC("avg_xact_time"),
	NUMERIC("avg_query_time"),
	NUMERIC("avg_wait_time"),
	NUMERIC("avg_client_parse_count"),
	NUMERIC("avg_server_parse_count"),
	NUMERIC("avg_bind_count"),
	NUMERIC("avg_client_login_count"),
	NUMERIC("total_requests"),
};

const struct show show_stats = {
	.name = "STATS",
	.help = "Counters of each database since the start, and their averages over the last "
		"stats_period: counts and bytes a second, times in microseconds for one "
		"transaction, query or wait. total_requests is total_query_count by the name "
		"that older monitoring programs look for.",
	COLUMNS(stats_columns),
	.rows = stats_rows,
};

static enum result totals_only_rows(struct admin *admin, struct table *table)
{
	return write_rows(admin, table, PART_TOTALS);
}

static const struct result_column totals_only_columns[] = {
	TEXT("database"),
	NUMERIC("server_assignment_count"),
	NUMERIC("xact_count"),
	NUMERIC("query_count"),
	NUMERIC("bytes_received"),
	NUMERIC("bytes_sent"),
	NUMERIC("xact_time"),
	NUMERIC("query_time"),
	NUMERIC("wait_time"),
	NUMERIC("client_parse_count"),
	NUMERIC("server_parse_count"),
	NUMERIC("bind_count"),
	NUMERIC("client_login_count"),
};

const struct show show_stats_totals = {
	.name = "STATS_TOTALS",
	.help = "The counters of SHOW STATS.",
	COLUMNS(totals_only_columns),
	.rows = totals_only_rows,
};

static enum result averages_only_rows(struct admin *admin, struct table *table)
{
	return write_rows(admin, table, PART_AVERAGES);
}

static const struct result_column averages_only_columns[] = {
	TEXT("database"),
	NUMERIC("server_assignment_count"),
	NUMERIC("xact_count"),
	NUMERIC("query_count"),
	NUMERIC("bytes_received"),
	NUMERIC("bytes_sent"),
	NUMERIC("xact_time"),
	NUMERIC("query_time"),
	NUMERIC("wait_time"),
	NUMERIC("avg_client_parse_count"),
	NUMERIC("avg_server_parse_count"),
	NUMERIC("avg_bind_count"),
	NUMERIC("avg_client_login_count"),
};

const struct show show_stats_averages = {
	.name = "STATS_AVERAGES",
	.help = "The averages of SHOW STATS.",
	COLUMNS(averages_only_columns),
	.rows = averages_only_rows,
};

static void put_item(struct table *table, const char *head, unsigned item, uint64_t value)
{
	char name[64];

	snprintf(name, sizeof(name), "%s%s", head, item_names[item]);
	table_row(table);
	table_text(table, name);
	table_total(table, value);
	table_row_end(table);
}

static enum result totals_rows(struct admin *admin, struct table *table)
{
	struct stats_entry sum;

	if (stats_refresh(&admin->stats, admin->pools) != OK)
		return BROKEN;
	stats_sum(&admin->stats, &sum);
	for (unsigned i = 0; i < STATS_ITEMS; i++)
		put_item(table, "total_", i, sum.items[i].total);
	for (unsigned i = 0; i < STATS_ITEMS; i++)
		put_item(table, "avg_", i, stats_average(&admin->stats, &sum, (enum stats_item)i));
	return OK;
}

static const struct result_column totals_columns[] = { TEXT("name"), NUMERIC("value") };

const struct show show_totals = {
	.name = "TOTALS",
	.help = "SHOW STATS of all databases together, one row a number.",
	COLUMNS(totals_columns),
	.rows = totals_rows,
};
