/*
 * Login: the packets before the first message, the checks in PgBouncer's order, authentication (how
 * and against what it is, admission.c says).
 * An unknown database or a disabled one is only told to a client that proved who it is. What
 * follows after the proof is in welcome.c.
 */
#include "session_internal.h"

#include <errno.h>
#include <unistd.h>

#include "auth/challenge.h"
#include "base/alloc.h"
#include "base/log.h"
#include "base/random.h"
#include "conf/effective.h"
#include "lookup.h"
#include "net/stream_tls.h"
#include "pool/database.h"
#include "pool/pools.h"
#include "wire/sasl.h"
#include "wire/startup.h"

/* Nobody needs a longer password message, and nobody unknown gets more memory. */
#define MAX_ANSWER 70000

/* Iterations of password work all logins together may do in one turn: about 2 ms. */
#define WORK_PER_TURN 4096

void login_free(struct session *session)
{
	struct login *login = session->login;

	if (login == NULL)
		return;
	lookup_cancel(login->lookup);
	outside_cancel(login->outside);
	challenge_free(login->challenge);
	buffer_release(&login->options);
	buffer_release(&login->params);
	buffer_release(&login->unknown);
	session->waiter.dedicated = NULL;
	mem_free(login);
	session->login = NULL;
}

static void send_request(struct session *session)
{
	struct slice      data = SLICE_NONE;
	struct buffer     out = BUFFER_EMPTY;
	enum auth_request request = challenge_request(session->login->challenge, &data);

	if (request == AUTH_REQUEST_OK)
		return;
	session->login->asked = request;
	sasl_write_request(&out, request, data);
	if (out.failed)
		session_end(session, END_NO_MEMORY, NULL);
	else
		session_write(session, buffer_slice(&out));
	buffer_release(&out);
}

/* Goes on with the challenge until it waits for the client, for time, or is decided. */
static void go_on(struct session *session)
{
	struct challenge *challenge = session->login->challenge;
	struct roster    *roster = session->roster;

	switch (challenge_state(challenge)) {
	case CHALLENGE_ASKING: send_request(session); break;
	case CHALLENGE_DERIVING: loop_next_turn(roster->loop, &session->pump); break;
	case CHALLENGE_OUTSIDE: outside_ask(session); break;
	case CHALLENGE_REFUSED:
		log_debug("%s: %s", session_prefix(session), challenge_reason(challenge));
		session_end(session, challenge_ending(challenge), NULL);
		break;
	case CHALLENGE_PASSED:
		send_request(session);
		if (!session_is_leaving(session))
			welcome_begin(session);
		break;
	}
}

void login_work(struct session *session)
{
	struct roster *roster = session->roster;
	struct moment  now = loop_now(roster->loop);

	if (session->login == NULL || session->login->challenge == NULL ||
	    challenge_state(session->login->challenge) != CHALLENGE_DERIVING)
		return;
	if (roster->work_turn.us != now.us) {
		roster->work_turn = now;
		roster->work_left = WORK_PER_TURN;
	}
	if (roster->work_left > 0)
		challenge_work(session->login->challenge, &roster->work_left);
	go_on(session);
	login_read_on(session);
}

void login_judged(struct session *session, enum ending ending, const char *reason)
{
	challenge_verdict(session->login->challenge, ending, reason);
	go_on(session);
	login_read_on(session);
}

void login_challenge(struct session *session, enum auth_method method, const struct secret *secret,
                     const struct secret *example)
{
	struct roster         *roster = session->roster;
	uint8_t                random[CHALLENGE_RANDOM_LEN], end_point[STREAM_END_POINT_MAX];
	struct challenge_setup setup = {
		.method = method,
		.user = slice_of(session->user),
		.secret = secret,
		.example = example,
		.iterations = (uint32_t)roster->settings->scram_iterations,
		.mock_key = roster->mock_key,
		.random = random,
		.keyring = pools_keyring(roster->pools),
	};

	random_bytes(random, sizeof(random));
	setup.channel.data = (struct slice){ (const char *)end_point,
		                             stream_tls_end_point(session->stream, end_point) };
	if (setup.channel.data.len > 0)
		setup.channel.binding = SCRAM_BINDING_TLS_SERVER_END_POINT;
	session->login->challenge = challenge_new(&setup);
	if (session->login->challenge == NULL)
		session_end(session, END_NO_MEMORY, NULL);
	else
		go_on(session);
}

static const struct service *find_service(const struct roster *roster, const char *dbname)
{
	for (size_t i = 0; i < COUNT_OF(roster->services); i++) {
		const struct service *service = roster->services[i];

		for (const char *const *name = service ? service->names : NULL; name && *name;
		     name++) {
			if (strcmp(*name, dbname) == 0)
				return service;
		}
	}
	return NULL;
}

