/* No wait without a deadline. Time is the stage's: these tests take none. */

#include "session/session_test.h"

/* When a client was ended, in milliseconds of the stage's time. */
static int64_t ended_after(struct stage *stage, struct client *client)
{
	int64_t begin = clock_us();

	while (client->state == CLIENT_ACTING && clock_us() - begin < 50000000)
		stage_turn(stage);
	return (clock_us() - begin) / 1000;
}

#define CHECK_ABOUT(ms, wanted)                                                                    \
	do {                                                                                       \
		int64_t about_ms = (ms);                                                           \
		if (about_ms < (wanted)-20 || about_ms > (wanted) + 20)                            \
			FAIL("%lld ms, expected about %d", (long long)about_ms, (int)(wanted));    \
	} while (0)

TEST(a_client_must_start)
{
	STAGE(stage, .settings = "client_login_timeout = 3");
	int fd = bare_connect(&stage);

	stage_pass(&stage, 2900);
	CHECK_TEXT_EQ(bare_got(fd), "");
	stage_pass(&stage, 200);
	CHECK_TEXT_EQ(bare_got(fd), "E(FATAL 08P01) closed");
	close(fd);
	stage_release(&stage);
}

TEST(a_client_must_prove_itself)
{
	STAGE(stage, .settings = "client_login_timeout = 3\nauth_type = plain");
	struct buffer out = BUFFER_EMPTY;
	int fd = bare_connect(&stage);

	write_startup(&out, 3u << 16,
		      (const char *const[]){ "user", "alice", "database", "db", NULL });
	bare_send_buffer(&stage, fd, &out);
	stage_pass(&stage, 2900);
	CHECK_TEXT_EQ(bare_got(fd), "R ");
	stage_pass(&stage, 200);
	CHECK_TEXT_EQ(bare_got(fd), "E(FATAL 08P01) closed");
	close(fd);
	stage_release(&stage);
}

TEST(a_welcome_does_not_wait_for_a_server_for_ever)
{
	STAGE(stage, .settings = "client_login_timeout = 3", .login = POSTGRES_SILENT);
	struct client *client =
		client_new(&stage, "a", "start user=alice database=db\n< E(FATAL 08P01)\neof\n");

	CHECK_ABOUT(ended_after(&stage, client), 3000);
	play(&stage);
	stage_release(&stage);
}

TEST(who_waits_for_a_server_waits_so_long)
{
	STAGE(stage, .settings = "default_pool_size = 1\nquery_wait_timeout = 2");
	struct client *client;

	client_new(&stage, "a",
		   ALICE "> Q(BEGIN)\n< C(BEGIN) Z(T)\nmark a\nawait b\n"
			 "> Q(COMMIT)\n< C(COMMIT) Z(I)\n");
	while (!stage_is_marked(&stage, "a"))
		stage_turn(&stage);
	client = client_new(&stage, "b", ALICE "> Q(SELECT 1)\n< E(FATAL 08P01)\neof\nmark b\n");
	CHECK_ABOUT(ended_after(&stage, client), 2000);
	play(&stage);
	stage_release(&stage);
}

/* One whose settings end the client that plays script after so long. */
static void check_ended(const char *settings, const char *script, int64_t ms)
{
	STAGE(stage, .settings = settings);
	struct client *client = client_new(&stage, "a", script);

	CHECK_ABOUT(ended_after(&stage, client), ms);
	play(&stage);
	stage_release(&stage);
}

TEST(statements_and_transactions_have_their_time)
{
	check_ended("query_timeout = 2", ALICE "> Q(SLEEP)\n< E(FATAL 08P01)\neof\n", 2000);
	check_ended("idle_transaction_timeout = 2",
		    ALICE "> Q(BEGIN)\n< C(BEGIN) Z(T)\n< E(FATAL 08P01)\neof\n", 2000);
	check_ended("transaction_timeout = 2",
		    ALICE "> Q(BEGIN)\n< C(BEGIN) Z(T)\nwait 1500\n> Q(SLEEP)\n"
			  "< E(FATAL 08P01)\neof\n",
		    2000);
	check_ended("client_idle_timeout = 2", ALICE ASKS "< E(FATAL 08P01)\neof\n", 2000);
}

TEST(a_batch_we_answer_ourselves_has_its_time)
{
	check_ended("query_timeout = 2",
		    ALICE "> P(s|SELECT 1) S\n< 1 Z(I)\n> C(S|s) S\n< 3 Z(I)\n"
			  "> P(s|SELECT 1) H\n< 1\n< E(FATAL 08P01)\neof\n",
		    2000);
}

TEST(who_stops_in_the_middle_of_a_message_has_his_time)
{
	STAGE(stage, .settings = "idle_transaction_timeout = 2\ndefault_pool_size = 1");
	struct client *client = client_new(&stage, "a",
					   ALICE "> Q(COPY BAD)\n< G\nawait raw\n"
						 "< E(ERROR 22P04) Z(I)\n"
						 "< E(FATAL 08P01)\neof\n");
	static const char half[] = "d\0\0\0\x0aone";

	while (strncmp(client->line, "await", 5) != 0)
		stage_turn(&stage);
	/* A piece that makes the COPY fail, and half of another. */
	buffer_append(&client->out, "d\0\0\0\x07one", 8);
	buffer_append(&client->out, half, 8);
	stage_mark(&stage, "raw");
	CHECK_ABOUT(ended_after(&stage, client), 2000);
	play(&stage);
	stage_release(&stage);
}

TEST(new_timeouts_are_for_those_who_are_in_already)
{
	STAGE(stage, .settings = "");
	struct client *client = client_new(&stage, "a", ALICE "mark a\n< E(FATAL 08P01)\neof\n");

	while (!stage_is_marked(&stage, "a"))
		stage_turn(&stage);
	stage_pass(&stage, 10000);
	CHECK(stage_reload(&stage, NULL, "client_idle_timeout = 2"));
	CHECK_ABOUT(ended_after(&stage, client), 2000);
	play(&stage);
	stage_release(&stage);
}

TEST(a_cancel_that_gets_no_answer_ends)
{
	STAGE(stage, .settings = "cancel_wait_timeout = 2\ndefault_pool_size = 1");
	struct client *client;

	stage.postgres.holds_cancels = true;
	client_new(&stage, "a", ALICE "> Q(SLEEP)\n< E(ERROR 57014) Z(I)\n");
	client = client_new(&stage, "c", "await asleep\ncancel a\neof\n");
	CHECK_ABOUT(ended_after(&stage, client), 2000);
	play(&stage);
	stage_release(&stage);
}
