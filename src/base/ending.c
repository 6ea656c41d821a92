/*
 * The rows of base/ending_table.h as a constant table. Read by sessions, servers, the log
 * and the metrics; nothing is ever written.
 */
#include "base/ending.h"

#include <assert.h>
#include <stddef.h>

static const struct ending_row rows[END_COUNT] = {
	[END_NONE] = { "", "00000", "none", "none" },
#define ENDING(id, severity, sqlstate, label, text)                                                \
	[END_##id] = { severity, sqlstate, label, text },
#include "base/ending_table.h"
#undef ENDING
};

const struct ending_row *ending_row(enum ending ending)
{
	assert((unsigned)ending < END_COUNT);
	return &rows[ending];
}
