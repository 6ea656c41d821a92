#ifndef MODEL_H
#define MODEL_H

/*
 * A model of one PostgreSQL backend after login, for differential fuzzing: it takes a client's
 * messages and answers them as PostgreSQL 14 and later do (postgres.c, copyfromparse.c): what an
 * error skips, what COPY IN reads, when statements and portals go, when output is flushed.
 *
 * Statements are words of its own: "select..." (two rows, which tell the text and the settings,
 * so that neither can be mistaken), "bad" (does not parse), "missing" (is not analysed),
 * "failbind" and "fail" (at Bind and Execute), "notice", "copyin", "copyfail" (fails before it
 * reads data), "copyout", "begin", "commit", "rollback", DISCARD ALL, DEALLOCATE ALL, SET
 * "name"='value', SELECT pgcarwash... (an unknown column); all others do nothing. CopyData "x"
 * is bad data.
 *
 * It differs from PostgreSQL on purpose in one thing: in a failed transaction a statement without
 * a result cannot be described.
 */

#include "model_sql.h"
#include "wire/frame.h"
#include "wire/query.h"

/* ---- Query ---- */

static inline bool model_is_bad(const char *text)
{
	return strncmp(text, "bad", 3) == 0;
}

/* The rest of a Query from text on, until a COPY begins. */
static inline void model_go_on(struct model *model, char *text)
{
	bool alive = true;

	while (alive && model->copy == MODEL_NO_COPY && *text) {
		char *end = strchr(text, ';');

		if (end)
			*end = '\0';
		if (model_has_rows(text)) {
			alive = !model_is_aborted(model, text);
			if (alive) {
				model_start(model);
				model_tell(model, 'T', text);
				model_row(model, text);
				model_tell(model, 'C', "SELECT 1");
			}
		} else if (strcmp(text, "missing") == 0 && model->status != 'E') {
			alive = model_fail(model, "42P01", "relation does not exist");
		} else {
			alive = model_run(model, text, true);
		}
		text = end ? end + 1 : text + strlen(text);
	}
	memmove(model->rest, text, strlen(text) + 1);
	if (model->copy != MODEL_NO_COPY)
		return;
	if (model->status == 'I')
		model_commit(model);
	model_ready(model);
}

static inline void model_query(struct model *model, struct slice body)
{
	char text[MODEL_TEXT];

	snprintf(text, sizeof(text), "%.*s", (int)body.len, body.data);
	model->statements[0].used = false;
	if (*text == '\0') {
		model_say(model, 'I');
	} else if (model_is_bad(text) || strstr(text, ";bad")) {
		(void)model_fail(model, "42601", "syntax error");
		*text = '\0';
	}
	model_go_on(model, text);
}

/* ---- extended query ---- */

static inline bool model_parse(struct model *model, struct slice body)
{
	struct parse_view view;
	char name[48], text[MODEL_TEXT];

	CHECK(query_read_parse(body, &view) == OK);
	snprintf(name, sizeof(name), "%.*s", (int)view.name.len, view.name.data);
	snprintf(text, sizeof(text), "%.*s", (int)view.text.len, view.text.data);
	model_start(model);
	if (view.name.len == 0)
		model->statements[0].used = false;
	if (model_is_bad(text))
		return model_fail(model, "42601", "syntax error");
	if (model_is_aborted(model, text))
		return false;
	if (strcmp(text, "missing") == 0)
		return model_fail(model, "42P01", "relation does not exist");
	if (strncmp(text, "SELECT pgcarwash", 16) == 0)
		return model_fail(model, "42703", "column does not exist");
	if (view.name.len > 0 && model_find(model, view.name))
		return model_fail_name(model, "42P05", name, "already exists");
	model_store(model, view.name, view.text);
	model_say(model, '1');
	return true;
}

static inline struct model_portal *model_find_portal(struct model *model, struct slice name)
{
	for (unsigned i = 0; i < MODEL_PORTALS; i++) {
		struct model_portal *portal = &model->portals[i];

		if (portal->used && slice_equal(slice_of(portal->name), name))
			return portal;
	}
	return NULL;
}

static inline bool model_bind(struct model *model, struct slice body)
{
	struct bind_view view;
	struct model_statement *statement;
	struct model_portal *portal;
	char name[48];

	CHECK(query_read_bind(body, &view) == OK && body.len == view.head_len + 6);
	snprintf(name, sizeof(name), "%.*s", (int)view.statement.len, view.statement.data);
	model_start(model);
	statement = model_find(model, view.statement);
	if (!statement)
		return model_fail_name(model, "26000", name, "does not exist");
	if (model_is_aborted(model, statement->text) || !model_is_current(model, statement))
		return false;
	portal = model_find_portal(model, view.portal);
	if (portal && view.portal.len > 0)
		return model_fail(model, "42P03", "cursor already exists");
	if (strcmp(statement->text, "failbind") == 0)
		return model_fail(model, "22P02", "invalid input syntax");
	for (unsigned i = 0; !portal && i < MODEL_PORTALS; i++)
		portal = model->portals[i].used ? NULL : &model->portals[i];
	CHECK(portal && view.portal.len < sizeof(portal->name));
	portal->used = true;
	portal->rows_sent = 0;
	snprintf(portal->name, sizeof(portal->name), "%.*s", (int)view.portal.len,
		 view.portal.data);
	strcpy(portal->text, statement->text);
	model_say(model, '2');
	return true;
}

