/*
 * Cancel requests on their way to PostgreSQL. A struct cancel is one connection; it is owned by
 * the server it is aimed at and lives until the request is settled. Requests that come while
 * the key was not sent yet join the connection under way.
 *
 *   dialling, TLS --still wanted--> sent --PostgreSQL closed--> settled
 *
 * PostgreSQL closes the connection after it has signalled the backend, so a query sent to the
 * server after that is not hit (docs, "Canceling Requests in Progress"). When it does not close
 * in time, nobody can tell what a late signal would hit: the server is closed.
 */

#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "net/listener.h"
#include "pool/canceler.h"
#include "pool_internal.h"
#include "wire/startup.h"

/* Longest wait for either step when cancel_wait_timeout is off. */
#define CANCEL_SECONDS 10

/* Pauses between the cancels of one request whose client left: the first, and the longest. */
#define PAUSE_MS         250
#define LONGEST_PAUSE_MS 1000

struct cancel {
	struct list_node node; /* in server->cancels, once over in server->cancels_over */
	struct server   *server;
	struct list      requests;
	struct dial     *dial;
	struct stream   *stream; /* once connected */
	bool             asks_tls; /* SSLRequest is not answered yet */
	bool             sent;     /* the key */
	struct timer     timer;
	enum ending      outcome;
	struct loop_task task; /* tells it, then frees */
};

/* Who asked. on_done NULL: nobody wants to know, or ctx is gone. */
struct cancel_request {
	struct list_node node;
	bool (*still_wanted)(void *ctx);
	void (*on_done)(void *ctx, enum ending why);
	void *ctx;
};

static void reap(struct loop_task *task)
{
	mem_free(CONTAINER_OF(task, struct cancel, task));
}

static void settled(struct server *server)
{
	switch (server->state) {
	case SERVER_LENT:
		if (server->borrower.events->on_cancel_settled)
			server->borrower.events->on_cancel_settled(server->borrower.ctx);
		return;
	case SERVER_HELD: server_release(server); return;
	case SERVER_TESTED: server_work_on(server); return;
	default: return;
	}
}

static void end_request(struct cancel *cancel, struct cancel_request *request, enum ending why)
{
	list_remove(&cancel->requests, &request->node);
	if (request->on_done)
		request->on_done(request->ctx, why);
	mem_free(request);
}

static void tell_requests(struct cancel *cancel)
{
	LIST_EACH(&cancel->requests, node)
		end_request(cancel, CONTAINER_OF(node, struct cancel_request, node),
		            cancel->outcome);
	list_remove(&cancel->server->cancels_over, &cancel->node);
}

/* The end of the turn in which it ended. */
static void tell(struct loop_task *task)
{
	struct cancel *cancel = CONTAINER_OF(task, struct cancel, task);
	struct server *server = cancel->server;

	tell_requests(cancel);
	cancel->task.run = reap;
	loop_reap(server->pool->pools->loop, &cancel->task);
	server_let_go(server);
}

/* Ends the connection; who asked is told later. The server's next step is the caller's matter. */
static void end_cancel(struct cancel *cancel, enum ending why)
{
	struct server *server = cancel->server;

	if (cancel->sent)
		server->pool->cancels_sent--;
	else
		server->pool->cancels_dialling--;
	stream_close(cancel->stream, false);
	if (cancel->dial)
		dial_cancel(cancel->dial);
	timer_release(&cancel->timer);
	list_remove(&server->cancels, &cancel->node);
	list_append(&server->cancels_over, &cancel->node);
	cancel->outcome = why;
	cancel->task.run = tell;
	loop_at_end(server->pool->pools->loop, &cancel->task);
}

static void settle(struct cancel *cancel, enum ending why)
{
	struct server *server = cancel->server;

	end_cancel(cancel, why);
	if (!server->cancels.len)
		settled(server);
}

/* ---- connected ---- */

static bool is_wanted(struct cancel *cancel)
{
	LIST_EACH(&cancel->requests, node) {
		struct cancel_request *request = CONTAINER_OF(node, struct cancel_request, node);

		if (!request->still_wanted || !request->still_wanted(request->ctx))
			end_request(cancel, request, END_CANCEL_LATE);
	}
	return cancel->requests.len > 0;
}

static struct span cancel_timeout(const struct pools *pools)
{
	struct span timeout = pools->settings->cancel_wait_timeout;

	return timeout.us > 0 ? timeout : span_seconds(CANCEL_SECONDS);
}

static enum result write_key(struct cancel *cancel)
{
	struct server *server = cancel->server;
	struct buffer  out = BUFFER_EMPTY;
	enum result    result;

