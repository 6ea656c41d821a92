/* The unnamed statement: every client's own, on whichever server it lands. */
#include "talk.h"

TALK(it_survives_its_transaction)
{
	SENDS(0, "P=one Ds= S");
	SAYS(0, "1 t T ZI");
	GIVES_BACK(0);
	LEND(0, 0);
	SENDS(0, "B E S");
	AT_SERVER(0, "P=one Ds= S B E S");
	SAYS(0, "2 C=SELECT ZI");
	GIVES_BACK(0);
}

TALK(it_is_prepared_again_where_another_clients_is)
{
	SENDS(0, "P=one S");
	SAYS(0, "1 ZI");
	GIVES_BACK(0);
	LEND(1, 0);
	SENDS(1, "P=two B E S");
	SAYS(0, "1 2 C=SELECT ZI");
	GIVES_BACK(1);
	LEND(0, 0);
	SENDS(0, "B E Ds= S");
	AT_SERVER(0, "P=one S P=two B E S P=one B E Ds= S");
	SAYS(0, "1 2 C=SELECT t T ZI");
	AT_CLIENT(0, "1 ZI 2 C=SELECT t T ZI");
	GIVES_BACK(0);
}

TALK(it_follows_its_client_to_another_server)
{
	SENDS(0, "P=one S");
	SAYS(0, "1 ZI");
	GIVES_BACK(0);
	LEND(0, 1);
	SENDS(0, "B E S");
	AT_SERVER(1, "P=one B E S");
	SAYS(1, "1 2 C=SELECT ZI");
	AT_CLIENT(0, "1 ZI 2 C=SELECT ZI");
	GIVES_BACK(0);
}

TALK(who_has_none_finds_none)
{
	SENDS(0, "P=one S");
	SAYS(0, "1 ZI");
	GIVES_BACK(0);
	LEND(1, 0);
	SENDS(1, "B E S");
	AT_SERVER(0, "P=one S Cs= B E S");
	SAYS(0, "3 E=26000 ZI");
	AT_CLIENT(1, "E=26000 ZI");
	SENDS(1, "Ds= S");
	AT_SERVER(0, "Cs= Ds= S");
	SAYS(0, "3 E=26000 ZI");
	GIVES_BACK(1);
	LEND(0, 0);
	SENDS(0, "B S");
	AT_SERVER(0, "P=one B S");
}

TALK(a_simple_query_drops_it)
{
	SENDS(0, "P=one S Q=two");
	SAYS(0, "1 ZI E=42601 ZI");
	SENDS(0, "B S");
	AT_SERVER(0, "P=one S Q=two Cs= B S");
	SAYS(0, "3 E=26000 ZI");
	AT_CLIENT(0, "1 ZI E=42601 ZI E=26000 ZI");
	GIVES_BACK(0);
}

TALK(a_query_that_is_skipped_does_not)
{
	SENDS(0, "P=one S");
	SAYS(0, "1 ZI");
	SENDS(0, "Bnone Q=two S");
	SAYS(0, "E=26000 ZI");
	SENDS(0, "B S");
	AT_SERVER(0, "P=one S Bnone Q=two S P=one B S");
	SAYS(0, "1 2 ZI");
	GIVES_BACK(0);
}

TALK(another_clients_query_drops_it_on_the_server_only)
{
	SENDS(0, "P=one S");
	SAYS(0, "1 ZI");
	GIVES_BACK(0);
	LEND(1, 0);
	SENDS(1, "Q=two");
	SAYS(0, "C=SELECT ZI");
	GIVES_BACK(1);
	LEND(0, 0);
	SENDS(0, "B S");
	AT_SERVER(0, "P=one S Q=two P=one B S");
}

TALK(a_failed_parse_drops_it)
{
	SENDS(0, "P=one S");
	SAYS(0, "1 ZI");
	SENDS(0, "P=bad B E S");
	SAYS(0, "E=42601 ZI");
	SENDS(0, "B S");
	AT_SERVER(0, "P=one S P=bad B E S Cs= B S");
}

TALK(a_skipped_parse_keeps_it)
{
	SENDS(0, "P=one S");
	SAYS(0, "1 ZI");
	SENDS(0, "Bnone P=two B P=three S");
	SAYS(0, "E=26000 ZI");
	SENDS(0, "B S");
	AT_SERVER(0, "P=one S Bnone P=two B P=three S P=one B S");
}

TALK(closing_it_drops_it_unless_skipped)
{
	SENDS(0, "P=one S");
	SAYS(0, "1 ZI");
	SENDS(0, "Bnone Cs= S");
	SAYS(0, "E=26000 ZI");
	SENDS(0, "B S");
	SAYS(0, "1 2 ZI");
	SENDS(0, "Cs= B S");
	AT_SERVER(0, "P=one S Bnone Cs= S P=one B S Cs= Cs= B S");
	SAYS(0, "3 3 E=26000 ZI");
	AT_CLIENT(0, "1 ZI E=26000 ZI 2 ZI 3 E=26000 ZI");
	GIVES_BACK(0);
}

TALK(discard_all_keeps_it)
{
	SENDS(0, "P=DISCARD_ALL B E S");
	SAYS(0, "1 2 C=DISCARD.ALL ZI");
	SENDS(0, "B E S");
	AT_SERVER(0, "P=DISCARD_ALL B E S B E S");
}

