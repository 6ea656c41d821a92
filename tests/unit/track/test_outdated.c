/* "cached plan must not change result type": who gets it, who is spared it. */
#include "talk.h"

#define OUTDATED "E=0A000/RevalidateCachedQuery"

/* Both clients have described the statement; its table has changed since. */
static void prepare(struct talk *self)
{
	SENDS(0, "Pa=one Ds=a S");
	SAYS(0, "1 t T ZI");
	GIVES_BACK(0);
	LEND(1, 0);
	SENDS(1, "Pb=one Ds=b S");
	SAYS(0, "t T ZI");
	GIVES_BACK(1);
	AT_SERVER(0, "P#1=one Ds=#1 S Ds=#1 S");
	AT_CLIENT(0, "1 t T ZI");
	AT_CLIENT(1, "1 t T ZI");
}

TALK(an_old_client_gets_the_error_once)
{
	self->show_messages = true;
	prepare(self);
	LEND(0, 0);
	SENDS(0, "Ba E S");
	SAYS(0, OUTDATED " ZI");
	CHECK(!self->retry);
	AT_CLIENT(0, "E=0A000(server's) ZI");
	SENDS(0, "Ba E S");
	AT_SERVER(0, "B#1 E S Cs=#1 P#1=one B#1 E S");
	SAYS(0, "3 1 2 C=SELECT ZI");
	AT_CLIENT(0, "2 C=SELECT ZI");
	GIVES_BACK(0);
	/* The other knows the old type, too, and the copy is new: it gets the error from us. */
	LEND(1, 0);
	SENDS(1, "Bb E S");
	AT_SERVER(0, "P#none=SELECT.pgcarwash_refuses_this B#1 E S");
	SAYS(0, "E=42703 ZI");
	AT_CLIENT(1, "E=0A000(cached plan must not change result type) ZI");
	SENDS(1, "Bb E S");
	AT_SERVER(0, "B#1 E S");
	SAYS(0, "2 C=SELECT ZI");
	AT_CLIENT(1, "2 C=SELECT ZI");
	GIVES_BACK(1);
}

TALK(a_new_client_never_gets_it)
{
	prepare(self);
	LEND(0, 0);
	SENDS(0, "Ba E S");
	SAYS(0, OUTDATED " ZI");
	GIVES_BACK(0);
	AT_SERVER(0, "B#1 E S");
	LEND(1, 0);
	SENDS(1, "Pc=one Bc E S");
	AT_SERVER(0, "Cs=#1 P#1=one B#1 E S");
	SAYS(0, "3 1 2 C=SELECT ZI");
	AT_CLIENT(1, "1 2 C=SELECT ZI");
	GIVES_BACK(1);
}

TALK(one_that_prepares_in_the_batch_is_tried_again)
{
	prepare(self);
	LEND(1, 0);
	SENDS(1, "Pc=one Bc Dp= E S");
	AT_SERVER(0, "B#1 Dp= E S");
	SAYS(0, OUTDATED);
	CHECK(self->retry);
	AT_CLIENT(1, "");
	CHECK_INT_EQ(conversation_statements(self->clients[1]), 1);
	talk_replay(self, 1);
	AT_SERVER(0, "Cs=#1 P#1=one B#1 Dp= E S");
	SAYS(0, "ZI");
	CHECK(!self->ready && !self->turn_over);
	SAYS(0, "3 1 2 T C=SELECT ZI");
	AT_CLIENT(1, "1 2 T C=SELECT ZI");
	GIVES_BACK(1);
}

TALK(one_that_describes_in_the_batch_is_tried_again)
{
	prepare(self);
	LEND(0, 0);
	SENDS(0, "Ba Dp= E S");
	SAYS(0, OUTDATED);
	CHECK(self->retry);
	talk_replay(self, 0);
	AT_SERVER(0, "B#1 Dp= E S Cs=#1 P#1=one B#1 Dp= E S");
	SAYS(0, "ZI 3 1 2 T C=SELECT ZI");
	AT_CLIENT(0, "2 T C=SELECT ZI");
	GIVES_BACK(0);
}

TALK(so_is_one_that_only_describes)
{
	prepare(self);
	LEND(0, 0);
	SENDS(0, "Ds=a H S");
	SAYS(0, OUTDATED);
	CHECK(self->retry);
	talk_replay(self, 0);
	SAYS(0, "ZI 3 1 t T ZI");
	AT_CLIENT(0, "t T ZI");
	AT_SERVER(0, "Ds=#1 H S Cs=#1 P#1=one Ds=#1 H S");
	GIVES_BACK(0);
}

