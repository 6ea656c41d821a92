/*
 * Rounds, who has reached which, and needs shared by a scope. Called by cluster.c with answers
 * and by sessions; owns the scopes. What always holds: the kept rounds are of the present
 * timeline, ascending in number and position; nobody has reached a round that is void.
 */

#include "route/position.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "route_internal.h"

struct scope {
	struct list_node by_write;
	struct slice     key; /* in the same memory */
	uint64_t         need;
};

void position_init(struct cluster *cluster)
{
	map_init(&cluster->scopes, 0);
	list_init(&cluster->by_write);
}

static void scope_forget(struct cluster *cluster, struct scope *scope)
{
	if (scope->need > cluster->everyone)
		cluster->everyone = scope->need;
	map_remove(&cluster->scopes, scope->key);
	list_remove(&cluster->by_write, &scope->by_write);
	mem_free(scope);
}

void position_release(struct cluster *cluster)
{
	LIST_EACH(&cluster->by_write, node) {
		scope_forget(cluster, CONTAINER_OF(node, struct scope, by_write));
	}
	map_release(&cluster->scopes);
}

/* ---- rounds ---- */

uint64_t position_send_round(struct cluster *cluster, struct moment now)
{
	(void)now;
	return ++cluster->sent;
}

uint64_t position_need(const struct cluster *cluster)
{
	return cluster->sent + 1;
}

void position_want(struct cluster *cluster, uint64_t need)
{
	uint64_t next = cluster->sent + 1;

	need = need < next ? need : next;
	if (need <= cluster->wanted)
		return;
	cluster->wanted = need;
	if (need == next && cluster->watcher.on_wanted)
		cluster->watcher.on_wanted(cluster->watcher.ctx);
}

bool position_wants_round(const struct cluster *cluster)
{
	return cluster->wanted > cluster->sent && position_is_wanted(cluster);
}

uint64_t position_answered(const struct cluster *cluster)
{
	const struct round *newest = cluster_newest(cluster);

	return newest ? newest->number : 0;
}

bool position_is_wanted(const struct cluster *cluster)
{
	bool hope = false;

	for (unsigned i = 0; i < cluster->count; i++) {
		const struct endpoint *endpoint = &cluster->endpoints[i];

		if (endpoint->reached >= cluster->wanted)
			return false;
		hope |= endpoint->state == ENDPOINT_UP && cluster_follows(cluster, endpoint);
	}
	return hope && cluster->primary >= 0;
}

/*
 * Makes room: of what is so old that the distance to its neighbour no longer matters, every other
 * one goes. The oldest stays, so that a replica far behind is known to be just that.
 */
static void thin_out(struct cluster *cluster)
{
	struct round *rounds = cluster->rounds;
	int64_t       newest = rounds[cluster->round_count - 1].sent.us;
	unsigned      kept = 1;

	for (unsigned i = 1; i < cluster->round_count; i++) {
		int64_t since_last = rounds[i].sent.us - rounds[kept - 1].sent.us;
		int64_t age = newest - rounds[i].sent.us;

		if (i == cluster->round_count - 1 || since_last > age / 16)
			rounds[kept++] = rounds[i];
	}
	cluster->round_count = kept;
}

void rounds_add(struct cluster *cluster, uint64_t number, struct moment sent, uint64_t position)
{
	const struct round *newest = cluster_newest(cluster);

	if (number > cluster->sent || number <= cluster->floor || position == 0)
		return;
	if (newest && number <= newest->number)
		return;
	/* After a crash without a sync the primary goes on from an earlier position. */
	for (; newest && newest->position > position; newest = cluster_newest(cluster))
		cluster->round_count--;
	if (cluster->round_count == ROUNDS_MAX)
		thin_out(cluster);
	cluster->rounds[cluster->round_count++] =
		(struct round){ .number = number, .position = position, .sent = sent };
}

void rounds_void(struct cluster *cluster)
{
	cluster->floor = cluster->sent;
	cluster->round_count = 0;
	for (unsigned i = 0; i < cluster->count; i++) {
		cluster->endpoints[i].reached = 0;
		cluster->endpoints[i].reached_sent = MOMENT_NEVER;
	}
}

/* The newest round at or before position; NULL when there is none. */
static const struct round *round_at(const struct cluster *cluster, uint64_t position)
{
	unsigned low = 0, high = cluster->round_count;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (cluster->rounds[middle].position <= position)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &cluster->rounds[low - 1] : NULL;
}

