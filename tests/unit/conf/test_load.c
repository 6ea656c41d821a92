#include "conf_test.h"

#include <stdlib.h>
#include <unistd.h>

#include "conf/conf_internal.h"
#include "conf/effective.h"

#define MAIN "[pgcarwash]\nauth_type=any\n"

static const struct settings *reload_text(const char *text, const struct settings *previous,
					  struct complaints *complaints)
{
	return settings_load_text("test.ini", slice_of(text), previous, complaints);
}

static void check_current(const struct settings *settings, const char *key, const char *expected)
{
	struct buffer out = BUFFER_EMPTY;
	bool set = option_current(option_find(&option_global, slice_of(key)), settings, &out);

	if (set != (expected != NULL))
		FAIL("%s is %sset", key, set ? "" : "not ");
	if (set && expected)
		CHECK_SLICE_EQ(buffer_slice(&out), slice_of(expected));
	buffer_release(&out);
}

TEST(the_guides_file_loads_as_it_is)
{
	struct complaints complaints;
	const struct settings *s;
	const struct database_settings *database;

	complaints_init(&complaints);
	s = settings_load("tests/unit/conf/pgbouncer.ini", NULL, &complaints);
	complaints_show(&complaints);
	REQUIRE(s != NULL);
	CHECK_UINT_EQ(complaints.errors, 0);
	CHECK_TEXT_EQ(s->listen_addr, "*");
	CHECK_INT_EQ(s->listen_port, 6432);
	CHECK_INT_EQ(s->auth_type, AUTH_TYPE_MD5);
	CHECK_TEXT_EQ(s->auth_file, "/etc/pgbouncer/userlist.txt");
	CHECK_INT_EQ(s->pool_mode, POOL_MODE_TRANSACTION);
	CHECK_INT_EQ(s->max_client_conn, 1000);
	CHECK_INT_EQ(s->default_pool_size, 25);
	CHECK_INT_EQ(s->min_pool_size, 5);
	CHECK_INT_EQ(s->reserve_pool_size, 5);
	CHECK_INT_EQ(s->reserve_pool_timeout.us, 3000000);
	CHECK_INT_EQ(s->max_db_connections, 100);
	CHECK_INT_EQ(s->max_user_connections, 100);
	CHECK_INT_EQ(s->server_idle_timeout.us, 600000000);
	CHECK_INT_EQ(s->server_lifetime.us, 3600000000);
	CHECK_INT_EQ(s->server_connect_timeout.us, 15000000);
	CHECK_INT_EQ(s->query_wait_timeout.us, 120000000);
	CHECK_INT_EQ(s->client_idle_timeout.us, 0);
	CHECK_INT_EQ(s->client_login_timeout.us, 60000000);
	CHECK_TEXT_EQ(s->conffile, "tests/unit/conf/pgbouncer.ini");
	database = settings_database(s, SLICE_LITERAL("carwash"));
	REQUIRE(database != NULL);
	CHECK_TEXT_EQ(database->host, "db.supabase.co");
	CHECK_INT_EQ(database->port, 5432);
	CHECK_TEXT_EQ(effective_dbname(database, "carwash"), "postgres");
	CHECK_INT_EQ(effective_pool_size(s, database, NULL), 25);
	settings_unref(s);
	complaints_release(&complaints);
}

TEST(the_example_loads)
{
	struct complaints complaints;
	const struct settings *s;

	complaints_init(&complaints);
	s = settings_load("pgcarwash.ini.example", NULL, &complaints);
	complaints_show(&complaints);
	CHECK(s != NULL);
	settings_unref(s);
	complaints_release(&complaints);
}

TEST(defaults)
{
	struct complaints complaints;
	const struct settings *s;

	complaints_init(&complaints);
	s = load_text("[pgbouncer]\n", &complaints);
	REQUIRE(s != NULL);
	CHECK_INT_EQ(s->verbose, 0);
	CHECK(s->auth_file == NULL && s->user == NULL);
	CHECK_TEXT_EQ(s->listen_addr, "");
	CHECK_TEXT_EQ(s->server_check_query, "<empty>");
	CHECK_INT_EQ(s->unix_socket_mode, 0777);
	CHECK_UINT_EQ(s->max_packet_size, 2147483647);
	CHECK_TEXT_EQ(s->conffile, "test.ini");
	check_current(s, "auth_user", NULL);
	check_current(s, "unix_socket_mode", "511");
	check_current(s, "pool_mode", "session");
	CHECK_UINT_EQ(s->database_count, 0);
	CHECK(settings_database(s, SLICE_LITERAL("x")) == NULL);
	CHECK(settings_user(s, SLICE_LITERAL("x")) == NULL);
	CHECK(settings_fallback_database(s) == NULL);
	settings_unref(s);
	complaints_release(&complaints);
}

