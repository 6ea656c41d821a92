#include "route_test.h"

static struct cluster *cluster_of(unsigned count)
{
	struct cluster_options options = options_of(count);
	struct cluster        *cluster = cluster_new(&options);

	if (cluster)
		all_is_well(cluster, count, 100);
	return cluster;
}

TEST(a_write_is_in_the_next_round_sent)
{
	struct cluster *cluster = cluster_of(2);
	uint64_t        need, round;

	REQUIRE(cluster != NULL);
	need = position_need(cluster);
	CHECK(!read_needing(cluster, need).on_replica);
	/* a round that was under way when the write ended does not count */
	round = position_send_round(cluster, test_now);
	CHECK_UINT_EQ(round, need);
	CHECK_UINT_EQ(position_need(cluster), round + 1);
	primary_says(cluster, 0, 1, 150, round);
	replica_says(cluster, 1, 1, 150);
	CHECK(read_needing(cluster, need).on_replica);
	CHECK_UINT_EQ(read_needing(cluster, need).reached, round);
	CHECK(!read_needing(cluster, round + 1).on_replica);
	cluster_free(cluster);
}

TEST(a_replica_reaches_a_round_when_it_has_replayed_its_position)
{
	struct cluster *cluster = cluster_of(3);
	uint64_t        first, second;

	REQUIRE(cluster != NULL);
	first = position_send_round(cluster, test_now);
	primary_says(cluster, 0, 1, 200, first);
	second = position_send_round(cluster, test_now);
	primary_says(cluster, 0, 1, 300, second);
	replica_says(cluster, 1, 1, 299);
	replica_says(cluster, 2, 1, 199);
	CHECK_UINT_EQ(look(cluster, 1).reached, first);
	CHECK_UINT_EQ(look(cluster, 2).reached, first - 1);
	CHECK_INT_EQ(read_needing(cluster, first).host, 1);
	replica_says(cluster, 2, 1, 300);
	CHECK_UINT_EQ(look(cluster, 2).reached, second);
	cluster_free(cluster);
}

TEST(what_a_replica_said_before_counts_for_a_round_that_comes_after)
{
	struct cluster *cluster = cluster_of(2);

	REQUIRE(cluster != NULL);
	replica_says(cluster, 1, 1, 200);
	CHECK(primary_says(cluster, 0, 1, 200, position_send_round(cluster, test_now)).wake);
	CHECK(read_needing(cluster, 2).on_replica);
	cluster_free(cluster);
}

TEST(a_round_without_answer_is_never_reached)
{
	struct cluster *cluster = cluster_of(2);
	uint64_t        lost = position_send_round(cluster, test_now);

	replica_says(cluster, 1, 1, 1000);
	CHECK(!read_needing(cluster, lost).on_replica);
	primary_says(cluster, 0, 1, 500, position_send_round(cluster, test_now));
	CHECK(read_needing(cluster, lost).on_replica);
	cluster_free(cluster);
}

TEST(a_replica_that_restarted_has_reached_what_it_shows_now)
{
	struct cluster    *cluster = cluster_of(2);
	struct probe_facts facts;

	REQUIRE(cluster != NULL);
	primary_says(cluster, 0, 1, 200, position_send_round(cluster, test_now));
	replica_says(cluster, 1, 1, 200);
	CHECK(read_needing(cluster, 2).on_replica);
	/* back at an older position */
	facts = facts_of(true, 1, 150);
	facts.started_us = 2;
	CHECK_UINT_EQ(cluster_take_facts(cluster, 1, &facts, test_now).close, 2);
	CHECK(!read_needing(cluster, 2).on_replica);
	CHECK_UINT_EQ(look(cluster, 1).reached, 1);
	/* the same when only the connection was lost */
	replica_says(cluster, 1, 1, 200);
	facts.position = 50;
	facts.started_us = 1;
	facts.reconnected = true;
	cluster_take_facts(cluster, 1, &facts, test_now);
	CHECK_UINT_EQ(look(cluster, 1).reached, 0);
	CHECK(!read_needing(cluster, 0).on_replica);
	cluster_free(cluster);
}

