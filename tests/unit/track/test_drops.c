/* DISCARD ALL and DEALLOCATE ALL, whose effect on names is known when the server has answered. */
#include "talk.h"

TALK(discard_all_drops_names_and_copies)
{
	SENDS(0, "Pa=one Pb=two S");
	SAYS(0, "1 1 ZI");
	SENDS(0, "Q=DISCARD_ALL");
	CHECK_INT_EQ(conversation_statements(self->clients[0]), 2);
	SAYS(0, "C=DISCARD.ALL");
	CHECK_INT_EQ(conversation_statements(self->clients[0]), 0);
	CHECK_UINT_EQ(statement_store_count(self->statements), 0);
	SAYS(0, "ZI");
	AT_CLIENT(0, "1 1 ZI C=DISCARD.ALL ZI");
	SENDS(0, "Ba S");
	AT_SERVER(0, "P#1=one P#2=two S Q=DISCARD_ALL Ba S");
}

TALK(names_given_on_another_server_are_dropped_too)
{
	SENDS(0, "Pa=one S Pb=two S Pc=three S");
	SAYS(0, "1 ZI 1 ZI 1 ZI");
	GIVES_BACK(0);
	LEND(0, 1);
	SENDS(0, "Q=DISCARD_ALL");
	SAYS(1, "C=DISCARD.ALL ZI");
	CHECK_INT_EQ(conversation_statements(self->clients[0]), 0);
	GIVES_BACK(0);
	/* The first server still has its copies. */
	LEND(1, 0);
	SENDS(1, "Pz=one S");
	AT_SERVER(0, "P#1=one S P#2=two S P#3=three S S");
}

TALK(another_clients_names_stay)
{
	SENDS(0, "Pa=one S");
	SAYS(0, "1 ZI");
	GIVES_BACK(0);
	LEND(1, 0);
	SENDS(1, "Q=DEALLOCATE_ALL");
	SAYS(0, "C=DEALLOCATE.ALL ZI");
	GIVES_BACK(1);
	LEND(0, 0);
	SENDS(0, "Ba S");
	AT_SERVER(0, "P#1=one S Q=DEALLOCATE_ALL P#1=one B#1 S");
	SAYS(0, "1 2 ZI");
	AT_CLIENT(0, "1 ZI 2 ZI");
}

TALK(one_that_fails_drops_nothing)
{
	SENDS(0, "Pa=one S");
	SAYS(0, "1 ZI");
	SENDS(0, "Q=DISCARD_ALL");
	SAYS(0, "E=25001 ZT");
	SENDS(0, "Ba S");
	CHECK(!self->waits);
	AT_SERVER(0, "P#1=one S Q=DISCARD_ALL B#1 S");
}

TALK(deallocate_of_one_drops_none_of_ours)
{
	SENDS(0, "Pa=one S");
	SAYS(0, "1 ZI");
	SENDS(0, "Q=DEALLOCATE_x");
	SAYS(0, "C=DEALLOCATE ZI");
	CHECK_INT_EQ(conversation_statements(self->clients[0]), 1);
}

TALK(what_names_statements_waits_for_it)
{
	SENDS(0, "Pa=one S");
	SAYS(0, "1 ZI");
	SENDS(0, "Q=x;DEALLOCATE_ALL");
	WAITS(0, "Ba");
	WAITS(0, "Pb=one");
	WAITS(0, "Ds=a");
	WAITS(0, "Cs=a");
	SENDS(0, "S Q=y E S");
	CHECK(!self->waits);
	SAYS(0, "C=X C=DEALLOCATE.ALL");
	WAITS(0, "Pb=one");
	SAYS(0, "ZI");
	SENDS(0, "Pb=one");
	CHECK(!self->waits);
}

TALK(executed_by_extended_query)
{
	SENDS(0, "Pa=one S");
	SAYS(0, "1 ZI");
	SENDS(0, "P=DEALLOCATE_ALL B");
	SENDS(0, "Ds=a");
	CHECK(!self->waits);
	SENDS(0, "E");
	WAITS(0, "Ba");
	SAYS(0, "1 2 t T C=DEALLOCATE.ALL");
	SENDS(0, "Ba E S");
	CHECK(!self->waits);
	AT_SERVER(0, "P#1=one S P=DEALLOCATE_ALL B Ds=#1 E Ba E S");
}

