#ifndef TRACK_BACKEND_H
#define TRACK_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/result.h"
#include "track/ledger.h"
#include "track/reply.h"
#include "track/statements.h"
#include "track/vars.h"
#include "wire/message.h"

/*
 * What one server connection has been told and still owes: the pure half of pool/server. A
 * reply goes in, what to do with it comes out.
 */

enum copy_state {
	COPY_NONE,
	COPY_IN,	/* CopyInResponse seen, the client is sending */
	COPY_IN_ENDING, /* CopyDone or CopyFail went by, the server has not answered yet */
	COPY_OUT,
	COPY_BOTH,
};

struct prepared_set; /* statements prepared on this server, in order of use */

struct backend {
	struct ledger ledger;
	struct prepared_set *prepared; /* NULL while nothing was prepared */
	unsigned prepared_max;	       /* LRU bound of prepared; set by the owner, at least 1 */
	struct statement *unnamed;     /* its unnamed statement; NULL: none or not known */
	uint64_t unnamed_number;       /* of the debt that made it so */
	uint64_t last_end;	  /* number of the newest debt of a client's that ends a batch */
	uint64_t last_close;	  /* number of the newest Close of ours */
	uint64_t ended_close;	  /* and of the newest in a batch that has ended */
	const struct varset *has; /* settings it has */
	const struct varset *reported; /* those of them it has told, as it spells them */
	struct conversation *lent_to;  /* whose asynchronous messages these are; NULL = nobody */
	unsigned doubts;	       /* debts under way that may drop prepared statements */
	unsigned copy_syncs;	       /* Syncs the COPY IN under way has read, unless it fails */
	unsigned stray_syncs;	       /* those of a COPY that failed: each may yet be answered */
	char status;		       /* of the last ReadyForQuery: 'I', 'T', 'E' */
	enum copy_state copy;
	bool skipping;	      /* an error came, the Sync that ends it has not gone out */
	bool batch_open;      /* extended messages went out after the last Sync or Query */
	bool told;	      /* a reply of the turn under way went to its creditor */
	bool recording;	      /* replay holds all requests of the turn so far */
	bool retried;	      /* the turn under way is a second try */
	bool guarded;	      /* it may yet be run elsewhere: see track/guard.h */
	bool keeps;	      /* all of the first turn since it was lent is recorded: see there */
	bool hides_standby;   /* clients are not told of in_hot_standby; set by the owner */
	bool unproven;	      /* settings are under way that no server has taken yet */
	bool prepared_unsure; /* something may be prepared that is not in the set */
	bool alien_names;     /* a client left statements under names of its own */
	bool half_told;	      /* memory ran out: what it was told is not what was noted */
	bool own_failed;      /* see backend_own_query_failed */
	struct buffer replay; /* the turn's requests as the client sent them */
	struct buffer held;   /* a ParameterDescription that may yet be taken back */
	struct buffer early;  /* replies of a guarded turn, as they came */
	struct buffer released; /* those of them that go to the client, until the next call */
	struct buffer own;    /* replies of our own, until the next call */
	struct buffer before; /* scratch for steps, until the next call */
	uint64_t parses;      /* Parse messages sent in all: for statistics */
};

/* varsets is borrowed for life; prepared_max >= 1. BROKEN without memory. */
enum result backend_init(struct backend *backend, struct varset_store *varsets,
			 unsigned prepared_max) MUST_USE;
void backend_release(struct backend *backend);

/*
 * Takes notice of one message of a logged-in server. message is whole or flows; call it once
 * per message. Never call it for DataRow or CopyData while backend_rows_flow() says true: those
 * change nothing.
 */
struct reply backend_reply(struct backend *backend, const struct message *message);

/*
 * The short way for what is most common. True when the message is for *creditor, as it is, and
 * nothing else follows from it: notice of it has been taken then, and backend_reply is not to be
 * called. False: nothing was done, backend_reply knows.
 */
bool backend_passes(struct backend *backend, const struct message *message,
		    struct conversation **creditor);

/*
 * True when DataRow ('D') and CopyData ('d') messages may pass to *creditor (NULL: be dropped)
 * without backend_reply: the oldest debt is answered by them.
 */
bool backend_rows_flow(struct backend *backend, struct conversation **creditor);

/*
 * Nothing owed, no batch or COPY half-way, no transaction, and once it is lent to nobody, no
 * statement under a client's own name: another client may have it.
 */
bool backend_is_clean(const struct backend *backend);

/*
 * The creditor is gone: what is still owed to it goes to nobody. Its own memory of names is
 * not touched any more.
 */
void backend_forget_creditor(struct backend *backend, struct conversation *creditor);

/*
 * Appends what brings a server without creditors back to clean: CopyFail, Sync, ROLLBACK,
 * DEALLOCATE ALL as needed, all replies swallowed. To be called at once and after every input
 * until backend_is_clean; appends nothing when only waiting helps. BROKEN without memory, or when
 * memory ran out while a client's message was dealt with: the server cannot be saved.
 */
enum result backend_write_recovery(struct backend *backend, struct buffer *out) MUST_USE;

/* Appends a simple query of our own; its replies are swallowed, errors too. */
enum result backend_write_query(struct backend *backend, struct slice sql,
				struct buffer *out) MUST_USE;
/* True when the last query of our own ended with an error; asking clears it. */
bool backend_own_query_failed(struct backend *backend);

/*
 * Notes a ParameterStatus of a tracked setting (also during login); others are ignored. BROKEN
 * without memory.
 */
enum result backend_note_parameter(struct backend *backend, struct slice name,
				   struct slice value) MUST_USE;

#endif
