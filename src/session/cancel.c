/*
 * CancelRequest: from the key to the session to what it is doing now. A cancel is for the query
 * that runs when it arrives, or for the one that waits, never for a later one; who sent it is
 * kept waiting, as PostgreSQL keeps him, until the cancel has been delivered (PostgreSQL docs,
 * "Canceling Requests in Progress").
 */
#include "session_internal.h"

#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/random.h"
#include "pool/canceler.h"
#include "pool/peers.h"
#include "pool/pools.h"

struct cancel {
	struct cancel  *next;      /* aimed at the same target */
	struct cancel **place;     /* what points to this one, while there is a target */
	struct session *requester; /* NULL: it did not wait */
	struct session *target;    /* NULL: it is gone, or its query is; or it is a peer's */
	struct forward *forward;   /* on its way to a peer; NULL: it is for one of ours */
	uint64_t        query;     /* which of the target's queries is meant */
};

struct slice cancel_key_of(const struct session *session)
{
	return (struct slice){ session->key, session->key_len };
}

enum result cancel_keep_key(struct session *session, struct slice key)
{
	struct map *keys = &session->roster->keys;

	if (map_get(keys, key) != NULL || map_put(keys, key, session) != OK)
		return BROKEN;
	session->key = map_own_key(keys, key).data;
	session->key_len = (uint8_t)key.len;
	return OK;
}

enum result cancel_give_key(struct session *session, size_t len)
{
	struct roster *roster = session->roster;
	uint8_t        bytes[CANCEL_KEY_LONG];
	struct slice   key = { (const char *)bytes, len };
	enum result    result;

	do {
		random_bytes(bytes, len);
		cancel_key_shape(bytes, (unsigned)roster->settings->peer_id);
	} while (map_get(&roster->keys, key) != NULL);
	result = cancel_keep_key(session, key);
	explicit_bzero(bytes, sizeof(bytes));
	return result;
}

static void finish(struct session *requester, enum ending why)
{
	log_line(LEVEL_DEBUG, session_prefix(requester), "%s", ending_row(why)->text);
	session_end(requester, why, NULL);
}

static bool still_wanted(void *ctx)
{
	const struct cancel *cancel = ctx;

	return cancel->target != NULL && cancel->target->in_query &&
	       cancel->target->query_number == cancel->query;
}

static void aim(struct cancel *cancel, struct session *target)
{
	cancel->target = target;
	cancel->query = target->query_number;
	cancel->next = target->cancels;
	cancel->place = &target->cancels;
	if (cancel->next != NULL)
		cancel->next->place = &cancel->next;
	target->cancels = cancel;
}

static void let_go(struct cancel *cancel)
{
	if (cancel->target == NULL)
		return;
	*cancel->place = cancel->next;
	if (cancel->next != NULL)
		cancel->next->place = cancel->place;
	cancel->target = NULL;
}

static void on_done(void *ctx, enum ending why)
{
	struct cancel  *cancel = ctx;
	struct session *requester = cancel->requester;

	let_go(cancel);
	if (requester != NULL)
		requester->cancel = NULL;
	mem_free(cancel);
	if (requester != NULL)
		finish(requester, why);
}

static void cancel_working(struct session *requester, struct session *target)
{
	struct cancel *cancel = mem_alloc_zero(sizeof(*cancel));

	if (cancel == NULL) {
		finish(requester, END_NO_MEMORY);
		return;
	}
	cancel->requester = requester;
	aim(cancel, target);
	requester->cancel = cancel;
	if (canceler_start(target->server, still_wanted, on_done, cancel) == OK)
		return;
	let_go(cancel);
	requester->cancel = NULL;
	mem_free(cancel);
	finish(requester, END_NO_MEMORY);
}

/* One of our peers gave the key, so it is for that one to find whom it means. */
static void cancel_at_peer(struct session *requester, struct slice key)
{
	struct peers  *peers = pools_peers(requester->roster->pools);
	struct cancel *cancel = mem_alloc_zero(sizeof(*cancel));
	enum ending    why = END_NO_MEMORY;

	if (cancel != NULL)
		why = peers_forward(peers, key, on_done, cancel, &cancel->forward);
	if (why != END_NONE) {
		mem_free(cancel);
		finish(requester, why);
		return;
	}
	cancel->requester = requester;
	requester->cancel = cancel;
}

/*
 * Whose key it is. A request that a peer passed on has fewer hops left than the key that was given
 * out; one given out before there were peers has no hops in it.
 */
static struct session *find_target(const struct roster *roster, struct slice key)
{
	struct session *target = map_get(&roster->keys, key);
	uint8_t         fresh[CANCEL_KEY_MAX];

	if (target != NULL || roster->settings->peer_id == 0)
		return target;
	memcpy(fresh, key.data, key.len);
	cancel_key_set_hops(fresh, CANCEL_KEY_HOPS);
	target = map_get(&roster->keys, (struct slice){ (const char *)fresh, key.len });
	explicit_bzero(fresh, sizeof(fresh));
	return target;
}

void cancel_begin(struct session *requester, struct slice key)
{
	struct session *target = find_target(requester->roster, key);

	/* Whatever comes of it, a requester is never answered. */
	requester->told = true;
	if (target == NULL && peers_own(pools_peers(requester->roster->pools), key)) {
		cancel_at_peer(requester, key);
	} else if (target == NULL) {
		finish(requester, END_CANCEL_UNKNOWN);
	} else if (target->service != NULL) {
		if (target->visit != NULL)
			target->service->on_cancel(target->visit);
		finish(requester, END_CANCEL_CONSOLE);
	} else if (target->state == SESSION_WAITING) {
		request_cancel_waiting(target);
		finish(requester, END_CANCEL_SENT);
	} else if (target->server != NULL && target->in_query) {
		cancel_working(requester, target);
	} else {
		finish(requester, END_CANCEL_IDLE);
	}
}

void cancel_forget(struct session *session)
{
	if (session->key_len > 0)
		map_remove(&session->roster->keys, cancel_key_of(session));
	session->key = NULL;
	session->key_len = 0;
	while (session->cancels != NULL)
		let_go(session->cancels);
	if (session->cancel == NULL)
		return;
	/* The cancel goes on: PostgreSQL, too, delivers what it has read. */
	session->cancel->requester = NULL;
	if (session->cancel->forward != NULL) {
		peers_forget(session->cancel->forward);
		mem_free(session->cancel);
	}
	session->cancel = NULL;
}
