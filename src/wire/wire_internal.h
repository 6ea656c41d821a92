#ifndef WIRE_INTERNAL_H
#define WIRE_INTERNAL_H

#include <stdint.h>

#include "wire/message.h"

/*
 * The message table itself, by side and type byte; rows without a name are no messages. Framing
 * indexes it directly, once a message, instead of calling message_rule.
 */
extern const struct message_rule wire_rules[2][256];

/* A big-endian 32-bit integer (PostgreSQL docs, "Message Data Types"). */
static inline uint32_t wire_load_u32(const char *at)
{
	const unsigned char *byte = (const unsigned char *)at;

	return (uint32_t)byte[0] << 24 | (uint32_t)byte[1] << 16 | (uint32_t)byte[2] << 8 | byte[3];
}

static inline void wire_store_u32(char *at, uint32_t value)
{
	at[0] = (char)(value >> 24);
	at[1] = (char)(value >> 16);
	at[2] = (char)(value >> 8);
	at[3] = (char)value;
}

#endif
