/*
 * TLS contexts: from settings and files to an SSL_CTX with our habits (no compression, no
 * renegotiation, no resumption, buffers only while in use). Made by the daemon at start and at
 * each reload, all or nothing; held by whoever makes connections and by each connection.
 *
 * No resumption: libpq and PostgreSQL never resume, a ticket would cost every login two more
 * records, and would outlive the certificates and authorities it was given under.
 */
#include "net/tls.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "base/alloc.h"
#include "net/tls_internal.h"

/* The settings of one side, under common names. */
struct choices {
	const char *prefix; /* "client_tls" or "server_tls" */
	enum tls_mode mode;
	const char *ca_file, *cert_file, *key_file;
	const char *ciphers, *suites, *protocols;
	const char *dheparams, *curve; /* "auto" with servers: they choose */
	bool proves_clients;	       /* auth_type is cert */
};

static struct choices choices_of(enum tls_side side, const struct settings *settings)
{
	if (side == TLS_WITH_CLIENTS)
		return (struct choices){
			.prefix = "client_tls",
			.mode = settings->client_tls_sslmode,
			.ca_file = settings->client_tls_ca_file,
			.cert_file = settings->client_tls_cert_file,
			.key_file = settings->client_tls_key_file,
			.ciphers = settings->client_tls_ciphers,
			.suites = settings->client_tls13_ciphers,
			.protocols = settings->client_tls_protocols,
			.dheparams = settings->client_tls_dheparams,
			.curve = settings->client_tls_ecdhcurve,
			.proves_clients = settings->auth_type == AUTH_TYPE_CERT,
		};
	return (struct choices){
		.prefix = "server_tls",
		.mode = settings->server_tls_sslmode,
		.ca_file = settings->server_tls_ca_file,
		.cert_file = settings->server_tls_cert_file,
		.key_file = settings->server_tls_key_file,
		.ciphers = settings->server_tls_ciphers,
		.suites = settings->server_tls13_ciphers,
		.protocols = settings->server_tls_protocols,
		.dheparams = "auto",
		.curve = "auto",
	};
}

/* ---- reasons ---- */

void tls_append_reason(struct buffer *out)
{
	unsigned long error = ERR_get_error();
	char text[256] = "no reason given";

	if (error)
		ERR_error_string_n(error, text, sizeof(text));
	ERR_clear_error();
	buffer_append_text(out, text);
}

/* The reason why a setting cannot be used: format, then OpenSSL's word, then its name. */
static enum result PRINTF_LIKE(4, 5)
	fail(struct buffer *why, const char *prefix, const char *key, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	buffer_append_format(why, "%s: ", text);
	tls_append_reason(why);
	buffer_append_format(why, " (%s_%s)", prefix, key);
	return BROKEN;
}

/* ---- versions and ciphers ---- */

#define ALL_VERSIONS	0xfu
#define SECURE_VERSIONS 0xcu

static const struct {
	const char *name;
	unsigned versions;
} version_words[] = {
	{ "tlsv1.0", 1 },
	{ "tlsv1.1", 2 },
	{ "tlsv1.2", 4 },
	{ "tlsv1.3", 8 },
	{ "tlsv1", ALL_VERSIONS },
	{ "all", ALL_VERSIONS },
	{ "secure", SECURE_VERSIONS },
	{ "default", SECURE_VERSIONS },
};

/* Cuts the next word up to a comma or a colon, trimmed. */
static bool next_word(struct slice *rest, struct slice *word)
{
	size_t len = 0;

	if (!rest->data)
		return false;
	while (len < rest->len && rest->data[len] != ',' && rest->data[len] != ':')
		len++;
	*word = slice_trim((struct slice){ rest->data, len });
	if (len == rest->len) {
		*rest = SLICE_NONE;
	} else {
		rest->data += len + 1;
		rest->len -= len + 1;
	}
	return true;
}

enum result tls_protocols_read(struct slice text, unsigned *versions)
{
	struct slice word;
	unsigned sum = 0;
	bool first = true;