/* ---- pipelines of several batches ---- */

TALK(a_change_in_a_batch_under_way_is_waited_for)
{
	SENDS(0, "P=one S");
	SAYS(0, "1 ZI");
	SENDS(0, "Bnone P=two S");
	WAITS(0, "B");
	WAITS(0, "Ds=");
	SAYS(0, "E=26000 ZI");
	SENDS(0, "B S");
	CHECK(!self->waits);
	AT_SERVER(0, "P=one S Bnone P=two S P=one B S");
}

TALK(within_a_batch_it_is_not)
{
	SENDS(0, "Bnone P=two B E S P=three B E S");
	CHECK(!self->waits);
	SAYS(0, "E=26000 ZI 1 2 C=SELECT ZI");
	SENDS(0, "B S");
	CHECK(!self->waits);
	AT_SERVER(0, "Bnone P=two B E S P=three B E S B S");
	SAYS(0, "2 ZI");
	AT_CLIENT(0, "E=26000 ZI 1 2 C=SELECT ZI 2 ZI");
	GIVES_BACK(0);
}

/* Each batch changes it; what the failed ones did must not come back. */
TALK(failed_batches_before_and_behind_a_good_one)
{
	SENDS(0, "P=one S");
	SAYS(0, "1 ZI");
	SENDS(0, "Bnone P=two S P=three S Bnone P=four S");
	SAYS(0, "E=26000 ZI");
	SAYS(0, "1 ZI");
	SAYS(0, "E=26000 ZI");
	AT_SERVER(0, "P=one S Bnone P=two S P=three S Bnone P=four S");
	SENDS(0, "B S");
	AT_SERVER(0, "P=three B S");
}

TALK(two_failed_batches_leave_the_first)
{
	SENDS(0, "P=one S");
	SAYS(0, "1 ZI");
	SENDS(0, "Bnone P=two S Bnone P=three S");
	SAYS(0, "E=26000 ZI E=26000 ZI");
	AT_SERVER(0, "P=one S Bnone P=two S Bnone P=three S");
	SENDS(0, "B S");
	AT_SERVER(0, "P=one B S");
}

/* The first query is skipped and undone, the second is not. */
TALK(a_query_behind_one_that_is_undone)
{
	SENDS(0, "P=one S");
	SAYS(0, "1 ZI");
	SENDS(0, "Bnone Q=x S Q=y");
	SAYS(0, "E=26000 ZI C=Y ZI");
	SENDS(0, "B S");
	AT_SERVER(0, "P=one S Bnone Q=x S Q=y Cs= B S");
}

/* The server may have another client's, if the batch that brought ours is skipped. */
TALK(brought_in_a_batch_under_way_it_is_brought_again)
{
	SENDS(0, "P=one S");
	SAYS(0, "1 ZI");
	GIVES_BACK(0);
	LEND(1, 0);
	SENDS(1, "P=two S");
	SAYS(0, "1 ZI");
	GIVES_BACK(1);
	AT_SERVER(0, "P=one S P=two S");
	LEND(0, 0);
	SENDS(0, "Bnone B E S B E S");
	AT_SERVER(0, "Bnone P=one B E S P=one B E S");
	SAYS(0, "E=26000 ZI 1 2 C=SELECT ZI");
	AT_CLIENT(0, "1 ZI E=26000 ZI 2 C=SELECT ZI");
	GIVES_BACK(0);
	LEND(0, 0);
	SENDS(0, "B S");
	AT_SERVER(0, "B S");
}

/* ---- too long to be kept ---- */

TALK(a_long_one_keeps_its_client_on_the_server)
{
	SENDS(0, "P+=long B E S");
	SAYS(0, "1 2 C=SELECT ZI");
	CHECK(conversation_is_pinned(self->clients[0]));
	SENDS(0, "B E S");
	AT_SERVER(0, "P=long B E S B E S");
	SAYS(0, "2 C=SELECT ZI");
	SENDS(0, "P=short S");
	SAYS(0, "1 ZI");
	GIVES_BACK(0);
	IS_CLEAN(0);
}

TALK(a_skipped_change_keeps_the_long_one)
{
	SENDS(0, "P+=long S");
	SAYS(0, "1 ZI");
	SENDS(0, "Bnone P=short Q=x S");
	SAYS(0, "E=26000 ZI");
	CHECK(conversation_is_pinned(self->clients[0]));
	SENDS(0, "B S");
	AT_SERVER(0, "P=long S Bnone P=short Q=x S B S");
	SAYS(0, "2 ZI");
	SENDS(0, "Q=x");
	SAYS(0, "I ZI");
	GIVES_BACK(0);
}

TALK(a_long_one_that_fails_or_is_skipped)
{
	SENDS(0, "P=one S");
	SAYS(0, "1 ZI");
	SENDS(0, "Bnone P+=long S");
	SAYS(0, "E=26000 ZI");
	CHECK(!conversation_is_pinned(self->clients[0]));
	SENDS(0, "B S");
	SAYS(0, "1 2 ZI");
	SENDS(0, "P+=long S");
	SAYS(0, "E=42601 ZI");
	CHECK(!conversation_is_pinned(self->clients[0]));
	SENDS(0, "B S");
	AT_SERVER(0, "P=one S Bnone P=long S P=one B S P=long S Cs= B S");
}
