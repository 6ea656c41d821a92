#include "cut.h"
#include "wire/frame.h"

static const struct frame_limits wide = { .max_packet = INT32_MAX, .max_collect = 1 << 20 };

static size_t need; /* what the last frame_next asked for */

static enum result next_of(struct slice input, enum side side, const struct frame_limits *limits,
			   struct message *message)
{
	need = 0;
	return frame_next(input, side, limits, message, &need);
}

/* What a client's or a server's bytes are, with generous limits. */
static enum result next_client(struct slice input)
{
	struct message message;

	return next_of(input, SIDE_CLIENT, &wide, &message);
}

static enum result next_server(struct slice input)
{
	struct message message;

	return next_of(input, SIDE_SERVER, &wide, &message);
}

struct sample {
	enum side    side;
	struct slice bytes;
};

#define CLIENT(literal) { SIDE_CLIENT, { "" literal, sizeof(literal) - 1 } }
#define SERVER(literal) { SIDE_SERVER, { "" literal, sizeof(literal) - 1 } }

/* One of each message that must be whole. */
static const struct sample whole_samples[] = {
	CLIENT("C\0\0\0\x08Ss1\0"),
	CLIENT("D\0\0\0\x06P\0"),
	CLIENT("E\0\0\0\x09\0\0\0\0\0"),
	CLIENT("H\0\0\0\4"),
	CLIENT("P\0\0\0\x11\0select 1\0\0\0\0"),
	CLIENT("Q\0\0\0\x0dselect 1\0"),
	CLIENT("S\0\0\0\4"),
	CLIENT("X\0\0\0\4"),
	CLIENT("c\0\0\0\4"),
	CLIENT("f\0\0\0\7no\0"),
	CLIENT("p\0\0\0\x0bsecret\0"),
	SERVER("1\0\0\0\4"),
	SERVER("2\0\0\0\4"),
	SERVER("3\0\0\0\4"),
	SERVER("A\0\0\0\x0c\0\0\0\1ch\0\0"),
	SERVER("C\0\0\0\x0dSELECT 1\0"),
	SERVER("E\0\0\0\x08Mx\0\0"),
	SERVER("G\0\0\0\7\0\0\0"),
	SERVER("H\0\0\0\7\0\0\0"),
	SERVER("I\0\0\0\4"),
	SERVER("K\0\0\0\x0c\0\0\0\1\1\2\3\4"),
	SERVER("N\0\0\0\x08Mx\0\0"),
	SERVER("R\0\0\0\x08\0\0\0\0"),
	SERVER("S\0\0\0\x08" "a\0b\0"),
	SERVER("W\0\0\0\7\0\0\0"),
	SERVER("Z\0\0\0\5I"),
	SERVER("c\0\0\0\4"),
	SERVER("n\0\0\0\4"),
	SERVER("s\0\0\0\4"),
	SERVER("v\0\0\0\x0c\0\3\0\0\0\0\0\0"),
};

static const struct sample flowing_samples[] = {
	CLIENT("d\0\0\0\7abc"),
	CLIENT("F\0\0\0\x0e\0\0\0\1\0\0\0\0\0\0"),
	SERVER("D\0\0\0\x0c\0\1\0\0\0\2" "42"),
	SERVER("T\0\0\0\6\0\0"),
	SERVER("t\0\0\0\6\0\0"),
	SERVER("V\0\0\0\x08\xff\xff\xff\xff"),
	SERVER("d\0\0\0\7abc"),
};

static cut_reader *reader_of(enum side side)
{
	return side == SIDE_CLIENT ? next_client : next_server;
}

TEST(whole_messages_wait_for_their_last_byte)
{
	for (size_t i = 0; i < COUNT_OF(whole_samples); i++) {
		struct slice bytes = whole_samples[i].bytes;
		struct message message;

		CHECK_CUT_AGAIN(reader_of(whole_samples[i].side), bytes);
		CHECK_INT_EQ(next_of(bytes, whole_samples[i].side, &wide, &message), OK);
		CHECK(message_is_whole(&message));
		CHECK_SLICE_EQ(message_bytes(&message), bytes);
		CHECK(message.rule == message_rule(whole_samples[i].side, bytes.data[0]));
	}
}

