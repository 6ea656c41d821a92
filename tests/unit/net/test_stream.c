#include "stream_owner.h"

/* ---- receiving ---- */

TEST(input_is_shown_and_nothing_is_held)
{
	struct owner *owner = owner_new(unix_pair, &limits);

	say(owner, "hello");
	turn(owner->loop);
	CHECK_GOT(owner, "hello");
	CHECK_INT_EQ(owner->inputs, 1);
	CHECK(owner->stream->kept == NULL);
	CHECK_UINT_EQ(stream_bytes_in(owner->stream), 5);
	CHECK_UINT_EQ(stream_input(owner->stream).len, 0);
	owner_free(owner);
}

TEST(bytes_left_are_shown_again_in_front_of_new_ones)
{
	struct owner *owner = owner_new(unix_pair, &limits);

	owner->leave = 3;
	say(owner, "abcde");
	turn(owner->loop);
	CHECK_GOT(owner, "ab");
	CHECK_SLICE_EQ(stream_input(owner->stream), SLICE_LITERAL("cde"));
	say(owner, "fg");
	turn(owner->loop);
	CHECK_GOT(owner, "abcd");
	CHECK_SLICE_EQ(stream_input(owner->stream), SLICE_LITERAL("efg"));
	owner->leave = 0;
	say(owner, "h");
	turn(owner->loop);
	CHECK_GOT(owner, "abcdefgh");
	CHECK(owner->stream->kept == NULL);
	owner_free(owner);
}

TEST(consuming_outside_of_a_callback_frees_the_buffer)
{
	struct owner *owner = owner_new(unix_pair, &limits);

	owner->leave = 5;
	say(owner, "abcde");
	turn(owner->loop);
	stream_consume(owner->stream, 2);
	CHECK_SLICE_EQ(stream_input(owner->stream), SLICE_LITERAL("cde"));
	stream_consume(owner->stream, 3);
	CHECK(owner->stream->kept == NULL);
	owner_free(owner);
}

TEST(data_and_end_in_one_edge)
{
	for (int tcp = 0; tcp < 2; tcp++) {
		struct owner *owner = owner_new(tcp ? tcp_pair : unix_pair, &limits);

		turn(owner->loop);
		say(owner, "last");
		close(owner->other);
		owner->other = -1;
		TURN_UNTIL(owner->loop, owner->ends > 0);
		CHECK_GOT(owner, "last");
		CHECK_INT_EQ(owner->ends, 1);
		CHECK_INT_EQ(owner->error, 0);
		turns(owner->loop, 3);
		CHECK_INT_EQ(owner->ends, 1);
		owner_free(owner);
	}
}

TEST(data_and_reset_in_one_edge)
{
	struct owner *owner = owner_new(tcp_pair, &limits);

	turn(owner->loop);
	say(owner, "last");
	reset_close(owner->other);
	owner->other = -1;
	TURN_UNTIL(owner->loop, owner->ends > 0);
	CHECK_GOT(owner, "last");
	CHECK_INT_EQ(owner->ends, 1);
	CHECK_INT_EQ(owner->error, ECONNRESET);
	owner_free(owner);
}

TEST(reset_of_a_paused_stream_is_seen)
{
	struct owner *owner = owner_new(tcp_pair, &limits);

	turn(owner->loop);
	stream_pause(owner->stream);
	say(owner, "last");
	turn(owner->loop);
	CHECK(!stream_saw_end(owner->stream));
	reset_close(owner->other);
	owner->other = -1;
	TURN_UNTIL(owner->loop, stream_saw_end(owner->stream));
	CHECK_INT_EQ(owner->ends, 0);
	stream_resume(owner->stream);
	TURN_UNTIL(owner->loop, owner->ends > 0);
	CHECK_GOT(owner, "last");
	CHECK_INT_EQ(owner->error, ECONNRESET);
	owner_free(owner);
}

TEST(a_paused_stream_receives_nothing)
{
	struct owner *owner = owner_new(unix_pair, &limits);

	stream_pause(owner->stream);
	CHECK(stream_is_paused(owner->stream));
	say(owner, "waiting");
	turns(owner->loop, 3);
	CHECK_INT_EQ(owner->inputs, 0);
	CHECK_UINT_EQ(stream_bytes_in(owner->stream), 0);
	stream_resume(owner->stream);
	CHECK_INT_EQ(owner->inputs, 0);
	turn(owner->loop);
	CHECK_GOT(owner, "waiting");
	owner_free(owner);
}

