/* TLS contexts: what settings are understood, and what is said about those that are not. */

#include <openssl/ssl.h>

#include "net/tls.h"
#include "net/tls_internal.h"
#include "tls_certificates.h"

static struct identity authority, server;

static void free_identities(void)
{
	identity_free(&authority);
	identity_free(&server);
}

static void make_identities(void)
{
	if (authority.key)
		return;
	atexit(free_identities);
	authority =
		identity_make(&(struct identity_wish){ .file = "ca", .name = "test authority" });
	server = identity_make(&(struct identity_wish){
		.file = "server", .name = "localhost", .from = &authority });
}

/* Settings with which clients may use TLS. */
static struct settings usable(void)
{
	struct settings settings = tls_settings();

	make_identities();
	settings.client_tls_sslmode = TLS_MODE_ALLOW;
	settings.client_tls_cert_file = server.certificate_file;
	settings.client_tls_key_file = server.key_file;
	return settings;
}

static char reason[2048];

/* The context, or NULL and the reason in reason. */
static struct tls_context *make(enum tls_side side, const struct settings *settings)
{
	struct buffer why = BUFFER_EMPTY;
	struct tls_context *context = tls_context_new(side, settings, &why);

	snprintf(reason, sizeof(reason), "%.*s", (int)why.len, why.len ? why.data : "");
	buffer_release(&why);
	return context;
}

#define CHECK_REFUSED(side, settings, ...)                                                         \
	do {                                                                                       \
		static const char *const parts_[] = { __VA_ARGS__ };                               \
		struct tls_context *context_ = make(side, settings);                               \
		CHECK(context_ == NULL);                                                           \
		for (size_t i_ = 0; i_ < COUNT_OF(parts_); i_++)                                   \
			if (!strstr(reason, parts_[i_]))                                           \
				FAIL("\"%s\" is not in \"%s\"", parts_[i_], reason);               \
		tls_context_unref(context_);                                                       \
	} while (0)

#define CHECK_MADE(side, settings)                                                                 \
	do {                                                                                       \
		struct tls_context *context_ = make(side, settings);                               \
		if (!context_)                                                                     \
			FAIL("refused: %s", reason);                                               \
		tls_context_unref(context_);                                                       \
	} while (0)

TEST(protocols)
{
	static const struct {
		const char *text;
		unsigned versions; /* 0: refused */
	} cases[] = {
		{ "secure", 0xc },
		{ "default", 0xc },
		{ "all", 0xf },
		{ "tlsv1", 0xf },
		{ "tlsv1.2", 0x4 },
		{ "TLSv1.3", 0x8 },
		{ "tlsv1.0,tlsv1.3", 0x9 },
		{ "tlsv1.1:tlsv1.2", 0x6 },
		{ " tlsv1.1 , tlsv1.2 ", 0x6 },
		{ "!tlsv1.3", 0x7 },
		{ "!tlsv1.0,!tlsv1.1", 0xc },
		{ "all,!tlsv1.0", 0xe },
		{ "secure,tlsv1.1,!tlsv1.3", 0x6 },
		{ "secure,!secure", 0 },
		{ "!all", 0 },
		{ "", 0 },
		{ "tlsv1.2,", 0 },
		{ "tlsv1.4", 0 },
		{ "legacy", 0 },
		{ "sslv3", 0 },
		{ "!", 0 },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		unsigned versions = 0;
		enum result result = tls_protocols_read(slice_of(cases[i].text), &versions);

		if (result != (cases[i].versions ? OK : BROKEN) || versions != cases[i].versions)
			FAIL("\"%s\" gives %d, 0x%x", cases[i].text, result, versions);
	}
}

TEST(disabled_reads_nothing)
{
	struct settings settings = tls_settings();
	struct tls_context *context;

	settings.client_tls_cert_file = "/nowhere";
	context = make(TLS_WITH_CLIENTS, &settings);
	REQUIRE(context);
	CHECK_INT_EQ(tls_context_mode(context), TLS_MODE_DISABLE);
	tls_context_unref(context);
}

