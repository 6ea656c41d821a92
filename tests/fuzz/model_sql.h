#ifndef MODEL_SQL_H
#define MODEL_SQL_H

/* The model of a PostgreSQL backend (model.h): its state, its output, what statements do. */

#include <strings.h>

#include "base/buffer.h"
#include "fuzz.h"
#include "wire/notice.h"
#include "wire/result.h"
#include "wire/writer.h"

#define MODEL_STATEMENTS 32
#define MODEL_PORTALS	 4
#define MODEL_TEXT	 128
#define MODEL_SETTINGS	 2

struct model_statement {
	bool used;
	bool outdated; /* what it returns has changed since */
	char name[48];
	char text[MODEL_TEXT];
};

struct model_portal {
	bool used;
	char name[16];
	char text[MODEL_TEXT];
	unsigned rows_sent;
};

struct model_settings {
	char value[MODEL_SETTINGS][16];
};

static const char *const model_setting_names[MODEL_SETTINGS] = { "TimeZone", "application_name" };

struct model {
	struct buffer in;	 /* messages it has not read yet */
	struct buffer unflushed; /* replies in its output buffer */
	struct buffer out;	 /* replies it has sent */
	char status;		 /* 'I', 'T', 'E' */
	bool ignore_till_sync;
	bool in_transaction;				     /* explicit or implicit */
	bool cancelled;					     /* the next statement is cancelled */
	bool dead;					     /* it has closed the connection */
	struct model_settings settings, before, reported;    /* before: the transaction */
	struct model_statement statements[MODEL_STATEMENTS]; /* the first is the unnamed one */
	struct model_portal portals[MODEL_PORTALS];
	enum { MODEL_NO_COPY, MODEL_COPY_IN_QUERY, MODEL_COPY_IN_EXECUTE } copy;
	char rest[MODEL_TEXT]; /* what is left of the Query whose COPY goes on */
	unsigned copies;       /* how many COPY IN it has begun in all */
};

static inline void model_init(struct model *model)
{
	memset(model, 0, sizeof(*model));
	model->status = 'I';
	strcpy(model->settings.value[0], "UTC");
	model->reported = model->settings;
}

static inline void model_release(struct model *model)
{
	buffer_release(&model->in);
	buffer_release(&model->unflushed);
	buffer_release(&model->out);
}

/* ---- output ---- */

static inline void model_flush(struct model *model)
{
	buffer_append_slice(&model->out, buffer_slice(&model->unflushed));
	buffer_clear(&model->unflushed);
}

static inline void model_say(struct model *model, char type)
{
	writer_empty(&model->unflushed, type);
}

/* A message whose body is a text. */
static inline void model_tell(struct model *model, char type, const char *text)
{
	size_t mark = writer_begin(&model->unflushed, type);

	writer_text(&model->unflushed, slice_of(text));
	writer_end(&model->unflushed, mark);
}

/* Errors and notices are sent at once (send_message_to_frontend). */
static inline void model_complain(struct model *model, char type, const char *state,
				  const char *text, const char *routine)
{
	notice_write(&model->unflushed, type,
		     &(struct notice_view){
			     .severity = slice_of(model->dead	? "FATAL"
						  : type == 'E' ? "ERROR"
								: "WARNING"),
			     .sqlstate = slice_of(state),
			     .message = slice_of(text),
			     .routine = slice_of(routine),
		     });
	model_flush(model);
}

static inline void model_notice(struct model *model, char type, const char *state, const char *text)
{
	model_complain(model, type, state, text, "");
}

/* Changed settings are reported when the server is about to wait for a command. */
static inline void model_ready(struct model *model)
{
	for (int i = 0; i < MODEL_SETTINGS; i++) {
		if (strcmp(model->settings.value[i], model->reported.value[i]) != 0)
			result_write_parameter(&model->unflushed, slice_of(model_setting_names[i]),
					       slice_of(model->settings.value[i]));
	}
	model->reported = model->settings;
	model->cancelled = false; /* a cancel that meets an idle server is nothing */
	result_write_ready(&model->unflushed, model->status);
	model_flush(model);
}

