/* Named statements: shared by clients and servers, evicted, refused, closed, undone. */
#include "talk.h"

TALK(a_named_statement_is_prepared_once_for_all)
{
	SENDS(0, "Pa=one Ba E S");
	AT_SERVER(0, "P#1=one B#1 E S");
	SAYS(0, "1 2 C=SELECT ZI");
	AT_CLIENT(0, "1 2 C=SELECT ZI");
	GIVES_BACK(0);
	LEND(1, 0);
	/* The same text under another name: the server is not asked again. */
	SENDS(1, "Pb=one Bb E S");
	AT_SERVER(0, "B#1 E S");
	SAYS(0, "2 C=SELECT ZI");
	AT_CLIENT(1, "1 2 C=SELECT ZI");
	GIVES_BACK(1);
	CHECK_UINT_EQ(statement_store_count(self->statements), 1);
	CHECK_INT_EQ(conversation_statements(self->clients[1]), 1);
}

TALK(it_follows_its_client_to_another_server)
{
	SENDS(0, "Pa=one S");
	SAYS(0, "1 ZI");
	GIVES_BACK(0);
	LEND(0, 1);
	SENDS(0, "Ba E S");
	AT_SERVER(1, "P#1=one B#1 E S");
	SAYS(1, "1 2 C=SELECT ZI");
	AT_CLIENT(0, "1 ZI 2 C=SELECT ZI");
	GIVES_BACK(0);
	LEND(0, 1);
	SENDS(0, "Ds=a Bp/a Ep S");
	AT_SERVER(1, "Ds=#1 Bp/#1 Ep S");
	SAYS(1, "t T 2 C=SELECT ZI");
	AT_CLIENT(0, "t T 2 C=SELECT ZI");
	GIVES_BACK(0);
}

TALK(a_statement_described_before_it_is_bound)
{
	SENDS(0, "Pa=one Ds=a H");
	AT_SERVER(0, "P#1=one Ds=#1 H");
	SAYS(0, "1 t T");
	AT_CLIENT(0, "1 t T");
	SENDS(0, "Ba E S");
	SAYS(0, "2 C=SELECT ZI");
	AT_CLIENT(0, "2 C=SELECT ZI");
	GIVES_BACK(0);
}

TALK(a_statement_its_server_lacks_is_prepared_when_described)
{
	SENDS(0, "Pa=one S");
	SAYS(0, "1 ZI");
	GIVES_BACK(0);
	LEND(0, 1);
	SENDS(0, "Ds=a S");
	AT_SERVER(1, "P#1=one Ds=#1 S");
	SAYS(1, "1 t n ZI");
	AT_CLIENT(0, "1 ZI t n ZI");
	GIVES_BACK(0);
}

/* ---- replies of our own, in order ---- */

static void share_one(struct talk *self)
{
	SENDS(0, "Pa=one S");
	SAYS(0, "1 ZI");
	AT_SERVER(0, "P#1=one S");
	AT_CLIENT(0, "1 ZI");
	GIVES_BACK(0);
	LEND(1, 0);
}

TALK(own_replies_keep_their_place)
{
	share_one(self);
	SENDS(1, "P=two Pb=one B Cs=b E S");
	AT_SERVER(0, "P=two B E S");
	SAYS(0, "1");
	AT_CLIENT(1, "1");
	SAYS(0, "2");
	AT_CLIENT(1, "1 2");
	SAYS(0, "T C=SELECT");
	CHECK(!self->broken);
	AT_CLIENT(1, "3 T C=SELECT");
	SAYS(0, "ZI");
	AT_CLIENT(1, "ZI");
	GIVES_BACK(1);
}

TALK(a_batch_of_own_replies_only)
{
	share_one(self);
	SENDS(1, "Pb=one Cs=b S");
	AT_SERVER(0, "S");
	AT_CLIENT(1, "");
	SAYS(0, "ZI");
	AT_CLIENT(1, "1 3 ZI");
	GIVES_BACK(1);
}

TALK(flush_asks_for_own_replies)
{
	share_one(self);
	SENDS(1, "Pb=one H");
	AT_SERVER(0, "H");
	AT_CLIENT(1, "1");
	SENDS(1, "Bb Cs=b H Pc=one");
	AT_CLIENT(1, "");
	SAYS(0, "2");
	/* What is behind the Flush is not due yet. */
	AT_CLIENT(1, "2 3");
	SENDS(1, "S");
	SAYS(0, "ZI");
	AT_CLIENT(1, "1 ZI");
	GIVES_BACK(1);
}

