#ifndef STAGE_POSTGRES_H
#define STAGE_POSTGRES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/list.h"
#include "base/text.h"

/*
 * A small PostgreSQL for tests: listens on a Unix socket in a folder of its own, or on
 * 127.0.0.1, and works only when postgres_step is called, from memory that never fails
 * (mem_fault_pause). It logs in by trust, plain, md5 and SCRAM, keeps transactions, settings,
 * prepared statements and portals as PostgreSQL does, skips to Sync after an error, and
 * understands:
 *
 *   SELECT x       one row with text x; $1 in it is the parameter bound
 *   SHOW name      a setting          SET name=value, RESET name   and ParameterStatus
 *   STORE x        keeps x until the transaction ends, RECALL gives it back
 *   ROWS n, HUGE n n rows of 100 bytes, one row of n bytes
 *   COPY IN, COPY OUT n, COPY BAD     the last fails after the first piece
 *   SELECT HOST    the row says "primary" or "replica"
 *   LOOKUP x       an auth_query: one row with x and the server's password, none for "nobody"
 *   BEGIN, COMMIT, ROLLBACK, DISCARD ALL, DEALLOCATE ALL, ""
 *   ALTER          what is prepared already cannot be bound any more (0A000)
 *   FAIL           an error           SLEEP   no answer until cancelled
 *   DIE            FATAL, then closes  CRASH  closes    anything else: a tag of its first word
 *
 * Several in one Query are parted by semicolons. What no client or pooler may send makes a
 * complaint.
 */

enum postgres_login {
	POSTGRES_TRUST,
	POSTGRES_PLAIN,
	POSTGRES_MD5,
	POSTGRES_SCRAM,
	POSTGRES_REFUSE, /* FATAL 28000 */
	POSTGRES_SILENT, /* says nothing at all */
};

struct postgres {
	int fd;
	int port;     /* 0: on a Unix socket */
	char dir[64]; /* the folder of the Unix socket, "" on TCP */
	struct list connections;
	unsigned started;  /* logins begun */
	unsigned open;	   /* logged in now */
	unsigned sleeping; /* in SLEEP now */
	unsigned cancels;  /* CancelRequests heard */
	unsigned schema;   /* counts up with each ALTER */
	char complaint[200];

	/* how it behaves */
	enum postgres_login login;
	const char *password; /* of everybody */
	bool deaf;	      /* reads nothing from those logged in */
	bool standby;	      /* refuses STORE and SELECT WRITES, cancels SELECT CONFLICT */
	bool holds_cancels;   /* cancels, but keeps the cancel's connection open */
};

void postgres_init(struct postgres *postgres, bool tcp);
/* Closes everything. */
void postgres_release(struct postgres *postgres);
/* Does all it can; true when anything happened. */
bool postgres_step(struct postgres *postgres);
/* Closes all connections at once, as a crash does. */
void postgres_kick(struct postgres *postgres);
/* The SCRAM verifier by which it knows its password, as pg_authid has it. */
void postgres_verifier(const struct postgres *postgres, struct buffer *out);
/* Nobody listens any more, or again. */
void postgres_stop_listening(struct postgres *postgres);
void postgres_listen_again(struct postgres *postgres);

#endif
