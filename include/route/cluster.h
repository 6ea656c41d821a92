#ifndef ROUTE_CLUSTER_H
#define ROUTE_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/moment.h"
#include "base/result.h"
#include "base/text.h"
#include "route/cluster_options.h"

/*
 * The hosts behind one database entry and what is known of each: role, timeline, position, lag,
 * health. Facts go in (probes, failures of connections), changes come out; nothing here asks or
 * closes anything. Rounds of probes are numbered from 1 (see route/position.h).
 */

enum endpoint_role { ROLE_UNKNOWN, ROLE_PRIMARY, ROLE_REPLICA };

enum endpoint_state {
	ENDPOINT_UNKNOWN, /* not heard of yet */
	ENDPOINT_UP,
	ENDPOINT_SUSPECT, /* a failure was seen, the probe has not said yet */
	ENDPOINT_DOWN,    /* does not answer */
	ENDPOINT_LAGGING, /* a replica too far behind, until replica_retry_after */
	ENDPOINT_FENCED,  /* not of this cluster, of an old timeline, or a second primary */
};

struct cluster;

struct cluster *cluster_new(const struct cluster_options *options) MUST_USE;
void cluster_free(struct cluster *cluster); /* NULL is allowed */
/*
 * Other options after a reload, with what is known of hosts that stay; indexes of hosts are those
 * of the new list. BROKEN without memory: nothing changed. Texts of the options are copied.
 */
enum result cluster_set_options(struct cluster *cluster,
                                const struct cluster_options *options) MUST_USE;
/* The present ones, but for hosts (NULL), which cluster_endpoint shows. */
const struct cluster_options *cluster_options(const struct cluster *cluster);
/* The index of a host, or -1. */
int cluster_find(const struct cluster *cluster, struct slice host, int port);

/*
 * Who probes: told, at most once for each round, that a read lacks one that was not sent yet
 * (nothing may be changed inside), and that the cluster is being freed. NULL: nobody.
 */
struct cluster_watcher {
	void (*on_wanted)(void *ctx);
	void (*on_gone)(void *ctx);
	void *ctx;
};
void cluster_watch(struct cluster *cluster, const struct cluster_watcher *watcher);

/* What one probe of one host said. */
struct probe_facts {
	bool          answered;    /* false: it could not be reached or did not answer in time */
	bool          refused;     /* not answered, but alive: it let us not in */
	struct moment asked;       /* when the question was sent */
	struct span   latency;
	bool          in_recovery;
	uint64_t      system_id;
	uint32_t      timeline;
	int64_t       started_us;  /* pg_postmaster_start_time, any epoch: only compared */
	uint64_t      position;    /* insert position of a primary, replay position of a replica */
	uint64_t      round;       /* the round this question belonged to; 0: none */
	struct span   own_lag;     /* what lag_query said; negative: there is none */
	bool          reconnected; /* first answer on a new connection */
};

/* What follows from facts; bits are indexes of hosts. */
struct cluster_change {
	uint64_t close;        /* their servers are closed, lent ones too: nothing is sent there */
	uint64_t requeue;      /* those who wait for their servers are to decide anew */
	bool     wake;         /* those held may decide anew */
	bool     primary_moved;
	bool     split_brain;  /* two primaries: begins now */
	uint64_t log;          /* their state or role changed: worth a line */
};

/* Takes the answer (or silence) of host. */
struct cluster_change cluster_take_facts(struct cluster *cluster, unsigned host,
                                         const struct probe_facts *facts, struct moment now);
/*
 * A connection to host failed, or a server of it said something that smells of a change (25006,
 * 57P01 to 57P03, 08xxx). True: it should be probed at once.
 */
bool cluster_note_trouble(struct cluster *cluster, unsigned host, struct moment now);
/* DRAIN, UNDRAIN: no new transaction goes to a drained host. */
struct cluster_change cluster_drain(struct cluster *cluster, unsigned host, bool drained);
/* A planned FAILOVER: writes are held until this is ended. */
struct cluster_change cluster_hold_writes(struct cluster *cluster, bool held);

/* What SHOW CLUSTERS says of a host. */
struct endpoint_facts {
	struct slice        host;
	int                 port;
	enum endpoint_role  role;
	enum endpoint_state state;
	bool                drained, is_primary; /* the one that writes go to */
	uint32_t            timeline;
	uint64_t            position;
	struct span         lag;       /* negative: not known */
	uint64_t            lag_bytes; /* meaningful when lag is known */
	uint64_t            reached;   /* newest round it has replayed */
	unsigned            weight;
	bool                backup;
	unsigned            lent;      /* transactions on it now */
	struct span         latency;   /* smoothed; negative: not known */
	struct moment       answered;  /* last answer */
};
void cluster_endpoint(const struct cluster *cluster, unsigned host, struct moment now,
                      struct endpoint_facts *facts);
/* The host that writes go to, or -1: none, or two of them. */
int cluster_primary(const struct cluster *cluster);
const char *endpoint_role_name(enum endpoint_role role);
const char *endpoint_state_name(enum endpoint_state state);

/* A transaction begins (1) or ends (-1) on host: for least-connections and SHOW CLUSTERS. */
void cluster_count(struct cluster *cluster, unsigned host, int change);

#endif
