/*
 * The handshake with PostgreSQL on a connected socket: SSLRequest, StartupMessage, authentication
 * (cleartext, md5, SCRAM with a password or with a client's keys), settings, cancel key,
 * connect_query (PostgreSQL docs, "Start-up"). Owns struct server_login, which exists from
 * the connect to the end of the login; the derivation of SCRAM keys is spread over turns.
 *
 * Every way out is either fail() or server_login_done().
 */

#include <stdio.h>
#include <string.h>

#include "auth/derivation.h"
#include "auth/md5.h"
#include "auth/scram_client.h"
#include "base/alloc.h"
#include "base/log.h"
#include "base/random.h"
#include "net/stream_tls.h"
#include "pool/login_secret.h"
#include "pool_internal.h"
#include "wire/frame.h"
#include "wire/notice.h"
#include "wire/result.h"
#include "wire/sasl.h"
#include "wire/startup.h"

#define LOGIN_COLLECT_MAX 65536
/* PBKDF2 iterations a turn, of all logins: PostgreSQL's default recipe in one go, about 2 ms. */
#define DERIVE_PER_TURN 4096

enum sasl_stage { SASL_NONE, SASL_FIRST_SENT, SASL_FINAL_SENT, SASL_VERIFIED };

struct server_login {
	struct server       *server;
	enum sasl_stage      sasl;
	struct scram_client *scram;
	struct scram_recipe  recipe;
	struct derivation   *derivation;
	struct loop_task     task; /* goes on with the derivation */
	bool                 asks_tls; /* SSLRequest is not answered yet */
	bool                 authenticated;
	const struct varset *reported; /* all settings the server told of */
};

static void fail(struct server *server, enum ending why)
{
	server_refused(server, why, NULL, SLICE_NONE);
}

static void send_out(struct server *server, struct buffer *out)
{
	bool failed = out->failed;

	/* A stream that cannot send tells by its end. */
	if (!failed && stream_write(server->stream, buffer_slice(out)) != OK)
		log_line(LEVEL_DEBUG, server_prefix(server), "cannot send");
	if (out->data)
		explicit_bzero(out->data, out->len);
	buffer_release(out);
	if (failed)
		fail(server, END_NO_MEMORY);
}

/* ---- the start-up packet ---- */

static void write_pair(struct buffer *out, const char *name, const char *value)
{
	if (value)
		startup_write_pair(out, slice_of(name), slice_of(value));
}

static void send_startup(struct server *server)
{
	const struct database         *database = server->pool->database;
	const struct database_settings *entry = database->entry;
	struct buffer                   out = BUFFER_EMPTY;
	uint32_t                        version = server_protocol_ask(server);
	size_t                          mark = startup_write_begin(&out, version);

	write_pair(&out, "user", server->pool->user);
	write_pair(&out, "database", effective_dbname(entry, database->name));
	write_pair(&out, "client_encoding", entry->client_encoding);
	write_pair(&out, "datestyle", entry->datestyle);
	write_pair(&out, "timezone", entry->timezone);
	write_pair(&out, "application_name", entry->application_name);
	/* The same name once more: PostgreSQL takes the last (its ProcessStartupPacket). */
	if (server->claim)
		buffer_append_slice(&out, buffer_slice(server->claim->dedicated->startup));
	startup_write_end(&out, mark);
	send_out(server, &out);
}

static void go_on_securing(struct server *server, enum secure_answer answer, enum ending why)
{
	switch (answer) {
	case SECURE_WAIT:
	case SECURE_SHAKING: return;
	case SECURE_BROKEN: fail(server, why); return;
	case SECURE_PLAIN: break;
	}
	server->login->asks_tls = false;
	send_startup(server);
}

static void derive_on(struct loop_task *task);

