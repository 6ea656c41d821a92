/*
 * Base64 as RFC 4648 section 4 has it, for the salts, keys, nonces and proofs of SCRAM.
 *
 * Strict, so that one value has one spelling: a changed character never decodes to the same
 * bytes. Called by everything of auth that reads or writes SCRAM texts.
 */
#include "auth/auth_internal.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_append(struct buffer *out, const uint8_t *data, size_t len)
{
	char *to = buffer_reserve(out, BASE64_LEN(len));

	if (!to)
		return;
	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t bits = (uint32_t)data[i] << 16;

		bits |= left > 1 ? (uint32_t)data[i + 1] << 8 : 0;
		bits |= left > 2 ? data[i + 2] : 0;
		*to++ = alphabet[bits >> 18];
		*to++ = alphabet[bits >> 12 & 63];
		*to++ = left > 1 ? alphabet[bits >> 6 & 63] : '=';
		*to++ = left > 2 ? alphabet[bits & 63] : '=';
	}
	out->len += BASE64_LEN(len);
}

/* The value of a character, or -1. Keys pass through here: no table lookup by secret bytes. */
static int value_of(unsigned char c)
{
	int value = -1;

	value += (c >= 'A' && c <= 'Z') * (c - 'A' + 1);
	value += (c >= 'a' && c <= 'z') * (c - 'a' + 27);
	value += (c >= '0' && c <= '9') * (c - '0' + 53);
	value += (c == '+') * 63;
	value += (c == '/') * 64;
	return value;
}

/* Four characters, of which the last `padding` are '=', to 3 - padding bytes. */
static enum result decode_four(const char *four, unsigned padding, uint8_t *out)
{
	uint32_t bits = 0;

	for (unsigned i = 0; i < 4; i++) {
		int value = i < 4 - padding ? value_of((unsigned char)four[i]) : 0;

		if (value < 0)
			return BROKEN;
		bits = bits << 6 | (uint32_t)value;
	}
	if (bits & ((1U << (8 * padding)) - 1))
		return BROKEN;
	for (unsigned i = 0; i < 3 - padding; i++)
		out[i] = (uint8_t)(bits >> (16 - 8 * i));
	return OK;
}

enum result base64_decode(struct slice text, uint8_t *out, size_t cap, size_t *len)
{
	unsigned padding = 0;
	size_t bytes;

	if (text.len % 4 != 0)
		return BROKEN;
	if (text.len > 0 && text.data[text.len - 1] == '=')
		padding = text.data[text.len - 2] == '=' ? 2 : 1;
	bytes = text.len / 4 * 3 - padding;
	if (bytes > cap)
		return BROKEN;
	for (size_t i = 0; i < text.len; i += 4) {
		if (decode_four(text.data + i, i + 4 == text.len ? padding : 0, out) != OK)
			return BROKEN;
		out += 3;
	}
	*len = bytes;
	return OK;
}
