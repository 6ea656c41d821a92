/*
 * Which host serves a transaction, and why not another. Called by sessions for each
 * transaction; owns nothing. What always holds: a write goes to the elected primary or nowhere;
 * a read goes to a replica only if that one follows the newest timeline and has reached the
 * round the read needs.
 */

#include "route/policy.h"

#include "route_internal.h"

#define BIT(host) (UINT64_C(1) << (host))

static const struct {
	const char *name, *text;
} reasons[ROUTE_REASONS] = {
	[ROUTE_WRITE] = { "write", "not provably a read: to the primary" },
	[ROUTE_READ] = { "read", "a read: to a replica" },
	[ROUTE_READ_ONLY_BLOCK] = { "read_only_block",
	                            "a block that says READ ONLY: to a replica" },
	[ROUTE_WISH_PRIMARY] = { "wish_primary", "the application asked for the primary" },
	[ROUTE_WISH_REPLICA] = { "wish_replica", "the application asked for a replica" },
	[ROUTE_NOT_FRESH] = { "not_fresh",
	                      "no replica has replayed what it must see: to the primary" },
	[ROUTE_LAG] = { "lag", "all replicas are too far behind: to the primary" },
	[ROUTE_NO_REPLICA] = { "no_replica", "no replica is up and lets us in: to the primary" },
	[ROUTE_REFUSED] = { "refused", "a replica refused or cancelled it: to the primary" },
	[ROUTE_SPLIT_OFF] = { "target", "where target_session_attrs says" },
	[ROUTE_SESSION] = { "session", "session pooling: the whole session goes to the primary" },
	[ROUTE_KEEPS] = { "session_state",
	                  "a read, but its session has what replicas lack: to the primary" },
	[ROUTE_HELD_NO_PRIMARY] = { "held_no_primary", "held: there is no primary now" },
	[ROUTE_HELD_SPLIT] = { "held_split", "held: two hosts claim to be the primary" },
	[ROUTE_HELD_FAILOVER] = { "held_failover", "held: the primary is being moved" },
	[ROUTE_HELD_NO_REPLICA] = { "held_no_replica", "held or refused: no replica can take it" },
};

const char *route_reason_name(enum route_reason reason)
{
	return reasons[reason].name;
}

const char *route_reason_text(enum route_reason reason)
{
	return reasons[reason].text;
}

/* ---- why a host takes no read ---- */

enum obstacle {
	OBSTACLE_NONE,
	OBSTACLE_PRIMARY,
	OBSTACLE_UNKNOWN,
	OBSTACLE_SUSPECT,
	OBSTACLE_DOWN,
	OBSTACLE_LAG,
	OBSTACLE_FENCED,
	OBSTACLE_DRAINED,
	OBSTACLE_REFUSED,
	OBSTACLE_TIMELINE,
	OBSTACLE_NOT_FRESH,
	OBSTACLE_REFUSING,
};

static const char *const obstacle_texts[] = {
	[OBSTACLE_NONE] = "can take it",
	[OBSTACLE_PRIMARY] = "is the primary",
	[OBSTACLE_UNKNOWN] = "has not been heard of yet",
	[OBSTACLE_SUSPECT] = "failed a moment ago, being asked",
	[OBSTACLE_DOWN] = "is down",
	[OBSTACLE_LAG] = "is too far behind",
	[OBSTACLE_FENCED] = "is of an old timeline, another system, or a second primary",
	[OBSTACLE_DRAINED] = "is drained",
	[OBSTACLE_REFUSED] = "has refused it already",
	[OBSTACLE_TIMELINE] = "is not known to have replayed anything of the newest timeline",
	[OBSTACLE_NOT_FRESH] = "has not replayed what it must see yet",
	[OBSTACLE_REFUSING] = "lets no connection in now",
};

