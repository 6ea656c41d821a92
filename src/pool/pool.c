/*
 * One pool: the servers of a (database, user), their limits and counters. Owned by pools;
 * queue.c serves its waiters, pool_open.c opens its servers, upkeep.c looks after it.
 */

#include <assert.h>
#include <string.h>

#include "auth/scram.h"
#include "base/alloc.h"
#include "pool/login_secret.h"
#include "pool_internal.h"

static unsigned not_negative(int value)
{
	return value > 0 ? (unsigned)value : 0;
}

void pool_set_limits(struct pool *pool)
{
	const struct database          *database = pool->database;
	const struct settings          *settings = database->settings;
	const struct database_settings *entry = database->entry;
	const struct user_settings     *user = settings_user(settings, slice_of(pool->user));

	pool->limits = (struct pool_limits){
		.mode = effective_pool_mode(settings, entry, user),
		.size = not_negative(effective_pool_size(settings, entry, user)),
		.reserve = not_negative(effective_reserve_pool_size(settings, entry, user)),
		.minimum = not_negative(effective_min_pool_size(settings, entry)),
		.database_max = not_negative(effective_max_db_connections(settings, entry)),
		.user_max = not_negative(effective_max_user_connections(settings, user)),
		.lifetime = effective_server_lifetime(settings, entry),
	};
}

/* In no list yet. */
static struct pool *make(struct database *database, struct slice user)
{
	struct pool *pool = mem_alloc_zero(sizeof(*pool));

	if (!pool)
		return NULL;
	pool->pools = database->pools;
	pool->database = database;
	pool->host = -1;
	pool->user = mem_copy_text(user.data, user.len);
	if (!pool->user) {
		mem_free(pool);
		return NULL;
	}
	for (unsigned state = 0; state < COUNT_OF(pool->servers); state++)
		list_init(&pool->servers[state]);
	list_init(&pool->waiters);
	list_init(&pool->logins);
	list_init(&pool->refusals);
	list_init(&pool->held);
	list_init(&pool->again);
	list_init(&pool->below);
	list_init(&pool->claims);
	pool->task.run = pool_serve;
	pool_set_limits(pool);
	return pool;
}

struct pool *pool_new(struct database *database, struct slice user)
{
	struct pool *pool = make(database, user);

	if (!pool)
		return NULL;
	if (map_put(&database->users, user, pool) != OK) {
		mem_free(pool->user);
		mem_free(pool);
		return NULL;
	}
	list_append(&pool->pools->pools, &pool->node);
	list_append(&database->pool_list, &pool->in_database);
	return pool;
}

static void insert_before(struct list *list, struct list_node *node, struct list_node *next)
{
	list_insert_between(list, node, next->prev, next);
}

struct pool *pool_new_below(struct pool *home, unsigned host)
{
	struct pool          *pool = make(home->database, slice_of(home->user));
	struct endpoint_facts place;

	if (!pool)
		return NULL;
	cluster_endpoint(home->database->cluster, host, loop_now(home->pools->loop), &place);
	pool->where = mem_copy_text(place.host.data, place.host.len);
	if (!pool->where) {
		mem_free(pool->user);
		mem_free(pool);
		return NULL;
	}
	pool->port = place.port;
	pool->home = home;
	pool->host = (int)host;
	list_append(&home->below, &pool->in_home);
	insert_before(&pool->pools->pools, &pool->node, &home->node);
	insert_before(&pool->database->pool_list, &pool->in_database, &home->in_database);
	return pool;
}

static void add_counters(struct pool_counters *sum, const struct pool_counters *counters)
{
	sum->assignments += counters->assignments;
	sum->transactions += counters->transactions;
	sum->queries += counters->queries;
	sum->bytes_received += counters->bytes_received;
	sum->bytes_sent += counters->bytes_sent;
	sum->transaction_us += counters->transaction_us;
	sum->query_us += counters->query_us;
	sum->wait_us += counters->wait_us;
	sum->client_parses += counters->client_parses;
	sum->server_parses += counters->server_parses;
	sum->binds += counters->binds;
	sum->client_logins += counters->client_logins;
}