void server_login_start(struct server *server)
{
	struct pools        *pools = server->pool->pools;
	struct server_login *login = mem_alloc_zero(sizeof(*login));
	struct span          timeout = pools->settings->server_connect_timeout;

	if (!login) {
		fail(server, END_NO_MEMORY);
		return;
	}
	login->server = server;
	login->task.run = derive_on;
	login->reported = varset_empty(pools->varsets);
	server->login = login;
	if (timeout.us > 0)
		timer_arm(&server->timer, moment_after(server->born, timeout));
	login->asks_tls = true;
	go_on_securing(server, secure_begin(server, server->stream), END_NO_MEMORY);
}

static void on_ssl_answer(struct server *server)
{
	enum ending        why = END_NONE;
	enum secure_answer answer = secure_take_answer(server, server->stream, &why);

	go_on_securing(server, answer, why);
}

void server_login_secured(struct server *server)
{
	if (server->pool->pools->settings->log_connections)
		log_line(LEVEL_LOG, server_prefix(server), "SSL established: %s",
		         stream_tls_info(server->stream));
	server->login->asks_tls = false;
	send_startup(server);
}

void server_login_free(struct server *server)
{
	struct server_login *login = server->login;

	if (!login)
		return;
	server->login = NULL;
	loop_forget(server->pool->pools->loop, &login->task);
	scram_client_free(login->scram);
	derivation_free(login->derivation);
	varset_unref(login->reported);
	mem_free(login);
}

/* ---- authentication ---- */

static enum channel_binding binding_of(const struct server *server)
{
	const struct pool *pool = server->pool;

	return effective_channel_binding(pool->pools->settings, pool->database->entry);
}

static void answer_cleartext(struct server *server)
{
	struct login_secret secret;
	struct buffer       out = BUFFER_EMPTY;

	pool_login_secret(server->pool, &secret);
	if (secret.secret.kind != SECRET_PLAIN) {
		fail(server, END_WRONG_PASSWORD_TYPE);
		return;
	}
	sasl_write_password(&out, secret.secret.text);
	send_out(server, &out);
}

static void answer_md5(struct server *server, struct slice salt)
{
	struct login_secret secret;
	struct buffer       out = BUFFER_EMPTY;
	char                answer[MD5_TEXT_LEN + 1];

	pool_login_secret(server->pool, &secret);
	if (salt.len != MD5_SALT_LEN) {
		fail(server, END_SERVER_PROTOCOL);
		return;
	}
	if (md5_answer(&secret.secret, slice_of(server->pool->user), (const uint8_t *)salt.data,
	               answer) != OK) {
		fail(server, END_WRONG_PASSWORD_TYPE);
		return;
	}
	sasl_write_password(&out, slice_of(answer));
	send_out(server, &out);
}

static bool offers(struct slice list, struct slice mechanism)
{
	struct slice name;

	while (sasl_next_mechanism(&list, &name) == OK)
		if (slice_equal(name, mechanism))
			return true;
	return false;
}

/*
 * The mechanism to use, tied to the TLS channel where both sides can; data NULL: none that we
 * know. *declined: we can, but the server did not offer it, which it is told, so that it can tell
 * whether somebody on the way took the offer out (RFC 5802 section 6).
 */
static struct slice choose_mechanism(const struct server *server, struct slice list,
                                     uint8_t end_point[STREAM_END_POINT_MAX],
                                     struct scram_channel *channel, bool *declined)
{
	enum channel_binding binding = binding_of(server);
	size_t               len = 0;

	*channel = SCRAM_NO_CHANNEL;
	if (binding != CHANNEL_BINDING_DISABLE)
		len = stream_tls_end_point(server->stream, end_point);
	*declined = false;
	if (len > 0 && offers(list, SLICE_LITERAL(SCRAM_MECHANISM_PLUS))) {
		*channel = (struct scram_channel){ SCRAM_BINDING_TLS_SERVER_END_POINT,
			                           { (const char *)end_point, len } };
		return SLICE_LITERAL(SCRAM_MECHANISM_PLUS);
	}
	*declined = len > 0;
	if (binding == CHANNEL_BINDING_REQUIRE || !offers(list, SLICE_LITERAL(SCRAM_MECHANISM)))
		return SLICE_NONE;
	return SLICE_LITERAL(SCRAM_MECHANISM);
}

