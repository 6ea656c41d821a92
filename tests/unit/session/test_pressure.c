/* Slow readers on both sides bound what is kept; nobody fast is kept waiting by them. */

#include "base/alloc.h"
#include "session/session_test.h"

/* More than this is never kept for one client: the marks of its stream and one read more. */
#define KEPT_MAX (128 * 1024 + 256 * 1024)

static size_t kept_for(struct stage *stage, const char *user)
{
	struct session_facts facts;

	session_facts(session_of(stage, user), &facts);
	return stream_out_len(facts.stream);
}

TEST(a_slow_client_pauses_its_server)
{
	STAGE(stage, .settings = "default_pool_size = 1");
	struct client *client = client_new(&stage, "a",
					   ALICE "> Q(HUGE 20000000)\nhold\nawait go\n"
						 "resume\n"
						 "< T D(x*20000000) C(HUGE) Z(I)\n");
	size_t most = 0;

	for (int i = 0; i < 2000; i++) {
		stage_turn(&stage);
		if (strncmp(client->line, "await", 5) == 0 && kept_for(&stage, "alice") > most)
			most = kept_for(&stage, "alice");
	}
	CHECK(most > 0 && most <= KEPT_MAX);
	stage_mark(&stage, "go");
	play(&stage);
	stage_release(&stage);
}

TEST(rows_of_a_slow_client_are_all_there)
{
	STAGE(stage, .settings = "default_pool_size = 1");

	client_new(&stage, "a",
		   ALICE "> Q(COPY OUT 3) Q(ROWS 1)\nhold\nwait 1000\nresume\n"
			 "< H d(line 1) d(line 2) d(line 3) c C(COPY) Z(I)\n"
			 "< T D(x*100) C(ROWS) Z(I)\n");
	play(&stage);
	stage_release(&stage);
}

TEST(who_does_not_read_is_not_answered_for_ever)
{
	STAGE(stage, .settings = "default_pool_size = 1");
	struct client *client =
		client_new(&stage, "a", ALICE "> P(s|SELECT 1) S\n< 1 Z(I)\nhold\nawait never\n");
	struct buffer batch = BUFFER_EMPTY;
	const char *text = "C(S|s) P(s|SELECT 1) H";
	const char *again = "C(S|s) P(s|SELECT 1) C(S|s) P(s|SELECT 1) S";
	size_t most = 0;

	while (!client->held)
		stage_turn(&stage);
	for (int i = 0; i < 150000; i++) {
		text = "C(S|s) P(s|SELECT 1) H";
		while (client_write(&batch, &text))
			;
	}
	while (client_write(&batch, &again))
		;
	buffer_append_slice(&client->out, buffer_slice(&batch));
	for (int i = 0; i < 2000; i++) {
		stage_turn(&stage);
		if (kept_for(&stage, "alice") > most)
			most = kept_for(&stage, "alice");
	}
	CHECK(most > 0 && most <= KEPT_MAX);
	buffer_release(&batch);
	stage_release(&stage);
}

TEST(a_slow_server_pauses_its_client)
{
	STAGE(stage, .settings = "default_pool_size = 1");
	struct client *client = client_new(&stage, "a",
					   ALICE "> Q(COPY IN)\n< G\nawait go\n"
						 "< C(COPY 3000) Z(I)\n" ASKS);
	size_t before, grown = 0;

	while (strncmp(client->line, "await", 5) != 0)
		stage_turn(&stage);
	stage.postgres.deaf = true;
	for (int i = 0; i < 3000; i++) {
		size_t mark = writer_begin(&client->out, 'd');

		buffer_reserve(&client->out, 1000);
		memset(client->out.data + client->out.len, 'x', 1000);
		client->out.len += 1000;
		writer_end(&client->out, mark);
	}
	writer_empty(&client->out, 'c');
	before = mem_bytes_in_use();
	for (int i = 0; i < 500; i++) {
		stage_turn(&stage);
		if (mem_bytes_in_use() > before + grown)
			grown = mem_bytes_in_use() - before;
	}
	/* The server's out-buffer, doubled as it grew, and the client's input at hand. */
	CHECK(grown < 1024 * 1024);
	CHECK(client->out.len > 1000000);
	stage.postgres.deaf = false;
	stage_mark(&stage, "go");
	play(&stage);
	stage_release(&stage);
}

TEST(a_client_that_was_stopped_for_a_lost_copy_goes_on)
{
	STAGE(stage, .settings = "default_pool_size = 1");
	struct client *client = client_new(&stage, "a",
					   ALICE "> Q(COPY BAD)\n< G\nawait go\n"
						 "< E(ERROR 22P04) Z(I)\n" ASKS);

	while (strncmp(client->line, "await", 5) != 0)
		stage_turn(&stage);
	stage.postgres.deaf = true;
	for (int i = 0; i < 2000; i++) {
		size_t mark = writer_begin(&client->out, 'd');

		buffer_reserve(&client->out, 1000);
		memset(client->out.data + client->out.len, 'x', 1000);
		client->out.len += 1000;
		writer_end(&client->out, mark);
	}
	writer_empty(&client->out, 'c');
	turns(&stage, 200);
	stage.postgres.deaf = false;
	stage_mark(&stage, "go");
	play(&stage);
	stage_release(&stage);
}

TEST(a_long_pipeline_keeps_nobody_waiting)
{
	STAGE(stage, .settings = "default_pool_size = 2");
	struct client *client = client_new(&stage, "a", ALICE "mark a\nawait never\n");
	unsigned before;

	client_new(&stage, "b", BOB ASKS "mark b\nawait go\n" ASKS "mark done\n");
	while (!stage_is_marked(&stage, "a") || !stage_is_marked(&stage, "b"))
		stage_turn(&stage);
	for (int i = 0; i < 100000; i++) {
		const char *text = "Q(SELECT 1)";

		client_write(&client->out, &text);
	}
	turns(&stage, 3);
	stage_mark(&stage, "go");
	before = stage.turns;
	while (!stage_is_marked(&stage, "done") && stage.turns < before + 1000)
		stage_turn(&stage);
	CHECK(stage.turns - before < 12);
	stage_release(&stage);
}
