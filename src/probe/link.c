/*
 * One connection to one server by libpq, on the loop. Owned by a prober (one for each host) or by
 * whoever asks something now and then. Owns the connection, its parameters and the question.
 *
 *   CLOSED -> RESOLVING -> CONNECTING -> ASKING <-> READY
 *                |             |           |         |
 *                +-------------+-----------+---------+--> CLOSED
 *
 * libpq may change its socket whenever PQconnectPoll is called, so the event is made anew after
 * each call and never pending during one.
 */

#include "probe/link.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <event2/event.h>
#include <libpq-fe.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "net/resolve.h"
#include "net/timer.h"
#include "probe_internal.h"

enum link_state { LINK_CLOSED, LINK_RESOLVING, LINK_CONNECTING, LINK_READY, LINK_ASKING };

struct link {
	struct loop *loop;
	struct resolver *resolver;
	struct link_owner owner;
	enum link_state state;
	struct link_params params;
	struct resolve_request *request; /* in RESOLVING */
	PGconn *connection;		 /* from CONNECTING on */
	struct event *event;		 /* NULL: none pending */
	struct timer timer;
	struct loop_task task; /* begins; answers at once; reaps */
	bool freed;
	bool fresh; /* nothing was answered on this connection yet */
	unsigned attempts;

	/* the question */
	char *sql; /* owned; NULL: not busy */
	struct span timeout;
	struct moment begun, asked;
	void (*on_answer)(void *ctx, const struct link_answer *answer);
	void *ctx;
	PGresult *results[LINK_RESULTS]; /* by statement */
	unsigned result_count;
	char *error; /* owned, the first */
};

static const bool may_follow[][LINK_ASKING + 1] = {
	[LINK_CLOSED] = { [LINK_RESOLVING] = true, [LINK_CONNECTING] = true },
	[LINK_RESOLVING] = { [LINK_CONNECTING] = true, [LINK_CLOSED] = true },
	[LINK_CONNECTING] = { [LINK_ASKING] = true, [LINK_CLOSED] = true },
	[LINK_READY] = { [LINK_ASKING] = true, [LINK_CLOSED] = true },
	[LINK_ASKING] = { [LINK_READY] = true, [LINK_CLOSED] = true },
};

static void wait_for(struct link *link, short what);

static void link_enter(struct link *link, enum link_state state)
{
	assert(may_follow[link->state][state]);
	(void)may_follow;
	link->state = state;
}

/* ---- ends ---- */

static void forget_event(struct link *link)
{
	if (link->event)
		event_free(link->event);
	link->event = NULL;
}

static void disconnect(struct link *link)
{
	resolver_cancel(link->request);
	link->request = NULL;
	forget_event(link);
	PQfinish(link->connection);
	link->connection = NULL;
	if (link->state != LINK_CLOSED)
		link_enter(link, LINK_CLOSED);
}

static void forget_question(struct link *link)
{
	for (unsigned i = 0; i < LINK_RESULTS; i++) {
		PQclear(link->results[i]);
		link->results[i] = NULL;
	}
	link->result_count = 0;
	mem_free(link->error);
	link->error = NULL;
	mem_free(link->sql);
	link->sql = NULL;
}

static void keep_error(struct link *link, const char *text)
{
	size_t len = text ? strcspn(text, "\n") : 0;

	if (!link->error && len)
		link->error = mem_copy_text(text, len);
}

static const PGresult *rows_of(const struct link *link, unsigned i)
{
	return PQresultStatus(link->results[i]) == PGRES_TUPLES_OK ? link->results[i] : NULL;
}

/* Tells the answer. The question is over before: the callee may ask the next one, or free. */
static void answer(struct link *link, bool answered, bool refused)
{
	struct link_answer told = {
		.answered = answered,
		.refused = refused,
		.is_new = link->fresh,
		.asked = link->asked,
		.latency = moment_between(link->asked, loop_now(link->loop)),
	};
	PGresult *results[LINK_RESULTS];
	char *error = link->error;

	for (unsigned i = 0; i < LINK_RESULTS; i++) {
		told.results[i] = rows_of(link, i);
		results[i] = link->results[i];
		link->results[i] = NULL;
	}
	told.error = error;
	link->error = NULL;
	if (answered)
		link->fresh = false;
	forget_question(link);
	timer_disarm(&link->timer);
	link->on_answer(link->ctx, &told);
	for (unsigned i = 0; i < LINK_RESULTS; i++)
		PQclear(results[i]);
	mem_free(error);
}

