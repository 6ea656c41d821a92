/*
 * What drivers send on their own, and would fail on if it were refused: transaction blocks,
 * settings of PostgreSQL, forgetting prepared statements. A table and the look into it.
 */

#include "admin/admin_internal.h"

/* The longer of two that begin alike comes first. */
static const struct courtesy courtesies[] = {
	{ "BEGIN", "BEGIN", COURTESY_BEGIN },
	{ "START TRANSACTION", "START TRANSACTION", COURTESY_BEGIN },
	{ "COMMIT", "COMMIT", COURTESY_END },
	{ "END", "COMMIT", COURTESY_END },
	{ "ROLLBACK TO", "ROLLBACK", COURTESY_NOTHING },
	{ "ROLLBACK", "ROLLBACK", COURTESY_END },
	{ "ABORT", "ROLLBACK", COURTESY_END },
	{ "SAVEPOINT", "SAVEPOINT", COURTESY_NOTHING },
	{ "RELEASE", "RELEASE", COURTESY_NOTHING },
	{ "RESET", "RESET", COURTESY_NOTHING },
	{ "DISCARD", "DISCARD", COURTESY_DISCARD },
	{ "DEALLOCATE", "DEALLOCATE", COURTESY_DEALLOCATE },
	{ "SET SESSION CHARACTERISTICS", "SET", COURTESY_IGNORED },
	{ "SET TRANSACTION", "SET", COURTESY_IGNORED },
	{ "SET TIME ZONE", "SET", COURTESY_IGNORED },
	{ "SET NAMES", "SET", COURTESY_IGNORED },
};

static const struct courtesy set_ignored = { "SET", "SET", COURTESY_IGNORED };

/* Settings of PostgreSQL that drivers and psql set; none is a key of ours. */
static const char *const foreign_settings[] = {
	"application_name",
	"bytea_output",
	"client_encoding",
	"client_min_messages",
	"datestyle",
	"default_transaction_deferrable",
	"default_transaction_isolation",
	"default_transaction_read_only",
	"extra_float_digits",
	"idle_in_transaction_session_timeout",
	"intervalstyle",
	"lock_timeout",
	"search_path",
	"standard_conforming_strings",
	"statement_timeout",
	"timezone",
	"transaction_isolation",
};

bool courtesy_ignores(struct slice setting)
{
	for (size_t i = 0; i < COUNT_OF(foreign_settings); i++)
		if (slice_equal_nocase(setting, slice_of(foreign_settings[i])))
			return true;
	return false;
}

static bool begins_with(const struct tokens *tokens, const char *words)
{
	struct slice rest = slice_of(words), word;
	unsigned at = 0;

	while (slice_next_field(&rest, ' ', &word)) {
		if (at >= tokens->count || !token_is_word(&tokens->items[at], word))
			return false;
		at++;
	}
	return true;
}

/* SET [SESSION | LOCAL] setting (= | TO) whatever */
static bool sets_foreign(const struct tokens *tokens)
{
	unsigned at = 1;

	if (tokens->count < 2 || !token_is_word(&tokens->items[0], SLICE_LITERAL("set")))
		return false;
	if (token_is_word(&tokens->items[1], SLICE_LITERAL("session")) ||
	    token_is_word(&tokens->items[1], SLICE_LITERAL("local")))
		at = 2;
	if (tokens->count < at + 3 || !courtesy_ignores(tokens->items[at].text))
		return false;
	return token_is_sign(&tokens->items[at + 1], '=') ||
	       token_is_word(&tokens->items[at + 1], SLICE_LITERAL("to"));
}

/* DEALLOCATE [PREPARE] { name | ALL }: the name becomes the subject. */
static bool read_deallocate(const struct tokens *tokens, struct line *line)
{
	const struct token *name = &tokens->items[tokens->count - 1];

	if (tokens->count < 2 || tokens->count > 3)
		return false;
	if (token_is_word(name, SLICE_LITERAL("all")))
		return true;
	line->has_subject = true;
	return token_copy(name, line->subject, sizeof(line->subject));
}

bool courtesy_read(const struct tokens *tokens, struct line *line)
{
	const struct courtesy *found = sets_foreign(tokens) ? &set_ignored : NULL;

	for (size_t i = 0; !found && i < COUNT_OF(courtesies); i++)
		if (begins_with(tokens, courtesies[i].words))
			found = &courtesies[i];
	if (begins_with(tokens, "SHOW TRANSACTION ISOLATION LEVEL") && tokens->count == 4) {
		*line = (struct line){ .shape = LINE_WORDS,
				       .has_subject = true,
				       .verb = "SHOW",
				       .subject = "transaction_isolation" };
		return true;
	}
	if (!found)
		return false;
	if (found->effect == COURTESY_DEALLOCATE && !read_deallocate(tokens, line))
		return true;
	line->shape = LINE_COURTESY;
	line->courtesy = found;
	return true;
}
