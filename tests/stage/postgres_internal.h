#ifndef STAGE_POSTGRES_INTERNAL_H
#define STAGE_POSTGRES_INTERNAL_H

#include "stage/postgres.h"
#include "wire/message.h"

/* What the files postgres*.c share. */

struct scram_server;

#define POSTGRES_SETTINGS 8
#define POSTGRES_VALUE	  64

/* A prepared statement or a portal. */
struct postgres_entry {
	struct list_node node;
	char *name;
	char *text;
	unsigned schema; /* postgres->schema when it was prepared */
};

enum postgres_copy { NO_COPY, COPYING_IN, COPYING_BAD };

struct postgres_connection {
	struct list_node node;
	struct postgres *postgres;
	int fd;
	unsigned number;
	struct buffer in, out;
	char user[64];
	bool started, logged_in, is_cancel;
	bool closing; /* once out is sent */
	bool sleeping, skipping, in_batch;
	char status;
	enum postgres_copy copy;
	bool copy_extended;
	unsigned copied;
	struct scram_server *scram;
	struct list statements, portals;
	char settings[POSTGRES_SETTINGS][POSTGRES_VALUE];
	char stored[POSTGRES_VALUE];
};

void postgres_complain(struct postgres *postgres, const char *format, ...) PRINTF_LIKE(2, 3);

/* ---- postgres.c ---- */
void postgres_error(struct postgres_connection *connection, const char *severity,
		    const char *sqlstate, const char *text);
void postgres_let_in(struct postgres_connection *connection);

/* ---- postgres_login.c ---- */
/* The body of a StartupMessage. */
void postgres_start(struct postgres_connection *connection, struct slice body);
/* A 'p' message. */
void postgres_answer(struct postgres_connection *connection, struct slice body);
void postgres_login_free(struct postgres_connection *connection);

/* ---- postgres_query.c ---- */
/* A message of one who is logged in. */
void postgres_message(struct postgres_connection *connection, const struct message *message);
/* It was cancelled. */
void postgres_wake(struct postgres_connection *connection);
void postgres_query_free(struct postgres_connection *connection);

/* ---- postgres_sql.c ---- */
void postgres_settings_init(struct postgres_connection *connection);
/* False: unknown, or longer than it can be. */
bool postgres_set(struct postgres_connection *connection, struct slice name, struct slice value);
/* The ParameterStatus messages of a login. */
void postgres_report_all(struct postgres_connection *connection);
/* True when the statement gives rows. */
bool postgres_gives_rows(struct slice text);
/* RowDescription of such a statement. */
void postgres_describe(struct postgres_connection *connection, struct slice text);
/*
 * Runs one statement: its rows and tag go out (RowDescription too when described). False after
 * an error.
 */
bool postgres_run(struct postgres_connection *connection, struct slice text, bool described);

#endif
