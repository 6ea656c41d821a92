/*
 * What a verdict means for where its text may run. Called by sessions for each turn, and by the
 * console to explain what they do.
 */
#include "sql/reading.h"

bool verdict_is_isolation_for_standby(const struct verdict *verdict)
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
	    !verdict_is_isolation_for_standby(verdict))
		return false;
	if (!read_only)
		against |= VERDICT_CURSOR;
	if (verdict->hint != VERDICT_HINT_REPLICA)
		against |= VERDICT_HOST;
	return !(verdict->flags & against);
}

bool verdict_is_write(const struct verdict *verdict)
{
	return verdict->kind == VERDICT_UNKNOWN ||
	       (verdict->kind == VERDICT_WRITE && !verdict->only_keeps);
}

bool verdict_opens(const struct verdict *verdict)
{
	return verdict->flags & VERDICT_OPENS || verdict->kind == VERDICT_BEGIN;
}

bool verdict_says_read_only(const struct verdict *verdict, bool by_default)
{
	if (!verdict_is_isolation_for_standby(verdict))
		return false;
	if (verdict->access == VERDICT_ACCESS_NOT_SAID)
		return by_default;
	return verdict->access == VERDICT_ACCESS_READ_ONLY;
}

bool verdict_opens_reading(const struct verdict *verdict, bool by_default)
{
	if (!verdict_says_read_only(verdict, by_default))
		return false;
	/* With SET behind it, it may be one that belongs to the session. */
	if (verdict->kind == VERDICT_BEGIN)
		return !(verdict->flags & VERDICT_SETS);
	return verdict_is_read(verdict, true);
}

bool verdict_reads(const struct verdict *verdict, bool by_default)
{
	return verdict_opens(verdict) ? verdict_opens_reading(verdict, by_default) :
					verdict_is_read(verdict, false);
}
