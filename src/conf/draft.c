/*
 * A configuration while it is being read: takes the assignments of ini.c, fills the snapshot
 * and collects what is wrong with them. Called by load.c; owns the entries until draft_finish
 * hands them to the snapshot's arena.
 */

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/map.h"
#include "conf/option.h"

#include "conf/conf_internal.h"

enum draft_section {
	SECTION_NONE,
	SECTION_UNKNOWN,
	SECTION_MAIN,
	SECTION_DATABASES,
	SECTION_USERS,
	SECTION_PEERS,
	SECTION_COUNT
};

/* Entries of one kind. Elements are of size bytes and start as settings_entry_init leaves them. */
struct entries {
	char *items; /* owned */
	size_t size, count, cap;
	struct map index; /* name -> number of the entry, from 1 */
};

struct draft {
	struct settings *settings;
	struct complaints *complaints;
	enum draft_section section;
	bool main_seen;
	bool failed;	  /* no memory: entries may be half made */
	const char *file; /* the last place's, in the arena */
	struct entries databases, users, peers;
	struct buffer value, why;
};

static const struct {
	const char *name;
	enum draft_section section;
} section_names[] = {
	{ "pgcarwash", SECTION_MAIN },	    { "pgbouncer", SECTION_MAIN },
	{ "databases", SECTION_DATABASES }, { "users", SECTION_USERS },
	{ "peers", SECTION_PEERS },
};

#define VALUE_LEN_MAX 65536 /* as ini.c's lines */

static const char no_memory[] = "out of memory";

/* ---- entries ---- */

static void entries_init(struct entries *entries, size_t size)
{
	memset(entries, 0, sizeof(*entries));
	entries->size = size;
	map_init(&entries->index, 0);
}

static void entries_release(struct entries *entries)
{
	mem_free(entries->items);
	map_release(&entries->index);
}

/* The entry of this name, NULL when there is none. */
static void *entries_find(struct entries *entries, struct slice name)
{
	size_t number = (size_t)(uintptr_t)map_get(&entries->index, name);

	return number ? entries->items + (number - 1) * entries->size : NULL;
}

/* Room for one more entry under name, zeroed; NULL without memory. */
static void *entries_add(struct entries *entries, struct slice name)
{
	void *item;

	if (entries->count == entries->cap) {
		size_t cap = entries->cap ? entries->cap * 2 : 16;
		char *items = mem_realloc(entries->items, cap * entries->size);

		if (!items)
			return NULL;
		entries->items = items;
		entries->cap = cap;
	}
	if (map_put(&entries->index, name, (void *)(uintptr_t)(entries->count + 1)) != OK)
		return NULL;
	item = entries->items + entries->count++ * entries->size;
	memset(item, 0, entries->size);
	return item;
}

/* ---- complaints ---- */

static void complain(struct draft *draft, struct ini_place place, const char *text)
{
	complaints_add(draft->complaints, COMPLAINT_ERROR, place.file, place.line, "%s", text);
}

/* Always false. */
static bool out_of_memory(struct draft *draft, struct ini_place place)
{
	draft->failed = true;
	complain(draft, place, no_memory);
	return false;
}

void complain_unknown(struct complaints *complaints, struct ini_place place,
		      const struct option_table *table, struct slice name)
{
	const char *nearest = option_nearest(table, name);
	int len = complaint_shown(name);

	if (nearest)
		complaints_add(complaints, COMPLAINT_ERROR, place.file, place.line,
			       "unknown setting \"%.*s\" in [%s], did you mean \"%s\"?", len,
			       name.data, table->section, nearest);
	else
		complaints_add(complaints, COMPLAINT_ERROR, place.file, place.line,
			       "unknown setting \"%.*s\" in [%s]", len, name.data, table->section);
}

/* ---- [pgcarwash] ---- */

static bool is_reserved_value(const struct option *option, struct slice value)
{
	return strcmp(option->name, "auth_dbname") == 0 && is_reserved_database(value);
}

