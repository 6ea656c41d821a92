/*
 * A turn that another server is to run after all: its requests are taken back from the server that
 * did not run it, kept in direction->moved and read by the pump as if they came from the client.
 * Called by reply.c, which is told of it, and by the pump.
 */
#include "direct_internal.h"

#include "pool/server.h"

struct slice direct_moved(const struct session *session)
{
	const struct direction *direction = session->direction;
	struct slice            all;

	if (direction == NULL || direction->moved.len == 0)
		return SLICE_NONE;
	all = buffer_slice(&direction->moved);
	return (struct slice){ all.data + direction->moved_done, all.len - direction->moved_done };
}

void direct_consume(struct session *session, size_t n)
{
	struct direction *direction = session->direction;

	direction->moved_done += n;
	if (direction->moved_done < direction->moved.len)
		return;
	buffer_release(&direction->moved);
	direction->moved_done = 0;
}

/* What was noted when the turn got its server is as before: nothing was sent. */
static void close_block(struct direction *direction, struct buffer opened, enum route_wish wish)
{
	direction->begin = opened;
	direction->begin_reads = direction->opened_reads;
	direction->block_wish = wish;
}

void direct_move(struct session *session, enum moved_why why)
{
	struct direction *direction = session->direction;
	struct buffer     opened = direction->opened;
	enum route_wish   wish = direction->block_wish;
	uint64_t          without = direction->without;
	bool              in_query = session->in_query, in_transaction = session->in_transaction;

	buffer_release(&direction->moved);
	direction->moved_done = 0;
	conversation_replay(session->conversation, server_backend(session->server),
	                    &direction->moved);
	direction->moved_to_primary = why != MOVED_LOST && why != MOVED_UNSENT;
	buffer_init(&direction->opened);
	if (why == MOVED_REFUSED)
		intent_overrule(session, buffer_slice(&direction->moved));
	session->in_query = session->in_transaction = false;
	session_give_back(session);
	session->in_query = in_query;
	session->in_transaction = in_transaction;
	if (why == MOVED_UNSENT)
		close_block(direction, opened, wish);
	else
		without |= UINT64_C(1) << direction->choice.host;
	direction->without = without;
	session_enter(session, SESSION_IDLE);
	loop_at_end(session->roster->loop, &session->pump);
}
