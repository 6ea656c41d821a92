#ifndef AUTH_KEYRING_H
#define AUTH_KEYRING_H

#include <stddef.h>
#include <stdint.h>

#include "auth/scram.h"

/*
 * Keys already derived, so that a password that comes again under the same recipe costs
 * nothing: clients with a plain-text secret, and logins to servers with a plain password.
 * Bounded; the one unused for longest is forgotten first. Unknown users pass through it like
 * known ones, so its speed tells nothing about who exists.
 */

struct keyring;

/* limit: the most keys kept, at least 1. seed: random. NULL without memory. */
struct keyring *keyring_new(size_t limit, uint64_t seed) MUST_USE;
/* Wipes and frees. NULL is allowed. */
void keyring_free(struct keyring *keyring);
/* The keys of this password under this recipe, or NULL. Borrowed until the next call. */
const struct scram_keys *keyring_find(struct keyring *keyring, struct slice password,
				      const struct scram_recipe *recipe);
/* Remembers a copy; without memory it remembers nothing. */
void keyring_put(struct keyring *keyring, struct slice password, const struct scram_keys *keys);
/* Keys kept. */
size_t keyring_len(const struct keyring *keyring);

#endif
