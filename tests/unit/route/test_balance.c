#include "route_test.h"

/* h0 is the primary; the replicas have these weights. */
static struct cluster *cluster_of(enum balance_method method, unsigned a, unsigned b, unsigned c)
{
	struct cluster_options options = options_of(4);
	struct cluster        *cluster;

	options.balance = method;
	test_hosts[1].weight = a;
	test_hosts[2].weight = b;
	test_hosts[3].weight = c;
	cluster = cluster_new(&options);
	if (cluster)
		all_is_well(cluster, 4, 100);
	return cluster;
}

TEST(round_robin_spreads_by_weight_and_evenly)
{
	static const unsigned expected[] = { 1, 2, 3, 1, 1, 2, 3, 1 };
	struct cluster       *cluster = cluster_of(BALANCE_ROUND_ROBIN, 2, 1, 1);

	REQUIRE(cluster != NULL);
	for (size_t i = 0; i < COUNT_OF(expected); i++)
		CHECK_UINT_EQ(read_needing(cluster, 0).host, expected[i]);
	cluster_free(cluster);
}

TEST(round_robin_goes_on_when_one_is_missing)
{
	struct cluster *cluster = cluster_of(BALANCE_ROUND_ROBIN, 1, 1, 1);
	unsigned        count[4] = { 0 };

	REQUIRE(cluster != NULL);
	silence(cluster, 2);
	for (int i = 0; i < 100; i++)
		count[read_needing(cluster, 0).host]++;
	CHECK_UINT_EQ(count[1], 50);
	CHECK_UINT_EQ(count[2], 0);
	CHECK_UINT_EQ(count[3], 50);
	cluster_free(cluster);
}

TEST(least_connections_looks_at_what_is_under_way)
{
	struct cluster *cluster = cluster_of(BALANCE_LEAST_CONNECTIONS, 1, 1, 1);

	REQUIRE(cluster != NULL);
	cluster_count(cluster, 1, 1);
	cluster_count(cluster, 3, 1);
	for (int i = 0; i < 3; i++)
		CHECK_UINT_EQ(read_needing(cluster, 0).host, 2);
	cluster_count(cluster, 2, 1);
	cluster_count(cluster, 2, 1);
	cluster_count(cluster, 3, -1);
	CHECK_UINT_EQ(read_needing(cluster, 0).host, 3);
	cluster_free(cluster);
}

TEST(least_connections_weighs_and_takes_turns_among_equals)
{
	struct cluster *cluster = cluster_of(BALANCE_LEAST_CONNECTIONS, 4, 1, 1);
	unsigned        count[4] = { 0 };

	REQUIRE(cluster != NULL);
	cluster_count(cluster, 1, 1);
	cluster_count(cluster, 1, 1);
	/* 3 of 4 shares against 1 of 1 */
	CHECK_UINT_EQ(read_needing(cluster, 0).host, 1);
	cluster_count(cluster, 1, 1);
	for (int i = 0; i < 60; i++)
		count[read_needing(cluster, 0).host]++;
	CHECK_UINT_EQ(count[1], 40);
	CHECK_UINT_EQ(count[2], 10);
	CHECK_UINT_EQ(count[3], 10);
	cluster_free(cluster);
}

/* How often each is drawn when the random word runs evenly through its range. */
static void draw_all(struct cluster *cluster, unsigned count[4])
{
	struct route_request request = { .reads = true, .available = ALL };

	for (uint64_t i = 0; i < 1000; i++) {
		request.random = (uint32_t)((i << 32) / 1000);
		count[policy_choose(cluster, &request, test_now).host]++;
	}
}

TEST(random_draws_by_weight)
{
	struct cluster *cluster = cluster_of(BALANCE_RANDOM, 5, 3, 2);
	unsigned        count[4] = { 0 };

	REQUIRE(cluster != NULL);
	draw_all(cluster, count);
	CHECK_UINT_EQ(count[0], 0);
	CHECK(count[1] >= 499 && count[1] <= 501);
	CHECK(count[2] >= 299 && count[2] <= 301);
	CHECK(count[3] >= 199 && count[3] <= 201);
	cluster_free(cluster);
}

TEST(latency_prefers_who_answers_sooner)
{
	struct cluster *cluster = cluster_of(BALANCE_LATENCY, 1, 1, 1);
	unsigned        count[4] = { 0 };

	REQUIRE(cluster != NULL);
	for (int i = 0; i < 100; i++) {
		struct probe_facts facts = facts_of(true, 1, 100);

		facts.latency.us = 9950;
		cluster_take_facts(cluster, 3, &facts, test_now);
		facts.latency.us = 950;
		cluster_take_facts(cluster, 1, &facts, test_now);
		cluster_take_facts(cluster, 2, &facts, test_now);
	}
	draw_all(cluster, count);
	CHECK(count[1] > 450 && count[2] > 450);
	CHECK(count[3] > 30 && count[3] < 70);
	cluster_free(cluster);
}
