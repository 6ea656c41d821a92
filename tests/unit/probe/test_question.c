#include "test.h"

#include <libpq-fe.h>

#include "probe/probe_internal.h"

#define COLUMNS 7
#define WAL	"8192", "16777216"

/* One row of these texts; NULL is SQL's NULL. */
static PGresult *row_of(const char *const values[], int columns)
{
	PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc columns_of[COLUMNS + 1] = { 0 };

	for (int i = 0; i < columns; i++)
		columns_of[i].name = (char *)"c";
	CHECK(PQsetResultAttrs(result, columns, columns_of));
	for (int i = 0; i < columns; i++)
		CHECK(PQsetvalue(result, 0, i, (char *)values[i],
				 values[i] ? (int)strlen(values[i]) : -1));
	return result;
}

static struct probe_facts read_both(const char *const values[], int columns, const char *lag)
{
	PGresult *row = row_of(values, columns), *own = lag ? row_of(&lag, 1) : NULL;
	struct link_answer answer = {
		.answered = true,
		.is_new = true,
		.asked = { 5000000 },
		.latency = { 700 },
		.results = { row, own },
	};
	struct probe_facts facts = { .round = 9 };

	question_read(&answer, &facts);
	PQclear(row);
	PQclear(own);
	return facts;
}

TEST(a_primary)
{
	const char *const values[] = { "0", "7710996102658233082", "x0000001A",
				       "1795356192694537", "50334456", WAL };
	struct probe_facts facts = read_both(values, COLUMNS, NULL);

	CHECK(facts.answered && !facts.refused && facts.reconnected && !facts.in_recovery);
	CHECK_UINT_EQ(facts.system_id, UINT64_C(7710996102658233082));
	CHECK_UINT_EQ(facts.timeline, 26);
	CHECK_INT_EQ(facts.started_us, INT64_C(1795356192694537));
	CHECK_UINT_EQ(facts.position, 50334456);
	CHECK_UINT_EQ(facts.round, 9);
	CHECK_INT_EQ(facts.latency.us, 700);
	CHECK(facts.own_lag.us < 0);
}

static uint64_t position_of(const char *recovery, const char *position)
{
	const char *const values[] = { recovery, "5", "2", "1", position, WAL };

	return read_both(values, COLUMNS, NULL).position;
}

TEST(a_primary_at_the_end_of_a_page_is_not_ahead)
{
	/* 0/3000028: the first page of a file; 0/3002018: another; and records that end near */
	CHECK_UINT_EQ(position_of("0", "50331688"), 50331648);
	CHECK_UINT_EQ(position_of("0", "50339864"), 50339840);
	CHECK_UINT_EQ(position_of("0", "50339880"), 50339880);
	CHECK_UINT_EQ(position_of("0", "50331672"), 50331672);
	CHECK_UINT_EQ(position_of("0", "50331648"), 50331648);
	CHECK_UINT_EQ(position_of("1", "50331688"), 50331688);
}

TEST(a_replica_with_a_lag_of_its_own)
{
	const char *const values[] = { "1", "5", "2", "1795356192694537", "100", WAL };

	CHECK(read_both(values, COLUMNS, NULL).in_recovery);
	CHECK_INT_EQ(read_both(values, COLUMNS, "1.5").own_lag.us, 1500000);
	/* clocks that differ: not behind */
	CHECK_INT_EQ(read_both(values, COLUMNS, "-0.2").own_lag.us, 0);
	/* a text that is no number says nothing */
	CHECK(read_both(values, COLUMNS, "soon").own_lag.us < 0);
}

TEST(a_replica_that_has_replayed_nothing)
{
	const char *const values[] = { "1", "5", "2", "1795356192694537", NULL, WAL };
	struct probe_facts facts = read_both(values, COLUMNS, NULL);

	CHECK(facts.answered);
	CHECK_UINT_EQ(facts.position, 0);
}

TEST(what_is_not_understood_is_no_answer_but_no_silence)
{
	const char *const strange[] = { "1", "five", "2", "1795356192694537", "100", WAL };
	const char *const no_timeline[] = { "1", "5", NULL, "1795356192694537", "100", WAL };
	const char *const few[] = { "1", "5" };
	struct probe_facts facts = read_both(strange, COLUMNS, NULL);

	CHECK(!facts.answered && facts.refused);
	facts = read_both(no_timeline, COLUMNS, NULL);
	CHECK(!facts.answered && facts.refused);
	facts = read_both(few, 2, NULL);
	CHECK(!facts.answered && facts.refused);
}

TEST(silence)
{
	struct link_answer answer = { .asked = { 5000000 } };
	struct probe_facts facts = { 0 };

	question_read(&answer, &facts);
	CHECK(!facts.answered && !facts.refused);
	answer.refused = true;
	question_read(&answer, &facts);
	CHECK(facts.refused);
}

TEST(the_lag_query_follows_the_question)
{
	char *plain = question_text(""), *with = question_text("SELECT 1.5");

	REQUIRE(plain && with);
	CHECK(strncmp(plain, with, strlen(plain)) == 0);
	CHECK_TEXT_EQ(with + strlen(plain), "; SELECT 1.5");
	mem_free(plain);
	mem_free(with);
}
