#ifndef ADMIN_STEERING_H
#define ADMIN_STEERING_H

#include <stdbool.h>

/*
 * Whether clients are served at all: PAUSE, SUSPEND, KILL and RESUME of everything, asked for
 * on the console or by a signal. PAUSE of one database is the pools' own affair.
 */

struct admin_actions;
struct pools;
struct roster;

enum steering_state {
	STEERING_ACTIVE,
	STEERING_PAUSED,    /* servers are closed as they come free, clients wait */
	STEERING_SUSPENDED, /* no client is read, none is accepted */
};

struct steering {
	enum steering_state state;
	bool shutting_down;
	struct pools *pools;
	struct roster *roster;
	const struct admin_actions *actions;
};

/* All three are borrowed for its life. */
void steering_init(struct steering *steering, struct pools *pools, struct roster *roster,
		   const struct admin_actions *actions);
/* Each: NULL when it is done, else the reason why it is refused (a literal). */
const char *steering_pause(struct steering *steering);
const char *steering_suspend(struct steering *steering);
const char *steering_kill(struct steering *steering);
const char *steering_resume(struct steering *steering);
/* A shutdown has begun: RESUME is refused from now on. */
void steering_shut_down(struct steering *steering);
/* What a pause or suspension was asked for is reached. */
bool steering_is_settled(const struct steering *steering);

#endif
