#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include "base/moment.h"
#include "base/result.h"
#include "base/text.h"
#include "conf/settings.h"

/*
 * The console: the service that answers to the databases "pgcarwash" and "pgbouncer", with what
 * it shows and what it steers. Above it is only the daemon, whose part in a command comes in
 * as callbacks.
 */

struct address;
struct admin;
struct database;
struct loop;
struct pools;
struct resolver;
struct roster;
struct steering;

enum shutdown {
	SHUTDOWN_NOW,
	SHUTDOWN_WAIT_FOR_SERVERS, /* leave when no server is open */
	SHUTDOWN_WAIT_FOR_CLIENTS, /* leave when no client is there, consoles included */
};

/* What commands ask of the daemon. Called from inside a session's message. */
struct admin_actions {
	void *ctx;
	/* Reads the configuration anew. BROKEN: nothing has changed, the log says why. */
	enum result (*reload)(void *ctx);
	/*
	 * Changes one key. BROKEN likewise. AGAIN: it has changed, but the TLS settings do not go
	 * together; those in force stay.
	 */
	enum result (*set)(void *ctx, struct slice key, struct slice value);
	/* Begins to leave; the loop goes on at least until the end of the turn. */
	void (*shut_down)(void *ctx, enum shutdown how);
	/*
	 * Another process has the listening sockets and the clients that could be passed: lets go
	 * of them, serves the rest and leaves when they are gone.
	 */
	void (*hand_over)(void *ctx);
	/* Calls each for the listening sockets. */
	void (*each_listener)(void *ctx,
			      void (*each)(void *each_ctx, int fd, const struct address *address),
			      void *each_ctx);
	/* Stops accepting connections, or goes on. */
	void (*suspend_listeners)(void *ctx, bool suspended);
	/*
	 * Runs sql on a host of a database's cluster, on a connection of our own. on_answer gets
	 * the first value ("" when there is none) or else the error; once, from the loop, within
	 * twice timeout. BROKEN: it cannot be asked now.
	 */
	enum result (*errand)(void *ctx, struct database *database, unsigned host, const char *sql,
			      struct span timeout,
			      void (*on_answer)(void *answer_ctx, const char *value,
						const char *error),
			      void *answer_ctx);
	/* What was wrong with the last probe of a host, "" nothing. Borrowed for the call. */
	const char *(*host_error)(void *ctx, const struct database *database, unsigned host);
};

struct admin_options {
	struct loop *loop;
	struct pools *pools;
	struct roster *roster;
	struct resolver *resolver;
	const struct settings *settings;     /* a reference is taken */
	const struct admin_actions *actions; /* borrowed for admin's life */
	const char *product;		     /* "pgcarwash 0.1.0"; a literal */
	const char *version;		     /* "0.1.0"; a literal */
};
/* Registers itself at the roster, and so has to live longer. NULL without memory. */
struct admin *admin_new(const struct admin_options *options) MUST_USE;
/* The roster must be gone. NULL is allowed. */
void admin_free(struct admin *admin);
/* New settings. A reference is taken. */
void admin_reload(struct admin *admin, const struct settings *settings);
/*
 * Answers commands whose wait is over. To be called when servers or sessions ended, from
 * pools_watch and roster_watch, of which there is only one each.
 */
void admin_check_waits(struct admin *admin);
/* RESUME, by a signal: as steering_resume, and whoever waits for a pause is told. */
const char *admin_resume(struct admin *admin);
/* What PAUSE and its kin have done, for signals that do the same. Lives as long as admin. */
struct steering *admin_steering(struct admin *admin);

#endif
