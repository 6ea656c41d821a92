#include "route_test.h"

static struct cluster *cluster_with(const struct cluster_options *options)
{
	struct cluster *cluster = cluster_new(options);

	if (cluster)
		all_is_well(cluster, options->count, 100);
	return cluster;
}

static struct cluster *cluster_of(unsigned count)
{
	struct cluster_options options = options_of(count);

	return cluster_with(&options);
}

static struct route_choice ask(struct cluster *cluster, struct route_request request)
{
	if (!request.available)
		request.available = ALL;
	return policy_choose(cluster, &request, test_now);
}

TEST(every_reason_has_a_name_and_a_text)
{
	for (unsigned i = 0; i < ROUTE_REASONS; i++) {
		CHECK(route_reason_name((enum route_reason)i) != NULL);
		CHECK(route_reason_text((enum route_reason)i) != NULL);
		for (unsigned j = 0; j < i; j++)
			CHECK(strcmp(route_reason_name((enum route_reason)i),
				     route_reason_name((enum route_reason)j)) != 0);
	}
}

TEST(writes_go_to_the_primary_and_reads_to_replicas)
{
	struct cluster     *cluster = cluster_of(3);
	struct route_choice choice;
	unsigned            seen = 0;

	REQUIRE(cluster != NULL);
	choice = write_now(cluster);
	CHECK_INT_EQ(choice.answer, ROUTE_TO_HOST);
	CHECK_UINT_EQ(choice.host, 0);
	CHECK_INT_EQ(choice.reason, ROUTE_WRITE);
	for (int i = 0; i < 2; i++) {
		choice = read_needing(cluster, 0);
		CHECK(choice.on_replica);
		CHECK_INT_EQ(choice.reason, ROUTE_READ);
		seen |= 1u << choice.host;
	}
	CHECK_UINT_EQ(seen, 6);
	cluster_free(cluster);
}

TEST(an_application_may_say_where)
{
	struct cluster     *cluster = cluster_of(2);
	struct route_choice choice;

	REQUIRE(cluster != NULL);
	choice = ask(cluster, (struct route_request){ .reads = true, .wish = WISH_PRIMARY });
	CHECK_UINT_EQ(choice.host, 0);
	CHECK_INT_EQ(choice.reason, ROUTE_WISH_PRIMARY);
	choice = ask(cluster, (struct route_request){ .wish = WISH_REPLICA });
	CHECK_UINT_EQ(choice.host, 1);
	CHECK_INT_EQ(choice.reason, ROUTE_WISH_REPLICA);
	choice = ask(cluster, (struct route_request){ .reads = true, .read_only_block = true });
	CHECK_INT_EQ(choice.reason, ROUTE_READ_ONLY_BLOCK);
	CHECK(choice.on_replica);
	cluster_free(cluster);
}

TEST(reads_of_a_session_that_keeps_something_go_to_the_primary)
{
	struct cluster     *cluster = cluster_of(2);
	struct route_choice choice;

	REQUIRE(cluster != NULL);
	choice = ask(cluster, (struct route_request){ .reads = true, .keeps = true });
	CHECK_UINT_EQ(choice.host, 0);
	CHECK_INT_EQ(choice.reason, ROUTE_KEEPS);
	choice = ask(cluster, (struct route_request){ .keeps = true });
	CHECK_INT_EQ(choice.reason, ROUTE_WRITE);
	choice = ask(cluster, (struct route_request){ .reads = true, .keeps = true,
	                                              .wish = WISH_REPLICA });
	CHECK(choice.on_replica);
	cluster_free(cluster);
}

TEST(what_a_replica_refused_runs_on_the_primary_whatever_the_setting)
{
	struct cluster_options options = options_of(2);
	struct cluster        *cluster;
	struct route_choice    choice;

	options.when_no_replica = NO_REPLICA_ERROR;
	cluster = cluster_with(&options);
	REQUIRE(cluster != NULL);
	choice = ask(cluster, (struct route_request){ .reads = true, .without = 2 });
	CHECK_INT_EQ(choice.answer, ROUTE_TO_HOST);
	CHECK_UINT_EQ(choice.host, 0);
	CHECK_INT_EQ(choice.reason, ROUTE_REFUSED);
	cluster_free(cluster);
}

