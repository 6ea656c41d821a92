/*
 * The short ways for answers and requests that change nothing: what may take them, and what must
 * not. That they do what the long ways do, all tests with a talk show.
 */
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

/* How many messages of the script went the short way. */
static unsigned short_ways(struct talk *self, const char *script)
{
	unsigned before = self->passed;

	self->passes = true;
	SENDS(0, script);
	return self->passed - before;
}

TALK(the_rest_of_a_batch_passes)
{
	CHECK_UINT_EQ(short_ways(self, "Pa=one Ba Dp= E S"), 3);
	CHECK_UINT_EQ(self->servers[0].ledger.len, 5);
	AT_SERVER(0, "P#1=one B#1 Dp= E S");
	SAYS(0, "1 2 n C=SELECT ZI");
	AT_CLIENT(0, "1 2 n C=SELECT ZI");
	GIVES_BACK(0);
}

TALK(what_is_more_than_a_debt_does_not_pass)
{
	CHECK_UINT_EQ(short_ways(self, "S"), 0);
	SAYS(0, "ZI");
	CHECK_UINT_EQ(short_ways(self, "Pa=one Ds=a H Cs=b"), 0);
	CHECK_UINT_EQ(short_ways(self, "S"), 1);
	SAYS(0, "1 t n 3 ZI");
	/* Behind a batch that is not answered an error may come that skips nothing of this one. */
	CHECK_UINT_EQ(short_ways(self, "Ba E S"), 2);
	CHECK_UINT_EQ(short_ways(self, "Ba E S"), 0);
	SAYS(0, "2 C=SELECT ZI 2 C=SELECT ZI");
	/* A portal that may drop statements. */
	CHECK_UINT_EQ(short_ways(self, "Pd=DISCARD_ALL Bd E S"), 0);
	SAYS(0, "1 2 C=DISCARD.ALL ZI");
	GIVES_BACK(0);
}

TALK(what_an_error_has_skipped_does_not_pass)
{
	SENDS(0, "Pa=one Ba");
	SAYS(0, "1 E=22012");
	CHECK_UINT_EQ(short_ways(self, "E S"), 0);
	SAYS(0, "ZI");
	GIVES_BACK(0);
}
