/* Coming in: all ways to prove oneself, to us and to servers. */
#include "faults/scenario.h"

#define LOGIN "login user=alice database=db application_name=test client_encoding=utf8\n"
#define QUERY "> Q(SELECT 1)\n< T D(1) C(SELECT) Z(I)\n"
#define QUERY_IN "> Q(SELECT 1)\n< T D(1) C(SELECT) Z(T)\n"

/* The newcomer need not ask anybody else. */
static void trust(struct stage *stage, const char *word)
{
	(void)word;
	while (!stage_reload(stage, NULL, "auth_type = trust"))
		;
}

const struct scenario scenarios_login[] = {
	{ .name = "boot" },
	{ .name = "boot with users",
	  SET_UP(.databases = "db = : user=bob password=secret\nother = :\n* = :",
		 .users = "alice = pool_mode=session\nbob = max_user_connections=3") },
	{ .name = "login trust", PLAYED_BY("a", "arm\n" LOGIN QUERY "> X\neof\n") },
	{ .name = "login any",
	  SET_UP(.databases = "db = : user=alice", .settings = "auth_type = any"),
	  PLAYED_BY("a", "arm\n" LOGIN QUERY) },
	{ .name = "login plain",
	  SET_UP(.settings = "auth_type = plain", .login = POSTGRES_PLAIN),
	  PLAYED_BY("a", "arm\n" LOGIN QUERY) },
	{ .name = "login md5",
	  SET_UP(.settings = "auth_type = md5", .login = POSTGRES_MD5),
	  PLAYED_BY("a", "arm\n" LOGIN QUERY) },
	{ .name = "login scram",
	  SET_UP(.settings = "auth_type = scram-sha-256", .login = POSTGRES_SCRAM),
	  PLAYED_BY("a", "arm\n" LOGIN QUERY) },
	{ .name = "login over TCP", SET_UP(.tcp = true), PLAYED_BY("a", "arm\n" LOGIN QUERY) },
	{ .name = "login with options",
	  PLAYED_BY("a", "arm\n"
			 "login user=alice database=db options=--TimeZone=CET _pq_.x=1 _pq_.y=2\n"
			 "welcome TimeZone=CET\n" QUERY) },
	{ .name = "login for replication",
	  SET_UP(.settings = "default_pool_size = 2"),
	  PLAYED_BY("a", LOGIN QUERY, "b",
		    "arm\nlogin user=alice database=db replication=database TimeZone=CET\n"
		    "welcome TimeZone=CET\n> Q(BEGIN)\n< C(BEGIN) Z(T)\n" QUERY_IN "> X\neof\n") },
	{ .name = "login for replication refused",
	  SET_UP(.databases = "db = :\nbad = : password=wrong user=alice", .login = POSTGRES_SCRAM),
	  PLAYED_BY("a", "arm\nstart user=alice database=bad replication=true\n"
			 "< E(FATAL 28P01)\neof\n") },
	{ .name = "login refused",
	  SET_UP(.settings = "auth_type = scram-sha-256"),
	  PLAYED_BY("a", "arm\nstart user=nobody database=db\n< E(FATAL 08P01)\neof\n") },
	{ .name = "no such database",
	  PLAYED_BY("a", "arm\nstart user=alice database=none\n< E(FATAL 08P01)\neof\n") },
	{ .name = "auto database",
	  SET_UP(.databases = "* = :"),
	  PLAYED_BY("a", "arm\n" LOGIN QUERY) },
	{ .name = "connect query",
	  SET_UP(.databases = "db = : connect_query='SET statement_timeout=7'"),
	  PLAYED_BY("a", "arm\n" LOGIN "> Q(SHOW statement_timeout)\n< T D(7) C(SHOW) Z(I)\n") },
	{ .name = "three come at once",
	  PLAYED_BY("a", "arm\n" LOGIN QUERY, "b", LOGIN QUERY, "c",
		    "wait 600\nlogin user=bob database=db\n" QUERY, "d",
		    "wait 300\n" LOGIN QUERY) },
	{ .name = "the keys of a client open the server",
	  SET_UP(.settings = "auth_type = scram-sha-256", .login = POSTGRES_SCRAM,
		 .verifiers = true),
	  PLAYED_BY("a", "arm\n" LOGIN QUERY) },
	{ .name = "a server that knows another password",
	  SET_UP(.databases = "db = :\nbad = : password=wrong user=alice", .login = POSTGRES_SCRAM),
	  PLAYED_BY("a", "arm\nstart user=alice database=bad\n< E(FATAL 28P01)\neof\n") },
	{ .name = "a directory that is not there",
	  SET_UP(.settings = "auth_type = ldap\n"
			     "auth_ldap_options = ldapserver=127.0.0.1 ldapport=1 ldapprefix=x",
		 .act = trust),
	  PLAYED_BY("a", "arm\nstart user=alice database=db\n< E(FATAL 08P01)\neof\n", "b",
		    "wait 500\ndo trust\n") },
	{ .name = "a secret that is looked up",
	  SET_UP(.settings = "auth_type = plain\nauth_user = admin\nauth_query = LOOKUP $1",
		 .login = POSTGRES_MD5),
	  PLAYED_BY("a", "arm\nlogin user=dave database=db\n" QUERY, "b",
		    "wait 100\nstart user=nobody database=db\n< E(FATAL 08P01)\neof\n") },
	{ .name = NULL },
};
