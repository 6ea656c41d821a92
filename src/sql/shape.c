/*
 * The shape of a text: what is left when its constants and comments are taken out, still SQL, with
 * the same verdict. Texts that an application makes by writing values into them have one shape, so
 * one entry in verdicts, and a long list of constants is short for the parser.
 *
 * Only what cannot change the verdict is blanked: constants of one statement that starts with one
 * of a few words. The digit 1 is a constant that every place of the grammar takes (float(1)).
 */
#include "sql/hint.h"
#include "sql/sql_internal.h"

struct shape {
	char *out;
	size_t len, cap;
	bool full;
	/* How much of "constant, constant" has been written: 0 to 3, 4 behind its comma. */
	unsigned run;
	size_t run_len; /* length behind the second constant */
};

static void append(struct shape *shape, const char *data, size_t len)
{
	if (len > shape->cap - shape->len) {
		shape->full = true;
		return;
	}
	memcpy(shape->out + shape->len, data, len);
	shape->len += len;
}

/* A third and later constant of a list takes the second one's place. */
static void append_constant(struct shape *shape, const char *data, size_t len)
{
	if (shape->run == 4) {
		shape->len = shape->run_len;
		shape->run = 3;
		return;
	}
	append(shape, data, len);
	shape->run = shape->run == 2 ? 3 : 1;
	shape->run_len = shape->len;
}

static void append_string(struct shape *shape, const struct token *token)
{
	char text[4] = { token->prefix, '\'', '\'', 0 };

	/* A backslash that matters stays, so that it is seen in the shape. */
	if (token->backslash)
		append_constant(shape, "'\\'", 3);
	else if (token->prefix == 'B' || token->prefix == 'X' || token->prefix == 'N')
		append_constant(shape, text, 3);
	else
		append_constant(shape, text + 1, 2);
}

static void append_comment(struct shape *shape, const struct token *token)
{
	enum verdict_hint hint = VERDICT_HINT_NONE;

	if (token->text.len > 10) /* a shorter one holds no hint */
		hint = hint_of_comment(token->text);
	if (hint == VERDICT_HINT_PRIMARY)
		append(shape, "/*pgcarwash:primary*/", 21);
	else if (hint == VERDICT_HINT_REPLICA)
		append(shape, "/*pgcarwash:replica*/", 21);
	shape->run = 0;
}

static void append_token(struct shape *shape, const struct token *token)
{
	switch (token->kind) {
	case TOKEN_STRING: append_string(shape, token); return;
	case TOKEN_NUMBER: append_constant(shape, "1", 1); return;
	case TOKEN_COMMENT: append_comment(shape, token); return;
	default: break;
	}
	append(shape, token->text.data, token->text.len);
	if (token_is(token, ',') && (shape->run == 1 || shape->run == 3))
		shape->run++;
	else
		shape->run = 0;
}

/* Statements whose verdict does not depend on their constants. */
static bool may_be_blanked(const struct token *first)
{
	static const struct slice words[] = {
		{ "select", 6 }, { "insert", 6 }, { "update", 6 }, { "delete", 6 },  { "with", 4 },
		{ "values", 6 }, { "table", 5 },  { "call", 4 },   { "execute", 7 }, { "fetch", 5 },
	};

	if (token_is(first, '('))
		return true;
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (token_is_word(first, words[i]))
			return true;
	}
	return false;
}

size_t shape_write(struct slice text, char *out, size_t cap)
{
	struct shape shape = { .out = out, .cap = cap };
	struct lexer lexer;
	struct token token;
	bool begun = false, ended = false;

	lexer_init(&lexer, text);
	while (!shape.full) {
		lexer_next(&lexer, &token);
		if (token.kind == TOKEN_END)
			return begun ? shape.len : 0;
		if (token.kind == TOKEN_BROKEN)
			return 0;
		if (token.kind != TOKEN_COMMENT && !token_is(&token, ';')) {
			if (ended || (!begun && !may_be_blanked(&token)))
				return 0;
			begun = true;
		}
		ended |= begun && token_is(&token, ';');
		/* A dropped comment parts words as white space does. */
		if (shape.len > 0 && (token.spaced || token.kind == TOKEN_COMMENT) &&
		    out[shape.len - 1] != ' ' && shape.run != 4)
			append(&shape, " ", 1);
		append_token(&shape, &token);
	}
	return 0;
}
