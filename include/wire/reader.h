#ifndef WIRE_READER_H
#define WIRE_READER_H

#include <stdint.h>

#include "base/result.h"
#include "base/text.h"

/*
 * A bounds-checked cursor over a message body. Reading past the end gives zeros and
 * empty slices and marks the reader broken; the caller checks once with reader_end or
 * reader_ok. Integers are big-endian (PostgreSQL docs, "Message Data Types").
 */

struct reader {
	const char *at, *end;
	int         broken;
};

void     reader_init(struct reader *reader, struct slice body);
uint8_t  reader_u8(struct reader *reader);
uint16_t reader_u16(struct reader *reader);
int16_t  reader_i16(struct reader *reader);
uint32_t reader_u32(struct reader *reader);
int32_t  reader_i32(struct reader *reader);
/* A C string without its NUL; broken when there is no NUL. */
struct slice reader_text(struct reader *reader);
/* Exactly len bytes. */
struct slice reader_bytes(struct reader *reader, size_t len);
/* All that is left. */
struct slice reader_rest(struct reader *reader);
/* OK if nothing was read past the end so far. */
enum result reader_ok(const struct reader *reader) MUST_USE;
/* OK if in addition the body is used up exactly. */
enum result reader_end(const struct reader *reader) MUST_USE;

#endif
