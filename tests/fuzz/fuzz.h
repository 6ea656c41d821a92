#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

/* What every fuzz target needs: its entry point and a check that no build flag removes. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* True when part lies within whole. */
static inline int fuzz_within(struct slice part, struct slice whole)
{
	return part.len == 0 ||
	       (part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

#endif
