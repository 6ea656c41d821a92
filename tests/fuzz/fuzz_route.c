/*
 * A cluster of which anything is said: hosts that lie about their role, system, timeline and
 * position, rounds answered late or twice, reloads, drains, failovers in between. Each step is a
 * byte and its operands. Whatever was said, a write goes to the elected primary or nowhere, a read
 * to a host that follows the newest timeline and has what the read needs; rounds stay in order.
 */
#include <string.h>

#include "fuzz.h"
#include "route/route_internal.h"

#define HOSTS_MAX 5
#define ALL	  UINT64_MAX

struct world {
	const uint8_t *data;
	size_t size;
	struct cluster *cluster;
	struct moment now;
	struct cluster_host hosts[HOSTS_MAX];
};

static unsigned next_byte(struct world *world)
{
	if (world->size == 0)
		return 0;
	world->size--;
	return *world->data++;
}

static unsigned pick(struct world *world, unsigned bound)
{
	return next_byte(world) % bound;
}

static struct cluster_options read_options(struct world *world)
{
	static const char *const names[HOSTS_MAX] = { "a", "b", "c", "a", "" };
	unsigned first = next_byte(world), second = next_byte(world);

	for (unsigned i = 0; i < HOSTS_MAX; i++)
		world->hosts[i] = (struct cluster_host){ slice_of(names[(i + first) % HOSTS_MAX]),
							 5432, (second >> i & 3), first >> i & 1 };
	return (struct cluster_options){
		.hosts = world->hosts,
		.count = 1 + first % HOSTS_MAX,
		.splits = second & 1,
		.target = (enum session_target)(first / 8 % (TARGET_PREFER_STANDBY + 1)),
		.balance = (enum balance_method)(second / 4 % (BALANCE_RANDOM + 1)),
		.when_no_replica = (enum no_replica)(second / 32 % (NO_REPLICA_ERROR + 1)),
		.max_lag = span_seconds(first & 64 ? 10 : 0),
		.max_lag_bytes = first & 128 ? 1000 : 0,
		.retry_after = span_seconds(second & 128 ? 60 : 0),
	};
}

/* ---- what always holds ---- */

static void check_cluster(const struct cluster *cluster)
{
	for (unsigned i = 0; i < cluster->round_count; i++) {
		const struct round *round = &cluster->rounds[i];

		CHECK(round->number > cluster->floor && round->number <= cluster->sent);
		CHECK(i == 0 ||
		      (round[-1].number < round->number && round[-1].position <= round->position));
	}
	for (unsigned i = 0; i < cluster->count; i++)
		CHECK(cluster->endpoints[i].reached <= cluster->sent);
	CHECK(cluster->round_count <= ROUNDS_MAX && cluster->by_write.len <= SCOPES_MAX);
	CHECK(cluster->primary < (int)cluster->count && !(cluster->split && cluster->primary >= 0));
}

static void check_change(const struct cluster *cluster, const struct cluster_change *change)
{
	CHECK((change->close | change->requeue | change->log) >> cluster->count == 0);
	CHECK(!change->primary_moved || cluster->primary >= 0);
	CHECK(!change->split_brain || cluster->split);
}

static void check_choice(const struct cluster *cluster, const struct route_request *request,
			 const struct route_choice *choice)
{
	const struct endpoint *endpoint = &cluster->endpoints[choice->host];

	CHECK(choice->reason < ROUTE_REASONS && route_reason_text(choice->reason));
	if (choice->answer != ROUTE_TO_HOST)
		return;
	CHECK(choice->host < cluster->count);
	CHECK(endpoint->state == ENDPOINT_UP && !endpoint->drained);
	if (!choice->on_replica) {
		CHECK(cluster->primary == (int)choice->host && !cluster->held);
		return;
	}
	CHECK(endpoint->role == ROLE_REPLICA && endpoint->timeline == cluster->timeline);
	CHECK(endpoint->reached >= request->need && choice->reached == endpoint->reached);
	CHECK(!(request->without >> choice->host & 1));
	if (cluster->options.splits && cluster->options.target == TARGET_ANY)
		CHECK(request->reads || request->wish == WISH_REPLICA);
}

/* ---- steps ---- */