TALK(notices_come_behind_own_replies)
{
	share_one(self);
	SENDS(1, "Pb=one Bb S");
	SAYS(0, "N 2 ZI");
	AT_CLIENT(1, "1 N 2 ZI");
	GIVES_BACK(1);
}

TALK(an_error_before_own_replies_takes_them_along)
{
	share_one(self);
	SENDS(1, "P=bad Pb=one Bb E S");
	SAYS(0, "E=42601 ZI");
	AT_CLIENT(1, "E=42601 ZI");
	CHECK_INT_EQ(conversation_statements(self->clients[1]), 0);
	GIVES_BACK(1);
}

TALK(an_error_behind_own_replies_comes_after_them)
{
	share_one(self);
	SENDS(1, "Pb=one Bb E S");
	SAYS(0, "E=22012 ZI");
	AT_CLIENT(1, "1 E=22012 ZI");
	CHECK_INT_EQ(conversation_statements(self->clients[1]), 1);
	GIVES_BACK(1);
}

TALK(own_replies_of_the_next_batch_wait_for_it)
{
	share_one(self);
	SENDS(1, "Q=two");
	SENDS(1, "Cs=c Cs=#1 S");
	AT_SERVER(0, "Q=two Cs=c S");
	SAYS(0, "C=SELECT ZI 3");
	AT_CLIENT(1, "C=SELECT ZI 3");
	SAYS(0, "ZI");
	AT_CLIENT(1, "3 ZI");
	GIVES_BACK(1);
}

/* ---- Close ---- */

TALK(closing_takes_the_name_only)
{
	share_one(self);
	talk_give_back(self, 1);
	LEND(0, 0);
	SENDS(0, "Cs=a S");
	AT_SERVER(0, "S");
	SAYS(0, "ZI");
	AT_CLIENT(0, "3 ZI");
	CHECK_INT_EQ(conversation_statements(self->clients[0]), 0);
	SENDS(0, "Pa=two Ba S");
	AT_SERVER(0, "P#2=two B#2 S");
	SAYS(0, "1 2 ZI");
	GIVES_BACK(0);
}

TALK(closing_what_is_not_there_is_no_error)
{
	SENDS(0, "Cs=a Cp=p S");
	AT_SERVER(0, "Cs=a Cp=p S");
	SAYS(0, "3 3 ZI");
	AT_CLIENT(0, "3 3 ZI");
	GIVES_BACK(0);
}

TALK(a_skipped_close_gives_the_name_back)
{
	share_one(self);
	talk_give_back(self, 1);
	LEND(0, 0);
	SENDS(0, "P=bad Cs=a S");
	SAYS(0, "E=42601 ZI");
	CHECK_INT_EQ(conversation_statements(self->clients[0]), 1);
	SENDS(0, "Ba S");
	AT_SERVER(0, "P=bad S B#1 S");
	SAYS(0, "2 ZI");
	GIVES_BACK(0);
}

TALK(close_and_parse_of_one_name_in_a_batch_that_fails)
{
	share_one(self);
	talk_give_back(self, 1);
	LEND(0, 0);
	SENDS(0, "P=bad Cs=a Pa=two Ba S");
	AT_SERVER(0, "P=bad P#3=two B#3 S");
	SAYS(0, "E=42601 ZI");
	SENDS(0, "Ba S");
	/* It is the first statement again. */
	AT_SERVER(0, "B#1 S");
	SAYS(0, "2 ZI");
	GIVES_BACK(0);
}

/* ---- names that are wrong ---- */

TALK(a_duplicate_name_is_refused_in_its_place)
{
	self->show_messages = true;
	SENDS(0, "Pa=one S");
	SAYS(0, "1 ZI");
	SENDS(0, "P=two Pa=three Ba E S");
	AT_SERVER(0, "P#1=one S P=two Cs=#twin P#twin=three P#twin=three B#1 E S");
	SAYS(0, "1 3 1 E=42P05 ZI");
	AT_CLIENT(0, "1 ZI 1 E=42P05(prepared statement \"a\" already exists) ZI");
	SENDS(0, "Ba S");
	AT_SERVER(0, "B#1 S");
	SAYS(0, "2 ZI");
	GIVES_BACK(0);
}

TALK(what_is_wrong_with_its_text_comes_first)
{
	SENDS(0, "Pa=one S");
	SAYS(0, "1 ZI");
	SENDS(0, "Pa=bad S");
	SAYS(0, "E=42601 ZI");
	AT_CLIENT(0, "1 ZI E=42601 ZI");
	GIVES_BACK(0);
}

TALK(in_a_failed_transaction_that_is_the_error)
{
	SENDS(0, "Pa=one S");
	SAYS(0, "1 ZE");
	SENDS(0, "Pa=two S");
	SAYS(0, "E=25P02 ZE");
	AT_CLIENT(0, "1 ZE E=25P02 ZE");
}

