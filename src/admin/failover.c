/*
 * FAILOVER db TO host: a planned move of the primary that no client notices but by a pause. Owns
 * struct failover; one at a time. failover_enter is the only place that changes its step.
 *
 *   NONE -> DRAINING -> ASKING -> CATCHING -> PROMOTING -> FINDING -> NONE
 *              \-----------\----------\-- undone --> NONE    \-- too late --> NONE
 *
 * Writes are held from the first step to the last. Until PROMOTING everything can be undone by
 * letting them go on; after that only the probes know, and they are believed: what was written to
 * the old primary while the replica is on its way would be lost. Databases, clusters
 * and hosts are found by name at each look: a reload may come between.
 */

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "admin/admin_internal.h"
#include "base/log.h"
#include "conf/effective.h"
#include "pool/database.h"
#include "pool/pools.h"
#include "route/cluster.h"
#include "session/session.h"

#define TICK_MS	       10
/* XLOG_BLCKSZ, and SizeOfXLogLongPHD: the longest header of a page. */
#define PAGE_BYTES     8192
#define PAGE_HEADER    40
#define ERRAND_SECONDS 5
/* When failover_hold is off. */
#define HOLD_SECONDS 30
/* Once a replica was told to promote itself, nothing may be written elsewhere for so long. */
#define PROMOTE_SECONDS 15

struct place {
	struct database *database;
	struct cluster *cluster;
	unsigned target;
	int primary; /* -1: there is none */
};

#define TO(step) (1u << FAILOVER_##step)

static const struct {
	const char *name;
	unsigned moves; /* steps it may go to */
} steps[] = {
	[FAILOVER_NONE] = { "over", TO(DRAINING) },
	[FAILOVER_DRAINING] = { "waiting for transactions to end", TO(ASKING) | TO(NONE) },
	[FAILOVER_ASKING] = { "asking for the primary's position", TO(CATCHING) | TO(NONE) },
	[FAILOVER_CATCHING] = { "waiting for the replica", TO(PROMOTING) | TO(NONE) },
	[FAILOVER_PROMOTING] = { "promoting", TO(FINDING) | TO(NONE) },
	[FAILOVER_FINDING] = { "the replica may yet be promoted", TO(NONE) },
};

static void failover_enter(struct failover *failover, enum failover_step step)
{
	assert(steps[failover->step].moves & 1u << step);
	failover->step = step;
	log_debug("FAILOVER: %s", steps[step].name);
}

static bool find_place(struct admin *admin, struct place *place)
{
	const struct failover *failover = &admin->failover;
	int target;

	place->database = pools_known_database(admin->pools, slice_of(failover->database));
	place->cluster = place->database ? database_cluster(place->database) : NULL;
	if (!place->cluster)
		return false;
	target = cluster_find(place->cluster, slice_of(failover->host), failover->port);
	place->target = target < 0 ? 0 : (unsigned)target;
	place->primary = cluster_primary(place->cluster);
	return target >= 0;
}

static void hold(const struct place *place, bool held)
{
	struct cluster_change change = cluster_hold_writes(place->cluster, held);

	database_cluster_changed(place->database, &change);
}

/* The end, well or not: error stays for who waits. */
static void finish(struct admin *admin, const char *error)
{
	struct failover *failover = &admin->failover;
	struct place place;

	snprintf(failover->error, sizeof(failover->error), "%s", error ? error : "");
	if (find_place(admin, &place) || place.cluster)
		hold(&place, false);
	timer_disarm(&failover->tick);
	failover_enter(failover, FAILOVER_NONE);
	if (error)
		log_error("%s: FAILOVER to %s:%d did not happen: %s", failover->database,
			  failover->host, failover->port, error);
	else
		log_info("%s: FAILOVER to %s:%d is done", failover->database, failover->host,
			 failover->port);
}

/* ---- errands ---- */

/*
 * Where the replica must be. The insert position at the end of a page of WAL already counts the
 * next page's header (at most PAGE_HEADER bytes, a long one), which no replica replays before
 * there is a record behind it.
 */
static bool read_position(const char *value, char *text, size_t room)
{
	uint32_t high, low;
	int end = 0;

	if (sscanf(value, "%8" SCNx32 "/%8" SCNx32 "%n", &high, &low, &end) != 2 ||
	    value[end] != '\0')
		return false;
	if (low % PAGE_BYTES <= PAGE_HEADER)
		low -= low % PAGE_BYTES;
	snprintf(text, room, "%" PRIX32 "/%" PRIX32, high, low);
	return true;
}

