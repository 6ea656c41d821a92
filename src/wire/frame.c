/*
 * Where a message begins and ends: looks at type byte and length word, and at the names of a
 * Bind that is not whole. Called once for every message of every session, so it does no more
 * than index the message table and compare lengths.
 *
 * Owns nothing; the views it gives borrow the caller's input.
 */

#include <string.h>

#include "wire/frame.h"
#include "wire/wire_internal.h"

/* The length word counts itself. */
#define LENGTH_WORD_LEN 4

/* Codes in place of a version (PostgreSQL docs, "Message Formats"): 1234 and 5678 to 5680. */
#define CODE_CANCEL	 80877102u
#define CODE_SSL	 80877103u
#define CODE_GSSENC	 80877104u
#define TLS_CLIENT_HELLO 0x16 /* record type handshake, RFC 8446 section 5.1 */

static size_t min_len(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* True when two C strings end within what is at hand. */
static bool has_two_texts(struct slice body)
{
	const char *end = body.data + body.len;
	const char *nul = body.len ? memchr(body.data, 0, body.len) : NULL;

	return nul && nul + 1 < end && memchr(nul + 1, 0, (size_t)(end - nul - 1));
}

/* A GATHER_HEAD message that is cut short, or so long that its head must be bounded. */
static enum result head_next(struct slice input, const struct message *message, size_t *need)
{
	struct slice head = { message->body.data, min_len(message->body.len, FRAME_MAX_HEAD) };

	if (has_two_texts(head))
		return OK;
	if (head.len == FRAME_MAX_HEAD)
		return BROKEN;
	*need = input.len + 1;
	return AGAIN;
}

/* What is too long to be collected flows, but not before its beginning is at hand. */
static enum result whole_next(struct slice input, const struct message *message,
			      const struct frame_limits *limits, size_t *need)
{
	size_t wanted = message->len;

	if (wanted > limits->max_collect)
		wanted = min_len(limits->max_collect, FRAME_MAX_HEAD);
	if (input.len - MESSAGE_HEADER_LEN >= wanted)
		return OK;
	*need = wanted + MESSAGE_HEADER_LEN;
	return AGAIN;
}

/* Every case: frame_next without its short way. */
static __attribute__((noinline)) enum result
any_next(struct slice input, enum side side, const struct frame_limits *limits,
	 struct message *message, size_t *need)
{
	const struct message_rule *rule;
	uint32_t len;

	if (input.len == 0) {
		*need = MESSAGE_HEADER_LEN;
		return AGAIN;
	}
	rule = &wire_rules[side][(unsigned char)input.data[0]];
	if (!rule->name)
		return BROKEN;
	if (input.len < MESSAGE_HEADER_LEN) {
		*need = MESSAGE_HEADER_LEN;
		return AGAIN;
	}
	len = wire_load_u32(input.data + 1);
	/* len + 1 is the total, type byte included */
	if (len < LENGTH_WORD_LEN || len >= limits->max_packet ||
	    len - LENGTH_WORD_LEN > rule->max_len)
		return BROKEN;
	len -= LENGTH_WORD_LEN;

	message->type = input.data[0];
	message->len = len;
	message->body.data = input.data + MESSAGE_HEADER_LEN;
	message->body.len = min_len(input.len - MESSAGE_HEADER_LEN, len);
	message->rule = rule;

	if (rule->gather == GATHER_HEAD && (message->body.len < len || len > FRAME_MAX_HEAD))
		return head_next(input, message, need);
	if (rule->gather == GATHER_WHOLE)
		return whole_next(input, message, limits, need);
	return OK;
}

/* Most messages are all here and neither long nor wrong. */
enum result frame_next(struct slice input, enum side side, const struct frame_limits *limits,
		       struct message *message, size_t *need)
{
	const struct message_rule *rule;
	size_t total;

	if (input.len < MESSAGE_HEADER_LEN)
		return any_next(input, side, limits, message, need);
	rule = &wire_rules[side][(unsigned char)input.data[0]];
	total = (size_t)wire_load_u32(input.data + 1) + 1;
	if (total < MESSAGE_HEADER_LEN || total > input.len || total > FRAME_MAX_HEAD ||
	    total > limits->max_packet || !rule->name || total - MESSAGE_HEADER_LEN > rule->max_len)
		return any_next(input, side, limits, message, need);
	message->type = input.data[0];
	message->len = (uint32_t)(total - MESSAGE_HEADER_LEN);
	message->body = (struct slice){ input.data + MESSAGE_HEADER_LEN, message->len };
	message->rule = rule;
	return OK;
}

size_t frame_skip_run(struct slice input, const char *types)
{
	uint64_t wanted[4] = { 0, 0, 0, 0 }; /* a bit for each type byte */
	size_t at = 0;

	for (; *types; types++)
		wanted[(unsigned char)*types >> 6] |= UINT64_C(1) << (*types & 63);

	while (input.len - at >= MESSAGE_HEADER_LEN) {
		unsigned char type = (unsigned char)input.data[at];
		uint32_t len = wire_load_u32(input.data + at + 1);

		if (!(wanted[type >> 6] >> (type & 63) & 1) || len < LENGTH_WORD_LEN ||
		    len >= input.len - at)
			break;
		at += (size_t)len + 1;
	}
	return at;
}

static enum result startup_kind_of(struct startup_frame *frame)
{
	switch (frame->version) {
	case CODE_CANCEL: frame->kind = STARTUP_CANCEL; return OK;
	case CODE_SSL: frame->kind = STARTUP_SSL_REQUEST; return frame->body.len ? BROKEN : OK;
	case CODE_GSSENC:
		frame->kind = STARTUP_GSSENC_REQUEST;
		return frame->body.len ? BROKEN : OK;
	default: break;
	}
	switch (frame->version >> 16) {
	case 2: frame->kind = STARTUP_V2; break;
	case 3: frame->kind = STARTUP_MESSAGE; break;
	default: frame->kind = STARTUP_OTHER_VERSION; break;
	}
	return OK;
}

enum result frame_startup(struct slice input, struct startup_frame *frame)
{
	uint32_t len;

	if (input.len == 0)
		return AGAIN;
	if (input.data[0] == TLS_CLIENT_HELLO) {
		*frame = (struct startup_frame){ .kind = STARTUP_DIRECT_TLS };
		return OK;
	}
	if (input.len < LENGTH_WORD_LEN)
		return AGAIN;
	len = wire_load_u32(input.data);
	if (len < 8 || len > STARTUP_MAX_LEN + LENGTH_WORD_LEN)
		return BROKEN;
	if (input.len < len)
		return AGAIN;

	frame->version = wire_load_u32(input.data + LENGTH_WORD_LEN);
	frame->body = (struct slice){ input.data + 8, len - 8 };
	frame->len = len;
	return startup_kind_of(frame);
}
