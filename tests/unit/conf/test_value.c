#include "test.h"

#include <limits.h>

#include "conf/conf_internal.h"

static const struct option *global(const char *name)
{
	return option_find(&option_global, slice_of(name));
}

/* Reads text as a value of name and compares what it prints; expected NULL: refused. */
static void round_trip(const struct option *option, const char *text, const char *expected)
{
	struct arena *arena = arena_new();
	struct buffer out = BUFFER_EMPTY, why = BUFFER_EMPTY;
	struct span field[2] = { { 0 }, { 0 } };

	REQUIRE(arena != NULL);
	if (value_parse(option, slice_of(text), field, arena, &why) != OK) {
		CHECK(why.len > 0);
		if (expected)
			FAIL("%s: \"%s\" is refused", option->name, text);
	} else if (!expected) {
		FAIL("%s: \"%s\" is not refused", option->name, text);
	} else {
		CHECK(value_print(option, field, &out));
		CHECK_SLICE_EQ(buffer_slice(&out), slice_of(expected));
	}
	buffer_release(&out);
	buffer_release(&why);
	arena_free(arena);
}

TEST(numbers)
{
	const struct option *port = global("listen_port");
	const struct option *size = option_find(&option_database, SLICE_LITERAL("pool_size"));

	round_trip(port, "6432", "6432");
	round_trip(port, "0x1920", "6432");
	round_trip(port, "014440", "6432");
	round_trip(port, "65535", "65535");
	round_trip(port, "65536", NULL);
	round_trip(port, "0", NULL);
	round_trip(port, "-1", NULL);
	round_trip(port, "", NULL);
	round_trip(port, "64 32", NULL);
	round_trip(port, "6432x", NULL);
	round_trip(port, "99999999999999999999", NULL);
	round_trip(size, "0", "0");
	round_trip(size, "2147483647", "2147483647");
	round_trip(size, "2147483648", NULL);
	round_trip(size, "-2", NULL);
	round_trip(global("max_packet_size"), "4294967295", "4294967295");
	round_trip(global("max_packet_size"), "4294967296", NULL);
	round_trip(global("unix_socket_mode"), "0777", "511");
	round_trip(global("unix_socket_mode"), "0770", "504");
	round_trip(global("unix_socket_mode"), "777", NULL);
}

TEST(switches)
{
	const struct option *syslog_option = global("syslog");

	round_trip(syslog_option, "1", "1");
	round_trip(syslog_option, "0", "0");
	round_trip(syslog_option, "Yes", "1");
	round_trip(syslog_option, "off", "0");
	round_trip(syslog_option, "2", NULL);
	round_trip(syslog_option, "", NULL);
	round_trip(global("tcp_defer_accept"), "45", "1");
	round_trip(global("tcp_defer_accept"), "0x0", "0");
	round_trip(global("tcp_defer_accept"), "-1", NULL);
	round_trip(global("tcp_defer_accept"), "3601", NULL);
}

TEST(times)
{
	const struct option *timeout = global("query_timeout");

	round_trip(timeout, "120", "120");
	round_trip(timeout, "1.5", "1.5");
	round_trip(timeout, "0.000001", "0.000001");
	round_trip(timeout, "0", "0");
	round_trip(timeout, "100", "100");
	round_trip(timeout, "2147483647", "2147483647");
	round_trip(timeout, "2147483648", NULL);
	round_trip(timeout, "-1", NULL);
	round_trip(timeout, "5s", NULL);
	round_trip(timeout, "", NULL);
}

TEST(words)
{
	round_trip(global("pool_mode"), "transaction", "transaction");
	round_trip(global("pool_mode"), "TRANSACTION", "transaction");
	round_trip(global("pool_mode"), "trans", NULL);
	round_trip(global("auth_type"), "scram-sha-256", "scram-sha-256");
	round_trip(global("auth_type"), "ldap", "ldap");
	round_trip(global("auth_type"), "kerberos", NULL);
	round_trip(global("syslog_facility"), "LOCAL3", "local3");
	round_trip(global("syslog_facility"), "mail", NULL);
	round_trip(global("client_tls_sslmode"), "verify-full", "verify-full");
}

TEST(texts)
{
	round_trip(global("server_reset_query"), "", "");
	round_trip(global("server_reset_query"), "DISCARD ALL", "DISCARD ALL");
	round_trip(option_find(&option_database, SLICE_LITERAL("password")), "hush", "***");
	round_trip(global("auth_ldap_options"), "ldapbindpasswd=hush", "***");
}

static void refusal(const struct option *option, const char *text, const char *expected)
{
	struct arena *arena = arena_new();
	struct buffer why = BUFFER_EMPTY;
	int field = 42;

	REQUIRE(arena != NULL);
	CHECK(value_parse(option, slice_of(text), &field, arena, &why) == BROKEN);
	CHECK_SLICE_EQ(buffer_slice(&why), slice_of(expected));
	CHECK_INT_EQ(field, 42);
	buffer_release(&why);
	arena_free(arena);
}

TEST(a_refusal_says_what_is_allowed)
{
	refusal(global("listen_port"), "x",
		"bad value \"x\" for setting \"listen_port\": allowed is a whole number from 1 to "
		"65535");
	refusal(global("listen_port"), "1 ; one",
		"bad value \"1 ; one\" for setting \"listen_port\": allowed is a whole number from "
		"1 to 65535; comments need a line of their own");
	refusal(global("auth_type"), "kerberos",
		"bad value \"kerberos\" for setting \"auth_type\": allowed is any, trust, plain, "
		"md5, scram-sha-256, cert, hba, ldap, pam");
}

TEST(values_compare_and_copy)
{
	const struct option *text = global("logfile");
	const struct option *time = global("query_timeout");
	const char *a = "x", *b = NULL;
	char other[] = "x";
	const char *same = other;
	struct span short_time = { 1 }, long_time = { 2 };
	struct arena *arena = arena_new();

	REQUIRE(arena != NULL);
	CHECK(value_equal(text, &a, &same) && !value_equal(text, &a, &b));
	CHECK(value_equal(text, &b, &b) && !value_equal(text, &b, &a));
	CHECK(value_copy(text, &b, &a, arena) == OK && b != a && strcmp(a, b) == 0);
	CHECK(!value_equal(time, &short_time, &long_time));
	CHECK(value_copy(time, &short_time, &long_time, arena) == OK);
	CHECK(value_equal(time, &short_time, &long_time));
	arena_free(arena);
}
