/*
 * What a host is asked, and what its answer says. One row tells all. Called by the schedule; owns
 * nothing.
 *
 * The timeline. A primary's is in the name of the WAL file it writes: pg_control tells it only
 * after the checkpoint that follows a promotion. A replica's is the newest of three: what its WAL
 * receiver has received (rights of pg_read_all_stats, so pg_monitor, are needed to see it), its
 * last restart point and its minimum recovery point; the latter two follow late. A receiver of a
 * new timeline is started only when that one forks off where replay has not been yet, so what is
 * replayed is part of its history.
 *
 * Positions. The insert position of a primary: with synchronous_commit = off, a commit that was
 * answered may be beyond what is written. The replay position of a replica: what is visible there.
 * At the end of a page the former already counts the next page's header, which nobody has written,
 * and the latter does not: taken as it is, an idle primary would stay ahead for ever.
 *
 * Whether it is in recovery is asked once: a promotion may happen in between.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "probe_internal.h"

static const char question[] =
	"SELECT r::int,"
	" (SELECT system_identifier FROM pg_catalog.pg_control_system()),"
	" CASE WHEN r THEN greatest("
	"(SELECT received_tli FROM pg_catalog.pg_stat_wal_receiver),"
	" (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()),"
	" (SELECT min_recovery_end_timeline FROM pg_catalog.pg_control_recovery()))::text"
	" ELSE 'x' || substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()),"
	" 1, 8) END,"
	" (extract(epoch FROM pg_catalog.pg_postmaster_start_time()) * 1000000)::bigint,"
	" (CASE WHEN r THEN pg_catalog.pg_last_wal_replay_lsn()"
	" ELSE pg_catalog.pg_current_wal_insert_lsn() END - '0/0'::pg_lsn)::text,"
	" pg_catalog.current_setting('wal_block_size'),"
	" pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size'))"
	" FROM (SELECT pg_catalog.pg_is_in_recovery() AS r OFFSET 0) AS q";

enum column {
	COLUMN_RECOVERY,
	COLUMN_SYSTEM,
	COLUMN_TIMELINE,
	COLUMN_STARTED,
	COLUMN_POSITION,
	COLUMN_BLOCK,	/* bytes of a page of WAL */
	COLUMN_SEGMENT, /* bytes of a file of WAL */
	COLUMNS,
};

/* Headers of pages of WAL, and of the first in a file (PostgreSQL's access/xlog_internal.h). */
#define SHORT_HEADER 24
#define LONG_HEADER  40

char *question_text(const char *lag_query)
{
	struct buffer text = BUFFER_EMPTY;
	char *copy = NULL;

	buffer_append_text(&text, question);
	if (lag_query && *lag_query)
		buffer_append_format(&text, "; %s", lag_query);
	if (!text.failed)
		copy = mem_copy_text(text.data, text.len);
	buffer_release(&text);
	return copy;
}

static enum result read_number(const PGresult *result, enum column column, uint64_t *number)
{
	const char *text = PQgetvalue(result, 0, column);
	int base = 10;
	char *end;

	if (PQgetisnull(result, 0, column) || !*text)
		return BROKEN;
	if (*text == 'x') {
		text++;
		base = 16;
	}
	*number = strtoull(text, &end, base);
	return *end ? BROKEN : OK;
}

static struct span read_own_lag(const PGresult *result)
{
	struct span lag = { -1 };
	const char *text;

	if (!result || PQntuples(result) < 1 || PQnfields(result) < 1)
		return lag;
	text = PQgetvalue(result, 0, 0);
	lag.us = 0;
	if (PQgetisnull(result, 0, 0) || *text == '-')
		return lag;
	if (text_to_seconds_us(slice_of(text), &lag.us) != OK)
		lag.us = -1;
	return lag;
}

/* No record ends behind a header: it begins there, and what was written ends before. */
static uint64_t without_header(uint64_t position, uint64_t block, uint64_t segment)
{
	uint64_t header = position % segment < block ? LONG_HEADER : SHORT_HEADER;

	return position % block == header ? position - header : position;
}

static void read_position(const PGresult *row, struct probe_facts *facts)
{
	uint64_t block, segment;

	/* A replica that has replayed nothing yet has no position. */
	if (read_number(row, COLUMN_POSITION, &facts->position) != OK)
		facts->position = 0;
	if (facts->in_recovery || read_number(row, COLUMN_BLOCK, &block) != OK ||
	    read_number(row, COLUMN_SEGMENT, &segment) != OK || block == 0 || segment == 0)
		return;
	facts->position = without_header(facts->position, block, segment);
}

void question_read(const struct link_answer *answer, struct probe_facts *facts)
{
	const PGresult *row = answer->results[0];
	uint64_t recovery, timeline, started;

	facts->answered = false;
	facts->refused = answer->refused;
	facts->asked = answer->asked;
	facts->latency = answer->latency;
	facts->reconnected = answer->is_new;
	facts->own_lag = (struct span){ -1 };
	if (!answer->answered)
		return;
	/* It spoke, but said nothing we understand: that is no sign of death. */
	facts->refused = true;
	if (!row || PQntuples(row) != 1 || PQnfields(row) != COLUMNS)
		return;
	if (read_number(row, COLUMN_RECOVERY, &recovery) != OK ||
	    read_number(row, COLUMN_SYSTEM, &facts->system_id) != OK ||
	    read_number(row, COLUMN_TIMELINE, &timeline) != OK ||
	    read_number(row, COLUMN_STARTED, &started) != OK)
		return;
	facts->in_recovery = recovery != 0;
	read_position(row, facts);
	facts->timeline = (uint32_t)timeline;
	facts->started_us = (int64_t)started;
	facts->own_lag = read_own_lag(answer->results[1]);
	facts->answered = true;
	facts->refused = false;
}
