/* Operators' verbs, reload, databases that come and go. */

#include "test.h"

#include "pool/visitor.h"

#define DATABASE "db = host=DIR"
#define TRANSACTION "pool_mode = transaction\n"

static unsigned changes;

static void on_change(void *ctx)
{
	(void)ctx;
	changes++;
}

TEST(pause_waits_for_those_who_work_and_holds_the_others)
{
	struct world   world;
	struct visitor visitors[3];

	changes = 0;
	world_init(&world, TRANSACTION, DATABASE);
	pools_watch(world.pools, on_change, NULL);
	for (int i = 0; i < 3; i++)
		visitor_init(&visitors[i], &world, "db", "alice");
	visitor_get(&visitors[0]);
	visitor_do(&visitors[1], "ONE");
	CHECK_INT_EQ(world.fake.open, 2);
	pools_pause(world.pools, NULL);
	CHECK(pools_is_paused(world.pools));
	UNTIL(&world, world.fake.open == 1);
	CHECK(visitor_ask(&visitors[2]) == AGAIN);
	CHECK(!pools_is_drained(world.pools, NULL));
	visitor_do(&visitors[0], "TWO");
	UNTIL(&world, pools_is_drained(world.pools, NULL));
	CHECK(changes > 0);
	world_spin(&world, 400);
	CHECK(!visitors[2].server);
	CHECK_INT_EQ(world.fake.open, 0);
	pools_resume(world.pools, NULL);
	UNTIL(&world, visitors[2].server);
	for (int i = 0; i < 3; i++)
		visitor_release(&visitors[i]);
	world_release(&world);
}

TEST(one_database_can_be_paused)
{
	struct world   world;
	struct visitor one, two;

	world_init(&world, TRANSACTION, "one = host=DIR\ntwo = host=DIR");
	visitor_init(&one, &world, "one", "alice");
	visitor_init(&two, &world, "two", "alice");
	pools_pause(world.pools, pool_database(one.pool));
	CHECK(database_is_paused(pool_database(one.pool)));
	CHECK(!database_is_paused(pool_database(two.pool)));
	CHECK(visitor_ask(&one) == AGAIN);
	visitor_do(&two, "HELLO");
	CHECK(!one.server);
	CHECK(pools_is_drained(world.pools, pool_database(one.pool)));
	pools_resume(world.pools, pool_database(one.pool));
	UNTIL(&world, one.server);
	visitor_release(&one);
	visitor_release(&two);
	world_release(&world);
}

TEST(reconnect_replaces_servers_as_they_come_free)
{
	struct world   world;
	struct visitor visitors[2];

	world_init(&world, TRANSACTION, DATABASE);
	visitor_init(&visitors[0], &world, "db", "alice");
	visitor_init(&visitors[1], &world, "db", "alice");
	visitor_get(&visitors[0]);
	visitor_do(&visitors[1], "ONE");
	world.fake.zone = "Europe/Berlin";
	pools_reconnect(world.pools, NULL);
	CHECK(!pools_is_recycled(world.pools, NULL));
	UNTIL(&world, world.fake.open == 1);
	visitor_do(&visitors[0], "TWO");
	UNTIL(&world, world.fake.open == 0);
	CHECK(pools_is_recycled(world.pools, NULL));
	visitor_do(&visitors[0], "THREE");
	CHECK(strstr(world_log(&world), "3:THREE"));
	CHECK_SLICE_EQ(varset_value(pool_welcome(visitors[0].pool), SLICE_LITERAL("TimeZone")),
	               SLICE_LITERAL("Europe/Berlin"));
	visitor_release(&visitors[0]);
	visitor_release(&visitors[1]);
	world_release(&world);
}

