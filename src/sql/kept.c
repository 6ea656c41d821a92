/*
 * What a statement leaves in its session: tables of what makes and what removes it, and a look for
 * words in texts that nobody parses (bodies of DO, texts that are too long). Called by tree.c,
 * quick.c and classify.c.
 */
#include "sql/kept.h"

#include "sql/sql_internal.h"

#define NAME(text)                                                                                 \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}

static const struct {
	struct slice name;
	struct kept_change change;
} functions[] = {
	{ NAME("pg_advisory_lock"), { KEPT_LOCKS, 0 } },
	{ NAME("pg_advisory_lock_shared"), { KEPT_LOCKS, 0 } },
	{ NAME("pg_advisory_unlock_all"), { 0, KEPT_LOCKS } },
	{ NAME("pg_try_advisory_lock"), { KEPT_LOCKS, 0 } },
	{ NAME("pg_try_advisory_lock_shared"), { KEPT_LOCKS, 0 } },
	{ NAME("setseed"), { KEPT_FOR_GOOD, 0 } },
};

struct kept_change kept_by_function(struct slice name)
{
	for (size_t i = 0; i < COUNT_OF(functions); i++) {
		if (slice_equal(name, functions[i].name))
			return functions[i].change;
	}
	return (struct kept_change){ 0 };
}

struct kept_change kept_by_setting(struct slice name, bool back)
{
	static const uint16_t authorization = KEPT_ROLE | KEPT_AUTHORIZATION;

	if (name.len == 0)
		return (struct kept_change){ .drops = back ? KEPT_SETTINGS : 0 };
	if (slice_equal_nocase(name, SLICE_LITERAL("role")))
		return back ? (struct kept_change){ .drops = KEPT_ROLE } :
			      (struct kept_change){ .makes = KEPT_ROLE };
	if (slice_equal_nocase(name, SLICE_LITERAL("session_authorization")))
		return back ? (struct kept_change){ .drops = authorization } :
			      (struct kept_change){ .makes = KEPT_AUTHORIZATION };
	if (slice_equal_nocase(name, SLICE_LITERAL("seed")))
		return (struct kept_change){ .makes = KEPT_FOR_GOOD };
	/* Its default may be the client's own, from its start-up packet. */
	return (struct kept_change){ .makes = KEPT_SETTINGS };
}

/* ---- texts that are not parsed ---- */

static bool is_word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || (unsigned char)c >= 0x80;
}

static struct slice next_word(struct slice text, size_t *at)
{
	size_t start;

	while (*at < text.len && !is_word_byte(text.data[*at]))
		(*at)++;
	start = *at;
	while (*at < text.len && is_word_byte(text.data[*at]))
		(*at)++;
	return (struct slice){ text.data + start, *at - start };
}

static bool is_one_of(struct slice word, const struct slice *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (slice_equal_nocase(word, words[i]))
			return true;
	}
	return false;
}

/* Behind these, or behind no word of the same statement, SET is a statement of its own. */
static bool begins_statement(struct slice text, size_t at, struct slice before)
{
	static const struct slice words[] = { NAME("begin"), NAME("then"), NAME("else"),
					      NAME("loop"), NAME("execute") };

	while (at > 0 && strchr(" \t\r\n\\", text.data[at - 1]) && text.data[at - 1])
		at--;
	return at == 0 || strchr(";'\"$>/", text.data[at - 1]) ||
	       is_one_of(before, words, COUNT_OF(words));
}

uint16_t kept_by_smell(struct slice text)
{
	static const struct slice words[] = { NAME("hold"),    NAME("listen"), NAME("load"),
					      NAME("pg_temp"), NAME("prepare"), NAME("set_config"),
					      NAME("setseed"), NAME("temp"),	NAME("temporary") };
	struct slice before = SLICE_NONE, word;
	size_t at = 0;

	while ((word = next_word(text, &at)).len > 0) {
		if (is_one_of(word, words, COUNT_OF(words)) || kept_by_function(word).makes)
			return KEPT_UNSEEN;
		if (slice_equal_nocase(word, SLICE_LITERAL("set")) &&
		    begins_statement(text, at - word.len, before))
			return KEPT_UNSEEN;
		before = word;
	}
	return 0;
}

const char *kept_text(unsigned kept)
{
	static const char *const texts[] = {
		"a temporary object",	 "a statement prepared in SQL",
		"a setting",		 "a role",
		"another authorization", "a channel listened to",
		"an advisory lock",	 "a cursor with hold",
		"something unseen",	 "something nothing takes away",
	};

	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		if (kept & 1u << i)
			return texts[i];
	}
	return "nothing";
}
