#include "route_test.h"

static struct cluster *cluster_of(unsigned count)
{
	struct cluster_options options = options_of(count);
	struct cluster        *cluster = cluster_new(&options);

	if (cluster)
		all_is_well(cluster, count, 100);
	return cluster;
}

TEST(it_survives_want_of_memory)
{
	struct cluster_options options = options_of(3);

	WITH_EACH_FAULT(nth)
	{
		struct cluster *cluster = cluster_new(&options);

		if (cluster && cluster_set_options(cluster, &options) == BROKEN)
			CHECK_INT_EQ(cluster_find(cluster, SLICE_LITERAL("h2"), 5432), 2);
		cluster_free(cluster);
	}
}

TEST(nobody_is_primary_before_all_hosts_were_heard)
{
	struct cluster_options options = options_of(3);
	struct cluster        *cluster = cluster_new(&options);
	struct cluster_change  change;

	REQUIRE(cluster != NULL);
	/* the old primary answers first */
	primary_says(cluster, 0, 1, 100, 0);
	CHECK_INT_EQ(cluster_primary(cluster), -1);
	CHECK_INT_EQ(write_now(cluster).answer, ROUTE_HOLD);
	silence(cluster, 2);
	CHECK_INT_EQ(cluster_primary(cluster), -1);
	change = primary_says(cluster, 1, 2, 90, 0);
	CHECK_INT_EQ(cluster_primary(cluster), 1);
	CHECK(change.primary_moved && change.wake);
	CHECK_UINT_EQ(change.close & 1, 1);
	CHECK_INT_EQ(state_of(cluster, 0), ENDPOINT_FENCED);
	CHECK_INT_EQ(write_now(cluster).host, 1);
	cluster_free(cluster);
}

TEST(a_host_that_is_silent_is_down_and_its_servers_are_closed)
{
	struct cluster       *cluster = cluster_of(3);
	struct cluster_change change;

	REQUIRE(cluster != NULL);
	change = silence(cluster, 0);
	CHECK_UINT_EQ(change.close, 1);
	CHECK_UINT_EQ(change.log, 1);
	CHECK_INT_EQ(state_of(cluster, 0), ENDPOINT_DOWN);
	CHECK_INT_EQ(cluster_primary(cluster), -1);
	CHECK_INT_EQ(write_now(cluster).answer, ROUTE_HOLD);
	CHECK_INT_EQ(write_now(cluster).reason, ROUTE_HELD_NO_PRIMARY);
	/* reads go on */
	CHECK_INT_EQ(read_needing(cluster, 1).answer, ROUTE_TO_HOST);
	change = silence(cluster, 0);
	CHECK_UINT_EQ(change.close | change.log, 0);
	CHECK(!change.wake);
	change = primary_says(cluster, 0, 1, 120, 0);
	CHECK(change.wake && change.primary_moved);
	CHECK_INT_EQ(write_now(cluster).answer, ROUTE_TO_HOST);
	cluster_free(cluster);
}

TEST(a_host_that_refuses_only_us_keeps_what_runs_there)
{
	struct cluster       *cluster = cluster_of(2);
	struct probe_facts    facts = { .asked = test_now, .refused = true };
	struct cluster_change change;

	REQUIRE(cluster != NULL);
	change = cluster_take_facts(cluster, 1, &facts, test_now);
	CHECK_UINT_EQ(change.close, 0);
	CHECK_UINT_EQ(change.requeue, 2);
	CHECK_INT_EQ(state_of(cluster, 1), ENDPOINT_DOWN);
	/* now it is gone for all */
	CHECK_UINT_EQ(silence(cluster, 1).close, 2);
	CHECK_UINT_EQ(silence(cluster, 1).close, 0);
	cluster_free(cluster);
}