TALK(a_shutdown_is_not_taken_for_the_provoked_error)
{
	SENDS(0, "Pa=one S");
	SAYS(0, "1 ZI");
	SENDS(0, "Pa=two S");
	SAYS(0, "E!57P01");
	AT_CLIENT(0, "1 ZI E!57P01");
}

TALK(a_provoked_error_that_does_not_come_is_broken)
{
	SENDS(0, "Pa=one S");
	SAYS(0, "1 ZI");
	SENDS(0, "Pa=two S");
	SAYS(0, "3 1 1");
	CHECK(self->broken);
}

TALK(an_unknown_name_is_refused_by_the_server)
{
	SENDS(0, "Ba E S Ds=a S");
	AT_SERVER(0, "Ba E S Ds=a S");
	SAYS(0, "E=26000 ZI E=26000 ZI");
	AT_CLIENT(0, "E=26000 ZI E=26000 ZI");
	GIVES_BACK(0);
}

TALK(names_of_ours_reach_nobody)
{
	self->show_messages = true;
	share_one(self);
	SENDS(1, "B#1 E S");
	AT_SERVER(0, "Ds=#none B#1 E S");
	SAYS(0, "E=26000 ZI");
	AT_CLIENT(1, "E=26000(prepared statement \"pgcarwash_1\" does not exist) ZI");
	SENDS(1, "Ds=#1 S");
	SAYS(0, "E=26000 ZI");
	SENDS(1, "Cs=#1 S");
	SAYS(0, "ZI");
	AT_CLIENT(1, "E=26000(prepared statement \"pgcarwash_1\" does not exist) ZI 3 ZI");
	SENDS(1, "P+#7=long S");
	SAYS(0, "E=42703 ZI");
	AT_CLIENT(1, "E=42P05(prepared statement \"pgcarwash_7\" already exists) ZI");
	GIVES_BACK(1);
}

TALK(but_a_client_may_call_its_own_so)
{
	SENDS(0, "P#5=one B#5 E S");
	AT_SERVER(0, "P#1=one B#1 E S");
	SAYS(0, "1 2 C=SELECT ZI");
	GIVES_BACK(0);
}

/* ---- errors of Parse ---- */

TALK(a_failed_parse_leaves_no_name_and_no_copy)
{
	SENDS(0, "Pa=bad Ba E S");
	SAYS(0, "E=42601 ZI");
	AT_CLIENT(0, "E=42601 ZI");
	CHECK_INT_EQ(conversation_statements(self->clients[0]), 0);
	CHECK_UINT_EQ(statement_store_count(self->statements), 0);
	SENDS(0, "Pa=one S");
	AT_SERVER(0, "P#1=bad B#1 E S P#2=one S");
	SAYS(0, "1 ZI");
	GIVES_BACK(0);
}

TALK(a_preparation_of_ours_that_fails_is_the_clients_error)
{
	SENDS(0, "Pa=one S");
	SAYS(0, "1 ZI");
	GIVES_BACK(0);
	LEND(0, 1);
	SENDS(0, "Ba E S");
	SAYS(1, "E=42P01 ZI");
	AT_CLIENT(0, "1 ZI E=42P01 ZI");
	/* The name is still there; the next use tries again. */
	SENDS(0, "Ba E S");
	AT_SERVER(1, "P#1=one B#1 E S P#1=one B#1 E S");
	SAYS(1, "1 2 C=SELECT ZI");
	GIVES_BACK(0);
}

TALK(in_a_failed_transaction_a_parse_is_asked_for)
{
	share_one(self);
	SENDS(1, "Q=BEGIN;bad");
	SAYS(0, "C=BEGIN E=42601 ZE");
	SENDS(1, "Pb=one S");
	AT_SERVER(0, "Q=BEGIN;bad Cs=#1 P#1=one S");
	SAYS(0, "3 E=25P02 ZE");
	AT_CLIENT(1, "C=BEGIN E=42601 ZE E=25P02 ZE");
	CHECK_INT_EQ(conversation_statements(self->clients[1]), 0);
	SENDS(1, "Q=ROLLBACK");
	SAYS(0, "C=ROLLBACK ZI");
	SENDS(1, "Pb=one S");
	AT_SERVER(0, "Q=ROLLBACK P#1=one S");
	SAYS(0, "1 ZI");
	GIVES_BACK(1);
}