TEST(entries_are_found_by_name)
{
	struct complaints complaints;
	const struct settings *s;
	const struct database_settings *d;
	const struct user_settings *u;

	complaints_init(&complaints);
	s = load_text(MAIN "[databases]\n"
			   "b = user=u password='it''s' pool_mode=statement server_lifetime=0.5\n"
			   "* = user=u host=/run/x\n"
			   "'a b' = user=u client_encoding=UTF8 timezone='Europe/Berlin'\n"
			   "!ab = user=u\n"
			   "[users]\n"
			   "joe = query_wait_timeout=0\n"
			   "ann = query_timeout=1.5 pool_mode=session\n",
		      &complaints);
	CHECK(s == NULL); /* "!" needs quotes */
	complaints_release(&complaints);
	s = load_text(MAIN "[databases]\n"
			   "b = user=u password='it''s' pool_mode=statement server_lifetime=0.5\n"
			   "* = user=u host=/run/x\n"
			   "'a b' = user=u client_encoding=UTF8 timezone='Europe/Berlin'\n"
			   "'!ab' = user=u reserve_pool=4\n"
			   "[users]\n"
			   "joe = query_wait_timeout=0\n"
			   "ann = query_timeout=1.5 pool_mode=session\n",
		      &complaints);
	complaints_show(&complaints);
	REQUIRE(s != NULL);
	CHECK_UINT_EQ(s->database_count, 3);
	CHECK_TEXT_EQ(s->databases[0].name, "!ab");
	CHECK_TEXT_EQ(s->databases[1].name, "a b");
	CHECK_TEXT_EQ(s->databases[2].name, "b");
	CHECK_INT_EQ(s->databases[0].reserve_pool_size, 4);
	CHECK_TEXT_EQ(s->databases[1].timezone, "Europe/Berlin");
	d = settings_database(s, SLICE_LITERAL("b"));
	REQUIRE(d != NULL);
	CHECK_TEXT_EQ(d->password, "it's");
	CHECK(d->host == NULL && d->dbname == NULL);
	CHECK_INT_EQ(d->pool_mode, POOL_MODE_STATEMENT);
	CHECK_INT_EQ(d->server_lifetime.us, 500000);
	CHECK_INT_EQ(d->pool_size, NOT_SET);
	CHECK(!span_is_set(d->query_wait_timeout));
	CHECK_TEXT_EQ(d->file, "test.ini");
	CHECK_UINT_EQ(d->line, 4);
	CHECK(settings_database(s, SLICE_LITERAL("*")) == NULL);
	CHECK(settings_database(s, SLICE_LITERAL("B")) == NULL);
	CHECK(settings_database(s, SLICE_LITERAL("")) == NULL);
	d = settings_fallback_database(s);
	REQUIRE(d != NULL);
	CHECK_TEXT_EQ(d->host, "/run/x");
	u = settings_user(s, SLICE_LITERAL("ann"));
	REQUIRE(u != NULL);
	CHECK_INT_EQ(u->query_timeout.us, 1500000);
	CHECK_INT_EQ(u->pool_mode, POOL_MODE_SESSION);
	u = settings_user(s, SLICE_LITERAL("joe"));
	REQUIRE(u != NULL);
	CHECK(span_is_set(u->query_wait_timeout));
	CHECK_INT_EQ(u->pool_mode, POOL_MODE_NOT_SET);
	settings_unref(s);
	complaints_release(&complaints);
}

TEST(the_last_of_a_repeated_key_counts)
{
	struct complaints complaints;
	const struct settings *s;

	complaints_init(&complaints);
	s = load_text(MAIN "max_client_conn=1\nmax_client_conn=2\nlisten_port=7000\n",
		      &complaints);
	REQUIRE(s != NULL);
	CHECK_INT_EQ(s->max_client_conn, 2);
	CHECK_INT_EQ(s->listen_port, 7000);
	settings_unref(s);
	complaints_release(&complaints);
}

