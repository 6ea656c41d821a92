#ifndef ADMIN_COMMAND_H
#define ADMIN_COMMAND_H

#include <stddef.h>

#include "wire/result.h"

/*
 * The tables of the console: one row a command, one row a SHOW. Dispatch, SHOW HELP and
 * docs/ADMIN.md come from them.
 */

struct admin;
struct request; /* src/admin/admin_internal.h */
struct table;

enum command_level {
	LEVEL_SHOW,  /* whoever is in */
	LEVEL_STEER, /* names of admin_users only */
};

/* What a command's function left behind. */
enum outcome {
	OUTCOME_DONE,	 /* the answer is written, up to its CommandComplete */
	OUTCOME_REFUSED, /* an error is written */
	OUTCOME_WAITS,	 /* the answer comes later; the session is held */
	OUTCOME_LEAVES,	 /* nothing is to be written any more */
};

struct command {
	const char *name;
	const char *arguments; /* as a user writes them, "" when there are none */
	enum command_level level;
	const char *help; /* prose for the manual */
	enum outcome (*run)(struct request *request);
};

struct show {
	const char *name;
	const char *help; /* prose for the manual */
	const struct result_column *columns;
	unsigned count; /* of columns; 0: no result set */
	enum command_level level;
	/* Writes the rows. BROKEN without memory. */
	enum result (*rows)(struct admin *admin, struct table *table);
};

struct command_table {
	const struct command *rows;
	size_t count;
};

struct show_table {
	const struct show *const *rows;
	size_t count;
};

extern const struct command_table command_table;
extern const struct show_table show_table;

/* The row of this name, letter case aside, or NULL. */
const struct command *command_find(const char *name);
const struct show *show_find(const char *name);

#endif
