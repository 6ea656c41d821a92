#ifndef AUTH_SCRAM_H
#define AUTH_SCRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/result.h"
#include "base/text.h"

/*
 * The values of SCRAM-SHA-256 (RFC 5802, RFC 7677) as PostgreSQL stores and exchanges them.
 * The exchange itself: scram_server.h (we ask a client), scram_client.h (a server asks us).
 * The costly way from a password to keys: derivation.h.
 */

#define SCRAM_KEY_LEN	     32	      /* bytes of SHA-256 */
#define SCRAM_SALT_MAX	     128      /* bytes of a salt we accept; PostgreSQL makes 16 */
#define SCRAM_SALT_MADE	     16	      /* bytes of a salt we make */
#define SCRAM_NONCE_LEN	     18	      /* random bytes in a nonce we make, as PostgreSQL */
#define SCRAM_MESSAGE_MAX    2048     /* bytes of any message of the exchange */
#define SCRAM_ITERATIONS_MAX 10000000 /* a peer or a secret that asks for more is refused */
#define SCRAM_TEXT_MAX	     320      /* bytes of a formatted verifier, NUL included */
#define SCRAM_CHANNEL_MAX    64	      /* bytes of a channel's data */

#define SCRAM_MECHANISM	     "SCRAM-SHA-256"
#define SCRAM_MECHANISM_PLUS "SCRAM-SHA-256-PLUS"

/* What a password is derived with. */
struct scram_recipe {
	uint32_t iterations; /* 1 .. SCRAM_ITERATIONS_MAX */
	uint32_t salt_len;   /* 1 .. SCRAM_SALT_MAX */
	uint8_t salt[SCRAM_SALT_MAX];
};

/* What is stored for a user: enough to check a client, not enough to log in with. */
struct scram_verifier {
	struct scram_recipe recipe;
	uint8_t stored_key[SCRAM_KEY_LEN];
	uint8_t server_key[SCRAM_KEY_LEN];
};

/*
 * What a password comes to under one recipe: enough to log in to any server whose verifier
 * has the same recipe. A secret: wipe with scram_keys_wipe when done.
 */
struct scram_keys {
	struct scram_recipe recipe;
	uint8_t client_key[SCRAM_KEY_LEN];
	uint8_t server_key[SCRAM_KEY_LEN];
};

/* The TLS channel a login is tied to (RFC 5929). */
enum scram_binding { SCRAM_BINDING_NONE, SCRAM_BINDING_TLS_SERVER_END_POINT };

struct scram_channel {
	enum scram_binding binding; /* NONE: no channel binding can be had here */
	struct slice data;	    /* the certificate's hash, at most SCRAM_CHANNEL_MAX bytes */
};

#define SCRAM_NO_CHANNEL ((struct scram_channel){ SCRAM_BINDING_NONE, { NULL, 0 } })

/* Same salt and same iterations. */
bool scram_recipe_equal(const struct scram_recipe *a, const struct scram_recipe *b);
/*
 * The recipe for a user whose secret has none: iterations as given, a salt of SCRAM_SALT_MADE
 * bytes that depends on key and user alone, so that asking twice shows nothing.
 */
enum result scram_recipe_make(struct scram_recipe *recipe, const uint8_t key[SCRAM_KEY_LEN],
			      struct slice user, uint32_t iterations) MUST_USE;

/* "SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>" (pg_authid.rolpassword). */
enum result scram_verifier_parse(struct scram_verifier *verifier, struct slice text) MUST_USE;
void scram_verifier_format(const struct scram_verifier *verifier, struct buffer *out);
/* BROKEN when libcrypto cannot hash. */
enum result scram_verifier_from_keys(struct scram_verifier *verifier,
				     const struct scram_keys *keys) MUST_USE;
/* True when keys are those behind verifier; the time taken does not depend on the keys. */
bool scram_verifier_matches(const struct scram_verifier *verifier, const struct scram_keys *keys);

void scram_verifier_wipe(struct scram_verifier *verifier);
void scram_keys_wipe(struct scram_keys *keys);

#endif
