#include "test.h"

#include "conf/complaint.h"

TEST(a_place_comes_first)
{
	struct complaints complaints;

	complaints_init(&complaints);
	complaints_add(&complaints, COMPLAINT_WARNING, "a.ini", 3, "odd %s", "thing");
	complaints_add(&complaints, COMPLAINT_WARNING, "a.ini", 0, "odd");
	CHECK(!complaints_has_errors(&complaints));
	complaints_add(&complaints, COMPLAINT_ERROR, NULL, 3, "bad");
	CHECK(complaints_has_errors(&complaints));
	REQUIRE(complaints.count == 3);
	CHECK_TEXT_EQ(complaints.items[0].text, "a.ini:3: odd thing");
	CHECK_TEXT_EQ(complaints.items[1].text, "a.ini: odd");
	CHECK_TEXT_EQ(complaints.items[2].text, "bad");
	complaints_release(&complaints);
	CHECK_UINT_EQ(complaints.count, 0);
}

TEST(too_many_are_counted)
{
	struct complaints complaints;

	complaints_init(&complaints);
	for (int i = 0; i < COMPLAINTS_MAX + 5; i++)
		complaints_add(&complaints, COMPLAINT_ERROR, "a", 1, "bad");
	CHECK_UINT_EQ(complaints.count, COMPLAINTS_MAX);
	CHECK_UINT_EQ(complaints.dropped, 5);
	CHECK_UINT_EQ(complaints.errors, COMPLAINTS_MAX + 5);
	complaints_release(&complaints);
}

TEST(long_texts_are_cut)
{
	struct complaints complaints;
	char text[5000];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	complaints_init(&complaints);
	complaints_add(&complaints, COMPLAINT_ERROR, NULL, 0, "%s", text);
	complaints_add(&complaints, COMPLAINT_ERROR, text, 7, "%s", text);
	REQUIRE(complaints.count == 2);
	CHECK_UINT_EQ(strlen(complaints.items[0].text), 1023);
	CHECK_UINT_EQ(strlen(complaints.items[1].text), 1023);
	complaints_release(&complaints);
}

TEST(without_memory_an_error_stays_an_error)
{
	struct complaints complaints;

	complaints_init(&complaints);
	mem_fail_at(1);
	complaints_add(&complaints, COMPLAINT_ERROR, NULL, 0, "bad");
	CHECK(complaints_has_errors(&complaints));
	CHECK_UINT_EQ(complaints.count, 0);
	CHECK_UINT_EQ(complaints.dropped, 1);
	complaints_release(&complaints);
}
