/*
 * Client to server: reads the client's messages, asks the conversation what each means, carries
 * out the step. Rests in three places only: no server is free (SESSION_WAITING), the next
 * message needs a reply first (stalled), the server is slow (the client's stream is paused).
 *
 * What goes to the server as the client sent it is joined to one run and written in one piece.
 * The conversation has been told of it already, so it is written before anything else is done that
 * the server or its pool may see: send_run comes first.
 */
#include "session_internal.h"

#include <assert.h>
#include <errno.h>

#include "base/log.h"
#include "conf/effective.h"
#include "pool/server.h"
#include "wire/writer.h"

/* A run is written when it is so long; the server's stream is only then seen to be full. */
#define RUN_MAX 65536

/* How far the pump is with the bytes at hand. */
struct hand {
	struct session *session;
	struct slice    input;
	bool            moved; /* they are a turn that is sent again, not the client's next */
	size_t          done; /* dealt with, not consumed yet */
	size_t          run;  /* the last so many of them are still to be written to the server */
};

/*
 * Sends to the server. False: the server is lost, which on_lost tells when the server's last words
 * have been passed on.
 */
static bool send_to_server(struct session *session, struct slice bytes)
{
	return bytes.len == 0 || server_write(session->server, bytes) == OK;
}

static void take_input(struct hand *hand)
{
	hand->input = direct_moved(hand->session);
	hand->moved = hand->input.len > 0;
	if (!hand->moved)
		hand->input = stream_input(hand->session->stream);
}

static bool send_run(struct hand *hand)
{
	struct slice run;

	if (hand->run == 0)
		return true;
	run = (struct slice){ hand->input.data + hand->done - hand->run, hand->run };
	hand->run = 0;
	return send_to_server(hand->session, run);
}

/* The next n bytes are dealt with; the server gets the last `sent` of them as they are. */
static bool take(struct hand *hand, size_t n, size_t sent)
{
	if (sent < n && !send_run(hand))
		return false;
	hand->done += n;
	hand->run += sent;
	return hand->run < RUN_MAX || send_run(hand);
}

static void end(struct hand *hand, enum ending why)
{
	send_run(hand);
	session_end(hand->session, why, NULL);
}

/*
 * The client asks: a query and a transaction begin, if none is on. len: what of it goes to the
 * server; it has the server even when we answer in its place.
 */
static void note_request(struct session *session, char type, size_t len)
{
	struct pool_counters *counters = pool_counters(session->pool);

	counters->bytes_received += len;
	if (type == 'd' || type == 'c' || type == 'f' || type == 'H')
		return;
	if (session->in_query)
		return;
	session->in_query = true;
	session->query_number++;
	session->query_began = loop_now(session->roster->loop);
	counters->queries++;
	if (!session->in_transaction) {
		session->in_transaction = true;
		session->transaction_began = session->query_began;
		counters->transactions++;
	}
	if (session->watched)
		session_watch_deadline(session);
}

/* Every one of the client's, also those that are answered without the server. */
static void count_message(struct session *session, char type)
{
	struct pool_counters *counters = pool_counters(session->pool);

	if (type == 'P')
		counters->client_parses++;
	else if (type == 'B')
		counters->binds++;
}

/* False: the session ended. */
static bool answer(struct hand *hand, struct slice bytes)
{
	if (bytes.len == 0)
		return true;
	send_run(hand);
	session_write(hand->session, bytes);
	return !session_is_leaving(hand->session);
}

/* Carries out the step for the next message; false when the session or its server is over. */
static bool carry_out(struct hand *hand, const struct step *step, const struct message *message)
{
	struct session *session = hand->session;
	size_t          len = MESSAGE_HEADER_LEN + message->body.len;
	size_t          sent = step->kind == STEP_FORWARD ? len - step->skip : 0;
	bool            sends = step->kind == STEP_FORWARD || step->before.len > 0;

	if (step->kind == STEP_END) {
		end(hand, step->ending);
		return false;
	}
	if (!answer(hand, step->answer))
		return false;
	session->request_left = message->len - (uint32_t)message->body.len;
	session->request_drop = step->kind == STEP_DROP;
	session->request_type = message->type;
	if (session->server != NULL)
		note_request(session, message->type, sends ? len : 0);
	if (step->before.len > 0 && !(send_run(hand) && send_to_server(session, step->before)))
		return false;
	return take(hand, len, sent);
}

