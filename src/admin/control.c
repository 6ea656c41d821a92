/*
 * The commands that steer. Each checks its words, then asks pools, roster, steering or the
 * daemon. Called through the table of commands; owns nothing.
 */

#include <strings.h>

#include "admin/admin_internal.h"
#include "base/log.h"
#include "pool/database.h"
#include "pool/pools.h"
#include "session/roster.h"

static void log_command(const struct request *request)
{
	log_line(LEVEL_LOG, session_prefix(request->visit->session), "%s command issued",
		 request->line->verb);
}

static struct admin *admin_of(const struct request *request)
{
	return request->visit->admin;
}

/* ---- words ---- */

static bool is_console(const char *name)
{
	return console_is_name(slice_of(name));
}

/*
 * The database that the command names; NULL when it names none. false: the error is written.
 * make: a name that only `*` covers becomes a database. why_not: what cannot be done to the
 * console's own ("pause").
 */
static bool find_database(struct request *request, bool make, const char *why_not,
			  struct database **database)
{
	struct admin *admin = admin_of(request);
	const char *name = request->line->subject;

	*database = NULL;
	if (!request->line->has_subject)
		return true;
	if (is_console(name)) {
		(void)reply_refuse(request, "cannot %s admin db: %s", why_not, name);
		return false;
	}
	*database = make ? pools_database(admin->pools, slice_of(name))
			 : pools_known_database(admin->pools, slice_of(name));
	if (!*database)
		(void)reply_refuse(request, "no such database: %s", name);
	return *database != NULL;
}

/* ---- settings ---- */

enum outcome control_set(struct request *request)
{
	const struct line *line = request->line;
	struct admin *admin = admin_of(request);
	char tag[LINE_SUBJECT_MAX + LINE_VALUE_MAX + 8];

	log_line(LEVEL_LOG, session_prefix(request->visit->session), "SET %s issued",
		 line->subject);
	switch (admin->actions->set(admin->actions->ctx, slice_of(line->subject),
				    slice_of(line->value))) {
	case OK: break;
	case AGAIN:
		reply_notice(request->out,
			     "TLS settings could not be applied, still using old configuration",
			     NULL);
		break;
	case BROKEN: return reply_refuse(request, "SET failed");
	}
	snprintf(tag, sizeof(tag), "SET %s=%s", line->subject, line->value);
	return reply_done(request, tag);
}

enum outcome control_reload(struct request *request)
{
	struct admin *admin = admin_of(request);

	if (request->line->has_subject)
		return reply_invalid(request);
	log_command(request);
	if (admin->actions->reload(admin->actions->ctx) != OK)
		return reply_error(request, "F0000",
				   "RELOAD failed, see logs for additional details");
	return reply_done(request, "RELOAD");
}

/* ---- PAUSE, SUSPEND, KILL, RESUME ---- */

enum outcome control_pause(struct request *request)
{
	struct admin *admin = admin_of(request);
	struct database *database;
	const char *refusal;

	if (admin->steering.state != STEERING_ACTIVE)
		return reply_refuse(request, "already suspended/paused");
	if (!find_database(request, true, "pause", &database))
		return OUTCOME_REFUSED;
	log_command(request);
	if (database) {
		pools_pause(admin->pools, database);
	} else {
		refusal = steering_pause(&admin->steering);
		if (refusal)
			return reply_refuse(request, "%s", refusal);
	}
	if (pools_is_drained(admin->pools, database))
		return reply_done(request, "PAUSE");
	return wait_begin(request, WAIT_PAUSE, MOMENT_NEVER);
}

enum outcome control_suspend(struct request *request)
{
	struct admin *admin = admin_of(request);
	struct span timeout = admin->settings->suspend_timeout;
	const char *refusal;

	if (request->line->has_subject)
		return reply_invalid(request);
	refusal = steering_suspend(&admin->steering);
	if (refusal)
		return reply_refuse(request, "%s", refusal);
	log_command(request);
	admin->suspender = request->visit;
	if (roster_is_quiet(admin->roster))
		return reply_done(request, "SUSPEND");
	return wait_begin(request, WAIT_SUSPEND,
			  timeout.us > 0 ? moment_after(loop_now(admin->loop), timeout)
					 : MOMENT_NEVER);
}

void control_end_suspension(struct admin *admin)
{
	admin->suspender = NULL;
	if (admin->steering.state == STEERING_SUSPENDED && !steering_resume(&admin->steering))
		log_info("the client that asked for SUSPEND has left, resuming");
}