TALK(behind_a_query_under_way_a_parse_is_asked_for_too)
{
	share_one(self);
	SENDS(1, "Q=BEGIN;bad Pb=one S");
	AT_SERVER(0, "Q=BEGIN;bad Cs=#1 P#1=one S");
	SAYS(0, "C=BEGIN E=42601 ZE 3 E=25P02 ZE");
	AT_CLIENT(1, "C=BEGIN E=42601 ZE E=25P02 ZE");
}

/* ---- pipelines of several batches ---- */

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
	share_one(self);
	talk_give_back(self, 1);
	LEND(0, 0);
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
	share_one(self);
	talk_give_back(self, 1);
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

/* ---- copies that are not what they should be ---- */

TALK(a_copy_dropped_behind_our_back_is_made_again)
{
	share_one(self);
	SENDS(1, "Pb=one S");
	SAYS(0, "ZI");
	SENDS(1, "Bb E S");
	AT_SERVER(0, "S B#1 E S");
	SAYS(0, "E=26000");
	CHECK(self->retry);
	talk_replay(self, 1);
	AT_SERVER(0, "P#1=one B#1 E S");
	SAYS(0, "ZI 1 2 C=SELECT ZI");
	AT_CLIENT(1, "1 ZI 2 C=SELECT ZI");
	GIVES_BACK(1);
}

TALK(in_a_transaction_the_error_must_be_told)
{
	share_one(self);
	SENDS(1, "Q=BEGIN Pb=one Bb S");
	AT_SERVER(0, "Q=BEGIN Cs=#1 P#1=one B#1 S");
	SAYS(0, "C=BEGIN ZT 3 1 2 ZT");
	SENDS(1, "Bb S");
	SAYS(0, "E=26000 ZE");
	CHECK(!self->retry);
	AT_CLIENT(1, "C=BEGIN ZT 1 2 ZT E=26000 ZE");
	SENDS(1, "Q=ROLLBACK Bb S");
	AT_SERVER(0, "B#1 S Q=ROLLBACK P#1=one B#1 S");
}

TALK(something_else_under_a_name_of_ours_is_closed)
{
	SENDS(0, "Pa=one Ba E S");
	SAYS(0, "E=42P05");
	CHECK(self->retry);
	talk_replay(self, 0);
	AT_SERVER(0, "P#1=one B#1 E S Cs=#2 P#2=one B#2 E S");
	SAYS(0, "ZI 3 1 2 C=SELECT ZI");
	AT_CLIENT(0, "1 2 C=SELECT ZI");
	GIVES_BACK(0);
}

TALK(a_second_try_is_the_last)
{
	SENDS(0, "Pa=one Ba E S");
	SAYS(0, "E=42P05");
	talk_replay(self, 0);
	SAYS(0, "ZI 3 E=42P05 ZI");
	CHECK(!self->retry);
	AT_CLIENT(0, "E=42P05 ZI");
	GIVES_BACK(0);
}

/* ---- statements too long to be kept ---- */

TALK(a_long_statement_stays_on_its_server)
{
	SENDS(0, "P+a=long Ba E S");
	AT_SERVER(0, "Pa=long Ba E S");
	SAYS(0, "1 2 C=SELECT ZI");
	AT_CLIENT(0, "1 2 C=SELECT ZI");
	CHECK(conversation_is_pinned(self->clients[0]));
	SENDS(0, "Pa=one S");
	SAYS(0, "3 1 E=42P05 ZI");
	AT_CLIENT(0, "E=42P05 ZI");
	SENDS(0, "Cs=a S");
	AT_SERVER(0, "Cs=#twin P#twin=one P#twin=one S Cs=a S");
	SAYS(0, "3 ZI");
	GIVES_BACK(0);
	/* What a client may have left under its own names is cleared away. */
	CHECK(!backend_is_clean(&self->servers[0]));
	RECOVERS(0, "Q=DEALLOCATE.ALL");
	SAYS(0, "C=DEALLOCATE.ALL ZI");
	IS_CLEAN(0);
}

TALK(a_long_statement_that_fails_pins_nothing)
{
	SENDS(0, "P+a=long S");
	SAYS(0, "E=42601 ZI");
	CHECK(!conversation_is_pinned(self->clients[0]));
	SENDS(0, "P+a=long S");
	SAYS(0, "1 ZI");
	CHECK(conversation_is_pinned(self->clients[0]));
	SENDS(0, "P=bad Cs=a S");
	CHECK(!conversation_is_pinned(self->clients[0]));
	SAYS(0, "E=42601 ZI");
	CHECK(conversation_is_pinned(self->clients[0]));
	SENDS(0, "Q=DISCARD_ALL");
	SAYS(0, "C=DISCARD.ALL ZI");
	CHECK(!conversation_is_pinned(self->clients[0]));
	GIVES_BACK(0);
	IS_CLEAN(0);
}
