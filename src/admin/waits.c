/*
 * Commands that are answered later: PAUSE, SUSPEND, WAIT_CLOSE. Owns nothing but the places
 * of visits in admin->waits. Looked at whenever servers or sessions ended, and a few times a
 * second while anybody waits, since nobody tells when the last queued byte was sent.
 *
 * A visit that waits has its session held: no message of it comes before the answer. Late
 * answers have a buffer of their own: another visit's command may be half-way in admin->out.
 */

#include "admin/admin_internal.h"
#include "net/stream.h"
#include "pool/database.h"
#include "pool/pools.h"
#include "session/roster.h"

#define TICK_MS 100

static const char *const wait_tags[] = {
	[WAIT_PAUSE] = "PAUSE",
	[WAIT_SUSPEND] = "SUSPEND",
	[WAIT_CLOSE] = "WAIT_CLOSE",
	[WAIT_FAILOVER] = "FAILOVER",
};

static void check_waits(void *admin)
{
	admin_check_waits(admin);
}

void waits_init(struct admin *admin)
{
	list_init(&admin->waits);
	timer_init(&admin->tick, admin->loop, check_waits, admin);
}

void waits_release(struct admin *admin)
{
	timer_release(&admin->tick);
}

enum outcome wait_begin(struct request *request, enum wait_kind wait, struct moment until)
{
	struct visit *visit = request->visit;
	struct admin *admin = visit->admin;

	visit->wait = wait;
	visit->wait_simple = request->simple;
	visit->wait_until = until;
	memcpy(visit->wait_database, request->line->subject, sizeof(visit->wait_database));
	list_append(&admin->waits, &visit->in_waits);
	service_hold(visit->session);
	timer_arm_in(&admin->tick, span_ms(TICK_MS));
	return OUTCOME_WAITS;
}

static void wait_leave(struct visit *visit)
{
	list_remove(&visit->admin->waits, &visit->in_waits);
	visit->wait = WAIT_NOTHING;
}

/* The answer is in out; nothing of visit may be touched after. */
static void wait_answered(struct visit *visit, struct buffer *out)
{
	struct session *session = visit->session;

	if (visit->wait_simple)
		console_ready(visit, out);
	console_send(visit, out);
	if (visit->session)
		service_release(session);
	buffer_release(out);
}

static void wait_done(struct visit *visit)
{
	struct buffer out = BUFFER_EMPTY;
	struct request request = { .visit = visit, .out = &out };

	(void)reply_done(&request, wait_tags[visit->wait]);
	wait_leave(visit);
	wait_answered(visit, &out);
}

static void wait_failed(struct visit *visit, const char *text)
{
	struct buffer out = BUFFER_EMPTY;
	struct request request = { .visit = visit, .out = &out };

	(void)reply_error(&request, "57014", "%s", text);
	visit->skipping = !visit->wait_simple;
	wait_leave(visit);
	wait_answered(visit, &out);
}

/* suspend_timeout: who has not taken his bytes until now never will. */
static void drop_the_slow(struct admin *admin)
{
	struct session *session = roster_next(admin->roster, NULL), *next;
	struct session_facts facts;

	for (; session; session = next) {
		next = roster_next(admin->roster, session);
		session_facts(session, &facts);
		if (facts.state != SESSION_SERVED && facts.state != SESSION_LEAVING &&
		    facts.stream && stream_out_len(facts.stream) > 0)
			session_end(session, END_SUSPEND_TIMEOUT, NULL);
	}
}

static bool wait_is_over(struct admin *admin, const struct visit *visit, const char **error)
{
	struct slice name = slice_of(visit->wait_database);
	struct database *database = name.len ? pools_known_database(admin->pools, name) : NULL;

	if (visit->wait == WAIT_FAILOVER)
		return !failover_is_under_way(admin, error);
	/* A database that a reload has taken away meanwhile has nothing left to wait for. */
	if (name.len && !database)
		return true;
	switch (visit->wait) {
	case WAIT_NOTHING: return true;
	case WAIT_PAUSE: return pools_is_drained(admin->pools, database);
	case WAIT_CLOSE: return pools_is_recycled(admin->pools, database);
	case WAIT_FAILOVER:
	case WAIT_SUSPEND: break;
	}
	if (moment_is_never(visit->wait_until) ||
	    !moment_reached(visit->wait_until, loop_now(admin->loop)))
		return roster_is_quiet(admin->roster);
	drop_the_slow(admin);
	return true;
}

void admin_check_waits(struct admin *admin)
{
	struct list_node *node = list_first(&admin->waits);

	while (node) {
		struct visit *visit = CONTAINER_OF(node, struct visit, in_waits);
		const char *error = NULL;

		node = list_next(&admin->waits, node);
		if (!wait_is_over(admin, visit, &error))
			continue;
		if (error)
			wait_failed(visit, error);
		else
			wait_done(visit);
		/* The next message of that client may have changed the list in any way. */
		node = list_first(&admin->waits);
	}
	if (admin->waits.len)
		timer_arm_in(&admin->tick, span_ms(TICK_MS));
}

void waits_resumed(struct admin *admin, const char *database)
{
	struct list_node *node = list_first(&admin->waits);

	while (node) {
		struct visit *visit = CONTAINER_OF(node, struct visit, in_waits);

		node = list_next(&admin->waits, node);
		if (visit->wait == WAIT_CLOSE || visit->wait == WAIT_FAILOVER ||
		    strcmp(visit->wait_database, database) != 0)
			continue;
		wait_failed(visit, "undone by RESUME");
		node = list_first(&admin->waits);
	}
}

static void undo(struct visit *visit, enum wait_kind wait)
{
	struct admin *admin = visit->admin;
	struct slice name = slice_of(visit->wait_database);
	struct database *database;

	if (wait == WAIT_CLOSE)
		return;
	if (wait == WAIT_FAILOVER) {
		failover_abandon(admin);
		return;
	}
	if (name.len == 0) {
		admin->suspender = NULL;
		(void)steering_resume(&admin->steering);
		return;
	}
	database = pools_known_database(admin->pools, name);
	if (database)
		pools_resume(admin->pools, database);
}

void wait_abandon(struct visit *visit, bool cancelled)
{
	enum wait_kind wait = visit->wait;

	if (wait == WAIT_NOTHING)
		return;
	/* One who leaves a PAUSE behind has asked for it all the same. */
	if (cancelled || wait == WAIT_SUSPEND)
		undo(visit, wait);
	if (cancelled)
		wait_failed(visit, "canceling statement due to user request");
	else
		wait_leave(visit);
}
