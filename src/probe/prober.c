/*
 * The prober of one cluster: a link to each host, questions out, facts in. Owned by the daemon;
 * the cluster belongs to its database and may go first. When to ask is schedule.c's, what to ask
 * question.c's.
 */

#include "probe/prober.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "conf/effective.h"
#include "prober_internal.h"
#include "route/position.h"

/* ---- telling ---- */

static void log_host(const struct prober *prober, unsigned host)
{
	struct endpoint_facts facts;
	const char *error = prober_error(prober, host);

	cluster_endpoint(prober->cluster, host, loop_now(prober->loop), &facts);
	log_line(facts.state == ENDPOINT_UP ? LEVEL_LOG : LEVEL_WARNING, NULL,
		 "cluster %s: %.*s:%d is %s, %s, timeline %u%s%s%s", prober->name,
		 (int)facts.host.len, facts.host.data, facts.port, endpoint_role_name(facts.role),
		 endpoint_state_name(facts.state), facts.timeline, *error ? " (" : "", error,
		 *error ? ")" : "");
}

static void log_change(const struct prober *prober, const struct cluster_change *change)
{
	int primary = cluster_primary(prober->cluster);

	for (unsigned i = 0; i < prober->count; i++)
		if (change->log >> i & 1)
			log_host(prober, i);
	if (change->split_brain)
		log_error("cluster %s: SPLIT BRAIN: two primaries on one timeline, writes are held "
			  "until one of them is stopped, follows, or wins by a new timeline",
			  prober->name);
	if (change->primary_moved && primary >= 0)
		log_info("cluster %s: the primary is %s:%d", prober->name,
			 prober->hosts[primary]->host, prober->hosts[primary]->port);
}

/* ---- asking ---- */

static void keep_error(struct probed *probed, const char *error)
{
	snprintf(probed->error, sizeof(probed->error), "%s", error ? error : "");
}

/* A new primary's first round goes out at once: nothing is read from replicas before. */
static void begin_rounds(struct prober *prober)
{
	struct probed *primary = prober->hosts[cluster_primary(prober->cluster)];

	prober->book_due = loop_now(prober->loop);
	if (!link_is_busy(primary->link))
		prober_ask(prober, primary);
}

static void take(struct prober *prober, struct probed *probed, const struct probe_facts *facts)
{
	struct cluster_change change = cluster_take_facts(prober->cluster, probed->index, facts,
							  loop_now(prober->loop));

	log_change(prober, &change);
	schedule_answered(prober, probed, facts->answered);
	if (change.primary_moved)
		begin_rounds(prober);
	loop_at_end(prober->loop, &prober->task);
	prober->options.on_change(prober->options.ctx, &change);
}

static void on_answer(void *ctx, const struct link_answer *answer)
{
	struct probed *probed = ctx;
	struct prober *prober = probed->prober;
	struct probe_facts facts = { .round = probed->round };

	if (!prober->cluster)
		return;
	probed->round = 0;
	keep_error(probed, answer->error);
	question_read(answer, &facts);
	if (answer->answered && !facts.answered && !*probed->error)
		keep_error(probed, "it did not say what it is");
	take(prober, probed, &facts);
}

static void on_lost(void *ctx)
{
	struct probed *probed = ctx;
	struct prober *prober = probed->prober;

	if (!prober->cluster)
		return;
	(void)cluster_note_trouble(prober->cluster, probed->index, loop_now(prober->loop));
	prober_hurry(prober, probed->index);
}

/*
 * How long the answer may take. A host that falls silent is to be noticed within the timeout, so
 * the time since it was last heard is part of it, where probes come often enough for that.
 */
static struct span patience(const struct prober *prober, const struct endpoint_facts *facts,
			    struct moment now)
{
	struct span timeout = prober->timeout, silent;

	if (facts->state == ENDPOINT_UNKNOWN || facts->state == ENDPOINT_DOWN)
		return timeout;
	silent = moment_between(facts->answered, now);
	if (silent.us > 0 && silent.us <= timeout.us / 2)
		timeout.us -= silent.us;
	return timeout;
}

