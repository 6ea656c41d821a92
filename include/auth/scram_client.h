#ifndef AUTH_SCRAM_CLIENT_H
#define AUTH_SCRAM_CLIENT_H

#include "auth/scram.h"

/*
 * The client's side of one SCRAM exchange: we log in to a PostgreSQL server. Four steps:
 * scram_client_first, _challenge, _final, _finish; the keys for the third come from the
 * keyring, from a derivation, or from a client's own login (pass-through). Nobody is logged
 * in before _finish says OK: it proves that the server knows the verifier too.
 * After BROKEN the exchange is over.
 */

struct scram_client;

/*
 * channel: what to bind to; NONE for mechanism SCRAM-SHA-256; its data is copied.
 * NULL without memory, or when the data is longer than a channel's can be.
 */
struct scram_client *scram_client_new(struct scram_channel channel) MUST_USE;
/* Wipes and frees. NULL is allowed. */
void scram_client_free(struct scram_client *client);

/*
 * Appends client-first to out, for SASLInitialResponse. declined: we could bind but the
 * server did not offer it (gs2 flag 'y'); without effect when channel has a binding.
 */
enum result scram_client_first(struct scram_client *client, bool declined,
			       const uint8_t nonce[SCRAM_NONCE_LEN], struct buffer *out) MUST_USE;
/* Reads server-first and says under which recipe the keys are wanted. */
enum result scram_client_challenge(struct scram_client *client, struct slice message,
				   struct scram_recipe *recipe) MUST_USE;
/* Appends client-final to out. BROKEN when the keys were made by another recipe. */
enum result scram_client_final(struct scram_client *client, const struct scram_keys *keys,
			       struct buffer *out) MUST_USE;
/* Reads server-final. OK: the server's signature is right. */
enum result scram_client_finish(struct scram_client *client, struct slice message) MUST_USE;

/* Why it is BROKEN, for the log: never NULL, borrowed for ever. */
const char *scram_client_reason(const struct scram_client *client);
/* It is BROKEN for want of memory alone: another exchange may succeed. */
bool scram_client_lacks_memory(const struct scram_client *client);

#endif
