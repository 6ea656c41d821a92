/*
 * What a text does, from libpg_query's parse tree, which comes as JSON: {"version": ..., "stmts":
 * [{"stmt": {"SelectStmt": {...}}, ...}, ...]}. The JSON is walked from front to end without
 * recursion; keys with a capital are node types, and a read may hold only those known to write
 * nothing, so a node that is new or forgotten makes a write.
 *
 * libpg_query keeps its memory and errors to itself, per thread, between calls nothing but an
 * empty memory context. It does not bound its recursion: classify.c bounds what comes here.
 */
#include <pg_query.h>

#include "tree_internal.h"

/* Where in the tree: "stmt" is at depth 3, its type at 4, its own fields at 5. */
#define DEPTH_OF_STATEMENT 3
#define DEPTH_OF_TYPE	   4
#define DEPTH_OF_FIELDS	   5

#define CURSOR_HOLD 0x20 /* CURSOR_OPT_HOLD, PostgreSQL's parsenodes.h */

#define NAME(text)                                                                                 \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}

/* The value at hand if it is a string, which is consumed; else empty. */
static struct slice string_value(struct walk *walk)
{
	return *walk->at == '"' ? json_string(&walk->at) : SLICE_NONE;
}

static bool is_true(const struct walk *walk)
{
	return *walk->at == 't';
}

/* ---- types of statements ---- */

struct statement_rule {
	struct slice type;
	enum verdict_kind kind;
	uint32_t flags;
};

/* All others write. What keeps something in the session is made a write at its end. */
static const struct statement_rule statement_rules[] = {
	{ NAME("SelectStmt"), VERDICT_READ, 0 },
	{ NAME("TransactionStmt"), VERDICT_SETTING, 0 },
	{ NAME("VariableSetStmt"), VERDICT_SETTING, VERDICT_SETS },
	{ NAME("VariableShowStmt"), VERDICT_SETTING, 0 },
	{ NAME("ExplainStmt"), VERDICT_READ, VERDICT_EXPLAIN },
	{ NAME("CopyStmt"), VERDICT_READ, 0 },
	{ NAME("DeclareCursorStmt"), VERDICT_READ, VERDICT_CURSOR },
	{ NAME("FetchStmt"), VERDICT_READ, VERDICT_CURSOR },
	{ NAME("ClosePortalStmt"), VERDICT_READ, VERDICT_CURSOR },
	{ NAME("ConstraintsSetStmt"), VERDICT_SETTING, 0 },
	{ NAME("DeallocateStmt"), VERDICT_SETTING, VERDICT_SETS },
	{ NAME("DiscardStmt"), VERDICT_SETTING, VERDICT_SETS },
	{ NAME("PrepareStmt"), VERDICT_READ, VERDICT_SESSION_STATE },
	{ NAME("ExecuteStmt"), VERDICT_WRITE, VERDICT_SESSION_STATE },
	{ NAME("ListenStmt"), VERDICT_READ, VERDICT_SESSION_STATE },
	{ NAME("UnlistenStmt"), VERDICT_READ, VERDICT_SESSION_STATE },
	{ NAME("LoadStmt"), VERDICT_READ, VERDICT_SESSION_STATE },
};

/* Nodes that write nothing by themselves, in the order of their bytes. */
static const struct slice harmless_nodes[] = {
	NAME("A_ArrayExpr"),
	NAME("A_Const"),
	NAME("A_Expr"),
	NAME("A_Indices"),
	NAME("A_Indirection"),
	NAME("A_Star"),
	NAME("Alias"),
	NAME("BitString"),
	NAME("BoolExpr"),
	NAME("Boolean"),
	NAME("BooleanTest"),
	NAME("CTECycleClause"),
	NAME("CTESearchClause"),
	NAME("CaseExpr"),
	NAME("CaseWhen"),
	NAME("CoalesceExpr"),
	NAME("CollateClause"),
	NAME("ColumnRef"),
	NAME("CommonTableExpr"),
	NAME("DefElem"),
	NAME("Float"),
	NAME("FuncCall"),
	NAME("GroupingFunc"),
	NAME("GroupingSet"),
	NAME("Integer"),
	NAME("JoinExpr"),
	NAME("List"),
	NAME("MinMaxExpr"),
	NAME("NamedArgExpr"),
	NAME("NullTest"),
	NAME("ParamRef"),
	NAME("RangeFunction"),
	NAME("RangeSubselect"),
	NAME("RangeTableFunc"),
	NAME("RangeTableFuncCol"),
	NAME("RangeTableSample"),
	NAME("RangeVar"),
	NAME("ResTarget"),
	NAME("RowExpr"),
	NAME("SQLValueFunction"),
	NAME("SelectStmt"),
	NAME("SetToDefault"),
	NAME("SortBy"),
	NAME("String"),
	NAME("SubLink"),
	NAME("TypeCast"),
	NAME("TypeName"),
	NAME("WindowDef"),
	NAME("WithClause"),
	NAME("XmlExpr"),
	NAME("XmlSerialize"),
};

