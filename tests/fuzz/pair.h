#ifndef PAIR_H
#define PAIR_H

/*
 * The world of fuzz_conversation: clients and servers with the pooler's bookkeeping between them,
 * and for each client a server of its own that was told the very same (the oracle). What a client
 * gets must be, byte for byte, what its oracle says.
 */

#include "base/alloc.h"
#include "model.h"
#include "track/backend.h"
#include "track/conversation.h"
#include "track/prepared.h"

#define CLIENTS 2
#define SERVERS 2
/* A Parse of a text that begins with this is passed on before it has all arrived. */
#define LONG_TEXT "long"

struct client {
	struct conversation *conversation;
	struct model oracle;
	struct buffer pending; /* messages the pooler has not dealt with */
	int server;	       /* lent to it, -1: none */
	bool stalled;	       /* the first pending one must wait, and a Flush was sent for it */
	bool copying;	       /* it has a COPY to feed and has not ended it yet */
	bool careful;	       /* it says no more before it has all replies: see write_in_copy */
	bool is_old;	       /* it was there when tables changed */
	bool data_sent;	       /* and has begun to */
};

struct server {
	struct backend backend;
	struct model model;
	int client; /* -1: none */
};

struct world {
	struct varset_store *varsets;
	struct statement_store *statements;
	struct client clients[CLIENTS];
	struct server servers[SERVERS];
	unsigned server_count;
	unsigned prepared_max;
	unsigned fault_in; /* the allocation of the next call into track that fails; 0: none */
	bool fault_hit;	   /* in the last call */
};

static inline void world_pump(struct world *world, int c);

/* With FUZZ_TRACE set in the environment, what is said is shown: for reading a finding. */
static inline void trace(const char *who, int number, struct slice bytes)
{
	static int wanted = -1;

	if (wanted < 0)
		wanted = getenv("FUZZ_TRACE") != NULL;
	if (!wanted)
		return;
	fprintf(stderr, "%s %d:", who, number);
	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char byte = (unsigned char)bytes.data[i];

		if (byte >= ' ' && byte < 0x7f)
			fputc(byte, stderr);
		else
			fprintf(stderr, "\\%02x", byte);
	}
	fputc('\n', stderr);
}

/* ---- calls into track, in which memory may run out ---- */

static inline void world_arm(struct world *world)
{
	world->fault_hit = false;
	mem_fail_at(world->fault_in);
}

static inline void world_disarm(struct world *world)
{
	if (world->fault_in)
		world->fault_hit = mem_fault_hit();
	if (world->fault_hit)
		world->fault_in = 0;
	mem_fail_at(0);
}

/* ---- birth and death ---- */

static inline void client_open(struct world *world, int c)
{
	struct client *client = &world->clients[c];
	const struct varset *empty = varset_empty(world->varsets);
	const struct varset *zoned = varset_with(empty, slice_of("TimeZone"), slice_of("UTC"));
	const struct varset *wants =
		varset_with(zoned, slice_of("application_name"), SLICE_LITERAL(""));

	*client = (struct client){ .server = -1 };
	client->conversation = conversation_new(&(struct conversation_options){
		.tracks_statements = true,
		.store = world->statements,
		.wants = wants,
	});
	varset_unref(empty);
	varset_unref(zoned);
	varset_unref(wants);
	model_init(&client->oracle);
	buffer_init(&client->pending);
}

static inline void client_close(struct client *client)
{
	conversation_free(client->conversation);
	model_release(&client->oracle);
	buffer_release(&client->pending);
}

static inline void server_open(struct world *world, int s)
{
	struct server *server = &world->servers[s];

	*server = (struct server){ .client = -1 };
	CHECK(backend_init(&server->backend, world->varsets, world->prepared_max) == OK);
	model_init(&server->model);
	for (int i = 0; i < MODEL_SETTINGS; i++)
		CHECK(backend_note_parameter(&server->backend, slice_of(model_setting_names[i]),
					     slice_of(server->model.settings.value[i])) == OK);
}

static inline void server_close(struct server *server)
{
	backend_release(&server->backend);
	model_release(&server->model);
}

static inline void server_replace(struct world *world, int s)
{
	trace("    replaced: server", s, SLICE_NONE);
	server_close(&world->servers[s]);
	server_open(world, s);
}

/* A server that nobody has: brings it back to clean, or replaces it when it cannot be saved. */
static inline void server_recover(struct world *world, int s)
{
	struct server *server = &world->servers[s];

	if (backend_is_clean(&server->backend))
		return;
	if (backend_write_recovery(&server->backend, &server->model.in) == OK) {
		trace("    recovering", s, buffer_slice(&server->model.in));
		return;
	}
	CHECK(server->backend.half_told);
	server_replace(world, s);
}

