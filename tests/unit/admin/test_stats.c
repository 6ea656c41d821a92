/* Totals and averages per database. */

#include "test.h"

#include "admin/admin_internal.h"
#include "admin/console_test.h"

#define INI                                                                                        \
	"[databases]\n"                                                                            \
	"shop = host=/nowhere\n"                                                                   \
	"[pgcarwash]\n"                                                                            \
	"listen_addr =\n"                                                                          \
	"unix_socket_dir = /nowhere\n"

static struct pool *pool_of(struct console *console, const char *database, const char *user)
{
	return pools_find(console->pools, pools_database(console->pools, slice_of(database)),
			  slice_of(user));
}

static struct stats_entry *entry_named(struct stats *stats, const char *name)
{
	struct stats_entry *entry = map_get(&stats->names, slice_of(name));

	CHECK(entry);
	return entry;
}

static uint64_t average(struct stats *stats, const char *name, enum stats_item item)
{
	return stats_average(stats, entry_named(stats, name), item);
}

TEST(averages_are_of_the_last_window)
{
	struct moment now = { 1000000 };
	struct pool_counters *counters;
	struct console console;
	struct stats stats;

	CHECK(console_start(&console, INI));
	stats_init(&stats);
	stats_close_window(&stats, now);
	counters = pool_counters(pool_of(&console, "shop", "alice"));
	counters->queries = 100;
	counters->query_us = 5000;
	counters->transactions = 20;
	counters->transaction_us = 8000;
	counters->bytes_sent = 4000;
	counters->assignments = 4;
	counters->wait_us = 10;
	CHECK(stats_refresh(&stats, console.pools) == OK);
	CHECK_UINT_EQ(entry_named(&stats, "shop")->items[STATS_QUERIES].total, 100);
	/* The first window is still open. */
	CHECK_UINT_EQ(average(&stats, "shop", STATS_QUERIES), 0);
	now = moment_after(now, span_seconds(10));
	stats_close_window(&stats, now);
	CHECK_UINT_EQ(average(&stats, "shop", STATS_QUERIES), 10);
	CHECK_UINT_EQ(average(&stats, "shop", STATS_QUERY_US), 50);
	CHECK_UINT_EQ(average(&stats, "shop", STATS_TRANSACTIONS), 2);
	CHECK_UINT_EQ(average(&stats, "shop", STATS_TRANSACTION_US), 400);
	CHECK_UINT_EQ(average(&stats, "shop", STATS_SENT), 400);
	CHECK_UINT_EQ(average(&stats, "shop", STATS_WAIT_US), 2);
	CHECK_UINT_EQ(average(&stats, CONSOLE_DATABASE, STATS_QUERIES), 0);
	counters->queries += 7;
	CHECK(stats_refresh(&stats, console.pools) == OK);
	CHECK_UINT_EQ(average(&stats, "shop", STATS_QUERIES), 10);
	stats_close_window(&stats, moment_after(now, span_seconds(1)));
	CHECK_UINT_EQ(average(&stats, "shop", STATS_QUERIES), 7);
	CHECK_UINT_EQ(average(&stats, "shop", STATS_QUERY_US), 0);
	stats_release(&stats);
	console_finish(&console);
}

TEST(pools_of_a_database_are_summed_and_databases_too)
{
	struct console console;
	struct stats_entry sum;
	struct stats stats;

	CHECK(console_start(&console, INI));
	stats_init(&stats);
	stats.console.queries = 1;
	pool_counters(pool_of(&console, "shop", "alice"))->queries = 3;
	pool_counters(pool_of(&console, "shop", "bob"))->queries = 4;
	CHECK(stats_refresh(&stats, console.pools) == OK);
	CHECK_UINT_EQ(entry_named(&stats, "shop")->items[STATS_QUERIES].total, 7);
	stats_sum(&stats, &sum);
	CHECK_UINT_EQ(sum.items[STATS_QUERIES].total, 8);
	stats_release(&stats);
	console_finish(&console);
}

TEST(a_database_that_is_gone_is_not_shown)
{
	struct console console;
	struct stats stats;

	CHECK(console_start(&console, INI));
	stats_init(&stats);
	CHECK(stats_refresh(&stats, console.pools) == OK);
	CHECK_UINT_EQ(stats.entries.len, 2);
	console_reload_text(&console, "[databases]\n[pgcarwash]\nlisten_addr =\n"
				      "unix_socket_dir = /nowhere\n");
	CHECK(stats_refresh(&stats, console.pools) == OK);
	CHECK_UINT_EQ(stats.entries.len, 1);
	CHECK(!map_get(&stats.names, SLICE_LITERAL("shop")));
	stats_release(&stats);
	console_finish(&console);
}

TEST(without_memory_nothing_is_shown)
{
	struct console console;

	CHECK(console_start(&console, INI));
	WITH_EACH_FAULT(nth)
	{
		struct stats stats;

		stats_init(&stats);
		CHECK(stats_refresh(&stats, console.pools) == OK || mem_fault_hit());
		stats_release(&stats);
	}
	console_finish(&console);
}
