#ifndef SQL_READING_H
#define SQL_READING_H

#include <stdbool.h>

#include "sql/verdict.h"

/* What a verdict means for where its text may run. */

/* A hot standby has all levels of isolation but SERIALIZABLE (docs, "Hot Standby"). */
bool verdict_is_isolation_for_standby(const struct verdict *verdict);
/*
 * A replica answers it as the primary would. read_only: in a block that is READ ONLY. Of a text
 * that opens a block see verdict_opens_reading.
 */
bool verdict_is_read(const struct verdict *verdict, bool read_only);
/* What comes later must see it: it may write data. */
bool verdict_is_write(const struct verdict *verdict);
/* It begins a block and leaves it open. */
bool verdict_opens(const struct verdict *verdict);
/*
 * Of a text that opens a block: that block says that it only reads, and a hot standby can begin
 * it. by_default: default_transaction_read_only is on.
 */
bool verdict_says_read_only(const struct verdict *verdict, bool by_default);
/* Of a text that opens a block: a replica can run it, and the block to its end. */
bool verdict_opens_reading(const struct verdict *verdict, bool by_default);
/* All of a turn, outside of blocks, in one: a replica can run it. */
bool verdict_reads(const struct verdict *verdict, bool by_default);

#endif
