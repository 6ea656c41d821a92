#ifndef FAKE_POSTGRES_H
#define FAKE_POSTGRES_H

/*
 * A PostgreSQL for tests, on the same loop as what is tested: a Unix socket in a folder of its
 * own, logins of every kind, and a few queries it understands:
 *
 *   ""            EmptyQueryResponse          BEGIN, ROLLBACK, COMMIT
 *   SELECT n      one row with text n         FAIL         an error
 *   ROWS n        n rows of 100 bytes         HUGE n       one row of n bytes
 *   SLEEP         no answer until cancelled   DIE          FATAL, then closes
 *   anything else CommandComplete with the text's first word
 *
 * Every query is noted as "<number of the connection>:<text>" in fake.log, with blanks between.
 */

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/derivation.h"
#include "auth/keyring.h"
#include "auth/md5.h"
#include "auth/scram_server.h"
#include "base/buffer.h"
#include "base/list.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/stream.h"
#include "wire/frame.h"
#include "wire/notice.h"
#include "wire/query.h"
#include "wire/result.h"
#include "wire/sasl.h"
#include "wire/startup.h"
#include "wire/writer.h"

enum fake_login { FAKE_TRUST, FAKE_PLAIN, FAKE_MD5, FAKE_SCRAM, FAKE_REFUSE, FAKE_SILENT };

struct fake_postgres {
	struct loop     *loop;
	struct listener *listener;
	char             dir[64];
	struct list      connections;
	unsigned         count; /* logins begun */
	unsigned         open;  /* logged in */
	unsigned         cancels;
	struct buffer    log;

	/* how it behaves */
	enum fake_login login;
	const char     *password;     /* of everybody */
	const char     *sqlstate;     /* FAKE_REFUSE */
	bool            hold_cancels; /* a cancel does its work, but its connection stays open */
	bool            deaf;         /* a cancel does nothing */
	bool            mute;         /* queries are noted, not answered */
	const char     *zone;         /* reported TimeZone */
};

struct fake_connection {
	struct list_node       node;
	struct fake_postgres  *fake;
	struct stream         *stream;
	unsigned               number;
	bool                   started, logged_in, sleeping, is_cancel;
	char                   status;
	bool                   skipping;
	struct scram_server   *scram;
	struct slice           first;
	char                   user[64], database[64], application[64];
};

static const struct stream_limits fake_limits = { 65536, 1 << 24, 1 << 20, 1 << 20, 8 };

static inline void fake_send(struct fake_connection *connection, struct buffer *out)
{
	/* Without memory, which tests take away, it keeps silent. */
	if (!out->failed)
		(void)!stream_write(connection->stream, buffer_slice(out));
	buffer_release(out);
}

static inline void fake_close(struct fake_connection *connection)
{
	struct fake_postgres *fake = connection->fake;

	if (connection->logged_in)
		fake->open--;
	stream_close(connection->stream, true);
	scram_server_free(connection->scram);
	list_remove(&fake->connections, &connection->node);
	mem_free(connection);
}

static inline void fake_write_error(struct buffer *out, const char *severity,
                                    const char *sqlstate, const char *text)
{
	struct notice_view view = { .severity = slice_of(severity),
		                    .sqlstate = slice_of(sqlstate),
		                    .message = slice_of(text) };

	notice_write(out, 'E', &view);
}

static inline void fake_ready(struct fake_connection *connection, struct buffer *out)
{
	result_write_ready(out, connection->status);
	fake_send(connection, out);
}

/* ---- login ---- */

static inline void fake_let_in(struct fake_connection *connection)
{
	struct fake_postgres *fake = connection->fake;
	struct buffer         out = BUFFER_EMPTY;
	char                  key[4] = { 'k', 'e', 'y', (char)connection->number };

	sasl_write_request(&out, AUTH_REQUEST_OK, SLICE_NONE);
	result_write_parameter(&out, SLICE_LITERAL("server_version"), SLICE_LITERAL("15.99"));
	result_write_parameter(&out, SLICE_LITERAL("TimeZone"), slice_of(fake->zone));
	result_write_parameter(&out, SLICE_LITERAL("application_name"),
	                       slice_of(connection->application));
	result_write_key(&out, 1000 + connection->number, (struct slice){ key, 4 });
	connection->logged_in = true;
	connection->status = 'I';
	fake->open++;
	fake_ready(connection, &out);
}

static inline void fake_refuse(struct fake_connection *connection, const char *sqlstate,
                               const char *text)
{
	struct buffer out = BUFFER_EMPTY;

	fake_write_error(&out, "FATAL", sqlstate, text);
	fake_send(connection, &out);
	fake_close(connection);
}

