/* Asking and granting, limits, what pools share. */

#include "test.h"

#include "pool/visitor.h"

#define DATABASE "db = host=DIR"

TEST(lends_a_server_and_takes_it_back)
{
	struct world      world;
	struct visitor    visitor;
	struct pool_facts facts;

	world_init(&world, "pool_mode = transaction", DATABASE);
	visitor_init(&visitor, &world, "db", "alice");
	visitor_do(&visitor, "SELECT 1");
	CHECK_TEXT_EQ(visitor_got(&visitor), "TDCZ");
	CHECK_INT_EQ(visitor.pieces, 1);
	CHECK_INT_EQ(visitor.turns, 1);
	CHECK(!visitor.server);
	facts = world_facts(&world, visitor.pool);
	CHECK_INT_EQ(facts.servers_idle, 1);
	CHECK_INT_EQ(facts.clients_active, 1);
	CHECK(visitor_ask(&visitor) == OK);
	facts = world_facts(&world, visitor.pool);
	CHECK_INT_EQ(facts.servers_active, 1);
	CHECK_INT_EQ(world.fake.count, 1);
	CHECK_INT_EQ(pool_counters(visitor.pool)->assignments, 2);
	visitor_release(&visitor);
	world_release(&world);
}

TEST(a_login_gets_the_welcome_without_a_server)
{
	struct world   world;
	struct visitor visitor;

	world_init(&world, "", DATABASE);
	visitor_init(&visitor, &world, "db", "alice");
	visitor.waiter.for_login = true;
	CHECK(visitor_ask(&visitor) == AGAIN);
	UNTIL(&world, visitor.grants == 1);
	CHECK(!visitor.server);
	CHECK(pool_welcome(visitor.pool) != NULL);
	CHECK_SLICE_EQ(varset_value(pool_welcome(visitor.pool), SLICE_LITERAL("server_version")),
	               SLICE_LITERAL("15.99"));
	CHECK(visitor_ask(&visitor) == OK);
	CHECK(!visitor.server);
	visitor_release(&visitor);
	world_release(&world);
}

TEST(the_oldest_waiter_is_served_first)
{
	struct world   world;
	struct visitor visitors[4];

	world_init(&world, "pool_mode = transaction\ndefault_pool_size = 1", DATABASE);
	for (int i = 0; i < 4; i++)
		visitor_init(&visitors[i], &world, "db", "alice");
	visitor_get(&visitors[0]);
	CHECK(visitor_ask(&visitors[1]) == AGAIN);
	CHECK(visitor_ask(&visitors[2]) == AGAIN);
	visitor_give_back(&visitors[0]);
	/* The server is free now, but not for a newcomer. */
	CHECK(visitor_ask(&visitors[3]) == AGAIN);
	for (int i = 1; i < 4; i++) {
		UNTIL(&world, visitors[i].server);
		CHECK(i == 3 || !visitors[i + 1].server);
		visitor_give_back(&visitors[i]);
	}
	CHECK(visitors[1].order < visitors[2].order && visitors[2].order < visitors[3].order);
	CHECK_INT_EQ(world.fake.count, 1);
	for (int i = 0; i < 4; i++)
		visitor_release(&visitors[i]);
	world_release(&world);
}

TEST(one_who_withdraws_is_passed_over)
{
	struct world   world;
	struct visitor visitors[3];

	world_init(&world, "pool_mode = transaction\ndefault_pool_size = 1", DATABASE);
	for (int i = 0; i < 3; i++)
		visitor_init(&visitors[i], &world, "db", "alice");
	visitor_get(&visitors[0]);
	CHECK(visitor_ask(&visitors[1]) == AGAIN);
	CHECK(visitor_ask(&visitors[2]) == AGAIN);
	visitor_give_back(&visitors[0]);
	pool_withdraw(&visitors[1].waiter);
	pool_withdraw(&visitors[1].waiter);
	UNTIL(&world, visitors[2].server);
	CHECK_INT_EQ(visitors[1].grants, 0);
	for (int i = 0; i < 3; i++)
		visitor_release(&visitors[i]);
	world_release(&world);
}

/* Which connection answers the next of two queries when both servers are free. */
static unsigned next_used(const char *general)
{
	struct world   world;
	struct visitor visitors[2];
	unsigned       number;

	world_init(&world, general, DATABASE);
	visitor_init(&visitors[0], &world, "db", "alice");
	visitor_init(&visitors[1], &world, "db", "alice");
	visitor_get(&visitors[0]);
	visitor_get(&visitors[1]);
	visitor_do(&visitors[0], "FIRST");
	visitor_do(&visitors[1], "SECOND");
	visitor_do(&visitors[0], "THIRD");
	CHECK(strstr(world_log(&world), "1:FIRST 2:SECOND"));
	number = strstr(world_log(&world), "2:THIRD") ? 2 : 1;
	visitor_release(&visitors[0]);
	visitor_release(&visitors[1]);
	world_release(&world);
	return number;
}

