/*
 * Both sides of SCRAM against a peer that says anything, and stored secrets of any text.
 *
 * The input is lines: the first byte says what the rest is for. Nothing of it may end in a
 * login, since no line can hold a proof or a signature made with the fixed keys of this target;
 * and a verifier that is understood is written as it was read.
 */

#include "auth/challenge.h"
#include "auth/scram_client.h"
#include "auth/scram_server.h"
#include "fuzz.h"

static const uint8_t nonce[CHALLENGE_RANDOM_LEN];
static const uint8_t key[SCRAM_KEY_LEN] = { 1 };
static const struct scram_channel channel = { SCRAM_BINDING_TLS_SERVER_END_POINT,
					      SLICE_LITERAL("a hash") };

static struct slice next_line(struct slice *rest)
{
	const char *end = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;
	struct slice line = { rest->data, end ? (size_t)(end - rest->data) : rest->len };
	size_t taken = line.len + (end ? 1 : 0);

	*rest = (struct slice){ rest->data + taken, rest->len - taken };
	return line;
}

static void talk_to_server(struct slice rest, int bound)
{
	struct scram_verifier verifier = { .recipe = { .iterations = 4096, .salt_len = 16 },
					   .stored_key = "hash of a key nobody has........" };
	struct scram_server *server =
		scram_server_new(&verifier, bound ? channel : SCRAM_NO_CHANNEL);
	struct slice mechanism =
		bound ? SLICE_LITERAL(SCRAM_MECHANISM_PLUS) : SLICE_LITERAL(SCRAM_MECHANISM);
	struct buffer out = BUFFER_EMPTY;
	struct scram_keys keys;

	CHECK(server);
	if (scram_server_first(server, mechanism, next_line(&rest), nonce, &out) == OK)
		CHECK(scram_server_final(server, rest, &out, &keys) == BROKEN);
	scram_server_free(server);
	buffer_release(&out);
}

static void talk_to_client(struct slice rest, int bound)
{
	struct scram_client *client = scram_client_new(bound ? channel : SCRAM_NO_CHANNEL);
	struct buffer out = BUFFER_EMPTY;
	struct scram_keys keys = { .server_key = { 1 } };

	CHECK(client && scram_client_first(client, false, nonce, &out) == OK);
	if (scram_client_challenge(client, next_line(&rest), &keys.recipe) == OK) {
		CHECK(keys.recipe.iterations >= 1 &&
		      keys.recipe.iterations <= SCRAM_ITERATIONS_MAX);
		CHECK(keys.recipe.salt_len >= 1 && keys.recipe.salt_len <= SCRAM_SALT_MAX);
		CHECK(scram_client_final(client, &keys, &out) == OK);
		CHECK(scram_client_finish(client, rest) == BROKEN);
	}
	scram_client_free(client);
	buffer_release(&out);
}

static void read_verifier(struct slice text)
{
	struct scram_verifier verifier;
	struct buffer out = BUFFER_EMPTY;
	struct secret secret = secret_of(text);

	CHECK((scram_verifier_parse(&verifier, text) == OK) == (secret.kind == SECRET_SCRAM));
	if (secret.kind == SECRET_SCRAM) {
		scram_verifier_format(&verifier, &out);
		CHECK(slice_equal(buffer_slice(&out), text));
	}
	buffer_release(&out);
}

/* Method, then the user's secret, then messages. Deriving is left out: it would be slow. */
static void challenge_with(enum auth_method method, struct slice rest)
{
	struct secret secret = secret_of(next_line(&rest));
	struct challenge_setup setup = { .method = method,
					 .user = SLICE_LITERAL("anna"),
					 .secret = secret.text.len ? &secret : NULL,
					 .iterations = 1,
					 .mock_key = key,
					 .random = nonce,
					 .channel = SCRAM_NO_CHANNEL };
	struct challenge *challenge = challenge_new(&setup);
	uint32_t budget = 10;
	struct slice data;

	CHECK(challenge);
	while (rest.len > 0 && challenge_state(challenge) == CHALLENGE_ASKING) {
		struct slice mechanism = SLICE_LITERAL(SCRAM_MECHANISM);

		challenge_answer(challenge, mechanism, next_line(&rest));
		if (challenge_state(challenge) == CHALLENGE_DERIVING)
			challenge_work(challenge, &budget);
	}
	if (challenge_state(challenge) == CHALLENGE_REFUSED)
		CHECK(challenge_ending(challenge) != END_NONE);
	challenge_request(challenge, &data);
	challenge_free(challenge);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest;

	if (size == 0)
		return 0;
	rest = (struct slice){ (const char *)data + 1, size - 1 };
	switch (data[0]) {
	case 's': talk_to_server(rest, 0); break;
	case 'S': talk_to_server(rest, 1); break;
	case 'c': talk_to_client(rest, 0); break;
	case 'C': talk_to_client(rest, 1); break;
	case 'v': read_verifier(rest); break;
	case 'p': challenge_with(AUTH_PLAIN, rest); break;
	case 'm': challenge_with(AUTH_MD5, rest); break;
	case 'x': challenge_with(AUTH_SCRAM, rest); break;
	default: break;
	}
	return 0;
}
