/*
 * New settings for a running daemon: read, check, swap, tell everybody; all or nothing. What
 * can be refused (a file with mistakes, a log file that cannot be opened) is tried before
 * anything is changed. Called by signals and by the console's RELOAD and SET.
 */

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "conf/load.h"
#include "daemon/clusters.h"
#include "daemon/daemon_internal.h"
#include "daemon/systemd.h"
#include "net/resolve.h"
#include "pool/pools.h"
#include "session/roster.h"

void log_complaints(const struct complaints *complaints)
{
	for (size_t i = 0; i < complaints->count; i++) {
		const struct complaint *complaint = &complaints->items[i];

		log_line(complaint->severity == COMPLAINT_ERROR ? LEVEL_ERROR : LEVEL_WARNING, NULL,
			 "%s", complaint->text);
	}
	if (complaints->dropped)
		log_warning("%zu more complaints are not shown", complaints->dropped);
}

enum result open_log(const struct daemon *daemon, const struct settings *settings)
{
	const struct log_target target = {
		.file = settings->logfile,
		.quiet = daemon->arguments->quiet || daemon->in_background,
		.syslog = settings->syslog,
		.syslog_ident = settings->syslog_ident,
		.syslog_facility = settings->syslog_facility,
		.verbose = settings->verbose + daemon->arguments->verbose,
	};

	return log_open(&target);
}

/* The context in force when it would be the same; NULL when there can be none. */
static struct tls_context *next_tls(enum tls_side side, const struct settings *settings,
				    struct tls_context *present)
{
	struct buffer why = BUFFER_EMPTY;
	struct tls_context *next = tls_context_new(side, settings, &why);

	if (!next)
		log_error("TLS setup failed: %.*s", (int)why.len, why.data ? why.data : "");
	buffer_release(&why);
	if (!next || !present || !tls_context_equal(next, present))
		return next;
	tls_context_unref(next);
	return tls_context_ref(present);
}

void tls_pair_clear(struct tls_pair *pair)
{
	for (size_t i = 0; i < COUNT_OF(pair->side); i++) {
		tls_context_unref(pair->side[i]);
		pair->side[i] = NULL;
	}
}

enum result tls_pair_read(struct tls_pair *pair, const struct settings *settings,
			  const struct tls_pair *present)
{
	enum result result = OK;

	/* Both, so that everything wrong is told at once. */
	for (size_t i = 0; i < COUNT_OF(pair->side); i++) {
		pair->side[i] = next_tls((enum tls_side)i, settings, present->side[i]);
		if (!pair->side[i])
			result = BROKEN;
	}
	if (result != OK)
		tls_pair_clear(pair);
	return result;
}

/* Takes next, and what tls holds. */
static enum result apply(struct daemon *daemon, const struct settings *next, struct tls_pair tls)
{
	const struct settings *old = daemon->settings;

	if (open_log(daemon, next) != OK) {
		log_error("cannot open log file \"%s\": %s", next->logfile, strerror(errno));
		settings_unref(next);
		tls_pair_clear(&tls);
		return BROKEN;
	}
	daemon->settings = next;
	tls_pair_clear(&daemon->tls);
	daemon->tls = tls;
	pools_reload(daemon->pools, next);
	clusters_reload(daemon->clusters, next);
	pools_set_tls(daemon->pools, tls.side[TLS_WITH_SERVERS]);
	roster_reload(daemon->roster, next);
	roster_set_tls(daemon->roster, tls.side[TLS_WITH_CLIENTS]);
	admin_reload(daemon->admin, next);
	listeners_tune(&daemon->listeners, next);
	resolver_tune(daemon->resolver, next->dns_max_ttl, next->dns_nxdomain_ttl);
	resolver_watch_zones(daemon->resolver, next->dns_zone_check_period);
	settings_unref(old);
	return OK;
}

static enum result reload_all(struct daemon *daemon, const struct settings *next)
{
	struct tls_pair tls;

	if (tls_pair_read(&tls, next, &daemon->tls) == OK)
		return apply(daemon, next, tls);
	settings_unref(next);
	return BROKEN;
}

enum result daemon_reload(struct daemon *daemon)
{
	struct complaints complaints;
	const struct settings *next;
	enum result result = BROKEN;

	systemd_reloading();
	complaints_init(&complaints);
	next = settings_load(daemon->settings->conffile, daemon->settings, &complaints);
	log_complaints(&complaints);
	complaints_release(&complaints);
	if (next)
		result = reload_all(daemon, next);
	if (result != OK)
		log_error("config file loading failed, nothing has changed");
	systemd_ready(result == OK ? "Serving clients" :
				     "Serving clients; the last reload failed, see the log");
	return result;
}

static bool is_about_tls(struct slice key)
{
	static const struct slice heads[] = {
		SLICE_LITERAL("client_tls"),
		SLICE_LITERAL("server_tls"),
	};

	for (size_t i = 0; i < COUNT_OF(heads); i++)
		if (key.len > heads[i].len &&
		    slice_equal_nocase((struct slice){ key.data, heads[i].len }, heads[i]))
			return true;
	return false;
}

enum result daemon_set(struct daemon *daemon, struct slice key, struct slice value)
{
	struct complaints complaints;
	const struct settings *next;
	struct tls_pair tls;
	enum result result = OK;

	complaints_init(&complaints);
	next = settings_with(daemon->settings, key, value, &complaints);
	log_complaints(&complaints);
	complaints_release(&complaints);
	if (!next)
		return BROKEN;
	/* Keys of TLS are set one by one, and only the last makes them fit together. */
	if (!is_about_tls(key) || tls_pair_read(&tls, next, &daemon->tls) != OK) {
		result = is_about_tls(key) ? AGAIN : OK;
		for (size_t i = 0; i < COUNT_OF(tls.side); i++)
			tls.side[i] = tls_context_ref(daemon->tls.side[i]);
	}
	return apply(daemon, next, tls) == OK ? result : BROKEN;
}
