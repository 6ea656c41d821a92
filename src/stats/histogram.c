/*
 * Log-linear histograms of latencies. Owned by whoever measures (pool, probe, metrics); the
 * adding is inline in the header, here is what is asked now and then. Invariant: count is the
 * sum of all buckets.
 */
#include "stats/histogram.h"

#include <assert.h>

_Static_assert(sizeof(struct histogram) <= 2560, "one per pool and kind must stay cheap");

void histogram_clear(struct histogram *histogram)
{
	*histogram = (struct histogram){ 0 };
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	into->count += from->count;
	into->sum += from->sum;
	if (from->largest > into->largest)
		into->largest = from->largest;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
}

static uint64_t lower_end(unsigned bucket)
{
	unsigned group = bucket >> HISTOGRAM_FINE;
	uint64_t fine = bucket & ((1u << HISTOGRAM_FINE) - 1);

	if (group == 0)
		return fine;
	return (fine + (1u << HISTOGRAM_FINE)) << (group - 1);
}

struct span histogram_lower_end(unsigned bucket)
{
	assert(bucket < HISTOGRAM_BUCKETS);
	return (struct span){ (int64_t)lower_end(bucket) };
}

/* The value at rank (1 = first) among those of a bucket, were they spread evenly in it. */
static uint64_t value_in_bucket(const struct histogram *histogram, unsigned bucket, double rank)
{
	double low = (double)lower_end(bucket), high = (double)lower_end(bucket + 1);
	uint64_t value = (uint64_t)(low + (high - low) * rank / (double)histogram->buckets[bucket]);
	uint64_t last = lower_end(bucket + 1) - 1;

	value = value < last ? value : last;
	return value < histogram->largest ? value : histogram->largest;
}

struct span histogram_quantile(const struct histogram *histogram, double part)
{
	double rank = part * (double)histogram->count;

	if (histogram->count == 0)
		return (struct span){ 0 };
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS - 1 && part < 1; i++) {
		if (histogram->buckets[i] > 0 && rank <= (double)histogram->buckets[i])
			return (struct span){ (int64_t)value_in_bucket(histogram, i,
								       rank < 0 ? 0 : rank) };
		rank -= (double)histogram->buckets[i];
	}
	return (struct span){ (int64_t)histogram->largest };
}

struct span histogram_mean(const struct histogram *histogram)
{
	return (struct span){ histogram->count ? (int64_t)(histogram->sum / histogram->count) : 0 };
}

uint64_t histogram_count_below(const struct histogram *histogram, struct span limit)
{
	unsigned end = limit.us > 0 ? histogram_bucket((uint64_t)limit.us) : 0;
	uint64_t below = 0;

	for (unsigned i = 0; i < end; i++)
		below += histogram->buckets[i];
	return below;
}
