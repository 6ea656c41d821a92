#ifndef DAEMON_DAEMON_INTERNAL_H
#define DAEMON_DAEMON_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "admin/admin.h"
#include "base/result.h"
#include "base/text.h"
#include "conf/complaint.h"
#include "conf/settings.h"
#include "daemon/arguments.h"
#include "daemon/daemon.h"
#include "net/tls.h"

/* What the files of this folder share: the root struct, and the parts of its work. */

struct address;
struct event;
struct listener;
struct loop;

#define LISTENERS_MAX 64
#define SIGNALS_MAX   8

struct takeover;

struct listeners {
	struct takeover *takeover; /* sockets of the old process are used again; NULL: none */
	struct listener *items[LISTENERS_MAX];
	size_t count;
};

enum leaving {
	LEAVING_NOT,
	LEAVING_FOR_CLIENTS, /* when no client is there */
	LEAVING_FOR_SERVERS, /* when no server is open */
	LEAVING_NOW,
};

/* What connections are encrypted with, by enum tls_side. */
struct tls_pair {
	struct tls_context *side[2];
};

struct daemon {
	const struct arguments *arguments;
	const struct settings *settings;
	struct tls_pair tls;
	struct loop *loop;
	struct resolver *resolver;
	struct statement_store *statements;
	struct varset_store *varsets;
	struct pools *pools;
	struct clusters *clusters;
	struct roster *roster;
	struct admin_actions actions;
	struct admin *admin;
	struct listeners listeners;
	struct event *signals[SIGNALS_MAX];
	enum leaving leaving;
	unsigned passed_sockets; /* by systemd */
	struct takeover *takeover; /* under way; NULL: none */
	bool has_pidfile;
	bool in_background; /* nobody reads stderr */
};

/* ---- daemon.c ---- */

/* Begins to leave; asked again, another thing is waited for, or none. */
void daemon_leave(struct daemon *daemon, enum leaving leaving);

/* ---- reload.c ---- */

/* Each line of complaints to the log. */
void log_complaints(const struct complaints *complaints);
/*
 * Reads what TLS is made from, for both sides; one where nothing has changed is the present one
 * again. BROKEN: pair is empty, the log says why.
 */
enum result tls_pair_read(struct tls_pair *pair, const struct settings *settings,
			  const struct tls_pair *present) MUST_USE;
void tls_pair_clear(struct tls_pair *pair);
/* Lets log lines go where settings want them. BROKEN: as before, errno tells why. */
enum result open_log(const struct daemon *daemon, const struct settings *settings) MUST_USE;
enum result daemon_reload(struct daemon *daemon) MUST_USE;
/* AGAIN: changed, but TLS cannot be made from the settings now; what is in force stays. */
enum result daemon_set(struct daemon *daemon, struct slice key, struct slice value) MUST_USE;

/* ---- signals.c ---- */

/* Signals wait until signals_open: one that comes while the daemon starts is not lost. */
void signals_hold(void);
enum result signals_open(struct daemon *daemon) MUST_USE;
void signals_close(struct daemon *daemon);

/* ---- listeners.c ---- */

/* Opens all that settings ask for. BROKEN (the log says why) leaves nothing open. */
enum result listeners_open(struct listeners *listeners, struct loop *loop,
			   const struct settings *settings,
			   void (*on_accept)(void *ctx, int fd, const struct address *peer),
			   void *ctx) MUST_USE;
/* The same with sockets that were passed to us by the service manager. */
enum result listeners_adopt(struct listeners *listeners, struct loop *loop,
			    const struct settings *settings, unsigned passed,
			    void (*on_accept)(void *ctx, int fd, const struct address *peer),
			    void *ctx) MUST_USE;
void listeners_close(struct listeners *listeners);
/* The socket files are ours to remove, also those of sockets taken over. */
void listeners_own_files(struct listeners *listeners);
/* Closes them, but another process has them, too: socket files stay. */
void listeners_give_up(struct listeners *listeners);
/* The Unix socket stays, for the console. */
void listeners_close_tcp(struct listeners *listeners);
void listeners_suspend(struct listeners *listeners, bool suspended);
/* Options of sockets to be accepted, from newer settings. */
void listeners_tune(struct listeners *listeners, const struct settings *settings);

#endif
