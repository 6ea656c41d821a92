#ifndef SQL_CLASSIFY_H
#define SQL_CLASSIFY_H

#include "base/text.h"
#include "sql/function_book.h"
#include "sql/verdict.h"

/* Bytes of a text, with its constants blanked, that is parsed; a longer one stays UNKNOWN. */
#define CLASSIFY_PARSE_MAX ((size_t)16 * 1024)
/*
 * Words, operators and brackets of a text that is parsed: each may be one level of libpg_query's
 * recursion, which takes up to 200 bytes of stack and is not bounded by itself.
 */
#define CLASSIFY_NESTING_MAX 3000

/*
 * What text does. Borrows both; functions may be NULL: then functions that are not PostgreSQL's
 * own are not known, which makes a WRITE with VERDICT_FUNCTIONS.
 *
 * READ is said only of what is provably one: SELECT, VALUES, TABLE, EXPLAIN of these, COPY of
 * these TO STDOUT, cursors over these, without INTO, row locks, statements that write in WITH,
 * and calls of functions that may write. Functions behind views, casts, operators (but those the
 * book names), attributes (t.f for f(t)) and types are not seen: a replica refuses what they
 * write with SQLSTATE 25006, and verdicts_overrule remembers it. Unlogged tables are not seen
 * either: a standby refuses to read them with 0A000.
 *
 * Several statements: any UNKNOWN makes UNKNOWN, else any WRITE a WRITE, else any READ a READ;
 * flags and settings of all of them.
 *
 * The text is read as with standard_conforming_strings = on; see VERDICT_BACKSLASH. Syntax is
 * that of PostgreSQL 15: what only later ones understand is UNKNOWN. Costs 0.1 to 0.5 us for the
 * usual text, else what libpg_query takes (5 to 100 us, some milliseconds for the longest).
 */
struct verdict classify(struct slice text, const struct function_book *functions);

#endif
