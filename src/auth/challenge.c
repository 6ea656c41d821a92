/*
 * One client's proof of who it is, from the request it is sent to the verdict.
 *
 * Owns copies of the user's name and secret and everything the client sent that is still
 * needed, all wiped. Called by the login of a client session. A user who does not exist, or
 * whose secret cannot serve the method, gets a mock secret and walks the same way: `hopeless`
 * only makes sure at the end that it leads nowhere.
 */
#include "auth/challenge.h"

#include <assert.h>
#include <openssl/crypto.h>

#include "auth/derivation.h"
#include "auth/md5.h"
#include "auth/scram_server.h"
#include "auth/users.h"
#include "base/alloc.h"

struct challenge {
	enum challenge_state state;
	enum auth_request request; /* what to send now; AUTH_REQUEST_OK: nothing */
	enum secret_use use;	   /* how the secret is proved */
	bool outside;		   /* somebody else judges the password */
	bool hopeless;
	enum ending ending;
	const char *reason;

	struct buffer user;
	struct buffer text; /* the secret's, unless it is a mock */
	char mock_text[SECRET_MOCK_MAX];
	struct secret secret; /* borrows text or mock_text */
	uint32_t iterations;
	uint8_t mock_key[SCRAM_KEY_LEN];
	uint8_t random[CHALLENGE_RANDOM_LEN]; /* nonce, then md5 salt */
	struct scram_channel channel;	      /* data: channel_data */
	char channel_data[SCRAM_CHANNEL_MAX];
	struct keyring *keyring; /* borrowed */

	struct slice mechanism; /* the one the client chose; a literal */
	struct buffer held;	/* password or client-first while keys are derived */
	struct derivation *derivation;
	struct scram_server *exchange; /* set: client-first was fine */
	struct buffer out;	       /* data of request */
	struct scram_keys keys;
	bool has_keys; /* keys are those of the verifier in secret */
};

/* The only door to a state; a verdict is final. */
static enum challenge_state challenge_enter(struct challenge *challenge, enum challenge_state state)
{
	static const bool may[][5] = {
		/*                        ASKING DERIVING OUTSIDE PASSED REFUSED */
		[CHALLENGE_ASKING] = { true, true, true, true, true },
		[CHALLENGE_DERIVING] = { true, true, false, true, true },
		[CHALLENGE_OUTSIDE] = { false, false, false, true, true },
		[CHALLENGE_PASSED] = { false, false, false, false, false },
		[CHALLENGE_REFUSED] = { false, false, false, false, false },
	};

	assert(may[challenge->state][state]);
	(void)may;
	challenge->state = state;
	return state;
}

static enum challenge_state refuse(struct challenge *challenge, enum ending ending,
				   const char *reason)
{
	challenge->ending = ending;
	challenge->reason = reason;
	challenge->request = AUTH_REQUEST_OK;
	return challenge_enter(challenge, CHALLENGE_REFUSED);
}

static enum challenge_state refuse_for_memory(struct challenge *challenge)
{
	return refuse(challenge, END_NO_MEMORY, "out of memory or libcrypto failed");
}

/* The proof was right, or the mock that answers for nobody says so. */
static enum challenge_state pass(struct challenge *challenge, enum ending otherwise)
{
	if (challenge->hopeless)
		return refuse(challenge, otherwise, "no such user, or none with a usable secret");
	return challenge_enter(challenge, CHALLENGE_PASSED);
}

static enum challenge_state ask(struct challenge *challenge, enum auth_request request)
{
	challenge->request = request;
	if (challenge->out.failed)
		return refuse_for_memory(challenge);
	return challenge_enter(challenge, CHALLENGE_ASKING);
}

/* ---- the beginning: which way to prove, and with what secret ---- */

/* How a method has a secret of this kind proved. */
static enum secret_use use_of(enum auth_method method, enum secret_kind kind)
{
	if (method == AUTH_PLAIN)
		return SECRET_BY_CLEARTEXT;
	if (method == AUTH_MD5 && kind != SECRET_SCRAM)
		return SECRET_BY_MD5;
	return SECRET_BY_SCRAM;
}

static bool is_usable(const struct secret *secret, enum auth_method method)
{
	return secret && secret_serves(secret->kind, use_of(method, secret->kind));
}

/* Takes the user's secret, or a mock where it is missing or cannot serve. */
static enum result choose_secret(struct challenge *challenge, const struct challenge_setup *setup)
{
	const struct secret *like = setup->secret;