TEST(a_suspect_is_spared_until_its_probe_says)
{
	struct cluster       *cluster = cluster_of(2);
	struct cluster_change change;

	REQUIRE(cluster != NULL);
	CHECK(cluster_note_trouble(cluster, 0, test_now));
	CHECK(!cluster_note_trouble(cluster, 0, test_now));
	CHECK_INT_EQ(write_now(cluster).answer, ROUTE_HOLD);
	/* another host's answer does not clear it */
	replica_says(cluster, 1, 1, 100);
	CHECK_INT_EQ(state_of(cluster, 0), ENDPOINT_SUSPECT);
	change = primary_says(cluster, 0, 1, 100, 0);
	CHECK(change.wake);
	CHECK_UINT_EQ(change.log | change.close, 0);
	CHECK_INT_EQ(write_now(cluster).answer, ROUTE_TO_HOST);
	CHECK(cluster_note_trouble(cluster, 0, test_now));
	change = silence(cluster, 0);
	CHECK_UINT_EQ(change.log, 1);
	CHECK(!cluster_note_trouble(cluster, 0, test_now));
	cluster_free(cluster);
}

TEST(a_promotion_fences_the_old_primary_and_voids_all_rounds)
{
	struct cluster       *cluster = cluster_of(3);
	struct cluster_change change;
	uint64_t              need;

	REQUIRE(cluster != NULL);
	need = position_need(cluster);
	change = primary_says(cluster, 1, 2, 110, 0);
	CHECK_INT_EQ(cluster_primary(cluster), 1);
	CHECK(change.primary_moved);
	CHECK_UINT_EQ(change.close, 1);
	CHECK_INT_EQ(state_of(cluster, 0), ENDPOINT_FENCED);
	/* h2 still follows the old timeline, however far it is */
	CHECK_INT_EQ(state_of(cluster, 2), ENDPOINT_FENCED);
	CHECK_UINT_EQ(look(cluster, 2).reached, 0);
	replica_says(cluster, 2, 1, 900);
	CHECK_INT_EQ(read_needing(cluster, 0).host, 1);
	/* it follows: but has not reached a round of the new timeline */
	CHECK_UINT_EQ(replica_says(cluster, 2, 2, 110).log, 0);
	CHECK_INT_EQ(state_of(cluster, 2), ENDPOINT_LAGGING);
	CHECK(!read_needing(cluster, 0).on_replica);
	CHECK_INT_EQ(read_needing(cluster, 0).reason, ROUTE_NOT_FRESH);
	primary_says(cluster, 1, 2, 111, position_send_round(cluster, test_now));
	CHECK(!read_needing(cluster, need).on_replica);
	CHECK_UINT_EQ(replica_says(cluster, 2, 2, 111).log, 4);
	CHECK_INT_EQ(state_of(cluster, 2), ENDPOINT_UP);
	CHECK(read_needing(cluster, need).on_replica);
	CHECK_INT_EQ(read_needing(cluster, need).host, 2);
	/* the old primary comes back as it was: never again */
	silence(cluster, 0);
	primary_says(cluster, 0, 1, 5000, 0);
	CHECK_INT_EQ(state_of(cluster, 0), ENDPOINT_FENCED);
	CHECK_INT_EQ(write_now(cluster).host, 1);
	/* rewound, it is a replica like others */
	replica_says(cluster, 0, 2, 111);
	CHECK_INT_EQ(state_of(cluster, 0), ENDPOINT_UP);
	cluster_free(cluster);
}

TEST(a_newer_timeline_that_only_a_replica_knows_stops_writes)
{
	struct cluster       *cluster = cluster_of(3);
	struct cluster_change change;

	REQUIRE(cluster != NULL);
	change = replica_says(cluster, 1, 2, 120);
	CHECK_UINT_EQ(change.close, 1);
	CHECK_INT_EQ(cluster_primary(cluster), -1);
	CHECK_INT_EQ(write_now(cluster).reason, ROUTE_HELD_NO_PRIMARY);
	cluster_free(cluster);
}

TEST(a_round_of_an_old_timeline_that_comes_late_counts_for_nothing)
{
	struct cluster *cluster = cluster_of(2);
	uint64_t        round;

	REQUIRE(cluster != NULL);
	round = position_send_round(cluster, test_now);
	/* asked before, it answers after its promotion to timeline 2 was seen elsewhere */
	replica_says(cluster, 1, 2, 50);
	primary_says(cluster, 0, 2, 200, round);
	replica_says(cluster, 1, 2, 300);
	CHECK_UINT_EQ(look(cluster, 1).reached, 0);
	primary_says(cluster, 0, 2, 210, position_send_round(cluster, test_now));
	CHECK_UINT_EQ(look(cluster, 1).reached, round + 1);
	cluster_free(cluster);
}

