/* Giving servers back: clean, dirty, abandoned; checks; cancels. */

#include "test.h"

#include "pool/visitor.h"

#define DATABASE "db = host=DIR"
#define TRANSACTION "pool_mode = transaction\n"

TEST(session_mode_resets_a_server_before_the_next_one_has_it)
{
	struct world   world;
	struct visitor visitors[2];

	world_init(&world, "pool_mode = session\ndefault_pool_size = 1", DATABASE);
	visitor_init(&visitors[0], &world, "db", "alice");
	visitor_init(&visitors[1], &world, "db", "alice");
	visitors[0].keeps = visitors[1].keeps = true;
	visitor_do(&visitors[0], "ONE");
	visitor_do(&visitors[0], "TWO");
	CHECK(visitor_ask(&visitors[1]) == AGAIN);
	visitor_give_back(&visitors[0]);
	visitor_do(&visitors[1], "THREE");
	CHECK_TEXT_EQ(world_log(&world), "1:ONE 1:TWO 1:DISCARD ALL 1:THREE");
	visitor_release(&visitors[0]);
	visitor_release(&visitors[1]);
	world_release(&world);
}

TEST(transaction_mode_resets_only_when_told_so)
{
	struct world   world;
	struct visitor visitor;

	world_init(&world, TRANSACTION, DATABASE);
	visitor_init(&visitor, &world, "db", "alice");
	visitor_do(&visitor, "ONE");
	visitor_do(&visitor, "TWO");
	CHECK_TEXT_EQ(world_log(&world), "1:ONE 1:TWO");
	visitor_release(&visitor);
	world_release(&world);

	world_init(&world, TRANSACTION "server_reset_query_always = 1\nserver_reset_query = CLEAN",
	           DATABASE);
	visitor_init(&visitor, &world, "db", "alice");
	visitor_do(&visitor, "ONE");
	visitor_do(&visitor, "TWO");
	CHECK(strstr(world_log(&world), "1:ONE 1:CLEAN 1:TWO") == world_log(&world));
	visitor_release(&visitor);
	world_release(&world);
}

TEST(a_reset_that_fails_ends_the_server)
{
	struct world   world;
	struct visitor visitor;

	world_init(&world, "pool_mode = session\nserver_reset_query = FAIL", DATABASE);
	visitor_init(&visitor, &world, "db", "alice");
	visitor_do(&visitor, "ONE");
	UNTIL(&world, world.fake.open == 0);
	CHECK_TEXT_EQ(world_log(&world), "1:ONE 1:FAIL");
	visitor_release(&visitor);
	world_release(&world);
}

TEST(one_who_leaves_in_a_transaction_costs_a_rollback)
{
	struct world   world;
	struct visitor visitors[2];

	world_init(&world, TRANSACTION "default_pool_size = 1", DATABASE);
	visitor_init(&visitors[0], &world, "db", "alice");
	visitor_init(&visitors[1], &world, "db", "alice");
	visitor_do(&visitors[0], "BEGIN");
	CHECK(visitors[0].server != NULL);
	CHECK_INT_EQ(visitors[0].status, 'T');
	CHECK(visitor_ask(&visitors[1]) == AGAIN);
	visitor_release(&visitors[0]);
	CHECK_INT_EQ(world_facts(&world, visitors[1].pool).servers_tested, 1);
	visitor_do(&visitors[1], "TWO");
	CHECK_TEXT_EQ(world_log(&world), "1:BEGIN 1:ROLLBACK 1:TWO");
	CHECK_INT_EQ(world.fake.cancels, 0);
	visitor_release(&visitors[1]);
	world_release(&world);
}

TEST(one_who_leaves_in_a_query_costs_a_cancel)
{
	struct world   world;
	struct visitor visitors[2];

	world_init(&world, TRANSACTION "default_pool_size = 1", DATABASE);
	visitor_init(&visitors[0], &world, "db", "alice");
	visitor_init(&visitors[1], &world, "db", "alice");
	visitor_do(&visitors[0], "BEGIN");
	visitor_query(&visitors[0], "SLEEP");
	UNTIL(&world, strstr(world_log(&world), "SLEEP"));
	CHECK(visitor_ask(&visitors[1]) == AGAIN);
	visitor_release(&visitors[0]);
	visitor_do(&visitors[1], "TWO");
	CHECK_TEXT_EQ(visitor_got(&visitors[1]), "CZ");
	CHECK_TEXT_EQ(world_log(&world), "1:BEGIN 1:SLEEP 1:ROLLBACK 1:TWO");
	CHECK_INT_EQ(world.fake.cancels, 1);
	CHECK_INT_EQ(world.fake.count, 1);
	visitor_release(&visitors[1]);
	world_release(&world);
}