	while (next_word(&text, &word)) {
		bool without = word.len && *word.data == '!';
		unsigned named = 0;

		if (without)
			word = slice_trim((struct slice){ word.data + 1, word.len - 1 });
		for (size_t i = 0; i < COUNT_OF(version_words); i++)
			if (slice_equal_nocase(word, slice_of(version_words[i].name)))
				named = version_words[i].versions;
		if (!named)
			return BROKEN;
		if (without && first)
			sum = ALL_VERSIONS;
		sum = without ? sum & ~named : sum | named;
		first = false;
	}
	if (!sum)
		return BROKEN;
	*versions = sum;
	return OK;
}

static enum result use_protocols(SSL_CTX *ssl, const struct choices *choices, struct buffer *why)
{
	static const struct {
		int version;
		uint64_t leave_out;
	} known[] = {
		{ TLS1_VERSION, SSL_OP_NO_TLSv1 },
		{ TLS1_1_VERSION, SSL_OP_NO_TLSv1_1 },
		{ TLS1_2_VERSION, SSL_OP_NO_TLSv1_2 },
		{ TLS1_3_VERSION, SSL_OP_NO_TLSv1_3 },
	};
	unsigned versions = SECURE_VERSIONS;
	int lowest = 0, highest = 0;

	if (*choices->protocols &&
	    tls_protocols_read(slice_of(choices->protocols), &versions) != OK) {
		buffer_append_format(why, "invalid %s_protocols: \"%s\"", choices->prefix,
				     choices->protocols);
		return BROKEN;
	}
	for (size_t i = 0; i < COUNT_OF(known); i++) {
		if (!(versions & 1u << i)) {
			SSL_CTX_set_options(ssl, known[i].leave_out);
			continue;
		}
		highest = known[i].version;
		if (!lowest)
			lowest = highest;
	}
	/* Said aloud: the system's openssl.cnf may have a lowest version of its own. */
	if (!SSL_CTX_set_min_proto_version(ssl, lowest) ||
	    !SSL_CTX_set_max_proto_version(ssl, highest))
		return fail(why, choices->prefix, "protocols", "failed to set the TLS versions");
	return OK;
}

static bool is_library_default(const char *ciphers)
{
	static const char *const words[] = { "", "default", "secure", "normal", "fast" };

	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (slice_equal_nocase(slice_of(ciphers), slice_of(words[i])))
			return true;
	return false;
}

static enum result use_ciphers(SSL_CTX *ssl, const struct choices *choices, struct buffer *why)
{
	const char *list = is_library_default(choices->ciphers) ? "DEFAULT" : choices->ciphers;
	bool without_curves = strcmp(choices->curve, "none") == 0;
	char text[4096];
	int len = snprintf(text, sizeof(text), "%s%s", list, without_curves ? ":!kECDHE" : "");

	ERR_clear_error();
	if (len >= (int)sizeof(text) || !SSL_CTX_set_cipher_list(ssl, text))
		return fail(why, choices->prefix, "ciphers", "failed to set the cipher list \"%s\"",
			    choices->ciphers);
	if (choices->suites && *choices->suites && !SSL_CTX_set_ciphersuites(ssl, choices->suites))
		return fail(why,
			    strcmp(choices->prefix, "client_tls") == 0 ? "client_tls13"
								       : "server_tls13",
			    "ciphers", "failed to set the TLSv1.3 cipher suites");
	return OK;
}

/* Ephemeral keys: Diffie-Hellman parameters and elliptic curve. */
static enum result use_exchange(SSL_CTX *ssl, const struct choices *choices, struct buffer *why)
{
	const char *curve = choices->curve;

	if (strcmp(choices->dheparams, "none") != 0)
		/* 2: of 1024 bits, for peers that know no more */
		SSL_CTX_set_dh_auto(ssl, strcmp(choices->dheparams, "legacy") == 0 ? 2 : 1);
	if (!*curve || strcmp(curve, "auto") == 0 || strcmp(curve, "none") == 0)
		return OK;
	ERR_clear_error();
	if (!SSL_CTX_set1_groups_list(ssl, curve))
		return fail(why, choices->prefix, "ecdhcurve", "failed to set the curve \"%s\"",
			    curve);
	return OK;
}

/* ---- files ---- */

static enum result use_certificate(SSL_CTX *ssl, const struct choices *choices, struct buffer *why)
{
	const char *certificate = choices->cert_file, *key = choices->key_file;
	const char *prefix = choices->prefix;

