/*
 * EXPLAIN ROUTE: judges a statement as a session would and tells what follows, without running it
 * or moving the balancing. A client that has written lately may see it sent elsewhere; that is
 * its own, and not known here.
 */

#include "admin/show_internal.h"
#include "pool/database.h"
#include "pool/pools.h"
#include "route/policy.h"
#include "sql/classify.h"
#include "sql/kept.h"
#include "sql/reading.h"
#include "sql/scan.h"
#include "sql/verdicts.h"

static const struct result_column explanation_columns[] = {
	TEXT("what"),
	TEXT("answer"),
};

static void put(struct table *table, const char *what, const char *answer)
{
	table_row(table);
	table_text(table, what);
	table_text(table, answer);
	table_row_end(table);
}

static const char *verdict_text(const struct verdict *verdict)
{
	static const char *const texts[] = {
		[VERDICT_UNKNOWN] = "not understood, taken for a write",
		[VERDICT_EMPTY] = "nothing",
		[VERDICT_SETTING] = "a setting, which belongs to its transaction",
		[VERDICT_OWN] = "answered by pgcarwash itself",
		[VERDICT_BEGIN] = "the beginning of a transaction",
		[VERDICT_END] = "the end of a transaction, wherever that is",
		[VERDICT_READ] = "a read",
		[VERDICT_WRITE] = "a write",
	};

	if (verdict->flags & VERDICT_OVERRULED)
		return "a write: a replica refused it";
	if (verdict->kind == VERDICT_WRITE && verdict->flags & VERDICT_FUNCTIONS)
		return "a write, perhaps: it calls a function that is not known";
	if (verdict->kind == VERDICT_WRITE && verdict->flags & VERDICT_LOCKS_ROWS)
		return "a write: it locks rows";
	if (verdict->only_keeps)
		return "no write, but it changes or uses what its session keeps";
	if (verdict->kind == VERDICT_READ && verdict->flags & VERDICT_HOST)
		return "a question about the host, which is the primary's";
	return texts[verdict->kind];
}

/* What it leaves in its session, so that later reads go to the primary as well. */
static void put_kept(struct table *table, const struct verdict *verdict, struct slice text)
{
	char room[SCAN_NAME_MAX], answer[128];
	struct slice name;

	if (verdict->makes == 0)
		return;
	if (verdict->makes == KEPT_SETTINGS && verdict->statements == 1 &&
	    scan_setting(text, room, &name))
		snprintf(answer, sizeof(answer), "a setting: unless it is tracked, %s",
			 "later reads go to the primary, too");
	else
		snprintf(answer, sizeof(answer), "%s: later reads go to the primary, too",
			 kept_text(verdict->makes));
	put(table, "leaves", answer);
}

static void put_choice(struct table *table, const struct cluster *cluster,
		       const struct route_choice *choice, struct moment now)
{
	struct endpoint_facts facts;
	char text[320];

	if (choice->answer == ROUTE_TO_HOST) {
		cluster_endpoint(cluster, choice->host, now, &facts);
		snprintf(text, sizeof(text), "%s %.*s:%d", endpoint_role_name(facts.role),
			 (int)facts.host.len, facts.host.data, facts.port);
	} else {
		snprintf(text, sizeof(text), "%s",
			 choice->answer == ROUTE_HOLD ? "nowhere: it is held" :
							"nowhere: an error");
	}
	put(table, "goes to", text);
	put(table, "because", route_reason_text(choice->reason));
}

static enum result explanation_rows(struct admin *admin, struct table *table)
{
	const struct request *request = admin->explained;
	struct slice text = { request->text.data + request->line->rest,
			      request->text.len - request->line->rest };
	struct moment now = loop_now(admin->loop);
	struct database *database =
		pools_known_database(admin->pools, slice_of(request->line->subject));
	const struct cluster *cluster = database_cluster(database);
	const char *why[CLUSTER_MAX_HOSTS] = { NULL };
	struct verdict verdict =
		database_verdicts(database) ?
			verdicts_judge(database_verdicts(database), text,
				       database_functions(database),
				       database_functions_generation(database)) :
			classify(text, database_functions(database));
	struct route_request wanted = {
		.reads = verdict_reads(&verdict, false),
		.read_only_block = verdict_opens(&verdict),
		.wish = verdict.hint == VERDICT_HINT_PRIMARY ? WISH_PRIMARY :
			verdict.hint == VERDICT_HINT_REPLICA ? WISH_REPLICA :
							       WISH_AUTO,
		.available = UINT64_MAX,
	};
	struct route_choice choice = policy_explain(cluster, &wanted, now, why);

	put(table, "statement", verdict_text(&verdict));
	put_kept(table, &verdict, text);
	/* Ours, and whatever ends a block, go where they go without being asked. */
	if (verdict.kind == VERDICT_OWN || verdict.kind == VERDICT_END)
		return OK;
	put_choice(table, cluster, &choice, now);
	for (unsigned i = 0; i < cluster_options(cluster)->count; i++) {
		struct endpoint_facts facts;
		char name[300];

		cluster_endpoint(cluster, i, now, &facts);
		snprintf(name, sizeof(name), "%.*s:%d", (int)facts.host.len, facts.host.data,
			 facts.port);
		put(table, name, why[i]);
	}
	return OK;
}

const struct show show_explanation = {
	.name = "",
	.help = "",
	COLUMNS(explanation_columns),
	.rows = explanation_rows,
};

enum outcome control_explain(struct request *request)
{
	struct admin *admin = request->visit->admin;
	struct database *database =
		pools_known_database(admin->pools, slice_of(request->line->subject));
	struct table table;

	if (!database)
		return reply_refuse(request, "no such database: %s", request->line->subject);
	if (!database_cluster(database))
		return reply_refuse(request, "database %s has one place only: it does not route",
				    request->line->subject);
	table_init(&table, request->out, explanation_columns, COUNT_OF(explanation_columns),
		   request->formats);
	if (request->simple)
		table_describe(&table);
	admin->explained = request;
	(void)explanation_rows(admin, &table);
	admin->explained = NULL;
	return reply_done(request, "EXPLAIN");
}
