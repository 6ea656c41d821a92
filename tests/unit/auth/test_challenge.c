#include "test.h"

#include "auth/challenge.h"
#include "auth/derivation.h"
#include "auth/md5.h"
#include "auth/scram_client.h"

#define VERIFIER                                                                                   \
	"SCRAM-SHA-256$4096:F4bBmW+z/6UINVFfeskW8Q==$r59o94bfisPpx+HIL2uruFF5M5+/"                 \
	"Qp3vvWU0uMI6iOQ=:bRdQ3YR/8PuFc8nUUtxYHH/gJFO62fX7R2YHXskr7/c="
#define MD5_OF_M0 "md5543b487be7f769a0afa279cda9a806f4"

static const uint8_t mock_key[SCRAM_KEY_LEN] = "a key for imitations, 32 bytes..";
static const uint8_t random[CHALLENGE_RANDOM_LEN] = "twenty-two random byte";
static const uint8_t client_nonce[SCRAM_NONCE_LEN] = "client nonce bytes";
static const struct scram_channel channel = { SCRAM_BINDING_TLS_SERVER_END_POINT,
					      SLICE_LITERAL("a hash of a certificate") };

/* A client that logs in with a password, and what came of it. */
struct login {
	enum auth_method method;
	const char *secret;  /* NULL: there is no such user */
	const char *example; /* NULL: none */
	const char *password;
	struct scram_channel channel;
	struct keyring *keyring;

	enum auth_request requests[4]; /* that were sent, in order */
	unsigned request_count;
	uint32_t iterations; /* spent by the server's side */
	enum challenge_state state;
	enum ending ending;
	bool gave_keys;
};

static struct challenge *begin(const struct login *login)
{
	struct secret secret = secret_of(slice_of(login->secret));
	struct secret example = secret_of(slice_of(login->example));
	struct challenge_setup setup = { .method = login->method,
					 .user = SLICE_LITERAL("m0"),
					 .secret = login->secret ? &secret : NULL,
					 .example = login->example ? &example : NULL,
					 .iterations = 4096,
					 .mock_key = mock_key,
					 .random = random,
					 .channel = login->channel,
					 .keyring = login->keyring };

	return challenge_new(&setup);
}

static void work(struct login *login, struct challenge *challenge)
{
	while (challenge_state(challenge) == CHALLENGE_DERIVING) {
		uint32_t budget = 1000;

		CHECK(challenge_work(challenge, &budget) == challenge_state(challenge));
		login->iterations += 1000 - budget;
	}
}

static void say(struct login *login, struct challenge *challenge, struct slice mechanism,
		struct slice data)
{
	challenge_answer(challenge, mechanism, data);
	work(login, challenge);
}

static void answer_md5(struct login *login, struct challenge *challenge, struct slice data)
{
	struct secret plain = secret_of(slice_of(login->password));
	char answer[MD5_TEXT_LEN + 1];

	CHECK_UINT_EQ(data.len, MD5_SALT_LEN);
	CHECK_BYTES_EQ(data.data, random + SCRAM_NONCE_LEN, MD5_SALT_LEN);
	if (md5_answer(&plain, SLICE_LITERAL("m0"), (const uint8_t *)data.data, answer) == OK)
		say(login, challenge, SLICE_NONE, slice_of(answer));
}

static void answer_sasl(struct login *login, struct challenge *challenge,
			struct scram_client *client, enum auth_request request, struct slice data)
{
	struct buffer out = BUFFER_EMPTY;
	struct scram_recipe recipe;
	struct scram_keys keys;
	bool plus = login->channel.binding != SCRAM_BINDING_NONE;

	if (request == AUTH_REQUEST_SASL) {
		if (scram_client_first(client, false, client_nonce, &out) == OK)
			say(login, challenge,
			    plus ? SLICE_LITERAL(SCRAM_MECHANISM_PLUS)
				 : SLICE_LITERAL(SCRAM_MECHANISM),
			    buffer_slice(&out));
	} else if (scram_client_challenge(client, data, &recipe) == OK &&
		   derive_keys(slice_of(login->password), &recipe, &keys) == OK &&
		   scram_client_final(client, &keys, &out) == OK) {
		say(login, challenge, SLICE_NONE, buffer_slice(&out));
	}
	buffer_release(&out);
}

