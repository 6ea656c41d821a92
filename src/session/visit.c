/*
 * Sessions at a service (the console): frames its messages for it and queues its answers. Knows
 * nothing of what the service does.
 */
#include "session_internal.h"

#include <errno.h>

#include "net/pass.h"

/* So long a client may take to receive a descriptor. */
#define PASS_SECONDS 5
/* A console command has no need to be longer. */
#define MAX_MESSAGE 65536

/* What the client is told is PgBouncer's: of a query that is only too long. */
static void refuse(struct session *session)
{
	struct slice input = stream_input(session->stream);
	/* The highest byte of its length, and the next: more than MAX_MESSAGE, and no nonsense. */
	bool is_query = input.len >= MESSAGE_HEADER_LEN && input.data[0] == 'Q' &&
	                input.data[1] == 0 && input.data[2] != 0;

	if (is_query)
		session_end(session, END_BAD_PACKET, "incomplete pkt");
	else
		session_end_unreadable(session, input);
}

static void pump(struct session *session)
{
	const struct frame_limits limits = { MAX_MESSAGE, MAX_MESSAGE };
	struct message            message;
	size_t                    need = 0;

	while (!session_is_leaving(session) && !session->held) {
		enum result result;

		/* Who does not read the answers asks nothing more. */
		if (stream_is_full(session->stream)) {
			stream_pause(session->stream);
			return;
		}
		result = frame_next(stream_input(session->stream), SIDE_CLIENT, &limits,
		                                &message, &need);

		if (result == OK && !message_is_whole(&message)) {
			/* A type that may flow, half here: wait for the rest, it is bounded. */
			stream_expect(session->stream, MESSAGE_HEADER_LEN + (size_t)message.len);
			return;
		}
		if (result == AGAIN) {
			stream_expect(session->stream, need);
			return;
		}
		if (result == BROKEN) {
			refuse(session);
			return;
		}
		if (message.type == 'X') {
			session_end(session, END_CLIENT_CLOSED, NULL);
			return;
		}
		session->service->on_message(session->visit, &message);
		if (!session_is_leaving(session))
			stream_consume(session->stream, MESSAGE_HEADER_LEN + message.len);
	}
}

void service_reply(struct session *session, struct slice bytes)
{
	session_write(session, bytes);
}

enum result service_pass(struct session *session, struct slice bytes, int fd)
{
	stream_flush(session->stream);
	if (!session->is_unix || stream_out_len(session->stream) > 0)
		return BROKEN;
	return pass_send(stream_fd(session->stream), bytes, fd, span_seconds(PASS_SECONDS));
}

void service_hold(struct session *session)
{
	session->held = true;
}

void service_release(struct session *session)
{
	session->held = false;
	if (!session_is_leaving(session))
		loop_at_end(session->roster->loop, &session->pump);
}

static void on_input(void *ctx)
{
	pump(ctx);
}

static void on_room(void *ctx)
{
	session_resume_client(ctx);
}

static void on_end(void *ctx, int error)
{
	session_end(ctx, error == ENOMEM ? END_NO_MEMORY : END_CLIENT_EOF, NULL);
}

const struct stream_events visit_events = {
	.on_input = on_input,
	.on_room = on_room,
	.on_end = on_end,
};
