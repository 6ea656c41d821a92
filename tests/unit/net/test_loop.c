#include "net/loop.h"

#include "net_test.h"

static char order[64];
static size_t order_len;

struct step {
	struct loop_task task;
	struct loop *loop;
	char letter;
	struct step *then;	/* put at the end of the turn by this one */
	struct step *then_next; /* put into the next turn by this one */
	struct step *then_reap;
};

static void step_run(struct loop_task *task)
{
	struct step *step = CONTAINER_OF(task, struct step, task);

	order[order_len++] = step->letter;
	if (step->then)
		loop_at_end(step->loop, &step->then->task);
	if (step->then_next)
		loop_next_turn(step->loop, &step->then_next->task);
	if (step->then_reap)
		loop_reap(step->loop, &step->then_reap->task);
}

static struct step step_of(struct loop *loop, char letter)
{
	return (struct step){ .task.run = step_run, .loop = loop, .letter = letter };
}

#define CHECK_ORDER(text) CHECK_SLICE_EQ(((struct slice){ order, order_len }), SLICE_LITERAL(text))

TEST(tasks_run_in_order_and_once)
{
	struct loop *loop = loop_new();
	struct step a = step_of(loop, 'a'), b = step_of(loop, 'b'), c = step_of(loop, 'c');

	order_len = 0;
	a.then = &c;
	loop_at_end(loop, &a.task);
	loop_at_end(loop, &b.task);
	loop_at_end(loop, &a.task);
	turn(loop);
	CHECK_ORDER("abc");
	turn(loop);
	CHECK_ORDER("abc");
	loop_free(loop);
}

TEST(the_next_turn_and_the_reaper_come_after)
{
	struct loop *loop = loop_new();
	struct step a = step_of(loop, 'a'), b = step_of(loop, 'b'), n = step_of(loop, 'n'),
		    r = step_of(loop, 'r');

	order_len = 0;
	a.then_next = &n;
	a.then_reap = &r;
	loop_at_end(loop, &a.task);
	loop_at_end(loop, &b.task);
	turn(loop);
	CHECK_ORDER("abr");
	turn(loop);
	CHECK_ORDER("abrn");
	loop_free(loop);
}

TEST(a_forgotten_task_does_not_run)
{
	struct loop *loop = loop_new();
	struct step a = step_of(loop, 'a'), b = step_of(loop, 'b'), c = step_of(loop, 'c');

	order_len = 0;
	loop_at_end(loop, &a.task);
	loop_at_end(loop, &b.task);
	loop_next_turn(loop, &c.task);
	loop_forget(loop, &a.task);
	loop_forget(loop, &a.task);
	loop_forget(loop, &c.task);
	turns(loop, 2);
	CHECK_ORDER("b");
	loop_at_end(loop, &a.task);
	turn(loop);
	CHECK_ORDER("ba");
	loop_free(loop);
}

TEST(the_time_stands_still_within_a_turn)
{
	struct loop *loop = loop_new();
	struct moment first;

	turn(loop);
	first = loop_now(loop);
	CHECK(!moment_is_never(first));
	sleep_ms(2);
	CHECK(loop_now(loop).us == first.us);
	turn(loop);
	CHECK(loop_now(loop).us >= first.us + 2000);
	loop_free(loop);
}

TEST(no_memory_makes_no_loop)
{
	WITH_EACH_FAULT(nth)
	{
		struct loop *loop = loop_new();

		loop_free(loop);
	}
}