static inline void client_give_back(struct world *world, int c)
{
	struct client *client = &world->clients[c];
	int s = client->server;

	if (s < 0)
		return;
	backend_forget_creditor(&world->servers[s].backend, client->conversation);
	world->servers[s].client = -1;
	client->server = -1;
	client->stalled = false;
	server_recover(world, s);
}

/* The client goes as it is; another comes. */
static inline void client_vanish(struct world *world, int c)
{
	trace("gone: client", c, SLICE_NONE);
	client_give_back(world, c);
	client_close(&world->clients[c]);
	client_open(world, c);
}

static inline void world_open(struct world *world, unsigned servers, unsigned prepared_max)
{
	memset(world, 0, sizeof(*world));
	world->server_count = servers;
	world->prepared_max = prepared_max;
	world->varsets = varset_store_new(1);
	world->statements = statement_store_new(2);
	for (int i = 0; i < MODEL_SETTINGS; i++)
		CHECK(varset_store_track(world->varsets, slice_of(model_setting_names[i])) == OK);
	for (int c = 0; c < CLIENTS; c++)
		client_open(world, c);
	for (int s = 0; s < SERVERS; s++)
		server_open(world, s);
}

static inline void world_close(struct world *world)
{
	for (int c = 0; c < CLIENTS; c++)
		client_close(&world->clients[c]);
	for (int s = 0; s < SERVERS; s++)
		server_close(&world->servers[s]);
	statement_store_free(world->statements);
	varset_store_free(world->varsets);
}

/*
 * Tables have changed: what was prepared on the servers returns something else now. (No oracle is
 * told: a client that gets the error for that cannot be compared any longer.)
 */
static inline void world_age(struct world *world)
{
	for (int s = 0; s < SERVERS; s++) {
		for (unsigned i = 1; i < MODEL_STATEMENTS; i++)
			world->servers[s].model.statements[i].outdated = true;
	}
	for (int c = 0; c < CLIENTS; c++)
		world->clients[c].is_old = true;
}

/* ---- what must be true of a server that is clean ---- */

static inline void server_check(const struct server *server)
{
	const struct backend *backend = &server->backend;
	const struct model *model = &server->model;
	unsigned prepared = 0;

	if (!backend_is_clean(backend))
		return;
	/* What is left of a COPY that failed is nothing to a server that reads commands. */
	CHECK(frame_skip_run(buffer_slice(&model->in), "dcfH") == model->in.len);
	CHECK(model->out.len == 0 && model->unflushed.len == 0);
	CHECK(model->status == 'I' && !model->ignore_till_sync && model->copy == MODEL_NO_COPY);
	CHECK(backend->doubts == 0 && !backend->unproven && backend->copy_syncs == 0);
	for (int i = 0; i < MODEL_SETTINGS; i++)
		CHECK(slice_equal(varset_value(backend->has, slice_of(model_setting_names[i])),
				  slice_of(model->settings.value[i])));
	if (backend->unnamed != NULL)
		CHECK(model->statements[0].used && slice_equal(slice_of(model->statements[0].text),
							       statement_text(backend->unnamed)));
	for (unsigned i = 1; i < MODEL_STATEMENTS; i++)
		prepared += model->statements[i].used &&
			    strcmp(model->statements[i].name, "pgcarwash_twin") != 0;
	if (!backend->alien_names && !backend->prepared_unsure)
		CHECK(prepared == prepared_set_count(backend->prepared));
}

/* ---- replies ---- */

/* Bytes for the client: the next that its oracle said. */
static inline void client_get(struct client *client, struct slice bytes)
{
	struct buffer *said[] = { &client->oracle.out, &client->oracle.unflushed };

	if (bytes.len > 0)
		trace("      to client of server", client->server, bytes);

	for (unsigned i = 0; i < COUNT_OF(said) && bytes.len > 0; i++) {
		size_t len = bytes.len < said[i]->len ? bytes.len : said[i]->len;

		if (len > 0 && memcmp(bytes.data, said[i]->data, len) != 0) {
			trace("its oracle: server", client->server, buffer_slice(said[i]));
			CHECK(!"what its oracle says");
		}
		buffer_drop_front(said[i], len);
		bytes = (struct slice){ bytes.data + len, bytes.len - len };
	}
	CHECK(bytes.len == 0);
}