TALK(prepared_under_a_name)
{
	SENDS(0, "Pa=one Pd=DISCARD_ALL S");
	SAYS(0, "1 1 ZI");
	SENDS(0, "Bd E");
	WAITS(0, "Pb=two");
	SAYS(0, "2 E=25001");
	SENDS(0, "Pb=two S");
	CHECK(!self->waits);
	SAYS(0, "ZI");
	CHECK_INT_EQ(conversation_statements(self->clients[0]), 2);
	SENDS(0, "Bd E S");
	SAYS(0, "2 C=DISCARD.ALL ZI");
	CHECK_INT_EQ(conversation_statements(self->clients[0]), 0);
}

/* The portal outlives its batch in a transaction, so what it may do is still to be waited for. */
TALK(a_portal_executed_in_a_later_batch)
{
	SENDS(0, "Q=BEGIN P=DEALLOCATE_ALL Bp/ S");
	SAYS(0, "C=BEGIN ZT 1 2 ZT");
	SENDS(0, "Ep");
	WAITS(0, "Pa=one");
	SAYS(0, "C=DEALLOCATE.ALL");
	SENDS(0, "S Q=COMMIT");
	SAYS(0, "ZT C=COMMIT ZI");
	SENDS(0, "P=one B E");
	SENDS(0, "Pa=one");
	CHECK(!self->waits);
}

TALK(skipped_it_is_not_waited_for)
{
	SENDS(0, "P=DISCARD_ALL Bnone B E S");
	SAYS(0, "1 E=26000");
	SENDS(0, "Pa=one");
	CHECK(!self->waits);
}

TALK(a_long_query_may_hold_one)
{
	struct message message = { .type = 'Q', .len = 100, .body = SLICE_LITERAL("select") };

	(void)conversation_request(self->clients[0], &self->servers[0], &message);
	WAITS(0, "Pa=one");
	SAYS(0, "C=SELECT ZI");
	SENDS(0, "Pa=one");
	CHECK(!self->waits);
}

/* ---- DEALLOCATE of a name given by Parse ---- */

TALK(deallocate_takes_a_name_given_by_parse)
{
	SENDS(0, "Pa=one S");
	SAYS(0, "1 ZI");
	SENDS(0, "Q=DEALLOCATE.a");
	AT_SERVER(0, "P#1=one S Q=PREPARE.\"a\".AS.SELECT.1 Q=DEALLOCATE.a");
	WAITS(0, "Ba");
	SAYS(0, "C=PREPARE ZI C=DEALLOCATE ZI");
	AT_CLIENT(0, "1 ZI C=DEALLOCATE ZI");
	CHECK_INT_EQ(conversation_statements(self->clients[0]), 0);
	SENDS(0, "Pa=one S");
	/* The shared copy stays. */
	AT_SERVER(0, "S");
	SAYS(0, "ZI");
	GIVES_BACK(0);
}

TALK(own_replies_in_front_of_it_are_not_lost)
{
	SENDS(0, "Pa=one S");
	SAYS(0, "1 ZI");
	SENDS(0, "Pb=one Q=DEALLOCATE.a");
	SAYS(0, "C=PREPARE ZI C=DEALLOCATE ZI");
	AT_CLIENT(0, "1 ZI 1 C=DEALLOCATE ZI");
	GIVES_BACK(0);
}

TALK(one_that_is_refused_gives_the_name_back)
{
	SENDS(0, "Pa=one S");
	SAYS(0, "1 ZI");
	SENDS(0, "Q=DEALLOCATE.a");
	SAYS(0, "C=PREPARE ZI E=57014 ZI");
	CHECK_INT_EQ(conversation_statements(self->clients[0]), 1);
	GIVES_BACK(0);
	/* What was made for it to drop is still there. */
	CHECK(!backend_is_clean(&self->servers[0]));
	buffer_clear(&self->at_server[0]);
	RECOVERS(0, "Q=DEALLOCATE.ALL");
}

