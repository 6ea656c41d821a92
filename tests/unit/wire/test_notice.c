#include "cut.h"
#include "wire/frame.h"
#include "wire/notice.h"

#define FULL                                                                                       \
	"SFEHLER\0VERROR\0C42601\0Msyntax error\0Dthe detail\0Hthe hint\0P8\0Fscan.l\0L1176\0"     \
	"Rscanner_yyerror\0\0"

static enum result read_notice(struct slice body)
{
	struct notice_view view;

	return notice_read(body, &view);
}

TEST(the_fields_we_look_at)
{
	struct notice_view view;

	REQUIRE(notice_read(BYTES(FULL), &view) == OK);
	CHECK_SLICE_EQ(view.severity, BYTES("ERROR"));
	CHECK_SLICE_EQ(view.sqlstate, BYTES("42601"));
	CHECK_SLICE_EQ(view.message, BYTES("syntax error"));
	CHECK_SLICE_EQ(view.detail, BYTES("the detail"));
	CHECK_SLICE_EQ(view.hint, BYTES("the hint"));
	CHECK_SLICE_EQ(view.routine, BYTES("scanner_yyerror"));
}

TEST(cut_anywhere_it_is_broken)
{
	CHECK_CUT_BROKEN(read_notice, BYTES(FULL));
	CHECK_INT_EQ(read_notice(BYTES(FULL "x")), BROKEN);
}

TEST(absent_fields_are_empty)
{
	struct notice_view view;

	REQUIRE(notice_read(BYTES("\0"), &view) == OK);
	CHECK_INT_EQ(view.severity.len + view.sqlstate.len + view.message.len, 0);
	CHECK_INT_EQ(view.detail.len + view.hint.len + view.routine.len, 0);
}

TEST(an_old_server_gives_the_translated_severity_only)
{
	struct notice_view view;

	REQUIRE(notice_read(BYTES("SFATAL\0\0"), &view) == OK);
	CHECK_SLICE_EQ(view.severity, BYTES("FATAL"));
	REQUIRE(notice_read(BYTES("VPANIC\0SPANIK\0\0"), &view) == OK);
	CHECK_SLICE_EQ(view.severity, BYTES("PANIC"));
}

TEST(fatal_and_panic_end_the_connection)
{
	struct notice_view view = { .severity = BYTES("FATAL") };

	CHECK(notice_is_fatal(&view));
	view.severity = BYTES("PANIC");
	CHECK(notice_is_fatal(&view));
	view.severity = BYTES("ERROR");
	CHECK(!notice_is_fatal(&view));
	view.severity = SLICE_NONE;
	CHECK(!notice_is_fatal(&view));
}

TEST(written_byte_for_byte)
{
	struct notice_view view = {
		.severity = BYTES("ERROR"), .sqlstate = BYTES("26000"), .message = BYTES("no such")
	};
	struct buffer out;

	buffer_init(&out);
	notice_write(&out, 'E', &view);
	CHECK_SLICE_EQ(buffer_slice(&out),
		       BYTES("E\0\0\0\x23SERROR\0VERROR\0C26000\0Mno such\0\0"));
	buffer_release(&out);
}

TEST(written_and_read_it_is_the_same)
{
	struct notice_view view, again;
	struct slice body;
	struct buffer out;

	REQUIRE(notice_read(BYTES(FULL), &view) == OK);
	buffer_init(&out);
	notice_write(&out, 'N', &view);
	CHECK_INT_EQ(frame_skip_run(buffer_slice(&out), "N"), out.len);
	body = (struct slice){ out.data + MESSAGE_HEADER_LEN, out.len - MESSAGE_HEADER_LEN };
	CHECK_CUT_BROKEN(read_notice, body);
	CHECK_INT_EQ(notice_read(body, &again), OK);
	CHECK_SLICE_EQ(again.severity, view.severity);
	CHECK_SLICE_EQ(again.sqlstate, view.sqlstate);
	CHECK_SLICE_EQ(again.message, view.message);
	CHECK_SLICE_EQ(again.detail, view.detail);
	CHECK_SLICE_EQ(again.hint, view.hint);
	CHECK_SLICE_EQ(again.routine, view.routine);
	buffer_release(&out);
}
