#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ending.h"
#include "base/moment.h"
#include "base/text.h"
#include "wire/startup.h"

/* One client: its stream, its conversation, its place in a pool's queue or its lent server. */

struct session;
struct stream;
struct pool;
struct server;

enum session_state {
	SESSION_GREETING, /* start-up packets, TLS */
	SESSION_PROVING,  /* authentication, and the wait for the welcome parameters */
	SESSION_IDLE,     /* logged in, holds no server */
	SESSION_WAITING,  /* in a pool's queue */
	SESSION_WORKING,  /* holds a server */
	SESSION_SERVED,   /* talks to a service (console) */
	SESSION_LEAVING,  /* last bytes are on their way; freed by the reaper */
};

/* What logs and SHOW CLIENTS print for a state. */
const char *session_state_name(enum session_state state);

struct session_facts {
	uint64_t             id;
	enum session_state   state;
	const char          *user;     /* "(nouser)" before it is known */
	const char          *database; /* "(nodb)" before it is known */
	struct slice         application_name;
	const struct stream *stream;
	struct pool         *pool;     /* NULL at a service or before login */
	struct server       *server;   /* the lent one, or NULL */
	struct moment        connected;
	struct moment        requested; /* when its latest query began */
	struct moment        waiting_since; /* never when not waiting */
	unsigned             statements; /* named prepared statements */
	bool                 close_needed;
	enum replication     replication;
};
void session_facts(const struct session *session, struct session_facts *facts);
/* "C-0x...: db/user@host:port " for log lines. Valid until the next call. */
const char *session_prefix(const struct session *session);

/*
 * Ends it for this reason: the client is told (if the ending has a severity), the server given
 * back, the memory freed by the reaper. instead: NULL, or the message to send instead of the
 * ending's own text (borrowed).
 */
void session_end(struct session *session, enum ending why, const char *instead);
/* The same with a DETAIL field for the client, empty for none. */
void session_end_detailed(struct session *session, enum ending why, const char *instead,
                          struct slice detail);

#endif
