#ifndef CONF_LOAD_H
#define CONF_LOAD_H

#include "base/result.h"
#include "base/text.h"
#include "conf/complaint.h"
#include "conf/settings.h"

/*
 * From files to a snapshot, all or nothing: read, draft, check. Reads path, what it includes,
 * auth_file, and while auth_type is hba the rules and maps for it.
 *
 * previous: NULL at the start, else what is in force now (borrowed). On a reload, keys that
 * have no default and are not in the file keep their present value, and keys that need a
 * restart keep it with a warning. Values given by settings_with are lost, as the reference
 * wants it.
 *
 * complaints: without errors yet. Gives a snapshot the caller holds (settings_unref), or NULL when
 * complaints has errors or memory ran out (that too is a complaint). Warnings are added in either
 * case.
 */
const struct settings *settings_load(const char *path, const struct settings *previous,
				     struct complaints *complaints) MUST_USE;

/* The same from a text at hand: %include is refused, no other file is read. For tests. */
const struct settings *settings_load_text(const char *name, struct slice text,
					  const struct settings *previous,
					  struct complaints *complaints) MUST_USE;

/*
 * The console's SET: a snapshot that differs from old (borrowed) in one global key. A key that
 * needs a restart gives an equal snapshot and a warning. NULL for an unknown key or a bad
 * value, with an error in complaints.
 */
const struct settings *settings_with(const struct settings *old, struct slice key,
				     struct slice value, struct complaints *complaints) MUST_USE;

#endif