bool roster_has_service(const struct roster *roster, const char *dbname)
{
	return find_service(roster, dbname) != NULL;
}

static bool is_own_user(const struct session *session)
{
	struct peer peer;

	return session->is_unix && address_peer(stream_fd(session->stream), &peer) == OK &&
	       peer.uid == geteuid();
}

static bool over(unsigned count, int limit)
{
	return limit > 0 && count > (unsigned)limit;
}

/* Counts the client in its database and user and looks at their limits. */
static enum ending count_client(struct session *session)
{
	struct roster         *roster = session->roster;
	const struct settings *settings = roster->settings;
	struct slice           user = slice_of(session->user);

	if (roster_count_user(roster, user, 1) != OK)
		return END_NO_MEMORY;
	session->counted = true;
	if (session->database != NULL) {
		database_count_client(session->database, 1);
		if (over(database_clients(session->database),
		         effective_max_db_client_connections(settings,
		                                             database_settings(session->database))))
			return END_MAX_DB_CLIENTS;
	}
	if (over(roster_user_clients(roster, user),
	         effective_max_user_client_connections(settings, settings_user(settings, user))))
		return END_MAX_USER_CLIENTS;
	return END_NONE;
}

static enum ending enter_service(struct session *session)
{
	struct login        *login = session->login;
	struct service_login who = { .user = slice_of(session->user) };

	login->own_user = who.own_user = is_own_user(session);
	if (!session->service->may_enter(session->service->ctx, &who, &login->skip_authentication))
		return END_CONSOLE_NOT_ALLOWED;
	return END_NONE;
}

static bool is_configured(const struct settings *settings, struct slice database)
{
	return settings_fallback_database(settings) != NULL ||
	       settings_database(settings, database) != NULL;
}

static enum ending check_limits(struct session *session)
{
	struct roster         *roster = session->roster;
	const struct settings *settings = roster->settings;

	session->service = find_service(roster, session->dbname);
	if (session->service != NULL) {
		session->replication = REPLICATION_NONE;
		return enter_service(session);
	}
	if (roster->sessions.len - roster->served > (unsigned)settings->max_client_conn)
		return END_MAX_CLIENT_CONN;
	session->database = session_database(session, slice_of(session->dbname));
	if (session->database == NULL && is_configured(settings, slice_of(session->dbname)))
		return END_NO_MEMORY;
	return count_client(session);
}

static void write_negotiation(struct session *session)
{
	struct login *login = session->login;
	struct slice *names = mem_alloc((login->unknown_count + 1) * sizeof(*names));
	struct buffer out = BUFFER_EMPTY;
	const char   *at = login->unknown.data;

	if (names == NULL) {
		session_end(session, END_NO_MEMORY, NULL);
		return;
	}
	for (unsigned i = 0; i < login->unknown_count; i++) {
		names[i] = slice_of(at);
		at += names[i].len + 1;
	}
	startup_write_negotiate(&out, login->protocol, names, login->unknown_count);
	if (out.failed)
		session_end(session, END_NO_MEMORY, NULL);
	else
		session_write(session, buffer_slice(&out));
	buffer_release(&out);
	mem_free(names);
}

static void on_startup_message(struct session *session, const struct startup_frame *frame)
{
	static const char *const replications[] = {
		[REPLICATION_NONE] = "no",
		[REPLICATION_PHYSICAL] = "yes",
		[REPLICATION_LOGICAL] = "database",
	};
	const char *detail = NULL, *tls;
	char        proxy[80];
	enum ending ending = END_SSL_REQUIRED;

	if (!secure_is_missing(session))
		ending = startup_read(session, frame, &detail);
	stream_consume(session->stream, frame->len);
	if (ending == END_NONE) {
		detail = NULL;
		ending = check_limits(session);
	}
	if (ending != END_NONE) {
		session_end(session, ending, detail);
		return;
	}
	tls = stream_tls_info(session->stream);
	if (session->roster->settings->log_connections)
		log_line(LEVEL_LOG, session_prefix(session),
		         "login attempt: db=%s user=%s tls=%s replication=%s%s", session->dbname,
		         session->user, tls[0] ? tls : "no", replications[session->replication],
		         proxied_print(session, proxy, sizeof(proxy)));
	if (session->login->negotiate)
		write_negotiation(session);
	if (session_is_leaving(session))
		return;
	session_enter(session, SESSION_PROVING);
	if (session->login->skip_authentication)
		welcome_begin(session);
	else
		admission_begin(session);
}

