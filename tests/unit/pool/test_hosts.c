/* A database with several hosts: whose servers are lent, who waits, what a change does. */

#include "test.h"

#include "pool/visitor.h"
#include "route/position.h"

#define TRANSACTION "pool_mode = transaction\ndefault_pool_size = 1\n"

/* A world whose database `db` has two hosts: world.fake and `second`. */
struct pair {
	struct world         world;
	struct fake_postgres second;
	struct database     *database;
	struct cluster      *cluster;
	uint64_t             position;
	char                 entry[256];
};

static void pair_init(struct pair *pair)
{
	world_init(&pair->world, TRANSACTION, "db = host=DIR");
	fake_init(&pair->second, pair->world.loop);
	snprintf(pair->entry, sizeof(pair->entry), "db = host=DIR,%s read_write_split=on",
	         pair->second.dir);
	world_reload(&pair->world, TRANSACTION, pair->entry);
	pair->database = pools_database(pair->world.pools, SLICE_LITERAL("db"));
	pair->cluster = database_cluster(pair->database);
	pair->position = 1000;
	CHECK(pair->cluster != NULL);
}

static void pair_release(struct pair *pair)
{
	pools_free(pair->world.pools);
	pair->world.pools = NULL;
	world_spin(&pair->world, 1);
	fake_release(&pair->second);
	world_release(&pair->world);
}

/* The host is found to be the primary, or to follow it, or (role UNKNOWN) not to answer. */
static void find(struct pair *pair, unsigned host, enum endpoint_role role, uint32_t timeline)
{
	struct moment         now = loop_now(pair->world.loop);
	struct probe_facts    facts = { .answered = role != ROLE_UNKNOWN,
		                        .asked = now,
		                        .in_recovery = role == ROLE_REPLICA,
		                        .system_id = 7,
		                        .timeline = timeline,
		                        .started_us = 1,
		                        .position = pair->position,
		                        .round = position_send_round(pair->cluster, now),
		                        .own_lag = { -1 } };
	struct cluster_change change = cluster_take_facts(pair->cluster, host, &facts, now);

	database_cluster_changed(pair->database, &change);
}

TEST(a_server_is_the_primarys)
{
	struct pair    pair;
	struct visitor alice;

	pair_init(&pair);
	find(&pair, 0, ROLE_REPLICA, 1);
	find(&pair, 1, ROLE_PRIMARY, 1);
	visitor_init(&alice, &pair.world, "db", "alice");
	visitor_do(&alice, "ONE");
	CHECK_INT_EQ(pair.world.fake.open, 0);
	CHECK_INT_EQ(pair.second.open, 1);
	visitor_release(&alice);
	pair_release(&pair);
}

TEST(the_pools_below_are_shown_as_one)
{
	struct pair           pair;
	struct visitor        alice;
	struct server        *server, *other = NULL;
	struct pool_facts     facts;
	struct endpoint_facts endpoint;
	struct pool          *below;

	pair_init(&pair);
	find(&pair, 0, ROLE_PRIMARY, 1);
	find(&pair, 1, ROLE_REPLICA, 1);
	visitor_init(&alice, &pair.world, "db", "alice");
	below = pool_at_host(alice.pool, 1);
	CHECK_INT_EQ(pool_host(below), 1);
	CHECK(pool_at_host(alice.pool, 2) == NULL);
	CHECK(pool_ask(below, &alice.waiter, &server) == AGAIN);
	UNTIL(&pair.world, alice.server);
	CHECK_INT_EQ(pair.second.open, 1);
	cluster_endpoint(pair.cluster, 1, loop_now(pair.world.loop), &endpoint);
	CHECK_INT_EQ(endpoint.lent, 1);
	facts = world_facts(&pair.world, alice.pool);
	CHECK_INT_EQ(facts.servers_active, 1);
	CHECK_INT_EQ(facts.clients_active, 1);
	other = pool_next_server(alice.pool, NULL);
	CHECK(other == alice.server);
	CHECK(pool_next_server(alice.pool, other) == NULL);
	CHECK(pools_next_pool(pair.world.pools, NULL) == alice.pool);
	CHECK(pools_next_pool(pair.world.pools, alice.pool) == NULL);
	visitor_give_back(&alice);
	cluster_endpoint(pair.cluster, 1, loop_now(pair.world.loop), &endpoint);
	CHECK_INT_EQ(endpoint.lent, 0);
	visitor_release(&alice);
	pair_release(&pair);
}