/* ---- transactions ---- */

static inline void model_drop_portals(struct model *model)
{
	memset(model->portals, 0, sizeof(model->portals));
}

static inline void model_start(struct model *model)
{
	if (model->in_transaction)
		return;
	model->in_transaction = true;
	model->before = model->settings;
}

static inline void model_commit(struct model *model)
{
	model->in_transaction = false;
	model->status = 'I';
	model_drop_portals(model);
}

static inline void model_abort(struct model *model)
{
	if (model->in_transaction && model->status != 'E')
		model->settings = model->before;
	model_drop_portals(model);
	if (model->status == 'I')
		model->in_transaction = false;
	else
		model->status = 'E';
}

/* Always false: what called it ends. */
static inline bool model_fail(struct model *model, const char *state, const char *text)
{
	model_notice(model, 'E', state, text);
	model_abort(model);
	return false;
}

static inline bool model_fail_name(struct model *model, const char *state, const char *name,
				   const char *problem)
{
	char text[128];

	snprintf(text, sizeof(text), "prepared statement \"%s\" %s", name, problem);
	return model_fail(model, state,
			  name[0] || strcmp(state, "26000") != 0
				  ? text
				  : "unnamed prepared statement does not exist");
}

/* RevalidateCachedQuery; true when it is not so. */
static inline bool model_is_current(struct model *model, const struct model_statement *statement)
{
	if (!statement->outdated)
		return true;
	model_complain(model, 'E', "0A000", "cached plan must not change result type",
		       "RevalidateCachedQuery");
	model_abort(model);
	return false;
}

static inline bool model_is_exit(const char *text)
{
	return strcasecmp(text, "commit") == 0 || strcasecmp(text, "rollback") == 0;
}

static inline bool model_has_rows(const char *text)
{
	return strncmp(text, "select", 6) == 0;
}

static inline bool model_is_aborted(struct model *model, const char *text)
{
	if (model->status != 'E' || model_is_exit(text))
		return false;
	return !model_fail(model, "25P02", "current transaction is aborted");
}

/* ---- statements ---- */

static inline struct model_statement *model_find(struct model *model, struct slice name)
{
	unsigned first = name.len > 0, end = name.len > 0 ? MODEL_STATEMENTS : 1;

	for (unsigned i = first; i < end; i++) {
		struct model_statement *statement = &model->statements[i];

		if (statement->used && slice_equal(slice_of(statement->name), name))
			return statement;
	}
	return NULL;
}

static inline void model_store(struct model *model, struct slice name, struct slice text)
{
	unsigned i = name.len > 0;

	while (i < MODEL_STATEMENTS && model->statements[i].used)
		i++;
	CHECK(i < MODEL_STATEMENTS && name.len < sizeof(model->statements[i].name));
	model->statements[i].used = true;
	model->statements[i].outdated = false;
	snprintf(model->statements[i].name, sizeof(model->statements[i].name), "%.*s",
		 (int)name.len, name.data);
	snprintf(model->statements[i].text, MODEL_TEXT, "%.*s", (int)text.len, text.data);
}

/* ---- executing ---- */

static inline void model_end_transaction(struct model *model, const char *text)
{
	bool rolls_back = (text[0] | 0x20) == 'r' || model->status == 'E';

	if (model->status == 'I')
		model_notice(model, 'N', "25P01", "there is no transaction in progress");
	if (rolls_back && model->in_transaction && model->status != 'E')
		model->settings = model->before;
	model_commit(model);
	model_tell(model, 'C', rolls_back ? "ROLLBACK" : "COMMIT");
}

static inline void model_begin(struct model *model)
{
	if (model->status == 'T')
		model_notice(model, 'N', "25001", "there is already a transaction in progress");
	model->status = 'T';
	model_tell(model, 'C', "BEGIN");
}

/* SET "name"='value' */
static inline bool model_set(struct model *model, const char *text)
{
	char name[64] = "", value[16] = "";

	if (sscanf(text, "SET \"%63[^\"]\"='%15[^']'", name, value) < 1)
		return model_fail(model, "42601", "syntax error");
	for (int i = 0; i < MODEL_SETTINGS; i++) {
		if (strcmp(name, model_setting_names[i]) == 0)
			snprintf(model->settings.value[i], sizeof(model->settings.value[i]), "%s",
				 value);
	}
	model_tell(model, 'C', "SET");
	return true;
}

