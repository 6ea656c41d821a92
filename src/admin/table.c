/*
 * Result sets of our own. Called by the SHOW functions; owns nothing, writes into the buffer
 * it was given. A table knows which column comes next, so that a row that misses a value or
 * gives one of the wrong type is found at once.
 */

#include "admin/table.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "wire/writer.h"

/* Digits of a numeric are in base 10000 (src/backend/utils/adt/numeric.c, numeric_send). */
#define NUMERIC_BASE	   10000
#define NUMERIC_DIGITS_MAX 5

void table_init(struct table *table, struct buffer *out, const struct result_column *columns,
		unsigned count, const int16_t *formats)
{
	*table = (struct table){
		.out = out, .columns = columns, .formats = formats, .count = count, .at = count
	};
}

void table_describe(const struct table *table)
{
	result_write_columns_each(table->out, table->columns, table->count, table->formats);
}

void table_row(struct table *table)
{
	assert(table->at == table->count);
	table->at = 0;
	table->mark = result_write_row_begin(table->out, table->count);
}

void table_row_end(struct table *table)
{
	assert(table->at == table->count);
	result_write_row_end(table->out, table->mark);
	table->rows++;
}

/* The type of the value that is about to be written, and whether in binary. */
static enum result_type next_column(struct table *table, bool *binary)
{
	assert(table->at < table->count);
	*binary = table->formats && table->formats[table->at] == 1;
	return table->columns[table->at++].type;
}

void table_slice(struct table *table, struct slice text)
{
	bool binary;
	enum result_type type = next_column(table, &binary);

	assert(type == TYPE_TEXT);
	(void)type;
	if (text.data)
		result_write_value(table->out, text);
	else
		result_write_null(table->out);
}

void table_text(struct table *table, const char *text)
{
	table_slice(table, slice_of(text));
}

/* As byteaout writes it, in hex format (PostgreSQL docs, "Binary Data Types"). */
static void write_hex(struct buffer *out, struct slice bytes)
{
	static const char digits[] = "0123456789abcdef";
	struct buffer text = BUFFER_EMPTY;

	buffer_append_text(&text, "\\x");
	for (size_t i = 0; i < bytes.len; i++) {
		uint8_t byte = (uint8_t)bytes.data[i];

		buffer_append(&text, &digits[byte >> 4], 1);
		buffer_append(&text, &digits[byte & 15], 1);
	}
	out->failed |= text.failed;
	result_write_value(out, buffer_slice(&text));
	if (text.data)
		explicit_bzero(text.data, text.cap);
	buffer_release(&text);
}

void table_bytes(struct table *table, struct slice bytes)
{
	bool binary;
	enum result_type type = next_column(table, &binary);

	assert(type == TYPE_BYTEA);
	(void)type;
	if (!bytes.data)
		result_write_null(table->out);
	else if (binary)
		result_write_value(table->out, bytes);
	else
		write_hex(table->out, bytes);
}

void table_yes_no(struct table *table, bool yes)
{
	table_text(table, yes ? "yes" : "no");
}

void table_null(struct table *table)
{
	bool binary;

	(void)next_column(table, &binary);
	result_write_null(table->out);
}

static void put_u16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

size_t table_encode_numeric(uint64_t value, uint8_t out[TABLE_NUMERIC_MAX])
{
	uint16_t digits[NUMERIC_DIGITS_MAX]; /* lowest first */
	unsigned count = 0, zeros = 0;

	for (; value; value /= NUMERIC_BASE)
		digits[count++] = (uint16_t)(value % NUMERIC_BASE);
	/* Zeros at the end are not sent: the weight alone says that they are there. */
	while (zeros < count && digits[zeros] == 0)
		zeros++;
	put_u16(out, (uint16_t)(count - zeros));
	put_u16(out + 2, (uint16_t)(count ? count - 1 : 0)); /* weight of the first digit */
	put_u16(out + 4, 0);				     /* positive */
	put_u16(out + 6, 0);				     /* no digits behind the point */
	for (unsigned i = 0; i < count - zeros; i++)
		put_u16(out + 8 + 2 * i, digits[count - 1 - i]);
	return 8 + 2 * (size_t)(count - zeros);
}

static void write_big_endian(struct buffer *out, int64_t value, unsigned bytes)
{
	uint8_t data[8];

	for (unsigned i = 0; i < bytes; i++)
		data[i] = (uint8_t)((uint64_t)value >> (8 * (bytes - 1 - i)));
	result_write_value(out, (struct slice){ (const char *)data, bytes });
}

static void write_numeric(struct buffer *out, uint64_t value)
{
	uint8_t data[TABLE_NUMERIC_MAX];

	result_write_value(out,
			   (struct slice){ (const char *)data, table_encode_numeric(value, data) });
}

static int64_t cut_to_int4(int64_t value)
{
	if (value > INT32_MAX)
		return INT32_MAX;
	return value < INT32_MIN ? INT32_MIN : value;
}

static void write_text_number(struct buffer *out, const char *sign, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%s%" PRIu64, sign, value);
	result_write_value(out, slice_of(text));
}

void table_number(struct table *table, int64_t value)
{
	bool binary;
	enum result_type type = next_column(table, &binary);

	assert(type == TYPE_INT4 || type == TYPE_INT8 || type == TYPE_NUMERIC);
	if (type == TYPE_INT4)
		value = cut_to_int4(value);
	if (type == TYPE_NUMERIC && value < 0)
		value = 0;
	if (!binary)
		write_text_number(table->out, value < 0 ? "-" : "",
				  value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
	else if (type == TYPE_NUMERIC)
		write_numeric(table->out, (uint64_t)value);
	else
		write_big_endian(table->out, value, type == TYPE_INT4 ? 4 : 8);
}

void table_total(struct table *table, uint64_t value)
{
	bool binary;

	assert(table->at < table->count);
	if (table->columns[table->at].type != TYPE_NUMERIC || value <= INT64_MAX) {
		table_number(table, value > INT64_MAX ? INT64_MAX : (int64_t)value);
		return;
	}
	(void)next_column(table, &binary);
	if (binary)
		write_numeric(table->out, value);
	else
		write_text_number(table->out, "", value);
}

void table_seconds(struct table *table, struct span span)
{
	double seconds = (double)span.us / 1e6;
	char text[32];
	int64_t bits;
	bool binary;

	assert(table->at < table->count && table->columns[table->at].type == TYPE_FLOAT8);
	if (span.us < 0) {
		table_null(table);
		return;
	}
	(void)next_column(table, &binary);
	if (binary) {
		/* An IEEE 754 double, as float8send writes it. */
		memcpy(&bits, &seconds, sizeof(bits));
		write_big_endian(table->out, bits, sizeof(bits));
		return;
	}
	snprintf(text, sizeof(text), "%.3f", seconds);
	result_write_value(table->out, slice_of(text));
}
