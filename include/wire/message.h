#ifndef WIRE_MESSAGE_H
#define WIRE_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/*
 * The table of protocol messages (PostgreSQL docs, "Message Formats") and the view of one
 * message inside somebody else's buffer.
 */

/* Who sends it. Several type bytes mean different things on the two sides ('C', 'D', 'E', 'S'). */
enum side { SIDE_CLIENT, SIDE_SERVER };

/* How much of a message must be at hand before anyone is told of it. */
enum gather {
	GATHER_NONE,  /* may flow: type and length are enough, the body passes uninspected */
	GATHER_HEAD,  /* the names at its start (Bind); the rest may flow */
	GATHER_WHOLE, /* all of it, up to the reader's collect limit; over that it flows, unread */
};

struct message_rule {
	char        type;
	const char *name;   /* as in the PostgreSQL documentation */
	enum gather gather;
	uint32_t    max_len; /* longest body taken, in bytes; more is BROKEN */
};

/* max_len of a message that only the reader's packet limit bounds. */
#define MESSAGE_ANY_LEN UINT32_MAX

/* The rule of a type, or NULL when no such message comes from that side (after start-up). */
const struct message_rule *message_rule(enum side side, char type);

/* A view of one message; borrowed, valid until the buffer behind it changes. */
struct message {
	char                       type;
	uint32_t                   len;  /* body length as announced, no type and length word */
	struct slice               body; /* what of the body is at hand: body.len <= len */
	const struct message_rule *rule; /* never NULL in a message a reader gave out */
};

#define MESSAGE_HEADER_LEN 5

static inline bool message_is_whole(const struct message *m)
{
	return m->body.len == m->len;
}

/* The bytes at hand including type byte and length word. */
static inline struct slice message_bytes(const struct message *m)
{
	return (struct slice){ m->body.data - MESSAGE_HEADER_LEN,
		               m->body.len + MESSAGE_HEADER_LEN };
}

#endif