static void on_cancel_request(struct session *session, const struct startup_frame *frame)
{
	struct slice key;
	char         copy[CANCEL_KEY_MAX];

	if (cancel_key_read(frame->body, &key) != OK) {
		session_end(session, END_CANCEL_BROKEN, NULL);
		return;
	}
	memcpy(copy, key.data, key.len);
	stream_consume(session->stream, frame->len);
	cancel_begin(session, (struct slice){ copy, key.len });
	explicit_bzero(copy, sizeof(copy));
}

static void greet(struct session *session)
{
	struct startup_frame frame;

	if (session->login->awaits_proxy && !proxied_read(session))
		return;
	switch (frame_startup(stream_input(session->stream), &frame)) {
	case OK: break;
	case AGAIN: return;
	case BROKEN: session_end_unreadable(session, stream_input(session->stream)); return;
	}
	switch (frame.kind) {
	case STARTUP_MESSAGE: on_startup_message(session, &frame); break;
	case STARTUP_CANCEL: on_cancel_request(session, &frame); break;
	case STARTUP_SSL_REQUEST: secure_on_ssl_request(session, &frame); break;
	case STARTUP_GSSENC_REQUEST: secure_on_gss_request(session, &frame); break;
	case STARTUP_V2: session_end(session, END_PROTOCOL_V2, NULL); break;
	case STARTUP_OTHER_VERSION: session_end(session, END_PROTOCOL_VERSION, NULL); break;
	case STARTUP_DIRECT_TLS: secure_on_direct_tls(session); break;
	}
}

/* The client's 'p' message. */
static void on_answer(struct session *session, const struct message *message)
{
	struct login *login = session->login;
	struct slice  mechanism = SLICE_NONE, data = message->body;
	enum result   result = OK;

	if (login->asked == AUTH_REQUEST_SASL)
		result = sasl_read_initial(message->body, &mechanism, &data);
	else if (login->asked != AUTH_REQUEST_SASL_CONTINUE)
		result = sasl_read_password(message->body, &data);
	if (result != OK) {
		session_end(session, END_BAD_PACKET, "bad packet");
		return;
	}
	challenge_answer(login->challenge, mechanism, data);
	stream_consume(session->stream, MESSAGE_HEADER_LEN + message->len);
	go_on(session);
}

/* The proof takes time: the client's next answer is looked at when that is over. */
static bool is_at_work(const struct login *login)
{
	return login->lookup != NULL || login->outside != NULL ||
	       (login->challenge != NULL &&
		challenge_state(login->challenge) == CHALLENGE_DERIVING);
}

static void prove(struct session *session)
{
	const struct frame_limits limits = { MAX_ANSWER, MAX_ANSWER };
	struct challenge         *challenge = session->login->challenge;
	struct message            message;
	size_t                    need = 0;
	enum result               result;

	/* More than an answer is not kept for a stranger. */
	if (is_at_work(session->login)) {
		if (stream_input(session->stream).len > MAX_ANSWER)
			session_end(session, END_BAD_PACKET, "bad packet");
		return;
	}
	if (challenge == NULL || challenge_state(challenge) != CHALLENGE_ASKING)
		return;
	result = frame_next(stream_input(session->stream), SIDE_CLIENT, &limits, &message, &need);
	if (result == AGAIN)
		return;
	if (result == BROKEN)
		session_end_unreadable(session, stream_input(session->stream));
	else if (message.type != 'p' || !message_is_whole(&message))
		session_end(session, END_BAD_PACKET, "bad packet");
	else
		on_answer(session, &message);
}

void login_read_on(struct session *session)
{
	size_t left = SIZE_MAX;

	while (!session_is_leaving(session) && session->login != NULL && session->cancel == NULL &&
	       stream_input(session->stream).len < left) {
		left = stream_input(session->stream).len;
		if (session->state == SESSION_GREETING)
			greet(session);
		else
			prove(session);
	}
}

static void on_input(void *ctx)
{
	struct session *session = ctx;

	/* Who came to cancel has nothing more to say. */
	if (session->cancel != NULL)
		stream_consume(session->stream, stream_input(session->stream).len);
	else
		login_read_on(session);
}

/* The welcome is short: it fills no stream. */
static void on_room(void *ctx)
{
	(void)ctx;
}

static void on_end(void *ctx, int error)
{
	secure_log_failure(ctx);
	session_end(ctx, error == ENOMEM ? END_NO_MEMORY : END_CLIENT_EOF, NULL);
}

const struct stream_events login_events = {
	.on_input = on_input,
	.on_room = on_room,
	.on_end = on_end,
};
