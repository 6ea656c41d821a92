#include "cut.h"
#include "wire/proxy.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V2_TCP4	  SIGNATURE "\x21\x11\0\x0c\x01\x02\x03\x04\x05\x06\x07\x08\x12\x34\x19\x20"
#define V2_TCP6                                                                                    \
	SIGNATURE "\x21\x21\0\x24"                                                                 \
		  "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"                                     \
		  "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"                                             \
		  "\xff\xff\0\0"

static enum result read_header(struct slice input)
{
	struct proxy_header header;

	return proxy_read(input, &header);
}

static size_t told(struct slice input, size_t *len)
{
	struct proxy_header header;

	CHECK_INT_EQ(proxy_read(input, &header), OK);
	*len = header.len;
	return header.address_len;
}

TEST(a_line_tells_both_ends)
{
	struct slice input = BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 4660 6432\r\nrest");
	struct proxy_header header;

	CHECK_INT_EQ(proxy_read(input, &header), OK);
	CHECK_UINT_EQ(header.len, input.len - 4);
	CHECK_UINT_EQ(header.address_len, 4);
	CHECK(memcmp(header.source.address, "\1\2\3\4", 4) == 0);
	CHECK(memcmp(header.target.address, "\5\6\7\x08", 4) == 0);
	CHECK_INT_EQ(header.source.port, 4660);
	CHECK_INT_EQ(header.target.port, 6432);

	input = BYTES("PROXY TCP6 2001:db8::1 ::1 0 65535\r\n");
	CHECK_INT_EQ(proxy_read(input, &header), OK);
	CHECK_UINT_EQ(header.len, input.len);
	CHECK_UINT_EQ(header.address_len, 16);
	CHECK_INT_EQ(header.source.address[1], 1);
	CHECK_INT_EQ(header.target.address[15], 1);
	CHECK_INT_EQ(header.source.port, 0);
	CHECK_INT_EQ(header.target.port, 65535);
}

TEST(bytes_tell_both_ends)
{
	struct proxy_header header;

	CHECK_INT_EQ(proxy_read(BYTES(V2_TCP4 "rest"), &header), OK);
	CHECK_UINT_EQ(header.len, 28);
	CHECK_UINT_EQ(header.address_len, 4);
	CHECK(memcmp(header.source.address, "\1\2\3\4", 4) == 0);
	CHECK(memcmp(header.target.address, "\5\6\7\x08", 4) == 0);
	CHECK_INT_EQ(header.source.port, 0x1234);
	CHECK_INT_EQ(header.target.port, 6432);

	CHECK_INT_EQ(proxy_read(BYTES(V2_TCP6), &header), OK);
	CHECK_UINT_EQ(header.len, 52);
	CHECK_UINT_EQ(header.address_len, 16);
	CHECK(memcmp(header.source.address, "\x20\x01\x0d\xb8", 4) == 0);
	CHECK_INT_EQ(header.source.port, 65535);
	CHECK_INT_EQ(header.target.port, 0);
}

