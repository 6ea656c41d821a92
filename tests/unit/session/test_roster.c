/* All sessions together: counts, limits, what is done to many of them. */

#include "session/session_test.h"

TEST(counts_who_comes_and_goes)
{
	STAGE(stage, .settings = "");
	int fd = bare_connect(&stage);

	turns(&stage, 2);
	CHECK_INT_EQ(roster_clients(stage.roster), 1);
	CHECK_INT_EQ(roster_logging_in(stage.roster), 1);
	client_new(&stage, "a", ALICE ASKS "mark a\nawait never\n");
	while (!stage_is_marked(&stage, "a\n") && stage.turns < 1000)
		stage_turn(&stage);
	CHECK_INT_EQ(roster_clients(stage.roster), 2);
	CHECK_INT_EQ(roster_logging_in(stage.roster), 1);
	CHECK_INT_EQ(roster_user_clients(stage.roster, SLICE_LITERAL("alice")), 1);
	CHECK_INT_EQ(database_clients(pools_database(stage.pools, SLICE_LITERAL("db"))), 1);
	close(fd);
	turns(&stage, 3);
	CHECK_INT_EQ(roster_logging_in(stage.roster), 0);
	client_free(stage_client(&stage, "a"));
	turns(&stage, 3);
	CHECK_INT_EQ(roster_clients(stage.roster), 0);
	CHECK_INT_EQ(roster_user_clients(stage.roster, SLICE_LITERAL("alice")), 0);
	CHECK_INT_EQ(database_clients(pools_database(stage.pools, SLICE_LITERAL("db"))), 0);
	stage_release(&stage);
}

TEST(those_who_were_refused_are_not_counted_on)
{
	STAGE(stage, .settings = "auth_type = plain");

	stage.password = "wrong";
	for (int i = 0; i < 3; i++)
		client_new(&stage, "a", "start user=alice database=db\n< E(FATAL 08P01)\neof\n");
	play(&stage);
	turns(&stage, 3);
	CHECK_INT_EQ(roster_logging_in(stage.roster), 0);
	CHECK_INT_EQ(roster_user_clients(stage.roster, SLICE_LITERAL("alice")), 0);
	stage_release(&stage);
}

TEST(max_client_conn_counts_all)
{
	STAGE(stage, .settings = "max_client_conn = 2");

	client_new(&stage, "a", ALICE "mark a\nawait c\n" ASKS);
	client_new(&stage, "b", BOB "mark b\nawait c\n" ASKS);
	client_new(&stage, "c",
		   "await a\nawait b\nstart user=carol database=db\n"
		   "< E(FATAL 08P01)\neof\nmark c\n");
	play(&stage);
	client_new(&stage, "d", ALICE ASKS);
	play(&stage);
	stage_release(&stage);
}

TEST(a_user_has_a_limit_of_his_own)
{
	STAGE(stage, .settings = "max_user_client_connections = 1");

	client_new(&stage, "a", ALICE "mark a\nawait b\n" ASKS);
	client_new(&stage, "b",
		   "await a\nstart user=alice database=db\n< E(FATAL 08P01)\neof\n" BOB ASKS
		   "mark b\n");
	play(&stage);
	stage_release(&stage);
}

TEST(a_database_has_a_limit_of_its_own)
{
	STAGE(stage, .databases = "db = : max_db_client_connections=1\nother = :");

	client_new(&stage, "a", ALICE "mark a\nawait b\n" ASKS);
	client_new(&stage, "b",
		   "await a\nstart user=bob database=db\n< E(FATAL 08P01)\neof\n"
		   "login user=bob database=other\n" ASKS "mark b\n");
	play(&stage);
	stage_release(&stage);
}

static uint64_t id_of(struct stage *stage, const char *user)
{
	struct session_facts facts;

	session_facts(session_of(stage, user), &facts);
	return facts.id;
}

static void kill_alice(struct stage *stage, const char *word)
{
	(void)word;
	CHECK(!roster_kill(stage->roster, 4711));
	CHECK(roster_kill(stage->roster, id_of(stage, "alice")));
}

TEST(one_can_be_killed)
{
	STAGE(stage, .act = kill_alice);

	client_new(&stage, "a", ALICE "mark a\n< E(FATAL 08P01)\neof\nmark gone\n");
	client_new(&stage, "b", BOB "await a\ndo kill\nawait gone\n" ASKS);
	play(&stage);
	stage_release(&stage);
}

