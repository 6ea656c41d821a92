#ifndef CONSOLE_READ_H
#define CONSOLE_READ_H

/* The console's answers as a short text. Part of console_test.h. */

#include "wire/frame.h"
#include "wire/notice.h"
#include "wire/reader.h"
#include "wire/result.h"

static inline void read_row(struct buffer *text, struct slice body)
{
	struct reader reader;
	unsigned count;

	reader_init(&reader, body);
	count = reader_u16(&reader);
	for (unsigned i = 0; i < count; i++) {
		int32_t len = reader_i32(&reader);

		buffer_append_text(text, i ? "," : "(");
		if (len < 0)
			buffer_append_text(text, "NULL");
		else
			buffer_append_slice(text, reader_bytes(&reader, (size_t)len));
	}
	buffer_append_text(text, ")");
	CHECK(reader_end(&reader) == OK);
}

static inline void read_columns(struct buffer *text, struct slice body)
{
	struct reader reader;
	unsigned count;

	reader_init(&reader, body);
	count = reader_u16(&reader);
	for (unsigned i = 0; i < count; i++) {
		buffer_append_text(text, i ? "," : "(");
		buffer_append_slice(text, reader_text(&reader));
		(void)reader_bytes(&reader, 16);
		if (reader_u16(&reader) == 1)
			buffer_append_text(text, ":binary");
	}
	buffer_append_text(text, ")");
	CHECK(reader_end(&reader) == OK);
}

static inline void read_message(struct buffer *text, const struct message *message)
{
	struct notice_view notice;
	struct slice tag;
	char status;

	buffer_append_format(text, "%s%c", text->len ? " " : "", message->type);
	switch (message->type) {
	case 'T': read_columns(text, message->body); break;
	case 'D': read_row(text, message->body); break;
	case 'C':
		CHECK(result_read_tag(message->body, &tag) == OK);
		buffer_append_format(text, "(%.*s)", (int)tag.len, tag.data);
		break;
	case 'Z':
		CHECK(result_read_ready(message->body, &status) == OK);
		buffer_append_format(text, "(%c)", status);
		break;
	case 'E':
	case 'N':
		CHECK(notice_read(message->body, &notice) == OK);
		buffer_append_format(text, "(%.*s %.*s: %.*s)", (int)notice.severity.len,
				     notice.severity.data, (int)notice.sqlstate.len,
				     notice.sqlstate.data, (int)notice.message.len,
				     notice.message.data);
		break;
	default: break;
	}
}

static inline const char *visitor_read(struct visitor *visitor)
{
	static char answer[65536];
	const struct frame_limits limits = { UINT32_MAX, UINT32_MAX };
	struct buffer text = BUFFER_EMPTY;
	struct slice rest = buffer_slice(&visitor->in);
	struct message message;
	size_t need;

	while (rest.len && frame_next(rest, SIDE_SERVER, &limits, &message, &need) == OK) {
		size_t len = MESSAGE_HEADER_LEN + message.len;

		CHECK(message_is_whole(&message));
		read_message(&text, &message);
		rest.data += len;
		rest.len -= len;
	}
	CHECK_UINT_EQ(rest.len, 0);
	snprintf(answer, sizeof(answer), "%.*s", (int)text.len, text.data ? text.data : "");
	buffer_release(&text);
	buffer_clear(&visitor->in);
	return answer;
}

#endif