static void begin_sasl(struct server *server, struct slice mechanisms)
{
	struct server_login *login = server->login;
	struct login_secret  secret;
	struct buffer        first = BUFFER_EMPTY, out = BUFFER_EMPTY;
	uint8_t              nonce[SCRAM_NONCE_LEN], end_point[STREAM_END_POINT_MAX];
	struct scram_channel channel;
	bool                 declined;
	struct slice         mechanism =
		choose_mechanism(server, mechanisms, end_point, &channel, &declined);

	pool_login_secret(server->pool, &secret);
	if (login->sasl != SASL_NONE || !mechanism.data) {
		fail(server, binding_of(server) == CHANNEL_BINDING_REQUIRE ?
		                     END_SERVER_CHANNEL_BINDING :
		                     END_SERVER_MECHANISM);
		return;
	}
	if (secret.secret.kind != SECRET_PLAIN && !secret.keys) {
		fail(server, END_WRONG_PASSWORD_TYPE);
		return;
	}
	random_bytes(nonce, sizeof(nonce));
	login->scram = scram_client_new(channel);
	if (!login->scram || scram_client_first(login->scram, declined, nonce, &first) != OK) {
		buffer_release(&first);
		fail(server, END_NO_MEMORY);
		return;
	}
	login->sasl = SASL_FIRST_SENT;
	sasl_write_initial(&out, mechanism, buffer_slice(&first));
	buffer_release(&first);
	send_out(server, &out);
}

/* Why the exchange is BROKEN. */
static enum ending scram_failure(const struct server_login *login, enum ending otherwise)
{
	return scram_client_lacks_memory(login->scram) ? END_NO_MEMORY : otherwise;
}

static void send_final(struct server *server, const struct scram_keys *keys)
{
	struct server_login *login = server->login;
	struct buffer        final = BUFFER_EMPTY, out = BUFFER_EMPTY;

	if (scram_client_final(login->scram, keys, &final) != OK) {
		buffer_release(&final);
		fail(server, scram_failure(login, END_SERVER_LOGIN_FAILED));
		return;
	}
	login->sasl = SASL_FINAL_SENT;
	sasl_write_response(&out, buffer_slice(&final));
	buffer_release(&final);
	send_out(server, &out);
}

/* What is left of this turn's share for all logins. */
static uint32_t *derive_budget(struct pools *pools)
{
	struct moment now = loop_now(pools->loop);

	if (pools->derive_turn.us != now.us) {
		pools->derive_turn = now;
		pools->derive_left = DERIVE_PER_TURN;
	}
	return &pools->derive_left;
}

/* A piece of the derivation; the next one in the next turn, in the order in which they came. */
static void derive_on(struct loop_task *task)
{
	struct server_login *login = CONTAINER_OF(task, struct server_login, task);
	struct server       *server = login->server;
	struct pools        *pools = server->pool->pools;
	uint32_t            *budget = derive_budget(pools);
	struct scram_keys    keys;
	struct login_secret  secret;

	if (*budget == 0) {
		loop_next_turn(pools->loop, task);
		return;
	}
	switch (derivation_run(login->derivation, budget, &keys)) {
	case AGAIN: loop_next_turn(pools->loop, task); return;
	case BROKEN: fail(server, END_SERVER_LOGIN_FAILED); return;
	case OK: break;
	}
	pool_login_secret(server->pool, &secret);
	if (secret.secret.kind == SECRET_PLAIN)
		keyring_put(pools->keyring, secret.secret.text, &keys);
	send_final(server, &keys);
	scram_keys_wipe(&keys);
}

