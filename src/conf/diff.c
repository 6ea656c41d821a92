/*
 * What differs between two snapshots. Databases and users are sorted by name in both, so one
 * walk over the two lists finds what came, went and changed. Called by reload and by the
 * console; a diff owns its lists and borrows the rest.
 */

#include "conf/diff.h"

#include <string.h>

#include "base/alloc.h"

#include "conf/conf_internal.h"

struct entry_difference {
	bool any;
	bool connect;
	bool beyond_hosts; /* more than which hosts there are */
};

static struct entry_difference compare_entries(const struct option_table *table, const void *before,
					       const void *after)
{
	struct entry_difference difference = { false, false, false };

	for (size_t i = 0; i < table->count; i++) {
		const struct option *row = &table->rows[i];

		if (value_equal(row, option_field_of(row, before), option_field_of(row, after)))
			continue;
		difference.any = true;
		if (row->flags & OPTION_CONNECT)
			difference.connect = true;
		if ((row->flags & OPTION_CONNECT) && !(row->flags & OPTION_HOSTS))
			difference.beyond_hosts = true;
	}
	return difference;
}

static void diff_options(struct settings_diff *diff, const struct settings *before,
			 const struct settings *after)
{
	for (size_t i = 0; i < option_global.count; i++) {
		const struct option *row = &option_global.rows[i];

		if (!value_equal(row, option_field_of(row, before), option_field_of(row, after)))
			diff->options[diff->option_count++] = row;
	}
}

/* Either may be NULL, not both. */
static void diff_database(struct settings_diff *diff, const struct database_settings *before,
			  const struct database_settings *after)
{
	struct database_change *change = &diff->databases[diff->database_count];
	struct entry_difference difference = { true, true, true };

	if (before && after)
		difference = compare_entries(&option_database, before, after);
	if (!difference.any)
		return;
	change->kind = !before ? CHANGE_ADDED : !after ? CHANGE_REMOVED : CHANGE_CHANGED;
	change->name = before ? before->name : after->name;
	change->before = before;
	change->after = after;
	change->connect = difference.connect;
	change->only_hosts = difference.connect && !difference.beyond_hosts;
	diff->database_count++;
}

static void diff_databases(struct settings_diff *diff, const struct settings *before,
			   const struct settings *after)
{
	size_t i = 0, j = 0;

	while (i < before->database_count || j < after->database_count) {
		const struct database_settings *left = NULL, *right = NULL;
		int order;

		if (i < before->database_count)
			left = &before->databases[i];
		if (j < after->database_count)
			right = &after->databases[j];
		order = !left ? 1 : !right ? -1 : strcmp(left->name, right->name);
		diff_database(diff, order <= 0 ? left : NULL, order >= 0 ? right : NULL);
		i += order <= 0;
		j += order >= 0;
	}
	if (before->fallback_database || after->fallback_database)
		diff_database(diff, before->fallback_database, after->fallback_database);
}

static void diff_user(struct settings_diff *diff, const struct user_settings *before,
		      const struct user_settings *after)
{
	struct user_change *change = &diff->users[diff->user_count];

	if (before && after && !compare_entries(&option_user, before, after).any)
		return;
	change->kind = !before ? CHANGE_ADDED : !after ? CHANGE_REMOVED : CHANGE_CHANGED;
	change->name = before ? before->name : after->name;
	change->before = before;
	change->after = after;
	diff->user_count++;
}

static void diff_users(struct settings_diff *diff, const struct settings *before,
		       const struct settings *after)
{
	size_t i = 0, j = 0;

	while (i < before->user_count || j < after->user_count) {
		const struct user_settings *left = NULL, *right = NULL;
		int order;

		if (i < before->user_count)
			left = &before->users[i];
		if (j < after->user_count)
			right = &after->users[j];
		order = !left ? 1 : !right ? -1 : strcmp(left->name, right->name);
		diff_user(diff, order <= 0 ? left : NULL, order >= 0 ? right : NULL);
		i += order <= 0;
		j += order >= 0;
	}
}

enum result settings_diff_init(struct settings_diff *diff, const struct settings *before,
			       const struct settings *after)
{
	/* as many as can differ: all of both, and the * entries */
	size_t databases = before->database_count + after->database_count + 2;
	size_t users = before->user_count + after->user_count;

	memset(diff, 0, sizeof(*diff));
	diff->options = mem_alloc(option_global.count * sizeof(*diff->options));
	diff->databases = mem_alloc(databases * sizeof(*diff->databases));
	diff->users = mem_alloc(users * sizeof(*diff->users));
	if (!diff->options || !diff->databases || !diff->users) {
		settings_diff_release(diff);
		return BROKEN;
	}
	diff_options(diff, before, after);
	diff_databases(diff, before, after);
	diff_users(diff, before, after);
	diff->auth_file_text = !slice_equal(before->auth_file_text, after->auth_file_text);
	return OK;
}

void settings_diff_release(struct settings_diff *diff)
{
	mem_free(diff->options);
	mem_free(diff->databases);
	mem_free(diff->users);
	memset(diff, 0, sizeof(*diff));
}

bool settings_diff_has(const struct settings_diff *diff, const char *key)
{
	for (size_t i = 0; i < diff->option_count; i++)
		if (strcmp(diff->options[i]->name, key) == 0)
			return true;
	return false;
}
