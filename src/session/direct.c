/*
 * Where the transactions of a client of a cluster go: judges a turn before a server is asked for,
 * lets the policy choose a host, waits where there is none now, and sees that a turn on a replica
 * is alone, can be moved, and that later reads see what was written. Owns struct direction, which
 * clients of other entries do not have. Called by request.c and reply.c.
 */
#include "direct_internal.h"

#include "base/alloc.h"
#include "base/random.h"
#include "conf/effective.h"
#include "pool/database.h"
#include "pool/server.h"
#include "route/position.h"
#include "sql/scan.h"
#include "track/guard.h"
#include "wire/notice.h"

/* So long SHOW pgcarwash.position waits for a round of probes, and so often it looks. */
#define POSITION_MS	 2000
#define POSITION_POLL_MS 10

enum result direct_open(struct session *session)
{
	if (database_cluster(session->database) == NULL || session->direction != NULL)
		return OK;
	session->direction = mem_alloc_zero(sizeof(*session->direction));
	if (session->direction == NULL)
		return BROKEN;
	session->direction->held_since = session->direction->position_asked = MOMENT_NEVER;
	return OK;
}

void direct_close(struct session *session)
{
	if (session->direction == NULL)
		return;
	buffer_release(&session->direction->begin);
	buffer_release(&session->direction->opened);
	buffer_release(&session->direction->moved);
	mem_free(session->direction);
	session->direction = NULL;
}

bool direct_has_block(const struct session *session)
{
	return session->direction != NULL && session->direction->begin.len > 0;
}

void direct_forget_block(struct session *session)
{
	struct direction *direction = session->direction;

	buffer_release(&direction->begin);
	direction->begin_reads = false;
	direction->block_wish = WISH_AUTO;
}

enum route_wish direct_wish(const struct session *session)
{
	const struct direction *direction = session->direction;

	return direction->block_wish != WISH_AUTO ? direction->block_wish : direction->wish;
}

/* ---- what a read must see ---- */

static struct slice scope_of(const struct session *session, enum read_consistency consistency)
{
	switch (consistency) {
	case CONSISTENCY_USER: return slice_of(session->user);
	case CONSISTENCY_APPLICATION:
		return varset_value(conversation_wants(session->conversation),
		                    SLICE_LITERAL("application_name"));
	default: return SLICE_NONE;
	}
}

