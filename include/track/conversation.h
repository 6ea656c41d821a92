#ifndef TRACK_CONVERSATION_H
#define TRACK_CONVERSATION_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/ending.h"
#include "base/result.h"
#include "track/backend.h"
#include "wire/message.h"

/*
 * What is remembered of one client's talk: its statement names, its unnamed statement, the
 * settings it wants. A message of the client goes in, a step comes out. A composition: rules
 * live in ledger, statements, vars, backend.
 */

struct conversation;

struct conversation_options {
	bool tracks_statements; /* transaction and statement mode with max_prepared_statements > 0
				 */
	struct statement_store *store; /* borrowed */
	const struct varset *wants;    /* a reference is taken: settings of the client at login */
	void *owner;		       /* handed back by conversation_owner */
};

struct conversation *conversation_new(const struct conversation_options *options) MUST_USE;
/* No backend may owe it anything (backend_forget_creditor). NULL is allowed. */
void conversation_free(struct conversation *conversation);
void *conversation_owner(const struct conversation *conversation);

enum step_kind {
	STEP_FORWARD, /* send step.before, then the message's bytes from step.skip on */
	STEP_DROP,    /* send step.before (may be empty), not the message */
	STEP_END,     /* end the session with step.ending */
};

struct step {
	enum step_kind kind;
	struct slice before; /* for the server; valid until the next call */
	struct slice answer; /* for the client, now; valid until the next call */
	size_t skip;	     /* bytes of the message (header counted) that `before` replaces */
	enum ending ending;
};

/* True when this message cannot be dealt with unless a server is lent. */
bool conversation_needs_server(const struct conversation *conversation,
			       const struct message *message);

/*
 * True when this message cannot be judged before the server has answered what is under way (a
 * DISCARD may drop the statement it names). The caller keeps it, sends a Flush if the batch is
 * open (struct backend), and asks again after the next reply.
 */
bool conversation_must_wait(const struct conversation *conversation, const struct backend *backend,
			    const struct message *message);

/*
 * One message of a logged-in client, in order. backend: the lent server's, or NULL when
 * conversation_needs_server said no. The message may flow (whole only as far as its rule
 * says); the step is for its head, the rest of the body follows or is dropped the same way.
 */
struct step conversation_request(struct conversation *conversation, struct backend *backend,
				 const struct message *message);

/*
 * The short way for most messages of a batch behind its first. True when the message goes to the
 * server as it is and nothing else follows from it: notice of it has been taken then, and neither
 * conversation_must_wait nor conversation_request is to be asked. False: nothing was done.
 */
bool conversation_passes(struct conversation *conversation, struct backend *backend,
			 const struct message *message);

/*
 * A server has just been lent to this client: notes that, and appends to out what it must be told
 * before the first message of this client (settings). BROKEN without memory.
 */
enum result conversation_align(struct conversation *conversation, struct backend *backend,
			       struct buffer *out) MUST_USE;

/*
 * After conversation_align: the client's transaction block, which it was told has begun already,
 * begins on this server. Appends the BEGIN (sql) to out; its replies are swallowed, an error of it
 * is REPLY_REFUSED. BROKEN without memory.
 */
enum result conversation_open_block(struct conversation *conversation, struct backend *backend,
				    struct slice sql, struct buffer *out) MUST_USE;

/*
 * What the client's name for a statement stands for (empty: its unnamed one); NULL when it is not
 * known here. Borrowed until the client's next message.
 */
struct statement *conversation_statement(const struct conversation *conversation,
					 struct slice name);

/*
 * After REPLY_RETRY or REPLY_ELSEWHERE: gives the turn's request bytes in *requests (taken by the
 * caller), to be passed message by message through conversation_request again.
 */
void conversation_replay(struct conversation *conversation, struct backend *backend,
			 struct buffer *requests);

/*
 * A client that waits for a server cancels; message is its first unsent one. True: *answer got
 * ErrorResponse 57014 (and ReadyForQuery where the message asks for one) and the caller drops
 * the message; those up to the next Sync are then dropped and the Sync answered, without a server.
 */
bool conversation_cancel_waiting(struct conversation *conversation, const struct message *message,
				 struct buffer *answer);
/* The same with another error. */
bool conversation_refuse_waiting(struct conversation *conversation, const struct message *message,
				 const char *sqlstate, const char *text, struct buffer *answer);

/* True while something of the client's lives on its server only: it must not be given back. */
bool conversation_is_pinned(const struct conversation *conversation);

/* The settings the client wants, borrowed. */
const struct varset *conversation_wants(const struct conversation *conversation);
/* How many errors servers have answered its requests with, so far; runs over. */
uint32_t conversation_errors(const struct conversation *conversation);
/* Number of named statements it has (SHOW CLIENTS). */
unsigned conversation_statements(const struct conversation *conversation);

/*
 * Its statements, to be told to another process in which it is to go on: each is called with the
 * name (empty: the unnamed one) and the parse_view.signature, both borrowed for the call. It must
 * not be pinned.
 */
void conversation_each_statement(const struct conversation *conversation,
				 void (*each)(void *ctx, struct slice name, struct slice signature),
				 void *ctx);
/* There: as if the client had parsed it. BROKEN without memory. */
enum result conversation_take_statement(struct conversation *conversation, struct slice name,
					struct slice signature) MUST_USE;

#endif
