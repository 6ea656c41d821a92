/*
 * The root of the console: builds its parts, closes the stats windows, hands new settings
 * out. Owned by the daemon.
 */

#include "admin/admin_internal.h"
#include "base/alloc.h"
#include "pool/pools.h"
#include "session/roster.h"

static void on_period(void *context)
{
	struct admin *admin = context;

	if (stats_refresh(&admin->stats, admin->pools) == OK) {
		stats_close_window(&admin->stats, loop_now(admin->loop));
		if (admin->settings->log_stats)
			stats_log(&admin->stats);
	}
	timer_arm_in(&admin->period, span_seconds(admin->settings->stats_period));
}

struct admin *admin_new(const struct admin_options *options)
{
	struct admin *admin = mem_alloc_zero(sizeof(*admin));

	if (!admin)
		return NULL;
	admin->loop = options->loop;
	admin->pools = options->pools;
	admin->roster = options->roster;
	admin->resolver = options->resolver;
	admin->settings = settings_ref(options->settings);
	admin->actions = options->actions;
	admin->product = options->product;
	admin->version = options->version;
	buffer_init(&admin->out);
	stats_init(&admin->stats);
	stats_close_window(&admin->stats, loop_now(admin->loop));
	steering_init(&admin->steering, admin->pools, admin->roster, admin->actions);
	waits_init(admin);
	failover_init(admin);
	timer_init(&admin->period, admin->loop, on_period, admin);
	timer_arm_in(&admin->period, span_seconds(admin->settings->stats_period));
	console_init(admin);
	return admin;
}

void admin_free(struct admin *admin)
{
	if (!admin)
		return;
	timer_release(&admin->period);
	failover_release(admin);
	waits_release(admin);
	stats_release(&admin->stats);
	buffer_release(&admin->out);
	settings_unref(admin->settings);
	mem_free(admin);
}

void admin_reload(struct admin *admin, const struct settings *settings)
{
	const struct settings *old = admin->settings;

	admin->settings = settings_ref(settings);
	if (old->stats_period != settings->stats_period)
		timer_arm_in(&admin->period, span_seconds(settings->stats_period));
	settings_unref(old);
}

struct steering *admin_steering(struct admin *admin)
{
	return &admin->steering;
}

const char *admin_resume(struct admin *admin)
{
	const char *refusal = steering_resume(&admin->steering);

	if (refusal)
		return refusal;
	admin->suspender = NULL;
	waits_resumed(admin, "");
	return NULL;
}
