#ifndef SESSION_DIRECT_INTERNAL_H
#define SESSION_DIRECT_INTERNAL_H

#include "base/buffer.h"
#include "route/policy.h"
#include "session_internal.h"
#include "sql/verdict.h"

/* What the files that send transactions to hosts share: direct.c, intent.c, own.c. */

/* What the messages of one turn, at hand in full, ask for. */
struct intent {
	bool reads;     /* provably only reads: a replica can serve it */
	bool writes;    /* what comes after must see it */
	bool opens;     /* begins a block, or is in one that was begun without a server */
	bool read_only; /* and that block says READ ONLY */
	uint16_t makes; /* of enum kept: what it may leave in the session that is not followed */
	uint16_t drops; /* gone from there when all of the turn has succeeded */
	enum verdict_hint hint;
	/* A simple Query of nothing else than ... */
	bool begin; /* BEGIN */
	bool end;   /* COMMIT, ROLLBACK; without AND CHAIN */
	/* The turn is one statement that is answered by ourselves, of this text. */
	bool         own;
	struct slice text; /* of a Query or of that statement; borrowed from the messages */
	size_t       len;  /* bytes of the turn's messages */
};

/* The transactions of one client of a cluster; session->direction. */
struct direction {
	enum route_wish wish;       /* SET pgcarwash.route */
	enum route_wish block_wish; /* of the block begun: SET LOCAL, or a hint in its BEGIN */
	uint64_t        written;    /* the round its newest write is in */
	uint64_t        after;      /* SET pgcarwash.read_after */
	uint64_t        seen;       /* the newest round it has read from, anywhere */
	uint16_t        kept;       /* of enum kept: what replicas lack of its session */

	/* A block that the client was told has begun, but no server: its BEGIN; empty: none. */
	struct buffer begin;
	bool          begin_reads; /* it says READ ONLY, and a standby can begin it */
	/* The same of the block whose first turn is under way, lest nothing of it is sent. */
	struct buffer opened;
	bool          opened_reads;

	/* A turn that another server is to run: its requests, the first moved_done bytes sent. */
	struct buffer moved;
	size_t        moved_done;
	bool          moved_to_primary;
	uint64_t      without; /* hosts that did not run it */

	/* the turn that waits or is under way */
	struct intent       intent; /* its text is not kept */
	struct route_choice choice;
	struct moment       held_since; /* never: it is not held */
	bool                waited;     /* for a replica, long enough */
	bool                splits;     /* the entry does */
	bool                writes;     /* what runs on the server may write */
	bool                on_replica; /* its server is a replica's, and the entry splits */
	bool                in_turn;    /* the turn's last message was not sent yet */
	bool                judged;     /* intent is that of the turn being sent */
	/* What is gone from kept when the turn has succeeded: no more errors than now. */
	uint16_t drops;
	uint32_t errors;

	/* SHOW of a position that the next round tells. */
	struct moment position_asked; /* never: it does not wait for that */
	bool          asks_position;
};

/* ---- intent.c ---- */

/*
 * Judges the turn that begins with message, the first in rest. Whatever is not there yet, or not
 * understood, may be a write.
 */
void intent_judge(struct session *session, struct slice rest, const struct message *message,
                  struct intent *intent);
/*
 * Judges this one message, of a turn that was not judged as a whole: only whether it writes and
 * what it makes.
 */
void intent_judge_next(struct session *session, const struct message *message,
                       struct intent *intent);
/* The statements of a turn were refused by a replica: they are taken for writes from now on. */
void intent_overrule(struct session *session, struct slice requests);

/* ---- own.c ---- */

/* The client's block begins without a server: keeps its BEGIN. False: it does not fit. */
bool own_begin(struct session *session, const struct intent *intent);
/* COMMIT or ROLLBACK of a block for which no server was needed. */
void own_end(struct session *session, const struct intent *intent);
/* True when intent asks for a position that is not known yet; a round of probes is asked for. */
bool own_waits(struct session *session, const struct intent *intent);
/* Answers the turn in rest, SET, RESET or SHOW of a setting of ours. */
void own_answer(struct session *session, struct slice rest, const struct intent *intent);

#endif
