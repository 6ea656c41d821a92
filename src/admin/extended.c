/*
 * The extended query protocol at the console, as drivers use it (PostgreSQL docs, "Extended
 * Query"): named statements and portals, result formats, row limits, and after an error
 * nothing but the next Sync. Commands have no parameters. Owns the statements and portals of a
 * visit; a portal has a copy of its statement's line and so outlives it.
 */

#include <stdarg.h>

#include "admin/admin_internal.h"
#include "base/alloc.h"
#include "base/random.h"
#include "session/session.h"
#include "wire/query.h"
#include "wire/reader.h"
#include "wire/writer.h"

/* What one client may keep; a driver's own cache holds about a hundred. */
#define STATEMENTS_MAX 200
#define PORTALS_MAX    50
/* The widest SHOW has fewer. */
#define COLUMNS_MAX 40

struct statement_entry {
	struct line line;
	char *text; /* NUL-terminated */
};

struct portal {
	struct line line;
	char *text;
	bool has_run;
	int16_t formats[COLUMNS_MAX];
	struct buffer rows; /* the whole answer, of which at bytes were sent */
	size_t at;
};

/* A message being answered. */
struct answer {
	struct visit *visit;
	struct buffer *out;
};

static PRINTF_LIKE(3, 4) void refuse(struct answer *answer, const char *sqlstate,
				     const char *format, ...)
{
	struct request request = { .visit = answer->visit, .out = answer->out };
	va_list args;

	va_start(args, format);
	(void)reply_error_list(&request, sqlstate, format, args);
	va_end(args);
	answer->visit->skipping = true;
}

static void refuse_memory(struct answer *answer)
{
	refuse(answer, "53200", "out of memory");
}

/* ---- what is kept ---- */

static void statement_free(struct statement_entry *statement)
{
	if (!statement)
		return;
	mem_free(statement->text);
	mem_free(statement);
}

static void portal_free(struct portal *portal)
{
	if (!portal)
		return;
	buffer_release(&portal->rows);
	mem_free(portal->text);
	mem_free(portal);
}

void extended_init(struct visit *visit)
{
	uint64_t seeds[2];

	random_bytes(seeds, sizeof(seeds));
	map_init(&visit->statements, seeds[0]);
	map_init(&visit->portals, seeds[1]);
}

void extended_drop_portals(struct visit *visit)
{
	size_t cursor = 0;
	struct slice name;
	void *portal;

	while (map_next(&visit->portals, &cursor, &name, &portal))
		portal_free(portal);
	map_release(&visit->portals);
}

void extended_drop_statements(struct visit *visit)
{
	size_t cursor = 0;
	struct slice name;
	void *statement;

	while (map_next(&visit->statements, &cursor, &name, &statement))
		statement_free(statement);
	map_release(&visit->statements);
}

void extended_release(struct visit *visit)
{
	extended_drop_portals(visit);
	extended_drop_statements(visit);
}

bool extended_drop_statement(struct visit *visit, struct slice name)
{
	struct statement_entry *statement = map_remove(&visit->statements, name);

	statement_free(statement);
	return statement != NULL;
}

/* A name as C text for an error; cut, which is enough for one. */
struct name_text {
	char text[64];
};

static struct name_text name_text(struct slice name)
{
	struct name_text copy = { "" };
	size_t len = name.len < sizeof(copy.text) - 1 ? name.len : sizeof(copy.text) - 1;

	if (len)
		memcpy(copy.text, name.data, len);
	return copy;
}

static struct statement_entry *find_statement(struct answer *answer, struct slice name)
{
	struct statement_entry *statement = map_get(&answer->visit->statements, name);

	if (!statement)
		refuse(answer, "26000", "prepared statement \"%s\" does not exist",
		       name_text(name).text);
	return statement;
}

static struct portal *find_portal(struct answer *answer, struct slice name)
{
	struct portal *portal = map_get(&answer->visit->portals, name);

	if (!portal)
		refuse(answer, "34000", "portal \"%s\" does not exist", name_text(name).text);
	return portal;
}

static void broken(struct answer *answer)
{
	session_end(answer->visit->session, END_BAD_PACKET, "bad packet");
}

/* ---- Parse ---- */

/* What can be said of a text without running it; the rest is found by Execute. */
static bool is_known(const struct line *line)
{
	const struct command *command;

	if (line->shape != LINE_WORDS && line->shape != LINE_SET && line->shape != LINE_EXPLAIN)
		return line->shape != LINE_INVALID;
	command = command_find(line->verb);
	return command && (command->run != control_show || console_show(line));
}

static struct statement_entry *statement_new(struct slice text)
{
	struct statement_entry *statement = mem_alloc(sizeof(*statement));

	if (!statement)
		return NULL;
	statement->text = mem_copy_text(text.data, text.len);
	if (!statement->text) {
		mem_free(statement);
		return NULL;
	}
	grammar_read(text, &statement->line);
	return statement;
}