TEST(the_last_used_server_is_lent_first_unless_round_robin)
{
	CHECK_INT_EQ(next_used("pool_mode = transaction"), 2);
	CHECK_INT_EQ(next_used("pool_mode = transaction\nserver_round_robin = 1"), 1);
}

TEST(a_pool_never_grows_over_its_size)
{
	struct world   world;
	struct visitor visitors[20];

	world_init(&world, "pool_mode = transaction\ndefault_pool_size = 3", DATABASE);
	for (int i = 0; i < 20; i++) {
		visitor_init(&visitors[i], &world, "db", "alice");
		(void)!visitor_ask(&visitors[i]);
	}
	UNTIL(&world, visitors[2].server);
	world_spin(&world, 400);
	CHECK_INT_EQ(world.fake.count, 3);
	CHECK_INT_EQ(world_facts(&world, visitors[0].pool).clients_waiting, 17);
	for (int i = 0; i < 20; i++) {
		UNTIL(&world, visitors[i].server);
		visitor_do(&visitors[i], "SELECT 1");
		CHECK_INT_EQ(visitors[i].turns, 1);
	}
	CHECK_INT_EQ(world.fake.count, 3);
	CHECK(pool_counters(visitors[0].pool)->wait_us > 0);
	for (int i = 0; i < 20; i++)
		visitor_release(&visitors[i]);
	world_release(&world);
}

TEST(the_reserve_is_opened_for_one_who_waits_too_long)
{
	struct world   world;
	struct visitor visitors[3];

	world_init(&world,
	           "default_pool_size = 1\nreserve_pool_size = 1\nreserve_pool_timeout = 0.5",
	           DATABASE);
	for (int i = 0; i < 3; i++)
		visitor_init(&visitors[i], &world, "db", "alice");
	visitor_get(&visitors[0]);
	CHECK(visitor_ask(&visitors[1]) == AGAIN);
	CHECK(visitor_ask(&visitors[2]) == AGAIN);
	world_spin(&world, 200);
	CHECK_INT_EQ(world.fake.count, 1);
	UNTIL(&world, visitors[1].server);
	world_spin(&world, 700);
	CHECK_INT_EQ(world.fake.count, 2);
	CHECK(!visitors[2].server);
	for (int i = 0; i < 3; i++)
		visitor_release(&visitors[i]);
	world_release(&world);
}

/* limit: for two servers in all. The third pool's server pushes out the one idle for longest. */
static void check_eviction(const char *limit, const char *const users[3],
                           const char *const databases[3])
{
	struct world   world;
	struct visitor visitors[3];

	world_init(&world, limit, "one = host=DIR\ntwo = host=DIR\nthree = host=DIR");
	for (int i = 0; i < 3; i++)
		visitor_init(&visitors[i], &world, databases[i], users[i]);
	visitor_get(&visitors[0]);
	visitor_get(&visitors[1]);
	visitor_give_back(&visitors[1]);
	UNTIL(&world, world_facts(&world, visitors[1].pool).servers_idle == 1);
	world_spin(&world, 5);
	visitor_give_back(&visitors[0]);
	UNTIL(&world, world_facts(&world, visitors[0].pool).servers_idle == 1);
	visitor_get(&visitors[2]);
	CHECK(visitors[2].server != NULL);
	CHECK_INT_EQ(world_facts(&world, visitors[0].pool).servers_idle, 1);
	CHECK_INT_EQ(world_facts(&world, visitors[1].pool).servers_idle, 0);
	UNTIL(&world, world.fake.open == 2);
	for (int i = 0; i < 3; i++)
		visitor_release(&visitors[i]);
	world_release(&world);
}

TEST(a_shared_limit_evicts_the_server_idle_for_longest)
{
	static const char *const same[3] = { "one", "one", "one" };
	static const char *const different[3] = { "one", "two", "three" };

	check_eviction("max_db_connections = 2", different, same);
	check_eviction("max_user_connections = 2", same, different);
}

