/*
 * The header of the PROXY protocol, as text (version 1) and as bytes (version 2).
 *
 * Owns nothing. Called before the first packet of a client that comes through a trusted proxy.
 * Strict: a header that is not exactly what the specification says is refused, for what it tells
 * is believed.
 */
#include "wire/proxy.h"

#include <string.h>

#include "base/network.h"

/* ---- version 1: "PROXY TCP4 1.2.3.4 5.6.7.8 90 12\r\n" ---- */

#define TEXT_START   SLICE_LITERAL("PROXY ")
#define TEXT_MAX_LEN 107

static enum result read_port(struct slice text, uint16_t *port)
{
	int64_t number;

	/* A sign, or a zero in front, is no port. */
	if (text.len == 0 || text.len > 5 || text.data[0] < '0' || text.data[0] > '9' ||
	    (text.data[0] == '0' && text.len > 1) || text_to_int64(text, &number) != OK ||
	    number > UINT16_MAX)
		return BROKEN;
	*port = (uint16_t)number;
	return OK;
}

/* Up to the next space; fields are never empty and have one space between. */
static struct slice next_field(struct slice *rest)
{
	const char *space = rest->len ? memchr(rest->data, ' ', rest->len) : NULL;
	struct slice field = *rest;

	if (!space) {
		*rest = SLICE_NONE;
		return field;
	}
	field.len = (size_t)(space - field.data);
	rest->data += field.len + 1;
	rest->len -= field.len + 1;
	return field;
}

static enum result read_ends(struct slice line, size_t address_len, struct proxy_header *header)
{
	struct proxy_end *source = &header->source, *target = &header->target;

	header->address_len = address_len;
	if (network_read_address(next_field(&line), source->address) != address_len ||
	    network_read_address(next_field(&line), target->address) != address_len ||
	    read_port(next_field(&line), &source->port) != OK || !line.data)
		return BROKEN;
	return read_port(line, &target->port);
}

/* The line without "PROXY " and without its end. */
static enum result read_line(struct slice line, struct proxy_header *header)
{
	struct slice family = next_field(&line);

	if (slice_equal(family, SLICE_LITERAL("UNKNOWN")))
		return OK;
	if (slice_equal(family, SLICE_LITERAL("TCP4")))
		return read_ends(line, 4, header);
	if (slice_equal(family, SLICE_LITERAL("TCP6")))
		return read_ends(line, 16, header);
	return BROKEN;
}

static enum result read_text(struct slice input, struct proxy_header *header)
{
	size_t head = TEXT_START.len;
	size_t most = input.len < TEXT_MAX_LEN ? input.len : TEXT_MAX_LEN;
	const char *end = memchr(input.data, '\r', most);
	size_t len;

	if (!end)
		return input.len < TEXT_MAX_LEN ? AGAIN : BROKEN;
	len = (size_t)(end - input.data);
	if (len + 2 > TEXT_MAX_LEN)
		return BROKEN;
	if (len + 1 == input.len)
		return AGAIN;
	if (end[1] != '\n' || len < head)
		return BROKEN;
	header->len = len + 2;
	return read_line((struct slice){ input.data + head, len - head }, header);
}

/* ---- version 2 ---- */

#define BYTES_START SLICE_LITERAL("\r\n\r\n\0\r\nQUIT\n")
#define BYTES_HEAD  16 /* signature, version and command, family and transport, length */

enum { COMMAND_LOCAL = 0x20, COMMAND_PROXY = 0x21 }; /* the upper half is the version */

static uint16_t load_u16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void load_ends(const uint8_t *at, size_t address_len, struct proxy_header *header)
{
	header->address_len = address_len;
	memcpy(header->source.address, at, address_len);
	memcpy(header->target.address, at + address_len, address_len);
	header->source.port = load_u16(at + 2 * address_len);
	header->target.port = load_u16(at + 2 * address_len + 2);
}

static enum result read_bytes(struct slice input, struct proxy_header *header)
{
	/* What the addresses of a family take: unknown, IPv4, IPv6, Unix sockets. */
	static const uint8_t sizes[] = { 0, 12, 36, 216 };
	const uint8_t *bytes = (const uint8_t *)input.data;
	uint8_t command, family, transport;
	size_t len;

	if (input.len < BYTES_HEAD)
		return AGAIN;
	command = bytes[12];
	family = bytes[13] >> 4;
	transport = bytes[13] & 0x0f; /* unknown, stream, datagram */
	len = load_u16(bytes + 14);
	if ((command != COMMAND_LOCAL && command != COMMAND_PROXY) || family >= sizeof(sizes) ||
	    transport > 2 || BYTES_HEAD + len > PROXY_MAX_LEN ||
	    (command == COMMAND_PROXY && len < sizes[family]))
		return BROKEN;
	if (input.len < BYTES_HEAD + len)
		return AGAIN;
	header->len = BYTES_HEAD + len;
	if (command == COMMAND_PROXY && transport == 1 && (family == 1 || family == 2))
		load_ends(bytes + BYTES_HEAD, family == 1 ? 4 : 16, header);
	return OK;
}

/* ---- which ---- */

/* Input agrees with start as far as both go. */
static bool may_start(struct slice input, struct slice start)
{
	size_t len = input.len < start.len ? input.len : start.len;

	return len == 0 || memcmp(input.data, start.data, len) == 0;
}

enum result proxy_read(struct slice input, struct proxy_header *header)
{
	struct slice text = TEXT_START, bytes = BYTES_START;

	*header = (struct proxy_header){ 0 };
	if (may_start(input, text))
		return input.len < text.len ? AGAIN : read_text(input, header);
	if (may_start(input, bytes))
		return input.len < bytes.len ? AGAIN : read_bytes(input, header);
	return BROKEN;
}