static void begin_type(struct walk *walk, struct slice type)
{
	struct statement *now = &walk->now;

	now->type = type;
	now->kind = VERDICT_WRITE;
	for (size_t i = 0; i < COUNT_OF(statement_rules); i++) {
		if (slice_equal(type, statement_rules[i].type)) {
			now->kind = statement_rules[i].kind;
			now->flags = statement_rules[i].flags;
		}
	}
}

/* set_config's arguments are nodes two levels below the fields of its call. */
#define CONFIG_ARGUMENT 2
#define CONFIG_VALUE	4 /* and so deep the value of a constant is */
#define CONFIG_IS_LOCAL 3

static void on_node(struct walk *walk, struct slice type)
{
	walk->now.in_column = slice_equal(type, SLICE_LITERAL("ColumnRef")) ||
			      (walk->now.in_column && slice_equal(type, SLICE_LITERAL("String")));
	walk->now.config_arguments += walk->depth == walk->now.config_depth + CONFIG_ARGUMENT;
	if (walk->depth == DEPTH_OF_TYPE)
		begin_type(walk, type);
	else if (slice_equal(type, SLICE_LITERAL("LockingClause")))
		walk->now.flags |= VERDICT_LOCKS_ROWS;
	else if (!catalogue_has(harmless_nodes, COUNT_OF(harmless_nodes), type))
		tree_worsen(walk);
}

/* ---- what a statement says about transactions and settings ---- */

static void give_value(struct walk *walk, struct slice text)
{
	struct statement *now = &walk->now;

	if (now->setting == SETTING_READ_ONLY)
		now->access = setting_access(text);
	else if (now->setting == SETTING_ISOLATION)
		now->isolation = setting_isolation(text);
	now->setting = SETTING_OTHER;
}

static enum setting setting_of(struct slice name)
{
	const struct slice head = SLICE_LITERAL("default_");

	if (slice_starts_with(name, head))
		name = (struct slice){ name.data + head.len, name.len - head.len };
	if (slice_equal_nocase(name, SLICE_LITERAL("transaction_read_only")))
		return SETTING_READ_ONLY;
	if (slice_equal_nocase(name, SLICE_LITERAL("transaction_isolation")))
		return SETTING_ISOLATION;
	return SETTING_OTHER;
}

/* Names of the schema of temporary objects are pg_temp and pg_temp_3. */
static bool is_temporary(struct slice name)
{
	return slice_starts_with(name, SLICE_LITERAL("pg_temp"));
}

static enum verdict_kind kind_of_transaction(struct slice kind)
{
	static const struct {
		struct slice name;
		enum verdict_kind kind;
	} kinds[] = {
		{ NAME("TRANS_STMT_BEGIN"), VERDICT_BEGIN },
		{ NAME("TRANS_STMT_START"), VERDICT_BEGIN },
		{ NAME("TRANS_STMT_COMMIT"), VERDICT_END },
		{ NAME("TRANS_STMT_ROLLBACK"), VERDICT_END },
		{ NAME("TRANS_STMT_PREPARE"), VERDICT_END },
		{ NAME("TRANS_STMT_SAVEPOINT"), VERDICT_SETTING },
		{ NAME("TRANS_STMT_RELEASE"), VERDICT_SETTING },
		{ NAME("TRANS_STMT_ROLLBACK_TO"), VERDICT_SETTING },
	};

	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		if (slice_equal(kind, kinds[i].name))
			return kinds[i].kind;
	}
	return VERDICT_WRITE;
}

/* ---- fields: called with the value at hand, may consume it ---- */

static void on_kind(struct walk *walk)
{
	struct slice kind = string_value(walk);

	if (walk->depth != DEPTH_OF_FIELDS)
		return;
	if (tree_is_transaction(walk))
		walk->now.kind = kind_of_transaction(kind);
	else if (tree_is_set(walk))
		walk->now.set_back = !slice_equal(kind, SLICE_LITERAL("VAR_SET_VALUE")) &&
				     !slice_equal(kind, SLICE_LITERAL("VAR_SET_MULTI"));
}

static void on_operator(struct walk *walk)
{
	struct json_names names;

	if (*walk->at != '[')
		return;
	json_read_names(&walk->at, &names);
	if (function_book_operator_writes(walk->functions, names.name))
		tree_worsen(walk);
}

