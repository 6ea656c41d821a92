/*
 * Socket addresses as values: read from text, printed, compared. No look-ups: see resolve.c.
 */
#include "net/address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNIX_PATH_OFFSET offsetof(struct sockaddr_un, sun_path)

static enum result parse_v4(const char *host, int port, struct address *address)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	if (inet_pton(AF_INET, host, &v4.sin_addr) != 1)
		return BROKEN;
	memset(address, 0, sizeof(*address));
	address->v4 = v4;
	address->len = sizeof(v4);
	return OK;
}

/* The part behind '%' of a link-local address: an interface by name or number. */
static enum result parse_scope(const char *scope, uint32_t *id)
{
	char *end;

	*id = if_nametoindex(scope);
	if (*id != 0)
		return OK;
	*id = (uint32_t)strtoul(scope, &end, 10);
	return *id != 0 && *end == '\0' ? OK : BROKEN;
}

static enum result parse_v6(char *host, int port, struct address *address)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	char *scope = strchr(host, '%');

	if (scope)
		*scope++ = '\0';
	if (inet_pton(AF_INET6, host, &v6.sin6_addr) != 1)
		return BROKEN;
	if (scope && parse_scope(scope, &v6.sin6_scope_id) != OK)
		return BROKEN;
	memset(address, 0, sizeof(*address));
	address->v6 = v6;
	address->len = sizeof(v6);
	return OK;
}

enum result address_parse(struct slice host, int port, struct address *address)
{
	char text[INET6_ADDRSTRLEN + 1 + IF_NAMESIZE];

	if (port < 0 || port > 65535)
		return BROKEN;
	if (host.len >= 2 && host.data[0] == '[' && host.data[host.len - 1] == ']')
		host = (struct slice){ host.data + 1, host.len - 2 };
	if (host.len == 0 || host.len >= sizeof(text) || memchr(host.data, '\0', host.len))
		return BROKEN;
	memcpy(text, host.data, host.len);
	text[host.len] = '\0';
	if (parse_v4(text, port, address) == OK)
		return OK;
	return parse_v6(text, port, address);
}

void address_set(struct address *address, const uint8_t *bytes, size_t len, int port)
{
	memset(address, 0, sizeof(*address));
	if (len == sizeof(address->v4.sin_addr)) {
		address->v4.sin_family = AF_INET;
		address->v4.sin_port = htons((uint16_t)port);
		memcpy(&address->v4.sin_addr, bytes, len);
		address->len = sizeof(address->v4);
		return;
	}
	assert(len == sizeof(address->v6.sin6_addr));
	address->v6.sin6_family = AF_INET6;
	address->v6.sin6_port = htons((uint16_t)port);
	memcpy(&address->v6.sin6_addr, bytes, len);
	address->len = sizeof(address->v6);
}

size_t address_bytes(const struct address *address, const uint8_t **bytes)
{
	*bytes = NULL;
	if (address->len == 0 || address_is_unix(address))
		return 0;
	if (address->any.sa_family == AF_INET) {
		*bytes = (const uint8_t *)&address->v4.sin_addr;
		return 4;
	}
	*bytes = (const uint8_t *)&address->v6.sin6_addr;
	if (!IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr))
		return 16;
	*bytes += 12;
	return 4;
}

enum result address_unix(struct slice dir, int port, struct address *address)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int n;

	if (dir.len == 0 || dir.len >= sizeof(un.sun_path))
		return BROKEN;
	n = snprintf(un.sun_path, sizeof(un.sun_path), "%.*s/.s.PGSQL.%d", (int)dir.len, dir.data,
		     port);
	if (n < 0 || (size_t)n >= sizeof(un.sun_path))
		return BROKEN;
	memset(address, 0, sizeof(*address));
	/* An abstract name has no end: every byte within the length is part of it. */
	address->len = (socklen_t)(UNIX_PATH_OFFSET + (size_t)n + (un.sun_path[0] != '@'));
	if (un.sun_path[0] == '@')
		un.sun_path[0] = '\0';
	address->unix_path = un;
	return OK;
}

bool address_is_unix(const struct address *address)
{
	return address->len > 0 && address->any.sa_family == AF_UNIX;
}

bool address_equal(const struct address *a, const struct address *b)
{
	if (a->len == 0 || b->len == 0)
		return a->len == b->len;
	if (a->any.sa_family != b->any.sa_family)
		return false;
	switch (a->any.sa_family) {
	case AF_INET:
		return a->v4.sin_port == b->v4.sin_port &&
		       a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	case AF_INET6:
		return a->v6.sin6_port == b->v6.sin6_port &&
		       a->v6.sin6_scope_id == b->v6.sin6_scope_id &&
		       memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr)) == 0;
	default: return a->len == b->len && memcmp(&a->any, &b->any, a->len) == 0;
	}
}

const char *address_host(const struct address *address, char *text, size_t cap)
{
	const char *done = NULL;

	if (address->len == 0)
		snprintf(text, cap, "none");
	else if (address->any.sa_family == AF_INET)
		done = inet_ntop(AF_INET, &address->v4.sin_addr, text, (socklen_t)cap);
	else if (address->any.sa_family == AF_INET6)
		done = inet_ntop(AF_INET6, &address->v6.sin6_addr, text, (socklen_t)cap);
	else
		snprintf(text, cap, "unix");
	return done ? done : text;
}

int address_port(const struct address *address)
{
	if (address->len == 0)
		return 0;
	if (address->any.sa_family == AF_INET)
		return ntohs(address->v4.sin_port);
	if (address->any.sa_family == AF_INET6)
		return ntohs(address->v6.sin6_port);
	return 0;
}

const char *address_print(const struct address *address, char *text, size_t cap)
{
	char host[INET6_ADDRSTRLEN];
	bool v6 = address->len > 0 && address->any.sa_family == AF_INET6;

	address_host(address, host, sizeof(host));
	if (address->len == 0 || address_is_unix(address))
		snprintf(text, cap, "%s", host);
	else
		snprintf(text, cap, v6 ? "[%s]:%d" : "%s:%d", host, address_port(address));
	return text;
}

enum result address_peer(int fd, struct peer *peer)
{
	struct ucred credentials;
	socklen_t len = sizeof(credentials);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) < 0)
		return BROKEN;
	*peer = (struct peer){ credentials.pid, credentials.uid, credentials.gid };
	return OK;
}
