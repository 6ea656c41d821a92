/* The few statements the small PostgreSQL knows, and its settings. */
#include "stage/postgres_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "wire/result.h"
#include "wire/writer.h"

static const struct {
	const char *name, *value;
	bool reported;
} defaults[POSTGRES_SETTINGS] = {
	{ "server_version", "15.99", true },
	{ "client_encoding", "UTF8", true },
	{ "DateStyle", "ISO, MDY", true },
	{ "TimeZone", "Etc/UTC", true },
	{ "application_name", "", true },
	{ "standard_conforming_strings", "on", true },
	{ "search_path", "\"$user\", public", false },
	{ "statement_timeout", "0", false },
};

/* ---- settings ---- */

void postgres_settings_init(struct postgres_connection *connection)
{
	for (unsigned i = 0; i < POSTGRES_SETTINGS; i++)
		strcpy(connection->settings[i], defaults[i].value);
}

static int find_setting(struct slice name)
{
	for (int i = 0; i < POSTGRES_SETTINGS; i++)
		if (slice_equal_nocase(name, slice_of(defaults[i].name)))
			return i;
	return -1;
}

static void report(struct postgres_connection *connection, int i)
{
	if (defaults[i].reported)
		result_write_parameter(&connection->out, slice_of(defaults[i].name),
				       slice_of(connection->settings[i]));
}

void postgres_report_all(struct postgres_connection *connection)
{
	for (int i = 0; i < POSTGRES_SETTINGS; i++)
		report(connection, i);
}

bool postgres_set(struct postgres_connection *connection, struct slice name, struct slice value)
{
	int i = find_setting(name);

	if (i < 0 || value.len >= POSTGRES_VALUE)
		return false;
	snprintf(connection->settings[i], POSTGRES_VALUE, "%.*s", (int)value.len, value.data);
	return true;
}

static struct slice trim(struct slice text, const char *away)
{
	while (text.len && strchr(away, text.data[0])) {
		text.data++;
		text.len--;
	}
	while (text.len && strchr(away, text.data[text.len - 1]))
		text.len--;
	return text;
}

static bool fail(struct postgres_connection *connection, const char *sqlstate, const char *text)
{
	postgres_error(connection, "ERROR", sqlstate, text);
	if (connection->status == 'T')
		connection->status = 'E';
	return false;
}

/* "name=value" or a name alone, which means its default. */
static bool run_set(struct postgres_connection *connection, struct slice rest)
{
	struct slice name;
	int i;

	if (slice_starts_with(rest, SLICE_LITERAL("LOCAL "))) {
		result_write_tag(&connection->out, SLICE_LITERAL("SET"));
		return true;
	}
	slice_next_field(&rest, '=', &name);
	name = trim(name, " \"");
	i = find_setting(name);
	if (i < 0)
		return fail(connection, "42704", "unrecognized configuration parameter");
	if (!rest.data)
		rest = slice_of(defaults[i].value);
	if (!postgres_set(connection, name, trim(rest, " '")))
		return fail(connection, "22023", "invalid value for parameter");
	report(connection, i);
	result_write_tag(&connection->out, SLICE_LITERAL("SET"));
	return true;
}

/* ---- rows ---- */

bool postgres_gives_rows(struct slice text)
{
	static const char *const words[] = { "SELECT ", "SHOW ", "RECALL",
					     "ROWS ",	"HUGE ", "LOOKUP " };

	for (unsigned i = 0; i < COUNT_OF(words); i++)
		if (slice_starts_with(text, slice_of(words[i])))
			return true;
	return false;
}

void postgres_describe(struct postgres_connection *connection, struct slice text)
{
	const struct result_column columns[] = { { "answer", TYPE_TEXT }, { "more", TYPE_TEXT } };
	bool is_lookup = slice_starts_with(text, SLICE_LITERAL("LOOKUP "));

	result_write_columns(&connection->out, columns, is_lookup ? 2 : 1, 0);
}

static void write_row(struct postgres_connection *connection, struct slice value)
{
	size_t mark = result_write_row_begin(&connection->out, 1);

	result_write_value(&connection->out, value);
	result_write_row_end(&connection->out, mark);
}

static void write_secret(struct postgres_connection *connection, struct slice user)
{
	size_t mark;

	if (slice_equal(user, SLICE_LITERAL("nobody")))
		return;
	mark = result_write_row_begin(&connection->out, 2);
	result_write_value(&connection->out, user);
	result_write_value(&connection->out, slice_of(connection->postgres->password));
	result_write_row_end(&connection->out, mark);
}

static void write_rows(struct postgres_connection *connection, int count, size_t size)
{
	char *value = mem_alloc(size);

	memset(value, 'x', size);
	for (int i = 0; i < count; i++)
		write_row(connection, (struct slice){ value, size });
	mem_free(value);
}

