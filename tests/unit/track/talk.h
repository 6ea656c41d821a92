#ifndef TALK_H
#define TALK_H

/*
 * Clients and servers that talk through track, as compact text. A script is messages separated
 * by blanks; what arrives is written the same way, so that a test reads as a conversation:
 *
 *         SENDS(0, "Pa=one Ba E S");      client 0 says Parse a "one", Bind, Execute, Sync
 *         AT_SERVER(0, "P#1=one B#1 E S");
 *         SAYS(0, "1 2 C=SELECT ZI");     server 0 answers
 *         AT_CLIENT(0, "1 2 C=SELECT ZI");
 *
 * Client messages: Q=sql Pname=sql Bname Bportal/name Ds=name Dp=portal E Cs=name Cp=portal
 * S H F d c f X. Server messages: 1 2 3 t T n D C=tag I s V G H W d c ZI ZT ZE E=sqlstate
 * E=sqlstate/routine E!sqlstate (FATAL) S=name/value N A. Names of ours on servers are written
 * "#1" for "pgcarwash_1". P+name=sql is a Parse whose text has not all arrived (it flows).
 * At a client "E=sqlstate" may be followed by "(message)".
 */

#include "test.h"
#include "track/backend.h"
#include "track/conversation.h"
#include "wire/notice.h"
#include "wire/query.h"
#include "wire/reader.h"
#include "wire/result.h"
#include "wire/writer.h"

#define CLIENTS 2
#define SERVERS 2

struct talk {
	struct varset_store *varsets;
	struct statement_store *statements;
	struct conversation *clients[CLIENTS];
	struct backend servers[SERVERS];
	int lent[CLIENTS];		  /* the client's server, -1: none */
	struct buffer at_server[SERVERS]; /* bytes that arrived there */
	struct buffer at_client[CLIENTS];
	bool show_messages;	      /* write the messages of errors */
	bool passes;		      /* clients' messages go the short way where they may */
	unsigned passed;	      /* so many did */
	bool waits;		      /* the last script stopped at a message that must wait */
	bool ready, turn_over, fatal; /* of the last script of a server */
	bool retry, refused, broken, elsewhere;
	enum ending ended; /* of the last script of a client, or END_NONE */
};

static inline struct conversation_options talk_options(struct talk *talk,
						       const struct varset *wants)
{
	return (struct conversation_options){
		.tracks_statements = true,
		.store = talk->statements,
		.wants = wants,
		.owner = talk,
	};
}

/* False without memory; talk_close is right in any case. */
static inline bool talk_open(struct talk *talk, unsigned prepared_max)
{
	const struct varset *wants;
	bool opened = true;

	*talk = (struct talk){ .lent = { -1, -1 } };
	talk->varsets = varset_store_new(1);
	talk->statements = statement_store_new(2);
	if (talk->varsets == NULL || talk->statements == NULL ||
	    varset_store_track(talk->varsets, SLICE_LITERAL("TimeZone")) != OK ||
	    varset_store_track(talk->varsets, SLICE_LITERAL("application_name")) != OK)
		return false;
	wants = varset_empty(talk->varsets);
	if (wants == NULL)
		return false;
	for (int i = 0; i < CLIENTS; i++) {
		struct conversation_options options = talk_options(talk, wants);

		talk->clients[i] = conversation_new(&options);
		opened &= talk->clients[i] != NULL;
	}
	for (int i = 0; i < SERVERS; i++)
		opened &= backend_init(&talk->servers[i], talk->varsets, prepared_max) == OK;
	varset_unref(wants);
	return opened;
}

static inline void talk_close(struct talk *talk)
{
	for (int i = 0; i < CLIENTS; i++) {
		for (int j = 0; j < SERVERS; j++)
			backend_forget_creditor(&talk->servers[j], talk->clients[i]);
		conversation_free(talk->clients[i]);
		buffer_release(&talk->at_client[i]);
	}
	for (int i = 0; i < SERVERS; i++) {
		backend_release(&talk->servers[i]);
		buffer_release(&talk->at_server[i]);
	}
	statement_store_free(talk->statements);
	varset_store_free(talk->varsets);
}

/* ---- text to messages ---- */