static void on_name(struct walk *walk)
{
	if (*walk->at == '[') {
		on_operator(walk);
		return;
	}
	if (walk->depth != DEPTH_OF_FIELDS || *walk->at != '"')
		return;
	walk->now.name = string_value(walk);
	if (tree_is_set(walk))
		walk->now.setting = setting_of(walk->now.name);
	else if (tree_is(walk, SLICE_LITERAL("VariableShowStmt")) &&
		 catalogue_setting_is_about_host(walk->now.name))
		walk->now.flags |= VERDICT_HOST;
}

static void on_defname(struct walk *walk)
{
	struct slice name = string_value(walk);

	if (tree_is_set(walk) || tree_is_transaction(walk))
		walk->now.setting = setting_of(name);
}

static void on_string(struct walk *walk, struct slice value)
{
	struct statement *now = &walk->now;

	give_value(walk, value);
	if (now->in_column && catalogue_is_of_sequence(value))
		now->flags |= VERDICT_HOST;
	if (tree_is_set(walk) && slice_equal(now->name, SLICE_LITERAL("role")))
		now->set_back |= slice_equal(value, SLICE_LITERAL("none"));
	else if (tree_is(walk, SLICE_LITERAL("DoStmt")))
		now->makes |= kept_by_smell(value);
	else if (is_temporary(value) && slice_starts_with(now->type, SLICE_LITERAL("Create")))
		tree_keep(walk, KEPT_TEMPORARY);
}

/* "ival": {"ival": 1}, and {} for 0; "sval": {"sval": "on"}. */
static void on_constant(struct walk *walk)
{
	const char *start = walk->at;

	if (*start == '"') {
		on_string(walk, string_value(walk));
	} else if (start[0] == '{' && start[1] == '}') {
		give_value(walk, SLICE_LITERAL("0"));
	} else if (*start != '{') {
		while (*walk->at && !strchr(",}]", *walk->at))
			walk->at++;
		give_value(walk, (struct slice){ start, (size_t)(walk->at - start) });
	}
}

static void on_boolean(struct walk *walk)
{
	struct statement *now = &walk->now;

	if (is_true(walk) && now->config_arguments == CONFIG_IS_LOCAL &&
	    walk->depth == now->config_depth + CONFIG_VALUE)
		now->configures = false;
	on_constant(walk);
}

static void on_is_local(struct walk *walk)
{
	walk->now.local |= walk->depth == DEPTH_OF_FIELDS && is_true(walk);
}

static void on_chain(struct walk *walk)
{
	walk->now.reopens |= walk->depth == DEPTH_OF_FIELDS && is_true(walk);
}

/*
 * One of PostgreSQL's functions that change nothing but what the session keeps. set_config does
 * not even that if it is local to the transaction.
 */
static void on_keeper(struct walk *walk, struct slice name)
{
	struct kept_change change = kept_by_function(name);

	if (slice_equal(name, SLICE_LITERAL("set_config"))) {
		tree_end_config(walk);
		walk->now.configures = true;
		walk->now.config_depth = walk->depth;
		return;
	}
	tree_keep(walk, change.makes);
	walk->now.drops |= change.drops;
}

static bool is_own_schema(struct slice schema)
{
	return schema.len == 0 || slice_equal(schema, SLICE_LITERAL("pg_catalog"));
}

static void on_funcname(struct walk *walk)
{
	struct json_names names;

	if (*walk->at != '[')
		return;
	json_read_names(&walk->at, &names);
	if (is_own_schema(names.qualifier) && catalogue_function_keeps_state(names.name)) {
		on_keeper(walk, names.name);
		return;
	}
	if (is_temporary(names.qualifier))
		tree_keep(walk, KEPT_TEMPORARY);
	switch (function_book_look(walk->functions, names.qualifier, names.name)) {
	case FUNCTION_READS: return;
	case FUNCTION_HOST: walk->now.flags |= VERDICT_HOST; return;
	case FUNCTION_UNKNOWN: walk->now.unknown_function = true; return;
	case FUNCTION_WRITES: tree_worsen(walk); return;
	}
}

static void on_into(struct walk *walk)
{
	tree_worsen(walk);
}

static void on_relname(struct walk *walk)
{
	char room[JSON_NAME_MAX];
	struct slice name = json_unescape(string_value(walk), room);
	enum function_effect effect = function_book_relation(walk->functions, name);

	if (effect == FUNCTION_HOST || catalogue_is_about_host(name))
		walk->now.flags |= VERDICT_HOST;
	if (effect == FUNCTION_WRITES)
		tree_worsen(walk);
	/* A rule of this view sets what is updated in it. */
	if (tree_is(walk, SLICE_LITERAL("UpdateStmt")) &&
	    slice_equal(name, SLICE_LITERAL("pg_settings")))
		tree_keep(walk, KEPT_SETTINGS);
}

static void on_relpersistence(struct walk *walk)
{
	if (slice_equal(string_value(walk), SLICE_LITERAL("t")))
		tree_keep(walk, KEPT_TEMPORARY);
}

