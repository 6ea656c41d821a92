/* A client of a cluster: which host runs what, what is told, what waits. */

#include "session/session_test.h"

#include "pool/database.h"
#include "route/position.h"

#define SPLIT	"db = : read_write_split=on"
#define HOST	"> Q(SELECT HOST)\n"
#define REPLICA "< T D(replica) C(SELECT) Z(I)\n"
#define PRIMARY "< T D(primary) C(SELECT) Z(I)\n"

static uint64_t position;

static void find(struct stage *stage, unsigned host, enum endpoint_role role, uint64_t round)
{
	struct database *database = pools_database(stage->pools, SLICE_LITERAL("db"));
	struct cluster *cluster = database_cluster(database);
	struct moment now = loop_now(stage->loop);
	struct probe_facts facts = {
		.answered = role != ROLE_UNKNOWN,
		.asked = now,
		.in_recovery = role == ROLE_REPLICA,
		.system_id = 7,
		.timeline = 1,
		.started_us = 1,
		.position = position,
		.round = round,
		.own_lag = { -1 },
	};
	struct cluster_change change = cluster_take_facts(cluster, host, &facts, now);

	database_cluster_changed(database, &change);
}

/* The primary is ahead of what the replica has replayed. */
static uint64_t probe_primary(struct stage *stage)
{
	struct database *database = pools_database(stage->pools, SLICE_LITERAL("db"));
	uint64_t round = position_send_round(database_cluster(database), loop_now(stage->loop));

	position += 10;
	find(stage, 0, ROLE_PRIMARY, round);
	return round;
}

/* A round of probes: the replica has all that the primary had when it was sent. */
static void probe(struct stage *stage)
{
	uint64_t round = probe_primary(stage);

	find(stage, 1, ROLE_REPLICA, round);
}

/* The first round finds out who is who. */
static void begin(struct stage *stage)
{
	position = 1000;
	probe(stage);
	probe(stage);
}

static struct stage *demoted;

static void find_demoted(struct loop_task *task)
{
	(void)task;
	find(demoted, 0, ROLE_REPLICA, 0);
}

static struct loop_task demotion = { .run = find_demoted };

/* The primary is found to follow another host, at the end of a turn that read from clients. */
static void demote(struct stage *stage)
{
	demoted = stage;
	loop_at_end(stage->loop, &demotion);
}

static void act(struct stage *stage, const char *word)
{
	if (strncmp(word, "probe", 5) == 0)
		probe(stage);
	else if (strncmp(word, "ahead", 5) == 0)
		probe_primary(stage);
	else if (strncmp(word, "lose", 4) == 0)
		find(stage, 0, ROLE_UNKNOWN, 0);
	else if (strncmp(word, "deaf", 4) == 0)
		stage->replica.deaf = true;
	else if (strncmp(word, "kick", 4) == 0)
		postgres_kick(&stage->replica);
	else if (strncmp(word, "crash", 5) == 0)
		postgres_kick(&stage->postgres);
	else if (strncmp(word, "demote", 6) == 0)
		demote(stage);
}

static uint64_t routed(struct stage *stage, enum route_reason reason)
{
	return database_routes(pools_database(stage->pools, SLICE_LITERAL("db")))[reason];
}

static void play_on(const char *databases, const char *settings, const char *script,
		    enum route_reason reason, unsigned count)
{
	STAGE(stage, .databases = databases, .settings = settings, .replica = true, .act = act);

	begin(&stage);
	client_new(&stage, "a", script);
	play(&stage);
	CHECK_UINT_EQ(routed(&stage, reason), count);
	CHECK_TEXT_EQ(stage.replica.complaint, "");
	stage_release(&stage);
}

#define PLAY(script, reason, count) play_on(SPLIT, NULL, script, reason, count)

TEST(reads_go_to_a_replica)
{
	PLAY(ALICE HOST REPLICA HOST REPLICA, ROUTE_READ, 2);
}

