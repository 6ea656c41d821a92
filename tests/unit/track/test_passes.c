/* The short way for answers that change nothing: what may take it, and what must not. */
#include "talk.h"

static bool passes(struct talk *self, char type, struct slice body)
{
	struct message message = {
		.type = type,
		.len = (uint32_t)body.len,
		.body = body,
		.rule = message_rule(SIDE_SERVER, type),
	};
	struct conversation *creditor = NULL;

	if (!backend_passes(&self->servers[0], &message, &creditor))
		return false;
	CHECK(creditor == self->clients[0]);
	return true;
}

TALK(the_answers_of_a_batch_pass)
{
	const struct ledger *ledger = &self->servers[0].ledger;

	SENDS(0, "P=one B Dp= E S");
	CHECK(passes(self, '1', SLICE_NONE));
	CHECK(passes(self, '2', SLICE_NONE));
	CHECK_UINT_EQ(ledger->len, 3);
	CHECK(passes(self, 'T', SLICE_LITERAL("\0\0")));
	CHECK(passes(self, 'C', SLICE_LITERAL("SELECT 1\0")));
	CHECK_UINT_EQ(ledger->len, 1);
	CHECK(!passes(self, 'Z', SLICE_LITERAL("I")));
	CHECK_UINT_EQ(ledger->len, 1);
	SAYS(0, "ZI");
	GIVES_BACK(0);
}

TALK(the_results_of_a_query_pass)
{
	SENDS(0, "Q=one");
	CHECK(passes(self, 'T', SLICE_LITERAL("\0\0")));
	CHECK(!ledger_head(&self->servers[0].ledger)->answered);
	CHECK(passes(self, 'C', SLICE_LITERAL("SELECT 1\0")));
	CHECK(ledger_head(&self->servers[0].ledger)->answered);
	SAYS(0, "ZI");
	GIVES_BACK(0);
}

TALK(what_follows_from_does_not_pass)
{
	CHECK(!passes(self, '2', SLICE_NONE)); /* nothing is owed */
	SENDS(0, "P=one H");
	CHECK(!passes(self, '2', SLICE_NONE)); /* a Bind is not what is owed first */
	CHECK(!passes(self, '1', SLICE_NONE)); /* replies of ours may become due behind it */
	SAYS(0, "1");
	SENDS(0, "S");
	SAYS(0, "ZI");
	SENDS(0, "Q=DISCARD_ALL");
	CHECK(!passes(self, 'C', SLICE_LITERAL("DISCARD ALL\0")));
	CHECK(!passes(self, 'E', SLICE_LITERAL("\0")));
	CHECK(!passes(self, 'G', SLICE_LITERAL("\0\0\0")));
	SAYS(0, "C=DISCARD.ALL ZI");
	GIVES_BACK(0);
}

TALK(a_lost_creditor_gets_nothing)
{
	SENDS(0, "Q=one");
	backend_forget_creditor(&self->servers[0], self->clients[0]);
	CHECK(!passes(self, 'C', SLICE_LITERAL("SELECT 1\0")));
}
