/* Every message a configuration can get, once: the draft's errors and the checks. */

#include "conf_test.h"

#define MAIN "[pgcarwash]\nauth_type=any\n"

struct expected {
	const char *text;
	const char *complaint; /* stands alone */
};

static void check_all(const struct expected *rows, size_t count, enum complaint_severity severity)
{
	for (size_t i = 0; i < count; i++) {
		struct complaints complaints;
		const struct settings *settings;

		complaints_init(&complaints);
		settings = load_text(rows[i].text, &complaints);
		if (complaints.count != 1 ||
		    !complaints_have(&complaints, severity, rows[i].complaint)) {
			FAIL("row %zu: not the one complaint \"%s\"", i, rows[i].complaint);
			complaints_show(&complaints);
		}
		CHECK((settings == NULL) == (severity == COMPLAINT_ERROR));
		settings_unref(settings);
		complaints_release(&complaints);
	}
}

static const struct expected errors[] = {
	{ "[databases]\n* = user=u\n", "test.ini: main section [pgcarwash] missing" },
	{ "x=1\n" MAIN, "test.ini:1: a setting before the first section header" },
	{ MAIN "[datebases]\nx=1\n",
	  "test.ini:3: unknown section [datebases], known are [pgcarwash], [databases], [users] "
	  "and [peers]" },
	{ MAIN "max_client_con=1\n",
	  "test.ini:3: unknown setting \"max_client_con\" in [pgcarwash], did you mean "
	  "\"max_client_conn\"?" },
	{ MAIN "colour=1\n", "test.ini:3: unknown setting \"colour\" in [pgcarwash]" },
	{ MAIN "pool_mode=trans\n",
	  "test.ini:3: bad value \"trans\" for setting \"pool_mode\": allowed is session, "
	  "transaction, statement" },
	{ MAIN "listen_port=70000\n",
	  "test.ini:3: bad value \"70000\" for setting \"listen_port\": allowed is a whole number "
	  "from 1 to 65535" },
	{ MAIN "auth_dbname=pgbouncer\n",
	  "test.ini:3: cannot use the reserved \"pgbouncer\" database as an auth_dbname" },
	{ MAIN "unix_socket_dir=\n[databases]\n*=user=u\n",
	  "test.ini:3: nowhere to listen: listen_addr and unix_socket_dir are both empty" },
	{ MAIN "listen_addr=*\nunix_socket_dir=\nunix_socket_group=x\n[databases]\n*=user=u\n",
	  "test.ini:5: unix_socket_group is set but there is no unix_socket_dir" },
	{ MAIN "[databases]\npgbouncer=user=u\n",
	  "test.ini:4: database name \"pgbouncer\" is reserved" },
	{ MAIN "[databases]\npgcarwash=user=u\n",
	  "test.ini:4: database name \"pgcarwash\" is reserved" },
	{ MAIN "[databases]\n''=user=u\n", "test.ini:4: a database needs a name" },
	{ MAIN "[databases]\n"
	       "n123456789n123456789n123456789n123456789n123456789n123456789n123=user=u\n",
	  "test.ini:4: too long db name: "
	  "\"n123456789n123456789n123456789n123456789n123456789n123456789n123\", at most 63 bytes "
	  "are allowed" },
	{ MAIN "[databases]\nd=user=u\n[databases]\nd=user=u\n",
	  "test.ini:6: duplicate database \"d\", first defined at test.ini:4" },
	{ MAIN "[databases]\nd=user=u hots=a\n",
	  "test.ini:4: unknown setting \"hots\" in [databases], did you mean \"host\"?" },
	{ MAIN "[databases]\nd=user=u port=0\n",
	  "test.ini:4: bad value \"0\" for setting \"port\": allowed is a whole number from 1 to "
	  "65535, or several with commas between" },
	{ MAIN "[databases]\nd=user=u host=a,b port=1,2,3\n",
	  "test.ini:4: database \"d\": 3 values of \"port\" for 2 hosts: allowed is one for all "
	  "or one for each" },
	{ MAIN "[databases]\nd=user=u host=a weight=1,2 target_session_attrs=any\n",
	  "test.ini:4: database \"d\": 2 values of \"weight\" for 1 host: allowed is one for all "
	  "or one for each" },
	{ MAIN "[databases]\nd=user=u host=a,,b\n",
	  "test.ini:4: database \"d\": an empty name in the list of hosts" },
	{ MAIN "[databases]\nd=user=u host=a,b backup=0,2 target_session_attrs=any\n",
	  "test.ini:4: bad value \"0,2\" for setting \"backup\": allowed is a whole number from 0 "
	  "to 1, or several with commas between" },
	{ MAIN "[databases]\nd=user=u auth_dbname=pgcarwash\n",
	  "test.ini:4: cannot use the console's own database as an auth_dbname" },
	{ MAIN "[databases]\nd=user=u host\n",
	  "test.ini:4: syntax error in [databases] \"d\": a key without \"=\" and value" },
	{ MAIN "[databases]\nd=user=u host=a,b,A port=1 read_write_split=on\n",
	  "test.ini:4: database \"d\": host \"A\" with port 1 is named twice: an entry that routes "
	  "has each host once" },
	{ MAIN "[users]\n''=\n", "test.ini:4: a user's name has 1 to 127 bytes" },
	{ MAIN "[users]\nu=pool_sise=1\n",
	  "test.ini:4: unknown setting \"pool_sise\" in [users], did you mean \"pool_size\"?" },
	{ MAIN "[users]\nu=pool_size\n",
	  "test.ini:4: syntax error in [users] \"u\": a key without \"=\" and value" },
};

