#ifndef ROUTE_CLUSTER_OPTIONS_H
#define ROUTE_CLUSTER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/moment.h"
#include "base/text.h"

/* What an operator says of the hosts behind an entry and of how to choose among them. */

#define CLUSTER_MAX_HOSTS 64 /* sets of hosts are bits of a uint64_t */

enum balance_method {
	BALANCE_ROUND_ROBIN,
	BALANCE_LEAST_CONNECTIONS,
	BALANCE_LATENCY,
	BALANCE_RANDOM,
};

enum no_replica { NO_REPLICA_PRIMARY, NO_REPLICA_WAIT, NO_REPLICA_ERROR };

/* Whose writes a read must see. */
enum read_consistency {
	CONSISTENCY_NONE,
	CONSISTENCY_SESSION,
	CONSISTENCY_USER,
	CONSISTENCY_APPLICATION,
	CONSISTENCY_DATABASE,
};

/* libpq's target_session_attrs, for all of an entry's clients. */
enum session_target {
	TARGET_ANY,
	TARGET_READ_WRITE,
	TARGET_READ_ONLY,
	TARGET_PRIMARY,
	TARGET_STANDBY,
	TARGET_PREFER_STANDBY,
};

struct cluster_host {
	struct slice host;
	int          port;
	unsigned     weight; /* share of the reads, at least 1; 0: none unless it is the last */
	bool         backup; /* reads go there only when no other replica can take them */
};

struct cluster_options {
	const struct cluster_host *hosts; /* copied */
	unsigned                   count; /* 1 to CLUSTER_MAX_HOSTS */
	bool                       splits; /* read_write_split */
	enum session_target        target;
	enum balance_method        balance;
	enum no_replica            when_no_replica;
	enum read_consistency      consistency;
	struct span                max_lag;       /* 0: no limit */
	uint64_t                   max_lag_bytes; /* 0: no limit */
	struct span                retry_after;
};

#endif