void database_counters(const struct database *database, struct pool_counters *sum)
{
	*sum = database->counters;
	LIST_EACH(&database->pool_list, node)
		add_counters(sum, &CONTAINER_OF(node, struct pool, in_database)->counters);
}

static void forget_keys(struct pool *pool)
{
	mem_free_secret(pool->learned, sizeof(*pool->learned));
	pool->learned = NULL;
}

void pool_free(struct pool *pool)
{
	struct database *database = pool->database;

	LIST_EACH(&pool->below, node)
		pool_free(CONTAINER_OF(node, struct pool, in_home));
	assert(!pool->attached && !pool->waiters.len && !pool->logins.len && !pool->refusals.len);
	assert(!pool->claims.len);
	assert(!pool->open && !pool->servers[SERVER_LEAVING].len);
	assert(!pool->held.len && !pool->again.len);
	loop_forget(pool->pools->loop, &pool->task);
	add_counters(&database->counters, &pool->counters);
	if (!pool->home)
		map_remove(&database->users, slice_of(pool->user));
	pool_leave_home(pool);
	list_remove(&pool->pools->pools, &pool->node);
	list_remove(&database->pool_list, &pool->in_database);
	forget_keys(pool);
	varset_unref(pool->welcome);
	buffer_release(&pool->login_error);
	buffer_release(&pool->cached_error);
	mem_free(pool->hosts);
	mem_free(pool->where);
	mem_free(pool->user);
	mem_free(pool);
}

/* ---- servers ---- */

bool pool_is_paused(const struct pool *pool)
{
	return pool->database->paused || pool->pools->paused;
}

bool pool_is_forced(const struct pool *pool)
{
	const char *user = pool->database->entry->user;

	return user && strcmp(user, pool->user) == 0;
}

static void close_state(struct pool *pool, enum server_state state, enum ending why)
{
	LIST_EACH(&pool->servers[state], node)
		server_close(CONTAINER_OF(node, struct server, node), why, NULL);
}

void pool_close_free_servers(struct pool *pool, enum ending why)
{
	close_state(pool, SERVER_IDLE, why);
	close_state(pool, SERVER_USED, why);
	close_state(pool, SERVER_CONNECTING, why);
	close_state(pool, SERVER_LOGIN, why);
}

void pool_close_all_servers(struct pool *pool, enum ending why)
{
	for (unsigned state = 0; state < SERVER_LEAVING; state++)
		close_state(pool, (enum server_state)state, why);
}

void pool_recycle(struct pool *pool, enum ending why)
{
	close_state(pool, SERVER_CONNECTING, END_CONNECT_STRING_CHANGED);
	close_state(pool, SERVER_LOGIN, END_CONNECT_STRING_CHANGED);
	close_state(pool, SERVER_IDLE, why);
	close_state(pool, SERVER_USED, why);
	for (unsigned state = 0; state < SERVER_LEAVING; state++) {
		LIST_EACH(&pool->servers[state], node)
			CONTAINER_OF(node, struct server, node)->close_needed = true;
	}
	pool->welcome_stale = true;
	pool->failed = false;
	pool->rebuffs = 0;
	if (pool->waiters.len || pool->logins.len || pool->claims.len)
		pool_serve_soon(pool);
}

/* Of this very pool. */
static struct server *next_own(const struct pool *pool, const struct server *after)
{
	enum server_state state = after ? after->state : SERVER_CONNECTING;
	struct list_node *node = after ? list_next(&pool->servers[state], &after->node) :
	                                 list_first(&pool->servers[state]);

	while (!node && ++state < SERVER_LEAVING)
		node = list_first(&pool->servers[state]);
	return node ? CONTAINER_OF(node, struct server, node) : NULL;
}

/* A home's own come first, then those below. */
struct server *pool_next_server(const struct pool *pool, const struct server *after)
{
	const struct pool *at = after ? after->pool : pool;
	struct server     *server = next_own(at, after);

	while (!server) {
		struct list_node *node = at == pool ? list_first(&pool->below) :
		                                      list_next(&pool->below, &at->in_home);

		if (!node)
			return NULL;
		at = CONTAINER_OF(node, struct pool, in_home);
		server = next_own(at, NULL);
	}
	return server;
}

