#ifndef SQL_TREE_INTERNAL_H
#define SQL_TREE_INTERNAL_H

#include "sql/kept.h"
#include "sql/sql_internal.h"

/* What tree.c and tree_finish.c share: the walk of a parse tree and the statement it is in. */

enum setting {
	SETTING_OTHER,
	SETTING_READ_ONLY,
	SETTING_ISOLATION,
};

struct statement {
	struct slice type;
	enum verdict_kind kind;
	uint32_t flags;
	uint16_t makes, drops; /* of enum kept */
	bool unknown_function;
	bool reopens; /* COMMIT AND CHAIN */
	/* of SET, RESET, SHOW and the modes of BEGIN: */
	struct slice name;
	bool set_back; /* to a default or all of them */
	bool local;
	enum setting setting; /* whose value comes next */
	enum verdict_access access;
	enum verdict_isolation isolation;
	/* of COPY: */
	bool from, to_host;
	bool in_column; /* the strings that come are the names of a column */
	/* of a call of set_config whose third argument was not seen to be true yet: */
	bool configures;
	unsigned config_depth, config_arguments;
};

struct walk {
	const char *at;
	unsigned depth;
	const struct function_book *functions;
	struct verdict verdict;
	bool block; /* the text has begun a block that is open here */
	bool blocks; /* it begins or ends one */
	bool writes_data;
	struct statement now;
};

/* True when the statement's node is of that type. */
static inline bool tree_is(const struct walk *walk, struct slice type)
{
	return slice_equal(walk->now.type, type);
}

static inline bool tree_is_transaction(const struct walk *walk)
{
	return tree_is(walk, SLICE_LITERAL("TransactionStmt"));
}

static inline bool tree_is_set(const struct walk *walk)
{
	return tree_is(walk, SLICE_LITERAL("VariableSetStmt"));
}

static inline void tree_worsen(struct walk *walk)
{
	if (walk->now.kind == VERDICT_READ)
		walk->now.kind = VERDICT_WRITE;
}

/* The statement makes or uses this of the session. */
static inline void tree_keep(struct walk *walk, unsigned kept)
{
	walk->now.flags |= VERDICT_SESSION_STATE;
	walk->now.makes |= (uint16_t)kept;
}

/* No more arguments of the call of set_config come. */
void tree_end_config(struct walk *walk);
/* All of the statement has been seen. */
void tree_finish_statement(struct walk *walk);

#endif