TEST(a_prepared_statement_goes_where_its_text_belongs)
{
	PLAY(ALICE "> P(a|SELECT HOST) B(|a) E(|0) S\n< 1 2 D(replica) C(SELECT) Z(I)\n"
		   "> B(|a) E(|0) S\n< 2 D(replica) C(SELECT) Z(I)\n"
		   "> P(b|STORE 1) B(|b) E(|0) S\n< 1 2 C(STORE) Z(I)\n",
	     ROUTE_READ, 2);
}

/* Ends by itself: play fails when a client still waits. */
TEST(a_block_without_a_server_has_its_time)
{
	static const char begun[] = ALICE HOST REPLICA "wait 1500\n> Q(BEGIN)\n< C(BEGIN) Z(T)\n";
	static const char waits[] = "wait 1500\n" HOST "< T D(primary) C(SELECT) Z(T)\n";
	static const char ended[] = "< E(FATAL 08P01)\neof\n";
	static const char ends[] = "> Q(COMMIT)\n< C(COMMIT) Z(I)\n";
	char script[512];

	snprintf(script, sizeof(script), "%s%s", begun, ended);
	play_on(SPLIT, "idle_transaction_timeout = 2", script, ROUTE_READ, 1);
	/* An idle client it is not. */
	snprintf(script, sizeof(script), "%s%s%s", begun, waits, ends);
	play_on(SPLIT, "client_idle_timeout = 2", script, ROUTE_WRITE, 1);
	snprintf(script, sizeof(script), "%swait 1500\n%s%s", begun, ends, ended);
	play_on(SPLIT, "client_idle_timeout = 2", script, ROUTE_WRITE, 0);
	/* From its BEGIN on. */
	snprintf(script, sizeof(script), "%s%s> Q(SLEEP)\n%s", begun, waits, ended);
	play_on(SPLIT, "transaction_timeout = 2", script, ROUTE_WRITE, 1);
}

TEST(a_batch_that_is_not_all_here_is_the_primarys)
{
	PLAY(ALICE "> P(|SELECT HOST) B(||) E(|0) H\n< 1 2 D(primary) C(SELECT)\n> S\n< Z(I)\n",
	     ROUTE_WRITE, 1);
}

TEST(a_client_reads_what_it_wrote)
{
	PLAY(ALICE "> Q(STORE 1)\n< C(STORE) Z(I)\n" HOST PRIMARY "do probe\n" HOST REPLICA,
	     ROUTE_NOT_FRESH, 1);
}

TEST(others_need_not_wait_for_it)
{
	STAGE(stage, .databases = SPLIT, .replica = true, .act = act);

	begin(&stage);
	client_new(&stage, "a", ALICE "> Q(STORE 1)\n< C(STORE) Z(I)\nmark written\n" HOST PRIMARY);
	client_new(&stage, "b", BOB "await written\n" HOST REPLICA);
	play(&stage);
	stage_release(&stage);
}

TEST(unless_the_database_is_the_scope)
{
	STAGE(stage, .databases = SPLIT " read_consistency=database", .replica = true,
	      .act = act);

	begin(&stage);
	client_new(&stage, "a", ALICE "> Q(STORE 1)\n< C(STORE) Z(I)\nmark written\n");
	client_new(&stage, "b", BOB "await written\n" HOST PRIMARY);
	play(&stage);
	stage_release(&stage);
}

/* Who has read from the primary reads nothing older after that. */
TEST(a_client_does_not_go_back_from_what_it_has_read)
{
	STAGE(stage, .databases = SPLIT, .replica = true, .act = act);

	begin(&stage);
	client_new(&stage, "a", ALICE HOST REPLICA "do ahead\nwait 1\n" HOST REPLICA
		   "> Q(SELECT HOST /* pgcarwash: primary */)\n"
		   "< T D(HOST /* pgcarwash: primary */) C(SELECT) Z(I)\n" HOST PRIMARY
		   "mark read\nawait other\ndo probe\nwait 1\n" HOST REPLICA);
	client_new(&stage, "b", BOB "await read\n" HOST REPLICA "mark other\n");
	play(&stage);
	stage_release(&stage);
}

