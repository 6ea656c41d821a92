/*
 * The loop: libevent's base, the time of this turn, the end-of-turn queue and the reaper.
 * Owns the scratch space streams receive into, the blocks they queue bytes in, and the timers.
 * Made and run by the daemon; everybody else is called by it.
 *
 * The order of a turn never changes: sleep and take events -> the queue, first in first out,
 * until empty -> the reaper. A turn with something queued already does not sleep.
 */
#include "net/loop.h"

#include <assert.h>
#include <time.h>

#include <event2/event.h>

#include "base/alloc.h"
#include "base/log.h"
#include "net/net_internal.h"

/* Blocks kept for reuse at most; a turn rarely writes to more streams than this. */
#define SPARE_BLOCKS 128
#define PAGE	     4096

struct loop {
	struct event_base *base;
	struct list_node ending; /* this turn's queue, a ring */
	struct list_node next;	 /* the next turn's */
	struct list_node reap;
	struct moment now; /* never: not asked for yet in this turn */
	uint64_t turn;
	bool stopping;
	struct timers timers;
	struct handshakes handshakes;
	struct slab *streams;
	struct slab *small_blocks;
	struct shown_ends shown_ends;
	char *scratch;	     /* on a page boundary: the kernel copies faster there */
	char *scratch_owned; /* the block it lies in */
	unsigned spare_count;
	char *spare[SPARE_BLOCKS];
};

/* ---- rings of tasks: a task can leave without knowing which ring it is in ---- */

static void ring_init(struct list_node *ring)
{
	ring->prev = ring->next = ring;
}

static bool ring_is_empty(const struct list_node *ring)
{
	return ring->next == ring;
}

static void ring_put(struct list_node *ring, struct list_node *node)
{
	node->prev = ring->prev;
	node->next = ring;
	ring->prev->next = node;
	ring->prev = node;
}

static void ring_leave(struct list_node *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	node->prev = node->next = NULL;
}

/* Puts all of from behind to. */
static void ring_move(struct list_node *to, struct list_node *from)
{
	if (ring_is_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	ring_init(from);
}

static void ring_run(struct list_node *ring)
{
	while (!ring_is_empty(ring)) {
		struct loop_task *task = CONTAINER_OF(ring->next, struct loop_task, node);

		ring_leave(&task->node);
		task->run(task);
	}
}

/* ---- life ---- */

/* The first page boundary within block; NULL when there is no block. */
static char *page_in(char *block)
{
	return block ? block + (PAGE - (uintptr_t)block % PAGE) : NULL;
}

/* What libevent and its resolver have to say goes where everything else goes. */
static void on_libevent_log(int severity, const char *text)
{
	switch (severity) {
	case EVENT_LOG_ERR: log_error("libevent: %s", text); break;
	case EVENT_LOG_WARN: log_warning("libevent: %s", text); break;
	case EVENT_LOG_MSG: log_info("libevent: %s", text); break;
	default: break;
	}
}

static struct event_base *base_new(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	event_set_log_callback(on_libevent_log);
	if (!config)
		return NULL;
	/* Edge triggering and early close are what streams are built on: epoll only. */
	if (event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE) == 0 &&
	    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV |
						  EVENT_BASE_FLAG_NO_CACHE_TIME) == 0)
		base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

struct loop *loop_new(void)
{
	struct loop *loop = mem_alloc_zero(sizeof(*loop));

