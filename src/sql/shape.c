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
	bool spaced; /* white space is due in front of what comes next */
	/* How much of "constant, constant" has been written: 0 to 3, 4 behind its comma. */
	unsigned run;
	enum token_kind run_kind; /* of its constants, which are of one kind */
	size_t run_len;		  /* length behind the second constant */
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

static void append_space(struct shape *shape)
{
	if (shape->spaced && shape->len > 0)
		append(shape, " ", 1);
	shape->spaced = false;
}

/* A third and later constant of a list takes the second one's place. */
static void append_constant(struct shape *shape, enum token_kind kind, const char *data, size_t len)
{
	bool goes_on = shape->run > 0 && kind == shape->run_kind;

	/* Two without anything between would become one; no statement has them. */
	if ((shape->run == 1 || shape->run == 3) && !shape->spaced)
		shape->full = true;
	if (shape->run == 4 && goes_on) {
		shape->len = shape->run_len;
		shape->run = 3;
		shape->spaced = false;
		return;
	}
	append_space(shape);
	append(shape, data, len);
	shape->run = shape->run == 2 && goes_on ? 3 : 1;
	shape->run_kind = kind;
	shape->run_len = shape->len;
}

static void append_string(struct shape *shape, const struct token *token)
{
	char text[4] = { token->prefix, '\'', '\'', 0 };

	/* A backslash that matters stays, a kind of its own, so that it is seen in the shape. */
	if (token->backslash)
		append_constant(shape, TOKEN_BROKEN, "'\\'", 3);
	else if (token->prefix == 'B' || token->prefix == 'X' || token->prefix == 'N')
		append_constant(shape, TOKEN_STRING, text, 3);
	else
		append_constant(shape, TOKEN_STRING, text + 1, 2);
}

/* A comment with a hint; others are dropped, but part words as white space does. */
static void append_comment(struct shape *shape, const struct token *token)
{
	enum verdict_hint hint = VERDICT_HINT_NONE;

	if (token->text.len > 10) /* a shorter one holds no hint */
		hint = hint_of_comment(token->text);
	if (hint == VERDICT_HINT_NONE) {
		shape->spaced = true;
		return;
	}
	shape->run = 0;
	append_space(shape);
	append(shape,
	       hint == VERDICT_HINT_PRIMARY ? "/*pgcarwash:primary*/" : "/*pgcarwash:replica*/",
	       21);
}

static void append_token(struct shape *shape, const struct token *token)
{
	switch (token->kind) {
	case TOKEN_STRING: append_string(shape, token); return;
	case TOKEN_NUMBER: append_constant(shape, TOKEN_NUMBER, "1", 1); return;
	case TOKEN_COMMENT: append_comment(shape, token); return;
	default: break;
	}
	append_space(shape);
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
		shape.spaced |= token.spaced;
		append_token(&shape, &token);
	}
	return 0;
}
