/* A turn on a replica that the replica refuses: the client hears of the other server only. */
#include "talk.h"
#include "track/guard.h"

static void guard(struct talk *self, int server)
{
	backend_guard(&self->servers[server]);
}

/* Takes the turn from server 0 to server 1, as a session does. */
static void move(struct talk *self, int client)
{
	struct buffer requests;
	size_t at = 0;

	conversation_replay(self->clients[client], &self->servers[0], &requests);
	talk_give_back(self, client);
	talk_lend(self, client, 1);
	while (at < requests.len) {
		struct reader reader;
		uint32_t len;

		reader_init(&reader, (struct slice){ requests.data + at + 1, 4 });
		len = reader_u32(&reader) + 1;
		talk_request(self, client, (struct slice){ requests.data + at, len }, false);
		at += len;
	}
	buffer_release(&requests);
}

TALK(a_query_that_writes_is_run_elsewhere)
{
	guard(self, 0);
	SENDS(0, "Q=select.f()");
	AT_SERVER(0, "Q=select.f()");
	SAYS(0, "N T E=25006");
	CHECK(self->elsewhere);
	AT_CLIENT(0, "");
	move(self, 0);
	AT_SERVER(1, "Q=select.f()");
	SAYS(0, "ZI");
	IS_CLEAN(0);
	SAYS(1, "T D C=SELECT ZI");
	AT_CLIENT(0, "T D C=SELECT ZI");
	GIVES_BACK(0);
}

TALK(what_is_early_comes_with_the_first_row)
{
	guard(self, 0);
	SENDS(0, "Pa=one Ba Dp= E S");
	SAYS(0, "1 2 T");
	AT_CLIENT(0, "");
	SAYS(0, "D");
	AT_CLIENT(0, "1 2 T D");
	SAYS(0, "D C=SELECT ZI");
	AT_CLIENT(0, "D C=SELECT ZI");
	GIVES_BACK(0);
}

TALK(an_error_after_a_row_is_the_clients)
{
	guard(self, 0);
	SENDS(0, "Q=one");
	SAYS(0, "T D E=40001 ZI");
	CHECK(!self->elsewhere);
	AT_CLIENT(0, "T D E=40001 ZI");
	GIVES_BACK(0);
}

TALK(other_errors_are_the_clients)
{
	guard(self, 0);
	SENDS(0, "Pa=one Ba E S");
	SAYS(0, "1 E=22012 ZI");
	CHECK(!self->elsewhere);
	AT_CLIENT(0, "1 E=22012 ZI");
	GIVES_BACK(0);
}

TALK(a_batch_is_moved_with_its_names)
{
	guard(self, 0);
	SENDS(0, "Pa=one Ba E S");
	AT_SERVER(0, "P#1=one B#1 E S");
	SAYS(0, "1 2 E=25006");
	CHECK(self->elsewhere);
	move(self, 0);
	AT_SERVER(1, "P#1=one B#1 E S");
	SAYS(0, "ZI");
	IS_CLEAN(0);
	SAYS(1, "1 2 C=INSERT ZI");
	AT_CLIENT(0, "1 2 C=INSERT ZI");
	GIVES_BACK(0);
	/* The copy that the first server made is still known there. */
	LEND(0, 0);
	SENDS(0, "Ba E S");
	AT_SERVER(0, "B#1 E S");
}

TALK(a_name_closed_in_the_batch_is_there_again)
{
	SENDS(0, "Pa=one S");
	SAYS(0, "1 ZI");
	AT_SERVER(0, "P#1=one S");
	AT_CLIENT(0, "1 ZI");
	GIVES_BACK(0);
	LEND(0, 0);
	guard(self, 0);
	SENDS(0, "Ba E Cs=a S");
	AT_SERVER(0, "B#1 E S");
	SAYS(0, "2 E=40001");
	CHECK(self->elsewhere);
	move(self, 0);
	AT_SERVER(1, "P#1=one B#1 E S");
	SAYS(1, "1 2 C=SELECT ZI");
	AT_CLIENT(0, "2 C=SELECT 3 ZI");
	GIVES_BACK(0);
}

