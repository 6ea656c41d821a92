/*
 * A turn on a replica that may yet be run elsewhere. Its first replies, up to the first that says
 * something of a result, are kept here as they came, and nobody is told of them, not even the
 * ledger: so when the server then refuses the request, all that was noted for it can be undone as
 * if it had never been sent, and the session sends it to another server. Any other message ends
 * the guard: what was kept is dealt with in order, and the turn goes on like every other.
 *
 * Invariant: while a turn is guarded, no debt of its requests has been settled and nothing of it
 * has reached the client.
 */
#include "track/guard.h"

#include <string.h>

#include "track_internal.h"
#include "wire/frame.h"
#include "wire/notice.h"
#include "wire/result.h"

/* Bytes of replies kept; over that they are passed on. */
#define EARLY_MAX 65536

void backend_guard(struct backend *backend)
{
	backend->guarded = backend->recording = true;
	buffer_clear(&backend->early);
	buffer_clear(&backend->replay);
}

void backend_keep(struct backend *backend)
{
	backend->keeps = backend->recording = true;
	buffer_clear(&backend->replay);
}

void backend_unguard(struct backend *backend)
{
	backend->guarded = false;
	buffer_clear(&backend->early);
	buffer_clear(&backend->released);
}

/* ---- moving the turn ---- */

/*
 * All of the turn is here, it is one batch or query from an idle server, and nothing else but what
 * we have put in front of it.
 */
static bool is_whole_turn(const struct backend *backend)
{
	const struct ledger *ledger = &backend->ledger;
	const struct debt *last;

	if (!backend->recording || backend->told || backend->status != 'I' ||
	    backend->batch_open || ledger_is_empty(ledger))
		return false;
	last = ledger_at(ledger, ledger->len - 1);
	if ((last->kind != DEBT_SYNC && last->kind != DEBT_QUERY) || last->creditor == NULL)
		return false;
	for (unsigned i = 0; i + 1 < ledger->len; i++) {
		const struct debt *debt = ledger_at(ledger, i);

		if ((BIT(debt->kind) & ENDS) != 0 && debt->had == NULL && !debt->opens)
			return false;
	}
	return true;
}

/* Reads the next of the messages kept; false at the end. */
static bool next_early(struct slice *rest, struct message *message)
{
	struct frame_limits limits = { .max_packet = 2 * EARLY_MAX, .max_collect = 2 * EARLY_MAX };
	size_t need, len;

	if (rest->len == 0 || frame_next(*rest, SIDE_SERVER, &limits, message, &need) != OK)
		return false;
	len = MESSAGE_HEADER_LEN + message->body.len;
	*rest = (struct slice){ rest->data + len, rest->len - len };
	return true;
}

/* How many debts at the front the messages kept answer in full. */
static unsigned count_answered(const struct backend *backend)
{
	const struct ledger *ledger = &backend->ledger;
	struct slice rest = buffer_slice(&backend->early);
	struct message message;
	unsigned count = 0;

	while (next_early(&rest, &message)) {
		if (message.type == 'N' || message.type == 't')
			continue;
		while (count < ledger->len && debt_is_ours(ledger_at(ledger, count)))
			count++;
		if (count < ledger->len &&
		    (message.type != 'T' || ledger_at(ledger, count)->kind == DEBT_DESCRIBE))
			count++;
	}
	return count;
}

enum result backend_take_elsewhere(struct backend *backend)
{
	unsigned answered;
	enum result result;

	if (!backend->guarded || !is_whole_turn(backend))
		return AGAIN;
	answered = count_answered(backend);
	buffer_clear(&backend->early);
	backend->guarded = false;
	result = backend_undo_turn(backend, answered);
	return result;
}

bool backend_is_kept(const struct backend *backend)
{
	return backend->keeps && is_whole_turn(backend);
}

enum result backend_take_unsent(struct backend *backend)
{
	if (!backend_is_kept(backend))
		return AGAIN;
	backend->keeps = false;
	return backend_undo_turn(backend, 0);
}

/*
 * Whether the primary might say something else: a standby does not write (25006), has to cancel
 * for recovery (40001, also FATAL), cannot do some things "during recovery" (55000, 0A000), lacks
 * what was made a moment ago or is temporary (42P01, ...). An error that comes from the text and
 * its values alone, and a cancel, are the client's at once. So are mishaps of prepared statements,
 * which are mended here.
 */
static bool is_of_standby(const struct notice_view *view)
{
	static const char same[][6] = { "57014", "42601", "26000", "42P05" };

	if (notice_is_fatal(view))
		return true;
	if (slice_starts_with(view->sqlstate, SLICE_LITERAL("22")) ||
	    slice_equal(view->routine, SLICE_LITERAL("RevalidateCachedQuery")))
		return false;
	for (size_t i = 0; i < COUNT_OF(same); i++) {
		if (slice_equal(view->sqlstate, slice_of(same[i])))
			return false;
	}
	return true;
}

/*
 * What every replica refuses, and whoever asks. An unlogged table is told by the place in the
 * server only; other 0A000 depend on the session (SERIALIZABLE by default).
 */