static inline void fake_ask_secret(struct fake_connection *connection)
{
	struct fake_postgres *fake = connection->fake;
	struct buffer         out = BUFFER_EMPTY;
	struct slice          mechanism = SLICE_LITERAL(SCRAM_MECHANISM);

	switch (fake->login) {
	case FAKE_TRUST: fake_let_in(connection); return;
	case FAKE_REFUSE: fake_refuse(connection, fake->sqlstate, "you may not come in"); return;
	case FAKE_SILENT: return;
	case FAKE_PLAIN: sasl_write_request(&out, AUTH_REQUEST_CLEARTEXT, SLICE_NONE); break;
	case FAKE_MD5: sasl_write_request(&out, AUTH_REQUEST_MD5, SLICE_LITERAL("salt")); break;
	case FAKE_SCRAM: sasl_write_mechanisms(&out, &mechanism, 1); break;
	}
	fake_send(connection, &out);
}

static inline struct scram_recipe fake_recipe(void)
{
	struct scram_recipe recipe = { .iterations = 4096, .salt_len = 16 };

	memcpy(recipe.salt, "0123456789abcdef", 16);
	return recipe;
}

static inline void fake_scram(struct fake_connection *connection, struct slice body)
{
	struct buffer         reply = BUFFER_EMPTY, out = BUFFER_EMPTY;
	struct scram_recipe   recipe = fake_recipe();
	struct scram_keys     keys;
	struct scram_verifier verifier;
	struct slice          mechanism, data;
	uint8_t               nonce[SCRAM_NONCE_LEN] = "nonce of a server";

	if (!connection->scram) {
		CHECK(derive_keys(slice_of(connection->fake->password), &recipe, &keys) == OK);
		CHECK(scram_verifier_from_keys(&verifier, &keys) == OK);
		connection->scram = scram_server_new(&verifier, SCRAM_NO_CHANNEL);
		CHECK(sasl_read_initial(body, &mechanism, &data) == OK);
		CHECK(scram_server_first(connection->scram, mechanism, data, nonce, &reply) == OK);
		sasl_write_request(&out, AUTH_REQUEST_SASL_CONTINUE, buffer_slice(&reply));
		fake_send(connection, &out);
	} else if (scram_server_final(connection->scram, body, &reply, &keys) == OK) {
		sasl_write_request(&out, AUTH_REQUEST_SASL_FINAL, buffer_slice(&reply));
		fake_send(connection, &out);
		fake_let_in(connection);
	} else {
		fake_refuse(connection, "28P01", "wrong password");
	}
	buffer_release(&reply);
}

static inline void fake_password(struct fake_connection *connection, struct slice body)
{
	struct fake_postgres *fake = connection->fake;
	struct secret         secret = secret_of(slice_of(fake->password));
	struct slice          given;
	bool                  fits;

	if (fake->login == FAKE_SCRAM) {
		fake_scram(connection, body);
		return;
	}
	CHECK(sasl_read_password(body, &given) == OK);
	if (fake->login == FAKE_MD5)
		fits = md5_answer_fits(&secret, slice_of(connection->user),
		                       (const uint8_t *)"salt", given);
	else
		fits = slice_equal(given, slice_of(fake->password));
	if (fits)
		fake_let_in(connection);
	else
		fake_refuse(connection, "28P01", "wrong password");
}

/* ---- queries ---- */

static inline void fake_row(struct buffer *out, struct slice value)
{
	struct result_column column = { "answer", TYPE_TEXT };
	size_t               mark;

	result_write_columns(out, &column, 1, 0);
	mark = result_write_row_begin(out, 1);
	result_write_value(out, value);
	result_write_row_end(out, mark);
}

static inline void fake_rows(struct buffer *out, int count, int size)
{
	struct result_column column = { "answer", TYPE_TEXT };
	char                *value = mem_alloc((size_t)size);

	memset(value, 'x', (size_t)size);
	result_write_columns(out, &column, 1, 0);
	for (int i = 0; i < count; i++) {
		size_t mark = result_write_row_begin(out, 1);

		result_write_value(out, (struct slice){ value, (size_t)size });
		result_write_row_end(out, mark);
	}
	mem_free(value);
}