static void answer(struct login *login, struct challenge *challenge, struct scram_client *client)
{
	struct slice data;
	enum auth_request request = challenge_request(challenge, &data);

	if (login->request_count == COUNT_OF(login->requests)) {
		FAIL("asked too often");
		return;
	}
	login->requests[login->request_count++] = request;
	if (request == AUTH_REQUEST_CLEARTEXT)
		say(login, challenge, SLICE_NONE, slice_of(login->password));
	else if (request == AUTH_REQUEST_MD5)
		answer_md5(login, challenge, data);
	else
		answer_sasl(login, challenge, client, request, data);
}

/* Logs in; OK when the server let us in and, under SASL, proved itself. */
static enum result log_in(struct login *login)
{
	struct challenge *challenge = begin(login);
	struct scram_client *client = scram_client_new(login->channel);
	enum result result = BROKEN;
	struct slice data;

	if (!challenge || !client)
		goto out;
	while (challenge_state(challenge) == CHALLENGE_ASKING && login->request_count < 4)
		answer(login, challenge, client);
	login->state = challenge_state(challenge);
	login->ending = challenge_ending(challenge);
	login->gave_keys = challenge_keys(challenge) != NULL;
	if (login->state == CHALLENGE_PASSED)
		result = OK;
	else if (login->state == CHALLENGE_REFUSED && challenge_reason(challenge)[0] == '\0')
		FAIL("no reason");
	if (challenge_request(challenge, &data) == AUTH_REQUEST_SASL_FINAL)
		result = scram_client_finish(client, data);
out:
	scram_client_free(client);
	challenge_free(challenge);
	return result;
}

/* A login of this method: whether it passes, and the requests on the way. */
static void check_login(enum auth_method method, const char *secret, const char *password,
			enum auth_request first, enum ending ending)
{
	struct login login = { .method = method, .secret = secret, .password = password };
	enum result result = log_in(&login);

	CHECK_INT_EQ(result, ending == END_NONE ? OK : BROKEN);
	CHECK_INT_EQ(login.ending, ending);
	CHECK_INT_EQ(login.request_count, first == AUTH_REQUEST_OK     ? 0
					  : first == AUTH_REQUEST_SASL ? 2
								       : 1);
	CHECK_INT_EQ(login.requests[0], first);
	if (first == AUTH_REQUEST_SASL)
		CHECK_INT_EQ(login.requests[1], AUTH_REQUEST_SASL_CONTINUE);
}

TEST(any_and_trust_ask_nothing)
{
	check_login(AUTH_ANY, NULL, NULL, AUTH_REQUEST_OK, END_NONE);
	check_login(AUTH_TRUST, "secret", NULL, AUTH_REQUEST_OK, END_NONE);
	check_login(AUTH_TRUST, "", NULL, AUTH_REQUEST_OK, END_NONE);
	check_login(AUTH_TRUST, NULL, NULL, AUTH_REQUEST_OK, END_TRUST_FAILED);
}

TEST(plain_takes_every_kind_of_secret)
{
	static const char *const secrets[] = { "secret", MD5_OF_M0, VERIFIER };

	for (size_t i = 0; i < COUNT_OF(secrets); i++) {
		check_login(AUTH_PLAIN, secrets[i], "secret", AUTH_REQUEST_CLEARTEXT, END_NONE);
		check_login(AUTH_PLAIN, secrets[i], "Secret", AUTH_REQUEST_CLEARTEXT,
			    END_PASSWORD_FAILED);
		check_login(AUTH_PLAIN, secrets[i], "", AUTH_REQUEST_CLEARTEXT, END_EMPTY_PASSWORD);
	}
	check_login(AUTH_PLAIN, "", "x", AUTH_REQUEST_CLEARTEXT, END_PASSWORD_FAILED);
	check_login(AUTH_PLAIN, NULL, "x", AUTH_REQUEST_CLEARTEXT, END_PASSWORD_FAILED);
}

