/* A client's settings on whichever server it lands, and those refused. */
#include "talk.h"

/* Client wants name = value, as a start-up parameter says. */
static void want(struct talk *self, int client, const char *name, const char *value)
{
	const struct varset *old = conversation_wants(self->clients[client]);
	const struct varset *wants = varset_with(old, slice_of(name), slice_of(value));
	struct conversation_options options = talk_options(self, wants);

	conversation_free(self->clients[client]);
	self->clients[client] = conversation_new(&options);
	varset_unref(wants);
}

static struct slice has(struct talk *self, int server, const char *name)
{
	return varset_value(self->servers[server].has, slice_of(name));
}

static struct slice wants(struct talk *self, int client, const char *name)
{
	return varset_value(conversation_wants(self->clients[client]), slice_of(name));
}

/* As two servers and two clients are after login. */
static void begin(struct talk *self)
{
	talk_give_back(self, 0);
	for (int i = 0; i < 2; i++) {
		SAYS(i, "S=TimeZone/UTC S=application_name/ S=server_version/15");
		want(self, i, "TimeZone", "UTC");
		want(self, i, "application_name", "");
	}
}

TALK(equal_settings_need_nothing)
{
	begin(self);
	LEND(0, 0);
	AT_SERVER(0, "");
	SENDS(0, "Q=one");
	CHECK(!self->waits);
	CHECK(has(self, 0, "server_version").data == NULL);
}

TALK(settings_are_set_in_front_of_the_first_message)
{
	begin(self);
	want(self, 0, "application_name", "a'b");
	want(self, 0, "TimeZone", "EST");
	LEND(0, 0);
	AT_SERVER(0, "Q=SET.\"application_name\"='a''b';SET.\"TimeZone\"='EST';");
	/* No server has taken these yet. */
	WAITS(0, "Q=one");
	WAITS(0, "P=one");
	WAITS(0, "S");
	SAYS(0, "C=SET C=SET S=TimeZone/EST S=application_name/a'b ZI");
	CHECK(!self->ready && !self->turn_over);
	AT_CLIENT(0, "");
	SENDS(0, "Q=one");
	CHECK(!self->waits);
	SAYS(0, "C=SELECT ZI");
	AT_CLIENT(0, "C=SELECT ZI");
	GIVES_BACK(0);
	LEND(0, 0);
	AT_SERVER(0, "Q=one");
	talk_give_back(self, 0);
	/* Another server is trusted to take them. */
	LEND(0, 1);
	SENDS(0, "Q=one");
	CHECK(!self->waits);
	AT_SERVER(1, "Q=SET.\"application_name\"='a''b';SET.\"TimeZone\"='EST'; Q=one");
	SAYS(1, "C=SET C=SET S=TimeZone/EST S=application_name/a'b ZI C=SELECT ZI");
	AT_CLIENT(0, "C=SELECT ZI");
	GIVES_BACK(0);
}

TALK(what_a_client_sets_goes_with_it)
{
	begin(self);
	LEND(0, 0);
	SENDS(0, "Q=SET");
	SAYS(0, "C=SET S=TimeZone/EST ZI");
	AT_CLIENT(0, "C=SET S=TimeZone/EST ZI");
	GIVES_BACK(0);
	LEND(1, 0);
	SENDS(1, "Q=one");
	AT_SERVER(0, "Q=SET Q=SET.\"TimeZone\"='UTC'; Q=one");
	SAYS(0, "C=SET S=TimeZone/UTC ZI C=SELECT ZI");
	AT_CLIENT(1, "C=SELECT ZI");
	GIVES_BACK(1);
	LEND(0, 1);
	SENDS(0, "Q=one");
	AT_SERVER(1, "Q=SET.\"TimeZone\"='EST'; Q=one");
	SAYS(1, "C=SET S=TimeZone/EST ZI C=SELECT ZI");
	AT_CLIENT(0, "C=SELECT ZI");
}

TALK(what_a_client_does_not_want_is_reset)
{
	begin(self);
	SAYS(0, "S=TimeZone/EST");
	talk_end_client(self, 1, END_NONE);
	conversation_free(self->clients[1]);
	self->clients[1] = NULL;
	{
		const struct varset *none = varset_empty(self->varsets);
		struct conversation_options options = talk_options(self, none);

		self->clients[1] = conversation_new(&options);
		varset_unref(none);
	}
	LEND(1, 0);
	AT_SERVER(0, "Q=RESET.\"application_name\";RESET.\"TimeZone\";");
	SAYS(0, "C=RESET C=RESET S=TimeZone/UTC ZI");
	/* That is news to the client. */
	AT_CLIENT(1, "S=TimeZone/UTC");
	CHECK_SLICE_EQ(wants(self, 1, "TimeZone"), slice_of("UTC"));
}

