/*
 * Which of several replicas takes a read: a table of methods. Called by policy.c with a set of
 * hosts that could all take it; owns nothing. Weights of 0 count as 1 here: who has one is in
 * the set only when nobody else is.
 */

#include <assert.h>

#include "route_internal.h"

#define IN(set, host) (((set) >> (host)) & 1)

static int64_t weight_of(const struct cluster *cluster, unsigned host)
{
	unsigned weight = cluster->endpoints[host].weight;

	return weight ? weight : 1;
}

/*
 * Smooth weighted round robin: each turn everybody gains his weight, the richest is taken and
 * pays what all gained. So 2,1,1 gives a b c a, not a a b c.
 */
static unsigned pick_round_robin(const struct cluster *cluster, uint64_t set, uint32_t random)
{
	int      best = -1;
	int64_t  most = 0;

	(void)random;
	for (unsigned i = 0; i < cluster->count; i++) {
		int64_t turn = cluster->endpoints[i].turn + weight_of(cluster, i);

		if (!IN(set, i) || (best >= 0 && turn <= most))
			continue;
		best = (int)i;
		most = turn;
	}
	return (unsigned)best;
}

/* Fewest transactions for its weight; of equals, the one whose turn it is. */
static unsigned pick_least(const struct cluster *cluster, uint64_t set, uint32_t random)
{
	uint64_t least = 0;
	unsigned best = 0;

	for (unsigned i = 0; i < cluster->count; i++) {
		int64_t load = (int64_t)cluster->endpoints[i].lent + 1;
		int64_t best_load = (int64_t)cluster->endpoints[best].lent + 1;
		int64_t order = load * weight_of(cluster, best) - best_load * weight_of(cluster, i);

		if (!IN(set, i))
			continue;
		if (!least || order < 0) {
			least = 0;
			best = i;
		}
		if (!least || order == 0)
			least |= UINT64_C(1) << i;
	}
	return pick_round_robin(cluster, least, random);
}

/* By lot, with shares. */
static unsigned draw(const struct cluster *cluster, uint64_t set,
                     uint64_t (*share)(const struct cluster *, unsigned), uint32_t random)
{
	uint64_t sum = 0, point;
	unsigned last = 0;

	for (unsigned i = 0; i < cluster->count; i++)
		if (IN(set, i))
			sum += share(cluster, i);
	point = (uint64_t)(((unsigned __int128)sum * random) >> 32);
	for (unsigned i = 0; i < cluster->count; i++) {
		if (!IN(set, i))
			continue;
		last = i;
		if (point < share(cluster, i))
			break;
		point -= share(cluster, i);
	}
	return last;
}

static uint64_t share_of_weight(const struct cluster *cluster, unsigned host)
{
	return (uint64_t)weight_of(cluster, host);
}

static unsigned pick_random(const struct cluster *cluster, uint64_t set, uint32_t random)
{
	return draw(cluster, set, share_of_weight, random);
}

/* Half the latency, twice the share; an unknown one counts as a millisecond. */
static uint64_t share_of_latency(const struct cluster *cluster, unsigned host)
{
	int64_t us = cluster->endpoints[host].latency.us;

	if (us < 0)
		us = 1000;
	return (uint64_t)weight_of(cluster, host) * UINT64_C(1000000000) / (uint64_t)(us + 50);
}

static unsigned pick_latency(const struct cluster *cluster, uint64_t set, uint32_t random)
{
	return draw(cluster, set, share_of_latency, random);
}

static unsigned (*const methods[])(const struct cluster *, uint64_t, uint32_t) = {
	[BALANCE_ROUND_ROBIN] = pick_round_robin,
	[BALANCE_LEAST_CONNECTIONS] = pick_least,
	[BALANCE_LATENCY] = pick_latency,
	[BALANCE_RANDOM] = pick_random,
};

unsigned balance_pick(const struct cluster *cluster, uint64_t set, uint32_t random)
{
	unsigned host;

	assert(set != 0);
	host = methods[cluster->options.balance](cluster, set, random);
	assert(IN(set, host));
	return host;
}

void balance_move(struct cluster *cluster, uint64_t set, unsigned host)
{
	int64_t sum = 0;

	for (unsigned i = 0; i < cluster->count; i++) {
		if (!IN(set, i))
			continue;
		cluster->endpoints[i].turn += weight_of(cluster, i);
		sum += weight_of(cluster, i);
	}
	cluster->endpoints[host].turn -= sum;
}
