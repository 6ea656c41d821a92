#include "test.h"

#include "base/ending.h"

TEST(every_row_is_whole)
{
	for (int i = 0; i < END_COUNT; i++) {
		const struct ending_row *row = ending_row((enum ending)i);

		REQUIRE(row && row->severity && row->sqlstate && row->label && row->text);
		CHECK(strcmp(row->severity, "") == 0 || strcmp(row->severity, "ERROR") == 0 ||
		      strcmp(row->severity, "FATAL") == 0);
		CHECK_UINT_EQ(strlen(row->sqlstate), 5);
		CHECK_UINT_EQ(strspn(row->sqlstate, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"), 5);
		CHECK(row->label[0] != '\0' && row->text[0] != '\0');
		CHECK_UINT_EQ(strspn(row->label, "abcdefghijklmnopqrstuvwxyz_"),
			      strlen(row->label));
		CHECK(row->text[strlen(row->text) - 1] != '.');
	}
}

TEST(rows_are_found_by_their_name)
{
	CHECK_TEXT_EQ(ending_row(END_QUERY_WAIT_TIMEOUT)->text, "query_wait_timeout");
	CHECK_TEXT_EQ(ending_row(END_NO_MEMORY)->sqlstate, "53200");
	CHECK_TEXT_EQ(ending_row(END_CLIENT_CLOSED)->severity, "");
	CHECK_TEXT_EQ(ending_row(END_NONE)->severity, "");
}
