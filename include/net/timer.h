#ifndef NET_TIMER_H
#define NET_TIMER_H

#include <stdbool.h>

#include "base/moment.h"
#include "net/loop.h"

/*
 * Deadlines. Embedded in the owner; arming allocates nothing and cannot fail. The fields are
 * the timer's own.
 */

struct timer {
	struct loop *loop;
	struct moment due;   /* never: not armed */
	struct moment wakes; /* when it will be looked at; never: it is not in the heap */
	struct timer *child, *next, *prev;
	void (*on_due)(void *ctx);
	void *ctx;
};

void timer_init(struct timer *timer, struct loop *loop, void (*on_due)(void *ctx), void *ctx);
/* Disarms. Must be called before the owner is freed. */
void timer_release(struct timer *timer);
/*
 * Arms for due, replacing an earlier deadline; a past one comes in the next turn. on_due comes
 * from the loop, at due or up to a millisecond later, with the timer disarmed.
 * Moving a deadline further away costs no more than a store: the timer wakes at the old time
 * and goes on waiting. The same for disarming and arming again.
 */
void timer_arm(struct timer *timer, struct moment due);
void timer_arm_in(struct timer *timer, struct span span);
void timer_disarm(struct timer *timer);
bool timer_is_armed(const struct timer *timer);

#endif