TEST(kill_ends_all_and_leaves_it_paused)
{
	struct world   world;
	struct visitor visitors[2];

	world_init(&world, TRANSACTION "default_pool_size = 1", DATABASE);
	visitor_init(&visitors[0], &world, "db", "alice");
	visitor_init(&visitors[1], &world, "db", "alice");
	visitor_get(&visitors[0]);
	CHECK(visitor_ask(&visitors[1]) == AGAIN);
	pools_kill(world.pools, pool_database(visitors[0].pool));
	CHECK(!visitors[0].lost && !visitors[1].refused);
	UNTIL(&world, visitors[0].lost && visitors[1].refused);
	CHECK_INT_EQ(visitors[0].why, END_DATABASE_REMOVED);
	CHECK_INT_EQ(visitors[1].why, END_DATABASE_REMOVED);
	UNTIL(&world, world.fake.open == 0);
	CHECK(database_is_paused(pool_database(visitors[0].pool)));
	visitor_release(&visitors[0]);
	visitor_release(&visitors[1]);
	world_release(&world);
}

TEST(a_killed_server_may_be_given_back_before_it_is_told)
{
	struct world   world;
	struct visitor visitor;

	world_init(&world, TRANSACTION, DATABASE);
	visitor_init(&visitor, &world, "db", "alice");
	visitor_get(&visitor);
	pools_kill(world.pools, NULL);
	CHECK(server_write(visitor.server, SLICE_LITERAL("X")) == BROKEN);
	visitor_give_back(&visitor);
	world_spin(&world, 5);
	CHECK(!visitor.lost);
	visitor_release(&visitor);
	world_release(&world);
}

TEST(shutting_down_refuses_those_who_wait)
{
	struct world   world;
	struct visitor visitors[3];

	world_init(&world, TRANSACTION "default_pool_size = 1", DATABASE);
	for (int i = 0; i < 3; i++)
		visitor_init(&visitors[i], &world, "db", "alice");
	visitor_get(&visitors[0]);
	CHECK(visitor_ask(&visitors[1]) == AGAIN);
	pools_shut_down(world.pools);
	CHECK(visitor_ask(&visitors[2]) == AGAIN);
	UNTIL(&world, visitors[1].refused && visitors[2].refused);
	CHECK_INT_EQ(visitors[1].why, END_SERVER_SHUTDOWN);
	CHECK_INT_EQ(visitors[2].why, END_SERVER_SHUTDOWN);
	visitor_do(&visitors[0], "ONE");
	CHECK_TEXT_EQ(visitor_got(&visitors[0]), "CZ");
	UNTIL(&world, pools_is_drained(world.pools, NULL));
	for (int i = 0; i < 3; i++)
		visitor_release(&visitors[i]);
	world_release(&world);
}

TEST(reload_changes_sizes_and_modes_at_once)
{
	struct world   world;
	struct visitor visitors[3];

	world_init(&world, "pool_mode = session\ndefault_pool_size = 1", DATABASE);
	for (int i = 0; i < 3; i++)
		visitor_init(&visitors[i], &world, "db", "alice");
	visitor_get(&visitors[0]);
	CHECK(visitor_ask(&visitors[1]) == AGAIN);
	CHECK(visitor_ask(&visitors[2]) == AGAIN);
	world_reload(&world, "pool_mode = transaction\ndefault_pool_size = 3", DATABASE);
	UNTIL(&world, visitors[1].server && visitors[2].server);
	CHECK_INT_EQ(pool_mode(visitors[0].pool), POOL_MODE_TRANSACTION);
	CHECK_INT_EQ(world.fake.open, 3);
	world_reload(&world, "pool_mode = transaction\ndefault_pool_size = 1", DATABASE);
	for (int i = 0; i < 3; i++)
		visitor_give_back(&visitors[i]);
	UNTIL(&world, world.fake.open == 1);
	for (int i = 0; i < 3; i++)
		visitor_release(&visitors[i]);
	world_release(&world);
}

TEST(reload_recycles_the_servers_of_an_entry_that_leads_elsewhere)
{
	struct world   world;
	struct visitor one, two;

	world_init(&world, TRANSACTION, "one = host=DIR\ntwo = host=DIR");
	visitor_init(&one, &world, "one", "alice");
	visitor_init(&two, &world, "two", "alice");
	visitor_do(&one, "ONE");
	visitor_do(&two, "TWO");
	world_reload(&world, TRANSACTION,
	             "one = host=DIR dbname=other\ntwo = host=DIR pool_size=7");
	visitor_do(&one, "ONE");
	visitor_do(&two, "TWO");
	CHECK_TEXT_EQ(world_log(&world), "1:ONE 2:TWO 3:ONE 2:TWO");
	CHECK_TEXT_EQ(fake_find(&world.fake, 3)->database, "other");
	visitor_release(&one);
	visitor_release(&two);
	world_release(&world);
}