TEST(what_a_replica_refuses_runs_on_the_primary)
{
	PLAY(ALICE "> Q(SELECT WRITES)\n< T D(WRITES) C(SELECT) Z(I)\n", ROUTE_REFUSED, 1);
}

TEST(it_is_remembered)
{
	PLAY(ALICE "> Q(SELECT WRITES)\n< T D(WRITES) C(SELECT) Z(I)\ndo probe\n"
		   "> Q(SELECT WRITES)\n< T D(WRITES) C(SELECT) Z(I)\n",
	     ROUTE_WRITE, 1);
}

TEST(a_prepared_one_is_moved_and_remembered)
{
	PLAY(ALICE "> P(a|SELECT WRITES) B(|a) D(P|) E(|0) S\n< 1 2 T D(WRITES) C(SELECT) Z(I)\n"
		   "do probe\n> B(|a) E(|0) S\n< 2 D(WRITES) C(SELECT) Z(I)\n",
	     ROUTE_WRITE, 1);
}

TEST(what_a_replica_cancels_runs_on_the_primary)
{
	PLAY(ALICE "> Q(SELECT CONFLICT)\n< T D(CONFLICT) C(SELECT) Z(I)\n", ROUTE_REFUSED, 1);
}

TEST(a_replica_that_dies_is_not_noticed)
{
	STAGE(stage, .databases = SPLIT, .replica = true, .act = act);

	begin(&stage);
	client_new(&stage, "a", ALICE HOST REPLICA "do deaf\nwait 5\nmark deaf\n"
		   "> P(|SELECT HOST) B(||) E(|0) S\n< 1 2 D(primary) C(SELECT) Z(I)\n");
	client_new(&stage, "b", BOB "await deaf\nwait 50\ndo kick\n");
	play(&stage);
	CHECK_UINT_EQ(routed(&stage, ROUTE_NO_REPLICA), 1);
	stage_release(&stage);
}

TEST(a_block_begins_with_its_first_statement)
{
	PLAY(ALICE "> Q(BEGIN)\n< C(BEGIN) Z(T)\n> Q(COMMIT)\n< C(COMMIT) Z(I)\n"
		   "> Q(BEGIN)\n< C(BEGIN) Z(T)\n"
		   "> Q(SELECT HOST)\n< T D(primary) C(SELECT) Z(T)\n"
		   "> Q(ROLLBACK)\n< C(ROLLBACK) Z(I)\n",
	     ROUTE_WRITE, 1);
}

TEST(a_block_that_has_said_nothing_yet_is_the_primarys)
{
	PLAY(ALICE "> Q(BEGIN)\n< C(BEGIN) Z(T)\n> C(S|a) S\n< 3 Z(T)\n> Q(STORE 1)\n"
		   "< C(STORE) Z(T)\n> Q(COMMIT)\n< C(COMMIT) Z(I)\n",
	     ROUTE_WRITE, 1);
	PLAY(ALICE "> Q(BEGIN READ ONLY)\n< C(BEGIN) Z(T)\n> C(S|a) S\n< 3 Z(T)\n"
		   "> Q(SELECT HOST)\n< T D(replica) C(SELECT) Z(T)\n> Q(COMMIT)\n"
		   "< C(COMMIT) Z(I)\n",
	     ROUTE_READ_ONLY_BLOCK, 1);
}

TEST(a_block_that_reads_only_is_a_replicas)
{
	PLAY(ALICE "> Q(BEGIN READ ONLY)\n< C(BEGIN) Z(T)\n"
		   "> P(|SELECT HOST) B(||) E(|0) S\n< 1 2 D(replica) C(SELECT) Z(T)\n"
		   "> Q(SELECT HOST)\n< T D(replica) C(SELECT) Z(T)\n"
		   "> Q(COMMIT)\n< C(COMMIT) Z(I)\n",
	     ROUTE_READ_ONLY_BLOCK, 1);
}

