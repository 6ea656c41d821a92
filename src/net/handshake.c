/*
 * TLS handshakes: one step after the other, from a queue that is the last task of a turn. Owns
 * nothing but the queue's order; stream_tls.c puts streams in, the loop runs it.
 *
 * The SSL object is made when the first bytes of the peer come, so a connection that asks for
 * TLS and falls silent holds little. A handshake costs as much as a hundred queries: whoever is
 * logged in goes first in every turn, and what is left over waits for the next one.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/alloc.h"
#include "net/stream_tls.h"
#include "net/tls_internal.h"

/* What handshakes get of each turn: the first one always, then until this time is used up. */
#define HANDSHAKE_US 2000

/* ---- who the peer must be ---- */

static bool is_address(const char *host)
{
	struct in6_addr address;

	return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

/*
 * Certificates made before addresses were usual among the alternative names have the address as
 * their common name; libpq takes them, and so do we.
 */
static int accept_named_address(int good, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	const struct stream_tls *tls = SSL_get_app_data(ssl);

	if (good || X509_STORE_CTX_get_error(store) != X509_V_ERR_IP_ADDRESS_MISMATCH)
		return good;
	if (!certificate_is_only_named(X509_STORE_CTX_get_current_cert(store), slice_of(tls->host)))
		return 0;
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

static enum result set_host(struct stream_tls *tls)
{
	bool check = tls->context->mode == TLS_MODE_VERIFY_FULL;

	if (!is_address(tls->host)) {
		SSL_set_hostflags(tls->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
		if (!SSL_set_tlsext_host_name(tls->ssl, tls->host))
			return BROKEN;
		return !check || SSL_set1_host(tls->ssl, tls->host) ? OK : BROKEN;
	}
	if (!check)
		return OK;
	SSL_set_verify(tls->ssl, SSL_get_verify_mode(tls->ssl), accept_named_address);
	return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls->ssl), tls->host) ? OK : BROKEN;
}

/* ---- steps ---- */

static enum result make_ssl(struct stream_tls *tls)
{
	BIO_METHOD *method = tls_bio_method();
	BIO *bio = method ? BIO_new(method) : NULL;

	tls->ssl = bio ? SSL_new(tls->context->ssl) : NULL;
	if (!tls->ssl) {
		BIO_free(bio);
		return BROKEN;
	}
	BIO_set_data(bio, tls);
	BIO_set_init(bio, 1);
	SSL_set_bio(tls->ssl, bio, bio);
	SSL_set_app_data(tls->ssl, tls);
	if (tls->context->side == TLS_WITH_CLIENTS)
		SSL_set_accept_state(tls->ssl);
	else
		SSL_set_connect_state(tls->ssl);
	return tls->host ? set_host(tls) : OK;
}

static bool has_protocol(const struct stream_tls *tls)
{
	const unsigned char *chosen = NULL;
	unsigned len = 0;

	SSL_get0_alpn_selected(tls->ssl, &chosen, &len);
	return len > 0;
}

static void finish(struct stream *stream)
{
	static const char no_protocol[] = "handshake failed: no protocol was agreed on (ALPN)";
	struct stream_tls *tls = stream->tls;

	if (tls->needs_protocol && !has_protocol(tls)) {
		tls->failure = mem_copy_text(no_protocol, sizeof(no_protocol) - 1);
		stream_tell_end(stream, EPROTO);
		return;
	}
	snprintf(tls->info, sizeof(tls->info), "%s/%s", SSL_get_version(tls->ssl),
		 SSL_get_cipher_name(tls->ssl));
	tls->up = true;
	mem_free(tls->early);
	tls->early = NULL;
	tls->early_len = tls->early_at = 0;
	stream->verbs = &tls_verbs;
	stream->blocked = false;
	stream->edge = true;
	loop_at_end(stream->loop, &stream->attend);
	if (stream->out_len)
		loop_at_end(stream->loop, &stream->flush);
	if (stream->events->on_secured)
		stream->events->on_secured(stream->ctx);
}

/* One step of a handshake: as far as what has come leads. */
static void go_on(struct stream *stream)
{
	struct stream_tls *tls = stream->tls;
	int rc;

	if (stream->ended)
		return;
	ERR_clear_error();
	if (!tls->ssl && make_ssl(tls) != OK) {
		stream_tell_end(stream, ENOMEM);
		return;
	}
	tls->drained = false;
	tls->read_left = HANDSHAKE_READ_MAX;
	rc = SSL_do_handshake(tls->ssl);
	if (rc == 1) {
		finish(stream);
		return;
	}
	switch (tls_judge(tls, rc)) {
	case TLS_WAIT_READ:
		/* Not for want of bytes: it had its share. */
		if (!tls->drained)
			handshake_go_on(stream);
		return;
	case TLS_WAIT_WRITE: stream_await_room(stream); return;
	case TLS_CLOSED:
	case TLS_FAILED: break;
	}
	/* A client that was only looking whether somebody is there is no news. */
	if (tls->heard || !tls->eof || tls->host)
		tls_note_failure(tls, "handshake failed: ");
	stream_tell_end(stream, tls->eof ? 0 : tls_error(tls));
}

/* ---- the queue of handshakes ---- */

void handshake_go_on(struct stream *stream)
{
	struct handshakes *handshakes = loop_handshakes(stream->loop);

	if (!list_has(&stream->tls->node))
		list_append(&handshakes->waiting, &stream->tls->node);
	loop_at_end(stream->loop, &handshakes->task);
}

static int64_t clock_us(void)
{
	struct timespec clock;

	clock_gettime(CLOCK_MONOTONIC, &clock);
	return (int64_t)clock.tv_sec * 1000000 + clock.tv_nsec / 1000;
}

static void run_handshakes(struct loop_task *task)
{
	struct handshakes *handshakes = CONTAINER_OF(task, struct handshakes, task);
	struct list_node *node;
	int64_t end;

	/* Whoever is logged in goes first. */
	if (!handshakes->is_last) {
		handshakes->is_last = true;
		loop_at_end(handshakes->loop, task);
		return;
	}
	handshakes->is_last = false;
	end = clock_us() + HANDSHAKE_US;
	while ((node = list_first(&handshakes->waiting)) != NULL) {
		struct stream_tls *tls = CONTAINER_OF(node, struct stream_tls, node);

		list_remove(&handshakes->waiting, node);
		go_on(tls->stream);
		if (clock_us() >= end && handshakes->waiting.len) {
			loop_next_turn(handshakes->loop, task);
			return;
		}
	}
}

void handshakes_init(struct handshakes *handshakes, struct loop *loop)
{
	list_init(&handshakes->waiting);
	handshakes->task.run = run_handshakes;
	handshakes->loop = loop;
}
