#ifndef NET_RESOLVE_H
#define NET_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/moment.h"
#include "base/result.h"
#include "net/address.h"
#include "net/loop.h"

/*
 * Names to addresses without blocking (libevent's evdns; /etc/hosts and resolv.conf apply),
 * with a cache of good and bad answers.
 */

struct resolver;
struct resolve_request;
struct zones;

struct resolve_answer {
	const struct address *addresses; /* port filled in; borrowed for the call */
	unsigned count;			 /* 0: failed, see error */
	const char *error;
};

/* resolv_conf: NULL or "" = the system's. ttl: how long answers are kept. */
struct resolver *resolver_new(struct loop *loop, const char *resolv_conf, struct span ttl,
			      struct span negative_ttl) MUST_USE;
void resolver_free(struct resolver *resolver);
/*
 * Asks; on_answer comes exactly once, from the loop, also for cached and numeric names, unless
 * cancelled. NULL without memory.
 */
struct resolve_request *resolver_ask(struct resolver *resolver, const char *host, int port,
				     void (*on_answer)(void *ctx, const struct resolve_answer *),
				     void *ctx) MUST_USE;
void resolver_cancel(struct resolve_request *request);
/* How long answers to come are kept, from newer settings. */
void resolver_tune(struct resolver *resolver, struct span ttl, struct span negative_ttl);
/*
 * How often the serial numbers of the names' zones are looked at; when one has changed, what is
 * known of its names is forgotten. 0: never.
 */
void resolver_watch_zones(struct resolver *resolver, struct span period);
/* The zones and their serials; see zones_next. Borrowed for the resolver's life. */
struct zones *resolver_zones(struct resolver *resolver);

/* A name that is kept, for SHOW DNS_HOSTS. Borrowed until the loop goes on. */
struct resolved_name {
	const char *host;
	struct span left; /* until it is asked for anew; not negative */
	const struct address *addresses;
	unsigned count; /* 0: it is known not to exist, or not known yet */
};
/* Walks them in no order; *cursor 0 begins. False at the end. */
bool resolver_next(struct resolver *resolver, size_t *cursor, struct resolved_name *found);
/* For SHOW LISTS: names kept, questions under way. */
unsigned resolver_names(const struct resolver *resolver);
unsigned resolver_pending(const struct resolver *resolver);

#endif