TEST(what_one_who_says_goodbye_asked_for_is_not_cancelled)
{
	struct world    world;
	struct visitor  visitors[2];
	struct farewell farewell = { .orderly = true };

	world_init(&world, TRANSACTION "default_pool_size = 1", DATABASE);
	visitor_init(&visitors[0], &world, "db", "alice");
	visitor_init(&visitors[1], &world, "db", "alice");
	visitor_get(&visitors[0]);
	visitor_query(&visitors[0], "BEGIN");
	visitor_query(&visitors[0], "SLEEP");
	UNTIL(&world, strstr(world_log(&world), "SLEEP"));
	pool_give_back_after(visitors[0].server, &farewell);
	visitors[0].server = NULL;
	world_spin(&world, 600);
	CHECK_INT_EQ(world.fake.cancels, 0);
	CHECK_INT_EQ(world_facts(&world, visitors[1].pool).servers_tested, 1);
	fake_wake(&world.fake);
	visitor_do(&visitors[1], "TWO");
	CHECK_TEXT_EQ(world_log(&world), "1:BEGIN 1:SLEEP 1:ROLLBACK 1:TWO");
	CHECK_INT_EQ(world.fake.cancels, 0);
	visitor_release(&visitors[0]);
	visitor_release(&visitors[1]);
	world_release(&world);
}

TEST(a_batch_without_sync_is_brought_to_its_end)
{
	struct world   world;
	struct visitor visitors[2];
	struct buffer  parse = BUFFER_EMPTY;

	world_init(&world, TRANSACTION "default_pool_size = 1", DATABASE);
	visitor_init(&visitors[0], &world, "db", "alice");
	visitor_init(&visitors[1], &world, "db", "alice");
	visitor_get(&visitors[0]);
	writer_empty(&parse, 'S');
	visitor_send(&visitors[0], &parse);
	UNTIL(&world, visitors[0].turns == 1);
	buffer_release(&parse);
	CHECK_TEXT_EQ(visitor_got(&visitors[0]), "Z");
	visitor_do(&visitors[1], "TWO");
	CHECK_INT_EQ(world.fake.count, 1);
	visitor_release(&visitors[0]);
	visitor_release(&visitors[1]);
	world_release(&world);
}

TEST(half_a_message_ends_the_server)
{
	struct world   world;
	struct visitor visitor;

	world_init(&world, TRANSACTION, DATABASE);
	visitor_init(&visitor, &world, "db", "alice");
	visitor_get(&visitor);
	pool_give_back(visitor.server, true);
	visitor.server = NULL;
	UNTIL(&world, world.fake.open == 0);
	visitor_release(&visitor);
	world_release(&world);
}

TEST(a_server_that_does_not_come_to_rest_is_closed_in_time)
{
	struct world   world;
	struct visitor visitor;

	world_init(&world, TRANSACTION, DATABASE);
	world.fake.deaf = true;
	visitor_init(&visitor, &world, "db", "alice");
	visitor_get(&visitor);
	visitor_query(&visitor, "SLEEP");
	UNTIL(&world, world.fake.log.len > 0);
	visitor_give_back(&visitor);
	world_spin(&world, 4000);
	CHECK_INT_EQ(world.fake.open, 1);
	UNTIL(&world, world.fake.open == 0);
	/* 250 ms after the first, doubling up to a second, and one at the end. */
	CHECK(world.fake.cancels >= 5 && world.fake.cancels <= 8);
	visitor_release(&visitor);
	world_release(&world);
}

TEST(a_cancel_that_came_too_early_is_repeated)
{
	struct world   world;
	struct visitor visitors[2];

	world_init(&world, TRANSACTION "default_pool_size = 1", DATABASE);
	world.fake.deaf = true;
	visitor_init(&visitors[0], &world, "db", "alice");
	visitor_init(&visitors[1], &world, "db", "alice");
	visitor_get(&visitors[0]);
	visitor_query(&visitors[0], "SLEEP");
	UNTIL(&world, world.fake.log.len > 0);
	visitor_release(&visitors[0]);
	UNTIL(&world, world.fake.cancels == 1);
	world.fake.deaf = false;
	visitor_do(&visitors[1], "TWO");
	CHECK_TEXT_EQ(world_log(&world), "1:SLEEP 1:TWO");
	CHECK_INT_EQ(world.fake.cancels, 2);
	CHECK_INT_EQ(world.fake.count, 1);
	visitor_release(&visitors[1]);
	world_release(&world);
}