TALK(the_unnamed_statement_goes_along)
{
	guard(self, 0);
	SENDS(0, "P=one B S");
	SAYS(0, "1 2 ZI");
	AT_CLIENT(0, "1 2 ZI");
	GIVES_BACK(0);
	LEND(0, 0);
	guard(self, 0);
	SENDS(0, "P=two B E S");
	AT_SERVER(0, "P=one B S P=two B E S");
	SAYS(0, "1 2 E=25006");
	move(self, 0);
	AT_SERVER(1, "P=two B E S");
	SAYS(1, "1 2 C=SELECT ZI");
	AT_CLIENT(0, "1 2 C=SELECT ZI");
}

TALK(a_query_gives_the_unnamed_statement_back)
{
	SENDS(0, "P=one S");
	SAYS(0, "1 ZI");
	AT_SERVER(0, "P=one S");
	AT_CLIENT(0, "1 ZI");
	GIVES_BACK(0);
	LEND(0, 0);
	guard(self, 0);
	SENDS(0, "Q=two");
	SAYS(0, "E=25006");
	CHECK(self->elsewhere);
	talk_give_back(self, 0);
	LEND(0, 1);
	SENDS(0, "B E S");
	AT_SERVER(1, "P=one B E S");
}

TALK(replies_of_our_own_keep_their_place)
{
	SENDS(0, "Pa=one S");
	SAYS(0, "1 ZI");
	GIVES_BACK(0);
	LEND(1, 0);
	guard(self, 0);
	SENDS(1, "Pb=one H Bb E Cs=b S");
	AT_CLIENT(1, "");
	SAYS(0, "2 D C=SELECT ZI");
	AT_CLIENT(1, "1 2 D C=SELECT 3 ZI");
	GIVES_BACK(1);
}

TALK(settings_are_answered_before)
{
	talk_give_back(self, 0);
	LEND(1, 0);
	SENDS(1, "Q=set");
	SAYS(0, "S=TimeZone/UTC C=SET ZI");
	GIVES_BACK(1);
	LEND(1, 1);
	guard(self, 1);
	SENDS(1, "Q=two");
	AT_SERVER(1, "Q=SET.\"TimeZone\"='UTC'; Q=two");
	SAYS(1, "S=TimeZone/UTC C=SET ZI E=40001");
	CHECK(self->elsewhere);
	AT_CLIENT(1, "S=TimeZone/UTC C=SET ZI");
}

TALK(a_lost_server_moves_the_turn_while_nothing_was_told)
{
	guard(self, 0);
	SENDS(0, "Pa=one Ba E S");
	SAYS(0, "1 2");
	CHECK_INT_EQ(backend_take_elsewhere(&self->servers[0]), OK);
	move(self, 0);
	AT_SERVER(1, "P#1=one B#1 E S");
}

TALK(a_turn_half_sent_or_half_told_is_not_moved)
{
	guard(self, 0);
	SENDS(0, "Pa=one Ba");
	CHECK_INT_EQ(backend_take_elsewhere(&self->servers[0]), AGAIN);
	SENDS(0, "E S");
	SAYS(0, "1 2 D");
	CHECK_INT_EQ(backend_take_elsewhere(&self->servers[0]), AGAIN);
	AT_CLIENT(0, "1 2 D");
}

TALK(a_fatal_end_moves_the_turn)
{
	guard(self, 0);
	SENDS(0, "Q=one");
	SAYS(0, "E!57P01");
	CHECK(self->elsewhere);
	AT_CLIENT(0, "");
}

TALK(a_block_begins_in_front)
{
	struct buffer *out = &self->at_server[0];

	CHECK_INT_EQ(conversation_open_block(self->clients[0], &self->servers[0],
	                                     SLICE_LITERAL("begin"), out), OK);
	SENDS(0, "Q=one");
	AT_SERVER(0, "Q=begin Q=one");
	SAYS(0, "C=BEGIN ZT T D C=SELECT ZT");
	CHECK(!self->turn_over);
	AT_CLIENT(0, "T D C=SELECT ZT");
	SENDS(0, "Q=commit");
	SAYS(0, "C=COMMIT ZI");
	AT_CLIENT(0, "C=COMMIT ZI");
	GIVES_BACK(0);
}

TALK(a_block_that_is_refused_ends_the_client)
{
	struct buffer *out = &self->at_server[0];

	CHECK_INT_EQ(conversation_open_block(self->clients[0], &self->servers[0],
	                                     SLICE_LITERAL("begin"), out), OK);
	SENDS(0, "Q=one");
	SAYS(0, "E=42601");
	CHECK(self->refused);
	AT_CLIENT(0, "");
}