	challenge->hopeless = !is_usable(setup->secret, setup->method);
	if (challenge->hopeless)
		like = is_usable(setup->example, setup->method) ? setup->example : NULL;
	/* Made for everybody, so that the time it takes tells nothing. */
	if (secret_mock(&challenge->secret, like, setup->iterations, setup->mock_key, setup->user,
			challenge->mock_text) != OK)
		return BROKEN;
	if (!challenge->hopeless) {
		buffer_append_slice(&challenge->text, setup->secret->text);
		challenge->secret.kind = setup->secret->kind;
		challenge->secret.text = buffer_slice(&challenge->text);
	}
	challenge->use = use_of(setup->method, challenge->secret.kind);
	return challenge->text.failed ? BROKEN : OK;
}

static enum challenge_state ask_for_sasl(struct challenge *challenge)
{
	if (challenge->channel.binding != SCRAM_BINDING_NONE)
		buffer_append(&challenge->out, SCRAM_MECHANISM_PLUS, sizeof(SCRAM_MECHANISM_PLUS));
	buffer_append(&challenge->out, SCRAM_MECHANISM, sizeof(SCRAM_MECHANISM));
	buffer_append(&challenge->out, "", 1);
	return ask(challenge, AUTH_REQUEST_SASL);
}

static enum challenge_state ask_for_md5(struct challenge *challenge)
{
	buffer_append(&challenge->out, challenge->random + SCRAM_NONCE_LEN, MD5_SALT_LEN);
	return ask(challenge, AUTH_REQUEST_MD5);
}

static enum challenge_state begin(struct challenge *challenge, const struct challenge_setup *setup)
{
	if (setup->method == AUTH_ANY)
		return challenge_enter(challenge, CHALLENGE_PASSED);
	if (setup->method == AUTH_TRUST && !setup->secret)
		return refuse(challenge, END_TRUST_FAILED, "no such user");
	if (setup->method == AUTH_TRUST)
		return challenge_enter(challenge, CHALLENGE_PASSED);
	challenge->outside = setup->method == AUTH_OUTSIDE;
	if (challenge->outside)
		return ask(challenge, AUTH_REQUEST_CLEARTEXT);
	if (choose_secret(challenge, setup) != OK)
		return refuse_for_memory(challenge);
	switch (challenge->use) {
	case SECRET_BY_CLEARTEXT: return ask(challenge, AUTH_REQUEST_CLEARTEXT);
	case SECRET_BY_MD5: return ask_for_md5(challenge);
	case SECRET_BY_SCRAM: break;
	}
	return ask_for_sasl(challenge);
}

struct challenge *challenge_new(const struct challenge_setup *setup)
{
	struct challenge *challenge;

	if (setup->channel.data.len > SCRAM_CHANNEL_MAX)
		return NULL;
	challenge = mem_alloc_zero(sizeof(*challenge));
	if (!challenge)
		return NULL;
	challenge->state = CHALLENGE_ASKING;
	challenge->ending = END_NONE;
	challenge->reason = "";
	challenge->iterations = setup->iterations;
	challenge->keyring = setup->keyring;
	memcpy(challenge->mock_key, setup->mock_key, sizeof(challenge->mock_key));
	memcpy(challenge->random, setup->random, sizeof(challenge->random));
	challenge->channel.binding = setup->channel.binding;
	if (setup->channel.data.len > 0)
		memcpy(challenge->channel_data, setup->channel.data.data, setup->channel.data.len);
	challenge->channel.data =
		(struct slice){ challenge->channel_data, setup->channel.data.len };
	buffer_append_slice(&challenge->user, setup->user);
	if (challenge->user.failed)
		refuse_for_memory(challenge);
	else
		begin(challenge, setup);
	return challenge;
}

static void wipe_buffer(struct buffer *buffer)
{
	if (buffer->data)
		OPENSSL_cleanse(buffer->data, buffer->cap);
	buffer_release(buffer);
}

void challenge_free(struct challenge *challenge)
{
	if (!challenge)
		return;
	buffer_release(&challenge->user);
	buffer_release(&challenge->out);
	wipe_buffer(&challenge->text);
	wipe_buffer(&challenge->held);
	derivation_free(challenge->derivation);
	scram_server_free(challenge->exchange);
	mem_free_secret(challenge, sizeof(*challenge));
}

/* ---- answers ---- */

/* The password whose keys are wanted: ours for a SASL exchange, the client's in clear text. */
static struct slice password_to_derive(const struct challenge *challenge)
{
	return challenge->use == SECRET_BY_SCRAM ? challenge->secret.text
						 : buffer_slice(&challenge->held);
}