static void on_parse(struct answer *answer, const struct message *message)
{
	struct map *statements = &answer->visit->statements;
	struct statement_entry *statement;
	struct parse_view view;

	if (query_read_parse(message->body, &view) != OK) {
		broken(answer);
		return;
	}
	if (view.name.len == 0) {
		(void)extended_drop_statement(answer->visit, view.name);
	} else if (map_get(statements, view.name)) {
		refuse(answer, "42P05", "prepared statement \"%s\" already exists",
		       name_text(view.name).text);
		return;
	}
	if (statements->len >= STATEMENTS_MAX) {
		refuse(answer, "53400", "too many prepared statements at the console");
		return;
	}
	statement = statement_new(view.text);
	if (!statement) {
		refuse_memory(answer);
	} else if (!is_known(&statement->line)) {
		struct request request = { .visit = answer->visit,
					   .out = answer->out,
					   .text = view.text };

		(void)reply_invalid(&request);
		answer->visit->skipping = true;
		statement_free(statement);
	} else if (map_put(statements, view.name, statement) != OK) {
		statement_free(statement);
		refuse_memory(answer);
	} else {
		writer_empty(answer->out, '1');
	}
}

/* ---- Bind ---- */

/* The parts of a Bind behind the names. */
struct bind_tail {
	unsigned parameters;
	unsigned format_count;
	struct slice formats; /* two bytes each */
};

static enum result read_bind_tail(struct slice body, size_t head_len, struct bind_tail *tail)
{
	struct reader reader;

	reader_init(&reader, body);
	(void)reader_bytes(&reader, head_len);
	(void)reader_bytes(&reader, 2 * (size_t)reader_u16(&reader));
	tail->parameters = reader_u16(&reader);
	for (unsigned i = 0; i < tail->parameters && reader_ok(&reader) == OK; i++) {
		int32_t len = reader_i32(&reader);

		if (len > 0)
			(void)reader_bytes(&reader, (size_t)len);
	}
	tail->format_count = reader_u16(&reader);
	tail->formats = reader_bytes(&reader, 2 * (size_t)tail->format_count);
	return reader_end(&reader);
}

/* "zero ... one, in which case the specified format code is applied to all ... or ... each" */
static bool set_formats(struct answer *answer, struct portal *portal, const struct bind_tail *tail)
{
	const struct show *show = console_show(&portal->line);
	unsigned columns = show ? show->count : 0;
	struct reader reader;

	reader_init(&reader, tail->formats);
	if (tail->format_count > 1 && tail->format_count != columns) {
		refuse(answer, "08P01",
		       "bind message has %u result formats but query has %u columns",
		       tail->format_count, columns);
		return false;
	}
	for (unsigned i = 0; i < columns && tail->format_count; i++) {
		if (i == 0 || tail->format_count > 1)
			portal->formats[i] = reader_i16(&reader);
		else
			portal->formats[i] = portal->formats[0];
		if (portal->formats[i] != 0 && portal->formats[i] != 1) {
			refuse(answer, "22023", "unsupported format code");
			return false;
		}
	}
	return true;
}

static struct portal *portal_new(const struct statement_entry *statement)
{
	struct portal *portal = mem_alloc_zero(sizeof(*portal));

	if (!portal)
		return NULL;
	portal->line = statement->line;
	portal->text = mem_copy_text(statement->text, strlen(statement->text));
	if (portal->text)
		return portal;
	mem_free(portal);
	return NULL;
}

static bool may_bind(struct answer *answer, const struct bind_view *view,
		     const struct bind_tail *tail)
{
	struct map *portals = &answer->visit->portals;

	if (tail->parameters) {
		refuse(answer, "08P01",
		       "bind message supplies %u parameters, but prepared statement \"%s\" "
		       "requires 0",
		       tail->parameters, name_text(view->statement).text);
		return false;
	}
	if (view->portal.len == 0) {
		portal_free(map_remove(portals, view->portal));
	} else if (map_get(portals, view->portal)) {
		refuse(answer, "42P03", "portal \"%s\" already exists",
		       name_text(view->portal).text);
		return false;
	}
	if (portals->len >= PORTALS_MAX) {
		refuse(answer, "53400", "too many portals at the console");
		return false;
	}
	return true;
}

static void on_bind(struct answer *answer, const struct message *message)
{
	struct statement_entry *statement;
	struct bind_view view;
	struct bind_tail tail;
	struct portal *portal;

	if (query_read_bind(message->body, &view) != OK ||
	    read_bind_tail(message->body, view.head_len, &tail) != OK) {
		broken(answer);
		return;
	}
	statement = find_statement(answer, view.statement);
	if (!statement || !may_bind(answer, &view, &tail))
		return;
	portal = portal_new(statement);
	if (!portal) {
		refuse_memory(answer);
	} else if (!set_formats(answer, portal, &tail)) {
		portal_free(portal);
	} else if (map_put(&answer->visit->portals, view.portal, portal) != OK) {
		portal_free(portal);
		refuse_memory(answer);
	} else {
		writer_empty(answer->out, '2');
	}
}

