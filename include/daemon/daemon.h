#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include <stdio.h>

#include "daemon/arguments.h"

/* The whole daemon: built in order, run, stopped in reverse. One per process. */

#define PRODUCT_VERSION "0.1.0"
#define PRODUCT		"pgcarwash " PRODUCT_VERSION

/* Serves until a signal or the console says otherwise. Gives the process's exit code. */
int daemon_run(const struct arguments *arguments) MUST_USE;
/* --check: prints every complaint about the file. Gives the exit code. */
int daemon_check(const char *file) MUST_USE;
/* --version. */
void daemon_print_version(FILE *out);

#endif
