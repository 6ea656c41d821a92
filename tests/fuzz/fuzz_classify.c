/*
 * A text of SQL, judged in three ways that must agree: by the quick look, by the parse tree, and
 * by the parse tree of its shape. The quick look may find a read or a write in what is no SQL, but
 * must not say anything else than the tree of what is. The memory must say the same as classify.
 */
#include <string.h>

#include "fuzz.h"
#include "sql/classify.h"
#include "sql/hint.h"
#include "sql/own_setting.h"
#include "sql/sql_internal.h"
#include "sql/kept.h"
#include "sql/verdicts.h"

#define LONGEST 8192

static struct function_book *make_book(void)
{
	struct function_book *book = function_book_new();

	CHECK(function_book_add(book, SLICE_LITERAL("public"), SLICE_LITERAL("f"), false) == OK);
	CHECK(function_book_add(book, SLICE_LITERAL("public"), SLICE_LITERAL("g"), true) == OK);
	CHECK(function_book_add(book, SLICE_LITERAL("x"), SLICE_LITERAL("upper"), true) == OK);
	function_book_seal(book);
	return book;
}

static bool is_same(struct verdict a, struct verdict b)
{
	return a.kind == b.kind && a.hint == b.hint && a.flags == b.flags && a.access == b.access &&
	       a.default_access == b.default_access && a.isolation == b.isolation &&
	       a.default_isolation == b.default_isolation && a.statements == b.statements &&
	       a.makes == b.makes && a.drops == b.drops;
}

static void check_quick(struct slice text, const struct function_book *book, struct verdict tree)
{
	struct verdict quick;

	if (!quick_judge(text, book, &quick))
		return;
	CHECK(quick.kind != VERDICT_UNKNOWN);
	CHECK(quick.hint == tree.hint);
	if (tree.kind == VERDICT_UNKNOWN)
		return;
	/* A write is a write: locks in it and functions nobody knows are not looked for. */
	if (quick.kind == VERDICT_WRITE)
		tree.flags &= ~(uint32_t)(VERDICT_LOCKS_ROWS | VERDICT_FUNCTIONS | VERDICT_HOST);
	/* Words in the body of DO are looked at in another spelling. */
	quick.makes &= (uint16_t)~KEPT_UNSEEN;
	tree.makes &= (uint16_t)~KEPT_UNSEEN;
	/* Our own settings are ordinary ones to the tree. */
	if (quick.kind == VERDICT_OWN) {
		CHECK(tree.kind == VERDICT_SETTING && quick.statements == 1);
		return;
	}
	CHECK(is_same(quick, tree));
}

static void check_shape(struct slice text, const struct function_book *book, struct verdict tree)
{
	static char shape[LONGEST], again[LONGEST];
	size_t len = shape_write(text, shape, sizeof(shape)), again_len;
	struct slice shaped = { shape, len };
	struct verdict of_shape;

	CHECK(len <= text.len + 1 && len <= sizeof(shape));
	if (len == 0)
		return;
	again_len = shape_write(shaped, again, sizeof(again));
	CHECK(slice_equal(shaped, (struct slice){ again, again_len }));
	of_shape = classify_by_tree(shaped, book);
	CHECK(of_shape.hint == tree.hint);
	if (tree.kind != VERDICT_UNKNOWN && of_shape.kind != VERDICT_UNKNOWN)
		CHECK(is_same(of_shape, tree));
}

static void check_memory(struct slice text, const struct function_book *book)
{
	struct verdicts *verdicts = verdicts_new(4, 4 * LONGEST * 4, 7);
	struct verdict first, second;

	CHECK(verdicts);
	first = verdicts_judge(verdicts, text, book, 1);
	second = verdicts_judge(verdicts, text, book, 1);
	CHECK(is_same(first, second));
	verdicts_overrule(verdicts, text, VERDICT_WRITE);
	second = verdicts_judge(verdicts, text, book, 2);
	CHECK(first.kind != VERDICT_READ ||
	      (second.kind == VERDICT_WRITE && (second.flags & VERDICT_OVERRULED)));
	verdicts_free(verdicts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = { (const char *)data, size };
	struct function_book *book;
	struct own_setting own;
	struct verdict tree;

	if (size > LONGEST)
		return 0;
	book = make_book();
	tree = classify_by_tree(text, book);
	CHECK(tree.hint == hint_find(text));
	CHECK(tree.kind != VERDICT_READ || !(tree.flags & VERDICT_SESSION_STATE));
	check_quick(text, book, tree);
	check_shape(text, book, tree);
	check_memory(text, book);
	if (own_setting_parse(text, &own))
		CHECK(own.name_len > 0 && own.name_len <= sizeof(own.name) &&
		      own.value_len <= sizeof(own.value));
	function_book_unref(book);
	return 0;
}
