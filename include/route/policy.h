#ifndef ROUTE_POLICY_H
#define ROUTE_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/moment.h"
#include "route/cluster.h"

/* Which host of a cluster serves a transaction, and why. */

enum route_wish { WISH_AUTO, WISH_PRIMARY, WISH_REPLICA };

struct route_request {
	bool            reads;      /* provably a read, or a transaction that says READ ONLY */
	bool            read_only_block; /* of these, a block: it cannot be moved once begun */
	bool            keeps;      /* the session has what no replica has: a temporary table */
	enum route_wish wish;       /* a hint or SET pgcarwash.route */
	uint64_t        need;       /* the newest round it must see; 0: none */
	uint64_t        without;    /* hosts that refused it already */
	bool            waited;     /* long enough for a replica: when_no_replica = wait is over */
	uint32_t        random;     /* a random word */
	uint64_t        available;  /* hosts with room for one more; bits; all set when unknown */
	uint64_t        refusing;   /* hosts that let us not in now: they are for nobody's reads */
};

/* One row each in the table behind route_reason_text: SHOW ROUTES counts by them. */
enum route_reason {
	ROUTE_WRITE,          /* primary: not provably a read */
	ROUTE_READ,           /* replica: a read */
	ROUTE_READ_ONLY_BLOCK,/* replica: a block that says READ ONLY */
	ROUTE_WISH_PRIMARY,   /* primary: the application asked for it */
	ROUTE_WISH_REPLICA,   /* replica: the application asked for it */
	ROUTE_NOT_FRESH,      /* primary: no replica has the client's own writes yet */
	ROUTE_LAG,            /* primary: all replicas are too far behind */
	ROUTE_NO_REPLICA,     /* primary: no replica is up */
	ROUTE_REFUSED,        /* primary: the replica refused it or had to cancel it */
	ROUTE_SPLIT_OFF,      /* by target_session_attrs: the entry does not split */
	ROUTE_SESSION,        /* primary: session pooling, the whole session goes there */
	ROUTE_KEEPS,          /* primary: a read, of a session that keeps something there */
	ROUTE_HELD_NO_PRIMARY,/* held: there is no primary now */
	ROUTE_HELD_SPLIT,     /* held: two primaries */
	ROUTE_HELD_FAILOVER,  /* held: a planned failover */
	ROUTE_HELD_NO_REPLICA,/* held or refused: when_no_replica says so */
	ROUTE_REASONS
};

enum route_answer { ROUTE_TO_HOST, ROUTE_HOLD, ROUTE_ERROR };

struct route_choice {
	enum route_answer answer;
	unsigned          host; /* ROUTE_TO_HOST */
	bool              on_replica;
	uint64_t          reached; /* of that replica: what is read there is at least so new */
	enum route_reason reason;
};

/*
 * Decides, and moves the balancing on. ROUTE_HOLD: to be asked again when the cluster changed
 * (struct cluster_change.wake), for as long as the caller is willing to wait.
 */
struct route_choice policy_choose(struct cluster *cluster, const struct route_request *request,
                                  struct moment now);
/* The same without moving anything; and for each host why it is or is not a candidate. */
struct route_choice policy_explain(const struct cluster *cluster,
                                   const struct route_request *request, struct moment now,
                                   const char *why[CLUSTER_MAX_HOSTS]);
const char *route_reason_name(enum route_reason reason);
const char *route_reason_text(enum route_reason reason);

#endif
