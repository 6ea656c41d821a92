/* Clients of a cluster of two hosts: turns that are sent, moved, begun late, answered here. */
#include "faults/scenario.h"

#include "pool/database.h"
#include "pool/pools.h"
#include "route/position.h"

#include "net/loop.h"

#define ALICE "login user=alice database=db\n"
#define READS "> Q(SELECT 1)\n< T D(1) C(SELECT) Z(I)\n"

static void find(struct stage *stage, unsigned host, enum endpoint_role role, uint64_t round)
{
	struct database *database = pools_database(stage->pools, SLICE_LITERAL("db"));
	struct cluster *cluster = database ? database_cluster(database) : NULL;
	struct moment now = loop_now(stage->loop);
	struct probe_facts facts = {
		.answered = true,
		.asked = now,
		.in_recovery = role == ROLE_REPLICA,
		.system_id = 7,
		.timeline = 1,
		.started_us = 1,
		.position = 1000 + round,
		.round = round,
		.own_lag = { -1 },
	};
	struct cluster_change change;

	if (!cluster)
		return;
	change = cluster_take_facts(cluster, host, &facts, now);
	database_cluster_changed(database, &change);
}

static void probe(struct stage *stage)
{
	struct database *database = pools_database(stage->pools, SLICE_LITERAL("db"));
	struct cluster *cluster = database ? database_cluster(database) : NULL;
	uint64_t round;

	if (!cluster)
		return;
	round = position_send_round(cluster, loop_now(stage->loop));
	find(stage, 0, ROLE_PRIMARY, round);
	find(stage, 1, ROLE_REPLICA, round);
}

static struct stage *crashed;

static void probe_again(struct loop_task *task)
{
	(void)task;
	probe(crashed);
}

static struct loop_task probing = { .run = probe_again };

/* All connections to the primary break, and before anybody has to wait it is found well. */
static void crash(struct stage *stage)
{
	postgres_kick(&stage->postgres);
	crashed = stage;
	loop_at_end(stage->loop, &probing);
}

static void act(struct stage *stage, const char *word)
{
	if (strncmp(word, "probe", 5) == 0)
		probe(stage);
	else if (strncmp(word, "kick", 4) == 0)
		postgres_kick(&stage->replica);
	else if (strncmp(word, "crash", 5) == 0)
		crash(stage);
	else if (strncmp(word, "deaf", 4) == 0)
		stage->replica.deaf = true;
	else if (strncmp(word, "hear", 4) == 0)
		stage->replica.deaf = false;
}

#define CLUSTER .databases = "db = : read_write_split=on", .replica = true, .act = act
#define PROBED	"do probe\ndo probe\n"

const struct scenario scenarios_cluster[] = {
	{ .name = "a cluster: reads and writes",
	  SET_UP(CLUSTER),
	  PLAYED_BY("a", PROBED "arm\n" ALICE READS "> Q(STORE 1)\n< C(STORE) Z(I)\n" READS
				"do probe\n" READS
				"> P(s|SELECT $1) B(|s|x) E(|0) S\n< 1 2 D(x) C(SELECT) Z(I)\n"
				"> B(|s|y) E(|0) S\n< 2 D(y) C(SELECT) Z(I)\n") },
	{ .name = "a cluster: moved",
	  SET_UP(CLUSTER),
	  PLAYED_BY("a", PROBED ALICE READS
		    "arm\n> Q(SELECT WRITES)\n< T D(WRITES) C(SELECT) Z(I)\ndo probe\n"
		    "> P(s|SELECT CONFLICT) B(|s) D(P|) E(|0) S\n"
		    "< 1 2 T D(CONFLICT) C(SELECT) Z(I)\n" READS) },
	{ .name = "a cluster: a replica dies",
	  SET_UP(CLUSTER),
	  PLAYED_BY("a", PROBED ALICE READS "do deaf\nmark deaf\narm\n"
		    "> P(|SELECT 1) B(||) E(|0) S\n< 1 2 D(1) C(SELECT) Z(I)\n" READS,
		    "b", "await deaf\nwait 50\ndo kick\ndo hear\n") },
	{ .name = "a cluster: the primary dies before it was sent anything",
	  SET_UP(CLUSTER),
	  PLAYED_BY("a", PROBED ALICE "> Q(STORE 1)\n< C(STORE) Z(I)\nwait 1\narm\n> Q(STORE 2)\n"
		    "do crash\n< C(STORE) Z(I)\n"
		    "> Q(BEGIN)\n< C(BEGIN) Z(T)\nwait 1\n> Q(STORE 3)\ndo crash\n"
		    "< C(STORE) Z(T)\n> Q(COMMIT)\n< C(COMMIT) Z(I)\n") },
	{ .name = "a cluster: blocks",
	  SET_UP(CLUSTER),
	  PLAYED_BY("a", PROBED ALICE "arm\n> Q(BEGIN)\n< C(BEGIN) Z(T)\n"
		    "> Q(STORE 1)\n< C(STORE) Z(T)\n> Q(COMMIT)\n< C(COMMIT) Z(I)\n"
		    "> Q(BEGIN READ ONLY)\n< C(BEGIN) Z(T)\n"
		    "> Q(SELECT 1)\n< T D(1) C(SELECT) Z(T)\n> Q(COMMIT)\n< C(COMMIT) Z(I)\n"
		    "> Q(BEGIN)\n< C(BEGIN) Z(T)\n> Q(ROLLBACK)\n< C(ROLLBACK) Z(I)\n") },
	{ .name = "a cluster: settings of ours",
	  SET_UP(CLUSTER),
	  PLAYED_BY("a", PROBED ALICE "arm\n> Q(SET pgcarwash.route = 'primary')\n< C(SET) Z(I)\n"
		    READS "> P(|SHOW pgcarwash.route) B(||) D(P|) E(|0) S\n"
		    "< 1 2 T D(primary) C(SHOW) Z(I)\n") },
	{ .name = "a cluster: found late",
	  SET_UP(CLUSTER),
	  PLAYED_BY("a", "arm\n" ALICE READS, "b", "wait 20\n" PROBED ALICE READS) },
	{ .name = "a cluster: replication",
	  SET_UP(CLUSTER),
	  PLAYED_BY("a", PROBED "arm\nlogin user=alice database=db replication=database\n"
				"> Q(SELECT 1)\n< T D(1) C(SELECT) Z(I)\n> X\neof\n") },
	{ .name = "a cluster: replication waits for a primary",
	  SET_UP(CLUSTER),
	  PLAYED_BY("a", "arm\nlogin user=alice database=db replication=database\n"
			 "> Q(SELECT 1)\n< T D(1) C(SELECT) Z(I)\n",
		    "b", "wait 20\n" PROBED ALICE READS) },
	{ .name = NULL },
};
