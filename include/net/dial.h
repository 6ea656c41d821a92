#ifndef NET_DIAL_H
#define NET_DIAL_H

#include "base/ending.h"
#include "base/moment.h"
#include "base/result.h"
#include "net/address.h"
#include "net/loop.h"

struct socket_options;
struct resolver;

/*
 * Connects to host:port with a deadline: looks the name up without blocking, tries the
 * addresses in order, each for its share of the time left, ends in one callback.
 */

struct dial;

struct dial_target {
	/* Numeric, a name, "/dir" or "@dir" for a Unix socket; borrowed for the call. */
	const char *host;
	int port;
	struct span timeout;		      /* 0 = none */
	const struct socket_options *options; /* copied */
};

/*
 * Starts. on_done is called exactly once from the loop unless cancelled: with fd >= 0
 * (connected; the callee takes it), or -1, why (END_CONNECT_FAILED, END_CONNECT_TIMEOUT,
 * END_DNS_FAILED) and detail, a text for the log (borrowed for the call). NULL without memory.
 * resolver may be NULL when host is no name.
 */
struct dial *dial_start(struct loop *loop, struct resolver *resolver,
			const struct dial_target *target,
			void (*on_done)(void *ctx, int fd, enum ending why, const char *detail),
			void *ctx) MUST_USE;
/* No callback any more. NULL is allowed; not to be called from or after on_done. */
void dial_cancel(struct dial *dial);

#endif
