#ifndef STATS_HISTOGRAM_H
#define STATS_HISTOGRAM_H

#include <stdint.h>

#include "base/moment.h"

/*
 * How long things took, in constant memory: buckets of microseconds, exact below 8 and then
 * 8 to each power of two, so a bucket is at most an eighth of its values wide. Values from
 * 2^37 us (38 hours) on share the last bucket. All zero is an empty histogram.
 */

#define HISTOGRAM_FINE    3  /* 2^3 buckets to a power of two */
#define HISTOGRAM_POWERS  37 /* values below 2^37 us have buckets of their own */
#define HISTOGRAM_BUCKETS ((HISTOGRAM_POWERS - HISTOGRAM_FINE + 1) << HISTOGRAM_FINE)

struct histogram {
	uint64_t count;   /* values added */
	uint64_t sum;     /* of them, us */
	uint64_t largest; /* of them, us; 0 when there are none */
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* The bucket a value of us falls into. */
static inline unsigned histogram_bucket(uint64_t us)
{
	unsigned power;

	if (us < 1u << HISTOGRAM_FINE)
		return (unsigned)us;
	if (us >> HISTOGRAM_POWERS)
		return HISTOGRAM_BUCKETS - 1;
	power = 63 - (unsigned)__builtin_clzll(us) - HISTOGRAM_FINE;
	/* The highest bit of us >> power is one, which leads to the next group of buckets. */
	return (power << HISTOGRAM_FINE) + (unsigned)(us >> power);
}

/* A negative span counts as 0. */
static inline void histogram_add(struct histogram *histogram, struct span taken)
{
	uint64_t us = taken.us > 0 ? (uint64_t)taken.us : 0;

	histogram->count++;
	histogram->sum += us;
	histogram->largest = us > histogram->largest ? us : histogram->largest;
	histogram->buckets[histogram_bucket(us)]++;
}

void histogram_clear(struct histogram *histogram);
/* Adds all of from to into, as if its values had been added there. */
void histogram_merge(struct histogram *into, const struct histogram *from);
/*
 * A value that part (0 to 1) of the values do not exceed, within the width of its bucket;
 * part 1 gives the largest exactly. 0 when empty.
 */
struct span histogram_quantile(const struct histogram *histogram, double part);
/* Mean of all values; 0 when empty. */
struct span histogram_mean(const struct histogram *histogram);
/*
 * How many values are below limit: exact where limit is the lower end of a bucket (as powers
 * of two are), otherwise those of the buckets that lie wholly below it.
 */
uint64_t histogram_count_below(const struct histogram *histogram, struct span limit);
/* The lowest value of a bucket; bucket < HISTOGRAM_BUCKETS. */
struct span histogram_lower_end(unsigned bucket);

#endif
