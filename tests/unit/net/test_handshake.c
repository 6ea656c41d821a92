/* Handshakes: refused ones, broken ones, those in a storm, and what may be negotiated. */

#include "net/tls_internal.h"
#include "tls_peers.h"

/* ---- handshakes that lead nowhere ---- */

static void refuse_bytes(const char *bytes, size_t len, bool end, const char *expected)
{
	struct settings settings = pair_settings();
	struct hand hand;

	secured = 0;
	hand_init(&hand, &settings);
	CHECK_INT_EQ(send(hand.owner->other, bytes, len, 0), len);
	if (end)
		shutdown(hand.owner->other, SHUT_WR);
	TURN_UNTIL(hand.owner->loop, hand.owner->ends == 1);
	CHECK_INT_EQ(secured, 0);
	CHECK_UINT_EQ(hand.owner->got_len, 0);
	if (!strstr(stream_tls_failure(hand.owner->stream), expected))
		FAIL("\"%s\" is not in \"%s\"", expected, stream_tls_failure(hand.owner->stream));
	hand_release(&hand);
}

TEST(garbage_for_a_hello)
{
	static const char startup[] = "\0\0\0\x16\0\3\0\0user\0alice\0\0";
	static const char huge[] = "\x16\x03\x01\xff\xff\x01\0\xff\xff\xff";
	static const char alert[] = "\x15\x03\x01\x00\x02\x02\x28";

	refuse_bytes(startup, sizeof(startup) - 1, false, "handshake failed: error:");
	refuse_bytes(huge, sizeof(huge) - 1, false, "handshake failed: error:");
	refuse_bytes(alert, sizeof(alert) - 1, false, "handshake failed: error:");
	refuse_bytes("GET / HTTP/1.0\r\n\r\n", 18, false, "http request");
}

TEST(hello_that_breaks_off)
{
	static const char hello[] = "\x16\x03\x01\x01\x00\x01\x00\x00\xfc\x03\x03";

	refuse_bytes(hello, sizeof(hello) - 1, true, "handshake failed: unexpected EOF");
	refuse_bytes(hello, 3, true, "handshake failed: unexpected EOF");
}

/* Nothing to tell: it never said a word. */
TEST(nobody_there)
{
	refuse_bytes("", 0, true, "");
}

TEST(silence_costs_no_ssl_object)
{
	struct settings settings = pair_settings();
	struct hand hand;

	hand_init(&hand, &settings);
	turns(hand.owner->loop, 5);
	CHECK(hand.owner->stream->tls->ssl == NULL);
	CHECK_INT_EQ(hand.owner->ends, 0);
	hand_release(&hand);
}

TEST(closed_in_the_middle)
{
	struct settings settings = pair_settings();
	struct pair pair;

	for (int steps = 0; steps < 6; steps++) {
		pair_init(&pair);
		pair_start(&pair, &settings, "db.example");
		CHECK_INT_EQ(stream_write(pair.near->stream, SLICE_LITERAL("never sent")), OK);
		turns(pair.loop, steps);
		stream_close(pair.near->stream, true);
		pair.near->stream = NULL;
		if (steps < 2)
			TURN_UNTIL(pair.loop, pair.far->ends == 1);
		else
			turns(pair.loop, 3);
		pair_release(&pair);
	}
}

/* ---- protocol negotiation ---- */

