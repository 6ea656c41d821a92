/* COPY in, out and both, simple and extended, and what clients send before, in and after it. */
#include "talk.h"

TALK(copy_out)
{
	SENDS(0, "Q=copy");
	SAYS(0, "H d d c C=COPY ZI");
	AT_CLIENT(0, "H d d c C=COPY ZI");
	GIVES_BACK(0);
}

TALK(copy_in)
{
	SENDS(0, "Q=copy");
	SAYS(0, "G");
	AT_CLIENT(0, "G");
	SENDS(0, "d d c");
	AT_SERVER(0, "Q=copy d d c");
	SAYS(0, "C=COPY ZI");
	AT_CLIENT(0, "C=COPY ZI");
	GIVES_BACK(0);
}

TALK(copy_in_given_up_by_the_client)
{
	SENDS(0, "Q=copy");
	SAYS(0, "G");
	SENDS(0, "d f");
	AT_SERVER(0, "Q=copy d f");
	SAYS(0, "E=57014 ZI");
	AT_CLIENT(0, "G E=57014 ZI");
	GIVES_BACK(0);
}

TALK(copy_in_whose_data_the_client_sends_at_once)
{
	SENDS(0, "Q=copy d c");
	AT_SERVER(0, "Q=copy d c");
	SAYS(0, "G C=COPY ZI");
	AT_CLIENT(0, "G C=COPY ZI");
	GIVES_BACK(0);
}

TALK(two_copies_in_one_query)
{
	SENDS(0, "Q=copy;copy d c d c");
	SAYS(0, "G C=COPY G C=COPY ZI");
	AT_CLIENT(0, "G C=COPY G C=COPY ZI");
	GIVES_BACK(0);
}

TALK(copy_data_for_no_copy_is_ignored_there)
{
	SENDS(0, "Q=one d c");
	AT_SERVER(0, "Q=one d c");
	SAYS(0, "C=SELECT ZI");
	AT_CLIENT(0, "C=SELECT ZI");
	GIVES_BACK(0);
}

TALK(copy_data_for_nothing_is_dropped)
{
	SENDS(0, "d c f");
	AT_SERVER(0, "");
	IS_CLEAN(0);
}

TALK(copy_in_that_fails_early)
{
	SENDS(0, "Q=copy");
	SAYS(0, "G");
	SENDS(0, "d d");
	SAYS(0, "E=22P02 ZI");
	AT_CLIENT(0, "G E=22P02 ZI");
	GIVES_BACK(0);
	/* The client has not seen the error when it sends the rest. */
	SENDS(0, "d c");
	AT_SERVER(0, "Q=copy d d");
}

TALK(copy_in_that_fails_before_it_begins)
{
	SENDS(0, "Q=copy d d c");
	SAYS(0, "E=42P01 ZI");
	AT_CLIENT(0, "E=42P01 ZI");
	GIVES_BACK(0);
}

/* ---- extended: libpq sends the Sync with the Execute and another behind the data ---- */

TALK(extended_copy_in)
{
	SENDS(0, "P=copy B E S");
	SAYS(0, "1 2 G");
	AT_CLIENT(0, "1 2 G");
	SENDS(0, "d c S");
	/* The Close tells whether the first Sync was read by the COPY. */
	AT_SERVER(0, "P=copy B E S d c S Cs=#none S");
	SAYS(0, "C=COPY ZI");
	AT_CLIENT(0, "C=COPY ZI");
	CHECK(self->ready && !self->turn_over);
	SAYS(0, "3 ZI");
	AT_CLIENT(0, "");
	CHECK(!self->ready);
	GIVES_BACK(0);
}

TALK(extended_copy_in_with_one_sync)
{
	SENDS(0, "P=copy B E H");
	SAYS(0, "1 2 G");
	SENDS(0, "d c S");
	AT_SERVER(0, "P=copy B E H d c S");
	SAYS(0, "C=COPY ZI");
	AT_CLIENT(0, "1 2 G C=COPY ZI");
	GIVES_BACK(0);
}

TALK(extended_copy_in_known_to_be_done_before_its_second_sync)
{
	SENDS(0, "P=copy B E S");
	SAYS(0, "1 2 G");
	SENDS(0, "d c");
	SAYS(0, "C=COPY");
	CHECK(!backend_is_clean(&self->servers[0]));
	SENDS(0, "S");
	AT_SERVER(0, "P=copy B E S d c S");
	SAYS(0, "ZI");
	AT_CLIENT(0, "1 2 G C=COPY ZI");
	GIVES_BACK(0);
}

TALK(sync_and_flush_in_a_copy_are_not_passed_on)
{
	SENDS(0, "Q=copy");
	SAYS(0, "G");
	SENDS(0, "d S H d c");
	AT_SERVER(0, "Q=copy d d c");
	SAYS(0, "C=COPY ZI");
	AT_CLIENT(0, "G C=COPY ZI");
	GIVES_BACK(0);
}

TALK(syncs_behind_the_end_of_a_copy_count)
{
	SENDS(0, "Q=copy S d c S");
	SAYS(0, "G C=COPY ZI ZI");
	AT_CLIENT(0, "G C=COPY ZI ZI");
	GIVES_BACK(0);
}

TALK(extended_copy_in_that_fails_early)
{
	SENDS(0, "P=copy B E S");
	SAYS(0, "1 2 G");
	SENDS(0, "d");
	SAYS(0, "E=22P02");
	SENDS(0, "d c S");
	AT_SERVER(0, "P=copy B E S d S Cs=#none S");
	/* The COPY had read the first Sync. */
	SAYS(0, "ZI");
	CHECK(self->ready && !self->turn_over);
	SAYS(0, "3 ZI");
	AT_CLIENT(0, "1 2 G E=22P02 ZI");
	GIVES_BACK(0);
}

