#ifndef DAEMON_ARGUMENTS_H
#define DAEMON_ARGUMENTS_H

#include <stdbool.h>

#include "base/result.h"

/* The command line: [-d] [-R] [-q] [-v...] [-u USER] [-V] [-h] [--check] CONFIG.ini */

enum task {
	TASK_RUN,
	TASK_CHECK, /* read the configuration, report, leave */
	TASK_VERSION,
	TASK_HELP,
};

struct arguments {
	enum task task;
	bool background;
	bool reboot;	  /* take over from the process that runs */
	bool quiet;	  /* nothing to stderr */
	int verbose;	  /* added to the setting of that name */
	const char *user; /* to change to; NULL: what the configuration says */
	const char *file; /* the configuration; NULL for TASK_VERSION and TASK_HELP */
};

/*
 * Reads a command line; texts are borrowed from it. BROKEN: *why says what is wrong with it, in
 * memory of this function's own that the next call overwrites.
 */
enum result arguments_read(int count, char **values, struct arguments *arguments,
			   const char **why) MUST_USE;
/* What -h prints. */
extern const char arguments_usage[];

#endif
