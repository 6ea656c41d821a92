#include "cut.h"
#include "wire/frame.h"
#include "wire/query.h"
#include "wire/writer.h"

static enum result read_parse(struct slice body)
{
	struct parse_view view;

	return query_read_parse(body, &view);
}

static enum result read_bind(struct slice body)
{
	struct bind_view view;

	return query_read_bind(body, &view);
}

static enum result read_target(struct slice body)
{
	struct target_view view;

	return query_read_target(body, &view);
}

static enum result read_query(struct slice body)
{
	struct slice text;

	return query_read_query(body, &text);
}

TEST(parse_with_parameter_types)
{
	struct slice body = BYTES("s1\0select $1\0\0\2\0\0\0\x17\0\0\0\0");
	struct parse_view view;

	REQUIRE(query_read_parse(body, &view) == OK);
	CHECK_SLICE_EQ(view.name, BYTES("s1"));
	CHECK_SLICE_EQ(view.text, BYTES("select $1"));
	CHECK_SLICE_EQ(view.signature, BYTES("select $1\0\0\2\0\0\0\x17\0\0\0\0"));
	CHECK_CUT_BROKEN(read_parse, body);
	CHECK_CUT_BROKEN(read_parse, BYTES("\0\0\0\0"));
}

TEST(parse_with_a_wrong_tail_is_broken)
{
	CHECK_INT_EQ(read_parse(BYTES("\0\0\0\0x")), BROKEN);
	CHECK_INT_EQ(read_parse(BYTES("\0\0\0\1\0\0\0\x17x")), BROKEN);
	CHECK_INT_EQ(read_parse(BYTES("\0\0\xff\xff\0\0\0\x17")), BROKEN);
}

TEST(bind_whole_or_cut_behind_its_names)
{
	struct slice body = BYTES("po\0sta\0\0\0\0\0\0\0");
	struct bind_view view;

	REQUIRE(query_read_bind(body, &view) == OK);
	CHECK_SLICE_EQ(view.portal, BYTES("po"));
	CHECK_SLICE_EQ(view.statement, BYTES("sta"));
	CHECK_INT_EQ(view.head_len, 7);
	CHECK_CUT_BROKEN_BELOW(read_bind, body, 7);
	CHECK_CUT_BROKEN_BELOW(read_bind, BYTES("\0\0\0\0\0\0\0\0"), 2);
}

TEST(describe_and_close_name_a_statement_or_a_portal)
{
	struct target_view view;

	REQUIRE(query_read_target(BYTES("Ss1\0"), &view) == OK);
	CHECK_INT_EQ(view.kind, 'S');
	CHECK_SLICE_EQ(view.name, BYTES("s1"));
	REQUIRE(query_read_target(BYTES("P\0"), &view) == OK);
	CHECK_INT_EQ(view.kind, 'P');
	CHECK_SLICE_EQ(view.name, BYTES(""));
	CHECK_CUT_BROKEN(read_target, BYTES("Ss1\0"));
	CHECK_INT_EQ(read_target(BYTES("Xs1\0")), BROKEN);
	CHECK_INT_EQ(read_target(BYTES("\0s1\0")), BROKEN);
	CHECK_INT_EQ(read_target(BYTES("Ss1\0x")), BROKEN);
}

TEST(query_is_one_text)
{
	struct slice text;

	REQUIRE(query_read_query(BYTES("select 1\0"), &text) == OK);
	CHECK_SLICE_EQ(text, BYTES("select 1"));
	REQUIRE(query_read_query(BYTES("\0"), &text) == OK);
	CHECK_INT_EQ(text.len, 0);
	CHECK_CUT_BROKEN(read_query, BYTES("select 1\0"));
	CHECK_INT_EQ(read_query(BYTES("select 1\0x")), BROKEN);
	CHECK_INT_EQ(read_query(BYTES("a\0b\0")), BROKEN);
}

TEST(requests_written_byte_for_byte)
{
	struct buffer out;

	buffer_init(&out);
	query_write_query(&out, BYTES("select 1"));
	CHECK_SLICE_EQ(buffer_slice(&out), BYTES("Q\0\0\0\x0dselect 1\0"));
	buffer_clear(&out);
	query_write_parse(&out, BYTES("n1"), BYTES("select $1\0\0\1\0\0\0\x17"));
	CHECK_SLICE_EQ(buffer_slice(&out), BYTES("P\0\0\0\x17n1\0select $1\0\0\1\0\0\0\x17"));
	buffer_clear(&out);
	query_write_target(&out, 'D', 'S', BYTES("n1"));
	query_write_target(&out, 'C', 'P', BYTES(""));
	CHECK_SLICE_EQ(buffer_slice(&out), BYTES("D\0\0\0\x08Sn1\0C\0\0\0\6P\0"));
	buffer_release(&out);
}

/* A Bind of body under another statement name frames as one message with the same tail. */
static void check_rebind(struct slice body, const char *statement)
{
	struct bind_view old, view;
	struct message message;
	struct slice tail;
	struct buffer out;
	struct frame_limits limits = { .max_packet = 1000, .max_collect = 1000 };
	size_t need;

	REQUIRE(query_read_bind(body, &old) == OK);
	tail = (struct slice){ body.data + old.head_len, body.len - old.head_len };
	buffer_init(&out);
	query_write_bind_head(&out, &old, (uint32_t)body.len, slice_of(statement));
	writer_bytes(&out, tail);
	CHECK_INT_EQ(frame_next(buffer_slice(&out), SIDE_CLIENT, &limits, &message, &need), OK);
	CHECK_INT_EQ(message.type, 'B');
	CHECK_INT_EQ(message_bytes(&message).len, out.len);
	CHECK(message_is_whole(&message));
	CHECK_INT_EQ(query_read_bind(message.body, &view), OK);
	CHECK_SLICE_EQ(view.portal, old.portal);
	CHECK_SLICE_EQ(view.statement, slice_of(statement));
	message.body.data += view.head_len;
	message.body.len -= view.head_len;
	CHECK_SLICE_EQ(message.body, tail);
	buffer_release(&out);
}

TEST(bind_under_another_name)
{
	check_rebind(BYTES("po\0sta\0\0\0\0\0\0\0"), "a_much_longer_name");
	check_rebind(BYTES("po\0sta\0\0\0\0\0\0\0"), "");
	check_rebind(BYTES("\0\0\0\1\0\1\0\1\0\0\0\1x\0\0"), "n");
	check_rebind(BYTES("\0\0"), "");
}

TEST(a_bind_that_would_be_too_long_is_not_written)
{
	struct bind_view old = { BYTES(""), BYTES(""), 2 };
	struct buffer out;

	buffer_init(&out);
	query_write_bind_head(&out, &old, INT32_MAX - 4, BYTES(""));
	CHECK(!out.failed);
	CHECK_SLICE_EQ(buffer_slice(&out), BYTES("B\x7f\xff\xff\xff\0\0"));
	buffer_clear(&out);
	query_write_bind_head(&out, &old, INT32_MAX - 4, BYTES("x"));
	CHECK(out.failed);
	CHECK_INT_EQ(buffer_slice(&out).len, 0);
	buffer_release(&out);
}
