/* The console by the extended protocol, as drivers speak it. */

#include "test.h"

#include "admin/console_test.h"

#define INI                                                                                        \
	"[databases]\n"                                                                            \
	"[pgcarwash]\n"                                                                            \
	"listen_addr =\n"                                                                          \
	"unix_socket_dir = /nowhere\n"                                                             \
	"auth_type = trust\n"

#define AT_CONSOLE(visitor)                                                                        \
	struct console console;                                                                    \
	struct visitor visitor;                                                                    \
	CHECK(console_start(&console, INI));                                                       \
	visitor_open(&visitor, &console, "pgcarwash", "pgcarwash");                                \
	(void)visitor_read(&visitor)

#define LEAVE(visitor)                                                                             \
	do {                                                                                       \
		visitor_close(&visitor);                                                           \
		console_finish(&console);                                                          \
	} while (0)

static const char *sync_and_read(struct visitor *visitor)
{
	writer_empty(&visitor->out, 'S');
	visitor_exchange(visitor);
	return visitor_read(visitor);
}

TEST(parse_bind_describe_execute)
{
	AT_CONSOLE(visitor);

	write_parse(&visitor.out, "", "SHOW VERSION");
	write_bind(&visitor.out, "", "", 0, "");
	query_write_target(&visitor.out, 'D', 'P', SLICE_LITERAL(""));
	write_execute(&visitor.out, "", 0);
	CHECK_TEXT_EQ(sync_and_read(&visitor), "1 2 T(version) D(test 1.0) C(SHOW) Z(I)");
	write_parse(&visitor.out, "", "SET default_pool_size = 4");
	query_write_target(&visitor.out, 'D', 'S', SLICE_LITERAL(""));
	write_bind(&visitor.out, "", "", 0, "1");
	write_execute(&visitor.out, "", 0);
	CHECK_TEXT_EQ(sync_and_read(&visitor), "1 t n 2 C(SET default_pool_size=4) Z(I)");
	LEAVE(visitor);
}

TEST(named_statements_live_until_closed)
{
	AT_CONSOLE(visitor);

	write_parse(&visitor.out, "s1", "SHOW VERSION");
	query_write_target(&visitor.out, 'D', 'S', SLICE_LITERAL("s1"));
	CHECK_TEXT_EQ(sync_and_read(&visitor), "1 t T(version) Z(I)");
	for (int i = 0; i < 3; i++) {
		write_bind(&visitor.out, "", "s1", 0, "0");
		write_execute(&visitor.out, "", 0);
		CHECK_TEXT_EQ(sync_and_read(&visitor), "2 D(test 1.0) C(SHOW) Z(I)");
	}
	write_parse(&visitor.out, "s1", "SHOW STATE");
	CHECK_TEXT_EQ(sync_and_read(&visitor),
		      "E(ERROR 42P05: prepared statement \"s1\" already exists) Z(I)");
	query_write_target(&visitor.out, 'C', 'S', SLICE_LITERAL("s1"));
	query_write_target(&visitor.out, 'C', 'S', SLICE_LITERAL("never was"));
	CHECK_TEXT_EQ(sync_and_read(&visitor), "3 3 Z(I)");
	write_bind(&visitor.out, "", "s1", 0, "");
	CHECK_TEXT_EQ(sync_and_read(&visitor),
		      "E(ERROR 26000: prepared statement \"s1\" does not exist) Z(I)");
	write_parse(&visitor.out, "s2", "SHOW VERSION");
	(void)sync_and_read(&visitor);
	CHECK_TEXT_EQ(visitor_query(&visitor, "DEALLOCATE s2"), "C(DEALLOCATE) Z(I)");
	CHECK_TEXT_EQ(visitor_query(&visitor, "DEALLOCATE s2"),
		      "E(ERROR 26000: prepared statement \"s2\" does not exist) Z(I)");
	LEAVE(visitor);
}

