/*
 * Appends messages to a buffer. Every message written by pgcarwash itself goes through here.
 *
 * A buffer that found no memory swallows the rest; writer_end leaves it alone then, because
 * its mark may lie in what was dropped.
 */

#include <assert.h>
#include <string.h>

#include "wire/writer.h"
#include "wire/wire_internal.h"

size_t writer_begin(struct buffer *out, char type)
{
	static const char no_length[4];
	size_t mark;

	if (type)
		buffer_append(out, &type, 1);
	mark = out->len;
	buffer_append(out, no_length, sizeof(no_length));
	return mark;
}

void writer_u8(struct buffer *out, uint8_t value)
{
	buffer_append(out, &value, 1);
}

void writer_u16(struct buffer *out, uint16_t value)
{
	unsigned char bytes[2] = { (unsigned char)(value >> 8), (unsigned char)value };

	buffer_append(out, bytes, sizeof(bytes));
}

void writer_u32(struct buffer *out, uint32_t value)
{
	char bytes[4];

	wire_store_u32(bytes, value);
	buffer_append(out, bytes, sizeof(bytes));
}

void writer_text(struct buffer *out, struct slice text)
{
	assert(text.len == 0 || !memchr(text.data, 0, text.len));
	writer_bytes(out, text);
	writer_u8(out, 0);
}

void writer_bytes(struct buffer *out, struct slice bytes)
{
	if (bytes.len)
		buffer_append(out, bytes.data, bytes.len);
}

void writer_end(struct buffer *out, size_t mark)
{
	size_t len = out->len - mark;

	if (out->failed)
		return;
	assert(mark + 4 <= out->len);
	/* The length word is a signed 32-bit integer: longer messages cannot be said. */
	if (len > INT32_MAX)
		out->failed = true;
	else
		wire_store_u32(out->data + mark, (uint32_t)len);
}

void writer_empty(struct buffer *out, char type)
{
	char message[MESSAGE_HEADER_LEN] = { type, 0, 0, 0, 4 };

	buffer_append(out, message, sizeof(message));
}
