#ifndef STREAM_OWNER_H
#define STREAM_OWNER_H

/* What the tests of both halves of a stream share. */

#include <stdlib.h>

#include "net/net_internal.h"
#include "net/stream.h"
#include "net_test.h"

/* An owner that writes down what it is told and does as it is set up to do. */
struct owner {
	struct loop *loop;
	struct stream *stream;
	int other; /* the far end of the socket */

	char got[1024 * 1024];
	size_t got_len;
	size_t leave;	/* bytes of the input left unconsumed */
	size_t at_most; /* bytes consumed in one call; 0: all */
	bool pause_in_input;
	bool close_in_input;
	bool echo;

	int inputs, rooms, ends, error;
};

static void on_input(void *ctx)
{
	struct owner *owner = ctx;
	struct slice input = stream_input(owner->stream);
	size_t take = input.len > owner->leave ? input.len - owner->leave : 0;

	owner->inputs++;
	if (owner->at_most && take > owner->at_most)
		take = owner->at_most;
	if (owner->got_len + take <= sizeof(owner->got))
		memcpy(owner->got + owner->got_len, input.data, take);
	owner->got_len += take;
	if (owner->echo)
		CHECK(stream_write(owner->stream, (struct slice){ input.data, take }) == OK);
	if (owner->close_in_input) {
		stream_close(owner->stream, true);
		owner->stream = NULL;
		return;
	}
	if (owner->pause_in_input)
		stream_pause(owner->stream);
	stream_consume(owner->stream, take);
}

static void on_room(void *ctx)
{
	((struct owner *)ctx)->rooms++;
}

static void on_end(void *ctx, int error)
{
	struct owner *owner = ctx;

	owner->ends++;
	owner->error = error;
}

static const struct stream_events events = {
	.on_input = on_input,
	.on_room = on_room,
	.on_end = on_end,
};
static const struct stream_limits limits = {
	.read_size = 64 * 1024,
	.out_high = 64 * 1024,
	.out_low = 16 * 1024,
	.in_max = 256 * 1024,
	.turn_reads = 4,
};

static inline struct owner *owner_new(void (*pair)(int ends[2]), const struct stream_limits *l)
{
	struct owner *owner = calloc(1, sizeof(*owner));
	int ends[2];

	pair(ends);
	owner->loop = loop_new();
	owner->other = ends[1];
	owner->stream = stream_new(owner->loop, ends[0], l, &events, owner);
	assert(owner->stream);
	return owner;
}

static inline void owner_free(struct owner *owner)
{
	stream_close(owner->stream, false);
	if (owner->other >= 0)
		close(owner->other);
	loop_free(owner->loop);
	free(owner);
}

static inline void say(struct owner *owner, const char *text)
{
	CHECK_INT_EQ(send(owner->other, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static inline void say_many(struct owner *owner, size_t len)
{
	char *bytes = malloc(len);

	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)(i * 7 + i / 251);
	CHECK_INT_EQ(send(owner->other, bytes, len, MSG_DONTWAIT), len);
	free(bytes);
}

/* True when what the owner got is what say_many said. */
static inline bool got_many(const struct owner *owner, size_t len)
{
	if (owner->got_len != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (owner->got[i] != (char)(i * 7 + i / 251))
			return false;
	return true;
}

#define CHECK_GOT(owner, text)                                                                     \
	CHECK_SLICE_EQ(((struct slice){ (owner)->got, (owner)->got_len }), SLICE_LITERAL(text))

#endif
