/*
 * What a server sends: finds the messages, asks the backend what each one means, and passes
 * what is for a client to the borrower in pieces as large as possible. Called by the server's
 * stream for every state after the handshake.
 *
 * The borrower may do anything inside its callbacks: give the server back, pause it, end. So
 * before each of them the pump's own books are complete: pump.done counts every message that
 * backend_reply was told of, pump.body_left what is still to come of a flowing one. After each
 * the pump looks whether the server changed hands, and if so begins anew for whoever has it.
 */

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "pool_internal.h"
#include "track/conversation.h"
#include "track/guard.h"
#include "wire/frame.h"
#include "wire/notice.h"
#include "wire/result.h"

/* Messages that must be whole are collected up to this size; over it they flow, unread. */
#define COLLECT_MAX 65536
/* So many bytes of rows make a large result: what stream_gather may add to it is little. */
#define GATHER_AFTER ((size_t)4 * 1024 * 1024)

enum pump_step {
	PUMP_ON,   /* go on with the next message */
	PUMP_WAIT, /* nothing more can be done with these bytes */
	PUMP_MOVE, /* the server changed hands, paused or closed: look again */
};

struct hand {
	struct server *server;
	struct slice   input;
	uint32_t       lend_number; /* as long as it is the server's, nothing has changed */
};

static struct frame_limits frame_limits(const struct server *server)
{
	return (struct frame_limits){ .max_packet = server->pool->pools->settings->max_packet_size,
		                      .max_collect = COLLECT_MAX };
}

static bool is_interrupted(const struct hand *hand)
{
	const struct server *server = hand->server;

	return server->state == SERVER_LEAVING || server->lend_number != hand->lend_number ||
	       stream_is_paused(server->stream);
}

static void tell_bytes(struct server *server, struct conversation *to, struct slice bytes)
{
	if (to && bytes.len && server->state == SERVER_LENT)
		server->borrower.events->on_bytes(conversation_owner(to), bytes);
}

/* Hands over the run that ends at pump.done. */
static void flush_run(struct hand *hand)
{
	struct pump *pump = &hand->server->pump;
	struct slice run = { hand->input.data + pump->done - pump->run, pump->run };

	pump->run = 0;
	tell_bytes(hand->server, pump->run_to, run);
}

/*
 * Counts the next n bytes as dealt with: for to, joined to the run before them if possible, or
 * for nobody.
 */
static void take_bytes(struct hand *hand, struct conversation *to, size_t n)
{
	struct pump *pump = &hand->server->pump;

	if (pump->run && pump->run_to != to) {
		flush_run(hand);
		if (hand->server->lend_number != hand->lend_number)
			to = NULL;
	}
	pump->done += n;
	if (!to)
		return;
	pump->run_to = to;
	pump->run += n;
}

/* Ends the work on these bytes: hands over the run and consumes. */
static void settle_bytes(struct hand *hand)
{
	struct server *server = hand->server;
	size_t         done;

	flush_run(hand);
	done = server->pump.done;
	server->pump.done = 0;
	hand->input = SLICE_NONE;
	if (server->state == SERVER_LEAVING)
		return;
	stream_consume(server->stream, done);
	hand->input = stream_input(server->stream);
}

bool server_is_mid_message(const struct server *server)
{
	return server->pump.body_left > 0 && server->pump.body_to != NULL;
}

static enum pump_step take_body(struct hand *hand)
{
	struct pump *pump = &hand->server->pump;
	size_t       here = hand->input.len - pump->done;
	size_t       n = pump->body_left < here ? pump->body_left : here;

	pump->body_left -= (uint32_t)n;
	pump->rows += n;
	take_bytes(hand, pump->body_to, n);
	return is_interrupted(hand) ? PUMP_MOVE : PUMP_ON;
}

/* Takes the bytes at hand of message, and notes who gets the rest. */
static void take_message(struct hand *hand, const struct message *message,
                         struct conversation *to)
{
	struct pump *pump = &hand->server->pump;

