/*
 * The layout of cancel keys: the one place that knows where the peer id and the hops are. Pure;
 * who gives keys brings random bytes.
 */
#include "wire/cancel_key.h"

#define PID_LEN   4
#define HOPS_AT   7
#define HOPS_MASK 3u

static uint8_t byte_at(struct slice key, size_t at)
{
	return (uint8_t)key.data[at];
}

void cancel_key_shape(uint8_t *key, unsigned peer_id)
{
	key[0] &= 0x7f;
	if (peer_id == 0)
		return;
	key[1] = (uint8_t)peer_id;
	key[2] = (uint8_t)(peer_id >> 8);
	cancel_key_set_hops(key, CANCEL_KEY_HOPS);
}

unsigned cancel_key_peer(struct slice key)
{
	return byte_at(key, 1) | (unsigned)byte_at(key, 2) << 8;
}

unsigned cancel_key_hops(struct slice key)
{
	return byte_at(key, HOPS_AT) & HOPS_MASK;
}

void cancel_key_set_hops(uint8_t *key, unsigned hops)
{
	key[HOPS_AT] = (uint8_t)((key[HOPS_AT] & ~HOPS_MASK) | (hops & HOPS_MASK));
}

uint32_t cancel_key_pid(struct slice key)
{
	return (uint32_t)byte_at(key, 0) << 24 | (uint32_t)byte_at(key, 1) << 16 |
	       (uint32_t)byte_at(key, 2) << 8 | byte_at(key, 3);
}

struct slice cancel_key_secret(struct slice key)
{
	return (struct slice){ key.data + PID_LEN, key.len - PID_LEN };
}

enum result cancel_key_read(struct slice body, struct slice *key)
{
	if (body.len < CANCEL_KEY_MIN || body.len > CANCEL_KEY_MAX)
		return BROKEN;
	*key = body;
	return OK;
}
