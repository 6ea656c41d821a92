/* What goes wrong without our doing: cancels, clients that vanish, servers that die, waiting. */
#include "faults/scenario.h"

#define ALICE	   "login user=alice database=db\n"
#define ONE_SERVER SET_UP(.settings = "default_pool_size = 1")

const struct scenario scenarios_trouble[] = {
	{ .name = "cancel",
	  ONE_SERVER,
	  PLAYED_BY("a",
		    ALICE "arm\nmark a\n> Q(SLEEP)\n< E(ERROR 57014) Z(I)\n"
			  "> Q(SELECT 1)\n< T D(1) C(SELECT) Z(I)\n",
		    "c", "await asleep\ncancel a\neof\nwait 500\ncancel a\neof\n") },
	{ .name = "cancel of a batch",
	  SET_UP(.settings = "default_pool_size = 1", .tcp = true),
	  PLAYED_BY("a",
		    ALICE "arm\n> P(|SLEEP) B(||) E(|0) S P(|SELECT 1) B(||) E(|0) S\n"
			  "< 1 2 E(ERROR 57014) Z(I) 1 2 D(1) C(SELECT) Z(I)\n",
		    "c", "await asleep\ncancel a\neof\nwait 500\ncancel a\neof\n") },
	{ .name = "cancel of one who waits",
	  ONE_SERVER,
	  PLAYED_BY("a",
		    ALICE "> Q(BEGIN)\n< C(BEGIN) Z(T)\narm\nmark a\nawait c\n"
			  "> Q(COMMIT)\n< C(COMMIT) Z(I)\n",
		    "b",
		    ALICE "await a\n> P(|SELECT 1) B(||) E(|0) S\nmark b\n"
			  "< E(ERROR 57014) Z(I)\nawait c\n> Q(SELECT 1)\n"
			  "< T D(1) C(SELECT) Z(I)\n",
		    "c", "await b\ncancel b\neof\nwait 100\ncancel b\neof\nmark c\n") },
	{ .name = "cancel for an idle one",
	  ONE_SERVER,
	  PLAYED_BY("a", ALICE "arm\nmark a\nawait c\n> Q(SELECT 1)\n< T D(1) C(SELECT) Z(I)\n",
		    "c", "await a\ncancel a\neof\nmark c\n") },
	{ .name = "waiting for the only server",
	  ONE_SERVER,
	  PLAYED_BY("a",
		    ALICE "> Q(BEGIN)\n< C(BEGIN) Z(T)\narm\nmark a\nwait 500\n"
			  "> Q(COMMIT)\n< C(COMMIT) Z(I)\n",
		    "b", ALICE "await a\n> Q(SELECT b)\n< T D(b) C(SELECT) Z(I)\n", "c",
		    ALICE "await a\n> P(s|SELECT c) B(|s|) E(|0) S\n"
			  "< 1 2 D(c) C(SELECT) Z(I)\n") },
	{ .name = "waiting too long",
	  SET_UP(.settings = "default_pool_size = 1\nquery_wait_timeout = 2"),
	  PLAYED_BY("a",
		    ALICE "> Q(BEGIN)\n< C(BEGIN) Z(T)\nmark a\nawait b\n"
			  "> Q(COMMIT)\n< C(COMMIT) Z(I)\n",
		    "b", ALICE "await a\narm\n> Q(SELECT b)\n< E(FATAL 08P01)\neof\nmark b\n") },
	{ .name = "a client vanishes in a query",
	  ONE_SERVER,
	  PLAYED_BY("a", ALICE "await b\narm\n> Q(SLEEP)\nawait asleep\nclose\nmark a\n", "b",
		    ALICE "mark b\nawait a\n> Q(SELECT 1)\n< T D(1) C(SELECT) Z(I)\n") },
	{ .name = "a client vanishes in a transaction",
	  ONE_SERVER,
	  PLAYED_BY("a",
		    ALICE "await b\narm\n> Q(BEGIN)\n< C(BEGIN) Z(T)\n"
			  "> Q(STORE 7)\n< C(STORE) Z(T)\nclose\nmark a\n",
		    "b", ALICE "mark b\nawait a\n> Q(RECALL)\n< T D() C(RECALL) Z(I)\n") },
	{ .name = "a client vanishes in a batch",
	  ONE_SERVER,
	  PLAYED_BY("a",
		    ALICE "await b\narm\n> P(s|SELECT 1) B(|s|) E(|0) H\n"
			  "< 1 2 D(1) C(SELECT)\nclose\nmark a\n",
		    "b",
		    ALICE "mark b\nawait a\n> P(t|SELECT 1) B(|t|) E(|0) S\n"
			  "< 1 2 D(1) C(SELECT) Z(I)\n") },
	{ .name = "a client vanishes in a copy",
	  ONE_SERVER,
	  PLAYED_BY("a", ALICE "await b\narm\n> Q(COPY IN)\n< G\n> d(one)\nclose\nmark a\n", "b",
		    ALICE "mark b\nawait a\n> Q(SELECT 1)\n< T D(1) C(SELECT) Z(I)\n") },
	{ .name = "a waiter vanishes",
	  ONE_SERVER,
	  PLAYED_BY("a",
		    ALICE "> Q(BEGIN)\n< C(BEGIN) Z(T)\narm\nmark a\nawait b\n"
			  "> Q(COMMIT)\n< C(COMMIT) Z(I)\n",
		    "b", ALICE "await a\n> Q(SELECT b)\nwait 10\nclose\nmark b\n", "c",
		    ALICE "await b\n> Q(SELECT c)\n< T D(c) C(SELECT) Z(I)\n") },
	{ .name = "a server dies",
	  SET_UP(.settings = "default_pool_size = 2"),

	  PLAYED_BY("a", ALICE "await b\narm\n> Q(DIE)\n< E(FATAL 57P01)\neof\nmark a\n", "b",
		    ALICE "mark b\nawait a\n> Q(SELECT 1)\n< T D(1) C(SELECT) Z(I)\n") },
	{ .name = "a server crashes",
	  SET_UP(.settings = "default_pool_size = 2"),
	  PLAYED_BY("a",
		    ALICE "await b\narm\n> Q(BEGIN)\n< C(BEGIN) Z(T)\n> Q(CRASH)\n"
			  "< E(FATAL 08P01)\neof\nmark a\n",
		    "b", ALICE "mark b\nawait a\n> Q(SELECT 1)\n< T D(1) C(SELECT) Z(I)\n") },
	{ .name = "a statement is too slow",
	  SET_UP(.settings = "default_pool_size = 2\nquery_timeout = 1"),
	  PLAYED_BY("a", ALICE "arm\n> Q(SLEEP)\n< E(FATAL 08P01)\neof\n") },
	{ .name = "messages that are none",
	  ONE_SERVER,
	  PLAYED_BY("a", ALICE "arm\n> Q(BEGIN)\n< C(BEGIN) Z(T)\n> B(|s|1) y(x)\n"
			       "< E(FATAL 08P01)\neof\n") },
	{ .name = NULL },
};
