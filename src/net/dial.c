/*
 * Connects to a host with a deadline: resolves the name, tries the addresses in order, gives
 * each a fair share of the time left. Frees itself from the reaper after on_done or a cancel.
 *
 *         RESOLVING -> CONNECTING <-> CROWDED -> DONE
 *
 * A dial to a number or a Unix socket begins in CONNECTING. CROWDED: a Unix socket's backlog is
 * full, which connect(2) tells by EAGAIN instead of letting one wait.
 */
#include "net/dial.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "net/listener.h"
#include "net/net_internal.h"
#include "net/resolve.h"
#include "net/timer.h"

/* How soon to knock again at a full Unix socket. */
#define CROWDED_MS 10

enum dial_state { DIAL_RESOLVING, DIAL_CONNECTING, DIAL_CROWDED, DIAL_DONE, DIAL_STATES };

struct dial {
	struct loop *loop;
	enum dial_state state;
	struct resolve_request *request; /* in RESOLVING */
	struct event event;		 /* in CONNECTING: writable means decided */
	struct timer timer;		 /* of this attempt, the look-up, or the next knock */
	struct loop_task task;		 /* calls on_done; then reaps */
	struct moment deadline;		 /* of all; never: none */
	struct moment attempt_deadline;
	struct socket_options options;
	int port;
	int fd; /* connecting or connected; -1: none */
	unsigned next, count;
	struct address *addresses; /* owned */
	enum ending why;
	char detail[200];
	void (*on_done)(void *ctx, int fd, enum ending why, const char *detail);
	void *ctx;
};

/* ---- states ---- */

static const bool may_follow[DIAL_STATES][DIAL_STATES] = {
	[DIAL_RESOLVING] = { [DIAL_CONNECTING] = true, [DIAL_DONE] = true },
	[DIAL_CONNECTING] = { [DIAL_CONNECTING] = true, [DIAL_CROWDED] = true, [DIAL_DONE] = true },
	[DIAL_CROWDED] = { [DIAL_CONNECTING] = true, [DIAL_DONE] = true },
};

/* Leaves what the old state waited for behind. */
static void dial_enter(struct dial *dial, enum dial_state state)
{
	assert(may_follow[dial->state][state]);
	(void)may_follow;
	if (dial->state == DIAL_RESOLVING) {
		resolver_cancel(dial->request);
		dial->request = NULL;
	}
	timer_disarm(&dial->timer);
	dial->state = state;
}

static void run_reap(struct loop_task *task)
{
	struct dial *dial = CONTAINER_OF(task, struct dial, task);

	mem_free(dial->addresses);
	mem_free(dial);
}

static void run_done(struct loop_task *task)
{
	struct dial *dial = CONTAINER_OF(task, struct dial, task);

	timer_release(&dial->timer);
	dial->task.run = run_reap;
	loop_reap(dial->loop, &dial->task);
	dial->on_done(dial->ctx, dial->fd, dial->why, dial->detail);
}

static void dial_finish(struct dial *dial)
{
	dial_enter(dial, DIAL_DONE);
	dial->task.run = run_done;
	loop_at_end(dial->loop, &dial->task);
}

/* ---- attempts ---- */

static void close_fd(struct dial *dial)
{
	if (event_initialized(&dial->event))
		event_del(&dial->event);
	if (dial->fd >= 0)
		close(dial->fd);
	dial->fd = -1;
}

/* This address is given up; the reason of the last one is what on_done tells. */
static void attempt_failed(struct dial *dial, enum ending why, const char *reason)
{
	const struct address *address = &dial->addresses[dial->next];
	char text[64];

	address_print(address, text, sizeof(text));
	if (address_is_unix(address) && address->unix_path.sun_path[0] != '\0')
		snprintf(dial->detail, sizeof(dial->detail), "\"%s\": %s",
			 address->unix_path.sun_path, reason);
	else
		snprintf(dial->detail, sizeof(dial->detail), "%s: %s", text, reason);
	dial->why = why;
	close_fd(dial);
	dial->next++;
}

static void attempt_succeeded(struct dial *dial)
{
	dial->why = END_NONE;
	dial->detail[0] = '\0';
	dial_finish(dial);
}

static void try_next(struct dial *dial);

static void on_decided(evutil_socket_t fd, short what, void *ctx)
{
	struct dial *dial = ctx;
	int error = 0;
	socklen_t len = sizeof(error);

	(void)what;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error == 0) {
		attempt_succeeded(dial);
		return;
	}
	attempt_failed(dial, END_CONNECT_FAILED, strerror(error));
	try_next(dial);
}

static void wait_until(struct dial *dial, struct moment due)
{
	if (!moment_is_never(due))
		timer_arm(&dial->timer, due);
}

static void knock_again(struct dial *dial)
{
	struct moment again = moment_after(loop_now(dial->loop), span_ms(CROWDED_MS));

	close_fd(dial);
	dial_enter(dial, DIAL_CROWDED);
	wait_until(dial, again);
}

/* Starts to connect to the address at next. BROKEN: the attempt failed at once. */
static enum result attempt(struct dial *dial)
{
	const struct address *address = &dial->addresses[dial->next];

