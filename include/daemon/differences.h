#ifndef DAEMON_DIFFERENCES_H
#define DAEMON_DIFFERENCES_H

#include <stdio.h>

struct settings;

/*
 * What a configuration written for PgBouncer does otherwise here, for the operator who moves
 * over: only what concerns these settings, one line each. docs/MIGRATING.md has the whole.
 */
void differences_print(const struct settings *settings, FILE *out);

#endif