TEST(every_mode_is_made)
{
	struct settings settings = usable();

	settings.client_tls_ca_file = settings.server_tls_ca_file = authority.certificate_file;
	for (int mode = TLS_MODE_ALLOW; mode <= TLS_MODE_VERIFY_FULL; mode++) {
		settings.client_tls_sslmode = settings.server_tls_sslmode = (enum tls_mode)mode;
		CHECK_MADE(TLS_WITH_CLIENTS, &settings);
		CHECK_MADE(TLS_WITH_SERVERS, &settings);
	}
}

TEST(what_clients_need)
{
	struct settings settings = usable();

	settings.client_tls_key_file = "";
	CHECK_REFUSED(TLS_WITH_CLIENTS, &settings, "client_tls_key_file", "client_tls_cert_file");
	settings = usable();
	settings.client_tls_cert_file = "";
	CHECK_REFUSED(TLS_WITH_CLIENTS, &settings, "client_tls_cert_file");
	settings = usable();
	settings.client_tls_sslmode = TLS_MODE_VERIFY_FULL;
	CHECK_REFUSED(TLS_WITH_CLIENTS, &settings, "client_tls_ca_file");
	settings = usable();
	settings.auth_type = AUTH_TYPE_CERT;
	CHECK_REFUSED(TLS_WITH_CLIENTS, &settings, "auth_type cert needs client_tls_ca_file");
	settings.client_tls_ca_file = authority.certificate_file;
	CHECK_MADE(TLS_WITH_CLIENTS, &settings);
	settings = tls_settings();
	settings.auth_type = AUTH_TYPE_CERT;
	CHECK_REFUSED(TLS_WITH_CLIENTS, &settings, "auth_type cert needs", "client_tls_sslmode");
	CHECK_MADE(TLS_WITH_SERVERS, &settings);
}

TEST(servers_need_key_and_certificate_together)
{
	struct settings settings = usable();

	CHECK_MADE(TLS_WITH_SERVERS, &settings);
	settings.server_tls_cert_file = server.certificate_file;
	CHECK_REFUSED(TLS_WITH_SERVERS, &settings, "server_tls_key_file");
	settings.server_tls_key_file = server.key_file;
	CHECK_MADE(TLS_WITH_SERVERS, &settings);
}

TEST(missing_files_are_named)
{
	struct settings settings = usable();

	settings.client_tls_cert_file = "/nowhere/a.crt";
	CHECK_REFUSED(TLS_WITH_CLIENTS, &settings,
		      "failed to load certificate file \"/nowhere/a.crt\": "
		      "error:80000002:system library::No such file or directory",
		      "client_tls_cert_file");
	settings = usable();
	settings.client_tls_key_file = "/nowhere/a.key";
	CHECK_REFUSED(TLS_WITH_CLIENTS, &settings,
		      "failed to load private key file \"/nowhere/a.key\": "
		      "error:80000002:system library::No such file or directory",
		      "client_tls_key_file");
	settings = usable();
	settings.client_tls_ca_file = "/nowhere/ca.crt";
	CHECK_REFUSED(TLS_WITH_CLIENTS, &settings, "failed to load CA file \"/nowhere/ca.crt\"",
		      "No such file", "client_tls_ca_file");
	settings.server_tls_ca_file = "/nowhere/ca.crt";
	CHECK_REFUSED(TLS_WITH_SERVERS, &settings, "/nowhere/ca.crt", "server_tls_ca_file");
}

TEST(files_that_are_something_else)
{
	struct settings settings = usable();
	struct identity other = identity_make(
		&(struct identity_wish){ .file = "other", .name = "other", .from = &authority });

	settings.client_tls_cert_file = server.key_file;
	CHECK_REFUSED(TLS_WITH_CLIENTS, &settings, "no start line");
	settings = usable();
	settings.client_tls_key_file = server.certificate_file;
	CHECK_REFUSED(TLS_WITH_CLIENTS, &settings, "failed to load private key file");
	settings = usable();
	settings.client_tls_key_file = other.key_file;
	CHECK_REFUSED(TLS_WITH_CLIENTS, &settings, "key values mismatch");
	settings = usable();
	settings.client_tls_ca_file = server.key_file;
	CHECK_REFUSED(TLS_WITH_CLIENTS, &settings, "failed to load CA file");
	identity_free(&other);
}

