/*
 * A socket's life and its reading half (the writing half is stream_out.c, TLS is its own file
 * behind struct stream_verbs). Owned by a session or a server; frees itself from the reaper.
 *
 * System calls are what a message costs, so: the socket is added to epoll once, for life, edge
 * triggered; a receive that did not fill its space has emptied the socket and is not repeated to
 * see EAGAIN; no buffer is held between messages.
 *
 * Invariants: edge is set while the socket may hold bytes we have not received, so that whoever
 * stops early (paused, overfull, out of receives for this turn) can go on later without an event.
 * view lies in the scratch space only during on_input. Nothing is received and no callback comes
 * once closed or ended is set.
 */
#include "net/stream.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "net/net_internal.h"

/* What the other side had sent before we closed is read away, so much at most. */
#define DRAIN_READS 4

/* ---- the plain socket ---- */

static ssize_t plain_receive(struct stream *stream, void *space, size_t room)
{
	return recv(stream->event.ev_fd, space, room, 0);
}

static ssize_t plain_send(struct stream *stream, const void *data, size_t len, bool more)
{
	return send(stream->event.ev_fd, data, len, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
}

static const struct stream_verbs plain_verbs = {
	.receive = plain_receive,
	.send = plain_send,
};

/* ---- kept bytes ---- */

/* cap or more bytes for kept, *cap becomes how many; NULL without memory. */
static char *block_take(struct stream *stream, size_t *cap)
{
	if (*cap > KEPT_SMALL)
		return mem_alloc(*cap);
	*cap = KEPT_SMALL;
	return slab_take(loop_small_blocks(stream->loop));
}

static void block_put(struct stream *stream)
{
	if (stream->kept_cap == KEPT_SMALL)
		slab_put(loop_small_blocks(stream->loop), stream->kept);
	else
		mem_free(stream->kept);
	stream->kept = NULL;
	stream->kept_cap = 0;
}

static void kept_free(struct stream *stream)
{
	block_put(stream);
	stream->view = NULL;
	stream->view_len = 0;
}

/* Moves the kept bytes, at the front of kept, to a block of cap bytes or more. */
static enum result kept_move(struct stream *stream, size_t cap)
{
	char *moved;

	if (stream->kept_cap > KEPT_SMALL) {
		moved = mem_realloc(stream->kept, cap);
	} else {
		moved = block_take(stream, &cap);
		if (moved && stream->view_len)
			memcpy(moved, stream->kept, stream->view_len);
		if (moved)
			block_put(stream);
	}
	if (!moved)
		return BROKEN;
	stream->view = stream->kept = moved;
	stream->kept_cap = (uint32_t)cap;
	return OK;
}

/* Moves the kept bytes to the front of kept and sees to cap bytes of room there. */
static enum result kept_grow(struct stream *stream, size_t cap)
{
	if (stream->view != stream->kept)
		memmove(stream->kept, stream->view, stream->view_len);
	stream->view = stream->kept;
	return cap <= stream->kept_cap ? OK : kept_move(stream, cap);
}

/* After on_input: what lies unconsumed in the scratch space gets a buffer of its own. */
static enum result kept_settle(struct stream *stream, bool scratch)
{
	const char *view = stream->view;
	size_t cap = stream->view_len;

	if (stream->view_len == 0) {
		kept_free(stream);
		return OK;
	}
	if (!scratch)
		return OK;
	if (stream->view_len > stream->kept_cap) {
		block_put(stream);
		stream->kept = block_take(stream, &cap);
		stream->kept_cap = stream->kept ? (uint32_t)cap : 0;
	}
	if (!stream->kept)
		return BROKEN;
	memcpy(stream->kept, view, stream->view_len);
	stream->view = stream->kept;
	return OK;
}

/* ---- telling the owner ---- */

void stream_fail(struct stream *stream, int error)
{
	if (stream->error)
		return;
	stream->error = error;
	stream_release_out(stream);
	/* What the other side said before it broke off is still to be read and shown. */
	stream->edge = stream->end_seen = true;
	if (!stream->closed)
		loop_at_end(stream->loop, &stream->attend);
}

void stream_tell_end(struct stream *stream, int error)
{
	stream->ended = true;
	stream->end_seen = true;
	stream->edge = false;
	if (error && !stream->error) {
		stream->error = error;
		stream_release_out(stream);
	}
	stream->events->on_end(stream->ctx, error);
}

static void tell_input(struct stream *stream, bool scratch)
{
	stream->show = false;
	stream->telling = true;
	stream->events->on_input(stream->ctx);
	stream->telling = false;
	/* A closed stream's last input may still be on the owner's stack: the reaper frees it. */
	if (stream->closed)
		return;
	if (kept_settle(stream, scratch) != OK) {
		stream->view_len = 0;
		stream_tell_end(stream, ENOMEM);
	}
}

/* ---- receiving ---- */

/* Where the next bytes go and how many; NULL without memory. */
static char *receive_space(struct stream *stream, size_t *room)
{
	size_t len = stream->view_len;
	size_t cap;

	if (len <= SCRATCH_KEPT && stream->expect <= len + stream->limits->read_size) {
		*room = stream->limits->read_size;
		return loop_scratch(stream->loop) + len;
	}
	/* A peer that announces much must send much before it gets the memory for it. */
	cap = len + (len > stream->limits->read_size ? len : stream->limits->read_size);
	if (stream->expect > len && stream->expect < cap)
		cap = stream->expect;
	if (kept_grow(stream, cap) != OK)
		return NULL;
	*room = stream->kept_cap - len;
	return stream->kept + len;
}

/* n bytes have come to where receive_space said. */
static void receive_some(struct stream *stream, char *space, size_t n)
{
	char *scratch = loop_scratch(stream->loop);
	bool is_scratch = space == scratch + stream->view_len;

	if (is_scratch) {
		if (stream->view_len)
			memcpy(scratch, stream->view, stream->view_len);
		stream->view = scratch;
	}
	stream->view_len += (uint32_t)n;
	stream->bytes_in += n;
	if (stream->gathering)
		stream_gather_extend(stream);
	tell_input(stream, is_scratch);
}

/* The receive gave none: n as recv returned it. */
static void receive_none(struct stream *stream, ssize_t n)
{
	if (n == 0) {
		stream_tell_end(stream, stream->error);
	} else if (errno == EAGAIN) {
		stream->edge = stream->unsure = false;
		if (stream->error)
			stream_tell_end(stream, stream->error);
	} else if (errno != EINTR) {
		stream_tell_end(stream, errno);
	}
}

static void receive_once(struct stream *stream)
{
	size_t room;
	char *space = receive_space(stream, &room);
	ssize_t n;

	if (!space) {
		stream_tell_end(stream, ENOMEM);
		return;
	}
	n = stream->verbs->receive(stream, space, room);
	if (n <= 0) {
		receive_none(stream, n);
		return;
	}
	/* Data and the end can come in one edge, so only without an end is short the last. */
	if ((size_t)n < room && !stream->end_seen && !stream->unsure)
		stream->edge = false;
	receive_some(stream, space, (size_t)n);
}

static bool may_receive(struct stream *stream)
{
	/* What is to be shown again comes before more of it and before the end. */
	if (stream->closed || stream->ended || stream->paused || stream->show || !stream->edge)
		return false;
	stream->overfull = stream->view_len >= stream->limits->in_max;
	return !stream->overfull;
}

static void stream_receive(struct stream *stream)
{
	int left = stream->limits->turn_reads;

	while (may_receive(stream)) {
		if (stream->verbs->handshake) {
			stream->edge = false;
			stream->verbs->handshake(stream);
			return;
		}
		if (left-- == 0) {
			loop_next_turn(stream->loop, &stream->attend);
			return;
		}
		receive_once(stream);
	}
}

/* ---- the loop calls ---- */

static void on_edge(evutil_socket_t fd, short what, void *ctx)
{
	struct stream *stream = ctx;

	(void)fd;
	/* An event taken in the same turn as another's that made the owner close this one. */
	if (stream->closed)
		return;
	stream->edge = true;
	/* EV_WRITE is an error (see watch_start), or room if we ever waited for that. */
	if (what & EV_WRITE)
		stream->unsure = true;
	if (what & EV_CLOSED || (what & EV_WRITE && !stream->write_event))
		stream->end_seen = true;
	stream_receive(stream);
}

static void run_attend(struct loop_task *task)
{
	struct stream *stream = CONTAINER_OF(task, struct stream, attend);

	if (stream->room_due) {
		stream->room_due = false;
		if (!stream->error)
			stream->events->on_room(stream->ctx);
	}
	if (stream->closed || stream->ended)
		return;
	/*
	 * Two paused streams whose owner waits for room in each other would wait for ever if a
	 * broken one kept silent until resumed.
	 */
	if (stream->error && stream->paused) {
		stream_tell_end(stream, stream->error);
		return;
	}
	if (stream->paused)
		return;
	if (stream->show && stream->view_len > 0)
		tell_input(stream, false);
	else
		stream->show = false;
	stream_receive(stream);
}

static void run_reap(struct loop_task *task)
{
	struct stream *stream = CONTAINER_OF(task, struct stream, flush);

	block_put(stream);
	mem_free(stream->peer);
	mem_free(stream->gather);
	slab_put(loop_streams(stream->loop), stream);
}

/* ---- the event ---- */

/*
 * libevent tells of EPOLLERR as EV_READ | EV_WRITE, even to an fd watched for reading only. A
 * reset that comes in one edge with the last bytes must not be taken for plain input, so the
 * event says that it wants to hear of EV_WRITE after epoll has been told that it does not.
 */
static enum result watch_start(struct stream *stream, int fd)
{
	short what = EV_READ | EV_CLOSED | EV_ET | EV_PERSIST;

	if (event_assign(&stream->event, loop_base(stream->loop), fd, what, on_edge, stream) < 0 ||
	    event_add(&stream->event, NULL) < 0)
		return BROKEN;
	stream->event.ev_events |= EV_WRITE;
	return OK;
}

static void watch_stop(struct stream *stream)
{
	stream->event.ev_events &= ~EV_WRITE;
	event_del(&stream->event);
}

/* ---- the owner's verbs ---- */

struct stream *stream_new(struct loop *loop, int fd, const struct stream_limits *limits,
			  const struct stream_events *events, void *ctx)
{
	struct stream *stream = slab_take(loop_streams(loop));

	assert(limits->read_size > 0 && limits->read_size + SCRATCH_KEPT <= SCRATCH_SIZE);
	assert(limits->turn_reads > 0 && limits->in_max < UINT32_MAX / 4);
	if (!stream) {
		close(fd);
		return NULL;
	}
	stream->loop = loop;
	stream->verbs = &plain_verbs;
	stream->limits = limits;
	stream->events = events;
	stream->ctx = ctx;
	stream->attend.run = run_attend;
	stream->flush.run = stream_run_flush;
	if (watch_start(stream, fd) != OK) {
		slab_put(loop_streams(loop), stream);
		close(fd);
		return NULL;
	}
	return stream;
}

void stream_set_events(struct stream *stream, const struct stream_events *events, void *ctx)
{
	stream->events = events;
	stream->ctx = ctx;
}

/* Unread bytes would make the kernel reset the connection and lose our last ones on the way. */
static void drain(struct stream *stream)
{
	char away[4096];

	for (int i = 0; i < DRAIN_READS; i++)
		if (recv(event_get_fd(&stream->event), away, sizeof(away), 0) <= 0)
			return;
}

void stream_close(struct stream *stream, bool flush)
{
	bool unheard;
	int fd;

	if (!stream)
		return;
	assert(!stream->closed);
	stream->closed = true;
	fd = event_get_fd(&stream->event);
	/* Nothing to lose: the peer had said all it wanted, or we have nothing to say. */
	unheard = flush && (stream->out_len > 0 || stream->edge || stream->view_len > 0);
	if (flush) {
		stream->blocked = false;
		stream_send_queued(stream, false);
	}
	if (stream->verbs->release)
		stream->verbs->release(stream);
	if (unheard)
		drain(stream);
	stream_release_out(stream);
	stream_gather_stop(stream);
	watch_stop(stream);
	close(fd);
	loop_forget(stream->loop, &stream->attend);
	loop_forget(stream->loop, &stream->flush);
	stream->flush.run = run_reap;
	loop_reap(stream->loop, &stream->flush);
}

struct slice stream_input(const struct stream *stream)
{
	return (struct slice){ stream->view, stream->view_len };
}

void stream_consume(struct stream *stream, size_t n)
{
	assert(n <= stream->view_len);
	/* Without input there is no pointer to move. */
	if (n > 0)
		stream->view += n;
	stream->view_len -= (uint32_t)n;
	stream->expect = 0;
	if (stream->view_len == 0 && !stream->telling)
		kept_free(stream);
	if (stream->overfull && stream->view_len < stream->limits->in_max)
		loop_at_end(stream->loop, &stream->attend);
}

void stream_expect(struct stream *stream, size_t need)
{
	stream->expect = (uint32_t)(need < stream->limits->in_max ? need : stream->limits->in_max);
}

void stream_pause(struct stream *stream)
{
	stream->paused = true;
}

void stream_resume(struct stream *stream)
{
	if (!stream->paused)
		return;
	stream->paused = false;
	if (stream->gathering)
		stream_gather_extend(stream);
	stream->show = stream->view_len > 0;
	if (stream->show || stream->edge)
		loop_at_end(stream->loop, &stream->attend);
}

bool stream_is_paused(const struct stream *stream)
{
	return stream->paused;
}

bool stream_saw_end(const struct stream *stream)
{
	return stream->end_seen;
}

/* ---- facts ---- */

int stream_fd(const struct stream *stream)
{
	return stream->closed ? -1 : event_get_fd(&stream->event);
}

/* Keeps len bytes of a peer's address; false without memory. */
static bool keep_peer(struct stream *stream, const struct address *peer)
{
	struct kept_peer *kept = mem_alloc(sizeof(*kept) + peer->len);

	if (!kept)
		return false;
	kept->len = peer->len;
	memcpy(kept->bytes, &peer->any, peer->len);
	mem_free(stream->peer);
	stream->peer = kept;
	return true;
}

/* It is fetched behind a const: it is a fact of the socket, not a change of it. */
static void fetch_peer(const struct stream *stream, struct address *peer)
{
	peer->len = sizeof(peer->unix_path);
	if (getpeername(stream_fd(stream), &peer->any, &peer->len) < 0)
		peer->len = 0;
	/* Without memory it is fetched again the next time. */
	if (!stream->closed)
		keep_peer((struct stream *)stream, peer);
}

const struct address *stream_peer(const struct stream *stream)
{
	struct address *peer = &loop_shown_ends(stream->loop)->peer;

	*peer = (struct address){ .len = 0 };
	if (!stream->peer) {
		fetch_peer(stream, peer);
		return peer;
	}
	peer->len = stream->peer->len;
	memcpy(&peer->any, stream->peer->bytes, peer->len);
	return peer;
}

enum result stream_set_peer(struct stream *stream, const struct address *peer)
{
	return keep_peer(stream, peer) ? OK : BROKEN;
}

const struct address *stream_local(const struct stream *stream)
{
	struct address *local = &loop_shown_ends(stream->loop)->local;

	*local = (struct address){ .len = sizeof(local->unix_path) };
	if (getsockname(stream_fd(stream), &local->any, &local->len) < 0)
		local->len = 0;
	return local;
}

uint64_t stream_bytes_in(const struct stream *stream)
{
	return stream->bytes_in;
}

uint64_t stream_bytes_out(const struct stream *stream)
{
	return stream->bytes_out;
}
