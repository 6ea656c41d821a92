#include "test.h"

#include "conf/conf_internal.h"
#include "conf/effective.h"

/* Entries with nothing set, and a snapshot with all defaults, for each test to change. */
struct levels {
	struct settings *settings;
	struct database_settings database;
	struct user_settings user;
};

static bool levels_init(struct levels *levels)
{
	levels->settings = settings_new();
	return levels->settings &&
	       settings_entry_init(&option_database, &levels->database,
				   levels->settings->private->arena) == OK &&
	       settings_entry_init(&option_user, &levels->user, levels->settings->private->arena) ==
		       OK;
}

TEST(user_before_database_before_global)
{
	struct levels l;

	REQUIRE(levels_init(&l));
	CHECK_INT_EQ(effective_pool_size(l.settings, NULL, NULL), 20);
	CHECK_INT_EQ(effective_pool_size(l.settings, &l.database, &l.user), 20);
	CHECK_INT_EQ(effective_pool_mode(l.settings, &l.database, &l.user), POOL_MODE_SESSION);
	CHECK_INT_EQ(effective_reserve_pool_size(l.settings, &l.database, &l.user), 0);
	CHECK_INT_EQ(effective_query_wait_timeout(l.settings, &l.database, &l.user).us, 120000000);
	l.database.pool_size = 0;
	l.database.reserve_pool_size = 3;
	l.database.pool_mode = POOL_MODE_STATEMENT;
	l.database.query_wait_timeout = span_seconds(0);
	CHECK_INT_EQ(effective_pool_size(l.settings, &l.database, &l.user), 0);
	CHECK_INT_EQ(effective_pool_mode(l.settings, &l.database, &l.user), POOL_MODE_STATEMENT);
	CHECK_INT_EQ(effective_reserve_pool_size(l.settings, &l.database, &l.user), 3);
	CHECK_INT_EQ(effective_query_wait_timeout(l.settings, &l.database, &l.user).us, 0);
	l.user.pool_size = 7;
	l.user.reserve_pool_size = 0;
	l.user.pool_mode = POOL_MODE_TRANSACTION;
	l.user.query_wait_timeout = span_seconds(4);
	CHECK_INT_EQ(effective_pool_size(l.settings, &l.database, &l.user), 7);
	CHECK_INT_EQ(effective_pool_size(l.settings, NULL, &l.user), 7);
	CHECK_INT_EQ(effective_pool_size(l.settings, &l.database, NULL), 0);
	CHECK_INT_EQ(effective_pool_mode(l.settings, &l.database, &l.user), POOL_MODE_TRANSACTION);
	CHECK_INT_EQ(effective_reserve_pool_size(l.settings, &l.database, &l.user), 0);
	CHECK_INT_EQ(effective_query_wait_timeout(l.settings, &l.database, &l.user).us, 4000000);
	settings_unref(l.settings);
}

TEST(zero_is_no_limit_of_its_own)
{
	struct levels l;

	REQUIRE(levels_init(&l));
	l.settings->max_db_connections = 10;
	l.settings->max_db_client_connections = 11;
	l.settings->max_user_connections = 12;
	l.settings->max_user_client_connections = 13;
	l.settings->server_lifetime = span_seconds(0);
	l.settings->min_pool_size = 2;
	l.database.max_db_connections = 0;
	CHECK_INT_EQ(effective_max_db_connections(l.settings, &l.database), 10);
	CHECK_INT_EQ(effective_max_db_client_connections(l.settings, &l.database), 11);
	CHECK_INT_EQ(effective_max_user_connections(l.settings, &l.user), 12);
	CHECK_INT_EQ(effective_max_user_client_connections(l.settings, NULL), 13);
	CHECK_INT_EQ(effective_server_lifetime(l.settings, &l.database).us, 0);
	CHECK_INT_EQ(effective_min_pool_size(l.settings, &l.database), 2);
	l.database.max_db_connections = 1;
	l.database.max_db_client_connections = 2;
	l.database.min_pool_size = 0;
	l.database.server_lifetime = span_seconds(60);
	l.user.max_user_connections = 3;
	l.user.max_user_client_connections = 4;
	CHECK_INT_EQ(effective_max_db_connections(l.settings, &l.database), 1);
	CHECK_INT_EQ(effective_max_db_client_connections(l.settings, &l.database), 2);
	CHECK_INT_EQ(effective_max_user_connections(l.settings, &l.user), 3);
	CHECK_INT_EQ(effective_max_user_client_connections(l.settings, &l.user), 4);
	CHECK_INT_EQ(effective_server_lifetime(l.settings, &l.database).us, 60000000);
	CHECK_INT_EQ(effective_min_pool_size(l.settings, &l.database), 0);
	settings_unref(l.settings);
}

TEST(timeouts_of_users)
{
	struct levels l;

	REQUIRE(levels_init(&l));
	l.settings->query_timeout = span_seconds(1);
	l.user.query_timeout = span_seconds(0);
	l.user.idle_transaction_timeout = span_seconds(2);
	l.user.transaction_timeout = span_seconds(3);
	l.user.client_idle_timeout = span_seconds(4);
	CHECK_INT_EQ(effective_query_timeout(l.settings, &l.user).us, 1000000);
	CHECK_INT_EQ(effective_query_timeout(l.settings, NULL).us, 1000000);
	CHECK_INT_EQ(effective_idle_transaction_timeout(l.settings, &l.user).us, 2000000);
	CHECK_INT_EQ(effective_transaction_timeout(l.settings, &l.user).us, 3000000);
	CHECK_INT_EQ(effective_client_idle_timeout(l.settings, &l.user).us, 4000000);
	CHECK_INT_EQ(effective_client_idle_timeout(l.settings, NULL).us, 0);
	settings_unref(l.settings);
}

TEST(the_name_on_the_server)
{
	struct levels l;

	REQUIRE(levels_init(&l));
	CHECK_TEXT_EQ(effective_dbname(&l.database, "asked"), "asked");
	l.database.dbname = "real";
	CHECK_TEXT_EQ(effective_dbname(&l.database, "asked"), "real");
	settings_unref(l.settings);
}

TEST(sockets_are_read_at_least_once)
{
	struct levels l;

	REQUIRE(levels_init(&l));
	CHECK_INT_EQ(effective_turn_reads(l.settings), 5);
	l.settings->sbuf_loopcnt = 1;
	CHECK_INT_EQ(effective_turn_reads(l.settings), 1);
	l.settings->sbuf_loopcnt = 0;
	CHECK(effective_turn_reads(l.settings) >= 100);
	settings_unref(l.settings);
}

TEST(sockets_are_read_in_large_pieces)
{
	struct levels l;

	REQUIRE(levels_init(&l));
	CHECK_UINT_EQ(effective_read_size(l.settings, 65536), 65536);
	l.settings->pkt_buf = 100000;
	CHECK_UINT_EQ(effective_read_size(l.settings, 65536), 100000);
	l.settings->pkt_buf = 16777216;
	CHECK_UINT_EQ(effective_read_size(l.settings, 65536), 122880);
	settings_unref(l.settings);
}