TEST(a_server_idle_too_long_is_checked_first)
{
	struct world   world;
	struct visitor visitor;

	world_init(&world, TRANSACTION "server_check_delay = 0.2\nserver_check_query = CHECK",
	           DATABASE);
	visitor_init(&visitor, &world, "db", "alice");
	visitor_do(&visitor, "ONE");
	visitor_do(&visitor, "TWO");
	world_spin(&world, 250);
	visitor_do(&visitor, "THREE");
	CHECK_TEXT_EQ(world_log(&world), "1:ONE 1:TWO 1:CHECK 1:THREE");
	world_spin(&world, 700);
	CHECK_INT_EQ(world_facts(&world, visitor.pool).servers_used, 1);
	visitor_do(&visitor, "FOUR");
	CHECK_TEXT_EQ(world_log(&world), "1:ONE 1:TWO 1:CHECK 1:THREE 1:CHECK 1:FOUR");
	visitor_release(&visitor);
	world_release(&world);
}

TEST(a_check_that_fails_costs_the_server_not_the_client)
{
	struct world   world;
	struct visitor visitor;

	world_init(&world, TRANSACTION "server_check_delay = 0\nserver_check_query = FAIL",
	           DATABASE);
	visitor_init(&visitor, &world, "db", "alice");
	visitor_do(&visitor, "ONE");
	world_spin(&world, 2);
	visitor_do(&visitor, "TWO");
	CHECK_TEXT_EQ(world_log(&world), "1:ONE 1:FAIL 2:TWO");
	visitor_release(&visitor);
	world_release(&world);
}

TEST(the_check_is_an_empty_query_by_default)
{
	struct world   world;
	struct visitor visitor;

	world_init(&world, TRANSACTION "server_check_delay = 0", DATABASE);
	visitor_init(&visitor, &world, "db", "alice");
	visitor_do(&visitor, "ONE");
	world_spin(&world, 2);
	visitor_do(&visitor, "TWO");
	CHECK_TEXT_EQ(world_log(&world), "1:ONE 1: 1:TWO");
	visitor_release(&visitor);
	world_release(&world);
}

/* ---- cancels ---- */

struct requester {
	bool        wanted, done;
	unsigned    asked;
	enum ending why;
};

static bool is_wanted(void *ctx)
{
	struct requester *requester = ctx;

	requester->asked++;
	return requester->wanted;
}

static void on_done(void *ctx, enum ending why)
{
	struct requester *requester = ctx;

	requester->done = true;
	requester->why = why;
}

TEST(a_cancel_reaches_the_query)
{
	struct world     world;
	struct visitor   visitor;
	struct requester requesters[2] = { { .wanted = true }, { .wanted = true } };

	world_init(&world, TRANSACTION, DATABASE);
	visitor_init(&visitor, &world, "db", "alice");
	visitor.keeps = true;
	visitor_get(&visitor);
	visitor_query(&visitor, "SLEEP");
	UNTIL(&world, world.fake.log.len > 0);
	CHECK(canceler_start(visitor.server, is_wanted, on_done, &requesters[0]) == OK);
	CHECK(canceler_start(visitor.server, is_wanted, on_done, &requesters[1]) == OK);
	CHECK(server_has_cancel(visitor.server));
	UNTIL(&world, requesters[0].done && requesters[1].done);
	UNTIL(&world, visitor.turns == 1);
	CHECK_TEXT_EQ(visitor_got(&visitor), "EZ");
	CHECK_INT_EQ(requesters[0].why, END_CANCEL_SENT);
	CHECK_INT_EQ(visitor.settled, 1);
	CHECK(!server_has_cancel(visitor.server));
	/* Both asked before the key was sent: one connection serves them. */
	CHECK_INT_EQ(world.fake.cancels, 1);
	visitor_release(&visitor);
	world_release(&world);
}

TEST(a_cancel_not_wanted_any_more_is_not_sent)
{
	struct world     world;
	struct visitor   visitor;
	struct requester requester = { .wanted = false };

	world_init(&world, TRANSACTION, DATABASE);
	visitor_init(&visitor, &world, "db", "alice");
	visitor_get(&visitor);
	CHECK(canceler_start(visitor.server, is_wanted, on_done, &requester) == OK);
	UNTIL(&world, requester.done);
	CHECK_INT_EQ(requester.why, END_CANCEL_LATE);
	CHECK_INT_EQ(requester.asked, 1);
	CHECK_INT_EQ(visitor.settled, 1);
	CHECK_INT_EQ(world.fake.cancels, 0);
	visitor_release(&visitor);
	world_release(&world);
}

