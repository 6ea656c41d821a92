#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/result.h"

/*
 * Slices: borrowed bytes with a length, not NUL-terminated, never owned. And the
 * few things done with text everywhere: trim, split, compare, read numbers.
 */

struct slice {
	const char *data;
	size_t      len;
};

#define SLICE_NONE ((struct slice){ NULL, 0 })
/* A slice of a string literal. */
#define SLICE_LITERAL(literal) ((struct slice){ "" literal, sizeof(literal) - 1 })

static inline struct slice slice_of(const char *text)
{
	return (struct slice){ text, text ? strlen(text) : 0 };
}

static inline bool slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* ASCII letters compare without case; other bytes exactly. */
bool slice_equal_nocase(struct slice a, struct slice b);
bool slice_starts_with(struct slice text, struct slice head);
/* White space (space, \t, \r, \n, \v, \f) cut from both ends. */
struct slice slice_trim(struct slice text);
/*
 * Cuts the next field, trimmed, from *rest up to separator (consumed) or the end.
 * false when *rest is used up. An empty field before a separator is a field; nothing
 * after the last separator is none.
 */
bool slice_next_field(struct slice *rest, char separator, struct slice *field);

/* What a hexadecimal digit is worth; -1: c is none. */
int text_hex_digit(char c);
/* Each reads the whole slice or answers BROKEN and leaves *value. */
enum result text_to_int64(struct slice text, int64_t *value) MUST_USE;
/* Decimal, hexadecimal (0x) or octal (0) as C writes them. */
enum result text_to_int64_c(struct slice text, int64_t *value) MUST_USE;
/* Seconds, fraction allowed, not negative; gives microseconds. "1.5" -> 1500000. */
enum result text_to_seconds_us(struct slice text, int64_t *us) MUST_USE;

/*
 * Writes value as an SQL string literal with quotes into out (cap bytes, NUL
 * included): ' doubled, and E'' form when a backslash is in it. Returns the
 * length without NUL, or 0 when cap is too small (never a cut literal).
 */
size_t text_quote_literal(struct slice value, char *out, size_t cap);
/* The same for an identifier: always quoted, " doubled. */
size_t text_quote_identifier(struct slice name, char *out, size_t cap);

/*
 * How many edits (insert, delete, change, swap of neighbours) turn a into b, at most
 * limit + 1; limit <= 15. For "did you mean".
 */
unsigned text_distance(struct slice a, struct slice b, unsigned limit);

/* True for bytes that are well-formed UTF-8. */
bool text_is_utf8(struct slice text);

#endif
