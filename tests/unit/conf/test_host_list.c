#include "conf_test.h"

#include "conf/conf_internal.h"
#include "conf/effective.h"

#define ENTRY "[pgcarwash]\nauth_type=any\n[databases]\nd = user=u "

static const struct settings *settings;

/* The entry of this text; the settings are released by let_go. */
static const struct database_settings *entry_of(const char *pairs)
{
	struct complaints complaints;
	char text[400];

	snprintf(text, sizeof(text), ENTRY "%s\n", pairs);
	complaints_init(&complaints);
	settings = load_text(text, &complaints);
	complaints_show(&complaints);
	complaints_release(&complaints);
	return settings ? settings_database(settings, SLICE_LITERAL("d")) : NULL;
}

static void let_go(void)
{
	settings_unref(settings);
	settings = NULL;
}

TEST(one_host_is_a_list_of_one)
{
	const struct database_settings *entry = entry_of("host=a port=6000");

	REQUIRE(entry != NULL);
	CHECK_UINT_EQ(entry->host_count, 1);
	CHECK_TEXT_EQ(entry->hosts[0].host, "a");
	CHECK_INT_EQ(entry->hosts[0].port, 6000);
	CHECK_UINT_EQ(entry->hosts[0].weight, 1);
	CHECK(!entry->hosts[0].backup);
	CHECK(!effective_is_cluster(settings, entry));
	let_go();
}

TEST(without_a_host_it_is_the_unix_socket)
{
	const struct database_settings *entry = entry_of("port=6000");

	REQUIRE(entry != NULL);
	CHECK_UINT_EQ(entry->host_count, 1);
	CHECK(entry->hosts[0].host == NULL);
	CHECK_INT_EQ(entry->hosts[0].port, 6000);
	let_go();
}

TEST(lists_belong_together)
{
	const struct database_settings *entry =
		entry_of("host='a, b,/run/x' port=1,2,0x10 weight=2,1,0 backup=0,0,1");

	REQUIRE(entry != NULL);
	CHECK_UINT_EQ(entry->host_count, 3);
	CHECK_TEXT_EQ(entry->hosts[1].host, "b");
	CHECK_TEXT_EQ(entry->hosts[2].host, "/run/x");
	CHECK_INT_EQ(entry->port, 1);
	CHECK_INT_EQ(entry->hosts[1].port, 2);
	CHECK_INT_EQ(entry->hosts[2].port, 16);
	CHECK_UINT_EQ(entry->hosts[0].weight, 2);
	CHECK_UINT_EQ(entry->hosts[2].weight, 0);
	CHECK(!entry->hosts[1].backup && entry->hosts[2].backup);
	let_go();
}

TEST(one_value_holds_for_all_hosts)
{
	const struct database_settings *entry = entry_of("host=a,b port=7 weight=3");

	REQUIRE(entry != NULL);
	CHECK_INT_EQ(entry->hosts[1].port, 7);
	CHECK_UINT_EQ(entry->hosts[1].weight, 3);
	let_go();
}

TEST(a_copy_has_the_hosts_too)
{
	struct complaints complaints;
	const struct settings *copy;
	const struct database_settings *entry = entry_of("host=a,b port=7,8");

	REQUIRE(entry != NULL);
	complaints_init(&complaints);
	copy = settings_with(settings, SLICE_LITERAL("verbose"), SLICE_LITERAL("1"), &complaints);
	let_go();
	REQUIRE(copy != NULL);
	entry = settings_database(copy, SLICE_LITERAL("d"));
	CHECK_UINT_EQ(entry->host_count, 2);
	CHECK_TEXT_EQ(entry->hosts[1].host, "b");
	CHECK_INT_EQ(entry->hosts[1].port, 8);
	settings_unref(copy);
	complaints_release(&complaints);
}

static bool is_cluster(const char *pairs)
{
	const struct database_settings *entry = entry_of(pairs);
	bool cluster = entry && effective_is_cluster(settings, entry);

	let_go();
	return cluster;
}

TEST(the_routers_keys_make_a_cluster)
{
	CHECK(!is_cluster("host=a,b"));
	CHECK(!is_cluster("host=a,b read_write_split=off"));
	CHECK(is_cluster("host=a,b read_write_split=on"));
	CHECK(is_cluster("host=a read_write_split=1"));
	CHECK(is_cluster("host=a target_session_attrs=primary"));
	CHECK(is_cluster("host=a,b target_session_attrs=any"));
}

TEST(the_global_split_is_for_lists)
{
	struct complaints complaints;
	const struct settings *s;

	complaints_init(&complaints);
	s = load_text("[pgcarwash]\nauth_type=any\nread_write_split=on\n[databases]\n"
		      "one=user=u host=a\ntwo=user=u host=a,b\nno=user=u host=a,b "
		      "read_write_split=off\n",
		      &complaints);
	REQUIRE(s != NULL);
	CHECK(!effective_is_cluster(s, settings_database(s, SLICE_LITERAL("one"))));
	CHECK(effective_is_cluster(s, settings_database(s, SLICE_LITERAL("two"))));
	CHECK(!effective_is_cluster(s, settings_database(s, SLICE_LITERAL("no"))));
	settings_unref(s);
	complaints_release(&complaints);
}

TEST(the_entrys_value_counts_before_the_global_one)
{
	const struct database_settings *entry =
		entry_of("host=a,b read_write_split=on max_replica_lag=0 failover_hold=2.5 "
			 "balance=latency when_no_replica=wait read_consistency=user");

	REQUIRE(entry != NULL);
	CHECK_INT_EQ(effective_max_replica_lag(settings, entry).us, 0);
	CHECK_INT_EQ(effective_failover_hold(settings, entry).us, 2500000);
	CHECK_INT_EQ(effective_replica_retry_after(settings, entry).us, 60000000);
	CHECK_INT_EQ(effective_balance(settings, entry), BALANCE_LATENCY);
	CHECK_INT_EQ(effective_when_no_replica(settings, entry), NO_REPLICA_WAIT);
	CHECK_INT_EQ(effective_read_consistency(settings, entry), CONSISTENCY_USER);
	CHECK_INT_EQ(effective_probe_interval(settings, entry).us, 500000);
	let_go();
}

TEST(who_probes)
{
	const char *password;
	const struct database_settings *entry = entry_of("password=secret host=a");

	REQUIRE(entry != NULL);
	CHECK_TEXT_EQ(effective_probe_user(settings, entry, &password), "u");
	CHECK_TEXT_EQ(password, "secret");
	let_go();
	entry = entry_of("password=secret host=a probe_user=p");
	REQUIRE(entry != NULL);
	CHECK_TEXT_EQ(effective_probe_user(settings, entry, &password), "p");
	CHECK(password == NULL);
	let_go();
	entry = entry_of("host=a probe_user=p probe_password=x");
	REQUIRE(entry != NULL);
	CHECK_TEXT_EQ(effective_probe_user(settings, entry, &password), "p");
	CHECK_TEXT_EQ(password, "x");
	let_go();
}
