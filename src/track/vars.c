/*
 * Settings as interned, immutable sets. A set is one block: its (name, value) pairs packed as
 * C strings in order of name, which is also the key it is interned under.
 */
#include "track/vars.h"

#include <assert.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/map.h"

struct varset_store {
	struct map sets;    /* packed pairs -> struct varset */
	struct map tracked; /* lower-case name -> the store itself, as a mark */
};

struct varset {
	struct varset_store *store;
	unsigned refs;
	bool proven;
	size_t len; /* of packed */
	char packed[];
};

#define NAME_MAX_LEN 64

struct varset_store *varset_store_new(uint64_t seed)
{
	struct varset_store *store = mem_alloc_zero(sizeof(*store));

	if (store == NULL)
		return NULL;
	map_init(&store->sets, seed);
	map_init(&store->tracked, seed);
	return store;
}

void varset_store_free(struct varset_store *store)
{
	if (store == NULL)
		return;
	assert(store->sets.len == 0);
	map_release(&store->sets);
	map_release(&store->tracked);
	mem_free(store);
}

size_t varset_store_count(const struct varset_store *store)
{
	return store->sets.len;
}

/* name in lower case in out; empty when it is too long for any setting. */
static struct slice fold_name(struct slice name, char out[NAME_MAX_LEN])
{
	if (name.len > NAME_MAX_LEN)
		return (struct slice){ out, 0 };
	for (size_t i = 0; i < name.len; i++) {
		char c = name.data[i];

		out[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
	return (struct slice){ out, name.len };
}

enum result varset_store_track(struct varset_store *store, struct slice name)
{
	char folded[NAME_MAX_LEN];
	struct slice key = fold_name(name, folded);

	if (key.len == 0 || map_get(&store->tracked, key) != NULL)
		return OK;
	return map_put(&store->tracked, key, store);
}

bool varset_store_tracks(const struct varset_store *store, struct slice name)
{
	char folded[NAME_MAX_LEN];

	return map_get(&store->tracked, fold_name(name, folded)) != NULL;
}

bool varset_tracked_by(const struct varset *set, struct slice name)
{
	return varset_store_tracks(set->store, name);
}

/* The set with exactly these packed pairs, a reference given. */
static const struct varset *intern(struct varset_store *store, struct slice packed)
{
	struct varset *set = map_get(&store->sets, packed);

	if (set != NULL)
		return varset_ref(set);
	set = mem_alloc(sizeof(*set) + packed.len);
	if (set == NULL)
		return NULL;
	*set = (struct varset){ .store = store, .refs = 1, .len = packed.len };
	if (packed.len > 0)
		memcpy(set->packed, packed.data, packed.len);
	if (map_put(&store->sets, packed, set) != OK) {
		mem_free(set);
		return NULL;
	}
	return set;
}

const struct varset *varset_empty(struct varset_store *store)
{
	return intern(store, SLICE_LITERAL(""));
}

const struct varset *varset_ref(const struct varset *set)
{
	/* The reference count and the proof are no part of a set's value. */
	((struct varset *)set)->refs++;
	return set;
}

void varset_unref(const struct varset *set)
{
	struct varset *mine = (struct varset *)set;

	if (mine == NULL)
		return;
	assert(mine->refs > 0);
	if (--mine->refs > 0)
		return;
	map_remove(&mine->store->sets, (struct slice){ mine->packed, mine->len });
	mem_free(mine);
}

bool varset_is_proven(const struct varset *set)
{
	return set->proven;
}

void varset_prove(const struct varset *set)
{
	((struct varset *)set)->proven = true;
}

/* Walks packed pairs; *offset = 0 at first. */
static bool next_pair(const struct varset *set, size_t *offset, struct slice *name,
		      struct slice *value)
{
	if (*offset >= set->len)
		return false;
	*name = slice_of(set->packed + *offset);
	*offset += name->len + 1;
	*value = slice_of(set->packed + *offset);
	*offset += value->len + 1;
	return true;
}

static int compare_names(struct slice a, struct slice b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = strncasecmp(a.data, b.data, len);

	if (order != 0)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

static void append_pair(struct buffer *packed, struct slice name, struct slice value)
{
	buffer_append_slice(packed, name);
	buffer_append(packed, "", 1);
	buffer_append_slice(packed, value);
	buffer_append(packed, "", 1);
}

const struct varset *varset_with(const struct varset *set, struct slice name, struct slice value)
{
	struct buffer packed = BUFFER_EMPTY;
	const struct varset *result = NULL;
	struct slice old_name, old_value;
	size_t offset = 0;
	bool placed = value.data == NULL;

	while (next_pair(set, &offset, &old_name, &old_value)) {
		int order = compare_names(old_name, name);

		if (order >= 0 && !placed) {
			append_pair(&packed, order == 0 ? old_name : name, value);
			placed = true;
		}
		if (order != 0)
			append_pair(&packed, old_name, old_value);
	}
	if (!placed)
		append_pair(&packed, name, value);
	if (!packed.failed)
		result = intern(set->store, buffer_slice(&packed));
	buffer_release(&packed);
	return result;
}

struct slice varset_value(const struct varset *set, struct slice name)
{
	struct slice found, value;
	size_t offset = 0;

	while (next_pair(set, &offset, &found, &value)) {
		if (slice_equal_nocase(found, name))
			return value;
	}
	return SLICE_NONE;
}

bool varset_next(const struct varset *set, unsigned *index, struct slice *name, struct slice *value)
{
	size_t offset = 0;

	for (unsigned i = 0; next_pair(set, &offset, name, value); i++) {
		if (i == *index) {
			(*index)++;
			return true;
		}
	}
	return false;
}

static bool is_one_of(struct slice name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (slice_equal_nocase(name, slice_of(names[i])))
			return true;
	}
	return false;
}

/*
 * Settings whose values the server spells in its own way, whatever the case of the words that
 * set them.
 */
static bool is_of_words(struct slice name)
{
	static const char *const of_words[] = {
		"client_encoding",
		"DateStyle",
		"TimeZone",
		"IntervalStyle",
		"standard_conforming_strings",
		"default_transaction_read_only",
	};

	return is_one_of(name, of_words, COUNT_OF(of_words));
}

/*
 * Settings that are lists of quoted identifiers: SET would take the whole value for one
 * identifier, set_config reads it as the configuration file does (PostgreSQL docs, "SET" and
 * "System Administration Functions").
 */
static bool is_identifier_list(struct slice name)
{
	static const char *const lists[] = {
		"search_path",
		"temp_tablespaces",
		"local_preload_libraries",
		"session_preload_libraries",
		"unix_socket_directories",
	};

	return is_one_of(name, lists, COUNT_OF(lists));
}

static void append_quoted(struct buffer *sql, struct slice text,
			  size_t (*quote)(struct slice, char *, size_t))
{
	/* Every byte may double, with E'' and NUL around. */
	size_t cap = 2 * text.len + 4;
	char *out = buffer_reserve(sql, cap);

	if (out != NULL)
		sql->len += quote(text, out, cap);
}

/* Names may be two-part (custom settings): each part is an identifier of its own. */
static void append_name(struct buffer *sql, struct slice name)
{
	struct slice part;

	for (bool first = true; slice_next_field(&name, '.', &part); first = false) {
		if (!first)
			buffer_append_text(sql, ".");
		append_quoted(sql, part, text_quote_identifier);
	}
}

static void append_set(struct buffer *sql, struct slice name, struct slice value)
{
	if (is_identifier_list(name)) {
		buffer_append_text(sql, "SELECT pg_catalog.set_config(");
		append_quoted(sql, name, text_quote_literal);
		buffer_append_text(sql, ",");
		append_quoted(sql, value, text_quote_literal);
		buffer_append_text(sql, ",false);");
		return;
	}
	buffer_append_text(sql, "SET ");
	append_name(sql, name);
	buffer_append_text(sql, "=");
	append_quoted(sql, value, text_quote_literal);
	buffer_append_text(sql, ";");
}

static bool has_value(struct slice name, struct slice now, struct slice value)
{
	return is_of_words(name) ? slice_equal_nocase(now, value) : slice_equal(now, value);
}

unsigned varset_diff(const struct varset *has, const struct varset *wants, struct buffer *sql)
{
	struct slice name, value;
	size_t offset = 0;
	unsigned count = 0;

	if (has == wants)
		return 0;
	while (next_pair(wants, &offset, &name, &value)) {
		struct slice now = varset_value(has, name);

		if (now.data != NULL && has_value(name, now, value))
			continue;
		append_set(sql, name, value);
		count++;
	}
	offset = 0;
	while (next_pair(has, &offset, &name, &value)) {
		if (varset_value(wants, name).data != NULL)
			continue;
		buffer_append_text(sql, "RESET ");
		append_name(sql, name);
		buffer_append_text(sql, ";");
		count++;
	}
	return count;
}