static bool is_refusal(const struct notice_view *view)
{
	return slice_equal(view->sqlstate, SLICE_LITERAL("25006")) ||
	       slice_equal(view->sqlstate, SLICE_LITERAL("55000")) ||
	       (slice_equal(view->sqlstate, SLICE_LITERAL("0A000")) &&
	        slice_equal(view->routine, SLICE_LITERAL("get_relation_info")));
}

static enum moved_why why_moved(const struct notice_view *view)
{
	if (notice_is_fatal(view))
		return MOVED_LOST;
	return is_refusal(view) ? MOVED_REFUSED : MOVED_FAILED;
}

/* True when the error moves the turn; *reply says so. */
static bool move(struct backend *backend, const struct message *message, struct reply *reply)
{
	struct notice_view view;

	if (!message_is_whole(message) || notice_read(message->body, &view) != OK ||
	    !is_of_standby(&view))
		return false;
	*reply = (struct reply){ .action = REPLY_BROKEN };
	switch (backend_take_elsewhere(backend)) {
	/* Without memory for its requests it cannot be moved, and this is no answer to it. */
	case AGAIN: return backend->replay.failed;
	case BROKEN: return true;
	case OK: break;
	}
	*reply = (struct reply){
		.action = REPLY_ELSEWHERE,
		.creditor = backend->lent_to,
		.moved = why_moved(&view),
		.fatal = notice_is_fatal(&view),
	};
	return true;
}

/* ---- keeping and letting go ---- */

/* Types of messages that say nothing of a result yet. */
#define EARLY_TYPES "123tTnN"

/* Says nothing of a result yet, and small enough to be kept. */
static bool is_early(const struct backend *backend, const struct message *message)
{
	return memchr(EARLY_TYPES, message->type, sizeof(EARLY_TYPES) - 1) &&
	       message_is_whole(message) &&
	       backend->early.len + message->len <= EARLY_MAX;
}

static void pass(struct buffer *out, const struct message *message, const struct reply *reply)
{
	buffer_append_slice(out, reply->ahead);
	if (reply->action == REPLY_FORWARD)
		buffer_append_slice(out, message_bytes(message));
	buffer_append_slice(out, reply->behind);
}

/* The turn stays here: what was kept is dealt with, and then message. */
static struct reply let_go(struct backend *backend, const struct message *message)
{
	struct slice rest = buffer_slice(&backend->early);
	struct buffer *released = &backend->released;
	struct message kept;
	struct reply reply;

	backend->guarded = false;
	buffer_clear(released);
	released->failed |= backend->early.failed;
	while (next_early(&rest, &kept)) {
		reply = backend_reply_now(backend, &kept);
		if (reply.action == REPLY_BROKEN)
			return reply;
		pass(released, &kept, &reply);
	}
	buffer_clear(&backend->early);
	reply = backend_reply_now(backend, message);
	if (reply.action == REPLY_BROKEN || released->len == 0)
		return released->failed ? (struct reply){ .action = REPLY_BROKEN } : reply;
	buffer_append_slice(released, reply.ahead);
	if (released->failed)
		return (struct reply){ .action = REPLY_BROKEN };
	reply.ahead = buffer_slice(released);
	if (reply.creditor == NULL)
		reply.creditor = backend->lent_to;
	return reply;
}

/* Nothing but our settings is under way: they are answered before the turn. */
static bool is_before_turn(const struct backend *backend)
{
	const struct debt *head = ledger_head(&backend->ledger);

	return head == NULL || head->had != NULL;
}

/* Begins or is a result; nothing refuses the request any more. */
static bool is_of_result(char type)
{
	return type == 'D' || type == 'C' || type == 'I' || type == 's' || type == 'H' ||
	       type == 'Z';
}

/* Mostly all of a turn's replies come at once, and then nothing needs to be kept. */
void backend_guard_look(struct backend *backend, struct slice input)
{
	size_t early;

	if (!backend->guarded || backend->early.len > 0 || backend->early.failed ||
	    is_before_turn(backend))
		return;
	early = frame_skip_run(input, EARLY_TYPES);
	if (input.len - early >= MESSAGE_HEADER_LEN && is_of_result(input.data[early]))
		backend->guarded = false;
}

/* Which host it is on is none of the client's business. */
static struct reply on_parameter(struct backend *backend, const struct message *message)
{
	struct reply reply = backend_reply_now(backend, message);
	struct slice name, value;

	if (backend->hides_standby && reply.action == REPLY_FORWARD &&
	    result_read_parameter(message->body, &name, &value) == OK &&
	    slice_equal(name, SLICE_LITERAL("in_hot_standby")))
		reply.action = REPLY_SWALLOW;
	return reply;
}

struct reply backend_reply(struct backend *backend, const struct message *message)
{
	struct reply reply;

	if (message->type == 'S')
		return on_parameter(backend, message);
	if (!backend->guarded || message->type == 'A' || is_before_turn(backend))
		return backend_reply_now(backend, message);
	if (message->type == 'E' && move(backend, message, &reply))
		return reply;
	if (!is_early(backend, message))
		return let_go(backend, message);
	buffer_append_slice(&backend->early, message_bytes(message));
	return (struct reply){ .action = REPLY_SWALLOW };
}
