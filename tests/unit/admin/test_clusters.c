/* What the console shows of clusters, and how it steers them. */

#include "test.h"

#include "admin/console_test.h"
#include "pool/database.h"
#include "pool/fake_postgres.h"
#include "route/cluster.h"
#include "route/policy.h"
#include "route/position.h"

#define INI                                                                                        \
	"[databases]\n"                                                                            \
	"shop = host=10.0.0.1,10.0.0.2,10.0.0.2 port=5432,5432,5433 read_write_split=on\n"         \
	"plain = host=127.0.0.1 port=1\n"                                                          \
	"[pgcarwash]\n"                                                                            \
	"listen_addr =\n"                                                                          \
	"failover_hold = 1\n"                                                                      \
	"unix_socket_dir = /nowhere\n"                                                             \
	"auth_type = trust\n"

#define AT_CONSOLE(visitor)                                                                        \
	struct console console;                                                                    \
	struct visitor visitor;                                                                    \
	CHECK(console_start(&console, INI));                                                       \
	visitor_open(&visitor, &console, "pgcarwash", "pgcarwash");                                \
	(void)visitor_read(&visitor);                                                              \
	meet(&console)

#define LEAVE(visitor)                                                                             \
	do {                                                                                       \
		visitor_close(&visitor);                                                           \
		console_finish(&console);                                                          \
	} while (0)

static struct database *shop(struct console *console)
{
	return pools_known_database(console->pools, SLICE_LITERAL("shop"));
}

/* What a probe of host says: a primary, or a replica that has all of it. */
static void tell(struct console *console, unsigned host, bool in_recovery, uint32_t timeline,
		 uint64_t round)
{
	struct cluster *cluster = database_cluster(shop(console));
	struct probe_facts facts = {
		.answered = true,
		.asked = loop_now(console->loop),
		.latency = span_ms(2),
		.in_recovery = in_recovery,
		.system_id = 7,
		.timeline = timeline,
		.started_us = 1,
		.position = 0x1000002a0,
		.round = round,
		.own_lag = { -1 },
	};
	struct cluster_change change =
		cluster_take_facts(cluster, host, &facts, loop_now(console->loop));

	database_cluster_changed(shop(console), &change);
}

/* A primary and two replicas, in two rounds: the first only finds the primary. */
static void meet(struct console *console)
{
	for (int rounds = 0; rounds < 2; rounds++) {
		uint64_t round = position_send_round(database_cluster(shop(console)),
						     loop_now(console->loop));

		tell(console, 0, false, 1, round);
		tell(console, 1, true, 1, round);
		tell(console, 2, true, 1, round);
	}
}

/* Lets milliseconds pass. */
static void pass(struct console *console, int ms)
{
	for (int i = 0; i < ms; i += 5) {
		usleep(5000);
		console_turn(console);
	}
}

/* What came since. */
static const char *hear(struct visitor *visitor)
{
	visitor_exchange(visitor);
	return visitor_read(visitor);
}

TEST(clusters_are_shown)
{
	const char *answer;
	AT_CONSOLE(visitor);

	answer = visitor_query(&visitor, "SHOW CLUSTERS");
	CHECK(strstr(answer, "D(shop,10.0.0.1,5432,primary,up,yes,no,1,1/2A0,"));
	CHECK(strstr(answer, "D(shop,10.0.0.2,5432,replica,up,no,no,1,1/2A0,"));
	CHECK(strstr(answer, "D(shop,10.0.0.2,5433,replica,up,no,no,1,1/2A0,"));
	CHECK(strstr(answer, "it sulks"));
	CHECK(!strstr(answer, "plain"));
	answer = visitor_query(&visitor, "SHOW ROUTES");
	CHECK(strstr(answer, "T(database,reason,transactions,meaning)"));
	CHECK(strstr(answer, "D(shop,"));
	LEAVE(visitor);
}

TEST(hosts_are_drained)
{
	struct endpoint_facts facts;
	AT_CONSOLE(visitor);

	CHECK_TEXT_EQ(visitor_query(&visitor, "DRAIN 10.0.0.2:5433"), "C(DRAIN) Z(I)");
	cluster_endpoint(database_cluster(shop(&console)), 2, loop_now(console.loop), &facts);
	CHECK(facts.drained);
	cluster_endpoint(database_cluster(shop(&console)), 1, loop_now(console.loop), &facts);
	CHECK(!facts.drained);
	CHECK_TEXT_EQ(visitor_query(&visitor, "UNDRAIN 10.0.0.2"), "C(UNDRAIN) Z(I)");
	cluster_endpoint(database_cluster(shop(&console)), 2, loop_now(console.loop), &facts);
	CHECK(!facts.drained);
	CHECK_TEXT_EQ(visitor_query(&visitor, "DRAIN 10.0.0.2:5434"),
		      "E(ERROR 08P01: no such host in any cluster: 10.0.0.2:5434) Z(I)");
	CHECK_TEXT_EQ(visitor_query(&visitor, "DRAIN"),
		      "E(ERROR 08P01: a host is required) Z(I)");
	LEAVE(visitor);
}

