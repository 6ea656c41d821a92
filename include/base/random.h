#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Salts, cancel keys, nonces, jitter. Not for pure modules: they are handed random bytes. */

/* Fills out with bytes fit for secrets (getrandom); ends the process if the kernel has none. */
void random_bytes(void *out, size_t len);
/* A fast number in [0, bound), for jitter and balancing only. bound 0 gives 0. */
uint64_t random_below(uint64_t bound);

#endif
