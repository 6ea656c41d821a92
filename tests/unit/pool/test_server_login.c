/* Logging in to servers: ways to prove oneself, failures and who is told of them. */

#include "test.h"

#include "pool/pool_internal.h"
#include "pool/visitor.h"

#define DATABASE "db = host=DIR"

static void check_login(enum fake_login login, const char *databases, bool works)
{
	struct world   world;
	struct visitor visitor;

	world_init(&world, "", databases);
	world.fake.login = login;
	visitor_init(&visitor, &world, "db", "alice");
	visitor_get(&visitor);
	CHECK(!!visitor.server == works);
	if (!works)
		CHECK(visitor.refused);
	visitor_release(&visitor);
	world_release(&world);
}

TEST(a_password_of_the_entry_serves_every_method)
{
	const char *right = "db = host=DIR user=boss password=secret";
	const char *wrong = "db = host=DIR user=boss password=other";

	check_login(FAKE_PLAIN, right, true);
	check_login(FAKE_MD5, right, true);
	check_login(FAKE_SCRAM, right, true);
	check_login(FAKE_PLAIN, wrong, false);
	check_login(FAKE_MD5, wrong, false);
	check_login(FAKE_SCRAM, wrong, false);
	check_login(FAKE_SCRAM, DATABASE, false);
}

/* Without TLS there is no channel a login could be tied to. */
TEST(channel_binding_is_required_of_every_method)
{
	const char *required = "db = host=DIR user=boss password=secret channel_binding=require";

	check_login(FAKE_TRUST, required, false);
	check_login(FAKE_PLAIN, required, false);
	check_login(FAKE_MD5, required, false);
	check_login(FAKE_SCRAM, required, false);
}

TEST(keys_derived_once_are_remembered)
{
	struct world   world;
	struct visitor visitors[2];

	world_init(&world, "", "db = host=DIR user=boss password=secret");
	world.fake.login = FAKE_SCRAM;
	for (int i = 0; i < 2; i++) {
		visitor_init(&visitors[i], &world, "db", "alice");
		visitor_get(&visitors[i]);
		CHECK(visitors[i].server != NULL);
	}
	CHECK_INT_EQ(keyring_len(pools_keyring(world.pools)), 1);
	visitor_release(&visitors[0]);
	visitor_release(&visitors[1]);
	world_release(&world);
}

TEST(the_secret_of_auth_file_is_used_for_the_clients_own_user)
{
	struct world   world;
	struct visitor visitor;
	char           general[160], path[96];
	FILE          *file;

	snprintf(path, sizeof(path), "/tmp/fake_postgres_users.%d", (int)getpid());
	file = fopen(path, "w");
	fprintf(file, "\"alice\" \"secret\"\n");
	fclose(file);
	snprintf(general, sizeof(general), "auth_file = %s", path);
	world_init(&world, general, DATABASE);
	world.fake.login = FAKE_MD5;
	visitor_init(&visitor, &world, "db", "alice");
	visitor_get(&visitor);
	CHECK(visitor.server != NULL);
	CHECK(pools_user_secret(world.pools, SLICE_LITERAL("alice")) != NULL);
	CHECK(pools_user_secret(world.pools, SLICE_LITERAL("bob")) == NULL);
	visitor_release(&visitor);
	world_release(&world);
	unlink(path);
}

TEST(keys_of_a_client_pass_through)
{
	struct world        world;
	struct visitor      visitor;
	struct scram_recipe recipe = fake_recipe();
	struct scram_keys   keys;

	world_init(&world, "", DATABASE);
	world.fake.login = FAKE_SCRAM;
	visitor_init(&visitor, &world, "db", "alice");
	visitor_get(&visitor);
	CHECK(visitor.refused);
	CHECK_INT_EQ(visitor.why, END_WRONG_PASSWORD_TYPE);
	CHECK(derive_keys(SLICE_LITERAL("secret"), &recipe, &keys) == OK);
	pool_learn_keys(visitor.pool, SLICE_LITERAL("mallory"), &keys);
	visitor.refused = false;
	CHECK(visitor_ask(&visitor) == AGAIN);
	UNTIL(&world, visitor.refused);
	CHECK_INT_EQ(visitor.why, END_SERVER_LOGIN_CACHED);
	CHECK(strstr(visitor.error, "cached error: server login failed: wrong password type"));
	pool_learn_keys(visitor.pool, SLICE_LITERAL("alice"), &keys);
	visitor.refused = false;
	visitor_get(&visitor);
	CHECK(visitor.server != NULL);
	visitor_release(&visitor);
	world_release(&world);
}

