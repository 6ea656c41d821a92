/*
 * Which functions and views of a database write: its catalogue, read on a connection of its own
 * that is closed after, at first, when the primary has moved, and every minute. Who splits only.
 * The same rows again change nothing, because everything that was judged by them would be judged
 * anew.
 */

#include <libpq-fe.h>

#include "base/buffer.h"
#include "base/log.h"
#include "base/map.h"
#include "prober_internal.h"
#include "sql/function_book.h"

/* Functions come last: those beyond are not known, so nothing that calls them counts as a read. */
#define ROWS_MAX      50000
#define EVERY_S	      60
#define AGAIN_S	      5
#define TIMEOUT_S     15

enum column { COLUMN_KIND, COLUMN_SCHEMA, COLUMN_NAME, COLUMN_VOLATILE, COLUMNS };

static struct slice cell(const PGresult *rows, int row, enum column column)
{
	return (struct slice){ PQgetvalue(rows, row, (int)column),
			       (size_t)PQgetlength(rows, row, (int)column) };
}

static uint64_t hash_rows(const PGresult *rows)
{
	uint64_t hash = 1;

	for (int row = 0; row < PQntuples(rows); row++)
		for (int column = 0; column < COLUMNS; column++) {
			struct slice text = cell(rows, row, (enum column)column);

			hash = hash_bytes(text.data, text.len, hash);
		}
	return hash;
}

static enum result add_row(struct function_book *book, const PGresult *rows, int row)
{
	bool is_volatile = *PQgetvalue(rows, row, COLUMN_VOLATILE) == 't';

	struct slice schema = cell(rows, row, COLUMN_SCHEMA), name = cell(rows, row, COLUMN_NAME);

	switch (*PQgetvalue(rows, row, COLUMN_KIND)) {
	case 'o': return function_book_add_operator(book, name);
	case 'r': return function_book_add_relation(book, name);
	case 'v': return function_book_add_view(book, name, schema, is_volatile);
	case 'w': return function_book_add_view_over(book, name, schema);
	default: return function_book_add(book, schema, name, is_volatile);
	}
}

/* NULL without memory. */
static struct function_book *make_book(const PGresult *rows)
{
	struct function_book *book = function_book_new();

	for (int row = 0; book && row < PQntuples(rows); row++) {
		if (add_row(book, rows, row) == OK)
			continue;
		function_book_unref(book);
		return NULL;
	}
	if (book)
		function_book_seal(book);
	return book;
}

static void take_rows(struct prober *prober, const PGresult *rows)
{
	uint64_t hash = hash_rows(rows);
	struct function_book *book;

	if (hash == prober->book_hash)
		return;
	book = make_book(rows);
	if (!book)
		return;
	prober->book_hash = hash;
	log_debug("cluster %s: %d functions are known", prober->name, PQntuples(rows));
	prober->options.on_functions(prober->options.ctx, book);
	function_book_unref(book);
}

static void on_rows(void *ctx, const struct link_answer *answer)
{
	struct prober *prober = ctx;
	const PGresult *rows = answer->results[0];
	bool good = answer->answered && rows && PQnfields(rows) == COLUMNS;
	struct span wait = span_seconds(good ? EVERY_S : AGAIN_S);

	prober->book_due = moment_after(loop_now(prober->loop), wait);
	if (answer->answered)
		link_close(prober->book_link);
	if (good)
		take_rows(prober, rows);
	else
		log_warning("cluster %s: its functions could not be read: %s", prober->name,
			    answer->error ? answer->error : "no rows");
}

/* The primary, or whoever is up: the catalogue is the same everywhere. -1: nobody. */
static int whom_to_ask(const struct prober *prober)
{
	int primary = cluster_primary(prober->cluster);
	struct endpoint_facts facts;

	if (primary >= 0)
		return primary < (int)prober->count ? primary : -1;
	for (unsigned i = 0; i < prober->count; i++) {
		cluster_endpoint(prober->cluster, i, loop_now(prober->loop), &facts);
		if (facts.state == ENDPOINT_UP)
			return (int)i;
	}
	return -1;
}

static enum result ask(struct prober *prober, unsigned host)
{
	struct link_target target = prober_target(prober, host);
	struct buffer text = BUFFER_EMPTY;
	enum result result = BROKEN;

	if (!prober->book_link)
		prober->book_link = link_new(prober->loop, prober->resolver,
					     (struct link_owner){ NULL, NULL });
	buffer_append_format(&text, "SELECT * FROM (%s) AS q ORDER BY 1 DESC, 2, 3 LIMIT %d",
			     function_book_query(), ROWS_MAX);
	buffer_append(&text, "", 1);
	if (prober->book_link && !text.failed && link_aim(prober->book_link, &target) == OK)
		result = link_ask(prober->book_link, text.data, span_seconds(TIMEOUT_S), on_rows,
				  prober);
	buffer_release(&text);
	return result;
}

void functions_run(struct prober *prober)
{
	struct moment now = loop_now(prober->loop);
	int host;

	if (!moment_reached(prober->book_due, now) ||
	    (prober->book_link && link_is_busy(prober->book_link)) ||
	    !cluster_options(prober->cluster)->splits)
		return;
	host = whom_to_ask(prober);
	if (host < 0)
		return;
	prober->book_due = moment_after(now, span_seconds(AGAIN_S));
	if (ask(prober, (unsigned)host) != OK)
		log_warning("cluster %s: no memory to read its functions", prober->name);
}