static enum challenge_state judge_cleartext(struct challenge *challenge)
{
	struct slice user = buffer_slice(&challenge->user);
	struct slice password = buffer_slice(&challenge->held);

	if (!secret_fits(&challenge->secret, user, password,
			 challenge->has_keys ? &challenge->keys : NULL))
		return refuse(challenge, END_PASSWORD_FAILED, "wrong password");
	/* A wrong password is not remembered: guesses must not push out what is used. */
	if (challenge->has_keys && challenge->keyring && !challenge->hopeless)
		keyring_put(challenge->keyring, password, &challenge->keys);
	return pass(challenge, END_PASSWORD_FAILED);
}

static enum challenge_state answer_client_first(struct challenge *challenge,
						const struct scram_verifier *verifier)
{
	challenge->exchange = scram_server_new(verifier, challenge->channel);
	if (!challenge->exchange)
		return refuse_for_memory(challenge);
	if (scram_server_first(challenge->exchange, challenge->mechanism,
			       buffer_slice(&challenge->held), challenge->random,
			       &challenge->out) != OK)
		return refuse(challenge, END_SASL_FAILED, scram_server_reason(challenge->exchange));
	return ask(challenge, AUTH_REQUEST_SASL_CONTINUE);
}

/* The keys of a plain secret are there: they make the verifier for this exchange. */
static enum challenge_state use_keys(struct challenge *challenge)
{
	struct scram_verifier verifier;
	enum challenge_state state;

	if (challenge->use == SECRET_BY_CLEARTEXT) {
		challenge->has_keys = true;
		return judge_cleartext(challenge);
	}
	if (challenge->keyring)
		keyring_put(challenge->keyring, challenge->secret.text, &challenge->keys);
	if (scram_verifier_from_keys(&verifier, &challenge->keys) != OK)
		return refuse_for_memory(challenge);
	scram_keys_wipe(&challenge->keys);
	state = answer_client_first(challenge, &verifier);
	scram_verifier_wipe(&verifier);
	return state;
}

/* From the keyring at once, or by work to be done when there is time. */
static enum challenge_state want_keys(struct challenge *challenge,
				      const struct scram_recipe *recipe)
{
	struct slice password = password_to_derive(challenge);
	const struct scram_keys *known = NULL;

	if (challenge->keyring)
		known = keyring_find(challenge->keyring, password, recipe);
	if (known) {
		challenge->keys = *known;
		return use_keys(challenge);
	}
	challenge->derivation = derivation_new(password, recipe);
	if (!challenge->derivation)
		return refuse_for_memory(challenge);
	return challenge_enter(challenge, CHALLENGE_DERIVING);
}

static enum challenge_state hear_password(struct challenge *challenge, struct slice password)
{
	struct scram_verifier verifier;
	struct scram_recipe recipe;

	if (password.len == 0)
		return refuse(challenge, END_EMPTY_PASSWORD, "empty password");
	if (password.len > USERS_SECRET_MAX)
		return refuse(challenge, END_PASSWORD_FAILED, "password too long");
	buffer_append_slice(&challenge->held, password);
	if (challenge->held.failed)
		return refuse_for_memory(challenge);
	if (challenge->outside)
		return challenge_enter(challenge, CHALLENGE_OUTSIDE);
	if (challenge->secret.kind != SECRET_SCRAM)
		return judge_cleartext(challenge);
	if (scram_verifier_parse(&verifier, challenge->secret.text) != OK)
		return refuse(challenge, END_PASSWORD_FAILED, "malformed secret");
	recipe = verifier.recipe;
	scram_verifier_wipe(&verifier);
	return want_keys(challenge, &recipe);
}

static enum challenge_state hear_client_first(struct challenge *challenge, struct slice message)
{
	struct slice user = buffer_slice(&challenge->user);
	struct scram_verifier verifier;
	struct scram_recipe recipe;
	enum challenge_state state;

	if (message.len > SCRAM_MESSAGE_MAX)
		return refuse(challenge, END_SASL_FAILED, "client-first message too long");
	buffer_append_slice(&challenge->held, message);
	if (challenge->held.failed)
		return refuse_for_memory(challenge);
	if (challenge->secret.kind == SECRET_PLAIN) {
		if (scram_recipe_make(&recipe, challenge->mock_key, user, challenge->iterations) !=
		    OK)
			return refuse_for_memory(challenge);
		return want_keys(challenge, &recipe);
	}
	if (scram_verifier_parse(&verifier, challenge->secret.text) != OK)
		return refuse(challenge, END_SASL_FAILED, "malformed secret");
	state = answer_client_first(challenge, &verifier);
	scram_verifier_wipe(&verifier);
	return state;
}