TEST(without_any_host_one_waits)
{
	struct pair    pair;
	struct visitor alice;

	pair_init(&pair);
	visitor_init(&alice, &pair.world, "db", "alice");
	CHECK(visitor_ask(&alice) == AGAIN);
	world_spin(&pair.world, 50);
	CHECK_INT_EQ(world_facts(&pair.world, alice.pool).clients_waiting, 1);
	CHECK_INT_EQ(pair.world.fake.count, 0);
	find(&pair, 0, ROLE_PRIMARY, 1);
	UNTIL(&pair.world, alice.server);
	visitor_release(&alice);
	pair_release(&pair);
}

TEST(sizes_count_per_host)
{
	struct pair    pair;
	struct visitor one, two;
	struct server *server;

	pair_init(&pair);
	find(&pair, 0, ROLE_PRIMARY, 1);
	find(&pair, 1, ROLE_REPLICA, 1);
	visitor_init(&one, &pair.world, "db", "alice");
	visitor_init(&two, &pair.world, "db", "alice");
	visitor_get(&one);
	CHECK(pool_ask(pool_at_host(two.pool, 1), &two.waiter, &server) == AGAIN);
	UNTIL(&pair.world, two.server);
	CHECK_INT_EQ(pair.world.fake.open, 1);
	CHECK_INT_EQ(pair.second.open, 1);
	visitor_release(&one);
	visitor_release(&two);
	pair_release(&pair);
}

TEST(a_promotion_moves_those_who_wait_and_ends_those_who_work)
{
	struct pair    pair;
	struct visitor working, waiting;

	pair_init(&pair);
	find(&pair, 0, ROLE_PRIMARY, 1);
	find(&pair, 1, ROLE_REPLICA, 1);
	visitor_init(&working, &pair.world, "db", "alice");
	visitor_init(&waiting, &pair.world, "db", "alice");
	visitor_get(&working);
	waiting.waiter.for_primary = true;
	CHECK(visitor_ask(&waiting) == AGAIN);
	find(&pair, 1, ROLE_PRIMARY, 2);
	find(&pair, 0, ROLE_PRIMARY, 1);
	UNTIL(&pair.world, working.lost);
	CHECK_INT_EQ(working.why, END_HOST_CHANGED);
	UNTIL(&pair.world, waiting.server);
	CHECK_INT_EQ(pair.second.open, 1);
	CHECK_INT_EQ(pair.world.fake.open, 0);
	visitor_release(&working);
	visitor_release(&waiting);
	pair_release(&pair);
}

TEST(a_reload_keeps_the_hosts_that_stay)
{
	struct pair    pair;
	struct visitor alice;
	char           entry[256];

	pair_init(&pair);
	find(&pair, 0, ROLE_REPLICA, 1);
	find(&pair, 1, ROLE_PRIMARY, 1);
	visitor_init(&alice, &pair.world, "db", "alice");
	visitor_do(&alice, "ONE");
	snprintf(entry, sizeof(entry), "db = host=%s,/nowhere read_write_split=on",
	         pair.second.dir);
	world_reload(&pair.world, TRANSACTION, entry);
	CHECK(database_cluster(pair.database) == pair.cluster);
	CHECK_INT_EQ(cluster_primary(pair.cluster), 0);
	CHECK(pool_at_host(alice.pool, 0) != NULL);
	visitor_do(&alice, "TWO");
	CHECK_INT_EQ(pair.second.open, 1);
	CHECK_INT_EQ(pair.second.count, 1);
	world_reload(&pair.world, TRANSACTION, "db = host=DIR");
	CHECK(database_cluster(pair.database) == NULL);
	visitor_do(&alice, "THREE");
	UNTIL(&pair.world, pair.second.open == 0);
	CHECK_INT_EQ(pair.world.fake.open, 1);
	visitor_release(&alice);
	pair_release(&pair);
}