TEST(md5_asks_by_the_kind_of_secret)
{
	check_login(AUTH_MD5, "secret", "secret", AUTH_REQUEST_MD5, END_NONE);
	check_login(AUTH_MD5, MD5_OF_M0, "secret", AUTH_REQUEST_MD5, END_NONE);
	check_login(AUTH_MD5, VERIFIER, "secret", AUTH_REQUEST_SASL, END_NONE);
	check_login(AUTH_MD5, "secret", "Secret", AUTH_REQUEST_MD5, END_PASSWORD_FAILED);
	check_login(AUTH_MD5, MD5_OF_M0, "Secret", AUTH_REQUEST_MD5, END_PASSWORD_FAILED);
	check_login(AUTH_MD5, VERIFIER, "Secret", AUTH_REQUEST_SASL, END_SASL_FAILED);
}

TEST(scram_takes_plain_and_scram)
{
	check_login(AUTH_SCRAM, "secret", "secret", AUTH_REQUEST_SASL, END_NONE);
	check_login(AUTH_SCRAM, VERIFIER, "secret", AUTH_REQUEST_SASL, END_NONE);
	check_login(AUTH_SCRAM, "secret", "Secret", AUTH_REQUEST_SASL, END_SASL_FAILED);
	check_login(AUTH_SCRAM, VERIFIER, "Secret", AUTH_REQUEST_SASL, END_SASL_FAILED);
	check_login(AUTH_SCRAM, MD5_OF_M0, "secret", AUTH_REQUEST_SASL, END_SASL_FAILED);
	check_login(AUTH_SCRAM, "", "secret", AUTH_REQUEST_SASL, END_SASL_FAILED);
	check_login(AUTH_SCRAM, NULL, "secret", AUTH_REQUEST_SASL, END_SASL_FAILED);
}

/* The user who exists and gives a wrong password, against one who does not exist. */
static void check_imitation(enum auth_method method, const char *secret)
{
	struct login known = { .method = method, .secret = secret, .password = "wrong" };
	struct login unknown = { .method = method, .example = secret, .password = "wrong" };

	CHECK_INT_EQ(log_in(&known), BROKEN);
	CHECK_INT_EQ(log_in(&unknown), BROKEN);
	CHECK_UINT_EQ(unknown.request_count, known.request_count);
	for (unsigned i = 0; i < known.request_count; i++)
		CHECK_INT_EQ(unknown.requests[i], known.requests[i]);
	CHECK_UINT_EQ(unknown.iterations, known.iterations);
	CHECK_INT_EQ(unknown.ending, known.ending);
}

TEST(unknown_users_cost_what_known_ones_cost)
{
	static const char *const secrets[] = { "secret", MD5_OF_M0, VERIFIER };

	for (size_t i = 0; i < COUNT_OF(secrets); i++) {
		check_imitation(AUTH_PLAIN, secrets[i]);
		check_imitation(AUTH_MD5, secrets[i]);
		check_imitation(AUTH_SCRAM, secrets[i]);
	}
}

TEST(nobody_passes_even_with_the_mock_secret_at_hand)
{
	struct secret example = secret_of(SLICE_LITERAL("x")), mock;
	char room[SECRET_MOCK_MAX], password[SECRET_MOCK_MAX];
	static const enum auth_method methods[] = { AUTH_PLAIN, AUTH_MD5, AUTH_SCRAM };

	REQUIRE(secret_mock(&mock, &example, 4096, mock_key, SLICE_LITERAL("m0"), room) == OK);
	snprintf(password, sizeof(password), "%.*s", (int)mock.text.len, mock.text.data);
	for (size_t i = 0; i < COUNT_OF(methods); i++) {
		struct login login = { .method = methods[i], .example = "x", .password = password };

		log_in(&login);
		CHECK_INT_EQ(login.state, CHALLENGE_REFUSED);
	}
}

TEST(only_verifiers_give_keys)
{
	struct login plain = { .method = AUTH_SCRAM, .secret = "secret", .password = "secret" };
	struct login scram = { .method = AUTH_SCRAM, .secret = VERIFIER, .password = "secret" };
	struct login clear = { .method = AUTH_PLAIN, .secret = VERIFIER, .password = "secret" };
	struct login wrong = { .method = AUTH_PLAIN, .secret = VERIFIER, .password = "Secret" };

	log_in(&plain);
	CHECK(!plain.gave_keys);
	log_in(&scram);
	CHECK(scram.gave_keys);
	log_in(&clear);
	CHECK(clear.gave_keys);
	log_in(&wrong);
	CHECK(!wrong.gave_keys);
}

