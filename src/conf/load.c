/*
 * The way from files to a snapshot: read, draft, inherit from the one in force, check. All or
 * nothing. Called by the daemon at start and at reload, and by the console's SET; owns nothing
 * after it returns.
 */

#include <errno.h>
#include <string.h>

#include "conf/load.h"
#include "conf/option.h"

#include "conf/conf_internal.h"

#define AUTH_FILE_LEN_MAX (64u * 1024 * 1024)

static void complain_memory(struct complaints *complaints, const char *path)
{
	complaints_add(complaints, COMPLAINT_ERROR, path, 0, "out of memory");
}

static enum result keep_value(struct settings *settings, const struct settings *previous,
			      const struct option *option)
{
	size_t index = (size_t)(option - option_global.rows);
	struct setting_source *source = &settings->private->sources[index];
	enum setting_origin before = previous->private->sources[index].origin;

	source->file = NULL;
	source->origin = before == ORIGIN_FILE ? ORIGIN_KEPT : before;
	return value_copy(option, option_field(option, settings), option_field_of(option, previous),
			  settings->private->arena);
}

static void warn_restart(const struct option *option, const struct setting_source *source,
			 const struct settings *previous, struct complaints *complaints)
{
	struct buffer present = BUFFER_EMPTY;

	if (!value_print(option, option_field_of(option, previous), &present))
		buffer_append_text(&present, "nothing");
	complaints_add(complaints, COMPLAINT_WARNING, source->file, source->line,
		       "restart needed to change \"%s\", it stays \"%.*s\"", option->name,
		       (int)present.len, present.failed ? "" : present.data);
	buffer_release(&present);
}

/*
 * What a reload may not or does not change: keys that need a restart, and keys without default
 * that the file does not name (reference, section 2).
 */
static enum result inherit(struct settings *settings, const struct settings *previous,
			   struct complaints *complaints)
{
	for (size_t i = 0; i < option_global.count; i++) {
		const struct option *row = &option_global.rows[i];
		const struct setting_source *source = &settings->private->sources[i];

		if (!source->file && !row->standard) {
			if (keep_value(settings, previous, row) != OK)
				return BROKEN;
		} else if (!(row->flags & OPTION_RELOADABLE) &&
			   !value_equal(row, option_field_of(row, settings),
					option_field_of(row, previous))) {
			warn_restart(row, source, previous, complaints);
			if (keep_value(settings, previous, row) != OK)
				return BROKEN;
		}
	}
	return OK;
}

/* A missing file is only a warning: users may come from elsewhere, and a reload mends it. */
static enum result read_auth_file(struct settings *settings, struct complaints *complaints)
{
	const struct option *option = option_find(&option_global, SLICE_LITERAL("auth_file"));
	struct buffer text = BUFFER_EMPTY;
	const char *file = NULL;
	unsigned line = 0;
	enum result result;

	settings->auth_file_text = SLICE_NONE;
	if (!settings->auth_file || !*settings->auth_file)
		return OK;
	(void)option_source(option, settings, &file, &line);
	result = file_read(settings->auth_file, AUTH_FILE_LEN_MAX, &text);
	if (result != OK && !text.failed) {
		result = OK;
		complaints_add(complaints, COMPLAINT_WARNING, file, line,
			       "could not open auth_file %s: %s", settings->auth_file,
			       strerror(errno));
	} else if (result == OK && text.len > 0) {
		settings->auth_file_text.data =
			arena_copy_text(settings->private->arena, buffer_slice(&text));
		settings->auth_file_text.len = settings->auth_file_text.data ? text.len : 0;
		result = settings->auth_file_text.data ? OK : BROKEN;
	}
	buffer_release_secret(&text);
	return result;
}

/* What is read: a file, or a text when there is one. */
struct load_input {
	const char *path;
	struct slice text; /* data NULL: the file */
};

