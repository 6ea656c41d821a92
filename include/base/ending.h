#ifndef BASE_ENDING_H
#define BASE_ENDING_H

/*
 * The one table of reasons why a client session, a server connection or a single request
 * ends badly: what the client is told, with which SQLSTATE and severity, what the log says
 * behind "closing because: ", and the label it is counted under.
 *
 * Texts are PgBouncer's where it has one for the case, because people grep for them; so is
 * its SQLSTATE 08P01. Reasons of our own carry PostgreSQL's fitting SQLSTATE.
 */

enum ending {
	END_NONE = 0,
#define ENDING(id, severity, sqlstate, label, text) END_##id,
#include "base/ending_table.h"
#undef ENDING
	END_COUNT,
};

struct ending_row {
	const char *severity; /* "FATAL", "ERROR"; "" = nothing is sent, only logged */
	const char *sqlstate; /* five characters */
	const char *label;    /* metric label, lower case with underscores */
	const char *text;     /* what the client and the log read */
};

/* Never NULL; ending must be in range. */
const struct ending_row *ending_row(enum ending ending);

#endif
