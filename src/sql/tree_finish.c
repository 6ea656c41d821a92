/*
 * What a statement comes to when all of its tree has been seen, and what it adds to the verdict on
 * its text. Called by tree.c.
 */
#include "tree_internal.h"

#define NAME(text)                                                                                 \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}

void tree_end_config(struct walk *walk)
{
	if (walk->now.configures)
		tree_keep(walk, KEPT_SETTINGS);
	walk->now.configures = false;
	walk->now.config_depth = walk->now.config_arguments = 0;
}

static void finish_settings(struct walk *walk)
{
	struct statement *now = &walk->now;
	struct verdict *verdict = &walk->verdict;
	bool all = now->set_back && now->name.len == 0;
	bool later = slice_starts_with(now->name, SLICE_LITERAL("default_")) ||
		     slice_equal(now->name, SLICE_LITERAL("SESSION CHARACTERISTICS"));

	if (slice_equal(now->name, SLICE_LITERAL("TRANSACTION SNAPSHOT")))
		now->flags |= VERDICT_HOST;
	if (all || (now->set_back && now->setting == SETTING_READ_ONLY))
		now->access = VERDICT_ACCESS_OTHER;
	if (all || (now->set_back && now->setting == SETTING_ISOLATION))
		now->isolation = VERDICT_ISOLATION_OTHER;
	if (later && now->local)
		return; /* gone with the transaction, before it could matter */
	if (now->access != VERDICT_ACCESS_NOT_SAID) {
		if (all || later)
			verdict->default_access = now->access;
		else
			verdict->access = now->access;
	}
	if (now->isolation != VERDICT_ISOLATION_NOT_SAID) {
		if (all || later)
			verdict->default_isolation = now->isolation;
		else
			verdict->isolation = now->isolation;
	}
}

static void finish_block(struct walk *walk)
{
	if (walk->now.kind == VERDICT_BEGIN) {
		walk->block = true;
	} else if (walk->now.kind == VERDICT_END) {
		if (!walk->block)
			walk->verdict.flags |= VERDICT_CLOSES;
		walk->block = walk->now.reopens;
	}
}

static void finish_copy(struct statement *now)
{
	if (now->from || now->to_host)
		now->kind = VERDICT_WRITE;
	if (!now->to_host)
		now->flags |= now->from ? VERDICT_COPY_IN : VERDICT_COPY_OUT;
}

static const struct {
	struct slice type;
	uint16_t one, all; /* made by one with a name, dropped by one without */
} keepers[] = {
	{ NAME("ClosePortalStmt"), 0, KEPT_CURSORS },
	{ NAME("DeallocateStmt"), 0, KEPT_PREPARED },
	{ NAME("ListenStmt"), KEPT_CHANNELS, 0 },
	{ NAME("PrepareStmt"), KEPT_PREPARED, 0 },
	{ NAME("UnlistenStmt"), 0, KEPT_CHANNELS },
};

static bool is_about_transaction(struct slice setting)
{
	return slice_equal(setting, SLICE_LITERAL("TRANSACTION")) ||
	       slice_equal(setting, SLICE_LITERAL("TRANSACTION SNAPSHOT"));
}

static void finish_kept(struct walk *walk)
{
	struct statement *now = &walk->now;
	struct verdict *verdict = &walk->verdict;

	tree_end_config(walk);
	for (size_t i = 0; i < COUNT_OF(keepers); i++) {
		if (!tree_is(walk, keepers[i].type))
			continue;
		now->makes |= now->name.len > 0 ? keepers[i].one : 0;
		now->drops |= now->name.len > 0 ? 0 : keepers[i].all;
	}
	if (tree_is(walk, SLICE_LITERAL("LoadStmt")))
		now->makes |= KEPT_FOR_GOOD;
	if (tree_is_set(walk) && !now->local && !is_about_transaction(now->name)) {
		struct kept_change change = kept_by_setting(now->name, now->set_back);

		now->makes |= change.makes;
		now->drops |= change.drops;
	}
	verdict->makes |= now->makes;
	verdict->drops = (uint16_t)((verdict->drops | now->drops) & ~now->makes);
}

static unsigned rank(enum verdict_kind kind)
{
	static const unsigned char ranks[] = {
		[VERDICT_EMPTY] = 0, [VERDICT_SETTING] = 1, [VERDICT_BEGIN] = 2,
		[VERDICT_END] = 2,   [VERDICT_READ] = 3,    [VERDICT_WRITE] = 4,
	};

	return ranks[kind];
}

void tree_finish_statement(struct walk *walk)
{
	struct statement *now = &walk->now;
	struct verdict *verdict = &walk->verdict;

	if (now->type.len == 0)
		return;
	if (tree_is(walk, SLICE_LITERAL("CopyStmt")))
		finish_copy(now);
	finish_kept(walk);
	walk->writes_data |= now->kind == VERDICT_WRITE || now->unknown_function ||
			     (now->flags & VERDICT_LOCKS_ROWS);
	walk->blocks |= tree_is_transaction(walk);
	if ((now->flags & (VERDICT_SESSION_STATE | VERDICT_LOCKS_ROWS)))
		tree_worsen(walk);
	if (now->unknown_function && now->kind == VERDICT_READ) {
		now->flags |= VERDICT_FUNCTIONS;
		now->kind = VERDICT_WRITE;
	}
	if (tree_is_set(walk) || tree_is_transaction(walk) || now->set_back)
		finish_settings(walk);
	if (now->set_back)
		now->flags |= VERDICT_SETS;
	finish_block(walk);
	if (rank(now->kind) >= rank(verdict->kind))
		verdict->kind = now->kind;
	verdict->flags |= now->flags;
	if (verdict->statements < UINT16_MAX)
		verdict->statements++;
	if (verdict->statements > 1)
		verdict->flags |= VERDICT_MANY;
}