TALK(the_server_spells_a_value_its_own_way)
{
	begin(self);
	want(self, 0, "TimeZone", "est");
	LEND(0, 0);
	SAYS(0, "C=SET S=TimeZone/EST ZI");
	AT_CLIENT(0, "S=TimeZone/EST");
	CHECK_SLICE_EQ(wants(self, 0, "TimeZone"), slice_of("EST"));
	CHECK_SLICE_EQ(has(self, 0, "TimeZone"), slice_of("EST"));
}

/* PostgreSQL reports a setting when its value changes only. */
TALK(a_value_that_means_the_same_is_not_set_again_and_again)
{
	begin(self);
	SAYS(0, "S=TimeZone/Etc/UTC");
	LEND(0, 0);
	AT_SERVER(0, "Q=SET.\"TimeZone\"='UTC';");
	SAYS(0, "C=SET ZI");
	CHECK_SLICE_EQ(has(self, 0, "TimeZone"), slice_of("Etc/UTC"));
	CHECK_SLICE_EQ(wants(self, 0, "TimeZone"), slice_of("Etc/UTC"));
	talk_give_back(self, 0);
	LEND(0, 0);
	AT_SERVER(0, "");
}

/* A setting that no server ever reports is what it was last set to. */
TALK(settings_that_are_not_reported)
{
	CHECK(varset_store_track(self->varsets, SLICE_LITERAL("search_path")) == OK);
	begin(self);
	want(self, 0, "search_path", "a, \"B\"");
	want(self, 1, "search_path", "c");
	LEND(0, 0);
	AT_SERVER(0, "Q=SELECT.pg_catalog.set_config('search_path','a,.\"B\"',false);");
	SAYS(0, "T D C=SELECT ZI");
	talk_give_back(self, 0);
	LEND(1, 0);
	AT_SERVER(0, "Q=SELECT.pg_catalog.set_config('search_path','c',false);");
	SAYS(0, "T D C=SELECT ZI");
	CHECK_SLICE_EQ(has(self, 0, "search_path"), slice_of("c"));
	CHECK_SLICE_EQ(wants(self, 1, "search_path"), slice_of("c"));
	AT_CLIENT(1, "");
}

TALK(refused_settings_end_the_client_and_leave_the_server)
{
	begin(self);
	want(self, 0, "TimeZone", "nowhere");
	LEND(0, 0);
	WAITS(0, "Q=one");
	SAYS(0, "E=22023");
	CHECK(self->refused);
	AT_CLIENT(0, "");
	CHECK_SLICE_EQ(has(self, 0, "TimeZone"), slice_of("UTC"));
	talk_give_back(self, 0);
	SAYS(0, "ZI");
	IS_CLEAN(0);
	LEND(1, 0);
	AT_SERVER(0, "Q=SET.\"TimeZone\"='nowhere';");
	SENDS(1, "Q=one");
	CHECK(!self->waits);
	/* No server has taken it, so the next one is waited for, too. */
	want(self, 0, "TimeZone", "nowhere");
	LEND(0, 1);
	WAITS(0, "Q=one");
}

TALK(refused_behind_the_back_of_a_client_that_has_gone)
{
	begin(self);
	want(self, 0, "TimeZone", "nowhere");
	LEND(0, 0);
	talk_give_back(self, 0);
	SAYS(0, "E=22023 ZI");
	CHECK(!self->refused && !self->broken);
	IS_CLEAN(0);
}

TALK(a_shutdown_while_settings_are_under_way)
{
	begin(self);
	want(self, 0, "TimeZone", "EST");
	LEND(0, 0);
	SAYS(0, "E!57P01");
	CHECK(!self->refused && self->fatal);
	AT_CLIENT(0, "E!57P01");
}

TALK(notices_of_our_own_settings_are_swallowed)
{
	begin(self);
	want(self, 0, "TimeZone", "EST");
	LEND(0, 0);
	SAYS(0, "N C=SET A S=TimeZone/EST S=is_superuser/off ZI N");
	AT_CLIENT(0, "A S=is_superuser/off N");
}

TALK(a_setting_changed_while_nobody_has_the_server)
{
	begin(self);
	SAYS(0, "S=TimeZone/EST");
	AT_CLIENT(0, "");
	LEND(0, 0);
	SENDS(0, "Q=one");
	AT_SERVER(0, "Q=SET.\"TimeZone\"='UTC'; Q=one");
}

TALK(a_broken_parameter_is_broken)
{
	struct message message = { .type = 'S', .len = 1, .body = SLICE_LITERAL("x") };

	CHECK(backend_reply(&self->servers[0], &message).action == REPLY_BROKEN);
}