TEST(a_pipeline_on_a_replica_is_taken_turn_by_turn)
{
	PLAY(ALICE "> Q(SELECT HOST) Q(SELECT HOST) Q(STORE 1) Q(SELECT HOST)\n"
		   "< T D(replica) C(SELECT) Z(I) T D(replica) C(SELECT) Z(I) C(STORE) Z(I) "
		   "T D(primary) C(SELECT) Z(I)\n",
	     ROUTE_READ, 2);
}

TEST(an_application_says_where)
{
	PLAY(ALICE "> Q(SET pgcarwash.route = 'primary')\n< C(SET) Z(I)\n" HOST PRIMARY
		   "> Q(SHOW pgcarwash.route)\n< T D(primary) C(SHOW) Z(I)\n"
		   "> Q(RESET pgcarwash.route)\n< C(RESET) Z(I)\n" HOST REPLICA
		   "> Q(SELECT HOST /* pgcarwash: primary */)\n"
		   "< T D(HOST /* pgcarwash: primary */) C(SELECT) Z(I)\n",
	     ROUTE_WISH_PRIMARY, 2);
}

TEST(settings_of_ours_in_a_batch)
{
	PLAY(ALICE "> P(|SHOW pgcarwash.route) B(||) D(P|) E(|0) S\n"
		   "< 1 2 T D(auto) C(SHOW) Z(I)\n"
		   "> P(|SET pgcarwash.route = 'nowhere') B(||) E(|0) S\n"
		   "< 1 2 E(ERROR 22023) Z(I)\n",
	     ROUTE_WRITE, 0);
}

TEST(without_a_primary_writes_are_held)
{
	PLAY(ALICE HOST REPLICA "do lose\nwait 1\n> Q(STORE 1)\n< N(NOTICE 00000)\nwait 100\n"
				"do probe\n< C(STORE) Z(I)\n",
	     ROUTE_HELD_NO_PRIMARY, 1);
}

TEST(nobody_is_held_for_ever)
{
	play_on(SPLIT " failover_hold=2", NULL,
		ALICE "do lose\nwait 1\n> P(|STORE 1) B(||) E(|0) S\n"
		      "< N(NOTICE 00000) E(ERROR 57P03) Z(I)\n"
		      "do probe\nwait 1\n> Q(STORE 1)\n< C(STORE) Z(I)\n",
		ROUTE_HELD_NO_PRIMARY, 1);
}

TEST(a_session_of_its_own_stays_with_the_primary)
{
	play_on(SPLIT, "pool_mode = session", ALICE HOST PRIMARY HOST PRIMARY, ROUTE_SESSION, 1);
}

TEST(a_session_that_keeps_something_stays_with_the_primary)
{
	PLAY(ALICE HOST REPLICA "> Q(LISTEN c)\n< C(LISTEN) Z(I)\n" HOST PRIMARY
		   "> P(a|SELECT HOST) B(|a) E(|0) S\n< 1 2 D(primary) C(SELECT) Z(I)\n",
	     ROUTE_KEEPS, 2);
}

TEST(until_it_is_taken_away)
{
	PLAY(ALICE "> Q(LISTEN c)\n< C(LISTEN) Z(I)\n> Q(PREPARE p AS SELECT 1)\n"
		   "< C(PREPARE) Z(I)\n> Q(UNLISTEN *)\n< C(UNLISTEN) Z(I)\n" HOST PRIMARY
		   "> Q(DISCARD ALL)\n< C(DISCARD ALL) Z(I)\n" HOST REPLICA,
	     ROUTE_KEEPS, 1);
}

