/*
 * New settings for a running daemon: read, check, swap, tell everybody; all or nothing. What
 * can be refused (a file with mistakes, a log file that cannot be opened) is tried before
 * anything is changed. Called by signals and by the console's RELOAD and SET.
 */

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "conf/load.h"
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

/* Takes next. */
static enum result apply(struct daemon *daemon, const struct settings *next)
{
	const struct settings *old = daemon->settings;

	if (open_log(daemon, next) != OK) {
		log_error("cannot open log file \"%s\": %s", next->logfile, strerror(errno));
		settings_unref(next);
		return BROKEN;
	}
	daemon->settings = next;
	pools_reload(daemon->pools, next);
	roster_reload(daemon->roster, next);
	admin_reload(daemon->admin, next);
	listeners_tune(&daemon->listeners, next);
	resolver_tune(daemon->resolver, next->dns_max_ttl, next->dns_nxdomain_ttl);
	settings_unref(old);
	return OK;
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
		result = apply(daemon, next);
	if (result != OK)
		log_error("config file loading failed, nothing has changed");
	systemd_ready(result == OK ? "Serving clients" :
				     "Serving clients; the last reload failed, see the log");
	return result;
}

enum result daemon_set(struct daemon *daemon, struct slice key, struct slice value)
{
	struct complaints complaints;
	const struct settings *next;

	complaints_init(&complaints);
	next = settings_with(daemon->settings, key, value, &complaints);
	log_complaints(&complaints);
	complaints_release(&complaints);
	return next ? apply(daemon, next) : BROKEN;
}
