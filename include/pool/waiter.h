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
struct waiter;

/* Where a waiter stands. */
enum waiter_place {
	WAITER_QUEUES,
	WAITER_HELD,  /* until the cluster changes: no host can take it now */
	WAITER_AGAIN, /* it decides anew at the end of this turn */
};

/* How a waiter is told, from the end-of-turn queue; constant. */
struct waiter_events {
	/* server is lent to borrower (NULL: for_login). */
	void (*on_grant)(struct waiter *waiter, struct server *server);
	/*
	 * There will be none. error: the ErrorResponse message to be passed to the client as it is
	 * (the server's own, or one made of a failure remembered), or SLICE_NONE, then why tells.
	 */
	void (*on_refuse)(struct waiter *waiter, enum ending why, struct slice error);
	/*
	 * The hosts of the cluster are not what they were, so it waits no more and is to decide
	 * anew (resumed is set). NULL: the pool asks again for it.
	 */
	void (*on_again)(struct waiter *waiter);
};

/*
 * What a waiter adds that wants a server of its own (replication). It is lent once, and closed when
 * it is given back. Zeroed before its first use, borrowed while waiting.
 */
struct dedicated {
	/* Settings, name NUL value NUL ..., that a new connection is started with; borrowed. */
	const struct buffer *startup;
	enum replication     replication; /* what it will be */
	struct server       *server;      /* the pool's own: that server, while it logs in */
	struct buffer        error;       /* the pool's own: what it said, for on_refuse */
};

/*
 * A place in a pool's queue; embedded in the session, zeroed before its first use. Every client has
 * one, waiting or not, so it is small.
 */
struct waiter {
	struct list_node            node;
	struct pool                *pool;      /* set while waiting */
	struct moment               since;     /* when it began to wait */
	struct borrower             borrower;  /* to whom the server will be lent */
	const struct waiter_events *events;    /* borrowed */
	struct dedicated           *dedicated; /* NULL: any server of the pool will do */
	/*
	 * A login that only waits for the welcome parameters: it is granted without a server
	 * (server NULL) as soon as pool_welcome is known.
	 */
	bool for_login;
	/* With a pool of one host: granted only while that host is the primary. */
	bool for_primary;
	bool resumed; /* set before pool_ask: it goes on waiting since `since` */
	/* the pool's own */
	enum waiter_place place : 8;
	enum ending       refused : 16; /* it will be, with this, at the end of this turn */
};

_Static_assert(sizeof(struct waiter) <= 72, "every client has one");

#endif
