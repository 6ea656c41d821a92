/* TLS on a stream: handshakes, bytes both ways, ends, and whom we believe. */

#include "tls_peers.h"

static void write_text(struct owner *owner, const char *text)
{
	CHECK_INT_EQ(stream_write(owner->stream, slice_of(text)), OK);
}

/* ---- the good way ---- */

TEST(bytes_go_both_ways)
{
	struct settings settings = pair_settings();
	struct pair pair;

	pair_init(&pair);
	pair_start(&pair, &settings, "db.example");
	TURN_UNTIL(pair.loop, secured == 2);
	write_text(pair.near, "from near");
	write_text(pair.far, "from far");
	TURN_UNTIL(pair.loop, pair.near->got_len && pair.far->got_len);
	CHECK_GOT(pair.near, "from far");
	CHECK_GOT(pair.far, "from near");
	CHECK_UINT_EQ(stream_bytes_in(pair.near->stream), 8);
	CHECK_UINT_EQ(stream_bytes_out(pair.near->stream), 9);
	pair_release(&pair);
}

TEST(facts)
{
	struct settings settings = pair_settings();
	uint8_t ours[STREAM_END_POINT_MAX], theirs[STREAM_END_POINT_MAX];
	struct pair pair;

	pair_init(&pair);
	CHECK(strcmp(stream_tls_info(pair.near->stream), "") == 0);
	CHECK_UINT_EQ(stream_tls_end_point(pair.near->stream, ours), 0);
	pair_start(&pair, &settings, "db.example");
	CHECK(strcmp(stream_tls_info(pair.near->stream), "") == 0);
	CHECK_UINT_EQ(stream_tls_end_point(pair.near->stream, ours), 0);
	TURN_UNTIL(pair.loop, secured == 2);
	CHECK(strcmp(stream_tls_info(pair.near->stream), "TLSv1.3/TLS_AES_256_GCM_SHA384") == 0);
	CHECK(strcmp(stream_tls_failure(pair.near->stream), "") == 0);
	CHECK_UINT_EQ(stream_tls_end_point(pair.near->stream, ours), 32);
	CHECK_UINT_EQ(stream_tls_end_point(pair.far->stream, theirs), 32);
	CHECK(memcmp(ours, theirs, 32) == 0);
	CHECK(!stream_has_certificate(pair.near->stream));
	pair_release(&pair);
}

static void exchange_with(const char *protocols, const char *expected)
{
	struct settings settings = pair_settings();
	struct pair pair;

	settings.client_tls_protocols = protocols;
	/* TLS 1.0 and 1.1 sign with SHA-1, which OpenSSL 3 allows on level 0 only. */
	settings.client_tls_ciphers = settings.server_tls_ciphers = "DEFAULT@SECLEVEL=0";
	settings.server_tls_protocols = "all";
	pair_init(&pair);
	pair_start(&pair, &settings, "db.example");
	TURN_UNTIL(pair.loop, pair_is_settled(&pair));
	CHECK_INT_EQ(strncmp(stream_tls_info(pair.near->stream), expected, strlen(expected)), 0);
	write_text(pair.far, "hello");
	TURN_UNTIL(pair.loop, pair.near->got_len);
	CHECK_GOT(pair.near, "hello");
	pair_release(&pair);
}

TEST(every_version)
{
	exchange_with("tlsv1.0", "TLSv1/");
	exchange_with("tlsv1.1", "TLSv1.1/");
	exchange_with("tlsv1.2", "TLSv1.2/");
	exchange_with("tlsv1.3", "TLSv1.3/");
	exchange_with("tlsv1.0,tlsv1.3", "TLSv1.3/");
}