TEST(end_of_a_paused_stream_is_told_after_resume)
{
	struct owner *owner = owner_new(unix_pair, &limits);

	stream_pause(owner->stream);
	say(owner, "bye");
	shutdown(owner->other, SHUT_WR);
	turns(owner->loop, 2);
	CHECK(stream_saw_end(owner->stream));
	CHECK_INT_EQ(owner->ends, 0);
	stream_resume(owner->stream);
	turns(owner->loop, 2);
	CHECK_GOT(owner, "bye");
	CHECK_INT_EQ(owner->ends, 1);
	CHECK_INT_EQ(owner->error, 0);
	/* Half-closed: the other direction still works. */
	CHECK(stream_write(owner->stream, SLICE_LITERAL("more")) == OK);
	turn(owner->loop);
	char back[8];
	CHECK_INT_EQ(recv(owner->other, back, sizeof(back), MSG_DONTWAIT), 4);
	owner_free(owner);
}

TEST(pause_in_on_input_with_bytes_left)
{
	struct owner *owner = owner_new(unix_pair, &limits);

	owner->leave = 4;
	owner->pause_in_input = true;
	say(owner, "abcdef");
	turns(owner->loop, 2);
	CHECK_INT_EQ(owner->inputs, 1);
	say(owner, "gh");
	turns(owner->loop, 2);
	CHECK_INT_EQ(owner->inputs, 1);
	owner->leave = 0;
	owner->pause_in_input = false;
	stream_resume(owner->stream);
	turns(owner->loop, 2);
	CHECK_GOT(owner, "abcdefgh");
	owner_free(owner);
}

TEST(consuming_between_resume_and_the_end_of_the_turn)
{
	struct owner *owner = owner_new(unix_pair, &limits);

	owner->leave = 2;
	say(owner, "abcd");
	turn(owner->loop);
	stream_pause(owner->stream);
	stream_resume(owner->stream);
	stream_consume(owner->stream, 2);
	turn(owner->loop);
	CHECK_INT_EQ(owner->inputs, 1);
	owner->leave = 0;
	say(owner, "ef");
	turn(owner->loop);
	CHECK_GOT(owner, "abef");
	owner_free(owner);
}

TEST(much_input_is_taken_over_several_turns)
{
	struct stream_limits small = limits;
	struct owner *owner;

	small.read_size = 1000;
	small.turn_reads = 2;
	owner = owner_new(unix_pair, &small);
	say_many(owner, 10000);
	turn(owner->loop);
	CHECK_INT_EQ(owner->inputs, 2);
	turn(owner->loop);
	CHECK_INT_EQ(owner->inputs, 4);
	turns(owner->loop, 4);
	CHECK(got_many(owner, 10000));
	owner_free(owner);
}

TEST(pause_between_turns_of_much_input)
{
	struct stream_limits small = limits;
	struct owner *owner;

	small.read_size = 1000;
	small.turn_reads = 2;
	owner = owner_new(unix_pair, &small);
	say_many(owner, 5000);
	turn(owner->loop);
	stream_pause(owner->stream);
	turns(owner->loop, 3);
	CHECK_INT_EQ(owner->inputs, 2);
	stream_resume(owner->stream);
	turns(owner->loop, 5);
	CHECK(got_many(owner, 5000));
	owner_free(owner);
}