TEST(in_a_batch_too)
{
	PLAY(ALICE "> P(|LISTEN c) B(||) E(|0) S\n< 1 2 C(LISTEN) Z(I)\n" HOST PRIMARY
		   "> P(|DISCARD ALL) B(||) E(|0) S\n< 1 2 C(DISCARD ALL) Z(I)\n" HOST REPLICA,
	     ROUTE_KEEPS, 1);
}

TEST(but_not_by_what_fails)
{
	PLAY(ALICE "> Q(LISTEN c)\n< C(LISTEN) Z(I)\n> Q(FAIL)\n< E(ERROR 22012) Z(I)\n"
		   "> P(|FAIL) B(||) E(|0) P(|DISCARD ALL) B(||) E(|0) S\n"
		   "< 1 2 E(ERROR 22012) Z(I)\n" HOST PRIMARY,
	     ROUTE_KEEPS, 1);
}

TEST(preparing_it_keeps_nothing)
{
	PLAY(ALICE "> P(l|LISTEN c) S\n< 1 Z(I)\n" HOST REPLICA
		   "> B(|l) E(|0) S\n< 2 C(LISTEN) Z(I)\n" HOST PRIMARY,
	     ROUTE_KEEPS, 1);
}

TEST(what_is_made_in_a_block_is_kept)
{
	PLAY(ALICE "> Q(BEGIN)\n< C(BEGIN) Z(T)\n> Q(SELECT HOST)\n< T D(primary) C(SELECT) Z(T)\n"
		   "> Q(LISTEN c)\n< C(LISTEN) Z(T)\n> Q(COMMIT)\n< C(COMMIT) Z(I)\n" HOST PRIMARY,
	     ROUTE_KEEPS, 1);
}

TEST(a_block_that_reads_only_stays_there_too)
{
	PLAY(ALICE "> Q(LISTEN c)\n< C(LISTEN) Z(I)\n> Q(BEGIN READ ONLY)\n< C(BEGIN) Z(T)\n"
		   "> Q(SELECT HOST)\n< T D(primary) C(SELECT) Z(T)\n"
		   "> Q(COMMIT)\n< C(COMMIT) Z(I)\n",
	     ROUTE_KEEPS, 1);
}

TEST(settings_that_are_followed_keep_nothing)
{
	PLAY(ALICE "> Q(SET TimeZone='Asia/Tokyo')\n< S(TimeZone=Asia/Tokyo) C(SET) Z(I)\n"
		   HOST REPLICA,
	     ROUTE_READ, 1);
}

TEST(others_do)
{
	PLAY(ALICE "> Q(SET search_path='x')\n< C(SET) Z(I)\n" HOST PRIMARY,
	     ROUTE_KEEPS, 1);
}

TEST(an_entry_for_standbys_does_not_split)
{
	play_on("db = : target_session_attrs=standby", NULL, ALICE HOST REPLICA, ROUTE_SPLIT_OFF,
		1);
}

TEST(without_a_primary_reads_go_on)
{
	STAGE(stage, .databases = SPLIT, .replica = true, .act = act);

	begin(&stage);
	find(&stage, 0, ROLE_UNKNOWN, 0);
	client_new(&stage, "a", ALICE HOST REPLICA);
	play(&stage);
	stage_release(&stage);
}

TEST(a_block_that_only_read_is_no_write)
{
	PLAY(ALICE "> Q(BEGIN)\n< C(BEGIN) Z(T)\n> Q(SELECT HOST)\n< T D(primary) C(SELECT) Z(T)\n"
		   "> P(|SELECT HOST) B(||) E(|0) S\n< 1 2 D(primary) C(SELECT) Z(T)\n"
		   "> Q(COMMIT)\n< C(COMMIT) Z(I)\n" HOST REPLICA,
	     ROUTE_READ, 1);
}