static inline bool model_describe(struct model *model, struct slice body)
{
	struct target_view view;
	struct model_statement *statement = NULL;
	struct model_portal *portal;
	const char *text;
	char name[48];

	CHECK(query_read_target(body, &view) == OK);
	snprintf(name, sizeof(name), "%.*s", (int)view.name.len, view.name.data);
	model_start(model);
	if (view.kind == 'S') {
		statement = model_find(model, view.name);
		if (!statement)
			return model_fail_name(model, "26000", name, "does not exist");
		text = statement->text;
	} else {
		portal = model_find_portal(model, view.name);
		if (!portal)
			return model_fail(model, "34000", "portal does not exist");
		text = portal->text;
	}
	if (model_is_aborted(model, text) ||
	    (view.kind == 'S' && !model_is_current(model, statement)))
		return false;
	if (view.kind == 'S')
		model_tell(model, 't', text);
	if (model_has_rows(text))
		model_tell(model, 'T', text);
	else
		model_say(model, 'n');
	return true;
}

static inline bool model_execute(struct model *model, struct slice body)
{
	struct slice name = { body.data, strlen(body.data) };
	struct model_portal *portal = model_find_portal(model, name);
	bool limited = body.data[body.len - 1] != 0;
	char text[MODEL_TEXT];

	model_start(model);
	if (!portal)
		return model_fail(model, "34000", "portal does not exist");
	strcpy(text, portal->text);
	if (*text == '\0') {
		model_say(model, 'I');
		return true;
	}
	if (!model_has_rows(text))
		return model_run(model, text, false);
	if (model_is_aborted(model, text))
		return false;
	for (unsigned n = 0; portal->rows_sent < 2 && (n < 1 || !limited); n++) {
		model_row(model, text);
		portal->rows_sent++;
	}
	if (limited && portal->rows_sent < 2)
		model_say(model, 's');
	else
		model_tell(model, 'C', "SELECT");
	return true;
}

static inline bool model_close(struct model *model, struct slice body)
{
	struct model_statement *statement;
	struct model_portal *portal;
	struct target_view view;

	CHECK(query_read_target(body, &view) == OK);
	statement = model_find(model, view.name);
	portal = model_find_portal(model, view.name);
	if (view.kind == 'S' && statement)
		statement->used = false;
	if (view.kind == 'P' && portal)
		portal->used = false;
	model_say(model, '3');
	return true;
}

static inline void model_function(struct model *model)
{
	if (!model_is_aborted(model, "")) {
		model_start(model);
		model_tell(model, 'V', "result");
	}
	if (model->status == 'I')
		model_commit(model);
	model_ready(model);
}

static inline void model_sync(struct model *model)
{
	model->ignore_till_sync = false;
	if (model->status == 'I')
		model_commit(model);
	model_ready(model);
}

/* ---- COPY IN ---- */

static inline void model_copy_over(struct model *model, bool failed)
{
	bool is_query = model->copy == MODEL_COPY_IN_QUERY;
	char rest[MODEL_TEXT];

	strcpy(rest, failed ? "" : model->rest);
	model->copy = MODEL_NO_COPY;
	if (!failed)
		model_tell(model, 'C', "COPY 1");
	if (is_query)
		model_go_on(model, rest);
	else
		model->ignore_till_sync = failed;
}

/* CopyGetData: anything but these is the end of the connection. */
static inline void model_copy_message(struct model *model, const struct message *message)
{
	bool bad = message->type == 'd' && message->len > 0 && message->body.data[0] == 'x';

	if (!strchr("dcfHS", message->type)) {
		model->dead = true;
		model_notice(model, 'E', "08P01", "protocol synchronization was lost");
	} else if (bad || message->type == 'f' || (model->cancelled && message->type == 'd')) {
		(void)model_fail(model, bad ? "22P02" : "57014", "COPY failed");
		model_copy_over(model, true);
	} else if (message->type == 'c') {
		model_copy_over(model, false);
	}
}

/* ---- reading ---- */

static inline void model_extended(struct model *model, const struct message *message)
{
	bool done;

	switch (message->type) {
	case 'P': done = model_parse(model, message->body); break;
	case 'B': done = model_bind(model, message->body); break;
	case 'D': done = model_describe(model, message->body); break;
	case 'E': done = model_execute(model, message->body); break;
	default: done = model_close(model, message->body); break;
	}
	if (!done)
		model->ignore_till_sync = true;
}

static inline void model_take(struct model *model, const struct message *message)
{
	if (model->copy != MODEL_NO_COPY) {
		model_copy_message(model, message);
		return;
	}
	if (model->ignore_till_sync && message->type != 'S')
		return;
	switch (message->type) {
	case 'Q': model_query(model, message->body); break;
	case 'F': model_function(model); break;
	case 'S': model_sync(model); break;
	case 'H': model_flush(model); break;
	case 'd':
	case 'c':
	case 'f': break;
	default: model_extended(model, message); break;
	}
}

/* Reads one message and answers it. False: there is none. */
static inline bool model_step(struct model *model)
{
	struct frame_limits limits = { UINT32_MAX, UINT32_MAX };
	struct message message;
	size_t need;

	if (model->in.len == 0 || model->dead)
		return false;
	CHECK(frame_next(buffer_slice(&model->in), SIDE_CLIENT, &limits, &message, &need) == OK);
	CHECK(message_is_whole(&message));
	model_take(model, &message);
	buffer_drop_front(&model->in, message.len + MESSAGE_HEADER_LEN);
	return true;
}

#endif
