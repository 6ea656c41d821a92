/*
 * Deadlines: an intrusive pairing heap ordered by when each timer wakes, and one timerfd that
 * rings for the earliest. Owned by the loop (struct timers), used by everybody who waits.
 *
 * A timerfd and not a libevent timer: with one pending, every epoll_wait gets a timeout and
 * reads the clock twice for it (0.1 us a turn, 2 % of a relayed message); the timerfd costs a
 * system call only when the earliest deadline changes, which laziness makes rare.
 *
 * Nearly every deadline is moved or given up before it comes, so a timer stays in the heap at
 * its old place (wakes) while its owner changes due at will; only an earlier due moves it.
 * Invariant: a timer with a due is in the heap with wakes <= due.
 */
#include "net/timer.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/log.h"
#include "net/net_internal.h"

/* The alarm rings on full milliseconds, so that deadlines close together share a wake-up. */
#define ALARM_GRID_US 1000

/* ---- the heap: child = first child, next = next sibling, prev = elder sibling or parent ---- */

static struct timer *heap_join(struct timer *a, struct timer *b)
{
	if (!a)
		return b;
	if (!b)
		return a;
	if (b->wakes.us < a->wakes.us) {
		struct timer *swap = a;

		a = b;
		b = swap;
	}
	b->prev = a;
	b->next = a->child;
	if (b->next)
		b->next->prev = b;
	a->child = b;
	a->next = a->prev = NULL;
	return a;
}

/* Joins a row of siblings: in pairs from the left, the pairs from the right. */
static struct timer *heap_join_row(struct timer *row)
{
	struct timer *pairs = NULL;

	while (row) {
		struct timer *a = row;
		struct timer *b = a->next;
		struct timer *pair;

		row = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		pair = heap_join(a, b);
		pair->next = pairs;
		pairs = pair;
	}
	struct timer *all = NULL;

	while (pairs) {
		struct timer *pair = pairs;

		pairs = pair->next;
		pair->next = NULL;
		all = heap_join(all, pair);
	}
	return all;
}

static void heap_put(struct timers *timers, struct timer *timer, struct moment wakes)
{
	timer->wakes = wakes;
	timer->child = timer->next = timer->prev = NULL;
	timers->first = heap_join(timers->first, timer);
}

static void heap_remove(struct timers *timers, struct timer *timer)
{
	struct timer *children = heap_join_row(timer->child);

	if (timer == timers->first) {
		timers->first = children;
	} else {
		if (timer->prev->child == timer)
			timer->prev->child = timer->next;
		else
			timer->prev->next = timer->next;
		if (timer->next)
			timer->next->prev = timer->prev;
		timers->first = heap_join(timers->first, children);
	}
	timer->child = timer->next = timer->prev = NULL;
	timer->wakes = MOMENT_NEVER;
}

/* ---- the alarm ---- */

/* Rings at the first deadline unless it will ring before that anyway. */
static void alarm_follow(struct timers *timers)
{
	struct itimerspec when = { 0 };
	int64_t us;

	if (!timers->first)
		return;
	us = (timers->first->wakes.us + ALARM_GRID_US - 1) / ALARM_GRID_US * ALARM_GRID_US;
	if (!moment_is_never(timers->alarm_at) && timers->alarm_at.us <= us)
		return;
	when.it_value.tv_sec = us / 1000000;
	when.it_value.tv_nsec = us % 1000000 * 1000;
	if (timerfd_settime(timers->fd, TFD_TIMER_ABSTIME, &when, NULL) < 0)
		log_error("cannot set the timer: %s", strerror(errno));
	timers->alarm_at.us = us;
}

/* One timer whose time to wake has come. */
static void timer_wake(struct timers *timers, struct timer *timer, struct moment now)
{
	heap_remove(timers, timer);
	if (moment_is_never(timer->due))
		return;
	if (!moment_reached(timer->due, now)) {
		heap_put(timers, timer, timer->due);
		return;
	}
	timer->due = MOMENT_NEVER;
	timer->on_due(timer->ctx);
}

static void on_alarm(evutil_socket_t fd, short what, void *ctx)
{
	struct timers *timers = ctx;
	struct moment now = loop_now(timers->loop);

	(void)fd;
	(void)what;
	timers->alarm_at = MOMENT_NEVER;
	while (timers->first && moment_reached(timers->first->wakes, now))
		timer_wake(timers, timers->first, now);
	alarm_follow(timers);
}

enum result timers_init(struct timers *timers, struct loop *loop)
{
	timers->loop = loop;
	timers->first = NULL;
	timers->alarm_at = MOMENT_NEVER;
	timers->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (timers->fd < 0)
		return BROKEN;
	/* Edge triggered: setting it anew is enough, it need not be read. */
	if (event_assign(&timers->alarm, loop_base(loop), timers->fd, EV_READ | EV_ET | EV_PERSIST,
			 on_alarm, timers) == 0 &&
	    event_add(&timers->alarm, NULL) == 0)
		return OK;
	close(timers->fd);
	return BROKEN;
}

void timers_release(struct timers *timers)
{
	assert(!timers->first);
	event_del(&timers->alarm);
	close(timers->fd);
}

/* ---- the timer ---- */

void timer_init(struct timer *timer, struct loop *loop, void (*on_due)(void *ctx), void *ctx)
{
	*timer = (struct timer){ .loop = loop, .on_due = on_due, .ctx = ctx };
}

void timer_release(struct timer *timer)
{
	timer->due = MOMENT_NEVER;
	if (!moment_is_never(timer->wakes))
		heap_remove(loop_timers(timer->loop), timer);
}

void timer_arm(struct timer *timer, struct moment due)
{
	struct timers *timers = loop_timers(timer->loop);
	struct moment now;

	assert(!moment_is_never(due));
	timer->due = due;
	if (!moment_is_never(timer->wakes) && timer->wakes.us <= due.us)
		return;
	if (!moment_is_never(timer->wakes))
		heap_remove(timers, timer);
	/* A callback that arms for the past again and again must not keep the turn from ending. */
	now = loop_now(timer->loop);
	heap_put(timers, timer, due.us > now.us ? due : (struct moment){ now.us + 1 });
	alarm_follow(timers);
}

void timer_arm_in(struct timer *timer, struct span span)
{
	timer_arm(timer, moment_after(loop_now(timer->loop), span));
}

void timer_disarm(struct timer *timer)
{
	timer->due = MOMENT_NEVER;
}

bool timer_is_armed(const struct timer *timer)
{
	return !moment_is_never(timer->due);
}