TEST(all_who_wait_are_told_why_the_server_refused)
{
	struct world   world;
	struct visitor visitors[3];

	world_init(&world, "server_login_retry = 1", DATABASE);
	world.fake.login = FAKE_REFUSE;
	for (int i = 0; i < 3; i++)
		visitor_init(&visitors[i], &world, "db", "alice");
	visitors[1].waiter.for_login = true;
	CHECK(visitor_ask(&visitors[0]) == AGAIN);
	CHECK(visitor_ask(&visitors[1]) == AGAIN);
	UNTIL(&world, visitors[0].refused && visitors[1].refused);
	CHECK_TEXT_EQ(visitors[0].error, "28000 you may not come in");
	CHECK_TEXT_EQ(visitors[1].error, "28000 you may not come in");
	CHECK_INT_EQ(world.fake.count, 1);
	/* A newcomer is told at once, without another login. */
	CHECK(visitor_ask(&visitors[2]) == AGAIN);
	world_spin(&world, 1);
	CHECK(visitors[2].refused);
	CHECK_TEXT_EQ(visitors[2].error, "08P01 server login has been failing, cached error: "
	                                 "you may not come in (server_login_retry)");
	CHECK_INT_EQ(world.fake.count, 1);
	/* After the pause one who is refused sets off another try, and later ones profit. */
	world.fake.login = FAKE_TRUST;
	world_spin(&world, 1000);
	CHECK(visitor_ask(&visitors[2]) == AGAIN);
	UNTIL(&world, world_facts(&world, visitors[2].pool).servers_idle == 1);
	CHECK(visitor_ask(&visitors[0]) == OK);
	for (int i = 0; i < 3; i++)
		visitor_release(&visitors[i]);
	world_release(&world);
}

/* The next try comes between 7/8 of this many milliseconds and as many after the last. */
static void check_pause(const struct world *world, const struct visitor *visitor, int64_t ms)
{
	int64_t left = moment_between(loop_now(world->loop), visitor->pool->retry_at).us;

	CHECK(visitor->pool->failed);
	/* A turn or more may have passed since. */
	if (left > ms * 1000 || left < ms * 1000 * 7 / 8 - 150000)
		FAIL("%lld us are left of %lld ms", (long long)left, (long long)ms);
}

static void fail_once(struct world *world, struct visitor *visitor)
{
	unsigned count = world->fake.count;

	visitor->pool->retry_at = loop_now(world->loop);
	visitor->refused = false;
	if (!list_has(&visitor->waiter.node))
		CHECK(visitor_ask(visitor) == AGAIN);
	pool_serve_soon(visitor->pool);
	UNTIL(world, world->fake.count > count && visitor->pool->failed &&
	                     visitor->pool->retry_at.us > loop_now(world->loop).us);
}

TEST(a_server_that_goes_on_to_refuse_is_asked_less_often)
{
	static const int64_t pauses[] = { 1000, 2000, 4000, 4000 };
	struct world   world;
	struct visitor visitor;

	world_init(&world, "server_login_retry = 1", DATABASE);
	visitor_init(&visitor, &world, "db", "alice");
	world.fake.login = FAKE_REFUSE;
	for (size_t i = 0; i < COUNT_OF(pauses); i++) {
		fail_once(&world, &visitor);
		check_pause(&world, &visitor, pauses[i]);
	}
	/* One that is full may have room any moment. */
	world.fake.sqlstate = "53300";
	for (int i = 0; i < 3; i++) {
		fail_once(&world, &visitor);
		check_pause(&world, &visitor, 1000);
	}
	/* After a success, or when somebody did something, it is as if nothing had been. */
	world.fake.sqlstate = "28P01";
	for (int i = 0; i < 3; i++)
		fail_once(&world, &visitor);
	check_pause(&world, &visitor, 4000);
	pools_reconnect(world.pools, NULL);
	CHECK(!visitor.pool->failed);
	fail_once(&world, &visitor);
	check_pause(&world, &visitor, 1000);
	visitor_release(&visitor);
	world_release(&world);
}

TEST(pools_do_not_all_come_back_at_once)
{
	struct world   world;
	struct visitor visitors[8];
	bool           differs = false;

	world_init(&world, "server_login_retry = 1000", DATABASE);
	world.fake.login = FAKE_REFUSE;
	for (int i = 0; i < 8; i++) {
		char    name[16];
		int64_t later;

		snprintf(name, sizeof(name), "u%d", i);
		visitor_init(&visitors[i], &world, "db", name);
		fail_once(&world, &visitors[i]);
		check_pause(&world, &visitors[i], 1000000);
		/* By more than the time that passed between them. */
		later = visitors[i].pool->retry_at.us - visitors[0].pool->retry_at.us;
		differs |= later < -1000000 || later > 5000000;
	}
	CHECK(differs);
	for (int i = 0; i < 8; i++)
		visitor_release(&visitors[i]);
	world_release(&world);
}

TEST(a_server_that_is_starting_up_is_waited_for)
{
	struct world   world;
	struct visitor visitor;

	world_init(&world, "server_login_retry = 0.5", DATABASE);
	world.fake.login = FAKE_REFUSE;
	world.fake.sqlstate = "57P03";
	visitor_init(&visitor, &world, "db", "alice");
	CHECK(visitor_ask(&visitor) == AGAIN);
	UNTIL(&world, world.fake.count == 1);
	world_spin(&world, 300);
	CHECK_INT_EQ(world.fake.count, 1);
	CHECK(!visitor.refused);
	world.fake.login = FAKE_TRUST;
	UNTIL(&world, visitor.server);
	visitor_release(&visitor);
	world_release(&world);
}

