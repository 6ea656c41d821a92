#ifndef TRACK_INTERNAL_H
#define TRACK_INTERNAL_H

#include "sql/scan.h"
#include "track/backend.h"
#include "track/conversation.h"
#include "track/names.h"

/* What backend_*.c must reach in a conversation to undo what the server skipped. */
struct conversation {
	void *owner;
	struct statement_store *store; /* borrowed */
	const struct varset *wants;
	struct names names;
	struct statement *unnamed; /* a reference; NULL: it has none */
	bool tracks_statements;
	bool unnamed_on_server;	   /* its unnamed statement is too long to be kept here */
	bool portal_may_drop;	   /* a portal's statement may drop prepared statements */
	bool cancelled;		   /* its waiting batch was cancelled: drop up to Sync */
	uint32_t errors;	   /* servers' answers to its requests that were errors */
	uint64_t bound;		   /* binding.request of the statement bound last */
	struct statement *dropper; /* DEALLOCATE of a name, bound in this batch; a reference */
	uint64_t dropper_portal;   /* hash of its portal's name */

	/* Numbers of requests (debt.request): the newest of all, and the newest that ... */
	uint64_t requests;
	uint64_t last_end;	  /* ended a batch: Sync, Query, FunctionCall */
	uint64_t last_close;	  /* took a name away */
	uint64_t ended_close;	  /* the same in a batch that has ended */
	uint64_t unnamed_request; /* changed its unnamed statement */
};

/* So many requests under way are plenty: more are taken when the server has answered some. */
#define PLENTY 4096

/* A debt to this conversation. NULL without memory. */
struct debt *conversation_owe(struct conversation *conversation, struct backend *backend,
			      enum debt_kind kind, enum debt_fate fate) MUST_USE;

/*
 * True when a batch of the conversation has ended that the server has not answered yet: then
 * earlier requests may still be skipped or refused without a request made now being skipped.
 */
bool conversation_is_ahead(const struct conversation *conversation, const struct backend *backend);

/* The name a message of these types (Parse, Bind, Describe, Close) says; false: no statement's. */
bool statement_name_of(const struct message *message, struct slice *name);

/* Bind, Describe, Close and Parse of a conversation that tracks statements. */
struct step request_parse(struct conversation *conversation, struct backend *backend,
			  const struct message *message);
struct step request_bind(struct conversation *conversation, struct backend *backend,
			 const struct message *message);
struct step request_describe(struct conversation *conversation, struct backend *backend,
			     const struct message *message);
struct step request_close(struct conversation *conversation, struct backend *backend,
			  const struct message *message);

/* A portal is described: most likely the client learns the type of the statement bound last. */
void request_note_described(struct conversation *conversation);

/* The client's unnamed statement becomes statement (taken, may be NULL), undone with debt. */
void conversation_swap_unnamed(struct conversation *conversation, struct debt *debt,
			       struct statement *statement);

/* A setting the client was reported; *changed: it is news. */
enum result conversation_note_parameter(struct conversation *conversation, struct slice name,
					struct slice value, bool *changed) MUST_USE;

/* Takes the reference to statement (may be NULL) as the server's unnamed one, set by number. */
void backend_set_unnamed(struct backend *backend, struct statement *statement, uint64_t number);

/*
 * True when the request of this number (of the backend's ledger) may still be skipped or refused
 * without a request made now being skipped.
 */
bool backend_is_open(const struct backend *backend, uint64_t number);

/* Sets of kinds of debt. */
#define BIT(kind) (1u << (kind))
#define RESULTS	  (BIT(DEBT_QUERY) | BIT(DEBT_EXECUTE))
#define ENDS	  (BIT(DEBT_QUERY) | BIT(DEBT_FUNCTION) | BIT(DEBT_SYNC))

struct reply_rule {
	unsigned belongs; /* kinds of debt it may be an answer to */
	unsigned settles; /* kinds it is the whole answer to */
	bool plain;	  /* backend_passes may do with it */
};

/* NULL: such a message answers nothing. */
const struct reply_rule *reply_rule_of(char type);

/* Drops the oldest debt. */
void backend_settle(struct backend *backend);
/* True when the server does not answer this debt: we do, or nobody. */
bool debt_is_ours(const struct debt *debt);
/* Pops debts of our own at the head and appends what they owe to backend->own. */
void backend_advance(struct backend *backend);
/* The same up to the last Flush, if only debts of our own stand before it. */
void backend_advance_flushed(struct backend *backend);
/*
 * The oldest debt failed: undoes it and all that the server skips with it. BROKEN: without memory
 * something of the client's was lost.
 */
