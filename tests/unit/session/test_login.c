/* How a client proves who it is: the order of the checks, what comes too early, too much. */

#include "session/session_test.h"
#include "wire/sasl.h"

#define VERSION_3 (3u << 16)
#define REFUSED	  "start user=alice database=db\n< E(FATAL 08P01)\neof\n"

/* Starts as user of database; the socket. */
static int start(struct stage *stage, const char *user, const char *database)
{
	struct buffer out = BUFFER_EMPTY;
	int fd = bare_connect(stage);

	write_startup(&out, VERSION_3,
		      (const char *const[]){ "user", user, "database", database, NULL });
	bare_send_buffer(stage, fd, &out);
	return fd;
}

static void send_password(struct stage *stage, int fd, const char *password)
{
	struct buffer out = BUFFER_EMPTY;

	sasl_write_password(&out, slice_of(password));
	bare_send_buffer(stage, fd, &out);
}

TEST(a_wrong_password_is_refused_by_every_method)
{
	static const char *const methods[] = { "auth_type = plain", "auth_type = md5",
					       "auth_type = scram-sha-256" };

	for (unsigned i = 0; i < COUNT_OF(methods); i++) {
		STAGE(stage, .settings = methods[i]);

		stage.password = "wrong";
		client_new(&stage, "a", REFUSED);
		play(&stage);
		stage.password = "secret";
		client_new(&stage, "b", ALICE ASKS);
		play(&stage);
		stage_release(&stage);
	}
}

TEST(a_missing_database_is_told_only_after_the_proof)
{
	STAGE(stage, .settings = "auth_type = plain");
	int fd = start(&stage, "alice", "none");

	CHECK_TEXT_EQ(bare_got(fd), "R ");
	send_password(&stage, fd, "wrong");
	CHECK_TEXT_EQ(bare_got(fd), "E(FATAL 08P01) closed");
	close(fd);
	fd = start(&stage, "alice", "none");
	CHECK_TEXT_EQ(bare_got(fd), "R ");
	send_password(&stage, fd, "secret");
	CHECK_TEXT_EQ(bare_got(fd), "E(FATAL 08P01) closed");
	close(fd);
	stage_release(&stage);
}

TEST(a_disabled_database_is_told_only_after_the_proof)
{
	STAGE(stage, .settings = "auth_type = plain");
	int fd;

	pools_set_disabled(pools_database(stage.pools, SLICE_LITERAL("db")), true);
	fd = start(&stage, "alice", "db");
	CHECK_TEXT_EQ(bare_got(fd), "R ");
	send_password(&stage, fd, "secret");
	CHECK_TEXT_EQ(bare_got(fd), "E(FATAL 08P01) closed");
	close(fd);
	stage_release(&stage);
}

TEST(an_unknown_user_is_asked_as_often_as_a_known_one)
{
	static const char *const methods[] = { "auth_type = plain", "auth_type = md5",
					       "auth_type = scram-sha-256" };

	for (unsigned i = 0; i < COUNT_OF(methods); i++) {
		STAGE(stage, .settings = methods[i]);
		uint64_t bytes[2];

		stage.password = "wrong";
		for (int known = 0; known < 2; known++) {
			struct client *client =
				client_new(&stage, "a",
					   known ? "start user=alice database=db\nawait never\n"
						 : "start user=nobod database=db\nawait never\n");

			while (!client->eof && stage.turns < 10000)
				stage_turn(&stage);
			/* The proof takes as many messages, the end is the same. */
			bytes[known] = client->in.len;
			CHECK_TEXT_EQ(client->in.data, "E");
			client_free(client);
			turns(&stage, 2);
		}
		CHECK_UINT_EQ(bytes[0], bytes[1]);
		stage_release(&stage);
	}
}

TEST(packets_may_come_together)
{
	STAGE(stage, .settings = "auth_type = plain");
	struct buffer out = BUFFER_EMPTY;
	const char *got;
	int fd = bare_connect(&stage);

	write_startup(&out, VERSION_3,
		      (const char *const[]){ "user", "alice", "database", "db", NULL });
	sasl_write_password(&out, SLICE_LITERAL("secret"));
	writer_empty(&out, 'S');
	bare_send_buffer(&stage, fd, &out);
	turns(&stage, 20);
	got = bare_got(fd);
	CHECK(strncmp(got, "R R S", 5) == 0);
	CHECK(strstr(got, "K Z(I) Z(I) "));
	close(fd);
	stage_release(&stage);
}

TEST(what_comes_while_keys_are_derived_is_not_lost)
{
	STAGE(stage, .settings = "auth_type = plain", .verifiers = true, .login = POSTGRES_SCRAM);
	struct buffer out = BUFFER_EMPTY;
	const char *got;
	int fd = start(&stage, "alice", "db");

	CHECK_TEXT_EQ(bare_got(fd), "R ");
	sasl_write_password(&out, SLICE_LITERAL("secret"));
	writer_empty(&out, 'S');
	bare_send_buffer(&stage, fd, &out);
	turns(&stage, 30);
	got = bare_got(fd);
	CHECK(strstr(got, "K Z(I) Z(I) "));
	close(fd);
	stage_release(&stage);
}