TEST(a_header_cut_anywhere_is_waited_for)
{
	CHECK_CUT_AGAIN(read_header, BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 4660 6432\r\n"));
	CHECK_CUT_AGAIN(read_header, BYTES("PROXY UNKNOWN\r\n"));
	CHECK_CUT_AGAIN(read_header, BYTES(V2_TCP4));
	CHECK_CUT_AGAIN(read_header, BYTES(V2_TCP6));
}

TEST(what_a_proxy_says_for_itself_tells_nothing)
{
	size_t len;

	CHECK_UINT_EQ(told(BYTES("PROXY UNKNOWN\r\nrest"), &len), 0);
	CHECK_UINT_EQ(len, 15);
	CHECK_UINT_EQ(told(BYTES("PROXY UNKNOWN ffff:: whatever 1 2\r\n"), &len), 0);
	CHECK_UINT_EQ(told(BYTES(SIGNATURE "\x20\0\0\0"), &len), 0);
	CHECK_UINT_EQ(len, 16);
	/* LOCAL with addresses: they are passed over. */
	CHECK_UINT_EQ(told(BYTES(SIGNATURE "\x20\x11\0\x0c\1\2\3\4\5\6\7\x08\0\1\0\2"), &len), 0);
	CHECK_UINT_EQ(len, 28);
	/* An unknown family, and datagrams. */
	CHECK_UINT_EQ(told(BYTES(SIGNATURE "\x21\0\0\2xx"), &len), 0);
	CHECK_UINT_EQ(len, 18);
	CHECK_UINT_EQ(told(BYTES(SIGNATURE "\x21\x12\0\x0c\1\2\3\4\5\6\7\x08\0\1\0\2"), &len), 0);
}

TEST(a_unix_sockets_path_tells_nothing)
{
	char bytes[16 + 216] = SIGNATURE "\x21\x31\0\xd8/path";
	size_t len;

	CHECK_UINT_EQ(told((struct slice){ bytes, sizeof(bytes) }, &len), 0);
	CHECK_UINT_EQ(len, sizeof(bytes));
	bytes[15] = (char)0xd7;
	CHECK_INT_EQ(read_header((struct slice){ bytes, sizeof(bytes) }), BROKEN);
}

TEST(extensions_are_passed_over_up_to_a_limit)
{
	static char bytes[PROXY_MAX_LEN + 1] = V2_TCP4;
	struct proxy_header header;

	bytes[14] = (char)((PROXY_MAX_LEN - 16) >> 8);
	bytes[15] = (char)((PROXY_MAX_LEN - 16) & 0xff);
	CHECK_INT_EQ(proxy_read((struct slice){ bytes, PROXY_MAX_LEN - 1 }, &header), AGAIN);
	CHECK_INT_EQ(proxy_read((struct slice){ bytes, PROXY_MAX_LEN }, &header), OK);
	CHECK_UINT_EQ(header.len, PROXY_MAX_LEN);
	CHECK_UINT_EQ(header.address_len, 4);
	bytes[15]++;
	/* Too long is known from the head alone: nothing is collected. */
	CHECK_INT_EQ(proxy_read((struct slice){ bytes, 16 }, &header), BROKEN);
}

TEST(what_is_no_header_is_refused_at_once)
{
	static const char *const lines[] = {
		"P\n",
		"\r\nQ",
		"GET / HTTP/1.1\r\n",
		"proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
		"PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
		"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
		"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n",
		"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
		"PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n",
		"PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n",
		"PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n",
		"PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n",
		"PROXY TCP4 1.2.3.4 5.6.7.8 1 \r\n",
		"PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n",
		"PROXY TCP4 ::1 ::1 1 2\r\n",
		"PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
		"PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n",
		"PROXY UNKNOWNS\r\n",
		"PROXY \r\n",
		"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r.",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (read_header(slice_of(lines[i])) != BROKEN)
			FAIL("taken: %s", lines[i]);
	/* A start-up packet and a TLS ClientHello. */
	CHECK_INT_EQ(read_header(BYTES("\0\0\0\x08\x04\xd2\x16\x2f")), BROKEN);
	CHECK_INT_EQ(read_header(BYTES("\x16\x03\x01")), BROKEN);
}

TEST(a_line_without_an_end_is_not_read_for_ever)
{
	char line[200] = "PROXY UNKNOWN ";

	memset(line + 14, 'x', sizeof(line) - 14);
	CHECK_INT_EQ(read_header((struct slice){ line, 106 }), AGAIN);
	CHECK_INT_EQ(read_header((struct slice){ line, 107 }), BROKEN);
	memcpy(line + 105, "\r\n", 2);
	CHECK_INT_EQ(read_header((struct slice){ line, 107 }), OK);
	memcpy(line + 105, "x\r\n", 3);
	CHECK_INT_EQ(read_header((struct slice){ line, 108 }), BROKEN);
}

TEST(bytes_of_other_versions_are_refused)
{
	CHECK_INT_EQ(read_header(BYTES(SIGNATURE "\x11\x11\0\0")), BROKEN);
	CHECK_INT_EQ(read_header(BYTES(SIGNATURE "\x31\x11\0\0")), BROKEN);
	CHECK_INT_EQ(read_header(BYTES(SIGNATURE "\x22\x11\0\0")), BROKEN);
	CHECK_INT_EQ(read_header(BYTES(SIGNATURE "\x21\x41\0\0")), BROKEN);
	CHECK_INT_EQ(read_header(BYTES(SIGNATURE "\x21\x13\0\x0c")), BROKEN);
	CHECK_INT_EQ(read_header(BYTES(SIGNATURE "\x21\x11\0\x0b")), BROKEN);
	CHECK_INT_EQ(read_header(BYTES(SIGNATURE "\x21\x21\0\x23")), BROKEN);
}
