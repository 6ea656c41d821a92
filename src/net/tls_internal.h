#ifndef NET_TLS_INTERNAL_H
#define NET_TLS_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "base/list.h"
#include "net/net_internal.h"
#include "net/tls.h"

/* What tls.c, certificate.c, stream_tls.c and handshake.c share. */

#define TLS_FINGERPRINT_LEN 32
/* Bytes of a certificate's hash at most (SHA-512). */
#define TLS_END_POINT_MAX 64

struct tls_context {
	unsigned holders;
	enum tls_side side;
	enum tls_mode mode;
	SSL_CTX *ssl; /* NULL: disabled */
	uint8_t fingerprint[TLS_FINGERPRINT_LEN];
	/* tls-server-end-point of our certificate, with clients; len 0: it has none */
	uint8_t end_point[TLS_END_POINT_MAX];
	size_t end_point_len;
};

/* The protocol name of RFC 7301 that PostgreSQL uses, length in front. */
#define TLS_ALPN "\012postgresql"

/* OpenSSL's earliest complaint as text appended to out; its queue is empty afterwards. */
void tls_append_reason(struct buffer *out);

/* ---- certificate.c ---- */

/*
 * The hash of a certificate that ties a login to its channel (tls-server-end-point, RFC 5929
 * section 4.1). Gives its length, at most TLS_END_POINT_MAX; 0: not defined for it.
 */
size_t certificate_end_point(const X509 *certificate, uint8_t out[TLS_END_POINT_MAX]);
/*
 * The subject's common name appended to out. AGAIN: it has none or more than one. BROKEN: it is
 * malformed or holds a zero byte.
 */
enum result certificate_common_name(const X509 *certificate, struct buffer *out) MUST_USE;
/* True when the common name or a DNS name among the alternative ones is exactly this. */
bool certificate_has_name(const X509 *certificate, struct slice name);
/* True when it has no alternative names at all and the common name is exactly this. */
bool certificate_is_only_named(const X509 *certificate, struct slice name);

/* ---- stream_tls.c ---- */

struct stream_tls {
	struct list_node node; /* in handshakes.waiting, while a handshake can go on */
	struct stream *stream;
	struct tls_context *context;
	SSL *ssl;    /* NULL until the handshake begins */
	char *host;  /* owned; NULL with clients */
	char *early; /* received before TLS began, not read yet; owned */
	size_t early_len, early_at;
	size_t read_left; /* bytes this call may still read */
	char *failure;	  /* owned; NULL: none */
	int error;	  /* errno of the socket */
	bool needs_protocol;
	bool heard;   /* the peer said something */
	bool more;    /* the next send is followed by another */
	bool drained; /* nothing is left in the socket */
	bool eof;     /* the socket ended */
	bool up;      /* the handshake is done */
	bool over;    /* nothing more can be read */
	bool broken;  /* nor written */
	char info[56];
};

extern const struct stream_verbs tls_verbs;

/* What OpenSSL reads from and writes to; made once for the process. NULL without memory. */
BIO_METHOD *tls_bio_method(void);

enum tls_verdict { TLS_WAIT_READ, TLS_WAIT_WRITE, TLS_CLOSED, TLS_FAILED };

/* What the last call that did not succeed (it returned rc) means. */
enum tls_verdict tls_judge(struct stream_tls *tls, int rc);
/* Keeps the reason of a failure: what, then OpenSSL's or the socket's word. */
void tls_note_failure(struct stream_tls *tls, const char *what);
/* The errno of a failure. */
int tls_error(const struct stream_tls *tls);

/* ---- handshake.c ---- */

/* Something has come or there is room: the handshake goes on at the end of this turn. */
void handshake_go_on(struct stream *stream);
/* The bytes one step may read. */
#define HANDSHAKE_READ_MAX ((size_t)64 * 1024)

#endif
