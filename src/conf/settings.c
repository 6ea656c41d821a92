/*
 * The snapshot of a configuration: made once (by load.c and draft.c), shared by counting, never
 * changed. It and all its texts live in one arena, owned by itself. Everything that walks all
 * fields does so through the option tables, so a new key needs no line here.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "conf/option.h"
#include "conf/settings.h"

#include "conf/conf_internal.h"

static enum result init_field(const struct option *option, void *field, struct arena *arena)
{
	struct buffer why = BUFFER_EMPTY;
	enum result result = OK;

	if (option->standard) {
		result = value_parse(option, slice_of(option->standard), field, arena, &why);
	} else {
		switch (option->type) {
		case OPTION_TIME: *(struct span *)field = SPAN_NOT_SET; break;
		case OPTION_INT:
		case OPTION_ENUM: *(int *)field = NOT_SET; break;
		default: *(const char **)field = NULL; break;
		}
	}
	buffer_release(&why);
	return result;
}

enum result settings_entry_init(const struct option_table *table, void *entry, struct arena *arena)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct option *row = &table->rows[i];

		if (init_field(row, option_field(row, entry), arena) != OK)
			return BROKEN;
	}
	return OK;
}

enum result settings_entry_copy(const struct option_table *table, void *to, const void *from,
				struct arena *arena)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct option *row = &table->rows[i];

		if (value_copy(row, option_field(row, to), option_field_of(row, from), arena) != OK)
			return BROKEN;
	}
	return OK;
}

/* A snapshot without any value. */
static struct settings *settings_blank(void)
{
	struct arena *arena = arena_new();
	struct settings *settings;

	if (!arena)
		return NULL;
	settings = arena_alloc(arena, sizeof(*settings));
	if (settings)
		settings->private = arena_alloc(arena, sizeof(*settings->private));
	if (settings && settings->private)
		settings->private->sources =
			arena_alloc(arena, option_global.count * sizeof(struct setting_source));
	if (!settings || !settings->private || !settings->private->sources) {
		arena_free(arena);
		return NULL;
	}
	settings->private->arena = arena;
	settings->private->references = 1;
	return settings;
}

enum result settings_reset(struct settings *settings)
{
	for (size_t i = 0; i < option_global.count; i++) {
		const struct option *row = &option_global.rows[i];

		if (!row->standard)
			continue;
		if (init_field(row, option_field(row, settings), settings->private->arena) != OK)
			return BROKEN;
		settings->private->sources[i] = (struct setting_source){ 0 };
	}
	return OK;
}

struct settings *settings_new(void)
{
	struct settings *settings = settings_blank();

	if (!settings)
		return NULL;
	if (settings_entry_init(&option_global, settings, settings->private->arena) != OK) {
		settings_unref(settings);
		return NULL;
	}
	/* SHOW CONFIG knows no default for it, yet it is a number */
	settings->verbose = 0;
	return settings;
}

static enum result copy_place(struct arena *arena, const char **file, const char *from)
{
	*file = from ? arena_copy_text(arena, slice_of(from)) : NULL;
	return *file || !from ? OK : BROKEN;
}

static enum result copy_databases(struct settings *copy, const struct settings *old)
{
	struct arena *arena = copy->private->arena;
	/* the * entry, if there is one, behind the others */
	size_t count = old->database_count + (old->fallback_database != NULL);
	struct database_settings *entries = arena_alloc(arena, count * sizeof(*entries));

	if (!entries)
		return BROKEN;
	for (size_t i = 0; i < count; i++) {
		const struct database_settings *from =
			i < old->database_count ? &old->databases[i] : old->fallback_database;
		struct database_settings *to = &entries[i];

		to->name = arena_copy_text(arena, slice_of(from->name));
		to->line = from->line;
		if (!to->name || copy_place(arena, &to->file, from->file) != OK ||
		    settings_entry_copy(&option_database, to, from, arena) != OK ||
		    host_list_copy(to, from, arena) != OK)
			return BROKEN;
	}
	copy->databases = entries;
	copy->database_count = old->database_count;
	copy->fallback_database = old->fallback_database ? &entries[count - 1] : NULL;
	return OK;
}

static enum result copy_users(struct settings *copy, const struct settings *old)
{
	struct arena *arena = copy->private->arena;
	struct user_settings *entries = arena_alloc(arena, old->user_count * sizeof(*entries));