void prober_ask(struct prober *prober, struct probed *probed)
{
	const char *lag_query = effective_lag_query(prober->settings, prober->entry);
	struct endpoint_facts facts;
	struct moment now = loop_now(prober->loop);
	char *text;

	cluster_endpoint(prober->cluster, probed->index, now, &facts);
	text = question_text(facts.role == ROLE_REPLICA ? lag_query : NULL);
	probed->asked = now;
	probed->hurry = false;
	if (facts.is_primary) {
		probed->round = position_send_round(prober->cluster, now);
		prober->round_sent = now;
	}
	/* Without memory it is asked another time. */
	if (!text || link_ask(probed->link, text, patience(prober, &facts, now), on_answer,
			      probed) != OK)
		probed->round = 0;
	mem_free(text);
}

static void on_due(void *ctx)
{
	schedule_run(ctx);
}

static void run_schedule(struct loop_task *task)
{
	schedule_run(CONTAINER_OF(task, struct prober, task));
}

/* ---- the cluster's callbacks ---- */

static void on_wanted(void *ctx)
{
	struct prober *prober = ctx;

	loop_at_end(prober->loop, &prober->task);
}

static void on_gone(void *ctx)
{
	struct prober *prober = ctx;

	prober->cluster = NULL;
	timer_disarm(&prober->timer);
	loop_forget(prober->loop, &prober->task);
	prober->options.on_gone(prober->options.ctx);
}

/* ---- hosts ---- */

static void probed_free(struct probed *probed)
{
	if (!probed)
		return;
	link_free(probed->link);
	mem_free(probed->host);
	mem_free(probed);
}

static struct probed *probed_new(struct prober *prober, const struct endpoint_facts *facts)
{
	struct probed *probed = mem_alloc_zero(sizeof(*probed));
	struct link_owner owner = { on_lost, probed };

	if (!probed)
		return NULL;
	probed->prober = prober;
	probed->port = facts->port;
	probed->host = mem_copy_text(facts->host.data, facts->host.len);
	probed->link = link_new(prober->loop, prober->resolver, owner);
	if (probed->host && probed->link)
		return probed;
	probed_free(probed);
	return NULL;
}

/* The one there is for this host, taken out of the list, or NULL. */
static struct probed *take_known(struct prober *prober, const struct endpoint_facts *facts)
{
	for (unsigned i = 0; i < prober->count; i++) {
		struct probed *probed = prober->hosts[i];

		if (!probed || probed->port != facts->port ||
		    !slice_equal(slice_of(probed->host), facts->host))
			continue;
		prober->hosts[i] = NULL;
		return probed;
	}
	return NULL;
}

static enum result match_hosts(struct prober *prober)
{
	unsigned count = cluster_options(prober->cluster)->count, made = 0;
	struct probed *hosts[CLUSTER_MAX_HOSTS];
	struct endpoint_facts facts;

	for (; made < count; made++) {
		cluster_endpoint(prober->cluster, made, loop_now(prober->loop), &facts);
		hosts[made] = take_known(prober, &facts);
		if (!hosts[made])
			hosts[made] = probed_new(prober, &facts);
		if (!hosts[made])
			break;
		hosts[made]->index = made;
	}
	for (unsigned i = 0; i < prober->count; i++)
		probed_free(prober->hosts[i]);
	memcpy(prober->hosts, hosts, made * sizeof(*hosts));
	prober->count = made;
	return made == count ? OK : BROKEN;
}

struct link_target prober_target(const struct prober *prober, unsigned host)
{
	return (struct link_target){
		.host = prober->hosts[host]->host,
		.port = prober->hosts[host]->port,
		.dbname = prober->dbname,
		.user = prober->user,
		.password = prober->password,
		.channel_binding = effective_channel_binding(prober->settings, prober->entry),
		.settings = prober->settings,
	};
}

/* ---- settings ---- */

static enum result replace_text(char **text, const char *with, bool is_secret)
{
	char *copy = with ? mem_copy_text(with, strlen(with)) : NULL;

	if (with && !copy)
		return BROKEN;
	if (*text && is_secret)
		mem_free_secret(*text, strlen(*text));
	else
		mem_free(*text);
	*text = copy;
	return OK;
}

enum result prober_follow(struct prober *prober, const struct prober_settings *settings)
{
	const struct settings *old = prober->settings;
	enum result result;

