/* Named statements in pipelines of several batches, and in servers that keep few of them. */
#include "talk.h"

/* Client 0 has a, which server 0 has as well. */
static void begin(struct talk *self)
{
	SENDS(0, "Pa=one S");
	SAYS(0, "1 ZI");
	AT_SERVER(0, "P#1=one S");
	AT_CLIENT(0, "1 ZI");
}

TALK(a_name_given_in_a_batch_under_way_is_waited_for)
{
	SENDS(0, "P=x B E Pa=one S");
	WAITS(0, "Ba");
	WAITS(0, "Ds=a");
	WAITS(0, "Cs=a");
	WAITS(0, "Pa=two");
	SENDS(0, "Pb=two");
	CHECK(!self->waits);
	SAYS(0, "1 2 E=22012");
	SENDS(0, "Ba E S");
	CHECK(!self->waits);
	AT_SERVER(0, "P=x B E P#2=one S P#3=two Ba E S");
	SAYS(0, "ZI 1 E=26000 ZI");
	AT_CLIENT(0, "1 2 E=22012 ZI 1 E=26000 ZI");
	GIVES_BACK(0);
}

TALK(a_name_taken_away_in_a_batch_under_way_is_waited_for)
{
	begin(self);
	SENDS(0, "P=bad Cs=a S");
	WAITS(0, "Pa=two");
	WAITS(0, "Ba");
	SAYS(0, "E=42601 ZI");
	SENDS(0, "Ba S");
	CHECK(!self->waits);
	AT_SERVER(0, "P=bad S B#1 S");
	SAYS(0, "2 ZI");
	GIVES_BACK(0);
}

TALK(within_a_batch_nothing_waits)
{
	SENDS(0, "Pa=one Ba E Ds=a Cs=a Pa=two Ba E S");
	CHECK(!self->waits);
	AT_SERVER(0, "P#1=one B#1 E Ds=#1 P#2=two B#2 E S");
	SAYS(0, "1 2 C=SELECT t T 1 2 C=SELECT ZI");
	AT_CLIENT(0, "1 2 C=SELECT t T 3 1 2 C=SELECT ZI");
	GIVES_BACK(0);
}

/* Its preparation in the first batch may be skipped, so the second prepares it again. */
TALK(a_copy_made_in_a_batch_under_way_is_made_again)
{
	SENDS(0, "Pa=one S");
	SAYS(0, "1 ZI");
	AT_SERVER(0, "P#1=one S");
	GIVES_BACK(0);
	LEND(0, 1);
	SENDS(0, "P=x B E Ba E S Ba E S");
	AT_SERVER(1, "P=x B E P#1=one B#1 E S Cs=#1 P#1=one B#1 E S");
	SAYS(1, "1 2 E=22012 ZI 3 1 2 C=SELECT ZI");
	AT_CLIENT(0, "1 ZI 1 2 E=22012 ZI 2 C=SELECT ZI");
	GIVES_BACK(0);
	LEND(0, 1);
	SENDS(0, "Ba E S");
	AT_SERVER(1, "B#1 E S");
}

TALK(an_error_does_not_take_away_what_a_later_batch_prepared)
{
	begin(self);
	talk_give_back(self, 0);
	LEND(0, 1);
	SENDS(0, "Ba S Ba S");
	AT_SERVER(1, "P#1=one B#1 S Cs=#1 P#1=one B#1 S");
	SAYS(1, "E=57014 ZI 3 1 2 ZI");
	GIVES_BACK(0);
	LEND(0, 1);
	SENDS(0, "Ba S");
	AT_SERVER(1, "B#1 S");
}

/* ---- the server's bound ---- */

TALK_WITH(the_least_used_copy_makes_room, 2)
{
	SENDS(0, "Pa=one Pb=two S");
	SAYS(0, "1 1 ZI");
	AT_SERVER(0, "P#1=one P#2=two S");
	SENDS(0, "Ba S");
	SAYS(0, "2 ZI");
	SENDS(0, "Pc=three S");
	AT_SERVER(0, "B#1 S Cs=#2 P#3=three S");
	SAYS(0, "3 1 ZI");
	AT_CLIENT(0, "1 1 ZI 2 ZI 1 ZI");
	SENDS(0, "Bb S");
	AT_SERVER(0, "Cs=#1 P#2=two B#2 S");
	SAYS(0, "3 1 2 ZI");
	AT_CLIENT(0, "2 ZI");
	CHECK_INT_EQ(conversation_statements(self->clients[0]), 3);
	GIVES_BACK(0);
}

