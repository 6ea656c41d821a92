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

/* text starts with the two characters of a comment; gives what follows it. */
static struct slice skip_line_comment(struct slice text)
{
	const char *end = memchr(text.data, '\n', text.len);

	return drop_front(text, end ? (size_t)(end - text.data) + 1 : text.len);
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

static bool starts_with_word(struct slice text, struct slice word)
{
	return text.len >= word.len &&
	       slice_equal_nocase((struct slice){ text.data, word.len }, word);
}

bool scan_may_drop_statements(struct slice text)
{
	for (;;) {
		const char *end;

		text = scan_skip_blank(text);
		if (text.len == 0)
			return false;
		if ((text.data[0] | 0x20) == 'd' &&
		    (starts_with_word(text, SLICE_LITERAL("discard")) ||
		     starts_with_word(text, SLICE_LITERAL("deallocate"))))
			return true;
		end = memchr(text.data, ';', text.len);
		if (end == NULL)
			return false;
		text = drop_front(text, (size_t)(end - text.data) + 1);
	}
}
