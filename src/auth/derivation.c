/*
 * PBKDF2 with HMAC-SHA-256 (RFC 8018 section 5.2, one block: RFC 5802's Hi()), done in steps of
 * any size, and the two keys that come of it.
 *
 * The hash states after the two HMAC pads are made once and copied for every iteration: through
 * libcrypto's public interface that is the fastest way. Owns libcrypto's contexts and wipes
 * what it knew. Called by challenge.c and by whoever logs in to a server.
 */
#include "auth/derivation.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "auth/auth_internal.h"
#include "base/alloc.h"

#define BLOCK_LEN 64 /* of SHA-256, for the pads of HMAC (RFC 2104) */

struct derivation {
	struct scram_recipe recipe;
	EVP_MD_CTX *inner, *outer; /* after their pad */
	EVP_MD_CTX *work;
	uint8_t last[SCRAM_KEY_LEN];   /* U of the last iteration done */
	uint8_t salted[SCRAM_KEY_LEN]; /* XOR of all U so far */
	uint32_t done;		       /* iterations, of recipe.iterations */
};

/* HMAC of head and tail under the password, into out. */
static enum result keyed_hash(struct derivation *derivation, struct slice head, struct slice tail,
			      uint8_t out[SCRAM_KEY_LEN])
{
	EVP_MD_CTX *work = derivation->work;
	bool fine;

	fine = EVP_MD_CTX_copy_ex(work, derivation->inner) == 1 &&
	       EVP_DigestUpdate(work, head.data, head.len) == 1 &&
	       EVP_DigestUpdate(work, tail.data, tail.len) == 1 &&
	       EVP_DigestFinal_ex(work, out, NULL) == 1 &&
	       EVP_MD_CTX_copy_ex(work, derivation->outer) == 1 &&
	       EVP_DigestUpdate(work, out, SCRAM_KEY_LEN) == 1 &&
	       EVP_DigestFinal_ex(work, out, NULL) == 1;
	return fine ? OK : BROKEN;
}

static enum result begin_pad(EVP_MD_CTX *context, const uint8_t key[BLOCK_LEN], uint8_t pad)
{
	uint8_t block[BLOCK_LEN];
	bool fine;

	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = key[i] ^ pad;
	fine = EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
	       EVP_DigestUpdate(context, block, sizeof(block)) == 1;
	OPENSSL_cleanse(block, sizeof(block));
	return fine ? OK : BROKEN;
}

static enum result begin_key(struct derivation *derivation, const struct prepared *password)
{
	uint8_t key[BLOCK_LEN] = { 0 };
	enum result result = OK;

	if (password->len > sizeof(key))
		result = digest_sha256(password->data, password->len, key);
	else
		memcpy(key, password->data, password->len);
	if (result == OK)
		result = begin_pad(derivation->inner, key, 0x36);
	if (result == OK)
		result = begin_pad(derivation->outer, key, 0x5c);
	OPENSSL_cleanse(key, sizeof(key));
	return result;
}

static enum result begin(struct derivation *derivation, struct slice password)
{
	struct prepared prepared = { NULL, 0, 0 };
	enum result result;

	derivation->inner = EVP_MD_CTX_new();
	derivation->outer = EVP_MD_CTX_new();
	derivation->work = EVP_MD_CTX_new();
	if (!derivation->inner || !derivation->outer || !derivation->work)
		return BROKEN;
	if (saslprep(password, &prepared) != OK)
		return BROKEN;
	result = begin_key(derivation, &prepared);
	prepared_release(&prepared);
	return result;
}

struct derivation *derivation_new(struct slice password, const struct scram_recipe *recipe)
{
	struct derivation *derivation;

	if (recipe->iterations < 1 || recipe->iterations > SCRAM_ITERATIONS_MAX ||
	    recipe->salt_len < 1 || recipe->salt_len > SCRAM_SALT_MAX)
		return NULL;
	derivation = mem_alloc_zero(sizeof(*derivation));
	if (!derivation)
		return NULL;
	derivation->recipe = *recipe;
	if (begin(derivation, password) != OK) {
		derivation_free(derivation);
		return NULL;
	}
	return derivation;
}

void derivation_free(struct derivation *derivation)
{
	if (!derivation)
		return;
	EVP_MD_CTX_free(derivation->inner);
	EVP_MD_CTX_free(derivation->outer);
	EVP_MD_CTX_free(derivation->work);
	mem_free_secret(derivation, sizeof(*derivation));
}

/* U1 = HMAC(password, salt + INT(1)), Un = HMAC(password, Un-1). */
static enum result iterate(struct derivation *derivation)
{
	const struct scram_recipe *recipe = &derivation->recipe;
	struct slice head = { (const char *)derivation->last, SCRAM_KEY_LEN };
	struct slice tail = { "", 0 };

	if (derivation->done == 0) {
		head = (struct slice){ (const char *)recipe->salt, recipe->salt_len };
		tail = (struct slice){ "\0\0\0\1", 4 };
	}
	if (keyed_hash(derivation, head, tail, derivation->last) != OK)
		return BROKEN;
	for (size_t i = 0; i < SCRAM_KEY_LEN; i++)
		derivation->salted[i] ^= derivation->last[i];
	derivation->done++;
	return OK;
}

enum result derivation_run(struct derivation *derivation, uint32_t *budget, struct scram_keys *keys)
{
	while (derivation->done < derivation->recipe.iterations) {
		if (*budget == 0)
			return AGAIN;
		if (iterate(derivation) != OK)
			return BROKEN;
		--*budget;
	}
	keys->recipe = derivation->recipe;
	if (digest_hmac(derivation->salted, SLICE_LITERAL("Client Key"), keys->client_key) != OK)
		return BROKEN;
	return digest_hmac(derivation->salted, SLICE_LITERAL("Server Key"), keys->server_key);
}

enum result derive_keys(struct slice password, const struct scram_recipe *recipe,
			struct scram_keys *keys)
{
	struct derivation *derivation = derivation_new(password, recipe);
	uint32_t budget = UINT32_MAX;
	enum result result;

	if (!derivation)
		return BROKEN;
	result = derivation_run(derivation, &budget, keys);
	derivation_free(derivation);
	return result;
}
