/*
 * The client's side of SCRAM-SHA-256: our two messages out, server-first and server-final in.
 *
 *   BEGINS --first--> EXPECTS_CHALLENGE --challenge--> HAS_RECIPE --final--> EXPECTS_FINAL
 *          --finish--> OVER
 *
 * Any failure leads to OVER. The server is not trusted: its nonce must go on ours, its
 * iterations and lengths are bounded, and it must show that it knows the verifier.
 */
#include "auth/scram_client.h"

#include <openssl/crypto.h>

#include "auth/auth_internal.h"
#include "base/alloc.h"

enum stage { BEGINS, EXPECTS_CHALLENGE, HAS_RECIPE, EXPECTS_FINAL, OVER };

struct scram_client {
	enum scram_binding binding;
	uint8_t channel_data[SCRAM_CHANNEL_MAX];
	size_t channel_len;
	enum stage stage;
	char flag; /* our gs2 flag: n, y or p */
	struct scram_recipe recipe;
	struct buffer nonce;		  /* ours; after the challenge ours and the server's */
	struct buffer auth_message;	  /* what both sides sign, as far as it is known */
	uint8_t signature[SCRAM_KEY_LEN]; /* what server-final must hold */
	const char *reason;
	bool lacks_memory;
};

struct scram_client *scram_client_new(struct scram_channel channel)
{
	struct scram_client *client;

	if (channel.data.len > SCRAM_CHANNEL_MAX)
		return NULL;
	client = mem_alloc_zero(sizeof(*client));
	if (!client)
		return NULL;
	client->binding = channel.binding;
	if (channel.data.len > 0) {
		client->channel_len = channel.data.len;
		memcpy(client->channel_data, channel.data.data, channel.data.len);
	}
	client->reason = "no message yet";
	return client;
}

void scram_client_free(struct scram_client *client)
{
	if (!client)
		return;
	buffer_release(&client->nonce);
	buffer_release(&client->auth_message);
	mem_free_secret(client, sizeof(*client));
}

static enum result fail(struct scram_client *client, const char *reason)
{
	client->stage = OVER;
	client->reason = reason;
	return BROKEN;
}

static enum result fail_for_memory(struct scram_client *client)
{
	client->lacks_memory = true;
	return fail(client, "out of memory");
}

enum result scram_client_first(struct scram_client *client, bool declined,
			       const uint8_t nonce[SCRAM_NONCE_LEN], struct buffer *out)
{
	if (client->stage != BEGINS)
		return fail(client, "client-first message out of order");
	client->flag = declined ? 'y' : 'n';
	if (client->binding != SCRAM_BINDING_NONE)
		client->flag = 'p';
	base64_append(&client->nonce, nonce, SCRAM_NONCE_LEN);
	/* PostgreSQL takes the name from the startup message; libpq leaves it empty here too. */
	buffer_append_text(&client->auth_message, "n=,r=");
	buffer_append_slice(&client->auth_message, buffer_slice(&client->nonce));
	if (client->nonce.failed || client->auth_message.failed)
		return fail_for_memory(client);
	gs2_append(out, client->flag);
	buffer_append_slice(out, buffer_slice(&client->auth_message));
	if (out->failed)
		return fail_for_memory(client);
	client->stage = EXPECTS_CHALLENGE;
	return OK;
}

static enum result read_recipe(struct scram_client *client, struct slice salt,
			       struct slice iterations)
{
	struct scram_recipe *recipe = &client->recipe;
	size_t len = 0;

	if (base64_decode(salt, recipe->salt, SCRAM_SALT_MAX, &len) != OK || len == 0)
		return fail(client, "malformed or overlong salt from the server");
	recipe->salt_len = (uint32_t)len;
	if (iterations_read(iterations, &recipe->iterations) != OK)
		return fail(client, "malformed or excessive iteration count from the server");
	return OK;
}

enum result scram_client_challenge(struct scram_client *client, struct slice message,
				   struct scram_recipe *recipe)
{
	struct slice rest = message, nonce, salt, iterations;