TEST(a_primary_that_lost_its_unsynced_end_does_not_make_rounds_unreachable)
{
	struct cluster *cluster = cluster_of(2);
	uint64_t        need;

	REQUIRE(cluster != NULL);
	primary_says(cluster, 0, 1, 1000, position_send_round(cluster, test_now));
	silence(cluster, 0);
	need = position_need(cluster);
	primary_says(cluster, 0, 1, 900, position_send_round(cluster, test_now));
	replica_says(cluster, 1, 1, 900);
	CHECK(read_needing(cluster, need).on_replica);
	cluster_free(cluster);
}

TEST(many_rounds_are_thinned_out_not_lost)
{
	struct cluster *cluster = cluster_of(2);

	REQUIRE(cluster != NULL);
	for (uint64_t i = 0; i < 20000; i++) {
		pass(1);
		primary_says(cluster, 0, 1, 1000 + i, position_send_round(cluster, test_now));
	}
	/* it has caught up to half of that: 10 seconds ago, as near as the kept rounds tell */
	replica_says(cluster, 1, 1, 11000);
	CHECK(look(cluster, 1).lag.us >= 9900000);
	CHECK(look(cluster, 1).lag.us <= 11000000);
	CHECK(look(cluster, 1).reached > 9000 && look(cluster, 1).reached <= 10002);
	replica_says(cluster, 1, 1, 20999);
	CHECK_UINT_EQ(look(cluster, 1).reached, 20001);
	cluster_free(cluster);
}

TEST(probing_is_wanted_while_a_read_lacks_a_round)
{
	struct cluster *cluster = cluster_of(2);
	uint64_t        need;

	REQUIRE(cluster != NULL);
	CHECK(!position_is_wanted(cluster));
	need = position_need(cluster);
	CHECK(!position_is_wanted(cluster));
	(void)read_needing(cluster, need);
	CHECK(position_is_wanted(cluster));
	primary_says(cluster, 0, 1, 200, position_send_round(cluster, test_now));
	CHECK(position_is_wanted(cluster));
	replica_says(cluster, 1, 1, 200);
	CHECK(!position_is_wanted(cluster));
	/* without a replica that could reach it there is nothing to hurry for */
	(void)read_needing(cluster, position_need(cluster));
	CHECK(position_is_wanted(cluster));
	silence(cluster, 1);
	CHECK(!position_is_wanted(cluster));
	/* nor for rounds that nobody will send */
	replica_says(cluster, 1, 1, 200);
	primary_says(cluster, 0, 1, 200, position_send_round(cluster, test_now));
	position_want(cluster, UINT64_MAX);
	primary_says(cluster, 0, 1, 200, position_send_round(cluster, test_now));
	CHECK(!position_is_wanted(cluster));
	cluster_free(cluster);
}

TEST(scopes_keep_needs_apart)
{
	struct cluster *cluster = cluster_of(1);

	REQUIRE(cluster != NULL);
	CHECK_UINT_EQ(position_scope_need(cluster, SLICE_LITERAL("a")), 0);
	position_note_scope(cluster, SLICE_LITERAL("a"), 7);
	position_note_scope(cluster, SLICE_LITERAL("a"), 5);
	position_note_scope(cluster, SLICE_LITERAL(""), 3);
	CHECK_UINT_EQ(position_scope_need(cluster, SLICE_LITERAL("a")), 7);
	CHECK_UINT_EQ(position_scope_need(cluster, SLICE_LITERAL("b")), 0);
	CHECK_UINT_EQ(position_scope_need(cluster, SLICE_NONE), 3);
	cluster_free(cluster);
}

