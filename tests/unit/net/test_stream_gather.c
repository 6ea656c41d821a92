#include "base/alloc.h"
#include "stream_owner.h"

/* More than the kernel is asked to wait for. */
#define MANY 110000

static int mark_of(const struct owner *owner)
{
	int bytes = 0;
	socklen_t len = sizeof(bytes);

	CHECK(getsockopt(stream_fd(owner->stream), SOL_SOCKET, SO_RCVLOWAT, &bytes, &len) == 0);
	return bytes;
}

static int64_t now_us(void)
{
	struct timespec clock;

	clock_gettime(CLOCK_MONOTONIC, &clock);
	return (int64_t)clock.tv_sec * 1000000 + clock.tv_nsec / 1000;
}

/* A stream that gathers and has already seen bytes. */
static struct owner *gatherer(void)
{
	static const struct stream_limits wide = {
		.read_size = 120 * 1024,
		.out_high = 64 * 1024,
		.out_low = 16 * 1024,
		.in_max = 256 * 1024,
		.turn_reads = 4,
	};
	struct owner *owner = owner_new(tcp_pair, &wide);

	say(owner, "before");
	TURN_UNTIL(owner->loop, owner->inputs == 1);
	stream_gather(owner->stream, true);
	CHECK(mark_of(owner) > 1);
	return owner;
}

/* True when a piece was not shown for itself; false when the machine was too busy to tell. */
static bool piece_was_kept_back(void)
{
	struct owner *owner = gatherer();
	int64_t began = now_us();
	bool in_time;

	stream_gather(owner->stream, false);
	turn(owner->loop);
	stream_gather(owner->stream, true);
	say(owner, "piece");
	turn(owner->loop);
	in_time = now_us() - began < 900;
	if (in_time)
		CHECK_INT_EQ(owner->inputs, 1);
	say_many(owner, MANY);
	TURN_UNTIL(owner->loop, owner->got_len == 11 + MANY);
	owner_free(owner);
	return in_time;
}

TEST(a_piece_is_not_shown_for_itself)
{
	int tries = 1;

	while (!piece_was_kept_back() && tries < 1000)
		tries++;
	CHECK(tries < 1000);
}

TEST(what_is_less_is_shown_soon)
{
	struct owner *owner = gatherer();

	say(owner, "end");
	TURN_UNTIL(owner->loop, owner->inputs == 2);
	CHECK_GOT(owner, "beforeend");
	CHECK_INT_EQ(mark_of(owner), 1);
	/* It does not gather any more. */
	say(owner, "!");
	TURN_UNTIL(owner->loop, owner->inputs == 3);
	CHECK_GOT(owner, "beforeend!");
	owner_free(owner);
}

TEST(what_is_there_is_shown_when_gathering_ends)
{
	struct owner *owner = gatherer();

	say(owner, "end");
	stream_gather(owner->stream, false);
	CHECK_INT_EQ(mark_of(owner), 1);
	TURN_UNTIL(owner->loop, owner->inputs == 2);
	CHECK_GOT(owner, "beforeend");
	owner_free(owner);
}

TEST(the_end_is_not_waited_for)
{
	struct owner *owner = gatherer();

	say(owner, "end");
	close(owner->other);
	owner->other = -1;
	TURN_UNTIL(owner->loop, owner->ends > 0);
	CHECK_GOT(owner, "beforeend");
	CHECK_INT_EQ(owner->error, 0);
	sleep_ms(3);
	turns(owner->loop, 2);
	CHECK_INT_EQ(owner->ends, 1);
	owner_free(owner);
}

TEST(a_pause_is_no_wait)
{
	struct owner *owner = gatherer();

	stream_pause(owner->stream);
	say(owner, "end");
	for (int i = 0; i < 4; i++) {
		sleep_ms(1);
		turn(owner->loop);
	}
	CHECK_INT_EQ(owner->inputs, 1);
	CHECK(mark_of(owner) > 1);
	stream_resume(owner->stream);
	TURN_UNTIL(owner->loop, owner->inputs == 2);
	CHECK_GOT(owner, "beforeend");
	owner_free(owner);
}

TEST(gathering_again)
{
	struct owner *owner = gatherer();

	for (int i = 0; i < 3; i++) {
		stream_gather(owner->stream, false);
		CHECK_INT_EQ(mark_of(owner), 1);
		stream_gather(owner->stream, true);
		CHECK(mark_of(owner) > 1);
	}
	say(owner, "end");
	TURN_UNTIL(owner->loop, owner->got_len == 9);
	owner_free(owner);
}

TEST(without_memory_it_does_not_gather)
{
	struct owner *owner = owner_new(tcp_pair, &limits);

	mem_fail_at(1);
	stream_gather(owner->stream, true);
	mem_fail_at(0);
	CHECK_INT_EQ(mark_of(owner), 1);
	say(owner, "at once");
	TURN_UNTIL(owner->loop, owner->inputs == 1);
	owner_free(owner);
}