	if (!*certificate && !*key)
		return OK;
	if (!*certificate || !*key) {
		buffer_append_format(why, "%s_cert_file and %s_key_file need each other", prefix,
				     prefix);
		return BROKEN;
	}
	ERR_clear_error();
	if (SSL_CTX_use_certificate_chain_file(ssl, certificate) != 1)
		return fail(why, prefix, "cert_file", "failed to load certificate file \"%s\"",
			    certificate);
	if (SSL_CTX_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM) != 1)
		return fail(why, prefix, "key_file", "failed to load private key file \"%s\"", key);
	if (SSL_CTX_check_private_key(ssl) != 1)
		return fail(why, prefix, "key_file",
			    "private key file \"%s\" does not belong to certificate file \"%s\"",
			    key, certificate);
	return OK;
}

/* Names of the authorities are sent to clients, so that they can choose a certificate. */
static enum result tell_authorities(SSL_CTX *ssl, const struct choices *choices, struct buffer *why)
{
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(choices->ca_file);

	if (!names)
		return fail(why, choices->prefix, "ca_file", "failed to load CA file \"%s\"",
			    choices->ca_file);
	SSL_CTX_set_client_CA_list(ssl, names);
	return OK;
}

static enum result use_authorities(SSL_CTX *ssl, const struct choices *choices, enum tls_side side,
				   struct buffer *why)
{
	ERR_clear_error();
	if (!*choices->ca_file) {
		/* Those that the system trusts. */
		if (choices->mode >= TLS_MODE_VERIFY_CA && !SSL_CTX_set_default_verify_paths(ssl))
			return fail(why, choices->prefix, "ca_file",
				    "failed to load the system's CA files");
		return OK;
	}
	if (!SSL_CTX_load_verify_file(ssl, choices->ca_file))
		return fail(why, choices->prefix, "ca_file", "failed to load CA file \"%s\"",
			    choices->ca_file);
	return side == TLS_WITH_CLIENTS ? tell_authorities(ssl, choices, why) : OK;
}

static enum result check_needs(const struct choices *choices, enum tls_side side,
			       struct buffer *why)
{
	bool uses = choices->mode != TLS_MODE_DISABLE;
	const char *lacks = NULL;

	if (side != TLS_WITH_CLIENTS)
		return OK;
	if (uses && (!*choices->cert_file || !*choices->key_file))
		lacks = "client_tls_sslmode other than disable needs client_tls_key_file and "
			"client_tls_cert_file";
	else if (choices->mode == TLS_MODE_VERIFY_FULL && !*choices->ca_file)
		lacks = "client_tls_sslmode verify-full needs client_tls_ca_file";
	else if (choices->proves_clients && (!uses || !*choices->ca_file))
		lacks = "auth_type cert needs client_tls_ca_file, and a client_tls_sslmode other "
			"than disable";
	if (!lacks)
		return OK;
	buffer_append_text(why, lacks);
	return BROKEN;
}

/* ---- whom to believe ---- */

/* A certificate that is asked for but need not be good: whoever wants it looks at the verdict. */
static int accept_any(int good, X509_STORE_CTX *store)
{
	(void)good;
	(void)store;
	return 1;
}

static void use_verification(SSL_CTX *ssl, const struct choices *choices, enum tls_side side)
{
	if (choices->mode >= TLS_MODE_VERIFY_CA)
		SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	else if (side == TLS_WITH_CLIENTS && *choices->ca_file)
		SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, accept_any);
	else
		SSL_CTX_set_verify(ssl, SSL_VERIFY_NONE, NULL);
}

