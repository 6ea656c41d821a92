/*
 * The hosts behind one entry and what is known of them. Owned by the database; fed with answers
 * by the probes and with failures by connections. Says what follows, does nothing itself. The
 * parts: health.c (one host's state), failover.c (who is primary), position.c (rounds), policy.c
 * and balance.c (the place of a transaction).
 */

#include "route/cluster.h"

#include <assert.h>

#include "base/alloc.h"
#include "route_internal.h"

#define BIT(host) (UINT64_C(1) << (host))

/* ---- life ---- */

static void endpoints_free(struct endpoint *endpoints, unsigned count)
{
	for (unsigned i = 0; endpoints && i < count; i++)
		mem_free(endpoints[i].host);
	mem_free(endpoints);
}

static struct endpoint *endpoints_new(const struct cluster_options *options)
{
	struct endpoint *endpoints = mem_alloc_zero(options->count * sizeof(*endpoints));

	for (unsigned i = 0; endpoints && i < options->count; i++) {
		const struct cluster_host *host = &options->hosts[i];

		endpoints[i].host = mem_copy_text(host->host.data, host->host.len);
		if (!endpoints[i].host) {
			endpoints_free(endpoints, options->count);
			return NULL;
		}
		endpoints[i].port = host->port;
		endpoints[i].weight = host->weight;
		endpoints[i].backup = host->backup;
		endpoints[i].latency.us = -1;
		health_forget(&endpoints[i]);
	}
	return endpoints;
}

static void take_options(struct cluster *cluster, const struct cluster_options *options)
{
	cluster->options = *options;
	cluster->options.hosts = NULL;
}

struct cluster *cluster_new(const struct cluster_options *options)
{
	struct cluster *cluster = mem_alloc_zero(sizeof(*cluster));

	assert(options->count > 0 && options->count <= CLUSTER_MAX_HOSTS);
	if (!cluster)
		return NULL;
	cluster->endpoints = endpoints_new(options);
	if (!cluster->endpoints) {
		mem_free(cluster);
		return NULL;
	}
	cluster->count = options->count;
	cluster->primary = -1;
	take_options(cluster, options);
	position_init(cluster);
	return cluster;
}

void cluster_free(struct cluster *cluster)
{
	if (!cluster)
		return;
	if (cluster->watcher.on_gone)
		cluster->watcher.on_gone(cluster->watcher.ctx);
	position_release(cluster);
	endpoints_free(cluster->endpoints, cluster->count);
	mem_free(cluster);
}

void cluster_watch(struct cluster *cluster, const struct cluster_watcher *watcher)
{
	cluster->watcher = watcher ? *watcher : (struct cluster_watcher){ NULL, NULL, NULL };
}

int cluster_find(const struct cluster *cluster, struct slice host, int port)
{
	for (unsigned i = 0; i < cluster->count; i++)
		if (cluster->endpoints[i].port == port &&
		    slice_equal(slice_of(cluster->endpoints[i].host), host))
			return (int)i;
	return -1;
}

/* What is known of the host goes over to its new place; a host named twice has it once. */
static void inherit(struct endpoint *to, struct endpoint *from)
{
	struct endpoint kept = *to;

	*to = *from;
	to->host = kept.host;
	to->weight = kept.weight;
	to->backup = kept.backup;
	to->turn = 0;
	from->port = -1;
}

enum result cluster_set_options(struct cluster *cluster, const struct cluster_options *options)
{
	struct endpoint *endpoints = endpoints_new(options);
	int              primary = -1;

	if (!endpoints)
		return BROKEN;
	for (unsigned i = 0; i < options->count; i++) {
		int known = cluster_find(cluster, options->hosts[i].host, options->hosts[i].port);

		if (known < 0)
			continue;
		inherit(&endpoints[i], &cluster->endpoints[known]);
		if (known == cluster->primary)
			primary = (int)i;
	}
	endpoints_free(cluster->endpoints, cluster->count);
	cluster->endpoints = endpoints;
	cluster->count = options->count;
	cluster->primary = primary;
	take_options(cluster, options);
	return OK;
}

const struct cluster_options *cluster_options(const struct cluster *cluster)
{
	return &cluster->options;
}

/* ---- facts ---- */

/* What others could see of a cluster before something was learned. */
struct before {
	enum endpoint_role  role[CLUSTER_MAX_HOSTS];
	enum endpoint_state state[CLUSTER_MAX_HOSTS];
	int                 primary;
	bool                split;
};

