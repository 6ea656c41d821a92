#ifndef WIRE_PROXY_H
#define WIRE_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"
#include "base/text.h"

/*
 * The PROXY protocol, versions 1 and 2 (HAProxy, "The PROXY protocol", sections 2.1 and 2.2): the
 * header by which a proxy tells whose connection it passes on.
 */

/* No header taken is longer. Version 1 has 107 bytes at most, version 2 may carry extensions. */
#define PROXY_MAX_LEN 4096

struct proxy_end {
	uint8_t  address[16]; /* network order */
	uint16_t port;
};

struct proxy_header {
	size_t len;         /* bytes the header takes */
	size_t address_len; /* 4 or 16; 0: nothing is told, the real ends of the connection count */
	struct proxy_end source, target; /* the client, and whom it dialled */
};

/*
 * Reads the header at the start of input. OK: whole; AGAIN: what is there may become one; BROKEN:
 * it is none, or a malformed or too long one. Extensions are passed over. What is said of other
 * families than IPv4 and IPv6, and what a proxy says for itself (LOCAL, UNKNOWN), tells nothing.
 */
enum result proxy_read(struct slice input, struct proxy_header *header) MUST_USE;

#endif
