/*
 * Comments that say where a text belongs. Called for every comment that is met, so what is not
 * one of ours is told by its first letter.
 */
#include "sql/hint.h"

#include "sql/sql_internal.h"

/* The inside of a comment, trimmed. */
static struct slice inside(struct slice comment)
{
	comment.data += 2;
	comment.len -= 2;
	if (comment.data[-1] == '*')
		comment.len -= 2;
	return slice_trim(comment);
}

enum verdict_hint hint_of_comment(struct slice comment)
{
	const struct slice us = SLICE_LITERAL("pgcarwash");
	struct slice text = inside(comment);

	if (text.len <= us.len || (text.data[0] | 0x20) != 'p' ||
	    !slice_equal_nocase((struct slice){ text.data, us.len }, us))
		return VERDICT_HINT_NONE;
	text = slice_trim((struct slice){ text.data + us.len, text.len - us.len });
	if (text.len == 0 || text.data[0] != ':')
		return VERDICT_HINT_NONE;
	text = slice_trim((struct slice){ text.data + 1, text.len - 1 });
	if (slice_equal_nocase(text, SLICE_LITERAL("primary")))
		return VERDICT_HINT_PRIMARY;
	if (slice_equal_nocase(text, SLICE_LITERAL("replica")))
		return VERDICT_HINT_REPLICA;
	return VERDICT_HINT_NONE;
}

enum verdict_hint hint_find(struct slice text)
{
	enum verdict_hint hint = VERDICT_HINT_NONE;
	struct lexer lexer;
	struct token token;

	lexer_init(&lexer, text);
	do {
		lexer_next_plain(&lexer, &token, &hint);
	} while (token.kind != TOKEN_END && token.kind != TOKEN_BROKEN);
	return hint;
}