/* Moves on the body of a message whose head was dealt with. False when no byte is there. */
static bool flow(struct hand *hand)
{
	struct session *session = hand->session;
	size_t          here = hand->input.len - hand->done;
	size_t          n = here < session->request_left ? here : session->request_left;

	if (n == 0)
		return false;
	if (!session->request_drop)
		pool_counters(session->pool)->bytes_received += n;
	session->request_left -= (uint32_t)n;
	return take(hand, n, session->request_drop ? 0 : n);
}

/* Writes the run and drops what is dealt with from the client's input. */
static void settle(struct hand *hand)
{
	send_run(hand);
	if (hand->moved)
		direct_consume(hand->session, hand->done);
	else
		stream_consume(hand->session->stream, hand->done);
	hand->done = 0;
	take_input(hand);
}

/* Finds the next message; false when it is not there. */
static bool find_message(struct hand *hand, struct message *message)
{
	struct session *session = hand->session;
	struct slice    rest = hand->input;
	size_t          need = 0;

	if (hand->done == rest.len) {
		settle(hand);
		return false;
	}
	rest = (struct slice){ rest.data + hand->done, rest.len - hand->done };
	switch (frame_next(rest, SIDE_CLIENT, &session->roster->limits, message, &need)) {
	case OK: return true;
	case AGAIN:
		settle(hand);
		stream_expect(session->stream, need);
		return false;
	case BROKEN:
		send_run(hand);
		session_end_unreadable(session, rest);
		return false;
	}
	return false;
}

static void on_grant(struct waiter *waiter, struct server *server)
{
	struct session *session = CONTAINER_OF(waiter, struct session, waiter);

	session_enter(session, SESSION_WORKING);
	request_granted(session, server);
	if (!session_is_leaving(session))
		request_pump(session);
}

static void on_again(struct waiter *waiter)
{
	struct session *session = CONTAINER_OF(waiter, struct session, waiter);
	struct server  *server;

	if (session->direction != NULL)
		direct_again(session);
	else if (pool_ask(session->pool, waiter, &server) == OK)
		on_grant(waiter, server);
}

static const struct waiter_events waits = {
	.on_grant = on_grant,
	.on_refuse = session_refused,
	.on_again = on_again,
};

static void init_waiter(struct session *session)
{
	struct waiter *waiter = &session->waiter;

	waiter->borrower = (struct borrower){ &reply_events, session };
	waiter->for_login = false;
	waiter->events = &waits;
}

void request_begin(struct session *session)
{
	login_free(session);
	init_waiter(session);
	session_find_timeouts(session);
	session_enter(session, SESSION_IDLE);
	stream_set_events(session->stream, &request_events, session);
}

void request_granted(struct session *session, struct server *server)
{
	struct roster *roster = session->roster;

	session->server = server;
	buffer_clear(&roster->scratch);
	if (conversation_align(session->conversation, server_backend(server), &roster->scratch) !=
	            OK ||
	    (session->direction != NULL &&
	     direct_granted(session, server_backend(server), &roster->scratch) != OK)) {
		session_end(session, END_NO_MEMORY, NULL);
		return;
	}
	send_to_server(session, buffer_slice(&roster->scratch));
}

/* The same for a client of a cluster; true with *answered: no server is needed. */
static bool direct_server(struct hand *hand, struct message *message, bool *answered)
{
	size_t n = 0;

	/* An error in its place is told at once, so what came before must be dealt with. */
	if (hand->done > 0) {
		settle(hand);
		if (!find_message(hand, message))
			return false;
	}
	switch (direct_begin(hand->session, hand->input, message, &n)) {
	case DIRECT_GOES: return true;
	case DIRECT_ANSWERED: session_idle_anew(hand->session); break;
	case DIRECT_OVER: return false;
	}
	*answered = true;
	return take(hand, n, 0);
}

/* False: the session waits in the pool's queue. */
static bool get_server(struct hand *hand, struct message *message, bool *answered)
{
	struct session *session = hand->session;
	struct server  *server;

	if (session->direction != NULL)
		return direct_server(hand, message, answered);
	if (pool_ask(session->pool, &session->waiter, &server) == OK) {
		session_enter(session, SESSION_WORKING);
		request_granted(session, server);
		return !session_is_leaving(session);
	}
	session_enter(session, SESSION_WAITING);
	return false;
}