TEST(no_common_version)
{
	struct settings settings = pair_settings();
	struct pair pair;

	settings.client_tls_protocols = "tlsv1.3";
	settings.server_tls_protocols = "tlsv1.2";
	pair_init(&pair);
	pair_start(&pair, &settings, "db.example");
	TURN_UNTIL(pair.loop, pair.near->ends && pair.far->ends);
	CHECK_INT_EQ(secured, 0);
	CHECK(strstr(stream_tls_failure(pair.near->stream), "handshake failed: error:"));
	pair_release(&pair);
}

TEST(written_before_is_sent_after)
{
	struct settings settings = pair_settings();
	struct pair pair;

	pair_init(&pair);
	pair_start(&pair, &settings, "db.example");
	write_text(pair.far, "early ");
	write_text(pair.far, "bird");
	TURN_UNTIL(pair.loop, pair.near->got_len == 10);
	CHECK_GOT(pair.near, "early bird");
	pair_release(&pair);
}

TEST(queued_before_is_sent_plainly)
{
	struct settings settings = pair_settings();
	struct hand hand = { .owner = owner_new(quick_pair, &limits) };
	struct tls_context *context = context_for(TLS_WITH_CLIENTS, &settings);
	char answer[8] = "";

	write_text(hand.owner, "S");
	CHECK_INT_EQ(start(hand.owner, context, NULL), OK);
	tls_context_unref(context);
	CHECK_INT_EQ(recv(hand.owner->other, answer, sizeof(answer), 0), 1);
	CHECK_INT_EQ(answer[0], 'S');
	owner_free(hand.owner);
}

/* Larger than every buffer on the way, and read slowly at first. */
TEST(much_in_both_directions)
{
	enum { LEN = 900 * 1024 };
	struct settings settings = pair_settings();
	char *bytes = malloc(LEN);
	struct pair pair;

	for (size_t i = 0; i < LEN; i++)
		bytes[i] = (char)(i * 7 + i / 251);
	pair_init(&pair);
	/* Small buffers in the kernel, so that ours fill. */
	setsockopt(stream_fd(pair.far->stream), SOL_SOCKET, SO_SNDBUF, &(int){ 32768 },
		   sizeof(int));
	setsockopt(stream_fd(pair.near->stream), SOL_SOCKET, SO_RCVBUF, &(int){ 32768 },
		   sizeof(int));
	pair_start(&pair, &settings, "db.example");
	TURN_UNTIL(pair.loop, secured == 2);
	stream_pause(pair.near->stream);
	for (size_t at = 0; at < LEN;) {
		/* Sizes around those of records and of what is sent without a copy. */
		size_t len = 1 + at * 13 % 40000;

		len = len < LEN - at ? len : LEN - at;
		CHECK_INT_EQ(stream_write(pair.far->stream, (struct slice){ bytes + at, len }), OK);
		CHECK_INT_EQ(stream_write(pair.near->stream, (struct slice){ bytes + at, len }),
			     OK);
		at += len;
		turn(pair.loop);
	}
	CHECK_UINT_EQ(pair.near->got_len, 0);
	stream_resume(pair.near->stream);
	TURN_UNTIL(pair.loop, pair.near->got_len >= LEN && pair.far->got_len >= LEN);
	CHECK(got_many(pair.near, LEN));
	CHECK(got_many(pair.far, LEN));
	TURN_UNTIL(pair.loop, stream_out_len(pair.far->stream) == 0);
	CHECK(pair.far->rooms > 0);
	free(bytes);
	pair_release(&pair);
}

/* Many small records in one receive are shown in one go, and a late reader loses none. */
TEST(many_records_at_once)
{
	struct settings settings = pair_settings();
	struct hand hand;

	hand_init(&hand, &settings);
	CHECK(hand_shake(&hand));
	TURN_UNTIL(hand.owner->loop, stream_is_secured(hand.owner->stream));
	for (int i = 0; i < 200; i++)
		CHECK_INT_EQ(SSL_write(hand.ssl, "0123456789", 10), 10);
	sleep_ms(5);
	turns(hand.owner->loop, 2);
	CHECK_UINT_EQ(hand.owner->got_len, 2000);
	CHECK(hand.owner->inputs <= 3);
	hand_release(&hand);
}

