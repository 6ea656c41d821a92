/*
 * TLS towards servers: SSLRequest and what may come of it (PostgreSQL docs, "SSL Session
 * Encryption"). The same for logins and for cancels; owns nothing. Nothing that a server, or
 * somebody on the way, said before the handshake is believed.
 */

#include <errno.h>

#include "base/log.h"
#include "net/stream_tls.h"
#include "pool_internal.h"
#include "wire/startup.h"

static bool is_wanted(const struct pools *pools, const struct stream *stream)
{
	return pools->tls && tls_context_mode(pools->tls) != TLS_MODE_DISABLE &&
	       !address_is_unix(stream_peer(stream));
}

static enum result ask(struct stream *stream)
{
	struct buffer out = BUFFER_EMPTY;
	enum result   result;

	startup_write_ssl_request(&out);
	result = out.failed ? BROKEN : stream_write(stream, buffer_slice(&out));
	buffer_release(&out);
	return result;
}

enum secure_answer secure_begin(const struct server *server, struct stream *stream)
{
	const struct pools     *pools = server->pool->pools;
	struct stream_tls_start start = {
		.context = pools->tls, .host = server->host, .needs_protocol = true
	};

	if (!is_wanted(pools, stream))
		return SECURE_PLAIN;
	if (server->pool->database->entry->sslnegotiation == SSL_NEGOTIATION_DIRECT)
		return stream_start_tls(stream, &start) == OK ? SECURE_SHAKING : SECURE_BROKEN;
	return ask(stream) == OK ? SECURE_WAIT : SECURE_BROKEN;
}

static bool tls_is_required(const struct pools *pools)
{
	return pools->tls && tls_context_mode(pools->tls) >= TLS_MODE_REQUIRE;
}

enum secure_answer secure_take_answer(const struct server *server, struct stream *stream,
                                      enum ending *why)
{
	const struct pools     *pools = server->pool->pools;
	struct stream_tls_start start = { .context = pools->tls, .host = server->host };
	struct slice            input = stream_input(stream);
	char                    answer;

	if (input.len == 0)
		return SECURE_WAIT;
	answer = input.data[0];
	*why = END_BAD_SSL_ANSWER;
	if (answer != 'S' && answer != 'N')
		return SECURE_BROKEN;
	*why = END_DATA_BEFORE_SERVER_TLS;
	if (input.len > 1)
		return SECURE_BROKEN;
	stream_consume(stream, 1);
	*why = END_SERVER_REFUSED_SSL;
	if (answer == 'N')
		return tls_is_required(pools) ? SECURE_BROKEN : SECURE_PLAIN;
	/* A reload may have come between the question and the answer. */
	*why = END_CONNECT_STRING_CHANGED;
	if (!is_wanted(pools, stream))
		return SECURE_BROKEN;
	*why = END_NO_MEMORY;
	return stream_start_tls(stream, &start) == OK ? SECURE_SHAKING : SECURE_BROKEN;
}

enum ending secure_judge_end(const struct server *server, const struct stream *stream, int error)
{
	const char *failure = stream_tls_failure(stream);

	if (failure[0] == '\0' || stream_is_secured(stream))
		return END_SERVER_CRASHED;
	log_line(LEVEL_WARNING, server_prefix(server), "TLS handshake error: %s", failure);
	return error == EPROTO ? END_TLS_FAILED : END_SERVER_CRASHED;
}
