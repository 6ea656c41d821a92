#ifndef TLS_PEERS_H
#define TLS_PEERS_H

/*
 * Two ways to test TLS on a stream: a pair of our own streams, one in each role, and one stream
 * with OpenSSL on the other end of the socket, driven by hand.
 */

#include <netinet/tcp.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "net/stream_tls.h"
#include "stream_owner.h"
#include "tls_certificates.h"

static struct identity authority, server, client, stranger;

static inline void free_identities(void)
{
	identity_free(&authority);
	identity_free(&server);
	identity_free(&client);
	identity_free(&stranger);
}

static inline void make_identities(void)
{
	if (authority.key)
		return;
	atexit(free_identities);
	authority =
		identity_make(&(struct identity_wish){ .file = "ca", .name = "test authority" });
	server = identity_make(&(struct identity_wish){ .file = "server",
							.name = "db.example",
							.alternative = "DNS:db.example,IP:10.0.0.7",
							.from = &authority });
	client = identity_make(
		&(struct identity_wish){ .file = "client", .name = "alice", .from = &authority });
	stranger = identity_make(&(struct identity_wish){ .file = "stranger", .name = "alice" });
}

/* Clients may use TLS, servers must; nobody is verified. */
static inline struct settings pair_settings(void)
{
	struct settings settings = tls_settings();

	make_identities();
	settings.client_tls_sslmode = TLS_MODE_ALLOW;
	settings.client_tls_cert_file = server.certificate_file;
	settings.client_tls_key_file = server.key_file;
	settings.server_tls_sslmode = TLS_MODE_REQUIRE;
	return settings;
}

static inline struct tls_context *context_for(enum tls_side side, const struct settings *settings)
{
	struct buffer why = BUFFER_EMPTY;
	struct tls_context *context = tls_context_new(side, settings, &why);

	if (!context)
		FAIL("no context: %.*s", (int)why.len, why.data);
	buffer_release(&why);
	assert(context);
	return context;
}

/* Small segments go out at once, as on every socket of the daemon. */
static inline void quick_pair(int ends[2])
{
	tcp_pair(ends);
	for (int i = 0; i < 2; i++)
		setsockopt(ends[i], IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
}

/* ---- two streams ---- */

struct pair {
	struct loop *loop;
	struct owner *near; /* sees a client */
	struct owner *far;  /* sees a server */
};

static int secured;

static void on_secured(void *ctx)
{
	(void)ctx;
	secured++;
}

static const struct stream_events tls_events = {
	.on_input = on_input,
	.on_room = on_room,
	.on_end = on_end,
	.on_secured = on_secured,
};

static inline struct owner *tls_owner(struct loop *loop, int fd)
{
	struct owner *owner = calloc(1, sizeof(*owner));

	make_nonblocking(fd);
	owner->loop = loop;
	owner->other = -1;
	owner->stream = stream_new(loop, fd, &limits, &tls_events, owner);
	assert(owner->stream);
	return owner;
}

static inline enum result start(struct owner *owner, struct tls_context *context, const char *host)
{
	return stream_start_tls(owner->stream,
				&(struct stream_tls_start){ .context = context, .host = host });
}

static inline void pair_init(struct pair *pair)
{
	int ends[2];

	secured = 0;
	quick_pair(ends);
	pair->loop = loop_new();
	pair->near = tls_owner(pair->loop, ends[0]);
	pair->far = tls_owner(pair->loop, ends[1]);
}

/* Both begin; host is whom the far one believes to have dialled. */
static inline void pair_start(struct pair *pair, const struct settings *settings, const char *host)
{
	struct tls_context *clients = context_for(TLS_WITH_CLIENTS, settings);
	struct tls_context *servers = context_for(TLS_WITH_SERVERS, settings);

	CHECK_INT_EQ(start(pair->near, clients, NULL), OK);
	CHECK_INT_EQ(start(pair->far, servers, host), OK);
	/* The streams hold what they need. */
	tls_context_unref(clients);
	tls_context_unref(servers);
}

static inline bool pair_is_settled(const struct pair *pair)
{
	return (stream_is_secured(pair->near->stream) || pair->near->ends) &&
	       (stream_is_secured(pair->far->stream) || pair->far->ends);
}

static inline void pair_release(struct pair *pair)
{
	stream_close(pair->near->stream, false);
	stream_close(pair->far->stream, false);
	turn(pair->loop);
	free(pair->near);
	free(pair->far);
	loop_free(pair->loop);
}

/* ---- one stream and OpenSSL ---- */

struct hand {
	struct owner *owner; /* the stream; it sees a client */
	SSL_CTX *context;
	SSL *ssl;
};

static inline void hand_init(struct hand *hand, const struct settings *settings)
{
	struct tls_context *clients = context_for(TLS_WITH_CLIENTS, settings);

	hand->owner = owner_new(quick_pair, &limits);
	stream_set_events(hand->owner->stream, &tls_events, hand->owner);
	make_nonblocking(hand->owner->other);
	CHECK_INT_EQ(start(hand->owner, clients, NULL), OK);
	tls_context_unref(clients);
	hand->context = SSL_CTX_new(TLS_client_method());
	hand->ssl = SSL_new(hand->context);
	SSL_set_fd(hand->ssl, hand->owner->other);
	SSL_set_connect_state(hand->ssl);
}

/* Until OpenSSL's handshake is over; false: it failed. */
static inline bool hand_shake(struct hand *hand)
{
	for (int i = 0; i < 2000; i++) {
		int rc = SSL_do_handshake(hand->ssl);

		turn(hand->owner->loop);
		if (rc == 1)
			return true;
		if (SSL_get_error(hand->ssl, rc) != SSL_ERROR_WANT_READ)
			break;
		if (i > 10)
			sleep_ms(1);
	}
	ERR_clear_error();
	return false;
}

/* Reads what the stream has sent, at most cap - 1 bytes; text ends with a zero byte. */
static inline int hand_read(struct hand *hand, char *text, int cap)
{
	int n = -1;

	for (int i = 0; i < 500 && n <= 0; i++) {
		turn(hand->owner->loop);
		n = SSL_read(hand->ssl, text, cap - 1);
		if (n <= 0 && SSL_get_error(hand->ssl, n) != SSL_ERROR_WANT_READ)
			break;
		if (n <= 0)
			sleep_ms(1);
	}
	ERR_clear_error();
	text[n > 0 ? n : 0] = '\0';
	return n;
}

static inline void hand_release(struct hand *hand)
{
	SSL_free(hand->ssl);
	SSL_CTX_free(hand->context);
	owner_free(hand->owner);
}

#endif
