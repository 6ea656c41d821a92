/*
 * The statements prepared on one server: a map for "is it there" and a list for "which is the
 * oldest". Used by request_statements.c and, to undo, by backend_undo.c.
 */
#include "track/prepared.h"

#include "base/alloc.h"
#include "base/list.h"
#include "base/map.h"

struct prepared {
	struct list_node node; /* in by_use, oldest first */
	struct statement *statement;
	struct prepared_copy copy;
};

struct prepared_set {
	struct map by_statement; /* key: the bytes of the pointer */
	struct list by_use;
};

static struct slice pointer_key(struct statement *const *statement)
{
	return (struct slice){ (const char *)statement, sizeof(*statement) };
}

struct prepared_set *prepared_set_new(void)
{
	struct prepared_set *set = mem_alloc_zero(sizeof(*set));

	if (set == NULL)
		return NULL;
	/* Keys are our own pointers, not a peer's choice: any seed will do. */
	map_init(&set->by_statement, 1);
	list_init(&set->by_use);
	return set;
}

static void forget(struct prepared_set *set, struct prepared *entry)
{
	map_remove(&set->by_statement, pointer_key(&entry->statement));
	list_remove(&set->by_use, &entry->node);
	statement_unref(entry->statement);
	mem_free(entry);
}

void prepared_set_free(struct prepared_set *set)
{
	if (set == NULL)
		return;
	prepared_set_drop_before(set, UINT64_MAX);
	map_release(&set->by_statement);
	mem_free(set);
}

unsigned prepared_set_count(const struct prepared_set *set)
{
	return set ? set->by_use.len : 0;
}

/* Clients use one statement over and over, or go round: it is the newest, or the oldest. */
static struct prepared *find(const struct prepared_set *set, struct statement *statement)
{
	struct list_node *ends[] = { list_last(&set->by_use), list_first(&set->by_use) };

	for (size_t i = 0; i < COUNT_OF(ends) && ends[i] != NULL; i++) {
		struct prepared *entry = CONTAINER_OF(ends[i], struct prepared, node);

		if (entry->statement == statement)
			return entry;
	}
	return map_get(&set->by_statement, pointer_key(&statement));
}

bool prepared_set_use(struct prepared_set *set, struct statement *statement,
		      struct prepared_copy *copy)
{
	struct prepared *entry = find(set, statement);

	if (entry == NULL)
		return false;
	*copy = entry->copy;
	if (list_last(&set->by_use) != &entry->node) {
		list_remove(&set->by_use, &entry->node);
		list_append(&set->by_use, &entry->node);
	}
	return true;
}

enum result prepared_set_add(struct prepared_set *set, struct statement *statement,
			     struct prepared_copy copy)
{
	struct prepared *entry = map_get(&set->by_statement, pointer_key(&statement));

	if (entry == NULL) {
		entry = mem_alloc_zero(sizeof(*entry));
		if (entry == NULL)
			return BROKEN;
		entry->statement = statement;
		if (map_put(&set->by_statement, pointer_key(&statement), entry) != OK) {
			mem_free(entry);
			return BROKEN;
		}
		statement_ref(statement);
		list_append(&set->by_use, &entry->node);
	}
	entry->copy = copy;
	return OK;
}

bool prepared_set_remove(struct prepared_set *set, struct statement *statement)
{
	struct prepared *entry = map_get(&set->by_statement, pointer_key(&statement));

	if (entry == NULL)
		return false;
	forget(set, entry);
	return true;
}

void prepared_set_remove_made_by(struct prepared_set *set, struct statement *statement,
				 uint64_t number)
{
	struct prepared *entry = map_get(&set->by_statement, pointer_key(&statement));

	if (entry != NULL && entry->copy.number == number)
		forget(set, entry);
}

struct statement *prepared_set_oldest(const struct prepared_set *set)
{
	struct list_node *first = list_first(&set->by_use);

	return first ? CONTAINER_OF(first, struct prepared, node)->statement : NULL;
}

void prepared_set_drop_before(struct prepared_set *set, uint64_t number)
{
	LIST_EACH(&set->by_use, node)
	{
		struct prepared *entry = CONTAINER_OF(node, struct prepared, node);

		if (entry->copy.number < number)
			forget(set, entry);
	}
}