/*
 * True when the message cannot go out before the server has answered. A batch that is still open
 * is flushed, or the answer would not come.
 */
static bool must_wait(struct hand *hand, const struct message *message)
{
	struct session *session = hand->session;
	struct backend *backend = server_backend(session->server);
	struct buffer  *scratch = &session->roster->scratch;

	/* A cancel under way was meant for the query before: nothing new may meet it. */
	if (server_has_cancel(session->server) && ledger_is_empty(&backend->ledger))
		return true;
	if (session->direction != NULL && direct_must_wait(session, message)) {
		session->stalled = true;
		return true;
	}
	if (!conversation_must_wait(session->conversation, backend, message))
		return false;
	if (!session->stalled && backend->batch_open && send_run(hand)) {
		buffer_clear(scratch);
		writer_empty(scratch, 'H');
		send_to_server(session, buffer_slice(scratch));
	}
	session->stalled = true;
	return true;
}

static bool answers_itself(struct hand *hand, const struct message *message)
{
	size_t n;

	return direct_answers(hand->session, message, &n) && take(hand, n, 0);
}

/*
 * What follows in the batch just begun mostly goes the same way as it is: until something does not,
 * or the run is long enough to be written.
 */
static void pass_on(struct hand *hand)
{
	struct session *session = hand->session;
	struct backend *backend;
	struct message  message;
	size_t          need, len;

	if (session->server == NULL || session->direction != NULL || !session->in_query ||
	    session->request_left > 0 || server_has_cancel(session->server))
		return;
	backend = server_backend(session->server);
	while (hand->done < hand->input.len && hand->run < RUN_MAX) {
		struct slice rest = { hand->input.data + hand->done, hand->input.len - hand->done };

		if (frame_next(rest, SIDE_CLIENT, &session->roster->limits, &message, &need) !=
		            OK ||
		    !conversation_passes(session->conversation, backend, &message))
			return;
		len = MESSAGE_HEADER_LEN + message.body.len;
		session->request_type = message.type;
		pool_counters(session->pool)->bytes_received += len;
		hand->done += len;
		hand->run += len;
	}
}

/* Deals with the next message of the input. False: it has to wait, or there is none. */
static bool next_message(struct hand *hand)
{
	struct session *session = hand->session;
	struct message  message;
	struct step     step;
	bool            answered = false;

	if (!find_message(hand, &message))
		return false;
	if (message.type == 'Q' && session->roster->settings->disable_pqexec) {
		end(hand, END_PQEXEC);
		return false;
	}
	if (session->server == NULL &&
	    conversation_needs_server(session->conversation, &message) &&
	    !get_server(hand, &message, &answered))
		return false;
	if (session->server != NULL && must_wait(hand, &message))
		return false;
	session->stalled = false;
	if (answered || (session->direction != NULL && session->server != NULL &&
	                 answers_itself(hand, &message)))
		return !session_is_leaving(session);
	step = conversation_request(session->conversation,
	                            session->server ? server_backend(session->server) : NULL,
	                            &message);
	count_message(session, message.type);
	if (session->direction != NULL)
		direct_sent(session, &message);
	if (!carry_out(hand, &step, &message))
		return false;
	pass_on(hand);
	return true;
}

/* False: something will have the pump go on later. */
static bool may_go_on(struct session *session)
{
	if (session_is_leaving(session) || session->state == SESSION_WAITING || session->suspended)
		return false;
	/* A client that does not read its replies is not answered more of them. */
	if (!stream_is_full(session->stream) &&
	    (session->server == NULL || !server_is_full(session->server)))
		return true;
	stream_pause(session->stream);
	return false;
}

void request_pump(struct session *session)
{
	struct hand hand = { .session = session };
	bool        more = true;

	take_input(&hand);
	while (more && may_go_on(session)) {
		more = session->request_left > 0 ? flow(&hand) : next_message(&hand);
		if (hand.moved && more && hand.done == hand.input.len)
			settle(&hand);
	}
	if (session_is_leaving(session))
		return;
	if (hand.done > 0)
		settle(&hand);
	/*
	 * The turn ended while the tail of a message was still on its way (a COPY that failed
	 * early): now that it is all sent, the server can go.
	 */
	if (!more && session->server != NULL && session->request_left == 0 && !session->in_query &&
	    backend_is_clean(server_backend(session->server)))
		reply_turn_over(session);
}

