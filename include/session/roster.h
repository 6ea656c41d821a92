#ifndef SESSION_ROSTER_H
#define SESSION_ROSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ending.h"
#include "base/result.h"
#include "conf/settings.h"
#include "net/address.h"
#include "session/service.h"
#include "session/session.h"

/*
 * All client sessions: their birth, their counts and limits, and what is done to many of them at
 * once. What is counted here is in the open, so that it can be shared between processes one day.
 */

struct roster;
struct loop;
struct pools;
struct database;
struct statement_store;
struct varset_store;
struct tls_context;

struct roster_options {
	struct loop            *loop;
	struct pools           *pools;
	struct statement_store *statements;
	struct varset_store    *varsets;
	const struct settings  *settings; /* a reference is taken */
};
struct roster *roster_new(const struct roster_options *options) MUST_USE;
/* All sessions must be gone (roster_end_all, then a turn of the loop). NULL is allowed. */
void roster_free(struct roster *roster);
/*
 * New settings, after pools_reload: limits and timeouts apply from now on, to those logged in,
 * too. Clients of databases that are gone leave with END_DATABASE_REMOVED.
 */
void roster_reload(struct roster *roster, const struct settings *settings);

/*
 * What connections of clients are encrypted with from now on; those there are keep theirs. A
 * reference is taken. Without it there is no TLS.
 */
void roster_set_tls(struct roster *roster, struct tls_context *tls);

/* Takes fd, a connection just accepted. */
void roster_accept(struct roster *roster, int fd, const struct address *peer);
/*
 * Registers a database answered by ourselves (the console). service is borrowed for the
 * roster's life.
 */
void roster_add_service(struct roster *roster, const struct service *service);

/* From now on logins are refused with END_POOLER_SHUTTING_DOWN, but for services. */
void roster_shut_down(struct roster *roster);
/* Ends every session of database (NULL: every one that is not at a service) for this reason. */
void roster_end_database(struct roster *roster, const struct database *database,
                         enum ending why);
/* Ends all sessions, services' too. */
void roster_end_all(struct roster *roster, enum ending why);
/* Ends the session of this id with END_ADMIN_KILL; false when there is none. */
bool roster_kill(struct roster *roster, uint64_t id);

/* SUSPEND: reads no client any more and sends what is queued; undone by roster_resume. */
void roster_suspend(struct roster *roster);
void roster_resume(struct roster *roster);
/* True when every session's queued bytes were sent (what a suspension waits for). */
bool roster_is_quiet(const struct roster *roster);

/* Clients in all / still logging in / logged in to real databases. */
unsigned roster_clients(const struct roster *roster);
unsigned roster_logging_in(const struct roster *roster);
/* Clients of this user name, logged in or being checked. */
unsigned roster_user_clients(const struct roster *roster, struct slice user);
/* Walks: NULL gives the first, NULL at the end. */
struct session *roster_next(const struct roster *roster, const struct session *after);
/* on_change is called from the end-of-turn queue after sessions ended. One watcher. */
void roster_watch(struct roster *roster, void (*on_change)(void *ctx), void *ctx);
struct pools *roster_pools(const struct roster *roster);

#endif
