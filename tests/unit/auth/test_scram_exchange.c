#include "test.h"

#include "auth/auth_internal.h"
#include "auth/derivation.h"
#include "auth/scram_client.h"
#include "auth/scram_server.h"

/* Both sides of an exchange, and a place where each message can be spoilt on its way. */

enum way { CLIENT_FIRST, SERVER_FIRST, CLIENT_FINAL, SERVER_FINAL, WAYS };

struct talk {
	struct scram_client *client;
	struct scram_server *server;
	struct slice mechanism;
	bool declined;
	struct scram_keys *client_keys; /* borrowed */
	struct buffer sent[WAYS];	/* what was said */
	struct scram_keys learned;	/* by the server */
	enum way broken_at;		/* WAYS: both sides are content */

	enum way spoil;	  /* WAYS: none */
	size_t spoil_len; /* the message is cut to this length */
	size_t spoil_at;  /* this byte is changed ... */
	uint8_t spoil_by; /* ... by this XOR */
};

static struct scram_keys keys;
static struct scram_verifier verifier;
static const uint8_t client_nonce[SCRAM_NONCE_LEN] = "client nonce bytes";
static const uint8_t server_nonce[SCRAM_NONCE_LEN] = "server nonce bytes";
static const struct scram_channel channel = { SCRAM_BINDING_TLS_SERVER_END_POINT,
					      SLICE_LITERAL("0123456789abcdef0123456789abcdef") };

static void make_keys(void)
{
	struct scram_recipe recipe = { .iterations = 5,
				       .salt_len = 16,
				       .salt = "salt of 16 bytes" };

	if (derive_keys(SLICE_LITERAL("secret"), &recipe, &keys) != OK ||
	    scram_verifier_from_keys(&verifier, &keys) != OK)
		FAIL("no keys");
}

static void talk_init(struct talk *talk, struct scram_channel offered, struct scram_channel used)
{
	make_keys();
	*talk = (struct talk){ .mechanism = SLICE_LITERAL(SCRAM_MECHANISM),
			       .client_keys = &keys,
			       .spoil = WAYS,
			       .spoil_len = SIZE_MAX };
	if (used.binding != SCRAM_BINDING_NONE)
		talk->mechanism = SLICE_LITERAL(SCRAM_MECHANISM_PLUS);
	talk->server = scram_server_new(&verifier, offered);
	talk->client = scram_client_new(used);
}

static void talk_release(struct talk *talk)
{
	scram_client_free(talk->client);
	scram_server_free(talk->server);
	for (int i = 0; i < WAYS; i++)
		buffer_release(&talk->sent[i]);
}

/* What arrives of a message. */
static struct slice deliver(struct talk *talk, enum way way)
{
	struct buffer *message = &talk->sent[way];

	if (talk->spoil == way && talk->spoil_by)
		message->data[talk->spoil_at] ^= (char)talk->spoil_by;
	if (talk->spoil == way && talk->spoil_len < message->len)
		message->len = talk->spoil_len;
	return buffer_slice(message);
}

static enum way talk_through(struct talk *talk)
{
	struct scram_recipe recipe;
	struct scram_keys forced;

	if (!talk->client || !talk->server)
		return CLIENT_FIRST;
	if (scram_client_first(talk->client, talk->declined, client_nonce,
			       &talk->sent[CLIENT_FIRST]) != OK ||
	    talk->sent[CLIENT_FIRST].failed ||
	    scram_server_first(talk->server, talk->mechanism, deliver(talk, CLIENT_FIRST),
			       server_nonce, &talk->sent[SERVER_FIRST]) != OK)
		return CLIENT_FIRST;
	if (talk->sent[SERVER_FIRST].failed ||
	    scram_client_challenge(talk->client, deliver(talk, SERVER_FIRST), &recipe) != OK)
		return SERVER_FIRST;
	/* As if they were derived anew: a changed recipe must be found by the signatures. */
	forced = *talk->client_keys;
	if (talk->spoil == SERVER_FIRST)
		forced.recipe = recipe;
	if (scram_client_final(talk->client, &forced, &talk->sent[CLIENT_FINAL]) != OK ||
	    talk->sent[CLIENT_FINAL].failed ||
	    scram_server_final(talk->server, deliver(talk, CLIENT_FINAL), &talk->sent[SERVER_FINAL],
			       &talk->learned) != OK)
		return CLIENT_FINAL;
	if (talk->sent[SERVER_FINAL].failed ||
	    scram_client_finish(talk->client, deliver(talk, SERVER_FINAL)) != OK)
		return SERVER_FINAL;
	return WAYS;
}

