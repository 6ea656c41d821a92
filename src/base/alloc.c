/*
 * The one door to malloc: counts what is in use and makes a chosen allocation fail.
 * Owns the process-wide counters; everything that needs memory calls it. One thread.
 * Invariant: every block counted in is counted out with the same size, because the size
 * is asked of the allocator each time and cannot be remembered wrongly.
 */
#include "base/alloc.h"

#include <assert.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_internal.h"

/* More is never meant: a length went wrong. */
#define MAX_BLOCK ((size_t)1 << 39)

static size_t bytes_in_use;
static size_t blocks_in_use;
static uint64_t fault_countdown; /* 0: switched off */
static int fault_hit;
static bool fault_paused;

bool mem_fault_due(void)
{
	if (__builtin_expect(fault_countdown == 0, 1))
		return false;
	if (fault_paused || --fault_countdown > 0)
		return false;
	fault_hit = 1;
	return true;
}

static bool is_refused(size_t size)
{
	return mem_fault_due() || size > MAX_BLOCK;
}

static void *count_in(void *block)
{
	if (block) {
		bytes_in_use += malloc_usable_size(block);
		blocks_in_use++;
	}
	return block;
}

static void count_out(void *block)
{
	size_t size = malloc_usable_size(block);

	assert(blocks_in_use > 0 && bytes_in_use >= size);
	bytes_in_use -= size;
	blocks_in_use--;
}

void *mem_alloc(size_t size)
{
	if (is_refused(size))
		return NULL;
	return count_in(malloc(size ? size : 1));
}

void *mem_alloc_zero(size_t size)
{
	if (is_refused(size))
		return NULL;
	return count_in(calloc(1, size ? size : 1));
}

void *mem_realloc(void *block, size_t size)
{
	size_t old_size;
	void *resized;

	if (!block)
		return mem_alloc(size);
	if (is_refused(size))
		return NULL;
	old_size = malloc_usable_size(block);
	resized = realloc(block, size ? size : 1);
	if (!resized)
		return NULL;
	assert(bytes_in_use >= old_size);
	bytes_in_use = bytes_in_use - old_size + malloc_usable_size(resized);
	return resized;
}

void mem_free(void *block)
{
	if (!block)
		return;
	count_out(block);
	free(block);
}

char *mem_copy_text(const char *data, size_t len)
{
	char *copy = len < SIZE_MAX ? mem_alloc(len + 1) : NULL;

	if (!copy)
		return NULL;
	if (len > 0)
		memcpy(copy, data, len);
	copy[len] = '\0';
	return copy;
}

void mem_free_secret(void *block, size_t len)
{
	if (!block)
		return;
	explicit_bzero(block, len);
	mem_free(block);
}

size_t mem_bytes_in_use(void)
{
	return bytes_in_use;
}

size_t mem_blocks_in_use(void)
{
	return blocks_in_use;
}

void mem_fail_at(uint64_t nth)
{
	fault_countdown = nth;
	fault_hit = 0;
}

int mem_fault_hit(void)
{
	return fault_hit;
}

void mem_fault_pause(bool paused)
{
	fault_paused = paused;
}
