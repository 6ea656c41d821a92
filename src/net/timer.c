/*
 * Deadlines: an intrusive pairing heap ordered by when each timer wakes, and one libevent timer
 * for the earliest. Owned by the loop (struct timers), used by everybody who waits.
 *
 * Nearly every deadline is moved or given up before it comes, so a timer stays in the heap at
 * its old place (wakes) while its owner changes due at will; only an earlier due moves it.
 * Invariant: a timer with a due is in the heap with wakes <= due.
 */
#include "net/timer.h"

#include <assert.h>

#include "net/net_internal.h"

/* The alarm is always pending; with nothing to wait for it rings for nothing this often. */
#define ALARM_FAR_US ((int64_t)3600 * 1000000)

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

/* Rings at the moment wanted; adding a pending timer again only moves it and cannot fail. */
static void alarm_set(struct timers *timers, struct moment at)
{
	int64_t us = at.us - loop_now(timers->loop).us;
	struct timeval interval;

	if (us < 0)
		us = 0;
	if (us > ALARM_FAR_US)
		us = ALARM_FAR_US;
	interval.tv_sec = us / 1000000;
	interval.tv_usec = us % 1000000;
	timers->alarm_at = at;
	event_add(&timers->alarm, &interval);
}

static void alarm_follow(struct timers *timers)
{
	struct moment far = moment_after(loop_now(timers->loop), (struct span){ ALARM_FAR_US });

	alarm_set(timers, timers->first ? timers->first->wakes : far);
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
	while (timers->first && moment_reached(timers->first->wakes, now))
		timer_wake(timers, timers->first, now);
	alarm_follow(timers);
}

enum result timers_init(struct timers *timers, struct loop *loop)
{
	struct timeval far = { .tv_sec = ALARM_FAR_US / 1000000 };

	timers->loop = loop;
	timers->first = NULL;
	timers->alarm_at = moment_after(loop_now(loop), (struct span){ ALARM_FAR_US });
	if (event_assign(&timers->alarm, loop_base(loop), -1, EV_PERSIST, on_alarm, timers) < 0)
		return BROKEN;
	return event_add(&timers->alarm, &far) < 0 ? BROKEN : OK;
}

void timers_release(struct timers *timers)
{
	assert(!timers->first);
	event_del(&timers->alarm);
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
	if (timers->first->wakes.us < timers->alarm_at.us)
		alarm_set(timers, timers->first->wakes);
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
