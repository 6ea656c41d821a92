/*
 * A stream that gathers: the kernel is asked to wake us for a lot of bytes at once, because while a
 * large result streams by it is the wake-ups that cost, not the bytes. Owned by the stream, begun
 * and ended by its owner.
 *
 * What never fills the mark (the end of a result) is read when nothing has come for GATHER_WAIT;
 * that also ends the gathering, because who sends so little is better heard at once.
 *
 * Invariant: while gathering is set the timer is armed, or the stream is paused or ended.
 */
#include <sys/socket.h>

#include "base/alloc.h"
#include "net/net_internal.h"

/* The kernel tells of so many bytes: some less than one receive takes, so that one takes all. */
#define GATHER_BYTES 98304
/* The longest that fewer have to wait, and a millisecond of the timer's own. */
#define GATHER_WAIT_US 1000

struct stream_gather {
	struct timer timer;
	struct stream *stream;
};

static bool set_mark(struct stream *stream, int bytes)
{
	return setsockopt(event_get_fd(&stream->event), SOL_SOCKET, SO_RCVLOWAT, &bytes,
			  sizeof(bytes)) == 0;
}

/* What is there below the mark may have had no event of its own. */
static void gather_end(struct stream *stream)
{
	stream->gathering = false;
	timer_disarm(&stream->gather->timer);
	set_mark(stream, 1);
	stream->edge = true;
	loop_at_end(stream->loop, &stream->attend);
}

static void on_due(void *ctx)
{
	struct stream_gather *gather = ctx;

	/* Nothing is awaited: the time counts from when it is resumed. */
	if (!gather->stream->paused)
		gather_end(gather->stream);
}

void stream_gather_extend(struct stream *stream)
{
	timer_arm_in(&stream->gather->timer, (struct span){ GATHER_WAIT_US });
}

static struct stream_gather *gather_new(struct stream *stream)
{
	struct stream_gather *gather = mem_alloc_zero(sizeof(*gather));

	if (!gather)
		return NULL;
	gather->stream = stream;
	timer_init(&gather->timer, stream->loop, on_due, gather);
	return gather;
}

void stream_gather(struct stream *stream, bool on)
{
	if (on == stream->gathering || stream->closed || stream->ended)
		return;
	if (!on) {
		gather_end(stream);
		return;
	}
	/* TLS has bytes of its own that the kernel does not count. */
	if (stream->tls)
		return;
	if (!stream->gather)
		stream->gather = gather_new(stream);
	if (!stream->gather || !set_mark(stream, GATHER_BYTES))
		return;
	stream->gathering = true;
	stream_gather_extend(stream);
}

void stream_gather_stop(struct stream *stream)
{
	stream->gathering = false;
	if (stream->gather)
		timer_release(&stream->gather->timer);
}
