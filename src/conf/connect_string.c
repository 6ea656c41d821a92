/*
 * The key=value pairs of an entry: "host=db port=5432 password='it''s'". Blanks may stand
 * around the "="; a value in single quotes may hold blanks, and two single quotes in it are
 * one. Called by the draft; owns nothing.
 */

#include "conf/conf_internal.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

static void skip_blanks(struct slice *rest)
{
	while (rest->len && is_blank(*rest->data)) {
		rest->data++;
		rest->len--;
	}
}

static void skip(struct slice *rest, size_t len)
{
	rest->data += len;
	rest->len -= len;
}

static struct slice take_word(struct slice *rest, char end)
{
	struct slice word = { rest->data, 0 };

	while (word.len < rest->len && !is_blank(rest->data[word.len]) &&
	       (end == '\0' || rest->data[word.len] != end))
		word.len++;
	skip(rest, word.len);
	return word;
}

/* rest stands behind the opening quote. False when there is no closing one. */
static bool take_quoted(struct slice *rest, struct buffer *value)
{
	while (rest->len) {
		char c = *rest->data;

		skip(rest, 1);
		if (c == '\'') {
			if (!rest->len || *rest->data != '\'')
				return true;
			skip(rest, 1);
		}
		buffer_append(value, &c, 1);
	}
	return false;
}

static enum connect_pair broken(const char **why, const char *text)
{
	*why = text;
	return CONNECT_BROKEN;
}

enum connect_pair connect_string_next(struct slice *rest, struct slice *key, struct buffer *value,
				      const char **why)
{
	buffer_clear(value);
	skip_blanks(rest);
	if (!rest->len)
		return CONNECT_END;
	*key = take_word(rest, '=');
	skip_blanks(rest);
	if (!key->len)
		return broken(why, "a \"=\" without a key before it");
	if (!rest->len || *rest->data != '=')
		return broken(why, "a key without \"=\" and value");
	skip(rest, 1);
	skip_blanks(rest);
	if (rest->len && *rest->data == '\'') {
		skip(rest, 1);
		if (!take_quoted(rest, value))
			return broken(why, "a single quote is not closed");
		if (rest->len && !is_blank(*rest->data))
			return broken(why, "no blank after a closing quote");
	} else {
		buffer_append_slice(value, take_word(rest, '\0'));
	}
	if (value->failed)
		return broken(why, "out of memory");
	if (!value->len)
		return broken(why, "a key with an empty value");
	return CONNECT_PAIR;
}
