#include "test.h"

#include "conf/conf_internal.h"

static const struct option_table *const tables[] = { &option_global, &option_database, &option_user,
						     &option_peer };

TEST(every_row_is_whole)
{
	for (size_t t = 0; t < COUNT_OF(tables); t++) {
		for (size_t i = 0; i < tables[t]->count; i++) {
			const struct option *row = &tables[t]->rows[i];
			bool worded = row->type == OPTION_ENUM || row->type == OPTION_WORD;
			bool number = row->type == OPTION_INT || row->type == OPTION_UINT ||
				      row->type == OPTION_MODE || row->type == OPTION_TIME;

			if (!row->help || strlen(row->help) < 9 ||
			    row->help[strlen(row->help) - 1] != '.')
				FAIL("%s: help is no sentence", row->name);
			if (worded != (row->choices != NULL))
				FAIL("%s: choices", row->name);
			if (number && row->min >= row->max)
				FAIL("%s: range", row->name);
			if (option_find(tables[t], slice_of(row->name)) != row)
				FAIL("%s: is there twice", row->name);
		}
	}
}

/* Keys that PgBouncer does not have: exporters see them between the others. */
static const char *const own_keys[] = {
	"proxy_protocol_from",
	"server_channel_binding",
	"server_protocol",
	"proxy_protocol_from",	"balance",	    "failover_hold",
	"lag_query",		"max_replica_lag",  "max_replica_lag_bytes",
	"probe_interval",	"probe_password",   "probe_timeout",
	"probe_user",		"read_consistency", "read_write_split",
	"replica_retry_after",	"replica_wait_timeout", "when_no_replica",
};

static bool is_own(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(own_keys); i++)
		if (strcmp(own_keys[i], name) == 0)
			return true;
	return false;
}

TEST(the_other_keys_are_pgbouncers)
{
	size_t count = 0;

	for (size_t i = 0; i < option_global.count; i++)
		count += !is_own(option_global.rows[i].name);
	CHECK_UINT_EQ(count, 100);
}

TEST(global_rows_are_in_order_of_show_config)
{
	for (size_t i = 1; i < option_global.count; i++) {
		const char *before = option_global.rows[i - 1].name;
		const char *name = option_global.rows[i].name;

		/* these two stand as in the reference, not by the alphabet */
		if (strcmp(name, "pool_idle_timeout") != 0 && strcmp(before, name) >= 0)
			FAIL("%s does not belong after %s", name, before);
	}
}

TEST(defaults_are_good_values)
{
	for (size_t t = 0; t < COUNT_OF(tables); t++) {
		for (size_t i = 0; i < tables[t]->count; i++) {
			const struct option *row = &tables[t]->rows[i];
			struct arena *arena = arena_new();
			struct buffer out = BUFFER_EMPTY, why = BUFFER_EMPTY;
			struct span field[2] = { { 0 }, { 0 } };

			REQUIRE(arena != NULL);
			if (row->standard &&
			    value_parse(row, slice_of(row->standard), field, arena, &why) != OK)
				FAIL("%s: default %s", row->name, row->standard);
			if (row->standard && !value_print(row, field, &out))
				FAIL("%s: default is not printed", row->name);
			if (row->standard && row->type != OPTION_MODE &&
			    !slice_equal(buffer_slice(&out), slice_of(row->standard)))
				FAIL("%s: %s is printed %.*s", row->name, row->standard,
				     (int)out.len, out.data);
			buffer_release(&out);
			buffer_release(&why);
			arena_free(arena);
		}
	}
}

static void nearest(const struct option_table *table, const char *name, const char *expected)
{
	const char *found = option_nearest(table, slice_of(name));

	if (expected)
		CHECK_TEXT_EQ(found, expected);
	else if (found)
		FAIL("%s is near %s", name, found);
}

TEST(typos_find_the_nearest_name)
{
	nearest(&option_global, "max_client_con", "max_client_conn");
	nearest(&option_global, "listen_prot", "listen_port");
	nearest(&option_global, "userr", "user");
	nearest(&option_global, "xyz", NULL);
	nearest(&option_global, "favourite_colour", NULL);
	nearest(&option_database, "hots", "host");
	nearest(&option_database, "passwd", "password");
	nearest(&option_user, "pool_mod", "pool_mode");
}

TEST(names_of_other_sections_lead_to_the_right_one)
{
	nearest(&option_global, "pool_size", "default_pool_size");
	nearest(&option_database, "default_pool_size", "pool_size");
	nearest(&option_user, "default_pool_size", "pool_size");
}

TEST(names_are_found)
{
	const struct option *row = option_find(&option_global, SLICE_LITERAL("default_pool_size"));

	REQUIRE(row != NULL);
	CHECK(option_find(&option_global, SLICE_LITERAL("Default_Pool_SIZE")) == row);
	CHECK(option_find(&option_global, SLICE_LITERAL("nothing")) == NULL);
	CHECK_TEXT_EQ(option_override(&option_database, row)->name, "pool_size");
	CHECK_TEXT_EQ(option_override(&option_user, row)->name, "pool_size");
	row = option_find(&option_global, SLICE_LITERAL("min_pool_size"));
	CHECK(option_override(&option_database, row) != NULL);
	CHECK(option_override(&option_user, row) == NULL);
	row = option_find(&option_database, SLICE_LITERAL("reserve_pool"));
	REQUIRE(row != NULL);
	CHECK_TEXT_EQ(row->name, "reserve_pool_size");
}

static void allowed(const struct option_table *table, const char *name, const char *expected)
{
	struct buffer out = BUFFER_EMPTY;

	option_allowed(option_find(table, slice_of(name)), &out);
	CHECK_SLICE_EQ(buffer_slice(&out), slice_of(expected));
	buffer_release(&out);
}

TEST(what_is_allowed_is_said)
{
	allowed(&option_global, "listen_port", "a whole number from 1 to 65535");
	allowed(&option_global, "max_packet_size", "a whole number from 256 up (bytes)");
	allowed(&option_global, "query_timeout", "seconds from 0 up, fraction allowed");
	allowed(&option_global, "pool_mode", "session, transaction, statement");
	allowed(&option_global, "auth_type",
		"any, trust, plain, md5, scram-sha-256, cert, hba, ldap, pam");
	allowed(&option_global, "syslog", "0 or 1");
	allowed(&option_global, "admin_users", "names with commas between");
	allowed(&option_global, "auth_file", "any text");
}
