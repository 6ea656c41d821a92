/*
 * What a text does, proved from its tokens without a parser, where that is possible; the rest is
 * left to tree.c. It must never say READ of a text of whose parse tree tree.c says something
 * else (the fuzzer compares them), but it may call READ what is no SQL at all: then every server
 * says so. Called for texts that are not remembered.
 */
#include "sql/kept.h"
#include "sql/own_setting.h"
#include "sql/sql_internal.h"

struct quick {
	struct lexer lexer;
	struct token token;
	enum verdict_hint hint;
	const struct function_book *functions;
	struct verdict verdict;
};

#define WORD(text)                                                                                 \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}

static void next(struct quick *quick)
{
	lexer_next_plain(&quick->lexer, &quick->token, &quick->hint);
	if (quick->token.backslash)
		quick->verdict.flags |= VERDICT_BACKSLASH;
}

static bool is_word(const struct quick *quick, struct slice word)
{
	return token_is_word(&quick->token, word);
}

static bool take_word(struct quick *quick, struct slice word)
{
	if (!is_word(quick, word))
		return false;
	next(quick);
	return true;
}

/* Only semicolons are left. */
static bool take_end(struct quick *quick)
{
	while (token_is(&quick->token, ';'))
		next(quick);
	return quick->token.kind == TOKEN_END;
}

/* Names of PostgreSQL's own catalogue and of temporary schemas are left to the tree. */
static bool is_special_name(const struct token *token)
{
	size_t skip = token->kind == TOKEN_QUOTED;

	return token->text.len >= skip + 3 && (token->text.data[skip] | 0x20) == 'p' &&
	       (token->text.data[skip + 1] | 0x20) == 'g' && token->text.data[skip + 2] == '_';
}

/* ---- reads ---- */

/* Words in a query that may make it more than a read; FOR and WITH often do not. */
static const struct slice query_words_to_parse[] = {
	WORD("for"),	     WORD("into"), WORD("is_called"), WORD("last_value"), WORD("log_cnt"),
	WORD("tablesample"), WORD("with"), WORD("xmltable"),
};

/* Words in front of a bracket that call no function: reserved, or not allowed as its name. */
static const struct slice words_before_bracket[] = {
	WORD("all"),	   WORD("and"),	      WORD("any"),    WORD("array"),   WORD("as"),
	WORD("between"),   WORD("bit"),	      WORD("case"),   WORD("cast"),    WORD("char"),
	WORD("character"), WORD("coalesce"),  WORD("dec"),    WORD("decimal"), WORD("distinct"),
	WORD("else"),	   WORD("except"),    WORD("exists"), WORD("extract"), WORD("float"),
	WORD("from"),	   WORD("greatest"),  WORD("having"), WORD("in"),      WORD("intersect"),
	WORD("interval"),  WORD("lateral"),   WORD("least"),  WORD("limit"),   WORD("not"),
	WORD("nullif"),	   WORD("numeric"),   WORD("offset"), WORD("on"),      WORD("or"),
	WORD("position"),  WORD("row"),	      WORD("select"), WORD("some"),    WORD("then"),
	WORD("time"),	   WORD("timestamp"), WORD("trim"),   WORD("union"),   WORD("using"),
	WORD("values"),	   WORD("varchar"),   WORD("when"),   WORD("where"),
};

/* What stood in front of the token that is looked at. */
enum before {
	BEFORE_OTHER,
	BEFORE_WORD,	 /* a word that may be a function's name */
	BEFORE_KEYWORD,	 /* one of words_before_bracket */
	BEFORE_GROUP_BY, /* GROUP or ORDER, then BY */
	BEFORE_DOT,
	BEFORE_BRACKET, /* a closing one */
	BEFORE_QUOTED,
};

/* What a call of quick's last word, in room, is; the bracket has been read. */
static bool call_reads(struct quick *quick, struct slice name)
{
	return name.len > 0 &&
	       function_book_look(quick->functions, SLICE_NONE, name) == FUNCTION_READS;
}

/* before: what stood in front of the word. Gives what the word is to what follows it. */
static enum before classify_word(struct slice word, enum before before, bool after_group)
{
	if (before == BEFORE_DOT)
		return BEFORE_QUOTED; /* schema.name( is left to the tree */
	if (before == BEFORE_BRACKET && (slice_equal(word, SLICE_LITERAL("over")) ||
					 slice_equal(word, SLICE_LITERAL("filter"))))
		return BEFORE_KEYWORD;
	if (after_group && slice_equal(word, SLICE_LITERAL("by")))
		return BEFORE_GROUP_BY;
	if (catalogue_has(words_before_bracket, COUNT_OF(words_before_bracket), word))
		return BEFORE_KEYWORD;
	return BEFORE_WORD;
}

