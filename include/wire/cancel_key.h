#ifndef WIRE_CANCEL_KEY_H
#define WIRE_CANCEL_KEY_H

#include <stdint.h>

#include "base/result.h"
#include "base/text.h"

/*
 * Cancel keys as clients are given them: a process id of 4 bytes and a secret behind it, of 4
 * bytes in protocol 3.0 and of 4 to 256 in 3.2 (PostgreSQL docs, "Message Formats",
 * BackendKeyData). Here a key is always both together, in the order of the packets.
 *
 * Where several processes share a port, a CancelRequest may reach another one than that which gave
 * the key. So with a peer id the key says whose it is, laid out as PgBouncer does it, whose
 * processes may be among the peers: bytes 1 and 2 hold the peer id, the lower one first; the two
 * lowest bits of byte 7 say how often the request may still be passed on. The rest is random.
 * The highest bit of byte 0 is never set: a pid is a positive number to all clients.
 */

#define CANCEL_KEY_MIN   8
#define CANCEL_KEY_MAX   260
/* The lengths given out: by protocol 3.0, and by 3.2 where PostgreSQL, too, has a secret of 32. */
#define CANCEL_KEY_SHORT 8
#define CANCEL_KEY_LONG  36
/* What a key given out has for hops. */
#define CANCEL_KEY_HOPS  3

/* Makes a key of random bytes, CANCEL_KEY_MIN or more; peer_id 0: there are no peers. */
void cancel_key_shape(uint8_t *key, unsigned peer_id);
/* Whose key it is; it must be one of a process that has peers. */
unsigned cancel_key_peer(struct slice key);
/* How often it may still be passed on. */
unsigned cancel_key_hops(struct slice key);
void     cancel_key_set_hops(uint8_t *key, unsigned hops);

/* The two parts. */
uint32_t     cancel_key_pid(struct slice key);
struct slice cancel_key_secret(struct slice key);
/* BROKEN: no length a key can have. *key borrows body, of a CancelRequest or BackendKeyData. */
enum result cancel_key_read(struct slice body, struct slice *key) MUST_USE;

#endif