enum outcome control_kill(struct request *request)
{
	struct admin *admin = admin_of(request);
	struct database *database;

	if (admin->steering.state != STEERING_ACTIVE)
		return reply_refuse(request, "already suspended/paused");
	if (!find_database(request, true, "kill", &database))
		return OUTCOME_REFUSED;
	log_command(request);
	if (database) {
		pools_kill(admin->pools, database);
		roster_end_database(admin->roster, database, END_DATABASE_REMOVED);
	} else {
		(void)steering_kill(&admin->steering);
	}
	return reply_done(request, "KILL");
}

static enum outcome resume_one(struct request *request)
{
	struct admin *admin = admin_of(request);
	struct database *database = NULL;
	bool is_ours = is_console(request->line->subject);

	if (!is_ours && !find_database(request, false, "resume", &database))
		return OUTCOME_REFUSED;
	if (is_ours || !database_is_paused(database))
		return reply_refuse(request, "database %s is not paused", request->line->subject);
	pools_resume(admin->pools, database);
	waits_resumed(admin, request->line->subject);
	return reply_done(request, "RESUME");
}

enum outcome control_resume(struct request *request)
{
	struct admin *admin = admin_of(request);
	const char *refusal;

	log_command(request);
	if (request->line->has_subject) {
		if (admin->steering.shutting_down)
			return reply_refuse(request, "pooler is shutting down");
		return resume_one(request);
	}
	refusal = admin_resume(admin);
	if (refusal)
		return reply_refuse(request, "%s", refusal);
	return reply_done(request, "RESUME");
}

/* ---- one database ---- */

static enum outcome set_disabled(struct request *request, bool disabled)
{
	struct database *database;

	if (!request->line->has_subject)
		return reply_refuse(request, "a database is required");
	if (!find_database(request, disabled, disabled ? "disable" : "enable", &database))
		return OUTCOME_REFUSED;
	log_command(request);
	pools_set_disabled(database, disabled);
	return reply_done(request, disabled ? "DISABLE" : "ENABLE");
}

enum outcome control_disable(struct request *request)
{
	return set_disabled(request, true);
}

enum outcome control_enable(struct request *request)
{
	return set_disabled(request, false);
}

enum outcome control_reconnect(struct request *request)
{
	struct database *database;

	if (!find_database(request, true, "reconnect", &database))
		return OUTCOME_REFUSED;
	log_command(request);
	pools_reconnect(admin_of(request)->pools, database);
	return reply_done(request, "RECONNECT");
}

enum outcome control_wait_close(struct request *request)
{
	struct admin *admin = admin_of(request);
	struct database *database;

	if (request->line->has_subject && is_console(request->line->subject))
		return reply_refuse(request, "cannot wait in admin db: %s", request->line->subject);
	if (!find_database(request, true, "wait", &database))
		return OUTCOME_REFUSED;
	log_command(request);
	if (pools_is_recycled(admin->pools, database))
		return reply_done(request, "WAIT_CLOSE");
	return wait_begin(request, WAIT_CLOSE, MOMENT_NEVER);
}

/* ---- one client, everything ---- */

enum outcome control_kill_client(struct request *request)
{
	int64_t id;

	if (!request->line->has_subject ||
	    text_to_int64(slice_of(request->line->subject), &id) != OK || id < 0)
		return reply_refuse(request, "invalid client pointer supplied");
	log_command(request);
	if (!roster_kill(admin_of(request)->roster, (uint64_t)id))
		return reply_refuse(request, "client not found");
	return reply_done(request, "KILL_CLIENT");
}

enum outcome control_shutdown(struct request *request)
{
	const struct admin_actions *actions = admin_of(request)->actions;
	const char *how = request->line->subject;

	if (!request->line->has_subject) {
		log_command(request);
		actions->shut_down(actions->ctx, SHUTDOWN_NOW);
		return OUTCOME_LEAVES;
	}
	if (strcasecmp(how, "wait_for_servers") != 0 && strcasecmp(how, "wait_for_clients") != 0)
		return reply_invalid(request);
	log_command(request);
	if (strcasecmp(how, "wait_for_servers") == 0)
		actions->shut_down(actions->ctx, SHUTDOWN_WAIT_FOR_SERVERS);
	else if (request->visit->took_over && admin_of(request)->suspender == request->visit)
		actions->hand_over(actions->ctx);
	else
		actions->shut_down(actions->ctx, SHUTDOWN_WAIT_FOR_CLIENTS);
	return reply_done(request, "SHUTDOWN");
}
