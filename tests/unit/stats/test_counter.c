#include "test.h"

#include "stats/counter.h"

static struct moment at_second(int64_t second)
{
	return (struct moment){ second * 1000000 };
}

TEST(before_a_window_is_complete_there_is_no_rate)
{
	struct counter counter = { 0 };
	struct window window = { 0 };

	counter_add(&counter, 5);
	CHECK_UINT_EQ(counter.total, 5);
	CHECK_UINT_EQ(counter_rate(&counter, &window), 0);
	window_close(&window, at_second(10));
	counters_close(&counter, 1);
	CHECK_UINT_EQ(counter_rate(&counter, &window), 0);
}

TEST(rates_are_those_of_the_last_complete_window)
{
	struct counter counters[2] = { 0 };
	struct window window = { 0 };

	window_close(&window, at_second(100));
	counter_add(&counters[0], 600);
	counter_add(&counters[1], 59);
	window_close(&window, at_second(160));
	counters_close(counters, 2);
	counter_add(&counters[0], 1000000);
	CHECK_UINT_EQ(counter_rate(&counters[0], &window), 10);
	CHECK_UINT_EQ(counter_rate(&counters[1], &window), 0);
	CHECK_UINT_EQ(counters[0].total, 1000600);
	window_close(&window, at_second(161));
	counters_close(counters, 2);
	CHECK_UINT_EQ(counter_rate(&counters[0], &window), 1000000);
	window_close(&window, at_second(171));
	counters_close(counters, 2);
	CHECK_UINT_EQ(counter_rate(&counters[0], &window), 0);
	CHECK_UINT_EQ(counters[0].total, 1000600);
}

TEST(a_rate_does_not_overflow)
{
	struct counter counter = { 0 };
	struct window window = { 0 };

	window_close(&window, at_second(1));
	counter_add(&counter, UINT64_C(1) << 50);
	window_close(&window, at_second(2));
	counters_close(&counter, 1);
	CHECK_UINT_EQ(counter_rate(&counter, &window), UINT64_C(1) << 50);
}

TEST(means_are_per_event)
{
	struct counter time = { 0 }, events = { 0 };

	CHECK_UINT_EQ(counter_mean(&time, &events), 0);
	counter_add(&time, 1000);
	counter_add(&events, 3);
	counters_close(&time, 1);
	counters_close(&events, 1);
	CHECK_UINT_EQ(counter_mean(&time, &events), 333);
}

TEST(sets_are_merged)
{
	struct counter all[2] = { 0 }, one[2] = { 0 };

	counter_add(&one[0], 4);
	counters_close(one, 2);
	counter_add(&one[0], 1);
	counter_add(&one[1], 7);
	counters_merge(all, one, 2);
	counters_merge(all, one, 2);
	CHECK_UINT_EQ(all[0].total, 10);
	CHECK_UINT_EQ(all[0].last, 8);
	CHECK_UINT_EQ(all[1].total, 14);
	counters_close(all, 2);
	CHECK_UINT_EQ(all[0].last, 2);
}
