#ifndef SESSION_HANDOVER_H
#define SESSION_HANDOVER_H

#include <stdbool.h>

#include "base/result.h"
#include "base/text.h"
#include "net/address.h"

/*
 * Clients that go on in another process (online restart). One that holds no server can: all that
 * is remembered of it is values, and its socket can be passed. In the process that has it now it is
 * marked as passed, and let go when the other has said that it has taken over; in the other one it
 * is adopted, logged in and idle.
 */

struct roster;
struct session;
struct scram_keys;

/* True when it is idle, unencrypted, not a cluster's, and nothing of it is half-way. */
bool handover_is_possible(const struct session *session);
/* Its socket was passed. Undone by roster_resume. */
void handover_mark(struct session *session);
bool handover_is_marked(const struct session *session);
/* Ends those that are marked, without a byte to or from the client. How many. */
unsigned handover_let_go(struct roster *roster);

struct handover_pair {
	struct slice name, value;
};

struct handover_client {
	struct slice   user, database;
	struct slice   key;  /* its cancel key */
	struct address peer; /* whose connection it is; len 0: as the socket says */
	const struct scram_keys    *keys; /* for logins to servers in its name; NULL: none */
	const struct handover_pair *settings;
	size_t                      setting_count;
	const struct handover_pair *statements; /* the unnamed one has an empty name */
	size_t                      statement_count;
};
/*
 * Takes fd. A client that cannot go on (its database is gone, no memory) is told and closed:
 * BROKEN.
 */
enum result handover_adopt(struct roster *roster, int fd,
                           const struct handover_client *client) MUST_USE;

#endif