static inline struct slice talk_cut(struct slice *text, char separator)
{
	const char *end = text->len ? memchr(text->data, separator, text->len) : NULL;
	size_t len = end ? (size_t)(end - text->data) : text->len;
	struct slice part = { text->data, len };

	*text = (struct slice){ text->data + len + (end != NULL), text->len - len - (end != NULL) };
	return part;
}

static inline void talk_write_name(struct buffer *out, struct slice name)
{
	if (name.len > 0 && name.data[0] == '#') {
		buffer_append_text(out, "pgcarwash_");
		name = (struct slice){ name.data + 1, name.len - 1 };
	}
	buffer_append_slice(out, name);
	buffer_append(out, "", 1);
}

/* A script has dots for the blanks in a text. */
static inline void talk_write_words(struct buffer *out, struct slice words)
{
	for (size_t i = 0; i < words.len; i++)
		writer_u8(out, words.data[i] == '.' ? ' ' : (uint8_t)words.data[i]);
	writer_u8(out, 0);
}

static inline void talk_write_bind(struct buffer *out, struct slice rest)
{
	struct slice first = talk_cut(&rest, '/');
	bool has_portal = first.data + first.len < rest.data;

	talk_write_name(out, has_portal ? first : SLICE_NONE);
	talk_write_name(out, has_portal ? rest : first);
	buffer_append(out, "\0\0\0\0\0\0", 6);
}

/* Body of a client's message from what follows its letter. */
static inline void talk_write_request(struct buffer *out, char type, struct slice rest)
{
	size_t mark = writer_begin(out, type);

	switch (type) {
	case 'Q': talk_write_words(out, (struct slice){ rest.data + 1, rest.len - 1 }); break;
	case 'P':
		if (rest.len > 0 && rest.data[0] == '+')
			rest = (struct slice){ rest.data + 1, rest.len - 1 };
		talk_write_name(out, talk_cut(&rest, '='));
		talk_write_words(out, rest);
		writer_u16(out, 0);
		break;
	case 'B': talk_write_bind(out, rest); break;
	case 'D':
	case 'C':
		writer_u8(out, rest.data[0] == 's' ? 'S' : 'P');
		talk_write_name(out, (struct slice){ rest.data + 2, rest.len - 2 });
		break;
	case 'E':
		writer_text(out, rest);
		writer_u32(out, 0);
		break;
	case 'f': writer_text(out, SLICE_LITERAL("no")); break;
	default: break;
	}
	writer_end(out, mark);
}

static inline void talk_write_error(struct buffer *out, struct slice rest)
{
	bool fatal = rest.data[0] == '!';
	struct slice state, routine;

	routine = (struct slice){ rest.data + 1, rest.len - 1 };
	state = talk_cut(&routine, '/');
	notice_write(out, 'E',
		     &(struct notice_view){
			     .severity = slice_of(fatal ? "FATAL" : "ERROR"),
			     .sqlstate = state,
			     .message = SLICE_LITERAL("server's"),
			     .routine = routine,
		     });
}

/* Body of a server's message from what follows its letter. */
static inline void talk_write_reply(struct buffer *out, char type, struct slice rest)
{
	size_t mark;

	if (type == 'E') {
		talk_write_error(out, rest);
		return;
	}
	mark = writer_begin(out, type);
	switch (type) {
	case 'Z': writer_u8(out, (uint8_t)rest.data[0]); break;
	case 'C': talk_write_words(out, (struct slice){ rest.data + 1, rest.len - 1 }); break;
	case 'S':
		rest = (struct slice){ rest.data + 1, rest.len - 1 };
		writer_text(out, talk_cut(&rest, '/'));
		writer_text(out, rest);
		break;
	default: break;
	}
	writer_end(out, mark);
}

/* ---- messages to text ---- */

static inline void talk_show_name(struct buffer *out, struct slice name)
{
	struct slice prefix = SLICE_LITERAL("pgcarwash_");

	if (slice_starts_with(name, prefix)) {
		buffer_append_text(out, "#");
		name = (struct slice){ name.data + prefix.len, name.len - prefix.len };
	}
	buffer_append_slice(out, name);
}

