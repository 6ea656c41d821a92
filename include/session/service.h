#ifndef SESSION_SERVICE_H
#define SESSION_SERVICE_H

#include <stdbool.h>

#include "base/ending.h"
#include "base/result.h"
#include "base/text.h"
#include "wire/message.h"

/*
 * A database answered by ourselves: the console registers one. A login to one of its names binds
 * the session to it instead of a pool; session knows only this table.
 */

struct session;
struct buffer;

struct service_login {
	struct slice user;
	bool         own_user;      /* over a Unix socket with the daemon's own uid */
	bool         authenticated; /* false: asked before authentication, to refuse early */
};

struct service {
	const char *const *names; /* database names it answers to, NULL at the end */
	void              *ctx;
	/*
	 * May this user enter? false: END_CONSOLE_NOT_ALLOWED. *skip_authentication may be set
	 * for own_user.
	 */
	bool (*may_enter)(void *ctx, const struct service_login *login, bool *skip_authentication);
	/* Writes the ParameterStatus messages of the welcome. */
	void (*write_welcome)(void *ctx, struct buffer *out);
	/* The client is in: gives the visit handed to the calls below; NULL without memory. */
	void *(*open)(void *ctx, struct session *session, const struct service_login *login);
	/*
	 * One whole message of the client (bodies longer than 64 kB end the session before).
	 * It answers with service_reply. Not called while held.
	 */
	void (*on_message)(void *visit, const struct message *message);
	/* CancelRequest for this session. */
	void (*on_cancel)(void *visit);
	/* The client is gone or being ended; the visit is dead after. */
	void (*close)(void *visit);
};

/* Queues bytes for the client. Ends the session without memory. */
void service_reply(struct session *session, struct slice bytes);
/*
 * Sends what is queued and then bytes, the descriptor fd with them, to a client on a Unix socket;
 * waits for it, a few seconds at most. BROKEN: it did not take them.
 */
enum result service_pass(struct session *session, struct slice bytes, int fd) MUST_USE;
/* No more messages until released: the answer takes time (PAUSE). */
void service_hold(struct session *session);
void service_release(struct session *session);

#endif
