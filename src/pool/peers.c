/*
 * Cancel requests passed on to the processes that gave their keys. Owns the peers and the requests
 * on their way; called by the session that has received a CancelRequest.
 *
 *   waiting --room--> dialling --connected, key sent--> under way --closed--> over
 *
 * A request that is over is in no list; it tells who waits at the end of the turn and is freed by
 * the reaper, so it is never freed inside its own callbacks.
 */

#include "pool/peers.h"

#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/list.h"
#include "base/log.h"
#include "net/dial.h"
#include "net/listener.h"
#include "net/stream.h"
#include "net/timer.h"
#include "wire/cancel_key.h"
#include "wire/startup.h"

/* Longest wait for either step when cancel_wait_timeout is off. */
#define STEP_SECONDS 10

struct peers {
	struct loop           *loop;
	struct resolver       *resolver;
	const struct settings *settings;
	struct list            all;  /* struct peer_process, by id */
	struct list            over; /* struct forward that are not freed yet */
};

struct peer_process {
	struct list_node node;
	struct peers    *peers;
	int              id;
	char            *host;
	int              port;
	unsigned         size;      /* 0 = no limit */
	struct list      waiting;   /* struct forward without a connection, oldest first */
	struct list      under_way; /* those with one */
};

struct forward {
	struct list_node node;
	struct peers    *peers;
	struct peer_process     *peer; /* NULL: it is over */
	bool             started; /* it has a connection, made or in the making */
	struct dial     *dial;    /* while that is made */
	struct stream   *stream;  /* then */
	struct timer     timer;
	enum ending      outcome;
	struct loop_task task;
	void (*on_done)(void *ctx, enum ending why); /* NULL: nobody waits */
	void  *ctx;
	size_t key_len;
	char   key[CANCEL_KEY_MAX];
};

static const struct stream_limits stream_limits = {
	.read_size = 1024,
	.out_high = 4096,
	.out_low = 1024,
	.in_max = 4096,
	.turn_reads = 1,
};

/* ---- the end of a request ---- */

static void free_forward(struct forward *forward)
{
	list_remove(&forward->peers->over, &forward->node);
	timer_release(&forward->timer);
	mem_free_secret(forward, sizeof(*forward));
}

static void reap(struct loop_task *task)
{
	free_forward(CONTAINER_OF(task, struct forward, task));
}

static void tell(struct loop_task *task)
{
	struct forward *forward = CONTAINER_OF(task, struct forward, task);

	if (forward->on_done)
		forward->on_done(forward->ctx, forward->outcome);
	forward->on_done = NULL;
	forward->task.run = reap;
	loop_reap(forward->peers->loop, &forward->task);
}

/* Who else waits is the caller's matter. */
static void finish(struct forward *forward, enum ending why)
{
	struct peer_process *peer = forward->peer;

	list_remove(forward->started ? &peer->under_way : &peer->waiting, &forward->node);
	dial_cancel(forward->dial);
	stream_close(forward->stream, false);
	timer_disarm(&forward->timer);
	forward->dial = NULL;
	forward->stream = NULL;
	forward->peer = NULL;
	list_append(&forward->peers->over, &forward->node);
	forward->outcome = why;
	forward->task.run = tell;
	loop_at_end(forward->peers->loop, &forward->task);
}

static void start_waiting(struct peer_process *peer);

static void end_forward(struct forward *forward, enum ending why)
{
	struct peer_process *peer = forward->peer;

	finish(forward, why);
	start_waiting(peer);
}

/* ---- on its way ---- */

static struct span step_timeout(const struct peers *peers)
{
	struct span timeout = peers->settings->cancel_wait_timeout;

	return timeout.us > 0 ? timeout : span_seconds(STEP_SECONDS);
}

static void on_due(void *ctx)
{
	end_forward(ctx, END_CANCEL_TIMEOUT);
}

static void on_input(void *ctx)
{
	struct forward *forward = ctx;

	stream_consume(forward->stream, stream_input(forward->stream).len);
}

static void on_room(void *ctx)
{
	(void)ctx;
}

/* The peer has dealt with it. What it made of it, nobody is told, as by PostgreSQL. */
static void on_end(void *ctx, int error)
{
	end_forward(ctx, error ? END_CANCEL_FAILED : END_CANCEL_SENT);
}

static const struct stream_events stream_events = {
	.on_input = on_input,
	.on_room = on_room,
	.on_end = on_end,
};

static enum result send_key(struct forward *forward)
{
	struct slice  key = { forward->key, forward->key_len };
	struct buffer out = BUFFER_EMPTY;
	enum result   result;