TEST(one_who_is_logging_in_cannot_be_killed)
{
	STAGE(stage, .settings = "auth_type = plain");
	int fd = bare_connect(&stage);

	turns(&stage, 2);
	CHECK(!roster_kill(stage.roster, id_of(&stage, "(nouser)")));
	close(fd);
	stage_release(&stage);
}

static void end_db(struct stage *stage, const char *word)
{
	(void)word;
	roster_end_database(stage->roster, pools_database(stage->pools, SLICE_LITERAL("db")),
			    END_DATABASE_REMOVED);
}

TEST(the_clients_of_a_database_can_be_ended)
{
	STAGE(stage, .databases = "db = :\nother = :", .act = end_db);

	client_new(&stage, "a", ALICE "mark a\n< E(FATAL 08P01)\neof\n");
	client_new(&stage, "b", "login user=bob database=other\nawait a\ndo end\nwait 10\n" ASKS);
	play(&stage);
	stage_release(&stage);
}

static void shut_down(struct stage *stage, const char *word)
{
	(void)word;
	roster_shut_down(stage->roster);
}

TEST(nobody_new_comes_in_when_it_shuts_down)
{
	STAGE(stage, .act = shut_down);

	client_new(&stage, "a", ALICE "do it\nmark a\nawait b\n" ASKS);
	client_new(&stage, "b",
		   "await a\nstart user=bob database=db\n< E(FATAL 08P01)\neof\nmark b\n");
	play(&stage);
	stage_release(&stage);
}

static void suspend(struct stage *stage, const char *word)
{
	if (*word == 's')
		roster_suspend(stage->roster);
	else
		roster_resume(stage->roster);
}

TEST(who_is_suspended_is_not_heard)
{
	STAGE(stage, .act = suspend);

	client_new(&stage, "a",
		   ALICE "> Q(BEGIN)\n< C(BEGIN) Z(T)\nmark a\nawait o\n"
			 "> Q(COMMIT)\nmark asked\n< C(COMMIT) Z(I)\n");
	client_new(&stage, "o", "await a\ndo suspend\nmark o\nawait asked\nwait 2000\n");
	client_new(&stage, "b", "await o\nlogin user=bob database=db\n" ASKS);
	while (stage_client(&stage, "o")->state == CLIENT_ACTING && stage.turns < 10000)
		stage_turn(&stage);
	CHECK(roster_is_quiet(stage.roster));
	CHECK_INT_EQ(stage_client(&stage, "a")->in.len, 0);
	CHECK_INT_EQ(stage_client(&stage, "b")->in.len, 0);
	client_new(&stage, "o2", "do resume\n");
	play(&stage);
	stage_release(&stage);
}

static void note_change(void *ctx)
{
	++*(int *)ctx;
}

TEST(the_watcher_hears_of_those_who_leave)
{
	STAGE(stage, .settings = "");
	int changes = 0;

	roster_watch(stage.roster, note_change, &changes);
	client_new(&stage, "a", ALICE ASKS "> X\neof\n");
	play(&stage);
	turns(&stage, 2);
	CHECK_INT_EQ(changes, 1);
	stage_release(&stage);
}

TEST(whatever_is_under_way_is_taken_down)
{
	STAGE(stage,
	      .settings = "auth_type = scram-sha-256\nscram_iterations = 1000000\n"
			  "default_pool_size = 1\nauth_user = admin\nauth_query = LOOKUP $1",
	      .databases = "db = :\nslow = : dbname=other");

	/* One asleep in the server, one waiting for it, one cancelling, one looked up behind. */
	stage.postgres.holds_cancels = true;
	CHECK(stage_reload(&stage, NULL, "auth_type = trust\ndefault_pool_size = 1"));
	client_new(&stage, "a", ALICE "> Q(SLEEP)\nawait never\n");
	client_new(&stage, "b", "await asleep\n" ALICE "> Q(SELECT 1)\nawait never\n");
	client_new(&stage, "c", "await asleep\ncancel a\nawait never\n");
	while (stage.postgres.cancels == 0 && stage.turns < 1000)
		stage_turn(&stage);
	CHECK_INT_EQ(stage.postgres.cancels, 1);
	stage.postgres.login = POSTGRES_SILENT;
	CHECK(stage_reload(&stage, NULL, NULL));
	client_new(&stage, "d", "login user=bob database=db\nawait never\n");
	client_new(&stage, "e", "login user=dave database=slow\nawait never\n");
	turns(&stage, 10);
	CHECK_INT_EQ(roster_clients(stage.roster), 5);
	stage_release(&stage);
}