void draft_set_global(struct settings *settings, const struct option *option, struct slice value,
		      struct ini_place place, struct complaints *complaints)
{
	struct arena *arena = settings->private->arena;
	struct setting_source *source = &settings->private->sources[option - option_global.rows];
	void *field = option_field(option, settings);
	struct buffer why = BUFFER_EMPTY;

	source->file = place.file;
	source->line = place.line;
	source->origin = place.file ? ORIGIN_FILE : ORIGIN_SET;
	if (is_reserved_value(option, value)) {
		complaints_add(complaints, COMPLAINT_ERROR, place.file, place.line,
			       "cannot use the reserved \"%.*s\" database as an auth_dbname",
			       (int)value.len, value.data);
		return;
	}
	if (value_parse(option, value, field, arena, &why) != OK)
		complaints_add(complaints, COMPLAINT_ERROR, place.file, place.line, "%.*s",
			       why.failed ? (int)strlen(no_memory) : (int)why.len,
			       why.failed ? no_memory : why.data);
	buffer_release(&why);
}

static void set_global(struct draft *draft, struct ini_place place, struct slice name,
		       struct slice value)
{
	const struct option *option = option_find(&option_global, name);

	if (option)
		draft_set_global(draft->settings, option, value, place, draft->complaints);
	else
		complain_unknown(draft->complaints, place, &option_global, name);
}

/* ---- entries of the other sections ---- */

/* One pair of an entry's connect string. */
static void set_pair(struct draft *draft, struct ini_place place, const struct option_table *table,
		     void *entry, struct slice key)
{
	const struct option *option = option_find(table, key);
	void *field;

	if (!option) {
		complain_unknown(draft->complaints, place, table, key);
		return;
	}
	if (is_reserved_value(option, buffer_slice(&draft->value))) {
		complain(draft, place, "cannot use the console's own database as an auth_dbname");
		return;
	}
	field = option_field(option, entry);
	buffer_clear(&draft->why);
	if (value_parse(option, buffer_slice(&draft->value), field, draft->settings->private->arena,
			&draft->why) == OK)
		return;
	if (draft->why.failed)
		out_of_memory(draft, place);
	else
		complaints_add(draft->complaints, COMPLAINT_ERROR, place.file, place.line, "%.*s",
			       (int)draft->why.len, draft->why.data);
}

static void set_pairs(struct draft *draft, struct ini_place place, const struct option_table *table,
		      void *entry, struct slice name, struct slice text)
{
	struct slice key;
	const char *why;

	for (;;) {
		switch (connect_string_next(&text, &key, &draft->value, &why)) {
		case CONNECT_END: return;
		case CONNECT_PAIR: set_pair(draft, place, table, entry, key); break;
		case CONNECT_BROKEN:
			complaints_add(draft->complaints, COMPLAINT_ERROR, place.file, place.line,
				       "syntax error in [%s] \"%.*s\": %s", table->section,
				       (int)name.len, name.data, why);
			return;
		}
	}
}

static bool database_name_is_good(struct draft *draft, struct ini_place place, struct slice name)
{
	const struct database_settings *earlier = entries_find(&draft->databases, name);
	int len = complaint_shown(name);

	if (name.len == 0)
		complain(draft, place, "a database needs a name");
	else if (name.len > DATABASE_NAME_MAX)
		complaints_add(draft->complaints, COMPLAINT_ERROR, place.file, place.line,
			       "too long db name: \"%.*s\", at most %d bytes are allowed", len,
			       name.data, DATABASE_NAME_MAX);
	else if (is_reserved_database(name))
		complaints_add(draft->complaints, COMPLAINT_ERROR, place.file, place.line,
			       "database name \"%.*s\" is reserved", len, name.data);
	else if (earlier)
		complaints_add(draft->complaints, COMPLAINT_ERROR, place.file, place.line,
			       "duplicate database \"%.*s\", first defined at %s:%u", len,
			       name.data, earlier->file, earlier->line);
	else
		return true;
	return false;
}

static void add_database(struct draft *draft, struct ini_place place, struct slice name,
			 struct slice value)
{
	struct arena *arena = draft->settings->private->arena;
	struct database_settings *database, discarded;