	startup_write_cancel(&out, server->pid, (struct slice){ server->key, server->key_len });
	result = out.failed ? BROKEN : stream_write(cancel->stream, buffer_slice(&out));
	if (out.data)
		explicit_bzero(out.data, out.len);
	buffer_release(&out);
	return result;
}

static void send_key(struct cancel *cancel)
{
	struct server *server = cancel->server;

	if (!is_wanted(cancel)) {
		settle(cancel, END_CANCEL_LATE);
		return;
	}
	if (write_key(cancel) != OK) {
		settle(cancel, END_CONNECT_FAILED);
		return;
	}
	cancel->sent = true;
	server->pool->cancels_dialling--;
	server->pool->cancels_sent++;
	timer_arm_in(&cancel->timer, cancel_timeout(server->pool->pools));
	log_line(LEVEL_DEBUG, server_prefix(server), "sent cancel request");
}

static void go_on_securing(struct cancel *cancel, enum secure_answer answer, enum ending why)
{
	switch (answer) {
	case SECURE_WAIT:
	case SECURE_SHAKING: return;
	case SECURE_PLAIN:
		cancel->asks_tls = false;
		send_key(cancel);
		return;
	case SECURE_BROKEN: break;
	}
	log_line(LEVEL_WARNING, server_prefix(cancel->server), "cancel: %s", ending_row(why)->text);
	settle(cancel, END_CONNECT_FAILED);
}

static void on_ssl_answer(struct cancel *cancel)
{
	enum ending        why = END_NONE;
	enum secure_answer answer = secure_take_answer(cancel->server, cancel->stream, &why);

	go_on_securing(cancel, answer, why);
}

static void on_input(void *ctx)
{
	struct cancel *cancel = ctx;

	if (cancel->asks_tls)
		on_ssl_answer(cancel);
	else
		stream_consume(cancel->stream, stream_input(cancel->stream).len);
}

static void on_secured(void *ctx)
{
	struct cancel *cancel = ctx;

	cancel->asks_tls = false;
	send_key(cancel);
}

static void on_end(void *ctx, int error)
{
	struct cancel *cancel = ctx;

	if (cancel->sent) {
		settle(cancel, END_CANCEL_SENT);
		return;
	}
	(void)secure_judge_end(cancel->server, cancel->stream, error);
	settle(cancel, END_CONNECT_FAILED);
}

static void on_room(void *ctx)
{
	(void)ctx;
}

static const struct stream_events stream_events = {
	.on_input = on_input,
	.on_room = on_room,
	.on_end = on_end,
	.on_secured = on_secured,
};

static void on_due(void *ctx)
{
	struct cancel *cancel = ctx;

	if (cancel->sent)
		server_close(cancel->server, END_CANCEL_TIMEOUT, NULL);
	else
		settle(cancel, END_CANCEL_TIMEOUT);
}

/* ---- dialling ---- */

static void on_dialled(void *ctx, int fd, enum ending why, const char *detail)
{
	struct cancel *cancel = ctx;
	struct server *server = cancel->server;
	struct pools  *pools = server->pool->pools;

	cancel->dial = NULL;
	if (fd < 0) {
		log_line(LEVEL_WARNING, server_prefix(server), "cancel: %s: %s",
		         ending_row(why)->text, detail ? detail : "");
		settle(cancel, END_CONNECT_FAILED);
		return;
	}
	if (!is_wanted(cancel)) {
		close(fd);
		settle(cancel, END_CANCEL_LATE);
		return;
	}
	cancel->stream = stream_new(pools->loop, fd, &pools->limits, &stream_events, cancel);
	if (!cancel->stream) {
		settle(cancel, END_CONNECT_FAILED);
		return;
	}
	cancel->asks_tls = true;
	timer_arm_in(&cancel->timer, cancel_timeout(pools));
	go_on_securing(cancel, secure_begin(server, cancel->stream), END_NO_MEMORY);
}

static enum result dial_server(struct cancel *cancel)
{
	struct server        *server = cancel->server;
	struct pools         *pools = server->pool->pools;
	struct socket_options options = { 0 };
	char                  host[64];
	struct dial_target    target = {
		   .host = server->host,
		   .port = server->port,
		   .timeout = cancel_timeout(pools),
		   .options = &options,
	};

	/* The same machine, though its name may mean another by now. */
	if (!address_is_unix(stream_peer(server->stream)))
		target.host = address_host(stream_peer(server->stream), host, sizeof(host));
	cancel->dial = dial_start(pools->loop, pools->resolver, &target, on_dialled, cancel);
	return cancel->dial ? OK : BROKEN;
}

/* The connection whose key was not sent yet, or a new one; NULL without memory. */
static struct cancel *find_cancel(struct server *server)
{
	struct list_node *last = list_last(&server->cancels);
	struct cancel    *cancel = last ? CONTAINER_OF(last, struct cancel, node) : NULL;

