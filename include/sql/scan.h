#ifndef SQL_SCAN_H
#define SQL_SCAN_H

#include <stdbool.h>

#include "base/text.h"

#define SCAN_NAME_MAX 64 /* bytes of a name; PostgreSQL cuts longer ones to 63 */

/*
 * The cheap look at SQL text: white space, comments and first words, no grammar. Costs a few
 * nanoseconds on the usual text.
 */

/* text without leading white space, comments (nested ones too) and empty statements. */
struct slice scan_skip_blank(struct slice text);

/*
 * True when a statement of text may drop prepared statements: the first one starts with DISCARD
 * or DEALLOCATE, or one of these words is anywhere behind a semicolon. True too often (a word in
 * a literal), never false when it is true. Statements run by functions are not seen.
 */
bool scan_may_drop_statements(struct slice text);

/*
 * True when text is one statement DEALLOCATE [PREPARE] name, and gives the name: folded to lower
 * case, or as it stands in double quotes (borrowed from text or written to room). Not ALL.
 */
bool scan_deallocate(struct slice text, char room[SCAN_NAME_MAX], struct slice *name);

/*
 * True when text is one statement SET [SESSION] name ..., RESET name or SET SESSION
 * CHARACTERISTICS of READ ONLY or READ WRITE alone, and gives the setting's name as servers report
 * it, but for its case: SET TIME ZONE is of "timezone", SET NAMES of "client_encoding". Not SET
 * LOCAL, ROLE, SESSION AUTHORIZATION, TRANSACTION, XML, and not ALL. Only of texts that have a
 * verdict with one statement: it believes that what follows is a value.
 */
bool scan_setting(struct slice text, char room[SCAN_NAME_MAX], struct slice *name);

#endif
