/*
 * The console's language. A text is cut into tokens (blanks and SQL comments fall away), the
 * tokens are looked at as a driver's statement first and as one of the console's shapes then.
 * Owns nothing; called by the console for a Query and for a Parse.
 *
 * More liberal than the reference where nobody can be hurt by it: comments, and bare words
 * with dots, slashes and dashes (paths, "verify-full", database names).
 */

#include "admin/grammar.h"

#include "admin/admin_internal.h"

/* ---- tokens ---- */

struct scan {
	const char *at, *end;
	bool commented; /* a comment was met */
};

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Everything that does not end a bare word: names, numbers, paths, UTF-8. */
static bool is_word(char c)
{
	return (unsigned char)c > ' ' && !strchr(";'\"=,()", c) && c != 0x7f;
}

static bool at_pair(const struct scan *scan, char first, char second)
{
	return scan->end - scan->at >= 2 && scan->at[0] == first && scan->at[1] == second;
}

/* Comments nest, as in PostgreSQL. An open one reaches to the end. */
static void skip_block_comment(struct scan *scan)
{
	unsigned depth = 0;

	do {
		if (at_pair(scan, '/', '*')) {
			depth++;
			scan->at += 2;
		} else if (at_pair(scan, '*', '/')) {
			depth--;
			scan->at += 2;
		} else {
			scan->at++;
		}
	} while (depth && scan->at < scan->end);
	scan->commented = true;
}

static void skip_blanks(struct scan *scan)
{
	while (scan->at < scan->end) {
		if (is_blank(*scan->at)) {
			scan->at++;
		} else if (at_pair(scan, '-', '-')) {
			while (scan->at < scan->end && *scan->at != '\n')
				scan->at++;
			scan->commented = true;
		} else if (at_pair(scan, '/', '*')) {
			skip_block_comment(scan);
		} else {
			return;
		}
	}
}

/* The text between two quotes, a doubled one inside counting as part of it. */
static bool take_quoted(struct scan *scan, char quote, struct slice *text)
{
	const char *start = ++scan->at;

	while (scan->at < scan->end) {
		if (at_pair(scan, quote, quote)) {
			scan->at += 2;
			continue;
		}
		if (*scan->at == quote) {
			*text = (struct slice){ start, (size_t)(scan->at - start) };
			scan->at++;
			return true;
		}
		scan->at++;
	}
	return false;
}

static void take_word(struct scan *scan, struct token *token)
{
	const char *start = scan->at;

	while (scan->at < scan->end && is_word(*scan->at) && !at_pair(scan, '-', '-') &&
	       !at_pair(scan, '/', '*'))
		scan->at++;
	token->kind = TOKEN_WORD;
	token->text = (struct slice){ start, (size_t)(scan->at - start) };
}

/* false at the end of the text. */
static bool next_token(struct scan *scan, struct token *token)
{
	skip_blanks(scan);
	if (scan->at >= scan->end)
		return false;
	*token = (struct token){ TOKEN_SIGN, { scan->at, 1 } };
	if (*scan->at == '\'') {
		token->kind = take_quoted(scan, '\'', &token->text) ? TOKEN_STRING : TOKEN_BAD;
	} else if (*scan->at == '"') {
		token->kind = take_quoted(scan, '"', &token->text) ? TOKEN_NAME : TOKEN_BAD;
	} else if (is_word(*scan->at)) {
		take_word(scan, token);
	} else {
		if (!strchr(";=,()", *scan->at) || *scan->at == '\0')
			token->kind = TOKEN_BAD;
		scan->at++;
	}
	return true;
}

bool token_is_sign(const struct token *token, char sign)
{
	return token->kind == TOKEN_SIGN && token->text.data[0] == sign;
}

bool token_is_word(const struct token *token, struct slice word)
{
	return token->kind == TOKEN_WORD && slice_equal_nocase(token->text, word);
}

/* Without the one ; that may end the text. */
static void take_tokens(struct scan *scan, struct tokens *tokens)
{
	struct token token;
	bool ended = false;

	*tokens = (struct tokens){ .count = 0 };
	while (!tokens->broken && next_token(scan, &token)) {
		if (ended || token.kind == TOKEN_BAD)
			tokens->broken = true;
		else if (token_is_sign(&token, ';'))
			ended = true;
		else if (tokens->count < TOKENS_MAX)
			tokens->items[tokens->count++] = token;
		else
			tokens->cut = true;
	}
	tokens->ended = ended;
}

