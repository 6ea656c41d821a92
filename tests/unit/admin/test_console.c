/* The console by simple Query: who gets in, commands, errors, waits. */

#include "test.h"

#include "admin/console_test.h"
#include "pool/fake_postgres.h"

#define INI                                                                                        \
	"[databases]\n"                                                                            \
	"shop = host=127.0.0.1 port=1\n"                                                           \
	"auction = host=/nowhere,/else dbname=a user=bob pool_size=3 pool_mode=session\n"          \
	"[users]\n"                                                                                \
	"alice = pool_size=7\n"                                                                    \
	"[pgcarwash]\n"                                                                            \
	"listen_addr =\n"                                                                          \
	"unix_socket_dir = /nowhere\n"                                                             \
	"auth_type = trust\n"

#define REFUSED(text) "E(ERROR 08P01: " text ") Z(I)"

TEST(the_welcome)
{
	struct console console;
	struct visitor visitor;

	CHECK(console_start(&console, INI));
	visitor_open(&visitor, &console, "pgcarwash", "pgcarwash");
	CHECK_TEXT_EQ(visitor_read(&visitor), "R S S S S S S S K Z(I)");
	visitor_close(&visitor);
	visitor_open(&visitor, &console, "pgbouncer", "pgbouncer");
	CHECK_TEXT_EQ(visitor_read(&visitor), "R S S S S S S S K Z(I)");
	visitor_close(&visitor);
	visitor_open(&visitor, &console, "alice", "pgcarwash");
	CHECK_TEXT_EQ(visitor_read(&visitor), "E(FATAL 08P01: not allowed)");
	visitor_close(&visitor);
	console_finish(&console);
}

/* One visitor at a console of its own. */
#define AT_CONSOLE(visitor)                                                                        \
	struct console console;                                                                    \
	struct visitor visitor;                                                                    \
	CHECK(console_start(&console, INI));                                                       \
	visitor_open(&visitor, &console, "pgcarwash", "pgcarwash");                                \
	(void)visitor_read(&visitor)

#define LEAVE(visitor)                                                                             \
	do {                                                                                       \
		visitor_close(&visitor);                                                           \
		console_finish(&console);                                                          \
	} while (0)

TEST(shows)
{
	AT_CONSOLE(visitor);

	CHECK_TEXT_EQ(visitor_query(&visitor, "SHOW VERSION"),
		      "T(version) D(test 1.0) C(SHOW) Z(I)");
	CHECK_TEXT_EQ(visitor_query(&visitor, "select version;"),
		      "T(version) D(test 1.0) C(SHOW) Z(I)");
	CHECK_TEXT_EQ(visitor_query(&visitor, "SHOW STATE"),
		      "T(key,value) D(active,yes) D(paused,no) D(suspended,no) C(SHOW) Z(I)");
	CHECK_TEXT_EQ(visitor_query(&visitor, "SHOW timezone"), "T(timezone) D(GMT) C(SHOW) Z(I)");
	CHECK_TEXT_EQ(visitor_query(&visitor, "SHOW HELP"),
		      "N(NOTICE 00000: Console usage) C(SHOW) Z(I)");
	CHECK_TEXT_EQ(visitor_query(&visitor, "SHOW SERVERS"),
		      "T(type,user,database,replication,state,addr,port,local_addr,local_port,"
		      "connect_time,request_time,wait,wait_us,close_needed,ptr,link,remote_pid,tls,"
		      "application_name,prepared_statements,id) C(SHOW) Z(I)");
	CHECK_TEXT_EQ(
		visitor_query(&visitor, "SHOW POOLS"),
		"T(database,user,cl_active,cl_waiting,cl_active_cancel_req,cl_waiting_cancel_req,"
		"sv_active,sv_active_cancel,sv_being_canceled,sv_idle,sv_used,sv_tested,sv_login,"
		"maxwait,maxwait_us,pool_mode,load_balance_hosts) "
		"D(auction,bob,0,0,0,0,0,0,0,0,0,0,0,0,0,session,round-robin) "
		"D(pgbouncer,pgbouncer,1,0,0,0,0,0,0,0,0,0,0,0,0,statement,NULL) C(SHOW) Z(I)");
	CHECK_TEXT_EQ(visitor_query(&visitor, "SHOW DATABASES"),
		      "T(name,host,port,database,force_user,pool_size,min_pool_size,"
		      "reserve_pool_size,server_lifetime,pool_mode,load_balance_hosts,"
		      "max_connections,current_connections,max_client_connections,"
		      "current_client_connections,paused,disabled,reserve_pool) "
		      "D(auction,/nowhere,/else,5432,a,bob,3,0,0,3600,session,round-robin,0,0,0,0,"
		      "0,0,0) "
		      "D(pgbouncer,NULL,6432,pgbouncer,pgbouncer,2,0,0,3600,statement,NULL,0,0,0,"
		      "1,0,0,0) "
		      "D(shop,127.0.0.1,1,shop,NULL,20,0,0,3600,NULL,NULL,0,0,0,0,0,0,0) "
		      "C(SHOW) Z(I)");
	CHECK_TEXT_EQ(visitor_query(&visitor, "SHOW USERS"),
		      "T(name,pool_size,reserve_pool_size,pool_mode,max_user_connections,"
		      "current_connections,max_user_client_connections,current_client_connections) "
		      "D(alice,        7,,NULL,0,0,0,0) D(bob,,,NULL,0,0,0,0) "
		      "D(pgbouncer,,,NULL,0,0,0,0) C(SHOW) Z(I)");
	LEAVE(visitor);
}

