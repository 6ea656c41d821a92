#ifndef ADMIN_GRAMMAR_H
#define ADMIN_GRAMMAR_H

#include <stdbool.h>

#include "base/text.h"

/*
 * The console's language: one command a text, letter case aside, in five shapes
 *
 *         WORD [WORD]
 *         SET key (= | TO) word
 *         SET key (= | TO) 'string'
 *         WORD WORD TO WORD
 *         EXPLAIN ROUTE word statement
 *
 * with an optional ; at the end and SQL comments anywhere, plus the few statements that drivers
 * send on their own. Pure: a text in, a line out.
 */

/* With the NUL; a longer text is LINE_TOO_LONG. */
#define LINE_VERB_MAX	 16
#define LINE_SUBJECT_MAX 64
#define LINE_VALUE_MAX	 256

enum line_shape {
	LINE_EMPTY,    /* nothing but blanks and perhaps one ; */
	LINE_COMMENT,  /* nothing but comments: what drivers ping with */
	LINE_WORDS,    /* verb [subject [TO value]] */
	LINE_EXPLAIN,  /* EXPLAIN ROUTE subject, and a statement of SQL from rest on */
	LINE_SET,      /* SET subject = value */
	LINE_COURTESY, /* a driver's statement without a meaning here: see courtesy */
	LINE_TOO_LONG, /* a word is longer than anything the console knows */
	LINE_INVALID,  /* none of these */
};

/* What a driver's statement does to the visit, beyond being answered. */
enum courtesy_effect {
	COURTESY_NOTHING,
	COURTESY_BEGIN,	     /* a transaction block begins, as far as the driver can see */
	COURTESY_END,	     /* and ends */
	COURTESY_IGNORED,    /* answered with the notice "SET ignored" */
	COURTESY_DISCARD,    /* forgets all prepared statements */
	COURTESY_DEALLOCATE, /* forgets the one in subject, or all when there is none */
};

struct courtesy {
	const char *words; /* what the text begins with, one blank between */
	const char *tag;   /* of the CommandComplete */
	enum courtesy_effect effect;
};

struct line {
	enum line_shape shape;
	const struct courtesy *courtesy; /* LINE_COURTESY only */
	bool has_subject;
	char verb[LINE_VERB_MAX]; /* as written, like the two below */
	char subject[LINE_SUBJECT_MAX];
	char value[LINE_VALUE_MAX]; /* without its quotes */
	size_t rest;		    /* LINE_EXPLAIN: where in the text the statement begins */
};

/* Reads text; *line says all there is to say, bad texts included. */
void grammar_read(struct slice text, struct line *line);

#endif
