/*
 * The writing half of a stream: bytes are queued and sent once at the end of the turn; long runs
 * go straight from the caller's memory. One send a turn and stream is what makes many small
 * messages cheap.
 *
 * Invariants: out is NULL exactly when nothing is queued. blocked means that the socket was full
 * and write_event waits for room; nobody else tries to send meanwhile. Callbacks are never made
 * from here: what the owner must know is left to the attend task.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "net/net_internal.h"

/* More than this is never queued: an owner that heeds stream_is_full stays far below. */
#define OUT_MAX ((size_t)1024 * 1024 * 1024)

/* ---- memory ---- */

static void out_free(struct stream *stream)
{
	if (stream->out_cap == OUT_BLOCK)
		loop_give_block(stream->loop, stream->out);
	else
		mem_free(stream->out);
	stream->out = NULL;
	stream->out_start = stream->out_len = stream->out_cap = 0;
}

static enum result out_first(struct stream *stream, size_t len)
{
	stream->out = len <= OUT_BLOCK ? loop_take_block(stream->loop) : mem_alloc(len);
	if (!stream->out)
		return BROKEN;
	stream->out_cap = (uint32_t)(len <= OUT_BLOCK ? OUT_BLOCK : len);
	return OK;
}

/* Makes room for len more bytes behind the queued ones. */
static enum result out_room(struct stream *stream, size_t len)
{
	size_t need = stream->out_len + len;
	size_t cap;
	char *grown;

	if (!stream->out)
		return out_first(stream, len);
	if (stream->out_start + need <= stream->out_cap)
		return OK;
	if (stream->out_start > 0) {
		memmove(stream->out, stream->out + stream->out_start, stream->out_len);
		stream->out_start = 0;
	}
	if (need <= stream->out_cap)
		return OK;
	cap = (size_t)stream->out_cap * 2;
	if (cap < need)
		cap = need;
	grown = mem_realloc(stream->out, cap);
	if (!grown)
		return BROKEN;
	stream->out = grown;
	stream->out_cap = (uint32_t)cap;
	return OK;
}

static enum result out_append(struct stream *stream, const char *data, size_t len)
{
	if (len > OUT_MAX - stream->out_len || out_room(stream, len) != OK)
		return BROKEN;
	memcpy(stream->out + stream->out_start + stream->out_len, data, len);
	stream->out_len += (uint32_t)len;
	if (stream->out_len > stream->limits->out_high)
		stream->was_full = true;
	return OK;
}

/* ---- sending ---- */

static void on_writable(evutil_socket_t fd, short what, void *ctx)
{
	struct stream *stream = ctx;

	(void)fd;
	(void)what;
	if (stream->closed)
		return;
	event_del(stream->write_event);
	if (stream->verbs->handshake) {
		stream->verbs->handshake(stream);
		return;
	}
	stream->blocked = false;
	stream_send_queued(stream, false);
}

void stream_await_room(struct stream *stream)
{
	struct event *event = stream->write_event;
	int fd = event_get_fd(&stream->event);

	if (!event) {
		event = mem_alloc_zero(sizeof(*event));
		if (!event || event_assign(event, loop_base(stream->loop), fd, EV_WRITE | EV_ET,
					   on_writable, stream) < 0) {
			mem_free(event);
			stream_fail(stream, ENOMEM);
			return;
		}
		stream->write_event = event;
	}
	if (event_add(event, NULL) < 0)
		stream_fail(stream, ENOMEM);
	else
		stream->blocked = true;
}

/*
 * One send. Returns how much the socket took; less than len means that it is full (and is
 * waited for) or that it failed.
 */
static size_t send_once(struct stream *stream, const char *data, size_t len, bool more)
{
	ssize_t sent;

	do
		sent = stream->verbs->send(stream, data, len, more);
	while (sent < 0 && errno == EINTR);
	if (sent < 0 && errno != EAGAIN) {
		stream_fail(stream, errno);
		return 0;
	}
	if (sent < 0)
		sent = 0;
	stream->bytes_out += (uint64_t)sent;
	if ((size_t)sent < len && !stream->closed)
		stream_await_room(stream);
	return (size_t)sent;
}

void stream_send_queued(struct stream *stream, bool more)
{
	size_t sent;

	if (stream->out_len == 0 || stream->blocked || stream->error)
		return;
	sent = send_once(stream, stream->out + stream->out_start, stream->out_len, more);
	if (stream->error)
		return;
	stream->out_start += (uint32_t)sent;
	stream->out_len -= (uint32_t)sent;
	if (stream->out_len == 0)
		out_free(stream);
	if (stream->was_full && stream->out_len <= stream->limits->out_low) {
		stream->was_full = false;
		stream->room_due = true;
		loop_at_end(stream->loop, &stream->attend);
	}
}

void stream_run_flush(struct loop_task *task)
{
	stream_send_queued(CONTAINER_OF(task, struct stream, flush), false);
}

void stream_release_out(struct stream *stream)
{
	if (stream->out)
		out_free(stream);
	if (stream->write_event) {
		event_del(stream->write_event);
		mem_free(stream->write_event);
		stream->write_event = NULL;
	}
	stream->blocked = false;
}

/* ---- the owner's verbs ---- */

/* Sends bytes from where they are; what the socket does not take is left in *bytes. */
static void write_direct(struct stream *stream, struct slice *bytes)
{
	size_t sent;

	stream_send_queued(stream, true);
	if (stream->out_len > 0 || stream->blocked || stream->error)
		return;
	sent = send_once(stream, bytes->data, bytes->len, false);
	bytes->data += sent;
	bytes->len -= sent;
}

enum result stream_write(struct stream *stream, struct slice bytes)
{
	assert(!stream->closed);
	if (stream->error)
		return BROKEN;
	if (bytes.len >= (stream->out_len ? OUT_DIRECT_BEHIND : OUT_DIRECT) && !stream->blocked)
		write_direct(stream, &bytes);
	if (stream->error)
		return BROKEN;
	if (bytes.len == 0)
		return OK;
	if (out_append(stream, bytes.data, bytes.len) != OK) {
		/* A gap in the bytes cannot be mended. */
		stream_fail(stream, ENOMEM);
		return BROKEN;
	}
	if (!stream->blocked)
		loop_at_end(stream->loop, &stream->flush);
	return OK;
}

void stream_flush(struct stream *stream)
{
	assert(!stream->closed);
	loop_forget(stream->loop, &stream->flush);
	stream_send_queued(stream, false);
}

size_t stream_out_len(const struct stream *stream)
{
	return stream->out_len;
}

bool stream_is_full(const struct stream *stream)
{
	return stream->out_len > stream->limits->out_high;
}
