/* One client, one server: simple and extended queries, pipelines, Flush, errors, row limits. */
#include "talk.h"

TALK(a_simple_query)
{
	SENDS(0, "Q=one");
	AT_SERVER(0, "Q=one");
	CHECK(!backend_is_clean(&self->servers[0]));
	SAYS(0, "T D D C=SELECT");
	CHECK(!self->ready && !self->turn_over);
	SAYS(0, "ZI");
	AT_CLIENT(0, "T D D C=SELECT ZI");
	CHECK(self->ready);
	GIVES_BACK(0);
}

TALK(several_statements_in_one_query)
{
	SENDS(0, "Q=one;two;;three");
	SAYS(0, "T D C=SELECT C=INSERT T C=SELECT E=22012 ZI");
	AT_CLIENT(0, "T D C=SELECT C=INSERT T C=SELECT E=22012 ZI");
	GIVES_BACK(0);
}

TALK(an_empty_query)
{
	SENDS(0, "Q=");
	SAYS(0, "I ZI");
	AT_CLIENT(0, "I ZI");
	GIVES_BACK(0);
}

TALK(a_transaction_keeps_the_server)
{
	SENDS(0, "Q=BEGIN");
	SAYS(0, "C=BEGIN ZT");
	CHECK(self->ready && !self->turn_over);
	SENDS(0, "Q=bad");
	SAYS(0, "E=42601 ZE");
	CHECK(self->ready && !self->turn_over);
	SENDS(0, "Q=ROLLBACK");
	SAYS(0, "C=ROLLBACK ZI");
	AT_CLIENT(0, "C=BEGIN ZT E=42601 ZE C=ROLLBACK ZI");
	GIVES_BACK(0);
}

TALK(pipelined_queries_end_the_turn_once)
{
	SENDS(0, "Q=one Q=two");
	AT_SERVER(0, "Q=one Q=two");
	SAYS(0, "C=SELECT ZI");
	CHECK(self->ready && !self->turn_over);
	SAYS(0, "E=42601 ZI");
	AT_CLIENT(0, "C=SELECT ZI E=42601 ZI");
	GIVES_BACK(0);
}

TALK(an_extended_query)
{
	SENDS(0, "P=one B Dp= E S");
	AT_SERVER(0, "P=one B Dp= E S");
	SAYS(0, "1 2 T D C=SELECT ZI");
	AT_CLIENT(0, "1 2 T D C=SELECT ZI");
	GIVES_BACK(0);
}

TALK(an_open_batch_is_not_clean)
{
	SENDS(0, "P=one B E H");
	AT_SERVER(0, "P=one B E H");
	SAYS(0, "1 2 C=SELECT");
	AT_CLIENT(0, "1 2 C=SELECT");
	CHECK(!backend_is_clean(&self->servers[0]));
	SENDS(0, "S");
	SAYS(0, "ZI");
	GIVES_BACK(0);
}

TALK(a_describe_of_a_statement_has_two_replies)
{
	SENDS(0, "P=one Ds= S");
	SAYS(0, "1 t n ZI");
	AT_CLIENT(0, "1 t n ZI");
	GIVES_BACK(0);
}

TALK(portals_with_row_limits)
{
	SENDS(0, "Q=BEGIN P=one Bp/ Ep S");
	SAYS(0, "C=BEGIN ZT 1 2 D s ZT");
	SENDS(0, "Ep S");
	SAYS(0, "D s ZT");
	SENDS(0, "Ep Cp=p S Q=COMMIT");
	SAYS(0, "C=SELECT 3 ZT C=COMMIT ZI");
	AT_CLIENT(0, "C=BEGIN ZT 1 2 D s ZT D s ZT C=SELECT 3 ZT C=COMMIT ZI");
	GIVES_BACK(0);
}

TALK(an_error_skips_to_sync)
{
	SENDS(0, "P=one B E P=two B E S");
	SAYS(0, "1 E=22012 ZI");
	AT_CLIENT(0, "1 E=22012 ZI");
	GIVES_BACK(0);
}

