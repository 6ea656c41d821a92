#include "net/soa.h"

#include <stdlib.h>
#include "test.h"

#define BYTES(literal) SLICE_LITERAL(literal)
#define QUESTION       "\7example\3com\0\0\6\0\1"
#define RECORD                                                                                     \
	"\xc0\x0c\0\6\0\1\0\0\1\0\0\x20\2ns\xc0\x0c\4root\xc0\x0c\x12\x34\x56\x78"                 \
	"\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4"
#define ZONE SLICE_LITERAL("example.com")

TEST(a_question_is_as_the_rfc_has_it)
{
	char out[SOA_QUESTION_MAX];
	size_t len = soa_write_question(out, 0xabcd, ZONE);

	CHECK_SLICE_EQ(((struct slice){ out, len }),
		       BYTES("\xab\xcd\1\0\0\1\0\0\0\0\0\0" QUESTION));
}

TEST(what_is_no_name_is_not_asked_for)
{
	char out[SOA_QUESTION_MAX], name[400];
	struct slice label63 = { name, 63 }, label64 = { name, 64 };

	memset(name, 'a', sizeof(name));
	CHECK(soa_write_question(out, 1, SLICE_LITERAL("")) == 0);
	CHECK(soa_write_question(out, 1, SLICE_LITERAL("a..b")) == 0);
	CHECK(soa_write_question(out, 1, SLICE_LITERAL(".b")) == 0);
	CHECK(soa_write_question(out, 1, label64) == 0);
	CHECK(soa_write_question(out, 1, label63) > 0);
	for (size_t at = 1; at < sizeof(name); at += 2)
		name[at] = '.';
	for (size_t len = 1; len < sizeof(name); len += 2) {
		size_t used = soa_write_question(out, 1, (struct slice){ name, len });

		CHECK(used <= SOA_QUESTION_MAX && (used > 0) == (len <= 253));
	}
}

static enum result answer(struct slice packet, uint32_t *serial)
{
	char exact[SOA_ANSWER_MAX + 8];

	memcpy(exact, packet.data, packet.len);
	return soa_read_answer((struct slice){ exact, packet.len }, 0xabcd, ZONE, serial);
}

TEST(the_serial_is_in_the_answer_or_behind_it)
{
	uint32_t serial = 0;

	CHECK_INT_EQ(answer(BYTES("\xab\xcd\x81\x80\0\1\0\1\0\0\0\0" QUESTION RECORD), &serial),
		     OK);
	CHECK_UINT_EQ(serial, 0x12345678);
	serial = 0;
	CHECK_INT_EQ(answer(BYTES("\xab\xcd\x81\x83\0\1\0\0\0\1\0\0" QUESTION RECORD), &serial),
		     OK);
	CHECK_UINT_EQ(serial, 0x12345678);
	/* Behind a record of another type. */
	CHECK_INT_EQ(answer(BYTES("\xab\xcd\x81\x80\0\1\0\2\0\0\0\0" QUESTION
				  "\xc0\x0c\0\1\0\1\0\0\0\0\0\4\1\2\3\4" RECORD),
			    &serial),
		     OK);
	CHECK_INT_EQ(answer(BYTES("\xab\xcd\x81\x80\0\1\0\0\0\0\0\0" QUESTION), &serial), AGAIN);
}

TEST(only_the_answer_to_the_question_counts)
{
	static const struct slice packets[] = {
		BYTES("\xab\xce\x81\x80\0\1\0\1\0\0\0\0" QUESTION RECORD),
		BYTES("\xab\xcd\x01\x80\0\1\0\1\0\0\0\0" QUESTION RECORD),
		BYTES("\xab\xcd\x81\x80\0\2\0\1\0\0\0\0" QUESTION RECORD),
		BYTES("\xab\xcd\x81\x80\0\1\0\1\0\0\0\0\7examplf\3com\0\0\6\0\1" RECORD),
		BYTES("\xab\xcd\x81\x80\0\1\0\1\0\0\0\0\7example\3com\0\0\1\0\1" RECORD),
	};
	uint32_t serial;

	for (size_t i = 0; i < COUNT_OF(packets); i++)
		if (answer(packets[i], &serial) != BROKEN)
			FAIL("packet %zu is taken", i);
}

TEST(an_answer_cut_anywhere_is_broken)
{
	struct slice whole = BYTES("\xab\xcd\x81\x80\0\1\0\1\0\0\0\0" QUESTION RECORD);
	uint32_t serial;

	for (size_t len = 0; len < whole.len; len++) {
		char *copy = malloc(len ? len : 1);

		memcpy(copy, whole.data, len);
		CHECK_INT_EQ(soa_read_answer((struct slice){ copy, len }, 0xabcd, ZONE, &serial),
			     BROKEN);
		free(copy);
	}
}

/* Counts, lengths and pointers that lie; names without an end. */
TEST(an_answer_that_lies_does_no_harm)
{
	char packet[SOA_ANSWER_MAX];
	struct slice head = BYTES("\xab\xcd\x81\x80\0\1\xff\xff\xff\xff\0\0" QUESTION);
	uint32_t serial;

	for (int fill = 0; fill < 256; fill++) {
		memset(packet, fill, sizeof(packet));
		memcpy(packet, head.data, head.len);
		CHECK(soa_read_answer((struct slice){ packet, sizeof(packet) }, 0xabcd, ZONE,
				      &serial) != OK);
	}
}