static enum result read_input(struct settings *settings, struct load_input input,
			      struct complaints *complaints)
{
	struct draft *draft = draft_new(settings, complaints);
	struct ini_handler handler;
	enum result result;

	if (!draft) {
		complain_memory(complaints, input.path);
		return BROKEN;
	}
	handler = draft_handler(draft);
	result = input.text.data ? ini_read_text(input.path, input.text, &handler, complaints)
				 : ini_read(input.path, &handler, complaints);
	if (result == OK)
		result = draft_finish(draft);
	draft_free(draft);
	return result;
}

/* conffile is the file given by the caller until a file says otherwise. */
static enum result default_conffile(struct settings *settings, const char *path)
{
	const struct option *option = option_find(&option_global, SLICE_LITERAL("conffile"));

	if (settings->conffile)
		return OK;
	settings->private->sources[option - option_global.rows].origin = ORIGIN_COMMAND_LINE;
	settings->conffile = arena_copy_text(settings->private->arena, slice_of(path));
	return settings->conffile ? OK : BROKEN;
}

static const struct settings *load(struct load_input input, const struct settings *previous,
				   struct complaints *complaints)
{
	struct settings *settings = settings_new();

	if (!settings) {
		complain_memory(complaints, input.path);
		return NULL;
	}
	if (read_input(settings, input, complaints) != OK || complaints_has_errors(complaints)) {
		settings_unref(settings);
		return NULL;
	}
	if ((previous && inherit(settings, previous, complaints) != OK) ||
	    default_conffile(settings, input.path) != OK ||
	    (!input.text.data && (read_auth_file(settings, complaints) != OK ||
				  rule_files_read(settings, previous, complaints) != OK))) {
		complain_memory(complaints, input.path);
		settings_unref(settings);
		return NULL;
	}
	check_errors(settings, complaints);
	check_warnings(settings, complaints);
	if (!complaints_has_errors(complaints))
		return settings;
	settings_unref(settings);
	return NULL;
}

const struct settings *settings_load(const char *path, const struct settings *previous,
				     struct complaints *complaints)
{
	return load((struct load_input){ path, SLICE_NONE }, previous, complaints);
}

const struct settings *settings_load_text(const char *name, struct slice text,
					  const struct settings *previous,
					  struct complaints *complaints)
{
	if (!text.data)
		text.data = "";
	return load((struct load_input){ name, text }, previous, complaints);
}

/* Which rules there are depends on it. */
static bool decides_rules(const struct option *option)
{
	static const char *const names[] = { "auth_type", "auth_hba_file", "auth_ident_file" };

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (strcmp(option->name, names[i]) == 0)
			return true;
	return false;
}

const struct settings *settings_with(const struct settings *old, struct slice key,
				     struct slice value, struct complaints *complaints)
{
	const struct option *option = option_find(&option_global, key);
	struct ini_place nowhere = { NULL, 0 };
	struct settings *settings;

	if (!option) {
		complain_unknown(complaints, nowhere, &option_global, key);
		return NULL;
	}
	settings = settings_copy(old);
	if (!settings) {
		complain_memory(complaints, NULL);
		return NULL;
	}
	if (!(option->flags & OPTION_RELOADABLE)) {
		struct setting_source none = { NULL, 0, ORIGIN_SET };

		warn_restart(option, &none, old, complaints);
		return settings;
	}
	draft_set_global(settings, option, value, nowhere, complaints);
	if (strcmp(option->name, "auth_file") == 0 && !complaints_has_errors(complaints) &&
	    read_auth_file(settings, complaints) != OK)
		complain_memory(complaints, NULL);
	if (decides_rules(option) && !complaints_has_errors(complaints) &&
	    rule_files_read(settings, old, complaints) != OK)
		complain_memory(complaints, NULL);
	check_errors(settings, complaints);
	if (!complaints_has_errors(complaints))
		return settings;
	settings_unref(settings);
	return NULL;
}