/* Sees all of messages, which a test gives as SAYS does, before one of them is dealt with. */
static bool stays_after_look(struct talk *self, const char *messages)
{
	struct slice rest = slice_of(messages), token;
	struct buffer bytes = BUFFER_EMPTY;

	while (rest.len > 0) {
		token = talk_cut(&rest, ' ');
		talk_write_reply(&bytes, token.data[0],
				 (struct slice){ token.data + 1, token.len - 1 });
	}
	backend_guard_look(&self->servers[0], buffer_slice(&bytes));
	buffer_release(&bytes);
	return !self->servers[0].guarded;
}

TALK(what_stays_need_not_be_kept)
{
	guard(self, 0);
	SENDS(0, "Pa=one Ba Dp= E S");
	CHECK(!stays_after_look(self, "1 2 T"));
	CHECK(!stays_after_look(self, "1 2 E=25006 ZI"));
	CHECK(!stays_after_look(self, "1 2 T A D"));
	CHECK(stays_after_look(self, "1 2 T D C=SELECT ZI"));
	SAYS(0, "1 2 T D C=SELECT ZI");
	AT_CLIENT(0, "1 2 T D C=SELECT ZI");
	GIVES_BACK(0);
}

TALK(what_is_kept_already_is_not_looked_over)
{
	guard(self, 0);
	SENDS(0, "Pa=one Ba Dp= E S");
	SAYS(0, "1 2");
	CHECK(!stays_after_look(self, "T D"));
	SAYS(0, "T D C=SELECT ZI");
	AT_CLIENT(0, "1 2 T D C=SELECT ZI");
	GIVES_BACK(0);
}

/* ---- turns on a primary, which are only kept ---- */

static void keep(struct talk *self, int server)
{
	backend_keep(&self->servers[server]);
}

TALK(what_was_not_sent_is_taken_back)
{
	keep(self, 0);
	SENDS(0, "Pa=one Ba E S");
	AT_SERVER(0, "P#1=one B#1 E S");
	CHECK(backend_is_kept(&self->servers[0]));
	CHECK_INT_EQ(backend_take_unsent(&self->servers[0]), OK);
	move(self, 0);
	AT_SERVER(1, "P#2=one B#2 E S");
	SAYS(1, "1 2 C=SELECT ZI");
	AT_CLIENT(0, "1 2 C=SELECT ZI");
	GIVES_BACK(0);
}

TALK(and_so_is_a_block_with_its_first_turn)
{
	CHECK_INT_EQ(conversation_open_block(self->clients[0], &self->servers[0],
	                                     SLICE_LITERAL("begin"), &self->at_server[0]), OK);
	keep(self, 0);
	SENDS(0, "Q=one");
	CHECK_INT_EQ(backend_take_unsent(&self->servers[0]), OK);
	move(self, 0);
	AT_SERVER(1, "Q=one");
}

/* What runs on the primary is not moved for what the primary says of it. */
TALK(an_error_of_a_primary_is_the_clients)
{
	keep(self, 0);
	SENDS(0, "Q=one");
	SAYS(0, "E=25006 ZI");
	CHECK(!self->elsewhere);
	AT_CLIENT(0, "E=25006 ZI");
	GIVES_BACK(0);
}

TALK(what_is_not_all_here_is_not_taken_back)
{
	keep(self, 0);
	SENDS(0, "P=one B E");
	CHECK_INT_EQ(backend_take_unsent(&self->servers[0]), AGAIN);
	SENDS(0, "S");
	CHECK(backend_is_kept(&self->servers[0]));
	/* Another turn behind it may be one that a client sent without waiting. */
	SENDS(0, "Q=two");
	CHECK_INT_EQ(backend_take_unsent(&self->servers[0]), AGAIN);
	SAYS(0, "1 2 C=SELECT ZI C=SELECT ZI");
	AT_CLIENT(0, "1 2 C=SELECT ZI C=SELECT ZI");
	GIVES_BACK(0);
}

TALK(only_the_first_turn_is_kept)
{
	keep(self, 0);
	SENDS(0, "Q=begin");
	SAYS(0, "C=BEGIN ZT");
	AT_CLIENT(0, "C=BEGIN ZT");
	SENDS(0, "Q=one");
	CHECK_INT_EQ(backend_take_unsent(&self->servers[0]), AGAIN);
	SAYS(0, "C=SELECT ZT");
	AT_CLIENT(0, "C=SELECT ZT");
}
