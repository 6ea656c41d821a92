/* The console's language: shapes, limits, what drivers send. */

#include "test.h"

#include "admin/grammar.h"

static struct line read_line(const char *text)
{
	struct line line;

	grammar_read(slice_of(text), &line);
	return line;
}

#define CHECK_WORDS(text, the_verb, the_subject)                                                   \
	do {                                                                                       \
		struct line read = read_line(text);                                                \
		CHECK_INT_EQ(read.shape, LINE_WORDS);                                              \
		CHECK_TEXT_EQ(read.verb, the_verb);                                                \
		CHECK_TEXT_EQ(read.subject, the_subject);                                          \
		CHECK(read.has_subject == (*(the_subject) != '\0'));                               \
	} while (0)

#define CHECK_SET(text, key, the_value)                                                            \
	do {                                                                                       \
		struct line read = read_line(text);                                                \
		CHECK_INT_EQ(read.shape, LINE_SET);                                                \
		CHECK_TEXT_EQ(read.subject, key);                                                  \
		CHECK_TEXT_EQ(read.value, the_value);                                              \
	} while (0)

#define CHECK_SHAPE(text, the_shape) CHECK_INT_EQ(read_line(text).shape, the_shape)

TEST(one_or_two_words)
{
	CHECK_WORDS("RELOAD", "RELOAD", "");
	CHECK_WORDS("show pools", "show", "pools");
	CHECK_WORDS("  show\tpools \r\n;  ", "show", "pools");
	CHECK_WORDS("PAUSE \"my db\"", "PAUSE", "my db");
	CHECK_WORDS("PAUSE \"a\"\"b\"", "PAUSE", "a\"b");
	CHECK_WORDS("PAUSE my-db.test", "PAUSE", "my-db.test");
	CHECK_WORDS("KILL_CLIENT 17", "KILL_CLIENT", "17");
	CHECK_SHAPE("show pools now", LINE_INVALID);
	CHECK_SHAPE("show 'pools'", LINE_INVALID);
	CHECK_SHAPE("\"show\" pools", LINE_INVALID);
	CHECK_SHAPE("show \"pools", LINE_INVALID);
	CHECK_SHAPE("show pools;;", LINE_INVALID);
	CHECK_SHAPE("show pools; show lists", LINE_INVALID);
	CHECK_SHAPE("show (pools)", LINE_INVALID);
}

TEST(a_word_to_a_word)
{
	struct line line = read_line("FAILOVER shop TO 10.0.0.2:5433;");

	CHECK_INT_EQ(line.shape, LINE_WORDS);
	CHECK_TEXT_EQ(line.verb, "FAILOVER");
	CHECK_TEXT_EQ(line.subject, "shop");
	CHECK_TEXT_EQ(line.value, "10.0.0.2:5433");
	line = read_line("FAILOVER \"my shop\" to \"[::1]:5433\"");
	CHECK_TEXT_EQ(line.subject, "my shop");
	CHECK_TEXT_EQ(line.value, "[::1]:5433");
	CHECK_SHAPE("FAILOVER shop TO", LINE_INVALID);
	CHECK_SHAPE("FAILOVER shop ON here", LINE_INVALID);
	CHECK_SHAPE("FAILOVER shop TO here now", LINE_INVALID);
	CHECK_SHAPE("FAILOVER shop TO 'here'", LINE_INVALID);
}

TEST(a_statement_to_be_explained)
{
	const char *text = "explain  route /* of */ shop -- now\n select ';', f(1) from \"t\"; x";
	struct line line = read_line(text);

	CHECK_INT_EQ(line.shape, LINE_EXPLAIN);
	CHECK_TEXT_EQ(line.subject, "shop");
	CHECK_TEXT_EQ(text + line.rest, " -- now\n select ';', f(1) from \"t\"; x");
	line = read_line("EXPLAIN ROUTE \"my shop\"");
	CHECK_INT_EQ(line.shape, LINE_EXPLAIN);
	CHECK_TEXT_EQ(line.subject, "my shop");
	CHECK_INT_EQ(line.rest, strlen("EXPLAIN ROUTE \"my shop\""));
	CHECK_SHAPE("EXPLAIN ROUTE", LINE_WORDS);
	CHECK_SHAPE("EXPLAIN ROUTE 'x' select 1", LINE_INVALID);
	CHECK_SHAPE("EXPLAIN select 1", LINE_INVALID);
}

TEST(an_empty_quoted_name_is_a_name)
{
	struct line line = read_line("PAUSE \"\"");

	CHECK_INT_EQ(line.shape, LINE_WORDS);
	CHECK(line.has_subject);
	CHECK_TEXT_EQ(line.subject, "");
}

TEST(comments_fall_away)
{
	CHECK_WORDS("/* who */ SHOW /* what /* nested */ */ POOLS -- and why", "SHOW", "POOLS");
	CHECK_WORDS("-- first\nSHOW POOLS", "SHOW", "POOLS");
	CHECK_WORDS("SHOW POOLS/* tight */;", "SHOW", "POOLS");
	CHECK_SHAPE("-- ping", LINE_COMMENT);
	CHECK_SHAPE("/* open", LINE_COMMENT);
	CHECK_SHAPE("/*", LINE_COMMENT);
	CHECK_SHAPE("", LINE_EMPTY);
	CHECK_SHAPE(" ; ", LINE_EMPTY);
}