/* Nobody is asked for it on a terminal. */
TEST(key_with_passphrase)
{
	struct settings settings = usable();
	char path[96];
	FILE *file = fopen(certificates_path("locked", "key", path), "w");

	PEM_write_PrivateKey(file, server.key, EVP_aes_128_cbc(), NULL, 0, NULL,
			     (char[]){ "secret" });
	fclose(file);
	settings.client_tls_key_file = path;
	CHECK_REFUSED(TLS_WITH_CLIENTS, &settings, "failed to load private key file");
}

TEST(ciphers)
{
	static const char *const defaults[] = { "default", "secure", "normal", "fast", "" };
	struct settings settings = usable();

	for (size_t i = 0; i < COUNT_OF(defaults); i++) {
		settings.client_tls_ciphers = defaults[i];
		CHECK_MADE(TLS_WITH_CLIENTS, &settings);
	}
	settings.client_tls_ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256:!aNULL";
	CHECK_MADE(TLS_WITH_CLIENTS, &settings);
	settings.client_tls_ciphers = "no such cipher";
	CHECK_REFUSED(TLS_WITH_CLIENTS, &settings, "no such cipher", "client_tls_ciphers");
	settings = usable();
	settings.client_tls13_ciphers = "TLS_AES_128_GCM_SHA256";
	CHECK_MADE(TLS_WITH_CLIENTS, &settings);
	settings.client_tls13_ciphers = "nonsense";
	CHECK_REFUSED(TLS_WITH_CLIENTS, &settings, "failed to set the TLSv1.3 cipher suites",
		      "client_tls13_ciphers");
	settings.server_tls13_ciphers = "nonsense";
	CHECK_REFUSED(TLS_WITH_SERVERS, &settings, "failed to set the TLSv1.3 cipher suites",
		      "server_tls13_ciphers");
}

TEST(curves_and_parameters)
{
	static const char *const good[] = { "auto", "none", "prime256v1", "secp384r1", "X25519" };
	static const char *const parameters[] = { "auto", "none", "legacy" };
	struct settings settings = usable();

	for (size_t i = 0; i < COUNT_OF(good); i++) {
		settings.client_tls_ecdhcurve = good[i];
		CHECK_MADE(TLS_WITH_CLIENTS, &settings);
	}
	settings.client_tls_ecdhcurve = "round";
	CHECK_REFUSED(TLS_WITH_CLIENTS, &settings, "\"round\"", "client_tls_ecdhcurve");
	settings = usable();
	for (size_t i = 0; i < COUNT_OF(parameters); i++) {
		settings.client_tls_dheparams = parameters[i];
		CHECK_MADE(TLS_WITH_CLIENTS, &settings);
	}
}

TEST(bad_protocols)
{
	struct settings settings = usable();

	settings.client_tls_protocols = "tlsv9";
	CHECK_REFUSED(TLS_WITH_CLIENTS, &settings, "invalid client_tls_protocols: \"tlsv9\"");
	settings.client_tls_protocols = "tlsv1.0,tlsv1.3";
	CHECK_MADE(TLS_WITH_CLIENTS, &settings);
}

TEST(equal_only_while_nothing_changes)
{
	struct settings settings = usable();
	struct tls_context *first = make(TLS_WITH_CLIENTS, &settings), *second;
	struct identity renewed;

	REQUIRE(first);
	second = make(TLS_WITH_CLIENTS, &settings);
	CHECK(tls_context_equal(first, second));
	tls_context_unref(second);
	settings.client_tls_sslmode = TLS_MODE_REQUIRE;
	second = make(TLS_WITH_CLIENTS, &settings);
	CHECK(!tls_context_equal(first, second));
	tls_context_unref(second);
	settings = usable();
	settings.client_tls_ciphers = "HIGH";
	second = make(TLS_WITH_CLIENTS, &settings);
	CHECK(!tls_context_equal(first, second));
	tls_context_unref(second);
	/* The same settings, another certificate in the file. */
	settings = usable();
	renewed = identity_make(&(struct identity_wish){
		.file = "server", .name = "localhost", .from = &authority });
	second = make(TLS_WITH_CLIENTS, &settings);
	CHECK(!tls_context_equal(first, second));
	tls_context_unref(second);
	tls_context_unref(first);
	identity_write(&server, "server");
	identity_free(&renewed);
}

