/* A server whose client has gone half-way is brought back to clean. */
#include "talk.h"

static void leave(struct talk *self)
{
	buffer_clear(&self->at_server[0]);
	talk_give_back(self, 0);
}

TALK(a_clean_server_needs_nothing)
{
	leave(self);
	IS_CLEAN(0);
	RECOVERS(0, "");
	IS_CLEAN(0);
}

TALK(a_query_under_way_is_waited_for)
{
	SENDS(0, "Q=one");
	leave(self);
	RECOVERS(0, "");
	SAYS(0, "T D C=SELECT");
	RECOVERS(0, "");
	SAYS(0, "ZI");
	IS_CLEAN(0);
	AT_CLIENT(0, "");
}

TALK(an_open_batch_gets_a_sync)
{
	SENDS(0, "P=one B E H");
	leave(self);
	RECOVERS(0, "");
	SAYS(0, "1 2 C=SELECT");
	/* A Sync alone would commit it. */
	RECOVERS(0, "Dp=#none S");
	SAYS(0, "E=34000 ZI");
	IS_CLEAN(0);
}

TALK(a_batch_of_own_replies_too)
{
	SENDS(0, "Pa=one S");
	SAYS(0, "1 ZI");
	SENDS(0, "Pb=one H");
	AT_CLIENT(0, "1 ZI 1");
	SENDS(0, "Cs=b");
	leave(self);
	RECOVERS(0, "Dp=#none S");
	SAYS(0, "E=34000 ZI");
	IS_CLEAN(0);
	AT_CLIENT(0, "");
}

TALK(a_batch_being_skipped_gets_a_sync)
{
	SENDS(0, "P=one H");
	SAYS(0, "E=42601");
	leave(self);
	RECOVERS(0, "S");
	SAYS(0, "ZI");
	IS_CLEAN(0);
}

TALK(a_batch_that_fails_behind_its_back)
{
	SENDS(0, "P=one H");
	leave(self);
	RECOVERS(0, "");
	SAYS(0, "E=42601");
	RECOVERS(0, "S");
	SAYS(0, "ZI");
	IS_CLEAN(0);
}

TALK(a_transaction_is_rolled_back)
{
	SENDS(0, "Q=BEGIN");
	SAYS(0, "C=BEGIN ZT");
	leave(self);
	RECOVERS(0, "Q=ROLLBACK");
	RECOVERS(0, "");
	SAYS(0, "C=ROLLBACK ZI");
	IS_CLEAN(0);
}

TALK(a_failed_transaction_with_an_open_batch)
{
	SENDS(0, "Q=BEGIN P=bad H");
	SAYS(0, "C=BEGIN ZT E=42601");
	leave(self);
	RECOVERS(0, "S");
	SAYS(0, "ZE");
	RECOVERS(0, "Q=ROLLBACK");
	SAYS(0, "C=ROLLBACK ZI");
	IS_CLEAN(0);
}

TALK(a_copy_in_is_failed)
{
	SENDS(0, "Q=copy");
	SAYS(0, "G");
	SENDS(0, "d");
	leave(self);
	RECOVERS(0, "f");
	RECOVERS(0, "");
	SAYS(0, "E=57014");
	RECOVERS(0, "");
	SAYS(0, "ZI");
	IS_CLEAN(0);
}

TALK(a_copy_in_that_begins_behind_its_back)
{
	SENDS(0, "Q=copy;copy");
	leave(self);
	RECOVERS(0, "");
	SAYS(0, "G");
	RECOVERS(0, "f");
	SAYS(0, "E=57014 ZI");
	IS_CLEAN(0);
}

TALK(a_copy_in_that_the_client_had_ended)
{
	SENDS(0, "Q=copy;copy");
	SAYS(0, "G");
	SENDS(0, "c");
	leave(self);
	RECOVERS(0, "");
	SAYS(0, "C=COPY G");
	RECOVERS(0, "f");
	SAYS(0, "E=57014 ZI");
	IS_CLEAN(0);
}

TALK(an_extended_copy_in)
{
	SENDS(0, "P=copy B E H");
	SAYS(0, "1 2 G");
	leave(self);
	RECOVERS(0, "f S");
	SAYS(0, "E=57014");
	RECOVERS(0, "");
	SAYS(0, "ZI");
	IS_CLEAN(0);
}

/* The Sync that was to end the batch is read by the COPY. */
TALK(an_extended_copy_in_before_it_begins)
{
	SENDS(0, "P=copy B E");
	leave(self);
	RECOVERS(0, "H");
	SAYS(0, "1 2 G");
	RECOVERS(0, "f S");
	SAYS(0, "E=57014 ZI");
	IS_CLEAN(0);
}

TALK(an_extended_copy_in_that_fails_by_itself)
{
	SENDS(0, "P=copy B E S");
	SAYS(0, "1 2 G E=P0001");
	leave(self);
	RECOVERS(0, "S Cs=#none S");
	SAYS(0, "ZI ZI 3 ZI");
	CHECK(!self->broken);
	IS_CLEAN(0);
}

TALK(a_ready_that_may_yet_come_is_looked_for)
{
	SENDS(0, "Q=copy S");
	SAYS(0, "G");
	SENDS(0, "d");
	SAYS(0, "E=22P02 ZI");
	leave(self);
	CHECK(!backend_is_clean(&self->servers[0]));
	RECOVERS(0, "Cs=#none S");
	SAYS(0, "ZI 3 ZI");
	CHECK(!self->broken);
	IS_CLEAN(0);
}

TALK(a_copy_out_is_waited_for)
{
	SENDS(0, "Q=copy");
	SAYS(0, "H d");
	leave(self);
	RECOVERS(0, "");
	SAYS(0, "d d E=57014 ZI");
	AT_CLIENT(0, "H d");
	IS_CLEAN(0);
}

TALK(a_copy_both_is_done)
{
	SENDS(0, "Q=START_REPLICATION");
	SAYS(0, "W d");
	leave(self);
	RECOVERS(0, "c");
	SAYS(0, "d c C=COPY ZI");
	IS_CLEAN(0);
}

TALK(settings_under_way_are_waited_for)
{
	leave(self);
	SAYS(0, "S=TimeZone/UTC");
	LEND(0, 0);
	leave(self);
	RECOVERS(0, "");
	SAYS(0, "C=RESET ZI");
	IS_CLEAN(0);
}

TALK(names_of_the_one_that_has_gone_are_not_touched)
{
	SENDS(0, "Pa=one Cs=b S Q=DISCARD_ALL");
	leave(self);
	conversation_free(self->clients[0]);
	self->clients[0] = NULL;
	SAYS(0, "E=42601 ZI C=DISCARD.ALL ZI");
	CHECK(!self->broken);
	IS_CLEAN(0);
}

TALK(the_next_client_finds_it_as_new)
{
	SENDS(0, "Q=BEGIN Pa=one Ba H");
	SAYS(0, "C=BEGIN ZT 1 2");
	leave(self);
	RECOVERS(0, "Dp=#none S");
	SAYS(0, "E=34000 ZE");
	RECOVERS(0, "Q=ROLLBACK");
	SAYS(0, "C=ROLLBACK ZI");
	IS_CLEAN(0);
	LEND(1, 0);
	SENDS(1, "Px=one Bx S");
	AT_SERVER(0, "B#1 S");
	SAYS(0, "2 ZI");
	AT_CLIENT(1, "1 2 ZI");
}
