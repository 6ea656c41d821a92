#ifndef NET_STREAM_H
#define NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ending.h"
#include "base/result.h"
#include "base/text.h"
#include "net/address.h"
#include "net/loop.h"

/*
 * A non-blocking socket with in- and out-buffers and back-pressure. It only holds bytes and
 * knows nothing of PostgreSQL. Memory is held only while there are bytes: an idle stream
 * has no buffers.
 *
 * Reading: the fd is watched edge-triggered, once, for life. When bytes arrive they are
 * received into the loop's own scratch space and on_input is told; what it does not consume
 * is kept in a buffer of the stream's own and shown again, in front of the next bytes.
 * Writing: bytes are appended and sent once, at the end of the turn; large runs are sent at
 * once without a copy when nothing is queued before them.
 */

struct stream;

struct stream_events {
	/* New bytes are there: see stream_input. Also called after stream_resume if bytes wait. */
	void (*on_input)(void *ctx);
	/* The out-buffer went over its high mark before and is now under its low mark. */
	void (*on_room)(void *ctx);
	/*
	 * The other side closed (error 0) or the socket failed (error = errno; ENOMEM: no memory
	 * for its bytes). Called once, after all input was shown; nothing more comes. The owner
	 * calls stream_close. A paused stream is told of the end after stream_resume, but of a
	 * failed write at once, or two paused streams waiting for each other would wait for ever.
	 */
	void (*on_end)(void *ctx, int error);
	/* TLS is up (stream_tls.h); input and output go through it from now on. May be NULL. */
	void (*on_secured)(void *ctx);
};

struct stream_limits {
	size_t read_size; /* bytes received at once, 1 .. 120 kB */
	size_t out_high;  /* stream_is_full above this */
	size_t out_low;	  /* on_room at or under this */
	size_t in_max;	  /* unconsumed bytes kept at most; over it reading pauses by itself */
	int turn_reads;	  /* receives per turn before others get their turn */
};

/*
 * Takes fd (non-blocking, connected), also on failure (then closed). events and ctx are
 * borrowed for the stream's life. limits is borrowed and shared. Callbacks come from the loop
 * only, never from inside a call to the stream.
 */
struct stream *stream_new(struct loop *loop, int fd, const struct stream_limits *limits,
			  const struct stream_events *events, void *ctx) MUST_USE;
/* Changes who is told. */
void stream_set_events(struct stream *stream, const struct stream_events *events, void *ctx);
/*
 * Closes now what can be closed and frees at the end of the turn; the pointer is dead after.
 * No callback comes any more. When flush is true, queued bytes get one last send (errors are
 * ignored) and unread input is thrown away, lest the kernel answer it with a reset that destroys
 * them. NULL is allowed.
 */
void stream_close(struct stream *stream, bool flush);

/*
 * All unconsumed bytes. Valid until the next consume or return to the loop; after a consume
 * within on_input the bytes stay where they are until on_input returns.
 */
struct slice stream_input(const struct stream *stream);
/* Drops n bytes from the front of the input (n <= its length). */
void stream_consume(struct stream *stream, size_t n);
/* At least so many bytes in all will be needed: a hint to make room for a large message. */
void stream_expect(struct stream *stream, size_t need);
/*
 * The owner expects a long run of bytes (on), or no more of it: while one flows, on_input comes for
 * many bytes at once, which costs less. Fewer wait for 2 ms at most, after which the stream stops
 * gathering by itself: so it is for those who will be sent megabytes, and not with every wait.
 */
void stream_gather(struct stream *stream, bool on);
/* No on_input until resumed; the kernel's buffer fills and the peer is slowed. */
void stream_pause(struct stream *stream);
/* on_input comes again, from the loop's end-of-turn queue when bytes are waiting. */
void stream_resume(struct stream *stream);
bool stream_is_paused(const struct stream *stream);
/* True when the peer's end was seen though not told yet (paused): for cheap liveness checks. */
bool stream_saw_end(const struct stream *stream);

/*
 * Copies or sends bytes. BROKEN without memory or when the socket failed (on_end follows). May
 * be called after on_end(0) too: the other side may still listen.
 */
enum result stream_write(struct stream *stream, struct slice bytes) MUST_USE;
/* Sends now what is queued instead of at the end of the turn. */
void stream_flush(struct stream *stream);
size_t stream_out_len(const struct stream *stream);
bool stream_is_full(const struct stream *stream);

int stream_fd(const struct stream *stream);
/*
 * Addresses of both ends, asked from the kernel (the peer's when first called; len 0 when it does
 * not know any more). Valid until the same is asked of any stream of the loop.
 */
const struct address *stream_peer(const struct stream *stream);
const struct address *stream_local(const struct stream *stream);
/* Whose connection it is, if the other side only passes it on: stream_peer says so from now on. */
enum result stream_set_peer(struct stream *stream, const struct address *peer) MUST_USE;
/* Bytes in all since it was made. */
uint64_t stream_bytes_in(const struct stream *stream);
uint64_t stream_bytes_out(const struct stream *stream);
/* TLS version/cipher ("TLSv1.3/TLS_AES_256_GCM_SHA384"), "" without TLS. */
const char *stream_tls_info(const struct stream *stream);

#endif
