/*
 * When a pool opens another server, and what the end of its login means for those who wait.
 *
 * One login at a time is under way while it is not known whether logins work (none has
 * succeeded, or the last one failed), else up to LOGINS_AT_ONCE, so that a burst of clients
 * neither waits for logins one after the other nor storms the server. After a failure the next
 * attempt comes server_login_retry later, or a little earlier, so that many pools do not come all
 * at once; twice and four times as long when the server goes on to refuse what only an operator can
 * cure; after a shortage of our own memory almost at once.
 * Limits: pool size, reserve_pool_size once the oldest waiter has waited reserve_pool_timeout,
 * then max_db_connections and max_user_connections, for which the server idle for longest in
 * another pool is closed.
 */

#include <stdio.h>

#include "base/log.h"
#include "base/random.h"
#include "pool_internal.h"
#include "wire/notice.h"
#include "wire/writer.h"

#define LOGINS_AT_ONCE 4
/* How often server_login_retry is doubled at most. */
#define MOST_DOUBLINGS 2
/* When to try again after memory was short. */
#define STARVED_MS 250

static unsigned logins_under_way(const struct pool *pool)
{
	return pool->servers[SERVER_CONNECTING].len + pool->servers[SERVER_LOGIN].len -
	       pool->dedicated_logins;
}

/*
 * Servers that will be free without our doing: logging in, or being checked or reset. Cleaning
 * up behind a client may take long; behind a connect_query it does not.
 */
static unsigned servers_coming(const struct pool *pool)
{
	unsigned coming = logins_under_way(pool);

	LIST_EACH(&pool->servers[SERVER_TESTED], node) {
		struct server *server = CONTAINER_OF(node, struct server, node);

		if (server->work != WORK_CLEAN || moment_is_never(server->requested))
			coming++;
	}
	return coming;
}

/* A login refused with a failure remembered asks for another try, too. */
static bool wants_welcome(const struct pool *pool)
{
	return (pool->logins.len && (!pool->welcome || pool->welcome_stale)) ||
	       (pool->refusals.len && pool->failed);
}

static unsigned servers_wanted(const struct pool *pool)
{
	bool for_login = wants_welcome(pool);

	if (pool->home && wants_welcome(pool->home))
		for_login |= pool_default(pool->home) == pool;
	return pool->waiters.len + (for_login ? 1 : 0);
}

static struct span oldest_wait(const struct pool *pool)
{
	const struct list *lists[] = { &pool->waiters, &pool->logins, &pool->claims };
	struct moment      now = loop_now(pool->pools->loop);
	struct span        longest = { 0 };

	for (unsigned i = 0; i < COUNT_OF(lists); i++) {
		struct list_node *node = list_first(lists[i]);
		struct span       wait;

		if (!node)
			continue;
		wait = moment_between(CONTAINER_OF(node, struct waiter, node)->since, now);
		if (wait.us > longest.us)
			longest = wait;
	}
	return longest;
}

/* ---- limits ---- */

static bool is_time(const struct pool *pool)
{
	struct moment now = loop_now(pool->pools->loop);

	if (pool_is_paused(pool) || pool->pools->shutting_down || pool->database->removed)
		return false;
	if (pool->failed && !moment_reached(pool->retry_at, now))
		return false;
	if (!moment_is_never(pool->starved_at) &&
	    !moment_reached(moment_after(pool->starved_at, span_ms(STARVED_MS)), now))
		return false;
	return logins_under_way(pool) <
	       (pool->failed || !pool->welcome ? 1u : (unsigned)LOGINS_AT_ONCE);
}

static bool fits_size(const struct pool *pool, bool *from_reserve)
{
	struct span timeout = pool->pools->settings->reserve_pool_timeout;
	unsigned    size = pool->limits.size;

	*from_reserve = false;
	if (!size || pool->open < size)
		return true;
	if (!pool->limits.reserve || timeout.us <= 0 || oldest_wait(pool).us < timeout.us)
		return false;
	*from_reserve = true;
	return pool->open < size + pool->limits.reserve;
}

static bool shares_limit(const struct pool *pool, const struct pool *other, bool by_user)
{
	if (by_user)
		return slice_equal(slice_of(pool->user), slice_of(other->user));
	return pool->database == other->database;
}

/* Closes the free server of another pool that has been free for longest; false: there is none. */
static bool evict(struct pool *pool, bool by_user)
{
	static const enum server_state free_states[] = { SERVER_IDLE, SERVER_USED };
	struct server *oldest = NULL;

	LIST_EACH(&pool->pools->pools, node) {
		struct pool *other = CONTAINER_OF(node, struct pool, node);

		if (other == pool || !shares_limit(pool, other, by_user))
			continue;
		for (unsigned i = 0; i < COUNT_OF(free_states); i++) {
			struct list_node *first = list_first(&other->servers[free_states[i]]);
			struct server    *server = CONTAINER_OF(first, struct server, node);

			if (first && (!oldest || server->released.us < oldest->released.us))
				oldest = server;
		}
	}
	if (!oldest)
		return false;
	server_close(oldest, END_SERVER_EVICTED, NULL);
	return true;
}

