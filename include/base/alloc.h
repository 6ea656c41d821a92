#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"

/*
 * Counted malloc and free, and a switch that makes the Nth allocation fail so
 * that tests can walk every failure path. Everything in pgcarwash allocates
 * through these; memory given by mem_* is freed by mem_free only.
 */

/* Gives size bytes, uninitialised; NULL when there is no memory. size 0 gives a unique block. */
void *mem_alloc(size_t size) MUST_USE;
/* Gives size bytes of zero, or NULL. */
void *mem_alloc_zero(size_t size) MUST_USE;
/* Takes block (may be NULL), gives it resized; NULL leaves block as it was. */
void *mem_realloc(void *block, size_t size) MUST_USE;
/* Frees block; NULL is allowed. */
void mem_free(void *block);
/* Gives a NUL-terminated copy of len bytes, or NULL. */
char *mem_copy_text(const char *data, size_t len) MUST_USE;
/* Frees after overwriting len bytes with zero: for secrets. NULL is allowed. */
void mem_free_secret(void *block, size_t len);

/* Bytes and blocks now allocated through mem_*. */
size_t mem_bytes_in_use(void);
size_t mem_blocks_in_use(void);

/*
 * The nth allocation from now on (1 = the next) fails, once; 0 switches it off.
 * Returns nothing; mem_fault_hit() tells whether it has happened.
 */
void mem_fail_at(uint64_t nth);
int  mem_fault_hit(void);
/*
 * While paused no allocation fails and none is counted: for the parts of a test that play the
 * world around what is tested.
 */
void mem_fault_pause(bool paused);

#endif
