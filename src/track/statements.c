/*
 * Prepared statements shared by text and parameter types. Owns the interned statements; clients'
 * names (names.c) and servers' sets (prepared.c) each hold references. A statement leaves the
 * store with its last reference.
 */
#include "track/statements.h"

#include <assert.h>
#include "base/alloc.h"
#include "base/map.h"
#include "sql/scan.h"
#include "track_internal.h"

/* Room for the longest name on servers and its NUL. */
#define NAME_MAX_LEN 32

struct statement_store {
	struct map by_signature;
	uint64_t next_id;
	size_t bytes;
};

struct statement {
	struct statement_store *store;
	uint64_t id;
	unsigned refs;
	uint32_t generation;
	bool may_drop;
	uint32_t len;
	uint64_t judged; /* generation of functions that verdict was made with; 0: not */
	struct verdict verdict;
	uint32_t name_len;	 /* 0: nobody has asked for the name yet */
	char name[NAME_MAX_LEN]; /* on servers */
	char signature[];
};

struct statement_store *statement_store_new(uint64_t seed)
{
	struct statement_store *store = mem_alloc_zero(sizeof(*store));

	if (store != NULL)
		map_init(&store->by_signature, seed);
	return store;
}

void statement_store_free(struct statement_store *store)
{
	if (store == NULL)
		return;
	assert(store->by_signature.len == 0);
	map_release(&store->by_signature);
	mem_free(store);
}

size_t statement_store_count(const struct statement_store *store)
{
	return store->by_signature.len;
}

size_t statement_store_bytes(const struct statement_store *store)
{
	return store->bytes;
}

static struct statement *statement_new(struct statement_store *store, struct slice signature)
{
	struct statement *statement = mem_alloc(sizeof(*statement) + signature.len);

	if (statement == NULL)
		return NULL;
	*statement = (struct statement){
		.store = store,
		.id = ++store->next_id,
		.refs = 1,
		.len = (uint32_t)signature.len,
	};
	memcpy(statement->signature, signature.data, signature.len);
	statement->may_drop = scan_may_drop_statements(statement_text(statement));
	return statement;
}

struct statement *statement_intern(struct statement_store *store, struct slice signature)
{
	struct statement *statement = map_get(&store->by_signature, signature);

	if (statement != NULL)
		return statement_ref(statement);
	statement = statement_new(store, signature);
	if (statement == NULL)
		return NULL;
	if (map_put(&store->by_signature, signature, statement) != OK) {
		mem_free(statement);
		return NULL;
	}
	store->bytes += sizeof(*statement) + signature.len;
	return statement;
}

struct statement *statement_ref(struct statement *statement)
{
	statement->refs++;
	return statement;
}

void statement_unref(struct statement *statement)
{
	if (statement == NULL)
		return;
	assert(statement->refs > 0);
	if (--statement->refs > 0)
		return;
	map_remove(&statement->store->by_signature, statement_signature(statement));
	statement->store->bytes -= sizeof(*statement) + statement->len;
	mem_free(statement);
}

struct slice statement_signature(const struct statement *statement)
{
	return (struct slice){ statement->signature, statement->len };
}

struct slice statement_text(const struct statement *statement)
{
	const char *end = memchr(statement->signature, '\0', statement->len);
	size_t len = end ? (size_t)(end - statement->signature) : statement->len;

	return (struct slice){ statement->signature, len };
}

/* By hand, because it is done for every first Bind; kept, because of all the others. */
static void make_name(struct statement *statement)
{
	char digits[NAME_MAX_LEN];
	size_t len = sizeof(STATEMENT_PREFIX) - 1, count = 0;

	memcpy(statement->name, STATEMENT_PREFIX, len);
	for (uint64_t id = statement->id; count == 0 || id > 0; id /= 10)
		digits[count++] = (char)('0' + id % 10);
	while (count > 0)
		statement->name[len++] = digits[--count];
	statement->name[len] = '\0';
	statement->name_len = (uint32_t)len;
}

struct slice statement_name(struct statement *statement)
{
	if (statement->name_len == 0)
		make_name(statement);
	return (struct slice){ statement->name, statement->name_len };
}

uint32_t statement_generation(const struct statement *statement)
{
	return statement->generation;
}

void statement_outdate(struct statement *statement)
{
	statement->generation++;
}

bool statement_may_drop(const struct statement *statement)
{
	return statement->may_drop;
}

bool statement_verdict(const struct statement *statement, uint64_t generation,
		       struct verdict *verdict)
{
	*verdict = statement->verdict;
	return statement->judged == generation;
}

void statement_note_verdict(struct statement *statement, uint64_t generation,
			    struct verdict verdict)
{
	statement->judged = generation;
	statement->verdict = verdict;
}
