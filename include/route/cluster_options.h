#ifndef ROUTE_CLUSTER_OPTIONS_H
#define ROUTE_CLUSTER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/moment.h"
#include "base/text.h"
#include "conf/routing_choice.h"

/* What an operator says of the hosts behind an entry and of how to choose among them. */

#define CLUSTER_MAX_HOSTS 64 /* sets of hosts are bits of a uint64_t */

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
