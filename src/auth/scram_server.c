/*
 * The server's side of SCRAM-SHA-256: client-first and client-final in, our two answers out.
 *
 *   EXPECTS_FIRST --scram_server_first--> EXPECTS_FINAL --scram_server_final--> OVER
 *
 * Any failure leads to OVER. Rules: RFC 5802 sections 5 to 7, RFC 7677; where they leave a
 * choice, PostgreSQL's (docs, "SASL Authentication"). Owns a copy of the verifier, wiped.
 */
#include "auth/scram_server.h"

#include <openssl/crypto.h>

#include "auth/auth_internal.h"
#include "base/alloc.h"

enum stage { EXPECTS_FIRST, EXPECTS_FINAL, OVER };

struct scram_server {
	struct scram_verifier verifier;
	enum scram_binding binding;
	uint8_t channel_data[SCRAM_CHANNEL_MAX];
	size_t channel_len;
	enum stage stage;
	char flag;		    /* the client's gs2 flag: n, y or p */
	struct buffer nonce;	    /* the client's, then ours */
	struct buffer auth_message; /* what both sides sign, as far as it is known */
	const char *reason;
};

struct scram_server *scram_server_new(const struct scram_verifier *verifier,
				      struct scram_channel channel)
{
	struct scram_server *server;

	if (channel.data.len > SCRAM_CHANNEL_MAX)
		return NULL;
	server = mem_alloc_zero(sizeof(*server));
	if (!server)
		return NULL;
	server->verifier = *verifier;
	server->binding = channel.binding;
	if (channel.data.len > 0) {
		server->channel_len = channel.data.len;
		memcpy(server->channel_data, channel.data.data, channel.data.len);
	}
	server->reason = "no message yet";
	return server;
}

void scram_server_free(struct scram_server *server)
{
	if (!server)
		return;
	buffer_release(&server->nonce);
	buffer_release(&server->auth_message);
	mem_free_secret(server, sizeof(*server));
}

static enum result fail(struct scram_server *server, const char *reason)
{
	server->stage = OVER;
	server->reason = reason;
	return BROKEN;
}

/* gs2-cbind-flag, its comma and the empty authzid's; leaves client-first-message-bare. */
static enum result read_gs2(struct scram_server *server, struct slice *rest)
{
	static const struct slice headers[] = {
		SLICE_LITERAL("n,,"),
		SLICE_LITERAL("y,,"),
		SLICE_LITERAL("p=" SCRAM_BINDING_NAME ",,"),
	};

	for (size_t i = 0; i < COUNT_OF(headers); i++) {
		if (!slice_starts_with(*rest, headers[i]))
			continue;
		server->flag = headers[i].data[0];
		rest->data += headers[i].len;
		rest->len -= headers[i].len;
		return OK;
	}
	return fail(server,
		    "malformed gs2 header, unknown channel binding or an authorization name");
}

/* Whether the client's flag, its mechanism and what was offered go together (RFC 5802 s. 6). */
static enum result check_binding(struct scram_server *server, struct slice mechanism)
{
	bool plus = slice_equal(mechanism, SLICE_LITERAL(SCRAM_MECHANISM_PLUS));
	bool offered = server->binding != SCRAM_BINDING_NONE;

	if (!plus && !slice_equal(mechanism, SLICE_LITERAL(SCRAM_MECHANISM)))
		return fail(server, "unknown mechanism");
	if (plus && !offered)
		return fail(server, "channel binding chosen though not offered");
	if (plus != (server->flag == 'p'))
		return fail(server, "channel binding flag does not fit the mechanism");
	if (server->flag == 'y' && offered)
		return fail(server, "client did not see that channel binding was offered");
	return OK;
}

/* client-first-message-bare: an ignored user name, the nonce, extensions. */
static enum result read_bare(struct scram_server *server, struct slice bare)
{
	struct slice rest = bare, name, nonce;

	if (attribute_take(&rest, 'n', &name) != OK || attribute_take(&rest, 'r', &nonce) != OK)
		return fail(server, "malformed client-first message");
	if (!nonce_is_printable(nonce))
		return fail(server, "client nonce is empty or not printable");
	if (!attributes_are_well_formed(rest))
		return fail(server, "malformed extension in client-first message");
	buffer_append_slice(&server->nonce, nonce);
	buffer_append_slice(&server->auth_message, bare);
	return OK;
}

static void write_first(struct scram_server *server, struct buffer *message)
{
	const struct scram_recipe *recipe = &server->verifier.recipe;

	buffer_append_text(message, "r=");
	buffer_append_slice(message, buffer_slice(&server->nonce));
	buffer_append_text(message, ",s=");
	base64_append(message, recipe->salt, recipe->salt_len);
	buffer_append_format(message, ",i=%u", (unsigned)recipe->iterations);
}

enum result scram_server_first(struct scram_server *server, struct slice mechanism,
			       struct slice message, const uint8_t nonce[SCRAM_NONCE_LEN],
			       struct buffer *out)
{
	size_t mark;