	startup_write_cancel(&out, cancel_key_pid(key), cancel_key_secret(key));
	result = out.failed ? BROKEN : stream_write(forward->stream, buffer_slice(&out));
	if (out.data)
		explicit_bzero(out.data, out.cap);
	buffer_release(&out);
	return result;
}

static void on_dialled(void *ctx, int fd, enum ending why, const char *detail)
{
	struct forward *forward = ctx;
	struct peers   *peers = forward->peers;

	forward->dial = NULL;
	if (fd >= 0)
		forward->stream =
			stream_new(peers->loop, fd, &stream_limits, &stream_events, forward);
	else
		log_warning("peer %d: cancel: %s: %s", forward->peer->id, ending_row(why)->text,
		            detail ? detail : "");
	if (!forward->stream || send_key(forward) != OK) {
		end_forward(forward, END_CANCEL_FAILED);
		return;
	}
	timer_arm_in(&forward->timer, step_timeout(peers));
}

static enum result dial_peer(struct forward *forward)
{
	struct peer_process          *peer = forward->peer;
	struct peers         *peers = peer->peers;
	struct socket_options options = { 0 };
	struct dial_target    target = {
		   .host = peer->host,
		   .port = peer->port,
		   .timeout = step_timeout(peers),
		   .options = &options,
	};

	forward->dial = dial_start(peers->loop, peers->resolver, &target, on_dialled, forward);
	return forward->dial ? OK : BROKEN;
}

/* As many of those who wait as there is room for. */
static void start_waiting(struct peer_process *peer)
{
	struct list_node *node;

	while ((!peer->size || peer->under_way.len < peer->size) &&
	       (node = list_first(&peer->waiting))) {
		struct forward *forward = CONTAINER_OF(node, struct forward, node);

		list_remove(&peer->waiting, node);
		list_append(&peer->under_way, node);
		forward->started = true;
		if (dial_peer(forward) != OK)
			finish(forward, END_CANCEL_FAILED);
	}
}

/* ---- asking ---- */

static struct peer_process *find_peer(const struct peers *peers, unsigned id)
{
	LIST_EACH(&peers->all, node) {
		struct peer_process *peer = CONTAINER_OF(node, struct peer_process, node);

		if ((unsigned)peer->id == id)
			return peer;
	}
	return NULL;
}

bool peers_own(const struct peers *peers, struct slice key)
{
	unsigned self = (unsigned)peers->settings->peer_id;

	return self && cancel_key_peer(key) != self;
}

enum ending peers_forward(struct peers *peers, struct slice key,
                          void (*on_done)(void *ctx, enum ending why), void *ctx,
                          struct forward **forward)
{
	struct peer_process    *peer = find_peer(peers, cancel_key_peer(key));
	struct forward *made;

	if (!peer)
		return END_CANCEL_NO_PEER;
	if (!cancel_key_hops(key))
		return END_CANCEL_HOPS;
	made = mem_alloc_zero(sizeof(*made));
	if (!made)
		return END_NO_MEMORY;
	*made = (struct forward){
		.peers = peers,
		.peer = peer,
		.on_done = on_done,
		.ctx = ctx,
		.key_len = key.len,
	};
	memcpy(made->key, key.data, key.len);
	cancel_key_set_hops((uint8_t *)made->key, cancel_key_hops(key) - 1);
	timer_init(&made->timer, peers->loop, on_due, made);
	timer_arm_in(&made->timer, step_timeout(peers));
	list_append(&peer->waiting, &made->node);
	start_waiting(peer);
	*forward = made;
	return END_NONE;
}

void peers_forget(struct forward *forward)
{
	forward->on_done = NULL;
	if (forward->peer && !forward->started)
		end_forward(forward, END_CANCEL_FAILED);
}

/* ---- settings ---- */

static const struct peer_settings *find_entry(const struct settings *settings, int id)
{
	for (size_t i = 0; i < settings->peer_count; i++)
		if (settings->peers[i].peer_id == id)
			return &settings->peers[i];
	return NULL;
}

static void take_size(struct peer_process *peer, const struct settings *settings, int size)
{
	if (size == NOT_SET || size < 0)
		size = settings->default_pool_size;
	peer->size = size > 0 ? (unsigned)size : 0;
}