static void fail(struct link *link, const char *why, bool refused)
{
	keep_error(link, why);
	disconnect(link);
	answer(link, false, refused);
}

static void on_due(void *ctx)
{
	struct link *link = ctx;

	link->attempts++;
	fail(link, link->state == LINK_ASKING ? "no answer in time" : "no connection in time",
	     false);
}

/* ---- asking ---- */

/* Takes what has come. False: the connection is lost. */
static bool take_results(struct link *link)
{
	while (!PQisBusy(link->connection)) {
		PGresult *result = PQgetResult(link->connection);

		if (!result)
			return true;
		if (PQresultStatus(result) == PGRES_FATAL_ERROR ||
		    PQresultStatus(result) == PGRES_BAD_RESPONSE)
			keep_error(link, PQresultErrorMessage(result));
		if (link->result_count < LINK_RESULTS)
			link->results[link->result_count++] = result;
		else
			PQclear(result);
	}
	return PQstatus(link->connection) == CONNECTION_OK;
}

static void pump_answer(struct link *link, short what)
{
	int unsent;

	if ((what & EV_READ) && !PQconsumeInput(link->connection)) {
		fail(link, PQerrorMessage(link->connection), false);
		return;
	}
	unsent = PQflush(link->connection);
	if (unsent < 0 || !take_results(link)) {
		fail(link, PQerrorMessage(link->connection), false);
		return;
	}
	if (PQtransactionStatus(link->connection) == PQTRANS_ACTIVE) {
		wait_for(link, unsent ? EV_READ | EV_WRITE : EV_READ);
		return;
	}
	/* A server that goes away says so (57P01) before it closes. */
	if (PQstatus(link->connection) != CONNECTION_OK) {
		fail(link, PQerrorMessage(link->connection), false);
		return;
	}
	link_enter(link, LINK_READY);
	wait_for(link, EV_READ);
	answer(link, true, false);
}

static void send_question(struct link *link)
{
	link_enter(link, LINK_ASKING);
	link->asked = loop_now(link->loop);
	timer_arm_in(&link->timer, link->timeout);
	if (!PQsendQuery(link->connection, link->sql)) {
		fail(link, PQerrorMessage(link->connection), false);
		return;
	}
	pump_answer(link, 0);
}

/* ---- connecting ---- */

/* 57P03: it starts up or shuts down, which is as good as down. Others: it is there. */
static bool lets_us_not_in(const char *error)
{
	return error && strstr(error, "FATAL:") && !strstr(error, "starting up") &&
	       !strstr(error, "shutting down") && !strstr(error, "not yet accepting") &&
	       !strstr(error, "not accepting");
}

static void pump_connect(struct link *link)
{
	switch (PQconnectPoll(link->connection)) {
	case PGRES_POLLING_READING: wait_for(link, EV_READ); return;
	case PGRES_POLLING_WRITING: wait_for(link, EV_WRITE); return;
	case PGRES_POLLING_OK:
		link->fresh = true;
		link->attempts = 0;
		if (PQsetnonblocking(link->connection, 1) == 0) {
			send_question(link);
			return;
		}
		break;
	default: break;
	}
	link->attempts++;
	keep_error(link, PQerrorMessage(link->connection));
	fail(link, NULL, lets_us_not_in(link->error));
}

static void connect_to(struct link *link, const struct resolve_answer *found)
{
	link_enter(link, LINK_CONNECTING);
	link->connection = link_params_connect(&link->params, found, link->attempts);
	if (!link->connection || PQstatus(link->connection) == CONNECTION_BAD) {
		fail(link, link->connection ? PQerrorMessage(link->connection) : "out of memory",
		     false);
		return;
	}
	/* "Behave as if PQconnectPoll last returned PGRES_POLLING_WRITING" */
	wait_for(link, EV_WRITE);
}

static void on_resolved(void *ctx, const struct resolve_answer *found)
{
	struct link *link = ctx;

	link->request = NULL;
	if (found->count == 0)
		fail(link, found->error ? found->error : "the name is not known", false);
	else
		connect_to(link, found);
}