TALK(batches_behind_an_error_live)
{
	SENDS(0, "P=one B E S P=two B E S P=three B E S");
	SAYS(0, "E=42601 ZI 1 2 C=SELECT ZI 1 2 E=22012 ZI");
	AT_CLIENT(0, "E=42601 ZI 1 2 C=SELECT ZI 1 2 E=22012 ZI");
	GIVES_BACK(0);
}

TALK(what_follows_an_error_before_sync_is_dropped)
{
	SENDS(0, "P=one H");
	SAYS(0, "E=42601");
	AT_SERVER(0, "P=one H");
	SENDS(0, "B E H Q=two d c");
	AT_SERVER(0, "");
	CHECK(!backend_is_clean(&self->servers[0]));
	SENDS(0, "S");
	AT_SERVER(0, "S");
	SAYS(0, "ZI");
	AT_CLIENT(0, "E=42601 ZI");
	GIVES_BACK(0);
}

TALK(a_query_in_a_batch_that_failed_is_skipped_with_it)
{
	SENDS(0, "P=one Q=two S");
	SAYS(0, "E=42601 ZI");
	AT_CLIENT(0, "E=42601 ZI");
	GIVES_BACK(0);
}

TALK(a_query_ends_a_batch)
{
	SENDS(0, "P=one B E Q=two");
	SAYS(0, "1 2 C=SELECT C=SELECT ZI");
	GIVES_BACK(0);
}

TALK(an_error_at_sync)
{
	SENDS(0, "P=one B E S P=two S");
	SAYS(0, "1 2 C=INSERT E=23503 ZI 1 ZI");
	AT_CLIENT(0, "1 2 C=INSERT E=23503 ZI 1 ZI");
	GIVES_BACK(0);
}

TALK(a_function_call)
{
	SENDS(0, "F F");
	AT_SERVER(0, "F F");
	SAYS(0, "V ZI E=42883 ZI");
	AT_CLIENT(0, "V ZI E=42883 ZI");
	GIVES_BACK(0);
}

TALK(a_sync_alone)
{
	SENDS(0, "S S");
	AT_SERVER(0, "S S");
	SAYS(0, "ZI ZI");
	AT_CLIENT(0, "ZI ZI");
	GIVES_BACK(0);
}

TALK(a_flush_alone_owes_nothing)
{
	SENDS(0, "H");
	IS_CLEAN(0);
	SENDS(0, "Q=one H");
	SAYS(0, "C=SELECT ZI");
	GIVES_BACK(0);
}

TALK(notices_and_notifications_pass)
{
	SENDS(0, "Q=one");
	SAYS(0, "N A C=SELECT N ZI");
	AT_CLIENT(0, "N A C=SELECT N ZI");
	GIVES_BACK(0);
	LEND(0, 0);
	SAYS(0, "A");
	AT_CLIENT(0, "A");
	talk_give_back(self, 0);
	SAYS(0, "A N");
	AT_CLIENT(0, "");
}

TALK(an_error_without_a_request)
{
	SAYS(0, "E!57P01");
	AT_CLIENT(0, "E!57P01");
	CHECK(self->fatal && !self->broken);
	talk_give_back(self, 0);
	SAYS(0, "E!57P01");
	AT_CLIENT(0, "");
	CHECK(self->fatal && !self->broken);
}

TALK(a_fatal_error_in_a_query)
{
	SENDS(0, "Q=one");
	SAYS(0, "D E!57P01");
	AT_CLIENT(0, "D E!57P01");
	CHECK(self->fatal);
}

static void check_breaks(struct talk *self, const char *requests, const char *replies)
{
	SENDS(0, requests);
	SAYS(0, replies);
	if (!self->broken)
		FAIL("%s answered by %s is not broken", requests, replies);
}

#define BREAKS(name, requests, replies)                                                            \
	TALK(name)                                                                                 \
	{                                                                                          \
		check_breaks(self, requests, replies);                                             \
	}

