#include "cut.h"
#include "wire/frame.h"
#include "wire/startup.h"

static enum result read_pairs(struct slice body)
{
	struct startup_pairs pairs;
	struct slice name, value;
	enum result result;

	startup_pairs_init(&pairs, body);
	while ((result = startup_pairs_next(&pairs, &name, &value)) == OK)
		;
	return result == AGAIN && pairs.ended ? OK : BROKEN;
}

TEST(pairs_of_a_startup_message)
{
	struct startup_pairs pairs;
	struct slice name, value;

	startup_pairs_init(&pairs, BYTES("user\0ann\0empty\0\0\0"));
	REQUIRE(startup_pairs_next(&pairs, &name, &value) == OK);
	CHECK_SLICE_EQ(name, BYTES("user"));
	CHECK_SLICE_EQ(value, BYTES("ann"));
	REQUIRE(startup_pairs_next(&pairs, &name, &value) == OK);
	CHECK_SLICE_EQ(name, BYTES("empty"));
	CHECK_SLICE_EQ(value, BYTES(""));
	CHECK(!pairs.ended);
	CHECK_INT_EQ(startup_pairs_next(&pairs, &name, &value), AGAIN);
	CHECK(pairs.ended);
	CHECK_INT_EQ(startup_pairs_next(&pairs, &name, &value), AGAIN);
}

TEST(pairs_cut_anywhere_are_broken)
{
	CHECK_CUT_BROKEN(read_pairs, BYTES("user\0ann\0empty\0\0\0"));
}

TEST(the_terminator_is_the_last_byte)
{
	CHECK_INT_EQ(read_pairs(BYTES("\0")), OK);
	CHECK_INT_EQ(read_pairs(BYTES("")), BROKEN);
	CHECK_INT_EQ(read_pairs(BYTES("\0\0")), BROKEN);
	CHECK_INT_EQ(read_pairs(BYTES("user\0ann\0\0x")), BROKEN);
}

TEST(replication_is_read_as_postgresql_reads_it)
{
	static const struct {
		const char *value;
		enum result result;
		enum replication replication;
	} samples[] = {
		{ "database", OK, REPLICATION_LOGICAL }, { "true", OK, REPLICATION_PHYSICAL },
		{ "tr", OK, REPLICATION_PHYSICAL },      { "T", OK, REPLICATION_PHYSICAL },
		{ "yes", OK, REPLICATION_PHYSICAL },     { "on", OK, REPLICATION_PHYSICAL },
		{ "1", OK, REPLICATION_PHYSICAL },       { "false", OK, REPLICATION_NONE },
		{ "no", OK, REPLICATION_NONE },          { "of", OK, REPLICATION_NONE },
		{ "OFF", OK, REPLICATION_NONE },         { "0", OK, REPLICATION_NONE },
		{ "o", BROKEN, REPLICATION_NONE },       { "", BROKEN, REPLICATION_NONE },
		{ "trues", BROKEN, REPLICATION_NONE },   { "Database", BROKEN, REPLICATION_NONE },
		{ "2", BROKEN, REPLICATION_NONE },
	};

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		enum replication replication = REPLICATION_NONE;
		enum result result =
			startup_read_replication(slice_of(samples[i].value), &replication);

		if (result != samples[i].result || replication != samples[i].replication)
			FAIL("\"%s\" is %s", samples[i].value, replication_name(replication));
	}
}

static enum result read_negotiate(struct slice body)
{
	uint32_t version, count;

	return startup_read_negotiate(body, &version, &count);
}

TEST(negotiation_names_a_version_and_options)
{
	uint32_t version, count;

	CHECK_INT_EQ(startup_read_negotiate(BYTES("\0\3\0\2\0\0\0\2_pq_.a\0_pq_.b\0"), &version,
					    &count),
		     OK);
	CHECK_UINT_EQ(version, PROTOCOL_3_2);
	CHECK_UINT_EQ(count, 2);
	CHECK_CUT_BROKEN(read_negotiate, BYTES("\0\3\0\2\0\0\0\2_pq_.a\0_pq_.b\0"));
	CHECK_CUT_BROKEN(read_negotiate, BYTES("\0\3\0\0\0\0\0\0"));
	CHECK_INT_EQ(read_negotiate(BYTES("\0\3\0\0\0\0\0\0x")), BROKEN);
	CHECK_INT_EQ(read_negotiate(BYTES("\0\3\0\0\xff\xff\xff\xff_pq_.a\0")), BROKEN);
}

static enum result read_cancel(struct slice body)
{
	struct slice key;
	uint32_t pid;

	return startup_read_cancel(body, &pid, &key);
}

TEST(cancel_keys_of_4_to_256_bytes)
{
	static const char zeros[300];
	struct slice key;
	uint32_t pid;

	REQUIRE(startup_read_cancel(BYTES("\1\2\3\4wxyz"), &pid, &key) == OK);
	CHECK_UINT_EQ(pid, 0x01020304);
	CHECK_SLICE_EQ(key, BYTES("wxyz"));
	CHECK_CUT_BROKEN_BELOW(read_cancel, ((struct slice){ zeros, 260 }), 8);
	CHECK_INT_EQ(read_cancel((struct slice){ zeros, 261 }), BROKEN);
}

