#ifndef TRACK_INTERNAL_H
#define TRACK_INTERNAL_H

#include "track/backend.h"
#include "track/conversation.h"
#include "track/names.h"

/* What backend.c must reach in a conversation to undo what the server skipped. */
struct conversation {
	void                   *owner;
	struct statement_store *store; /* borrowed */
	const struct varset    *wants;
	struct names            names;
	struct statement       *unnamed; /* a reference; NULL: it has none */
	bool tracks_statements;
	bool statement_mode;
	bool unnamed_on_server; /* its unnamed statement is too long to be kept here */
	bool portal_may_drop;   /* the batch bound a statement that may drop prepared statements */
	bool cancelled;         /* its waiting batch was cancelled: drop up to Sync */
	unsigned names_on_server; /* named ones too long to be kept here */
};

/* Takes the reference to statement (may be NULL) as the conversation's unnamed statement. */
void conversation_set_unnamed(struct conversation *conversation, struct statement *statement);

/* The same for a server. */
void backend_set_unnamed(struct backend *backend, struct statement *statement);

/* A setting the client was reported, or SLICE_NONE for "none of ours to keep". */
enum result conversation_note_parameter(struct conversation *conversation, struct slice name,
                                        struct slice value, bool *changed) MUST_USE;

/* An ErrorResponse of ours as a debt's `instead`. NULL without memory. */
struct buffer *error_instead(const char *sqlstate, const char *message) MUST_USE;

/* Pops debts of our own at the head and appends what they owe to backend->own. */
void backend_advance(struct backend *backend);
/* The same up to the last Flush, if only debts of our own stand before it. */
void backend_advance_flushed(struct backend *backend);

/* The name no statement has on any server: what asks for it fails. */
#define NO_SUCH_STATEMENT "pgcarwash_none"

#endif
