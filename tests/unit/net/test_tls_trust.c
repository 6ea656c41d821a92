/* Whom TLS believes: certificates of servers and of clients, good and bad. */

#include "tls_peers.h"

/* ---- servers ---- */

/* Whether a server is believed that shows identity and was dialled as host. */
static bool believes_server(enum tls_mode mode, const struct identity *identity, const char *host,
			    const char *expected)
{
	struct settings settings = pair_settings();
	struct pair pair;
	bool believed;

	settings.client_tls_cert_file = identity->certificate_file;
	settings.client_tls_key_file = identity->key_file;
	settings.server_tls_sslmode = mode;
	settings.server_tls_ca_file = authority.certificate_file;
	pair_init(&pair);
	pair_start(&pair, &settings, host);
	TURN_UNTIL(pair.loop, pair_is_settled(&pair));
	believed = stream_is_secured(pair.far->stream);
	if (!strstr(stream_tls_failure(pair.far->stream), expected))
		FAIL("\"%s\" is not in \"%s\"", expected, stream_tls_failure(pair.far->stream));
	if (!believed)
		CHECK_INT_EQ(pair.far->error, EPROTO);
	pair_release(&pair);
	return believed;
}

TEST(servers_by_mode)
{
	make_identities();
	CHECK(believes_server(TLS_MODE_ALLOW, &stranger, "db.example", ""));
	CHECK(believes_server(TLS_MODE_PREFER, &stranger, "db.example", ""));
	CHECK(believes_server(TLS_MODE_REQUIRE, &stranger, "db.example", ""));
	CHECK(!believes_server(TLS_MODE_VERIFY_CA, &stranger, "db.example",
			       "certificate verify failed"));
	CHECK(!believes_server(TLS_MODE_VERIFY_FULL, &stranger, "db.example",
			       "certificate verify failed"));
	CHECK(believes_server(TLS_MODE_VERIFY_CA, &server, "other.example", ""));
	CHECK(believes_server(TLS_MODE_VERIFY_FULL, &server, "db.example", ""));
	CHECK(believes_server(TLS_MODE_VERIFY_FULL, &server, "DB.Example", ""));
	CHECK(!believes_server(TLS_MODE_VERIFY_FULL, &server, "other.example",
			       "(hostname mismatch)"));
	CHECK(!believes_server(TLS_MODE_VERIFY_FULL, &server, "example", "(hostname mismatch)"));
}

TEST(servers_by_address)
{
	struct identity named, plain;

	make_identities();
	CHECK(believes_server(TLS_MODE_VERIFY_FULL, &server, "10.0.0.7", ""));
	CHECK(!believes_server(TLS_MODE_VERIFY_FULL, &server, "10.0.0.8", "(IP address mismatch)"));
	CHECK(believes_server(TLS_MODE_VERIFY_CA, &server, "10.0.0.8", ""));
	/* The address as the common name: taken only where there are no alternative names. */
	plain = identity_make(
		&(struct identity_wish){ .file = "plain", .name = "10.0.0.9", .from = &authority });
	CHECK(believes_server(TLS_MODE_VERIFY_FULL, &plain, "10.0.0.9", ""));
	CHECK(!believes_server(TLS_MODE_VERIFY_FULL, &plain, "10.0.0.1", "mismatch"));
	named = identity_make(&(struct identity_wish){ .file = "named",
						       .name = "10.0.0.9",
						       .alternative = "DNS:db.example",
						       .from = &authority });
	CHECK(!believes_server(TLS_MODE_VERIFY_FULL, &named, "10.0.0.9", "mismatch"));
	identity_free(&plain);
	identity_free(&named);
}