TEST(two_primaries_of_one_timeline_stop_all_writes)
{
	struct cluster       *cluster = cluster_of(3);
	struct cluster_change change;

	REQUIRE(cluster != NULL);
	change = primary_says(cluster, 1, 1, 100, 0);
	CHECK(change.split_brain);
	CHECK_UINT_EQ(change.close, 3);
	CHECK_INT_EQ(cluster_primary(cluster), -1);
	CHECK_INT_EQ(write_now(cluster).reason, ROUTE_HELD_SPLIT);
	change = primary_says(cluster, 0, 1, 100, 0);
	CHECK(!change.split_brain);
	/* one wins by a newer timeline */
	change = primary_says(cluster, 1, 2, 100, 0);
	CHECK(change.primary_moved && change.wake);
	CHECK_INT_EQ(write_now(cluster).host, 1);
	CHECK_INT_EQ(state_of(cluster, 0), ENDPOINT_FENCED);
	cluster_free(cluster);
}

TEST(two_primaries_are_one_again_when_one_follows)
{
	struct cluster       *cluster = cluster_of(2);
	struct cluster_change change;

	REQUIRE(cluster != NULL);
	primary_says(cluster, 1, 1, 100, 0);
	change = replica_says(cluster, 1, 1, 100);
	CHECK(change.primary_moved);
	CHECK_INT_EQ(write_now(cluster).host, 0);
	primary_says(cluster, 1, 1, 100, 0);
	CHECK_INT_EQ(write_now(cluster).answer, ROUTE_HOLD);
	silence(cluster, 0);
	CHECK_INT_EQ(write_now(cluster).host, 1);
	cluster_free(cluster);
}

TEST(a_primary_that_became_a_standby_loses_its_servers)
{
	struct cluster       *cluster = cluster_of(2);
	struct cluster_change change;

	REQUIRE(cluster != NULL);
	change = replica_says(cluster, 0, 1, 100);
	CHECK_UINT_EQ(change.close, 1);
	CHECK_INT_EQ(cluster_primary(cluster), -1);
	CHECK_INT_EQ(look(cluster, 0).role, ROLE_REPLICA);
	cluster_free(cluster);
}

TEST(a_host_of_another_system_is_fenced)
{
	struct cluster       *cluster = cluster_of(3);
	struct probe_facts    facts = facts_of(false, 9, 500);
	struct cluster_change change;

	REQUIRE(cluster != NULL);
	facts.system_id = SYSTEM + 1;
	change = cluster_take_facts(cluster, 2, &facts, test_now);
	CHECK_UINT_EQ(change.close, 4);
	CHECK_INT_EQ(state_of(cluster, 2), ENDPOINT_FENCED);
	CHECK_INT_EQ(cluster_primary(cluster), 0);
	facts = facts_of(true, 9, 500);
	facts.system_id = SYSTEM + 1;
	cluster_take_facts(cluster, 2, &facts, test_now);
	CHECK_INT_EQ(state_of(cluster, 2), ENDPOINT_FENCED);
	cluster_free(cluster);
}

TEST(another_system_is_believed_only_when_all_hosts_are_of_it)
{
	struct cluster    *cluster = cluster_of(2);
	struct probe_facts facts = facts_of(false, 1, 500);

	REQUIRE(cluster != NULL);
	facts.system_id = SYSTEM + 1;
	silence(cluster, 0);
	silence(cluster, 1);
	cluster_take_facts(cluster, 0, &facts, test_now);
	CHECK_INT_EQ(cluster_primary(cluster), -1);
	facts.in_recovery = true;
	cluster_take_facts(cluster, 1, &facts, test_now);
	CHECK_INT_EQ(cluster_primary(cluster), 0);
	/* what was reached in the old one is void */
	CHECK_UINT_EQ(look(cluster, 1).reached, 0);
	CHECK(!read_needing(cluster, 0).on_replica);
	cluster_free(cluster);
}

