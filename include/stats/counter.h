#ifndef STATS_COUNTER_H
#define STATS_COUNTER_H

#include <stddef.h>
#include <stdint.h>

#include "base/moment.h"

/*
 * Plain counters, and what they did in the last complete window (stats_period). The owner of
 * the counters closes the window for all of them at once; between that, counting is one add.
 * All zero is a valid start.
 */

struct counter {
	uint64_t total;
	uint64_t at_start; /* total when the running window began */
	uint64_t last;     /* what the last complete window added */
};

/* The times that belong to a set of counters. */
struct window {
	struct moment began; /* never: no window has begun */
	struct span   last;  /* how long the last complete window was; 0: there was none */
};

static inline void counter_add(struct counter *counter, uint64_t amount)
{
	counter->total += amount;
}

/* Begins the first window, or ends the running one and begins the next. */
static inline void window_close(struct window *window, struct moment now)
{
	if (!moment_is_never(window->began))
		window->last = moment_between(window->began, now);
	window->began = now;
}

/* Goes with window_close, for each of count counters. */
static inline void counters_close(struct counter *counters, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		counters[i].last = counters[i].total - counters[i].at_start;
		counters[i].at_start = counters[i].total;
	}
}

/* Adds one set of counters to another: pools into a database, databases into all. */
static inline void counters_merge(struct counter *into, const struct counter *from, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		into[i].total += from[i].total;
		into[i].at_start += from[i].at_start;
		into[i].last += from[i].last;
	}
}

/* How many a second in the last complete window, rounded down; 0 when there was none. */
static inline uint64_t counter_rate(const struct counter *counter, const struct window *window)
{
	if (window->last.us <= 0)
		return 0;
	return (uint64_t)((unsigned __int128)counter->last * 1000000 / (uint64_t)window->last.us);
}

/* Mean of sum over events in the last complete window, rounded down; 0 without events. */
static inline uint64_t counter_mean(const struct counter *sum, const struct counter *events)
{
	return events->last ? sum->last / events->last : 0;
}

#endif