TEST(after_an_error_nothing_until_sync)
{
	AT_CONSOLE(visitor);

	write_parse(&visitor.out, "", "SELECT * FROM pg_type");
	write_bind(&visitor.out, "", "", 0, "");
	write_execute(&visitor.out, "", 0);
	query_write_query(&visitor.out, SLICE_LITERAL("SHOW VERSION"));
	writer_empty(&visitor.out, 'H');
	visitor_exchange(&visitor);
	CHECK_TEXT_EQ(visitor_read(&visitor),
		      "E(ERROR 08P01: invalid command 'SELECT * FROM pg_type', use SHOW HELP;)");
	write_parse(&visitor.out, "", "SHOW VERSION");
	CHECK_TEXT_EQ(sync_and_read(&visitor), "Z(I)");
	/* An error of Execute does the same. */
	write_parse(&visitor.out, "", "RESUME");
	write_bind(&visitor.out, "", "", 0, "");
	write_execute(&visitor.out, "", 0);
	write_parse(&visitor.out, "", "SHOW VERSION");
	CHECK_TEXT_EQ(sync_and_read(&visitor),
		      "1 2 E(ERROR 08P01: pooler is not paused/suspended) Z(I)");
	LEAVE(visitor);
}

TEST(result_formats)
{
	AT_CONSOLE(visitor);

	write_parse(&visitor.out, "m", "SHOW MEM");
	write_bind(&visitor.out, "", "m", 0, "01100");
	query_write_target(&visitor.out, 'D', 'P', SLICE_LITERAL(""));
	CHECK_TEXT_EQ(sync_and_read(&visitor),
		      "1 2 T(name,size:binary,used:binary,free,memtotal) Z(I)");
	write_bind(&visitor.out, "", "m", 0, "1");
	query_write_target(&visitor.out, 'D', 'P', SLICE_LITERAL(""));
	CHECK_TEXT_EQ(sync_and_read(&visitor),
		      "2 T(name:binary,size:binary,used:binary,free:binary,memtotal:binary) Z(I)");
	write_bind(&visitor.out, "", "m", 0, "10");
	CHECK_TEXT_EQ(sync_and_read(&visitor),
		      "E(ERROR 08P01: bind message has 2 result formats but query has 5 columns) "
		      "Z(I)");
	write_bind(&visitor.out, "", "m", 0, "2");
	CHECK_TEXT_EQ(sync_and_read(&visitor), "E(ERROR 22023: unsupported format code) Z(I)");
	write_bind(&visitor.out, "", "m", 2, "");
	CHECK_TEXT_EQ(sync_and_read(&visitor),
		      "E(ERROR 08P01: bind message supplies 2 parameters, but prepared statement "
		      "\"m\" requires 0) Z(I)");
	LEAVE(visitor);
}

TEST(row_limits_suspend_a_portal)
{
	AT_CONSOLE(visitor);

	CHECK_TEXT_EQ(visitor_query(&visitor, "BEGIN"), "C(BEGIN) Z(T)");
	write_parse(&visitor.out, "", "SHOW STATE");
	write_bind(&visitor.out, "p", "", 0, "");
	write_execute(&visitor.out, "p", 2);
	CHECK_TEXT_EQ(sync_and_read(&visitor), "1 2 D(active,yes) D(paused,no) s Z(T)");
	write_execute(&visitor.out, "p", 2);
	CHECK_TEXT_EQ(sync_and_read(&visitor), "D(suspended,no) C(SHOW) Z(T)");
	write_execute(&visitor.out, "p", 2);
	CHECK_TEXT_EQ(sync_and_read(&visitor),
		      "E(ERROR 55000: portal \"p\" cannot be run anymore) Z(T)");
	write_bind(&visitor.out, "p", "", 0, "");
	CHECK_TEXT_EQ(sync_and_read(&visitor), "E(ERROR 42P03: portal \"p\" already exists) Z(T)");
	CHECK_TEXT_EQ(visitor_query(&visitor, "COMMIT"), "C(COMMIT) Z(I)");
	write_execute(&visitor.out, "p", 0);
	CHECK_TEXT_EQ(sync_and_read(&visitor), "E(ERROR 34000: portal \"p\" does not exist) Z(I)");
	/* As many rows as asked for are all there are: the end is not known before it is met. */
	write_bind(&visitor.out, "", "", 0, "");
	write_execute(&visitor.out, "", 3);
	CHECK_TEXT_EQ(sync_and_read(&visitor),
		      "2 D(active,yes) D(paused,no) D(suspended,no) C(SHOW) Z(I)");
	LEAVE(visitor);
}