static enum way outcome(struct talk *talk)
{
	enum way way = talk_through(talk);

	talk_release(talk);
	return way;
}

TEST(the_right_password_passes)
{
	struct talk talk;

	talk_init(&talk, SCRAM_NO_CHANNEL, SCRAM_NO_CHANNEL);
	CHECK_INT_EQ(talk_through(&talk), WAYS);
	CHECK_SLICE_EQ(buffer_slice(&talk.sent[CLIENT_FIRST]),
		       SLICE_LITERAL("n,,n=,r=Y2xpZW50IG5vbmNlIGJ5dGVz"));
	CHECK_SLICE_EQ(buffer_slice(&talk.sent[SERVER_FIRST]),
		       SLICE_LITERAL("r=Y2xpZW50IG5vbmNlIGJ5dGVzc2VydmVyIG5vbmNlIGJ5dGVz,"
				     "s=c2FsdCBvZiAxNiBieXRlcw==,i=5"));
	CHECK(slice_starts_with(buffer_slice(&talk.sent[CLIENT_FINAL]),
				SLICE_LITERAL("c=biws,r=Y2xpZW50IG5vbmNlIGJ5dGVzc2Vy"
					      "dmVyIG5vbmNlIGJ5dGVz,p=")));
	CHECK_TEXT_EQ(scram_server_reason(talk.server), "done");
	CHECK_TEXT_EQ(scram_client_reason(talk.client), "done");
	talk_release(&talk);
}

TEST(the_server_learns_keys_to_log_in_with)
{
	struct talk talk, onward;

	talk_init(&talk, SCRAM_NO_CHANNEL, SCRAM_NO_CHANNEL);
	REQUIRE(talk_through(&talk) == WAYS);
	CHECK_BYTES_EQ(talk.learned.client_key, keys.client_key, SCRAM_KEY_LEN);
	CHECK(scram_verifier_matches(&verifier, &talk.learned));
	talk_init(&onward, SCRAM_NO_CHANNEL, SCRAM_NO_CHANNEL);
	onward.client_keys = &talk.learned;
	CHECK_INT_EQ(outcome(&onward), WAYS);
	talk_release(&talk);
}

TEST(a_wrong_password_fails)
{
	struct scram_keys wrong;
	struct talk talk;

	talk_init(&talk, SCRAM_NO_CHANNEL, SCRAM_NO_CHANNEL);
	REQUIRE(derive_keys(SLICE_LITERAL("Secret"), &verifier.recipe, &wrong) == OK);
	talk.client_keys = &wrong;
	CHECK_INT_EQ(talk_through(&talk), CLIENT_FINAL);
	CHECK_UINT_EQ(talk.sent[SERVER_FINAL].len, 0);
	CHECK_TEXT_EQ(scram_server_reason(talk.server), "wrong password");
	talk_release(&talk);
}

TEST(a_server_that_does_not_know_the_verifier_is_found_out)
{
	struct talk talk;

	talk_init(&talk, SCRAM_NO_CHANNEL, SCRAM_NO_CHANNEL);
	scram_server_free(talk.server);
	verifier.server_key[0] ^= 1;
	talk.server = scram_server_new(&verifier, SCRAM_NO_CHANNEL);
	CHECK_INT_EQ(talk_through(&talk), SERVER_FINAL);
	CHECK_TEXT_EQ(scram_client_reason(talk.client), "the server's signature is wrong");
	talk_release(&talk);
}