static void answer_challenge(struct server *server, struct slice data)
{
	struct server_login     *login = server->login;
	struct pools            *pools = server->pool->pools;
	const struct scram_keys *keys;
	struct login_secret      secret;

	if (login->sasl != SASL_FIRST_SENT || login->derivation) {
		fail(server, END_SERVER_PROTOCOL);
		return;
	}
	if (scram_client_challenge(login->scram, data, &login->recipe) != OK) {
		log_line(LEVEL_WARNING, server_prefix(server), "server login failed: %s",
		         scram_client_reason(login->scram));
		fail(server, scram_failure(login, END_SERVER_LOGIN_FAILED));
		return;
	}
	pool_login_secret(server->pool, &secret);
	if (secret.secret.kind == SECRET_PLAIN)
		keys = keyring_find(pools->keyring, secret.secret.text, &login->recipe);
	else
		keys = secret.keys;
	if (keys && !scram_recipe_equal(&keys->recipe, &login->recipe)) {
		fail(server, END_WRONG_PASSWORD_TYPE);
		return;
	}
	if (keys) {
		send_final(server, keys);
		return;
	}
	login->derivation = derivation_new(secret.secret.text, &login->recipe);
	if (login->derivation)
		loop_next_turn(pools->loop, &login->task);
	else
		fail(server, END_NO_MEMORY);
}

static void finish_sasl(struct server *server, struct slice data)
{
	struct server_login *login = server->login;

	if (login->sasl != SASL_FINAL_SENT || scram_client_finish(login->scram, data) != OK)
		fail(server, END_SERVER_SIGNATURE);
	else
		login->sasl = SASL_VERIFIED;
}

static void on_authentication(struct server *server, struct slice body)
{
	struct server_login *login = server->login;
	struct auth_view     view;

	if (login->authenticated || sasl_read_request(body, &view) != OK) {
		fail(server, END_SERVER_PROTOCOL);
		return;
	}
	if (view.request < AUTH_REQUEST_SASL && login->sasl != SASL_VERIFIED &&
	    binding_of(server) == CHANNEL_BINDING_REQUIRE) {
		fail(server, END_SERVER_CHANNEL_BINDING);
		return;
	}
	switch (view.request) {
	case AUTH_REQUEST_OK:
		/* A server that breaks SCRAM off has not shown that it knows the verifier. */
		if (login->sasl != SASL_NONE && login->sasl != SASL_VERIFIED)
			fail(server, END_SERVER_SIGNATURE);
		else
			login->authenticated = true;
		return;
	case AUTH_REQUEST_CLEARTEXT: answer_cleartext(server); return;
	case AUTH_REQUEST_MD5: answer_md5(server, view.data); return;
	case AUTH_REQUEST_SASL: begin_sasl(server, view.data); return;
	case AUTH_REQUEST_SASL_CONTINUE: answer_challenge(server, view.data); return;
	case AUTH_REQUEST_SASL_FINAL: finish_sasl(server, view.data); return;
	default: fail(server, END_WRONG_PASSWORD_TYPE); return;
	}
}

/* ---- after authentication ---- */

static void on_error(struct server *server, struct slice body)
{
	char               text[256];
	struct notice_view view;

	if (server_protocol_steps_down(server, body)) {
		server_close(server, END_SERVER_OLD_PROTOCOL, NULL);
		return;
	}
	server_error_text(body, text, sizeof(text));
	if (server->dedicated)
		log_line(LEVEL_ERROR, server_prefix(server), "login failed: %s", text);
	else
		log_line(LEVEL_WARNING, server_prefix(server), "server login failed: %s", text);
	if (notice_read(body, &view) != OK)
		view.message = SLICE_LITERAL("login failed");
	snprintf(text, sizeof(text), "%.*s", (int)view.message.len, view.message.data);
	server_refused(server, END_SERVER_LOGIN_FAILED, server->dedicated ? "login failed" : text,
	               body);
}

enum result server_login_note(struct server *server, struct slice body)
{
	struct server_login *login = server->login;
	const struct varset *set;
	struct slice         name, value;

	if (result_read_parameter(body, &name, &value) != OK)
		return BROKEN;
	set = varset_with(login->reported, name, value);
	if (!set)
		return BROKEN;
	varset_unref(login->reported);
	login->reported = set;
	return OK;
}

