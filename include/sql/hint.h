#ifndef SQL_HINT_H
#define SQL_HINT_H

#include "base/text.h"
#include "sql/verdict.h"

/*
 * Comments by which an application says where a text belongs:
 *
 *         / * pgcarwash: primary * /      / * pgcarwash: replica * /      -- pgcarwash: primary
 *
 * (without the blanks in the brackets), in front of, within or behind the text, in letters of any
 * case. The comment holds nothing else; other words are ignored.
 */

/* What a comment, with its brackets or dashes, asks for. */
enum verdict_hint hint_of_comment(struct slice comment);
/* The same for all comments of text; PRIMARY where they disagree. */
enum verdict_hint hint_find(struct slice text);

#endif