TEST(without_a_replica_the_setting_says)
{
	static const struct {
		enum no_replica setting;
		bool            waited, fresh;
		enum route_answer answer;
	} rows[] = {
		{ NO_REPLICA_PRIMARY, false, true, ROUTE_TO_HOST },
		{ NO_REPLICA_PRIMARY, false, false, ROUTE_TO_HOST },
		{ NO_REPLICA_WAIT, false, true, ROUTE_HOLD },
		{ NO_REPLICA_WAIT, false, false, ROUTE_HOLD },
		{ NO_REPLICA_WAIT, true, true, ROUTE_TO_HOST },
		{ NO_REPLICA_WAIT, true, false, ROUTE_TO_HOST },
		{ NO_REPLICA_ERROR, false, true, ROUTE_ERROR },
		/* a client's own write reaches a replica in a moment: that is waited for */
		{ NO_REPLICA_ERROR, false, false, ROUTE_HOLD },
		{ NO_REPLICA_ERROR, true, false, ROUTE_ERROR },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct cluster_options options = options_of(2);
		struct cluster        *cluster;
		struct route_choice    choice;

		options.when_no_replica = rows[i].setting;
		cluster = cluster_with(&options);
		REQUIRE(cluster != NULL);
		if (rows[i].fresh)
			silence(cluster, 1);
		choice = ask(cluster, (struct route_request){ .reads = true,
							      .waited = rows[i].waited,
							      .need = position_need(cluster) });
		if (choice.answer != rows[i].answer)
			FAIL("row %zu: answer %d", i, choice.answer);
		if (choice.answer == ROUTE_TO_HOST)
			CHECK_UINT_EQ(choice.host, 0);
		cluster_free(cluster);
	}
}

TEST(target_session_attrs_say_for_all)
{
	static const struct {
		enum session_target target;
		bool                splits, reads;
		bool                primary, replica; /* is up */
		int                 host;             /* -1: held, -2: any of them */
	} rows[] = {
		{ TARGET_READ_WRITE, true, true, true, true, 0 },
		{ TARGET_PRIMARY, false, true, true, true, 0 },
		{ TARGET_PRIMARY, false, true, false, true, -1 },
		{ TARGET_STANDBY, true, false, true, true, 1 },
		{ TARGET_READ_ONLY, false, false, true, true, 1 },
		{ TARGET_READ_ONLY, false, false, true, false, -1 },
		{ TARGET_PREFER_STANDBY, false, false, true, true, 1 },
		{ TARGET_PREFER_STANDBY, false, false, true, false, 0 },
		{ TARGET_PREFER_STANDBY, true, false, true, true, 0 },
		{ TARGET_ANY, false, false, true, true, -2 },
		{ TARGET_ANY, false, false, false, true, 1 },
		{ TARGET_ANY, false, false, true, false, 0 },
		{ TARGET_ANY, false, false, false, false, -1 },
		{ TARGET_ANY, true, false, true, true, 0 },
		{ TARGET_ANY, true, true, true, true, 1 },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct cluster_options options = options_of(2);
		struct cluster        *cluster;
		struct route_choice    choice;
		int                    host;

		options.target = rows[i].target;
		options.splits = rows[i].splits;
		cluster = cluster_with(&options);
		REQUIRE(cluster != NULL);
		if (!rows[i].primary)
			silence(cluster, 0);
		if (!rows[i].replica)
			silence(cluster, 1);
		choice = ask(cluster, (struct route_request){ .reads = rows[i].reads });
		host = choice.answer == ROUTE_TO_HOST ? (int)choice.host : -1;
		if (rows[i].host == -2 ? host < 0 : host != rows[i].host)
			FAIL("row %zu: host %d", i, host);
		cluster_free(cluster);
	}
}

TEST(spares_take_reads_only_when_nobody_else_can)
{
	struct cluster_options options = options_of(4);
	struct cluster        *cluster;

	test_hosts[2].backup = true;
	test_hosts[3].weight = 0;
	cluster = cluster_with(&options);
	REQUIRE(cluster != NULL);
	for (int i = 0; i < 10; i++)
		CHECK_UINT_EQ(read_needing(cluster, 0).host, 1);
	silence(cluster, 1);
	CHECK(read_needing(cluster, 0).host >= 2);
	cluster_free(cluster);
}

