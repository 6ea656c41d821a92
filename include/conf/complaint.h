#ifndef CONF_COMPLAINT_H
#define CONF_COMPLAINT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/result.h"
#include "base/text.h"

/*
 * What is wrong with a configuration, collected so that a user sees all of it at once. The
 * caller prints: --check on stderr, the daemon in its log, the console in a reply.
 */

#define COMPLAINTS_MAX 200 /* more are counted, not kept */

/* How much of a name or a value stands in a complaint, for "%.*s". */
#define COMPLAINT_SHOWN_MAX 200

static inline int complaint_shown(struct slice text)
{
	return (int)(text.len < COMPLAINT_SHOWN_MAX ? text.len : COMPLAINT_SHOWN_MAX);
}

enum complaint_severity {
	COMPLAINT_WARNING, /* it works, though perhaps not as meant */
	COMPLAINT_ERROR,   /* the configuration is refused */
};

struct complaint {
	enum complaint_severity severity;
	const char
		*text; /* "FILE:LINE: what"; without a line where there is none; no secret in it */
};

struct complaints {
	struct complaint items[COMPLAINTS_MAX];
	size_t count;	/* of items */
	size_t errors;	/* all, kept or not */
	size_t dropped; /* not kept: too many, or no memory */
};

void complaints_init(struct complaints *complaints);
void complaints_release(struct complaints *complaints);
/* file NULL: the text stands alone; line 0: no line. file is not kept. */
void complaints_add(struct complaints *complaints, enum complaint_severity severity,
		    const char *file, unsigned line, const char *format, ...) PRINTF_LIKE(5, 6);
/* True when something forbids the use of the configuration. */
bool complaints_has_errors(const struct complaints *complaints);

#endif
