/* track/ledger: a ring of debts that owns what they refer to. */
#include "base/buffer.h"
#include "test.h"
#include "track/ledger.h"
#include "track/names.h"
#include "track/statements.h"
#include "track/vars.h"

TEST(debts_come_out_in_order)
{
	struct ledger ledger;

	ledger_init(&ledger);
	CHECK(ledger_is_empty(&ledger) && ledger_head(&ledger) == NULL);
	/* It wraps around and grows while doing so. */
	for (unsigned i = 0; i < 1000; i++) {
		REQUIRE(ledger_owe(&ledger, DEBT_BIND) != NULL);
		REQUIRE(ledger_owe(&ledger, DEBT_SYNC) != NULL);
		CHECK_UINT_EQ(ledger_head(&ledger)->number, i + 1);
		CHECK_INT_EQ(ledger_head(&ledger)->kind, i % 2 ? DEBT_SYNC : DEBT_BIND);
		ledger_settle(&ledger);
	}
	CHECK_UINT_EQ(ledger.len, 1000);
	for (unsigned i = 0; i < ledger.len; i++)
		CHECK_UINT_EQ(ledger_at(&ledger, i)->number, 1001 + i);
	ledger_release(&ledger);
	CHECK(ledger_is_empty(&ledger));
}

TEST(one_from_the_middle)
{
	struct ledger ledger;

	ledger_init(&ledger);
	for (unsigned i = 0; i < 20; i++) {
		REQUIRE(ledger_owe(&ledger, DEBT_SYNC) != NULL);
		if (i < 10)
			ledger_settle(&ledger);
	}
	ledger_remove(&ledger, 0);
	ledger_remove(&ledger, 3);
	ledger_remove(&ledger, 7);
	CHECK_UINT_EQ(ledger.len, 7);
	for (unsigned i = 0; i < 7; i++)
		CHECK_UINT_EQ(ledger_at(&ledger, i)->number, 12 + i + (i >= 3));
	ledger_release(&ledger);
}

TEST(what_a_debt_refers_to_is_freed_with_it)
{
	struct statement_store *store = statement_store_new(1);
	struct varset_store *varsets = varset_store_new(2);
	struct slice text = SLICE_LITERAL("one\0\0\0");
	struct ledger ledger;
	struct names names;
	struct debt *debt;

	REQUIRE(store != NULL && varsets != NULL);
	ledger_init(&ledger);
	names_init(&names);
	for (int i = 0; i < 3; i++) {
		debt = ledger_owe(&ledger, DEBT_CLOSE);
		REQUIRE(debt != NULL);
		debt->prepared = statement_intern(store, text);
		debt->unnamed = statement_intern(store, text);
		debt->uses = statement_intern(store, text);
		debt->had = varset_empty(varsets);
		debt->wants = varset_empty(varsets);
		debt->instead = mem_alloc_zero(sizeof(*debt->instead));
		buffer_append_text(debt->instead, "error");
		debt->binding = names_add(&names, text, debt->uses, 1);
		names_take(&names, debt->binding);
	}
	ledger_settle(&ledger);
	ledger_remove(&ledger, 1);
	CHECK_UINT_EQ(statement_store_count(store), 1);
	ledger_release(&ledger);
	CHECK_UINT_EQ(statement_store_count(store), 0);
	CHECK_UINT_EQ(varset_store_count(varsets), 0);
	names_release(&names);
	statement_store_free(store);
	varset_store_free(varsets);
}

TEST(there_is_an_end_to_it)
{
	struct ledger ledger;
	unsigned count = 0;

	ledger_init(&ledger);
	while (count < 1u << 22 && ledger_owe(&ledger, DEBT_FLUSH) != NULL)
		count++;
	CHECK_UINT_EQ(count, 1u << 17);
	ledger_release(&ledger);
}

TEST(without_memory_nothing_is_owed)
{
	WITH_EACH_FAULT(nth)
	{
		struct ledger ledger;
		unsigned owed = 0;

		ledger_init(&ledger);
		for (int i = 0; i < 40; i++)
			owed += ledger_owe(&ledger, DEBT_SYNC) != NULL;
		CHECK_UINT_EQ(ledger.len, owed);
		CHECK(owed == 40 || mem_fault_hit());
		ledger_release(&ledger);
	}
}
