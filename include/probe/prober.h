#ifndef PROBE_PROBER_H
#define PROBE_PROBER_H

#include <stdbool.h>

#include "base/result.h"
#include "conf/settings.h"
#include "net/loop.h"
#include "probe/link.h"
#include "route/cluster.h"

/*
 * Asks the hosts of one cluster what they are, again and again, and passes on what they say. One
 * connection a host. The primary is asked in numbered rounds; when it has answered, the replicas
 * are asked at once, and again and again in growing pauses while they have not reached the round.
 * A read that lacks a round makes us send one early; trouble makes us ask at once; without a
 * primary we ask more often.
 */

struct prober;
struct resolver;
struct function_book; /* sql/function_book.h */

struct prober_options {
	struct loop *loop;
	struct resolver *resolver;
	struct cluster *cluster; /* watched (cluster_watch) until the prober is freed */
	const char *name;	 /* of the database, for the log; copied */
	/* Borrowed for the call. */
	void (*on_change)(void *ctx, const struct cluster_change *change);
	/* What is known of the database's functions; another one than before. Borrowed. */
	void (*on_functions)(void *ctx, struct function_book *functions);
	/* The cluster is being freed: the prober is to be freed, too, now or later. */
	void (*on_gone)(void *ctx);
	void *ctx;
};

/* Asks nobody yet. NULL without memory. */
struct prober *prober_new(const struct prober_options *options) MUST_USE;
/* No callback any more. May be called inside one. NULL is allowed. */
void prober_free(struct prober *prober);

/* Borrowed for the call. */
struct prober_settings {
	const struct settings *settings;
	const struct database_settings *entry;
	const char *dbname;		  /* on the servers */
	const char *user, *password;	  /* NULL: not given */
};
/*
 * How to ask, at first and after each reload (after the cluster's options were set: hosts are
 * matched by name and port). BROKEN without memory: some hosts may not be asked.
 */
enum result prober_follow(struct prober *prober, const struct prober_settings *settings) MUST_USE;

/* Something smells of a change there: ask it at once. */
void prober_hurry(struct prober *prober, unsigned host);
/* What was wrong with the last answer of host; "" nothing. Borrowed until the loop goes on. */
const char *prober_error(const struct prober *prober, unsigned host);
/*
 * Runs sql on host on a connection of its own, once. on_answer as link_ask's; never when the
 * prober is freed before. BROKEN without memory, or while another errand is under way.
 */
enum result prober_send(struct prober *prober, unsigned host, const char *sql, struct span timeout,
			void (*on_answer)(void *ctx, const struct link_answer *answer),
			void *ctx) MUST_USE;

#endif