static inline int client_of(const struct world *world, const struct conversation *conversation)
{
	for (int c = 0; c < CLIENTS; c++) {
		if (world->clients[c].conversation == conversation)
			return c;
	}
	CHECK(conversation == NULL);
	return -1;
}

static inline void world_send(struct world *world, int c, struct slice bytes)
{
	if (bytes.len > 0) {
		CHECK(world->clients[c].server >= 0);
		trace("    to server", world->clients[c].server, bytes);
		buffer_append_slice(&world->servers[world->clients[c].server].model.in, bytes);
	}
}

/* One message of the client through the pooler. False: its session is over. */
static inline bool client_request(struct world *world, int c, const struct message *message,
				  struct slice bytes)
{
	struct client *client = &world->clients[c];
	struct backend *backend =
		client->server < 0 ? NULL : &world->servers[client->server].backend;
	struct step step;
	bool passed;

	world_arm(world);
	passed = backend != NULL && conversation_passes(client->conversation, backend, message);
	step = passed ? (struct step){ .kind = STEP_FORWARD }
		      : conversation_request(client->conversation, backend, message);
	world_disarm(world);
	CHECK(step.kind != STEP_END || world->fault_hit);
	if (step.kind != STEP_END) {
		client_get(client, step.answer);
		world_send(world, c, step.before);
	}
	if (step.kind == STEP_FORWARD)
		world_send(world, c,
			   (struct slice){ bytes.data + step.skip, bytes.len - step.skip });
	/* What it did may have been forgotten, so it cannot be compared any longer. */
	if (world->fault_hit)
		client_vanish(world, c);
	return !world->fault_hit;
}

static inline void client_replay(struct world *world, int c)
{
	struct frame_limits limits = { UINT32_MAX, UINT32_MAX };
	struct client *client = &world->clients[c];
	struct buffer requests;
	struct message message;
	size_t at = 0, need;

	conversation_replay(client->conversation, &world->servers[client->server].backend,
			    &requests);
	while (at < requests.len) {
		struct slice rest = { requests.data + at, requests.len - at };

		CHECK(frame_next(rest, SIDE_CLIENT, &limits, &message, &need) == OK);
		if (!client_request(world, c, &message, message_bytes(&message)))
			break;
		at += message.len + MESSAGE_HEADER_LEN;
	}
	buffer_release(&requests);
}

static inline bool tells_of_change(const struct reply *reply, const struct message *message)
{
	struct slice error = reply->action == REPLY_REPLACE ? reply->ahead : message->body;

	return message->type == 'E' && memmem(error.data, error.len, "C0A000", 6) != NULL;
}

static inline void world_carry_out(struct world *world, int s, const struct reply *reply,
				   const struct message *message)
{
	struct server *server = &world->servers[s];
	int c = client_of(world, reply->creditor);

	CHECK(c < 0 || c == server->client);
	if (c >= 0 && reply->action != REPLY_RETRY && tells_of_change(reply, message)) {
		CHECK(world->clients[c].is_old || server->backend.told || server->backend.retried ||
		      !server->backend.recording);
		client_vanish(world, c);
		return;
	}
	if (c >= 0) {
		client_get(&world->clients[c], reply->ahead);
		if (reply->action == REPLY_FORWARD)
			client_get(&world->clients[c], message_bytes(message));
		client_get(&world->clients[c], reply->behind);
	}
	CHECK(reply->action != REPLY_REFUSED && reply->action != REPLY_BROKEN);
	if (reply->action == REPLY_RETRY)
		client_replay(world, c);
	if (reply->turn_over) {
		CHECK(server->client >= 0 && backend_is_clean(&server->backend));
		c = server->client;
		if (!conversation_is_pinned(world->clients[c].conversation))
			client_give_back(world, c);
	}
}

static inline void world_after_reply(struct world *world, int s, const struct reply *reply,
				     const struct message *message)
{
	if (world->fault_hit) {
		/* Memory ran out: its client ends, a broken server is replaced. */
		if (world->servers[s].client >= 0)
			client_vanish(world, world->servers[s].client);
		if (reply->action == REPLY_BROKEN || reply->fatal)
			server_replace(world, s);
	} else if (reply->fatal) {
		/* Only a cancel that met what a client had left behind can bring it so far. */
		CHECK(world->servers[s].client < 0 && reply->creditor == NULL);
		server_replace(world, s);
	} else {
		world_carry_out(world, s, reply, message);
	}
}

