/*
 * What a text does: first by a look at its tokens (quick.c), which settles the usual text, then,
 * with its constants blanked (shape.c), by libpg_query's parse tree (tree.c). Everything that
 * libpg_query is given is bounded here.
 */
#include "sql/classify.h"

#include "base/alloc.h"
#include "sql/kept.h"
#include "sql/sql_internal.h"

struct survey {
	size_t nesting; /* tokens that may be a level of the tree each */
	bool backslash;
	bool broken;
	enum verdict_hint hint;
};

static struct survey survey_text(struct slice text)
{
	struct survey survey = { .hint = VERDICT_HINT_NONE };
	struct lexer lexer;
	struct token token;

	lexer_init(&lexer, text);
	for (;;) {
		lexer_next_plain(&lexer, &token, &survey.hint);
		survey.backslash |= token.backslash;
		if (token.kind == TOKEN_END)
			return survey;
		if (token.kind == TOKEN_BROKEN)
			break;
		if (token.kind == TOKEN_WORD || token.kind == TOKEN_QUOTED ||
		    token.kind == TOKEN_OPERATOR || token_is(&token, '(') ||
		    token_is(&token, '[') || token_is(&token, ':'))
			survey.nesting++;
	}
	/* What is behind it is not known: the worst is taken for true. */
	survey.broken = survey.backslash = true;
	survey.nesting += (size_t)(lexer.end - lexer.at);
	return survey;
}

struct verdict classify_by_tree(struct slice text, const struct function_book *functions)
{
	struct survey survey = survey_text(text);
	struct verdict verdict = { .kind = VERDICT_UNKNOWN };
	char *copy = NULL;

	if (text.len <= CLASSIFY_PARSE_MAX && survey.nesting <= CLASSIFY_NESTING_MAX &&
	    !memchr(text.data, '\0', text.len))
		copy = mem_copy_text(text.data, text.len);
	if (copy)
		verdict = tree_judge(copy, functions);
	if (copy && survey.backslash)
		verdict.flags |= VERDICT_BACKSLASH;
	mem_free(copy);
	if (verdict.kind == VERDICT_UNKNOWN)
		verdict.makes = kept_by_smell(text);
	verdict.hint = survey.hint;
	return verdict;
}

struct verdict classify_as_is(struct slice text, const struct function_book *functions)
{
	struct verdict verdict;

	if (quick_judge(text, functions, &verdict))
		return verdict;
	return classify_by_tree(text, functions);
}

struct verdict classify(struct slice text, const struct function_book *functions)
{
	struct verdict verdict;
	size_t room, len = 0;
	char *shape;

	if (quick_judge(text, functions, &verdict))
		return verdict;
	room = text.len < CLASSIFY_PARSE_MAX ? text.len : CLASSIFY_PARSE_MAX;
	shape = mem_alloc(room + 1);
	if (shape)
		len = shape_write(text, shape, room);
	verdict = classify_by_tree(len > 0 ? (struct slice){ shape, len } : text, functions);
	mem_free(shape);
	return verdict;
}
