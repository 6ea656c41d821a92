/*
 * PostgreSQL's tokens, read as its scan.l reads them with standard_conforming_strings on, but only
 * as finely as judging a text needs. Borrows the text and nothing else; used by all of this folder.
 * What would need more than a look (U&, literals in pieces on several lines) is TOKEN_BROKEN: then
 * the caller leaves the text to libpg_query. Always moves forward, so the cost is linear.
 */
#include "sql/sql_internal.h"

#include "sql/hint.h"

enum byte_class {
	BYTE_BAD, /* starts no token */
	BYTE_SPACE,
	BYTE_LETTER, /* starts a word */
	BYTE_DIGIT,
	BYTE_QUOTE,
	BYTE_DOUBLE_QUOTE,
	BYTE_DOLLAR,
	BYTE_MARK,
	BYTE_OPERATOR,
};

static const unsigned char class_of[256] = {
	[' '] = BYTE_SPACE,	     ['\t'] = BYTE_SPACE,   ['\n'] = BYTE_SPACE,
	['\r'] = BYTE_SPACE,	     ['\f'] = BYTE_SPACE,   ['a' ... 'z'] = BYTE_LETTER,
	['A' ... 'Z'] = BYTE_LETTER, ['_'] = BYTE_LETTER,   [0x80 ... 0xff] = BYTE_LETTER,
	['0' ... '9'] = BYTE_DIGIT,  ['\''] = BYTE_QUOTE,   ['"'] = BYTE_DOUBLE_QUOTE,
	['$'] = BYTE_DOLLAR,	     ['('] = BYTE_MARK,	    [')'] = BYTE_MARK,
	['['] = BYTE_MARK,	     [']'] = BYTE_MARK,	    [','] = BYTE_MARK,
	[';'] = BYTE_MARK,	     ['.'] = BYTE_MARK,	    [':'] = BYTE_MARK,
	['~'] = BYTE_OPERATOR,	     ['!'] = BYTE_OPERATOR, ['@'] = BYTE_OPERATOR,
	['#'] = BYTE_OPERATOR,	     ['^'] = BYTE_OPERATOR, ['&'] = BYTE_OPERATOR,
	['|'] = BYTE_OPERATOR,	     ['`'] = BYTE_OPERATOR, ['?'] = BYTE_OPERATOR,
	['+'] = BYTE_OPERATOR,	     ['-'] = BYTE_OPERATOR, ['*'] = BYTE_OPERATOR,
	['/'] = BYTE_OPERATOR,	     ['%'] = BYTE_OPERATOR, ['<'] = BYTE_OPERATOR,
	['>'] = BYTE_OPERATOR,	     ['='] = BYTE_OPERATOR,
};