	/* what follows a bad name is looked at all the same: for its own errors */
	if (database_name_is_good(draft, place, name))
		database = entries_add(&draft->databases, name);
	else
		database = memset(&discarded, 0, sizeof(discarded));
	if (database)
		database->name = arena_copy_text(arena, name);
	if (!database || !database->name ||
	    settings_entry_init(&option_database, database, arena) != OK) {
		out_of_memory(draft, place);
		return;
	}
	database->file = place.file;
	database->line = place.line;
	set_pairs(draft, place, &option_database, database, name, value);
	if (host_list_read(database, arena, draft->complaints) != OK)
		out_of_memory(draft, place);
}

static void add_user(struct draft *draft, struct ini_place place, struct slice name,
		     struct slice value)
{
	struct arena *arena = draft->settings->private->arena;
	struct user_settings *user = entries_find(&draft->users, name);

	if (name.len == 0 || name.len > USER_NAME_MAX) {
		complaints_add(draft->complaints, COMPLAINT_ERROR, place.file, place.line,
			       "a user's name has 1 to %d bytes", USER_NAME_MAX);
		return;
	}
	if (user)
		complaints_add(draft->complaints, COMPLAINT_WARNING, place.file, place.line,
			       "user \"%s\" was already given at %s:%u, this one counts",
			       user->name, user->file, user->line);
	else
		user = entries_add(&draft->users, name);
	if (user)
		user->name = arena_copy_text(arena, name);
	if (!user || !user->name || settings_entry_init(&option_user, user, arena) != OK) {
		out_of_memory(draft, place);
		return;
	}
	user->file = place.file;
	user->line = place.line;
	set_pairs(draft, place, &option_user, user, name, value);
}

static void add_peer(struct draft *draft, struct ini_place place, struct slice name,
		     struct slice value)
{
	struct arena *arena = draft->settings->private->arena;
	struct peer_settings *peer = entries_find(&draft->peers, name);
	int64_t id;

	if (text_to_int64(name, &id) != OK || id < 1 || id > 65535) {
		complain(draft, place, "a peer's name is its peer_id, a number from 1 to 65535");
		return;
	}
	if (!peer)
		peer = entries_add(&draft->peers, name);
	if (!peer || settings_entry_init(&option_peer, peer, arena) != OK) {
		out_of_memory(draft, place);
		return;
	}
	peer->peer_id = (int)id;
	peer->file = place.file;
	peer->line = place.line;
	set_pairs(draft, place, &option_peer, peer, name, value);
	if (!peer->host)
		complain(draft, place, "a peer needs a host");
}

/* ---- what ini.c calls ---- */

/* Gives place a file name that lasts as long as the settings; false without memory. */
static bool keep_place(struct draft *draft, struct ini_place *place)
{
	if (!draft->file || strcmp(draft->file, place->file) != 0)
		draft->file =
			arena_copy_text(draft->settings->private->arena, slice_of(place->file));
	if (!draft->file)
		return out_of_memory(draft, *place);
	place->file = draft->file;
	return true;
}

/*
 * Each header of the main section starts from the defaults again, keys without one aside
 * (reference, section 2), so the last of several such sections counts.
 */
static void begin_main(struct draft *draft, struct ini_place place)
{
	if (draft->main_seen) {
		complaints_add(draft->complaints, COMPLAINT_WARNING, place.file, place.line,
			       "the main section begins again: what it said before is forgotten");
		if (settings_reset(draft->settings) != OK)
			out_of_memory(draft, place);
	}
	draft->main_seen = true;
}

static void on_section(void *context, struct ini_place place, struct slice name)
{
	struct draft *draft = context;

	draft->section = SECTION_UNKNOWN;
	for (size_t i = 0; i < COUNT_OF(section_names); i++)
		if (slice_equal(slice_of(section_names[i].name), name))
			draft->section = section_names[i].section;
	if (draft->section == SECTION_MAIN)
		begin_main(draft, place);
	if (slice_equal(name, SLICE_LITERAL("pgbouncer")))
		draft->settings->private->pgbouncers = true;
	if (draft->section != SECTION_UNKNOWN)
		return;
	complaints_add(draft->complaints, COMPLAINT_ERROR, place.file, place.line,
		       "unknown section [%.*s], known are [pgcarwash], [databases], [users] and "
		       "[peers]",
		       complaint_shown(name), name.data);
}