/* With dots for blanks, as the script has them. */
static inline void talk_show_words(struct buffer *out, struct slice words)
{
	for (size_t i = 0; i < words.len; i++)
		buffer_append(out, words.data[i] == ' ' ? "." : words.data + i, 1);
}

static inline void talk_show_request(struct buffer *out, char type, struct slice body)
{
	struct reader reader;
	struct slice name;
	char kind;

	reader_init(&reader, body);
	switch (type) {
	case 'Q':
		buffer_append_text(out, "=");
		talk_show_words(out, reader_text(&reader));
		break;
	case 'P':
		talk_show_name(out, reader_text(&reader));
		buffer_append_text(out, "=");
		talk_show_words(out, reader_text(&reader));
		break;
	case 'B':
		name = reader_text(&reader);
		buffer_append_slice(out, name);
		buffer_append_text(out, name.len ? "/" : "");
		talk_show_name(out, reader_text(&reader));
		break;
	case 'D':
	case 'C':
		kind = (char)reader_u8(&reader);
		buffer_append_text(out, kind == 'S' ? "s=" : "p=");
		talk_show_name(out, reader_text(&reader));
		break;
	case 'E': buffer_append_slice(out, reader_text(&reader)); break;
	default: break;
	}
}

static inline void talk_show_reply(struct buffer *out, char type, struct slice body, bool messages)
{
	struct notice_view view;
	struct reader reader;

	reader_init(&reader, body);
	switch (type) {
	case 'Z': buffer_append_slice(out, body); break;
	case 'C':
		buffer_append_text(out, "=");
		talk_show_words(out, reader_text(&reader));
		break;
	case 'S':
		buffer_append_text(out, "=");
		buffer_append_slice(out, reader_text(&reader));
		buffer_append_text(out, "/");
		buffer_append_slice(out, reader_text(&reader));
		break;
	case 'E':
		if (notice_read(body, &view) != OK)
			break;
		buffer_append_text(out, notice_is_fatal(&view) ? "!" : "=");
		buffer_append_slice(out, view.sqlstate);
		if (messages)
			buffer_append_format(out, "(%.*s)", (int)view.message.len,
					     view.message.data);
		break;
	default: break;
	}
}

/* What arrived, as text (to be released), and forgets it. */
static inline struct buffer talk_show(struct talk *talk, struct buffer *arrived, bool at_server)
{
	struct buffer text = BUFFER_EMPTY;

	for (size_t at = 0; at + MESSAGE_HEADER_LEN <= arrived->len;) {
		struct reader reader;
		struct slice body;
		uint32_t len;
		char type = arrived->data[at];

		reader_init(&reader, (struct slice){ arrived->data + at + 1, 4 });
		len = reader_u32(&reader) - 4;
		body = (struct slice){ arrived->data + at + MESSAGE_HEADER_LEN, len };
		buffer_append_text(&text, at ? " " : "");
		buffer_append(&text, &type, 1);
		if (at_server)
			talk_show_request(&text, type, body);
		else
			talk_show_reply(&text, type, body, talk->show_messages);
		at += MESSAGE_HEADER_LEN + len;
	}
	buffer_append(&text, "", 1);
	buffer_clear(arrived);
	return text;
}

static inline bool talk_matches(struct talk *talk, struct buffer *arrived, bool at_server,
				const char *expected, int line)
{
	struct buffer text = talk_show(talk, arrived, at_server);
	bool same = !text.failed && strcmp(text.data, expected) == 0;

	if (!same)
		printf("line %d: at the %s: \"%s\", expected \"%s\"\n", line,
		       at_server ? "server" : "client", text.data, expected);
	buffer_release(&text);
	return same;
}

/* ---- what happens ---- */

static inline void talk_end_client(struct talk *talk, int client, enum ending ending)
{
	talk->ended = ending;
	if (talk->lent[client] >= 0)
		backend_forget_creditor(&talk->servers[talk->lent[client]], talk->clients[client]);
	talk->lent[client] = -1;
}

static inline void talk_carry_out(struct talk *talk, int client, const struct step *step,
				  struct slice bytes)
{
	int server = talk->lent[client];