static enum obstacle obstacle_to_read(const struct cluster *cluster,
                                      const struct route_request *request, unsigned host)
{
	static const enum obstacle by_state[] = {
		[ENDPOINT_UNKNOWN] = OBSTACLE_UNKNOWN, [ENDPOINT_UP] = OBSTACLE_NONE,
		[ENDPOINT_SUSPECT] = OBSTACLE_SUSPECT, [ENDPOINT_DOWN] = OBSTACLE_DOWN,
		[ENDPOINT_LAGGING] = OBSTACLE_LAG,     [ENDPOINT_FENCED] = OBSTACLE_FENCED,
	};
	const struct endpoint *endpoint = &cluster->endpoints[host];

	if (endpoint->state == ENDPOINT_LAGGING && !health_is_placed(cluster, host))
		return OBSTACLE_TIMELINE;
	if (by_state[endpoint->state] != OBSTACLE_NONE)
		return by_state[endpoint->state];
	if (endpoint->role == ROLE_PRIMARY)
		return OBSTACLE_PRIMARY;
	if (endpoint->drained)
		return OBSTACLE_DRAINED;
	if (request->without & BIT(host))
		return OBSTACLE_REFUSED;
	if (!cluster_follows(cluster, endpoint) || !health_is_placed(cluster, host))
		return OBSTACLE_TIMELINE;
	if (endpoint->reached < request->need)
		return OBSTACLE_NOT_FRESH;
	return request->refusing & BIT(host) ? OBSTACLE_REFUSING : OBSTACLE_NONE;
}

/* Who can take the read; *against: bits of the obstacles of the others. */
static uint64_t readers(const struct cluster *cluster, const struct route_request *request,
                        unsigned *against)
{
	uint64_t set = 0;

	*against = 0;
	for (unsigned i = 0; i < cluster->count; i++) {
		enum obstacle obstacle = obstacle_to_read(cluster, request, i);

		*against |= 1u << obstacle;
		if (obstacle == OBSTACLE_NONE)
			set |= BIT(i);
	}
	return set;
}

/* Where nobody else may take it, who refuses is asked all the same: he says why. */
static uint64_t readers_who_refuse(const struct cluster       *cluster,
                                   const struct route_request *request)
{
	struct route_request all = *request;
	unsigned             against;

	all.refusing = 0;
	return readers(cluster, &all, &against);
}

/* Spares only when there is nobody else; of these, those whose pools have room, if any. */
static uint64_t prefer(const struct cluster *cluster, uint64_t set, uint64_t available)
{
	uint64_t regular = 0;

	for (unsigned i = 0; i < cluster->count; i++)
		if (!cluster->endpoints[i].backup && cluster->endpoints[i].weight > 0)
			regular |= BIT(i);
	if (set & regular)
		set &= regular;
	return set & available ? set & available : set;
}

/* ---- choices ---- */

static struct route_choice answer(enum route_answer kind, enum route_reason reason)
{
	return (struct route_choice){ .answer = kind, .reason = reason };
}

static struct route_choice to_primary(const struct cluster *cluster, enum route_reason reason)
{
	struct route_choice choice = answer(ROUTE_TO_HOST, reason);

	if (cluster->split)
		return answer(ROUTE_HOLD, ROUTE_HELD_SPLIT);
	if (cluster->held)
		return answer(ROUTE_HOLD, ROUTE_HELD_FAILOVER);
	if (cluster->primary < 0)
		return answer(ROUTE_HOLD, ROUTE_HELD_NO_PRIMARY);
	choice.host = (unsigned)cluster->primary;
	if (cluster->endpoints[choice.host].state != ENDPOINT_UP ||
	    cluster->endpoints[choice.host].drained)
		return answer(ROUTE_HOLD, ROUTE_HELD_NO_PRIMARY);
	return choice;
}

/* A read that found no replica: against tells why. */
static enum route_reason why_no_replica(unsigned against)
{
	if (against & 1u << OBSTACLE_REFUSED)
		return ROUTE_REFUSED;
	if (against & (1u << OBSTACLE_NOT_FRESH | 1u << OBSTACLE_TIMELINE))
		return ROUTE_NOT_FRESH;
	return against & 1u << OBSTACLE_LAG ? ROUTE_LAG : ROUTE_NO_REPLICA;
}

/* to_primary_allowed: target_session_attrs leaves it. */
static struct route_choice without_replica(const struct cluster       *cluster,
                                           const struct route_request *request, unsigned against,
                                           bool to_primary_allowed)
{
	enum route_reason reason = why_no_replica(against);
	enum no_replica   wanted = cluster->options.when_no_replica;

	/* What a replica refused may be a write: waiting for another replica is of no use. */
	if (to_primary_allowed && reason == ROUTE_REFUSED)
		return to_primary(cluster, reason);
	if (wanted == NO_REPLICA_ERROR)
		return answer(reason != ROUTE_NOT_FRESH || request->waited ? ROUTE_ERROR
		                                                           : ROUTE_HOLD,
		              ROUTE_HELD_NO_REPLICA);
	if (!to_primary_allowed || (wanted == NO_REPLICA_WAIT && !request->waited))
		return answer(ROUTE_HOLD, ROUTE_HELD_NO_REPLICA);
	return to_primary(cluster, reason);
}