/* May be a relation that is more than a table; precisely the tree knows. */
static bool is_noted(const struct quick *quick, struct slice name)
{
	return function_book_relation(quick->functions, name) != FUNCTION_READS;
}

static bool is_noted_in_quotes(const struct quick *quick)
{
	struct slice text = quick->token.text;
	struct slice name = { text.data + 1, text.len - 2 };

	return is_noted(quick, name) || catalogue_is_of_sequence(name) ||
	       memchr(text.data + 1, '"', text.len - 2) || text.len - 2 >= WORD_MAX;
}

/* The token is a word; false when the tree must be asked. */
static bool read_word(struct quick *quick, enum before *before, char room[WORD_MAX],
		      struct slice *word)
{
	bool after_group = *before == BEFORE_WORD && (slice_equal(*word, SLICE_LITERAL("group")) ||
						      slice_equal(*word, SLICE_LITERAL("order")));

	*word = token_fold(&quick->token, room);
	if (word->len == 0 || is_special_name(&quick->token) ||
	    catalogue_has(query_words_to_parse, COUNT_OF(query_words_to_parse), *word))
		return false;
	*before = classify_word(*word, *before, after_group);
	return *before == BEFORE_KEYWORD || !is_noted(quick, *word);
}

/* The token is a mark; false when the tree must be asked. */
static bool read_mark(struct quick *quick, enum before *before, struct slice word)
{
	char mark = quick->token.text.data[0];

	if (mark == '(' &&
	    (*before == BEFORE_QUOTED || (*before == BEFORE_WORD && !call_reads(quick, word))))
		return false;
	*before = mark == '.' ? BEFORE_DOT : mark == ')' ? BEFORE_BRACKET : BEFORE_OTHER;
	return true;
}

/* The token is the first of SELECT, VALUES or TABLE. */
static bool judge_query(struct quick *quick)
{
	enum before before = BEFORE_OTHER;
	struct slice word = SLICE_NONE;
	char room[WORD_MAX];
	bool sure = true, operators = !function_book_has_operators(quick->functions);

	quick->verdict.kind = VERDICT_READ;
	while (sure) {
		switch (quick->token.kind) {
		case TOKEN_WORD: sure = read_word(quick, &before, room, &word); break;
		case TOKEN_MARK:
			if (token_is(&quick->token, ';'))
				return take_end(quick);
			sure = read_mark(quick, &before, word);
			break;
		case TOKEN_QUOTED:
			sure = !is_special_name(&quick->token) && !is_noted_in_quotes(quick);
			before = BEFORE_QUOTED;
			break;
		case TOKEN_OPERATOR:
			sure = operators;
			before = BEFORE_OTHER;
			break;
		case TOKEN_END: return true;
		case TOKEN_BROKEN: return false;
		default: before = BEFORE_OTHER; break;
		}
		if (sure)
			next(quick);
	}
	return false;
}

/* ---- writes ---- */

/* First words of statements that write whatever follows. */
static const struct slice writes[] = {
	WORD("alter"),	 WORD("analyse"),  WORD("analyze"),  WORD("call"),    WORD("checkpoint"),
	WORD("cluster"), WORD("comment"),  WORD("create"),   WORD("delete"),  WORD("do"),
	WORD("drop"),	 WORD("grant"),	   WORD("import"),   WORD("insert"),  WORD("lock"),
	WORD("merge"),	 WORD("notify"),   WORD("reassign"), WORD("refresh"), WORD("reindex"),
	WORD("revoke"),	 WORD("security"), WORD("truncate"), WORD("update"),  WORD("vacuum"),
};

/* One statement, and nothing in it that keeps something in the session. */
static bool judge_write(struct quick *quick)
{
	quick->verdict.kind = VERDICT_WRITE;
	for (;; next(quick)) {
		switch (quick->token.kind) {
		case TOKEN_END: return true;
		case TOKEN_BROKEN: return false;
		case TOKEN_QUOTED:
		case TOKEN_WORD:
			if (is_special_name(&quick->token) ||
			    is_word(quick, SLICE_LITERAL("temp")) ||
			    is_word(quick, SLICE_LITERAL("temporary")) ||
			    is_word(quick, SLICE_LITERAL("set_config")) ||
			    is_word(quick, SLICE_LITERAL("setseed")) ||
			    /* Statements within CREATE FUNCTION have semicolons of their own. */
			    is_word(quick, SLICE_LITERAL("atomic")))
				return false;
			break;
		case TOKEN_MARK:
			if (token_is(&quick->token, ';'))
				return take_end(quick);
			break;
		default: break;
		}
	}
}

/* ---- transactions and settings ---- */

static bool judge_transaction(struct quick *quick, enum verdict_kind kind)
{
	if (!take_word(quick, SLICE_LITERAL("transaction")))
		take_word(quick, SLICE_LITERAL("work"));
	quick->verdict.kind = kind;
	quick->verdict.flags |= kind == VERDICT_BEGIN ? VERDICT_OPENS : VERDICT_CLOSES;
	return take_end(quick);
}

