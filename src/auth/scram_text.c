/*
 * The texts of SCRAM messages (RFC 5802 section 7): attributes, nonces, numbers, gs2 headers.
 *
 * Pure functions over slices, shared by both sides of the exchange and by the parser of stored
 * verifiers. Nothing here trusts a length or a byte.
 */
#include "auth/auth_internal.h"

#include <openssl/crypto.h>

enum result attribute_next(struct slice *rest, char *name, struct slice *value)
{
	const char *comma = rest->len ? memchr(rest->data, ',', rest->len) : NULL;
	size_t len = comma ? (size_t)(comma - rest->data) : rest->len;
	char letter = len ? (char)(rest->data[0] | 0x20) : 0;

	if (len < 2 || letter < 'a' || letter > 'z' || rest->data[1] != '=')
		return BROKEN;
	if (rest->data[0] == 'm')
		return BROKEN;
	if (comma && len + 1 == rest->len)
		return BROKEN;
	*name = rest->data[0];
	*value = (struct slice){ rest->data + 2, len - 2 };
	rest->data += len + (comma ? 1 : 0);
	rest->len -= len + (comma ? 1 : 0);
	return OK;
}

enum result attribute_take(struct slice *rest, char name, struct slice *value)
{
	char found;

	if (attribute_next(rest, &found, value) != OK)
		return BROKEN;
	return found == name ? OK : BROKEN;
}

bool attributes_are_well_formed(struct slice rest)
{
	struct slice value;
	char name;

	while (rest.len > 0) {
		if (attribute_next(&rest, &name, &value) != OK)
			return false;
	}
	return true;
}

bool nonce_is_printable(struct slice nonce)
{
	for (size_t i = 0; i < nonce.len; i++) {
		if (nonce.data[i] < 0x21 || nonce.data[i] > 0x7e || nonce.data[i] == ',')
			return false;
	}
	return nonce.len > 0;
}

enum result iterations_read(struct slice text, uint32_t *iterations)
{
	uint32_t value = 0;

	if (text.len == 0 || text.data[0] == '0')
		return BROKEN;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return BROKEN;
		value = value * 10 + (uint32_t)(text.data[i] - '0');
		if (value > SCRAM_ITERATIONS_MAX)
			return BROKEN;
	}
	*iterations = value;
	return OK;
}

bool scram_message_is_sane(struct slice message)
{
	return message.len > 0 && message.len <= SCRAM_MESSAGE_MAX &&
	       !memchr(message.data, '\0', message.len);
}

void gs2_append(struct buffer *out, char flag)
{
	buffer_append(out, &flag, 1);
	if (flag == 'p')
		buffer_append_text(out, "=" SCRAM_BINDING_NAME);
	buffer_append_text(out, ",,");
}

void gs2_append_binding(struct buffer *out, char flag, struct slice channel_data)
{
	struct buffer bytes = BUFFER_EMPTY;

	gs2_append(&bytes, flag);
	if (flag == 'p')
		buffer_append_slice(&bytes, channel_data);
	if (bytes.failed)
		out->failed = true;
	else
		base64_append(out, (const uint8_t *)bytes.data, bytes.len);
	buffer_release(&bytes);
}

enum result scram_proof_mask(const uint8_t stored_key[SCRAM_KEY_LEN], struct slice auth_message,
			     const uint8_t in[SCRAM_KEY_LEN], uint8_t out[SCRAM_KEY_LEN])
{
	uint8_t signature[SCRAM_KEY_LEN];
	enum result result = digest_hmac(stored_key, auth_message, signature);

	for (size_t i = 0; result == OK && i < sizeof(signature); i++)
		out[i] = in[i] ^ signature[i];
	OPENSSL_cleanse(signature, sizeof(signature));
	return result;
}
