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
 * True when a statement of text may drop prepared statements: one that starts with DISCARD or
 * DEALLOCATE. A semicolon inside a literal counts as a statement's end, which can only make
 * the answer true too often, never false.
 */
bool scan_may_drop_statements(struct slice text);

#endif