TEST(two_systems_with_as_many_hosts_have_no_primary)
{
	struct cluster_options options = options_of(2);
	struct cluster        *cluster = cluster_new(&options);
	struct probe_facts     facts = facts_of(false, 1, 500);

	REQUIRE(cluster != NULL);
	cluster_take_facts(cluster, 0, &facts, test_now);
	facts.system_id = SYSTEM + 1;
	cluster_take_facts(cluster, 1, &facts, test_now);
	CHECK_INT_EQ(cluster_primary(cluster), -1);
	cluster_free(cluster);
}

TEST(an_undone_promotion_is_forgotten_only_when_all_hosts_say_so)
{
	struct cluster *cluster = cluster_of(3);

	REQUIRE(cluster != NULL);
	primary_says(cluster, 1, 2, 110, 0);
	CHECK_INT_EQ(cluster_primary(cluster), 1);
	silence(cluster, 1);
	primary_says(cluster, 0, 1, 100, 0);
	CHECK_INT_EQ(cluster_primary(cluster), -1);
	{
		struct probe_facts facts = facts_of(true, 1, 100);

		facts.reconnected = true;
		cluster_take_facts(cluster, 1, &facts, test_now);
	}
	CHECK_INT_EQ(cluster_primary(cluster), 0);
	CHECK_INT_EQ(state_of(cluster, 1), ENDPOINT_LAGGING);
	cluster_free(cluster);
}

TEST(lag_is_the_age_of_the_newest_round_reached)
{
	struct cluster *cluster = cluster_of(2);

	REQUIRE(cluster != NULL);
	CHECK_INT_EQ(look(cluster, 1).lag.us, 0);
	/* an idle primary makes nobody late */
	for (int i = 0; i < 100; i++) {
		pass(1000);
		primary_says(cluster, 0, 1, 100, position_send_round(cluster, test_now));
	}
	CHECK_INT_EQ(look(cluster, 1).lag.us, 0);
	primary_says(cluster, 0, 1, 150, position_send_round(cluster, test_now));
	CHECK_INT_EQ(look(cluster, 1).lag.us, 0);
	pass(3000);
	replica_says(cluster, 1, 1, 120);
	CHECK_INT_EQ(look(cluster, 1).lag.us, 3000000);
	CHECK_UINT_EQ(look(cluster, 1).lag_bytes, 30);
	replica_says(cluster, 1, 1, 150);
	CHECK_INT_EQ(look(cluster, 1).lag.us, 0);
	cluster_free(cluster);
}

TEST(a_replica_too_far_behind_is_left_alone_for_a_while)
{
	struct cluster       *cluster = cluster_of(2);
	struct cluster_change change;

	REQUIRE(cluster != NULL);
	pass(10);
	primary_says(cluster, 0, 1, 200, position_send_round(cluster, test_now));
	pass(9000);
	replica_says(cluster, 1, 1, 100);
	CHECK_INT_EQ(state_of(cluster, 1), ENDPOINT_UP);
	pass(2000);
	change = replica_says(cluster, 1, 1, 100);
	CHECK_INT_EQ(state_of(cluster, 1), ENDPOINT_LAGGING);
	CHECK_UINT_EQ(change.requeue, 2);
	CHECK_UINT_EQ(change.close, 0);
	CHECK_INT_EQ(read_needing(cluster, 0).reason, ROUTE_LAG);
	pass(1000);
	replica_says(cluster, 1, 1, 200);
	CHECK_INT_EQ(state_of(cluster, 1), ENDPOINT_LAGGING);
	pass(58000);
	replica_says(cluster, 1, 1, 200);
	CHECK_INT_EQ(state_of(cluster, 1), ENDPOINT_LAGGING);
	pass(2000);
	change = replica_says(cluster, 1, 1, 200);
	CHECK_INT_EQ(state_of(cluster, 1), ENDPOINT_UP);
	CHECK(change.wake);
	CHECK(read_needing(cluster, 0).on_replica);
	cluster_free(cluster);
}

