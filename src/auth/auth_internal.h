#ifndef AUTH_INTERNAL_H
#define AUTH_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/scram.h"

/* Shared inside auth: base64, digests, SASLprep and the attributes of SCRAM messages. */

/* ---- base64.c: RFC 4648 section 4, strict: padded, canonical, nothing between ---- */

/* Characters for len bytes, without a NUL. */
#define BASE64_LEN(len) (((len) + 2) / 3 * 4)

void base64_append(struct buffer *out, const uint8_t *data, size_t len);
/* Gives at most cap bytes; BROKEN when text is malformed, not canonical or longer. */
enum result base64_decode(struct slice text, uint8_t *out, size_t cap, size_t *len) MUST_USE;

/* ---- digest.c: BROKEN when libcrypto fails (no memory, or an algorithm it must not do) ---- */

enum result digest_sha256(const void *data, size_t len, uint8_t out[SCRAM_KEY_LEN]) MUST_USE;
enum result digest_hmac(const uint8_t key[SCRAM_KEY_LEN], struct slice data,
			uint8_t out[SCRAM_KEY_LEN]) MUST_USE;
/* len bytes that depend on key, label and name alone; unknown to whoever has not the key. */
enum result digest_expand(const uint8_t key[SCRAM_KEY_LEN], const char *label, struct slice name,
			  uint8_t *out, size_t len) MUST_USE;
/* 32 lower-case hexadecimal digits of the MD5 of a and b in a row, without a NUL. */
enum result digest_md5_hex(struct slice a, struct slice b, char out[32]) MUST_USE;
/* 2 * len digits, without a NUL. */
void hex_write(const uint8_t *data, size_t len, char *out);
/* True when equal; for equal lengths the time does not depend on the bytes. */
bool bytes_equal_slowly(const void *a, size_t a_len, const void *b, size_t b_len);

/* ---- saslprep.c ---- */

struct prepared {
	char *data; /* owned; wiped and freed by prepared_release */
	size_t len; /* bytes in use */
	size_t cap; /* bytes allocated */
};

/*
 * The form of a password that SCRAM hashes (RFC 4013): as PostgreSQL, raw bytes stay as they
 * are when they are ASCII, are not UTF-8, or are refused by the profile. BROKEN without memory.
 */
enum result saslprep(struct slice password, struct prepared *prepared) MUST_USE;
void prepared_release(struct prepared *prepared);

/* ---- scram_text.c: messages are attributes "x=value" between commas ---- */

/*
 * Cuts the next attribute from *rest with the comma after it. BROKEN when it is not a letter,
 * '=' and a value, or is the reserved 'm'.
 */
enum result attribute_next(struct slice *rest, char *name, struct slice *value) MUST_USE;
/* The same; it must have this name. */
enum result attribute_take(struct slice *rest, char name, struct slice *value) MUST_USE;
/* Only well-formed optional extensions are left (RFC 5802 section 7). */
bool attributes_are_well_formed(struct slice rest);
/* 1 or more printable ASCII characters but ','. */
bool nonce_is_printable(struct slice nonce);
/* Decimal 1 .. SCRAM_ITERATIONS_MAX without sign or leading zero. */
enum result iterations_read(struct slice text, uint32_t *iterations) MUST_USE;
/* A message of the exchange: within SCRAM_MESSAGE_MAX, without NUL. */
bool scram_message_is_sane(struct slice message);

/* The gs2 header of a channel: 'n' or 'y' alone, or 'p' with the binding's name. */
void gs2_append(struct buffer *out, char flag);
/* What attribute "c" of client-final holds: base64 of the header and of the channel's data. */
void gs2_append_binding(struct buffer *out, char flag, struct slice channel_data);

#define SCRAM_BINDING_NAME "tls-server-end-point"

/* ClientProof = ClientKey XOR HMAC(StoredKey, AuthMessage); the XOR goes both ways. */
enum result scram_proof_mask(const uint8_t stored_key[SCRAM_KEY_LEN], struct slice auth_message,
			     const uint8_t in[SCRAM_KEY_LEN], uint8_t out[SCRAM_KEY_LEN]) MUST_USE;

#endif
