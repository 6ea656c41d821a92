/*
 * The stream's verbs over OpenSSL. Owns what stream->tls points to; used through the verbs by
 * stream.c and stream_out.c, and through net/stream_tls.h by sessions and servers.
 *
 * OpenSSL is given a BIO of ours instead of the socket, for three things: the first bytes of a
 * direct handshake have been received already; one receive shorter than asked for has emptied
 * the socket, so that a message costs one system call (records are read ahead); and what one
 * call may read is bounded, since records without content would keep OpenSSL reading for ever.
 *
 * The handshake is in handshake.c. OpenSSL frees its record buffers whenever they are empty, so
 * an idle stream holds none.
 */
#include "net/stream_tls.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <sys/socket.h>

#include <openssl/err.h>

#include "base/alloc.h"
#include "net/tls_internal.h"

/* A record's payload at most (RFC 8446 section 5.1). */
#define RECORD_MAX 16384
/* Bytes read from the socket in one call at most, besides those asked for. */
#define READ_SURPLUS ((size_t)64 * 1024)
/* ---- the BIO ---- */

static int bio_read(BIO *bio, char *space, int room)
{
	struct stream_tls *tls = BIO_get_data(bio);
	struct stream *stream = tls->stream;
	size_t rest = tls->early_len - tls->early_at;
	ssize_t n;

	BIO_clear_retry_flags(bio);
	if (rest > 0) {
		tls->heard = true;
		if (rest > (size_t)room)
			rest = (size_t)room;
		memcpy(space, tls->early + tls->early_at, rest);
		tls->early_at += rest;
		return (int)rest;
	}
	if (tls->drained || tls->read_left == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	do
		n = recv(event_get_fd(&stream->event), space, (size_t)room, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		tls->heard = true;
		tls->read_left -= (size_t)n < tls->read_left ? (size_t)n : tls->read_left;
		/* As in stream.c: data and the end can come in one edge. */
		tls->drained = n < room && !stream->end_seen && !stream->unsure;
		return (int)n;
	}
	tls->eof = n == 0;
	if (n < 0 && errno == EAGAIN) {
		tls->drained = true;
		BIO_set_retry_read(bio);
	} else if (n < 0) {
		tls->error = errno;
	}
	return n == 0 ? 0 : -1;
}

static int bio_write(BIO *bio, const char *data, int len)
{
	struct stream_tls *tls = BIO_get_data(bio);
	int fd = event_get_fd(&tls->stream->event);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	do
		n = send(fd, data, (size_t)len, MSG_NOSIGNAL | (tls->more ? MSG_MORE : 0));
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return (int)n;
	if (errno == EAGAIN)
		BIO_set_retry_write(bio);
	else
		tls->error = errno;
	return -1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
	const struct stream_tls *tls = BIO_get_data(bio);

	(void)number;
	(void)pointer;
	switch (command) {
	case BIO_CTRL_FLUSH: return 1;
	case BIO_CTRL_EOF: return tls->eof;
	default: return 0;
	}
}

BIO_METHOD *tls_bio_method(void)
{
	static BIO_METHOD *method;

	if (method)
		return method;
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
	if (method && BIO_meth_set_read(method, bio_read) &&
	    BIO_meth_set_write(method, bio_write) && BIO_meth_set_ctrl(method, bio_control))
		return method;
	BIO_meth_free(method);
	method = NULL;
	return NULL;
}

/* ---- what OpenSSL says ---- */

void tls_note_failure(struct stream_tls *tls, const char *what)
{
	struct buffer text = BUFFER_EMPTY;
	long verdict = tls->ssl ? SSL_get_verify_result(tls->ssl) : X509_V_OK;

	buffer_append_text(&text, what);
	if (tls->error)
		buffer_append_text(&text, strerror(tls->error));
	else if (tls->eof)
		buffer_append_text(&text, "unexpected EOF");
	else
		tls_append_reason(&text);
	if (verdict != X509_V_OK && !tls->error)
		buffer_append_format(&text, " (%s)", X509_verify_cert_error_string(verdict));
	mem_free(tls->failure);
	tls->failure = text.failed ? NULL : mem_copy_text(text.data, text.len);
	buffer_release(&text);
}

/* What the last call that did not succeed (it returned rc) means. */
enum tls_verdict tls_judge(struct stream_tls *tls, int rc)
{
	switch (SSL_get_error(tls->ssl, rc)) {
	case SSL_ERROR_WANT_READ: return TLS_WAIT_READ;
	case SSL_ERROR_WANT_WRITE: return TLS_WAIT_WRITE;
	case SSL_ERROR_ZERO_RETURN: tls->over = true; return TLS_CLOSED;
	default: break;
	}
	tls->over = true;
	tls->broken = !tls->eof || tls->error;
	return tls->broken ? TLS_FAILED : TLS_CLOSED;
}

int tls_error(const struct stream_tls *tls)
{
	return tls->error ? tls->error : EPROTO;
}

/* ---- receiving and sending ---- */

/* SSL_read_ex said no with rc after got bytes. */
static ssize_t receive_none(struct stream *stream, int rc, size_t got)
{
	struct stream_tls *tls = stream->tls;
	enum tls_verdict verdict = tls_judge(tls, rc);

	if (verdict == TLS_FAILED)
		tls_note_failure(tls, "read failed: ");
	/* What is not told now is asked for again, without waiting for an edge. */
	if (verdict == TLS_CLOSED || verdict == TLS_FAILED || !tls->drained)
		stream->unsure = true;
	if (got > 0)
		return (ssize_t)got;
	if (verdict == TLS_CLOSED)
		return 0;
	if (verdict == TLS_FAILED)
		errno = tls_error(tls);
	else
		errno = tls->drained ? EAGAIN : EINTR;
	return -1;
}

/* All records that have come, as far as there is room. */
static ssize_t tls_receive(struct stream *stream, void *space, size_t room)
{
	struct stream_tls *tls = stream->tls;
	size_t got = 0, n;
	int rc;

	if (tls->over) {
		errno = tls_error(tls);
		return tls->broken ? -1 : 0;
	}
	ERR_clear_error();
	tls->drained = false;
	tls->read_left = room + READ_SURPLUS;
	while (got < room) {
		rc = SSL_read_ex(tls->ssl, (char *)space + got, room - got, &n);
		if (rc <= 0)
			return receive_none(stream, rc, got);
		got += n;
		if (tls->drained && !SSL_has_pending(tls->ssl))
			break;
	}
	return (ssize_t)got;
}

static ssize_t tls_send(struct stream *stream, const void *data, size_t len, bool more)
{
	struct stream_tls *tls = stream->tls;
	size_t done = 0, n;
	int rc;

	if (tls->broken) {
		errno = tls_error(tls);
		return -1;
	}
	ERR_clear_error();
	while (done < len) {
		tls->more = more || len - done > RECORD_MAX;
		rc = SSL_write_ex(tls->ssl, (const char *)data + done, len - done, &n);
		if (rc > 0) {
			done += n;
			continue;
		}
		if (tls_judge(tls, rc) == TLS_WAIT_WRITE)
			break;
		tls_note_failure(tls, "write failed: ");
		tls->broken = true;
		errno = tls_error(tls);
		return -1;
	}
	tls->more = false;
	errno = EAGAIN;
	return done > 0 ? (ssize_t)done : -1;
}

static void tls_free(struct stream *stream)
{
	struct stream_tls *tls = stream->tls;

	stream->tls = NULL;
	if (list_has(&tls->node))
		list_remove(&loop_handshakes(stream->loop)->waiting, &tls->node);
	SSL_free(tls->ssl);
	tls_context_unref(tls->context);
	mem_free(tls->host);
	mem_free(tls->early);
	mem_free(tls->failure);
	mem_free(tls);
}

static void tls_release(struct stream *stream)
{
	struct stream_tls *tls = stream->tls;

	/* A farewell inside a record half sent would be read as part of it. */
	if (tls->up && !tls->broken && !stream->error && stream->out_len == 0) {
		ERR_clear_error();
		(void)SSL_shutdown(tls->ssl);
	}
	ERR_clear_error();
	tls_free(stream);
}

const struct stream_verbs tls_verbs = {
	.receive = tls_receive,
	.send = tls_send,
	.release = tls_release,
};

/* ---- before TLS is up ---- */

/* Nothing goes out before the handshake is done, not even when the stream is closed. */
static ssize_t greeting_send(struct stream *stream, const void *data, size_t len, bool more)
{
	(void)stream;
	(void)data;
	(void)len;
	(void)more;
	errno = EAGAIN;
	return -1;
}

static const struct stream_verbs greeting_verbs = {
	.send = greeting_send,
	.handshake = handshake_go_on,
	.release = tls_release,
};

/* ---- the owner's verbs ---- */

static enum result keep_early(struct stream_tls *tls, struct slice input)
{
	if (input.len == 0)
		return OK;
	tls->early = mem_alloc(input.len);
	if (!tls->early)
		return BROKEN;
	memcpy(tls->early, input.data, input.len);
	tls->early_len = input.len;
	return OK;
}

enum result stream_start_tls(struct stream *stream, const struct stream_tls_start *start)
{
	struct stream_tls *tls;

	assert(!stream->tls && !stream->closed && start->context->ssl);
	stream_flush(stream);
	if (stream->out_len || stream->error)
		return BROKEN;
	tls = mem_alloc_zero(sizeof(*tls));
	if (!tls)
		return BROKEN;
	tls->stream = stream;
	tls->needs_protocol = start->needs_protocol;
	tls->context = tls_context_ref(start->context);
	stream->tls = tls;
	if (start->host)
		tls->host = mem_copy_text(start->host, strlen(start->host));
	if ((start->host && !tls->host) || keep_early(tls, stream_input(stream)) != OK) {
		tls_free(stream);
		return BROKEN;
	}
	stream_consume(stream, stream_input(stream).len);
	stream->verbs = &greeting_verbs;
	stream->blocked = true;
	/* The client speaks first, and its words may be here already. */
	if (start->context->side == TLS_WITH_SERVERS || tls->early || stream->edge)
		handshake_go_on(stream);
	return OK;
}

/* ---- facts ---- */

bool stream_is_secured(const struct stream *stream)
{
	return stream->tls && stream->tls->up;
}

const char *stream_tls_info(const struct stream *stream)
{
	return stream->tls ? stream->tls->info : "";
}

const char *stream_tls_failure(const struct stream *stream)
{
	return stream->tls && stream->tls->failure ? stream->tls->failure : "";
}

size_t stream_tls_end_point(const struct stream *stream, uint8_t out[STREAM_END_POINT_MAX])
{
	const struct tls_context *context;
	const X509 *certificate;

	static_assert(STREAM_END_POINT_MAX == TLS_END_POINT_MAX, "one and the same");
	if (!stream_is_secured(stream))
		return 0;
	context = stream->tls->context;
	if (context->side == TLS_WITH_SERVERS) {
		certificate = SSL_get0_peer_certificate(stream->tls->ssl);
		return certificate ? certificate_end_point(certificate, out) : 0;
	}
	memcpy(out, context->end_point, context->end_point_len);
	return context->end_point_len;
}

/* The peer's certificate if it is good; NULL: none. */
static const X509 *good_certificate(const struct stream *stream)
{
	const SSL *ssl = stream_is_secured(stream) ? stream->tls->ssl : NULL;

	if (!ssl || SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE ||
	    SSL_get_verify_result(ssl) != X509_V_OK)
		return NULL;
	return SSL_get0_peer_certificate(ssl);
}

bool stream_has_certificate(const struct stream *stream)
{
	return good_certificate(stream) != NULL;
}

enum result stream_certificate_name(const struct stream *stream, struct buffer *out)
{
	const X509 *certificate = good_certificate(stream);

	return certificate ? certificate_common_name(certificate, out) : AGAIN;
}

bool stream_certificate_names(const struct stream *stream, struct slice name)
{
	const X509 *certificate = good_certificate(stream);

	return certificate && certificate_has_name(certificate, name);
}