TALK(deallocate_by_extended_query)
{
	SENDS(0, "Pa=one Pd=DEALLOCATE.a S");
	SAYS(0, "1 1 ZI");
	SENDS(0, "Bp/d P=two B E");
	/* It is not known what the portal in front of it does. */
	WAITS(0, "Ep");
	SAYS(0, "2 1 2 C=SELECT");
	CHECK_INT_EQ(conversation_statements(self->clients[0]), 2);
	SENDS(0, "Ep S");
	AT_SERVER(0, "P#1=one P#2=DEALLOCATE.a S Bp/#2 P=two B E Cs=a Pa=SELECT.1 Ep S");
	SAYS(0, "3 1 C=DEALLOCATE ZI");
	AT_CLIENT(0, "1 1 ZI 2 1 2 C=SELECT C=DEALLOCATE ZI");
	CHECK_INT_EQ(conversation_statements(self->clients[0]), 1);
	GIVES_BACK(0);
}

TALK(a_portal_bound_anew_deallocates_no_more)
{
	SENDS(0, "Pa=one Pd=DEALLOCATE.a S");
	SAYS(0, "1 1 ZI");
	SENDS(0, "Bd P=two B E S");
	AT_SERVER(0, "P#1=one P#2=DEALLOCATE.a S B#2 P=two B E S");
	SAYS(0, "2 1 2 C=SELECT ZI");
	CHECK_INT_EQ(conversation_statements(self->clients[0]), 2);
	GIVES_BACK(0);
}

TALK(deallocate_of_a_name_in_doubt_waits)
{
	SENDS(0, "Bnone Pa=one S");
	WAITS(0, "Q=DEALLOCATE.a");
	SAYS(0, "E=26000 ZI");
	SENDS(0, "Q=DEALLOCATE.a");
	CHECK(!self->waits);
	AT_SERVER(0, "Bnone P#1=one S Q=DEALLOCATE.a");
	SAYS(0, "E=26000 ZI");
	SENDS(0, "Pa=one S");
	SAYS(0, "1 ZI");
	SENDS(0, "Q=DEALLOCATE.ALL");
	WAITS(0, "Q=DEALLOCATE.a");
}

TALK(deallocate_of_a_statement_too_long_to_be_kept)
{
	SENDS(0, "P+a=long S");
	SAYS(0, "1 ZI");
	SENDS(0, "Q=DEALLOCATE.a");
	AT_SERVER(0, "Pa=long S Q=DEALLOCATE.a");
	SAYS(0, "C=DEALLOCATE ZI");
	CHECK(!conversation_is_pinned(self->clients[0]));
	CHECK_INT_EQ(conversation_statements(self->clients[0]), 0);
}

TALK(our_own_reset_query_drops_copies_only)
{
	struct buffer out = BUFFER_EMPTY;

	SENDS(0, "Pa=one S");
	SAYS(0, "1 ZI");
	GIVES_BACK(0);
	CHECK(backend_write_query(&self->servers[0], SLICE_LITERAL("DISCARD_ALL"), &out) == OK);
	buffer_release(&out);
	SAYS(0, "S=TimeZone/GMT N C=DISCARD.ALL ZI");
	CHECK(!backend_own_query_failed(&self->servers[0]));
	AT_CLIENT(0, "1 ZI");
	IS_CLEAN(0);
	CHECK_INT_EQ(conversation_statements(self->clients[0]), 1);
	LEND(0, 0);
	SAYS(0, "C=RESET ZI");
	SENDS(0, "Ba S");
	AT_SERVER(0, "P#1=one S Q=RESET.\"TimeZone\"; P#1=one B#1 S");
}

TALK(our_own_query_that_fails)
{
	struct buffer out = BUFFER_EMPTY;

	talk_give_back(self, 0);
	CHECK(backend_write_query(&self->servers[0], SLICE_LITERAL("check"), &out) == OK);
	buffer_release(&out);
	SAYS(0, "T D E=42601 ZI");
	CHECK(backend_own_query_failed(&self->servers[0]));
	CHECK(!backend_own_query_failed(&self->servers[0]));
	IS_CLEAN(0);
}