TEST(routes_are_explained)
{
	const char *answer;
	AT_CONSOLE(visitor);

	answer = visitor_query(&visitor, "EXPLAIN ROUTE shop select 1");
		CHECK(strstr(answer, "T(what,answer) D(statement,a read) "));
	CHECK(strstr(answer, "D(goes to,replica 10.0.0.2:543"));
	answer = visitor_query(&visitor, "EXPLAIN ROUTE shop /* pgcarwash: primary */ select 1");
	CHECK(strstr(answer, "D(goes to,primary 10.0.0.1:5432)"));
	answer = visitor_query(&visitor, "EXPLAIN ROUTE shop begin; select 1");
	CHECK(strstr(answer, "D(goes to,primary 10.0.0.1:5432)"));
	answer = visitor_query(&visitor, "EXPLAIN ROUTE shop begin read only; select 1");
	CHECK(strstr(answer, "D(goes to,replica 10.0.0.2:543"));
	answer = visitor_query(&visitor, "EXPLAIN ROUTE shop set pgcarwash.route = 'replica'");
	CHECK(!strstr(answer, "goes to"));
	answer = visitor_query(&visitor, "EXPLAIN ROUTE shop delete from t");
	CHECK(strstr(answer, "D(statement,a write) D(goes to,primary 10.0.0.1:5432)"));
	answer = visitor_query(&visitor, "EXPLAIN ROUTE shop select * from t for update");
	CHECK(strstr(answer, "D(statement,a write: it locks rows)"));
	CHECK(strstr(answer, "C(EXPLAIN) Z(I)"));
	CHECK_TEXT_EQ(visitor_query(&visitor, "EXPLAIN ROUTE nowhere select 1"),
		      "E(ERROR 08P01: no such database: nowhere) Z(I)");
	CHECK_TEXT_EQ(visitor_query(&visitor, "EXPLAIN ROUTE plain select 1"),
		      "E(ERROR 08P01: database plain has one place only: it does not route) Z(I)");
	LEAVE(visitor);
}

TEST(the_primary_is_moved)
{
	AT_CONSOLE(visitor);

	CHECK_TEXT_EQ(visitor_query(&visitor, "FAILOVER shop TO 10.0.0.2:5433"), "");
	pass(&console, 40);
	CHECK_INT_EQ(console.errand_host, 0);
	CHECK(strstr(console.errand, "pg_current_wal_insert_lsn"));
	/* 24 bytes of it are the next page's header, and no record yet. */
	console.on_answer(console.answer_ctx, "1/2018", NULL);
	pass(&console, 40);
	CHECK_INT_EQ(console.errand_host, 2);
	CHECK(strstr(console.errand, "pg_last_wal_replay_lsn() >= '1/2000'"));
	console.on_answer(console.answer_ctx, "f", NULL);
	console.errand[0] = '\0';
	pass(&console, 40);
	CHECK(strstr(console.errand, "pg_last_wal_replay_lsn() >= '1/2000'"));
	console.on_answer(console.answer_ctx, "t", NULL);
	pass(&console, 40);
	CHECK(strstr(console.errand, "pg_promote"));
	console.on_answer(console.answer_ctx, "t", NULL);
	pass(&console, 40);
	CHECK_TEXT_EQ(hear(&visitor), "");
	tell(&console, 2, false, 2, position_send_round(database_cluster(shop(&console)),
							loop_now(console.loop)));
	CHECK_INT_EQ(cluster_primary(database_cluster(shop(&console))), 2);
	pass(&console, 200);
	CHECK_TEXT_EQ(hear(&visitor), "C(FAILOVER) Z(I)");
	CHECK_TEXT_EQ(visitor_query(&visitor, "FAILOVER shop TO 10.0.0.2:5433"),
		      "E(ERROR 55000: cannot fail over to 10.0.0.2:5433: it is the primary "
		      "already) Z(I)");
	LEAVE(visitor);
}