TEST(one_who_gave_up_is_not_asked)
{
	struct world     world;
	struct visitor   visitor;
	struct requester requester = { .wanted = true };

	world_init(&world, TRANSACTION, DATABASE);
	visitor_init(&visitor, &world, "db", "alice");
	visitor_get(&visitor);
	CHECK(canceler_start(visitor.server, is_wanted, on_done, &requester) == OK);
	canceler_forget(visitor.server, &requester);
	UNTIL(&world, visitor.settled == 1);
	CHECK(!requester.done && !requester.asked);
	CHECK_INT_EQ(world.fake.cancels, 0);
	visitor_release(&visitor);
	world_release(&world);
}

TEST(a_cancel_still_dialling_dies_with_the_turn)
{
	struct world     world;
	struct visitor   visitor;
	struct requester requester = { .wanted = true };

	world_init(&world, TRANSACTION, DATABASE);
	visitor_init(&visitor, &world, "db", "alice");
	visitor_get(&visitor);
	CHECK(canceler_start(visitor.server, is_wanted, on_done, &requester) == OK);
	visitor_give_back(&visitor);
	CHECK_INT_EQ(world_facts(&world, visitor.pool).servers_idle, 1);
	UNTIL(&world, requester.done);
	CHECK_INT_EQ(requester.why, END_CANCEL_LATE);
	world_spin(&world, 20);
	CHECK_INT_EQ(world.fake.cancels, 0);
	visitor_release(&visitor);
	world_release(&world);
}

TEST(a_server_is_held_until_its_cancel_is_settled)
{
	struct world      world;
	struct visitor    visitors[2];
	struct requester  requester = { .wanted = true };
	struct pool_facts facts;

	world_init(&world, TRANSACTION "default_pool_size = 1", DATABASE);
	world.fake.hold_cancels = true;
	visitor_init(&visitors[0], &world, "db", "alice");
	visitor_init(&visitors[1], &world, "db", "alice");
	visitor_get(&visitors[0]);
	visitor_query(&visitors[0], "SLEEP");
	UNTIL(&world, world.fake.log.len > 0);
	CHECK(visitor_ask(&visitors[1]) == AGAIN);
	CHECK(canceler_start(visitors[0].server, is_wanted, on_done, &requester) == OK);
	UNTIL(&world, visitors[0].turns == 1);
	world_spin(&world, 20);
	facts = world_facts(&world, visitors[0].pool);
	CHECK_INT_EQ(facts.servers_held, 1);
	CHECK_INT_EQ(facts.cancels_active, 1);
	CHECK(!visitors[1].server && !requester.done);
	fake_release_cancels(&world.fake);
	UNTIL(&world, visitors[1].server);
	CHECK(requester.done);
	visitor_release(&visitors[0]);
	visitor_release(&visitors[1]);
	world_release(&world);
}

TEST(a_cancel_that_is_never_settled_costs_the_server)
{
	struct world     world;
	struct visitor   visitor;
	struct requester requester = { .wanted = true };

	world_init(&world, TRANSACTION "cancel_wait_timeout = 0.3", DATABASE);
	world.fake.hold_cancels = true;
	visitor_init(&visitor, &world, "db", "alice");
	visitor.keeps = true;
	visitor_get(&visitor);
	CHECK(canceler_start(visitor.server, is_wanted, on_done, &requester) == OK);
	UNTIL(&world, visitor.lost);
	CHECK_INT_EQ(visitor.why, END_CANCEL_TIMEOUT);
	UNTIL(&world, requester.done);
	visitor_release(&visitor);
	world_release(&world);
}

TEST(a_cancel_outlives_its_server)
{
	struct world     world;
	struct visitor   visitor;
	struct requester requester = { .wanted = true };

	world_init(&world, TRANSACTION, DATABASE);
	world.fake.hold_cancels = true;
	visitor_init(&visitor, &world, "db", "alice");
	visitor_get(&visitor);
	visitor_query(&visitor, "SLEEP");
	UNTIL(&world, world.fake.log.len > 0);
	CHECK(canceler_start(visitor.server, is_wanted, on_done, &requester) == OK);
	fake_close(fake_find(&world.fake, 1));
	UNTIL(&world, visitor.lost);
	UNTIL(&world, requester.done);
	visitor_release(&visitor);
	world_release(&world);
}

TEST(a_cancel_under_way_is_told_when_all_ends)
{
	struct world     world;
	struct visitor   visitor;
	struct requester requester = { .wanted = true };

	world_init(&world, TRANSACTION, DATABASE);
	visitor_init(&visitor, &world, "db", "alice");
	visitor_get(&visitor);
	visitor_query(&visitor, "SLEEP");
	CHECK(canceler_start(visitor.server, is_wanted, on_done, &requester) == OK);
	pool_discard(visitor.server, END_DAEMON_EXIT);
	visitor.server = NULL;
	visitor_release(&visitor);
	world_release(&world);
	CHECK(requester.done);
}