static void begin(struct link *link)
{
	const char *host = link->params.host;

	timer_arm_in(&link->timer, link->timeout);
	if (link->state == LINK_READY) {
		forget_event(link);
		send_question(link);
		return;
	}
	if (*host == '/' || *host == '@') {
		connect_to(link, NULL);
		return;
	}
	link_enter(link, LINK_RESOLVING);
	link->request =
		resolver_ask(link->resolver, host, link->params.port, on_resolved, link);
	if (!link->request)
		fail(link, "out of memory", false);
}

/* ---- events ---- */

/* Something came, or the end did, while nothing was asked. */
static void look_at_idle(struct link *link)
{
	PGnotify *notify;

	if (PQconsumeInput(link->connection) && PQstatus(link->connection) == CONNECTION_OK) {
		while ((notify = PQnotifies(link->connection)))
			PQfreemem(notify);
		wait_for(link, EV_READ);
		return;
	}
	disconnect(link);
	if (link->owner.on_lost)
		link->owner.on_lost(link->owner.ctx);
}

static void on_event(evutil_socket_t fd, short what, void *ctx)
{
	struct link *link = ctx;

	(void)fd;
	forget_event(link);
	switch (link->state) {
	case LINK_CONNECTING: pump_connect(link); break;
	case LINK_ASKING: pump_answer(link, what); break;
	case LINK_READY: look_at_idle(link); break;
	default: break;
	}
}

static void wait_for(struct link *link, short what)
{
	forget_event(link);
	link->event = event_new(loop_base(link->loop), PQsocket(link->connection), what, on_event,
				link);
	/* Without an event the deadline ends what is under way; an idle one is asked again. */
	if (link->event && event_add(link->event, NULL) != 0)
		forget_event(link);
}

/* ---- from outside ---- */

static void run_reap(struct loop_task *task)
{
	struct link *link = CONTAINER_OF(task, struct link, task);

	link_params_release(&link->params);
	mem_free(link);
}

/* At the end of the turn in which it was asked. */
static void run_begin(struct loop_task *task)
{
	struct link *link = CONTAINER_OF(task, struct link, task);

	if (link->sql)
		begin(link);
}

struct link *link_new(struct loop *loop, struct resolver *resolver, struct link_owner owner)
{
	struct link *link = mem_alloc_zero(sizeof(*link));

	if (!link)
		return NULL;
	link->loop = loop;
	link->resolver = resolver;
	link->owner = owner;
	link->task.run = run_begin;
	timer_init(&link->timer, loop, on_due, link);
	return link;
}

void link_free(struct link *link)
{
	if (!link || link->freed)
		return;
	link->freed = true;
	disconnect(link);
	forget_question(link);
	timer_release(&link->timer);
	loop_forget(link->loop, &link->task);
	link->task.run = run_reap;
	loop_reap(link->loop, &link->task);
}

enum result link_aim(struct link *link, const struct link_target *target)
{
	struct link_params params;

	if (link_params_init(&params, target) != OK)
		return BROKEN;
	if (link_params_equal(&params, &link->params)) {
		link_params_release(&params);
		return OK;
	}
	link_params_release(&link->params);
	link->params = params;
	/* A question that has begun ends at once, by its deadline; one that has not goes there. */
	if (link->state != LINK_CLOSED) {
		disconnect(link);
		if (link->sql)
			timer_arm_in(&link->timer, (struct span){ 0 });
	}
	return OK;
}

enum result link_ask(struct link *link, const char *sql, struct span timeout,
		     void (*on_answer)(void *ctx, const struct link_answer *answer), void *ctx)
{
	assert(!link->sql && !link->freed);
	link->sql = mem_copy_text(sql, strlen(sql));
	if (!link->sql)
		return BROKEN;
	link->timeout = timeout;
	link->begun = link->asked = loop_now(link->loop);
	link->on_answer = on_answer;
	link->ctx = ctx;
	loop_at_end(link->loop, &link->task);
	return OK;
}

bool link_is_busy(const struct link *link)
{
	return link->sql != NULL;
}

struct moment link_busy_since(const struct link *link)
{
	return link->sql ? link->begun : MOMENT_NEVER;
}

void link_close(struct link *link)
{
	assert(!link->sql);
	disconnect(link);
}