static void remove_peer(struct peer_process *peer)
{
	struct list *lists[] = { &peer->waiting, &peer->under_way };

	for (unsigned i = 0; i < COUNT_OF(lists); i++)
		while (lists[i]->len)
			finish(CONTAINER_OF(list_first(lists[i]), struct forward, node),
			       END_PEER_REMOVED);
	list_remove(&peer->peers->all, &peer->node);
	mem_free(peer->host);
	mem_free(peer);
}

/* False without memory: it stays as it was. */
static bool set_peer(struct peer_process *peer, const struct peer_settings *entry)
{
	char *host = mem_copy_text(entry->host, strlen(entry->host));

	if (!host)
		return false;
	mem_free(peer->host);
	peer->host = host;
	peer->port = entry->port;
	return true;
}

static bool add_peer(struct peers *peers, const struct peer_settings *entry)
{
	struct list_node *before = &peers->all.head;
	struct peer_process      *peer = mem_alloc_zero(sizeof(*peer));

	if (!peer)
		return false;
	peer->peers = peers;
	peer->id = entry->peer_id;
	list_init(&peer->waiting);
	list_init(&peer->under_way);
	if (!set_peer(peer, entry)) {
		mem_free(peer);
		return false;
	}
	LIST_EACH(&peers->all, node) {
		if (CONTAINER_OF(node, struct peer_process, node)->id > peer->id)
			break;
		before = node;
	}
	list_insert_between(&peers->all, &peer->node, before, before->next);
	return true;
}

/* The settings have them by id. False without memory: some are missing or as they were. */
static bool follow(struct peers *peers, const struct settings *settings)
{
	bool complete = true;

	for (size_t i = 0; i < settings->peer_count; i++) {
		const struct peer_settings *entry = &settings->peers[i];
		struct peer_process        *peer = find_peer(peers, (unsigned)entry->peer_id);

		complete &= peer ? set_peer(peer, entry) : add_peer(peers, entry);
	}
	LIST_EACH(&peers->all, node) {
		struct peer_process *peer = CONTAINER_OF(node, struct peer_process, node);
		const struct peer_settings *entry = find_entry(settings, peer->id);

		take_size(peer, settings, entry->pool_size);
		start_waiting(peer);
	}
	return complete;
}

void peers_reload(struct peers *peers, const struct settings *settings)
{
	const struct settings *old = peers->settings;

	peers->settings = settings_ref(settings);
	LIST_EACH(&peers->all, node) {
		struct peer_process *peer = CONTAINER_OF(node, struct peer_process, node);

		if (!find_entry(settings, peer->id))
			remove_peer(peer);
	}
	if (!follow(peers, settings))
		log_error("out of memory: [peers] are not all as the configuration has them");
	settings_unref(old);
}

struct peers *peers_new(struct loop *loop, struct resolver *resolver,
                        const struct settings *settings)
{
	struct peers *peers = mem_alloc_zero(sizeof(*peers));

	if (!peers)
		return NULL;
	peers->loop = loop;
	peers->resolver = resolver;
	peers->settings = settings_ref(settings);
	list_init(&peers->all);
	list_init(&peers->over);
	if (follow(peers, settings))
		return peers;
	peers_free(peers);
	return NULL;
}

void peers_free(struct peers *peers)
{
	if (!peers)
		return;
	LIST_EACH(&peers->all, node)
		remove_peer(CONTAINER_OF(node, struct peer_process, node));
	LIST_EACH(&peers->over, node) {
		struct forward *forward = CONTAINER_OF(node, struct forward, node);

		loop_forget(peers->loop, &forward->task);
		free_forward(forward);
	}
	settings_unref(peers->settings);
	mem_free(peers);
}

/* ---- looking ---- */

unsigned peers_count(const struct peers *peers)
{
	return peers->all.len;
}

static void count_connections(const struct peer_process *peer, struct peer_facts *facts)
{
	LIST_EACH(&peer->under_way, node) {
		if (CONTAINER_OF(node, struct forward, node)->stream)
			facts->sent++;
		else
			facts->dialling++;
	}
	facts->active = facts->sent;
	facts->waiting = peer->waiting.len + facts->dialling;
}

bool peers_next(const struct peers *peers, size_t *cursor, struct peer_facts *facts)
{
	size_t at = 0;

	LIST_EACH(&peers->all, node) {
		const struct peer_process *peer = CONTAINER_OF(node, struct peer_process, node);

		if (at++ < *cursor)
			continue;
		*facts = (struct peer_facts){
			.id = peer->id,
			.host = peer->host,
			.port = peer->port,
			.size = peer->size,
		};
		count_connections(peer, facts);
		(*cursor)++;
		return true;
	}
	return false;
}