TALK(extended_copy_in_that_fails_before_it_reads_its_sync)
{
	SENDS(0, "P=copy B E S");
	SAYS(0, "1 2 G");
	SENDS(0, "d c S");
	SAYS(0, "E=P0001 ZI ZI");
	AT_CLIENT(0, "1 2 G E=P0001 ZI ZI");
	CHECK(!self->turn_over);
	SAYS(0, "3 ZI");
	AT_CLIENT(0, "");
	GIVES_BACK(0);
}

TALK(the_unread_sync_may_be_answered_before_the_client_sends_another)
{
	SENDS(0, "P=copy B E S");
	SAYS(0, "1 2 G E=P0001 ZI");
	AT_CLIENT(0, "1 2 G E=P0001 ZI");
	GIVES_BACK(0);
	SENDS(0, "d c");
	CHECK(self->ended == END_NONE);
}

TALK(a_stray_ready_may_come_before_the_answer_to_the_next_query)
{
	SENDS(0, "Q=copy S");
	SAYS(0, "G");
	SENDS(0, "d");
	SAYS(0, "E=22P02 ZI");
	CHECK(self->ready && !self->turn_over);
	SENDS(0, "Q=two");
	SAYS(0, "ZI C=SELECT ZI");
	AT_CLIENT(0, "G E=22P02 ZI ZI C=SELECT ZI");
	GIVES_BACK(0);
}

TALK(the_answer_to_the_next_query_tells_that_no_stray_ready_comes)
{
	SENDS(0, "Q=copy S");
	SAYS(0, "G");
	SENDS(0, "d");
	SAYS(0, "E=22P02 ZI");
	SENDS(0, "Q=two");
	SAYS(0, "C=SELECT ZI");
	GIVES_BACK(0);
	SAYS(0, "ZI");
	CHECK(self->broken);
}

/* The Close would be read by the second COPY, which takes none. */
TALK(what_resolves_a_doubt_is_not_sent_into_another_copy)
{
	SENDS(0, "Q=copy S");
	SAYS(0, "G");
	SENDS(0, "d c Q=copy S");
	AT_SERVER(0, "Q=copy S d c Q=copy S");
	SAYS(0, "E=22P02 ZI G");
	SENDS(0, "d c");
	SAYS(0, "C=COPY ZI");
	AT_CLIENT(0, "G E=22P02 ZI G C=COPY ZI");
	GIVES_BACK(0);
}

/* A client that has not seen the COPY fail ends it and goes on. */
TALK(a_stray_ready_comes_before_our_own_replies)
{
	SENDS(0, "Pa=one S");
	SAYS(0, "1 ZI");
	AT_CLIENT(0, "1 ZI");
	SENDS(0, "Q=copy S d c Cs=a Pb=two S");
	SAYS(0, "G E=P0001 ZI ZI 1 ZI");
	AT_CLIENT(0, "G E=P0001 ZI ZI 3 1 ZI");
	GIVES_BACK(0);
}

/* Had the COPY gone on, the server would have ended the connection. */
TALK(a_request_behind_a_copy_that_failed)
{
	SENDS(0, "P=copy B E S Q=two");
	SAYS(0, "1 2 G E=P0001 ZI C=SELECT ZI");
	AT_CLIENT(0, "1 2 G E=P0001 ZI C=SELECT ZI");
	GIVES_BACK(0);
}

TALK(a_batch_behind_a_copy)
{
	SENDS(0, "P=copy B E H");
	SAYS(0, "1 2 G");
	SENDS(0, "d c P=two B E S");
	SAYS(0, "C=COPY 1 2 C=SELECT ZI");
	AT_CLIENT(0, "1 2 G C=COPY 1 2 C=SELECT ZI");
	GIVES_BACK(0);
}

TALK(what_would_end_the_server_in_a_copy_ends_the_client)
{
	SENDS(0, "Q=copy");
	SAYS(0, "G");
	SENDS(0, "P=one");
	CHECK(self->ended == END_COPY_BROKEN);
	AT_SERVER(0, "Q=copy");
	RECOVERS(0, "f");
	SAYS(0, "E=57014 ZI");
	IS_CLEAN(0);
}

TALK(the_same_for_a_query)
{
	SENDS(0, "P=copy B E H");
	SAYS(0, "1 2 G");
	SENDS(0, "Q=one");
	CHECK(self->ended == END_COPY_BROKEN);
}

/* The server was not sent the Parse that would have made it close the connection. */
TALK(an_answer_of_our_own_behind_a_copy_is_broken)
{
	SENDS(0, "Pa=one S");
	SAYS(0, "1 ZI");
	GIVES_BACK(0);
	LEND(1, 0);
	SENDS(1, "P=copy B E Pb=one S");
	SAYS(0, "1 2 G");
	CHECK(self->broken);
}

/* Only walsenders do this, which are not pooled; but it must not confuse. */
TALK(copy_both)
{
	SENDS(0, "Q=START_REPLICATION");
	SAYS(0, "W d");
	SENDS(0, "d c");
	AT_SERVER(0, "Q=START_REPLICATION d c");
	SAYS(0, "d c C=COPY ZI");
	AT_CLIENT(0, "W d d c C=COPY ZI");
	GIVES_BACK(0);
}
