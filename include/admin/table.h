#ifndef ADMIN_TABLE_H
#define ADMIN_TABLE_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/moment.h"
#include "base/text.h"
#include "wire/result.h"

/*
 * A result set of our own, written row by row in the formats the client asked for (PostgreSQL
 * docs, "Message Formats"). Values come in the order of the columns, one call each.
 */

struct table {
	struct buffer *out;
	const struct result_column *columns;
	const int16_t *formats; /* of each column, 0 text, 1 binary; NULL: all text */
	unsigned count;		/* columns */
	unsigned at;		/* the column that comes next */
	size_t mark;
	uint64_t rows; /* written so far */
};

/* All three are borrowed for the table's life; count is the number of columns. */
void table_init(struct table *table, struct buffer *out, const struct result_column *columns,
		unsigned count, const int16_t *formats);
/* Writes the RowDescription. */
void table_describe(const struct table *table);

void table_row(struct table *table);
/* The row must have a value for each column. */
void table_row_end(struct table *table);

/* For text columns; NULL is SQL's NULL. */
void table_text(struct table *table, const char *text);
void table_slice(struct table *table, struct slice text);
/* For bytea columns; data NULL is SQL's NULL. */
void table_bytes(struct table *table, struct slice bytes);
/* "yes" or "no". */
void table_yes_no(struct table *table, bool yes);
/* For int4, int8 and numeric; cut to the column's range (numeric: not negative). */
void table_number(struct table *table, int64_t value);
/* For numeric and int8 columns; cut to the column's range. */
void table_total(struct table *table, uint64_t value);
/* For float8 columns: a span in seconds, in text with milliseconds; a negative one is NULL. */
void table_seconds(struct table *table, struct span span);
void table_null(struct table *table);

/* Bytes of numeric's binary form at most (a uint64 has 5 digits of base 10000). */
#define TABLE_NUMERIC_MAX 18
/* Writes value as numeric_send does; returns the bytes used. */
size_t table_encode_numeric(uint64_t value, uint8_t out[TABLE_NUMERIC_MAX]);

#endif