static bool run_rows(struct postgres_connection *connection, struct slice word, struct slice rest)
{
	char number[16];
	int i = find_setting(rest);

	snprintf(number, sizeof(number), "%.*s", (int)rest.len, rest.data ? rest.data : "");
	if (slice_equal(word, SLICE_LITERAL("SHOW")) && i < 0)
		return fail(connection, "42704", "unrecognized configuration parameter");
	if (slice_equal(word, SLICE_LITERAL("SHOW")))
		write_row(connection, slice_of(connection->settings[i]));
	else if (slice_equal(word, SLICE_LITERAL("RECALL")))
		write_row(connection, slice_of(connection->stored));
	else if (slice_equal(word, SLICE_LITERAL("LOOKUP")))
		write_secret(connection, rest);
	else if (slice_equal(word, SLICE_LITERAL("ROWS")))
		write_rows(connection, atoi(number), 100);
	else if (slice_equal(word, SLICE_LITERAL("HUGE")))
		write_rows(connection, 1, (size_t)atoi(number));
	else
		write_row(connection, rest);
	result_write_tag(&connection->out, word);
	return true;
}

/* ---- the rest ---- */

static void write_copy_response(struct postgres_connection *connection, char type)
{
	size_t mark = writer_begin(&connection->out, type);

	writer_u8(&connection->out, 0);
	writer_u16(&connection->out, 0);
	writer_end(&connection->out, mark);
}

static bool run_copy(struct postgres_connection *connection, struct slice rest)
{
	struct buffer *out = &connection->out;

	if (slice_equal(rest, SLICE_LITERAL("IN")) || slice_equal(rest, SLICE_LITERAL("BAD"))) {
		write_copy_response(connection, 'G');
		connection->copy = rest.data[0] == 'I' ? COPYING_IN : COPYING_BAD;
		connection->copied = 0;
		return true;
	}
	write_copy_response(connection, 'H');
	for (int i = 0; i < atoi(rest.data + 4); i++) {
		size_t mark = writer_begin(out, 'd');

		buffer_append_format(out, "line %d", i + 1);
		writer_end(out, mark);
	}
	writer_empty(out, 'c');
	result_write_tag(out, SLICE_LITERAL("COPY"));
	return true;
}

static bool run_transaction(struct postgres_connection *connection, struct slice word)
{
	bool failed = connection->status == 'E';

	if (slice_equal(word, SLICE_LITERAL("BEGIN"))) {
		connection->status = 'T';
		result_write_tag(&connection->out, word);
		return true;
	}
	connection->status = 'I';
	connection->stored[0] = '\0';
	result_write_tag(&connection->out, failed ? SLICE_LITERAL("ROLLBACK") : word);
	return true;
}

static bool run_discard(struct postgres_connection *connection, struct slice text)
{
	LIST_EACH(&connection->statements, node)
	{
		struct postgres_entry *entry = CONTAINER_OF(node, struct postgres_entry, node);

		list_remove(&connection->statements, node);
		mem_free(entry->name);
		mem_free(entry->text);
		mem_free(entry);
	}
	if (slice_starts_with(text, SLICE_LITERAL("DISCARD")))
		postgres_settings_init(connection);
	result_write_tag(&connection->out, text);
	return true;
}

static bool is(struct slice word, const char *text)
{
	return slice_equal(word, slice_of(text));
}

/* What a standby does not do; false: it does not. */
static bool may_run(struct postgres_connection *connection, struct slice word, struct slice rest)
{
	if (!connection->postgres->standby)
		return true;
	if (is(word, "STORE") || (is(word, "SELECT") && is(rest, "WRITES")))
		return fail(connection, "25006", "cannot execute it in a read-only transaction");
	if (is(word, "SELECT") && is(rest, "CONFLICT"))
		return fail(connection, "40001", "cancelled by a conflict with recovery");
	return true;
}

bool postgres_run(struct postgres_connection *connection, struct slice text, bool described)
{
	struct slice rest = trim(text, " "), word;

	text = rest;
	slice_next_field(&rest, ' ', &word);
	if (text.len == 0) {
		writer_empty(&connection->out, 'I');
		return true;
	}
	if (is(word, "COMMIT") || is(word, "ROLLBACK"))
		return run_transaction(connection, word);
	if (connection->status == 'E')
		return fail(connection, "25P02", "current transaction is aborted");
	if (is(word, "BEGIN"))
		return run_transaction(connection, word);
	if (is(word, "FAIL"))
		return fail(connection, "22012", "it failed");
	if (is(word, "SET") || is(word, "RESET"))
		return run_set(connection, rest);
	if (is(word, "COPY"))
		return run_copy(connection, rest);
	if (is(word, "DISCARD") || is(word, "DEALLOCATE"))
		return run_discard(connection, text);
	if (is(word, "SELECT") && is(rest, "HOST"))
		rest = slice_of(connection->postgres->standby ? "replica" : "primary");
	if (described && postgres_gives_rows(text))
		postgres_describe(connection, text);
	if (!may_run(connection, word, rest))
		return false;
	if (postgres_gives_rows(text))
		return run_rows(connection, word, rest);
	if (is(word, "ALTER"))
		connection->postgres->schema++;
	if (is(word, "STORE"))
		snprintf(connection->stored, sizeof(connection->stored), "%.*s", (int)rest.len,
			 rest.data);
	result_write_tag(&connection->out, word);
	return true;
}