	if (step->kind == STEP_END) {
		talk_end_client(talk, client, step->ending);
		return;
	}
	buffer_append_slice(&talk->at_client[client], step->answer);
	if (server < 0)
		return;
	buffer_append_slice(&talk->at_server[server], step->before);
	if (step->kind == STEP_FORWARD)
		buffer_append(&talk->at_server[server], bytes.data + step->skip,
			      bytes.len - step->skip);
}

/* cut: only the name of the message has arrived. False when it must wait. */
static inline bool talk_request(struct talk *talk, int client, struct slice bytes, bool cut)
{
	int server = talk->lent[client];
	struct backend *backend = server < 0 ? NULL : &talk->servers[server];
	struct message message = {
		.type = bytes.data[0],
		.len = (uint32_t)(bytes.len - MESSAGE_HEADER_LEN),
		.body = { bytes.data + MESSAGE_HEADER_LEN, bytes.len - MESSAGE_HEADER_LEN },
		.rule = message_rule(SIDE_CLIENT, bytes.data[0]),
	};
	struct step step;

	if (cut)
		message.body.len -= 3;
	if (talk->passes && backend != NULL &&
	    conversation_passes(talk->clients[client], backend, &message)) {
		buffer_append_slice(&talk->at_server[server], bytes);
		talk->passed++;
		return true;
	}
	if (backend != NULL && conversation_must_wait(talk->clients[client], backend, &message)) {
		talk->waits = true;
		return false;
	}
	step = conversation_request(talk->clients[client], backend, &message);
	talk_carry_out(talk, client, &step, bytes);
	return true;
}

/* The client says these messages; stops at one that must wait or at its end. */
static inline void talk_send(struct talk *talk, int client, const char *script)
{
	struct slice rest = slice_of(script), token;

	talk->waits = false;
	talk->ended = END_NONE;
	while (!talk->waits && talk->ended == END_NONE && rest.len > 0) {
		struct buffer bytes = BUFFER_EMPTY;

		token = talk_cut(&rest, ' ');
		talk_write_request(&bytes, token.data[0],
				   (struct slice){ token.data + 1, token.len - 1 });
		if (bytes.failed)
			talk_end_client(talk, client, END_CLIENT_EOF);
		else
			talk_request(talk, client, buffer_slice(&bytes),
				     token.data[0] == 'P' && token.data[1] == '+');
		buffer_release(&bytes);
	}
}

static inline int talk_client_of(const struct talk *talk, const struct conversation *conversation)
{
	for (int i = 0; i < CLIENTS; i++) {
		if (talk->clients[i] == conversation)
			return i;
	}
	return -1;
}

static inline void talk_reply(struct talk *talk, int server, struct slice bytes)
{
	struct message message = {
		.type = bytes.data[0],
		.len = (uint32_t)(bytes.len - MESSAGE_HEADER_LEN),
		.body = { bytes.data + MESSAGE_HEADER_LEN, bytes.len - MESSAGE_HEADER_LEN },
		.rule = message_rule(SIDE_SERVER, bytes.data[0]),
	};
	struct conversation *flows_to;
	struct reply reply;
	int client;

	if ((message.type == 'D' || message.type == 'd') &&
	    backend_rows_flow(&talk->servers[server], &flows_to)) {
		client = talk_client_of(talk, flows_to);
		if (client >= 0)
			buffer_append_slice(&talk->at_client[client], bytes);
		return;
	}
	reply = backend_reply(&talk->servers[server], &message);
	client = talk_client_of(talk, reply.creditor);
	talk->broken |= reply.action == REPLY_BROKEN;
	talk->retry |= reply.action == REPLY_RETRY;
	talk->elsewhere |= reply.action == REPLY_ELSEWHERE;
	talk->refused |= reply.action == REPLY_REFUSED;
	talk->ready |= reply.ready;
	talk->turn_over |= reply.turn_over;
	talk->fatal |= reply.fatal;
	if (client < 0 || reply.action == REPLY_BROKEN)
		return;
	buffer_append_slice(&talk->at_client[client], reply.ahead);
	if (reply.action == REPLY_FORWARD)
		buffer_append_slice(&talk->at_client[client], bytes);
	buffer_append_slice(&talk->at_client[client], reply.behind);
}

