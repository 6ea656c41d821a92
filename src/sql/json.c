/*
 * JSON as libpg_query writes it: without white space between tokens, and well-formed. Reads from
 * a NUL-terminated text that the caller owns, and never past its end whatever is in it.
 */
#include "sql/sql_internal.h"

struct slice json_string(const char **at)
{
	const char *start = *at + 1, *end = start;

	while (*end && *end != '"')
		end += end[0] == '\\' && end[1] ? 2 : 1;
	*at = *end ? end + 1 : end;
	return (struct slice){ start, (size_t)(end - start) };
}

/*
 * libpg_query writes control characters, < and > as \u00xx; other escapes than these and \" \\ \/
 * are in no name that is known.
 */
struct slice json_unescape(struct slice text, char room[JSON_NAME_MAX])
{
	size_t len = 0;

	if (!memchr(text.data, '\\', text.len))
		return text;
	for (size_t i = 0; i < text.len && len < JSON_NAME_MAX; i++) {
		unsigned c = (unsigned char)text.data[i];

		if (c == '\\' && i + 5 < text.len && text.data[i + 1] == 'u') {
			c = (unsigned)text_hex_digit(text.data[i + 4]) << 4 |
			    (unsigned)text_hex_digit(text.data[i + 5]);
			i += 5;
		} else if (c == '\\' && i + 1 < text.len) {
			c = (unsigned char)text.data[++i];
		}
		room[len++] = (char)c;
	}
	return (struct slice){ room, len };
}

/* A string: a key, or the next name. */
static void read_name(const char **at, struct json_names *names, unsigned *turn)
{
	struct slice text = json_string(at);

	if (**at == ':')
		return;
	names->qualifier = names->name;
	names->name = json_unescape(text, names->rooms[(*turn)++ % 2]);
}

void json_read_names(const char **at, struct json_names *names)
{
	unsigned depth = 0, turn = 0;

	names->qualifier = names->name = SLICE_NONE;
	while (**at) {
		if (**at == '"') {
			read_name(at, names, &turn);
			continue;
		}
		if (**at == '[' || **at == '{')
			depth++;
		else if (**at == ']' || **at == '}')
			depth--;
		++*at;
		if (depth == 0)
			return;
	}
}
