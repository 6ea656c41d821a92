/*
 * ErrorResponse and NoticeResponse, both ways (PostgreSQL docs, "Error and Notice Message
 * Fields"). Owns nothing; a view borrows the body.
 */

#include "wire/notice.h"
#include "wire/reader.h"
#include "wire/writer.h"

enum result notice_read(struct slice body, struct notice_view *view)
{
	struct slice translated = SLICE_NONE; /* severity in the server's language */
	struct reader reader;
	char field;

	*view = (struct notice_view){ .severity = SLICE_NONE };
	reader_init(&reader, body);
	while ((field = (char)reader_u8(&reader)) != 0) {
		struct slice text = reader_text(&reader);

		switch (field) {
		case 'S': translated = text; break;
		case 'V': view->severity = text; break;
		case 'C': view->sqlstate = text; break;
		case 'M': view->message = text; break;
		case 'D': view->detail = text; break;
		case 'H': view->hint = text; break;
		case 'R': view->routine = text; break;
		default: break; /* "frontends should silently ignore fields of unrecognized type" */
		}
	}
	if (view->severity.len == 0)
		view->severity = translated;
	return reader_end(&reader);
}

static void write_field(struct buffer *out, char field, struct slice text)
{
	writer_u8(out, (uint8_t)field);
	writer_text(out, text);
}

static void write_if_any(struct buffer *out, char field, struct slice text)
{
	if (text.len)
		write_field(out, field, text);
}

void notice_write(struct buffer *out, char type, const struct notice_view *fields)
{
	size_t mark = writer_begin(out, type);

	write_field(out, 'S', fields->severity);
	write_field(out, 'V', fields->severity);
	write_field(out, 'C', fields->sqlstate);
	write_field(out, 'M', fields->message);
	write_if_any(out, 'D', fields->detail);
	write_if_any(out, 'H', fields->hint);
	write_if_any(out, 'R', fields->routine);
	writer_u8(out, 0);
	writer_end(out, mark);
}

bool notice_is_fatal(const struct notice_view *view)
{
	return slice_equal(view->severity, SLICE_LITERAL("FATAL")) ||
	       slice_equal(view->severity, SLICE_LITERAL("PANIC"));
}