/* The server says these messages. */
static inline void talk_say(struct talk *talk, int server, const char *script)
{
	struct slice rest = slice_of(script), token;

	talk->ready = talk->turn_over = talk->retry = talk->refused = talk->fatal = false;
	talk->broken = talk->elsewhere = false;
	while (rest.len > 0 && !talk->broken) {
		struct buffer bytes = BUFFER_EMPTY;

		token = talk_cut(&rest, ' ');
		talk_write_reply(&bytes, token.data[0],
				 (struct slice){ token.data + 1, token.len - 1 });
		if (bytes.failed)
			talk->broken = true;
		else
			talk_reply(talk, server, buffer_slice(&bytes));
		buffer_release(&bytes);
	}
}

static inline void talk_lend(struct talk *talk, int client, int server)
{
	talk->lent[client] = server;
	if (conversation_align(talk->clients[client], &talk->servers[server],
			       &talk->at_server[server]) != OK)
		talk_end_client(talk, client, END_NO_MEMORY);
}

static inline void talk_give_back(struct talk *talk, int client)
{
	backend_forget_creditor(&talk->servers[talk->lent[client]], talk->clients[client]);
	talk->lent[client] = -1;
}

/* After a retry was asked for: sends the turn again. */
static inline void talk_replay(struct talk *talk, int client)
{
	struct buffer requests;
	size_t at = 0;

	conversation_replay(talk->clients[client], &talk->servers[talk->lent[client]], &requests);
	while (at < requests.len && talk->lent[client] >= 0) {
		struct reader reader;
		uint32_t len;

		reader_init(&reader, (struct slice){ requests.data + at + 1, 4 });
		len = reader_u32(&reader) + 1;
		talk_request(talk, client, (struct slice){ requests.data + at, len }, false);
		at += len;
	}
	buffer_release(&requests);
}

/* What a pool does with a server whose client has gone, once. False: it cannot be saved. */
static inline bool talk_recover(struct talk *talk, int server)
{
	return backend_write_recovery(&talk->servers[server], &talk->at_server[server]) == OK;
}

/* ---- short hands for tests; the talk is called self ---- */

#define SENDS(client, script) talk_send(self, client, script)
#define SAYS(server, script)  talk_say(self, server, script)
#define AT_SERVER(server, text)                                                                    \
	CHECK(talk_matches(self, &self->at_server[server], true, text, __LINE__))
#define AT_CLIENT(client, text)                                                                    \
	CHECK(talk_matches(self, &self->at_client[client], false, text, __LINE__))
#define WAITS(client, script)                                                                      \
	do {                                                                                       \
		SENDS(client, script);                                                             \
		CHECK(self->waits);                                                                \
	} while (0)
#define IS_CLEAN(server) CHECK(backend_is_clean(&self->servers[server]))
/* The turn is over, and the client's server is free for another from now on. */
#define GIVES_BACK(client)                                                                         \
	do {                                                                                       \
		CHECK(self->turn_over);                                                            \
		IS_CLEAN(self->lent[client]);                                                      \
		CHECK(!conversation_is_pinned(self->clients[client]));                             \
		talk_give_back(self, client);                                                      \
	} while (0)
#define LEND(client, server) talk_lend(self, client, server)
#define RECOVERS(server, text)                                                                     \
	do {                                                                                       \
		CHECK(talk_recover(self, server));                                                 \
		AT_SERVER(server, text);                                                           \
	} while (0)

/*
 * A test with a talk called self, in which client 0 has server 0. It is run twice: once with the
 * short way for requests (conversation_passes), once without, and must not see a difference.
 */
#define TALK(name) TALK_WITH(name, 10)
#define TALK_WITH(name, prepared_max)                                                              \
	static void name##_talk(struct talk *self);                                                \
	TEST(name)                                                                                 \
	{                                                                                          \
		for (int passes = 0; passes < 2; passes++) {                                       \
			struct talk whole;                                                         \
			if (talk_open(&whole, prepared_max)) {                                     \
				whole.passes = passes;                                             \
				talk_lend(&whole, 0, 0);                                           \
				name##_talk(&whole);                                               \
			} else {                                                                   \
				FAIL("no memory");                                                 \
			}                                                                          \
			talk_close(&whole);                                                        \
		}                                                                                  \
	}                                                                                          \
	static void name##_talk(struct talk *self)

#endif
