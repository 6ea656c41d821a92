#ifndef NET_INTERNAL_H
#define NET_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/list.h"
#include "base/moment.h"
#include "base/slab.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/timer.h"

/* What the files of net share and nobody else sees. */

/* The loop's scratch space: read_size and the kept bytes put in front of it fit together. */
#define SCRATCH_SIZE ((size_t)128 * 1024)
/* Kept bytes up to this are copied to the scratch space in front of new ones, not grown. */
#define SCRATCH_KEPT ((size_t)8 * 1024)
/*
 * Kept bytes up to this lie in a slab's object: most are one request of a client that waits for a
 * server, and come and go with each.
 */
#define KEPT_SMALL ((size_t)256)
/* The size of a fresh out-buffer; such blocks are reused through the loop. */
#define OUT_BLOCK ((size_t)16 * 1024)
/*
 * A run of bytes at least so long is sent from where it lies instead of being copied and sent at
 * the end of the turn. Measured, copying 8 kB costs 6 % of relaying them; but a send of its own
 * for what is queued before the run costs as much as copying twice that.
 */
#define OUT_DIRECT	  ((size_t)4 * 1024)
#define OUT_DIRECT_BEHIND ((size_t)16 * 1024)

/* ---- the loop's possessions ---- */

/* Where streams receive; SCRATCH_SIZE bytes. Its contents do not outlive a callback. */
char *loop_scratch(struct loop *loop);
/* Gives a block of OUT_BLOCK bytes, or NULL. */
char *loop_take_block(struct loop *loop);
/* Takes it back. */
void loop_give_block(struct loop *loop, char *block);
/* Where objects of KEPT_SMALL bytes come from. */
struct slab *loop_small_blocks(struct loop *loop);
/* Where stream structs come from. */
struct slab *loop_streams(struct loop *loop);
/* Counts the turns; two calls in one turn give the same. */
uint64_t loop_turn_number(const struct loop *loop);

/*
 * Streams whose TLS handshake can go on, oldest first. They are a turn's last task and get a
 * bounded time of it, so that a storm of logins does not stall those who are in.
 */
struct handshakes {
	struct list waiting; /* struct stream_tls */
	struct loop_task task;
	struct loop *loop;
	bool is_last; /* the task was put behind the others of its turn */
};
struct handshakes *loop_handshakes(struct loop *loop);
void handshakes_init(struct handshakes *handshakes, struct loop *loop);

/* ---- timers: a pairing heap ordered by wake-up time, and one timerfd ---- */

struct timers {
	struct timer *first; /* the earliest to wake; NULL: none */
	struct loop *loop;
	int fd;
	struct event alarm;	/* of the fd */
	struct moment alarm_at; /* when it will ring; never: it is not set */
};

enum result timers_init(struct timers *timers, struct loop *loop) MUST_USE;
void timers_release(struct timers *timers);
struct timers *loop_timers(struct loop *loop);

/* ---- the stream ---- */

/*
 * How bytes go through the socket: plainly, or through TLS. receive and send are as recv and
 * send: a count, or -1 and errno (EAGAIN: wait for the next edge). A receive shorter than asked
 * for has emptied the socket, unless stream->unsure is set.
 */
struct stream_verbs {
	ssize_t (*receive)(struct stream *stream, void *space, size_t room);
	/* more: further bytes follow at once, a hint. */
	ssize_t (*send)(struct stream *stream, const void *data, size_t len, bool more);
	/*
	 * NULL: none, or done. Called instead of receive when something has come, and when there
	 * is room again for what it had to send: it goes on later in the turn. Once it is done it
	 * exchanges the table for one without it. Nothing is sent before (the stream is blocked).
	 */
	void (*handshake)(struct stream *stream);
	/* Says farewell and frees what the table needed; NULL: nothing to do. */
	void (*release)(struct stream *stream);
};

/*
 * Addresses as they are shown: one place of the loop's for each end, filled anew for each who
 * asks, because a struct address is large and there are many streams.
 */
struct shown_ends {
	struct address peer, local;
};
struct shown_ends *loop_shown_ends(struct loop *loop);

/* The peer's address, as long as it is: the kernel may know it no more when the log is to tell. */
struct kept_peer {
	socklen_t len;
	char bytes[];
};

struct stream {
	struct event event; /* read and close edges, added once */
	struct loop *loop;
	const struct stream_verbs *verbs;
	struct stream_tls *tls; /* what the verbs need; NULL for a plain socket */
	const struct stream_limits *limits;
	const struct stream_events *events;
	void *ctx;
	struct loop_task attend; /* tells the owner what is due */
	struct loop_task flush;	 /* sends; after stream_close: frees */

	const char *view; /* the unconsumed bytes: in kept, or during on_input in the scratch */
	char *kept;	  /* owned */
	uint32_t view_len;
	uint32_t kept_cap;
	uint32_t expect; /* bytes in all the owner waits for; 0: not known */

	uint32_t out_start; /* queued bytes are out + out_start, out_len of them */
	uint32_t out_len;
	uint32_t out_cap;
	char *out;		   /* owned; NULL when nothing is queued */
	struct event *write_event; /* NULL until the socket was full for the first time */

	struct kept_peer *peer; /* owned; NULL until somebody asked for it */
	struct stream_gather *gather; /* NULL until it gathered for the first time */
	uint64_t bytes_in, bytes_out;

	int error;	   /* the socket failed; on_end is told and writes are refused */
	bool closed : 1;   /* by the owner: no callbacks any more */
	bool paused : 1;   /* by the owner */
	bool edge : 1;	   /* the socket may hold bytes not yet received */
	bool end_seen : 1; /* the kernel told of the end: receive until it shows */
	bool unsure : 1;   /* there may be an error: receive until EAGAIN */
	bool ended : 1;	   /* on_end was called */
	bool telling : 1;  /* on_input is on the stack */
	bool overfull : 1; /* stopped at in_max */
	bool show : 1;	   /* kept bytes are to be shown without new ones */
	bool blocked : 1;  /* write_event is added: the socket was full */
	bool was_full : 1; /* over out_high since on_room was last due */
	bool room_due : 1; /* on_room is to be called */
	bool gathering : 1; /* the kernel waits for a lot of bytes: stream_gather.c */
};

static_assert(sizeof(struct stream) <= 320, "an idle stream is to be small");

/* Remembers that the socket failed; on_end follows from the loop. */
void stream_fail(struct stream *stream, int error);
/* Sends what is queued, if the socket may take it. */
void stream_send_queued(struct stream *stream, bool more);
/* Tells the owner of the end, once; error 0: the other side closed. */
void stream_tell_end(struct stream *stream, int error);
/* Waits for room in the socket; the handshake or the queued bytes go on then. */
void stream_await_room(struct stream *stream);
/* Drops the queued bytes and the write event. */
void stream_release_out(struct stream *stream);
/* While it gathers: bytes came, or are wanted again, so their like may come. */
void stream_gather_extend(struct stream *stream);
/* The stream is closed: the timer goes. */
void stream_gather_stop(struct stream *stream);
/* The run function of the flush task. */
void stream_run_flush(struct loop_task *task);

#endif
