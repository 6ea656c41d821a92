#include "net/address.h"

#include <errno.h>

#include "net_test.h"

TEST(numeric_addresses_are_read_and_printed)
{
	static const struct {
		const char *text;
		const char *host;
		const char *print;
	} rows[] = {
		{ "10.0.0.1", "10.0.0.1", "10.0.0.1:5432" },
		{ "::1", "::1", "[::1]:5432" },
		{ "[::1]", "::1", "[::1]:5432" },
		{ "2001:db8::7", "2001:db8::7", "[2001:db8::7]:5432" },
		{ "fe80::1%lo", "fe80::1", "[fe80::1]:5432" },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct address address;
		char text[64];

		CHECK(address_parse(slice_of(rows[i].text), 5432, &address) == OK);
		CHECK_TEXT_EQ(address_host(&address, text, sizeof(text)), rows[i].host);
		CHECK_TEXT_EQ(address_print(&address, text, sizeof(text)), rows[i].print);
		CHECK_INT_EQ(address_port(&address), 5432);
		CHECK(!address_is_unix(&address));
	}
}

TEST(what_is_no_number_is_refused)
{
	static const char *const rows[] = { "",
					    "localhost",
					    "10.0.0",
					    "10.0.0.256",
					    "1.2.3.4 ",
					    ":::1",
					    "fe80::1%nosuchinterface",
					    "*",
					    "[::1",
					    "/tmp" };
	struct address address;

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		CHECK(address_parse(slice_of(rows[i]), 5432, &address) == BROKEN);
	CHECK(address_parse(SLICE_LITERAL("10.0.0.1"), 65536, &address) == BROKEN);
	CHECK(address_parse(SLICE_LITERAL("10.0.0.1\0x"), 1, &address) == BROKEN);
}

TEST(unix_paths_and_abstract_names)
{
	struct address address;
	char text[64], dir[200];

	CHECK(address_unix(SLICE_LITERAL("/tmp"), 5432, &address) == OK);
	CHECK(address_is_unix(&address));
	CHECK_TEXT_EQ(address.unix_path.sun_path, "/tmp/.s.PGSQL.5432");
	CHECK_TEXT_EQ(address_print(&address, text, sizeof(text)), "unix");
	CHECK_INT_EQ(address_port(&address), 0);
	CHECK(address_unix(SLICE_LITERAL("@x"), 1, &address) == OK);
	CHECK_BYTES_EQ(address.unix_path.sun_path, "\0x/.s.PGSQL.1", 13);
	CHECK_UINT_EQ(address.len, sizeof(sa_family_t) + 13);
	memset(dir, 'd', sizeof(dir));
	CHECK(address_unix((struct slice){ dir, 100 }, 5432, &address) == BROKEN);
	CHECK(address_unix((struct slice){ dir, 200 }, 5432, &address) == BROKEN);
	CHECK(address_unix(SLICE_NONE, 5432, &address) == BROKEN);
}

TEST(equal_means_the_same_place)
{
	struct address a, b, none = { .len = 0 };

	CHECK(address_parse(SLICE_LITERAL("::1"), 1, &a) == OK);
	CHECK(address_parse(SLICE_LITERAL("0::1"), 1, &b) == OK);
	CHECK(address_equal(&a, &b));
	CHECK(address_parse(SLICE_LITERAL("::1"), 2, &b) == OK);
	CHECK(!address_equal(&a, &b));
	CHECK(address_parse(SLICE_LITERAL("127.0.0.1"), 1, &b) == OK);
	CHECK(!address_equal(&a, &b));
	CHECK(!address_equal(&a, &none) && address_equal(&none, &none));
	CHECK(address_unix(SLICE_LITERAL("/a"), 1, &a) == OK);
	CHECK(address_unix(SLICE_LITERAL("/b"), 1, &b) == OK);
	CHECK(!address_equal(&a, &b) && address_equal(&a, &a));
}

TEST(the_other_end_of_a_unix_socket_is_known)
{
	struct peer peer;
	int ends[2];

	unix_pair(ends);
	CHECK(address_peer(ends[0], &peer) == OK);
	CHECK_INT_EQ(peer.pid, getpid());
	CHECK_INT_EQ(peer.uid, geteuid());
	CHECK_INT_EQ(peer.gid, getegid());
	close(ends[0]);
	close(ends[1]);
	CHECK(address_peer(-1, &peer) == BROKEN);
}