TEST(keys_of_another_recipe_are_not_sent)
{
	struct talk talk;

	talk_init(&talk, SCRAM_NO_CHANNEL, SCRAM_NO_CHANNEL);
	keys.recipe.salt[3] ^= 1;
	CHECK_INT_EQ(talk_through(&talk), CLIENT_FINAL);
	CHECK_UINT_EQ(talk.sent[CLIENT_FINAL].len, 0);
	talk_release(&talk);
}

/* One byte of one message under every kind of change. */
static void check_changes_of(struct scram_channel with, enum way way, size_t at)
{
	for (unsigned by = 1; by < 256; by += by < 4 ? 1 : 4) {
		struct talk talk;

		talk_init(&talk, with, with);
		talk.spoil = way;
		talk.spoil_at = at;
		talk.spoil_by = (uint8_t)by;
		if (outcome(&talk) == WAYS)
			FAIL("message %d, byte %zu, change %u passes", way, at, by);
	}
}

static void check_every_change(struct scram_channel with)
{
	struct talk fine;

	talk_init(&fine, with, with);
	REQUIRE(talk_through(&fine) == WAYS);
	for (enum way way = CLIENT_FIRST; way < WAYS; way++) {
		for (size_t at = 0; at < fine.sent[way].len; at++)
			check_changes_of(with, way, at);
	}
	talk_release(&fine);
}

TEST(no_byte_can_be_changed)
{
	check_every_change(SCRAM_NO_CHANNEL);
}

TEST(no_byte_can_be_changed_under_channel_binding)
{
	check_every_change(channel);
}

TEST(no_message_can_be_cut)
{
	struct talk fine, talk;

	talk_init(&fine, SCRAM_NO_CHANNEL, SCRAM_NO_CHANNEL);
	REQUIRE(talk_through(&fine) == WAYS);
	for (enum way way = CLIENT_FIRST; way < WAYS; way++) {
		for (size_t len = 0; len < fine.sent[way].len; len++) {
			talk_init(&talk, SCRAM_NO_CHANNEL, SCRAM_NO_CHANNEL);
			talk.spoil = way;
			talk.spoil_len = len;
			if (outcome(&talk) == WAYS)
				FAIL("message %d cut to %zu passes", way, len);
		}
	}
	talk_release(&fine);
}

static enum way outcome_with(struct scram_channel offered, struct scram_channel used, bool declined,
			     struct slice mechanism)
{
	struct talk talk;

	talk_init(&talk, offered, used);
	talk.declined = declined;
	if (mechanism.data)
		talk.mechanism = mechanism;
	return outcome(&talk);
}

TEST(channel_binding_fits_what_was_offered)
{
	struct scram_channel none = SCRAM_NO_CHANNEL, other = channel;
	struct slice plain = SLICE_LITERAL(SCRAM_MECHANISM);
	struct slice plus = SLICE_LITERAL(SCRAM_MECHANISM_PLUS);

	other.data = SLICE_LITERAL("0123456789abcdef0123456789abcdeF");
	CHECK_INT_EQ(outcome_with(channel, channel, false, SLICE_NONE), WAYS);
	CHECK_INT_EQ(outcome_with(channel, none, false, SLICE_NONE), WAYS);
	CHECK_INT_EQ(outcome_with(none, none, true, SLICE_NONE), WAYS);
	/* 'y': the client could bind and was not told that we can. */
	CHECK_INT_EQ(outcome_with(channel, none, true, SLICE_NONE), CLIENT_FIRST);
	CHECK_INT_EQ(outcome_with(none, channel, false, SLICE_NONE), CLIENT_FIRST);
	CHECK_INT_EQ(outcome_with(channel, channel, false, plain), CLIENT_FIRST);
	CHECK_INT_EQ(outcome_with(channel, none, false, plus), CLIENT_FIRST);
	CHECK_INT_EQ(outcome_with(none, none, false, plus), CLIENT_FIRST);
	CHECK_INT_EQ(outcome_with(none, none, false, SLICE_LITERAL("SCRAM-SHA-1")), CLIENT_FIRST);
	CHECK_INT_EQ(outcome_with(channel, other, false, SLICE_NONE), CLIENT_FINAL);
}