TEST(a_database_that_reload_drops_is_gone_when_its_clients_are)
{
	struct world     world;
	struct visitor   visitors[2];
	struct database *database;

	world_init(&world, TRANSACTION "default_pool_size = 1", "one = host=DIR\ntwo = host=DIR");
	visitor_init(&visitors[0], &world, "one", "alice");
	visitor_init(&visitors[1], &world, "one", "alice");
	database = pool_database(visitors[0].pool);
	database_count_client(database, 2);
	visitor_get(&visitors[0]);
	CHECK(visitor_ask(&visitors[1]) == AGAIN);
	world_reload(&world, TRANSACTION, "two = host=DIR");
	CHECK(database_is_removed(database));
	CHECK(pools_database(world.pools, SLICE_LITERAL("one")) == NULL);
	UNTIL(&world, visitors[0].lost && visitors[1].refused);
	CHECK_INT_EQ(visitors[0].why, END_DATABASE_REMOVED);
	CHECK_INT_EQ(visitors[1].why, END_DATABASE_REMOVED);
	CHECK_TEXT_EQ(database_settings(database)->name, "one");
	visitor_release(&visitors[0]);
	visitor_release(&visitors[1]);
	database_count_client(database, -2);
	world_spin(&world, 800);
	CHECK(pools_next_pool(world.pools, NULL) == NULL);
	CHECK(pools_next_database(world.pools, NULL) != NULL);
	world_release(&world);
}

TEST(databases_are_made_from_the_template_and_forgotten)
{
	struct world     world;
	struct visitor   visitor;
	struct database *database;

	world_init(&world, TRANSACTION "autodb_idle_timeout = 0.2\nserver_idle_timeout = 0.1",
	           "named = host=DIR\n* = host=DIR");
	CHECK(pools_known_database(world.pools, SLICE_LITERAL("any")) == NULL);
	visitor_init(&visitor, &world, "any", "alice");
	database = pools_known_database(world.pools, SLICE_LITERAL("any"));
	CHECK(database && database_is_auto(database));
	visitor_do(&visitor, "ONE");
	CHECK_TEXT_EQ(fake_find(&world.fake, 1)->database, "any");
	world_spin(&world, 800);
	CHECK(pools_known_database(world.pools, SLICE_LITERAL("any")) == database);
	visitor_release(&visitor);
	UNTIL(&world, pools_known_database(world.pools, SLICE_LITERAL("any")) == NULL);
	CHECK(pools_known_database(world.pools, SLICE_LITERAL("named")) != NULL);
	world_release(&world);
}

TEST(counters_outlive_the_pool)
{
	struct world         world;
	struct visitor       visitor;
	struct database     *database;
	struct pool_counters sum;

	world_init(&world, TRANSACTION "pool_idle_timeout = 0.1\nserver_idle_timeout = 0.1",
	           DATABASE);
	visitor_init(&visitor, &world, "db", "alice");
	database = pool_database(visitor.pool);
	visitor_do(&visitor, "ONE");
	pool_counters(visitor.pool)->queries = 5;
	visitor_release(&visitor);
	UNTIL(&world, pools_next_pool(world.pools, NULL) == NULL);
	database_counters(database, &sum);
	CHECK_INT_EQ(sum.assignments, 1);
	CHECK_INT_EQ(sum.queries, 5);
	world_release(&world);
}

TEST(disabling_is_remembered)
{
	struct world     world;
	struct database *database;

	world_init(&world, "", DATABASE);
	database = pools_database(world.pools, SLICE_LITERAL("db"));
	pools_set_disabled(database, true);
	CHECK(database_is_disabled(database));
	world_reload(&world, "", DATABASE);
	CHECK(database_is_disabled(database));
	pools_set_disabled(database, false);
	CHECK(!database_is_disabled(database));
	world_release(&world);
}