static inline void model_drop_statements(struct model *model)
{
	memset(&model->statements[1], 0, sizeof(model->statements) - sizeof(model->statements[0]));
}

static inline bool model_discard(struct model *model, const char *text)
{
	bool all = text[1] == 'I';

	if (all && model->status == 'T')
		return model_fail(model, "25001", "DISCARD ALL cannot run inside a transaction");
	model_drop_statements(model);
	if (all) {
		model_drop_portals(model);
		memset(&model->settings, 0, sizeof(model->settings));
		strcpy(model->settings.value[0], "UTC");
	}
	model_tell(model, 'C', text);
	return true;
}

/* DEALLOCATE name and PREPARE "name" AS ... */
static inline bool model_deallocate(struct model *model, const char *name)
{
	struct model_statement *statement = model_find(model, slice_of(name));

	if (!statement)
		return model_fail_name(model, "26000", name, "does not exist");
	statement->used = false;
	model_tell(model, 'C', "DEALLOCATE");
	return true;
}

static inline bool model_prepare(struct model *model, const char *text)
{
	char name[48] = "";

	sscanf(text, "PREPARE \"%47[^\"]\"", name);
	if (model_find(model, slice_of(name)))
		return model_fail_name(model, "42P05", name, "already exists");
	model_store(model, slice_of(name), SLICE_LITERAL("SELECT 1"));
	model_tell(model, 'C', "PREPARE");
	return true;
}

static inline void model_row(struct model *model, const char *text)
{
	char row[MODEL_TEXT + 64];

	snprintf(row, sizeof(row), "%s|%s|%s", text, model->settings.value[0],
		 model->settings.value[1]);
	model_tell(model, 'D', row);
}

static inline void model_copy_out(struct model *model)
{
	model_say(model, 'H');
	model_flush(model);
	model_tell(model, 'd', "data");
	model_say(model, 'c');
	model_tell(model, 'C', "COPY 1");
}

/* A copy begins: the server tells at once, whatever else is in its buffer. */
static inline bool model_copy_in(struct model *model, const char *text, bool is_query)
{
	model_say(model, 'G');
	model->copies++;
	if (strcmp(text, "copyfail") == 0)
		return model_fail(model, "P0001", "a trigger does not like it");
	model_flush(model);
	model->copy = is_query ? MODEL_COPY_IN_QUERY : MODEL_COPY_IN_EXECUTE;
	return true;
}

/* One statement that returns no rows. False: it failed. */
static inline bool model_run(struct model *model, const char *text, bool is_query)
{
	if (model_is_aborted(model, text))
		return false;
	model_start(model);
	if (model->cancelled) {
		model->cancelled = false;
		return model_fail(model, "57014", "canceling statement due to user request");
	}
	if (strcmp(text, "fail") == 0)
		return model_fail(model, "22012", "division by zero");
	if (strncmp(text, "copyin", 6) == 0 || strcmp(text, "copyfail") == 0)
		return model_copy_in(model, text, is_query);
	if (strncmp(text, "SET ", 4) == 0)
		return model_set(model, text);
	if (strncmp(text, "DISCARD ALL", 11) == 0 || strncmp(text, "DEALLOCATE ALL", 14) == 0)
		return model_discard(model, text);
	if (strncmp(text, "DEALLOCATE ", 11) == 0)
		return model_deallocate(model, text + 11);
	if (strncmp(text, "PREPARE ", 8) == 0)
		return model_prepare(model, text);
	if (strcmp(text, "notice") == 0)
		model_notice(model, 'N', "00000", "just so");
	if (model_is_exit(text))
		model_end_transaction(model, text);
	else if (strcmp(text, "begin") == 0)
		model_begin(model);
	else if (strcmp(text, "copyout") == 0)
		model_copy_out(model);
	else
		model_tell(model, 'C', "DONE");
	return true;
}

#endif