TEST(channel_data_has_a_limit)
{
	char data[SCRAM_CHANNEL_MAX + 1] = { 0 };
	struct scram_channel longest = { SCRAM_BINDING_TLS_SERVER_END_POINT,
					 { data, SCRAM_CHANNEL_MAX } };
	struct scram_channel longer = { SCRAM_BINDING_TLS_SERVER_END_POINT,
					{ data, sizeof(data) } };

	CHECK_INT_EQ(outcome_with(longest, longest, false, SLICE_NONE), WAYS);
	make_keys();
	CHECK(!scram_server_new(&verifier, longer));
	CHECK(!scram_client_new(longer));
}

static bool server_takes(struct slice client_first)
{
	struct scram_server *server;
	struct buffer out = BUFFER_EMPTY;
	bool taken;

	make_keys();
	server = scram_server_new(&verifier, SCRAM_NO_CHANNEL);
	taken = server && scram_server_first(server, SLICE_LITERAL(SCRAM_MECHANISM), client_first,
					     server_nonce, &out) == OK;
	if (server && !taken && scram_server_reason(server)[0] == '\0')
		FAIL("no reason");
	scram_server_free(server);
	buffer_release(&out);
	return taken;
}

TEST(client_first_in_all_its_forms)
{
	static const struct {
		bool fine;
		const char *text;
	} forms[] = {
		{ true, "n,,n=,r=abc" },
		{ true, "y,,n=,r=abc" },
		{ true, "n,,n=anna,r=!~abc" },
		{ true, "n,,n=b=2Cc=3D,r=abc" },
		{ true, "n,,n=,r=abc,x=1,Y=2" },
		{ false, "" },
		{ false, "n" },
		{ false, "n,," },
		{ false, "n,,n=,r=" },
		{ false, "n,,r=abc" },
		{ false, "n,,n=" },
		{ false, "n,,n=," },
		{ false, "n,,m=x,n=,r=abc" },
		{ false, "n,,n=,r=abc,m=x" },
		{ false, "n,,n=,r=abc," },
		{ false, "n,,n=,r=a c" },
		{ false, "n,,n=,r=a\x7f" },
		{ false, "n,,n=,r=\xc3\xa4" },
		{ false, "n,,r=abc,n=" },
		{ false, "n,a=bert,n=,r=abc" },
		{ false, "p=tls-server-end-point,,n=,r=abc" },
		{ false, "p=tls-unique,,n=,r=abc" },
		{ false, "p,,n=,r=abc" },
		{ false, "x,,n=,r=abc" },
		{ false, "N,,n=,r=abc" },
	};

	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		if (server_takes(slice_of(forms[i].text)) != forms[i].fine)
			FAIL("\"%s\" is %s", forms[i].text, forms[i].fine ? "refused" : "taken");
	}
	CHECK(!server_takes(SLICE_LITERAL("n,,n=,r=abc\0")));
	CHECK(!server_takes(SLICE_LITERAL("n,,n=\0,r=abc")));
}

TEST(messages_have_a_limit)
{
	char text[SCRAM_MESSAGE_MAX + 1];

	memset(text, 'a', sizeof(text));
	memcpy(text, "n,,n=,r=", 8);
	CHECK(server_takes((struct slice){ text, SCRAM_MESSAGE_MAX }));
	CHECK(!server_takes((struct slice){ text, SCRAM_MESSAGE_MAX + 1 }));
}