	if (!entries)
		return BROKEN;
	for (size_t i = 0; i < old->user_count; i++) {
		const struct user_settings *from = &old->users[i];
		struct user_settings *to = &entries[i];

		to->name = arena_copy_text(arena, slice_of(from->name));
		to->line = from->line;
		if (!to->name || copy_place(arena, &to->file, from->file) != OK ||
		    settings_entry_copy(&option_user, to, from, arena) != OK)
			return BROKEN;
	}
	copy->users = entries;
	copy->user_count = old->user_count;
	return OK;
}

static enum result copy_peers(struct settings *copy, const struct settings *old)
{
	struct arena *arena = copy->private->arena;
	struct peer_settings *entries = arena_alloc(arena, old->peer_count * sizeof(*entries));

	if (!entries)
		return BROKEN;
	for (size_t i = 0; i < old->peer_count; i++) {
		const struct peer_settings *from = &old->peers[i];
		struct peer_settings *to = &entries[i];

		to->peer_id = from->peer_id;
		to->line = from->line;
		if (copy_place(arena, &to->file, from->file) != OK ||
		    settings_entry_copy(&option_peer, to, from, arena) != OK)
			return BROKEN;
	}
	copy->peers = entries;
	copy->peer_count = old->peer_count;
	return OK;
}

static enum result copy_rest(struct settings *copy, const struct settings *old)
{
	struct arena *arena = copy->private->arena;

	for (size_t i = 0; i < option_global.count; i++) {
		const struct setting_source *from = &old->private->sources[i];
		struct setting_source *to = &copy->private->sources[i];

		to->line = from->line;
		to->origin = from->origin;
		if (copy_place(arena, &to->file, from->file) != OK)
			return BROKEN;
	}
	if (old->auth_file_text.len > 0) {
		copy->auth_file_text.data = arena_copy_text(arena, old->auth_file_text);
		if (!copy->auth_file_text.data)
			return BROKEN;
		copy->auth_file_text.len = old->auth_file_text.len;
	}
	return rule_files_copy(copy, old);
}

struct settings *settings_copy(const struct settings *old)
{
	struct settings *copy = settings_blank();

	if (!copy)
		return NULL;
	if (settings_entry_copy(&option_global, copy, old, copy->private->arena) == OK &&
	    copy_databases(copy, old) == OK && copy_users(copy, old) == OK &&
	    copy_peers(copy, old) == OK && copy_rest(copy, old) == OK)
		return copy;
	settings_unref(copy);
	return NULL;
}

/* ---- holding and letting go ---- */

const struct settings *settings_ref(const struct settings *settings)
{
	settings->private->references++;
	return settings;
}

bool settings_is_pgbouncers(const struct settings *settings)
{
	return settings->private->pgbouncers;
}

void settings_unref(const struct settings *settings)
{
	if (!settings)
		return;
	assert(settings->private->references > 0);
	if (--settings->private->references > 0)
		return;
	/* passwords, the contents of auth_file, and earlier copies of them */
	arena_free_secret(settings->private->arena);
}

/* ---- looking up ---- */

static int compare_name(struct slice name, const char *entry)
{
	size_t len = strlen(entry);
	int order = name.len ? memcmp(name.data, entry, name.len < len ? name.len : len) : 0;

	if (order != 0)
		return order;
	return (name.len > len) - (name.len < len);
}

static int find_database(const void *name, const void *entry)
{
	return compare_name(*(const struct slice *)name,
			    ((const struct database_settings *)entry)->name);
}

static int find_user(const void *name, const void *entry)
{
	return compare_name(*(const struct slice *)name,
			    ((const struct user_settings *)entry)->name);
}

const struct database_settings *settings_database(const struct settings *settings,
						  struct slice name)
{
	if (settings->database_count == 0)
		return NULL;
	return bsearch(&name, settings->databases, settings->database_count,
		       sizeof(*settings->databases), find_database);
}

const struct database_settings *settings_fallback_database(const struct settings *settings)
{
	return settings->fallback_database;
}

const struct user_settings *settings_user(const struct settings *settings, struct slice name)
{
	if (settings->user_count == 0)
		return NULL;
	return bsearch(&name, settings->users, settings->user_count, sizeof(*settings->users),
		       find_user);
}

bool settings_list_has(const char *list, struct slice name)
{
	struct slice rest = slice_of(list), field;

	while (slice_next_field(&rest, ',', &field))
		if (field.len > 0 && slice_equal(field, name))
			return true;
	return false;
}