TEST(a_server_that_is_not_there_is_waited_for)
{
	struct world   world;
	struct visitor visitors[2];

	world_init(&world, "server_login_retry = 0.5", DATABASE);
	fake_stop_listening(&world.fake);
	visitor_init(&visitors[0], &world, "db", "alice");
	visitor_init(&visitors[1], &world, "db", "alice");
	CHECK(visitor_ask(&visitors[0]) == AGAIN);
	world_spin(&world, 100);
	CHECK(!visitors[0].refused);
	CHECK(visitor_ask(&visitors[1]) == AGAIN);
	UNTIL(&world, visitors[1].refused);
	CHECK_TEXT_EQ(visitors[1].error, "08P01 server login has been failing, cached error: "
	                                 "connect failed (server_login_retry)");
	fake_listen(&world.fake);
	UNTIL(&world, visitors[0].server);
	visitor_release(&visitors[0]);
	visitor_release(&visitors[1]);
	world_release(&world);
}

TEST(a_silent_server_is_given_up)
{
	struct world   world;
	struct visitor visitors[2];

	world_init(&world, "server_connect_timeout = 0.3", DATABASE);
	world.fake.login = FAKE_SILENT;
	visitor_init(&visitors[0], &world, "db", "alice");
	visitor_init(&visitors[1], &world, "db", "alice");
	CHECK(visitor_ask(&visitors[0]) == AGAIN);
	UNTIL(&world, world.fake.count == 1);
	world_spin(&world, 400);
	CHECK(visitor_ask(&visitors[1]) == AGAIN);
	UNTIL(&world, visitors[1].refused);
	CHECK(strstr(visitors[1].error, "cached error: connect timeout"));
	visitor_release(&visitors[0]);
	visitor_release(&visitors[1]);
	world_release(&world);
}

TEST(one_login_at_a_time_until_one_succeeded)
{
	struct world   world;
	struct visitor visitors[10];

	world_init(&world, "", DATABASE);
	world.fake.login = FAKE_SILENT;
	for (int i = 0; i < 10; i++) {
		visitor_init(&visitors[i], &world, "db", "alice");
		CHECK(visitor_ask(&visitors[i]) == AGAIN);
	}
	world_spin(&world, 700);
	CHECK_INT_EQ(world.fake.count, 1);
	world.fake.login = FAKE_TRUST;
	fake_let_in(fake_find(&world.fake, 1));
	for (int i = 0; i < 10; i++)
		UNTIL(&world, visitors[i].server);
	CHECK_INT_EQ(world.fake.count, 10);
	for (int i = 0; i < 10; i++)
		visitor_release(&visitors[i]);
	world_release(&world);
}

TEST(the_entry_decides_what_the_server_is_told)
{
	struct world   world;
	struct visitor visitor;

	world_init(&world, "pool_mode = transaction",
	           "db = host=DIR dbname=real application_name=washer connect_query='HELLO you'");
	visitor_init(&visitor, &world, "db", "alice");
	visitor_do(&visitor, "ONE");
	CHECK_TEXT_EQ(fake_find(&world.fake, 1)->database, "real");
	CHECK_TEXT_EQ(fake_find(&world.fake, 1)->application, "washer");
	CHECK_TEXT_EQ(world_log(&world), "1:HELLO you 1:ONE");
	visitor_release(&visitor);
	world_release(&world);
}

TEST(a_failing_connect_query_does_no_harm_nor_an_open_transaction)
{
	struct world   world;
	struct visitor visitor;

	world_init(&world, "pool_mode = transaction", "db = host=DIR connect_query=FAIL");
	visitor_init(&visitor, &world, "db", "alice");
	visitor_do(&visitor, "ONE");
	CHECK_TEXT_EQ(visitor_got(&visitor), "CZ");
	visitor_release(&visitor);
	world_release(&world);

	world_init(&world, "pool_mode = transaction", "db = host=DIR connect_query=BEGIN");
	visitor_init(&visitor, &world, "db", "alice");
	visitor_do(&visitor, "ONE");
	CHECK_TEXT_EQ(world_log(&world), "1:BEGIN 1:ROLLBACK 1:ONE");
	visitor_release(&visitor);
	world_release(&world);
}

TEST(no_allocation_that_fails_does_harm)
{
	WITH_EACH_FAULT(nth)
	{
		struct world   world;
		struct visitor visitor;

		mem_fail_at(0);
		world_init(&world, "server_login_retry = 0.01\nserver_connect_timeout = 0.1",
		           "db = host=DIR user=boss password=secret connect_query=HELLO");
		world.fake.login = FAKE_MD5;
		visitor_init(&visitor, &world, "db", "alice");
		mem_fail_at(nth);
		(void)!visitor_ask(&visitor);
		for (int i = 0; i < 1000 && !visitor.server && !visitor.refused; i++)
			world_spin(&world, 1);
		CHECK(visitor.server || visitor.refused);
		visitor_release(&visitor);
		world_release(&world);
	}
}