static inline void fake_run(struct fake_connection *connection, const char *text)
{
	struct buffer out = BUFFER_EMPTY;
	const char   *tag = text;

	if (!*text) {
		writer_empty(&out, 'I');
		fake_ready(connection, &out);
		return;
	}
	if (strncmp(text, "FAIL", 4) == 0) {
		fake_write_error(&out, "ERROR", "22012", "it failed");
		if (connection->status == 'T')
			connection->status = 'E';
		fake_ready(connection, &out);
		return;
	}
	if (strcmp(text, "BEGIN") == 0)
		connection->status = 'T';
	else if (strcmp(text, "ROLLBACK") == 0 || strcmp(text, "COMMIT") == 0)
		connection->status = 'I';
	else if (strncmp(text, "SELECT ", 7) == 0)
		fake_row(&out, slice_of(text + 7));
	else if (strncmp(text, "ROWS ", 5) == 0)
		fake_rows(&out, atoi(text + 5), 100);
	else if (strncmp(text, "HUGE ", 5) == 0)
		fake_rows(&out, 1, atoi(text + 5));
	result_write_tag(&out, (struct slice){ tag, strcspn(tag, " ") });
	if (strcmp(text, "DISCARD ALL") == 0) {
		buffer_clear(&out);
		result_write_tag(&out, SLICE_LITERAL("DISCARD ALL"));
	}
	fake_ready(connection, &out);
}

/* False: the connection is gone. */
static inline bool fake_query(struct fake_connection *connection, struct slice body)
{
	struct fake_postgres *fake = connection->fake;
	struct slice          text;
	char                 *copy;

	CHECK(query_read_query(body, &text) == OK);
	copy = mem_copy_text(text.data, text.len);
	if (!copy)
		return true;
	buffer_append_format(&fake->log, "%s%u:%s", fake->log.len ? " " : "", connection->number,
	                     copy);
	if (strcmp(copy, "DIE") == 0) {
		mem_free(copy);
		fake_refuse(connection, "57P01", "terminating connection");
		return false;
	}
	if (strcmp(copy, "SLEEP") == 0)
		connection->sleeping = true;
	else if (!fake->mute)
		fake_run(connection, copy);
	mem_free(copy);
	return true;
}

static inline void fake_input(void *ctx);

static inline void fake_cancel(struct fake_postgres *fake, struct fake_connection *connection,
                               struct slice body)
{
	struct slice key;
	uint32_t     pid;

	CHECK(startup_read_cancel(body, &pid, &key) == OK);
	connection->is_cancel = true;
	fake->cancels++;
	LIST_EACH(&fake->connections, node) {
		struct fake_connection *other = CONTAINER_OF(node, struct fake_connection, node);
		struct buffer           out = BUFFER_EMPTY;

		if (!other->logged_in || 1000 + other->number != pid || fake->deaf)
			continue;
		CHECK(key.len == 4 && key.data[3] == (char)other->number);
		if (!other->sleeping)
			continue;
		other->sleeping = false;
		if (other->status == 'T')
			other->status = 'E';
		fake_write_error(&out, "ERROR", "57014", "canceled");
		fake_ready(other, &out);
		fake_input(other);
	}
	if (!fake->hold_cancels)
		fake_close(connection);
}

/* SLEEP ends of itself. */
static inline void fake_wake(struct fake_postgres *fake)
{
	LIST_EACH(&fake->connections, node) {
		struct fake_connection *other = CONTAINER_OF(node, struct fake_connection, node);

		if (!other->sleeping)
			continue;
		other->sleeping = false;
		fake_run(other, "SLEEP");
		fake_input(other);
	}
}

/* Lets the cancel connections that were held go. */
static inline void fake_release_cancels(struct fake_postgres *fake)
{
	LIST_EACH(&fake->connections, node) {
		struct fake_connection *other = CONTAINER_OF(node, struct fake_connection, node);

		if (other->is_cancel)
			fake_close(other);
	}
}

/* ---- input ---- */

static inline void fake_copy(char *to, size_t cap, struct slice text)
{
	snprintf(to, cap, "%.*s", (int)text.len, text.data);
}

static inline void fake_start(struct fake_connection *connection, struct slice body)
{
	struct startup_pairs pairs;
	struct slice         name, value;

	connection->started = true;
	connection->number = ++connection->fake->count;
	startup_pairs_init(&pairs, body);
	while (startup_pairs_next(&pairs, &name, &value) == OK) {
		if (slice_equal(name, SLICE_LITERAL("user")))
			fake_copy(connection->user, sizeof(connection->user), value);
		else if (slice_equal(name, SLICE_LITERAL("database")))
			fake_copy(connection->database, sizeof(connection->database), value);
		else if (slice_equal(name, SLICE_LITERAL("application_name")))
			fake_copy(connection->application, sizeof(connection->application),
			          value);
	}
	fake_ask_secret(connection);
}