TEST(errors_are_said)
{
	check_all(errors, COUNT_OF(errors), COMPLAINT_ERROR);
}

#define SOME "[databases]\nd=user=u\n"

static const struct expected warnings[] = {
	{ MAIN, "no database in [databases]: only the console can be reached" },
	{ "[pgcarwash]\n" SOME, "no auth_file: nobody is known, so nobody can log in" },
	{ "[pgcarwash]\nauth_type=md5\n" SOME,
	  "test.ini:2: no auth_file: nobody is known, so nobody can log in" },
	{ MAIN "[databases]\nd=host=a\n",
	  "test.ini:4: database \"d\" needs a user: with auth_type any clients have no name to log "
	  "in with" },
	{ MAIN "[databases]\n*=host=a\n",
	  "test.ini:4: database \"*\" needs a user: with auth_type any clients have no name to log "
	  "in with" },
	{ MAIN "reserve_pool_size=1\nreserve_pool_timeout=0\n" SOME,
	  "test.ini:3: reserve_pool_size is never used: reserve_pool_timeout is 0" },
	{ MAIN "min_pool_size=30\n" SOME,
	  "test.ini:3: min_pool_size 30 is above default_pool_size 20, which counts" },
	{ MAIN "max_db_connections=10\n" SOME,
	  "test.ini:3: default_pool_size 20 cannot be reached: max_db_connections is 10" },
	{ MAIN "max_user_connections=10\n" SOME,
	  "test.ini:3: default_pool_size 20 cannot be reached: max_user_connections is 10" },
	{ MAIN "server_reset_query=\nserver_reset_query_always=1\n" SOME,
	  "test.ini:4: server_reset_query_always does nothing: server_reset_query is empty" },
	{ MAIN "syslog=1\nsyslog_ident=\n" SOME, "test.ini:4: syslog_ident is empty" },
	{ MAIN "[databases]\nd=user=u min_pool_size=30\n",
	  "test.ini:4: database \"d\": min_pool_size 30 is above the pool size 20, which counts" },
	{ MAIN "[databases]\nd=user=u max_db_connections=10\n",
	  "test.ini:4: database \"d\": the pool size 20 cannot be reached: max_db_connections is "
	  "10" },
	{ "[pgcarwash]\nauth_file=x\n[databases]\nd=password=p\n",
	  "test.ini:4: database \"d\": the password is not used without a user" },
	{ MAIN "server_tls_sslmode=disable\n[databases]\nd=user=u sslnegotiation=direct\n",
	  "test.ini:5: database \"d\": sslnegotiation=direct does nothing: server_tls_sslmode is "
	  "disable" },
	{ MAIN "client_tls_sslmode=verify-ca\n" SOME,
	  "test.ini:3: client_tls_sslmode is verify-ca without client_tls_ca_file: every authority "
	  "the system trusts may vouch for clients" },
	{ "[pgcarwash]\nauth_type=ldap\n" SOME,
	  "test.ini:2: no auth_ldap_options: nobody can be asked, so nobody can log in" },
	{ "[pgcarwash]\nauth_type=pam\nauth_user=u\n" SOME,
	  "test.ini:3: auth_user does not go with auth_type pam: nobody can log in" },
	{ MAIN "[databases]\nd=user=u host=a,b weight=1,2\n",
	  "test.ini:4: database \"d\": weight and backup do nothing without read_write_split or "
	  "target_session_attrs" },
	{ "[pgcarwash]\nauth_file=x\n[databases]\nd=host=a,b read_write_split=on\n",
	  "test.ini:4: database \"d\": nobody to ask its hosts as: it needs probe_user, user or "
	  "auth_user" },
	{ MAIN "[databases]\nd=user=u host=a,b read_write_split=on target_session_attrs=standby\n",
	  "test.ini:4: database \"d\": read_write_split does nothing: target_session_attrs says "
	  "where all of it goes" },
	{ MAIN SOME "[peers]\n2=host=a\n1=host=b\n",
	  "test.ini:7: section [peers] does nothing: peer_id is 0" },
	{ MAIN "so_reuseport=1\n" SOME,
	  "test.ini:3: so_reuseport without peer_id: a cancel request that another process gets is "
	  "lost" },
	{ MAIN SOME "[users]\nu=pool_size=1\nu=pool_size=2\n",
	  "test.ini:7: user \"u\" was already given at test.ini:6, this one counts" },
	{ MAIN SOME "[pgbouncer]\nauth_type=any\n",
	  "test.ini:5: the main section begins again: what it said before is forgotten" },
};