TEST(a_pool_without_servers_does_not_starve_behind_a_busy_one)
{
	struct world   world;
	struct visitor busy[2], starved;

	world_init(&world, "pool_mode = transaction\nmax_db_connections = 1", DATABASE);
	visitor_init(&busy[0], &world, "db", "alice");
	visitor_init(&busy[1], &world, "db", "alice");
	visitor_init(&starved, &world, "db", "bob");
	visitor_get(&busy[0]);
	CHECK(visitor_ask(&starved) == AGAIN);
	/* One of the two always has the server, the other always waits. */
	for (int i = 0; i < 400 && !starved.server; i++) {
		struct visitor *next = &busy[(i + 1) % 2];

		if (next->waiter.pool == NULL && !next->server)
			(void)!visitor_ask(next);
		world_spin(&world, 5);
		if (busy[i % 2].server)
			visitor_give_back(&busy[i % 2]);
		world_spin(&world, 1);
	}
	CHECK(starved.server != NULL);
	visitor_release(&busy[0]);
	visitor_release(&busy[1]);
	visitor_release(&starved);
	world_release(&world);
}

TEST(the_minimum_is_kept_while_somebody_is_there)
{
	struct world   world;
	struct visitor visitor;

	world_init(&world, "min_pool_size = 2", DATABASE);
	visitor_init(&visitor, &world, "db", "alice");
	UNTIL(&world, world.fake.open == 2);
	world_spin(&world, 700);
	CHECK_INT_EQ(world.fake.count, 2);
	visitor_release(&visitor);
	world_release(&world);
}

TEST(a_forced_user_has_one_pool_and_its_minimum_from_the_start)
{
	struct world world;

	world_init(&world, "", "db = host=DIR user=boss min_pool_size=1");
	UNTIL(&world, world.fake.open == 1);
	CHECK(world_pool(&world, "db", "alice") == world_pool(&world, "db", "bob"));
	CHECK_TEXT_EQ(pool_user(world_pool(&world, "db", "alice")), "boss");
	CHECK_TEXT_EQ(fake_find(&world.fake, 1)->user, "boss");
	CHECK_TEXT_EQ(fake_find(&world.fake, 1)->database, "db");
	world_release(&world);
}

TEST(idle_servers_are_closed_after_the_idle_timeout)
{
	struct world   world;
	struct visitor visitors[2];

	world_init(&world, "server_idle_timeout = 0.3\nmin_pool_size = 1", DATABASE);
	visitor_init(&visitors[0], &world, "db", "alice");
	visitor_init(&visitors[1], &world, "db", "alice");
	visitor_get(&visitors[0]);
	visitor_get(&visitors[1]);
	visitor_give_back(&visitors[0]);
	visitor_give_back(&visitors[1]);
	UNTIL(&world, world.fake.open == 1);
	world_spin(&world, 700);
	CHECK_INT_EQ(world.fake.open, 1);
	visitor_release(&visitors[0]);
	visitor_release(&visitors[1]);
	world_release(&world);
}

TEST(old_servers_are_replaced_one_after_the_other)
{
	struct world   world;
	struct visitor visitors[2];

	world_init(&world, "server_lifetime = 1\ndefault_pool_size = 2", DATABASE);
	visitor_init(&visitors[0], &world, "db", "alice");
	visitor_init(&visitors[1], &world, "db", "alice");
	visitor_get(&visitors[0]);
	visitor_get(&visitors[1]);
	visitor_give_back(&visitors[0]);
	visitor_give_back(&visitors[1]);
	world_spin(&world, 600);
	CHECK_INT_EQ(world.fake.open, 2);
	UNTIL(&world, world.fake.open == 1);
	/* A second divided by two servers lies between the closings. */
	world_spin(&world, 250);
	CHECK_INT_EQ(world.fake.open, 1);
	UNTIL(&world, world.fake.open == 0);
	visitor_release(&visitors[0]);
	visitor_release(&visitors[1]);
	world_release(&world);
}

TEST(a_lifetime_of_nothing_is_one_use)
{
	struct world   world;
	struct visitor visitor;

	world_init(&world, "server_lifetime = 0\npool_mode = transaction", DATABASE);
	visitor_init(&visitor, &world, "db", "alice");
	visitor_do(&visitor, "ONE");
	visitor_do(&visitor, "TWO");
	CHECK_TEXT_EQ(world_log(&world), "1:ONE 2:TWO");
	visitor_release(&visitor);
	world_release(&world);
}

TEST(socket_numbers_are_never_given_twice)
{
	struct world        world;
	struct visitor      visitor;
	struct server_facts facts;
	uint64_t            mine;

	world_init(&world, "", DATABASE);
	visitor_init(&visitor, &world, "db", "alice");
	mine = pools_next_id(world.pools);
	visitor_get(&visitor);
	server_facts(visitor.server, &facts);
	CHECK(facts.id > mine);
	CHECK(pools_next_id(world.pools) > facts.id);
	CHECK_INT_EQ(facts.pid, 1001);
	CHECK(facts.link == &visitor);
	CHECK(pool_next_server(visitor.pool, NULL) == visitor.server);
	CHECK(pool_next_server(visitor.pool, visitor.server) == NULL);
	visitor_release(&visitor);
	world_release(&world);
}
