/*
 * SHOW USERS: who is named in auth_file, in [users], or forced by a database, and who has logged in
 * without being named there (auth_query, PAM, LDAP). Reads settings and pools; owns nothing beyond
 * a call.
 */

#include <stdlib.h>

#include "admin/show_internal.h"
#include "auth/users.h"
#include "base/alloc.h"
#include "conf/effective.h"
#include "pool/pools.h"
#include "session/roster.h"

/* Names borrowed from settings and pools. */
struct names {
	struct slice *items;
	size_t count;
};

static int by_name(const void *a, const void *b)
{
	const struct slice *left = a, *right = b;
	size_t len = left->len < right->len ? left->len : right->len;
	int order = len ? memcmp(left->data, right->data, len) : 0;

	if (order)
		return order;
	return (left->len > right->len) - (left->len < right->len);
}

static void add_name(struct names *names, struct slice name)
{
	if (name.len)
		names->items[names->count++] = name;
}

static void sort_names(struct names *names)
{
	size_t kept = 0;

	qsort(names->items, names->count, sizeof(*names->items), by_name);
	for (size_t i = 0; i < names->count; i++)
		if (kept == 0 || !slice_equal(names->items[kept - 1], names->items[i]))
			names->items[kept++] = names->items[i];
	names->count = kept;
}

/* names NULL: only counts. */
static size_t add_met(const struct admin *admin, struct names *names)
{
	const struct database *database = NULL;
	size_t count = 0;

	while ((database = pools_next_database(admin->pools, database)) != NULL) {
		struct slice name;
		size_t cursor = 0;

		for (; database_next_met(database, &cursor, &name); count++)
			if (names)
				add_name(names, name);
	}
	return count;
}

static enum result collect_names(const struct admin *admin, struct names *names)
{
	const struct settings *settings = admin->settings;
	const struct users *users = pools_users(admin->pools);
	size_t most = users_len(users) + settings->user_count + 2 * settings->database_count + 4 +
		      add_met(admin, NULL);

	names->count = 0;
	names->items = mem_alloc(most * sizeof(*names->items));
	if (!names->items)
		return BROKEN;
	add_name(names, slice_of(CONSOLE_DATABASE));
	add_name(names, slice_of(settings->auth_user));
	for (size_t i = 0; i < users_len(users); i++)
		add_name(names, users_at(users, i)->name);
	for (size_t i = 0; i < settings->user_count; i++)
		add_name(names, slice_of(settings->users[i].name));
	for (size_t i = 0; i < settings->database_count; i++) {
		add_name(names, slice_of(settings->databases[i].user));
		add_name(names, slice_of(settings->databases[i].auth_user));
	}
	if (settings->fallback_database) {
		add_name(names, slice_of(settings->fallback_database->user));
		add_name(names, slice_of(settings->fallback_database->auth_user));
	}
	add_met(admin, names);
	sort_names(names);
	return OK;
}

enum result users_count(const struct admin *admin, size_t *count)
{
	struct names names;

	if (collect_names(admin, &names) != OK)
		return BROKEN;
	*count = names.count;
	mem_free(names.items);
	return OK;
}

/* Right-aligned to nine, as the reference pads them; empty when not set. */
static void put_size(struct table *table, int size)
{
	char text[16] = "";

	if (size != NOT_SET)
		snprintf(text, sizeof(text), "%9d", size);
	table_text(table, text);
}

static void put_user(struct admin *admin, struct table *table, struct slice name)
{
	const struct user_settings *user = settings_user(admin->settings, name);

	table_row(table);
	table_slice(table, name);
	put_size(table, user ? user->pool_size : NOT_SET);
	put_size(table, user ? user->reserve_pool_size : NOT_SET);
	table_text(table, user ? pool_mode_text(user->pool_mode) : NULL);
	table_number(table, effective_max_user_connections(admin->settings, user));
	table_number(table, pools_user_servers(admin->pools, name));
	table_number(table, effective_max_user_client_connections(admin->settings, user));
	table_number(table, roster_user_clients(admin->roster, name));
	table_row_end(table);
}

static enum result users_rows(struct admin *admin, struct table *table)
{
	struct names names;

	if (collect_names(admin, &names) != OK)
		return BROKEN;
	for (size_t i = 0; i < names.count; i++)
		put_user(admin, table, names.items[i]);
	mem_free(names.items);
	return OK;
}

static const struct result_column users_columns[] = {
	TEXT("name"),
	TEXT("pool_size"),
	TEXT("reserve_pool_size"),
	TEXT("pool_mode"),
	INT4("max_user_connections"),
	INT4("current_connections"),
	INT4("max_user_client_connections"),
	INT4("current_client_connections"),
};

const struct show show_users = {
	.name = "USERS",
	.help = "The users known from auth_file, `[users]` and the databases' entries, and those "
		"who have logged in by auth_query, PAM or LDAP, with their limits.",
	COLUMNS(users_columns),
	.rows = users_rows,
};
