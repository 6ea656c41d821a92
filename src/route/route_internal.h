#ifndef ROUTE_INTERNAL_H
#define ROUTE_INTERNAL_H

#include "base/list.h"
#include "base/map.h"
#include "route/cluster.h"
#include "route/policy.h"
#include "route/position.h"

/* What the files of this folder share of a cluster. */

struct endpoint {
	char    *host; /* owned */
	int      port;
	unsigned weight;
	bool     backup;

	enum endpoint_role  role;
	enum endpoint_state state;
	enum endpoint_role  said_role; /* as last logged */
	enum endpoint_state said_state;
	bool                drained;
	bool                spared; /* down, but its servers were left open: it seemed alive */
	bool                heard; /* a probe has ended, well or not */
	uint64_t            system_id;
	uint32_t            timeline; /* 0: not known since it was last lost */
	int64_t             started_us;
	uint64_t            position;
	uint64_t            reached;      /* newest round it has replayed; 0: none */
	struct moment       reached_sent; /* when that one was sent */
	struct moment       lagging_until;
	struct span         own_lag; /* negative: there is none */
	struct span         latency; /* smoothed; negative: not known */
	struct moment       answered;
	unsigned            lent;
	int64_t             turn; /* of the weighted round robin: the largest is next */
};

/* A round that the primary has answered. */
struct round {
	uint64_t      number;
	uint64_t      position;
	struct moment sent;
};

/* As many as cover the lag of a slow replica: old ones are thinned out, see rounds_add. */
#define ROUNDS_MAX 512
/* Keys of a scope kept apart; more are forgotten into a need of all. */
#define SCOPES_MAX 10000

struct cluster {
	struct cluster_options options; /* hosts: not used, see endpoints */
	struct endpoint       *endpoints;
	unsigned               count;

	bool     settled; /* every host was heard once: before, no primary is believed */
	uint64_t system_id; /* 0: not known */
	uint32_t timeline;  /* the newest known */
	int      primary;   /* -1: none */
	bool     split;     /* two primaries of the newest timeline */
	bool     held;      /* a planned failover */

	uint64_t     sent;   /* newest round sent */
	uint64_t     floor;  /* this round and earlier ones are void */
	uint64_t     wanted; /* newest round that a read lacked */
	struct round rounds[ROUNDS_MAX]; /* of the present timeline, ascending */
	unsigned     round_count;

	struct cluster_watcher watcher;

	struct map  scopes;   /* key -> struct scope */
	struct list by_write; /* the same, least recently written first */
	uint64_t    everyone; /* a need of all keys */
};

static inline bool cluster_has_answered(const struct endpoint *endpoint)
{
	return endpoint->state != ENDPOINT_UNKNOWN && endpoint->state != ENDPOINT_DOWN;
}

/* A replica of this cluster, following its newest timeline. */
static inline bool cluster_follows(const struct cluster *cluster, const struct endpoint *endpoint)
{
	return endpoint->role == ROLE_REPLICA && endpoint->timeline == cluster->timeline &&
	       endpoint->system_id == cluster->system_id && cluster->timeline != 0;
}

/* The newest round answered; NULL: none on this timeline. */
static inline const struct round *cluster_newest(const struct cluster *cluster)
{
	return cluster->round_count ? &cluster->rounds[cluster->round_count - 1] : NULL;
}

/* ---- failover.c ---- */

/*
 * Decides anew which system, timeline and primary the cluster has. True when a newer timeline
 * began: all rounds are void.
 */
bool failover_elect(struct cluster *cluster);

/* ---- health.c ---- */

/* The only way to change a state. */
void endpoint_enter(struct endpoint *endpoint, enum endpoint_state state);
/* Its probe was lost: what it had replayed may be so no longer. */
void health_forget(struct endpoint *endpoint);
/* The state that follows from role, timeline and lag of a host that answers. */
enum endpoint_state health_judge(const struct cluster *cluster, unsigned host, struct moment now);
/* How far host is behind; negative: not known. */
struct span health_lag(const struct cluster *cluster, unsigned host, struct moment now);
uint64_t    health_lag_bytes(const struct cluster *cluster, unsigned host);
/*
 * It is known how far it is. Always true of a primary, and while nobody could tell: without a
 * primary a replica is as good as the data get, unless a timeline ended meanwhile.
 */
bool health_is_placed(const struct cluster *cluster, unsigned host);
/* Too far behind for the options. */
bool health_is_late(const struct cluster *cluster, unsigned host, struct moment now);

/* ---- position.c ---- */

/* The primary has answered a round. */
void rounds_add(struct cluster *cluster, uint64_t number, struct moment sent, uint64_t position);
/* All rounds sent until now are void. */
void rounds_void(struct cluster *cluster);
/* Which rounds the replicas have reached. True when that is more than before for one of them. */
bool rounds_reach(struct cluster *cluster);
void position_init(struct cluster *cluster);
void position_release(struct cluster *cluster);

/* ---- balance.c ---- */

/* One of the hosts of set (not 0); moves nothing. */
unsigned balance_pick(const struct cluster *cluster, uint64_t set, uint32_t random);
/* host was picked among set. */
void balance_move(struct cluster *cluster, uint64_t set, unsigned host);

#endif