static void on_parameter(struct server *server, struct slice body)
{
	struct slice name, value;

	if (result_read_parameter(body, &name, &value) != OK)
		fail(server, END_SERVER_BAD_STATUS);
	else if (server_login_note(server, body) != OK ||
	         backend_note_parameter(&server->backend, name, value) != OK)
		fail(server, END_NO_MEMORY);
}

static void on_key(struct server *server, struct slice body)
{
	struct slice key;

	if (server->key || result_read_key(body, &server->pid, &key) != OK) {
		fail(server, END_SERVER_BAD_KEY);
		return;
	}
	server->key = mem_copy_text(key.data, key.len);
	server->key_len = key.len;
	if (!server->key)
		fail(server, END_NO_MEMORY);
}

static void on_negotiation(struct server *server, struct slice body)
{
	if (server_protocol_negotiated(server, body) != OK)
		fail(server, END_SERVER_PROTOCOL);
}

static void on_ready(struct server *server)
{
	const char   *query = server->pool->database->entry->connect_query;
	struct buffer out = BUFFER_EMPTY;

	if (!server->login->authenticated) {
		fail(server, END_SERVER_PROTOCOL);
		return;
	}
	if (!query || !*query || server->dedicated) {
		server_login_done(server);
		return;
	}
	if (backend_write_query(&server->backend, slice_of(query), &out) != OK) {
		buffer_release(&out);
		fail(server, END_NO_MEMORY);
		return;
	}
	server->work = WORK_CONNECT_QUERY;
	send_out(server, &out);
}

void server_login_done(struct server *server)
{
	struct pool *pool = server->pool;

	/* Its error was logged; the reference goes on, too. */
	(void)backend_own_query_failed(&server->backend);
	server->work = WORK_NONE;
	timer_disarm(&server->timer);
	server->connected = loop_now(pool->pools->loop);
	if (server->dedicated) {
		server->welcome = varset_ref(server->login->reported);
		server_login_free(server);
		dedicated_is_ready(server);
		return;
	}
	pool_login_succeeded(pool, server->login->reported);
	server_login_free(server);
	server_release(server);
}

static void on_message(struct server *server, const struct message *message)
{
	bool first = !server->answered;

	/* Set behind an error, for that may be why there is no other answer. */
	if (message->type != 'E' && message->type != 'N')
		server->answered = true;
	switch (message->type) {
	case 'v':
		if (first)
			on_negotiation(server, message->body);
		else
			fail(server, END_SERVER_PROTOCOL);
		return;
	case 'R': on_authentication(server, message->body); return;
	case 'E': on_error(server, message->body); return;
	case 'S': on_parameter(server, message->body); return;
	case 'K': on_key(server, message->body); return;
	case 'Z': on_ready(server); return;
	case 'N': return;
	default: fail(server, END_SERVER_PROTOCOL); return;
	}
}

void server_login_input(struct server *server)
{
	struct frame_limits limits = { LOGIN_COLLECT_MAX, LOGIN_COLLECT_MAX };
	struct message      message;
	struct slice        input;
	size_t              need;

	if (!server->login)
		return;
	if (server->login->asks_tls) {
		on_ssl_answer(server);
		return;
	}
	while (server->state == SERVER_LOGIN && server->work == WORK_NONE) {
		input = stream_input(server->stream);
		switch (frame_next(input, SIDE_SERVER, &limits, &message, &need)) {
		case AGAIN: stream_expect(server->stream, need); return;
		case BROKEN: fail(server, server_unreadable(input, END_SERVER_PROTOCOL)); return;
		case OK: break;
		}
		if (!message_is_whole(&message)) {
			fail(server, END_SERVER_PROTOCOL);
			return;
		}
		on_message(server, &message);
		if (server->state == SERVER_LEAVING)
			return;
		stream_consume(server->stream, message.body.len + MESSAGE_HEADER_LEN);
		if (!server->login && server->state == SERVER_LOGIN)
			return;
	}
	server_pump(server);
}