TEST(a_scope_forgotten_is_a_need_of_all)
{
	struct cluster *cluster = cluster_of(1);
	char            key[16];

	REQUIRE(cluster != NULL);
	position_note_scope(cluster, SLICE_LITERAL("oldest"), 9);
	position_note_scope(cluster, SLICE_LITERAL("kept"), 8);
	for (int i = 0; i < 9998; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		position_note_scope(cluster, slice_of(key), 2);
	}
	CHECK_UINT_EQ(position_scope_need(cluster, SLICE_LITERAL("new")), 0);
	position_note_scope(cluster, SLICE_LITERAL("kept"), 8);
	position_note_scope(cluster, SLICE_LITERAL("one too many"), 1);
	CHECK_UINT_EQ(position_scope_need(cluster, SLICE_LITERAL("oldest")), 9);
	CHECK_UINT_EQ(position_scope_need(cluster, SLICE_LITERAL("one too many")), 9);
	cluster_free(cluster);
}

TEST(a_scope_without_memory_is_a_need_of_all)
{
	struct cluster *cluster = cluster_of(1);

	REQUIRE(cluster != NULL);
	mem_fail_at(1);
	position_note_scope(cluster, SLICE_LITERAL("a"), 4);
	mem_fail_at(0);
	CHECK_UINT_EQ(position_scope_need(cluster, SLICE_LITERAL("a")), 4);
	CHECK_UINT_EQ(position_scope_need(cluster, SLICE_LITERAL("b")), 4);
	cluster_free(cluster);
}

/* ---- as text ---- */

static void check_text(const struct cluster *cluster, uint64_t need, const char *expected)
{
	char   text[80];
	size_t len = position_write(cluster, need, text, sizeof(text));

	CHECK_SLICE_EQ(((struct slice){ text, len }), slice_of(expected));
}

TEST(a_position_is_written_once_its_round_is_answered)
{
	struct cluster *cluster = cluster_of(2);
	uint64_t        need = position_need(cluster);

	REQUIRE(cluster != NULL);
	check_text(cluster, 0, "7/1/0/64");
	check_text(cluster, need, "");
	primary_says(cluster, 0, 1, UINT64_C(0x500000abc), position_send_round(cluster, test_now));
	check_text(cluster, need, "7/1/5/ABC");
	cluster_free(cluster);
}

static uint64_t need_of(struct cluster *cluster, const char *text)
{
	uint64_t need = UINT64_MAX;

	if (position_read(cluster, slice_of(text), &need) != OK)
		return UINT64_MAX;
	return need;
}

TEST(a_position_read_is_the_first_round_that_has_it)
{
	struct cluster *cluster = cluster_of(2);

	REQUIRE(cluster != NULL);
	primary_says(cluster, 0, 1, 0x200, position_send_round(cluster, test_now));
	primary_says(cluster, 0, 1, 0x300, position_send_round(cluster, test_now));
	CHECK_UINT_EQ(need_of(cluster, "7/1/0/10"), 1);
	CHECK_UINT_EQ(need_of(cluster, "7/1/0/200"), 2);
	CHECK_UINT_EQ(need_of(cluster, "7/1/0/201"), 3);
	CHECK_UINT_EQ(need_of(cluster, "7/1/0/301"), 4);
	CHECK_UINT_EQ(need_of(cluster, "7/1/1/0"), 4);
	/* known elsewhere already */
	CHECK_UINT_EQ(need_of(cluster, "7/2/0/10"), 4);
	/* of an older timeline: once this one has begun */
	silence(cluster, 0);
	primary_says(cluster, 1, 2, 0x280, 0);
	CHECK_UINT_EQ(need_of(cluster, "7/1/0/900"), 4);
	cluster_free(cluster);
}

TEST(what_is_no_position_is_refused)
{
	static const char *const texts[] = {
		"", "7", "7/1", "7/1/0", "7/1/0/", "7/1/0/64/1",
		"8/1/0/64", "7/x/0/64", "7/1/0/xyz", "-7/1/0/64", "7/1/0/100000000",
		"7/1/0/64 x", "7/99999999999/0/1", "99999999999999999999999/1/0/1",
	};
	struct cluster *cluster = cluster_of(2);

	REQUIRE(cluster != NULL);
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		if (need_of(cluster, texts[i]) != UINT64_MAX)
			FAIL("\"%s\" was read", texts[i]);
	cluster_free(cluster);
}