/* The replica has been asked to promote itself; what comes of it is to be told. */
static void ask_to_promote(struct console *console, struct visitor *visitor)
{
	CHECK_TEXT_EQ(visitor_query(visitor, "FAILOVER shop TO 10.0.0.2:5433"), "");
	pass(console, 40);
	console->on_answer(console->answer_ctx, "1/2A0", NULL);
	pass(console, 40);
	console->on_answer(console->answer_ctx, "t", NULL);
	pass(console, 40);
	CHECK(strstr(console->errand, "pg_promote"));
}

static bool is_held(struct console *console)
{
	struct route_request write = { .available = UINT64_MAX };

	return policy_choose(database_cluster(shop(console)), &write, loop_now(console->loop))
		       .answer == ROUTE_HOLD;
}

TEST(a_replica_that_may_have_heard_is_waited_for)
{
	AT_CONSOLE(visitor);

	ask_to_promote(&console, &visitor);
	console.on_answer(console.answer_ctx, NULL, "no answer in time");
	/* Longer than failover_hold: what was written now would be lost. */
	pass(&console, 1300);
	CHECK_TEXT_EQ(hear(&visitor), "");
	CHECK(is_held(&console));
	tell(&console, 2, false, 2, position_send_round(database_cluster(shop(&console)),
							loop_now(console.loop)));
	pass(&console, 200);
	CHECK_TEXT_EQ(hear(&visitor), "C(FAILOVER) Z(I)");
	CHECK(!is_held(&console));
	LEAVE(visitor);
}

TEST(a_replica_that_says_no_is_believed)
{
	AT_CONSOLE(visitor);

	ask_to_promote(&console, &visitor);
	CHECK(is_held(&console));
	console.on_answer(console.answer_ctx, NULL, "ERROR:  permission denied for pg_promote");
	pass(&console, 200);
	CHECK_TEXT_EQ(hear(&visitor), "E(ERROR 57014: permission denied for pg_promote) Z(I)");
	CHECK(!is_held(&console));
	LEAVE(visitor);
}

TEST(a_move_that_fails_is_undone)
{
	AT_CONSOLE(visitor);

	CHECK_TEXT_EQ(visitor_query(&visitor, "FAILOVER shop TO 10.0.0.2:5432"), "");
	pass(&console, 40);
	console.on_answer(console.answer_ctx, NULL, "permission denied");
	pass(&console, 200);
	CHECK_TEXT_EQ(hear(&visitor), "E(ERROR 57014: permission denied) Z(I)");
	/* What a server says becomes part of a statement only when it is a position. */
	CHECK_TEXT_EQ(visitor_query(&visitor, "FAILOVER shop TO 10.0.0.2:5432"), "");
	pass(&console, 40);
	console.on_answer(console.answer_ctx, "'; drop table t", NULL);
	pass(&console, 200);
	CHECK_TEXT_EQ(hear(&visitor),
		      "E(ERROR 57014: the primary did not tell its position) Z(I)");
	/* failover_hold */
	CHECK_TEXT_EQ(visitor_query(&visitor, "FAILOVER shop TO 10.0.0.2:5432"), "");
	pass(&console, 40);
	console.on_answer(console.answer_ctx, "1/2A0", NULL);
	pass(&console, 1300);
	CHECK_TEXT_EQ(hear(&visitor),
		      "E(ERROR 57014: not in time (waiting for the replica)) Z(I)");
	CHECK_TEXT_EQ(visitor_query(&visitor, "FAILOVER shop TO 10.0.0.2:5432"),
		      "E(ERROR 55006: another FAILOVER is under way) Z(I)");
	console.on_answer(console.answer_ctx, "t", NULL);
	CHECK_TEXT_EQ(visitor_query(&visitor, "FAILOVER shop TO 10.0.0.9"),
		      "E(ERROR 08P01: no such host in the cluster: 10.0.0.9) Z(I)");
	CHECK_TEXT_EQ(visitor_query(&visitor, "FAILOVER shop TO 10.0.0.2"),
		      "E(ERROR 08P01: 2 hosts of the cluster are named 10.0.0.2: add a port) Z(I)");
	(void)visitor_query(&visitor, "DRAIN 10.0.0.2:5433");
	CHECK_TEXT_EQ(visitor_query(&visitor, "FAILOVER shop TO 10.0.0.2:5433"),
		      "E(ERROR 55000: cannot fail over to 10.0.0.2:5433: it is drained) Z(I)");
	CHECK_TEXT_EQ(visitor_query(&visitor, "FAILOVER plain TO 10.0.0.9"),
		      "E(ERROR 08P01: database plain has one place only: it does not route) Z(I)");
	CHECK_TEXT_EQ(visitor_query(&visitor, "FAILOVER shop"),
		      "E(ERROR 08P01: invalid command 'FAILOVER shop', use SHOW HELP;) Z(I)");
	LEAVE(visitor);
}

