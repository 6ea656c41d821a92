#ifndef BASE_NETWORK_H
#define BASE_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"
#include "base/text.h"

/* Addresses and networks as values: what rules of files and settings compare clients with. */

#define NETWORK_ADDRESS_MAX 16

struct network {
	size_t len; /* of an address: 4 or 16; 0: it has every address */
	uint8_t address[NETWORK_ADDRESS_MAX];
	uint8_t mask[NETWORK_ADDRESS_MAX];
};

/*
 * Reads a numeric IPv4 or IPv6 address in network order; gives its length, 0 when it is none
 * (no look-up is made).
 */
size_t network_read_address(struct slice text, uint8_t address[NETWORK_ADDRESS_MAX]);
/* The mask of so many bits; BROKEN when the address has fewer. */
enum result network_set_bits(struct network *network, struct slice bits) MUST_USE;
/* "10.0.0.0/8", "::1": without bits, that address alone. BROKEN when it is neither. */
enum result network_parse(struct slice text, struct network *network) MUST_USE;
/* True when the address (4 or 16 bytes) is in it. */
bool network_has(const struct network *network, const uint8_t *address, size_t len);

/* What stands in a list of networks for Unix sockets. */
#define NETWORK_UNIX "unix"
/* Of a list with commas between, the first that is neither a network nor NETWORK_UNIX, if any. */
bool network_list_fault(struct slice list, struct slice *fault);
/* True when the list has the address; len 0: a Unix socket. */
bool network_list_has(struct slice list, const uint8_t *address, size_t len);

#endif
