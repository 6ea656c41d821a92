/*
 * What judging a text costs: from memory with constants that change each time, by classify as a
 * text that is met for the first time, and by the parse tree alone. A transaction through the
 * pooler costs about 25 us of CPU, of which judging should be a small part.
 *
 *         verdicts_bench [rounds]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/result.h"
#include "sql/classify.h"
#include "sql/sql_internal.h"
#include "sql/verdicts.h"

static const char *const texts[] = {
	"BEGIN",
	"SET app.tenant = '%u'",
	"SELECT abalance FROM pgbench_accounts WHERE aid = %u",
	"UPDATE pgbench_accounts SET abalance = abalance + %u WHERE aid = 17",
	"SELECT \"user\".\"id\", \"user\".\"name\", \"user\".\"created_at\" FROM \"user\" "
	"LEFT JOIN \"group\" ON \"group\".\"id\" = \"user\".\"group_id\" WHERE \"user\".\"mail\" = "
	"'someone%u@example.org' AND lower(\"group\".\"name\") LIKE 'adm%%' ORDER BY 1 LIMIT 20",
	"WITH recent AS (SELECT * FROM orders WHERE day > now() - interval '%u days') SELECT "
	"customer, count(*), sum(price) FROM recent GROUP BY customer HAVING count(*) > 3",
	"SELECT * FROM t WHERE id IN (%u,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22)",
	"/* app='web', traceparent='00-%u' */ INSERT INTO t (a, b, c) VALUES (1, 'two', 3.5)",
};

static int64_t cpu_ns(void)
{
	struct timespec clock;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &clock);
	return (int64_t)clock.tv_sec * 1000000000 + clock.tv_nsec;
}

enum way {
	FROM_MEMORY,
	AT_FIRST,
	BY_TREE,
};

/* Nanoseconds for one text. */
static double measure(enum way way, const char *pattern, unsigned rounds)
{
	static char variants[64][1024];
	struct verdicts *verdicts = verdicts_new(1000, 1 << 20, 42);
	unsigned sum = 0;
	int64_t start;

	if (!verdicts)
		exit(2);
	for (unsigned i = 0; i < COUNT_OF(variants); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(variants[i], sizeof(variants[i]), pattern, 1000 + i * 7919);
#pragma GCC diagnostic pop
	}
	start = cpu_ns();
	for (unsigned i = 0; i < rounds; i++) {
		struct slice text = slice_of(variants[i % COUNT_OF(variants)]);

		if (way == FROM_MEMORY)
			sum += verdicts_judge(verdicts, text, NULL, 1).kind;
		else if (way == AT_FIRST)
			sum += classify(text, NULL).kind;
		else
			sum += classify_by_tree(text, NULL).kind;
	}
	start = cpu_ns() - start;
	verdicts_free(verdicts);
	return sum == 0 ? 0 : (double)start / rounds;
}

int main(int count, char **arguments)
{
	unsigned rounds = count > 1 ? (unsigned)atoi(arguments[1]) : 200000;

	printf("ns of CPU to judge a text   memory    first     tree\n");
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		printf("%-24.24s %9.0f%9.0f%9.0f\n", texts[i],
		       measure(FROM_MEMORY, texts[i], rounds),
		       measure(AT_FIRST, texts[i], rounds / 10),
		       measure(BY_TREE, texts[i], rounds / 10));
	return 0;
}
