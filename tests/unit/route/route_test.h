#ifndef ROUTE_TEST_H
#define ROUTE_TEST_H

#include "test.h"

#include "route/cluster.h"
#include "route/policy.h"
#include "route/position.h"

/* What the tests of this folder share: a cluster of hosts h0, h1, ..., and what probes say. */

#define SYSTEM 7
#define ALL    UINT64_MAX

static struct cluster_host test_hosts[CLUSTER_MAX_HOSTS];
static char test_names[CLUSTER_MAX_HOSTS][16];
static struct moment test_now = { 1000000 };

static inline struct cluster_options options_of(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		snprintf(test_names[i], sizeof(test_names[i]), "h%u", i);
		test_hosts[i] = (struct cluster_host){ slice_of(test_names[i]), 5432, 1, false };
	}
	return (struct cluster_options){
		.hosts = test_hosts,
		.count = count,
		.splits = true,
		.max_lag = span_seconds(10),
		.retry_after = span_seconds(60),
	};
}

static inline struct probe_facts facts_of(bool in_recovery, uint32_t timeline, uint64_t position)
{
	return (struct probe_facts){
		.answered = true,
		.asked = test_now,
		.latency = { 500 },
		.in_recovery = in_recovery,
		.system_id = SYSTEM,
		.timeline = timeline,
		.started_us = 1,
		.position = position,
		.own_lag = { -1 },
	};
}

static inline struct cluster_change primary_says(struct cluster *cluster, unsigned host,
						 uint32_t timeline, uint64_t position,
						 uint64_t round)
{
	struct probe_facts facts = facts_of(false, timeline, position);

	facts.round = round;
	return cluster_take_facts(cluster, host, &facts, test_now);
}

static inline struct cluster_change replica_says(struct cluster *cluster, unsigned host,
						 uint32_t timeline, uint64_t position)
{
	struct probe_facts facts = facts_of(true, timeline, position);

	return cluster_take_facts(cluster, host, &facts, test_now);
}

static inline struct cluster_change silence(struct cluster *cluster, unsigned host)
{
	struct probe_facts facts = { .asked = test_now };

	return cluster_take_facts(cluster, host, &facts, test_now);
}

/* h0 primary on timeline 1 at position, all others replicas that have it: one round. */
static inline void all_is_well(struct cluster *cluster, unsigned count, uint64_t position)
{
	uint64_t round;

	primary_says(cluster, 0, 1, position, 0);
	for (unsigned i = 1; i < count; i++)
		replica_says(cluster, i, 1, position);
	round = position_send_round(cluster, test_now);
	primary_says(cluster, 0, 1, position, round);
}

static inline struct endpoint_facts look(const struct cluster *cluster, unsigned host)
{
	struct endpoint_facts facts;

	cluster_endpoint(cluster, host, test_now, &facts);
	return facts;
}

static inline enum endpoint_state state_of(const struct cluster *cluster, unsigned host)
{
	return look(cluster, host).state;
}

static inline struct route_choice read_needing(struct cluster *cluster, uint64_t need)
{
	struct route_request request = { .reads = true, .need = need, .available = ALL };

	return policy_choose(cluster, &request, test_now);
}

static inline struct route_choice write_now(struct cluster *cluster)
{
	struct route_request request = { .available = ALL };

	return policy_choose(cluster, &request, test_now);
}

static inline void pass(int64_t ms)
{
	test_now = moment_after(test_now, span_ms(ms));
}

#endif