enum result backend_skip_batch(struct backend *backend) MUST_USE;
/*
 * Undoes all debts but the newest, a Sync, which nobody is to hear of: they are sent again.
 * BROKEN as above.
 */
enum result backend_take_back(struct backend *backend) MUST_USE;

/*
 * Undoes for the creditor all that was noted for the requests of a turn it has heard nothing of;
 * the server has done the first `answered` of them and none of the others. What it still owes, the
 * turn's end, goes to nobody. BROKEN as above.
 */
enum result backend_undo_turn(struct backend *backend, unsigned answered) MUST_USE;

/*
 * backend_pass.c: the short way for a ReadyForQuery. False: nothing was done. True: *reply, which
 * forwards to nobody when it comes, says all that follows.
 */
bool backend_ends_turn(struct backend *backend, const struct message *message, struct reply *reply);
/* backend_reply.c: its creditor hears that the turn is over; nothing of it is kept. */
void backend_end_turn(struct backend *backend);
/* backend_reply.c: the message now, guarded or not. */
struct reply backend_reply_now(struct backend *backend, const struct message *message);
/* backend_guard.c: nothing is kept any more. */
void backend_unguard(struct backend *backend);

/*
 * True when a Sync may have been read by a COPY that has failed, or answered, and nothing under
 * way will tell which.
 */
bool backend_needs_marker(const struct backend *backend);
/*
 * Appends a Close and a Sync of our own: a CloseComplete proves that all that was sent before it
 * is answered. BROKEN without memory.
 */
enum result backend_write_marker(struct backend *backend, struct buffer *out) MUST_USE;

/* The steps there are; bytes in backend->before go in front. */
struct step step_forward(void);
struct step step_drop(void);
struct step step_end(enum ending ending);
struct step step_behind_ours(struct backend *backend, struct step step);

/* Appends an ErrorResponse of ours. */
void write_error(struct buffer *out, const char *sqlstate, const char *message);

/*
 * What begins the names of statements on servers. No client may reach one of them by its own
 * choice of names.
 */
#define STATEMENT_PREFIX "pgcarwash_"
/* A statement nobody has, and a text whose Parse always fails with this error. */
#define NO_STATEMENT	 STATEMENT_PREFIX "none"
#define FAILING_TEXT	 "SELECT pgcarwash_refuses_this"
#define FAILING_SQLSTATE "42703" /* undefined_column */
/* A statement to be in the way of another of that name. */
#define TWIN_STATEMENT STATEMENT_PREFIX "twin"

/* backend_rename.c */
/*
 * Appends the ErrorResponse to backend->own with the client's name for debt->uses in place of
 * ours; false (nothing appended) when ours is not in it or the client's is not known any more.
 */
bool backend_write_renamed(struct backend *backend, const struct debt *debt,
			   const struct message *message);

/* backend_undo.c */
/*
 * The name that this debt took away is the creditor's again; failed: the server refused it, so
 * what was made for a DEALLOCATE to drop is still there. BROKEN without memory.
 */
enum result backend_undo_drop(struct backend *backend, struct debt *debt, bool failed) MUST_USE;

/* request_deallocate.c */
/* A batch ends: of its portals nothing is known any more. */
void request_forget_portal(struct conversation *conversation);
/* portal is to be bound to statement (NULL: one we know nothing of). */
void request_note_portal(struct conversation *conversation, struct slice portal,
			 struct statement *statement);
/*
 * True when the message is a Query, or an Execute of a portal, that is DEALLOCATE of a name, and
 * gives the name (as scan_deallocate).
 */
bool request_drops_name(const struct conversation *conversation, const struct message *message,
			char room[SCAN_NAME_MAX], struct slice *name);
/*
 * A Query is about to be sent that may be DEALLOCATE of a name the client gave by Parse: makes a
 * statement of that name be there. *dropped: the name, for request_take_dropped; NULL if it is
 * something else. BROKEN without memory.
 */
enum result request_make_dropped(struct conversation *conversation, struct backend *backend,
				 const struct message *message, struct binding **dropped) MUST_USE;
/* The same for an Execute. */
enum result request_bring_dropped(struct conversation *conversation, struct backend *backend,
				  const struct message *message, struct binding **dropped) MUST_USE;
/* The client's name goes with this debt, which gives it back if the server refuses. */
void request_take_dropped(struct conversation *conversation, struct debt *debt,
			  struct binding *dropped);

#endif
