#include "stream_owner.h"

TEST(small_writes_go_out_together_at_the_end_of_the_turn)
{
	struct owner *owner = owner_new(unix_pair, &limits);
	char back[16];

	CHECK(stream_write(owner->stream, SLICE_LITERAL("ab")) == OK);
	CHECK(stream_write(owner->stream, SLICE_LITERAL("cd")) == OK);
	CHECK_UINT_EQ(stream_out_len(owner->stream), 4);
	CHECK_INT_EQ(recv(owner->other, back, sizeof(back), MSG_DONTWAIT), -1);
	turn(owner->loop);
	CHECK_INT_EQ(recv(owner->other, back, sizeof(back), MSG_DONTWAIT), 4);
	CHECK(memcmp(back, "abcd", 4) == 0);
	CHECK(owner->stream->out == NULL);
	CHECK_UINT_EQ(stream_bytes_out(owner->stream), 4);
	owner_free(owner);
}

TEST(flush_sends_now_and_long_runs_are_not_copied)
{
	struct owner *owner = owner_new(unix_pair, &limits);
	static char run[20000], back[30000];

	CHECK(stream_write(owner->stream, SLICE_LITERAL("ab")) == OK);
	stream_flush(owner->stream);
	CHECK_INT_EQ(recv(owner->other, back, sizeof(back), MSG_DONTWAIT), 2);
	CHECK(stream_write(owner->stream, SLICE_LITERAL("cd")) == OK);
	CHECK(stream_write(owner->stream, (struct slice){ run, sizeof(run) }) == OK);
	CHECK_UINT_EQ(stream_out_len(owner->stream), 0);
	CHECK_INT_EQ(recv(owner->other, back, sizeof(back), MSG_DONTWAIT), 2 + sizeof(run));
	CHECK(memcmp(back, "cd", 2) == 0);
	CHECK(stream_write(owner->stream, (struct slice){ run, 5000 }) == OK);
	CHECK_INT_EQ(recv(owner->other, back, sizeof(back), MSG_DONTWAIT), 5000);
	owner_free(owner);
}

/* Reads what has come to the other end; checks it against the pattern of say_many. */
static size_t take_back(struct owner *owner, size_t from)
{
	char back[3000];
	ssize_t n = recv(owner->other, back, sizeof(back), MSG_DONTWAIT);

	for (ssize_t i = 0; i < n; i++)
		if (back[i] != (char)((from + (size_t)i) * 7 + (from + (size_t)i) / 251))
			FAIL("byte %zu differs", from + (size_t)i);
	return n > 0 ? from + (size_t)n : from;
}

static size_t take_back_or_wait(struct owner *owner, size_t from)
{
	size_t now = take_back(owner, from);

	if (now == from)
		sleep_ms(1);
	turn(owner->loop);
	return now;
}

static void check_slow_reader(void (*pair)(int ends[2]), size_t piece)
{
	struct owner *owner = owner_new(pair, &limits);
	int tiny = 4096, small = 32768;
	size_t total = 300000, back = 0, said = 0;
	char *bytes = malloc(total);

	for (size_t i = 0; i < total; i++)
		bytes[i] = (char)(i * 7 + i / 251);
	setsockopt(stream_fd(owner->stream), SOL_SOCKET, SO_SNDBUF, &tiny, sizeof(tiny));
	setsockopt(owner->other, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	while (!stream_is_full(owner->stream) && said < total) {
		size_t n = total - said < piece ? total - said : piece;

		CHECK(stream_write(owner->stream, (struct slice){ bytes + said, n }) == OK);
		said += n;
		turn(owner->loop);
	}
	CHECK(stream_is_full(owner->stream));
	CHECK_INT_EQ(owner->rooms, 0);
	for (int i = 0; i < 3000 && owner->rooms == 0; i++)
		back = take_back_or_wait(owner, back);
	CHECK_INT_EQ(owner->rooms, 1);
	CHECK(stream_out_len(owner->stream) <= limits.out_low);
	for (int i = 0; i < 3000 && back < said; i++)
		back = take_back_or_wait(owner, back);
	CHECK_UINT_EQ(back, said);
	CHECK_UINT_EQ(stream_bytes_out(owner->stream), said);
	CHECK(owner->stream->out == NULL);
	CHECK_INT_EQ(owner->rooms, 1);
	CHECK(!stream_saw_end(owner->stream));
	free(bytes);
	owner_free(owner);
}

TEST(partial_sends_keep_every_byte)
{
	check_slow_reader(unix_pair, 1000);
	check_slow_reader(unix_pair, 50000);
	check_slow_reader(tcp_pair, 1000);
	check_slow_reader(tcp_pair, 50000);
}

TEST(input_and_end_are_still_seen_while_the_socket_is_full)
{
	struct owner *owner = owner_new(tcp_pair, &limits);
	static char run[50000];
	int tiny = 4096;

	setsockopt(stream_fd(owner->stream), SOL_SOCKET, SO_SNDBUF, &tiny, sizeof(tiny));
	setsockopt(owner->other, SOL_SOCKET, SO_RCVBUF, &tiny, sizeof(tiny));
	for (int i = 0; i < 100 && !stream_is_full(owner->stream); i++)
		CHECK(stream_write(owner->stream, (struct slice){ run, sizeof(run) }) == OK);
	CHECK(owner->stream->blocked);
	turn(owner->loop);
	say(owner, "one");
	turn(owner->loop);
	CHECK_GOT(owner, "one");
	CHECK(!stream_saw_end(owner->stream));
	say(owner, "two");
	reset_close(owner->other);
	owner->other = -1;
	TURN_UNTIL(owner->loop, owner->ends > 0);
	CHECK_GOT(owner, "onetwo");
	CHECK(owner->error == ECONNRESET || owner->error == EPIPE);
	CHECK(stream_write(owner->stream, SLICE_LITERAL("x")) == BROKEN);
	owner_free(owner);
}

TEST(a_failed_write_shows_the_last_input_before_the_end)
{
	struct owner *owner = owner_new(unix_pair, &limits);

	turn(owner->loop);
	say(owner, "reason");
	close(owner->other);
	owner->other = -1;
	CHECK(stream_write(owner->stream, SLICE_LITERAL("query")) == OK);
	stream_flush(owner->stream);
	CHECK_INT_EQ(owner->ends, 0);
	CHECK(stream_write(owner->stream, SLICE_LITERAL("query")) == BROKEN);
	turns(owner->loop, 2);
	CHECK_GOT(owner, "reason");
	CHECK_INT_EQ(owner->ends, 1);
	CHECK_INT_EQ(owner->error, EPIPE);
	CHECK_UINT_EQ(stream_out_len(owner->stream), 0);
	owner_free(owner);
}

TEST(a_failed_write_is_told_even_when_paused)
{
	struct owner *owner = owner_new(unix_pair, &limits);

	stream_pause(owner->stream);
	close(owner->other);
	owner->other = -1;
	CHECK(stream_write(owner->stream, SLICE_LITERAL("query")) == OK);
	turns(owner->loop, 2);
	CHECK_INT_EQ(owner->ends, 1);
	CHECK_INT_EQ(owner->error, EPIPE);
	owner_free(owner);
}

TEST(echo_in_the_callback_is_sent_in_the_same_turn)
{
	struct owner *owner = owner_new(tcp_pair, &limits);
	char back[16];

	owner->echo = true;
	turn(owner->loop);
	say(owner, "ping");
	turn(owner->loop);
	CHECK_INT_EQ(recv(owner->other, back, sizeof(back), MSG_DONTWAIT), 4);
	owner_free(owner);
}
