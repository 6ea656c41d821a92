/*
 * New settings for what runs: databases dropped, added, led elsewhere; sizes and modes of pools;
 * the users of auth_file. Nothing here waits: servers in use are replaced as they come free.
 */

#include "base/log.h"
#include "conf/diff.h"
#include "pool_internal.h"

static const struct database_change *find_change(const struct settings_diff *diff,
                                                 const char                 *name)
{
	for (size_t i = 0; i < diff->database_count; i++)
		if (slice_equal(slice_of(diff->databases[i].name), slice_of(name)))
			return &diff->databases[i];
	return NULL;
}

/* Whether its servers lead elsewhere now. Pools of a cluster's hosts follow its list themselves. */
static bool is_moved(const struct database *database, const struct settings_diff *diff,
                     bool was_auto, bool was_cluster)
{
	const struct database_change *change =
		find_change(diff, was_auto ? "*" : database->name);

	/* The name got an entry of its own: it may say anything. */
	if (was_auto != database->is_auto)
		return true;
	return change && change->connect &&
	       !(change->only_hosts && was_cluster && database->cluster);
}

static void reload_database(struct database *database, const struct settings *settings,
                            const struct settings_diff *diff)
{
	const struct database_settings *entry =
		settings_database(settings, slice_of(database->name));
	bool was_auto = database->is_auto, was_cluster = database->cluster != NULL;

	if (!entry && was_auto)
		entry = settings_fallback_database(settings);
	if (!entry) {
		log_warning("dropping database '%s' as it does not exist anymore or inactive "
		            "auto-database",
		            database->name);
		database_depart(database);
		return;
	}
	database->is_auto = was_auto && !settings_database(settings, slice_of(database->name));
	database_set_entry(database, settings, entry);
	if (!is_moved(database, diff, was_auto, was_cluster))
		return;
	LIST_EACH(&database->pool_list, node)
		pool_recycle(CONTAINER_OF(node, struct pool, in_database), END_SERVER_RECONNECT);
}

void pools_reload(struct pools *pools, const struct settings *settings)
{
	const struct settings *old = pools->settings;
	struct settings_diff   diff;
	bool                   has_diff = settings_diff_init(&diff, old, settings) == OK;

	if (!has_diff)
		log_error("out of memory: servers keep their old addresses until RECONNECT");
	pools->settings = settings_ref(settings);
	pools_set_limits(pools);
	LIST_EACH(&pools->databases, node)
		reload_database(CONTAINER_OF(node, struct database, node), settings, &diff);
	if (pools_read_users(pools, settings) != OK || pools_make_named(pools) != OK)
		log_error("out of memory: reload is incomplete");
	if (has_diff)
		settings_diff_release(&diff);
	peers_reload(pools->peers, settings);
	settings_unref(old);
	LIST_EACH(&pools->pools, node) {
		struct pool *pool = CONTAINER_OF(node, struct pool, node);

		/* What made logins fail may be what was changed. */
		pool->failed = false;
		pool->rebuffs = 0;
		pool_serve_soon(pool);
	}
}

void pools_set_tls(struct pools *pools, struct tls_context *tls)
{
	struct tls_context *old = pools->tls;

	if (tls == old)
		return;
	pools->tls = tls_context_ref(tls);
	tls_context_unref(old);
	LIST_EACH(&pools->pools, node)
		pool_recycle(CONTAINER_OF(node, struct pool, node), END_SERVER_RECONNECT);
}
