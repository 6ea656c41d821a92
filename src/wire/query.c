/*
 * What a client asks: Parse, Bind, Describe, Close and Query, read into views and written anew
 * under other names (PostgreSQL docs, "Message Formats", "Extended Query").
 *
 * Owns nothing; views borrow the body. Called by track for every extended query message.
 */

#include <assert.h>
#include <string.h>

#include "wire/query.h"
#include "wire/reader.h"
#include "wire/wire_internal.h"
#include "wire/writer.h"

enum result query_read_parse(struct slice body, struct parse_view *view)
{
	struct reader reader;
	struct slice signature;
	uint16_t count;

	reader_init(&reader, body);
	view->name = reader_text(&reader);
	signature = (struct slice){ reader.at, (size_t)(reader.end - reader.at) };
	view->text = reader_text(&reader);
	count = reader_u16(&reader);
	(void)reader_bytes(&reader, (size_t)count * 4);
	view->signature = signature;
	return reader_end(&reader);
}

enum result query_read_bind(struct slice body, struct bind_view *view)
{
	struct reader reader;

	reader_init(&reader, body);
	view->portal = reader_text(&reader);
	view->statement = reader_text(&reader);
	view->head_len = view->portal.len + view->statement.len + 2;
	return reader_ok(&reader);
}

enum result query_read_target(struct slice body, struct target_view *view)
{
	struct reader reader;

	reader_init(&reader, body);
	view->kind = (char)reader_u8(&reader);
	view->name = reader_text(&reader);
	if (view->kind != 'S' && view->kind != 'P')
		return BROKEN;
	return reader_end(&reader);
}

enum result query_read_query(struct slice body, struct slice *text)
{
	struct reader reader;

	reader_init(&reader, body);
	*text = reader_text(&reader);
	return reader_end(&reader);
}

void query_write_query(struct buffer *out, struct slice text)
{
	size_t mark = writer_begin(out, 'Q');

	writer_text(out, text);
	writer_end(out, mark);
}

void query_write_parse(struct buffer *out, struct slice name, struct slice signature)
{
	size_t mark = writer_begin(out, 'P');

	writer_text(out, name);
	writer_bytes(out, signature);
	writer_end(out, mark);
}

/* Gives where the next byte goes. */
static char *put_text(char *at, struct slice text)
{
	assert(text.len == 0 || !memchr(text.data, 0, text.len));
	if (text.len > 0)
		memcpy(at, text.data, text.len);
	at[text.len] = '\0';
	return at + text.len + 1;
}

void query_write_bind_head(struct buffer *out, const struct bind_view *old, uint32_t old_len,
			   struct slice statement)
{
	uint64_t tail_len = (uint64_t)old_len - old->head_len;
	uint64_t len = 4 + tail_len + old->portal.len + statement.len + 2;
	size_t head_len;
	char *head, *end;

	assert(old_len >= old->head_len);
	if (len > INT32_MAX) {
		out->failed = true;
		return;
	}
	/* Written for every Bind, hence in one piece. */
	head_len = MESSAGE_HEADER_LEN + old->portal.len + statement.len + 2;
	head = buffer_reserve(out, head_len);
	if (!head)
		return;
	head[0] = 'B';
	wire_store_u32(head + 1, (uint32_t)len);
	end = put_text(put_text(head + MESSAGE_HEADER_LEN, old->portal), statement);
	assert(end == head + head_len);
	out->len += (size_t)(end - head);
}

void query_write_target(struct buffer *out, char type, char kind, struct slice name)
{
	size_t mark = writer_begin(out, type);

	assert((type == 'D' || type == 'C') && (kind == 'S' || kind == 'P'));
	writer_u8(out, (uint8_t)kind);
	writer_text(out, name);
	writer_end(out, mark);
}
