#ifndef DAEMON_TAKEOVER_INTERNAL_H
#define DAEMON_TAKEOVER_INTERNAL_H

#include "auth/scram.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "base/text.h"
#include "daemon/takeover.h"

/* What takeover.c and takeover_console.c share. */

#define FDS_MAX_COLUMNS 16

/* One row of a result, and the descriptor that came with it, -1: none. */
struct taken_row {
	struct slice values[FDS_MAX_COLUMNS]; /* data NULL: NULL; in the arena */
	unsigned     count;
	int          fd;
};

struct taken_rows {
	struct taken_row *items;
	size_t            count, cap;
};

/* The console of the old process. */
struct old_console {
	int           socket; /* -1: closed */
	struct buffer input;  /* received, not read yet */
	struct arena *arena;  /* what the rows say */
	int          *fds;    /* received, not with a row yet */
	size_t        fd_count, fd_cap;
};

/* Logs in as our own user. BROKEN: nobody answers, or not us. */
enum result old_console_open(struct old_console *console, const struct address *address) MUST_USE;
/*
 * Asks and reads the whole answer, rows NULL: none are expected. BROKEN: it refuses or does not
 * answer in time; the log says why.
 */
enum result old_console_ask(struct old_console *console, const char *command,
                            struct taken_rows *rows, int seconds) MUST_USE;
void old_console_close(struct old_console *console);

#endif