static bool client_takes(const char *server_first)
{
	struct scram_client *client = scram_client_new(SCRAM_NO_CHANNEL);
	struct buffer out = BUFFER_EMPTY;
	struct scram_recipe recipe;
	bool taken;

	taken = client && scram_client_first(client, false, client_nonce, &out) == OK &&
		scram_client_challenge(client, slice_of(server_first), &recipe) == OK;
	scram_client_free(client);
	buffer_release(&out);
	return taken;
}

#define OURS "r=Y2xpZW50IG5vbmNlIGJ5dGVz"

TEST(server_first_in_all_its_forms)
{
	static const struct {
		bool fine;
		const char *text;
	} forms[] = {
		{ true, OURS "x,s=c2FsdA==,i=4096" },
		{ true, OURS "x,s=c2FsdA==,i=1" },
		{ true, OURS "x,s=c2FsdA==,i=10000000,e=1" },
		{ false, OURS ",s=c2FsdA==,i=4096" },
		{ false, "r=x,s=c2FsdA==,i=4096" },
		{ false, "r=,s=c2FsdA==,i=4096" },
		{ false, OURS " x,s=c2FsdA==,i=4096" },
		{ false, OURS "x,s=c2FsdA=,i=4096" },
		{ false, OURS "x,s=,i=4096" },
		{ false, OURS "x,i=4096,s=c2FsdA==" },
		{ false, OURS "x,s=c2FsdA==,i=0" },
		{ false, OURS "x,s=c2FsdA==,i=-1" },
		{ false, OURS "x,s=c2FsdA==,i=10000001" },
		{ false, OURS "x,s=c2FsdA==,i=4096," },
		{ false, OURS "x,s=c2FsdA==,i=4096 " },
		{ false, OURS "x,s=c2FsdA==" },
		{ false, "m=x," OURS "x,s=c2FsdA==,i=4096" },
		{ false, "e=other-error" },
		{ false, "" },
	};

	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		if (client_takes(forms[i].text) != forms[i].fine)
			FAIL("\"%s\" is %s", forms[i].text, forms[i].fine ? "refused" : "taken");
	}
}

/* Replaces client-final by this text around the right proof. */
static bool final_passes(const char *head, const char *tail)
{
	struct buffer message = BUFFER_EMPTY;
	struct scram_recipe recipe;
	struct slice final, unproved;
	uint8_t proof[SCRAM_KEY_LEN];
	struct talk talk;
	bool passes;

	talk_init(&talk, SCRAM_NO_CHANNEL, SCRAM_NO_CHANNEL);
	buffer_append_text(&message, "n=,r=abc,");
	if (scram_server_first(talk.server, talk.mechanism, SLICE_LITERAL("n,,n=,r=abc"),
			       server_nonce, &message) != OK)
		FAIL("client-first is refused");
	recipe = verifier.recipe;
	CHECK_UINT_EQ(recipe.iterations, 5);
	buffer_append_text(&message, ",");
	buffer_append_text(&message, head);
	if (scram_proof_mask(verifier.stored_key, buffer_slice(&message), keys.client_key, proof) !=
	    OK)
		FAIL("no proof");
	unproved = slice_of(head);
	buffer_append_text(&message, ",p=");
	base64_append(&message, proof, sizeof(proof));
	buffer_append_text(&message, tail);
	final = buffer_slice(&message);
	while (!slice_starts_with(final, unproved))
		final = (struct slice){ final.data + 1, final.len - 1 };
	passes = scram_server_final(talk.server, final, &talk.sent[SERVER_FINAL], &talk.learned) ==
		 OK;
	buffer_release(&message);
	talk_release(&talk);
	return passes;
}

#define NONCE "r=abcc2VydmVyIG5vbmNlIGJ5dGVz"