TEST(a_pool_with_room_comes_first)
{
	struct cluster *cluster = cluster_of(3);

	REQUIRE(cluster != NULL);
	for (int i = 0; i < 4; i++)
		CHECK_UINT_EQ(ask(cluster, (struct route_request){ .reads = true,
								   .available = 4 })
				      .host,
			      2);
	/* all full: one of them all the same */
	CHECK(ask(cluster, (struct route_request){ .reads = true, .available = 1 }).on_replica);
	cluster_free(cluster);
}

TEST(who_lets_nobody_in_takes_no_reads)
{
	struct cluster_options options = options_of(3);
	struct cluster        *cluster = cluster_of(3);
	struct route_request   request = { .reads = true, .available = ALL, .refusing = 2 };
	const char            *why[CLUSTER_MAX_HOSTS];

	REQUIRE(cluster != NULL);
	for (int i = 0; i < 4; i++)
		CHECK_UINT_EQ(policy_choose(cluster, &request, test_now).host, 2);
	policy_explain(cluster, &request, test_now, why);
	CHECK(strstr(why[1], "lets no connection in") != NULL);
	request.refusing = 6;
	CHECK_INT_EQ(policy_choose(cluster, &request, test_now).reason, ROUTE_NO_REPLICA);
	options.when_no_replica = NO_REPLICA_ERROR;
	REQUIRE(cluster_set_options(cluster, &options) == OK);
	CHECK_INT_EQ(policy_choose(cluster, &request, test_now).answer, ROUTE_ERROR);
	/* Who may go nowhere else is to hear it from the server. */
	options.target = TARGET_STANDBY;
	REQUIRE(cluster_set_options(cluster, &options) == OK);
	CHECK(policy_choose(cluster, &request, test_now).on_replica);
	options.target = TARGET_ANY;
	options.splits = false;
	REQUIRE(cluster_set_options(cluster, &options) == OK);
	for (int i = 0; i < 4; i++)
		CHECK_UINT_EQ(policy_choose(cluster, &request, test_now).host, 0);
	request.refusing = 1;
	for (int i = 0; i < 4; i++)
		CHECK(policy_choose(cluster, &request, test_now).host != 0);
	cluster_free(cluster);
}

TEST(reads_go_on_without_a_primary)
{
	struct cluster_options options = options_of(2);
	struct cluster        *cluster = cluster_new(&options);

	REQUIRE(cluster != NULL);
	silence(cluster, 0);
	replica_says(cluster, 1, 3, 500);
	CHECK(read_needing(cluster, 0).on_replica);
	CHECK_INT_EQ(read_needing(cluster, 1).answer, ROUTE_HOLD);
	/* with one, its age must be known first */
	primary_says(cluster, 0, 3, 600, 0);
	CHECK(!read_needing(cluster, 0).on_replica);
	cluster_free(cluster);
}

TEST(explaining_moves_nothing)
{
	struct cluster      *cluster = cluster_of(3);
	struct route_request request = { .reads = true, .available = ALL, .need = 2 };
	const char          *why[CLUSTER_MAX_HOSTS];
	unsigned             next;

	REQUIRE(cluster != NULL);
	CHECK_UINT_EQ(policy_explain(cluster, &request, test_now, why).host, 0);
	CHECK_TEXT_EQ(why[0], "is the primary");
	CHECK_TEXT_EQ(why[1], "has not replayed what it must see yet");
	CHECK(!position_is_wanted(cluster));
	request.need = 0;
	next = policy_explain(cluster, &request, test_now, why).host;
	CHECK_UINT_EQ(policy_explain(cluster, &request, test_now, why).host, next);
	CHECK_UINT_EQ(read_needing(cluster, 0).host, next);
	CHECK_TEXT_EQ(why[1], "can take it");
	silence(cluster, 2);
	policy_explain(cluster, &request, test_now, why);
	CHECK_TEXT_EQ(why[2], "is down");
	cluster_free(cluster);
}
