/*
 * SHOW: the table of what there is, the dispatch, and the shows about the daemon as a whole.
 * Called through the table of commands; owns nothing.
 */

#include <strings.h>
#include <time.h>

#include "admin/show_internal.h"
#include "base/slab.h"
#include "net/resolve.h"
#include "net/zones.h"
#include "pool/peers.h"
#include "pool/pools.h"
#include "session/roster.h"

static const struct show *const shows[] = {
	&show_help,	      &show_version, &show_state,     &show_config,    &show_databases,
	&show_pools,	      &show_clients, &show_servers,   &show_sockets,   &show_active_sockets,
	&show_users,	      &show_lists,   &show_mem,	      &show_stats,     &show_stats_totals,
	&show_stats_averages, &show_totals,  &show_dns_hosts, &show_dns_zones,
	&show_peers,	      &show_peer_pools,	&show_fds,
	&show_fd_states,      &show_config_sources,
	&show_clusters,	      &show_routes,
};

const struct show_table show_table = { shows, COUNT_OF(shows) };

const struct show *show_find(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(shows); i++)
		if (strcasecmp(shows[i]->name, name) == 0)
			return shows[i];
	return show_foreign_find(name);
}

enum outcome control_show(struct request *request)
{
	const struct show *show = console_show(request->line);
	struct admin *admin = request->visit->admin;
	struct table table;
	enum result result;

	if (!show)
		return reply_invalid(request);
	if (show->level == LEVEL_STEER && !request->visit->may_steer)
		return reply_refuse(request, "admin access needed");
	table_init(&table, request->out, show->columns, show->count, request->formats);
	if (request->simple && show->count)
		table_describe(&table);
	admin->shown = request->simple ? request->visit : NULL;
	result = show->rows(admin, &table);
	admin->shown = NULL;
	if (result != OK)
		return reply_error(request, "53200", "no mem");
	return reply_done(request, "SHOW");
}

/* ---- values ---- */