TEST(blocks_by_execute_end_at_sync)
{
	AT_CONSOLE(visitor);

	write_parse(&visitor.out, "", "BEGIN");
	write_bind(&visitor.out, "", "", 0, "");
	write_execute(&visitor.out, "", 0);
	CHECK_TEXT_EQ(sync_and_read(&visitor), "1 2 C(BEGIN) Z(T)");
	write_parse(&visitor.out, "", "");
	write_bind(&visitor.out, "kept", "", 0, "");
	write_execute(&visitor.out, "kept", 0);
	CHECK_TEXT_EQ(sync_and_read(&visitor), "1 2 I Z(T)");
	write_parse(&visitor.out, "", "COMMIT");
	write_bind(&visitor.out, "", "", 0, "");
	write_execute(&visitor.out, "", 0);
	CHECK_TEXT_EQ(sync_and_read(&visitor), "1 2 C(COMMIT) Z(I)");
	query_write_target(&visitor.out, 'D', 'P', SLICE_LITERAL("kept"));
	CHECK_TEXT_EQ(sync_and_read(&visitor),
		      "E(ERROR 34000: portal \"kept\" does not exist) Z(I)");
	LEAVE(visitor);
}

TEST(statements_and_portals_are_bounded)
{
	char name[16];
	unsigned i;
	AT_CONSOLE(visitor);

	for (i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		write_parse(&visitor.out, name, "SHOW VERSION");
	}
	(void)sync_and_read(&visitor);
	write_parse(&visitor.out, "one more", "SHOW VERSION");
	CHECK_TEXT_EQ(sync_and_read(&visitor),
		      "E(ERROR 53400: too many prepared statements at the console) Z(I)");
	for (i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "p%u", i);
		write_bind(&visitor.out, name, "s1", 0, "");
	}
	visitor_exchange(&visitor);
	(void)visitor_read(&visitor);
	write_bind(&visitor.out, "one more", "s1", 0, "");
	CHECK_TEXT_EQ(sync_and_read(&visitor), "E(ERROR 53400: too many portals at the console) "
					       "Z(I)");
	LEAVE(visitor);
}

static void send_cut(struct visitor *visitor, char type, const char *body, size_t len)
{
	size_t mark = writer_begin(&visitor->out, type);

	writer_bytes(&visitor->out, (struct slice){ body, len });
	writer_end(&visitor->out, mark);
	visitor_exchange(visitor);
}

TEST(broken_messages_end_the_visit)
{
	static const struct {
		char type;
		const char *body;
		size_t len;
	} messages[] = {
		{ 'P', "\0SHOW", 5 },
		{ 'B', "\0\0\0\1", 4 },
		{ 'B', "\0\0\0\0\0\1\xff\xff\xff", 9 },
		{ 'D', "X\0", 2 },
		{ 'E', "\0\0", 2 },
		{ 'C', "S", 1 },
		{ 'Q', "SHOW", 4 },
	};
	struct console console;

	CHECK(console_start(&console, INI));
	for (size_t i = 0; i < COUNT_OF(messages); i++) {
		struct visitor visitor;

		visitor_open(&visitor, &console, "pgcarwash", "pgcarwash");
		(void)visitor_read(&visitor);
		/* A statement for the Binds, so that it is their bodies that are broken. */
		write_parse(&visitor.out, "", "SHOW VERSION");
		visitor_exchange(&visitor);
		(void)visitor_read(&visitor);
		send_cut(&visitor, messages[i].type, messages[i].body, messages[i].len);
		CHECK(strstr(visitor_read(&visitor), "E(FATAL 08P01: bad packet"));
		visitor_close(&visitor);
	}
	console_finish(&console);
}

TEST(without_memory_a_visit_ends_and_no_more)
{
	struct console console;

	CHECK(console_start(&console, INI));
	WITH_EACH_FAULT(nth)
	{
		struct visitor visitor;

		visitor_open(&visitor, &console, "pgcarwash", "pgcarwash");
		write_parse(&visitor.out, "named", "SHOW CONFIG");
		write_bind(&visitor.out, "portal", "named", 0, "1");
		query_write_target(&visitor.out, 'D', 'P', SLICE_LITERAL("portal"));
		write_execute(&visitor.out, "portal", 3);
		write_execute(&visitor.out, "portal", 0);
		writer_empty(&visitor.out, 'S');
		visitor_exchange(&visitor);
		visitor_close(&visitor);
	}
	console_finish(&console);
}
