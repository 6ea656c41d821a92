#ifndef STAGE_H
#define STAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "conf/settings.h"
#include "stage/client.h"
#include "stage/postgres.h"

/*
 * The whole daemon below admin and daemon in one process, a small PostgreSQL behind it, clients
 * in front of it, and time that a test moves. Only what the daemon does in its turns can fail
 * for want of memory: the rest of the stage runs with mem_fault_pause.
 */

struct loop;
struct resolver;
struct statement_store;
struct varset_store;
struct pools;
struct roster;

struct stage_setup {
	const char *databases;	     /* lines of [databases]; NULL: "db = " */
	const char *settings;	     /* lines of [pgcarwash] */
	const char *users;	     /* lines of [users] */
	enum postgres_login login;   /* of the small PostgreSQL */
	const char *server_password; /* NULL: "secret" */
	bool tcp;
	bool replica; /* a second small PostgreSQL, a standby: ":" in databases names both */
	bool verifiers; /* auth_file holds SCRAM verifiers, the server's own */
	/* What `do WORD` of a script means, done in the daemon's turn. */
	void (*act)(struct stage *stage, const char *word);
};

struct stage {
	const struct stage_setup *setup;
	struct loop *loop;
	struct resolver *resolver;
	struct statement_store *statements;
	struct varset_store *varsets;
	const struct settings *settings;
	struct pools *pools;
	struct roster *roster;
	struct postgres postgres;
	struct postgres replica; /* with setup.replica */
	struct list clients;
	const char *password; /* clients prove themselves with it */
	char file[96];	      /* the configuration; the users' is file.users */
	char marks[512];
	uint64_t arm_at; /* which allocation fails once a client says `arm` */
	unsigned still;	 /* turns since anything happened */
	unsigned turns;
};

/*
 * Builds it; false without memory, then nothing is left to release. The auth_file holds
 * "alice", "bob" and "carol", all with the password "secret", and "admin".
 */
bool stage_init(struct stage *stage, const struct stage_setup *setup);
/* Ends all sessions and takes everything down. */
void stage_release(struct stage *stage);

/* One turn of the loop, then of everything else; moves time when nothing happens any more. */
void stage_turn(struct stage *stage);
/* Turns until no client acts any more; false when that takes too long. */
bool stage_play(struct stage *stage);
/* Turns for so long. */
void stage_pass(struct stage *stage, unsigned ms);

/* Reads settings again, with other lines for [databases] and [pgcarwash] (NULL: as before). */
const struct settings *stage_load(struct stage *stage, const char *databases, const char *settings);
/* The same, and they are in force; false without memory. */
bool stage_reload(struct stage *stage, const char *databases, const char *settings);

struct client *stage_client(const struct stage *stage, const char *name);
/* word ends at a blank or a line's end. */
void stage_mark(struct stage *stage, const char *word);
bool stage_is_marked(const struct stage *stage, const char *word);

#endif
