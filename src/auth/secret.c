/*
 * Stored secrets: telling their kinds apart, checking a password, and secrets for users who
 * do not exist.
 *
 * A secret borrows its text. Called by users.c, challenge.c and by the login to servers.
 */
#include "auth/secret.h"

#include <openssl/crypto.h>

#include "auth/auth_internal.h"
#include "auth/md5.h"

static bool is_md5(struct slice text)
{
	if (text.len != MD5_TEXT_LEN || !slice_starts_with(text, SLICE_LITERAL("md5")))
		return false;
	for (size_t i = 3; i < text.len; i++) {
		char c = text.data[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
			return false;
	}
	return true;
}

struct secret secret_of(struct slice text)
{
	struct scram_verifier verifier;
	enum secret_kind kind = SECRET_PLAIN;

	if (text.len == 0) {
		kind = SECRET_NONE;
	} else if (is_md5(text)) {
		kind = SECRET_MD5;
	} else if (slice_starts_with(text, SLICE_LITERAL(SCRAM_MECHANISM "$"))) {
		kind = scram_verifier_parse(&verifier, text) == OK ? SECRET_SCRAM : SECRET_NONE;
		scram_verifier_wipe(&verifier);
	}
	return (struct secret){ kind, text };
}

bool secret_serves(enum secret_kind kind, enum secret_use use)
{
	static const bool serves[][3] = {
		/*                CLEARTEXT MD5  SCRAM */
		[SECRET_NONE] = { false, false, false },
		[SECRET_PLAIN] = { true, true, true },
		[SECRET_MD5] = { true, true, false },
		[SECRET_SCRAM] = { true, false, true },
	};

	return serves[kind][use];
}

/* Digests are compared, so that the time does not depend on where the texts differ. */
static bool plain_fits(struct slice stored, struct slice password)
{
	uint8_t ours[SCRAM_KEY_LEN], theirs[SCRAM_KEY_LEN];
	bool same;

	same = digest_sha256(stored.data, stored.len, ours) == OK &&
	       digest_sha256(password.data, password.len, theirs) == OK &&
	       CRYPTO_memcmp(ours, theirs, sizeof(ours)) == 0;
	OPENSSL_cleanse(ours, sizeof(ours));
	OPENSSL_cleanse(theirs, sizeof(theirs));
	return same;
}

static bool md5_fits(struct slice stored, struct slice user, struct slice password)
{
	char theirs[MD5_TEXT_LEN + 1];
	bool same;

	same = md5_store(password, user, theirs) == OK &&
	       bytes_equal_slowly(stored.data, stored.len, theirs, MD5_TEXT_LEN);
	OPENSSL_cleanse(theirs, sizeof(theirs));
	return same;
}

static bool scram_fits(struct slice stored, const struct scram_keys *keys)
{
	struct scram_verifier verifier;
	bool same;

	same = keys && scram_verifier_parse(&verifier, stored) == OK &&
	       scram_verifier_matches(&verifier, keys);
	scram_verifier_wipe(&verifier);
	return same;
}

bool secret_fits(const struct secret *secret, struct slice user, struct slice password,
		 const struct scram_keys *keys)
{
	if (password.len == 0)
		return false;
	switch (secret->kind) {
	case SECRET_PLAIN: return plain_fits(secret->text, password);
	case SECRET_MD5: return md5_fits(secret->text, user, password);
	case SECRET_SCRAM: return scram_fits(secret->text, keys);
	case SECRET_NONE: break;
	}
	return false;
}

/* 32 hexadecimal digits, after "md5" for that kind: bytes nobody can know. */
static enum result mock_digits(struct secret *mock, const uint8_t *key, struct slice user,
			       char *room)
{
	const char *prefix = mock->kind == SECRET_MD5 ? "md5" : "";
	uint8_t bytes[16];

	if (digest_expand(key, prefix[0] ? "mock md5" : "mock plain", user, bytes, sizeof(bytes)) !=
	    OK)
		return BROKEN;
	memcpy(room, prefix, strlen(prefix));
	hex_write(bytes, sizeof(bytes), room + strlen(prefix));
	mock->text = (struct slice){ room, strlen(prefix) + 2 * sizeof(bytes) };
	return OK;
}

static enum result mock_verifier(struct secret *mock, const struct scram_recipe *like,
				 const uint8_t *key, struct slice user, char *room)
{
	struct scram_verifier verifier = { .recipe = *like };
	struct buffer text = BUFFER_EMPTY;
	enum result result = BROKEN;

	if (digest_expand(key, "salt", user, verifier.recipe.salt, like->salt_len) == OK &&
	    digest_expand(key, "mock stored", user, verifier.stored_key, SCRAM_KEY_LEN) == OK) {
		/* No proof fits the one, so the other is never used: it need not be its own. */
		memcpy(verifier.server_key, verifier.stored_key, SCRAM_KEY_LEN);
		scram_verifier_format(&verifier, &text);
	}
	if (text.len > 0 && !text.failed && text.len < SECRET_MOCK_MAX) {
		memcpy(room, text.data, text.len);
		mock->text = (struct slice){ room, text.len };
		result = OK;
	}
	buffer_release(&text);
	return result;
}

enum result secret_mock(struct secret *mock, const struct secret *example, uint32_t iterations,
			const uint8_t key[SCRAM_KEY_LEN], struct slice user,
			char room[SECRET_MOCK_MAX])
{
	struct scram_verifier like = { .recipe = { .iterations = iterations,
						   .salt_len = SCRAM_SALT_MADE } };

	mock->kind = example ? example->kind : SECRET_NONE;
	if (mock->kind == SECRET_PLAIN || mock->kind == SECRET_MD5)
		return mock_digits(mock, key, user, room);
	if (mock->kind == SECRET_SCRAM && scram_verifier_parse(&like, example->text) != OK)
		return BROKEN;
	mock->kind = SECRET_SCRAM;
	return mock_verifier(mock, &like.recipe, key, user, room);
}
