/*
 * The root of this layer: all databases and pools by name, what they share (loop, secrets,
 * limits of streams, socket numbers), and the settings in force. Owned by the daemon.
 */

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/random.h"
#include "pool_internal.h"

#define READ_BYTES   (120 * 1024)
#define OUT_HIGH     (256 * 1024)
#define OUT_LOW      (64 * 1024)
#define IN_MAX       (256 * 1024)
#define KEYRING_SIZE 1024
/* Upkeep three times a second. */
#define UPKEEP_MS 333

static void tell_change(struct loop_task *task)
{
	struct pools *pools = CONTAINER_OF(task, struct pools, changed);

	if (pools->on_change)
		pools->on_change(pools->watcher);
}

static void on_upkeep(void *ctx)
{
	struct pools *pools = ctx;

	upkeep_run(pools);
	timer_arm_in(&pools->upkeep, span_ms(UPKEEP_MS));
}

void pools_set_limits(struct pools *pools)
{
	pools->limits = (struct stream_limits){
		.read_size = READ_BYTES,
		.out_high = OUT_HIGH,
		.out_low = OUT_LOW,
		.in_max = IN_MAX,
		.turn_reads = effective_turn_reads(pools->settings),
	};
}

enum result pools_read_users(struct pools *pools, const struct settings *settings)
{
	struct users_fault fault;
	struct users      *users = users_parse(settings->auth_file_text, &fault);

	if (!users)
		return BROKEN;
	if (fault.text)
		log_error("%s:%u: %s", settings->auth_file ? settings->auth_file : "auth_file",
		          fault.line, fault.text);
	users_free(pools->users);
	pools->users = users;
	return OK;
}

enum result pools_make_named(struct pools *pools)
{
	const struct settings *settings = pools->settings;

	for (size_t i = 0; i < settings->database_count; i++) {
		const struct database_settings *entry = &settings->databases[i];
		struct database                *database =
			pools_known_database(pools, slice_of(entry->name));

		if (!database)
			database = database_new(pools, slice_of(entry->name), settings, entry,
			                        false);
		if (!database)
			return BROKEN;
		/* min_pool_size of a forced user needs no client. */
		if (entry->user && !pools_find(pools, database, SLICE_NONE))
			return BROKEN;
	}
	return OK;
}

struct pools *pools_new(const struct pools_options *options)
{
	struct pools *pools = mem_alloc_zero(sizeof(*pools));
	uint64_t      seed;

	if (!pools)
		return NULL;
	random_bytes(&seed, sizeof(seed));
	pools->loop = options->loop;
	pools->resolver = options->resolver;
	pools->statements = options->statements;
	pools->varsets = options->varsets;
	pools->settings = settings_ref(options->settings);
	pools->changed.run = tell_change;
	map_init(&pools->names, seed);
	list_init(&pools->databases);
	list_init(&pools->departed);
	list_init(&pools->pools);
	timer_init(&pools->upkeep, pools->loop, on_upkeep, pools);
	pools_set_limits(pools);
	pools->keyring = keyring_new(KEYRING_SIZE, seed);
	pools->peers = peers_new(pools->loop, pools->resolver, pools->settings);
	if (!pools->keyring || !pools->peers || pools_read_users(pools, pools->settings) != OK ||
	    pools_make_named(pools) != OK) {
		pools_free(pools);
		return NULL;
	}
	timer_arm_in(&pools->upkeep, span_ms(UPKEEP_MS));
	return pools;
}

static void free_pool_with_servers(struct pool *pool)
{
	struct list *leaving = &pool->servers[SERVER_LEAVING];

	pool_close_all_servers(pool, END_DAEMON_EXIT);
	while (leaving->len)
		server_free(CONTAINER_OF(list_first(leaving), struct server, node));
	pool_free(pool);
}

static void free_databases(struct list *databases)
{
	LIST_EACH(databases, node)
		database_free(CONTAINER_OF(node, struct database, node));
}

void pools_free(struct pools *pools)
{
	if (!pools)
		return;
	timer_release(&pools->upkeep);
	pools->on_change = NULL;
	LIST_EACH(&pools->pools, node)
		free_pool_with_servers(CONTAINER_OF(node, struct pool, node));
	free_databases(&pools->databases);
	free_databases(&pools->departed);
	loop_forget(pools->loop, &pools->changed);
	map_release(&pools->names);
	users_free(pools->users);
	keyring_free(pools->keyring);
	peers_free(pools->peers);
	settings_unref(pools->settings);
	tls_context_unref(pools->tls);
	mem_free(pools);
}

/* ---- find or make ---- */

struct database *pools_known_database(const struct pools *pools, struct slice name)
{
	return map_get(&pools->names, name);
}

struct database *pools_database(struct pools *pools, struct slice name)
{
	return pools_database_for(pools, name, NULL);
}

struct database *pools_database_for(struct pools *pools, struct slice name, const char *prefix)
{
	const struct database_settings *fallback = settings_fallback_database(pools->settings);
	const struct database_settings *entry = settings_database(pools->settings, name);
	struct database                *database = map_get(&pools->names, name);

	if (database || (!entry && !fallback))
		return database;
	database = database_new(pools, name, pools->settings, entry ? entry : fallback, !entry);
	if (database && !entry)
		log_line(LEVEL_LOG, prefix, "registered new auto-database: %s", database->name);
	return database;
}

struct pool *pools_find_as(struct pools *pools, struct database *database, struct slice user)
{
	struct pool *pool = map_get(&database->users, user);

	(void)pools;
	return pool ? pool : pool_new(database, user);
}

struct pool *pools_find(struct pools *pools, struct database *database, struct slice user)
{
	if (database->entry->user)
		user = slice_of(database->entry->user);
	return pools_find_as(pools, database, user);
}

static struct list_node *walk(const struct list *list, const struct list_node *after)
{
	return after ? list_next(list, after) : list_first(list);
}

struct database *pools_next_database(const struct pools *pools, const struct database *after)
{
	struct list_node *node = walk(&pools->databases, after ? &after->node : NULL);

	return node ? CONTAINER_OF(node, struct database, node) : NULL;
}

struct pool *pools_next_pool(const struct pools *pools, const struct pool *after)
{
	struct list_node *node = walk(&pools->pools, after ? &after->node : NULL);

	/* Those below a home are shown with it. */
	while (node && CONTAINER_OF(node, struct pool, node)->home)
		node = list_next(&pools->pools, node);
	return node ? CONTAINER_OF(node, struct pool, node) : NULL;
}

unsigned pools_user_servers(const struct pools *pools, struct slice user)
{
	unsigned count = 0;

	LIST_EACH(&pools->pools, node) {
		struct pool *pool = CONTAINER_OF(node, struct pool, node);

		if (slice_equal(slice_of(pool->user), user))
			count += pool->open;
	}
	return count;
}

/* ---- what is shared ---- */

uint64_t pools_next_id(struct pools *pools)
{
	return ++pools->next_id;
}

const struct users *pools_users(const struct pools *pools)
{
	return pools->users;
}

const struct secret *pools_user_secret(const struct pools *pools, struct slice user)
{
	const struct user *found = users_find(pools->users, user);

	return found ? &found->secret : NULL;
}

struct keyring *pools_keyring(struct pools *pools)
{
	return pools->keyring;
}

struct peers *pools_peers(const struct pools *pools)
{
	return pools->peers;
}
