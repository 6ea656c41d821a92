#ifndef POOL_PEERS_H
#define POOL_PEERS_H

#include "base/ending.h"
#include "base/result.h"
#include "base/text.h"
#include "conf/settings.h"

/*
 * The other processes of [peers]: those that may have given the key of a CancelRequest which
 * reached us, because all listen on one port (so_reuseport) or stand behind one balancer. A
 * request is passed on as it came, with one hop less to go; it is settled when the peer has closed
 * the connection, which it does when it has dealt with the request. At most pool_size of an entry
 * are under way to a peer at once, the others wait, each no longer than cancel_wait_timeout.
 */

struct peers;
struct forward;
struct loop;
struct resolver;

/* settings: a reference is taken. NULL without memory. */
struct peers *peers_new(struct loop *loop, struct resolver *resolver,
                        const struct settings *settings) MUST_USE;
/* Nobody may wait for a forward any more (peers_forget). NULL is allowed. */
void peers_free(struct peers *peers);
/* Requests on their way to peers that are gone end with END_PEER_REMOVED. */
void peers_reload(struct peers *peers, const struct settings *settings);

/* True when key (cancel_key_read) is one that a peer gave, as far as it tells. */
bool peers_own(const struct peers *peers, struct slice key);
/*
 * Passes key on to the peer that gave it. END_NONE: it is on its way, on_done follows from the
 * loop, with END_CANCEL_SENT, END_CANCEL_FAILED, END_CANCEL_TIMEOUT or END_PEER_REMOVED, unless
 * peers_forget comes first; *forward stands for it until then. Else why not:
 * END_CANCEL_NO_PEER, END_CANCEL_HOPS, END_NO_MEMORY.
 */
enum ending peers_forward(struct peers *peers, struct slice key,
                          void (*on_done)(void *ctx, enum ending why), void *ctx,
                          struct forward **forward) MUST_USE;
/* Nobody waits any more: one not on its way yet is dropped, else it goes on by itself. */
void peers_forget(struct forward *forward);

/* What SHOW PEERS and SHOW PEER_POOLS say. */
struct peer_facts {
	int         id;
	const char *host; /* borrowed until the next reload */
	int         port;
	unsigned    size;           /* most connections at once; 0 = no limit */
	unsigned    waiting;        /* requests that wait for a connection, or for it to be made */
	unsigned    active;         /* requests whose key was sent */
	unsigned    dialling, sent; /* the connections of both */
};
/* Walks them by id; *cursor 0 begins. False at the end. */
bool     peers_next(const struct peers *peers, size_t *cursor, struct peer_facts *facts);
unsigned peers_count(const struct peers *peers);

#endif