TEST(a_second_main_section_starts_from_the_defaults)
{
	struct complaints complaints;
	const struct settings *s;

	complaints_init(&complaints);
	s = load_text("[pgbouncer]\nauth_type=any\nquery_timeout=5\nauth_user=keeps\n"
		      "[databases]\nd=user=u\n"
		      "[pgbouncer]\nauth_type=trust\nmax_client_conn=7\n",
		      &complaints);
	complaints_show(&complaints);
	REQUIRE(s != NULL);
	check_current(s, "query_timeout", "0");
	check_current(s, "auth_type", "trust");
	check_current(s, "max_client_conn", "7");
	check_current(s, "auth_user", "keeps");
	CHECK(settings_database(s, SLICE_LITERAL("d")) != NULL);
	settings_unref(s);
	complaints_release(&complaints);
}

TEST(lists_are_searched_by_name)
{
	CHECK(settings_list_has("ann, joe ,zoe", SLICE_LITERAL("joe")));
	CHECK(!settings_list_has("ann,joe", SLICE_LITERAL("jo")));
	CHECK(!settings_list_has("ann,joe", SLICE_LITERAL("Joe")));
	CHECK(!settings_list_has("", SLICE_LITERAL("")));
	CHECK(!settings_list_has("ann,,joe", SLICE_LITERAL("")));
}

TEST(a_reload_keeps_what_has_no_default)
{
	struct complaints complaints;
	const struct settings *first, *second;

	complaints_init(&complaints);
	first = load_text(MAIN "verbose=2\nauth_file=/a\nmax_client_conn=5\nlisten_port=7000\n"
			       "user=nobody\n[databases]\n*=user=u\n",
			  &complaints);
	REQUIRE(first != NULL);
	CHECK_UINT_EQ(complaints.count, 0);
	second = reload_text(MAIN "listen_port=7001\n[databases]\n*=user=u\n", first, &complaints);
	REQUIRE(second != NULL);
	CHECK_INT_EQ(second->verbose, 2);
	CHECK_TEXT_EQ(second->auth_file, "/a");
	CHECK_TEXT_EQ(second->user, "nobody");
	CHECK_INT_EQ(second->max_client_conn, 100);
	CHECK_INT_EQ(second->listen_port, 7000);
	CHECK_UINT_EQ(complaints.count, 1);
	CHECK(complaints_have(&complaints, COMPLAINT_WARNING,
			      "test.ini:3: restart needed to change \"listen_port\", it stays "
			      "\"7000\""));
	settings_unref(first);
	CHECK_TEXT_EQ(second->auth_file, "/a"); /* its own copy */
	settings_unref(second);
	complaints_release(&complaints);
}

TEST(a_reload_says_when_a_fixed_key_is_gone)
{
	struct complaints complaints;
	const struct settings *first, *second;

	complaints_init(&complaints);
	first = load_text(MAIN "listen_addr=*\n[databases]\n*=user=u\n", &complaints);
	second = reload_text(MAIN "[databases]\n*=user=u\n", first, &complaints);
	REQUIRE(first && second);
	CHECK_TEXT_EQ(second->listen_addr, "*");
	CHECK(complaints_have(&complaints, COMPLAINT_WARNING,
			      "restart needed to change \"listen_addr\", it stays \"*\""));
	settings_unref(first);
	settings_unref(second);
	complaints_release(&complaints);
}

