#ifndef BASE_MOMENT_H
#define BASE_MOMENT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Time as two structs, so that a point, a length and a plain number cannot be
 * mixed up. Nothing here reads a clock: net/loop does, once a turn.
 */

struct moment {
	int64_t us; /* microseconds on the monotonic clock; 0 = never */
};

struct span {
	int64_t us; /* microseconds; not negative where a header does not say otherwise */
};

#define MOMENT_NEVER ((struct moment){ 0 })

static inline struct span span_seconds(int64_t seconds)
{
	return (struct span){ seconds * 1000000 };
}

static inline struct span span_ms(int64_t ms)
{
	return (struct span){ ms * 1000 };
}

static inline bool moment_is_never(struct moment m)
{
	return m.us == 0;
}

static inline struct moment moment_after(struct moment m, struct span s)
{
	return (struct moment){ m.us + s.us };
}

static inline struct span moment_between(struct moment from, struct moment to)
{
	return (struct span){ to.us - from.us };
}

static inline bool moment_reached(struct moment due, struct moment now)
{
	return due.us <= now.us;
}

#endif