static bool fits_shared(struct pool *pool, bool may_evict)
{
	const struct pool_limits *limits = &pool->limits;

	while (limits->database_max && pool->database->servers >= limits->database_max)
		if (!may_evict || !evict(pool, false))
			return false;
	while (limits->user_max &&
	       pools_user_servers(pool->pools, slice_of(pool->user)) >= limits->user_max)
		if (!may_evict || !evict(pool, true))
			return false;
	return true;
}

static bool waits_longer(const struct pool *a, const struct pool *b)
{
	return oldest_wait(a).us > oldest_wait(b).us;
}

/* True when the room that a shared limit leaves belongs to another pool, whose waiter is older. */
static bool must_yield(struct pool *pool)
{
	if (!pool->pools->has_blocked || (!pool->limits.database_max && !pool->limits.user_max))
		return false;
	LIST_EACH(&pool->pools->pools, node) {
		struct pool *other = CONTAINER_OF(node, struct pool, node);

		if (other == pool || !other->blocked || !waits_longer(other, pool))
			continue;
		if ((shares_limit(pool, other, false) || shares_limit(pool, other, true)) &&
		    is_time(other) && fits_shared(other, false))
			return true;
	}
	return false;
}

/* ---- opening ---- */

static enum result open_one(struct pool *pool)
{
	if (server_open(pool))
		return OK;
	pool_login_failed(pool, END_NO_MEMORY, SLICE_NONE);
	return BROKEN;
}

/* The servers that idled too long are checked first: they cost no login. */
static unsigned check_used(struct pool *pool, unsigned lacking)
{
	struct list_node *node;

	if (pool_is_paused(pool))
		return lacking;
	while (lacking && (node = list_last(&pool->servers[SERVER_USED]))) {
		server_check(CONTAINER_OF(node, struct server, node));
		lacking--;
	}
	return lacking;
}

bool pool_makes_room(struct pool *pool)
{
	bool from_reserve;

	if (!fits_size(pool, &from_reserve))
		return false;
	if (must_yield(pool) || !fits_shared(pool, true)) {
		pool->blocked = pool->pools->has_blocked = true;
		return false;
	}
	if (from_reserve)
		log_warning("%s/%s: taking connection from reserve_pool", pool->database->name,
		            pool->user);
	return true;
}

void pool_open_more(struct pool *pool)
{
	unsigned wanted = servers_wanted(pool), coming, lacking;

	pool->blocked = false;
	if (pool_is_spread(pool)) {
		struct pool *below = wanted ? pool_default(pool) : NULL;

		if (below)
			pool_open_more(below);
		return;
	}
	dedicated_open(pool);
	if (!wanted)
		return;
	coming = servers_coming(pool);
	lacking = wanted > coming ? wanted - coming : 0;
	for (lacking = check_used(pool, lacking); lacking && is_time(pool); lacking--) {
		if (!pool_makes_room(pool) || open_one(pool) != OK)
			return;
	}
}

void pool_open_minimum(struct pool *pool)
{
	unsigned minimum = pool->limits.minimum;

	if (pool->limits.size && minimum > pool->limits.size)
		minimum = pool->limits.size;
	if (pool_is_spread(pool) || (pool->home && !pool_takes_work(pool)))
		return;
	if (pool->open >= minimum || !(pool_home(pool)->attached || pool_is_forced(pool)))
		return;
	if (logins_under_way(pool) || !is_time(pool) || !fits_shared(pool, false))
		return;
	(void)open_one(pool);
}

/* ---- the end of a login ---- */

static void set_welcome(struct pool *pool, const struct varset *reported)
{
	varset_unref(pool->welcome);
	pool->welcome = varset_ref(reported);
	pool->welcome_stale = false;
}

/*
 * What clients of a cluster are told, if possible as the primary has it. Who may be served by
 * several hosts is never told that it is on a standby (in_hot_standby, PostgreSQL docs,
 * "Protocol Flow").
 */
static void welcome_home(struct pool *pool, const struct varset *reported)
{
	struct pool         *home = pool->home;
	struct slice         name = SLICE_LITERAL("in_hot_standby");
	bool                 of_primary = pool_is_primary(pool);
	bool                 hides = pool_splits(pool) && varset_value(reported, name).data;
	const struct varset *told;

	if (home->welcome && !home->welcome_stale && !(of_primary && home->of_replica))
		return;
	told = hides ? varset_with(reported, name, SLICE_LITERAL("off")) : varset_ref(reported);
	if (!told)
		return;
	set_welcome(home, told);
	varset_unref(told);
	home->of_replica = !of_primary;
}

void pool_login_succeeded(struct pool *pool, const struct varset *reported)
{
	struct pool *home = pool_home(pool);

	pool->failed = home->failed = false;
	pool->rebuffs = 0;
	if (!pool->welcome || pool->welcome_stale)
		set_welcome(pool, reported);
	if (pool->home)
		welcome_home(pool, reported);
	if (home->logins.len)
		pool_serve_soon(home);
	if (pool->waiters.len)
		pool_serve_soon(pool);
}

