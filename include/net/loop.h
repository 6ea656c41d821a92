#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "base/moment.h"
#include "base/result.h"

struct event_base;

/*
 * The loop and its fixed shape: read the clock once -> events -> end-of-turn queue (grants,
 * flushes) -> reaper -> sleep. Nobody calls another session's code from his own: he puts a
 * task in the queue.
 */

struct loop;

/* NULL when libevent refuses or there is no memory. */
struct loop *loop_new(void) MUST_USE;
/* No stream, timer or task may be left. NULL is allowed. */
void loop_free(struct loop *loop);
/* Turns until loop_stop. */
void loop_run(struct loop *loop);
/* The turn under way is finished, then loop_run returns. */
void loop_stop(struct loop *loop);
/* The monotonic time of this turn: read once, when first asked for in a turn. */
struct moment loop_now(struct loop *loop);
/* libevent's base, for modules of net, probe and metrics only. */
struct event_base *loop_base(struct loop *loop);

/*
 * A task in the end-of-turn queue; embedded in its owner. Tasks run in the order they were
 * put in; one put in by a running task runs in the same turn.
 */
struct loop_task {
	struct list_node node;
	void (*run)(struct loop_task *task);
};
/* Puts task into this turn's queue; nothing happens when it is in already. */
void loop_at_end(struct loop *loop, struct loop_task *task);
/* Puts task into the next turn's queue, and that turn does not sleep. */
void loop_next_turn(struct loop *loop, struct loop_task *task);
/* Takes the task out of whichever queue it is in, if any. */
void loop_forget(struct loop *loop, struct loop_task *task);

/*
 * Runs last in the turn, after all tasks: for freeing what this turn's callbacks may still
 * have on their stacks. The task is not touched after run returns.
 */
void loop_reap(struct loop *loop, struct loop_task *task);

#endif
