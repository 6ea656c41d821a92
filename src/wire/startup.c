/*
 * What is said before the first typed message: StartupMessage, SSLRequest, CancelRequest, and
 * NegotiateProtocolVersion in answer (PostgreSQL docs, "Message Formats" and "Start-up").
 *
 * Owns nothing. Called at the login of a client and of a server, never on the hot path.
 */

#include <string.h>

#include "wire/startup.h"
#include "wire/reader.h"
#include "wire/writer.h"

#define CODE_CANCEL 80877102u
#define CODE_SSL    80877103u

#define MIN_KEY_LEN 4
#define MAX_KEY_LEN 256

void startup_pairs_init(struct startup_pairs *pairs, struct slice body)
{
	pairs->rest = body;
	pairs->ended = false;
}

enum result startup_pairs_next(struct startup_pairs *pairs, struct slice *name, struct slice *value)
{
	struct reader reader;

	if (pairs->ended)
		return AGAIN;
	reader_init(&reader, pairs->rest);
	*name = reader_text(&reader);
	if (reader_ok(&reader) != OK)
		return BROKEN;
	if (name->len == 0) {
		if (reader_end(&reader) != OK)
			return BROKEN;
		pairs->ended = true;
		return AGAIN;
	}
	*value = reader_text(&reader);
	if (reader_ok(&reader) != OK)
		return BROKEN;
	pairs->rest = reader_rest(&reader);
	return OK;
}

/* As parse_bool reads it: words may be cut short as long as they are clear. */
static bool is_short_for(struct slice value, struct slice word, size_t least)
{
	return value.len >= least && value.len <= word.len &&
	       slice_equal_nocase(value, (struct slice){ word.data, value.len });
}

enum result startup_read_replication(struct slice value, enum replication *replication)
{
	static const struct {
		struct slice word;
		size_t least;
		bool yes;
	} words[] = {
		{ { "true", 4 }, 1, true },   { { "yes", 3 }, 1, true }, { { "on", 2 }, 2, true },
		{ { "1", 1 }, 1, true },      { { "false", 5 }, 1, false },
		{ { "no", 2 }, 1, false },    { { "off", 3 }, 2, false }, { { "0", 1 }, 1, false },
	};

	if (slice_equal(value, SLICE_LITERAL("database"))) {
		*replication = REPLICATION_LOGICAL;
		return OK;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!is_short_for(value, words[i].word, words[i].least))
			continue;
		*replication = words[i].yes ? REPLICATION_PHYSICAL : REPLICATION_NONE;
		return OK;
	}
	return BROKEN;
}

const char *replication_name(enum replication replication)
{
	static const char *const names[] = {
		[REPLICATION_NONE] = "none",
		[REPLICATION_PHYSICAL] = "physical",
		[REPLICATION_LOGICAL] = "logical",
	};

	return names[replication];
}

enum result startup_read_cancel(struct slice body, uint32_t *pid, struct slice *key)
{
	struct reader reader;

	reader_init(&reader, body);
	*pid = reader_u32(&reader);
	*key = reader_rest(&reader);
	if (reader_ok(&reader) != OK || key->len < MIN_KEY_LEN || key->len > MAX_KEY_LEN)
		return BROKEN;
	return OK;
}

size_t startup_write_begin(struct buffer *out, uint32_t version)
{
	size_t mark = writer_begin(out, 0);

	writer_u32(out, version);
	return mark;
}

void startup_write_pair(struct buffer *out, struct slice name, struct slice value)
{
	writer_text(out, name);
	writer_text(out, value);
}

void startup_write_end(struct buffer *out, size_t mark)
{
	writer_u8(out, 0);
	writer_end(out, mark);
}

void startup_write_cancel(struct buffer *out, uint32_t pid, struct slice key)
{
	size_t mark = startup_write_begin(out, CODE_CANCEL);

	writer_u32(out, pid);
	writer_bytes(out, key);
	writer_end(out, mark);
}

void startup_write_ssl_request(struct buffer *out)
{
	writer_end(out, startup_write_begin(out, CODE_SSL));
}

void startup_write_negotiate(struct buffer *out, uint32_t version, const struct slice *names,
			     unsigned count)
{
	size_t mark = writer_begin(out, 'v');

	writer_u32(out, version);
	writer_u32(out, count);
	for (unsigned i = 0; i < count; i++)
		writer_text(out, names[i]);
	writer_end(out, mark);
}

enum result startup_read_negotiate(struct slice body, uint32_t *version, uint32_t *count)
{
	struct reader reader;

	reader_init(&reader, body);
	*version = reader_u32(&reader);
	*count = reader_u32(&reader);
	/* A name takes a byte at least, so a count that lies ends soon. */
	for (uint32_t i = 0; i < *count && reader_ok(&reader) == OK; i++)
		(void)reader_text(&reader);
	return reader_end(&reader);
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_space(struct slice *rest)
{
	while (rest->len && is_space(*rest->data)) {
		rest->data++;
		rest->len--;
	}
}

/*
 * Appends the next word to out: up to white space, a backslash making any byte after it
 * ordinary (PostgreSQL docs, "libpq Connection Strings", options). false when none is left.
 */
static bool next_word(struct slice *rest, struct buffer *out)
{
	bool escaped = false;

	skip_space(rest);
	if (rest->len == 0)
		return false;
	for (; rest->len && (escaped || !is_space(*rest->data)); rest->data++, rest->len--) {
		if (!escaped && *rest->data == '\\') {
			escaped = true;
			continue;
		}
		escaped = false;
		buffer_append(out, rest->data, 1);
	}
	return true;
}

/* Cuts "name=value" in two; a dash in a name stands for an underscore, as PostgreSQL reads it. */
static enum result cut_setting(struct buffer *word, size_t start, struct slice *name,
			       struct slice *value)
{
	char *text = word->data + start;
	size_t len = word->len - start;
	char *equals = len ? memchr(text, '=', len) : NULL;

	if (!equals || equals == text)
		return BROKEN;
	for (char *at = text; at < equals; at++) {
		if (*at == '-')
			*at = '_';
	}
	*name = (struct slice){ text, (size_t)(equals - text) };
	*value = (struct slice){ equals + 1, len - name->len - 1 };
	return OK;
}

enum result startup_next_option(struct slice *rest, struct buffer *scratch, struct slice *name,
				struct slice *value)
{
	struct slice word;
	bool is_switch;

	buffer_clear(scratch);
	if (!next_word(rest, scratch))
		return AGAIN;
	word = buffer_slice(scratch);
	is_switch = word.len >= 2 && word.data[0] == '-' && word.data[1] == 'c';
	if (!is_switch && !slice_starts_with(word, SLICE_LITERAL("--")))
		return BROKEN;
	/* "-c" alone: the setting is the next word */
	if (is_switch && word.len == 2 && !next_word(rest, scratch))
		return BROKEN;
	if (scratch->failed)
		return BROKEN;
	return cut_setting(scratch, 2, name, value);
}
