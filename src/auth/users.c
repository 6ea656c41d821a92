/*
 * The text of an auth_file to a table of users.
 *
 * Owns one block with all names and secrets, unquoted (wiped when freed), the rows, and a map
 * by name. Built once, then only read: a reload builds another.
 */
#include "auth/users.h"

#include <assert.h>
#include <openssl/crypto.h>

#include "auth/auth_internal.h"
#include "base/alloc.h"
#include "base/map.h"

struct users {
	struct map by_name; /* name -> row */
	struct user *rows;  /* len of them, each name once */
	size_t len;
	const struct secret **examples; /* secrets of the rows that have one */
	size_t examples_len;
	char *texts; /* what the rows point to */
	size_t texts_cap, texts_len;
};

struct parser {
	struct slice rest;
	unsigned line; /* of the first byte of rest, 1 = the first */
	struct users *users;
	struct users_fault *fault;
	bool no_memory;
};

static enum result fault(struct parser *parser, unsigned line, const char *text)
{
	*parser->fault = (struct users_fault){ line, text };
	return BROKEN;
}

static char take(struct parser *parser)
{
	char c = *parser->rest.data++;

	parser->rest.len--;
	parser->line += c == '\n';
	return c;
}

static bool at(const struct parser *parser, char c)
{
	return parser->rest.len > 0 && *parser->rest.data == c;
}

static bool at_blank(const struct parser *parser)
{
	return at(parser, ' ') || at(parser, '\t') || at(parser, '\r') || at(parser, '\f') ||
	       at(parser, '\v');
}

static void skip_line(struct parser *parser)
{
	while (parser->rest.len > 0 && take(parser) != '\n')
		continue;
}

/* A quoted text, unquoted into the table's block, which has room for the whole file. */
static enum result take_quoted(struct parser *parser, struct slice *text)
{
	struct users *users = parser->users;
	char *start = users->texts + users->texts_len;

	if (!at(parser, '"'))
		return BROKEN;
	take(parser);
	while (parser->rest.len > 0) {
		char c = take(parser);

		if (c == '"' && !at(parser, '"')) {
			*text = (struct slice){ start,
						(size_t)(users->texts + users->texts_len - start) };
			return OK;
		}
		if (c == '"')
			take(parser);
		users->texts[users->texts_len++] = c;
	}
	return BROKEN;
}

static enum result add_user(struct users *users, struct slice name, struct slice secret,
			    unsigned line)
{
	struct user *row = map_get(&users->by_name, name);

	if (!row) {
		row = &users->rows[users->len];
		if (map_put(&users->by_name, name, row) != OK)
			return BROKEN;
		users->len++;
	}
	*row = (struct user){ name, secret_of(secret), line };
	return OK;
}

/* `"name" "secret" anything`; the parser stands at the first quote. */
static enum result take_user(struct parser *parser)
{
	struct slice name, secret;
	unsigned line = parser->line;

	if (take_quoted(parser, &name) != OK)
		return fault(parser, line, "broken auth file");
	if (name.len > USERS_NAME_MAX)
		return fault(parser, line, "username too long in auth file");
	while (at_blank(parser))
		take(parser);
	if (take_quoted(parser, &secret) != OK)
		return fault(parser, line, "broken auth file");
	if (secret.len > USERS_SECRET_MAX)
		return fault(parser, line, "password too long in auth file");
	skip_line(parser);
	parser->no_memory = add_user(parser->users, name, secret, line) != OK;
	return parser->no_memory ? BROKEN : OK;
}

static void take_users(struct parser *parser)
{
	while (parser->rest.len > 0) {
		if (at_blank(parser) || at(parser, '\n')) {
			take(parser);
			continue;
		}
		if (at(parser, ';')) {
			skip_line(parser);
			continue;
		}
		if (take_user(parser) != OK)
			return;
	}
}

/* Room for as many rows as there can be: each needs a line of its own or part of one. */
static enum result make_room(struct users *users, struct slice text)
{
	size_t lines = 1;

	for (size_t i = 0; i < text.len; i++)
		lines += text.data[i] == '\n';
	users->texts_cap = text.len + 1;
	users->texts = mem_alloc(users->texts_cap);
	users->rows = mem_alloc_zero(lines * sizeof(*users->rows));
	users->examples = mem_alloc_zero(lines * sizeof(*users->examples));
	return users->texts && users->rows && users->examples ? OK : BROKEN;
}

struct users *users_parse(struct slice text, struct users_fault *fault_out)
{
	struct users *users = mem_alloc_zero(sizeof(*users));
	struct parser parser = { text, 1, users, fault_out, false };

	*fault_out = (struct users_fault){ 0, NULL };
	if (!users)
		return NULL;
	map_init(&users->by_name, 0);
	if (make_room(users, text) == OK)
		take_users(&parser);
	else
		parser.no_memory = true;
	if (parser.no_memory) {
		users_free(users);
		return NULL;
	}
	for (size_t i = 0; i < users->len; i++) {
		if (users->rows[i].secret.kind != SECRET_NONE)
			users->examples[users->examples_len++] = &users->rows[i].secret;
	}
	return users;
}

void users_free(struct users *users)
{
	if (!users)
		return;
	map_release(&users->by_name);
	mem_free(users->rows);
	mem_free(users->examples);
	mem_free_secret(users->texts, users->texts_cap);
	mem_free(users);
}

size_t users_len(const struct users *users)
{
	return users->len;
}

const struct user *users_at(const struct users *users, size_t index)
{
	assert(index < users->len);
	return &users->rows[index];
}

const struct user *users_find(const struct users *users, struct slice name)
{
	return map_get(&users->by_name, name);
}

const struct secret *users_example(const struct users *users, const uint8_t key[SCRAM_KEY_LEN],
				   struct slice name)
{
	uint64_t number;

	if (users->examples_len == 0 ||
	    digest_expand(key, "example", name, (uint8_t *)&number, sizeof(number)) != OK)
		return NULL;
	return users->examples[number % users->examples_len];
}

enum result users_mock_key(const struct users *users, uint8_t key[SCRAM_KEY_LEN])
{
	uint8_t sum[SCRAM_KEY_LEN];
	enum result result;

	if (users->examples_len == 0 || digest_sha256(users->texts, users->texts_len, sum) != OK)
		return BROKEN;
	result = digest_hmac(sum, SLICE_LITERAL("mock key"), key);
	OPENSSL_cleanse(sum, sizeof(sum));
	return result;
}