/* The pooler reads one message of the server. False: there is none. */
static inline bool server_deliver(struct world *world, int s)
{
	struct frame_limits limits = { UINT32_MAX, UINT32_MAX };
	struct server *server = &world->servers[s];
	struct buffer bytes = BUFFER_EMPTY;
	struct conversation *creditor;
	struct message message;
	struct reply reply;
	size_t need;

	if (server->model.out.len == 0)
		return false;
	CHECK(frame_next(buffer_slice(&server->model.out), SIDE_SERVER, &limits, &message, &need) ==
	      OK);
	/* It is taken out first: what follows may write to the server. */
	buffer_append_slice(&bytes, message_bytes(&message));
	buffer_drop_front(&server->model.out, bytes.len);
	message.body.data = bytes.data + MESSAGE_HEADER_LEN;
	trace("  from server", s, buffer_slice(&bytes));

	if ((message.type == 'D' || message.type == 'd') &&
	    backend_rows_flow(&server->backend, &creditor)) {
		if (creditor != NULL)
			client_get(&world->clients[client_of(world, creditor)],
				   buffer_slice(&bytes));
	} else {
		world_arm(world);
		reply = backend_reply(&server->backend, &message);
		world_disarm(world);
		world_after_reply(world, s, &reply, &message);
	}
	buffer_release(&bytes);
	if (server->client < 0)
		server_recover(world, s);
	server_check(server);
	for (int c = 0; c < CLIENTS; c++)
		world_pump(world, c);
	return true;
}

/* ---- requests ---- */

/* False: it has to wait for a server. */
static inline bool client_get_server(struct world *world, int c)
{
	struct client *client = &world->clients[c];

	for (unsigned s = 0; s < world->server_count; s++) {
		struct server *server = &world->servers[s];
		enum result result;

		if (server->client >= 0 || !backend_is_clean(&server->backend))
			continue;
		server_check(server);
		server->client = c;
		client->server = (int)s;
		/* A pool lends no server that a cancel may still hit. */
		server->model.cancelled = false;
		trace("    lent to client", c, SLICE_NONE);
		world_arm(world);
		result = conversation_align(client->conversation, &server->backend,
					    &server->model.in);
		world_disarm(world);
		if (!world->fault_hit) {
			CHECK(result == OK);
			return true;
		}
		/* What was written of it is not whole. */
		buffer_clear(&server->model.in);
		server->backend.half_told = true;
		client_vanish(world, c);
		return false;
	}
	return false;
}

static inline bool client_must_wait(struct world *world, struct client *client,
				    const struct message *message)
{
	struct server *server = &world->servers[client->server];

	if (!conversation_must_wait(client->conversation, &server->backend, message))
		return false;
	if (!client->stalled && server->backend.batch_open)
		writer_empty(&server->model.in, 'H');
	client->stalled = true;
	return true;
}

static inline bool is_long_parse(const struct message *message)
{
	const char *text = message->body.data;

	if (message->type != 'P')
		return false;
	text += strlen(text) + 1;
	return strncmp(text, LONG_TEXT, strlen(LONG_TEXT)) == 0;
}

/* The first pending message of the client. False: it has to wait, or there is none. */
static inline bool client_next(struct world *world, int c)
{
	struct frame_limits limits = { UINT32_MAX, UINT32_MAX };
	struct client *client = &world->clients[c];
	struct message message, head;
	struct slice bytes;
	size_t need;

	if (client->pending.len == 0)
		return false;
	CHECK(frame_next(buffer_slice(&client->pending), SIDE_CLIENT, &limits, &message, &need) ==
	      OK);
	bytes = message_bytes(&message);
	head = message;
	if (is_long_parse(&message))
		head.body.len -= 5;
	if (client->server < 0 && conversation_needs_server(client->conversation, &head) &&
	    !client_get_server(world, c))
		return false;
	if (client->server >= 0 && client_must_wait(world, client, &head))
		return false;
	client->stalled = false;
	if (!client_request(world, c, &head, bytes))
		return false;
	buffer_drop_front(&client->pending, bytes.len);
	return true;
}

static inline void world_pump(struct world *world, int c)
{
	while (client_next(world, c)) {
	}
}

/* Everything that can happen without another message of a client happens. */
static inline void world_drain(struct world *world)
{
	bool moved = true;

	while (moved) {
		moved = false;
		for (int c = 0; c < CLIENTS; c++)
			world_pump(world, c);
		for (int s = 0; s < SERVERS; s++) {
			while (model_step(&world->servers[s].model))
				moved = true;
			while (server_deliver(world, s))
				moved = true;
		}
	}
}

#endif
