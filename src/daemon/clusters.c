/*
 * The probers, one for each database whose entry is a cluster. Owned by the daemon. They come with
 * a database and go when its cluster does: told by the pools, looked for after each reload.
 */

#include "daemon/clusters.h"

#include <libpq-fe.h>

#include "auth/secret.h"
#include "base/alloc.h"
#include "base/list.h"
#include "base/log.h"
#include "conf/effective.h"
#include "net/loop.h"
#include "pool/database.h"
#include "pool/pools.h"
#include "probe/prober.h"

struct clusters {
	struct loop *loop;
	struct resolver *resolver;
	struct pools *pools;
	const struct settings *settings;
	struct list watched;
};

/* A database with its prober. */
struct watched {
	struct list_node node;
	struct clusters *clusters;
	struct database *database;
	struct prober *prober;
	/* of what is run there now; NULL: nothing is */
	void (*on_answer)(void *ctx, const char *value, const char *error);
	void *asker;
};

static struct watched *find(const struct clusters *clusters, const struct database *database)
{
	LIST_EACH(&clusters->watched, node) {
		struct watched *watched = CONTAINER_OF(node, struct watched, node);

		if (watched->database == database)
			return watched;
	}
	return NULL;
}

/* ---- what probers tell ---- */

static void on_change(void *ctx, const struct cluster_change *change)
{
	struct watched *watched = ctx;

	database_cluster_changed(watched->database, change);
}

static void on_functions(void *ctx, struct function_book *functions)
{
	struct watched *watched = ctx;

	database_set_functions(watched->database, functions);
}

/* ---- errands ---- */

static void end_errand(struct watched *watched, const char *value, const char *error)
{
	void (*on_answer)(void *ctx, const char *value, const char *error) = watched->on_answer;

	watched->on_answer = NULL;
	if (on_answer)
		on_answer(watched->asker, value, error);
}

static void on_errand(void *ctx, const struct link_answer *answer)
{
	const PGresult *rows = answer->results[0];
	const char *value = "";

	if (rows && PQntuples(rows) > 0 && PQnfields(rows) > 0)
		value = PQgetvalue(rows, 0, 0);
	if (answer->answered && !answer->error)
		end_errand(ctx, value, NULL);
	else
		end_errand(ctx, NULL, answer->error ? answer->error : "no answer");
}

enum result clusters_run(struct clusters *clusters, const struct database *database, unsigned host,
			 const char *sql, struct span timeout,
			 void (*on_answer)(void *ctx, const char *value, const char *error),
			 void *ctx)
{
	struct watched *watched = find(clusters, database);

	if (!watched || watched->on_answer ||
	    prober_send(watched->prober, host, sql, timeout, on_errand, watched) != OK)
		return BROKEN;
	watched->on_answer = on_answer;
	watched->asker = ctx;
	return OK;
}

/* ---- probers ---- */

static void drop(struct watched *watched)
{
	list_remove(&watched->clusters->watched, &watched->node);
	prober_free(watched->prober);
	end_errand(watched, NULL, "the cluster is gone");
	mem_free(watched);
}

static void on_gone(void *ctx)
{
	drop(ctx);
}

static const char *database_on_servers(const struct database *database)
{
	return effective_dbname(database_settings(database), database_name(database));
}

/* libpq proves a password only, so only that of a plain secret is of use. */
static char *known_password(const struct clusters *clusters, const char *user)
{
	const struct secret *secret = user ? pools_user_secret(clusters->pools, slice_of(user))
					   : NULL;

	if (!secret || secret->kind != SECRET_PLAIN)
		return NULL;
	return mem_copy_text(secret->text.data, secret->text.len);
}

static void follow(struct watched *watched)
{
	struct clusters *clusters = watched->clusters;
	struct prober_settings settings = {
		.settings = clusters->settings,
		.entry = database_settings(watched->database),
		.dbname = database_on_servers(watched->database),
	};
	char *known = NULL;

	settings.user = effective_probe_user(clusters->settings, settings.entry,
					     &settings.password);
	if (!settings.password)
		settings.password = known = known_password(clusters, settings.user);
	if (prober_follow(watched->prober, &settings) != OK)
		log_error("cluster %s: no memory to ask all its hosts",
			  database_name(watched->database));
	if (known)
		mem_free_secret(known, strlen(known));
}

static void watch(struct clusters *clusters, struct database *database)
{
	struct watched *watched = mem_alloc_zero(sizeof(*watched));
	struct prober_options options = {
		.loop = clusters->loop,
		.resolver = clusters->resolver,
		.cluster = database_cluster(database),
		.name = database_name(database),
		.on_change = on_change,
		.on_functions = on_functions,
		.on_gone = on_gone,
		.ctx = watched,
	};

	if (watched)
		watched->prober = prober_new(&options);
	if (!watched || !watched->prober) {
		mem_free(watched);
		log_error("cluster %s: no memory to ask its hosts", database_name(database));
		return;
	}
	watched->clusters = clusters;
	watched->database = database;
	list_append(&clusters->watched, &watched->node);
	follow(watched);
}

static void watch_all(struct clusters *clusters)
{
	struct database *database = NULL;

	while ((database = pools_next_database(clusters->pools, database)))
		if (database_cluster(database) && !find(clusters, database))
			watch(clusters, database);
}

/* ---- what pools tell ---- */

static void on_cluster(void *ctx, struct database *database)
{
	watch(ctx, database);
}

static void on_trouble(void *ctx, struct database *database, unsigned host)
{
	struct watched *watched = find(ctx, database);

	if (watched)
		prober_hurry(watched->prober, host);
}

/* ---- what the console asks ---- */

const char *clusters_error(const struct clusters *clusters, const struct database *database,
			   unsigned host)
{
	const struct watched *watched = find(clusters, database);

	return watched ? prober_error(watched->prober, host) : "";
}

/* ---- life ---- */

void clusters_reload(struct clusters *clusters, const struct settings *settings)
{
	const struct settings *old = clusters->settings;

	clusters->settings = settings_ref(settings);
	LIST_EACH(&clusters->watched, node) {
		struct watched *watched = CONTAINER_OF(node, struct watched, node);

		if (!database_is_removed(watched->database))
			follow(watched);
	}
	watch_all(clusters);
	settings_unref(old);
}

struct clusters *clusters_new(const struct clusters_options *options)
{
	struct clusters *clusters = mem_alloc_zero(sizeof(*clusters));

	if (!clusters)
		return NULL;
	clusters->loop = options->loop;
	clusters->resolver = options->resolver;
	clusters->pools = options->pools;
	clusters->settings = settings_ref(options->settings);
	list_init(&clusters->watched);
	pools_watch_clusters(clusters->pools, on_cluster, clusters);
	pools_watch_trouble(clusters->pools, on_trouble, clusters);
	watch_all(clusters);
	return clusters;
}

void clusters_free(struct clusters *clusters)
{
	if (!clusters)
		return;
	pools_watch_clusters(clusters->pools, NULL, NULL);
	pools_watch_trouble(clusters->pools, NULL, NULL);
	LIST_EACH(&clusters->watched, node) {
		struct watched *watched = CONTAINER_OF(node, struct watched, node);

		watched->on_answer = NULL;
		drop(watched);
	}
	settings_unref(clusters->settings);
	mem_free(clusters);
}
