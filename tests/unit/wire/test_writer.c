#include "cut.h"
#include "wire/writer.h"

TEST(a_message_gets_its_length)
{
	struct buffer out;
	size_t mark;

	buffer_init(&out);
	mark = writer_begin(&out, 'x');
	writer_u8(&out, 0xf1);
	writer_u16(&out, 0xf2f3);
	writer_u32(&out, 0xf4f5f6f7);
	writer_text(&out, BYTES("text"));
	writer_text(&out, SLICE_NONE);
	writer_bytes(&out, BYTES("a\0b"));
	writer_bytes(&out, SLICE_NONE);
	writer_end(&out, mark);
	CHECK_SLICE_EQ(buffer_slice(&out),
		       BYTES("x\0\0\0\x14\xf1\xf2\xf3\xf4\xf5\xf6\xf7text\0\0a\0b"));
	buffer_release(&out);
}

TEST(messages_follow_each_other)
{
	struct buffer out;
	size_t mark;

	buffer_init(&out);
	writer_empty(&out, 'S');
	mark = writer_begin(&out, 'Z');
	writer_u8(&out, 'I');
	writer_end(&out, mark);
	mark = writer_begin(&out, 'n');
	writer_end(&out, mark);
	CHECK_SLICE_EQ(buffer_slice(&out), BYTES("S\0\0\0\4Z\0\0\0\5In\0\0\0\4"));
	buffer_release(&out);
}

TEST(a_startup_packet_has_no_type)
{
	struct buffer out;
	size_t mark;

	buffer_init(&out);
	mark = writer_begin(&out, 0);
	writer_u32(&out, 1);
	writer_end(&out, mark);
	CHECK_SLICE_EQ(buffer_slice(&out), BYTES("\0\0\0\x08\0\0\0\1"));
	buffer_release(&out);
}

TEST(all_four_bytes_of_a_length)
{
	struct buffer out;
	const unsigned char *length;
	size_t mark;
	void *body = mem_alloc_zero(0x01020304);

	buffer_init(&out);
	REQUIRE(body);
	mark = writer_begin(&out, 'd');
	writer_bytes(&out, (struct slice){ body, 0x01020304 - 4 });
	writer_end(&out, mark);
	mem_free(body);
	REQUIRE(!out.failed);
	length = (const unsigned char *)out.data + 1;
	CHECK_BYTES_EQ(length, "\1\2\3\4", 4);
	buffer_release(&out);
}

TEST(a_message_longer_than_a_length_can_say_fails)
{
	char data[8] = "";
	struct buffer out = { data, (size_t)INT32_MAX, INT32_MAX, false };

	writer_end(&out, 0);
	CHECK(!out.failed);
	CHECK_BYTES_EQ(data, "\x7f\xff\xff\xff", 4);
	out.len++;
	writer_end(&out, 0);
	CHECK(out.failed);
}

TEST(without_memory_the_buffer_says_so)
{
	WITH_EACH_FAULT(nth)
	{
		struct buffer out;
		size_t mark;

		buffer_init(&out);
		for (int i = 0; i < 20; i++) {
			writer_empty(&out, 'S');
			mark = writer_begin(&out, 'Q');
			writer_text(&out, BYTES("a text of some length, to make the buffer grow"));
			writer_u32(&out, 1);
			writer_u16(&out, 1);
			writer_u8(&out, 1);
			writer_end(&out, mark);
		}
		CHECK_INT_EQ(out.failed, mem_fault_hit());
		if (out.failed)
			CHECK_INT_EQ(buffer_slice(&out).len, 0);
		else
			CHECK_INT_EQ(out.len, 20 * (5 + 5 + 47 + 7));
		buffer_release(&out);
	}
}