TEST(errors)
{
	AT_CONSOLE(visitor);

	CHECK_TEXT_EQ(visitor_query(&visitor, "foo"),
		      REFUSED("invalid command 'foo', use SHOW HELP;"));
	CHECK_TEXT_EQ(visitor_query(&visitor, ""), REFUSED("invalid command '', use SHOW HELP;"));
	CHECK_TEXT_EQ(visitor_query(&visitor, "-- ping"), "I Z(I)");
	CHECK_TEXT_EQ(visitor_query(&visitor, "SHOW"),
		      REFUSED("invalid command 'SHOW', use SHOW HELP;"));
	CHECK_TEXT_EQ(visitor_query(&visitor, "PAUSE x = 1"),
		      REFUSED("invalid command 'PAUSE x = 1', use SHOW HELP;"));
	CHECK_TEXT_EQ(visitor_query(&visitor, "RELOAD all"),
		      REFUSED("invalid command 'RELOAD all', use SHOW HELP;"));
	CHECK_TEXT_EQ(visitor_query(&visitor, "abcdefghijklmnopq"), REFUSED("bad arguments"));
	CHECK_TEXT_EQ(visitor_query(&visitor, "SET nothing = 1"), REFUSED("SET failed"));
	CHECK_TEXT_EQ(visitor_query(&visitor, "DISABLE"), REFUSED("a database is required"));
	CHECK_TEXT_EQ(visitor_query(&visitor, "PAUSE nope"), REFUSED("no such database: nope"));
	CHECK_TEXT_EQ(visitor_query(&visitor, "KILL pgbouncer"),
		      REFUSED("cannot kill admin db: pgbouncer"));
	CHECK_TEXT_EQ(visitor_query(&visitor, "WAIT_CLOSE pgcarwash"),
		      REFUSED("cannot wait in admin db: pgcarwash"));
	CHECK_TEXT_EQ(visitor_query(&visitor, "RESUME"), REFUSED("pooler is not paused/suspended"));
	CHECK_TEXT_EQ(visitor_query(&visitor, "RESUME shop"),
		      REFUSED("database shop is not paused"));
	CHECK_TEXT_EQ(visitor_query(&visitor, "KILL_CLIENT x"),
		      REFUSED("invalid client pointer supplied"));
	CHECK_TEXT_EQ(visitor_query(&visitor, "KILL_CLIENT 4711"), REFUSED("client not found"));
	CHECK_TEXT_EQ(visitor_query(&visitor, "SHUTDOWN NOW"),
		      REFUSED("invalid command 'SHUTDOWN NOW', use SHOW HELP;"));
	LEAVE(visitor);
}