	pump->body_left = message->len - (uint32_t)message->body.len;
	pump->body_to = to;
	take_bytes(hand, to, message->body.len + MESSAGE_HEADER_LEN);
}

static void log_own_error(struct server *server, const struct message *message)
{
	char        text[256];
	const char *what = server->work == WORK_CONNECT_QUERY ? "connect_query" :
	                   server->work == WORK_RESET         ? "server_reset_query" :
	                                                        "server_check_query";

	if (server->work == WORK_NONE || server->work == WORK_CLEAN)
		return;
	server_error_text(message->body, text, sizeof(text));
	log_line(LEVEL_WARNING, server_prefix(server), "error in %s: %s", what, text);
}

/* The borrower's events that follow a message; all bytes up to it are consumed. */
static void tell_turn(struct hand *hand, const struct reply *reply)
{
	struct server  *server = hand->server;
	struct borrower borrower = server->borrower;

	if (server->state != SERVER_LENT || server->lend_number != hand->lend_number)
		return;
	if (reply->action == REPLY_RETRY)
		borrower.events->on_retry(borrower.ctx);
	if (reply->action == REPLY_ELSEWHERE)
		borrower.events->on_elsewhere(borrower.ctx, reply->moved);
	if (reply->ready)
		borrower.events->on_ready(borrower.ctx, server->backend.status);
	if (reply->turn_over && server->lend_number == hand->lend_number &&
	    server->state == SERVER_LENT)
		borrower.events->on_turn_over(borrower.ctx);
}

static void tell_refused(struct server *server, const struct message *message)
{
	char text[256];

	server_error_text(message->body, text, sizeof(text));
	log_line(LEVEL_WARNING, server_prefix(server), "setting refused: %s", text);
	if (server->state == SERVER_LENT && server->borrower.events->on_refused)
		server->borrower.events->on_refused(server->borrower.ctx, message->body);
	else
		server_close(server, END_BAD_PARAMETER, NULL);
}

/* Replies of our own around a message: they are not part of the run. */
static void tell_own(struct hand *hand, struct conversation *to, struct slice own)
{
	if (!own.len)
		return;
	flush_run(hand);
	if (hand->server->lend_number == hand->lend_number)
		tell_bytes(hand->server, to, own);
}

static enum pump_step carry_out(struct hand *hand, const struct message *message,
                                const struct reply *reply)
{
	struct server *server = hand->server;
	bool           forward = reply->action == REPLY_FORWARD;

	if (message->type == 'E' && !reply->creditor)
		log_own_error(server, message);
	if (message->type == 'E' && server->pool->home && message_is_whole(message))
		pool_smell(server->pool, message->body);
	if (message->type == 'S' && server->state == SERVER_LOGIN)
		server_login_note(server, message->body);
	if (reply->fatal && forward && reply->creditor)
		server->told_fatal = true;
	server->pump.swallowed |= reply->action == REPLY_SWALLOW;
	tell_own(hand, reply->creditor, reply->ahead);
	take_message(hand, message,
	             forward && server->lend_number == hand->lend_number ? reply->creditor : NULL);
	if (reply->behind.len)
		tell_own(hand, reply->creditor, reply->behind);
	if (reply->action == REPLY_REFUSED) {
		flush_run(hand);
		tell_refused(server, message);
		return PUMP_MOVE;
	}
	if (reply->ready || reply->turn_over || reply->action == REPLY_RETRY ||
	    reply->action == REPLY_ELSEWHERE) {
		settle_bytes(hand);
		tell_turn(hand, reply);
	}
	return is_interrupted(hand) ? PUMP_MOVE : PUMP_ON;
}

/*
 * What came before the nonsense is still the client's. A slow client is no reason to keep the
 * server: the message was dealt with and must not be read again.
 */
static enum pump_step break_off(struct hand *hand, enum ending why)
{
	flush_run(hand);
	if (hand->server->lend_number == hand->lend_number)
		server_close(hand->server, why, NULL);
	return PUMP_MOVE;
}

