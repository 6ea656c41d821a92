/* A client's names for statements. Used by conversation.c and, to undo, by backend.c. */
#include "track/names.h"

#include "base/alloc.h"

struct name_table {
	struct map bindings; /* by name */
	struct list all;     /* the same, for walks that remove */
	struct binding *latest; /* the one found last, if it is still there */
};

void names_init(struct names *names)
{
	*names = (struct names){ 0 };
}

/* NULL without memory. */
static struct name_table *table_of(struct names *names)
{
	struct name_table *table = names->table;

	if (table != NULL)
		return table;
	table = mem_alloc(sizeof(*table));
	if (table == NULL)
		return NULL;
	/*
	 * One client's names collide with nobody else's, so a peer that finds collisions slows only
	 * itself down, and the map grows with them.
	 */
	map_init(&table->bindings, 0x9e3779b97f4a7c15u);
	list_init(&table->all);
	table->latest = NULL;
	names->table = table;
	return table;
}

static enum result insert(struct names *names, struct binding *binding)
{
	struct name_table *table = table_of(names);

	if (table == NULL || map_put(&table->bindings, binding_name(binding), binding) != OK)
		return BROKEN;
	list_append(&table->all, &binding->node);
	names->count++;
	if (binding->statement == NULL)
		names->on_server++;
	return OK;
}

void names_release(struct names *names)
{
	names_drop_before(names, UINT64_MAX);
	if (names->table != NULL)
		map_release(&names->table->bindings);
	mem_free(names->table);
	names->table = NULL;
}

/* A client uses one statement over and over, or all in the order it prepared them. */
static struct binding *guess(const struct name_table *table, struct slice name)
{
	struct list_node *next;
	struct binding *binding = table->latest;

	if (binding == NULL || slice_equal(binding_name(binding), name))
		return binding;
	next = list_next(&table->all, &binding->node);
	if (next == NULL)
		next = list_first(&table->all);
	binding = CONTAINER_OF(next, struct binding, node);
	return slice_equal(binding_name(binding), name) ? binding : NULL;
}

struct binding *names_find(const struct names *names, struct slice name)
{
	struct binding *binding;

	if (names->table == NULL)
		return NULL;
	binding = guess(names->table, name);
	if (binding == NULL)
		binding = map_get(&names->table->bindings, name);
	if (binding != NULL)
		names->table->latest = binding;
	return binding;
}

struct binding *names_add(struct names *names, struct slice name, struct statement *statement,
			  uint64_t request)
{
	struct binding *binding = mem_alloc(sizeof(*binding) + name.len);

	if (binding == NULL)
		return NULL;
	*binding = (struct binding){
		.statement = statement,
		.generation = statement ? statement_generation(statement) : 0,
		.request = request,
		.name_len = (uint32_t)name.len,
	};
	if (name.len > 0)
		memcpy(binding->name, name.data, name.len);
	if (insert(names, binding) != OK) {
		mem_free(binding);
		return NULL;
	}
	if (statement != NULL)
		statement_ref(statement);
	return binding;
}

struct binding *names_find_request(const struct names *names, uint64_t request)
{
	struct binding *latest;

	if (names->table == NULL)
		return NULL;
	/* Nearly always it is asked for what was bound just now. */
	latest = names->table->latest;
	if (latest != NULL && latest->request == request)
		return latest;
	LIST_EACH(&names->table->all, node)
	{
		struct binding *binding = CONTAINER_OF(node, struct binding, node);

		if (binding->request == request)
			return binding;
	}
	return NULL;
}

struct binding *names_next(const struct names *names, const struct binding *after)
{
	struct list_node *node = NULL;

	if (after != NULL)
		node = list_next(&names->table->all, &after->node);
	else if (names->table != NULL)
		node = list_first(&names->table->all);
	return node != NULL ? CONTAINER_OF(node, struct binding, node) : NULL;
}

void names_renew(struct names *names, const struct statement *statement)
{
	if (names->table == NULL)
		return;
	LIST_EACH(&names->table->all, node)
	{
		struct binding *binding = CONTAINER_OF(node, struct binding, node);

		if (binding->statement == statement)
			binding->generation = statement_generation(statement);
	}
}

void names_take(struct names *names, struct binding *binding)
{
	if (names->table->latest == binding)
		names->table->latest = NULL;
	map_remove(&names->table->bindings, binding_name(binding));
	list_remove(&names->table->all, &binding->node);
	names->count--;
	if (binding->statement == NULL)
		names->on_server--;
}

enum result names_put_back(struct names *names, struct binding *binding)
{
	bool in_use = names_find(names, binding_name(binding)) != NULL;

	if (!in_use && insert(names, binding) == OK)
		return OK;
	binding_free(binding);
	return in_use ? OK : BROKEN;
}

void names_drop_before(struct names *names, uint64_t request)
{
	if (names->table == NULL)
		return;
	LIST_EACH(&names->table->all, node)
	{
		struct binding *binding = CONTAINER_OF(node, struct binding, node);

		if (binding->request >= request)
			continue;
		names_take(names, binding);
		binding_free(binding);
	}
}

struct slice binding_name(const struct binding *binding)
{
	return (struct slice){ binding->name, binding->name_len };
}

void binding_free(struct binding *binding)
{
	if (binding == NULL)
		return;
	statement_unref(binding->statement);
	mem_free(binding);
}