static uint32_t iterations_of(struct login login)
{
	log_in(&login);
	return login.iterations;
}

TEST(the_keyring_saves_the_work_of_the_second_time)
{
	struct keyring *keyring = keyring_new(10, 1);
	struct login plain = {
		.method = AUTH_SCRAM, .secret = "secret", .password = "secret", .keyring = keyring
	};
	struct login nobody = {
		.method = AUTH_SCRAM, .example = "x", .password = "secret", .keyring = keyring
	};
	struct login clear = {
		.method = AUTH_PLAIN, .secret = VERIFIER, .password = "secret", .keyring = keyring
	};
	struct login wrong = {
		.method = AUTH_PLAIN, .secret = VERIFIER, .password = "Secret", .keyring = keyring
	};

	REQUIRE(keyring);
	CHECK_UINT_EQ(iterations_of(plain), 4096);
	CHECK_UINT_EQ(iterations_of(plain), 0);
	CHECK_UINT_EQ(iterations_of(nobody), 4096);
	CHECK_UINT_EQ(iterations_of(nobody), 0);
	CHECK_UINT_EQ(iterations_of(clear), 4096);
	CHECK_UINT_EQ(iterations_of(clear), 0);
	CHECK_UINT_EQ(iterations_of(wrong), 4096);
	CHECK_UINT_EQ(iterations_of(wrong), 4096);
	CHECK_UINT_EQ(keyring_len(keyring), 3);
	CHECK_INT_EQ(log_in(&plain), OK);
	CHECK_INT_EQ(log_in(&clear), OK);
	keyring_free(keyring);
}

TEST(plus_is_offered_with_a_channel_only)
{
	struct login bound = {
		.method = AUTH_SCRAM, .secret = "secret", .password = "secret", .channel = channel
	};
	struct login unbound = bound;
	struct challenge *challenge = begin(&bound);
	struct slice data;

	REQUIRE(challenge);
	CHECK_INT_EQ(challenge_request(challenge, &data), AUTH_REQUEST_SASL);
	CHECK_SLICE_EQ(data, SLICE_LITERAL(SCRAM_MECHANISM_PLUS "\0" SCRAM_MECHANISM "\0\0"));
	challenge_free(challenge);
	CHECK_INT_EQ(log_in(&bound), OK);
	unbound.channel = SCRAM_NO_CHANNEL;
	challenge = begin(&unbound);
	REQUIRE(challenge);
	CHECK_INT_EQ(challenge_request(challenge, &data), AUTH_REQUEST_SASL);
	CHECK_SLICE_EQ(data, SLICE_LITERAL(SCRAM_MECHANISM "\0\0"));
	challenge_answer(challenge, SLICE_LITERAL(SCRAM_MECHANISM_PLUS), SLICE_LITERAL("x"));
	CHECK_INT_EQ(challenge_state(challenge), CHALLENGE_REFUSED);
	CHECK_INT_EQ(challenge_ending(challenge), END_SASL_MECHANISM);
	challenge_free(challenge);
}

TEST(a_client_may_wait_for_an_empty_challenge)
{
	struct login login = { .method = AUTH_SCRAM, .secret = VERIFIER, .password = "secret" };
	struct challenge *challenge = begin(&login);
	struct slice data;

	REQUIRE(challenge);
	challenge_answer(challenge, SLICE_LITERAL(SCRAM_MECHANISM), SLICE_NONE);
	CHECK_INT_EQ(challenge_state(challenge), CHALLENGE_ASKING);
	CHECK_INT_EQ(challenge_request(challenge, &data), AUTH_REQUEST_SASL_CONTINUE);
	CHECK_UINT_EQ(data.len, 0);
	challenge_answer(challenge, SLICE_NONE, SLICE_LITERAL("n,,n=,r=abc"));
	CHECK_INT_EQ(challenge_state(challenge), CHALLENGE_ASKING);
	CHECK_INT_EQ(challenge_request(challenge, &data), AUTH_REQUEST_SASL_CONTINUE);
	CHECK(slice_starts_with(data, SLICE_LITERAL("r=abc")));
	challenge_answer(challenge, SLICE_NONE, SLICE_NONE);
	CHECK_INT_EQ(challenge_ending(challenge), END_SASL_FAILED);
	challenge_free(challenge);
}

