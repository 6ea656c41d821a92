/* What a verdict means for the place where its text may run; for sessions and for EXPLAIN ROUTE. */
#include "sql/verdict.h"

bool verdict_has_isolation_of_standby(const struct verdict *verdict)
{
	return verdict->isolation == VERDICT_ISOLATION_NOT_SAID ||
	       verdict->isolation == VERDICT_ISOLATION_LESS;
}

bool verdict_is_read(const struct verdict *verdict, bool read_only)
{
	unsigned against = VERDICT_SESSION_STATE | VERDICT_SETS | VERDICT_COPY_IN |
			   VERDICT_LOCKS_ROWS;

	if (verdict->kind == VERDICT_EMPTY)
		return true;
	if (verdict->kind != VERDICT_READ || (verdict->flags & VERDICT_CLOSES) ||
	    !verdict_has_isolation_of_standby(verdict))
		return false;
	if (!read_only)
		against |= VERDICT_CURSOR;
	if (verdict->hint != VERDICT_HINT_REPLICA)
		against |= VERDICT_HOST;
	return !(verdict->flags & against);
}