TEST(records_larger_than_the_space)
{
	static const struct stream_limits narrow = {
		.read_size = 100,
		.out_high = 1000,
		.out_low = 10,
		.in_max = 5000,
		.turn_reads = 2,
	};
	struct settings settings = pair_settings();
	static char bytes[16000];
	struct pair pair;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 7 + i / 251);
	pair_init(&pair);
	pair_start(&pair, &settings, "db.example");
	TURN_UNTIL(pair.loop, secured == 2);
	pair.near->stream->limits = &narrow;
	CHECK_INT_EQ(stream_write(pair.far->stream, (struct slice){ bytes, sizeof(bytes) }), OK);
	TURN_UNTIL(pair.loop, pair.near->got_len == sizeof(bytes));
	CHECK(got_many(pair.near, sizeof(bytes)));
	pair_release(&pair);
}

/* The same when the owner stops at every message and goes on by itself. */
TEST(pausing_within_a_record)
{
	struct settings settings = pair_settings();
	struct pair pair;

	pair_init(&pair);
	pair_start(&pair, &settings, "db.example");
	TURN_UNTIL(pair.loop, secured == 2);
	pair.near->at_most = 3;
	pair.near->pause_in_input = true;
	write_text(pair.far, "abcdefghij");
	for (int i = 0; i < 2000 && pair.near->got_len < 10; i++) {
		turn(pair.loop);
		stream_resume(pair.near->stream);
	}
	CHECK_GOT(pair.near, "abcdefghij");
	pair_release(&pair);
}

/* ---- bytes that come in pieces ---- */

/* Passes on what one end has to say, one byte at a time, a few of them in a turn. */
static void trickle(int from, int to)
{
	char bytes[7];
	ssize_t n = recv(from, bytes, sizeof(bytes), MSG_DONTWAIT);

	for (ssize_t i = 0; i < n; i++)
		CHECK_INT_EQ(send(to, bytes + i, 1, MSG_NOSIGNAL), 1);
}

TEST(byte_by_byte)
{
	struct settings settings = pair_settings();
	struct tls_context *clients = context_for(TLS_WITH_CLIENTS, &settings);
	struct tls_context *servers = context_for(TLS_WITH_SERVERS, &settings);
	struct pair pair = { .loop = loop_new() };
	int a[2], b[2];

	secured = 0;
	unix_pair(a);
	unix_pair(b);
	pair.near = tls_owner(pair.loop, a[0]);
	pair.far = tls_owner(pair.loop, b[0]);
	CHECK_INT_EQ(start(pair.near, clients, NULL), OK);
	CHECK_INT_EQ(start(pair.far, servers, "db.example"), OK);
	write_text(pair.far, "drop by drop");
	for (int i = 0; i < 3000 && pair.near->got_len < 12; i++) {
		turn(pair.loop);
		trickle(a[1], b[1]);
		turn(pair.loop);
		trickle(b[1], a[1]);
	}
	CHECK_INT_EQ(secured, 2);
	CHECK_GOT(pair.near, "drop by drop");
	close(a[1]);
	close(b[1]);
	tls_context_unref(clients);
	tls_context_unref(servers);
	pair_release(&pair);
}

