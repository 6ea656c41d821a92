#ifndef WIRE_RESULT_H
#define WIRE_RESULT_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/result.h"
#include "wire/message.h"

/*
 * What a server answers: reading ParameterStatus, BackendKeyData, CommandComplete,
 * ReadyForQuery; writing those and result sets for replies of our own (console).
 */

enum result result_read_parameter(struct slice body, struct slice *name, struct slice *value)
	MUST_USE;
/* key: 4 bytes in protocol 3.0, up to 256 later. */
enum result result_read_key(struct slice body, uint32_t *pid, struct slice *key) MUST_USE;
/* 'I', 'T' or 'E'; anything else is BROKEN. */
enum result result_read_ready(struct slice body, char *status) MUST_USE;
/* The command tag without NUL. */
enum result result_read_tag(struct slice body, struct slice *tag) MUST_USE;

void result_write_parameter(struct buffer *out, struct slice name, struct slice value);
void result_write_key(struct buffer *out, uint32_t pid, struct slice key);
void result_write_ready(struct buffer *out, char status);
void result_write_tag(struct buffer *out, struct slice tag);

/* Type OIDs of our own result sets (pg_type.dat). */
enum result_type {
	TYPE_BYTEA = 17,
	TYPE_INT8 = 20,
	TYPE_INT4 = 23,
	TYPE_TEXT = 25,
	TYPE_FLOAT8 = 701,
	TYPE_NUMERIC = 1700,
};

struct result_column {
	const char      *name;
	enum result_type type;
};
/* format: 0 text, 1 binary, the same for all columns. */
void   result_write_columns(struct buffer *out, const struct result_column *columns,
                            unsigned count, int format);
/* The same with a format for each column; formats NULL: all text. */
void   result_write_columns_each(struct buffer *out, const struct result_column *columns,
                                 unsigned count, const int16_t *formats);
/* One DataRow: begin, a value or null for each column, end. Values in the announced format. */
size_t result_write_row_begin(struct buffer *out, unsigned count);
void   result_write_value(struct buffer *out, struct slice value);
void   result_write_null(struct buffer *out);
void   result_write_row_end(struct buffer *out, size_t mark);

#endif
