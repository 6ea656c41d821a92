/* Queries of all kinds, as well-behaved clients send them. */
#include "faults/scenario.h"

#define ALICE	   "login user=alice database=db\n"
#define BOB	   "login user=bob database=db\n"
#define ONE_SERVER SET_UP(.settings = "default_pool_size = 1")
/* Servers change from transaction to transaction. */
#define ROTATING                                                                                   \
	SET_UP(.settings = "server_round_robin = 1\nmin_pool_size = 3\ndefault_pool_size = 3")

const struct scenario scenarios_query[] = {
	{ .name = "simple queries",
	  PLAYED_BY("a", ALICE "arm\n"
			       "> Q(SELECT 1)\n< T D(1) C(SELECT) Z(I)\n"
			       "> Q()\n< I Z(I)\n"
			       "> Q(FAIL)\n< E(ERROR 22012) Z(I)\n"
			       "> Q(SELECT 2;SELECT 3)\n< T D(2) C(SELECT) T D(3) C(SELECT) Z(I)\n"
			       "> X\neof\n") },
	{ .name = "a transaction",
	  ROTATING,
	  PLAYED_BY("a", ALICE "arm\n"
			       "> Q(BEGIN)\n< C(BEGIN) Z(T)\n"
			       "> Q(STORE 5)\n< C(STORE) Z(T)\n"
			       "> Q(RECALL)\n< T D(5) C(RECALL) Z(T)\n"
			       "> Q(FAIL)\n< E(ERROR 22012) Z(E)\n"
			       "> Q(SELECT 1)\n< E(ERROR 25P02) Z(E)\n"
			       "> Q(ROLLBACK)\n< C(ROLLBACK) Z(I)\n"
			       "> Q(RECALL)\n< T D() C(RECALL) Z(I)\n") },
	{ .name = "named statements of two clients",
	  ROTATING,
	  PLAYED_BY("a",
		    ALICE "await b\narm\n"
			  "> P(s|SELECT $1) D(S|s) S\n< 1 t T Z(I)\n"
			  "> B(|s|1) E(|0) S\n< 2 D(1) C(SELECT) Z(I)\n"
			  "mark a\nawait b2\n"
			  "> B(|s|2) D(P|) E(|0) S\n< 2 T D(2) C(SELECT) Z(I)\n"
			  "> B(|s|3) E(|0) S\n< 2 D(3) C(SELECT) Z(I)\n"
			  "> C(S|s) S\n< 3 Z(I)\n"
			  "> B(|s|3) E(|0) S\n< E(ERROR 26000) Z(I)\n",
		    "b",
		    ALICE "mark b\nawait a\n"
			  "> P(mine|SELECT $1) S\n< 1 Z(I)\n"
			  "> B(|mine|x) E(|0) B(|mine|y) E(|0) S\n"
			  "< 2 D(x) C(SELECT) 2 D(y) C(SELECT) Z(I)\nmark b2\n"
			  "> P(mine|SELECT 1) S\n< E(ERROR 42P05) Z(I)\n") },
	{ .name = "unnamed statements of two clients",
	  ROTATING,
	  PLAYED_BY("a",
		    ALICE "await b\narm\n"
			  "> P(|SELECT a$1) S\n< 1 Z(I)\nmark a\nawait b2\n"
			  "> B(||1) E(|0) S\n< 2 D(a1) C(SELECT) Z(I)\n"
			  "> B(||2) E(|0) S\n< 2 D(a2) C(SELECT) Z(I)\n",
		    "b",
		    ALICE "mark b\nawait a\n"
			  "> P(|SELECT b$1) B(||1) E(|0) S\n"
			  "< 1 2 D(b1) C(SELECT) Z(I)\nmark b2\n"
			  "> B(||2) E(|0) S\n< 2 D(b2) C(SELECT) Z(I)\n") },
	{ .name = "few statements a server",
	  SET_UP(.settings = "default_pool_size = 1\nmax_prepared_statements = 2"),
	  PLAYED_BY("a", ALICE "arm\n"
			       "> P(s1|SELECT 1) P(s2|SELECT 2) P(s3|SELECT 3) S\n< 1 1 1 Z(I)\n"
			       "> B(|s1|) E(|0) B(|s2|) E(|0) S\n"
			       "< 2 D(1) C(SELECT) 2 D(2) C(SELECT) Z(I)\n"
			       "> B(|s3|) E(|0) S\n< 2 D(3) C(SELECT) Z(I)\n"
			       "> C(S|s1) C(S|s2) C(S|s3) S\n< 3 3 3 Z(I)\n") },
	{ .name = "errors in a batch",
	  ONE_SERVER,
	  PLAYED_BY("a", ALICE "arm\n"
			       "> P(s|WRONG) B(|s|) E(|0) S\n< E(ERROR 42601) Z(I)\n"
			       "> P(s|SELECT 1) P(s|SELECT 2) S\n< 1 E(ERROR 42P05) Z(I)\n"
			       "> P(t|FAIL) B(|t|) E(|0) C(S|s) S\n< 1 2 E(ERROR 22012) Z(I)\n"
			       "> B(|s|) E(|0) S\n< 2 D(1) C(SELECT) Z(I)\n"
			       "> B(|u|) E(|0) S P(u|SELECT u) B(|u|) E(|0) S\n"
			       "< E(ERROR 26000) Z(I) 1 2 D(u) C(SELECT) Z(I)\n") },
	{ .name = "a pipeline",
	  ONE_SERVER,
	  PLAYED_BY("a", ALICE
		    "arm\n"
		    "> P(s|SELECT $1) B(|s|1) E(|0) S B(|s|2) E(|0) S Q(SELECT 3) B(|s|4) E(|0) H\n"
		    "< 1 2 D(1) C(SELECT) Z(I) 2 D(2) C(SELECT) Z(I) T D(3) C(SELECT) Z(I)\n"
		    "< 2 D(4) C(SELECT)\n"
		    "> D(S|s) P(|SELECT 5) B(||) E(|0) S\n< t T 1 2 D(5) C(SELECT) Z(I)\n") },
	{ .name = "flush without sync",
	  ONE_SERVER,
	  PLAYED_BY("a", ALICE "arm\n"
			       "> P(s|SELECT $1) H\n< 1\n"
			       "> P(t|SELECT $1) H\n< 1\n"
			       "> C(S|t) H\n< 3\n"
			       "> B(|s|1) H\n< 2\n> E(|0) H\n< D(1) C(SELECT)\n> S\n< Z(I)\n") },
	{ .name = "discard",
	  ONE_SERVER,
	  PLAYED_BY("a", ALICE "arm\n"
			       "> P(s|SELECT 1) S Q(DISCARD ALL) P(s|SELECT 2) B(|s|) E(|0) S\n"
			       "< 1 Z(I) C(DISCARD ALL) Z(I) 1 2 D(2) C(SELECT) Z(I)\n"
			       "> P(d|DEALLOCATE ALL) B(|d|) E(|0) S B(|s|) S\n"
			       "< 1 2 C(DEALLOCATE ALL) Z(I) E(ERROR 26000) Z(I)\n") },
	{ .name = "copy in",
	  ONE_SERVER,
	  PLAYED_BY("a", ALICE "arm\n"
			       "> Q(COPY IN)\n< G\n> d(one) d(two) c\n< C(COPY 2) Z(I)\n"
			       "> Q(COPY IN)\n< G\n> d(one) f(enough)\n< E(ERROR 22P04) Z(I)\n"
			       "> P(|COPY IN) B(||) E(|0) S d(x) c S\n< 1 2 G C(COPY 1) Z(I)\n"
			       "> Q(COPY BAD)\n< G\n> d(one)\n< E(ERROR 22P04) Z(I)\n"
			       "> d(two) c Q(SELECT 1)\n< T D(1) C(SELECT) Z(I)\n") },
	{ .name = "copy out",
	  ONE_SERVER,
	  PLAYED_BY("a", ALICE "arm\n"
			       "> Q(COPY OUT 2)\n< H d(line 1) d(line 2) c C(COPY) Z(I)\n") },
	{ .name = "large rows",
	  ONE_SERVER,
	  PLAYED_BY("a", ALICE "arm\n> Q(HUGE 700000)\nhold\nwait 1000\nresume\n"
			       "< T D(x*700000) C(HUGE) Z(I)\n") },
	{ .name = "settings",
	  SET_UP(.settings = "default_pool_size = 1"),
	  PLAYED_BY("a",
		    "login user=alice database=db TimeZone=CET application_name=a\n"
		    "welcome TimeZone=CET\nawait b\narm\n"
		    "> Q(SHOW TimeZone)\n< T D(CET) C(SHOW) Z(I)\nmark a\nawait b2\n"
		    "> Q(SHOW application_name)\n< T D(a) C(SHOW) Z(I)\n"
		    "> Q(SET TimeZone=Asia/Tokyo)\n< S(TimeZone=Asia/Tokyo) C(SET) Z(I)\n"
		    "mark a2\nawait b3\n"
		    "> Q(SHOW TimeZone)\n< T D(Asia/Tokyo) C(SHOW) Z(I)\n",
		    "b",
		    "login user=alice database=db application_name=b\nmark b\nawait a\n"
		    "> Q(SHOW TimeZone)\n< T D(Etc/UTC) C(SHOW) Z(I)\nmark b2\nawait a2\n"
		    "> Q(BEGIN)\n< C(BEGIN) Z(T)\n"
		    "> Q(SHOW TimeZone;SHOW application_name)\n"
		    "< T D(Etc/UTC) C(SHOW) T D(b) C(SHOW) Z(T)\n"
		    "> Q(COMMIT)\n< C(COMMIT) Z(I)\nmark b3\n") },
	{ .name = "a setting that is refused",
	  ONE_SERVER,
	  PLAYED_BY("a", "login user=alice database=db nonsense=1\narm\n"
			 "> Q(SELECT 1)\n< E(FATAL 08P01)\neof\n") },
	{ .name = "session mode",
	  SET_UP(.settings = "pool_mode = session\nserver_reset_query = DISCARD ALL\n"
			     "default_pool_size = 1"),
	  PLAYED_BY("a",
		    ALICE "await b\narm\n"
			  "> Q(SET statement_timeout=5)\n< C(SET) Z(I)\nmark a\n"
			  "> P(s|SELECT 1) S\n< 1 Z(I)\n> B(|s|) E(|0) S\n"
			  "< 2 D(1) C(SELECT) Z(I)\n> X\neof\n",
		    "b",
		    ALICE "mark b\nawait a\n"
			  "> Q(SHOW statement_timeout)\n< T D(0) C(SHOW) Z(I)\n") },
	{ .name = "statement mode",
	  SET_UP(.settings = "pool_mode = statement"),
	  PLAYED_BY("a", ALICE "arm\n> Q(SELECT 1)\n< T D(1) C(SELECT) Z(I)\n"
			       "> Q(BEGIN)\n< C(BEGIN) Z(T) E(FATAL 08P01)\neof\n") },
	{ .name = "ten clients",
	  SET_UP(.settings = "default_pool_size = 2\nserver_round_robin = 1"),
	  PLAYED_BY("1", ALICE "arm\n> Q(SELECT 1)\n< T D(1) C(SELECT) Z(I)\n", "2",
		    ALICE "> P(|SELECT 2) B(||) E(|0) S\n< 1 2 D(2) C(SELECT) Z(I)\n", "3",
		    ALICE "> Q(BEGIN)\n< C(BEGIN) Z(T)\n> Q(COMMIT)\n< C(COMMIT) Z(I)\n", "4",
		    BOB "> P(s|SELECT 4) B(|s|) E(|0) S\n< 1 2 D(4) C(SELECT) Z(I)\n", "5",
		    BOB "> Q(FAIL)\n< E(ERROR 22012) Z(I)\n> X\neof\n", "6",
		    BOB "> Q(ROWS 2)\n< T D(x*100) D(x*100) C(ROWS) Z(I)\n", "7",
		    ALICE "> P(s|SELECT 7) S B(|s|) E(|0) S\n< 1 Z(I) 2 D(7) C(SELECT) Z(I)\n", "8",
		    ALICE "> Q(BEGIN)\n< C(BEGIN) Z(T)\nclose\n", "9",
		    BOB "> Q(SELECT 9)\n< T D(9) C(SELECT) Z(I)\n", "10",
		    ALICE "> P(s|SELECT 4) B(|s|) E(|0) S\n< 1 2 D(4) C(SELECT) Z(I)\n") },
	{ .name = "a plan that is outdated",
	  ONE_SERVER,
	  PLAYED_BY("a", ALICE "> P(s|SELECT $1) S\n< 1 Z(I)\narm\n"
			       "> Q(ALTER)\n< C(ALTER) Z(I)\n"
			       "> B(|s|1) E(|0) S\n< 2 D(1) C(SELECT) Z(I)\n"
			       "> D(S|s) S\n< t T Z(I)\n> Q(ALTER)\n< C(ALTER) Z(I)\n"
			       "> B(|s|1) E(|0) S\n< E(ERROR 0A000) Z(I)\n"
			       "> B(|s|2) E(|0) S\n< 2 D(2) C(SELECT) Z(I)\n") },
	{ .name = "users who share a limit",
	  SET_UP(.databases = "db = : max_db_connections=1"),
	  PLAYED_BY("a", ALICE "await b\narm\n> Q(SELECT 1)\n< T D(1) C(SELECT) Z(I)\nmark a\n",
		    "b", BOB "mark b\nawait a\n> Q(SELECT 2)\n< T D(2) C(SELECT) Z(I)\nmark b2\n",
		    "c", "await b2\n" ALICE "> Q(SELECT 3)\n< T D(3) C(SELECT) Z(I)\n") },
	{ .name = "servers that are checked, and replaced",
	  SET_UP(.settings = "server_check_query = SELECT 1\nserver_check_delay = 0\n"
			     "server_lifetime = 4\nserver_idle_timeout = 3\n"
			     "pool_idle_timeout = 5\ndefault_pool_size = 2"),
	  PLAYED_BY("a",
		    ALICE "arm\n> Q(SELECT 1)\n< T D(1) C(SELECT) Z(I)\nwait 2000\n"
			  "> Q(SELECT 2)\n< T D(2) C(SELECT) Z(I)\nwait 5000\n"
			  "> Q(SELECT 3)\n< T D(3) C(SELECT) Z(I)\n",
		    "b", BOB "> Q(SELECT 1)\n< T D(1) C(SELECT) Z(I)\nclose\nwait 12000\n" BOB) },
	{ .name = "a pool that is kept full",
	  SET_UP(.settings = "min_pool_size = 3\nserver_lifetime = 2\nreserve_pool_size = 1\n"
			     "reserve_pool_timeout = 1\ndefault_pool_size = 3"),
	  PLAYED_BY("a", ALICE "arm\nwait 5000\n> Q(SELECT 1)\n< T D(1) C(SELECT) Z(I)\n") },
	{ .name = NULL },
};
