#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include <stddef.h>

#include "base/result.h"
#include "wire/message.h"

/*
 * Where a message begins and ends. Pure framing: looks at type byte and length word only
 * (PostgreSQL docs, "Message Formats": length includes itself, not the type byte).
 */

struct frame_limits {
	uint32_t max_packet;  /* announced total length (with header) above this is BROKEN */
	uint32_t max_collect; /* GATHER_WHOLE bodies longer than this are given out to flow */
};

/* The names at the start of a GATHER_HEAD message must end within this many bytes of body. */
#define FRAME_MAX_HEAD 65536

/*
 * Looks at the first message in input.
 *   OK      *message views it: whole, or with as much body as is at hand if it may flow
 *           (GATHER_NONE, or longer than max_collect: then at least its first max_collect
 *           bytes are at hand, or FRAME_MAX_HEAD if that is less), or GATHER_HEAD with at least
 *           its two leading C strings at hand (one that is whole is not looked into: its reader
 *           says what is wrong with it).
 *   AGAIN   more bytes are needed; *need = how many in all (a lower bound) to make room for.
 *   BROKEN  unknown type for that side, length < 4 or over max_packet or the rule's max_len, or
 *           names that do not end within FRAME_MAX_HEAD. Nothing can be read on.
 * Never reads past input; consumes nothing. The answer for a given stream does not depend on
 * how it was cut into inputs, but for AGAIN and how much of a body is at hand.
 */
enum result frame_next(struct slice input, enum side side, const struct frame_limits *limits,
                       struct message *message, size_t *need) MUST_USE;

/*
 * The fast look for relaying: how many bytes at the start of input are whole messages whose
 * type is in types (a C string, e.g. "Dd"). No limits are checked beyond length >= 4;
 * stops before the first other or incomplete message.
 */
size_t frame_skip_run(struct slice input, const char *types);

enum startup_kind {
	STARTUP_MESSAGE,       /* protocol 3.x start-up */
	STARTUP_SSL_REQUEST,
	STARTUP_GSSENC_REQUEST,
	STARTUP_CANCEL,
	STARTUP_V2,            /* protocol 2.0: refused */
	STARTUP_OTHER_VERSION, /* major version neither 2 nor 3 */
	STARTUP_DIRECT_TLS,    /* first byte 0x16: a TLS ClientHello */
};

struct startup_frame {
	enum startup_kind kind;
	uint32_t          version; /* the request code or protocol version as sent */
	struct slice      body;    /* after the code */
	size_t            len;     /* bytes the whole packet takes, 0 for STARTUP_DIRECT_TLS */
};

/*
 * Longest start-up packet taken, its length word not counted, as PostgreSQL's
 * MAX_STARTUP_PACKET_LENGTH.
 */
#define STARTUP_MAX_LEN 10000

/*
 * The first packet of a connection (it has no type byte). OK: whole, or STARTUP_DIRECT_TLS as
 * soon as one byte is there; AGAIN: more bytes are needed; BROKEN: the length is no start-up
 * packet's, or a request that is only a code has a body.
 */
enum result frame_startup(struct slice input, struct startup_frame *frame) MUST_USE;

#endif
