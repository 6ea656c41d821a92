#ifndef NET_TIMER_H
#define NET_TIMER_H

#include <stdbool.h>

#include <event2/event_struct.h>

#include "base/moment.h"
#include "net/loop.h"

/* Deadlines. Embedded in the owner; not armed costs nothing. */

struct timer {
	struct event  event;
	struct loop  *loop;
	struct moment due; /* never: not armed */
	void (*on_due)(void *ctx);
	void *ctx;
};

void timer_init(struct timer *timer, struct loop *loop, void (*on_due)(void *ctx), void *ctx);
/* Disarms. */
void timer_release(struct timer *timer);
/*
 * Arms for due, replacing an earlier deadline. Moving a deadline further away costs no more
 * than a store: the timer wakes at the old time and goes on waiting.
 */
void timer_arm(struct timer *timer, struct moment due);
void timer_arm_in(struct timer *timer, struct span span);
void timer_disarm(struct timer *timer);
bool timer_is_armed(const struct timer *timer);

#endif
