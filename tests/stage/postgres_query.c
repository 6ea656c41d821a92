/*
 * Messages of those who are logged in to the small PostgreSQL: simple and extended queries and
 * COPY (PostgreSQL docs, "Message Flow").
 */
#include "stage/postgres_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "wire/notice.h"
#include "wire/query.h"
#include "wire/reader.h"
#include "wire/result.h"
#include "wire/writer.h"

/* ---- statements and portals ---- */

static struct postgres_entry *find(struct list *entries, struct slice name)
{
	LIST_EACH(entries, node)
	{
		struct postgres_entry *entry = CONTAINER_OF(node, struct postgres_entry, node);

		if (slice_equal(slice_of(entry->name), name))
			return entry;
	}
	return NULL;
}

static void drop(struct list *entries, struct postgres_entry *entry)
{
	if (!entry)
		return;
	list_remove(entries, &entry->node);
	mem_free(entry->name);
	mem_free(entry->text);
	mem_free(entry);
}

static void drop_all(struct list *entries)
{
	while (entries->len)
		drop(entries, CONTAINER_OF(list_first(entries), struct postgres_entry, node));
}

static struct postgres_entry *put(struct list *entries, struct slice name, struct slice text,
				  unsigned schema)
{
	struct postgres_entry *entry = mem_alloc_zero(sizeof(*entry));

	drop(entries, find(entries, name));
	entry->name = mem_copy_text(name.data, name.len);
	entry->text = mem_copy_text(text.data, text.len);
	entry->schema = schema;
	list_append(entries, &entry->node);
	return entry;
}

void postgres_query_free(struct postgres_connection *connection)
{
	drop_all(&connection->statements);
	drop_all(&connection->portals);
}

/* ---- errors and ends of turns ---- */

static void ready(struct postgres_connection *connection)
{
	if (connection->status == 'I') {
		drop_all(&connection->portals);
		connection->stored[0] = '\0';
	}
	result_write_ready(&connection->out, connection->status);
}

static void skip(struct postgres_connection *connection)
{
	connection->skipping = true;
	if (connection->status == 'T')
		connection->status = 'E';
}

static void refuse(struct postgres_connection *connection, const char *sqlstate, const char *text)
{
	postgres_error(connection, "ERROR", sqlstate, text);
	skip(connection);
}

/* As RevalidateCachedQuery does. */
static void refuse_outdated(struct postgres_connection *connection)
{
	struct notice_view view = { .severity = SLICE_LITERAL("ERROR"),
				    .sqlstate = SLICE_LITERAL("0A000"),
				    .message = SLICE_LITERAL(
					    "cached plan must not change result type"),
				    .routine = SLICE_LITERAL("RevalidateCachedQuery") };

	notice_write(&connection->out, 'E', &view);
	skip(connection);
}

void postgres_wake(struct postgres_connection *connection)
{
	connection->sleeping = false;
	connection->postgres->sleeping--;
	postgres_error(connection, "ERROR", "57014", "canceling statement due to user request");
	if (connection->status == 'T')
		connection->status = 'E';
	if (connection->in_batch)
		connection->skipping = true;
	else
		ready(connection);
}

/* ---- running ---- */

/* Statements that do more than answer. True: it was one. */
static bool run_special(struct postgres_connection *connection, struct slice text)
{
	if (slice_equal(text, SLICE_LITERAL("SLEEP")) && connection->status != 'E') {
		connection->sleeping = true;
		connection->postgres->sleeping++;
	} else if (slice_equal(text, SLICE_LITERAL("DIE"))) {
		postgres_error(connection, "FATAL", "57P01", "terminating connection");
	} else if (slice_equal(text, SLICE_LITERAL("CRASH"))) {
		connection->closing = true;
	} else {
		return false;
	}
	return true;
}

