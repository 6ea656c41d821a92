/*
 * Connections that a trusted proxy passes on (proxy_protocol_from): before anything else comes a
 * header that tells whose they are, and from then on the stream's peer is that client. Called by
 * roster.c and login.c.
 *
 * Whoever comes through a proxy is never somebody of this machine, whatever the socket says: the
 * credentials of a Unix socket are the proxy's.
 */
#include "session_internal.h"

#include <stdio.h>

#include "base/log.h"
#include "base/network.h"
#include "wire/proxy.h"

static bool is_proxy(const struct settings *settings, const struct address *peer)
{
	const uint8_t *bytes;
	size_t len;

	if (settings->proxy_protocol_from[0] == '\0')
		return false;
	len = address_bytes(peer, &bytes);
	return (len > 0 || address_is_unix(peer)) &&
	       network_list_has(slice_of(settings->proxy_protocol_from), bytes, len);
}

void proxied_expect(struct session *session, const struct address *peer)
{
	session->login->awaits_proxy = is_proxy(session->roster->settings, peer);
	session->is_unix = address_is_unix(peer) && !session->login->awaits_proxy;
	if (session->login->awaits_proxy)
		session->login->proxy = *peer;
}

const char *proxied_print(const struct session *session, char *text, size_t cap)
{
	const struct address *proxy = &session->login->proxy;
	char                  printed[64];

	text[0] = '\0';
	if (proxy->len > 0)
		snprintf(text, cap, " proxy=%s", address_print(proxy, printed, sizeof(printed)));
	return text;
}

static void end(struct session *session, enum ending why)
{
	log_line(LEVEL_WARNING, session_prefix(session), "%s", ending_row(why)->text);
	session_end(session, why, NULL);
}

bool proxied_read(struct session *session)
{
	struct proxy_header header;
	struct address      client;

	switch (proxy_read(stream_input(session->stream), &header)) {
	case OK: break;
	case AGAIN: return false;
	case BROKEN: end(session, END_PROXY_HEADER); return false;
	}
	session->login->awaits_proxy = false;
	session->login->proxy_len = header.len;
	stream_consume(session->stream, header.len);
	if (header.address_len == 0)
		return true;
	address_set(&client, header.source.address, header.address_len, header.source.port);
	if (stream_set_peer(session->stream, &client) == OK)
		return true;
	session_end(session, END_NO_MEMORY, NULL);
	return false;
}