TEST(commands)
{
	AT_CONSOLE(visitor);

	CHECK_TEXT_EQ(visitor_query(&visitor, "SET default_pool_size = 9"),
		      "C(SET default_pool_size=9) Z(I)");
	CHECK_INT_EQ(console.settings->default_pool_size, 9);
	CHECK_TEXT_EQ(visitor_query(&visitor, "SET application_name = 'x'"),
		      "N(NOTICE 00000: SET ignored) C(SET) Z(I)");
	CHECK_TEXT_EQ(visitor_query(&visitor, "RELOAD"), "C(RELOAD) Z(I)");
	console.reload_result = BROKEN;
	CHECK_TEXT_EQ(visitor_query(&visitor, "RELOAD"),
		      "E(ERROR F0000: RELOAD failed, see logs for additional details) Z(I)");
	CHECK_UINT_EQ(console.reloads, 2);
	CHECK_TEXT_EQ(visitor_query(&visitor, "DISABLE shop"), "C(DISABLE) Z(I)");
	CHECK(strstr(visitor_query(&visitor, "SHOW DATABASES"), "0,1,0) C(SHOW)"));
	CHECK_TEXT_EQ(visitor_query(&visitor, "ENABLE shop"), "C(ENABLE) Z(I)");
	CHECK_TEXT_EQ(visitor_query(&visitor, "RECONNECT"), "C(RECONNECT) Z(I)");
	CHECK_TEXT_EQ(visitor_query(&visitor, "WAIT_CLOSE"), "C(WAIT_CLOSE) Z(I)");
	CHECK_TEXT_EQ(visitor_query(&visitor, "SHUTDOWN WAIT_FOR_CLIENTS"), "C(SHUTDOWN) Z(I)");
	CHECK_INT_EQ(console.how, SHUTDOWN_WAIT_FOR_CLIENTS);
	CHECK_TEXT_EQ(visitor_query(&visitor, "SHUTDOWN"), "");
	CHECK_INT_EQ(console.how, SHUTDOWN_NOW);
	CHECK_UINT_EQ(console.shutdowns, 2);
	LEAVE(visitor);
}

TEST(blocks_are_only_for_show)
{
	AT_CONSOLE(visitor);

	CHECK_TEXT_EQ(visitor_query(&visitor, "BEGIN"), "C(BEGIN) Z(T)");
	CHECK_TEXT_EQ(visitor_query(&visitor, "SHOW VERSION"),
		      "T(version) D(test 1.0) C(SHOW) Z(T)");
	CHECK_TEXT_EQ(visitor_query(&visitor, "ROLLBACK"), "C(ROLLBACK) Z(I)");
	LEAVE(visitor);
}

TEST(pause_and_resume)
{
	AT_CONSOLE(visitor);

	CHECK_TEXT_EQ(visitor_query(&visitor, "PAUSE"), "C(PAUSE) Z(I)");
	CHECK(pools_is_paused(console.pools));
	CHECK_TEXT_EQ(visitor_query(&visitor, "PAUSE shop"), REFUSED("already suspended/paused"));
	CHECK_TEXT_EQ(visitor_query(&visitor, "SUSPEND"), REFUSED("already suspended/paused"));
	CHECK_TEXT_EQ(visitor_query(&visitor, "KILL"), REFUSED("already suspended/paused"));
	CHECK(strstr(visitor_query(&visitor, "SHOW STATE"), "D(paused,yes)"));
	CHECK_TEXT_EQ(visitor_query(&visitor, "RESUME"), "C(RESUME) Z(I)");
	CHECK(!pools_is_paused(console.pools));
	CHECK_TEXT_EQ(visitor_query(&visitor, "PAUSE shop"), "C(PAUSE) Z(I)");
	CHECK_TEXT_EQ(visitor_query(&visitor, "SUSPEND"),
		      REFUSED("cannot suspend with paused databases"));
	CHECK_TEXT_EQ(visitor_query(&visitor, "RESUME shop"), "C(RESUME) Z(I)");
	CHECK_TEXT_EQ(visitor_query(&visitor, "KILL"), "C(KILL) Z(I)");
	CHECK(pools_is_paused(console.pools));
	CHECK_TEXT_EQ(visitor_query(&visitor, "RESUME"), "C(RESUME) Z(I)");
	steering_shut_down(admin_steering(console.admin));
	CHECK_TEXT_EQ(visitor_query(&visitor, "RESUME"), REFUSED("pooler is shutting down"));
	LEAVE(visitor);
}

TEST(a_suspension_ends_with_its_client)
{
	struct visitor other;
	AT_CONSOLE(visitor);

	visitor_open(&other, &console, "pgcarwash", "pgcarwash");
	(void)visitor_read(&other);
	CHECK_TEXT_EQ(visitor_query(&other, "SUSPEND"), "C(SUSPEND) Z(I)");
	CHECK(console.listeners_suspended);
	CHECK(strstr(visitor_query(&visitor, "SHOW STATE"), "D(suspended,yes)"));
	visitor_close(&other);
	CHECK(!console.listeners_suspended);
	CHECK(strstr(visitor_query(&visitor, "SHOW STATE"), "D(active,yes)"));
	LEAVE(visitor);
}

/* Two visitors of a console, and a client in a transaction that keeps a pause waiting. */
struct busy {
	struct console console;
	struct visitor visitor, other, client;
	struct fake_postgres fake;
};

