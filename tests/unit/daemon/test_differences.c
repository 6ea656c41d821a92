/* What --check says of a PgBouncer configuration. */

#include "test.h"

#include <stdlib.h>

#include "conf/load.h"
#include "daemon/differences.h"

static char printed[8192];

static const char *print_of(const char *text)
{
	struct complaints complaints;
	const struct settings *settings;
	FILE *out = fmemopen(printed, sizeof(printed), "w");

	complaints_init(&complaints);
	settings = settings_load_text("old.ini", slice_of(text), NULL, &complaints);
	CHECK(settings != NULL && settings_is_pgbouncers(settings));
	if (settings)
		differences_print(settings, out);
	fclose(out);
	settings_unref(settings);
	complaints_release(&complaints);
	return printed;
}

TEST(only_a_file_of_pgbouncer_has_them)
{
	struct complaints complaints;
	const struct settings *settings;

	complaints_init(&complaints);
	settings = settings_load_text("new.ini", SLICE_LITERAL("[pgcarwash]\nlisten_addr = *\n"),
				      NULL, &complaints);
	REQUIRE(settings != NULL);
	CHECK(!settings_is_pgbouncers(settings));
	settings_unref(settings);
	complaints_release(&complaints);
}

TEST(only_what_concerns_the_file_is_told)
{
	print_of("[pgbouncer]\nlisten_addr = *\njob_name = a\ndefault_pool_size = 1\n");
	CHECK(strstr(printed, "a reload is all or nothing") != NULL);
	CHECK(strstr(printed, "job_name") == NULL);
	CHECK(strstr(printed, "syslog_ident") == NULL);
	CHECK(strstr(printed, "unnamed prepared") == NULL);
	CHECK(strstr(printed, "42P05") == NULL);
	CHECK(strstr(printed, "auth_query") == NULL);
	CHECK(strstr(printed, "ignore_startup_parameters") == NULL);
	CHECK(strstr(printed, "ROLLBACK") == NULL);
	CHECK(strstr(printed, "log in at once") == NULL);
}

TEST(each_condition_is_met_by_its_setting)
{
	print_of("[pgbouncer]\nlisten_addr = *\nsyslog = 1\nignore_startup_parameters = x\n"
		 "application_name_add_host = 1\n[databases]\n* = host=::1 "
		 "pool_mode=transaction auth_user=a\n");
	CHECK(strstr(printed, "job_name is") != NULL);
	CHECK(strstr(printed, "syslog_ident is") != NULL);
	CHECK(strstr(printed, "ignore_startup_parameters are") != NULL);
	CHECK(strstr(printed, "63 bytes") != NULL);
	CHECK(strstr(printed, "unnamed prepared") != NULL);
	CHECK(strstr(printed, "42P05") != NULL);
	CHECK(strstr(printed, "auth_query") != NULL);
	CHECK(strstr(printed, "ROLLBACK") != NULL);
	CHECK(strstr(printed, "log in at once") != NULL);
}
