/*
 * Lines and words of pg_hba.conf and pg_ident.conf. Called by hba.c and ident.c; owns nothing.
 */
#include "auth/fields.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

bool fields_next_line(struct slice *rest, struct slice *line)
{
	const char *end;

	if (rest->len == 0)
		return false;
	end = memchr(rest->data, '\n', rest->len);
	*line = (struct slice){ rest->data, end ? (size_t)(end - rest->data) : rest->len };
	rest->data += line->len;
	rest->len -= line->len;
	if (end) {
		rest->data++;
		rest->len--;
	}
	return true;
}

static void skip(struct slice *line, size_t n)
{
	line->data += n;
	line->len -= n;
}

/* How far the word at the start of line goes; len of line when a quote is not closed. */
static size_t word_len(struct slice line, bool *has_quotes, bool *is_open)
{
	bool in_quotes = false;
	size_t at = 0;

	*has_quotes = false;
	for (; at < line.len; at++) {
		char c = line.data[at];

		if (c == '"') {
			in_quotes = !in_quotes;
			*has_quotes = true;
		} else if (!in_quotes && (is_blank(c) || c == ',' || c == '#')) {
			break;
		}
	}
	*is_open = in_quotes;
	return at;
}

/* A copy without quotes; "" inside quotes is one. NULL data without memory. */
static struct slice unquote(struct slice text, struct arena *arena)
{
	char *copy = arena_copy_text(arena, text);
	bool in_quotes = false;
	size_t len = 0;

	for (size_t i = 0; copy && i < text.len; i++) {
		if (text.data[i] != '"') {
			copy[len++] = text.data[i];
			continue;
		}
		/* it closed a quoted part and opens one again at once */
		if (!in_quotes && i > 0 && text.data[i - 1] == '"')
			copy[len++] = '"';
		in_quotes = !in_quotes;
	}
	return (struct slice){ copy, len };
}

enum result fields_next_word(struct slice *line, struct arena *arena, struct word *word)
{
	bool has_quotes, is_open;
	size_t len;

	while (line->len > 0 && (is_blank(*line->data) || *line->data == ','))
		skip(line, 1);
	if (line->len == 0 || *line->data == '#')
		return AGAIN;
	word->no_memory = false;
	len = word_len(*line, &has_quotes, &is_open);
	if (is_open)
		return BROKEN;
	word->text = (struct slice){ line->data, len };
	word->quoted = *line->data == '"';
	skip(line, len);
	word->joined = line->len > 0 && *line->data == ',';
	if (has_quotes)
		word->text = unquote(word->text, arena);
	word->no_memory = !word->text.data;
	return word->no_memory ? BROKEN : OK;
}

struct slice fields_rest(struct slice line)
{
	bool in_quotes = false;

	for (size_t i = 0; i < line.len; i++) {
		if (line.data[i] == '"')
			in_quotes = !in_quotes;
		if (line.data[i] == '#' && !in_quotes) {
			line.len = i;
			break;
		}
	}
	return slice_trim(line);
}
