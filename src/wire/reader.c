/*
 * A bounds-checked cursor over a message body. The first read past the end marks the reader
 * broken and empties it, so that nothing read later can be mistaken for the peer's words.
 *
 * Owns nothing; the slices it gives borrow the body.
 */

#include <string.h>

#include "wire/reader.h"
#include "wire/wire_internal.h"

void reader_init(struct reader *reader, struct slice body)
{
	/* An empty body may come without an address; slices of it still want one. */
	reader->at = body.data ? body.data : "";
	reader->end = reader->at + body.len;
	reader->broken = 0;
}

/* The next len bytes, or NULL when there are fewer. */
static const char *take(struct reader *reader, size_t len)
{
	const char *at = reader->at;

	if ((size_t)(reader->end - at) < len) {
		reader->broken = 1;
		reader->at = reader->end;
		return NULL;
	}
	reader->at += len;
	return at;
}

uint8_t reader_u8(struct reader *reader)
{
	const char *at = take(reader, 1);

	return at ? (uint8_t)*at : 0;
}

uint16_t reader_u16(struct reader *reader)
{
	const unsigned char *at = (const unsigned char *)take(reader, 2);

	return at ? (uint16_t)(at[0] << 8 | at[1]) : 0;
}

int16_t reader_i16(struct reader *reader)
{
	return (int16_t)reader_u16(reader);
}

uint32_t reader_u32(struct reader *reader)
{
	const char *at = take(reader, 4);

	return at ? wire_load_u32(at) : 0;
}

int32_t reader_i32(struct reader *reader)
{
	return (int32_t)reader_u32(reader);
}

struct slice reader_text(struct reader *reader)
{
	size_t left = (size_t)(reader->end - reader->at);
	struct slice text = SLICE_NONE;
	const char *nul;

	/* The most common of all: the unnamed portal or statement. */
	if (left > 0 && *reader->at == '\0')
		return (struct slice){ reader->at++, 0 };
	nul = memchr(reader->at, 0, left);

	if (!nul) {
		(void)take(reader, left + 1);
		return text;
	}
	text = (struct slice){ reader->at, (size_t)(nul - reader->at) };
	reader->at = nul + 1;
	return text;
}

struct slice reader_bytes(struct reader *reader, size_t len)
{
	const char *at = take(reader, len);

	return at ? (struct slice){ at, len } : SLICE_NONE;
}

struct slice reader_rest(struct reader *reader)
{
	return reader_bytes(reader, (size_t)(reader->end - reader->at));
}

enum result reader_ok(const struct reader *reader)
{
	return reader->broken ? BROKEN : OK;
}

enum result reader_end(const struct reader *reader)
{
	return reader->broken || reader->at != reader->end ? BROKEN : OK;
}