TEST(servers_with_odd_certificates)
{
	struct identity old, wild;

	make_identities();
	old = identity_make(&(struct identity_wish){
		.file = "old", .name = "db.example", .from = &authority, .days = -1 });
	CHECK(!believes_server(TLS_MODE_VERIFY_CA, &old, "db.example", "expired"));
	CHECK(believes_server(TLS_MODE_REQUIRE, &old, "db.example", ""));
	wild = identity_make(
		&(struct identity_wish){ .file = "wild",
					 .name = "wild",
					 .alternative = "DNS:*.db.example,DNS:a*.example",
					 .from = &authority });
	CHECK(believes_server(TLS_MODE_VERIFY_FULL, &wild, "one.db.example", ""));
	CHECK(!believes_server(TLS_MODE_VERIFY_FULL, &wild, "one.two.db.example", "mismatch"));
	CHECK(!believes_server(TLS_MODE_VERIFY_FULL, &wild, "abc.example", "mismatch"));
	identity_free(&old);
	identity_free(&wild);
}

/* ---- clients ---- */

/* What is seen of a client that shows identity (NULL: none); *in: whether it came in. */
static bool has_good_certificate(enum tls_mode mode, bool has_authority,
				 const struct identity *identity, bool *in)
{
	struct settings settings = pair_settings();
	struct buffer name = BUFFER_EMPTY;
	struct pair pair;
	bool good;

	settings.client_tls_sslmode = mode;
	if (has_authority)
		settings.client_tls_ca_file = authority.certificate_file;
	if (identity) {
		settings.server_tls_cert_file = identity->certificate_file;
		settings.server_tls_key_file = identity->key_file;
	}
	pair_init(&pair);
	pair_start(&pair, &settings, "db.example");
	TURN_UNTIL(pair.loop, stream_is_secured(pair.near->stream) || pair.near->ends);
	*in = stream_is_secured(pair.near->stream);
	good = stream_has_certificate(pair.near->stream);
	if (good) {
		CHECK_INT_EQ(stream_certificate_name(pair.near->stream, &name), OK);
		CHECK_SLICE_EQ(buffer_slice(&name), SLICE_LITERAL("alice"));
		CHECK(stream_certificate_names(pair.near->stream, SLICE_LITERAL("alice")));
	} else {
		CHECK_INT_EQ(stream_certificate_name(pair.near->stream, &name), AGAIN);
		CHECK(!stream_certificate_names(pair.near->stream, SLICE_LITERAL("alice")));
	}
	buffer_release(&name);
	pair_release(&pair);
	return good;
}

TEST(clients_that_need_a_certificate)
{
	bool in;

	make_identities();
	for (int mode = TLS_MODE_VERIFY_CA; mode <= TLS_MODE_VERIFY_FULL; mode++) {
		CHECK(has_good_certificate((enum tls_mode)mode, true, &client, &in) && in);
		CHECK(!has_good_certificate((enum tls_mode)mode, true, &stranger, &in) && !in);
		CHECK(!has_good_certificate((enum tls_mode)mode, true, NULL, &in) && !in);
	}
}

/* With authorities at hand a certificate is asked for, and only a good one is worth something. */
TEST(clients_that_may_have_one)
{
	bool in;

	make_identities();
	CHECK(has_good_certificate(TLS_MODE_REQUIRE, true, &client, &in) && in);
	CHECK(!has_good_certificate(TLS_MODE_REQUIRE, true, &stranger, &in) && in);
	CHECK(!has_good_certificate(TLS_MODE_ALLOW, true, NULL, &in) && in);
	CHECK(!has_good_certificate(TLS_MODE_ALLOW, false, &client, &in) && in);
}

/* One that has run out is none. */
TEST(clients_with_odd_certificates)
{
	struct identity old;
	bool in;

	make_identities();
	old = identity_make(&(struct identity_wish){
		.file = "oldclient", .name = "alice", .from = &authority, .days = -1 });
	CHECK(!has_good_certificate(TLS_MODE_VERIFY_CA, true, &old, &in) && !in);
	CHECK(!has_good_certificate(TLS_MODE_PREFER, true, &old, &in) && in);
	identity_free(&old);
}