/* A direct handshake: its first bytes were received as plain input. */
TEST(handshake_received_before)
{
	struct settings settings = pair_settings();
	struct tls_context *context = context_for(TLS_WITH_CLIENTS, &settings);
	struct hand hand;

	hand = (struct hand){ .owner = owner_new(quick_pair, &limits) };
	secured = 0;
	stream_set_events(hand.owner->stream, &tls_events, hand.owner);
	make_nonblocking(hand.owner->other);
	hand.context = SSL_CTX_new(TLS_client_method());
	hand.ssl = SSL_new(hand.context);
	SSL_set_fd(hand.ssl, hand.owner->other);
	SSL_set_connect_state(hand.ssl);
	CHECK_INT_EQ(SSL_do_handshake(hand.ssl), -1);
	hand.owner->leave = 1000000;
	TURN_UNTIL(hand.owner->loop, stream_input(hand.owner->stream).len > 100);
	hand.owner->leave = 0;
	CHECK_INT_EQ(start(hand.owner, context, NULL), OK);
	CHECK_UINT_EQ(stream_input(hand.owner->stream).len, 0);
	CHECK(hand_shake(&hand));
	TURN_UNTIL(hand.owner->loop, secured == 1);
	CHECK_INT_EQ(SSL_write(hand.ssl, "inside", 6), 6);
	TURN_UNTIL(hand.owner->loop, hand.owner->got_len == 6);
	CHECK_GOT(hand.owner, "inside");
	tls_context_unref(context);
	hand_release(&hand);
}

/* ---- ends ---- */

TEST(farewell)
{
	struct settings settings = pair_settings();
	struct hand hand;
	char text[64];

	hand_init(&hand, &settings);
	CHECK(hand_shake(&hand));
	TURN_UNTIL(hand.owner->loop, stream_is_secured(hand.owner->stream));
	CHECK_INT_EQ(SSL_write(hand.ssl, "bye", 3), 3);
	CHECK_INT_EQ(SSL_shutdown(hand.ssl), 0);
	TURN_UNTIL(hand.owner->loop, hand.owner->ends == 1);
	CHECK_GOT(hand.owner, "bye");
	CHECK_INT_EQ(hand.owner->error, 0);
	/* The other direction is still open. */
	write_text(hand.owner, "so long");
	CHECK_INT_EQ(hand_read(&hand, text, sizeof(text)), 7);
	hand_release(&hand);
}

TEST(farewell_of_ours)
{
	struct settings settings = pair_settings();
	struct hand hand;
	char text[64];

	hand_init(&hand, &settings);
	CHECK(hand_shake(&hand));
	TURN_UNTIL(hand.owner->loop, stream_is_secured(hand.owner->stream));
	write_text(hand.owner, "last words");
	stream_close(hand.owner->stream, true);
	hand.owner->stream = NULL;
	CHECK_INT_EQ(hand_read(&hand, text, sizeof(text)), 10);
	CHECK_INT_EQ(hand_read(&hand, text, sizeof(text)), 0);
	CHECK_INT_EQ(SSL_get_shutdown(hand.ssl), SSL_RECEIVED_SHUTDOWN);
	hand_release(&hand);
}

TEST(end_without_farewell)
{
	struct settings settings = pair_settings();
	struct hand hand;

	hand_init(&hand, &settings);
	CHECK(hand_shake(&hand));
	TURN_UNTIL(hand.owner->loop, stream_is_secured(hand.owner->stream));
	CHECK_INT_EQ(SSL_write(hand.ssl, "and gone", 8), 8);
	shutdown(hand.owner->other, SHUT_WR);
	TURN_UNTIL(hand.owner->loop, hand.owner->ends == 1);
	CHECK_GOT(hand.owner, "and gone");
	CHECK_INT_EQ(hand.owner->error, 0);
	hand_release(&hand);
}

TEST(reset)
{
	struct settings settings = pair_settings();
	struct hand hand;

	hand_init(&hand, &settings);
	CHECK(hand_shake(&hand));
	TURN_UNTIL(hand.owner->loop, stream_is_secured(hand.owner->stream));
	reset_close(hand.owner->other);
	hand.owner->other = -1;
	TURN_UNTIL(hand.owner->loop, hand.owner->ends == 1);
	CHECK_INT_EQ(hand.owner->error, ECONNRESET);
	CHECK_INT_EQ(stream_write(hand.owner->stream, SLICE_LITERAL("x")), BROKEN);
	hand_release(&hand);
}