void table_time(struct table *table, struct admin *admin, struct moment moment)
{
	struct timespec clock;
	struct tm local;
	char text[64];
	time_t seconds;
	int64_t us;

	if (moment_is_never(moment)) {
		table_null(table);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &clock);
	us = (int64_t)clock.tv_sec * 1000000 + clock.tv_nsec / 1000;
	seconds = (time_t)((us - moment_between(moment, loop_now(admin->loop)).us) / 1000000);
	if (!localtime_r(&seconds, &local) ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %Z", &local) == 0)
		text[0] = '\0';
	table_text(table, text);
}

void table_pointer(struct table *table, const void *pointer)
{
	char text[24] = "";

	if (pointer)
		snprintf(text, sizeof(text), "%p", pointer);
	table_text(table, text);
}

static void put_pair(struct table *table, const char *name, const char *value)
{
	table_row(table);
	table_text(table, name);
	table_text(table, value);
	table_row_end(table);
}

/* ---- HELP, VERSION, STATE ---- */

static void help_shows(struct buffer *detail)
{
	for (size_t i = 0; i < COUNT_OF(shows); i++) {
		buffer_append_text(detail, i == 0 ? "\n\tSHOW " : i % 6 == 0 ? "\n\tSHOW " : "|");
		buffer_append_text(detail, shows[i]->name);
	}
}

static enum result help_rows(struct admin *admin, struct table *table)
{
	struct buffer detail = BUFFER_EMPTY;
	enum result result = OK;

	(void)admin;
	help_shows(&detail);
	for (size_t i = 0; i < command_table.count; i++) {
		const struct command *command = &command_table.rows[i];

		if (command->run == control_show)
			continue;
		buffer_append_format(&detail, "\n\t%s%s%s", command->name,
				     *command->arguments ? " " : "", command->arguments);
	}
	buffer_append(&detail, "", 1);
	if (detail.failed)
		result = BROKEN;
	else
		reply_notice(table->out, "Console usage", detail.data);
	buffer_release(&detail);
	return result;
}

const struct show show_help = {
	.name = "HELP",
	.help = "What the console understands, as a notice.",
	.rows = help_rows,
};

static enum result version_rows(struct admin *admin, struct table *table)
{
	table_row(table);
	table_text(table, admin->product);
	table_row_end(table);
	return OK;
}

static const struct result_column version_columns[] = { TEXT("version") };

const struct show show_version = {
	.name = "VERSION",
	.help = "Name and version of this program.",
	COLUMNS(version_columns),
	.rows = version_rows,
};

static enum result state_rows(struct admin *admin, struct table *table)
{
	enum steering_state state = admin->steering.state;

	put_pair(table, "active", state == STEERING_ACTIVE ? "yes" : "no");
	put_pair(table, "paused", state == STEERING_PAUSED ? "yes" : "no");
	put_pair(table, "suspended", state == STEERING_SUSPENDED ? "yes" : "no");
	return OK;
}

static const struct result_column state_columns[] = { TEXT("key"), TEXT("value") };

const struct show show_state = {
	.name = "STATE",
	.help = "Whether clients are served, or paused or suspended.",
	COLUMNS(state_columns),
	.rows = state_rows,
};

/* ---- LISTS, MEM ---- */

static void put_count(struct table *table, const char *name, uint64_t count)
{
	table_row(table);
	table_text(table, name);
	table_number(table, (int64_t)count);
	table_row_end(table);
}

struct item_counts {
	unsigned databases, pools, servers;
};

static struct item_counts count_items(const struct pools *pools)
{
	struct item_counts counts = { 1, 1, 0 }; /* the console's database and pool */
	const struct database *database = NULL;
	const struct pool *pool = NULL;

	while ((database = pools_next_database(pools, database)))
		counts.databases++;
	while ((pool = pools_next_pool(pools, pool))) {
		const struct server *server = NULL;

		counts.pools++;
		while ((server = pool_next_server(pool, server)))
			counts.servers++;
	}
	return counts;
}

/* Objects a slab keeps for the next to come; 0 for things that have no slab. */
static size_t kept_objects(const char *name)
{
	const struct slab *slab = NULL;
	struct slab_count count;

	while ((slab = slab_after(slab))) {
		slab_count(slab, &count);
		if (strcmp(count.name, name) == 0)
			return count.free;
	}
	return 0;
}

/* Without those who only wait for the first server of their pool. */
static unsigned count_logging_in(const struct roster *roster)
{
	const struct session *session = NULL;
	struct session_facts facts;
	unsigned count = 0;

	while ((session = roster_next(roster, session))) {
		session_facts(session, &facts);
		count += facts.state <= SESSION_PROVING && moment_is_never(facts.waiting_since);
	}
	return count;
}

static enum result lists_rows(struct admin *admin, struct table *table)
{
	struct item_counts counts = count_items(admin->pools);
	size_t users;

	if (users_count(admin, &users) != OK)
		return BROKEN;
	put_count(table, "databases", counts.databases);
	put_count(table, "users", users);
	put_count(table, "peers", admin->settings->peer_count);
	put_count(table, "pools", counts.pools);
	put_count(table, "peer_pools", peers_count(pools_peers(admin->pools)));
	put_count(table, "free_clients", kept_objects("session"));
	put_count(table, "used_clients", roster_clients(admin->roster));
	put_count(table, "login_clients", count_logging_in(admin->roster));
	put_count(table, "free_servers", kept_objects("server"));
	put_count(table, "used_servers", counts.servers);
	put_count(table, "dns_names", resolver_names(admin->resolver));
	put_count(table, "dns_zones", zones_len(resolver_zones(admin->resolver)));
	put_count(table, "dns_queries", resolver_pending(admin->resolver));
	put_count(table, "dns_pending", resolver_pending(admin->resolver));
	return OK;
}

static const struct result_column lists_columns[] = { TEXT("list"), INT4("items") };

const struct show show_lists = {
	.name = "LISTS",
	.help = "How many of everything there are.",
	COLUMNS(lists_columns),
	.rows = lists_rows,
};

static enum result mem_rows(struct admin *admin, struct table *table)
{
	const struct slab *slab = NULL;
	struct slab_count count;

	(void)admin;
	while ((slab = slab_after(slab))) {
		slab_count(slab, &count);
		table_row(table);
		table_text(table, count.name);
		table_number(table, (int64_t)count.object_size);
		table_number(table, (int64_t)count.used);
		table_number(table, (int64_t)count.free);
		table_number(table, (int64_t)count.bytes);
		table_row_end(table);
	}
	return OK;
}

static const struct result_column mem_columns[] = {
	TEXT("name"), INT4("size"), INT4("used"), INT4("free"), INT4("memtotal"),
};

const struct show show_mem = {
	.name = "MEM",
	.help = "The caches of objects of one size: bytes of an object, how many are in use and "
		"kept, bytes in all.",
	COLUMNS(mem_columns),
	.rows = mem_rows,
};
