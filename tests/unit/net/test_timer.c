#include "net/timer.h"

#include <stdlib.h>

#include "net/net_internal.h"
#include "net_test.h"

struct alarm {
	struct timer timer;
	struct loop *loop;
	int rung;
	struct moment rung_at;
	bool again;	       /* arms itself for the past */
	bool stop;	       /* stops the loop */
	struct timer *release; /* released from the callback */
};

static int order_last;

static void on_due(void *ctx)
{
	struct alarm *alarm = ctx;

	CHECK(!timer_is_armed(&alarm->timer));
	alarm->rung++;
	alarm->rung_at = loop_now(alarm->loop);
	if (alarm->again)
		timer_arm_in(&alarm->timer, span_ms(0));
	if (alarm->stop)
		loop_stop(alarm->loop);
	if (alarm->release)
		timer_release(alarm->release);
}

static void alarm_init(struct alarm *alarm, struct loop *loop)
{
	*alarm = (struct alarm){ .loop = loop };
	timer_init(&alarm->timer, loop, on_due, alarm);
}

TEST(a_timer_rings_once_and_not_early)
{
	struct loop *loop = loop_new();
	struct alarm alarm;
	struct moment due;

	alarm_init(&alarm, loop);
	CHECK(!timer_is_armed(&alarm.timer));
	due = moment_after(loop_now(loop), span_ms(5));
	timer_arm(&alarm.timer, due);
	CHECK(timer_is_armed(&alarm.timer));
	turn(loop);
	CHECK_INT_EQ(alarm.rung, 0);
	TURN_UNTIL(loop, alarm.rung == 1);
	CHECK(moment_reached(due, alarm.rung_at));
	sleep_ms(8);
	turns(loop, 2);
	CHECK_INT_EQ(alarm.rung, 1);
	timer_release(&alarm.timer);
	loop_free(loop);
}

TEST(a_deadline_moved_away_is_kept_without_moving_the_timer)
{
	struct loop *loop = loop_new();
	struct alarm alarm;
	struct moment start = loop_now(loop), wakes;

	alarm_init(&alarm, loop);
	timer_arm(&alarm.timer, moment_after(start, span_ms(5)));
	wakes = alarm.timer.wakes;
	timer_arm(&alarm.timer, moment_after(start, span_ms(30)));
	CHECK(alarm.timer.wakes.us == wakes.us);
	sleep_ms(12);
	turns(loop, 2);
	CHECK_INT_EQ(alarm.rung, 0);
	TURN_UNTIL(loop, alarm.rung == 1);
	CHECK(alarm.rung_at.us >= start.us + 30000);
	timer_release(&alarm.timer);
	loop_free(loop);
}

TEST(a_deadline_moved_near_comes_early)
{
	struct loop *loop = loop_new();
	struct alarm alarm;

	alarm_init(&alarm, loop);
	timer_arm_in(&alarm.timer, span_seconds(3600));
	timer_arm_in(&alarm.timer, span_ms(2));
	TURN_UNTIL(loop, alarm.rung == 1);
	timer_release(&alarm.timer);
	loop_free(loop);
}

TEST(a_disarmed_timer_is_silent_and_can_be_armed_again)
{
	struct loop *loop = loop_new();
	struct alarm alarm;

	alarm_init(&alarm, loop);
	timer_arm_in(&alarm.timer, span_ms(2));
	timer_disarm(&alarm.timer);
	CHECK(!timer_is_armed(&alarm.timer));
	sleep_ms(10);
	turns(loop, 3);
	CHECK_INT_EQ(alarm.rung, 0);
	CHECK(moment_is_never(alarm.timer.wakes));
	timer_arm_in(&alarm.timer, span_ms(1));
	TURN_UNTIL(loop, alarm.rung == 1);
	timer_release(&alarm.timer);
	loop_free(loop);
}

TEST(the_loop_sleeps_until_a_timer)
{
	struct loop *loop = loop_new();
	struct alarm alarm;
	uint64_t before;

	alarm_init(&alarm, loop);
	alarm.stop = true;
	timer_arm_in(&alarm.timer, span_ms(20));
	before = loop_turn_number(loop);
	loop_run(loop);
	CHECK_INT_EQ(alarm.rung, 1);
	CHECK(loop_turn_number(loop) - before < 20);
	timer_release(&alarm.timer);
	loop_free(loop);
}

TEST(arming_for_the_past_in_the_callback_does_not_hold_up_the_turn)
{
	struct loop *loop = loop_new();
	struct alarm alarm;

	alarm_init(&alarm, loop);
	alarm.again = true;
	timer_arm_in(&alarm.timer, span_ms(0));
	TURN_UNTIL(loop, alarm.rung > 3);
	timer_release(&alarm.timer);
	loop_free(loop);
}

TEST(a_callback_may_release_another_due_timer)
{
	struct loop *loop = loop_new();
	struct alarm one, two;

	alarm_init(&one, loop);
	alarm_init(&two, loop);
	one.release = &two.timer;
	two.release = &one.timer;
	timer_arm_in(&one.timer, span_ms(1));
	timer_arm_in(&two.timer, span_ms(1));
	sleep_ms(10);
	TURN_UNTIL(loop, one.rung + two.rung == 1);
	sleep_ms(5);
	turns(loop, 2);
	CHECK_INT_EQ(one.rung + two.rung, 1);
	timer_release(&one.timer);
	timer_release(&two.timer);
	loop_free(loop);
}

struct ordered {
	struct timer timer;
	int64_t due_us;
	bool rung;
};

static void on_ordered(void *ctx)
{
	struct ordered *ordered = ctx;

	CHECK(!ordered->rung);
	ordered->rung = true;
	CHECK(ordered->due_us >= order_last);
	order_last = (int)ordered->due_us;
}

TEST(many_timers_ring_in_order)
{
	enum { COUNT = 500 };
	struct loop *loop = loop_new();
	struct ordered *all = calloc(COUNT, sizeof(*all));
	struct moment start = loop_now(loop);
	int rung = 0;

	order_last = 0;
	for (int i = 0; i < COUNT; i++) {
		timer_init(&all[i].timer, loop, on_ordered, &all[i]);
		all[i].due_us = 1 + (i * 7919) % 20000;
		timer_arm(&all[i].timer, moment_after(start, (struct span){ all[i].due_us }));
	}
	/* Every third is released, every fourth moved to the front. */
	for (int i = 0; i < COUNT; i += 3)
		timer_release(&all[i].timer);
	for (int i = 0; i < COUNT; i += 4) {
		all[i].due_us = 1;
		timer_arm(&all[i].timer, moment_after(start, (struct span){ 1 }));
	}
	sleep_ms(30);
	turns(loop, 5);
	for (int i = 0; i < COUNT; i++) {
		CHECK(all[i].rung == (i % 3 != 0 || i % 4 == 0));
		rung += all[i].rung;
	}
	CHECK(rung > 0 && loop_timers(loop)->first == NULL);
	free(all);
	loop_free(loop);
}
