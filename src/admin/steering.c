/*
 * PAUSE, SUSPEND, KILL and RESUME of everything. Called by the console's commands and by the
 * daemon's signals; acts on pools, roster and listeners. steering_enter is the only place that
 * changes the state.
 *
 *         ACTIVE -- PAUSE, KILL --> PAUSED
 *         ACTIVE -- SUSPEND ------> SUSPENDED
 *         PAUSED, SUSPENDED -- RESUME --> ACTIVE
 */

#include "admin/steering.h"

#include <assert.h>
#include <stddef.h>

#include "admin/admin.h"
#include "pool/database.h"
#include "pool/pools.h"
#include "session/roster.h"

static const char already[] = "already suspended/paused";

static void steering_enter(struct steering *steering, enum steering_state state)
{
	assert((steering->state == STEERING_ACTIVE) != (state == STEERING_ACTIVE));
	steering->state = state;
}

void steering_init(struct steering *steering, struct pools *pools, struct roster *roster,
		   const struct admin_actions *actions)
{
	*steering = (struct steering){
		.state = STEERING_ACTIVE, .pools = pools, .roster = roster, .actions = actions
	};
}

const char *steering_pause(struct steering *steering)
{
	if (steering->state != STEERING_ACTIVE)
		return already;
	steering_enter(steering, STEERING_PAUSED);
	pools_pause(steering->pools, NULL);
	return NULL;
}

static bool any_is_paused(const struct pools *pools)
{
	const struct database *database = NULL;

	while ((database = pools_next_database(pools, database)))
		if (database_is_paused(database))
			return true;
	return false;
}

const char *steering_suspend(struct steering *steering)
{
	if (steering->state != STEERING_ACTIVE)
		return already;
	if (any_is_paused(steering->pools))
		return "cannot suspend with paused databases";
	steering_enter(steering, STEERING_SUSPENDED);
	roster_suspend(steering->roster);
	steering->actions->suspend_listeners(steering->actions->ctx, true);
	return NULL;
}

const char *steering_kill(struct steering *steering)
{
	if (steering->state != STEERING_ACTIVE)
		return already;
	steering_enter(steering, STEERING_PAUSED);
	pools_kill(steering->pools, NULL);
	roster_end_database(steering->roster, NULL, END_DATABASE_REMOVED);
	return NULL;
}

const char *steering_resume(struct steering *steering)
{
	if (steering->shutting_down)
		return "pooler is shutting down";
	if (steering->state == STEERING_ACTIVE)
		return "pooler is not paused/suspended";
	if (steering->state == STEERING_PAUSED) {
		pools_resume(steering->pools, NULL);
	} else {
		roster_resume(steering->roster);
		steering->actions->suspend_listeners(steering->actions->ctx, false);
	}
	steering_enter(steering, STEERING_ACTIVE);
	return NULL;
}

void steering_shut_down(struct steering *steering)
{
	steering->shutting_down = true;
}

bool steering_is_settled(const struct steering *steering)
{
	switch (steering->state) {
	case STEERING_ACTIVE: return true;
	case STEERING_PAUSED: return pools_is_drained(steering->pools, NULL);
	case STEERING_SUSPENDED: return roster_is_quiet(steering->roster);
	}
	return true;
}
