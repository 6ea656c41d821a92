#ifndef PROBER_INTERNAL_H
#define PROBER_INTERNAL_H

#include "net/timer.h"
#include "probe/prober.h"
#include "probe_internal.h"

/* What the files of the prober share. */

struct probed {
	struct prober *prober;
	unsigned index; /* in the cluster */
	char *host;	/* owned */
	int port;
	struct link *link;
	struct moment asked; /* when last; never: not yet */
	struct span pause;   /* until a replica that lacks a round is asked again; or 0 */
	bool hurry;	     /* ask as soon as it may be */
	uint64_t round;	     /* of the question under way; 0: none */
	char error[200];
};

struct prober {
	struct loop *loop;
	struct resolver *resolver;
	struct cluster *cluster; /* NULL: gone */
	struct prober_options options; /* name: owned */
	char *name;
	const struct settings *settings; /* a reference; NULL: nothing to do yet */
	const struct database_settings *entry;
	char *dbname, *user, *password; /* owned; may be NULL */
	struct span interval, timeout;
	struct probed *hosts[CLUSTER_MAX_HOSTS];
	unsigned count;
	struct timer timer;
	struct loop_task task; /* looks at what is due; reaps */
	struct moment round_sent;
	struct moment alarmed; /* since when there is no primary, or a silent one; or never */
	bool freed;

	/* functions.c */
	struct link *book_link;
	struct moment book_due;
	uint64_t book_hash; /* of the rows of the last book */

	/* errand */
	struct link *errand;
	void (*on_errand)(void *ctx, const struct link_answer *answer);
	void *errand_ctx;
};

/* ---- prober.c ---- */

/* Where host leads, for a link. */
struct link_target prober_target(const struct prober *prober, unsigned host);
/* Asks host now; it is not busy. */
void prober_ask(struct prober *prober, struct probed *probed);

/* ---- schedule.c ---- */

/* Asks whom it is time to ask, and sets the timer for the next. */
void schedule_run(struct prober *prober);
/* An answer of probed was taken, good or bad: when to ask again. */
void schedule_answered(struct prober *prober, struct probed *probed, bool answered);

/* ---- functions.c ---- */

/* Reads the functions if it is time and there is a host for it. */
void functions_run(struct prober *prober);

#endif
