#ifndef AUTH_MD5_H
#define AUTH_MD5_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/secret.h"

/*
 * PostgreSQL's md5 authentication (docs: Message Flow, AuthenticationMD5Password):
 * stored "md5" + hex(md5(password + user)), sent "md5" + hex(md5(that hex + salt)).
 * Everything is BROKEN where libcrypto has no MD5 (FIPS).
 */

#define MD5_TEXT_LEN 35 /* "md5" and 32 digits */
#define MD5_SALT_LEN 4

/* The stored form of a password; out is NUL-terminated. */
enum result md5_store(struct slice password, struct slice user,
		      char out[MD5_TEXT_LEN + 1]) MUST_USE;
/* What to send for salt; secret must be PLAIN or MD5, else BROKEN. */
enum result md5_answer(const struct secret *secret, struct slice user,
		       const uint8_t salt[MD5_SALT_LEN], char out[MD5_TEXT_LEN + 1]) MUST_USE;
/* Whether answer is right, in constant time. False also where md5_answer is BROKEN. */
bool md5_answer_fits(const struct secret *secret, struct slice user,
		     const uint8_t salt[MD5_SALT_LEN], struct slice answer);

#endif
