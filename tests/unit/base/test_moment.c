#include "test.h"

#include "base/moment.h"

TEST(spans_are_in_microseconds)
{
	CHECK_INT_EQ(span_seconds(3).us, 3000000);
	CHECK_INT_EQ(span_ms(3).us, 3000);
}

TEST(moments_and_spans_add_up)
{
	struct moment start = { 1000 }, due = moment_after(start, span_ms(5));

	CHECK_INT_EQ(due.us, 6000);
	CHECK_INT_EQ(moment_between(start, due).us, 5000);
	CHECK(!moment_reached(due, start));
	CHECK(moment_reached(due, due));
	CHECK(moment_reached(start, due));
}

TEST(never_is_told_apart)
{
	CHECK(moment_is_never(MOMENT_NEVER));
	CHECK(!moment_is_never((struct moment){ 1 }));
}