	if (cancel && !cancel->sent)
		return cancel;
	cancel = mem_alloc_zero(sizeof(*cancel));
	if (!cancel)
		return NULL;
	cancel->server = server;
	list_init(&cancel->requests);
	if (dial_server(cancel) != OK) {
		mem_free(cancel);
		return NULL;
	}
	timer_init(&cancel->timer, server->pool->pools->loop, on_due, cancel);
	list_append(&server->cancels, &cancel->node);
	server->pool->cancels_dialling++;
	return cancel;
}

enum result canceler_start(struct server *server, bool (*still_wanted)(void *ctx),
                           void (*on_done)(void *ctx, enum ending why), void *ctx)
{
	struct cancel_request *request;
	struct cancel         *cancel;

	if (!server->stream || !server->key)
		return BROKEN;
	request = mem_alloc_zero(sizeof(*request));
	if (!request)
		return BROKEN;
	cancel = find_cancel(server);
	if (!cancel) {
		mem_free(request);
		return BROKEN;
	}
	*request = (struct cancel_request){
		.still_wanted = still_wanted,
		.on_done = on_done,
		.ctx = ctx,
	};
	list_append(&cancel->requests, &request->node);
	return OK;
}

static void forget_in(struct list *cancels, const void *ctx)
{
	LIST_EACH(cancels, node) {
		struct cancel *cancel = CONTAINER_OF(node, struct cancel, node);

		LIST_EACH(&cancel->requests, at) {
			struct cancel_request *request =
				CONTAINER_OF(at, struct cancel_request, node);

			if (request->ctx != ctx)
				continue;
			request->still_wanted = NULL;
			request->on_done = NULL;
		}
	}
}

void canceler_forget(struct server *server, void *ctx)
{
	forget_in(&server->cancels, ctx);
	forget_in(&server->cancels_over, ctx);
}

/* ---- for the server ---- */

/* A request of the client that left is what the server is at, and it is to be ended. */
static bool is_at_clients_work(const struct server *server)
{
	const struct debt *head = ledger_head(&server->backend.ledger);

	return server->state == SERVER_TESTED && server->work == WORK_CLEAN &&
	       !server->finishing && head && head->fate == FATE_FORWARD;
}

static bool own_still_wanted(void *ctx)
{
	return is_at_clients_work(ctx);
}

static void plan_next(struct server *server, struct moment now)
{
	int64_t longest = span_ms(LONGEST_PAUSE_MS).us;

	server->cancel_due = moment_after(now, server->cancel_pause);
	server->cancel_pause.us *= 2;
	if (server->cancel_pause.us > longest)
		server->cancel_pause.us = longest;
}

void canceler_cancel_own(struct server *server)
{
	struct moment now = loop_now(server->pool->pools->loop);
	uint64_t      number;

	if (!is_at_clients_work(server) || server->cancels.len)
		return;
	number = ledger_head(&server->backend.ledger)->number + 1;
	if (server->cancelled != number) {
		server->cancelled = number;
		server->cancel_pause = span_ms(PAUSE_MS);
	} else if (moment_is_never(server->cancel_due)) {
		plan_next(server, now);
		return;
	} else if (!moment_reached(server->cancel_due, now)) {
		return;
	}
	server->cancel_due = MOMENT_NEVER;
	/* Without it the cleaning ends when the query does, or in time. */
	if (canceler_start(server, own_still_wanted, NULL, server) == OK)
		return;
	log_line(LEVEL_DEBUG, server_prefix(server), "cannot cancel");
	plan_next(server, now);
}

bool canceler_cancel_last(struct server *server)
{
	if (!is_at_clients_work(server))
		return false;
	server->cancel_due = loop_now(server->pool->pools->loop);
	canceler_cancel_own(server);
	return true;
}

void canceler_expire(struct server *server)
{
	LIST_EACH(&server->cancels, node) {
		struct cancel *cancel = CONTAINER_OF(node, struct cancel, node);

		if (!cancel->sent)
			end_cancel(cancel, END_CANCEL_LATE);
	}
}

void canceler_end_all(struct server *server)
{
	LIST_EACH(&server->cancels, node) {
		struct cancel *cancel = CONTAINER_OF(node, struct cancel, node);

		end_cancel(cancel, cancel->sent ? END_CANCEL_SENT : END_CANCEL_LATE);
	}
}

void canceler_free_all(struct server *server)
{
	canceler_end_all(server);
	LIST_EACH(&server->cancels_over, node) {
		struct cancel *cancel = CONTAINER_OF(node, struct cancel, node);

		loop_forget(server->pool->pools->loop, &cancel->task);
		tell_requests(cancel);
		mem_free(cancel);
	}
}