static void remember(const struct cluster *cluster, struct before *before)
{
	for (unsigned i = 0; i < cluster->count; i++) {
		before->role[i] = cluster->endpoints[i].role;
		before->state[i] = cluster->endpoints[i].state;
	}
	before->primary = cluster->primary;
	before->split = cluster->split;
}

static bool is_of_another_system(const struct cluster *cluster, const struct endpoint *endpoint)
{
	return cluster->system_id && endpoint->system_id != cluster->system_id;
}

/*
 * What lasts for a moment only is not worth a line: a suspicion that comes to nothing, the time
 * before all hosts were heard, before a replica has reached its first round.
 */
static void note_line(struct cluster *cluster, unsigned i, struct cluster_change *change)
{
	struct endpoint *endpoint = &cluster->endpoints[i];

	if (!cluster->settled || endpoint->state == ENDPOINT_SUSPECT ||
	    (endpoint->state == ENDPOINT_LAGGING && !health_is_placed(cluster, i)) ||
	    (endpoint->role == endpoint->said_role && endpoint->state == endpoint->said_state))
		return;
	endpoint->said_role = endpoint->role;
	endpoint->said_state = endpoint->state;
	change->log |= BIT(i);
}

/* Servers of a host that has just become unusable: closed where it could do harm. */
static void compare_host(struct cluster *cluster, const struct before *before, unsigned i,
                         struct cluster_change *change)
{
	struct endpoint *endpoint = &cluster->endpoints[i];
	bool             demoted;

	note_line(cluster, i, change);
	if (endpoint->role == before->role[i] && endpoint->state == before->state[i])
		return;
	change->wake = true;
	demoted = before->role[i] == ROLE_PRIMARY && endpoint->role == ROLE_REPLICA;
	if (endpoint->state != ENDPOINT_UP || demoted)
		change->requeue |= BIT(i);
	if (demoted)
		change->close |= BIT(i);
	if (endpoint->state == ENDPOINT_FENCED && before->state[i] != ENDPOINT_FENCED &&
	    (endpoint->role == ROLE_PRIMARY || is_of_another_system(cluster, endpoint)))
		change->close |= BIT(i);
}

static void compare(struct cluster *cluster, const struct before *before,
                    struct cluster_change *change)
{
	for (unsigned i = 0; i < cluster->count; i++)
		compare_host(cluster, before, i, change);
	if (cluster->primary != before->primary) {
		change->primary_moved = cluster->primary >= 0;
		change->wake = true;
	}
	change->split_brain = cluster->split && !before->split;
}

static void smooth(struct span *latency, struct span sample)
{
	if (sample.us < 0)
		return;
	if (latency->us < 0)
		latency->us = sample.us;
	else
		latency->us += (sample.us - latency->us) / 8;
}

static void take_silence(struct endpoint *endpoint, unsigned host, const struct probe_facts *facts,
                         struct cluster_change *change)
{
	/* Alive, but not for us: what runs there may go on. */
	if (!facts->refused && (endpoint->state != ENDPOINT_DOWN || endpoint->spared))
		change->close |= BIT(host);
	endpoint->spared = facts->refused;
	health_forget(endpoint);
	endpoint_enter(endpoint, ENDPOINT_DOWN);
}

static void take_answer(struct endpoint *endpoint, unsigned host, const struct probe_facts *facts,
                        struct cluster_change *change)
{
	bool restarted = endpoint->started_us && endpoint->started_us != facts->started_us;

	if (restarted)
		change->close |= BIT(host);
	if (restarted || facts->reconnected || endpoint->system_id != facts->system_id)
		health_forget(endpoint);
	endpoint->started_us = facts->started_us;
	endpoint->system_id = facts->system_id;
	endpoint->role = facts->in_recovery ? ROLE_REPLICA : ROLE_PRIMARY;
	/* A replica that runs never goes back, but what it can tell of its timeline lags behind. */
	if (!facts->in_recovery || facts->timeline > endpoint->timeline)
		endpoint->timeline = facts->timeline;
	endpoint->position = facts->position;
	endpoint->own_lag = facts->own_lag;
	endpoint->answered = moment_after(facts->asked, facts->latency);
	smooth(&endpoint->latency, facts->latency);
}

/* States that follow from a new answer of host, and from what it made known of others. */
static void judge(struct cluster *cluster, unsigned host, struct moment now)
{
	for (unsigned i = 0; i < cluster->count; i++) {
		struct endpoint    *endpoint = &cluster->endpoints[i];
		enum endpoint_state state;

		if (i != host && !cluster_has_answered(endpoint))
			continue;
		state = health_judge(cluster, i, now);
		/* Only an answer of its own ends a suspicion well. */
		if (i != host && endpoint->state == ENDPOINT_SUSPECT && state != ENDPOINT_FENCED)
			continue;
		if (state == ENDPOINT_LAGGING && health_is_late(cluster, i, now) &&
		    endpoint->state != ENDPOINT_LAGGING)
			endpoint->lagging_until = moment_after(now, cluster->options.retry_after);
		endpoint_enter(endpoint, state);
	}
}