	if (client->stage != EXPECTS_CHALLENGE)
		return fail(client, "server-first message out of order");
	if (!scram_message_is_sane(message))
		return fail(client, "server-first message is empty, too long or holds a zero byte");
	if (attribute_take(&rest, 'r', &nonce) != OK || attribute_take(&rest, 's', &salt) != OK ||
	    attribute_take(&rest, 'i', &iterations) != OK || !attributes_are_well_formed(rest))
		return fail(client, "malformed server-first message");
	if (!slice_starts_with(nonce, buffer_slice(&client->nonce)) ||
	    nonce.len == client->nonce.len || !nonce_is_printable(nonce))
		return fail(client, "the server's nonce does not go on ours");
	if (read_recipe(client, salt, iterations) != OK)
		return BROKEN;
	buffer_clear(&client->nonce);
	buffer_append_slice(&client->nonce, nonce);
	buffer_append_text(&client->auth_message, ",");
	buffer_append_slice(&client->auth_message, message);
	if (client->nonce.failed || client->auth_message.failed)
		return fail_for_memory(client);
	*recipe = client->recipe;
	client->stage = HAS_RECIPE;
	return OK;
}

/* client-final-message-without-proof */
static void write_unproved(struct scram_client *client, struct buffer *out)
{
	struct slice data = { (const char *)client->channel_data, client->channel_len };

	buffer_append_text(out, "c=");
	gs2_append_binding(out, client->flag, data);
	buffer_append_text(out, ",r=");
	buffer_append_slice(out, buffer_slice(&client->nonce));
}

/* The proof we send and the signature we shall want to see. */
static enum result sign(struct scram_client *client, const struct scram_keys *keys,
			uint8_t proof[SCRAM_KEY_LEN])
{
	struct slice auth_message = buffer_slice(&client->auth_message);
	uint8_t stored_key[SCRAM_KEY_LEN];
	enum result result;

	result = digest_sha256(keys->client_key, SCRAM_KEY_LEN, stored_key);
	if (result == OK)
		result = scram_proof_mask(stored_key, auth_message, keys->client_key, proof);
	if (result == OK)
		result = digest_hmac(keys->server_key, auth_message, client->signature);
	OPENSSL_cleanse(stored_key, sizeof(stored_key));
	return result;
}

enum result scram_client_final(struct scram_client *client, const struct scram_keys *keys,
			       struct buffer *out)
{
	uint8_t proof[SCRAM_KEY_LEN];
	size_t mark;

	if (client->stage != HAS_RECIPE)
		return fail(client, "client-final message out of order");
	if (!scram_recipe_equal(&client->recipe, &keys->recipe))
		return fail(client, "the keys at hand are not of the server's salt and iterations");
	buffer_append_text(&client->auth_message, ",");
	mark = client->auth_message.len;
	write_unproved(client, &client->auth_message);
	if (client->auth_message.failed)
		return fail_for_memory(client);
	if (sign(client, keys, proof) != OK)
		return fail(client, "libcrypto failed");
	buffer_append(out, client->auth_message.data + mark, client->auth_message.len - mark);
	buffer_append_text(out, ",p=");
	base64_append(out, proof, sizeof(proof));
	if (out->failed)
		return fail_for_memory(client);
	client->stage = EXPECTS_FINAL;
	return OK;
}

enum result scram_client_finish(struct scram_client *client, struct slice message)
{
	uint8_t signature[SCRAM_KEY_LEN];
	struct slice rest = message, value;
	size_t len = 0;
	char name;

	if (client->stage != EXPECTS_FINAL)
		return fail(client, "server-final message out of order");
	if (!scram_message_is_sane(message) || attribute_next(&rest, &name, &value) != OK ||
	    !attributes_are_well_formed(rest))
		return fail(client, "malformed server-final message");
	if (name == 'e')
		return fail(client, "the server reports that the exchange failed");
	if (name != 'v' || base64_decode(value, signature, sizeof(signature), &len) != OK ||
	    len != sizeof(signature))
		return fail(client, "malformed server-final message");
	if (CRYPTO_memcmp(signature, client->signature, sizeof(signature)) != 0)
		return fail(client, "the server's signature is wrong");
	client->stage = OVER;
	client->reason = "done";
	return OK;
}

const char *scram_client_reason(const struct scram_client *client)
{
	return client->reason;
}

bool scram_client_lacks_memory(const struct scram_client *client)
{
	return client->lacks_memory;
}
