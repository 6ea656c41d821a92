/*
 * Who is the primary, from what the hosts last said. Called by cluster.c after each answer; owns
 * nothing. What always holds:
 *
 * - nobody is the primary while a host of the same system is known to be on a newer timeline,
 *   whether that one is a primary or follows one that we do not know;
 * - of two primaries on the newest timeline none is;
 * - before every host was heard once, none is: the first to answer may be the one left behind.
 *
 * A timeline or a system that was believed in is given up only when all hosts answer and none is
 * of it: while one is silent, it may be the one that is right.
 */

#include "route_internal.h"

static bool all_answer(const struct cluster *cluster)
{
	for (unsigned i = 0; i < cluster->count; i++)
		if (!cluster_has_answered(&cluster->endpoints[i]))
			return false;
	return true;
}

static bool settle(struct cluster *cluster)
{
	for (unsigned i = 0; !cluster->settled && i < cluster->count; i++)
		if (!cluster->endpoints[i].heard)
			return false;
	cluster->settled = true;
	return true;
}

/* ---- the system ---- */

static unsigned hosts_of(const struct cluster *cluster, uint64_t system_id)
{
	unsigned count = 0;

	for (unsigned i = 0; i < cluster->count; i++)
		count += cluster_has_answered(&cluster->endpoints[i]) &&
		         cluster->endpoints[i].system_id == system_id;
	return count;
}

/* The system of most hosts; 0 when two have as many, or nobody answers. */
static uint64_t common_system(const struct cluster *cluster)
{
	uint64_t best = 0;
	unsigned most = 0;

	for (unsigned i = 0; i < cluster->count; i++) {
		uint64_t system_id = cluster->endpoints[i].system_id;
		unsigned count = hosts_of(cluster, system_id);

		if (!cluster_has_answered(&cluster->endpoints[i]) || system_id == best)
			continue;
		if (count > most)
			best = system_id;
		else if (count == most)
			best = 0;
		most = count > most ? count : most;
	}
	return best;
}

/* True when it is another one than before. */
static bool choose_system(struct cluster *cluster)
{
	uint64_t before = cluster->system_id;

	if (before == 0)
		cluster->system_id = common_system(cluster);
	else if (all_answer(cluster) && hosts_of(cluster, before) == 0)
		cluster->system_id = common_system(cluster);
	return cluster->system_id != before;
}

/* ---- the timeline ---- */

static bool is_ours(const struct cluster *cluster, const struct endpoint *endpoint)
{
	return cluster_has_answered(endpoint) && endpoint->system_id == cluster->system_id;
}

static uint32_t newest_timeline(const struct cluster *cluster)
{
	uint32_t newest = 0;

	for (unsigned i = 0; i < cluster->count; i++) {
		const struct endpoint *endpoint = &cluster->endpoints[i];

		if (is_ours(cluster, endpoint) && endpoint->timeline > newest)
			newest = endpoint->timeline;
	}
	return newest;
}

static bool choose_timeline(struct cluster *cluster, bool other_system)
{
	uint32_t before = cluster->timeline;
	uint32_t newest = newest_timeline(cluster);

	if (newest > before || other_system || (newest && all_answer(cluster)))
		cluster->timeline = newest;
	return before != 0 && cluster->timeline != before;
}

/* ---- the primary ---- */

static void choose_primary(struct cluster *cluster)
{
	unsigned claims = 0;

	cluster->primary = -1;
	for (unsigned i = 0; i < cluster->count; i++) {
		const struct endpoint *endpoint = &cluster->endpoints[i];

		if (!is_ours(cluster, endpoint) || endpoint->role != ROLE_PRIMARY ||
		    endpoint->timeline != cluster->timeline)
			continue;
		claims++;
		cluster->primary = (int)i;
	}
	cluster->split = claims > 1;
	if (cluster->split)
		cluster->primary = -1;
}

bool failover_elect(struct cluster *cluster)
{
	bool knew_system = cluster->system_id != 0;
	bool other_system, other_timeline;

	if (!settle(cluster))
		return false;
	other_system = choose_system(cluster);
	other_timeline = choose_timeline(cluster, other_system) || (other_system && knew_system);
	if (!cluster->system_id) {
		cluster->primary = -1;
		cluster->split = false;
		return other_timeline;
	}
	choose_primary(cluster);
	return other_timeline;
}