static unsigned troubles;

static void on_trouble(void *ctx, struct database *database, unsigned host)
{
	const struct pair *pair = ctx;

	CHECK(database == pair->database);
	CHECK_INT_EQ(host, 0);
	troubles++;
}

TEST(a_lost_server_is_trouble)
{
	struct pair    pair;
	struct visitor alice;

	troubles = 0;
	pair_init(&pair);
	pools_watch_trouble(pair.world.pools, on_trouble, &pair);
	find(&pair, 0, ROLE_PRIMARY, 1);
	visitor_init(&alice, &pair.world, "db", "alice");
	visitor_do(&alice, "DIE");
	UNTIL(&pair.world, alice.lost);
	CHECK(troubles > 0);
	visitor_release(&alice);
	pair_release(&pair);
}

TEST(who_is_not_let_in_by_a_replica_goes_elsewhere)
{
	struct pair    pair;
	struct visitor alice;
	struct server *server;
	uint64_t       room, refusing;

	pair_init(&pair);
	find(&pair, 0, ROLE_PRIMARY, 1);
	find(&pair, 1, ROLE_REPLICA, 1);
	pair.second.login = FAKE_REFUSE;
	pair.second.sqlstate = "53300";
	visitor_init(&alice, &pair.world, "db", "alice");
	pool_see_hosts(alice.pool, &room, &refusing);
	CHECK_UINT_EQ(refusing, 0);
	CHECK_UINT_EQ(room, UINT64_MAX);
	CHECK(pool_ask(pool_at_host(alice.pool, 1), &alice.waiter, &server) == AGAIN);
	UNTIL(&pair.world, alice.server);
	CHECK(!alice.refused);
	CHECK_INT_EQ(pair.world.fake.open, 1);
	pool_see_hosts(alice.pool, &room, &refusing);
	CHECK_UINT_EQ(refusing, 2);
	CHECK_UINT_EQ(room & 3, 2);
	visitor_release(&alice);
	pair_release(&pair);
}

TEST(who_has_no_other_host_is_told_why)
{
	struct pair    pair;
	struct visitor alice;
	struct server *server;

	pair_init(&pair);
	snprintf(pair.entry, sizeof(pair.entry), "db = host=DIR,%s target_session_attrs=standby",
	         pair.second.dir);
	world_reload(&pair.world, TRANSACTION, pair.entry);
	find(&pair, 0, ROLE_PRIMARY, 1);
	find(&pair, 1, ROLE_REPLICA, 1);
	pair.second.login = FAKE_REFUSE;
	pair.second.sqlstate = "28000";
	visitor_init(&alice, &pair.world, "db", "alice");
	CHECK(pool_ask(pool_at_host(alice.pool, 1), &alice.waiter, &server) == AGAIN);
	UNTIL(&pair.world, alice.refused);
	visitor_release(&alice);
	pair_release(&pair);
}

TEST(a_host_that_is_away_makes_nobody_fail)
{
	struct pair    pair;
	struct visitor alice;

	pair_init(&pair);
	find(&pair, 0, ROLE_PRIMARY, 1);
	pair.world.fake.login = FAKE_REFUSE;
	pair.world.fake.sqlstate = "57P03";
	visitor_init(&alice, &pair.world, "db", "alice");
	CHECK(visitor_ask(&alice) == AGAIN);
	world_spin(&pair.world, 100);
	CHECK(!alice.refused);
	find(&pair, 0, ROLE_UNKNOWN, 0);
	find(&pair, 1, ROLE_PRIMARY, 2);
	UNTIL(&pair.world, alice.server);
	CHECK_INT_EQ(pair.second.open, 1);
	visitor_release(&alice);
	pair_release(&pair);
}