TEST(a_block_that_wrote_late_is_one)
{
	PLAY(ALICE "> Q(BEGIN)\n< C(BEGIN) Z(T)\n> Q(SELECT HOST)\n< T D(primary) C(SELECT) Z(T)\n"
		   "> P(|STORE 1) B(||) E(|0) S\n< 1 2 C(STORE) Z(T)\n"
		   "> Q(COMMIT)\n< C(COMMIT) Z(I)\n" HOST PRIMARY,
	     ROUTE_NOT_FRESH, 1);
}

TEST(a_position_is_waited_for)
{
	PLAY(ALICE "> Q(STORE 1)\n< C(STORE) Z(I)\n> Q(SHOW pgcarwash.position)\nwait 30\n"
		   "do probe\n< T D(7/1/0/406) C(SHOW) Z(I)\n" HOST REPLICA,
	     ROUTE_READ, 1);
}

TEST(but_not_for_ever)
{
	PLAY(ALICE "> Q(STORE 1)\n< C(STORE) Z(I)\n> Q(SHOW pgcarwash.position)\n"
		   "< E(ERROR 55000) Z(I)\n" HOST PRIMARY,
	     ROUTE_NOT_FRESH, 1);
}

TEST(a_client_cancels_its_wait_and_waits_anew)
{
	STAGE(stage, .databases = SPLIT " failover_hold=2", .replica = true, .act = act);

	begin(&stage);
	client_new(&stage, "a", ALICE "do lose\nwait 1\n> Q(STORE 1)\n< N(NOTICE 00000)\n"
		   "mark waits\n< E(ERROR 57014) Z(I)\nwait 3000\n"
		   "> Q(STORE 2)\n< N(NOTICE 00000)\ndo probe\n< C(STORE) Z(I)\n");
	client_new(&stage, "b", "await waits\ncancel a\neof\n");
	play(&stage);
	stage_release(&stage);
}

/* The primary dies with the request on its way to be sent: nobody notices but for the notice. */
TEST(a_turn_of_which_nothing_was_sent_is_held)
{
	PLAY(ALICE "> Q(STORE 1)\n< C(STORE) Z(I)\nwait 1\n"
		   "> Q(STORE 2)\ndo crash\n< N(NOTICE 00000)\ndo probe\n< C(STORE) Z(I)\n",
	     ROUTE_HELD_NO_PRIMARY, 1);
}

TEST(a_batch_of_which_nothing_was_sent_is_held)
{
	PLAY(ALICE "> P(a|STORE 1) B(|a) E(|0) S\n< 1 2 C(STORE) Z(I)\nwait 1\n"
		   "> B(|a) E(|0) S\ndo crash\n< N(NOTICE 00000)\ndo probe\n< 2 C(STORE) Z(I)\n",
	     ROUTE_HELD_NO_PRIMARY, 1);
}

TEST(a_block_of_which_nothing_was_sent_is_held)
{
	PLAY(ALICE "> Q(STORE 1)\n< C(STORE) Z(I)\n> Q(BEGIN)\n< C(BEGIN) Z(T)\nwait 1\n"
		   "> Q(SELECT HOST)\ndo crash\n< N(NOTICE 00000)\n"
		   "do probe\n< T D(primary) C(SELECT) Z(T)\n> Q(COMMIT)\n< C(COMMIT) Z(I)\n",
	     ROUTE_HELD_NO_PRIMARY, 1);
}

/* What was sent may have been done. */
TEST(a_turn_that_was_sent_is_not_sent_again)
{
	PLAY(ALICE "> Q(SLEEP)\nwait 5\ndo crash\n< E(FATAL 08P01)\neof\n", ROUTE_WRITE, 1);
}

TEST(nothing_goes_to_a_host_that_has_just_been_demoted)
{
	PLAY(ALICE "> Q(STORE 1)\n< C(STORE) Z(I)\nwait 1\n> Q(STORE 2)\ndo demote\n"
		   "< N(NOTICE 00000)\ndo probe\n< C(STORE) Z(I)\n",
	     ROUTE_HELD_NO_PRIMARY, 1);
}