TALK(the_refusal_of_ours_is_retried_the_same_way)
{
	prepare(self);
	LEND(0, 0);
	SENDS(0, "Ba E S");
	SAYS(0, OUTDATED " ZI");
	GIVES_BACK(0);
	AT_SERVER(0, "B#1 E S");
	LEND(1, 0);
	SENDS(1, "Bb Dp= E S");
	SAYS(0, "E=42703");
	CHECK(self->retry);
	talk_replay(self, 1);
	AT_SERVER(0, "P#none=SELECT.pgcarwash_refuses_this B#1 Dp= E S Cs=#1 P#1=one B#1 Dp= E S");
	SAYS(0, "ZI 3 1 2 T C=SELECT ZI");
	AT_CLIENT(1, "2 T C=SELECT ZI");
	GIVES_BACK(1);
}

TALK(settings_in_front_do_not_matter)
{
	prepare(self);
	SAYS(0, "S=TimeZone/UTC");
	LEND(0, 0);
	SAYS(0, "C=RESET ZI");
	SENDS(0, "Ba Dp= E S");
	SAYS(0, OUTDATED);
	CHECK(self->retry);
}

/* It has prepared the statement, but knows of no type yet. */
TALK(one_that_has_never_used_it_is_tried_again)
{
	prepare(self);
	LEND(1, 0);
	SENDS(1, "Pc=one S");
	SAYS(0, "ZI");
	SENDS(1, "Bc E S");
	SAYS(0, OUTDATED);
	CHECK(self->retry);
	talk_replay(self, 1);
	AT_SERVER(0, "S B#1 E S Cs=#1 P#1=one B#1 E S");
	SAYS(0, "ZI 3 1 2 C=SELECT ZI");
	AT_CLIENT(1, "1 ZI 2 C=SELECT ZI");
	GIVES_BACK(1);
}

TALK(nor_does_it_matter_when_the_change_was_found)
{
	prepare(self);
	LEND(1, 0);
	SENDS(1, "Pc=one S");
	SAYS(0, "ZI");
	GIVES_BACK(1);
	LEND(0, 0);
	SENDS(0, "Ba E S");
	SAYS(0, OUTDATED " ZI");
	GIVES_BACK(0);
	AT_SERVER(0, "S B#1 E S");
	LEND(1, 0);
	SENDS(1, "Bc E S");
	AT_SERVER(0, "Cs=#1 P#1=one B#1 E S");
}

TALK(preparing_another_statement_teaches_nothing)
{
	prepare(self);
	LEND(0, 1);
	SENDS(0, "Pz=two S");
	SAYS(1, "1 ZI");
	GIVES_BACK(0);
	LEND(1, 1);
	SENDS(1, "Bb S");
	SAYS(1, "1 2 ZI");
	SENDS(1, "Py=two Bb E S");
	SAYS(1, OUTDATED);
	CHECK(!self->retry);
	AT_CLIENT(1, "2 ZI 1 E=0A000");
}

TALK(describing_another_statement_teaches_nothing)
{
	prepare(self);
	LEND(0, 0);
	SENDS(0, "Pz=two S");
	SAYS(0, "1 ZI");
	SENDS(0, "Ba E S");
	SAYS(0, "2 C=SELECT ZI");
	SENDS(0, "Ba E Ds=z S");
	SAYS(0, OUTDATED " ZI");
	CHECK(!self->retry);
}

TALK(nothing_is_tried_again_when_the_client_got_a_reply)
{
	prepare(self);
	LEND(0, 0);
	SENDS(0, "P=x B E Ba Dp= E S");
	SAYS(0, "1 2 C=INSERT " OUTDATED);
	CHECK(!self->retry);
	AT_CLIENT(0, "1 2 C=INSERT E=0A000");
}

TALK(nor_in_a_transaction)
{
	prepare(self);
	LEND(0, 0);
	SENDS(0, "Q=BEGIN");
	SAYS(0, "C=BEGIN ZT");
	SENDS(0, "Ba Dp= E S");
	SAYS(0, OUTDATED " ZE");
	CHECK(!self->retry);
}

