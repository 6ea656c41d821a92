#ifndef SQL_VERDICT_H
#define SQL_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What a text of SQL does, as far as it matters to where it may be run. A value: copied freely,
 * owns nothing.
 */

enum verdict_kind {
	VERDICT_UNKNOWN, /* cannot be parsed, or too long: to be taken for a write */
	VERDICT_EMPTY,	 /* no statement */
	/*
	 * SET, RESET, SHOW, DISCARD, DEALLOCATE, savepoints, SET CONSTRAINTS: writes nothing,
	 * needs a server, belongs to the block it is in.
	 */
	VERDICT_SETTING,
	VERDICT_OWN,   /* SET, SHOW or RESET of pgcarwash.*: see sql/own_setting.h */
	VERDICT_BEGIN, /* nothing but BEGIN or START TRANSACTION, perhaps with settings */
	/*
	 * COMMIT, END, ROLLBACK, ABORT or PREPARE TRANSACTION. Not COMMIT PREPARED and ROLLBACK
	 * PREPARED, which write, and not ROLLBACK TO.
	 */
	VERDICT_END,
	VERDICT_READ, /* a hot standby gives the same answer, but see VERDICT_HOST and _CURSOR */
	VERDICT_WRITE,
};

enum verdict_access {
	VERDICT_ACCESS_NOT_SAID,
	VERDICT_ACCESS_READ_ONLY,
	VERDICT_ACCESS_READ_WRITE,
	VERDICT_ACCESS_OTHER, /* set back, or to something that is not a literal */
};

enum verdict_isolation {
	VERDICT_ISOLATION_NOT_SAID,
	VERDICT_ISOLATION_SERIALIZABLE, /* a hot standby refuses it (docs, "Hot Standby") */
	VERDICT_ISOLATION_LESS,		/* every other level: a hot standby has them */
	VERDICT_ISOLATION_OTHER,	/* set back, or to something that is not a literal */
};

enum verdict_hint {
	VERDICT_HINT_NONE,
	VERDICT_HINT_PRIMARY,
	VERDICT_HINT_REPLICA,
};

enum verdict_flag {
	VERDICT_MANY = 1u << 0,	  /* more than one statement */
	VERDICT_OPENS = 1u << 1,  /* begins a transaction block and leaves it open */
	VERDICT_CLOSES = 1u << 2, /* ends a block that was open before; with OPENS: one follows */
	/*
	 * Calls a function that neither the built-in table nor the book knows, and would be less
	 * than a write if that function were a read: judge again with a newer book.
	 */
	VERDICT_FUNCTIONS = 1u << 3,
	VERDICT_LOCKS_ROWS = 1u << 4, /* SELECT ... FOR UPDATE or SHARE; a write */
	/*
	 * Makes or uses what belongs to the session: temporary objects, held cursors, LISTEN,
	 * advisory locks of the session, PREPARE, LOAD. What it leaves there is in makes.
	 */
	VERDICT_SESSION_STATE = 1u << 5,
	/* DECLARE, FETCH, MOVE or CLOSE: a read in a block that is READ ONLY only. */
	VERDICT_CURSOR = 1u << 6,
	VERDICT_COPY_IN = 1u << 7,  /* COPY ... FROM STDIN */
	VERDICT_COPY_OUT = 1u << 8, /* COPY ... TO STDOUT */
	VERDICT_EXPLAIN = 1u << 9,
	/*
	 * Asks about the host (pg_is_in_recovery, pg_stat_activity, ...): belongs to the primary,
	 * so that the answer is what it would be without a pooler, unless a hint says replica.
	 */
	VERDICT_HOST = 1u << 10,
	/*
	 * A literal holds a backslash, so the text may mean something else where
	 * standard_conforming_strings is off or client_encoding is one in which a backslash can
	 * be the second byte of a character (BIG5, GB18030, GBK, JOHAB, SHIFT_JIS_2004, SJIS,
	 * UHC): there it is to be taken for UNKNOWN.
	 */
	VERDICT_BACKSLASH = 1u << 11,
	VERDICT_SETS = 1u << 12,      /* has a SET, RESET, DISCARD or DEALLOCATE */
	VERDICT_OVERRULED = 1u << 13, /* a replica has refused it: see verdicts_overrule */
};

struct verdict {
	enum verdict_kind kind : 7;
	/* A WRITE only because of what it makes, drops or uses of the session: writes no data. */
	bool only_keeps : 1;
	enum verdict_hint hint : 8; /* what a comment asks for; PRIMARY where comments disagree */
	/* Of this transaction: BEGIN READ ONLY, SET TRANSACTION, SET transaction_read_only. */
	enum verdict_access access : 8;
	enum verdict_isolation isolation : 8;
	/* Of later ones: SET SESSION CHARACTERISTICS, SET default_transaction_..., RESET ALL. */
	enum verdict_access default_access : 8;
	enum verdict_isolation default_isolation : 8;
	uint16_t makes;	     /* of enum kept: what it may leave in the session */
	uint16_t drops;	     /* gone from there when all of the text has succeeded */
	uint16_t statements; /* 65535 at most; 0 when they could not be counted */
	uint32_t flags;	     /* of enum verdict_flag */
};

#endif
