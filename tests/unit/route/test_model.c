/*
 * A small world of servers with their real state (role, timeline, what each has replayed), to
 * which everything happens at random: writes, replay, restarts, promotions, losses, splits,
 * reloads. Probes tell the cluster the truth, though late and in any order. What must never
 * happen is checked against the world, not against what the cluster believes.
 */

#include "route_test.h"

#define HOSTS 4

struct host {
	bool     alive, replica;
	uint32_t timeline;
	uint64_t position; /* inserted or replayed */
	int64_t  started;
	bool     lost; /* its probe connection is broken */
};

/* What a session wrote, and what it needs for it. */
struct written {
	uint64_t position, need;
	uint32_t timeline;
};

struct world {
	struct host     hosts[HOSTS];
	struct cluster *cluster;
	uint64_t        seed, round, fork; /* fork: where the newest timeline began */
	uint32_t        newest;            /* timeline */
	uint32_t        heard;             /* the newest that any probe has told */
	struct written  written[8];
	struct probe_facts in_flight;      /* a primary's answer on its way */
	int             in_flight_host;
	unsigned        reads, writes;
};

static uint64_t draw(struct world *world, uint64_t bound)
{
	world->seed = world->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (world->seed >> 33) % bound;
}

static struct probe_facts truth(struct world *world, unsigned i)
{
	struct host       *host = &world->hosts[i];
	struct probe_facts facts = facts_of(host->replica, host->timeline, host->position);

	facts.started_us = host->started;
	facts.answered = host->alive;
	facts.reconnected = host->lost;
	if (host->alive)
		host->lost = false;
	return facts;
}

static void tell(struct world *world, unsigned i, const struct probe_facts *facts)
{
	if (facts->answered && facts->timeline > world->heard)
		world->heard = facts->timeline;
	cluster_take_facts(world->cluster, i, facts, test_now);
}

/* Who is said to be primary; a claim is what choice is checked against below. */
static unsigned claims(const struct world *world)
{
	unsigned count = 0;

	for (unsigned i = 0; i < HOSTS; i++)
		count += look(world->cluster, i).is_primary;
	return count;
}

static void probe(struct world *world, unsigned i)
{
	struct probe_facts facts = truth(world, i);

	tell(world, i, &facts);
}

/* A primary is asked in a new round; its answer is on its way. */
static void begin_round(struct world *world)
{
	int primary = cluster_primary(world->cluster);

	if (world->in_flight_host >= 0 || primary < 0)
		return;
	world->round = position_send_round(world->cluster, test_now);
	world->in_flight = truth(world, (unsigned)primary);
	world->in_flight.round = world->round;
	world->in_flight_host = primary;
}

static void end_round(struct world *world)
{
	if (world->in_flight_host < 0)
		return;
	tell(world, (unsigned)world->in_flight_host, &world->in_flight);
	world->in_flight_host = -1;
}

static void write_something(struct world *world)
{
	struct route_choice choice = write_now(world->cluster);
	struct written     *written = &world->written[draw(world, COUNT_OF(world->written))];
	struct host        *host;

	if (choice.answer != ROUTE_TO_HOST)
		return;
	host = &world->hosts[choice.host];
	if (look(world->cluster, choice.host).timeline < world->heard)
		FAIL("a write to timeline %u, though %u was heard of", host->timeline,
		     world->heard);
	if (!look(world->cluster, choice.host).is_primary)
		FAIL("a write to a host that is not the primary");
	/* it may have changed since: then the connection fails, or a standby refuses */
	if (!host->alive || host->replica)
		return;
	world->writes++;
	host->position += 1 + draw(world, 50);
	*written = (struct written){ host->position, position_need(world->cluster),
				     host->timeline };
}

static void read_something(struct world *world)
{
	struct written     *written = &world->written[draw(world, COUNT_OF(world->written))];
	struct route_choice choice = read_needing(world->cluster, written->need);
	struct endpoint_facts facts;
	struct host          *host;

	if (choice.answer != ROUTE_TO_HOST || !choice.on_replica)
		return;
	host = &world->hosts[choice.host];
	facts = look(world->cluster, choice.host);
	if (facts.reached < written->need)
		FAIL("a read that needs round %" PRIu64 " to one at %" PRIu64, written->need,
		     facts.reached);
	if (facts.timeline < world->heard)
		FAIL("a read to timeline %u, though %u was heard of", facts.timeline,
		     world->heard);
	/* restarted since the last probe: all connections to it are broken, which is noticed */
	if (!host->alive || host->lost)
		return;
	world->reads++;
	/* what was written on this timeline, or before it began, must be there */
	if (written->timeline == host->timeline && host->position < written->position)
		FAIL("a stale read: %" PRIu64 " was written, %" PRIu64 " is replayed",
		     written->position, host->position);
	if (written->timeline == host->timeline - 1 && host->timeline == world->newest &&
	    written->position <= world->fork && host->position < written->position)
		FAIL("a stale read behind a promotion");
}

