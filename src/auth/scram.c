/*
 * The values of SCRAM: recipes, stored verifiers and keys; reading, writing, comparing them.
 *
 * All are plain values owned by the caller. The texts are those of pg_authid.rolpassword.
 */
#include "auth/scram.h"

#include <openssl/crypto.h>

#include "auth/auth_internal.h"

bool scram_recipe_equal(const struct scram_recipe *a, const struct scram_recipe *b)
{
	return a->iterations == b->iterations && a->salt_len == b->salt_len &&
	       memcmp(a->salt, b->salt, a->salt_len) == 0;
}

enum result scram_recipe_make(struct scram_recipe *recipe, const uint8_t key[SCRAM_KEY_LEN],
			      struct slice user, uint32_t iterations)
{
	if (iterations < 1 || iterations > SCRAM_ITERATIONS_MAX)
		return BROKEN;
	*recipe = (struct scram_recipe){ .iterations = iterations, .salt_len = SCRAM_SALT_MADE };
	return digest_expand(key, "salt", user, recipe->salt, recipe->salt_len);
}

/* The next part of text up to separator, which is taken too; the last part has separator 0. */
static enum result take_part(struct slice *text, char separator, struct slice *part)
{
	const char *end = text->len ? memchr(text->data, separator, text->len) : NULL;

	if (!end)
		return BROKEN;
	*part = (struct slice){ text->data, (size_t)(end - text->data) };
	text->data += part->len + 1;
	text->len -= part->len + 1;
	return OK;
}

static enum result decode_key(struct slice text, uint8_t key[SCRAM_KEY_LEN])
{
	size_t len = 0;

	if (base64_decode(text, key, SCRAM_KEY_LEN, &len) != OK)
		return BROKEN;
	return len == SCRAM_KEY_LEN ? OK : BROKEN;
}

enum result scram_verifier_parse(struct scram_verifier *verifier, struct slice text)
{
	struct slice mechanism, iterations, salt, stored;
	size_t salt_len = 0;

	*verifier = (struct scram_verifier){ .recipe = { 0 } };
	if (take_part(&text, '$', &mechanism) != OK || take_part(&text, ':', &iterations) != OK ||
	    take_part(&text, '$', &salt) != OK || take_part(&text, ':', &stored) != OK)
		return BROKEN;
	if (!slice_equal(mechanism, SLICE_LITERAL(SCRAM_MECHANISM)))
		return BROKEN;
	if (iterations_read(iterations, &verifier->recipe.iterations) != OK)
		return BROKEN;
	if (base64_decode(salt, verifier->recipe.salt, SCRAM_SALT_MAX, &salt_len) != OK ||
	    salt_len == 0)
		return BROKEN;
	verifier->recipe.salt_len = (uint32_t)salt_len;
	if (decode_key(stored, verifier->stored_key) != OK)
		return BROKEN;
	return decode_key(text, verifier->server_key);
}

void scram_verifier_format(const struct scram_verifier *verifier, struct buffer *out)
{
	buffer_append_format(out, SCRAM_MECHANISM "$%u:", (unsigned)verifier->recipe.iterations);
	base64_append(out, verifier->recipe.salt, verifier->recipe.salt_len);
	buffer_append_text(out, "$");
	base64_append(out, verifier->stored_key, SCRAM_KEY_LEN);
	buffer_append_text(out, ":");
	base64_append(out, verifier->server_key, SCRAM_KEY_LEN);
}

enum result scram_verifier_from_keys(struct scram_verifier *verifier, const struct scram_keys *keys)
{
	verifier->recipe = keys->recipe;
	memcpy(verifier->server_key, keys->server_key, SCRAM_KEY_LEN);
	return digest_sha256(keys->client_key, SCRAM_KEY_LEN, verifier->stored_key);
}

bool scram_verifier_matches(const struct scram_verifier *verifier, const struct scram_keys *keys)
{
	struct scram_verifier theirs;
	bool same;

	if (scram_verifier_from_keys(&theirs, keys) != OK)
		return false;
	same = scram_recipe_equal(&theirs.recipe, &verifier->recipe) &&
	       CRYPTO_memcmp(theirs.stored_key, verifier->stored_key, SCRAM_KEY_LEN) == 0;
	scram_verifier_wipe(&theirs);
	return same;
}

void scram_verifier_wipe(struct scram_verifier *verifier)
{
	OPENSSL_cleanse(verifier, sizeof(*verifier));
}

void scram_keys_wipe(struct scram_keys *keys)
{
	OPENSSL_cleanse(keys, sizeof(*keys));
}