static void on_position(struct admin *admin, const char *value)
{
	struct failover *failover = &admin->failover;

	/* It becomes part of a statement: it is made anew of two numbers. */
	if (read_position(value, failover->position, sizeof(failover->position)))
		failover_enter(failover, FAILOVER_CATCHING);
	else
		finish(admin, "the primary did not tell its position");
}

/* From here on there is no way back, so there is time. */
static void promote(struct admin *admin)
{
	struct failover *failover = &admin->failover;
	struct moment least =
		moment_after(loop_now(admin->loop), span_seconds(PROMOTE_SECONDS));

	if (moment_reached(failover->deadline, least))
		failover->deadline = least;
	failover_enter(failover, FAILOVER_PROMOTING);
}

/* What the server itself said, without libpq's label; NULL: it did not answer. */
static const char *said_by_server(const char *error)
{
	const char *label = "ERROR:  ";

	return strncmp(error, label, strlen(label)) == 0 ? error + strlen(label) : NULL;
}

static void on_error(struct admin *admin, const char *error)
{
	const char *said = said_by_server(error);
	char text[200];

	/* It may have heard. */
	if (admin->failover.step == FAILOVER_PROMOTING && !said) {
		failover_enter(&admin->failover, FAILOVER_FINDING);
		return;
	}
	snprintf(text, sizeof(text), "%s", said ? said : error);
	finish(admin, text);
}

static void on_answer(void *ctx, const char *value, const char *error)
{
	struct admin *admin = ctx;
	struct failover *failover = &admin->failover;

	failover->asked = false;
	if (failover->step == FAILOVER_NONE)
		return;
	if (error) {
		on_error(admin, error);
		return;
	}
	switch (failover->step) {
	case FAILOVER_ASKING: on_position(admin, value); break;
	case FAILOVER_CATCHING:
		if (*value == 't')
			promote(admin);
		break;
	/* Done, or not done yet: that pg_promote() does not wait any longer stops nothing. */
	case FAILOVER_PROMOTING: failover_enter(failover, FAILOVER_FINDING); break;
	case FAILOVER_NONE:
	case FAILOVER_DRAINING:
	case FAILOVER_FINDING: break;
	}
}

static void send_errand(struct admin *admin, const struct place *place, unsigned host,
			const char *sql)
{
	const struct admin_actions *actions = admin->actions;

	admin->failover.asked = true;
	if (actions->errand(actions->ctx, place->database, host, sql, span_seconds(ERRAND_SECONDS),
			    on_answer, admin) == OK)
		return;
	admin->failover.asked = false;
	finish(admin, "the server cannot be asked");
}

/* ---- steps ---- */

static unsigned lent_on(const struct admin *admin, const struct place *place)
{
	struct endpoint_facts facts;

	cluster_endpoint(place->cluster, (unsigned)place->primary, loop_now(admin->loop), &facts);
	return facts.lent;
}

static void take_step(struct admin *admin, const struct place *place)
{
	struct failover *failover = &admin->failover;
	char sql[128];

	switch (failover->step) {
	case FAILOVER_DRAINING:
		if (lent_on(admin, place) == 0)
			failover_enter(failover, FAILOVER_ASKING);
		break;
	case FAILOVER_ASKING:
		send_errand(admin, place, (unsigned)place->primary,
			    "SELECT pg_catalog.pg_current_wal_insert_lsn()");
		break;
	case FAILOVER_CATCHING:
		snprintf(sql, sizeof(sql),
			 "SELECT pg_catalog.pg_last_wal_replay_lsn() >= '%s'::pg_catalog.pg_lsn",
			 failover->position);
		send_errand(admin, place, place->target, sql);
		break;
	case FAILOVER_PROMOTING:
		snprintf(sql, sizeof(sql), "SELECT pg_catalog.pg_promote(true, %d)",
			 ERRAND_SECONDS - 1);
		send_errand(admin, place, place->target, sql);
		break;
	case FAILOVER_FINDING:
		if (place->primary == (int)place->target)
			finish(admin, NULL);
		break;
	case FAILOVER_NONE: break;
	}
}

static void finish_late(struct admin *admin)
{
	char text[128];

	snprintf(text, sizeof(text), "not in time (%s)", steps[admin->failover.step].name);
	finish(admin, text);
}

static void on_tick(void *ctx)
{
	struct admin *admin = ctx;
	struct failover *failover = &admin->failover;
	struct place place;

	if (!find_place(admin, &place))
		finish(admin, "the host is no longer part of the cluster");
	else if (moment_reached(failover->deadline, loop_now(admin->loop)))
		finish_late(admin);
	else if (place.primary < 0 && failover->step < FAILOVER_PROMOTING)
		finish(admin, "the primary is gone");
	else if (!failover->asked)
		take_step(admin, &place);
	if (failover->step != FAILOVER_NONE)
		timer_arm_in(&failover->tick, span_ms(TICK_MS));
}

