#ifndef CUT_H
#define CUT_H

#include <stdlib.h>

#include "test.h"

/*
 * Truncation: the same bytes cut at every place, each time in memory of exactly that size, so
 * that the sanitizer sees a read past the end.
 */

/* The number of bytes of string literal, its own terminator not counted. */
#define BYTES(literal) SLICE_LITERAL(literal)

typedef enum result cut_reader(struct slice body);

/* What read says of the first len bytes. */
static inline enum result cut_read(cut_reader *read, struct slice bytes, size_t len)
{
	char *copy = malloc(len ? len : 1);
	enum result result;

	if (!copy)
		abort();
	if (len)
		memcpy(copy, bytes.data, len);
	result = read((struct slice){ copy, len });
	free(copy);
	return result;
}

/*
 * read takes bytes whole; cut anywhere from 0 to below shortest it is wanted to say result,
 * from there on OK.
 */
static inline void cut_everywhere(const char *file, int line, cut_reader *read, struct slice bytes,
				  size_t shortest, enum result wanted)
{
	for (size_t len = 0; len <= bytes.len; len++) {
		enum result result = cut_read(read, bytes, len);

		if (result != (len < shortest ? wanted : OK)) {
			FAIL("called from %s:%d: cut to %zu of %zu bytes it says %d", file, line,
			     len, bytes.len, (int)result);
			test_show("bytes ", bytes);
		}
	}
}

#define CHECK_CUT_BROKEN(read, bytes)                                                              \
	cut_everywhere(__FILE__, __LINE__, read, bytes, (bytes).len, BROKEN)
#define CHECK_CUT_BROKEN_BELOW(read, bytes, shortest)                                              \
	cut_everywhere(__FILE__, __LINE__, read, bytes, shortest, BROKEN)
#define CHECK_CUT_AGAIN(read, bytes)                                                               \
	cut_everywhere(__FILE__, __LINE__, read, bytes, (bytes).len, AGAIN)

#endif
