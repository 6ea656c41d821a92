/* sql/scan: which texts are DEALLOCATE of one name. */
#include "sql/scan.h"

#include "test.h"

static void expect(const char *text, const char *name)
{
	char room[SCAN_NAME_MAX];
	struct slice found = SLICE_NONE;

	CHECK(scan_deallocate(slice_of(text), room, &found));
	CHECK_SLICE_EQ(found, slice_of(name));
}

static void expect_none(const char *text)
{
	char room[SCAN_NAME_MAX];
	struct slice found;

	CHECK(!scan_deallocate(slice_of(text), room, &found));
}

TEST(names_are_found)
{
	expect("deallocate s", "s");
	expect(" DEALLOCATE  PREPARE My_1 ; ", "my_1");
	expect("/* x */ deallocate -- y\n \"A \"\"b\"\"\"", "A \"b\"");
	expect("deallocate _pg3_0", "_pg3_0");
}

TEST(other_texts_are_not)
{
	expect_none("deallocate all");
	expect_none("DEALLOCATE PREPARE ALL");
	expect_none("deallocate");
	expect_none("deallocate s; select 1");
	expect_none("deallocates s");
	expect_none("deallocate \"open");
	expect_none("deallocate \"\"");
	expect_none("select 1");
	expect_none("deallocate "
		    "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggg");
}
