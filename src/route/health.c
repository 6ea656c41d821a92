/*
 * States of hosts: what follows from the answers and the silence of one host, and how far behind
 * it is. Called by cluster.c; owns nothing.
 *
 *   UNKNOWN -> UP <-> SUSPECT        DOWN: from every state, when a probe is lost
 *              UP <-> LAGGING        FENCED: from every state that answers
 *
 * Nobody becomes UNKNOWN again, and a host that is down or fenced needs no suspicion.
 */

#include <assert.h>

#include "route_internal.h"

static const bool may_follow[][ENDPOINT_FENCED + 1] = {
	[ENDPOINT_UNKNOWN] = { [ENDPOINT_UP] = true, [ENDPOINT_DOWN] = true,
	                       [ENDPOINT_LAGGING] = true, [ENDPOINT_FENCED] = true },
	[ENDPOINT_UP] = { [ENDPOINT_SUSPECT] = true, [ENDPOINT_DOWN] = true,
	                  [ENDPOINT_LAGGING] = true, [ENDPOINT_FENCED] = true },
	[ENDPOINT_SUSPECT] = { [ENDPOINT_UP] = true, [ENDPOINT_DOWN] = true,
	                       [ENDPOINT_LAGGING] = true, [ENDPOINT_FENCED] = true },
	[ENDPOINT_DOWN] = { [ENDPOINT_UP] = true, [ENDPOINT_LAGGING] = true,
	                    [ENDPOINT_FENCED] = true },
	[ENDPOINT_LAGGING] = { [ENDPOINT_UP] = true, [ENDPOINT_SUSPECT] = true,
	                       [ENDPOINT_DOWN] = true, [ENDPOINT_FENCED] = true },
	[ENDPOINT_FENCED] = { [ENDPOINT_UP] = true, [ENDPOINT_DOWN] = true,
	                      [ENDPOINT_LAGGING] = true },
};

void endpoint_enter(struct endpoint *endpoint, enum endpoint_state state)
{
	if (endpoint->state == state)
		return;
	assert(may_follow[endpoint->state][state]);
	(void)may_follow;
	endpoint->state = state;
}

void health_forget(struct endpoint *endpoint)
{
	endpoint->timeline = 0;
	endpoint->position = 0;
	endpoint->reached = 0;
	endpoint->reached_sent = MOMENT_NEVER;
	endpoint->own_lag.us = -1;
}

/*
 * The age of the newest state of the primary that it has, on our clock. Who has the newest one
 * known is not behind: so an idle primary makes nobody late.
 */
struct span health_lag(const struct cluster *cluster, unsigned host, struct moment now)
{
	const struct endpoint *endpoint = &cluster->endpoints[host];
	const struct round    *newest = cluster_newest(cluster);
	struct span            lag = { -1 };

	if (endpoint->role != ROLE_REPLICA || !endpoint->reached)
		return lag;
	lag.us = 0;
	if (newest && newest->number > endpoint->reached)
		lag = moment_between(endpoint->reached_sent, now);
	return endpoint->own_lag.us > lag.us ? endpoint->own_lag : lag;
}

uint64_t health_lag_bytes(const struct cluster *cluster, unsigned host)
{
	const struct round *newest = cluster_newest(cluster);
	uint64_t            has = cluster->endpoints[host].position;

	return newest && newest->position > has ? newest->position - has : 0;
}

bool health_is_placed(const struct cluster *cluster, unsigned host)
{
	const struct endpoint *endpoint = &cluster->endpoints[host];

	if (endpoint->role == ROLE_PRIMARY || endpoint->reached > 0)
		return true;
	return cluster->primary < 0 && !cluster->split && cluster->floor == 0;
}

bool health_is_late(const struct cluster *cluster, unsigned host, struct moment now)
{
	const struct cluster_options *options = &cluster->options;
	struct span                   lag = health_lag(cluster, host, now);

	if (options->max_lag.us > 0 && lag.us > options->max_lag.us)
		return true;
	return options->max_lag_bytes > 0 && lag.us >= 0 &&
	       health_lag_bytes(cluster, host) > options->max_lag_bytes;
}

enum endpoint_state health_judge(const struct cluster *cluster, unsigned host, struct moment now)
{
	const struct endpoint *endpoint = &cluster->endpoints[host];

	if (endpoint->role == ROLE_PRIMARY)
		return !cluster->settled || cluster->primary == (int)host ? ENDPOINT_UP
		                                                          : ENDPOINT_FENCED;
	if (cluster->timeline && cluster->settled && !cluster_follows(cluster, endpoint))
		return ENDPOINT_FENCED;
	if (!health_is_placed(cluster, host) || health_is_late(cluster, host, now) ||
	    !moment_reached(endpoint->lagging_until, now))
		return ENDPOINT_LAGGING;
	return ENDPOINT_UP;
}
