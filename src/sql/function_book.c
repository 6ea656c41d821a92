/*
 * What functions do: PostgreSQL's own from a table, those of a database from rows of its
 * catalogue. Filled by the probe of a database, then sealed and read by classify.
 *
 * Names are kept twice, as schema NUL name and as NUL name, so that a bare call finds the worst of
 * all schemas without a search path. Relations are kept by their bare name. Values of the maps
 * point into markers and are not changed.
 */
#include "sql/function_book.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/map.h"
#include "sql/builtin_functions.h"
#include "sql/sql_internal.h"

#define KEY_MAX 160 /* two names of 63 bytes and more; longer ones stay unknown, so they write */

struct function_book {
	unsigned references;
	bool sealed;
	struct map functions;
	struct map operators;
	struct map relations;
};

static const enum function_effect markers[] = {
	[FUNCTION_READS] = FUNCTION_READS,
	[FUNCTION_HOST] = FUNCTION_HOST,
	[FUNCTION_WRITES] = FUNCTION_WRITES,
};

struct function_book *function_book_new(void)
{
	struct function_book *book = mem_alloc_zero(sizeof(*book));

	if (!book)
		return NULL;
	book->references = 1;
	/* The keys are names that the owner of the database has chosen, not a client. */
	map_init(&book->functions, 1);
	map_init(&book->operators, 1);
	map_init(&book->relations, 1);
	return book;
}

void function_book_seal(struct function_book *book)
{
	book->sealed = true;
}

struct function_book *function_book_ref(struct function_book *book)
{
	book->references++;
	return book;
}

void function_book_unref(struct function_book *book)
{
	if (!book || --book->references > 0)
		return;
	map_release(&book->functions);
	map_release(&book->operators);
	map_release(&book->relations);
	mem_free(book);
}

/* Empty when it does not fit. */
static struct slice make_key(struct slice schema, struct slice name, char room[KEY_MAX])
{
	if (schema.len + 1 + name.len > KEY_MAX)
		return SLICE_NONE;
	if (schema.len > 0)
		memcpy(room, schema.data, schema.len);
	room[schema.len] = '\0';
	if (name.len > 0)
		memcpy(room + schema.len + 1, name.data, name.len);
	return (struct slice){ room, schema.len + 1 + name.len };
}

static enum function_effect worse(enum function_effect a, enum function_effect b)
{
	return a > b ? a : b;
}

static enum function_effect find(const struct function_book *book, struct slice schema,
				 struct slice name)
{
	char room[KEY_MAX];
	struct slice key = make_key(schema, name, room);
	const enum function_effect *effect;

	if (!book || key.len == 0)
		return FUNCTION_UNKNOWN;
	effect = map_get(&book->functions, key);
	return effect ? *effect : FUNCTION_UNKNOWN;
}

static enum result note(struct function_book *book, struct slice schema, struct slice name,
			enum function_effect effect)
{
	char room[KEY_MAX];
	struct slice key = make_key(schema, name, room);

	if (key.len == 0)
		return OK;
	effect = worse(effect, find(book, schema, name));
	return map_put(&book->functions, key, (void *)&markers[effect]);
}

/* ---- PostgreSQL's own ---- */

static bool is_own_schema(struct slice schema)
{
	return slice_equal(schema, SLICE_LITERAL("pg_catalog"));
}

/* *by_exception: it is volatile, and known to be harmless all the same. */
static enum function_effect look_built_in(struct slice name, bool *by_exception)
{
	*by_exception = false;
	if (catalogue_has(builtin_reads, COUNT_OF(builtin_reads), name))
		return FUNCTION_READS;
	if (catalogue_has(builtin_writes, COUNT_OF(builtin_writes), name))
		return FUNCTION_WRITES;
	*by_exception = true;
	if (catalogue_has(builtin_allowed, COUNT_OF(builtin_allowed), name))
		return FUNCTION_READS;
	if (catalogue_has(builtin_host, COUNT_OF(builtin_host), name))
		return FUNCTION_HOST;
	return FUNCTION_UNKNOWN;
}

enum result function_book_add(struct function_book *book, struct slice schema, struct slice name,
			      bool is_volatile)
{
	enum function_effect effect = is_volatile ? FUNCTION_WRITES : FUNCTION_READS;
	enum function_effect known;
	bool by_exception;
	enum result result;

	assert(!book->sealed);
	if (is_own_schema(schema)) {
		known = look_built_in(name, &by_exception);
		if (known != FUNCTION_UNKNOWN && (by_exception || known >= effect))
			return OK;
		/* Newer ones of this family are like those that are known. */
		if (slice_starts_with(name, SLICE_LITERAL("pg_stat_get_")))
			effect = worse(effect, FUNCTION_HOST);
	}
	result = note(book, schema, name, effect);
	return result == OK ? note(book, SLICE_NONE, name, effect) : result;
}

enum result function_book_add_operator(struct function_book *book, struct slice name)
{
	assert(!book->sealed);
	return map_put(&book->operators, name, (void *)&markers[FUNCTION_WRITES]);
}

static enum result note_relation(struct function_book *book, struct slice name,
				 enum function_effect effect)
{
	assert(!book->sealed);
	effect = worse(effect, function_book_relation(book, name));
	return map_put(&book->relations, name, (void *)&markers[effect]);
}

enum result function_book_add_relation(struct function_book *book, struct slice name)
{
	return note_relation(book, name, FUNCTION_HOST);
}

enum result function_book_add_view(struct function_book *book, struct slice name,
				   struct slice function, bool is_volatile)
{
	enum function_effect effect = FUNCTION_UNKNOWN;
	bool by_exception;

	if (function.len > 0)
		effect = look_built_in(function, &by_exception);
	if (effect == FUNCTION_UNKNOWN)
		effect = is_volatile ? FUNCTION_WRITES : FUNCTION_READS;
	return effect == FUNCTION_READS ? OK : note_relation(book, name, effect);
}

enum result function_book_add_view_over(struct function_book *book, struct slice name,
					struct slice relation)
{
	return catalogue_is_about_host(relation) ? note_relation(book, name, FUNCTION_HOST) : OK;
}

enum function_effect function_book_relation(const struct function_book *book, struct slice name)
{
	const enum function_effect *effect = book ? map_get(&book->relations, name) : NULL;

	return effect ? *effect : FUNCTION_READS;
}

enum function_effect function_book_look(const struct function_book *book, struct slice schema,
					struct slice name)
{
	enum function_effect noted = find(book, schema, name);
	bool by_exception;

	if (schema.len > 0 && !is_own_schema(schema))
		return noted;
	return worse(noted, look_built_in(name, &by_exception));
}

bool function_book_operator_writes(const struct function_book *book, struct slice name)
{
	return book && map_get(&book->operators, name) != NULL;
}

bool function_book_has_operators(const struct function_book *book)
{
	return book && book->operators.len > 0;
}
