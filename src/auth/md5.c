/*
 * PostgreSQL's md5 authentication, both sides.
 *
 * Pure functions; intermediate digests are as good as the password and are wiped.
 * Called by secret.c, challenge.c and by the login to servers.
 */
#include "auth/md5.h"

#include <openssl/crypto.h>

#include "auth/auth_internal.h"

#define PREFIX_LEN 3

static enum result write_md5(struct slice a, struct slice b, char out[MD5_TEXT_LEN + 1])
{
	memcpy(out, "md5", PREFIX_LEN);
	out[MD5_TEXT_LEN] = '\0';
	return digest_md5_hex(a, b, out + PREFIX_LEN);
}

enum result md5_store(struct slice password, struct slice user, char out[MD5_TEXT_LEN + 1])
{
	return write_md5(password, user, out);
}

enum result md5_answer(const struct secret *secret, struct slice user,
		       const uint8_t salt[MD5_SALT_LEN], char out[MD5_TEXT_LEN + 1])
{
	char stored[MD5_TEXT_LEN + 1];
	enum result result = BROKEN;

	if (secret->kind == SECRET_PLAIN)
		result = md5_store(secret->text, user, stored);
	if (secret->kind == SECRET_MD5 && secret->text.len == MD5_TEXT_LEN) {
		memcpy(stored, secret->text.data, MD5_TEXT_LEN);
		result = OK;
	}
	if (result == OK)
		result = write_md5((struct slice){ stored + PREFIX_LEN, MD5_TEXT_LEN - PREFIX_LEN },
				   (struct slice){ (const char *)salt, MD5_SALT_LEN }, out);
	OPENSSL_cleanse(stored, sizeof(stored));
	return result;
}

bool md5_answer_fits(const struct secret *secret, struct slice user,
		     const uint8_t salt[MD5_SALT_LEN], struct slice answer)
{
	char expected[MD5_TEXT_LEN + 1];

	if (md5_answer(secret, user, salt, expected) != OK)
		return false;
	return bytes_equal_slowly(answer.data, answer.len, expected, MD5_TEXT_LEN);
}