TEST(set_gives_a_new_snapshot)
{
	struct complaints complaints;
	const struct settings *old, *changed;
	const char *file;
	unsigned line;
	const struct option *row = option_find(&option_global, SLICE_LITERAL("max_client_conn"));

	complaints_init(&complaints);
	old = load_text(MAIN "max_client_conn=5\n[databases]\na=user=u password=p\n*=user=u\n"
			     "[users]\nu=pool_size=3\n",
			&complaints);
	REQUIRE(old != NULL);
	CHECK(option_source(row, old, &file, &line));
	CHECK_TEXT_EQ(file, "test.ini");
	CHECK_UINT_EQ(line, 3);
	changed = settings_with(old, SLICE_LITERAL("MAX_client_conn"), SLICE_LITERAL("6"),
				&complaints);
	REQUIRE(changed != NULL);
	CHECK_UINT_EQ(complaints.count, 0);
	CHECK_INT_EQ(old->max_client_conn, 5);
	CHECK_INT_EQ(changed->max_client_conn, 6);
	CHECK(!option_source(row, changed, &file, &line));
	settings_unref(old);
	REQUIRE(changed->database_count == 1 && changed->user_count == 1);
	CHECK_TEXT_EQ(changed->databases[0].password, "p");
	CHECK_TEXT_EQ(changed->databases[0].file, "test.ini");
	CHECK_TEXT_EQ(settings_fallback_database(changed)->user, "u");
	CHECK_INT_EQ(settings_user(changed, SLICE_LITERAL("u"))->pool_size, 3);
	settings_unref(changed);
	complaints_release(&complaints);
}

TEST(set_refuses)
{
	struct complaints complaints;
	const struct settings *old, *same;

	complaints_init(&complaints);
	old = load_text(MAIN "[databases]\n*=user=u\n", &complaints);
	REQUIRE(old != NULL);
	CHECK(!settings_with(old, SLICE_LITERAL("max_cleint_conn"), SLICE_LITERAL("6"),
			     &complaints));
	CHECK(complaints_have(&complaints, COMPLAINT_ERROR,
			      "unknown setting \"max_cleint_conn\" in [pgcarwash], did you mean "
			      "\"max_client_conn\"?"));
	complaints_release(&complaints);
	CHECK(!settings_with(old, SLICE_LITERAL("pool_mode"), SLICE_LITERAL("x"), &complaints));
	CHECK(complaints_have(&complaints, COMPLAINT_ERROR,
			      "bad value \"x\" for setting \"pool_mode\": allowed is session, "
			      "transaction, statement"));
	complaints_release(&complaints);
	same = settings_with(old, SLICE_LITERAL("listen_port"), SLICE_LITERAL("7000"), &complaints);
	REQUIRE(same != NULL);
	CHECK_INT_EQ(same->listen_port, 6432);
	CHECK(complaints_have(&complaints, COMPLAINT_WARNING,
			      "restart needed to change \"listen_port\", it stays \"6432\""));
	settings_unref(same);
	settings_unref(old);
	complaints_release(&complaints);
}

TEST(holders_are_counted)
{
	struct complaints complaints;
	const struct settings *s;

	complaints_init(&complaints);
	s = load_text(MAIN, &complaints);
	REQUIRE(s != NULL);
	CHECK(settings_ref(s) == s);
	settings_unref(s);
	CHECK_INT_EQ(s->listen_port, 6432);
	settings_unref(s);
	settings_unref(NULL);
	complaints_release(&complaints);
}

/* ---- auth_file ---- */

static char auth_path[] = "/tmp/test_load_auth_XXXXXX";
static char ini_path[] = "/tmp/test_load_ini_XXXXXX";