BREAKS(a_reply_to_nothing_is_broken, "", "C=SELECT")
BREAKS(a_ready_for_nothing_is_broken, "", "ZI")
BREAKS(a_ready_too_many_is_broken, "Q=one", "C=SELECT ZI ZI")
BREAKS(a_reply_to_another_request_is_broken, "P=one S", "2")
BREAKS(a_ready_before_the_batch_is_answered_is_broken, "P=one S", "ZI")
BREAKS(an_unknown_status_is_broken, "Q=one", "C=SELECT ZX")
BREAKS(a_login_message_is_broken, "Q=one", "R")
BREAKS(rows_of_a_sync_are_broken, "S", "D")
BREAKS(a_function_result_of_a_query_is_broken, "Q=one", "V")

TALK(messages_without_a_server)
{
	talk_give_back(self, 0);
	SENDS(0, "d c f H");
	CHECK(self->ended == END_NONE);
	SENDS(0, "X");
	CHECK(self->ended == END_CLIENT_CLOSED);
}

static bool needs_server(struct talk *self, char type)
{
	struct message message = { .type = type };

	return conversation_needs_server(self->clients[0], &message);
}

TALK(which_messages_need_a_server)
{
	for (const char *type = "QPBDECSF"; *type; type++)
		CHECK(needs_server(self, *type));
	for (const char *type = "XdcfH"; *type; type++)
		CHECK(!needs_server(self, *type));
}

TALK(unknown_messages_end_the_session)
{
	SENDS(0, "p");
	CHECK(self->ended == END_UNKNOWN_PACKET);
}

TALK(terminate_ends_the_session)
{
	SENDS(0, "X");
	CHECK(self->ended == END_CLIENT_CLOSED);
	AT_SERVER(0, "");
}

/* ---- a client that cancels while it waits ---- */

static bool cancels(struct talk *self, char type, const char *answer)
{
	struct message message = { .type = type };
	struct buffer out = BUFFER_EMPTY;
	bool dropped = conversation_cancel_waiting(self->clients[0], &message, &out);

	buffer_append_slice(&self->at_client[0], buffer_slice(&out));
	buffer_release(&out);
	AT_CLIENT(0, answer);
	return dropped;
}

TALK(a_waiting_query_is_cancelled)
{
	talk_give_back(self, 0);
	CHECK(cancels(self, 'Q', "E=57014 ZI"));
	CHECK(cancels(self, 'F', "E=57014 ZI"));
	CHECK(needs_server(self, 'P'));
	CHECK(!cancels(self, 'H', ""));
}

TALK(a_waiting_batch_is_cancelled_up_to_its_sync)
{
	talk_give_back(self, 0);
	CHECK(cancels(self, 'P', "E=57014"));
	CHECK(!needs_server(self, 'B') && !needs_server(self, 'S'));
	SENDS(0, "B E H Q=one");
	AT_CLIENT(0, "");
	SENDS(0, "S");
	AT_CLIENT(0, "ZI");
	CHECK(needs_server(self, 'P'));
	SENDS(0, "X");
	CHECK(self->ended == END_CLIENT_CLOSED);
}

/* ---- a client whose statements are not tracked ---- */

TALK(untracked_statements_pass_as_they_are)
{
	struct conversation_options options =
		talk_options(self, conversation_wants(self->clients[0]));

	talk_give_back(self, 0);
	options.tracks_statements = false;
	conversation_free(self->clients[0]);
	self->clients[0] = conversation_new(&options);
	REQUIRE(self->clients[0] != NULL);
	LEND(0, 0);
	SENDS(0, "Pa=one Ba Ds=a E Cs=a S Q=two");
	AT_SERVER(0, "Pa=one Ba Ds=a E Cs=a S Q=two");
	SAYS(0, "1 2 t T C=SELECT 3 ZI C=SELECT ZI");
	AT_CLIENT(0, "1 2 t T C=SELECT 3 ZI C=SELECT ZI");
	CHECK_INT_EQ(conversation_statements(self->clients[0]), 0);
	GIVES_BACK(0);
}

TALK(too_many_requests_under_way_wait)
{
	unsigned sent = 0;

	SENDS(0, "P=one");
	for (; sent < 10000 && !self->waits; sent++)
		SENDS(0, "B");
	CHECK(self->waits && sent < 10000);
	SAYS(0, "1");
	SENDS(0, "B");
	CHECK(!self->waits);
	WAITS(0, "S");
	SENDS(0, "X");
	CHECK(self->ended == END_CLIENT_CLOSED);
}
