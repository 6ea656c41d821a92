/*
 * The cheap look at SQL text. Called for every Query and every new prepared statement, so the
 * usual text (one statement, no comment) costs a few comparisons and one memchr.
 */
#include "sql/scan.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v' ||
	       c == ';';
}

static struct slice drop_front(struct slice text, size_t n)
{
	return (struct slice){ text.data + n, text.len - n };
}

/*
 * text starts with the two characters of a comment; gives what follows it. Both line ends end it
 * (non_newline in PostgreSQL's scan.l).
 */
static struct slice skip_line_comment(struct slice text)
{
	size_t i = 2;

	while (i < text.len && text.data[i] != '\n' && text.data[i] != '\r')
		i++;
	return drop_front(text, i);
}

/* Block comments nest (PostgreSQL docs, "Comments" in "Lexical Structure"). */
static struct slice skip_block_comment(struct slice text)
{
	unsigned depth = 0;
	size_t i = 0;

	while (i + 1 < text.len) {
		if (text.data[i] == '/' && text.data[i + 1] == '*') {
			depth++;
			i += 2;
		} else if (text.data[i] == '*' && text.data[i + 1] == '/') {
			i += 2;
			if (--depth == 0)
				return drop_front(text, i);
		} else {
			i++;
		}
	}
	return drop_front(text, text.len);
}

struct slice scan_skip_blank(struct slice text)
{
	for (;;) {
		while (text.len > 0 && is_blank(text.data[0]))
			text = drop_front(text, 1);
		if (text.len < 2)
			return text;
		if (text.data[0] == '-' && text.data[1] == '-')
			text = skip_line_comment(text);
		else if (text.data[0] == '/' && text.data[1] == '*')
			text = skip_block_comment(text);
		else
			return text;
	}
}

static bool starts_with_drop(struct slice text)
{
	static const struct slice words[] = { { "discard", 7 }, { "deallocate", 10 } };

	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (text.len >= words[i].len &&
		    slice_equal_nocase((struct slice){ text.data, words[i].len }, words[i]))
			return true;
	}
	return false;
}

/* What follows the only statement of a text: blanks, and the NUL of a message. */
static bool is_nothing(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (!is_blank(text.data[i]) && text.data[i] != '\0')
			return false;
	}
	return true;
}

bool scan_may_drop_statements(struct slice text)
{
	const char *end;

	text = scan_skip_blank(text);
	if (text.len == 0)
		return false;
	if (starts_with_drop(text))
		return true;
	end = memchr(text.data, ';', text.len);
	if (end == NULL)
		return false;
	text = drop_front(text, (size_t)(end - text.data) + 1);
	if (is_nothing(text))
		return false;
	/* The semicolon may have been in a literal, so what looks like a comment may be none. */
	for (; text.len > 0; text = drop_front(text, 1)) {
		if ((text.data[0] | 0x20) == 'd' && starts_with_drop(text))
			return true;
	}
	return false;
}

static bool is_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

static bool starts_with_word(struct slice text, struct slice word)
{
	return text.len >= word.len &&
	       slice_equal_nocase((struct slice){ text.data, word.len }, word);
}

/* Takes word (lower case) from the front of *text if it stands there as a whole word. */
static bool take_word(struct slice *text, struct slice word)
{
	struct slice rest = scan_skip_blank(*text);

	if (!starts_with_word(rest, word) ||
	    (rest.len > word.len && is_name_byte(rest.data[word.len])))
		return false;
	*text = drop_front(rest, word.len);
	return true;
}

/* *text begins with a quote. */
static bool take_quoted_name(struct slice *text, char room[SCAN_NAME_MAX], size_t *len)
{
	size_t i = 1;

	*len = 0;
	while (i < text->len) {
		bool doubled = i + 1 < text->len && text->data[i + 1] == '"';

		if (text->data[i] == '"' && !doubled) {
			*text = drop_front(*text, i + 1);
			return *len > 0;
		}
		if (*len == SCAN_NAME_MAX)
			return false;
		room[(*len)++] = text->data[i];
		i += text->data[i] == '"' ? 2 : 1;
	}
	return false;
}

static bool take_plain_name(struct slice *text, char room[SCAN_NAME_MAX], size_t *len)
{
	size_t i;

	for (i = 0; i < text->len && is_name_byte(text->data[i]); i++) {
		char c = text->data[i];

		if (i == SCAN_NAME_MAX)
			return false;
		room[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
	*len = i;
	*text = drop_front(*text, i);
	return i > 0;
}

bool scan_deallocate(struct slice text, char room[SCAN_NAME_MAX], struct slice *name)
{
	size_t len;
	bool quoted;

	if (!take_word(&text, SLICE_LITERAL("deallocate")))
		return false;
	take_word(&text, SLICE_LITERAL("prepare"));
	text = scan_skip_blank(text);
	quoted = text.len > 0 && text.data[0] == '"';
	if (quoted ? !take_quoted_name(&text, room, &len) : !take_plain_name(&text, room, &len))
		return false;
	*name = (struct slice){ room, len };
	if (!quoted && slice_equal(*name, SLICE_LITERAL("all")))
		return false;
	return scan_skip_blank(text).len == 0;
}

/* Behind SET SESSION CHARACTERISTICS. */
static bool is_access_mode(struct slice text)
{
	return take_word(&text, SLICE_LITERAL("as")) &&
	       take_word(&text, SLICE_LITERAL("transaction")) &&
	       take_word(&text, SLICE_LITERAL("read")) &&
	       (take_word(&text, SLICE_LITERAL("only")) ||
		take_word(&text, SLICE_LITERAL("write"))) &&
	       scan_skip_blank(text).len == 0;
}

/* Forms of SET that say no name; text is behind SET. */
static bool is_special_setting(struct slice text, struct slice *name)
{
	struct slice rest = text;

	if (take_word(&rest, SLICE_LITERAL("time")) && take_word(&rest, SLICE_LITERAL("zone")))
		*name = SLICE_LITERAL("timezone");
	else if (take_word(&text, SLICE_LITERAL("names")))
		*name = SLICE_LITERAL("client_encoding");
	else if (take_word(&text, SLICE_LITERAL("characteristics")) && is_access_mode(text))
		*name = SLICE_LITERAL("default_transaction_read_only");
	else
		return false;
	return true;
}

bool scan_setting(struct slice text, char room[SCAN_NAME_MAX], struct slice *name)
{
	static const struct slice others[] = { { "local", 5 },	     { "role", 4 },
					       { "characteristics", 15 }, { "authorization", 13 },
					       { "transaction", 11 }, { "xml", 3 },
					       { "all", 3 },	     { "session", 7 } };
	size_t len;

	if (take_word(&text, SLICE_LITERAL("set")))
		take_word(&text, SLICE_LITERAL("session"));
	else if (!take_word(&text, SLICE_LITERAL("reset")))
		return false;
	if (is_special_setting(text, name))
		return true;
	text = scan_skip_blank(text);
	if (!take_plain_name(&text, room, &len))
		return false;
	*name = (struct slice){ room, len };
	text = scan_skip_blank(text);
	if (text.len > 0 && text.data[0] == '.')
		return false;
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		if (slice_equal(*name, others[i]))
			return false;
	}
	return true;
}