TALK_WITH(a_skipped_eviction_is_undone, 1)
{
	SENDS(0, "Pa=one S");
	SAYS(0, "1 ZI");
	AT_SERVER(0, "P#1=one S");
	SENDS(0, "P=bad Pb=two Bb S");
	AT_SERVER(0, "P=bad Cs=#1 P#3=two B#3 S");
	SAYS(0, "E=42601 ZI");
	/* The first is still there. */
	SENDS(0, "Ba S");
	AT_SERVER(0, "B#1 S");
	SAYS(0, "2 ZI");
	GIVES_BACK(0);
}

TALK_WITH(an_eviction_in_a_batch_under_way_is_in_doubt, 1)
{
	SENDS(0, "Pa=one S");
	SAYS(0, "1 ZI");
	SENDS(0, "P=bad Pb=two S Ba S");
	/* The second batch must close its copy in case the first did not get to it. */
	AT_SERVER(0, "P#1=one S P=bad Cs=#1 P#3=two S Cs=#1 Cs=#3 P#1=one B#1 S");
	SAYS(0, "E=42601 ZI 3 3 1 2 ZI");
	AT_CLIENT(0, "1 ZI E=42601 ZI 2 ZI");
	GIVES_BACK(0);
	LEND(0, 0);
	SENDS(0, "Ba S");
	AT_SERVER(0, "B#1 S");
	SAYS(0, "2 ZI");
	CHECK_INT_EQ(conversation_statements(self->clients[0]), 1);
}

TALK_WITH(an_eviction_that_was_carried_out_stays, 1)
{
	SENDS(0, "Pa=one S");
	SAYS(0, "1 ZI");
	SENDS(0, "Pb=bad S");
	SAYS(0, "3 E=42601 ZI");
	AT_CLIENT(0, "1 ZI E=42601 ZI");
	SENDS(0, "Ba S");
	AT_SERVER(0, "P#1=one S Cs=#1 P#2=bad S P#1=one B#1 S");
	SAYS(0, "1 2 ZI");
	GIVES_BACK(0);
}

/* Closed in the second batch, prepared in the third; the close must not be forgotten there. */
TALK_WITH(two_closes_under_way_are_both_in_doubt, 1)
{
	begin(self);
	SENDS(0, "P=bad S Pb=two S Cs=x Pc=three Bb S");
	CHECK(self->waits);
	SAYS(0, "E=42601 ZI");
	AT_SERVER(0, "P=bad S Cs=#1 P#3=two S Cs=x Cs=#4 Cs=#3 P#4=three");
	SENDS(0, "Ba S");
	AT_SERVER(0, "Cs=#1 Cs=#4 P#1=one B#1 S");
}

/* The copy that a later batch takes out was never made. */
TALK_WITH(a_copy_that_failed_is_not_put_back, 1)
{
	begin(self);
	SENDS(0, "Pb=bad S");
	SENDS(0, "Bnone Ba S");
	AT_SERVER(0, "Cs=#1 P#2=bad S Bnone Cs=#1 Cs=#2 P#1=one B#1 S");
	SAYS(0, "3 E=42601 ZI E=26000 ZI");
	SENDS(0, "Ba S");
	AT_SERVER(0, "P#1=one B#1 S");
	SAYS(0, "1 2 ZI");
	GIVES_BACK(0);
}

TALK(names_closed_in_two_batches_are_both_in_doubt)
{
	SENDS(0, "Pa=one Pb=two S");
	SAYS(0, "1 1 ZI");
	SENDS(0, "Bnone Cs=a S Cs=b");
	WAITS(0, "Pa=x");
	SAYS(0, "E=26000 ZI");
	SENDS(0, "Pa=x");
	CHECK(!self->waits);
}
