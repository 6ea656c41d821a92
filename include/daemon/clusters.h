#ifndef DAEMON_CLUSTERS_H
#define DAEMON_CLUSTERS_H

#include "base/moment.h"
#include "base/result.h"
#include "conf/settings.h"

/*
 * Probers for the databases that are clusters: what they find out goes to the pools.
 */

struct clusters;
struct database;
struct loop;
struct pools;
struct resolver;

struct clusters_options {
	struct loop *loop;
	struct resolver *resolver;
	struct pools *pools;
	const struct settings *settings; /* a reference is taken */
};

/* Begins to probe at once. NULL without memory. */
struct clusters *clusters_new(const struct clusters_options *options) MUST_USE;
/* Before the pools are. NULL is allowed. */
void clusters_free(struct clusters *clusters);
/* After pools_reload with the same settings. */
void clusters_reload(struct clusters *clusters, const struct settings *settings);

/* What was wrong with the last answer of a host; "" nothing, or nobody asks. */
const char *clusters_error(const struct clusters *clusters, const struct database *database,
			   unsigned host);
/*
 * Runs sql on a host, on a connection of our own. on_answer gets the first value ("" when there is
 * none) or else the error; once, from the loop, within twice timeout, sooner when the cluster
 * goes; not after clusters_free. BROKEN: it cannot be asked now, or is being asked something.
 */
enum result clusters_run(struct clusters *clusters, const struct database *database, unsigned host,
			 const char *sql, struct span timeout,
			 void (*on_answer)(void *ctx, const char *value, const char *error),
			 void *ctx) MUST_USE;

#endif