TEST(set_has_a_key_and_a_value)
{
	CHECK_SET("SET pool_mode = transaction", "pool_mode", "transaction");
	CHECK_SET("set pool_mode=transaction;", "pool_mode", "transaction");
	CHECK_SET("SET pool_mode TO transaction", "pool_mode", "transaction");
	CHECK_SET("SET query_timeout = 3.5", "query_timeout", "3.5");
	CHECK_SET("SET logfile = /var/log/x.log", "logfile", "/var/log/x.log");
	CHECK_SET("SET server_tls_sslmode = verify-full", "server_tls_sslmode", "verify-full");
	CHECK_SET("SET admin_users = 'a, b'", "admin_users", "a, b");
	CHECK_SET("SET server_check_query = 'select ''x'''", "server_check_query", "select 'x'");
	CHECK_SET("SET logfile = ''", "logfile", "");
	CHECK_SET("SET x TO to", "x", "to");
	CHECK_SHAPE("SET pool_mode", LINE_INVALID);
	CHECK_SHAPE("SET pool_mode =", LINE_INVALID);
	CHECK_SHAPE("SET pool_mode = a b", LINE_INVALID);
	CHECK_SHAPE("SET pool_mode transaction", LINE_INVALID);
	CHECK_SHAPE("SET pool_mode = 'open", LINE_INVALID);
	CHECK_SHAPE("SET", LINE_INVALID);
}

TEST(words_may_be_as_long_as_their_places)
{
	char text[400];

	snprintf(text, sizeof(text), "%.*s", 15, "abcdefghijklmnopq");
	CHECK_WORDS(text, "abcdefghijklmno", "");
	CHECK_SHAPE("abcdefghijklmnop", LINE_TOO_LONG);
	snprintf(text, sizeof(text), "pause %063d", 0);
	CHECK_SHAPE(text, LINE_WORDS);
	snprintf(text, sizeof(text), "pause %064d", 0);
	CHECK_SHAPE(text, LINE_TOO_LONG);
	snprintf(text, sizeof(text), "set x = %0255d", 0);
	CHECK_SHAPE(text, LINE_SET);
	snprintf(text, sizeof(text), "set x = %0256d", 0);
	CHECK_SHAPE(text, LINE_TOO_LONG);
}

#define CHECK_COURTESY(text, the_tag, the_effect)                                                  \
	do {                                                                                       \
		struct line read = read_line(text);                                                \
		CHECK_INT_EQ(read.shape, LINE_COURTESY);                                           \
		if (read.courtesy) {                                                               \
			CHECK_TEXT_EQ(read.courtesy->tag, the_tag);                                \
			CHECK_INT_EQ(read.courtesy->effect, the_effect);                           \
		}                                                                                  \
	} while (0)

TEST(drivers_have_their_way)
{
	CHECK_COURTESY("BEGIN", "BEGIN", COURTESY_BEGIN);
	CHECK_COURTESY("begin isolation level serializable, read only;", "BEGIN", COURTESY_BEGIN);
	CHECK_COURTESY("START TRANSACTION", "START TRANSACTION", COURTESY_BEGIN);
	CHECK_COURTESY("COMMIT", "COMMIT", COURTESY_END);
	CHECK_COURTESY("ROLLBACK", "ROLLBACK", COURTESY_END);
	CHECK_COURTESY("ROLLBACK TO SAVEPOINT x", "ROLLBACK", COURTESY_NOTHING);
	CHECK_COURTESY("SET application_name = 'a b'", "SET", COURTESY_IGNORED);
	CHECK_COURTESY("SET extra_float_digits = 3", "SET", COURTESY_IGNORED);
	CHECK_COURTESY("SET SESSION search_path TO a, b, c", "SET", COURTESY_IGNORED);
	CHECK_COURTESY("SET TIME ZONE 'UTC'", "SET", COURTESY_IGNORED);
	CHECK_COURTESY("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "SET",
		       COURTESY_IGNORED);
	CHECK_COURTESY("DISCARD ALL", "DISCARD", COURTESY_DISCARD);
	CHECK_COURTESY("DEALLOCATE ALL", "DEALLOCATE", COURTESY_DEALLOCATE);
	CHECK(!read_line("DEALLOCATE ALL").has_subject);
	CHECK_COURTESY("DEALLOCATE PREPARE \"_pg3_0\"", "DEALLOCATE", COURTESY_DEALLOCATE);
	CHECK_TEXT_EQ(read_line("DEALLOCATE PREPARE \"_pg3_0\"").subject, "_pg3_0");
	CHECK_WORDS("SHOW TRANSACTION ISOLATION LEVEL", "SHOW", "transaction_isolation");
	/* What follows a driver's statement must not be swallowed with it. */
	CHECK_SHAPE("BEGIN; SHOW POOLS", LINE_INVALID);
	CHECK_SHAPE("SET application_name", LINE_INVALID);
}

TEST(bytes_of_any_kind_are_read_to_the_end)
{
	static const char signs[] = "\0\x01 ;'\"=,()-/*ab\xff";

	for (unsigned i = 0; i < sizeof(signs) * sizeof(signs) * sizeof(signs); i++) {
		char text[3] = { signs[i % sizeof(signs)], signs[i / sizeof(signs) % sizeof(signs)],
				 signs[i / sizeof(signs) / sizeof(signs)] };
		struct line line;

		grammar_read((struct slice){ text, sizeof(text) }, &line);
		CHECK(line.shape <= LINE_INVALID);
	}
}
