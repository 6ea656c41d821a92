/* Cancel requests: to the query meant, and to no other. */

#include "session/session_test.h"

TEST(a_wrong_key_does_nothing)
{
	STAGE(stage, .settings = "");
	struct buffer out = BUFFER_EMPTY;
	int fd = bare_connect(&stage);

	startup_write_cancel(&out, 1, SLICE_LITERAL("1234"));
	bare_send_buffer(&stage, fd, &out);
	CHECK_TEXT_EQ(bare_got(fd), "closed");
	close(fd);
	fd = bare_connect(&stage);
	startup_write_cancel(&out, 1, SLICE_LITERAL("longer than four"));
	bare_send_buffer(&stage, fd, &out);
	CHECK_TEXT_EQ(bare_got(fd), "closed");
	close(fd);
	CHECK_INT_EQ(stage.postgres.cancels, 0);
	stage_release(&stage);
}

TEST(an_idle_client_has_nothing_to_cancel)
{
	STAGE(stage, .settings = "default_pool_size = 1");

	client_new(&stage, "a", ALICE ASKS "mark a\nawait c\n" ASKS);
	client_new(&stage, "c", "await a\ncancel a\neof\nmark c\n");
	play(&stage);
	CHECK_INT_EQ(stage.postgres.cancels, 0);
	stage_release(&stage);
}

TEST(the_next_query_is_not_sent_before_the_cancel_is_settled)
{
	STAGE(stage, .settings = "default_pool_size = 1\nquery_wait_notify = 0");

	client_new(&stage, "a",
		   ALICE "> Q(SLEEP)\n< E(ERROR 57014) Z(I)\n"
			 "> Q(SLEEP)\nmark second\n< E(ERROR 57014) Z(I)\n");
	stage.postgres.holds_cancels = true;
	client_new(&stage, "c", "await asleep\ncancel a\neof\n");
	while (!stage_is_marked(&stage, "second"))
		stage_turn(&stage);
	turns(&stage, 20);
	/* The server is not asleep again: it has not heard of the second. */
	CHECK_INT_EQ(stage.postgres.sleeping, 0);
	stage.postgres.holds_cancels = false;
	client_new(&stage, "d", "await asleep\ncancel a\neof\n");
	/* After cancel_wait_timeout nobody can tell what it would hit: another server is opened. */
	play(&stage);
	CHECK_INT_EQ(stage.postgres.started, 2);
	stage_release(&stage);
}

TEST(who_cancels_may_leave_at_once)
{
	STAGE(stage, .settings = "default_pool_size = 1");

	client_new(&stage, "a", ALICE "> Q(SLEEP)\n< E(ERROR 57014) Z(I)\n" ASKS);
	client_new(&stage, "c", "await asleep\ncancel a\nclose\nwait 10\n");
	play(&stage);
	stage_release(&stage);
}

TEST(one_who_waits_is_cancelled_without_a_server)
{
	STAGE(stage, .settings = "default_pool_size = 1");

	client_new(&stage, "a",
		   ALICE "> Q(BEGIN)\n< C(BEGIN) Z(T)\nmark a\nawait c\n"
			 "> Q(COMMIT)\n< C(COMMIT) Z(I)\n");
	client_new(&stage, "b",
		   ALICE "await a\n> Q(SELECT b)\nmark b\n"
			 "< E(ERROR 57014) Z(I)\nawait c\n" ASKS);
	client_new(&stage, "c", "await b\ncancel b\neof\nmark c\n");
	play(&stage);
	CHECK_INT_EQ(stage.postgres.cancels, 0);
	stage_release(&stage);
}

TEST(the_target_may_leave_before_the_cancel_is_there)
{
	STAGE(stage, .settings = "default_pool_size = 1");

	client_new(&stage, "a", ALICE "> Q(SLEEP)\nawait asleep\nmark a\nclose\n");
	client_new(&stage, "c", "await a\ncancel a\neof\n");
	client_new(&stage, "b", "await a\n" ALICE ASKS);
	play(&stage);
	stage_release(&stage);
}

TEST(more_bytes_of_who_cancels_are_not_kept)
{
	STAGE(stage, .settings = "default_pool_size = 1");
	struct buffer out = BUFFER_EMPTY;
	struct client *client = client_new(&stage, "a",
					   ALICE "> Q(SLEEP)\nmark a\n"
						 "< E(ERROR 57014) Z(I)\n");
	char much[60000] = { 0 };
	size_t before;
	uint32_t pid;
	int fd;

	stage.postgres.holds_cancels = true;
	while (!stage_is_marked(&stage, "asleep"))
		stage_turn(&stage);
	fd = bare_connect(&stage);
	pid = (uint32_t)client->key[0] << 24 | (uint32_t)client->key[1] << 16 |
	      (uint32_t)client->key[2] << 8 | client->key[3];
	startup_write_cancel(&out, pid, (struct slice){ (char *)client->key + 4, 4 });
	bare_send_buffer(&stage, fd, &out);
	turns(&stage, 5);
	before = mem_bytes_in_use();
	for (int i = 0; i < 10; i++)
		bare_send(&stage, fd, much, sizeof(much));
	CHECK(mem_bytes_in_use() < before + 20000);
	close(fd);
	play(&stage);
	stage_release(&stage);
}