TEST(garbage_is_refused)
{
	static const struct {
		enum auth_method method;
		const char *mechanism, *data;
		enum ending ending;
	} rows[] = {
		{ AUTH_SCRAM, "SCRAM-SHA-1", "n,,n=,r=abc", END_SASL_MECHANISM },
		{ AUTH_SCRAM, "", "n,,n=,r=abc", END_SASL_MECHANISM },
		{ AUTH_SCRAM, SCRAM_MECHANISM, "", END_SASL_FAILED },
		{ AUTH_SCRAM, SCRAM_MECHANISM, "p=tls-unique,,n=,r=abc", END_SASL_FAILED },
		{ AUTH_MD5, "", "", END_PASSWORD_FAILED },
		{ AUTH_MD5, "", "md5", END_PASSWORD_FAILED },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct login login = { .method = rows[i].method, .secret = "secret" };
		struct challenge *challenge = begin(&login);

		REQUIRE(challenge);
		challenge_answer(challenge, slice_of(rows[i].mechanism), slice_of(rows[i].data));
		work(&login, challenge);
		CHECK_INT_EQ(challenge_state(challenge), CHALLENGE_REFUSED);
		CHECK_INT_EQ(challenge_ending(challenge), rows[i].ending);
		CHECK(!challenge_keys(challenge));
		challenge_free(challenge);
	}
}

TEST(no_memory_is_never_a_login)
{
	static const enum auth_method methods[] = { AUTH_PLAIN, AUTH_SCRAM, AUTH_MD5 };

	for (size_t i = 0; i < COUNT_OF(methods); i++) {
		WITH_EACH_FAULT(nth)
		{
			struct login login = { .method = methods[i],
					       .secret = MD5_OF_M0,
					       .password = "secret" };

			if (methods[i] == AUTH_SCRAM)
				login.secret = VERIFIER;
			if (log_in(&login) != OK)
				CHECK(mem_fault_hit());
		}
	}
}

static struct challenge *ask_outside(struct login *login, const char *password)
{
	struct challenge *challenge = begin(login);
	struct slice data;

	if (!challenge)
		return NULL;
	CHECK_INT_EQ(challenge_state(challenge), CHALLENGE_ASKING);
	CHECK_INT_EQ(challenge_request(challenge, &data), AUTH_REQUEST_CLEARTEXT);
	challenge_answer(challenge, SLICE_NONE, slice_of(password));
	return challenge;
}

/* Whether there is a secret is of no interest then. */
TEST(somebody_else_may_judge)
{
	struct login nobody = { .method = AUTH_OUTSIDE };
	struct login known = { .method = AUTH_OUTSIDE, .secret = MD5_OF_M0 };
	struct challenge *challenge = ask_outside(&nobody, "word");

	REQUIRE(challenge);
	CHECK_INT_EQ(challenge_state(challenge), CHALLENGE_OUTSIDE);
	CHECK_SLICE_EQ(challenge_password(challenge), SLICE_LITERAL("word"));
	CHECK_INT_EQ(challenge_verdict(challenge, END_NONE, ""), CHALLENGE_PASSED);
	CHECK_SLICE_EQ(challenge_password(challenge), SLICE_LITERAL("word"));
	CHECK(!challenge_keys(challenge));
	challenge_free(challenge);
	challenge = ask_outside(&known, "word");
	REQUIRE(challenge);
	CHECK_INT_EQ(challenge_verdict(challenge, END_PAM_FAILED, "no"), CHALLENGE_REFUSED);
	CHECK_INT_EQ(challenge_ending(challenge), END_PAM_FAILED);
	CHECK_TEXT_EQ(challenge_reason(challenge), "no");
	challenge_free(challenge);
	challenge = ask_outside(&known, "");
	REQUIRE(challenge);
	CHECK_INT_EQ(challenge_state(challenge), CHALLENGE_REFUSED);
	CHECK_INT_EQ(challenge_ending(challenge), END_EMPTY_PASSWORD);
	challenge_free(challenge);
}
