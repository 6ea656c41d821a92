/* sql/scan: blanks and comments as PostgreSQL's scanner sees them, and DISCARD behind them. */
#include "sql/scan.h"
#include "test.h"

#define AFTER_BLANK(text, rest) CHECK_SLICE_EQ(scan_skip_blank(slice_of(text)), slice_of(rest))

TEST(blanks_comments_and_empty_statements_are_skipped)
{
	AFTER_BLANK("", "");
	AFTER_BLANK("SELECT 1", "SELECT 1");
	AFTER_BLANK(" \t\n\r\f\vSELECT 1 ", "SELECT 1 ");
	AFTER_BLANK(";;; SELECT", "SELECT");
	AFTER_BLANK("-- a\nSELECT", "SELECT");
	AFTER_BLANK("-- a\rSELECT", "SELECT");
	AFTER_BLANK("--", "");
	AFTER_BLANK("-", "-");
	AFTER_BLANK("-1", "-1");
	AFTER_BLANK("/", "/");
	AFTER_BLANK("/* a */SELECT", "SELECT");
	AFTER_BLANK("/* a /* b */ c */ SELECT", "SELECT");
	AFTER_BLANK("/*/ still */ SELECT", "SELECT");
	AFTER_BLANK("/**/SELECT", "SELECT");
	AFTER_BLANK("/* a */ -- b\n ; /* c */x", "x");
}

TEST(an_open_comment_takes_all)
{
	AFTER_BLANK("/* a", "");
	AFTER_BLANK("/* a /* b */ SELECT", "");
	AFTER_BLANK("/*", "");
	AFTER_BLANK("/*/", "");
	AFTER_BLANK("-- a", "");
}

static bool may_drop(const char *text)
{
	return scan_may_drop_statements(slice_of(text));
}

TEST(discard_and_deallocate_are_seen)
{
	CHECK(may_drop("DISCARD ALL"));
	CHECK(may_drop("discard all"));
	CHECK(may_drop("Deallocate a"));
	CHECK(may_drop(" ;/* a */ -- b\n DEALLOCATE ALL;"));
	CHECK(may_drop("--x\rDISCARD ALL"));
	CHECK(may_drop("SELECT 1; DISCARD ALL"));
	CHECK(may_drop("SELECT 1;DEALLOCATE ALL;"));
	CHECK(may_drop("SELECT 1;/* a; */ -- b\n discard all"));
}

TEST(other_statements_drop_nothing)
{
	CHECK(!may_drop(""));
	CHECK(!may_drop(";"));
	CHECK(!may_drop("SELECT 1"));
	CHECK(!may_drop("SELECT 1;"));
	CHECK(!may_drop("SELECT 1; \n;"));
	CHECK(!may_drop("SELECT discard FROM t"));
	CHECK(!may_drop("SELECT 1; SELECT 2"));
	CHECK(!may_drop("DISCAR"));
	CHECK(!may_drop("/* DISCARD ALL */"));
}

/* A semicolon in a literal must not hide what comes after the literal. */
TEST(what_looks_like_a_comment_in_a_literal_hides_nothing)
{
	CHECK(may_drop("SELECT ';/*'; DISCARD ALL"));
	CHECK(may_drop("SELECT ';--'; DISCARD ALL"));
	CHECK(may_drop("SELECT '--'; DISCARD ALL"));
	CHECK(may_drop("SELECT ';'';/*' || $$;--$$; DEALLOCATE ALL"));
}

TEST(the_nul_of_a_message_body_is_nothing)
{
	CHECK(!scan_may_drop_statements(SLICE_LITERAL("SELECT 1;\0")));
	CHECK(!scan_may_drop_statements(SLICE_LITERAL("\0")));
	CHECK(scan_may_drop_statements(SLICE_LITERAL("DISCARD ALL\0")));
}