TEST(record_that_was_tampered_with)
{
	static const char forged[] = "\x17\x03\x03\x00\x20"
				     "0123456789abcdef0123456789abcdef";
	struct settings settings = pair_settings();
	struct hand hand;

	hand_init(&hand, &settings);
	CHECK(hand_shake(&hand));
	TURN_UNTIL(hand.owner->loop, stream_is_secured(hand.owner->stream));
	CHECK_INT_EQ(SSL_write(hand.ssl, "true", 4), 4);
	CHECK_INT_EQ(send(hand.owner->other, forged, sizeof(forged) - 1, 0), sizeof(forged) - 1);
	TURN_UNTIL(hand.owner->loop, hand.owner->ends == 1);
	CHECK_GOT(hand.owner, "true");
	CHECK_INT_EQ(hand.owner->error, EPROTO);
	CHECK(strstr(stream_tls_failure(hand.owner->stream), "read failed: error:"));
	CHECK_INT_EQ(hand.owner->ends, 1);
	hand_release(&hand);
}

TEST(plain_text_behind_the_handshake)
{
	struct settings settings = pair_settings();
	struct hand hand;

	hand_init(&hand, &settings);
	CHECK(hand_shake(&hand));
	TURN_UNTIL(hand.owner->loop, stream_is_secured(hand.owner->stream));
	say(hand.owner, "SELECT 1");
	TURN_UNTIL(hand.owner->loop, hand.owner->ends == 1);
	CHECK_UINT_EQ(hand.owner->got_len, 0);
	hand_release(&hand);
}

/* ---- what a client may try later ---- */

TEST(renegotiation_is_refused)
{
	struct settings settings = pair_settings();
	struct hand hand;
	char text[64];

	settings.client_tls_protocols = "tlsv1.2";
	hand_init(&hand, &settings);
	CHECK(hand_shake(&hand));
	TURN_UNTIL(hand.owner->loop, stream_is_secured(hand.owner->stream));
	CHECK_INT_EQ(SSL_renegotiate(hand.ssl), 1);
	CHECK(!hand_shake(&hand) || SSL_renegotiate_pending(hand.ssl));
	/* OpenSSL takes the refusal for an error of its own; ours either lives or has ended. */
	turns(hand.owner->loop, 5);
	(void)hand_read(&hand, text, sizeof(text));
	CHECK_UINT_EQ(hand.owner->got_len, 0);
	hand_release(&hand);
}

TEST(keys_are_updated)
{
	struct settings settings = pair_settings();
	struct hand hand;
	char text[64];

	hand_init(&hand, &settings);
	CHECK(hand_shake(&hand));
	TURN_UNTIL(hand.owner->loop, stream_is_secured(hand.owner->stream));
	hand.owner->echo = true;
	for (int i = 0; i < 5; i++) {
		CHECK_INT_EQ(SSL_key_update(hand.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
		CHECK_INT_EQ(SSL_write(hand.ssl, "ping", 4), 4);
		CHECK_INT_EQ(hand_read(&hand, text, sizeof(text)), 4);
		CHECK(strcmp(text, "ping") == 0);
	}
	hand_release(&hand);
}

TEST(nothing_is_resumed)
{
	struct settings settings = pair_settings();
	struct hand hand;
	char text[64];

	for (int version = 0; version < 2; version++) {
		settings.client_tls_protocols = version ? "tlsv1.3" : "tlsv1.2";
		hand_init(&hand, &settings);
		CHECK(hand_shake(&hand));
		TURN_UNTIL(hand.owner->loop, stream_is_secured(hand.owner->stream));
		write_text(hand.owner, "x");
		CHECK_INT_EQ(hand_read(&hand, text, sizeof(text)), 1);
		CHECK(!SSL_SESSION_is_resumable(SSL_get_session(hand.ssl)));
		hand_release(&hand);
	}
}