/* A message that nothing follows from; the run it joins is nearly always its creditor's already. */
static enum pump_step pass_on(struct hand *hand, const struct message *message,
                              struct conversation *creditor)
{
	struct pump *pump = &hand->server->pump;
	size_t       n = MESSAGE_HEADER_LEN + message->body.len;

	if (!message_is_whole(message) || (pump->run && pump->run_to != creditor)) {
		take_message(hand, message, creditor);
		return is_interrupted(hand) ? PUMP_MOVE : PUMP_ON;
	}
	pump->run_to = creditor;
	pump->run += n;
	pump->done += n;
	return PUMP_ON;
}

/* It goes away, and what it was lent for has not been sent yet: that is run elsewhere. */
static bool is_last_word(const struct server *server, const struct message *message)
{
	struct notice_view view;

	return message->type == 'E' && message_is_whole(message) && server_is_unsent(server) &&
	       backend_is_kept(&server->backend) && notice_read(message->body, &view) == OK &&
	       notice_is_fatal(&view);
}

static enum pump_step leave(struct hand *hand, const struct message *message)
{
	struct server *server = hand->server;
	char           text[256];

	server_error_text(message->body, text, sizeof(text));
	pool_smell(server->pool, message->body);
	flush_run(hand);
	if (server->lend_number == hand->lend_number)
		server_close(server, END_SERVER_CRASHED, text);
	return PUMP_MOVE;
}

static enum pump_step next_message(struct hand *hand)
{
	struct server      *server = hand->server;
	struct pump        *pump = &server->pump;
	struct frame_limits limits = frame_limits(server);
	struct slice        rest = { hand->input.data + pump->done, hand->input.len - pump->done };
	struct message      message;
	struct reply        reply;
	struct conversation *creditor;
	size_t               need;

	switch (frame_next(rest, SIDE_SERVER, &limits, &message, &need)) {
	case AGAIN: stream_expect(server->stream, need); return PUMP_WAIT;
	case BROKEN: return break_off(hand, server_unreadable(rest, END_SERVER_UNKNOWN));
	case OK: break;
	}
	/* A row that is not all here. */
	if ((message.type == 'D' || message.type == 'd') &&
	    backend_rows_flow(&server->backend, &creditor)) {
		pump->rows += message.body.len;
		take_message(hand, &message, creditor);
		return is_interrupted(hand) ? PUMP_MOVE : PUMP_ON;
	}
	pump->rows = 0;
	if (server->backend.guarded)
		backend_guard_look(&server->backend, rest);
	if (backend_passes(&server->backend, &message, &creditor))
		return pass_on(hand, &message, creditor);
	if (is_last_word(server, &message))
		return leave(hand, &message);
	reply = backend_reply(&server->backend, &message);
	if (reply.action == REPLY_BROKEN)
		return break_off(hand, END_SERVER_UNKNOWN);
	return carry_out(hand, &message, &reply);
}

static enum pump_step pump_step(struct hand *hand)
{
	struct pump         *pump = &hand->server->pump;
	struct slice         rest = { hand->input.data + pump->done, hand->input.len - pump->done };
	struct conversation *creditor;
	size_t               n;

	if (pump->body_left)
		return take_body(hand);
	if ((rest.data[0] == 'D' || rest.data[0] == 'd') &&
	    backend_rows_flow(&hand->server->backend, &creditor)) {
		n = frame_skip_run(rest, "Dd");
		if (n) {
			pump->rows += n;
			take_bytes(hand, creditor, n);
			return is_interrupted(hand) ? PUMP_MOVE : PUMP_ON;
		}
	}
	return next_message(hand);
}

/* What the borrower keeps back may have waited for replies it does not get. */
static void tell_swallowed(struct hand *hand)
{
	struct server *server = hand->server;

	if (server->pump.swallowed && server->state == SERVER_LENT &&
	    server->lend_number == hand->lend_number && server->borrower.events->on_swallowed)
		server->borrower.events->on_swallowed(server->borrower.ctx);
}