/* False: the connection is gone. */
static inline bool fake_message(struct fake_connection *connection,
                                const struct message *message)
{
	struct buffer out = BUFFER_EMPTY;

	switch (message->type) {
	case 'p': fake_password(connection, message->body); return true;
	case 'Q': return fake_query(connection, message->body);
	case 'S': fake_ready(connection, &out); return true;
	case 'X': fake_close(connection); return false;
	default: FAIL("the fake got '%c'", message->type); return true;
	}
}

static inline bool fake_is_there(struct fake_postgres *fake, struct fake_connection *wanted)
{
	LIST_EACH(&fake->connections, node)
		if (CONTAINER_OF(node, struct fake_connection, node) == wanted)
			return true;
	return false;
}

static inline void fake_input(void *ctx)
{
	struct fake_connection *connection = ctx;
	struct fake_postgres   *fake = connection->fake;
	struct frame_limits     limits = { 1 << 24, 1 << 24 };
	struct startup_frame    frame;
	struct message          message;
	size_t                  need;

	if (!connection->started && !connection->is_cancel) {
		if (frame_startup(stream_input(connection->stream), &frame) != OK)
			return;
		stream_consume(connection->stream, frame.len);
		if (frame.kind == STARTUP_CANCEL)
			fake_cancel(fake, connection, frame.body);
		else
			fake_start(connection, frame.body);
	}
	while (fake_is_there(fake, connection) && connection->started &&
	       frame_next(stream_input(connection->stream), SIDE_CLIENT, &limits, &message,
	                  &need) == OK) {
		size_t n = message.len + MESSAGE_HEADER_LEN;

		/* While it sleeps it reads nothing. */
		if (connection->sleeping || !fake_message(connection, &message) ||
		    !fake_is_there(fake, connection))
			return;
		stream_consume(connection->stream, n);
	}
}

static inline void fake_room(void *ctx)
{
	(void)ctx;
}

static inline void fake_end(void *ctx, int error)
{
	(void)error;
	fake_close(ctx);
}

static const struct stream_events fake_events = {
	.on_input = fake_input,
	.on_room = fake_room,
	.on_end = fake_end,
};

static inline void fake_accept(void *ctx, int fd, const struct address *peer)
{
	struct fake_postgres   *fake = ctx;
	struct fake_connection *connection = mem_alloc_zero(sizeof(*connection));

	(void)peer;
	if (!connection) {
		close(fd);
		return;
	}
	connection->fake = fake;
	connection->stream = stream_new(fake->loop, fd, &fake_limits, &fake_events, connection);
	if (connection->stream)
		list_append(&fake->connections, &connection->node);
	else
		mem_free(connection);
}

/* ---- life ---- */

static inline void fake_listen(struct fake_postgres *fake)
{
	struct listener_options options = { .backlog = 64, .unix_mode = 0700, .unix_group = "" };
	struct address          address;

	CHECK(address_unix(slice_of(fake->dir), 5432, &address) == OK);
	fake->listener = listener_new(fake->loop, &address, &options, fake_accept, fake);
	CHECK(fake->listener != NULL);
}

static inline void fake_init(struct fake_postgres *fake, struct loop *loop)
{
	*fake = (struct fake_postgres){ .loop = loop, .password = "secret", .sqlstate = "28000",
		                        .zone = "UTC" };
	list_init(&fake->connections);
	strcpy(fake->dir, "/tmp/fake_postgres_XXXXXX");
	CHECK(mkdtemp(fake->dir) != NULL);
	fake_listen(fake);
}

static inline void fake_kick_all(struct fake_postgres *fake)
{
	LIST_EACH(&fake->connections, node)
		fake_close(CONTAINER_OF(node, struct fake_connection, node));
}

/* Nobody listens any more. */
static inline void fake_stop_listening(struct fake_postgres *fake)
{
	listener_free(fake->listener);
	fake->listener = NULL;
}

static inline void fake_release(struct fake_postgres *fake)
{
	fake_kick_all(fake);
	fake_stop_listening(fake);
	buffer_release(&fake->log);
	rmdir(fake->dir);
}

/* The connection of that number, or NULL. */
static inline struct fake_connection *fake_find(struct fake_postgres *fake, unsigned number)
{
	LIST_EACH(&fake->connections, node) {
		struct fake_connection *connection =
			CONTAINER_OF(node, struct fake_connection, node);

		if (connection->number == number && !connection->is_cancel)
			return connection;
	}
	return NULL;
}

#endif
