#include "test.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/ask_pam.h"

static char folder[] = "/tmp/pgcarwash-pam.XXXXXX";
static char reason[256];

static void put(const char *name, mode_t mode, const char *text)
{
	char path[100];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	REQUIRE(file);
	fputs(text, file);
	fclose(file);
	CHECK(chmod(path, mode) == 0);
}

/* A service that asks the script for a verdict, which sees what PAM sees. */
static void set_up(void)
{
	char text[300], path[100];

	snprintf(path, sizeof(path), "%s", "/tmp/pgcarwash-pam.XXXXXX");
	memcpy(folder, path, sizeof(folder));
	REQUIRE(mkdtemp(folder));
	put("script", 0755,
	    "#!/bin/sh\n"
	    "[ \"$PAM_USER\" = anna ] && [ \"$PAM_RHOST\" = 10.0.0.1 ] || exit 1\n"
	    "[ \"$(cat | tr -d '\\0')\" = 'right word' ]\n");
	snprintf(text, sizeof(text),
		 "auth required pam_exec.so quiet expose_authtok %s/script\n"
		 "account required pam_permit.so\n",
		 folder);
	put("asks", 0644, text);
	snprintf(text, sizeof(text),
		 "auth required pam_exec.so quiet expose_authtok %s/script\n"
		 "account required pam_deny.so\n",
		 folder);
	put("locked", 0644, text);
	put("permits", 0644, "auth required pam_permit.so\naccount required pam_permit.so\n");
	put("other", 0644, "auth required pam_deny.so\naccount required pam_deny.so\n");
}

static void take_down(void)
{
	static const char *const names[] = { "script", "asks", "locked", "permits", "other" };
	char path[100];

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	CHECK(rmdir(folder) == 0);
}

static bool ask(const char *service, const char *user, const char *password, const char *host)
{
	const struct pam_question question = {
		.service = service,
		.user = user,
		.password = password,
		.host = host,
		.folder = folder,
	};

	snprintf(reason, sizeof(reason), "none");
	return ask_pam(&question, reason, sizeof(reason));
}

TEST(pam_judges)
{
	if (!ask_pam_is_there()) {
		CHECK(!ask("permits", "anna", "x", "10.0.0.1"));
		CHECK_TEXT_EQ(reason, "this build has no PAM");
		return;
	}
	set_up();
	CHECK(ask("asks", "anna", "right word", "10.0.0.1"));
	CHECK_TEXT_EQ(reason, "none");
	CHECK(!ask("asks", "anna", "wrong word", "10.0.0.1"));
	CHECK(strncmp(reason, "pam_authenticate: ", 18) == 0);
	CHECK(!strstr(reason, "wrong word"));
	CHECK(!ask("asks", "bert", "right word", "10.0.0.1"));
	CHECK(!ask("asks", "anna", "right word", "10.0.0.2"));
	CHECK(ask("permits", "whoever", "x", "[local]"));
	take_down();
}

TEST(an_account_may_be_locked)
{
	if (!ask_pam_is_there())
		return;
	set_up();
	CHECK(!ask("locked", "anna", "right word", "10.0.0.1"));
	CHECK(strncmp(reason, "pam_acct_mgmt: ", 15) == 0);
	take_down();
}

TEST(a_service_that_is_not_there_lets_nobody_in)
{
	if (!ask_pam_is_there())
		return;
	set_up();
	CHECK(!ask("missing", "anna", "right word", "10.0.0.1"));
	take_down();
}
