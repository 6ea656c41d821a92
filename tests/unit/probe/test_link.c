#include <libpq-fe.h>

#include "../net/net_test.h"
#include "../pool/fake_postgres.h"
#include "conf/load.h"
#include "probe/link.h"

/* A link to a server of our own, and what it was answered. */
struct world {
	struct loop           *loop;
	struct fake_postgres   fake;
	const struct settings *settings;
	struct link           *link;
	unsigned               answers, lost;
	bool                   answered, refused, is_new;
	char                   value[32], error[200];
};

static void on_lost(void *ctx)
{
	struct world *world = ctx;

	world->lost++;
}

static void on_answer(void *ctx, const struct link_answer *answer)
{
	struct world *world = ctx;

	world->answers++;
	world->answered = answer->answered;
	world->refused = answer->refused;
	world->is_new = answer->is_new;
	snprintf(world->value, sizeof(world->value), "%s",
		 answer->results[0] ? PQgetvalue(answer->results[0], 0, 0) : "");
	snprintf(world->error, sizeof(world->error), "%s", answer->error ? answer->error : "");
}

static enum result aim(struct world *world, const char *user)
{
	struct link_target target = {
		.host = world->fake.dir,
		.port = 5432,
		.dbname = "db",
		.user = user,
		.password = "secret",
		.channel_binding = CHANNEL_BINDING_PREFER,
		.settings = world->settings,
	};

	return link_aim(world->link, &target);
}

static void world_init(struct world *world)
{
	struct complaints complaints;

	memset(world, 0, sizeof(*world));
	complaints_init(&complaints);
	world->settings = settings_load_text("test.ini", SLICE_LITERAL("[pgcarwash]\n"), NULL,
					     &complaints);
	complaints_release(&complaints);
	world->loop = loop_new();
	fake_init(&world->fake, world->loop);
	world->link = link_new(world->loop, NULL, (struct link_owner){ on_lost, world });
	CHECK_INT_EQ(aim(world, "probe"), OK);
}

static void world_release(struct world *world)
{
	link_free(world->link);
	fake_release(&world->fake);
	turns(world->loop, 2);
	loop_free(world->loop);
	settings_unref(world->settings);
}

static void ask(struct world *world, const char *sql, int ms)
{
	unsigned before = world->answers;

	CHECK_INT_EQ(link_ask(world->link, sql, span_ms(ms), on_answer, world), OK);
	CHECK(link_is_busy(world->link));
	TURN_UNTIL(world->loop, world->answers > before);
	CHECK_UINT_EQ(world->answers, before + 1);
	CHECK(!link_is_busy(world->link));
}

TEST(it_connects_when_asked_and_stays)
{
	struct world world;

	world_init(&world);
	CHECK_UINT_EQ(world.fake.count, 0);
	ask(&world, "SELECT 5", 2000);
	CHECK(world.answered && world.is_new);
	CHECK_TEXT_EQ(world.value, "5");
	ask(&world, "SELECT 6", 2000);
	CHECK(world.answered && !world.is_new);
	CHECK_TEXT_EQ(world.value, "6");
	CHECK_UINT_EQ(world.fake.count, 1);
	/* an error is an answer */
	ask(&world, "FAIL", 2000);
	CHECK(world.answered);
	CHECK(*world.error);
	world_release(&world);
}

TEST(passwords_are_given)
{
	static const enum fake_login logins[] = { FAKE_PLAIN, FAKE_MD5, FAKE_SCRAM };

	for (size_t i = 0; i < COUNT_OF(logins); i++) {
		struct world world;

		world_init(&world);
		world.fake.login = logins[i];
		ask(&world, "SELECT 1", 2000);
		CHECK(world.answered);
		world_release(&world);
	}
}

TEST(a_loss_while_idle_is_told)
{
	struct world world;

	world_init(&world);
	ask(&world, "SELECT 1", 2000);
	fake_kick_all(&world.fake);
	TURN_UNTIL(world.loop, world.lost == 1);
	ask(&world, "SELECT 2", 2000);
	CHECK(world.answered && world.is_new);
	world_release(&world);
}

TEST(silence_ends_at_the_deadline)
{
	struct world world;

	world_init(&world);
	world.fake.login = FAKE_SILENT;
	ask(&world, "SELECT 1", 50);
	CHECK(!world.answered && !world.refused);
	CHECK_TEXT_EQ(world.error, "no connection in time");
	world.fake.login = FAKE_TRUST;
	ask(&world, "SELECT 1", 2000);
	CHECK(world.answered);
	world.fake.mute = true;
	ask(&world, "SELECT 1", 50);
	CHECK(!world.answered && !world.refused);
	CHECK_TEXT_EQ(world.error, "no answer in time");
	/* the connection is of no use: what comes late must answer nothing else */
	world.fake.mute = false;
	ask(&world, "SELECT 3", 2000);
	CHECK(world.is_new);
	CHECK_TEXT_EQ(world.value, "3");
	world_release(&world);
}

TEST(nobody_there_and_nobody_let_in_are_different)
{
	struct world world;

	world_init(&world);
	world.fake.login = FAKE_REFUSE;
	ask(&world, "SELECT 1", 2000);
	CHECK(!world.answered && world.refused);
	fake_stop_listening(&world.fake);
	ask(&world, "SELECT 1", 2000);
	CHECK(!world.answered && !world.refused);
	CHECK(*world.error);
	CHECK_UINT_EQ(world.lost, 0);
	world_release(&world);
}

TEST(a_server_that_dies_over_a_question_answers_it)
{
	struct world world;

	world_init(&world);
	ask(&world, "SELECT 1", 2000);
	ask(&world, "DIE", 2000);
	ask(&world, "SELECT 2", 2000);
	CHECK(world.answered);
	CHECK_TEXT_EQ(world.value, "2");
	world_release(&world);
}

TEST(another_aim_closes_the_connection_the_same_does_not)
{
	struct world world;

	world_init(&world);
	ask(&world, "SELECT 1", 2000);
	CHECK_INT_EQ(aim(&world, "probe"), OK);
	ask(&world, "SELECT 1", 2000);
	CHECK(!world.is_new);
	CHECK_INT_EQ(aim(&world, "another"), OK);
	ask(&world, "SELECT 1", 2000);
	CHECK(world.is_new);
	/* in the middle of a question */
	CHECK_INT_EQ(link_ask(world.link, "SLEEP", span_ms(5000), on_answer, &world), OK);
	turns(world.loop, 5);
	CHECK_INT_EQ(aim(&world, "probe"), OK);
	TURN_UNTIL(world.loop, !link_is_busy(world.link));
	CHECK(!world.answered);
	world_release(&world);
}

TEST(freeing_it_in_the_middle_calls_nobody)
{
	struct world world;

	for (int turned = 0; turned < 6; turned++) {
		world_init(&world);
		CHECK_INT_EQ(link_ask(world.link, "SLEEP", span_ms(5000), on_answer, &world), OK);
		turns(world.loop, turned);
		world_release(&world);
		CHECK_UINT_EQ(world.answers, 0);
	}
}