static void tell(struct world *world)
{
	unsigned host = pick(world, world->cluster->count), what = next_byte(world);
	unsigned number = next_byte(world), position = next_byte(world), lag = next_byte(world);
	struct probe_facts facts = {
		.answered = what & 1,
		.refused = what & 2,
		.asked = moment_after(world->now, span_ms(-(int64_t)lag)),
		.latency = { (int64_t)lag * 100 - 100 },
		.in_recovery = what & 4,
		.system_id = what & 8 ? 7 : number % 4,
		.timeline = what & 16 ? 1 : number % 8,
		.started_us = 1 + (what >> 5 & 1),
		.position = (uint64_t)position * position * 1000,
		.round = what & 64 ? world->cluster->sent : number / 4,
		.own_lag = { number & 1 ? -1 : (int64_t)lag * 1000000 },
		.reconnected = what & 128,
	};
	struct cluster_change change = cluster_take_facts(world->cluster, host, &facts, world->now);

	check_change(world->cluster, &change);
}

static void choose(struct world *world)
{
	unsigned what = next_byte(world), need = next_byte(world);
	struct route_request request = {
		.reads = what & 1,
		.read_only_block = what & 2,
		.wish = (enum route_wish)(what / 4 % 3),
		.need = need & 1 ? position_need(world->cluster) : need / 2,
		.without = what & 64 ? need : 0,
		.waited = what & 128,
		.random = what * UINT32_C(0x01010101),
		.available = what & 16 ? need : ALL,
	};
	const char *why[CLUSTER_MAX_HOSTS];
	struct route_choice told = policy_explain(world->cluster, &request, world->now, why);
	struct route_choice choice = policy_choose(world->cluster, &request, world->now);

	CHECK(told.answer == choice.answer && told.reason == choice.reason &&
	      told.host == choice.host && told.on_replica == choice.on_replica);
	for (unsigned i = 0; i < world->cluster->count; i++)
		CHECK(why[i] && *why[i]);
	check_choice(world->cluster, &request, &choice);
}

/* Any text, and our own, which means a round that is known here. */
static void read_position(struct world *world)
{
	unsigned len = next_byte(world);
	struct slice text = { (const char *)world->data, len < world->size ? len : world->size };
	uint64_t need = 0, answered = position_answered(world->cluster);
	char own[64];

	if (position_read(world->cluster, text, &need) == OK)
		CHECK(need > world->cluster->floor && need <= position_need(world->cluster));
	world->data += text.len;
	world->size -= text.len;
	text = (struct slice){ own, position_write(world->cluster, answered, own, sizeof(own)) };
	CHECK((text.len > 0) == (world->cluster->round_count > 0));
	if (text.len == 0)
		return;
	CHECK(position_read(world->cluster, text, &need) == OK);
	CHECK(need > world->cluster->floor && need <= answered);
}

static void note_scope(struct world *world)
{
	unsigned what = next_byte(world), len = what & 3;
	struct slice key = { (const char *)world->data, len < world->size ? len : world->size };
	uint64_t need = position_need(world->cluster);

	if (what & 4)
		position_note_scope(world->cluster, key, need);
	CHECK(position_scope_need(world->cluster, key) <= need);
	CHECK(!(what & 4) || position_scope_need(world->cluster, key) == need);
}

static void steer(struct world *world)
{
	unsigned what = next_byte(world), host = pick(world, world->cluster->count);
	struct cluster_change change = { 0 };

	switch (what & 3) {
	case 0: change = cluster_drain(world->cluster, host, what & 4); break;
	case 1: change = cluster_hold_writes(world->cluster, what & 4); break;
	case 2: (void)cluster_note_trouble(world->cluster, host, world->now); break;
	default: cluster_count(world->cluster, host, what & 4 ? 1 : -1); break;
	}
	check_change(world->cluster, &change);
}

static void reload(struct world *world)
{
	struct cluster_options options = read_options(world);

	CHECK(cluster_set_options(world->cluster, &options) == OK);
}

static void pass(struct world *world)
{
	unsigned what = next_byte(world);

	world->now = moment_after(world->now, span_ms((int64_t)what * what));
	position_send_round(world->cluster, world->now);
	(void)position_wants_round(world->cluster);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const steps[])(struct world *) = { tell,	 tell,	       tell,  choose,
							 choose, note_scope,   steer, reload,
							 pass,	 read_position };
	struct world world = { .data = data, .size = size, .now = { INT64_C(1000000000000) } };
	struct cluster_options options = read_options(&world);

	world.cluster = cluster_new(&options);
	CHECK(world.cluster);
	while (world.size > 0) {
		steps[pick(&world, COUNT_OF(steps))](&world);
		check_cluster(world.cluster);
	}
	cluster_free(world.cluster);
	return 0;
}