static bool is_starting_up(const struct notice_view *view)
{
	return slice_equal(view->sqlstate, SLICE_LITERAL("57P03"));
}

/* What newcomers are told until a login succeeds; its cause is cut as the reference does. */
static void remember_failure(struct pool *pool, enum ending why, const struct notice_view *error)
{
	char               text[192];
	struct slice       cause = slice_of(ending_row(why)->text);
	struct notice_view told = {
		.severity = SLICE_LITERAL("FATAL"),
		.sqlstate = slice_of(ending_row(END_SERVER_LOGIN_CACHED)->sqlstate),
	};

	if (error)
		cause = error->message;
	snprintf(text, sizeof(text),
	         "server login has been failing, cached error: %.*s (server_login_retry)",
	         cause.len < 99 ? (int)cause.len : 99, cause.data);
	told.message = slice_of(text);
	buffer_clear(&pool->cached_error);
	notice_write(&pool->cached_error, 'E', &told);
}

static void keep_error(struct pool *pool, struct slice body)
{
	size_t mark;

	buffer_clear(&pool->login_error);
	mark = writer_begin(&pool->login_error, 'E');
	writer_bytes(&pool->login_error, body);
	writer_end(&pool->login_error, mark);
}

/*
 * Whether everybody who waits is told. A server that cannot be reached or is starting up may
 * come back while they wait; one that refused us will refuse us again.
 */
static bool is_final(enum ending why, const struct notice_view *error)
{
	switch (why) {
	case END_SERVER_LOGIN_FAILED: return !error || !is_starting_up(error);
	case END_WRONG_PASSWORD_TYPE:
	case END_SERVER_SIGNATURE:
	case END_SERVER_REFUSED_SSL:
	case END_TLS_FAILED:
	case END_SERVER_CHANNEL_BINDING:
	case END_SERVER_MECHANISM: return true;
	default: return false;
	}
}

/*
 * Wrong passwords, unknown roles and databases, keys that do not fit: it will be the same next time
 * unless somebody does something (reload, RECONNECT and a client's new secret end the pause). A
 * server that is away, starting up or full may be there any moment.
 */
static bool is_rebuff(enum ending why, const struct notice_view *error)
{
	static const struct slice states[] = { SLICE_LITERAL("28"), SLICE_LITERAL("3D") };

	if (!is_final(why, error))
		return false;
	for (size_t i = 0; error && i < COUNT_OF(states); i++)
		if (slice_starts_with(error->sqlstate, states[i]))
			return true;
	return !error;
}

/* Never longer than asked for after a single failure, up to an eighth shorter. */
static struct span pause_after(const struct pool *pool)
{
	int64_t  retry = pool->pools->settings->server_login_retry.us;
	unsigned doublings = pool->rebuffs > 0 ? pool->rebuffs - 1 : 0;

	if (doublings > MOST_DOUBLINGS)
		doublings = MOST_DOUBLINGS;
	retry <<= doublings;
	return (struct span){ retry - (int64_t)random_below((uint64_t)retry / 8 + 1) };
}

static void note_failure(struct pool *pool, enum ending why, struct slice body, bool final)
{
	struct notice_view view;
	bool               has_error = body.data && notice_read(body, &view) == OK;

	pool->failed = true;
	pool->final = final;
	pool->failure = why;
	pool->rebuffs = is_rebuff(why, has_error ? &view : NULL) ? pool->rebuffs + 1 : 0;
	pool->retry_at = moment_after(loop_now(pool->pools->loop), pause_after(pool));
	remember_failure(pool, why, has_error ? &view : NULL);
	buffer_clear(&pool->login_error);
	if (has_error)
		keep_error(pool, body);
}

bool pool_serves_nobody(const struct pool *pool)
{
	if (pool->open - pool->dedicated != logins_under_way(pool))
		return false;
	LIST_EACH(&pool->below, node)
		if (!pool_serves_nobody(CONTAINER_OF(node, struct pool, in_home)))
			return false;
	return true;
}

void pool_login_failed(struct pool *pool, enum ending why, struct slice body)
{
	struct notice_view view;
	bool               has_error = body.data && notice_read(body, &view) == OK;
	bool               final = is_final(why, has_error ? &view : NULL);

	/* That is no failure of the server's: who waits goes on waiting, newcomers may. */
	if (why == END_NO_MEMORY) {
		pool->starved_at = loop_now(pool->pools->loop);
		return;
	}
	note_failure(pool, why, body, final);
	if (final && pool_has_stand_in(pool))
		pool_requeue(pool);
	else if (final && pool_serves_nobody(pool))
		pool_refuse_all(pool, why);
	if (!pool->home)
		return;
	if (!final)
		pool_note_trouble(pool);
	if (pool_default(pool->home) != pool)
		return;
	note_failure(pool->home, why, body, final);
	if (final && pool_serves_nobody(pool->home))
		pool_refuse_all(pool->home, why);
}