static void on_query(struct postgres_connection *connection, struct slice body)
{
	struct slice rest, text;
	bool more = true;

	drop(&connection->statements, find(&connection->statements, SLICE_LITERAL("")));
	connection->in_batch = false;
	if (query_read_query(body, &rest) != OK) {
		postgres_complain(connection->postgres, "a malformed Query");
		return;
	}
	if (rest.len == 0)
		writer_empty(&connection->out, 'I');
	/* What our own statements end with is no statement more. */
	if (rest.len && rest.data[rest.len - 1] == ';')
		rest.len--;
	while (more && slice_next_field(&rest, ';', &text)) {
		if (run_special(connection, text))
			return;
		more = postgres_run(connection, text, true);
		connection->copy_extended = false;
		if (connection->copy != NO_COPY)
			return;
	}
	ready(connection);
}

static void on_parse(struct postgres_connection *connection, struct slice body)
{
	struct parse_view view;

	if (query_read_parse(body, &view) != OK) {
		postgres_complain(connection->postgres, "a malformed Parse");
		return;
	}
	if (connection->status == 'E' && !slice_starts_with(view.text, SLICE_LITERAL("ROLLBACK")))
		refuse(connection, "25P02", "current transaction is aborted");
	else if (view.name.len && find(&connection->statements, view.name))
		refuse(connection, "42P05", "prepared statement already exists");
	else if (slice_starts_with(view.text, SLICE_LITERAL("SELECT pgcarwash_")))
		refuse(connection, "42703", "column does not exist");
	else if (slice_starts_with(view.text, SLICE_LITERAL("WRONG")))
		refuse(connection, "42601", "syntax error");
	else {
		put(&connection->statements, view.name, view.text, connection->postgres->schema);
		writer_empty(&connection->out, '1');
	}
}

/* The text with the parameter in the place of $1. */
static void bind_text(struct buffer *out, const char *text, struct slice value)
{
	const char *place = strstr(text, "$1");

	if (!place) {
		buffer_append_text(out, text);
		return;
	}
	buffer_append(out, text, (size_t)(place - text));
	buffer_append_slice(out, value);
	buffer_append_text(out, place + 2);
}

static struct slice first_parameter(struct reader *reader)
{
	unsigned formats = reader_u16(reader);
	int32_t len;

	while (formats--)
		reader_u16(reader);
	if (reader_u16(reader) == 0)
		return SLICE_NONE;
	len = reader_i32(reader);
	return len < 0 ? SLICE_NONE : reader_bytes(reader, (size_t)len);
}

static void on_bind(struct postgres_connection *connection, struct slice body)
{
	struct bind_view view;
	struct reader reader;
	struct postgres_entry *statement;
	struct slice value;
	struct buffer text = BUFFER_EMPTY;

	if (query_read_bind(body, &view) != OK) {
		postgres_complain(connection->postgres, "a malformed Bind");
		return;
	}
	reader_init(&reader, (struct slice){ body.data + view.head_len, body.len - view.head_len });
	value = first_parameter(&reader);
	statement = find(&connection->statements, view.statement);
	if (reader_ok(&reader) != OK) {
		postgres_complain(connection->postgres, "a malformed Bind");
		return;
	}
	if (!statement) {
		refuse(connection, "26000", "prepared statement does not exist");
		return;
	}
	if (statement->schema != connection->postgres->schema) {
		refuse_outdated(connection);
		return;
	}
	bind_text(&text, statement->text, value);
	put(&connection->portals, view.portal, buffer_slice(&text), 0);
	buffer_release(&text);
	writer_empty(&connection->out, '2');
}