static struct host *some_primary(struct world *world)
{
	for (unsigned i = 0; i < HOSTS; i++)
		if (world->hosts[i].alive && !world->hosts[i].replica &&
		    world->hosts[i].timeline == world->newest)
			return &world->hosts[i];
	return NULL;
}

static void replay(struct world *world, struct host *host)
{
	struct host *primary = some_primary(world);

	if (!host->alive || !host->replica || !primary)
		return;
	/* it changes to the newest timeline if it is not past its beginning */
	if (host->timeline < primary->timeline) {
		if (host->position > world->fork)
			return;
		host->timeline = primary->timeline;
	}
	if (host->position < primary->position)
		host->position += draw(world, primary->position - host->position + 1);
}

static void promote(struct world *world, struct host *host)
{
	if (!host->alive || !host->replica)
		return;
	world->newest++;
	world->fork = host->position;
	host->timeline = world->newest;
	host->replica = false;
}

static void stop(struct world *world, struct host *host)
{
	(void)world;
	host->alive = false;
	host->lost = true;
}

/* As it was, or rebuilt from the primary; a replica may show an older state. */
static void start(struct world *world, struct host *host)
{
	struct host *primary = some_primary(world);

	/* one that runs restarts: no probe may have seen it down */
	host->alive = true;
	host->lost = true;
	host->started++;
	if (host->replica && host->position > 100)
		host->position -= draw(world, 40);
	if (!host->replica && primary && primary != host && draw(world, 2)) {
		host->replica = true;
		host->timeline = primary->timeline;
		host->position = world->fork;
	}
}

static void reload(struct world *world)
{
	struct cluster_options options = options_of(HOSTS);

	options.balance = (enum balance_method)draw(world, 4);
	options.max_lag_bytes = draw(world, 3) * 500;
	CHECK_INT_EQ(cluster_set_options(world->cluster, &options), OK);
}

static void happen(struct world *world)
{
	struct host *host = &world->hosts[draw(world, HOSTS)];
	uint64_t     what = draw(world, 1000);

	pass((int64_t)draw(world, 100));
	if (what < 200)
		write_something(world);
	else if (what < 450)
		read_something(world);
	else if (what < 600)
		replay(world, host);
	else if (what < 750)
		probe(world, (unsigned)draw(world, HOSTS));
	else if (what < 860)
		begin_round(world);
	else if (what < 970)
		end_round(world);
	else if (what < 980)
		start(world, host);
	else if (what < 986)
		stop(world, host);
	else if (what < 990)
		(void)cluster_note_trouble(world->cluster, (unsigned)draw(world, HOSTS),
					   test_now);
	else if (what < 993)
		promote(world, host);
	else if (what < 996)
		(void)cluster_drain(world->cluster, (unsigned)draw(world, HOSTS),
				    draw(world, 2));
	else
		reload(world);
	if (claims(world) > 1)
		FAIL("two hosts are said to be the primary");
}

static void live(struct world *world, uint64_t seed, unsigned steps)
{
	struct cluster_options options = options_of(HOSTS);

	*world = (struct world){ .seed = seed, .newest = 1, .in_flight_host = -1 };
	world->cluster = cluster_new(&options);
	REQUIRE(world->cluster != NULL);
	for (unsigned i = 0; i < HOSTS; i++)
		world->hosts[i] = (struct host){ true, i > 0, 1, 100, 1, false };
	for (unsigned i = 0; i < steps && !test_failed; i++)
		happen(world);
	if (test_failed)
		printf("    seed %" PRIu64 "\n", seed);
	cluster_free(world->cluster);
}

TEST(whatever_happens_nothing_stale_is_read_and_one_host_is_written_to)
{
	struct world world;
	unsigned     reads = 0, writes = 0;

	for (uint64_t seed = 1; seed <= 400 && !test_failed; seed++) {
		live(&world, seed, 2000);
		reads += world.reads;
		writes += world.writes;
	}
	/* the model must not be a world in which nothing happens */
	CHECK(reads > 10000);
	CHECK(writes > 50000);
}