TALK(nor_with_another_batch_under_way)
{
	prepare(self);
	LEND(0, 0);
	SENDS(0, "Ba Dp= E S Ba Dp= E S");
	SAYS(0, OUTDATED " ZI");
	CHECK(!self->retry);
	AT_CLIENT(0, "E=0A000 ZI");
}

TALK(nor_before_the_batch_is_all_here)
{
	prepare(self);
	LEND(0, 0);
	SENDS(0, "Ba Dp= E H");
	SAYS(0, OUTDATED);
	CHECK(!self->retry);
}

TALK(nor_a_query_in_front_of_it)
{
	prepare(self);
	LEND(0, 0);
	SENDS(0, "Q=x Ba Dp= E S");
	SAYS(0, "C=X ZI " OUTDATED);
	CHECK(!self->retry);
}

TALK(nor_a_batch_too_long_to_be_kept)
{
	prepare(self);
	LEND(0, 0);
	SENDS(0, "Ba Dp=");
	for (int i = 0; i < 2000; i++)
		SENDS(0, "E");
	SENDS(0, "S");
	SAYS(0, OUTDATED);
	CHECK(!self->retry);
}

TALK(nor_for_a_client_that_has_gone)
{
	prepare(self);
	LEND(0, 0);
	SENDS(0, "Ba Dp= E S");
	talk_give_back(self, 0);
	SAYS(0, OUTDATED);
	CHECK(!self->retry && !self->broken);
	RECOVERS(0, "B#1 Dp= E S");
	SAYS(0, "ZI");
	IS_CLEAN(0);
}

TALK(the_next_turn_may_be_tried_again_too)
{
	prepare(self);
	LEND(0, 0);
	SENDS(0, "Ba Dp= E S");
	SAYS(0, OUTDATED);
	talk_replay(self, 0);
	SAYS(0, "ZI 3 1 " OUTDATED);
	CHECK(!self->retry);
	SAYS(0, "ZI");
	AT_CLIENT(0, "E=0A000 ZI");
	SENDS(0, "Ba Dp= E S");
	SAYS(0, "3 1 " OUTDATED);
	CHECK(self->retry);
}

TALK(a_client_gone_in_its_second_try_leaves_no_trace)
{
	prepare(self);
	LEND(0, 0);
	SENDS(0, "Ba Dp= E S");
	SAYS(0, OUTDATED);
	talk_replay(self, 0);
	talk_give_back(self, 0);
	SAYS(0, "ZI 3 1 2 T C=SELECT ZI");
	AT_SERVER(0, "B#1 Dp= E S Cs=#1 P#1=one B#1 Dp= E S");
	IS_CLEAN(0);
	/* The other client is as old as before. */
	LEND(1, 0);
	SENDS(1, "Bb E S");
	AT_SERVER(0, "P#none=SELECT.pgcarwash_refuses_this B#1 E S");
}

TALK(every_servers_copy_is_renewed)
{
	prepare(self);
	LEND(0, 1);
	SENDS(0, "Ba S");
	SAYS(1, "1 2 ZI");
	SENDS(0, "Ba S");
	SAYS(1, OUTDATED " ZI");
	GIVES_BACK(0);
	LEND(0, 0);
	SENDS(0, "Ba S");
	AT_SERVER(0, "Cs=#1 P#1=one B#1 S");
	SAYS(0, "3 1 2 ZI");
	AT_CLIENT(0, "2 ZI E=0A000 ZI 2 ZI");
	GIVES_BACK(0);
}

/* Two servers report the same change: the client that had the first error has it only once. */
TALK(a_change_reported_twice_is_one_change)
{
	prepare(self);
	LEND(0, 0);
	LEND(1, 1);
	SENDS(1, "Bb S");
	SAYS(1, "1 2 ZI");
	SENDS(0, "Ba S");
	SENDS(1, "Bb S");
	SAYS(0, OUTDATED " ZI");
	SAYS(1, OUTDATED " ZI");
	AT_SERVER(0, "B#1 S");
	SENDS(0, "Ba S");
	AT_SERVER(0, "Cs=#1 P#1=one B#1 S");
}

TALK(other_errors_are_passed_on)
{
	prepare(self);
	LEND(0, 0);
	SENDS(0, "Ba Dp= E S");
	SAYS(0, "E=0A000/exec_bind_message ZI");
	CHECK(!self->retry);
	SENDS(0, "Ba S");
	AT_SERVER(0, "B#1 Dp= E S B#1 S");
}