static void on_describe(struct postgres_connection *connection, struct slice body)
{
	struct target_view view;
	struct postgres_entry *entry;
	size_t mark;

	if (query_read_target(body, &view) != OK) {
		postgres_complain(connection->postgres, "a malformed Describe");
		return;
	}
	entry = find(view.kind == 'S' ? &connection->statements : &connection->portals, view.name);
	if (!entry) {
		refuse(connection, view.kind == 'S' ? "26000" : "34000", "does not exist");
		return;
	}
	if (view.kind == 'S') {
		mark = writer_begin(&connection->out, 't');
		writer_u16(&connection->out, strstr(entry->text, "$1") ? 1 : 0);
		if (strstr(entry->text, "$1"))
			writer_u32(&connection->out, TYPE_TEXT);
		writer_end(&connection->out, mark);
	}
	if (postgres_gives_rows(slice_of(entry->text)))
		postgres_describe(connection, slice_of(entry->text));
	else
		writer_empty(&connection->out, 'n');
}

static void on_execute(struct postgres_connection *connection, struct slice body)
{
	struct reader reader;
	struct slice name;
	struct postgres_entry *portal;

	reader_init(&reader, body);
	name = reader_text(&reader);
	reader_u32(&reader);
	if (reader_end(&reader) != OK) {
		postgres_complain(connection->postgres, "a malformed Execute");
		return;
	}
	portal = find(&connection->portals, name);
	if (!portal) {
		refuse(connection, "34000", "portal does not exist");
		return;
	}
	if (run_special(connection, slice_of(portal->text)))
		return;
	if (!postgres_run(connection, slice_of(portal->text), false))
		skip(connection);
	connection->copy_extended = true;
}

static void on_close(struct postgres_connection *connection, struct slice body)
{
	struct target_view view;
	struct list *entries;

	if (query_read_target(body, &view) != OK) {
		postgres_complain(connection->postgres, "a malformed Close");
		return;
	}
	entries = view.kind == 'S' ? &connection->statements : &connection->portals;
	drop(entries, find(entries, view.name));
	writer_empty(&connection->out, '3');
}

/* ---- COPY IN ---- */

static void end_copy(struct postgres_connection *connection, bool failed)
{
	char tag[32];

	connection->copy = NO_COPY;
	if (failed) {
		postgres_error(connection, "ERROR", "22P04", "COPY failed");
		if (connection->status == 'T')
			connection->status = 'E';
		connection->skipping = connection->copy_extended;
	} else {
		snprintf(tag, sizeof(tag), "COPY %u", connection->copied);
		result_write_tag(&connection->out, slice_of(tag));
	}
	if (!connection->copy_extended)
		ready(connection);
}

static void on_copy(struct postgres_connection *connection, const struct message *message)
{
	switch (message->type) {
	case 'd':
		connection->copied++;
		if (connection->copy == COPYING_BAD)
			end_copy(connection, true);
		return;
	case 'c': end_copy(connection, false); return;
	case 'f': end_copy(connection, true); return;
	case 'S':
	case 'H': return; /* read and ignored (copyfromparse.c) */
	case 'X': connection->closing = true; return;
	default: end_copy(connection, true);
	}
}

/* ---- one message ---- */

static void on_extended(struct postgres_connection *connection, const struct message *message)
{
	connection->in_batch = true;
	switch (message->type) {
	case 'P': on_parse(connection, message->body); return;
	case 'B': on_bind(connection, message->body); return;
	case 'D': on_describe(connection, message->body); return;
	case 'E': on_execute(connection, message->body); return;
	case 'C': on_close(connection, message->body); return;
	default: postgres_complain(connection->postgres, "a message of type '%c'", message->type);
	}
}

void postgres_message(struct postgres_connection *connection, const struct message *message)
{
	if (connection->copy != NO_COPY) {
		on_copy(connection, message);
		return;
	}
	if (connection->skipping && message->type != 'S' && message->type != 'X')
		return;
	switch (message->type) {
	case 'Q': on_query(connection, message->body); return;
	case 'S':
		connection->skipping = connection->in_batch = false;
		ready(connection);
		return;
	case 'X': connection->closing = true; return;
	case 'H':
	case 'd':
	case 'c':
	case 'f': return; /* the tail of a COPY that failed is ignored */
	default: on_extended(connection, message);
	}
}
