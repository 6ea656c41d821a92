/*
 * SHA-256, HMAC and MD5 through libcrypto, each in one call, with its failures as results.
 *
 * Owns nothing between calls. Used by the whole folder; derivation.c alone drives EVP itself,
 * because there the speed counts.
 *
 * SHA-256 is taken by its own functions though OpenSSL 3 would rather have everybody go through
 * EVP: that looks the algorithm up by name in each call, which takes longer than the hashing, and
 * a login has a dozen of them. To keep what was found would take a variable of the whole process.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "auth/auth_internal.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#define BLOCK_LEN 64 /* of SHA-256 */

enum result digest_sha256(const void *data, size_t len, uint8_t out[SCRAM_KEY_LEN])
{
	SHA256_CTX context;
	bool fine = SHA256_Init(&context) == 1 && SHA256_Update(&context, data, len) == 1 &&
		    SHA256_Final(out, &context) == 1;

	OPENSSL_cleanse(&context, sizeof(context));
	return fine ? OK : BROKEN;
}

/* Begins with a block of the key, filled up with zeros, under pad. */
static bool begin_padded(SHA256_CTX *context, const uint8_t key[SCRAM_KEY_LEN], uint8_t pad)
{
	uint8_t block[BLOCK_LEN];
	bool fine;

	memset(block, pad, sizeof(block));
	for (size_t i = 0; i < SCRAM_KEY_LEN; i++)
		block[i] ^= key[i];
	fine = SHA256_Init(context) == 1 && SHA256_Update(context, block, sizeof(block)) == 1;
	OPENSSL_cleanse(block, sizeof(block));
	return fine;
}

/* RFC 2104. */
enum result digest_hmac(const uint8_t key[SCRAM_KEY_LEN], struct slice data,
			uint8_t out[SCRAM_KEY_LEN])
{
	uint8_t inner[SCRAM_KEY_LEN];
	SHA256_CTX context;
	bool fine;

	fine = begin_padded(&context, key, 0x36) &&
	       SHA256_Update(&context, data.data, data.len) == 1 &&
	       SHA256_Final(inner, &context) == 1 && begin_padded(&context, key, 0x5c) &&
	       SHA256_Update(&context, inner, sizeof(inner)) == 1 &&
	       SHA256_Final(out, &context) == 1;
	OPENSSL_cleanse(&context, sizeof(context));
	OPENSSL_cleanse(inner, sizeof(inner));
	return fine ? OK : BROKEN;
}

enum result digest_expand(const uint8_t key[SCRAM_KEY_LEN], const char *label, struct slice name,
			  uint8_t *out, size_t len)
{
	struct buffer message = BUFFER_EMPTY;
	enum result result = OK;
	uint8_t block[SCRAM_KEY_LEN];

	buffer_append_text(&message, label);
	buffer_append(&message, "\0", 2);
	buffer_append_slice(&message, name);
	if (message.failed)
		result = BROKEN;
	for (uint8_t number = 0; result == OK && len > 0; number++) {
		size_t part = len < sizeof(block) ? len : sizeof(block);

		message.data[strlen(label) + 1] = (char)number;
		result = digest_hmac(key, buffer_slice(&message), block);
		memcpy(out, block, part);
		out += part;
		len -= part;
	}
	OPENSSL_cleanse(block, sizeof(block));
	buffer_release(&message);
	return result;
}

void hex_write(const uint8_t *data, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*out++ = digits[data[i] >> 4];
		*out++ = digits[data[i] & 15];
	}
}

enum result digest_md5_hex(struct slice a, struct slice b, char out[32])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t sum[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	bool fine;

	fine = context && EVP_DigestInit_ex(context, EVP_md5(), NULL) == 1 &&
	       EVP_DigestUpdate(context, a.data, a.len) == 1 &&
	       EVP_DigestUpdate(context, b.data, b.len) == 1 &&
	       EVP_DigestFinal_ex(context, sum, &len) == 1 && len == 16;
	EVP_MD_CTX_free(context);
	if (fine)
		hex_write(sum, len, out);
	OPENSSL_cleanse(sum, sizeof(sum));
	return fine ? OK : BROKEN;
}

bool bytes_equal_slowly(const void *a, size_t a_len, const void *b, size_t b_len)
{
	return a_len == b_len && CRYPTO_memcmp(a, b, a_len) == 0;
}