TEST(flowing_messages_need_their_header_only)
{
	for (size_t i = 0; i < COUNT_OF(flowing_samples); i++) {
		struct slice bytes = flowing_samples[i].bytes;
		struct message message;

		cut_everywhere(__FILE__, __LINE__, reader_of(flowing_samples[i].side), bytes,
			       MESSAGE_HEADER_LEN, AGAIN);
		for (size_t len = MESSAGE_HEADER_LEN; len <= bytes.len; len++) {
			struct slice part = { bytes.data, len };

			CHECK_INT_EQ(next_of(part, flowing_samples[i].side, &wide, &message), OK);
			CHECK_INT_EQ(message.len, bytes.len - MESSAGE_HEADER_LEN);
			CHECK_SLICE_EQ(message_bytes(&message), part);
		}
	}
}

TEST(again_tells_how_many_bytes)
{
	struct slice query = BYTES("Q\0\0\0\x0dselect 1\0");
	struct message message;

	for (size_t len = 0; len < query.len; len++) {
		struct slice part = { query.data, len };

		CHECK_INT_EQ(next_of(part, SIDE_CLIENT, &wide, &message), AGAIN);
		CHECK_INT_EQ(need, len < MESSAGE_HEADER_LEN ? MESSAGE_HEADER_LEN : query.len);
	}
}

TEST(bytes_behind_a_message_are_left)
{
	struct slice two = BYTES("S\0\0\0\4Q\0\0");
	struct message message;

	CHECK_INT_EQ(next_of(two, SIDE_CLIENT, &wide, &message), OK);
	CHECK_INT_EQ(message.type, 'S');
	CHECK_INT_EQ(message.len, 0);
	CHECK(message_is_whole(&message));
}

TEST(an_unknown_type_is_broken_at_its_first_byte)
{
	for (int type = 0; type < 256; type++) {
		char byte = (char)type;
		struct slice input = { &byte, 1 };

		CHECK_INT_EQ(next_client(input), message_rule(SIDE_CLIENT, byte) ? AGAIN : BROKEN);
		CHECK_INT_EQ(next_server(input), message_rule(SIDE_SERVER, byte) ? AGAIN : BROKEN);
	}
}

TEST(a_length_below_four_is_broken)
{
	CHECK_INT_EQ(next_client(BYTES("Q\0\0\0\0")), BROKEN);
	CHECK_INT_EQ(next_client(BYTES("Q\0\0\0\3")), BROKEN);
	CHECK_INT_EQ(next_client(BYTES("d\0\0\0\3")), BROKEN);
	CHECK_INT_EQ(next_client(BYTES("d\0\0\0\4")), OK);
}

TEST(the_packet_limit_counts_the_whole_message)
{
	struct frame_limits limits = { .max_packet = 10, .max_collect = 1000 };
	struct message message;

	CHECK_INT_EQ(next_of(BYTES("d\0\0\0\x09"), SIDE_CLIENT, &limits, &message), OK);
	CHECK_INT_EQ(next_of(BYTES("d\0\0\0\x0a"), SIDE_CLIENT, &limits, &message), BROKEN);
	CHECK_INT_EQ(next_of(BYTES("d\xff\xff\xff\xff"), SIDE_CLIENT, &limits, &message), BROKEN);
	limits.max_packet = UINT32_MAX;
	CHECK_INT_EQ(next_of(BYTES("d\xff\xff\xff\xfe"), SIDE_CLIENT, &limits, &message), OK);
	CHECK_UINT_EQ(message.len, 0xfffffffau);
	CHECK_INT_EQ(message.body.len, 0);
	CHECK_INT_EQ(next_of(BYTES("d\xff\xff\xff\xff"), SIDE_CLIENT, &limits, &message), BROKEN);
}