/* Goes on a word. */
static const bool in_word[256] = {
	['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['_'] = true, [0x80 ... 0xff] = true,
	['0' ... '9'] = true, ['$'] = true,
};

static inline unsigned char class_at(const char *at)
{
	return class_of[(unsigned char)*at];
}

void lexer_init(struct lexer *lexer, struct slice text)
{
	*lexer = (struct lexer){ text.data, text.data + text.len };
}

/* Gives the end of a token, or NULL when it has none. */

static const char *end_of_line_comment(const char *at, const char *end)
{
	while (at < end && *at != '\n' && *at != '\r')
		at++;
	return at;
}

static const char *end_of_block_comment(const char *at, const char *end)
{
	unsigned depth = 0;

	while (at + 1 < end) {
		if (at[0] == '/' && at[1] == '*') {
			depth++;
			at += 2;
		} else if (at[0] == '*' && at[1] == '/') {
			at += 2;
			if (--depth == 0)
				return at;
		} else {
			at++;
		}
	}
	return NULL;
}

static const char *end_of_word(const char *at, const char *end)
{
	while (at < end && in_word[(unsigned char)*at])
		at++;
	return at;
}

static const char *end_of_quoted(const char *at, const char *end)
{
	for (at++; at < end; at++) {
		if (*at != '"')
			continue;
		if (at + 1 == end || at[1] != '"')
			return at + 1;
		at++;
	}
	return NULL;
}

/*
 * A literal goes on behind white space with a line end in it (docs, "String Constants"): at stands
 * behind its closing quote.
 */
static bool goes_on(const char *at, const char *end)
{
	bool line_end = false;

	while (at < end) {
		if (class_at(at) == BYTE_SPACE) {
			line_end |= *at == '\n' || *at == '\r';
			at++;
		} else if (at + 1 < end && at[0] == '-' && at[1] == '-') {
			at = end_of_line_comment(at, end);
		} else {
			break;
		}
	}
	return line_end && at < end && *at == '\'';
}

/* at is the opening quote. */
static const char *end_of_string(const char *at, const char *end, struct token *token)
{
	bool escapes = token->prefix == 'E';

	for (at++; at < end; at++) {
		if (*at == '\\') {
			/* Behind a byte that could be the first of a character it may be the
			 * second. */
			token->backslash |= !escapes || (unsigned char)at[-1] >= 0x80;
			at += escapes && at + 1 < end;
		} else if (*at == '\'') {
			if (at + 1 == end || at[1] != '\'')
				return goes_on(at + 1, end) ? NULL : at + 1;
			at++;
		}
	}
	return NULL;
}

/* at is a dollar that no parameter starts with. */
static const char *end_of_dollar_string(const char *at, const char *end)
{
	const char *tag = at, *close;
	size_t len;

	for (at++; at < end && *at != '$'; at++) {
		if (class_at(at) != BYTE_LETTER && (class_at(at) != BYTE_DIGIT || at == tag + 1))
			return NULL;
	}
	if (at == end)
		return NULL;
	at++;
	len = (size_t)(at - tag);
	close = memmem(at, (size_t)(end - at), tag, len);
	return close ? close + len : NULL;
}

static const char *end_of_digits(const char *at, const char *end)
{
	while (at < end && class_at(at) == BYTE_DIGIT)
		at++;
	return at;
}

/* A word, or the letter in front of a literal. */
static const char *read_word(const char *at, const char *end, struct token *token)
{
	const char *after = end_of_word(at, end);

	token->kind = TOKEN_WORD;
	if (after - at != 1 || after == end)
		return after;
	if (*after == '\'') {
		char letter = (char)(*at & ~0x20);

		if (letter != 'E' && letter != 'B' && letter != 'X' && letter != 'N')
			return after;
		token->kind = TOKEN_STRING;
		token->prefix = letter;
		return end_of_string(after, end, token);
	}
	if ((*at | 0x20) == 'u' && after + 1 < end && *after == '&' &&
	    (after[1] == '\'' || after[1] == '"'))
		return NULL;
	return after;
}

static const char *read_dollar(const char *at, const char *end, struct token *token)
{
	if (at + 1 < end && class_at(at + 1) == BYTE_DIGIT) {
		token->kind = TOKEN_PARAM;
		return end_of_digits(at + 1, end);
	}
	token->kind = TOKEN_STRING;
	token->prefix = '$';
	return end_of_dollar_string(at, end);
}

static const char *read_operator(const char *at, const char *end, struct token *token)
{
	token->kind = TOKEN_COMMENT;
	if (at + 1 < end && at[0] == '-' && at[1] == '-')
		return end_of_line_comment(at, end);
	if (at + 1 < end && at[0] == '/' && at[1] == '*')
		return end_of_block_comment(at, end);
	token->kind = TOKEN_OPERATOR;
	return at + 1;
}

static const char *read_token(const char *at, const char *end, struct token *token)
{
	switch ((enum byte_class)class_at(at)) {
	case BYTE_LETTER: return read_word(at, end, token);
	case BYTE_DIGIT: token->kind = TOKEN_NUMBER; return end_of_digits(at, end);
	case BYTE_QUOTE: token->kind = TOKEN_STRING; return end_of_string(at, end, token);
	case BYTE_DOUBLE_QUOTE: token->kind = TOKEN_QUOTED; return end_of_quoted(at, end);
	case BYTE_DOLLAR: return read_dollar(at, end, token);
	case BYTE_MARK: token->kind = TOKEN_MARK; return at + 1;
	case BYTE_OPERATOR: return read_operator(at, end, token);
	case BYTE_SPACE:
	case BYTE_BAD: break;
	}
	return NULL;
}

void lexer_next(struct lexer *lexer, struct token *token)
{
	const char *start = lexer->at, *after;

	while (lexer->at < lexer->end && class_at(lexer->at) == BYTE_SPACE)
		lexer->at++;
	*token = (struct token){ .spaced = lexer->at > start, .text = { lexer->at, 0 } };
	if (lexer->at == lexer->end)
		return;
	after = read_token(lexer->at, lexer->end, token);
	if (!after) {
		token->kind = TOKEN_BROKEN;
		return;
	}
	token->text.len = (size_t)(after - lexer->at);
	lexer->at = after;
}

void lexer_next_plain(struct lexer *lexer, struct token *token, enum verdict_hint *hint)
{
	for (;;) {
		lexer_next(lexer, token);
		if (token->kind != TOKEN_COMMENT)
			return;
		*hint = hint_join(*hint, hint_of_comment(token->text));
	}
}

struct slice token_fold(const struct token *token, char room[WORD_MAX])
{
	if (token->text.len > WORD_MAX)
		return SLICE_NONE;
	for (size_t i = 0; i < token->text.len; i++) {
		char c = token->text.data[i];

		room[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
	return (struct slice){ room, token->text.len };
}