TEST(warnings_are_said)
{
	check_all(warnings, COUNT_OF(warnings), COMPLAINT_WARNING);
}

TEST(defaults_of_keys_without_effect_are_silent)
{
	struct complaints complaints;
	const struct settings *settings;

	complaints_init(&complaints);
	settings = load_text(MAIN "pkt_buf=4096\nso_reuseport=0\nclient_tls_sslmode=disable\n"
				  "dns_max_ttl=15.0\n[databases]\n"
				  "d=user=u load_balance_hosts=round-robin\n",
			     &complaints);
	CHECK(settings != NULL);
	CHECK_UINT_EQ(complaints.count, 0);
	complaints_show(&complaints);
	settings_unref(settings);
	complaints_release(&complaints);
}

TEST(peers_are_checked)
{
	struct complaints complaints;

	complaints_init(&complaints);
	CHECK(!load_text(MAIN "[peers]\nx=host=a\n0=host=a\n1=port=1\n", &complaints));
	CHECK(complaints_have(&complaints, COMPLAINT_ERROR,
			      "test.ini:4: a peer's name is its peer_id, a number from 1 to "
			      "65535"));
	CHECK(complaints_have(&complaints, COMPLAINT_ERROR,
			      "test.ini:5: a peer's name is its peer_id, a number from 1 to "
			      "65535"));
	CHECK(complaints_have(&complaints, COMPLAINT_ERROR, "test.ini:6: a peer needs a host"));
	CHECK_UINT_EQ(complaints.errors, 3);
	complaints_release(&complaints);
}

TEST(all_errors_come_at_once)
{
	struct complaints complaints;

	complaints_init(&complaints);
	CHECK(!load_text("[pgcarwash]\nlisten_port=x\nnonsense=1\nbroken\n[databases]\n"
			 "a=port=x pool_size=y zzzzz=1\na=host=b\n",
			 &complaints));
	CHECK_UINT_EQ(complaints.errors, 7);
	complaints_release(&complaints);
}

TEST(no_secret_is_said)
{
	struct complaints complaints;

	complaints_init(&complaints);
	CHECK(!load_text(MAIN "[databases]\na=password=hunter2 port=x\nb=password='hunter2\n"
			      "c=password=hunter2 hunter2\n",
			 &complaints));
	for (size_t i = 0; i < complaints.count; i++)
		CHECK(!strstr(complaints.items[i].text, "hunter2"));
	CHECK_UINT_EQ(complaints.count, 3);
	complaints_release(&complaints);
}
