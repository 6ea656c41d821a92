#ifndef DAEMON_TAKEOVER_H
#define DAEMON_TAKEOVER_H

#include "base/result.h"
#include "net/address.h"

/*
 * Online restart (-R), the side of the process that is started: asks the one that runs, on its
 * console over the Unix socket, to stand still (SUSPEND) and for its sockets (SHOW FDS,
 * FD_STATES), takes over those it listens on and its idle clients, and tells it then to serve the
 * rest and leave (SHUTDOWN WAIT_FOR_CLIENTS). Until that is told nothing is lost: if we go, the old
 * process goes on as before. Blocks, bounded in time; used before the loop runs.
 */

struct roster;
struct settings;
struct takeover;

/* NULL: nobody answers there, or it refuses (the log says why). */
struct takeover *takeover_begin(const struct settings *settings) MUST_USE;
/* The descriptor of a socket that listens on this address, the caller's then; -1: there is none. */
int takeover_listener(struct takeover *takeover, const struct address *address);
/* Has the clients adopted, each once. */
void takeover_clients(struct takeover *takeover, struct roster *roster);
/* Lets the old process go. BROKEN: it is not known whether it does. */
enum result takeover_finish(struct takeover *takeover) MUST_USE;
/* Closes what nobody took. NULL is allowed. */
void takeover_free(struct takeover *takeover);

#endif
