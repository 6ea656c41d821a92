/* Secrets that auth_query found, and what servers are logged in to with. */

#include "test.h"

#include "auth/secret.h"
#include "pool/login_secret.h"
#include "pool/visitor.h"

static enum result learn(struct database *database, const char *user, const char *secret)
{
	return database_learn_secret(database, slice_of(user), slice_of(secret));
}

static struct slice text_of(const struct secret *secret)
{
	return secret ? secret->text : SLICE_LITERAL("-");
}

TEST(secrets_are_learned_and_forgotten)
{
	struct world        world;
	struct database    *database;
	struct login_secret found;
	struct pool        *pool;

	world_init(&world, "", "db = host=DIR");
	database = pools_database(world.pools, SLICE_LITERAL("db"));
	REQUIRE(database);
	pool = pools_find_as(world.pools, database, SLICE_LITERAL("dora"));
	REQUIRE(pool);
	CHECK(!database_learned_secret(database, SLICE_LITERAL("dora")));
	CHECK(!database_learned_example(database, SLICE_LITERAL("dora")));
	REQUIRE(learn(database, "dora", "one") == OK);
	REQUIRE(learn(database, "dora", "two") == OK);
	REQUIRE(learn(database, "emil", "") == OK);
	CHECK_SLICE_EQ(text_of(database_learned_secret(database, SLICE_LITERAL("dora"))),
	               SLICE_LITERAL("two"));
	CHECK_INT_EQ(database_learned_secret(database, SLICE_LITERAL("emil"))->kind, SECRET_NONE);
	pool_login_secret(pool, &found);
	CHECK_INT_EQ(found.secret.kind, SECRET_PLAIN);
	CHECK_SLICE_EQ(found.secret.text, SLICE_LITERAL("two"));
	database_forget_secret(database, SLICE_LITERAL("dora"));
	database_forget_secret(database, SLICE_LITERAL("nobody"));
	pool_login_secret(pool, &found);
	CHECK_INT_EQ(found.secret.kind, SECRET_NONE);
	world_release(&world);
}

TEST(a_password_that_was_shown_comes_first)
{
	struct slice        anna = SLICE_LITERAL("anna"), user;
	struct world        world;
	struct database    *database;
	struct login_secret found;
	struct pool        *pool;
	size_t              cursor = 0;

	world_init(&world, "", "db = host=DIR");
	database = pools_database(world.pools, SLICE_LITERAL("db"));
	REQUIRE(database);
	pool = pools_find_as(world.pools, database, anna);
	REQUIRE(pool);
	database_note_login(database, anna);
	CHECK(!database_next_met(database, &cursor, &user));
	/* Whatever it looks like. */
	REQUIRE(database_learn_password(database, anna,
	                                SLICE_LITERAL("md50123456789abcdef0123456789abcdef")) ==
	        OK);
	pool_login_secret(pool, &found);
	CHECK_INT_EQ(found.secret.kind, SECRET_PLAIN);
	cursor = 0;
	CHECK(!database_next_met(database, &cursor, &user));
	database_note_login(database, anna);
	REQUIRE(database_learn_password(database, anna, SLICE_LITERAL("two")) == OK);
	pool_login_secret(pool, &found);
	CHECK_SLICE_EQ(found.secret.text, SLICE_LITERAL("two"));
	cursor = 0;
	CHECK(database_next_met(database, &cursor, &user));
	CHECK_SLICE_EQ(user, anna);
	CHECK(!database_next_met(database, &cursor, &user));
	world_release(&world);
}

TEST(an_example_is_the_same_for_the_same_name)
{
	struct world         world;
	struct database     *database;
	const struct secret *first;
	bool                 differs = false;

	world_init(&world, "", "db = host=DIR");
	database = pools_database(world.pools, SLICE_LITERAL("db"));
	REQUIRE(database);
	REQUIRE(learn(database, "dora", "one") == OK);
	REQUIRE(learn(database, "emil", "two") == OK);
	first = database_learned_example(database, SLICE_LITERAL("x"));
	for (int i = 0; i < 64; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%d", i);
		CHECK(database_learned_example(database, SLICE_LITERAL("x")) == first);
		differs |= database_learned_example(database, slice_of(name)) != first;
	}
	CHECK(differs);
	world_release(&world);
}

TEST(a_pool_of_another_than_the_forced_user)
{
	const struct slice asker = SLICE_LITERAL("asker");
	struct world       world;
	struct database   *database;

	world_init(&world, "", "db = host=DIR user=forced");
	database = pools_database(world.pools, SLICE_LITERAL("db"));
	REQUIRE(database);
	CHECK_TEXT_EQ(pool_user(pools_find(world.pools, database, asker)), "forced");
	CHECK_TEXT_EQ(pool_user(pools_find_as(world.pools, database, asker)), "asker");
	world_release(&world);
}
