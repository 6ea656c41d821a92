/*
 * Encryption of a client's connection: what is said to SSLRequest and GSSENCRequest, TLS without
 * asking (PostgreSQL docs, "SSL Session Encryption"), and whether a client may do without.
 * Nothing that came before the handshake is believed. Called by login.c.
 */
#include "session_internal.h"

#include "base/log.h"
#include "net/stream_tls.h"
#include "wire/frame.h"

/* The mode for this client; a Unix socket needs no encryption and has none. */
static enum tls_mode mode_for(const struct session *session)
{
	const struct roster *roster = session->roster;

	if (roster->tls == NULL || address_is_unix(stream_peer(session->stream)))
		return TLS_MODE_DISABLE;
	return tls_context_mode(roster->tls);
}

bool secure_is_missing(const struct session *session)
{
	return mode_for(session) >= TLS_MODE_REQUIRE && !stream_is_secured(session->stream);
}

static void start(struct session *session, bool direct)
{
	struct stream_tls_start how = { .context = session->roster->tls, .needs_protocol = direct };

	if (stream_start_tls(session->stream, &how) != OK)
		session_end(session, END_NO_MEMORY, NULL);
}

/* Takes the request off the input. False: it is one too many, or something came behind it. */
static bool take_request(struct session *session, const struct startup_frame *frame, bool *asked,
                         enum ending piled_up)
{
	enum ending why = END_NONE;

	if (stream_is_secured(session->stream))
		why = END_SSL_TWICE;
	else if (*asked)
		why = END_BAD_PACKET;
	*asked = true;
	stream_consume(session->stream, frame->len);
	if (why == END_NONE && stream_input(session->stream).len > 0)
		why = piled_up;
	if (why != END_NONE)
		session_end(session, why, NULL);
	return why == END_NONE;
}

void secure_on_ssl_request(struct session *session, const struct startup_frame *frame)
{
	bool yes = mode_for(session) != TLS_MODE_DISABLE;

	if (!take_request(session, frame, &session->login->asked_ssl, END_DATA_BEFORE_TLS))
		return;
	session_write(session, yes ? SLICE_LITERAL("S") : SLICE_LITERAL("N"));
	if (yes && !session_is_leaving(session))
		start(session, false);
}

void secure_on_gss_request(struct session *session, const struct startup_frame *frame)
{
	if (take_request(session, frame, &session->login->asked_gss, END_DATA_BEFORE_GSS))
		session_write(session, SLICE_LITERAL("N"));
}

void secure_on_direct_tls(struct session *session)
{
	bool may = mode_for(session) != TLS_MODE_DISABLE && !session->login->asked_ssl &&
	           !stream_is_secured(session->stream);

	if (may)
		start(session, true);
	else
		session_end_unreadable(session, stream_input(session->stream));
}

void secure_log_failure(const struct session *session)
{
	const char *failure = stream_tls_failure(session->stream);

	if (failure[0] != '\0' && !stream_is_secured(session->stream))
		log_line(LEVEL_WARNING, session_prefix(session), "TLS handshake error: %s",
		         failure);
}
