/* What a server sends, and who gets it. */

#include "test.h"

#include "pool/visitor.h"

#define DATABASE "db = host=DIR"

TEST(many_rows_come_in_few_pieces)
{
	struct world   world;
	struct visitor visitor;

	world_init(&world, "pool_mode = transaction", DATABASE);
	visitor_init(&visitor, &world, "db", "alice");
	visitor_do(&visitor, "ROWS 10000");
	CHECK_INT_EQ(strlen(visitor_got(&visitor)), 10003);
	CHECK(visitor.pieces < 60);
	CHECK_INT_EQ(visitor.turns, 1);
	visitor_release(&visitor);
	world_release(&world);
}

TEST(a_huge_row_flows)
{
	struct world   world;
	struct visitor visitor;

	world_init(&world, "pool_mode = transaction", DATABASE);
	visitor_init(&visitor, &world, "db", "alice");
	visitor_do(&visitor, "HUGE 3000000");
	CHECK_TEXT_EQ(visitor_got(&visitor), "TDCZ");
	CHECK(visitor.bytes.len > 3000000);
	CHECK(visitor.pieces > 10);
	visitor_release(&visitor);
	world_release(&world);
}

TEST(a_slow_client_stops_the_pump)
{
	struct world   world;
	struct visitor visitor;
	unsigned       resumed = 0;

	world_init(&world, "pool_mode = transaction", DATABASE);
	visitor_init(&visitor, &world, "db", "alice");
	visitor.cautious = true;
	visitor_get(&visitor);
	visitor_query(&visitor, "ROWS 10000");
	while (!visitor.turns && resumed++ < 1000) {
		unsigned pieces = visitor.pieces;

		world_spin(&world, 3);
		CHECK(visitor.pieces <= pieces + 1);
		if (visitor.server)
			server_resume(visitor.server);
	}
	CHECK(resumed > 10);
	CHECK_INT_EQ(strlen(visitor_got(&visitor)), 10003);
	visitor_release(&visitor);
	world_release(&world);
}

TEST(a_borrower_may_leave_in_the_middle_of_a_reply)
{
	struct world   world;
	struct visitor visitor, other;

	world_init(&world, "pool_mode = transaction\ndefault_pool_size = 1", DATABASE);
	visitor_init(&visitor, &world, "db", "alice");
	visitor_init(&other, &world, "db", "alice");
	visitor.leaves = true;
	visitor_get(&visitor);
	visitor_query(&visitor, "ROWS 20000");
	CHECK(visitor_ask(&other) == AGAIN);
	UNTIL(&world, !visitor.server);
	visitor_release(&visitor);
	UNTIL(&world, other.server);
	visitor_do(&other, "SELECT 7");
	CHECK_TEXT_EQ(visitor_got(&other), "TDCZ");
	CHECK_INT_EQ(world.fake.count, 1);
	visitor_release(&other);
	world_release(&world);
}

TEST(a_lost_server_is_told_once)
{
	struct world   world;
	struct visitor visitors[2];

	world_init(&world, "", DATABASE);
	visitor_init(&visitors[0], &world, "db", "alice");
	visitor_init(&visitors[1], &world, "db", "alice");
	visitor_get(&visitors[0]);
	visitor_get(&visitors[1]);
	visitor_query(&visitors[0], "DIE");
	UNTIL(&world, visitors[0].lost);
	CHECK(visitors[0].told);
	CHECK_INT_EQ(visitors[0].why, END_SERVER_CRASHED);
	CHECK_TEXT_EQ(visitor_got(&visitors[0]), "E");
	fake_kick_all(&world.fake);
	UNTIL(&world, visitors[1].lost);
	CHECK(!visitors[1].told);
	CHECK_TEXT_EQ(visitor_got(&visitors[1]), "");
	CHECK_INT_EQ(world_facts(&world, visitors[0].pool).servers_active, 0);
	visitor_release(&visitors[0]);
	visitor_release(&visitors[1]);
	world_release(&world);
}

static void fake_says(struct world *world, unsigned number, const char *bytes, size_t len)
{
	struct fake_connection *connection = fake_find(&world->fake, number);

	CHECK(connection && stream_write(connection->stream, (struct slice){ bytes, len }) == OK);
}

TEST(nonsense_ends_the_server)
{
	struct world   world;
	struct visitor visitor;

	world_init(&world, "", DATABASE);
	visitor_init(&visitor, &world, "db", "alice");
	visitor_get(&visitor);
	fake_says(&world, 1, "C\0\0\0\6X\0", 7);
	UNTIL(&world, visitor.lost);
	CHECK_INT_EQ(visitor.why, END_SERVER_UNKNOWN);
	visitor.lost = false;
	visitor_get(&visitor);
	fake_says(&world, 2, "!\0\0\0\4", 5);
	UNTIL(&world, visitor.lost);
	CHECK_INT_EQ(visitor.why, END_SERVER_UNKNOWN);
	visitor.lost = false;
	visitor_get(&visitor);
	fake_says(&world, 3, "Z\0\0\0\3", 5);
	UNTIL(&world, visitor.lost);
	CHECK_INT_EQ(visitor.why, END_SERVER_BAD_HEADER);
	CHECK(!visitor.server);
	visitor_release(&visitor);
	world_release(&world);
}

TEST(an_idle_server_may_say_harmless_things_only)
{
	struct world   world;
	struct visitor visitor;

	world_init(&world, "pool_mode = transaction", DATABASE);
	visitor_init(&visitor, &world, "db", "alice");
	visitor_do(&visitor, "ONE");
	/* NOTIFY, a new TimeZone, and half of a notice. */
	fake_says(&world, 1, "A\0\0\0\13\0\0\0\1c\0\0S\0\0\0\17TimeZone\0X\0N\0", 30);
	world_spin(&world, 5);
	CHECK_INT_EQ(world.fake.open, 1);
	fake_says(&world, 1, "\0\0\5\0", 4);
	visitor_do(&visitor, "TWO");
	CHECK_TEXT_EQ(world_log(&world), "1:ONE 1:TWO");
	fake_says(&world, 1, "Z\0\0\0\5I", 6);
	UNTIL(&world, world.fake.open == 0);
	visitor_do(&visitor, "THREE");
	CHECK_TEXT_EQ(world_log(&world), "1:ONE 1:TWO 2:THREE");
	CHECK(!visitor.lost);
	visitor_release(&visitor);
	world_release(&world);
}

TEST(what_follows_the_end_of_a_turn_is_not_the_next_ones)
{
	struct world   world;
	struct visitor visitor, other;

	world_init(&world, "pool_mode = transaction\ndefault_pool_size = 1", DATABASE);
	visitor_init(&visitor, &world, "db", "alice");
	visitor_init(&other, &world, "db", "alice");
	world.fake.mute = true;
	visitor_get(&visitor);
	visitor_query(&visitor, "ONE");
	UNTIL(&world, world.fake.log.len > 0);
	CHECK(visitor_ask(&other) == AGAIN);
	world.fake.mute = false;
	/* The whole answer, and one more to a question nobody asked. */
	fake_says(&world, 1, "C\0\0\0\10ONE\0Z\0\0\0\5IC\0\0\0\10TWO\0Z\0\0\0\5I", 30);
	UNTIL(&world, other.server);
	CHECK_INT_EQ(world.fake.count, 2);
	CHECK_TEXT_EQ(visitor_got(&visitor), "CZ");
	CHECK_TEXT_EQ(visitor_got(&other), "");
	visitor_release(&visitor);
	visitor_release(&other);
	world_release(&world);
}