void request_replay(struct session *session)
{
	struct buffer       requests;
	struct backend     *backend = server_backend(session->server);
	struct message      message;
	struct frame_limits limits = session->roster->limits;
	struct hand         hand = { .session = session };
	size_t              need;

	/* The server is in the middle of another message, and would read this as part of it. */
	if (session->request_left > 0) {
		session_end(session, END_BAD_PACKET, NULL);
		return;
	}
	conversation_replay(session->conversation, backend, &requests);
	if (session->direction != NULL)
		direct_replayed(session, backend);
	hand.input = buffer_slice(&requests);
	while (hand.done < hand.input.len && !session_is_leaving(session)) {
		struct slice rest = { hand.input.data + hand.done, hand.input.len - hand.done };
		struct step  step;

		/* What was a whole message once is one now. */
		if (frame_next(rest, SIDE_CLIENT, &limits, &message, &need) != OK) {
			end(&hand, END_BAD_PACKET);
			break;
		}
		step = conversation_request(session->conversation, backend, &message);
		if (!carry_out(&hand, &step, &message))
			break;
	}
	if (!session_is_leaving(session))
		send_run(&hand);
	buffer_release(&requests);
}

void request_cancel_waiting(struct session *session)
{
	static const char text[] = "canceling statement due to user request";

	/* Of a block that has no server yet no part can be undone. */
	if (direct_has_block(session))
		session_end(session, END_CANCELED_IN_BLOCK, NULL);
	else
		(void)request_refuse_waiting(session, "57014", text);
}

bool request_refuse_waiting(struct session *session, const char *sqlstate, const char *text)
{
	struct buffer  answer = BUFFER_EMPTY;
	struct hand    hand = { .session = session };
	struct message message;
	size_t         need;
	bool           told;

	take_input(&hand);
	if (session->state != SESSION_WAITING ||
	    frame_next(hand.input, SIDE_CLIENT, &session->roster->limits, &message, &need) != OK)
		return false;
	told = conversation_refuse_waiting(session->conversation, &message, sqlstate, text,
	                                   &answer);
	if (told) {
		pool_withdraw(&session->waiter);
		session_enter(session, SESSION_IDLE);
		session->in_query = session->in_transaction = false;
		session->request_left = message.len - (uint32_t)message.body.len;
		session->request_drop = true;
		hand.done = MESSAGE_HEADER_LEN + message.body.len;
		settle(&hand);
		session_write(session, buffer_slice(&answer));
		loop_at_end(session->roster->loop, &session->pump);
	}
	buffer_release(&answer);
	return told;
}

static void on_input(void *ctx)
{
	request_pump(ctx);
}

static void on_client_room(void *ctx)
{
	struct session *session = ctx;

	if (session->server_paused && session->server != NULL) {
		session->server_paused = false;
		server_resume(session->server);
	}
	session_resume_client(session);
}

/* All that the client said is there, and Terminate is the last of it. */
static bool says_goodbye(const struct session *session)
{
	struct slice   rest = stream_input(session->stream);
	struct message message;
	size_t         need, len;

	/* Without input there is no pointer to move. */
	if (rest.len == 0 || session->request_left > rest.len)
		return false;
	rest.data += session->request_left;
	rest.len -= session->request_left;
	while (frame_next(rest, SIDE_CLIENT, &session->roster->limits, &message, &need) == OK) {
		len = MESSAGE_HEADER_LEN + (size_t)message.len;
		if (message.type == 'X')
			return true;
		if (len > rest.len)
			return false;
		rest.data += len;
		rest.len -= len;
	}
	return false;
}

/*
 * A query with Terminate behind it is carried out though the client is gone, as PostgreSQL would:
 * when it is its turn request_pump meets the Terminate.
 */
static void on_end(void *ctx, int error)
{
	struct session *session = ctx;

	if (error == 0 && (session->state == SESSION_WAITING || session->stalled) &&
	    says_goodbye(session)) {
		session->hung_up = loop_now(session->roster->loop);
		session_watch_deadline(session);
		return;
	}
	session_end(ctx, error == ENOMEM ? END_NO_MEMORY : END_CLIENT_EOF, NULL);
}

const struct stream_events request_events = {
	.on_input = on_input,
	.on_room = on_client_room,
	.on_end = on_end,
};
