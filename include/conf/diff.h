#ifndef CONF_DIFF_H
#define CONF_DIFF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/result.h"
#include "conf/option.h"
#include "conf/settings.h"

/* What a reload changed, so that only that is touched. */

enum change_kind { CHANGE_ADDED, CHANGE_REMOVED, CHANGE_CHANGED };

struct database_change {
	enum change_kind kind;
	const char *name;			/* "*" for the template */
	const struct database_settings *before; /* NULL when added */
	const struct database_settings *after;	/* NULL when removed */
	bool connect;				/* open servers lead elsewhere: recycle them */
	bool only_hosts; /* with it: but not those of a cluster's hosts that stay */
};

struct user_change {
	enum change_kind kind;
	const char *name;
	const struct user_settings *before, *after;
};

/* Borrows both snapshots: valid as long as they are. */
struct settings_diff {
	const struct option **options; /* global keys whose value differs */
	size_t option_count;
	struct database_change *databases; /* sorted by name, "*" last */
	size_t database_count;
	struct user_change *users; /* sorted by name */
	size_t user_count;
	bool auth_file_text; /* the contents of auth_file differ */
};

/* BROKEN without memory; *diff is then empty and needs no release. */
enum result settings_diff_init(struct settings_diff *diff, const struct settings *before,
			       const struct settings *after) MUST_USE;
void settings_diff_release(struct settings_diff *diff);
/* True when the global key of this name is among the changed ones. */
bool settings_diff_has(const struct settings_diff *diff, const char *key);

#endif