static uint64_t newest(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t find_need(const struct session *session, const struct cluster *cluster)
{
	const struct direction *direction = session->direction;
	enum read_consistency   consistency = cluster_options(cluster)->consistency;
	uint64_t                need = direction->after;

	if (consistency == CONSISTENCY_NONE)
		return need;
	need = newest(need, newest(direction->written, direction->seen));
	if (consistency == CONSISTENCY_SESSION)
		return need;
	return newest(need, position_scope_need(cluster, scope_of(session, consistency)));
}

static void note_write(struct session *session)
{
	struct cluster       *cluster = database_cluster(session->database);
	enum read_consistency consistency;

	/* Where nothing is split nothing is judged: a read would look like a write. */
	if (cluster == NULL || !cluster_options(cluster)->splits)
		return;
	consistency = cluster_options(cluster)->consistency;
	session->direction->written = position_need(cluster);
	if (consistency > CONSISTENCY_SESSION)
		position_note_scope(cluster, scope_of(session, consistency),
		                    session->direction->written);
}

/* What was read on the primary is in no older state than the newest round sent. */
static void note_seen(struct session *session)
{
	const struct cluster *cluster = database_cluster(session->database);
	struct direction     *direction = session->direction;

	if (cluster != NULL && direction->splits && !direction->on_replica)
		direction->seen = newest(direction->seen, position_need(cluster) - 1);
}

void direct_ready(struct session *session)
{
	struct direction *direction = session->direction;

	buffer_release(&direction->opened);
	if (direction->writes)
		note_write(session);
	if (direction->drops && server_backend(session->server)->status == 'I' &&
	    conversation_errors(session->conversation) == direction->errors)
		direction->kept &= (uint16_t)~direction->drops;
	direction->drops = 0;
}

void direct_given_back(struct session *session)
{
	struct direction *direction = session->direction;

	/* What it asked last may have been done or may yet be. */
	if (direction->writes && (session->in_query || session->in_transaction))
		note_write(session);
	note_seen(session);
	buffer_release(&direction->opened);
	direction->writes = direction->on_replica = direction->in_turn = direction->judged = false;
	direction->block_wish = WISH_AUTO;
	direction->without = 0;
}

/* ---- choosing ---- */

static bool is_session_pooling(const struct session *session)
{
	return pool_mode(session->pool) == POOL_MODE_SESSION;
}

static enum route_wish wish_of(const struct session *session)
{
	switch (session->direction->intent.hint) {
	case VERDICT_HINT_PRIMARY: return WISH_PRIMARY;
	case VERDICT_HINT_REPLICA: return WISH_REPLICA;
	default: return direct_wish(session);
	}
}

static struct route_choice choose(struct session *session, struct cluster *cluster)
{
	struct direction    *direction = session->direction;
	const struct intent *intent = &direction->intent;
	bool                 random = cluster_options(cluster)->balance == BALANCE_RANDOM;
	struct route_request request = {
		.reads = intent->reads && !is_session_pooling(session),
		.read_only_block = intent->opens,
		.keeps = direction->kept != 0,
		.need = find_need(session, cluster),
		.without = direction->without,
		.waited = direction->waited,
		.random = random ? (uint32_t)random_below(UINT32_MAX) : 0,
	};
	struct route_choice choice;

	pool_see_hosts(session->pool, &request.available, &request.refusing);
	direction->splits = cluster_options(cluster)->splits;
	if (direction->splits && !is_session_pooling(session))
		request.wish = wish_of(session);
	choice = policy_choose(cluster, &request, loop_now(session->roster->loop));
	if (is_session_pooling(session) && choice.reason == ROUTE_WRITE)
		choice.reason = ROUTE_SESSION;
	if (direction->without != 0 && choice.reason == ROUTE_WRITE)
		choice.reason = ROUTE_REFUSED;
	return choice;
}

/* ---- waiting for a host ---- */

static struct span hold_of(const struct session *session)
{
	const struct settings          *settings = session->roster->settings;
	const struct database_settings *entry = database_settings(session->database);

	if (session->direction->choice.reason == ROUTE_HELD_NO_REPLICA)
		return effective_replica_wait_timeout(settings, entry);
	return effective_failover_hold(settings, entry);
}

static enum ending ending_of_hold(const struct session *session)
{
	return session->direction->choice.reason == ROUTE_HELD_NO_REPLICA ? END_REPLICA_WAIT :
	                                                                    END_FAILOVER_HOLD;
}

struct moment direct_hold_ends(const struct session *session, enum ending *why)
{
	if (session->direction == NULL || moment_is_never(session->direction->held_since))
		return MOMENT_NEVER;
	if (session->direction->asks_position) {
		*why = END_REPLICA_WAIT;
		return moment_after(session->direction->held_since, span_ms(POSITION_POLL_MS));
	}
	*why = ending_of_hold(session);
	return moment_after(session->direction->held_since, hold_of(session));
}

static void tell_of_hold(struct session *session)
{
	const struct notice_view notice = {
		.severity = SLICE_LITERAL("NOTICE"),
		.sqlstate = SLICE_LITERAL("00000"),
		.message = slice_of(route_reason_text(session->direction->choice.reason)),
	};
	struct buffer out = BUFFER_EMPTY;

	notice_write(&out, 'N', &notice);
	session_write(session, buffer_slice(&out));
	buffer_release(&out);
}

/* The turn is not run: its client is told, and stays unless a block of its own is open. */
static void refuse(struct session *session, enum ending why)
{
	const struct ending_row *row = ending_row(why);

	session->direction->held_since = MOMENT_NEVER;
	if (session->direction->begin.len > 0 ||
	    !request_refuse_waiting(session, row->sqlstate, row->text))
		session_end(session, why, NULL);
}

static void hold(struct session *session)
{
	struct direction *direction = session->direction;
	bool              begins = moment_is_never(direction->held_since);

	if (begins) {
		direction->held_since = loop_now(session->roster->loop);
		database_count_route(session->database, direction->choice.reason);
	}
	pool_hold(session->pool, &session->waiter);
	if (session->state != SESSION_WAITING)
		session_enter(session, SESSION_WAITING);
	if (begins && hold_of(session).us > 0)
		tell_of_hold(session);
	if (!session_is_leaving(session))
		session_watch_deadline(session);
}

/* ---- waiting for a position ---- */

/* True: it waits now; false: it has waited long enough. */
static bool wait_for_position(struct session *session)
{
	struct direction *direction = session->direction;
	struct moment     now = loop_now(session->roster->loop);

	if (moment_is_never(direction->position_asked))
		direction->position_asked = now;
	if (moment_reached(moment_after(direction->position_asked, span_ms(POSITION_MS)), now))
		return false;
	direction->asks_position = true;
	direction->held_since = now;
	pool_hold(session->pool, &session->waiter);
	session_enter(session, SESSION_WAITING);
	return true;
}

/* Asks again, from the beginning. */
static void ask_position_again(struct session *session)
{
	struct direction *direction = session->direction;

	direction->asks_position = false;
	direction->held_since = MOMENT_NEVER;
	pool_withdraw(&session->waiter);
	session_enter(session, SESSION_IDLE);
	loop_at_end(session->roster->loop, &session->pump);
}

void direct_hold_over(struct session *session)
{
	struct direction *direction = session->direction;

	if (direction->asks_position) {
		ask_position_again(session);
		return;
	}
	if (direction->choice.reason != ROUTE_HELD_NO_REPLICA || direction->waited) {
		refuse(session, ending_of_hold(session));
		return;
	}
	direction->waited = true;
	direction->held_since = MOMENT_NEVER;
	pool_withdraw(&session->waiter);
	session->waiter.resumed = true;
	direct_again(session);
}

/* ---- asking ---- */

/* OK: *server is lent; AGAIN: it waits; BROKEN: the session is over. */
static enum result ask(struct session *session, struct pool *pool, struct server **server)
{
	enum result result;

	session->direction->held_since = MOMENT_NEVER;
	if (pool == NULL) {
		session_end(session, END_NO_MEMORY, NULL);
		return BROKEN;
	}
	result = pool_ask(pool, &session->waiter, server);
	if (result == AGAIN && session->state != SESSION_WAITING)
		session_enter(session, SESSION_WAITING);
	return result;
}

/*
 * Chooses and asks. OK: *server is lent; AGAIN: the session waits; BROKEN: it was told that this
 * turn is not run, or it is over.
 */
static enum result decide(struct session *session, struct server **server)
{
	struct direction *direction = session->direction;
	struct cluster   *cluster = database_cluster(session->database);

	session->waiter.for_primary = false;
	if (cluster == NULL) {
		direction->choice = (struct route_choice){ .answer = ROUTE_TO_HOST };
		direction->splits = false;
		return ask(session, session->pool, server);
	}
	direction->choice = choose(session, cluster);
	switch (direction->choice.answer) {
	case ROUTE_HOLD: hold(session); return AGAIN;
	case ROUTE_ERROR:
		database_count_route(session->database, direction->choice.reason);
		if (session->state != SESSION_WAITING)
			session_enter(session, SESSION_WAITING);
		refuse(session, END_REPLICA_WAIT);
		return BROKEN;
	case ROUTE_TO_HOST: break;
	}
	session->waiter.for_primary = !direction->choice.on_replica && direction->splits;
	return ask(session, pool_at_host(session->pool, direction->choice.host), server);
}

static bool is_answered_here(struct session *session, struct slice rest)
{
	struct direction    *direction = session->direction;
	const struct intent *intent = &direction->intent;
	bool                 begun = direction->begin.len > 0;

	if (!direction->splits && database_cluster(session->database) == NULL)
		return false;
	if (intent->own) {
		own_answer(session, rest, intent);
		return true;
	}
	if (is_session_pooling(session) || pool_mode(session->pool) == POOL_MODE_STATEMENT)
		return false;
	if (intent->begin && !begun)
		return own_begin(session, intent);
	if (!intent->end || !begun)
		return false;
	own_end(session, intent);
	return true;
}

enum direct_step direct_begin(struct session *session, struct slice rest,
                              const struct message *message, size_t *answered)
{
	struct direction *direction = session->direction;
	struct cluster   *cluster = database_cluster(session->database);
	struct server    *server;

	direction->splits = cluster != NULL && cluster_options(cluster)->splits;
	direction->waited = direction->asks_position = false;
	direction->held_since = MOMENT_NEVER;
	direction->intent = (struct intent){ .writes = true };
	if (direction->splits)
		intent_judge(session, rest, message, &direction->intent);
	if (direction->intent.own && own_waits(session, &direction->intent) &&
	    wait_for_position(session))
		return DIRECT_OVER;
	direction->position_asked = MOMENT_NEVER;
	if (direction->moved.len == 0 && direction->splits && is_answered_here(session, rest)) {
		*answered = direction->intent.len;
		return session_is_leaving(session) ? DIRECT_OVER : DIRECT_ANSWERED;
	}
	direction->intent.text = SLICE_NONE;
	if (direction->moved.len > 0 && direction->moved_to_primary)
		direction->intent.reads = false;
	if (decide(session, &server) != OK)
		return DIRECT_OVER;
	session_enter(session, SESSION_WORKING);
	request_granted(session, server);
	return session_is_leaving(session) ? DIRECT_OVER : DIRECT_GOES;
}

void direct_again(struct session *session)
{
	struct server *server;

	if (session->direction->asks_position) {
		ask_position_again(session);
		return;
	}
	if (decide(session, &server) != OK)
		return;
	session_enter(session, SESSION_WORKING);
	request_granted(session, server);
	if (!session_is_leaving(session))
		request_pump(session);
}

/* ---- with a server ---- */

enum result direct_granted(struct session *session, struct backend *backend, struct buffer *out)
{
	struct direction    *direction = session->direction;
	const struct intent *intent = &direction->intent;
	struct slice         begin = buffer_slice(&direction->begin);
	enum result          result = OK;

	direction->held_since = MOMENT_NEVER;
	direction->in_turn = true;
	if (database_cluster(session->database) != NULL)
		database_count_route(session->database, direction->choice.reason);
	direction->on_replica = direction->splits && direction->choice.on_replica;
	/* Nothing is written on a replica, even where nobody judges what is sent. */
	direction->judged = true;
	direction->writes = !direction->choice.on_replica && intent->writes;
	direction->kept |= intent->makes;
	direction->drops = direction->choice.on_replica ? 0 : intent->drops;
	direction->errors = conversation_errors(session->conversation);
	if (direction->on_replica)
		direction->seen = newest(direction->seen, direction->choice.reached);
	if (begin.len > 0) {
		enum route_wish wish = direction->block_wish;

		result = conversation_open_block(session->conversation, backend, begin, out);
		direction->opened = direction->begin;
		direction->opened_reads = direction->begin_reads;
		buffer_init(&direction->begin);
		direct_forget_block(session);
		direction->block_wish = wish;
		/* Since own_begin noted it. */
		pool_counters(session->pool)->transactions += !session->in_transaction;
		session->in_transaction = true;
	}
	if (is_session_pooling(session))
		return result;
	if (direction->on_replica && !intent->opens)
		backend_guard(backend);
	else
		backend_keep(backend);
	return result;
}

void direct_replayed(struct session *session, struct backend *backend)
{
	const struct direction *direction = session->direction;

	if (direction->on_replica && !direction->intent.opens && !is_session_pooling(session))
		backend_guard(backend);
}

static bool begins_turn(char type)
{
	return type != 'd' && type != 'c' && type != 'f' && type != 'H' && type != 'X';
}

bool direct_must_wait(struct session *session, const struct message *message)
{
	const struct direction *direction = session->direction;

	return direction->on_replica && !direction->in_turn && begins_turn(message->type) &&
	       !ledger_is_empty(&server_backend(session->server)->ledger);
}

/* Of another turn on the same server, which was not looked at before. */
static void look_at_next(struct session *session, const struct message *message)
{
	struct direction *direction = session->direction;
	struct intent     intent = { .writes = true };

	if (direction->splits && !is_session_pooling(session))
		intent_judge_next(session, message, &intent);
	direction->writes |= intent.writes && !direction->choice.on_replica;
	direction->kept |= intent.makes;
	direction->drops = 0;
}

void direct_sent(struct session *session, const struct message *message)
{
	struct direction *direction = session->direction;
	char              type = message->type;

	if (!begins_turn(type))
		return;
	if (!direction->judged)
		look_at_next(session, message);
	direction->in_turn = type != 'Q' && type != 'S' && type != 'F';
	direction->judged &= direction->in_turn;
}

/* Cheap: may this be SET, SHOW or RESET? */
static bool may_be_own(struct slice text)
{
	char letter;

	text = scan_skip_blank(text);
	letter = text.len > 2 ? (char)(text.data[0] | 0x20) : '\0';
	return (letter == 's' && (text.data[2] | 0x20) != 'l') || letter == 'r';
}

bool direct_answers(struct session *session, const struct message *message, size_t *answered)
{
	struct direction *direction = session->direction;
	struct intent     intent;

	if (message->type != 'Q' || direction->in_turn || !direction->splits ||
	    !message_is_whole(message) || !may_be_own(message->body) ||
	    !ledger_is_empty(&server_backend(session->server)->ledger))
		return false;
	intent_judge(session, message_bytes(message), message, &intent);
	if (!intent.own)
		return false;
	own_answer(session, message_bytes(message), &intent);
	*answered = intent.len;
	return true;
}
