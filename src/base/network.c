/*
 * Addresses and networks as values. Owns nothing; called by auth/hba for the rules of a file, by
 * conf and session for lists of trusted addresses.
 */
#include "base/network.h"

#include <arpa/inet.h>

size_t network_read_address(struct slice text, uint8_t address[NETWORK_ADDRESS_MAX])
{
	char copy[INET6_ADDRSTRLEN];

	if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.data, '\0', text.len))
		return 0;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	if (inet_pton(AF_INET, copy, address) == 1)
		return 4;
	return inet_pton(AF_INET6, copy, address) == 1 ? 16 : 0;
}

static void set_mask(struct network *network, size_t bits)
{
	for (size_t i = 0; i < network->len; i++) {
		size_t here = bits < 8 ? bits : 8;

		network->mask[i] = (uint8_t)(0xff00 >> here);
		bits -= here;
	}
}

enum result network_set_bits(struct network *network, struct slice bits)
{
	int64_t count;

	if (bits.len == 0 || bits.len > 3 || text_to_int64(bits, &count) != OK || count < 0 ||
	    count > (int64_t)network->len * 8)
		return BROKEN;
	set_mask(network, (size_t)count);
	return OK;
}

enum result network_parse(struct slice text, struct network *network)
{
	const char *slash = text.len ? memchr(text.data, '/', text.len) : NULL;
	struct slice host = text;

	if (slash)
		host.len = (size_t)(slash - text.data);
	network->len = network_read_address(host, network->address);
	if (network->len == 0)
		return BROKEN;
	if (slash)
		return network_set_bits(network,
					(struct slice){ slash + 1, text.len - host.len - 1 });
	set_mask(network, network->len * 8);
	return OK;
}

bool network_has(const struct network *network, const uint8_t *address, size_t len)
{
	if (network->len == 0)
		return true;
	if (network->len != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((network->address[i] ^ address[i]) & network->mask[i])
			return false;
	return true;
}

bool network_list_fault(struct slice list, struct slice *fault)
{
	struct network network;

	while (slice_next_field(&list, ',', fault))
		if (!slice_equal(*fault, SLICE_LITERAL(NETWORK_UNIX)) &&
		    network_parse(*fault, &network) != OK)
			return true;
	return false;
}

bool network_list_has(struct slice list, const uint8_t *address, size_t len)
{
	struct network network;
	struct slice word;

	while (slice_next_field(&list, ',', &word)) {
		if (slice_equal(word, SLICE_LITERAL(NETWORK_UNIX))) {
			if (len == 0)
				return true;
		} else if (len > 0 && network_parse(word, &network) == OK &&
			   network_has(&network, address, len)) {
			return true;
		}
	}
	return false;
}