static void on_schemaname(struct walk *walk)
{
	if (is_temporary(string_value(walk)))
		tree_keep(walk, KEPT_TEMPORARY);
}

static void on_is_from(struct walk *walk)
{
	walk->now.from |= walk->depth == DEPTH_OF_FIELDS && is_true(walk);
}

static void on_filename(struct walk *walk)
{
	walk->now.to_host |= walk->depth == DEPTH_OF_FIELDS;
}

static void on_options(struct walk *walk)
{
	unsigned options = 0;

	for (const char *at = walk->at; *at >= '0' && *at <= '9'; at++)
		options = options * 10 + (unsigned)(*at - '0');
	if (tree_is(walk, SLICE_LITERAL("DeclareCursorStmt")) && (options & CURSOR_HOLD))
		tree_keep(walk, KEPT_CURSORS);
}

static void on_target(struct walk *walk)
{
	struct slice target;

	if (!tree_is(walk, SLICE_LITERAL("DiscardStmt")))
		return;
	target = string_value(walk);
	if (slice_equal(target, SLICE_LITERAL("DISCARD_ALL"))) {
		walk->now.set_back = true;
		walk->now.drops = KEPT_DISCARDED;
	} else if (slice_equal(target, SLICE_LITERAL("DISCARD_TEMP"))) {
		walk->now.drops = KEPT_TEMPORARY;
	}
}

/* The name in CLOSE and UNLISTEN; without it, they mean all. */
static void on_one_name(struct walk *walk)
{
	if (walk->depth == DEPTH_OF_FIELDS)
		walk->now.name = string_value(walk);
}

static const struct {
	struct slice key;
	void (*handle)(struct walk *walk);
} fields[] = {
	{ NAME("boolval"), on_boolean },
	{ NAME("chain"), on_chain },
	{ NAME("conditionname"), on_one_name },
	{ NAME("defname"), on_defname },
	{ NAME("filename"), on_filename },
	{ NAME("funcname"), on_funcname },
	{ NAME("fval"), on_constant },
	{ NAME("intoClause"), on_into },
	{ NAME("is_from"), on_is_from },
	{ NAME("is_local"), on_is_local },
	{ NAME("ival"), on_constant },
	{ NAME("kind"), on_kind },
	{ NAME("name"), on_name },
	{ NAME("operName"), on_operator },
	{ NAME("options"), on_options },
	{ NAME("portalname"), on_one_name },
	{ NAME("relname"), on_relname },
	{ NAME("relpersistence"), on_relpersistence },
	{ NAME("schemaname"), on_schemaname },
	{ NAME("sval"), on_constant },
	{ NAME("target"), on_target },
	{ NAME("useOp"), on_operator },
};

/* ---- the walk ---- */

static void on_key(struct walk *walk, struct slice key)
{
	size_t low = 0, high = COUNT_OF(fields);

	if (walk->depth == DEPTH_OF_STATEMENT && slice_equal(key, SLICE_LITERAL("stmt"))) {
		tree_finish_statement(walk);
		walk->now = (struct statement){ .kind = VERDICT_WRITE };
		return;
	}
	if (key.len > 0 && key.data[0] >= 'A' && key.data[0] <= 'Z') {
		on_node(walk, key);
		return;
	}
	for (; low < high && walk->now.type.len > 0; low++) {
		if (slice_equal(key, fields[low].key)) {
			fields[low].handle(walk);
			return;
		}
	}
}

static struct verdict walk_json(const char *json, const struct function_book *functions)
{
	struct walk walk = { .at = json, .functions = functions };

	walk.verdict.kind = VERDICT_EMPTY;
	while (*walk.at) {
		struct slice text;

		if (*walk.at != '"') {
			if (*walk.at == '{' || *walk.at == '[')
				walk.depth++;
			else if (*walk.at == '}' || *walk.at == ']')
				walk.depth--;
			walk.at++;
			continue;
		}
		text = json_string(&walk.at);
		if (*walk.at == ':') {
			walk.at++;
			on_key(&walk, text);
		}
	}
	tree_finish_statement(&walk);
	if (walk.block)
		walk.verdict.flags |= VERDICT_OPENS;
	/* Which of its statements were rolled back is not known here. */
	if (walk.blocks)
		walk.verdict.drops = 0;
	walk.verdict.only_keeps = walk.verdict.kind == VERDICT_WRITE && !walk.writes_data;
	return walk.verdict;
}

struct verdict tree_judge(const char *text, const struct function_book *functions)
{
	PgQueryParseResult result = pg_query_parse(text);
	struct verdict verdict = { .kind = VERDICT_UNKNOWN };

	if (!result.error && result.parse_tree)
		verdict = walk_json(result.parse_tree, functions);
	pg_query_free_parse_result(result);
	return verdict;
}
