#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>

#include "base/result.h"
#include "base/text.h"

/* A socket address: IPv4, IPv6 or a Unix socket path (abstract when it starts with '@'). */

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_un unix_path;
	};
	socklen_t len; /* 0: none */
};

/* Numeric IPv4 or IPv6 only (no look-up); BROKEN otherwise. */
enum result address_parse(struct slice host, int port, struct address *address) MUST_USE;
/* Of 4 or 16 bytes in network order. */
void address_set(struct address *address, const uint8_t *bytes, size_t len, int port);
/*
 * The bytes of an IPv4 or IPv6 address in network order, an IPv4 one in IPv6's clothes as IPv4;
 * gives how many, 0 for Unix sockets. Borrowed from address.
 */
size_t address_bytes(const struct address *address, const uint8_t **bytes);
/* dir/.s.PGSQL.port, or abstract for '@dir'; BROKEN when too long for a sockaddr_un. */
enum result address_unix(struct slice dir, int port, struct address *address) MUST_USE;
bool address_is_unix(const struct address *address);
bool address_equal(const struct address *a, const struct address *b);
/* The host part: "10.0.0.1", "::1", or "unix". Returns text (cap >= 48 is enough). */
const char *address_host(const struct address *address, char *text, size_t cap);
/* 0 for Unix sockets. */
int address_port(const struct address *address);
/* "10.0.0.1:5432", "[::1]:5432", "unix" (cap >= 64). */
const char *address_print(const struct address *address, char *text, size_t cap);

/* Who is at the other end of a Unix socket. */
struct peer {
	int pid;
	uid_t uid;
	gid_t gid;
};
enum result address_peer(int fd, struct peer *peer) MUST_USE;

#endif