TEST(each_rule_has_its_longest_body)
{
	for (int type = 1; type < 128; type++) {
		const struct message_rule *rule = message_rule(SIDE_SERVER, (char)type);
		struct message message;
		struct frame_limits flow = { .max_packet = INT32_MAX, .max_collect = 0 };

		if (!rule || rule->max_len == MESSAGE_ANY_LEN)
			continue;
		for (unsigned more = 0; more < 2; more++) {
			uint32_t len = rule->max_len + 4 + more;
			char header[5] = { (char)type, (char)(len >> 24), (char)(len >> 16),
					   (char)(len >> 8), (char)len };

			CHECK_INT_EQ(next_of((struct slice){ header, 5 }, SIDE_SERVER, &flow,
					     &message),
				     more ? BROKEN : OK);
		}
	}
}

TEST(ready_for_query_is_one_byte_and_sync_none)
{
	CHECK_INT_EQ(next_server(BYTES("Z\0\0\0\5T")), OK);
	CHECK_INT_EQ(next_server(BYTES("Z\0\0\0\6TT")), BROKEN);
	CHECK_INT_EQ(next_client(BYTES("S\0\0\0\5x")), BROKEN);
	CHECK_INT_EQ(next_client(BYTES("H\0\0\0\5x")), BROKEN);
	CHECK_INT_EQ(next_server(BYTES("1\0\0\0\5x")), BROKEN);
}

TEST(over_the_collect_limit_a_whole_one_flows)
{
	struct frame_limits limits = { .max_packet = 1000, .max_collect = 9 };
	struct slice query = BYTES("Q\0\0\0\x0eselect 10\0");
	struct message message;

	/* nine bytes of body are still collected, ten are not */
	CHECK_INT_EQ(next_of(BYTES("Q\0\0\0\x0dselect 1"), SIDE_CLIENT, &limits, &message), AGAIN);
	for (size_t len = MESSAGE_HEADER_LEN; len <= query.len; len++) {
		struct slice part = { query.data, len };
		bool begun = len >= MESSAGE_HEADER_LEN + limits.max_collect;

		CHECK_INT_EQ(next_of(part, SIDE_CLIENT, &limits, &message), begun ? OK : AGAIN);
		CHECK_INT_EQ(message.len, 10);
		CHECK_INT_EQ(message.body.len, len - MESSAGE_HEADER_LEN);
	}
}

TEST(of_a_long_one_the_first_bytes_are_enough)
{
	struct frame_limits limits = { .max_packet = INT32_MAX, .max_collect = 1 << 20 };
	static char parse[MESSAGE_HEADER_LEN + FRAME_MAX_HEAD] = "P\x7f\0\0\0";
	struct message message;

	CHECK_INT_EQ(next_of((struct slice){ parse, MESSAGE_HEADER_LEN }, SIDE_CLIENT, &limits,
			     &message),
		     AGAIN);
	CHECK_UINT_EQ(need, sizeof(parse));
	CHECK_INT_EQ(next_of((struct slice){ parse, sizeof(parse) }, SIDE_CLIENT, &limits,
			     &message),
		     OK);
	CHECK(!message_is_whole(&message));
}

TEST(bind_needs_its_two_names)
{
	struct slice bind = BYTES("B\0\0\0\x10po\0st\0\0\0\0\0\0\0");
	struct message message;

	for (size_t len = 0; len <= bind.len; len++) {
		struct slice part = { bind.data, len };
		enum result result = next_of(part, SIDE_CLIENT, &wide, &message);

		CHECK_INT_EQ(result, len < 11 ? AGAIN : OK);
		CHECK_INT_EQ(cut_read(next_client, bind, len), result);
		if (result == AGAIN)
			CHECK_INT_EQ(need, len < MESSAGE_HEADER_LEN ? MESSAGE_HEADER_LEN : len + 1);
		else
			CHECK_INT_EQ(message.body.len, len - MESSAGE_HEADER_LEN);
	}
}

TEST(bind_with_empty_names)
{
	struct slice bind = BYTES("B\0\0\0\x0c\0\0\0\0\0\0\0\0");

	CHECK_INT_EQ(next_client((struct slice){ bind.data, 6 }), AGAIN);
	CHECK_INT_EQ(next_client((struct slice){ bind.data, 7 }), OK);
}

