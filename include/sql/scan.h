#ifndef SQL_SCAN_H
#define SQL_SCAN_H

#include <stdbool.h>

#include "base/text.h"

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

#endif