/* A client that speaks of protocols must mean ours (RFC 7301). */
static int choose_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_len,
			   const unsigned char *offered, unsigned offered_len, void *ctx)
{
	int found = SSL_select_next_proto((unsigned char **)chosen, chosen_len,
					  (const unsigned char *)TLS_ALPN, sizeof(TLS_ALPN) - 1,
					  offered, offered_len);

	(void)ssl;
	(void)ctx;
	return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Nobody is there to type the passphrase of a key. */
static int no_passphrase(char *space, int size, int writing, void *ctx)
{
	(void)space;
	(void)size;
	(void)writing;
	(void)ctx;
	return -1;
}

static void use_habits(SSL_CTX *ssl, enum tls_side side)
{
	SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_TICKET |
					 SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_num_tickets(ssl, 0);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	/* One receive for a record's head and body. */
	SSL_CTX_set_read_ahead(ssl, 1);
	SSL_CTX_set_default_passwd_cb(ssl, no_passphrase);
	if (side == TLS_WITH_CLIENTS)
		SSL_CTX_set_alpn_select_cb(ssl, choose_protocol, NULL);
	else
		SSL_CTX_set_alpn_protos(ssl, (const unsigned char *)TLS_ALPN, sizeof(TLS_ALPN) - 1);
}

/* ---- fingerprint ---- */

static void hash_text(EVP_MD_CTX *hash, const char *text)
{
	if (text)
		EVP_DigestUpdate(hash, text, strlen(text));
	EVP_DigestUpdate(hash, text ? "" : "\1", 1);
}

/* A file that cannot be read is like an empty one: it was complained about when it was loaded. */
static void hash_file(EVP_MD_CTX *hash, const char *path)
{
	FILE *file = *path ? fopen(path, "re") : NULL;
	char piece[4096];
	size_t len;

	hash_text(hash, path);
	if (!file)
		return;
	while ((len = fread(piece, 1, sizeof(piece), file)) > 0)
		EVP_DigestUpdate(hash, piece, len);
	fclose(file);
	OPENSSL_cleanse(piece, sizeof(piece));
}

static enum result take_fingerprint(struct tls_context *context, const struct choices *choices)
{
	const char *const texts[] = { choices->ciphers, choices->suites, choices->protocols,
				      choices->dheparams, choices->curve };
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	enum result result = BROKEN;

	if (!hash || !EVP_DigestInit_ex(hash, EVP_sha256(), NULL)) {
		EVP_MD_CTX_free(hash);
		return BROKEN;
	}
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		hash_text(hash, texts[i]);
	hash_file(hash, choices->ca_file);
	hash_file(hash, choices->cert_file);
	hash_file(hash, choices->key_file);
	if (EVP_DigestFinal_ex(hash, context->fingerprint, NULL))
		result = OK;
	EVP_MD_CTX_free(hash);
	return result;
}

/* ---- life ---- */

static enum result build(struct tls_context *context, const struct choices *choices,
			 struct buffer *why)
{
	enum tls_side side = context->side;
	X509 *own;

	context->ssl =
		SSL_CTX_new(side == TLS_WITH_CLIENTS ? TLS_server_method() : TLS_client_method());
	if (!context->ssl || take_fingerprint(context, choices) != OK) {
		buffer_append_text(why, "out of memory");
		return BROKEN;
	}
	use_habits(context->ssl, side);
	if (use_protocols(context->ssl, choices, why) != OK ||
	    use_ciphers(context->ssl, choices, why) != OK ||
	    use_exchange(context->ssl, choices, why) != OK ||
	    use_certificate(context->ssl, choices, why) != OK ||
	    use_authorities(context->ssl, choices, side, why) != OK)
		return BROKEN;
	use_verification(context->ssl, choices, side);
	own = SSL_CTX_get0_certificate(context->ssl);
	if (own && side == TLS_WITH_CLIENTS)
		context->end_point_len = certificate_end_point(own, context->end_point);
	return OK;
}

struct tls_context *tls_context_new(enum tls_side side, const struct settings *settings,
				    struct buffer *why)
{
	struct choices choices = choices_of(side, settings);
	struct tls_context *context = mem_alloc_zero(sizeof(*context));

	if (!context) {
		buffer_append_text(why, "out of memory");
		return NULL;
	}
	context->holders = 1;
	context->side = side;
	context->mode = choices.mode;
	if (check_needs(&choices, side, why) == OK &&
	    (choices.mode == TLS_MODE_DISABLE || build(context, &choices, why) == OK))
		return context;
	tls_context_unref(context);
	return NULL;
}

struct tls_context *tls_context_ref(struct tls_context *context)
{
	context->holders++;
	return context;
}

void tls_context_unref(struct tls_context *context)
{
	if (!context || --context->holders > 0)
		return;
	SSL_CTX_free(context->ssl);
	mem_free(context);
}

enum tls_mode tls_context_mode(const struct tls_context *context)
{
	return context->mode;
}

bool tls_context_equal(const struct tls_context *a, const struct tls_context *b)
{
	return a->side == b->side && a->mode == b->mode &&
	       memcmp(a->fingerprint, b->fingerprint, sizeof(a->fingerprint)) == 0;
}