void failover_init(struct admin *admin)
{
	timer_init(&admin->failover.tick, admin->loop, on_tick, admin);
}

void failover_release(struct admin *admin)
{
	timer_release(&admin->failover.tick);
}

void failover_abandon(struct admin *admin)
{
	if (admin->failover.step != FAILOVER_NONE && admin->failover.step < FAILOVER_PROMOTING)
		finish(admin, "canceling statement due to user request");
}

bool failover_is_under_way(const struct admin *admin, const char **error)
{
	*error = admin->failover.error[0] ? admin->failover.error : NULL;
	return admin->failover.step != FAILOVER_NONE;
}

/* ---- the command ---- */

/* NULL, or why host cannot be the next primary. */
static const char *objection(const struct place *place, unsigned host, struct moment now)
{
	struct endpoint_facts facts;

	if (place->primary < 0)
		return "there is no primary now: promote a replica yourself, it will be found";
	if (place->primary == (int)host)
		return "it is the primary already";
	cluster_endpoint(place->cluster, host, now, &facts);
	if (facts.role != ROLE_REPLICA || facts.state != ENDPOINT_UP)
		return "it is no replica that is up";
	return facts.drained ? "it is drained" : NULL;
}

static enum outcome begin(struct request *request, const struct place *place, unsigned host)
{
	struct admin *admin = request->visit->admin;
	struct failover *failover = &admin->failover;
	struct endpoint_facts target;
	struct span hold_for =
		effective_failover_hold(admin->settings, database_settings(place->database));
	struct moment now = loop_now(admin->loop);
	const char *why_not = objection(place, host, now);

	cluster_endpoint(place->cluster, host, now, &target);
	if (why_not)
		return reply_error(request, "55000", "cannot fail over to %s: %s",
				   request->line->value, why_not);
	if (target.host.len >= sizeof(failover->host))
		return reply_refuse(request, "bad arguments");
	snprintf(failover->host, sizeof(failover->host), "%.*s", (int)target.host.len,
		 target.host.data);
	snprintf(failover->database, sizeof(failover->database), "%s", request->line->subject);
	failover->port = target.port;
	failover->error[0] = '\0';
	failover->deadline =
		moment_after(now, hold_for.us > 0 ? hold_for : span_seconds(HOLD_SECONDS));
	failover_enter(failover, FAILOVER_DRAINING);
	hold(place, true);
	timer_arm_in(&failover->tick, span_ms(TICK_MS));
	log_line(LEVEL_LOG, session_prefix(request->visit->session), "FAILOVER %s TO %s issued",
		 request->line->subject, request->line->value);
	return wait_begin(request, WAIT_FAILOVER, MOMENT_NEVER);
}

/* The one host of the cluster that words name; *count: how many there are. */
static unsigned find_named(const struct cluster *cluster, const char *words, struct moment now,
			   unsigned *count)
{
	unsigned found = 0;

	*count = 0;
	for (unsigned i = 0; i < cluster_options(cluster)->count; i++) {
		struct endpoint_facts facts;

		cluster_endpoint(cluster, i, now, &facts);
		if (!endpoint_is_named(&facts, words))
			continue;
		found = i;
		++*count;
	}
	return found;
}

enum outcome control_failover(struct request *request)
{
	struct admin *admin = request->visit->admin;
	struct place place = { NULL, NULL, 0, -1 };
	unsigned host, count;

	if (!request->line->has_subject || !request->line->value[0])
		return reply_invalid(request);
	/* An errand whose answer nobody awaits any more is waited for, too. */
	if (admin->failover.step != FAILOVER_NONE || admin->failover.asked)
		return reply_error(request, "55006", "another FAILOVER is under way");
	place.database = pools_known_database(admin->pools, slice_of(request->line->subject));
	if (!place.database)
		return reply_refuse(request, "no such database: %s", request->line->subject);
	place.cluster = database_cluster(place.database);
	if (!place.cluster)
		return reply_refuse(request, "database %s has one place only: it does not route",
				    request->line->subject);
	place.primary = cluster_primary(place.cluster);
	host = find_named(place.cluster, request->line->value, loop_now(admin->loop), &count);
	if (count == 0)
		return reply_refuse(request, "no such host in the cluster: %s",
				    request->line->value);
	if (count > 1)
		return reply_refuse(request, "%u hosts of the cluster are named %s: add a port",
				    count, request->line->value);
	return begin(request, &place, host);
}