static void put(int fd, const char *text)
{
	REQUIRE(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
	REQUIRE(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

TEST(auth_file_is_read_with_the_rest)
{
	struct complaints complaints;
	const struct settings *first, *second;
	char text[256], warning[256];
	int auth = mkstemp(auth_path), ini = mkstemp(ini_path);

	REQUIRE(auth >= 0 && ini >= 0);
	snprintf(text, sizeof(text), "[pgbouncer]\nauth_file=%s\n[databases]\n*=\n", auth_path);
	put(ini, text);
	put(auth, "\"ann\" \"secret\"\n");
	complaints_init(&complaints);
	first = settings_load(ini_path, NULL, &complaints);
	complaints_show(&complaints);
	REQUIRE(first != NULL);
	CHECK_UINT_EQ(complaints.count, 0);
	CHECK_SLICE_EQ(first->auth_file_text, SLICE_LITERAL("\"ann\" \"secret\"\n"));
	put(auth, "");
	second = settings_load(ini_path, first, &complaints);
	REQUIRE(second != NULL);
	CHECK_UINT_EQ(second->auth_file_text.len, 0);
	settings_unref(second);
	unlink(auth_path);
	second = settings_load(ini_path, first, &complaints);
	REQUIRE(second != NULL);
	snprintf(warning, sizeof(warning),
		 "%s:2: could not open auth_file %s: No such file or directory", ini_path,
		 auth_path);
	CHECK(complaints_have(&complaints, COMPLAINT_WARNING, warning));
	settings_unref(second);
	second = settings_with(first, SLICE_LITERAL("verbose"), SLICE_LITERAL("1"), &complaints);
	REQUIRE(second != NULL);
	CHECK(slice_equal(first->auth_file_text, second->auth_file_text));
	settings_unref(second);
	second = settings_with(first, SLICE_LITERAL("auth_file"), slice_of(ini_path), &complaints);
	REQUIRE(second != NULL);
	CHECK_SLICE_EQ(second->auth_file_text, slice_of(text));
	settings_unref(second);
	settings_unref(first);
	unlink(ini_path);
	close(auth);
	close(ini);
	complaints_release(&complaints);
}

/* ---- without memory ---- */

static const char everything[] = MAIN "max_client_conn=5\nauth_user=a\n[databases]\n"
				      "a=user=u password=p host=a,b\n*=user=u\n[users]\nu=\n"
				      "[peers]\n1=host=h\n";

TEST(every_failed_allocation_refuses_the_load)
{
	WITH_EACH_FAULT(nth)
	{
		struct complaints complaints;
		const struct settings *s;

		complaints_init(&complaints);
		s = load_text(everything, &complaints);
		CHECK((s == NULL) == complaints_has_errors(&complaints));
		/* a warning may be lost, or come where it need not, but no setting */
		if (s)
			CHECK(s->max_client_conn == 5 && s->database_count == 1 &&
			      s->user_count == 1 && s->peer_count == 1 && s->fallback_database);
		settings_unref(s);
		complaints_release(&complaints);
	}
}

TEST(every_failed_allocation_refuses_the_set)
{
	struct complaints complaints;
	const struct settings *old;

	complaints_init(&complaints);
	old = load_text(everything, &complaints);
	REQUIRE(old != NULL);
	complaints_release(&complaints);
	WITH_EACH_FAULT(nth)
	{
		const struct settings *s = settings_with(old, SLICE_LITERAL("logfile"),
							 SLICE_LITERAL("x"), &complaints);

		CHECK((s == NULL) == complaints_has_errors(&complaints));
		CHECK((s == NULL) == mem_fault_hit());
		settings_unref(s);
		complaints_release(&complaints);
	}
	mem_fail_at(0);
	settings_unref(old);
}

static void check_origin(const struct settings *settings, const char *key, const char *expected)
{
	struct buffer out = BUFFER_EMPTY;

	option_origin(option_find(&option_global, slice_of(key)), settings, &out);
	CHECK_SLICE_EQ(buffer_slice(&out), slice_of(expected));
	buffer_release(&out);
}

TEST(every_value_is_from_somewhere)
{
	struct complaints complaints;
	const struct settings *first, *set, *second;

	complaints_init(&complaints);
	first = settings_load_text(
		"test.ini", slice_of(MAIN "listen_port=7000\nauth_user=x\nquery_timeout=3\n"), NULL,
		&complaints);
	REQUIRE(first != NULL);
	check_origin(first, "listen_port", "test.ini:3");
	check_origin(first, "auth_type", "test.ini:2");
	check_origin(first, "pool_mode", "default");
	check_origin(first, "auth_dbname", "default");
	check_origin(first, "conffile", "command line");
	set = settings_with(first, SLICE_LITERAL("pool_mode"), SLICE_LITERAL("session"),
			    &complaints);
	REQUIRE(set != NULL);
	check_origin(set, "pool_mode", "SET");
	check_origin(set, "listen_port", "test.ini:3");
	check_origin(set, "conffile", "command line");
	second = reload_text(MAIN "\nlisten_port=7001\n", set, &complaints);
	REQUIRE(second != NULL);
	/* It needs a restart; the other has no default to go back to. */
	check_origin(second, "listen_port", "kept from before the reload");
	check_origin(second, "auth_user", "kept from before the reload");
	check_origin(second, "query_timeout", "default");
	check_origin(second, "pool_mode", "default");
	check_origin(second, "conffile", "command line");
	complaints_release(&complaints);
	settings_unref(first);
	settings_unref(set);
	settings_unref(second);
}
