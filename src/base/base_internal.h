#ifndef BASE_INTERNAL_H
#define BASE_INTERNAL_H

#include <stdbool.h>

/*
 * Counts one allocation towards mem_fail_at and answers whether it is the one that must
 * fail. Slabs and arenas ask too, so that a take from kept memory can fail in a test.
 */
bool mem_fault_due(void);

#endif
