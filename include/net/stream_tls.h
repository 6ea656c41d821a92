#ifndef NET_STREAM_TLS_H
#define NET_STREAM_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/result.h"
#include "net/stream.h"
#include "net/tls.h"

/*
 * TLS on a stream that was plain until now. Input, output and back-pressure stay what they are;
 * on_secured tells that the handshake is done. Handshakes are the last thing done in a turn and
 * get a bounded time of it.
 */

struct stream_tls_start {
	struct tls_context *context; /* not disabled; a reference is taken */
	/*
	 * With servers, the name or address the server was dialled by (borrowed for the call): it
	 * is told to the server (RFC 6066), and checked with verify-full. NULL with clients.
	 */
	const char *host;
	/* Both sides must mean protocol "postgresql" (RFC 7301); else it is refused if named. */
	bool needs_protocol;
};

/*
 * From now on everything goes through TLS. What is queued is sent plainly first; what is not
 * consumed of the input is taken as the beginning of the handshake, so a caller for whom nothing
 * may have come before it looks at stream_input first. The stream must be plain. on_secured or
 * on_end follows, never from inside this call; until then nothing is sent, though it may be
 * written. BROKEN without memory, or when the socket did not take what was queued: the stream is
 * as it was.
 */
enum result stream_start_tls(struct stream *stream, const struct stream_tls_start *start) MUST_USE;

/* True once on_secured was due. */
bool stream_is_secured(const struct stream *stream);
/*
 * Why TLS failed ("handshake failed: error:..."), for the log; "" when it did not, or when the
 * peer never said a word. Valid until the stream is closed.
 */
const char *stream_tls_failure(const struct stream *stream);

/* Bytes stream_tls_end_point may need. */
#define STREAM_END_POINT_MAX 64
/*
 * What a login is tied to (tls-server-end-point, RFC 5929): the hash of the server's certificate,
 * ours with clients, the peer's with servers. Gives its length; 0: there is none.
 */
size_t stream_tls_end_point(const struct stream *stream, uint8_t out[STREAM_END_POINT_MAX]);

/* True when the peer showed a certificate and our authorities vouch for it. */
bool stream_has_certificate(const struct stream *stream);
/*
 * The common name in that certificate, appended to out. AGAIN: no such certificate, or none or
 * several such names in it. BROKEN: malformed, or no memory.
 */
enum result stream_certificate_name(const struct stream *stream, struct buffer *out) MUST_USE;
/* True when its common name or one of its DNS names is exactly this. */
bool stream_certificate_names(const struct stream *stream, struct slice name);

#endif
