#ifndef POOL_WAITER_H
#define POOL_WAITER_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/ending.h"
#include "base/list.h"
#include "base/moment.h"
#include "base/text.h"
#include "pool/server.h"
#include "wire/startup.h"

/* Who waits for a server of a pool: pool/pool.h says how. */

struct pool;

/* Where a waiter stands. */
enum waiter_place {
	WAITER_QUEUES,
	WAITER_HELD,  /* until the cluster changes: no host can take it now */
	WAITER_AGAIN, /* it decides anew at the end of this turn */
};

/* A place in a pool's queue; embedded in the session, zeroed before its first use. */
struct waiter {
	struct list_node node;
	struct pool     *pool;     /* set while waiting */
	struct moment    since;    /* when it began to wait */
	struct borrower  borrower; /* to whom the server will be lent */
	/*
	 * A login that only waits for the welcome parameters: it is granted without a server
	 * (server NULL) as soon as pool_welcome is known.
	 */
	bool             for_login;
	/*
	 * A server of its own (replication): settings, name NUL value NUL ..., that a new
	 * connection is started with, borrowed while waiting; NULL: any server of the pool. It is
	 * lent once, and closed when it is given back.
	 */
	const struct buffer *startup;
	enum replication replication; /* what it will be */
	struct server   *own;      /* the pool's own: that server, while it logs in */
	struct buffer    error;    /* the pool's own: what that server said, for on_refuse */
	/* With a pool of one host: granted only while that host is the primary. */
	bool             for_primary;
	bool             resumed; /* set before pool_ask: it goes on waiting since `since` */
	/* the pool's own */
	enum waiter_place place;
	enum ending       refused; /* it will be, with this, at the end of this turn */
	/* From the end-of-turn queue: server is lent to borrower (NULL: for_login). */
	void (*on_grant)(struct waiter *waiter, struct server *server);
	/*
	 * From the end-of-turn queue: there will be none. error: the ErrorResponse message to be
	 * passed to the client as it is (the server's own, or one made of a failure remembered),
	 * or SLICE_NONE, then why tells.
	 */
	void (*on_refuse)(struct waiter *waiter, enum ending why, struct slice error);
	/*
	 * From the end-of-turn queue: the hosts of the cluster are not what they were, so it waits
	 * no more and is to decide anew (resumed is set). NULL: the pool asks again for it.
	 */
	void (*on_again)(struct waiter *waiter);
};

#endif
