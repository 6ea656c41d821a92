#ifndef SQL_SQL_INTERNAL_H
#define SQL_SQL_INTERNAL_H

#include <stdbool.h>

#include "base/text.h"
#include "sql/function_book.h"
#include "sql/verdict.h"

/* ---- lexer.c: PostgreSQL's tokens (its scan.l), as far as they matter here ---- */

enum token_kind {
	TOKEN_END,
	TOKEN_WORD,	/* keyword or identifier without quotes */
	TOKEN_QUOTED,	/* "identifier" */
	TOKEN_STRING,	/* any literal in quotes or dollars */
	TOKEN_NUMBER,	/* a run of digits; 1.5 is three tokens */
	TOKEN_PARAM,	/* $1 */
	TOKEN_MARK,	/* one of ( ) [ ] , ; . : */
	TOKEN_OPERATOR, /* one byte of an operator */
	TOKEN_COMMENT,
	/*
	 * What is not read here: something without its end, U&, literals in pieces, bytes that
	 * no token starts with. The lexer stays there.
	 */
	TOKEN_BROKEN,
};

struct token {
	enum token_kind kind;
	bool spaced;	/* white space stands before it */
	bool backslash; /* a literal whose end depends on what a backslash means */
	char prefix;	/* of a literal: one of E B X N in upper case, $ for dollars, or 0 */
	struct slice text;
};

struct lexer {
	const char *at, *end;
};

void lexer_init(struct lexer *lexer, struct slice text);
/* Gives the next token; at the end TOKEN_END for ever. */
void lexer_next(struct lexer *lexer, struct token *token);
/* The same without comments; *hint is worsened by what they ask for. */
void lexer_next_plain(struct lexer *lexer, struct token *token, enum verdict_hint *hint);

static inline bool token_is(const struct token *token, char mark)
{
	return token->kind == TOKEN_MARK && token->text.data[0] == mark;
}

/* True when token is that word (lower case). */
static inline bool token_is_word(const struct token *token, struct slice word)
{
	return token->kind == TOKEN_WORD && slice_equal_nocase(token->text, word);
}

#define WORD_MAX 64
/* Folds token's word to lower case into room; gives an empty slice when it is too long. */
struct slice token_fold(const struct token *token, char room[WORD_MAX]);

/* PRIMARY wins over REPLICA wins over NONE. */
static inline enum verdict_hint hint_join(enum verdict_hint a, enum verdict_hint b)
{
	if (a == VERDICT_HINT_PRIMARY || b == VERDICT_HINT_PRIMARY)
		return VERDICT_HINT_PRIMARY;
	return a > b ? a : b;
}

/* ---- shape.c ---- */

/*
 * Writes text with its constants blanked, lists of constants cut to two, comments without a hint
 * dropped, white space cut, to out (at most cap bytes): SQL with the same verdict. Gives its
 * length, or 0 when text is none whose verdict is independent of its constants (several
 * statements, SET, ...), the lexer does not read it, or it does not fit.
 */
size_t shape_write(struct slice text, char *out, size_t cap);

/* ---- quick.c: what can be proved without a parser ---- */

/* True when the verdict on text is sure, and gives it. */
bool quick_judge(struct slice text, const struct function_book *functions, struct verdict *verdict);

/* ---- tree.c: libpg_query ---- */

/* Gives UNKNOWN when text (NUL-terminated) has no parse tree. Does not look at comments. */
struct verdict tree_judge(const char *text, const struct function_book *functions);

/* ---- json.c ---- */

#define JSON_NAME_MAX 128 /* bytes of a name that has escapes; PostgreSQL's have up to 63 */

struct json_names {
	struct slice qualifier, name;
	char rooms[2][JSON_NAME_MAX]; /* of names with escapes, by turns */
};

/* *at is an opening quote: gives what is in the quotes as it stands, and moves behind it. */
struct slice json_string(const char **at);
/* text, of a JSON string, without its escapes; in room if it has any, and cut to that. */
struct slice json_unescape(struct slice text, char room[JSON_NAME_MAX]);
/* *at is a list of String nodes: gives the last two, and moves behind it. Borrows *at, names. */
void json_read_names(const char **at, struct json_names *names);

/* ---- setting_value.c ---- */

/* Of transaction_read_only. */
enum verdict_access setting_access(struct slice value);
/* Of transaction_isolation. */
enum verdict_isolation setting_isolation(struct slice value);

/* ---- classify.c ---- */

/* classify() of what is a shape already, or has none. */
struct verdict classify_as_is(struct slice text, const struct function_book *functions);
/* The same without the quick look. */
struct verdict classify_by_tree(struct slice text, const struct function_book *functions);

/* ---- catalogue.c: names of PostgreSQL ---- */

/* True for a table or view of pg_catalog whose rows differ from host to host. */
bool catalogue_is_about_host(struct slice relation);
/*
 * True for a column that hardly anything but a sequence has: a standby has the row of a sequence
 * ahead of the primary (PostgreSQL logs 32 values in advance), also of one that no book knows yet.
 */
bool catalogue_is_of_sequence(struct slice column);
/* True for a setting whose value differs between primary and replica. */
bool catalogue_setting_is_about_host(struct slice name);
/* True for a function that leaves something in the session. */
bool catalogue_function_keeps_state(struct slice name);

/* Binary search of word in sorted names. */
bool catalogue_has(const struct slice *names, size_t count, struct slice word);

#endif