TEST(client_final_in_all_its_forms)
{
	CHECK(final_passes("c=biws," NONCE, ""));
	CHECK(final_passes("c=biws," NONCE ",x=1", ""));
	CHECK(!final_passes("c=biws," NONCE ",m=1", ""));
	CHECK(!final_passes("c=biws," NONCE, ","));
	CHECK(!final_passes("c=biws," NONCE, ",x=1"));
	CHECK(!final_passes("c=eSws," NONCE, ""));
	CHECK(!final_passes("c=," NONCE, ""));
	CHECK(!final_passes("c=biws," NONCE "x", ""));
	CHECK(!final_passes("c=biws,r=abc", ""));
	CHECK(!final_passes(NONCE ",c=biws", ""));
	CHECK(!final_passes("x=1,c=biws," NONCE, ""));
}

TEST(steps_out_of_order_fail)
{
	struct scram_recipe recipe;
	struct buffer out = BUFFER_EMPTY;
	struct talk talk;

	talk_init(&talk, SCRAM_NO_CHANNEL, SCRAM_NO_CHANNEL);
	CHECK_INT_EQ(scram_server_final(talk.server, SLICE_LITERAL("c=biws"), &out, &talk.learned),
		     BROKEN);
	CHECK_INT_EQ(scram_client_challenge(talk.client, SLICE_LITERAL("r=x"), &recipe), BROKEN);
	talk_release(&talk);
	talk_init(&talk, SCRAM_NO_CHANNEL, SCRAM_NO_CHANNEL);
	REQUIRE(talk_through(&talk) == WAYS);
	CHECK_INT_EQ(scram_server_final(talk.server, buffer_slice(&talk.sent[CLIENT_FINAL]), &out,
					&talk.learned),
		     BROKEN);
	CHECK_INT_EQ(scram_server_first(talk.server, talk.mechanism,
					buffer_slice(&talk.sent[CLIENT_FIRST]), server_nonce, &out),
		     BROKEN);
	CHECK_INT_EQ(scram_client_finish(talk.client, buffer_slice(&talk.sent[SERVER_FINAL])),
		     BROKEN);
	CHECK_INT_EQ(scram_client_first(talk.client, false, client_nonce, &out), BROKEN);
	CHECK_INT_EQ(scram_client_final(talk.client, &keys, &out), BROKEN);
	talk_release(&talk);
	buffer_release(&out);
}

TEST(server_final_with_an_error_fails)
{
	struct buffer out = BUFFER_EMPTY;
	struct scram_recipe recipe;
	struct talk talk;

	talk_init(&talk, SCRAM_NO_CHANNEL, SCRAM_NO_CHANNEL);
	REQUIRE(scram_client_first(talk.client, false, client_nonce, &out) == OK);
	REQUIRE(scram_client_challenge(talk.client,
				       SLICE_LITERAL(OURS "x,s=c2FsdCBvZiAxNiBieXRlcw==,i=5"),
				       &recipe) == OK);
	REQUIRE(scram_client_final(talk.client, &keys, &out) == OK);
	CHECK_INT_EQ(scram_client_finish(talk.client, SLICE_LITERAL("e=invalid-proof")), BROKEN);
	CHECK_TEXT_EQ(scram_client_reason(talk.client),
		      "the server reports that the exchange failed");
	talk_release(&talk);
	buffer_release(&out);
}

TEST(no_memory_is_never_a_pass)
{
	make_keys();
	WITH_EACH_FAULT(nth)
	{
		struct talk talk;

		/* Keys are made before the fault is due. */
		mem_fail_at(0);
		talk_init(&talk, SCRAM_NO_CHANNEL, SCRAM_NO_CHANNEL);
		talk_release(&talk);
		mem_fail_at(nth);
		talk.server = scram_server_new(&verifier, channel);
		talk.client = scram_client_new(channel);
		talk.mechanism = SLICE_LITERAL(SCRAM_MECHANISM_PLUS);
		memset(talk.sent, 0, sizeof(talk.sent));
		if (talk_through(&talk) == WAYS)
			CHECK(!mem_fault_hit());
		else
			CHECK(mem_fault_hit());
		talk_release(&talk);
	}
}