static struct route_choice to_replica(const struct cluster       *cluster,
                                      const struct route_request *request,
                                      enum route_reason reason, bool to_primary_allowed,
                                      uint64_t *among)
{
	unsigned            against;
	uint64_t            set = readers(cluster, request, &against);
	struct route_choice choice = answer(ROUTE_TO_HOST, reason);

	if (!set && !to_primary_allowed)
		set = readers_who_refuse(cluster, request);
	if (!set)
		return without_replica(cluster, request, against, to_primary_allowed);
	*among = prefer(cluster, set, request->available);
	choice.host = balance_pick(cluster, *among, request->random);
	choice.on_replica = true;
	choice.reached = cluster->endpoints[choice.host].reached;
	return choice;
}

/* target_session_attrs = any: the primary is one of those that take it. */
static struct route_choice to_any(const struct cluster       *cluster,
                                  const struct route_request *request, uint64_t *among)
{
	unsigned            against;
	uint64_t            set = readers(cluster, request, &against);
	struct route_choice choice = to_primary(cluster, ROUTE_SPLIT_OFF);

	if (choice.answer == ROUTE_TO_HOST && (!set || !(request->refusing & BIT(choice.host))))
		set |= BIT(choice.host);
	if (!set)
		return choice;
	*among = prefer(cluster, set, request->available);
	choice = answer(ROUTE_TO_HOST, ROUTE_SPLIT_OFF);
	choice.host = balance_pick(cluster, *among, request->random);
	choice.on_replica = cluster->endpoints[choice.host].role == ROLE_REPLICA;
	choice.reached = cluster->endpoints[choice.host].reached;
	return choice;
}

static struct route_choice by_split(const struct cluster       *cluster,
                                    const struct route_request *request, uint64_t *among)
{
	enum route_reason reason = ROUTE_READ;

	if (request->wish == WISH_PRIMARY)
		return to_primary(cluster, ROUTE_WISH_PRIMARY);
	if (!request->reads && request->wish != WISH_REPLICA)
		return to_primary(cluster, ROUTE_WRITE);
	if (request->keeps && request->wish != WISH_REPLICA)
		return to_primary(cluster, ROUTE_KEEPS);
	if (request->wish == WISH_REPLICA)
		reason = ROUTE_WISH_REPLICA;
	else if (request->read_only_block)
		reason = ROUTE_READ_ONLY_BLOCK;
	return to_replica(cluster, request, reason, true, among);
}

static struct route_choice decide(const struct cluster       *cluster,
                                  const struct route_request *request, uint64_t *among)
{
	const struct cluster_options *options = &cluster->options;

	switch (options->target) {
	case TARGET_READ_WRITE:
	case TARGET_PRIMARY: return to_primary(cluster, ROUTE_SPLIT_OFF);
	case TARGET_READ_ONLY:
	case TARGET_STANDBY: return to_replica(cluster, request, ROUTE_SPLIT_OFF, false, among);
	case TARGET_ANY:
	case TARGET_PREFER_STANDBY: break;
	}
	if (options->splits)
		return by_split(cluster, request, among);
	if (options->target == TARGET_PREFER_STANDBY)
		return to_replica(cluster, request, ROUTE_SPLIT_OFF, true, among);
	return to_any(cluster, request, among);
}

struct route_choice policy_choose(struct cluster *cluster, const struct route_request *request,
                                  struct moment now)
{
	uint64_t            among = 0;
	struct route_choice choice = decide(cluster, request, &among);

	(void)now;
	if (among)
		balance_move(cluster, among, choice.host);
	if (choice.reason == ROUTE_NOT_FRESH || choice.reason == ROUTE_HELD_NO_REPLICA)
		position_want(cluster, request->need);
	return choice;
}

static const char *why_primary(const struct cluster *cluster, unsigned host)
{
	if (cluster->endpoints[host].drained)
		return obstacle_texts[OBSTACLE_DRAINED];
	return cluster->held ? "is the primary, writes are held" : "is the primary";
}

struct route_choice policy_explain(const struct cluster       *cluster,
                                   const struct route_request *request, struct moment now,
                                   const char *why[CLUSTER_MAX_HOSTS])
{
	uint64_t among = 0;

	(void)now;
	for (unsigned i = 0; i < cluster->count; i++) {
		enum obstacle obstacle = obstacle_to_read(cluster, request, i);

		why[i] = obstacle == OBSTACLE_PRIMARY ? why_primary(cluster, i)
		                                      : obstacle_texts[obstacle];
	}
	return decide(cluster, request, &among);
}