	dial_enter(dial, DIAL_CONNECTING);
	dial->fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (dial->fd < 0) {
		attempt_failed(dial, END_CONNECT_FAILED, strerror(errno));
		return BROKEN;
	}
	if (!address_is_unix(address))
		socket_tune(dial->fd, &dial->options);
	if (connect(dial->fd, &address->any, address->len) == 0) {
		attempt_succeeded(dial);
		return OK;
	}
	if (errno == EAGAIN) {
		knock_again(dial);
		return OK;
	}
	if (errno != EINPROGRESS) {
		attempt_failed(dial, END_CONNECT_FAILED, strerror(errno));
		return BROKEN;
	}
	if (event_assign(&dial->event, loop_base(dial->loop), dial->fd, EV_WRITE, on_decided,
			 dial) < 0 ||
	    event_add(&dial->event, NULL) < 0) {
		attempt_failed(dial, END_CONNECT_FAILED, strerror(ENOMEM));
		return BROKEN;
	}
	wait_until(dial, dial->attempt_deadline);
	return OK;
}

/* The next address gets an equal share of the time left for all that remain. */
static void set_attempt_deadline(struct dial *dial)
{
	struct moment now = loop_now(dial->loop);
	struct span left = moment_between(now, dial->deadline);

	if (moment_is_never(dial->deadline))
		return;
	left.us /= dial->count - dial->next;
	dial->attempt_deadline = moment_after(now, left);
}

static void try_next(struct dial *dial)
{
	while (dial->next < dial->count) {
		set_attempt_deadline(dial);
		if (attempt(dial) == OK)
			return;
	}
	dial_finish(dial);
}

/* ---- the timer ---- */

static bool is_over(const struct dial *dial)
{
	return !moment_is_never(dial->attempt_deadline) &&
	       moment_reached(dial->attempt_deadline, loop_now(dial->loop));
}

static void on_due(void *ctx)
{
	struct dial *dial = ctx;

	if (dial->state == DIAL_RESOLVING) {
		dial->why = END_DNS_FAILED;
		snprintf(dial->detail, sizeof(dial->detail), "name look-up took too long");
		dial_finish(dial);
		return;
	}
	if (dial->state == DIAL_CROWDED && !is_over(dial)) {
		if (attempt(dial) != OK)
			try_next(dial);
		return;
	}
	attempt_failed(dial, END_CONNECT_TIMEOUT, "no answer in time");
	try_next(dial);
}

/* ---- where to ---- */

static enum result take_addresses(struct dial *dial, const struct address *addresses,
				  unsigned count)
{
	dial->addresses = mem_alloc(count * sizeof(*addresses));
	if (!dial->addresses)
		return BROKEN;
	memcpy(dial->addresses, addresses, count * sizeof(*addresses));
	dial->count = count;
	return OK;
}

static void on_answer(void *ctx, const struct resolve_answer *answer)
{
	struct dial *dial = ctx;

	dial->request = NULL;
	if (answer->count == 0) {
		dial->why = END_DNS_FAILED;
		snprintf(dial->detail, sizeof(dial->detail), "name look-up failed: %s",
			 answer->error);
		dial_finish(dial);
		return;
	}
	if (take_addresses(dial, answer->addresses, answer->count) != OK) {
		dial->why = END_NO_MEMORY;
		snprintf(dial->detail, sizeof(dial->detail), "%s", strerror(ENOMEM));
		dial_finish(dial);
		return;
	}
	try_next(dial);
}

/* A path of a Unix socket that does not fit is told as any other failure to connect. */
static enum result start_unix(struct dial *dial, struct slice dir)
{
	struct address address;

	if (address_unix(dir, dial->port, &address) == OK) {
		if (take_addresses(dial, &address, 1) != OK)
			return BROKEN;
		try_next(dial);
		return OK;
	}
	dial->why = END_CONNECT_FAILED;
	snprintf(dial->detail, sizeof(dial->detail), "path of the Unix socket is too long");
	dial_finish(dial);
	return OK;
}

static enum result start(struct dial *dial, struct resolver *resolver, const char *host)
{
	struct address address;

	if (host[0] == '/' || host[0] == '@') {
		dial->state = DIAL_CONNECTING;
		return start_unix(dial, slice_of(host));
	}
	if (address_parse(slice_of(host), dial->port, &address) == OK) {
		if (take_addresses(dial, &address, 1) != OK)
			return BROKEN;
		dial->state = DIAL_CONNECTING;
		try_next(dial);
		return OK;
	}
	dial->request = resolver_ask(resolver, host, dial->port, on_answer, dial);
	if (!dial->request)
		return BROKEN;
	wait_until(dial, dial->deadline);
	return OK;
}

/* ---- life ---- */

struct dial *dial_start(struct loop *loop, struct resolver *resolver,
			const struct dial_target *target,
			void (*on_done)(void *ctx, int fd, enum ending why, const char *detail),
			void *ctx)
{
	struct dial *dial = mem_alloc_zero(sizeof(*dial));

	if (!dial)
		return NULL;
	dial->loop = loop;
	dial->port = target->port;
	if (target->options)
		dial->options = *target->options;
	dial->fd = -1;
	dial->on_done = on_done;
	dial->ctx = ctx;
	timer_init(&dial->timer, loop, on_due, dial);
	if (target->timeout.us > 0)
		dial->deadline = moment_after(loop_now(loop), target->timeout);
	if (start(dial, resolver, target->host) == OK)
		return dial;
	timer_release(&dial->timer);
	mem_free(dial->addresses);
	mem_free(dial);
	return NULL;
}

void dial_cancel(struct dial *dial)
{
	if (!dial)
		return;
	if (dial->state != DIAL_DONE)
		dial_enter(dial, DIAL_DONE);
	loop_forget(dial->loop, &dial->task);
	timer_release(&dial->timer);
	close_fd(dial);
	dial->task.run = run_reap;
	loop_reap(dial->loop, &dial->task);
}