TEST(shared_by_counting)
{
	struct settings settings = usable();
	struct tls_context *context = make(TLS_WITH_CLIENTS, &settings);

	REQUIRE(context);
	CHECK(tls_context_ref(context) == context);
	tls_context_unref(context);
	CHECK_INT_EQ(tls_context_mode(context), TLS_MODE_ALLOW);
	tls_context_unref(context);
	tls_context_unref(NULL);
}

TEST(no_memory)
{
	struct settings settings = usable();

	mem_fail_at(1);
	CHECK_REFUSED(TLS_WITH_CLIENTS, &settings, "");
}

/* RFC 5929 section 4.1: MD5 and SHA-1 are replaced, the others stay, Ed25519 has none. */
TEST(end_point_hashes)
{
	const EVP_MD *const hashes[] = { EVP_sha1(), EVP_sha256(), EVP_sha384(), EVP_sha512() };
	const size_t lengths[] = { 32, 32, 48, 64 };
	uint8_t hash[TLS_END_POINT_MAX], expected[EVP_MAX_MD_SIZE];
	struct identity one;
	unsigned len;

	for (size_t i = 0; i < COUNT_OF(hashes); i++) {
		one = identity_make(&(struct identity_wish){
			.file = "hashed", .name = "hashed", .hash = hashes[i] });
		CHECK_UINT_EQ(certificate_end_point(one.certificate, hash), lengths[i]);
		X509_digest(one.certificate, i == 0 ? EVP_sha256() : hashes[i], expected, &len);
		CHECK(memcmp(hash, expected, lengths[i]) == 0);
		identity_free(&one);
	}
	one = identity_make(
		&(struct identity_wish){ .file = "ed25519",
					 .name = "ed25519",
					 .key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") });
	CHECK_UINT_EQ(certificate_end_point(one.certificate, hash), 0);
	identity_free(&one);
}

TEST(names)
{
	struct identity one = identity_make(&(struct identity_wish){
		.file = "named", .name = "alice", .alternative = "DNS:bob,IP:127.0.0.1" });
	struct buffer name = BUFFER_EMPTY;

	CHECK_INT_EQ(certificate_common_name(one.certificate, &name), OK);
	CHECK_SLICE_EQ(buffer_slice(&name), SLICE_LITERAL("alice"));
	CHECK(certificate_has_name(one.certificate, SLICE_LITERAL("alice")));
	CHECK(certificate_has_name(one.certificate, SLICE_LITERAL("bob")));
	CHECK(!certificate_has_name(one.certificate, SLICE_LITERAL("Alice")));
	CHECK(!certificate_has_name(one.certificate, SLICE_LITERAL("alic")));
	CHECK(!certificate_has_name(one.certificate, SLICE_LITERAL("127.0.0.1")));
	CHECK(!certificate_is_only_named(one.certificate, SLICE_LITERAL("alice")));
	buffer_release(&name);
	identity_free(&one);
}

/* Two names, or one with a zero byte inside, are nobody's. */
TEST(names_that_are_none)
{
	struct identity one = identity_make(&(struct identity_wish){ .file = "x", .name = "x" });
	X509_NAME *subject = X509_get_subject_name(one.certificate);
	struct buffer name = BUFFER_EMPTY;

	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)"y", -1, -1,
				   0);
	CHECK_INT_EQ(certificate_common_name(one.certificate, &name), AGAIN);
	X509_NAME_ENTRY_free(X509_NAME_delete_entry(subject, 0));
	X509_NAME_ENTRY_free(X509_NAME_delete_entry(subject, 0));
	CHECK_INT_EQ(certificate_common_name(one.certificate, &name), AGAIN);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
				   (const unsigned char *)"root\0.example", 13, -1, 0);
	CHECK_INT_EQ(certificate_common_name(one.certificate, &name), BROKEN);
	CHECK(!certificate_has_name(one.certificate, SLICE_LITERAL("root")));
	buffer_release(&name);
	identity_free(&one);
}