struct cluster_change cluster_take_facts(struct cluster *cluster, unsigned host,
                                         const struct probe_facts *facts, struct moment now)
{
	struct endpoint      *endpoint = &cluster->endpoints[host];
	struct cluster_change change = { 0 };
	struct before         before;
	bool                  was_settled = cluster->settled;

	assert(host < cluster->count);
	remember(cluster, &before);
	endpoint->heard = true;
	if (facts->answered) {
		take_answer(endpoint, host, facts, &change);
		if (!cluster_has_answered(endpoint))
			endpoint_enter(endpoint, ENDPOINT_UP);
	} else {
		take_silence(endpoint, host, facts, &change);
	}
	if (failover_elect(cluster))
		rounds_void(cluster);
	if (facts->answered && facts->round && cluster->primary == (int)host)
		rounds_add(cluster, facts->round, facts->asked, facts->position);
	change.wake |= rounds_reach(cluster);
	judge(cluster, facts->answered ? host : cluster->count, now);
	compare(cluster, &before, &change);
	change.wake |= cluster->settled && !was_settled;
	return change;
}

bool cluster_note_trouble(struct cluster *cluster, unsigned host, struct moment now)
{
	struct endpoint *endpoint = &cluster->endpoints[host];

	(void)now;
	if (endpoint->state != ENDPOINT_UP && endpoint->state != ENDPOINT_LAGGING)
		return false;
	endpoint_enter(endpoint, ENDPOINT_SUSPECT);
	return true;
}

struct cluster_change cluster_drain(struct cluster *cluster, unsigned host, bool drained)
{
	struct endpoint      *endpoint = &cluster->endpoints[host];
	struct cluster_change change = { 0 };

	if (endpoint->drained == drained)
		return change;
	endpoint->drained = drained;
	change.wake = true;
	if (drained)
		change.requeue = BIT(host);
	return change;
}

struct cluster_change cluster_hold_writes(struct cluster *cluster, bool held)
{
	struct cluster_change change = { 0 };

	if (cluster->held == held)
		return change;
	cluster->held = held;
	change.wake = !held;
	if (held && cluster->primary >= 0)
		change.requeue = BIT(cluster->primary);
	return change;
}

/* ---- looking ---- */

void cluster_endpoint(const struct cluster *cluster, unsigned host, struct moment now,
                      struct endpoint_facts *facts)
{
	const struct endpoint *endpoint = &cluster->endpoints[host];

	*facts = (struct endpoint_facts){
		.host = slice_of(endpoint->host),
		.port = endpoint->port,
		.role = endpoint->role,
		.state = endpoint->state,
		.drained = endpoint->drained,
		.is_primary = cluster->primary == (int)host,
		.timeline = endpoint->timeline,
		.position = endpoint->position,
		.lag = health_lag(cluster, host, now),
		.lag_bytes = health_lag_bytes(cluster, host),
		.reached = endpoint->reached,
		.weight = endpoint->weight,
		.backup = endpoint->backup,
		.lent = endpoint->lent,
		.latency = endpoint->latency,
		.answered = endpoint->answered,
	};
}

int cluster_primary(const struct cluster *cluster)
{
	return cluster->primary;
}

const char *endpoint_role_name(enum endpoint_role role)
{
	static const char *const names[] = {
		[ROLE_UNKNOWN] = "unknown",
		[ROLE_PRIMARY] = "primary",
		[ROLE_REPLICA] = "replica",
	};

	return names[role];
}

const char *endpoint_state_name(enum endpoint_state state)
{
	static const char *const names[] = {
		[ENDPOINT_UNKNOWN] = "unknown", [ENDPOINT_UP] = "up",
		[ENDPOINT_SUSPECT] = "suspect", [ENDPOINT_DOWN] = "down",
		[ENDPOINT_LAGGING] = "lagging", [ENDPOINT_FENCED] = "fenced",
	};

	return names[state];
}

void cluster_count(struct cluster *cluster, unsigned host, int change)
{
	struct endpoint *endpoint = &cluster->endpoints[host];

	/* A host that was dropped and listed again begins with none. */
	if (change > 0 || endpoint->lent > 0)
		endpoint->lent += (unsigned)change;
}