static bool shake_with_protocols(const char *protocols, bool needed)
{
	struct settings settings = pair_settings();
	struct tls_context *context = context_for(TLS_WITH_CLIENTS, &settings);
	struct hand hand = { .owner = owner_new(quick_pair, &limits) };
	bool done;

	stream_set_events(hand.owner->stream, &tls_events, hand.owner);
	make_nonblocking(hand.owner->other);
	CHECK_INT_EQ(stream_start_tls(hand.owner->stream,
				      &(struct stream_tls_start){ .context = context,
								  .needs_protocol = needed }),
		     OK);
	tls_context_unref(context);
	hand.context = SSL_CTX_new(TLS_client_method());
	hand.ssl = SSL_new(hand.context);
	SSL_set_fd(hand.ssl, hand.owner->other);
	SSL_set_connect_state(hand.ssl);
	if (protocols)
		SSL_set_alpn_protos(hand.ssl, (const unsigned char *)protocols,
				    (unsigned)strlen(protocols));
	(void)hand_shake(&hand);
	TURN_UNTIL(hand.owner->loop, hand.owner->ends || stream_is_secured(hand.owner->stream));
	done = stream_is_secured(hand.owner->stream);
	hand_release(&hand);
	return done;
}

TEST(protocols)
{
	CHECK(shake_with_protocols("\012postgresql", true));
	CHECK(shake_with_protocols("\012postgresql", false));
	CHECK(shake_with_protocols("\2h2\012postgresql", true));
	CHECK(shake_with_protocols(NULL, false));
	CHECK(!shake_with_protocols(NULL, true));
	CHECK(!shake_with_protocols("\2h2", false));
	CHECK(!shake_with_protocols("\2h2\010http/1.1", true));
}

/* ---- a storm ---- */

/* More handshakes than fit in a turn: none is lost, and they take many turns. */
TEST(handshakes_are_spread_over_turns)
{
	enum { COUNT = 40 };
	struct settings settings = pair_settings();
	struct identity slow = identity_make(&(struct identity_wish){ .file = "slow",
								      .name = "db.example",
								      .from = &authority,
								      .key = EVP_RSA_gen(3072) });
	struct tls_context *clients, *servers = context_for(TLS_WITH_SERVERS, &settings);
	struct loop *loop = loop_new();
	struct owner *owners[COUNT * 2];
	int needed = 0;

	settings.client_tls_cert_file = slow.certificate_file;
	settings.client_tls_key_file = slow.key_file;
	clients = context_for(TLS_WITH_CLIENTS, &settings);
	secured = 0;
	for (int i = 0; i < COUNT * 2; i += 2) {
		int ends[2];

		unix_pair(ends);
		owners[i] = tls_owner(loop, ends[0]);
		owners[i + 1] = tls_owner(loop, ends[1]);
		CHECK_INT_EQ(start(owners[i], clients, NULL), OK);
		CHECK_INT_EQ(start(owners[i + 1], servers, "db.example"), OK);
	}
	for (; needed < 5000 && secured < COUNT * 2; needed++)
		turn(loop);
	CHECK_INT_EQ(secured, COUNT * 2);
	/* Without a bound about four: hello, answer, finish. */
	CHECK(needed > 8);
	for (int i = 0; i < COUNT * 2; i++) {
		stream_close(owners[i]->stream, true);
		free(owners[i]);
	}
	turn(loop);
	tls_context_unref(clients);
	tls_context_unref(servers);
	identity_free(&slow);
	loop_free(loop);
}

/* ---- without memory ---- */

TEST(every_allocation_may_fail)
{
	struct settings settings = pair_settings();
	struct tls_context *clients = context_for(TLS_WITH_CLIENTS, &settings);
	struct tls_context *servers = context_for(TLS_WITH_SERVERS, &settings);
	bool hit = true;

	for (uint64_t nth = 1; hit && nth < 50; nth++) {
		struct pair pair;

		pair_init(&pair);
		mem_fail_at(nth);
		if (start(pair.near, clients, NULL) == OK &&
		    start(pair.far, servers, "db.example") == OK) {
			for (int i = 0; i < 200 && !pair_is_settled(&pair); i++)
				turn(pair.loop);
			if (stream_write(pair.far->stream, SLICE_LITERAL("hello")) == OK)
				turns(pair.loop, 3);
		}
		hit = mem_fault_hit();
		mem_fail_at(0);
		pair_release(&pair);
	}
	CHECK(!hit);
	tls_context_unref(clients);
	tls_context_unref(servers);
}
