#include <stdlib.h>

#include "net/net_internal.h"
#include "net/stream.h"
#include "net_test.h"

/*
 * What sessions do with streams, at random: two streams relay to each other, each pauses while
 * the other is full, consumes as much as it likes, and passes on the end. Every byte must arrive
 * in order and nothing may stand still.
 */

enum { TOTAL = 1500000 };

struct side {
	struct stream *stream;
	struct side *other;
	unsigned *seed;
	bool ended;
	int far; /* the far end of the socket */
	size_t said, heard;
	bool far_shut;
};

static unsigned dice(unsigned *seed, unsigned below)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (*seed >> 8) % below;
}

static char byte_at(size_t i)
{
	return (char)(i * 31 + i / 253 + i / 65521);
}

static void on_input(void *ctx)
{
	struct side *side = ctx;
	struct slice input = stream_input(side->stream);
	size_t n = dice(side->seed, 4) ? input.len : dice(side->seed, (unsigned)input.len + 1);

	CHECK(stream_write(side->other->stream, (struct slice){ input.data, n }) == OK);
	stream_consume(side->stream, n);
	if (n < input.len) {
		/* As if a whole message had to be waited for; shown again on resume. */
		if (dice(side->seed, 2))
			stream_expect(side->stream, input.len + dice(side->seed, 100000));
		stream_pause(side->stream);
		if (!stream_is_full(side->other->stream))
			stream_resume(side->stream);
	} else if (stream_is_full(side->other->stream)) {
		stream_pause(side->stream);
	}
}

static void on_room(void *ctx)
{
	struct side *side = ctx;

	stream_resume(side->other->stream);
}

static void on_end(void *ctx, int error)
{
	struct side *side = ctx;

	CHECK_INT_EQ(error, 0);
	CHECK(!side->ended);
	CHECK_UINT_EQ(stream_input(side->stream).len, 0);
	side->ended = true;
}

static const struct stream_events events = {
	.on_input = on_input,
	.on_room = on_room,
	.on_end = on_end,
};

static void far_say(struct side *side)
{
	static char bytes[100000];
	size_t n = dice(side->seed, 3) ? dice(side->seed, 300) + 1 : dice(side->seed, 100000) + 1;
	ssize_t sent;

	if (n > TOTAL - side->said)
		n = TOTAL - side->said;
	for (size_t i = 0; i < n; i++)
		bytes[i] = byte_at(side->said + i);
	sent = n ? send(side->far, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
	if (sent > 0)
		side->said += (size_t)sent;
	if (side->said == TOTAL && !side->far_shut) {
		shutdown(side->far, SHUT_WR);
		side->far_shut = true;
	}
}

static void far_hear(struct side *side)
{
	static char bytes[100000];
	ssize_t n = recv(side->far, bytes, dice(side->seed, 100000) + 1, MSG_DONTWAIT);

	for (ssize_t i = 0; i < n; i++, side->heard++) {
		if (bytes[i] != byte_at(side->heard)) {
			FAIL("byte %zu differs", side->heard);
			return;
		}
	}
}

static void relay_at_random(void (*pair)(int ends[2]), unsigned seed)
{
	struct stream_limits limits = { .read_size = 1 + dice(&seed, 100000),
					.out_high = 1 + dice(&seed, 100000),
					.in_max = 1000 + dice(&seed, 300000),
					.turn_reads = 1 + (int)dice(&seed, 5) };
	struct loop *loop = loop_new();
	struct side sides[2] = { 0 };
	int idle = 0;

	limits.out_low = dice(&seed, (unsigned)limits.out_high);
	for (int i = 0; i < 2; i++) {
		int ends[2], room = 4096 << dice(&seed, 6);

		pair(ends);
		setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
		sides[i].far = ends[1];
		sides[i].other = &sides[1 - i];
		sides[i].seed = &seed;
		sides[i].stream = stream_new(loop, ends[0], &limits, &events, &sides[i]);
	}
	while (idle < 2000 && !(sides[0].heard == TOTAL && sides[1].heard == TOTAL &&
				sides[0].ended && sides[1].ended)) {
		size_t before = sides[0].heard + sides[1].heard;

		for (int i = 0; i < 2; i++) {
			if (dice(&seed, 3))
				far_say(&sides[i]);
			if (dice(&seed, 3))
				far_hear(&sides[i]);
		}
		turn(loop);
		idle = sides[0].heard + sides[1].heard == before ? idle + 1 : 0;
		if (idle > 20)
			sleep_ms(1);
	}
	for (int i = 0; i < 2; i++) {
		CHECK_UINT_EQ(sides[i].heard, TOTAL);
		CHECK(sides[i].ended);
		CHECK_UINT_EQ(stream_bytes_in(sides[i].stream), TOTAL);
		CHECK_UINT_EQ(stream_bytes_out(sides[i].stream), TOTAL);
		CHECK(sides[i].stream->kept == NULL && sides[i].stream->out == NULL);
		stream_close(sides[i].stream, false);
		close(sides[i].far);
	}
	loop_free(loop);
	if (test_failed)
		printf("with seed %u\n", seed);
}

TEST(a_relay_over_unix_sockets_loses_nothing_and_never_stalls)
{
	for (unsigned seed = 1; seed <= 12 && !test_failed; seed++)
		relay_at_random(unix_pair, seed * 7919);
}

TEST(a_relay_over_tcp_loses_nothing_and_never_stalls)
{
	for (unsigned seed = 1; seed <= 12 && !test_failed; seed++)
		relay_at_random(tcp_pair, seed * 104729);
}