/* ---- secrets ---- */

void pool_learn_keys(struct pool *pool, struct slice user, const struct scram_keys *keys)
{
	if (!slice_equal(user, slice_of(pool->user)))
		return;
	if (!pool->learned)
		pool->learned = mem_alloc_zero(sizeof(*pool->learned));
	if (!pool->learned)
		return;
	*pool->learned = *keys;
	/* What failed for want of these keys is worth another try at once. */
	pool_try_again(pool, END_WRONG_PASSWORD_TYPE);
}

void pool_try_again(struct pool *home, enum ending failure)
{
	if (home->failure == failure)
		home->failed = false;
	LIST_EACH(&home->below, node)
		pool_try_again(CONTAINER_OF(node, struct pool, in_home), failure);
}

const struct scram_keys *pool_learned_keys(const struct pool *pool)
{
	return pool->learned;
}

void pool_login_secret(const struct pool *pool, struct login_secret *found)
{
	const char          *password = pool->database->entry->password;
	const struct secret *stored;

	*found = (struct login_secret){ .keys = (pool->home ? pool->home : pool)->learned };
	if (password && *password && pool_is_forced(pool)) {
		found->secret = secret_of(slice_of(password));
		return;
	}
	stored = database_learned_password(pool->database, slice_of(pool->user));
	if (!stored)
		stored = pools_user_secret(pool->pools, slice_of(pool->user));
	if (!stored || stored->kind == SECRET_NONE)
		stored = database_learned_secret(pool->database, slice_of(pool->user));
	if (stored)
		found->secret = *stored;
}

/* ---- looking ---- */

const struct varset *pool_welcome(const struct pool *pool)
{
	return pool->welcome;
}

const char *pool_user(const struct pool *pool)
{
	return pool->user;
}

struct database *pool_database(const struct pool *pool)
{
	return pool->database;
}

enum pool_mode pool_mode(const struct pool *pool)
{
	return pool->limits.mode;
}

struct pool_counters *pool_counters(struct pool *pool)
{
	return &pool->counters;
}

void pool_attach(struct pool *pool)
{
	pool->attached++;
}

void pool_detach(struct pool *pool)
{
	assert(pool->attached);
	pool->attached--;
}

static void look_at_wait(const struct list *waiters, struct moment now, struct span *oldest)
{
	struct list_node *node = list_first(waiters);
	struct span       wait;

	if (!node)
		return;
	wait = moment_between(CONTAINER_OF(node, struct waiter, node)->since, now);
	if (wait.us > oldest->us)
		*oldest = wait;
}

static void add_facts(const struct pool *pool, struct moment now, struct pool_facts *facts)
{
	const struct list *servers = pool->servers;

	facts->clients_waiting += pool->waiters.len + pool->logins.len + pool->claims.len +
	                          pool->held.len + pool->again.len;
	facts->cancels_active += pool->cancels_sent;
	facts->cancels_waiting += pool->cancels_dialling;
	facts->servers_active += servers[SERVER_LENT].len;
	facts->servers_cancelling += pool->cancels_sent;
	facts->servers_held += servers[SERVER_HELD].len;
	facts->servers_idle += servers[SERVER_IDLE].len;
	facts->servers_used += servers[SERVER_USED].len;
	facts->servers_tested += servers[SERVER_TESTED].len;
	facts->servers_login += servers[SERVER_CONNECTING].len + servers[SERVER_LOGIN].len;
	look_at_wait(&pool->waiters, now, &facts->oldest_wait);
	look_at_wait(&pool->logins, now, &facts->oldest_wait);
	look_at_wait(&pool->held, now, &facts->oldest_wait);
	look_at_wait(&pool->claims, now, &facts->oldest_wait);
}

void pool_facts(const struct pool *pool, struct moment now, struct pool_facts *facts)
{
	*facts = (struct pool_facts){ 0 };
	add_facts(pool, now, facts);
	LIST_EACH(&pool->below, node)
		add_facts(CONTAINER_OF(node, struct pool, in_home), now, facts);
	if (pool->attached > facts->clients_waiting)
		facts->clients_active = pool->attached - facts->clients_waiting;
}
