#include "test.h"

#include "stats/histogram.h"

static struct span us(int64_t value)
{
	return (struct span){ value };
}

TEST(buckets_join_without_gaps)
{
	uint64_t before = 0;

	CHECK_UINT_EQ(histogram_bucket(0), 0);
	for (unsigned i = 1; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t low = (uint64_t)histogram_lower_end(i).us;

		CHECK(low > before);
		CHECK_UINT_EQ(histogram_bucket(low), i);
		CHECK_UINT_EQ(histogram_bucket(low - 1), i - 1);
		CHECK(low < 16 || (low - before) * 8 <= low);
		before = low;
	}
	CHECK_UINT_EQ(histogram_bucket((UINT64_C(1) << 37) - 1), HISTOGRAM_BUCKETS - 1);
	CHECK_UINT_EQ(histogram_bucket(UINT64_C(1) << 37), HISTOGRAM_BUCKETS - 1);
	CHECK_UINT_EQ(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
}

TEST(an_empty_one_answers_zero)
{
	struct histogram h = { 0 };

	CHECK_INT_EQ(histogram_quantile(&h, 0.5).us, 0);
	CHECK_INT_EQ(histogram_quantile(&h, 1).us, 0);
	CHECK_INT_EQ(histogram_mean(&h).us, 0);
	CHECK_UINT_EQ(histogram_count_below(&h, us(1000)), 0);
}

TEST(one_value_is_every_quantile)
{
	struct histogram h = { 0 };

	histogram_add(&h, us(1000));
	CHECK(histogram_quantile(&h, 0).us >= 960 && histogram_quantile(&h, 0).us <= 1000);
	CHECK(histogram_quantile(&h, 0.5).us >= 960 && histogram_quantile(&h, 0.5).us <= 1000);
	CHECK_INT_EQ(histogram_quantile(&h, 1).us, 1000);
	CHECK_INT_EQ(histogram_mean(&h).us, 1000);
	CHECK_UINT_EQ(h.largest, 1000);
}

TEST(small_values_are_exact)
{
	struct histogram h = { 0 };

	for (int value = 0; value < 8; value++)
		histogram_add(&h, us(value));
	for (int value = 0; value < 8; value++)
		CHECK_INT_EQ(histogram_quantile(&h, (value + 0.5) / 8).us, value);
}

TEST(quantiles_of_an_even_spread)
{
	struct histogram h = { 0 };

	for (int value = 1; value <= 100000; value++)
		histogram_add(&h, us(value));
	for (int percent = 1; percent < 100; percent++) {
		int64_t expected = percent * 1000,
			found = histogram_quantile(&h, percent / 100.0).us;

		CHECK(found > expected * 97 / 100 && found < expected * 103 / 100);
	}
	CHECK_INT_EQ(histogram_quantile(&h, 1).us, 100000);
	CHECK_UINT_EQ(h.count, 100000);
	CHECK_UINT_EQ(h.sum, UINT64_C(100000) * 100001 / 2);
	CHECK_INT_EQ(histogram_mean(&h).us, 50000);
}

TEST(a_few_slow_ones_are_seen)
{
	struct histogram h = { 0 };

	for (int i = 0; i < 990; i++)
		histogram_add(&h, us(100));
	for (int i = 0; i < 10; i++)
		histogram_add(&h, us(1000000));
	CHECK(histogram_quantile(&h, 0.98).us <= 104);
	CHECK(histogram_quantile(&h, 0.995).us > 900000);
	CHECK(histogram_quantile(&h, 0.995).us <= 1000000);
}

TEST(odd_spans_have_a_place)
{
	struct histogram h = { 0 };

	histogram_add(&h, us(-5));
	histogram_add(&h, us(INT64_MAX));
	CHECK_UINT_EQ(h.buckets[0], 1);
	CHECK_UINT_EQ(h.buckets[HISTOGRAM_BUCKETS - 1], 1);
	CHECK_INT_EQ(histogram_quantile(&h, 0.99).us, INT64_MAX);
	CHECK_INT_EQ(histogram_quantile(&h, -1).us, 0);
	CHECK_INT_EQ(histogram_quantile(&h, 2).us, INT64_MAX);
}

TEST(merging_is_adding_all)
{
	struct histogram a = { 0 }, b = { 0 }, both = { 0 };

	for (int64_t value = 1; value < 1000000; value = value * 3 + 1) {
		struct histogram *one = value % 2 ? &a : &b;

		histogram_add(one, us(value));
		histogram_add(&both, us(value));
	}
	histogram_merge(&a, &b);
	CHECK_BYTES_EQ(&a, &both, sizeof(both));
	histogram_clear(&a);
	CHECK_UINT_EQ(a.count, 0);
	histogram_merge(&both, &a);
	CHECK(both.count > 0 && both.largest > 0);
}

TEST(counts_below_a_limit)
{
	struct histogram h = { 0 };

	for (int value = 0; value < 5000; value++)
		histogram_add(&h, us(value));
	CHECK_UINT_EQ(histogram_count_below(&h, us(0)), 0);
	CHECK_UINT_EQ(histogram_count_below(&h, us(-1)), 0);
	CHECK_UINT_EQ(histogram_count_below(&h, us(5)), 5);
	CHECK_UINT_EQ(histogram_count_below(&h, us(1024)), 1024);
	CHECK_UINT_EQ(histogram_count_below(&h, us(4096)), 4096);
	CHECK_UINT_EQ(histogram_count_below(&h, us(1000)), 960);
	CHECK_UINT_EQ(histogram_count_below(&h, us(100000)), 5000);
}
