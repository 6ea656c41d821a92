#ifndef SCENARIO_H
#define SCENARIO_H

#include "stage/stage.h"

/*
 * What is played again and again, with the 1st, 2nd, 3rd, ... allocation failing, until it is
 * played to the end without a fault.
 */

#define SCENARIO_CLIENTS 12

struct scenario {
	const char *name;
	struct stage_setup setup;
	/* name, script, name, script, ..., NULL. The faults begin when a script says `arm`. */
	const char *clients[2 * SCENARIO_CLIENTS + 1];
	/*
	 * How many clients one fault may end: the one whose memory it was; more only where they
	 * share what was lost. 0 means 1.
	 */
	unsigned victims;
};

/* Clients: name, script, name, script, ... */
#define PLAYED_BY(...) .clients = { __VA_ARGS__, NULL }
/* The lines of struct stage_setup. */
#define SET_UP(...) .setup = { __VA_ARGS__ }

extern const struct scenario scenarios_login[];
extern const struct scenario scenarios_query[];
extern const struct scenario scenarios_trouble[];
extern const struct scenario scenarios_operator[];
extern const struct scenario scenarios_cluster[];

#endif