/* ---- Describe, Execute, Close ---- */

static void describe_columns(struct answer *answer, const struct line *line, const int16_t *formats)
{
	const struct show *show = console_show(line);
	struct table table;

	if (!show || !show->count) {
		writer_empty(answer->out, 'n');
		return;
	}
	table_init(&table, answer->out, show->columns, show->count, formats);
	table_describe(&table);
}

static void on_describe(struct answer *answer, const struct message *message)
{
	struct target_view view;

	if (query_read_target(message->body, &view) != OK) {
		broken(answer);
	} else if (view.kind == 'S') {
		struct statement_entry *statement = find_statement(answer, view.name);
		size_t mark;

		if (!statement)
			return;
		mark = writer_begin(answer->out, 't');
		writer_u16(answer->out, 0);
		writer_end(answer->out, mark);
		describe_columns(answer, &statement->line, NULL);
	} else {
		struct portal *portal = find_portal(answer, view.name);

		if (portal)
			describe_columns(answer, &portal->line, portal->formats);
	}
}

static void on_close(struct answer *answer, const struct message *message)
{
	struct target_view view;

	if (query_read_target(message->body, &view) != OK) {
		broken(answer);
		return;
	}
	/* "It is not an error to issue Close against a nonexistent statement or portal name." */
	if (view.kind == 'S')
		(void)extended_drop_statement(answer->visit, view.name);
	else
		portal_free(map_remove(&answer->visit->portals, view.name));
	writer_empty(answer->out, '3');
}

/* Bytes of the message at the front of rest, which we wrote ourselves. */
static size_t message_len(struct slice rest)
{
	struct reader reader;

	reader_init(&reader, (struct slice){ rest.data + 1, rest.len - 1 });
	return 1 + (size_t)reader_u32(&reader);
}

/* Sends the rows from portal->at on, at most limit of them (0: all). */
static void send_rows(struct answer *answer, struct portal *portal, uint32_t limit)
{
	struct slice rest = { portal->rows.data + portal->at, portal->rows.len - portal->at };
	uint32_t sent = 0;
	size_t len = 0;

	while (limit && len < rest.len && rest.data[len] == 'D' && sent < limit) {
		len += message_len((struct slice){ rest.data + len, rest.len - len });
		sent++;
	}
	if (limit && sent == limit && len < rest.len && rest.data[len] == 'D') {
		writer_bytes(answer->out, (struct slice){ rest.data, len });
		writer_empty(answer->out, 's');
		portal->at += len;
		return;
	}
	writer_bytes(answer->out, rest);
	portal->at = portal->rows.len;
}

static void run_portal(struct answer *answer, struct portal *portal, uint32_t limit)
{
	struct request request = { .visit = answer->visit,
				   .line = &portal->line,
				   .text = slice_of(portal->text),
				   .out = &portal->rows,
				   .formats = portal->formats };

	portal->has_run = true;
	switch (console_run(&request)) {
	case OUTCOME_REFUSED:
		answer->visit->skipping = true;
		send_rows(answer, portal, 0);
		break;
	case OUTCOME_DONE: send_rows(answer, portal, limit); break;
	case OUTCOME_WAITS:
	case OUTCOME_LEAVES: return;
	}
	if (portal->rows.failed)
		answer->out->failed = true;
}

static void on_execute(struct answer *answer, const struct message *message)
{
	struct reader reader;
	struct slice name;
	int32_t limit;
	struct portal *portal;

	reader_init(&reader, message->body);
	name = reader_text(&reader);
	limit = reader_i32(&reader);
	if (reader_end(&reader) != OK) {
		broken(answer);
		return;
	}
	portal = find_portal(answer, name);
	if (!portal)
		return;
	if (!portal->has_run)
		run_portal(answer, portal, limit > 0 ? (uint32_t)limit : 0);
	else if (portal->at < portal->rows.len)
		send_rows(answer, portal, limit > 0 ? (uint32_t)limit : 0);
	else
		refuse(answer, "55000", "portal \"%s\" cannot be run anymore",
		       name_text(name).text);
}

static void on_sync(struct answer *answer)
{
	answer->visit->skipping = false;
	if (!answer->visit->in_transaction)
		extended_drop_portals(answer->visit);
	console_ready(answer->visit, answer->out);
}

void extended_message(struct visit *visit, const struct message *message)
{
	struct answer answer = { .visit = visit, .out = &visit->admin->out };

	switch (message->type) {
	case 'P': on_parse(&answer, message); break;
	case 'B': on_bind(&answer, message); break;
	case 'D': on_describe(&answer, message); break;
	case 'E': on_execute(&answer, message); break;
	case 'C': on_close(&answer, message); break;
	case 'S': on_sync(&answer); break;
	default: break; /* Flush: whatever there is to send is sent already */
	}
	console_send(visit, answer.out);
}
