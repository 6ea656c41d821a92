#ifndef AUTH_DERIVATION_H
#define AUTH_DERIVATION_H

#include <stdint.h>

#include "auth/scram.h"

/*
 * The costly part of SCRAM: from a password to keys (PBKDF2 with HMAC-SHA-256; 4096
 * iterations take about 2 ms, a recipe may ask for millions). It can be paused after any
 * number of iterations, so that a loop that serves others too bounds its work per turn; and
 * its result is remembered in a keyring.
 */

struct derivation;

/*
 * Begins with password (any bytes; SASLprep is applied as PostgreSQL does, which takes the
 * raw bytes where the profile does not fit). Copies what it needs. NULL without memory, or
 * when the recipe is out of its ranges.
 */
struct derivation *derivation_new(struct slice password,
				  const struct scram_recipe *recipe) MUST_USE;
/* Wipes and frees. NULL is allowed. */
void derivation_free(struct derivation *derivation);
/*
 * Spends up to *budget iterations, taking them off *budget. OK: *keys is filled, and filled
 * again at every later call. AGAIN: call again. BROKEN: libcrypto failed.
 */
enum result derivation_run(struct derivation *derivation, uint32_t *budget,
			   struct scram_keys *keys) MUST_USE;

/* All at once. BROKEN without memory or libcrypto. */
enum result derive_keys(struct slice password, const struct scram_recipe *recipe,
			struct scram_keys *keys) MUST_USE;

#endif