static void on_value(void *context, struct ini_place place, struct slice section, struct slice name,
		     struct slice value)
{
	static void (*const handlers[SECTION_COUNT])(struct draft *, struct ini_place, struct slice,
						     struct slice) = {
		[SECTION_MAIN] = set_global,
		[SECTION_DATABASES] = add_database,
		[SECTION_USERS] = add_user,
		[SECTION_PEERS] = add_peer,
	};
	struct draft *draft = context;

	(void)section;
	if (!keep_place(draft, &place))
		return;
	if (draft->section == SECTION_NONE)
		complain(draft, place, "a setting before the first section header");
	else if (handlers[draft->section])
		handlers[draft->section](draft, place, name, value);
}

struct ini_handler draft_handler(struct draft *draft)
{
	return (struct ini_handler){ on_section, on_value, draft };
}

/* ---- the whole ---- */

struct draft *draft_new(struct settings *settings, struct complaints *complaints)
{
	struct draft *draft = mem_alloc_zero(sizeof(*draft));

	if (!draft)
		return NULL;
	draft->settings = settings;
	draft->complaints = complaints;
	/* as large as any value: growing would leave copies of a password behind */
	if (!buffer_reserve(&draft->value, VALUE_LEN_MAX)) {
		mem_free(draft);
		return NULL;
	}
	entries_init(&draft->databases, sizeof(struct database_settings));
	entries_init(&draft->users, sizeof(struct user_settings));
	entries_init(&draft->peers, sizeof(struct peer_settings));
	return draft;
}

static int compare_databases(const void *a, const void *b)
{
	const struct database_settings *left = a, *right = b;
	bool left_is_template = strcmp(left->name, "*") == 0;
	bool right_is_template = strcmp(right->name, "*") == 0;

	/* the template last, where it can be left out */
	if (left_is_template != right_is_template)
		return left_is_template ? 1 : -1;
	return strcmp(left->name, right->name);
}

static int compare_users(const void *a, const void *b)
{
	return strcmp(((const struct user_settings *)a)->name,
		      ((const struct user_settings *)b)->name);
}

static int compare_peers(const void *a, const void *b)
{
	return ((const struct peer_settings *)a)->peer_id -
	       ((const struct peer_settings *)b)->peer_id;
}

/* The entries, sorted, in the settings' arena; NULL without memory. */
static const void *hand_over(struct draft *draft, const struct entries *entries,
			     int (*compare)(const void *, const void *))
{
	void *items = arena_alloc(draft->settings->private->arena, entries->count * entries->size);

	if (!items || entries->count == 0)
		return items;
	memcpy(items, entries->items, entries->count * entries->size);
	qsort(items, entries->count, entries->size, compare);
	return items;
}

enum result draft_finish(struct draft *draft)
{
	struct settings *settings = draft->settings;

	if (draft->failed)
		return BROKEN;
	settings->databases = hand_over(draft, &draft->databases, compare_databases);
	settings->users = hand_over(draft, &draft->users, compare_users);
	settings->peers = hand_over(draft, &draft->peers, compare_peers);
	if (!settings->databases || !settings->users || !settings->peers) {
		complain(draft, (struct ini_place){ NULL, 0 }, no_memory);
		return BROKEN;
	}
	settings->database_count = draft->databases.count;
	settings->user_count = draft->users.count;
	settings->peer_count = draft->peers.count;
	if (entries_find(&draft->databases, SLICE_LITERAL("*")))
		settings->fallback_database = &settings->databases[--settings->database_count];
	if (draft->main_seen)
		return OK;
	complain(draft, (struct ini_place){ draft->file, 0 }, "main section [pgcarwash] missing");
	return BROKEN;
}

void draft_free(struct draft *draft)
{
	if (!draft)
		return;
	entries_release(&draft->databases);
	entries_release(&draft->users);
	entries_release(&draft->peers);
	buffer_release_secret(&draft->value);
	buffer_release(&draft->why);
	mem_free(draft);
}