TEST(a_startup_message_written_is_read_the_same)
{
	struct startup_frame frame;
	struct startup_pairs pairs;
	struct slice name, value;
	struct buffer out;
	size_t mark;

	buffer_init(&out);
	mark = startup_write_begin(&out, PROTOCOL_3_0);
	startup_write_pair(&out, BYTES("user"), BYTES("ann"));
	startup_write_pair(&out, BYTES("database"), BYTES(""));
	startup_write_end(&out, mark);
	REQUIRE(frame_startup(buffer_slice(&out), &frame) == OK);
	CHECK_INT_EQ(frame.kind, STARTUP_MESSAGE);
	CHECK_UINT_EQ(frame.version, PROTOCOL_3_0);
	CHECK_INT_EQ(frame.len, out.len);
	startup_pairs_init(&pairs, frame.body);
	REQUIRE(startup_pairs_next(&pairs, &name, &value) == OK);
	CHECK_SLICE_EQ(name, BYTES("user"));
	CHECK_SLICE_EQ(value, BYTES("ann"));
	REQUIRE(startup_pairs_next(&pairs, &name, &value) == OK);
	CHECK_SLICE_EQ(name, BYTES("database"));
	CHECK_SLICE_EQ(value, BYTES(""));
	CHECK_INT_EQ(startup_pairs_next(&pairs, &name, &value), AGAIN);
	buffer_release(&out);
}

TEST(requests_are_written_byte_for_byte)
{
	static const struct slice names[] = { SLICE_LITERAL("_pq_.a"), SLICE_LITERAL("_pq_.bc") };
	struct buffer out;

	buffer_init(&out);
	startup_write_cancel(&out, 0x01020304, BYTES("wxyz"));
	CHECK_SLICE_EQ(buffer_slice(&out), BYTES("\0\0\0\x10\4\xd2\x16\x2e\1\2\3\4wxyz"));
	buffer_clear(&out);
	startup_write_ssl_request(&out);
	CHECK_SLICE_EQ(buffer_slice(&out), BYTES("\0\0\0\x08\4\xd2\x16\x2f"));
	buffer_clear(&out);
	startup_write_negotiate(&out, 0x00030002, names, 2);
	CHECK_SLICE_EQ(buffer_slice(&out),
		       BYTES("v\0\0\0\x1b\0\3\0\2\0\0\0\2_pq_.a\0_pq_.bc\0"));
	buffer_clear(&out);
	startup_write_negotiate(&out, PROTOCOL_3_0, NULL, 0);
	CHECK_SLICE_EQ(buffer_slice(&out), BYTES("v\0\0\0\x0c\0\3\0\0\0\0\0\0"));
	buffer_release(&out);
}

/* Reads all options into "name=value;..." and the result that ended it. */
static enum result read_options(const char *text, struct buffer *seen)
{
	struct slice rest = slice_of(text), name, value;
	struct buffer scratch;
	enum result result;

	buffer_init(&scratch);
	buffer_clear(seen);
	while ((result = startup_next_option(&rest, &scratch, &name, &value)) == OK) {
		buffer_append_slice(seen, name);
		buffer_append(seen, "=", 1);
		buffer_append_slice(seen, value);
		buffer_append(seen, ";", 1);
	}
	buffer_release(&scratch);
	return result;
}

static const struct {
	const char *text, *seen;
	enum result end;
} option_samples[] = {
	{ "", "", AGAIN },
	{ " \t ", "", AGAIN },
	{ "-c a=b", "a=b;", AGAIN },
	{ "-ca=b", "a=b;", AGAIN },
	{ "--a=b", "a=b;", AGAIN },
	{ "  -c\ta=b\n--c=d ", "a=b;c=d;", AGAIN },
	{ "-c search_path=a,b -c x=", "search_path=a,b;x=;", AGAIN },
	{ "--statement-timeout=5s", "statement_timeout=5s;", AGAIN },
	{ "-c a-b=c-d", "a_b=c-d;", AGAIN },
	{ "-c a=b=c", "a=b=c;", AGAIN },
	{ "-c a=b\\ c", "a=b c;", AGAIN },
	{ "-c a=\\\\b", "a=\\b;", AGAIN },
	{ "-c a=b\\", "a=b;", AGAIN },
	{ "-c a=b -d 5", "a=b;", BROKEN },
	{ "-c", "", BROKEN },
	{ "-c ", "", BROKEN },
	{ "-c a", "", BROKEN },
	{ "--a", "", BROKEN },
	{ "--=b", "", BROKEN },
	{ "--", "", BROKEN },
	{ "-", "", BROKEN },
	{ "a=b", "", BROKEN },
};

TEST(the_options_parameter)
{
	struct buffer seen;

	buffer_init(&seen);
	for (size_t i = 0; i < COUNT_OF(option_samples); i++) {
		enum result end = read_options(option_samples[i].text, &seen);

		if (end != option_samples[i].end)
			FAIL("\"%s\" ends with %d", option_samples[i].text, (int)end);
		CHECK_SLICE_EQ(buffer_slice(&seen), slice_of(option_samples[i].seen));
	}
	buffer_release(&seen);
}

TEST(options_without_memory_are_broken)
{
	WITH_EACH_FAULT(nth)
	{
		struct slice rest = BYTES("-c name=value"), name, value;
		struct buffer scratch;
		enum result result;

		buffer_init(&scratch);
		result = startup_next_option(&rest, &scratch, &name, &value);
		CHECK_INT_EQ(result, mem_fault_hit() ? BROKEN : OK);
		buffer_release(&scratch);
	}
}