static void busy_start(struct busy *busy)
{
	struct console *console = &busy->console;
	char ini[512];

	CHECK(console_start(console, INI));
	fake_init(&busy->fake, console->loop);
	snprintf(ini, sizeof(ini),
		 "[databases]\nbusy = host=%s user=bob\n[pgcarwash]\nlisten_addr =\n"
		 "unix_socket_dir = /nowhere\nauth_type = any\npool_mode = transaction\n",
		 busy->fake.dir);
	console_reload_text(console, ini);
	visitor_open(&busy->visitor, console, "pgcarwash", "pgcarwash");
	visitor_open(&busy->other, console, "pgcarwash", "pgcarwash");
	visitor_open(&busy->client, console, "alice", "busy");
	for (int i = 0; i < 100 && !strstr(visitor_query(&busy->client, "BEGIN"), "Z(T)"); i++)
		console_turn(console);
	(void)visitor_read(&busy->visitor);
	(void)visitor_read(&busy->other);
	CHECK(!pools_is_drained(console->pools, NULL));
}

static void busy_commit(struct busy *busy)
{
	query_write_query(&busy->client.out, SLICE_LITERAL("COMMIT"));
	for (int i = 0; i < 100 && !busy->client.in.len; i++)
		visitor_exchange(&busy->client);
	CHECK_TEXT_EQ(visitor_read(&busy->client), "C(COMMIT) Z(I)");
}

static void busy_finish(struct busy *busy)
{
	visitor_close(&busy->client);
	visitor_close(&busy->visitor);
	visitor_close(&busy->other);
	console_take_down(&busy->console);
	fake_release(&busy->fake);
	console_finish(&busy->console);
}

TEST(a_pause_answers_when_the_servers_are_gone)
{
	struct busy busy;

	busy_start(&busy);
	query_write_query(&busy.visitor.out, SLICE_LITERAL("PAUSE busy"));
	query_write_query(&busy.visitor.out, SLICE_LITERAL("SHOW timezone"));
	visitor_exchange(&busy.visitor);
	/* Not answered, and what comes behind it is not either; others are. */
	CHECK_TEXT_EQ(visitor_read(&busy.visitor), "");
	CHECK_TEXT_EQ(visitor_query(&busy.other, "SHOW timezone"),
		      "T(timezone) D(GMT) C(SHOW) Z(I)");
	busy_commit(&busy);
	visitor_exchange(&busy.visitor);
	CHECK_TEXT_EQ(visitor_read(&busy.visitor), "C(PAUSE) Z(I) T(timezone) D(GMT) C(SHOW) Z(I)");
	busy_finish(&busy);
}

TEST(a_resume_ends_the_wait_for_a_pause)
{
	struct busy busy;

	busy_start(&busy);
	CHECK_TEXT_EQ(visitor_query(&busy.visitor, "PAUSE"), "");
	CHECK_TEXT_EQ(visitor_query(&busy.other, "RESUME"), "C(RESUME) Z(I)");
	visitor_exchange(&busy.visitor);
	CHECK_TEXT_EQ(visitor_read(&busy.visitor), "E(ERROR 57014: undone by RESUME) Z(I)");
	CHECK(!pools_is_paused(busy.console.pools));
	/* One who leaves while he waits leaves the pause behind. */
	CHECK_TEXT_EQ(visitor_query(&busy.visitor, "PAUSE busy"), "");
	visitor_close(&busy.visitor);
	CHECK_TEXT_EQ(visitor_query(&busy.other, "RESUME busy"), "C(RESUME) Z(I)");
	busy_finish(&busy);
}

TEST(wait_close_answers_when_reconnect_is_done)
{
	struct busy busy;

	busy_start(&busy);
	CHECK_TEXT_EQ(visitor_query(&busy.other, "RECONNECT busy"), "C(RECONNECT) Z(I)");
	write_parse(&busy.visitor.out, "", "WAIT_CLOSE busy");
	write_bind(&busy.visitor.out, "", "", 0, "");
	write_execute(&busy.visitor.out, "", 0);
	writer_empty(&busy.visitor.out, 'S');
	visitor_exchange(&busy.visitor);
	CHECK_TEXT_EQ(visitor_read(&busy.visitor), "1 2");
	busy_commit(&busy);
	visitor_exchange(&busy.visitor);
	CHECK_TEXT_EQ(visitor_read(&busy.visitor), "C(WAIT_CLOSE) Z(I)");
	busy_finish(&busy);
}

