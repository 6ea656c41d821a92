/*
 * Randomness: from the kernel for secrets, from a small generator for jitter. Owns the
 * generator's state, which starts from the kernel's bytes and is never used for secrets.
 */
#include "base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/types.h>

#include "base/log.h"

void random_bytes(void *out, size_t len)
{
	char *place = out;

	while (len > 0) {
		ssize_t got = getrandom(place, len, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			log_fatal("cannot get random bytes from the kernel: %s", strerror(errno));
			abort();
		}
		place += got;
		len -= (size_t)got;
	}
}

/* A Weyl sequence scrambled by two multiply-and-fold rounds: even, fast, not secret. */
static uint64_t next_word(void)
{
	static uint64_t state;
	static int seeded;
	uint64_t word;

	if (!seeded) {
		random_bytes(&state, sizeof(state));
		seeded = 1;
	}
	state += UINT64_C(0x9e3779b97f4a7c15);
	word = state;
	word = (word ^ (word >> 31)) * UINT64_C(0xd6e8feb86659fd93);
	word = (word ^ (word >> 32)) * UINT64_C(0xd6e8feb86659fd93);
	return word ^ (word >> 32);
}

uint64_t random_below(uint64_t bound)
{
	/* The high half of the product is in [0, bound); its bias is bound / 2^64. */
	return (uint64_t)(((unsigned __int128)next_word() * bound) >> 64);
}