TEST(input_grows_to_what_is_expected_and_no_further_than_in_max)
{
	struct owner *owner = owner_new(unix_pair, &limits);
	int room = 1024 * 1024;

	setsockopt(owner->other, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	owner->leave = 128 * 1024;
	say_many(owner, 128 * 1024);
	stream_expect(owner->stream, 128 * 1024);
	TURN_UNTIL(owner->loop, stream_input(owner->stream).len == 128 * 1024);
	owner->leave = 0;
	stream_pause(owner->stream);
	stream_resume(owner->stream);
	turn(owner->loop);
	CHECK(got_many(owner, 128 * 1024));
	CHECK(owner->stream->kept == NULL);
	owner_free(owner);
}

TEST(input_over_in_max_waits_until_consumed)
{
	struct stream_limits small = limits;
	struct owner *owner;

	small.read_size = 1000;
	small.in_max = 3000;
	owner = owner_new(unix_pair, &small);
	owner->leave = 1 << 30;
	say_many(owner, 20000);
	turns(owner->loop, 10);
	CHECK(stream_input(owner->stream).len >= 3000);
	CHECK(stream_input(owner->stream).len <= 6000);
	owner->leave = 0;
	memcpy(owner->got, stream_input(owner->stream).data, stream_input(owner->stream).len);
	owner->got_len = stream_input(owner->stream).len;
	stream_consume(owner->stream, owner->got_len);
	turns(owner->loop, 20);
	CHECK(got_many(owner, 20000));
	owner_free(owner);
}

TEST(bytes_are_the_same_however_they_are_cut)
{
	struct stream_limits small = limits;
	struct owner *owner;

	small.read_size = 4096;
	small.in_max = 60000;
	small.turn_reads = 3;
	owner = owner_new(unix_pair, &small);
	owner->at_most = 777;
	say_many(owner, 100000);
	for (int i = 0; i < 2000 && owner->got_len < 100000; i++) {
		stream_pause(owner->stream);
		stream_resume(owner->stream);
		stream_expect(owner->stream, (size_t)i * 97 % 30000);
		turn(owner->loop);
	}
	CHECK(got_many(owner, 100000));
	owner_free(owner);
}

/* ---- ends of life ---- */

TEST(close_inside_on_input_flushes_and_frees_after_the_turn)
{
	struct owner *owner = owner_new(unix_pair, &limits);
	char back[16];

	owner->echo = true;
	owner->close_in_input = true;
	say(owner, "ping");
	turn(owner->loop);
	CHECK(owner->stream == NULL);
	CHECK_INT_EQ(recv(owner->other, back, sizeof(back), MSG_DONTWAIT), 4);
	CHECK_INT_EQ(recv(owner->other, back, sizeof(back), MSG_DONTWAIT), 0);
	CHECK_INT_EQ(owner->inputs, 1);
	CHECK_INT_EQ(owner->ends, 0);
	owner_free(owner);
}

TEST(a_closed_stream_is_silent_even_with_an_event_under_way)
{
	struct owner *one = owner_new(unix_pair, &limits);
	struct owner *two = calloc(1, sizeof(*two));
	int ends[2];

	/* Both have input in one turn; whichever is told first closes the other. */
	unix_pair(ends);
	two->loop = one->loop;
	two->other = ends[1];
	two->stream = stream_new(one->loop, ends[0], &limits, &events, two);
	say(one, "a");
	say(two, "b");
	stream_pause(one->stream);
	turn(one->loop);
	stream_resume(one->stream);
	stream_close(one->stream, false);
	one->stream = NULL;
	turns(one->loop, 2);
	CHECK_INT_EQ(one->inputs, 0);
	CHECK_INT_EQ(two->inputs, 1);
	stream_close(two->stream, false);
	close(two->other);
	free(two);
	owner_free(one);
}

TEST(the_last_bytes_survive_unread_input)
{
	struct owner *owner = owner_new(tcp_pair, &limits);
	char back[16];

	turn(owner->loop);
	say(owner, "unread by the stream");
	CHECK(stream_write(owner->stream, SLICE_LITERAL("sorry")) == OK);
	stream_close(owner->stream, true);
	owner->stream = NULL;
	CHECK_INT_EQ(recv(owner->other, back, sizeof(back), 0), 5);
	CHECK_INT_EQ(recv(owner->other, back, sizeof(back), 0), 0);
	owner_free(owner);
}

TEST(addresses_of_both_ends)
{
	struct owner *owner = owner_new(tcp_pair, &limits);
	char text[64];

	CHECK_TEXT_EQ(address_host(stream_peer(owner->stream), text, sizeof(text)), "127.0.0.1");
	CHECK(address_port(stream_local(owner->stream)) > 0);
	owner_free(owner);
	owner = owner_new(unix_pair, &limits);
	CHECK(address_is_unix(stream_peer(owner->stream)));
	owner_free(owner);
}

TEST(the_peer_is_still_known_when_it_has_gone)
{
	struct owner *owner = owner_new(tcp_pair, &limits);
	struct owner *other = owner_new(unix_pair, &limits);
	char before[64], after[64];

	address_print(stream_peer(owner->stream), before, sizeof(before));
	CHECK(address_is_unix(stream_peer(other->stream)));
	reset_close(owner->other);
	owner->other = -1;
	TURN_UNTIL(owner->loop, owner->ends > 0);
	CHECK_TEXT_EQ(address_print(stream_peer(owner->stream), after, sizeof(after)), before);
	owner_free(other);
	owner_free(owner);
}

TEST(a_peer_that_was_set)
{
	struct owner *owner = owner_new(tcp_pair, &limits);
	struct address peer;
	char text[64];

	CHECK(address_parse(SLICE_LITERAL("2001:db8::7"), 4711, &peer) == OK);
	CHECK(stream_set_peer(owner->stream, &peer) == OK);
	CHECK_TEXT_EQ(address_print(stream_peer(owner->stream), text, sizeof(text)),
		      "[2001:db8::7]:4711");
	CHECK(stream_set_peer(owner->stream, stream_peer(owner->stream)) == OK);
	CHECK_TEXT_EQ(address_print(stream_peer(owner->stream), text, sizeof(text)),
		      "[2001:db8::7]:4711");
	owner_free(owner);
}

TEST(no_memory_ends_the_stream_only)
{
	WITH_EACH_FAULT(nth)
	{
		struct loop *loop = loop_new();
		struct owner *owner;
		int ends[2];

		if (!loop)
			continue;
		owner = calloc(1, sizeof(*owner));
		unix_pair(ends);
		owner->loop = loop;
		owner->other = ends[1];
		owner->stream = stream_new(loop, ends[0], &limits, &events, owner);
		if (owner->stream) {
			owner->leave = 2;
			say(owner, "hello");
			if (stream_write(owner->stream, SLICE_LITERAL("answer")) != OK) {
				turn(loop);
				CHECK_INT_EQ(owner->ends, 1);
				CHECK_INT_EQ(owner->error, ENOMEM);
			}
			turns(loop, 2);
			if (owner->ends == 0)
				CHECK_SLICE_EQ(stream_input(owner->stream), SLICE_LITERAL("lo"));
		}
		owner_free(owner);
	}
}

/* ---- another way for bytes to go through the socket ---- */

static int released;

static ssize_t one_by_one(struct stream *stream, void *space, size_t room)
{
	stream->unsure = true;
	return recv(stream_fd(stream), space, room > 1 ? 1 : room, 0);
}

static ssize_t plain_send(struct stream *stream, const void *data, size_t len, bool more)
{
	(void)more;
	return send(stream_fd(stream), data, len, MSG_NOSIGNAL);
}

static void release(struct stream *stream)
{
	(void)stream;
	released++;
}

static const struct stream_verbs shaken = { .receive = one_by_one,
					    .send = plain_send,
					    .release = release };

static void shake(struct stream *stream)
{
	char byte;
	ssize_t n = recv(stream_fd(stream), &byte, 1, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n == 1 && byte == '!') {
		stream->verbs = &shaken;
		stream->edge = true;
		loop_at_end(stream->loop, &stream->attend);
		return;
	}
	stream_tell_end(stream, EPROTO);
}

static const struct stream_verbs shaking = { .handshake = shake, .release = release };

TEST(a_handshake_comes_before_bytes)
{
	struct owner *owner = owner_new(unix_pair, &limits);

	released = 0;
	owner->stream->verbs = &shaking;
	turn(owner->loop);
	CHECK_INT_EQ(owner->inputs, 0);
	say(owner, "!abc");
	turns(owner->loop, 2);
	CHECK_GOT(owner, "abc");
	CHECK_INT_EQ(owner->inputs, 3);
	owner_free(owner);
	CHECK_INT_EQ(released, 1);
	owner = owner_new(unix_pair, &limits);
	owner->stream->verbs = &shaking;
	say(owner, "?");
	turns(owner->loop, 2);
	CHECK_INT_EQ(owner->ends, 1);
	CHECK_INT_EQ(owner->error, EPROTO);
	owner_free(owner);
}