TEST(a_whole_bind_without_names_is_given_out)
{
	/* its reader says what is wrong: the session can then name the message */
	CHECK_INT_EQ(next_client(BYTES("B\0\0\0\4")), OK);
	CHECK_INT_EQ(next_client(BYTES("B\0\0\0\6ab")), OK);
	CHECK_INT_EQ(next_client(BYTES("B\0\0\0\6a")), AGAIN);
}

/* A Bind of body_len whose first name has name_len bytes, the second is empty, seen to at_hand. */
static enum result next_long_bind(size_t body_len, size_t name_len, size_t at_hand)
{
	size_t len = body_len + 4;
	char *bytes = mem_alloc_zero(MESSAGE_HEADER_LEN + body_len);
	enum result result;

	if (!bytes)
		return BROKEN;
	bytes[0] = 'B';
	for (int i = 0; i < 4; i++)
		bytes[1 + i] = (char)(len >> (24 - 8 * i));
	memset(bytes + MESSAGE_HEADER_LEN, 'n', name_len);
	result = next_client((struct slice){ bytes, MESSAGE_HEADER_LEN + at_hand });
	mem_free(bytes);
	return result;
}

TEST(names_of_a_bind_are_bounded)
{
	const size_t max = FRAME_MAX_HEAD, big = 2 * max;

	CHECK_INT_EQ(next_long_bind(big, max - 2, max), OK);
	CHECK_INT_EQ(next_long_bind(big, max - 2, max - 1), AGAIN);
	CHECK_INT_EQ(next_long_bind(big, max - 1, max - 1), AGAIN);
	CHECK_INT_EQ(next_long_bind(big, max - 1, max), BROKEN);
	CHECK_INT_EQ(next_long_bind(big, max + 1, max), BROKEN);
	/* the same verdict when it comes in one piece */
	CHECK_INT_EQ(next_long_bind(big, max - 2, big), OK);
	CHECK_INT_EQ(next_long_bind(big, max - 1, big), BROKEN);
	/* no longer than the bound: waits for the end, then its reader judges */
	CHECK_INT_EQ(next_long_bind(max, max, max - 1), AGAIN);
	CHECK_INT_EQ(next_long_bind(max, max, max), OK);
	CHECK_INT_EQ(next_long_bind(max + 1, max, max + 1), BROKEN);
}

TEST(skip_run_takes_whole_messages_of_its_types)
{
	struct slice run = BYTES("D\0\0\0\5x"
				 "d\0\0\0\4"
				 "D\0\0\0\6yz"
				 "C\0\0\0\5\0");

	CHECK_INT_EQ(frame_skip_run(run, "Dd"), 18);
	CHECK_INT_EQ(frame_skip_run(run, "D"), 6);
	CHECK_INT_EQ(frame_skip_run(run, "d"), 0);
	CHECK_INT_EQ(frame_skip_run(run, "DdC"), run.len);
	CHECK_INT_EQ(frame_skip_run(run, ""), 0);
	CHECK_INT_EQ(frame_skip_run(SLICE_NONE, "D"), 0);
}

TEST(skip_run_stops_before_what_is_cut)
{
	struct slice run = BYTES("D\0\0\0\5xD\0\0\0\6yz");

	for (size_t len = 0; len <= run.len; len++) {
		size_t whole = len < 6 ? 0 : len < run.len ? 6 : run.len;

		CHECK_INT_EQ(frame_skip_run((struct slice){ run.data, len }, "D"), whole);
	}
}

TEST(skip_run_stops_before_a_bad_length)
{
	CHECK_INT_EQ(frame_skip_run(BYTES("D\0\0\0\4D\0\0\0\3D\0\0\0\4"), "D"), 5);
	CHECK_INT_EQ(frame_skip_run(BYTES("D\xff\xff\xff\xff"), "D"), 0);
	/* a NUL type byte is never in a C string; a high one may be */
	CHECK_INT_EQ(frame_skip_run(BYTES("\0\0\0\0\4"), "D"), 0);
	CHECK_INT_EQ(frame_skip_run(BYTES("\xff\0\0\0\4"), "\xff"), 5);
}