bool rounds_reach(struct cluster *cluster)
{
	bool further = false;

	for (unsigned i = 0; i < cluster->count; i++) {
		struct endpoint    *endpoint = &cluster->endpoints[i];
		const struct round *round;

		if (!cluster_has_answered(endpoint) || !cluster_follows(cluster, endpoint))
			continue;
		round = round_at(cluster, endpoint->position);
		if (!round || round->number <= endpoint->reached)
			continue;
		endpoint->reached = round->number;
		endpoint->reached_sent = round->sent;
		further = true;
	}
	return further;
}

/* ---- scopes ---- */

static struct scope *scope_new(struct cluster *cluster, struct slice key)
{
	struct scope *scope = mem_alloc_zero(sizeof(*scope) + key.len);
	char         *text;

	if (!scope)
		return NULL;
	text = (char *)(scope + 1);
	if (key.len)
		memcpy(text, key.data, key.len);
	scope->key = (struct slice){ text, key.len };
	if (map_put(&cluster->scopes, scope->key, scope) != OK) {
		mem_free(scope);
		return NULL;
	}
	list_append(&cluster->by_write, &scope->by_write);
	if (cluster->by_write.len > SCOPES_MAX)
		scope_forget(cluster, CONTAINER_OF(list_first(&cluster->by_write), struct scope,
		                                   by_write));
	return scope;
}

void position_note_scope(struct cluster *cluster, struct slice key, uint64_t need)
{
	struct scope *scope = map_get(&cluster->scopes, key);

	if (!scope)
		scope = scope_new(cluster, key);
	if (!scope) {
		cluster->everyone = need > cluster->everyone ? need : cluster->everyone;
		return;
	}
	list_remove(&cluster->by_write, &scope->by_write);
	list_append(&cluster->by_write, &scope->by_write);
	scope->need = need > scope->need ? need : scope->need;
}

uint64_t position_scope_need(const struct cluster *cluster, struct slice key)
{
	const struct scope *scope = map_get(&cluster->scopes, key);

	return scope && scope->need > cluster->everyone ? scope->need : cluster->everyone;
}

/* ---- as text ---- */

size_t position_write(const struct cluster *cluster, uint64_t need, char *text, size_t room)
{
	const struct round *last = cluster_newest(cluster);
	int                 len;

	if (!last || last->number < need)
		return 0;
	len = snprintf(text, room, "%" PRIu64 "/%" PRIu32 "/%" PRIX64 "/%" PRIX64,
	               cluster->system_id, cluster->timeline, last->position >> 32,
	               last->position & 0xffffffff);
	return len > 0 && (size_t)len < room ? (size_t)len : 0;
}

struct place {
	uint64_t system_id, timeline, high, low;
};

/* A number up to the next slash, or to the end. */
static enum result take_number(struct slice *rest, int base, uint64_t most, uint64_t *number)
{
	struct slice field;
	char         text[24], *end;

	if (!slice_next_field(rest, '/', &field) || field.len == 0 || field.len >= sizeof(text))
		return BROKEN;
	memcpy(text, field.data, field.len);
	text[field.len] = '\0';
	if (text[0] == '-' || text[0] == '+' || text[0] == ' ')
		return BROKEN;
	*number = strtoull(text, &end, base);
	return *end == '\0' && *number <= most && (end - text) <= 20 ? OK : BROKEN;
}

static enum result read_place(struct slice text, struct place *place)
{
	if (take_number(&text, 10, UINT64_MAX, &place->system_id) != OK ||
	    take_number(&text, 10, UINT32_MAX, &place->timeline) != OK ||
	    take_number(&text, 16, UINT32_MAX, &place->high) != OK ||
	    take_number(&text, 16, UINT32_MAX, &place->low) != OK)
		return BROKEN;
	return text.len ? BROKEN : OK;
}

enum result position_read(struct cluster *cluster, struct slice text, uint64_t *need)
{
	struct place place;
	uint64_t     position;

	if (read_place(text, &place) != OK)
		return BROKEN;
	if (cluster->system_id && place.system_id != cluster->system_id)
		return BROKEN;
	position = place.high << 32 | place.low;
	/* What an older timeline had in common with this one is in all of its rounds. */
	*need = cluster->floor + 1;
	if (place.timeline < cluster->timeline)
		return OK;
	*need = position_need(cluster);
	if (place.timeline > cluster->timeline)
		return OK;
	for (unsigned i = cluster->round_count; i > 0; i--) {
		if (cluster->rounds[i - 1].position < position)
			break;
		*need = cluster->rounds[i - 1].number;
	}
	return OK;
}