/* ---- shapes ---- */

static bool is_name(const struct token *token)
{
	return token->kind == TOKEN_WORD || token->kind == TOKEN_NAME;
}

bool token_copy(const struct token *token, char *out, size_t cap)
{
	char quote = token->kind == TOKEN_NAME ? '"' : '\'';
	size_t len = 0;

	for (size_t i = 0; i < token->text.len; i++) {
		char c = token->text.data[i];

		if (len + 1 >= cap)
			return false;
		out[len++] = c;
		if (token->kind != TOKEN_WORD && c == quote)
			i++; /* the doubled one */
	}
	out[len] = '\0';
	return true;
}

static void read_set(const struct tokens *tokens, struct line *line)
{
	const struct token *key = &tokens->items[1], *value = &tokens->items[3];

	line->shape = LINE_INVALID;
	if (tokens->count != 4 || !is_name(key) || value->kind == TOKEN_SIGN)
		return;
	if (!token_is_sign(&tokens->items[2], '=') &&
	    !token_is_word(&tokens->items[2], SLICE_LITERAL("to")))
		return;
	line->has_subject = true;
	line->shape = token_copy(&tokens->items[0], line->verb, sizeof(line->verb)) &&
				      token_copy(key, line->subject, sizeof(line->subject)) &&
				      token_copy(value, line->value, sizeof(line->value))
			      ? LINE_SET
			      : LINE_TOO_LONG;
}

static void read_words(const struct tokens *tokens, struct line *line)
{
	const struct token *items = tokens->items;
	bool has_target = tokens->count == 4 && is_name(&items[3]) &&
			  token_is_word(&items[2], SLICE_LITERAL("to"));

	line->shape = LINE_INVALID;
	if ((tokens->count > 2 && !has_target) || items[0].kind != TOKEN_WORD)
		return;
	if (tokens->count >= 2 && !is_name(&items[1]))
		return;
	line->shape = LINE_WORDS;
	if (has_target && !token_copy(&items[3], line->value, sizeof(line->value)))
		line->shape = LINE_TOO_LONG;
	if (!token_copy(&tokens->items[0], line->verb, sizeof(line->verb)))
		line->shape = LINE_TOO_LONG;
	if (tokens->count < 2)
		return;
	line->has_subject = true;
	if (!token_copy(&tokens->items[1], line->subject, sizeof(line->subject)))
		line->shape = LINE_TOO_LONG;
}

/* EXPLAIN ROUTE database ...: what follows is SQL and not the console's language. */
static bool read_explain(struct slice text, struct line *line)
{
	struct scan scan = { text.data, text.data + text.len, false };
	struct token verb, what, database;

	if (!next_token(&scan, &verb) || !token_is_word(&verb, SLICE_LITERAL("explain")) ||
	    !next_token(&scan, &what) || !token_is_word(&what, SLICE_LITERAL("route")) ||
	    !next_token(&scan, &database) || !is_name(&database))
		return false;
	/* With the comments in front of it: a hint may be there. */
	line->rest = (size_t)(scan.at - text.data);
	line->has_subject = true;
	line->shape = token_copy(&verb, line->verb, sizeof(line->verb)) &&
				      token_copy(&database, line->subject, sizeof(line->subject))
			      ? LINE_EXPLAIN
			      : LINE_TOO_LONG;
	return true;
}

void grammar_read(struct slice text, struct line *line)
{
	struct scan scan = { text.data, text.data + text.len, false };
	struct tokens tokens;

	*line = (struct line){ .shape = LINE_INVALID };
	if (read_explain(text, line))
		return;
	take_tokens(&scan, &tokens);
	if (tokens.broken)
		return;
	if (tokens.count == 0)
		line->shape = scan.commented && !tokens.ended ? LINE_COMMENT : LINE_EMPTY;
	else if (courtesy_read(&tokens, line))
		return;
	else if (tokens.cut)
		line->shape = LINE_INVALID;
	else if (token_is_word(&tokens.items[0], SLICE_LITERAL("set")))
		read_set(&tokens, line);
	else
		read_words(&tokens, line);
}
