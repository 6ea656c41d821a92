/* sql/lexer: tokens where PostgreSQL has them. */
#include "sql/sql_internal.h"
#include "test.h"

/* One letter for each kind: w"word" q s n p m o c, then - at the end or ! where it stopped. */
static void kinds_of(struct slice text, char *out, size_t cap)
{
	static const char letters[] = "-wqsnpmoc!";
	struct lexer lexer;
	struct token token;
	size_t len = 0;

	lexer_init(&lexer, text);
	do {
		lexer_next(&lexer, &token);
		out[len++] = letters[token.kind];
	} while (token.kind != TOKEN_END && token.kind != TOKEN_BROKEN && len + 1 < cap);
	out[len] = '\0';
}

TEST(kinds_of_tokens)
{
	static const struct {
		const char *text, *kinds;
	} rows[] = {
		{ "", "-" },
		{ "select a", "ww-" },
		{ "a$1 b\xc3\xa4 _c", "www-" },
		{ "\"a\"\"b\" \"c", "q!" },
		{ "'a''b' 'c'", "ss-" },
		{ "'a", "!" },
		{ "'a'''", "s-" },
		{ "'a''", "!" },
		{ "'\\' 'x", "s!" },
		{ "E'\\' 'x", "sw-" },
		{ "e'\\''x", "sw-" },
		{ "E'\\\\' x", "sw-" },
		{ "b'1' X'f' n'x' N'y'", "ssss-" },
		{ "xb'1'", "ws-" },
		{ "z'1'", "ws-" },
		{ "u&'x'", "!" },
		{ "U&\"x\"", "!" },
		{ "u & 'x'", "wos-" },
		{ "u&x", "wow-" },
		{ "$1 $22", "pp-" },
		{ "$$a$$ $a$ $$ $b$ $a$", "ss-" },
		{ "$a$ $A$", "!" },
		{ "$a1_$x$a1_$", "s-" },
		{ "$1a$x$1a$", "pw-" },
		{ "$ a", "!" },
		{ "$a b$", "!" },
		{ "a$$b", "w-" },
		{ "1 1.5 .5 1e10 1e-5", "nnmnmnnwnwon-" },
		{ "0x1f", "nw-" },
		{ "a+-b", "woow-" },
		{ "a--b\nc", "wcw-" },
		{ "a--b\rc", "wcw-" },
		{ "a+--b", "woc-" },
		{ "a- -b", "woow-" },
		{ "a/*b*/c", "wcw-" },
		{ "/*/*x*/*/y", "cw-" },
		{ "/*/*x*/y", "!" },
		{ "/*/", "!" },
		{ "*/", "oo-" },
		{ "a::b[1:2];", "wmmwmnmnmm-" },
		{ "'a' 'b'", "ss-" },
		{ "'a'\n'b'", "!" },
		{ "'a' -- x\n 'b'", "!" },
		{ "'a' -- x\n b", "scw-" },
		{ "E'a'\n'b\\''", "!" },
		{ "'a'\nb", "sw-" },
		{ "a\\b", "w!" },
		{ "a{b", "w!" },
		{ "a\vb", "w!" },
		{ "a\x01", "w!" },
	};
	char kinds[64];

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		kinds_of(slice_of(rows[i].text), kinds, sizeof(kinds));
		if (strcmp(kinds, rows[i].kinds) != 0)
			FAIL("\"%s\" is %s, expected %s", rows[i].text, kinds, rows[i].kinds);
	}
	kinds_of(SLICE_LITERAL("a\0b"), kinds, sizeof(kinds));
	CHECK_TEXT_EQ(kinds, "w!");
}

TEST(tokens_say_where_they_are)
{
	struct lexer lexer;
	struct token token;

	lexer_init(&lexer, SLICE_LITERAL(" ab  E'c'$1"));
	lexer_next(&lexer, &token);
	CHECK_SLICE_EQ(token.text, SLICE_LITERAL("ab"));
	CHECK(token.spaced && token.prefix == 0);
	lexer_next(&lexer, &token);
	CHECK_SLICE_EQ(token.text, SLICE_LITERAL("E'c'"));
	CHECK(token.spaced && token.prefix == 'E' && !token.backslash);
	lexer_next(&lexer, &token);
	CHECK_SLICE_EQ(token.text, SLICE_LITERAL("$1"));
	CHECK(!token.spaced);
	lexer_next(&lexer, &token);
	CHECK_INT_EQ(token.kind, TOKEN_END);
	lexer_next(&lexer, &token);
	CHECK_INT_EQ(token.kind, TOKEN_END);
}

TEST(every_table_of_words_is_found)
{
	static const struct slice names[] = { { "a", 1 }, { "ab", 2 }, { "b", 1 } };

	CHECK(catalogue_has(names, 3, SLICE_LITERAL("a")));
	CHECK(catalogue_has(names, 3, SLICE_LITERAL("ab")));
	CHECK(catalogue_has(names, 3, SLICE_LITERAL("b")));
	CHECK(!catalogue_has(names, 3, SLICE_LITERAL("aa")));
	CHECK(!catalogue_has(names, 3, SLICE_LITERAL("")));
	CHECK(!catalogue_has(names, 3, SLICE_LITERAL("c")));
	CHECK(catalogue_is_about_host(SLICE_LITERAL("pg_stat_wal")));
	CHECK(catalogue_is_about_host(SLICE_LITERAL("pg_available_extension_versions")));
	CHECK(catalogue_is_about_host(SLICE_LITERAL("pg_timezone_names")));
	CHECK(!catalogue_is_about_host(SLICE_LITERAL("pg_stats")));
	CHECK(!catalogue_is_about_host(SLICE_LITERAL("pg_class")));
	CHECK(catalogue_setting_is_about_host(SLICE_LITERAL("primary_slot_name")));
	CHECK(catalogue_function_keeps_state(SLICE_LITERAL("pg_try_advisory_lock")));
	CHECK(!catalogue_function_keeps_state(SLICE_LITERAL("pg_advisory_xact_lock")));
}