/* SASLInitialResponse; without data the client waits for an empty challenge (RFC 4422 s. 3). */
static enum challenge_state hear_mechanism(struct challenge *challenge, struct slice mechanism,
					   struct slice data)
{
	static const struct slice known[] = {
		SLICE_LITERAL(SCRAM_MECHANISM),
		SLICE_LITERAL(SCRAM_MECHANISM_PLUS),
	};
	size_t offered = challenge->channel.binding == SCRAM_BINDING_NONE ? 1 : 2;

	for (size_t i = 0; i < offered; i++) {
		if (slice_equal(mechanism, known[i]))
			challenge->mechanism = known[i];
	}
	if (!challenge->mechanism.data)
		return refuse(challenge, END_SASL_MECHANISM, "mechanism was not offered");
	if (!data.data)
		return ask(challenge, AUTH_REQUEST_SASL_CONTINUE);
	return hear_client_first(challenge, data);
}

static enum challenge_state hear_client_final(struct challenge *challenge, struct slice message)
{
	if (scram_server_final(challenge->exchange, message, &challenge->out, &challenge->keys) !=
	    OK)
		return refuse(challenge, END_SASL_FAILED, scram_server_reason(challenge->exchange));
	if (challenge->out.failed)
		return refuse_for_memory(challenge);
	challenge->has_keys = challenge->secret.kind == SECRET_SCRAM;
	challenge->request = AUTH_REQUEST_SASL_FINAL;
	return pass(challenge, END_SASL_FAILED);
}

static enum challenge_state hear_md5(struct challenge *challenge, struct slice answer)
{
	struct slice user = buffer_slice(&challenge->user);
	const uint8_t *salt = challenge->random + SCRAM_NONCE_LEN;

	if (!md5_answer_fits(&challenge->secret, user, salt, answer))
		return refuse(challenge, END_PASSWORD_FAILED, "wrong password");
	return pass(challenge, END_PASSWORD_FAILED);
}

enum challenge_state challenge_answer(struct challenge *challenge, struct slice mechanism,
				      struct slice data)
{
	enum auth_request request = challenge->request;

	assert(challenge->state == CHALLENGE_ASKING);
	challenge->request = AUTH_REQUEST_OK;
	buffer_clear(&challenge->out);
	if (request == AUTH_REQUEST_CLEARTEXT)
		return hear_password(challenge, data);
	if (request == AUTH_REQUEST_MD5)
		return hear_md5(challenge, data);
	if (request == AUTH_REQUEST_SASL)
		return hear_mechanism(challenge, mechanism, data);
	if (!challenge->exchange)
		return hear_client_first(challenge, data);
	return hear_client_final(challenge, data);
}

enum challenge_state challenge_work(struct challenge *challenge, uint32_t *budget)
{
	enum result result;

	assert(challenge->state == CHALLENGE_DERIVING);
	result = derivation_run(challenge->derivation, budget, &challenge->keys);
	if (result == AGAIN)
		return challenge->state;
	derivation_free(challenge->derivation);
	challenge->derivation = NULL;
	return result == OK ? use_keys(challenge) : refuse_for_memory(challenge);
}

enum challenge_state challenge_verdict(struct challenge *challenge, enum ending ending,
				       const char *reason)
{
	assert(challenge->state == CHALLENGE_OUTSIDE);
	if (ending != END_NONE)
		return refuse(challenge, ending, reason);
	return challenge_enter(challenge, CHALLENGE_PASSED);
}

/* ---- questions ---- */

struct slice challenge_password(const struct challenge *challenge)
{
	assert(challenge->outside);
	return buffer_slice(&challenge->held);
}

enum challenge_state challenge_state(const struct challenge *challenge)
{
	return challenge->state;
}

enum auth_request challenge_request(const struct challenge *challenge, struct slice *data)
{
	*data = buffer_slice(&challenge->out);
	return challenge->request;
}

enum ending challenge_ending(const struct challenge *challenge)
{
	return challenge->ending;
}

const char *challenge_reason(const struct challenge *challenge)
{
	return challenge->reason;
}

const struct scram_keys *challenge_keys(const struct challenge *challenge)
{
	return challenge->state == CHALLENGE_PASSED && challenge->has_keys ? &challenge->keys
									   : NULL;
}