/* Settings that mean something to us, and forms of SET that have no value. */
static bool is_plain_setting(struct slice name)
{
	static const struct slice heads[] = {
		WORD("all"),	     WORD("catalog"),	  WORD("characteristics"),
		WORD("constraints"), WORD("default_"),	  WORD("local"),
		WORD("names"),	     WORD("pgcarwash"),	  WORD("role"),
		WORD("schema"),	     WORD("seed"),	  WORD("session"),
		WORD("time"),	     WORD("transaction"), WORD("xml"),
	};

	for (size_t i = 0; i < COUNT_OF(heads); i++) {
		if (slice_starts_with(name, heads[i]))
			return false;
	}
	return name.len > 0;
}

/* A list of words, literals and numbers up to the end. */
static bool take_values(struct quick *quick)
{
	size_t values = 0;

	for (;; next(quick)) {
		switch (quick->token.kind) {
		case TOKEN_WORD:
		case TOKEN_STRING:
		case TOKEN_NUMBER: values++; break;
		case TOKEN_OPERATOR: break;
		case TOKEN_MARK:
			if (token_is(&quick->token, ';'))
				return values > 0 && take_end(quick);
			if (!token_is(&quick->token, ',') && !token_is(&quick->token, '.'))
				return false;
			break;
		case TOKEN_END: return values > 0;
		default: return false;
		}
	}
}

/* SET [SESSION | LOCAL] name[.name] { = | TO } value, ... */
static bool judge_set(struct quick *quick)
{
	bool local = take_word(quick, SLICE_LITERAL("local"));
	char room[WORD_MAX];

	if (!local)
		take_word(quick, SLICE_LITERAL("session"));
	if (quick->token.kind != TOKEN_WORD || !is_plain_setting(token_fold(&quick->token, room)))
		return false;
	next(quick);
	while (token_is(&quick->token, '.')) {
		next(quick);
		if (quick->token.kind != TOKEN_WORD)
			return false;
		next(quick);
	}
	if (quick->token.kind == TOKEN_OPERATOR && quick->token.text.data[0] == '=')
		next(quick);
	else if (!take_word(quick, SLICE_LITERAL("to")))
		return false;
	quick->verdict.kind = VERDICT_SETTING;
	quick->verdict.flags |= VERDICT_SETS;
	quick->verdict.makes = local ? 0 : KEPT_SETTINGS;
	return take_values(quick);
}

/* The token is the word that decides; it is consumed. */
static bool judge_first_word(struct quick *quick, struct slice text)
{
	struct own_setting own;
	char room[WORD_MAX];
	struct slice word = token_fold(&quick->token, room);

	if (slice_equal(word, SLICE_LITERAL("select")) ||
	    slice_equal(word, SLICE_LITERAL("values")) || slice_equal(word, SLICE_LITERAL("table")))
		return judge_query(quick);
	if (slice_equal(word, SLICE_LITERAL("do")))
		quick->verdict.makes = kept_by_smell(text);
	if (catalogue_has(writes, COUNT_OF(writes), word))
		return judge_write(quick);
	next(quick);
	if (slice_equal(word, SLICE_LITERAL("begin")))
		return judge_transaction(quick, VERDICT_BEGIN);
	if (slice_equal(word, SLICE_LITERAL("start")))
		return is_word(quick, SLICE_LITERAL("transaction")) &&
		       judge_transaction(quick, VERDICT_BEGIN);
	if (slice_equal(word, SLICE_LITERAL("commit")) ||
	    slice_equal(word, SLICE_LITERAL("rollback")) ||
	    slice_equal(word, SLICE_LITERAL("end")) || slice_equal(word, SLICE_LITERAL("abort")))
		return judge_transaction(quick, VERDICT_END);
	if ((word.len == 3 || word.len == 4 || word.len == 5) && own_setting_parse(text, &own)) {
		quick->verdict.kind = VERDICT_OWN;
		/* To its end, for hints behind it. */
		while (quick->token.kind != TOKEN_END)
			next(quick);
		return true;
	}
	return slice_equal(word, SLICE_LITERAL("set")) && judge_set(quick);
}

bool quick_judge(struct slice text, const struct function_book *functions, struct verdict *verdict)
{
	struct quick quick = { .functions = functions };

	lexer_init(&quick.lexer, text);
	next(&quick);
	if (take_end(&quick))
		quick.verdict.kind = VERDICT_EMPTY;
	else if (quick.token.kind != TOKEN_WORD || !judge_first_word(&quick, text))
		return false;
	else
		quick.verdict.statements = 1;
	quick.verdict.hint = quick.hint;
	*verdict = quick.verdict;
	return true;
}