TEST(what_comes_while_a_secret_is_looked_up_is_not_lost)
{
	STAGE(stage, .settings = "auth_type = plain\nauth_user = admin\nauth_query = LOOKUP $1");
	struct buffer out = BUFFER_EMPTY;
	const char *got;
	int fd = bare_connect(&stage);

	write_startup(&out, VERSION_3,
		      (const char *const[]){ "user", "dave", "database", "db", NULL });
	sasl_write_password(&out, SLICE_LITERAL("secret"));
	bare_send_buffer(&stage, fd, &out);
	turns(&stage, 30);
	got = bare_got(fd);
	CHECK(strncmp(got, "R R S", 5) == 0);
	CHECK(strstr(got, "K Z(I) "));
	close(fd);
	stage_release(&stage);
}

TEST(a_stranger_gets_no_memory_while_he_is_looked_up)
{
	STAGE(stage, .settings = "auth_type = plain\nauth_user = admin\nauth_query = LOOKUP $1",
	      .login = POSTGRES_SILENT);
	char much[80000] = { 0 };
	int fd = start(&stage, "dave", "db");

	bare_send(&stage, fd, much, sizeof(much));
	turns(&stage, 3);
	CHECK_TEXT_EQ(bare_got(fd), "E(FATAL 08P01) closed");
	close(fd);
	stage_release(&stage);
}

TEST(an_answer_that_came_too_early_is_looked_at)
{
	STAGE(stage, .settings = "auth_type = scram-sha-256\nscram_iterations = 40000");
	struct buffer out = BUFFER_EMPTY;
	int fd = start(&stage, "alice", "db");

	CHECK_TEXT_EQ(bare_got(fd), "R ");
	sasl_write_initial(&out, SLICE_LITERAL("SCRAM-SHA-256"),
			   SLICE_LITERAL("n,,n=,r=rOprNGfwEbeRWgbNEkqO"));
	sasl_write_response(&out, SLICE_LITERAL("c=biws,r=guessed,p=AAAA"));
	bare_send_buffer(&stage, fd, &out);
	turns(&stage, 40);
	/* Not after client_login_timeout, but now. */
	CHECK_TEXT_EQ(bare_got(fd), "R E(FATAL 08P01) closed");
	close(fd);
	stage_release(&stage);
}

TEST(a_stranger_gets_no_memory)
{
	STAGE(stage, .settings = "auth_type = scram-sha-256\nscram_iterations = 1000000");
	struct buffer out = BUFFER_EMPTY;
	char much[80000] = { 0 };
	int fd = start(&stage, "alice", "db");

	CHECK_TEXT_EQ(bare_got(fd), "R ");
	sasl_write_initial(&out, SLICE_LITERAL("SCRAM-SHA-256"),
			   SLICE_LITERAL("n,,n=,r=rOprNGfwEbeRWgbNEkqO"));
	bare_send_buffer(&stage, fd, &out);
	bare_send(&stage, fd, much, sizeof(much));
	turns(&stage, 3);
	CHECK_TEXT_EQ(bare_got(fd), "E(FATAL 08P01) closed");
	close(fd);
	stage_release(&stage);
}

TEST(only_a_proof_is_taken_for_one)
{
	STAGE(stage, .settings = "auth_type = plain");
	static const char long_one[] = "p\0\2\0\0";
	int fd = start(&stage, "alice", "db");

	bare_send(&stage, fd, "Q\0\0\0\x05", 6);
	CHECK_TEXT_EQ(bare_got(fd), "R E(FATAL 08P01) closed");
	close(fd);
	fd = start(&stage, "alice", "db");
	bare_send(&stage, fd, long_one, 5);
	CHECK_TEXT_EQ(bare_got(fd), "R E(FATAL 08P01) closed");
	close(fd);
	fd = start(&stage, "alice", "db");
	send_password(&stage, fd, "");
	CHECK_TEXT_EQ(bare_got(fd), "R E(FATAL 08P01) closed");
	close(fd);
	stage_release(&stage);
}

TEST(many_come_at_once_and_all_come_in)
{
	STAGE(stage, .settings = "auth_type = scram-sha-256", .verifiers = false);

	for (int i = 0; i < 20; i++)
		client_new(&stage, "a", i % 2 ? ALICE ASKS : BOB ASKS);
	play(&stage);
	stage_release(&stage);
}

TEST(work_for_strangers_keeps_nobody_waiting)
{
	STAGE(stage, .settings = "auth_type = scram-sha-256\nscram_iterations = 100000");
	unsigned before;

	client_new(&stage, "a", ALICE "mark a\nawait b\n" ASKS "mark done\n");
	while (!stage_is_marked(&stage, "a"))
		stage_turn(&stage);
	client_new(&stage, "b", "mark b\nlogin user=bob database=db\n" ASKS);
	before = stage.turns;
	while (!stage_is_marked(&stage, "done") && stage.turns < before + 100)
		stage_turn(&stage);
	/* Bob's keys take 25 turns; a query goes on in the middle of them. */
	CHECK(stage.turns - before < 12);
	CHECK_INT_EQ(stage_client(&stage, "b")->state, CLIENT_ACTING);
	play(&stage);
	stage_release(&stage);
}