TEST(a_client_can_be_killed)
{
	struct busy busy;
	const char *answer;
	char query[64] = "KILL_CLIENT ";

	busy_start(&busy);
	answer = strstr(visitor_query(&busy.other, "SHOW CLIENTS"), "D(C,alice,busy,");
	CHECK(answer);
	answer = answer ? strchr(answer, ')') : NULL;
	while (answer && answer[-1] != ',')
		answer--;
	if (answer)
		strncat(query, answer, strspn(answer, "0123456789"));
	CHECK_TEXT_EQ(visitor_query(&busy.other, query), "C(KILL_CLIENT) Z(I)");
	visitor_exchange(&busy.client);
	CHECK_TEXT_EQ(visitor_read(&busy.client), "E(FATAL 08P01: admin forced disconnect)");
	busy_finish(&busy);
}

TEST(clients_of_a_database_that_is_gone_leave)
{
	struct busy busy;

	busy_start(&busy);
	console_reload_text(&busy.console, INI);
	visitor_exchange(&busy.client);
	CHECK_TEXT_EQ(visitor_read(&busy.client), "E(FATAL 08P01: database removed)");
	CHECK_TEXT_EQ(visitor_query(&busy.visitor, "PAUSE busy"),
		      REFUSED("no such database: busy"));
	busy_finish(&busy);
}

TEST(a_stats_user_may_only_look)
{
	struct console console;
	struct visitor visitor;

	CHECK(console_start(&console, INI "stats_users = sam\nadmin_users = ann\n"));
	visitor_open(&visitor, &console, "sam", "pgbouncer");
	/* trust knows nobody: there is no auth_file */
	CHECK_TEXT_EQ(visitor_read(&visitor), "E(FATAL 08P01: \"trust\" authentication failed)");
	visitor_close(&visitor);
	console_finish(&console);
	CHECK(console_start(&console, INI "auth_type = any\nadmin_users = ann\n"));
	visitor_open(&visitor, &console, "sam", "pgbouncer");
	CHECK_TEXT_EQ(visitor_read(&visitor), "R S S S S S S S K Z(I)");
	CHECK_TEXT_EQ(visitor_query(&visitor, "SHOW VERSION"),
		      "T(version) D(test 1.0) C(SHOW) Z(I)");
	CHECK_TEXT_EQ(visitor_query(&visitor, "PAUSE"), REFUSED("admin access needed"));
	visitor_close(&visitor);
	visitor_open(&visitor, &console, "ann", "pgbouncer");
	(void)visitor_read(&visitor);
	CHECK_TEXT_EQ(visitor_query(&visitor, "PAUSE"), "C(PAUSE) Z(I)");
	visitor_close(&visitor);
	console_finish(&console);
}

TEST(foreign_messages_end_the_visit)
{
	AT_CONSOLE(visitor);

	writer_empty(&visitor.out, 'c');
	writer_empty(&visitor.out, 'F');
	visitor_exchange(&visitor);
	CHECK_TEXT_EQ(visitor_read(&visitor),
		      "E(ERROR 08P01: unsupported packet type for admin console: 70) "
		      "E(FATAL 08P01: bad packet)");
	LEAVE(visitor);
}

TEST(visits_and_queries_are_counted)
{
	AT_CONSOLE(visitor);

	CHECK(strstr(visitor_query(&visitor, "SHOW TOTALS"), "D(total_query_count,1)"));
	CHECK(strstr(visitor_query(&visitor, "SHOW TOTALS"), "D(total_query_count,1)"));
	CHECK(strstr(visitor_query(&visitor, "SHOW STATS_TOTALS"),
		     "D(pgbouncer,0,1,1,0,0,0,0,0,0,0,0,1)"));
	LEAVE(visitor);
}

TEST(without_memory_a_visit_ends_and_no_more)
{
	static const char *const texts[] = { "SHOW POOLS", "SHOW CONFIG",  "SHOW STATS",
					     "SHOW USERS", "SHOW CLIENTS", "SHOW HELP",
					     "PAUSE",	   "RESUME",	   "SHOW LISTS",
					     "SHOW TOTALS", "SHOW CONFIG_SOURCES" };
	struct console console;

	CHECK(console_start(&console, INI));
	WITH_EACH_FAULT(nth)
	{
		struct visitor visitor;

		visitor_open(&visitor, &console, "pgcarwash", "pgcarwash");
		for (size_t i = 0; i < COUNT_OF(texts); i++) {
			query_write_query(&visitor.out, slice_of(texts[i]));
			visitor_exchange(&visitor);
			buffer_clear(&visitor.in);
		}
		visitor_close(&visitor);
	}
	console_finish(&console);
}