	if (!loop)
		return NULL;
	ring_init(&loop->ending);
	ring_init(&loop->next);
	ring_init(&loop->reap);
	handshakes_init(&loop->handshakes, loop);
	loop->scratch_owned = mem_alloc(SCRATCH_SIZE + PAGE);
	loop->scratch = page_in(loop->scratch_owned);
	loop->streams = slab_new("stream", sizeof(struct stream));
	loop->small_blocks = slab_new("input", KEPT_SMALL);
	loop->base = base_new();
	if (loop->scratch && loop->streams && loop->small_blocks && loop->base &&
	    timers_init(&loop->timers, loop) == OK)
		return loop;
	if (loop->base)
		event_base_free(loop->base);
	slab_free(loop->streams);
	slab_free(loop->small_blocks);
	mem_free(loop->scratch_owned);
	mem_free(loop);
	return NULL;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	loop_forget(loop, &loop->handshakes.task);
	ring_run(&loop->reap);
	assert(ring_is_empty(&loop->ending) && ring_is_empty(&loop->next));
	timers_release(&loop->timers);
	event_base_free(loop->base);
	while (loop->spare_count)
		mem_free(loop->spare[--loop->spare_count]);
	slab_free(loop->streams);
	slab_free(loop->small_blocks);
	mem_free(loop->scratch_owned);
	mem_free(loop);
}

/* ---- turns ---- */

static void loop_turn(struct loop *loop)
{
	/* A process waiting for its first connection is no reason for libevent to leave. */
	int flags = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY;

	ring_move(&loop->ending, &loop->next);
	if (!ring_is_empty(&loop->ending) || !ring_is_empty(&loop->reap))
		flags |= EVLOOP_NONBLOCK;
	loop->turn++;
	loop->now = MOMENT_NEVER;
	if (event_base_loop(loop->base, flags) < 0)
		log_error("event loop failed, going on");
	ring_run(&loop->ending);
	ring_run(&loop->reap);
}

void loop_run(struct loop *loop)
{
	loop->stopping = false;
	while (!loop->stopping)
		loop_turn(loop);
}

void loop_stop(struct loop *loop)
{
	loop->stopping = true;
}

struct moment loop_now(struct loop *loop)
{
	struct timespec clock;

	if (!moment_is_never(loop->now))
		return loop->now;
	clock_gettime(CLOCK_MONOTONIC, &clock);
	loop->now.us = (int64_t)clock.tv_sec * 1000000 + clock.tv_nsec / 1000;
	/* A machine in its first microsecond must not read as never. */
	if (loop->now.us == 0)
		loop->now.us = 1;
	return loop->now;
}

/* ---- tasks ---- */

void loop_at_end(struct loop *loop, struct loop_task *task)
{
	if (!list_has(&task->node))
		ring_put(&loop->ending, &task->node);
}

void loop_next_turn(struct loop *loop, struct loop_task *task)
{
	if (!list_has(&task->node))
		ring_put(&loop->next, &task->node);
}

void loop_forget(struct loop *loop, struct loop_task *task)
{
	(void)loop;
	if (list_has(&task->node))
		ring_leave(&task->node);
}

void loop_reap(struct loop *loop, struct loop_task *task)
{
	assert(!list_has(&task->node));
	ring_put(&loop->reap, &task->node);
}

/* ---- possessions ---- */

struct event_base *loop_base(struct loop *loop)
{
	return loop->base;
}

char *loop_scratch(struct loop *loop)
{
	return loop->scratch;
}

char *loop_take_block(struct loop *loop)
{
	if (loop->spare_count)
		return loop->spare[--loop->spare_count];
	return mem_alloc(OUT_BLOCK);
}

void loop_give_block(struct loop *loop, char *block)
{
	if (loop->spare_count < SPARE_BLOCKS)
		loop->spare[loop->spare_count++] = block;
	else
		mem_free(block);
}

struct slab *loop_streams(struct loop *loop)
{
	return loop->streams;
}

uint64_t loop_turn_number(const struct loop *loop)
{
	return loop->turn;
}

struct slab *loop_small_blocks(struct loop *loop)
{
	return loop->small_blocks;
}

struct shown_ends *loop_shown_ends(struct loop *loop)
{
	return &loop->shown_ends;
}

struct handshakes *loop_handshakes(struct loop *loop)
{
	return &loop->handshakes;
}

struct timers *loop_timers(struct loop *loop)
{
	return &loop->timers;
}
