/*
 * What a server answers: the few messages pgcarwash looks into, and the result sets it writes
 * itself for the console (PostgreSQL docs, "Message Formats").
 *
 * Owns nothing; slices borrow the body.
 */

#include "wire/result.h"
#include "wire/reader.h"
#include "wire/writer.h"

#define MIN_KEY_LEN 4
#define MAX_KEY_LEN 256

enum result result_read_parameter(struct slice body, struct slice *name, struct slice *value)
{
	struct reader reader;

	reader_init(&reader, body);
	*name = reader_text(&reader);
	*value = reader_text(&reader);
	return reader_end(&reader);
}

enum result result_read_key(struct slice body, uint32_t *pid, struct slice *key)
{
	struct reader reader;

	reader_init(&reader, body);
	*pid = reader_u32(&reader);
	*key = reader_rest(&reader);
	if (reader_ok(&reader) != OK || key->len < MIN_KEY_LEN || key->len > MAX_KEY_LEN)
		return BROKEN;
	return OK;
}

enum result result_read_ready(struct slice body, char *status)
{
	struct reader reader;

	reader_init(&reader, body);
	*status = (char)reader_u8(&reader);
	if (*status != 'I' && *status != 'T' && *status != 'E')
		return BROKEN;
	return reader_end(&reader);
}

enum result result_read_tag(struct slice body, struct slice *tag)
{
	struct reader reader;

	reader_init(&reader, body);
	*tag = reader_text(&reader);
	return reader_end(&reader);
}

void result_write_parameter(struct buffer *out, struct slice name, struct slice value)
{
	size_t mark = writer_begin(out, 'S');

	writer_text(out, name);
	writer_text(out, value);
	writer_end(out, mark);
}

void result_write_key(struct buffer *out, uint32_t pid, struct slice key)
{
	size_t mark = writer_begin(out, 'K');

	writer_u32(out, pid);
	writer_bytes(out, key);
	writer_end(out, mark);
}

void result_write_ready(struct buffer *out, char status)
{
	size_t mark = writer_begin(out, 'Z');

	writer_u8(out, (uint8_t)status);
	writer_end(out, mark);
}

void result_write_tag(struct buffer *out, struct slice tag)
{
	size_t mark = writer_begin(out, 'C');

	writer_text(out, tag);
	writer_end(out, mark);
}

/* pg_type.typlen: bytes of a fixed-size type, -1 for one of varying length. */
static uint16_t type_len(enum result_type type)
{
	switch (type) {
	case TYPE_INT8:
	case TYPE_FLOAT8: return 8;
	case TYPE_INT4: return 4;
	case TYPE_BYTEA:
	case TYPE_TEXT:
	case TYPE_NUMERIC: break;
	}
	return UINT16_MAX;
}

static void write_column(struct buffer *out, const struct result_column *column, int format)
{
	writer_text(out, slice_of(column->name));
	writer_u32(out, 0); /* of no table */
	writer_u16(out, 0); /* nor attribute */
	writer_u32(out, (uint32_t)column->type);
	writer_u16(out, type_len(column->type));
	writer_u32(out, UINT32_MAX); /* no type modifier: -1 */
	writer_u16(out, (uint16_t)format);
}

void result_write_columns(struct buffer *out, const struct result_column *columns, unsigned count,
			  int format)
{
	size_t mark = writer_begin(out, 'T');

	writer_u16(out, (uint16_t)count);
	for (unsigned i = 0; i < count; i++)
		write_column(out, &columns[i], format);
	writer_end(out, mark);
}

void result_write_columns_each(struct buffer *out, const struct result_column *columns,
			       unsigned count, const int16_t *formats)
{
	size_t mark = writer_begin(out, 'T');

	writer_u16(out, (uint16_t)count);
	for (unsigned i = 0; i < count; i++)
		write_column(out, &columns[i], formats ? formats[i] : 0);
	writer_end(out, mark);
}

size_t result_write_row_begin(struct buffer *out, unsigned count)
{
	size_t mark = writer_begin(out, 'D');

	writer_u16(out, (uint16_t)count);
	return mark;
}

void result_write_value(struct buffer *out, struct slice value)
{
	writer_u32(out, (uint32_t)value.len);
	writer_bytes(out, value);
}

void result_write_null(struct buffer *out)
{
	writer_u32(out, UINT32_MAX);
}

void result_write_row_end(struct buffer *out, size_t mark)
{
	writer_end(out, mark);
}