/*
 * While a large result flows its bytes are gathered. The stream stops that when they come slowly;
 * then they have to prove again that they are many.
 */
static void gather(struct server *server)
{
	struct pump *pump = &server->pump;

	if (!server->stream)
		return;
	if (pump->rows == 0) {
		stream_gather(server->stream, false);
	} else if (pump->rows >= GATHER_AFTER) {
		stream_gather(server->stream, true);
		pump->rows = 1;
	}
}

/* All that can be done with the bytes at hand for who has the server now. */
static enum pump_step pump_input(struct server *server)
{
	struct hand hand = { server, stream_input(server->stream), server->lend_number };
	enum pump_step step = PUMP_ON;

	server->pump.done = server->pump.run = 0;
	server->pump.swallowed = false;
	server->pump.active = true;
	while (step == PUMP_ON && server->pump.done < hand.input.len)
		step = pump_step(&hand);
	settle_bytes(&hand);
	tell_swallowed(&hand);
	server->pump.active = false;
	gather(server);
	if (step == PUMP_ON)
		step = PUMP_WAIT;
	return is_interrupted(&hand) ? PUMP_MOVE : step;
}

void server_pump(struct server *server)
{
	enum pump_step step = PUMP_MOVE;

	while (step == PUMP_MOVE) {
		switch (server->state) {
		case SERVER_LENT:
			if (stream_is_paused(server->stream))
				return;
			step = pump_input(server);
			break;
		case SERVER_LOGIN:
		case SERVER_TESTED:
			step = pump_input(server);
			if (server->state != SERVER_LEAVING)
				server_work_on(server);
			break;
		case SERVER_IDLE:
		case SERVER_USED:
		case SERVER_HELD: server_read_idle(server); return;
		case SERVER_CONNECTING:
		case SERVER_LEAVING: return;
		}
	}
}

/* ---- a server that belongs to nobody ---- */

void server_error_text(struct slice body, char *text, size_t cap)
{
	struct notice_view view;

	if (notice_read(body, &view) != OK)
		snprintf(text, cap, "unreadable error");
	else
		snprintf(text, cap, "%.*s %.*s", (int)view.severity.len, view.severity.data,
		         (int)view.message.len, view.message.data);
}

/* OK: harmless and dropped. */
static enum result read_idle_message(struct server *server, const struct message *message)
{
	char         text[256];
	struct slice name, value;

	switch (message->type) {
	case 'S':
		if (result_read_parameter(message->body, &name, &value) == OK &&
		    backend_note_parameter(&server->backend, name, value) == OK)
			return OK;
		break;
	case 'N':
	case 'A': return OK;
	case 'E':
		server_error_text(message->body, text, sizeof(text));
		if (server->pool->home && message_is_whole(message))
			pool_smell(server->pool, message->body);
		server_close(server, END_SERVER_CRASHED, text);
		return BROKEN;
	default: break;
	}
	server_close(server, END_SERVER_DIRTY, NULL);
	return BROKEN;
}

void server_read_idle(struct server *server)
{
	struct pump        *pump = &server->pump;
	struct frame_limits limits = frame_limits(server);
	struct message      message;
	struct slice        input;
	size_t              need;

	while ((input = stream_input(server->stream)).len) {
		size_t n = pump->body_left < input.len ? pump->body_left : input.len;

		if (!n) {
			switch (frame_next(input, SIDE_SERVER, &limits, &message, &need)) {
			case AGAIN: stream_expect(server->stream, need); return;
			case BROKEN:
				server_close(server,
				             server_unreadable(input, END_SERVER_UNKNOWN),
				             NULL);
				return;
			case OK: break;
			}
			if (read_idle_message(server, &message) != OK)
				return;
			pump->body_left = message.len - (uint32_t)message.body.len;
			pump->body_to = NULL;
			n = message.body.len + MESSAGE_HEADER_LEN;
		} else {
			pump->body_left -= (uint32_t)n;
		}
		stream_consume(server->stream, n);
	}
}
