#ifndef STAGE_CLOCK_H
#define STAGE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Time that stands still until a test moves it. A program that links this file gets its own
 * clock_gettime and timerfd: the monotonic clock says what clock_move made of it, and a
 * timerfd rings when it was moved that far. Real time (CLOCK_REALTIME) stays what it is. One
 * timerfd at a time.
 */

/* Back to the beginning; no alarm is set. */
void clock_start(void);
int64_t clock_us(void);
/* Moves on, and rings. */
void clock_move(int64_t us);
/* Moves to where the alarm rings, at once if it is overdue; false when none is set. */
bool clock_move_to_alarm(void);

#endif