	if (server->stage != EXPECTS_FIRST)
		return fail(server, "client-first message out of order");
	if (!scram_message_is_sane(message))
		return fail(server, "client-first message is empty, too long or holds a zero byte");
	if (read_gs2(server, &message) != OK || check_binding(server, mechanism) != OK ||
	    read_bare(server, message) != OK)
		return BROKEN;
	base64_append(&server->nonce, nonce, SCRAM_NONCE_LEN);
	buffer_append_text(&server->auth_message, ",");
	mark = server->auth_message.len;
	write_first(server, &server->auth_message);
	if (server->nonce.failed || server->auth_message.failed)
		return fail(server, "out of memory");
	buffer_append(out, server->auth_message.data + mark, server->auth_message.len - mark);
	server->stage = EXPECTS_FINAL;
	server->reason = "no final message yet";
	return OK;
}

/* Whether "c" repeats the gs2 header and, under flag p, our own channel's data. */
static enum result check_channel(struct scram_server *server, struct slice binding)
{
	struct slice data = { (const char *)server->channel_data, server->channel_len };
	struct buffer expected = BUFFER_EMPTY;
	bool same;

	gs2_append_binding(&expected, server->flag, data);
	same = !expected.failed &&
	       bytes_equal_slowly(binding.data, binding.len, expected.data, expected.len);
	buffer_release(&expected);
	return same ? OK : fail(server, "channel binding check failed");
}

/* client-final-message: channel binding, nonce, extensions, proof; adds what is signed. */
static enum result read_final(struct scram_server *server, struct slice message,
			      uint8_t proof[SCRAM_KEY_LEN])
{
	struct slice rest = message, binding, nonce, value;
	size_t signed_len, proof_len = 0;
	char name;

	if (attribute_take(&rest, 'c', &binding) != OK || attribute_take(&rest, 'r', &nonce) != OK)
		return fail(server, "malformed client-final message");
	do {
		signed_len = (size_t)(rest.data - message.data);
		if (attribute_next(&rest, &name, &value) != OK)
			return fail(server, "malformed client-final message");
	} while (name != 'p');
	if (rest.len > 0)
		return fail(server, "something after the proof in client-final message");
	if (check_channel(server, binding) != OK)
		return BROKEN;
	if (!slice_equal(nonce, buffer_slice(&server->nonce)))
		return fail(server, "nonce does not match");
	if (base64_decode(value, proof, SCRAM_KEY_LEN, &proof_len) != OK ||
	    proof_len != SCRAM_KEY_LEN)
		return fail(server, "malformed proof");
	buffer_append_text(&server->auth_message, ",");
	buffer_append(&server->auth_message, message.data, signed_len - 1);
	return server->auth_message.failed ? fail(server, "out of memory") : OK;
}

/* Uncovers the client's key from its proof and compares its hash with what is stored. */
static enum result check_proof(struct scram_server *server, const uint8_t proof[SCRAM_KEY_LEN],
			       struct scram_keys *keys)
{
	const struct scram_verifier *verifier = &server->verifier;
	uint8_t hash[SCRAM_KEY_LEN];

	if (scram_proof_mask(verifier->stored_key, buffer_slice(&server->auth_message), proof,
			     keys->client_key) != OK ||
	    digest_sha256(keys->client_key, SCRAM_KEY_LEN, hash) != OK)
		return fail(server, "libcrypto failed");
	if (CRYPTO_memcmp(hash, verifier->stored_key, SCRAM_KEY_LEN) != 0)
		return fail(server, "wrong password");
	keys->recipe = verifier->recipe;
	memcpy(keys->server_key, verifier->server_key, SCRAM_KEY_LEN);
	return OK;
}

static enum result write_final(struct scram_server *server, struct buffer *out)
{
	uint8_t signature[SCRAM_KEY_LEN];

	if (digest_hmac(server->verifier.server_key, buffer_slice(&server->auth_message),
			signature) != OK)
		return fail(server, "libcrypto failed");
	buffer_append_text(out, "v=");
	base64_append(out, signature, sizeof(signature));
	return OK;
}

enum result scram_server_final(struct scram_server *server, struct slice message,
			       struct buffer *out, struct scram_keys *keys)
{
	uint8_t proof[SCRAM_KEY_LEN];

	if (server->stage != EXPECTS_FINAL)
		return fail(server, "client-final message out of order");
	if (!scram_message_is_sane(message))
		return fail(server, "client-final message is empty, too long or holds a zero byte");
	if (read_final(server, message, proof) != OK)
		return BROKEN;
	if (check_proof(server, proof, keys) != OK || write_final(server, out) != OK) {
		scram_keys_wipe(keys);
		return BROKEN;
	}
	server->stage = OVER;
	server->reason = "done";
	return OK;
}

const char *scram_server_reason(const struct scram_server *server)
{
	return server->reason;
}