TEST(lag_in_bytes_and_a_lag_of_ones_own_count_too)
{
	struct cluster_options options = options_of(2);
	struct cluster        *cluster;
	struct probe_facts     facts;

	options.max_lag_bytes = 1000;
	options.retry_after.us = 0;
	cluster = cluster_new(&options);
	REQUIRE(cluster != NULL);
	all_is_well(cluster, 2, 100);
	primary_says(cluster, 0, 1, 1100, position_send_round(cluster, test_now));
	CHECK_INT_EQ(state_of(cluster, 1), ENDPOINT_UP);
	primary_says(cluster, 0, 1, 1101, position_send_round(cluster, test_now));
	CHECK_INT_EQ(state_of(cluster, 1), ENDPOINT_LAGGING);
	replica_says(cluster, 1, 1, 1101);
	CHECK_INT_EQ(state_of(cluster, 1), ENDPOINT_UP);
	facts = facts_of(true, 1, 1101);
	facts.own_lag = span_seconds(11);
	cluster_take_facts(cluster, 1, &facts, test_now);
	CHECK_INT_EQ(state_of(cluster, 1), ENDPOINT_LAGGING);
	CHECK_INT_EQ(look(cluster, 1).lag.us, 11000000);
	cluster_free(cluster);
}

TEST(a_drained_host_gets_nothing_new)
{
	struct cluster       *cluster = cluster_of(2);
	struct cluster_change change;

	REQUIRE(cluster != NULL);
	change = cluster_drain(cluster, 1, true);
	CHECK_UINT_EQ(change.requeue, 2);
	CHECK_UINT_EQ(change.close, 0);
	CHECK(!read_needing(cluster, 0).on_replica);
	CHECK(!cluster_drain(cluster, 1, true).wake);
	CHECK(cluster_drain(cluster, 1, false).wake);
	CHECK(read_needing(cluster, 0).on_replica);
	cluster_drain(cluster, 0, true);
	CHECK_INT_EQ(write_now(cluster).answer, ROUTE_HOLD);
	cluster_free(cluster);
}

TEST(a_planned_failover_holds_writes_not_reads)
{
	struct cluster *cluster = cluster_of(2);

	REQUIRE(cluster != NULL);
	CHECK_UINT_EQ(cluster_hold_writes(cluster, true).requeue, 1);
	CHECK_INT_EQ(write_now(cluster).reason, ROUTE_HELD_FAILOVER);
	CHECK(read_needing(cluster, 0).on_replica);
	CHECK(cluster_hold_writes(cluster, false).wake);
	CHECK_INT_EQ(write_now(cluster).answer, ROUTE_TO_HOST);
	cluster_free(cluster);
}

TEST(a_reload_keeps_what_is_known_of_hosts_that_stay)
{
	struct cluster        *cluster = cluster_of(3);
	struct cluster_options options = options_of(3);

	REQUIRE(cluster != NULL);
	cluster_count(cluster, 2, 1);
	/* h2, h0: the order changes, h1 goes, h3 comes */
	test_hosts[0].host = SLICE_LITERAL("h2");
	test_hosts[1].host = SLICE_LITERAL("h0");
	test_hosts[2].host = SLICE_LITERAL("h3");
	test_hosts[0].weight = 5;
	CHECK_INT_EQ(cluster_set_options(cluster, &options), OK);
	CHECK_INT_EQ(cluster_primary(cluster), 1);
	CHECK_INT_EQ(state_of(cluster, 0), ENDPOINT_UP);
	CHECK_UINT_EQ(look(cluster, 0).lent, 1);
	CHECK_UINT_EQ(look(cluster, 0).weight, 5);
	CHECK_INT_EQ(state_of(cluster, 2), ENDPOINT_UNKNOWN);
	CHECK_INT_EQ(write_now(cluster).host, 1);
	CHECK_INT_EQ(read_needing(cluster, 1).host, 0);
	cluster_count(cluster, 0, -1);
	cluster_count(cluster, 0, -1);
	CHECK_UINT_EQ(look(cluster, 0).lent, 0);
	cluster_free(cluster);
}