static enum result read_startup(struct slice input)
{
	struct startup_frame frame;

	return frame_startup(input, &frame);
}

static void check_startup(struct slice input, enum startup_kind kind, uint32_t version)
{
	struct startup_frame frame;

	CHECK_CUT_AGAIN(read_startup, input);
	REQUIRE(frame_startup(input, &frame) == OK);
	CHECK_INT_EQ(frame.kind, kind);
	CHECK_UINT_EQ(frame.version, version);
	CHECK_INT_EQ(frame.len, input.len);
	CHECK_SLICE_EQ(frame.body, ((struct slice){ input.data + 8, input.len - 8 }));
}

TEST(each_kind_of_startup_packet)
{
	check_startup(BYTES("\0\0\0\x10\0\3\0\0user\0u\0\0"), STARTUP_MESSAGE, 0x30000);
	check_startup(BYTES("\0\0\0\x09\0\3\0\2\0"), STARTUP_MESSAGE, 0x30002);
	check_startup(BYTES("\0\0\0\x09\0\3\x27\x0f\0"), STARTUP_MESSAGE, 0x3270f);
	check_startup(BYTES("\0\0\0\x08\4\xd2\x16\x2f"), STARTUP_SSL_REQUEST, 80877103);
	check_startup(BYTES("\0\0\0\x08\4\xd2\x16\x30"), STARTUP_GSSENC_REQUEST, 80877104);
	check_startup(BYTES("\0\0\0\x10\4\xd2\x16\x2e\0\0\0\1\1\2\3\4"), STARTUP_CANCEL, 80877102);
	check_startup(BYTES("\0\0\0\x09\0\2\0\0x"), STARTUP_V2, 0x20000);
	check_startup(BYTES("\0\0\0\x08\0\1\0\0"), STARTUP_OTHER_VERSION, 0x10000);
	check_startup(BYTES("\0\0\0\x08\0\4\0\0"), STARTUP_OTHER_VERSION, 0x40000);
	check_startup(BYTES("\0\0\0\x08\4\xd2\x16\x31"), STARTUP_OTHER_VERSION, 80877105);
}

TEST(startup_bytes_behind_are_left)
{
	struct startup_frame frame;

	REQUIRE(frame_startup(BYTES("\0\0\0\x08\4\xd2\x16\x2fmore"), &frame) == OK);
	CHECK_INT_EQ(frame.len, 8);
	CHECK_INT_EQ(frame.body.len, 0);
}

TEST(direct_tls_shows_in_one_byte)
{
	struct startup_frame frame;

	REQUIRE(frame_startup(BYTES("\x16"), &frame) == OK);
	CHECK_INT_EQ(frame.kind, STARTUP_DIRECT_TLS);
	CHECK_INT_EQ(frame.len, 0);
}

TEST(startup_lengths_out_of_bounds_are_broken)
{
	CHECK_INT_EQ(read_startup(BYTES("\0\0\0\0")), BROKEN);
	CHECK_INT_EQ(read_startup(BYTES("\0\0\0\7")), BROKEN);
	CHECK_INT_EQ(read_startup(BYTES("\0\0\0\x08")), AGAIN);
	CHECK_INT_EQ(read_startup(BYTES("\0\0\x27\x14")), AGAIN); /* 10004 */
	CHECK_INT_EQ(read_startup(BYTES("\0\0\x27\x15")), BROKEN);
	CHECK_INT_EQ(read_startup(BYTES("\xff\xff\xff\xff")), BROKEN);
	CHECK_INT_EQ(read_startup(BYTES("GET / HTTP/1.1\r\n")), BROKEN);
}

TEST(requests_that_are_only_a_code_have_no_body)
{
	CHECK_INT_EQ(read_startup(BYTES("\0\0\0\x09\4\xd2\x16\x2fx")), BROKEN);
	CHECK_INT_EQ(read_startup(BYTES("\0\0\0\x09\4\xd2\x16\x30x")), BROKEN);
}