	prober->settings = settings_ref(settings->settings);
	prober->entry = settings->entry;
	settings_unref(old);
	prober->interval = effective_probe_interval(prober->settings, prober->entry);
	prober->timeout = effective_probe_timeout(prober->settings, prober->entry);
	loop_at_end(prober->loop, &prober->task);
	result = match_hosts(prober);
	if (replace_text(&prober->dbname, settings->dbname, false) != OK ||
	    replace_text(&prober->user, settings->user, false) != OK ||
	    replace_text(&prober->password, settings->password, true) != OK)
		return BROKEN;
	for (unsigned i = 0; i < prober->count; i++) {
		struct link_target target = prober_target(prober, i);

		if (link_aim(prober->hosts[i]->link, &target) != OK)
			result = BROKEN;
	}
	prober->book_due = loop_now(prober->loop);
	return result;
}

void prober_hurry(struct prober *prober, unsigned host)
{
	if (!prober->cluster || host >= prober->count)
		return;
	prober->hosts[host]->hurry = true;
	loop_at_end(prober->loop, &prober->task);
}

const char *prober_error(const struct prober *prober, unsigned host)
{
	return host < prober->count ? prober->hosts[host]->error : "";
}

/* ---- errands ---- */

static void on_errand(void *ctx, const struct link_answer *answer)
{
	struct prober *prober = ctx;

	link_free(prober->errand);
	prober->errand = NULL;
	prober->on_errand(prober->errand_ctx, answer);
}

enum result prober_send(struct prober *prober, unsigned host, const char *sql, struct span timeout,
			void (*on_done)(void *ctx, const struct link_answer *answer), void *ctx)
{
	struct link_target target;

	if (prober->errand || !prober->cluster || host >= prober->count)
		return BROKEN;
	target = prober_target(prober, host);
	prober->errand = link_new(prober->loop, prober->resolver,
				  (struct link_owner){ NULL, NULL });
	if (!prober->errand)
		return BROKEN;
	prober->on_errand = on_done;
	prober->errand_ctx = ctx;
	if (link_aim(prober->errand, &target) == OK &&
	    link_ask(prober->errand, sql, timeout, on_errand, prober) == OK)
		return OK;
	link_free(prober->errand);
	prober->errand = NULL;
	return BROKEN;
}

/* ---- life ---- */

struct prober *prober_new(const struct prober_options *options)
{
	struct prober *prober = mem_alloc_zero(sizeof(*prober));
	struct cluster_watcher watcher = { on_wanted, on_gone, prober };

	if (!prober)
		return NULL;
	prober->name = mem_copy_text(options->name, strlen(options->name));
	if (!prober->name) {
		mem_free(prober);
		return NULL;
	}
	prober->options = *options;
	prober->options.name = prober->name;
	prober->loop = options->loop;
	prober->resolver = options->resolver;
	prober->cluster = options->cluster;
	prober->task.run = run_schedule;
	timer_init(&prober->timer, prober->loop, on_due, prober);
	cluster_watch(prober->cluster, &watcher);
	return prober;
}

static void run_reap(struct loop_task *task)
{
	struct prober *prober = CONTAINER_OF(task, struct prober, task);

	for (unsigned i = 0; i < prober->count; i++)
		probed_free(prober->hosts[i]);
	(void)replace_text(&prober->dbname, NULL, false);
	(void)replace_text(&prober->user, NULL, false);
	(void)replace_text(&prober->password, NULL, true);
	settings_unref(prober->settings);
	mem_free(prober->name);
	mem_free(prober);
}

void prober_free(struct prober *prober)
{
	if (!prober || prober->freed)
		return;
	prober->freed = true;
	if (prober->cluster)
		cluster_watch(prober->cluster, NULL);
	prober->cluster = NULL;
	timer_release(&prober->timer);
	for (unsigned i = 0; i < prober->count; i++) {
		link_free(prober->hosts[i]->link);
		prober->hosts[i]->link = NULL;
	}
	link_free(prober->book_link);
	link_free(prober->errand);
	loop_forget(prober->loop, &prober->task);
	prober->task.run = run_reap;
	loop_reap(prober->loop, &prober->task);
}
