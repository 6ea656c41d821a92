/*
 * A server that says anything at all, to a client that asks anything at all: whatever it breaks,
 * nothing crashes or leaks, and nothing reaches a client that has gone. Each message is a byte of
 * type, a byte of length and its body; the top bit of the type byte says which side sends it.
 */

#include "base/alloc.h"
#include "fuzz.h"
#include "track/backend.h"
#include "track/conversation.h"
#include "wire/message.h"

struct talk {
	struct varset_store *varsets;
	struct statement_store *statements;
	struct conversation *client; /* NULL: gone */
	struct backend backend;
	struct buffer out;
};

static void open_client(struct talk *talk)
{
	const struct varset *wants = varset_empty(talk->varsets);

	talk->client = conversation_new(&(struct conversation_options){
		.tracks_statements = true,
		.store = talk->statements,
		.wants = wants,
	});
	varset_unref(wants);
	CHECK(conversation_align(talk->client, &talk->backend, &talk->out) == OK);
}

static void close_client(struct talk *talk)
{
	if (talk->client)
		backend_forget_creditor(&talk->backend, talk->client);
	conversation_free(talk->client);
	talk->client = NULL;
}

static void ask(struct talk *talk, const struct message *message)
{
	struct step step;

	if (!talk->client) {
		if (backend_is_clean(&talk->backend))
			open_client(talk);
		else
			CHECK(backend_write_recovery(&talk->backend, &talk->out) == OK);
		return;
	}
	if (conversation_passes(talk->client, &talk->backend, message) ||
	    conversation_must_wait(talk->client, &talk->backend, message))
		return;
	step = conversation_request(talk->client, &talk->backend, message);
	if (step.kind == STEP_END)
		close_client(talk);
	else
		CHECK(step.skip <= message->body.len + MESSAGE_HEADER_LEN);
}

/* False: the server is to be closed. */
static bool answer(struct talk *talk, const struct message *message)
{
	struct conversation *creditor = NULL;
	struct buffer requests;
	struct reply reply;

	if ((message->type == 'D' || message->type == 'd') &&
	    backend_rows_flow(&talk->backend, &creditor)) {
		CHECK(creditor == NULL || creditor == talk->client);
		return true;
	}
	reply = backend_reply(&talk->backend, message);
	if (reply.action == REPLY_BROKEN)
		return false;
	CHECK(reply.creditor == NULL || reply.creditor == talk->client);
	CHECK(reply.creditor != NULL || reply.action == REPLY_SWALLOW);
	CHECK(reply.creditor != NULL || (reply.ahead.len == 0 && reply.behind.len == 0));
	CHECK(!reply.turn_over || backend_is_clean(&talk->backend));
	if (reply.action == REPLY_RETRY) {
		conversation_replay(talk->client, &talk->backend, &requests);
		buffer_release(&requests);
	}
	if (reply.action == REPLY_REFUSED)
		close_client(talk);
	return true;
}

/* One message, with its header in front as in a stream. False: the server is to be closed. */
static bool happen(struct talk *talk, uint8_t kind, struct slice body)
{
	enum side side = kind & 0x80 ? SIDE_SERVER : SIDE_CLIENT;
	struct buffer bytes = BUFFER_EMPTY;
	struct message message = { .type = (char)(kind & 0x7f), .len = (uint32_t)body.len };
	bool alive = true;

	message.rule = message_rule(side, message.type);
	buffer_append(&bytes, "header", MESSAGE_HEADER_LEN);
	buffer_append_slice(&bytes, body);
	message.body = (struct slice){ bytes.data + MESSAGE_HEADER_LEN, body.len };
	if (side == SIDE_CLIENT)
		ask(talk, &message);
	else
		alive = answer(talk, &message);
	buffer_clear(&talk->out);
	buffer_release(&bytes);
	return alive;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t blocks = mem_blocks_in_use();
	struct talk talk = { .out = BUFFER_EMPTY };
	bool alive = true;

	talk.varsets = varset_store_new(1);
	talk.statements = statement_store_new(2);
	CHECK(varset_store_track(talk.varsets, SLICE_LITERAL("a")) == OK);
	CHECK(backend_init(&talk.backend, talk.varsets, 2) == OK);
	open_client(&talk);
	while (alive && size >= 2) {
		size_t len = data[1] < size - 2 ? data[1] : size - 2;

		alive = happen(&talk, data[0], (struct slice){ (const char *)data + 2, len });
		data += 2 + len;
		size -= 2 + len;
	}
	close_client(&talk);
	backend_release(&talk.backend);
	buffer_release(&talk.out);
	statement_store_free(talk.statements);
	varset_store_free(talk.varsets);
	CHECK(mem_blocks_in_use() == blocks);
	return 0;
}
