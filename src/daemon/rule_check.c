/*
 * Rules of authentication, looked at for --check alone: the login makes its own tables of them.
 * Called by daemon.c; owns nothing beyond a call.
 */

#include "daemon/rule_check.h"

#include "auth/directory.h"
#include "auth/hba.h"
#include "auth/ident.h"
#include "base/arena.h"
#include "conf/complaint.h"
#include "conf/option.h"
#include "conf/settings.h"
#include "net/ask_ldap.h"
#include "net/ask_pam.h"

struct checking {
	const char *file;
	struct complaints *complaints;
};

static void on_fault(void *context, unsigned line, const char *text)
{
	const struct checking *checking = context;

	complaints_add(checking->complaints, COMPLAINT_ERROR, checking->file, line, "%s", text);
}

static void complain(const struct settings *settings, const char *key,
		     struct complaints *complaints, const char *text)
{
	const char *file = NULL;
	unsigned line = 0;

	(void)option_source(option_find(&option_global, slice_of(key)), settings, &file, &line);
	complaints_add(complaints, COMPLAINT_ERROR, file, line, "%s: %s", key, text);
}

static void check_rules(const struct settings *settings, struct complaints *complaints)
{
	struct checking checking = { settings->auth_hba_file, complaints };
	const struct line_faults faults = { on_fault, &checking };
	struct hba *hba = NULL;
	struct ident *ident;

	if (settings->auth_hba_text.data)
		hba = hba_parse(settings->auth_hba_text, settings->auth_hba_includes,
				settings->auth_hba_include_count, &faults);
	if (hba && hba_uses(hba, HBA_PAM) && !ask_pam_is_there())
		complain(settings, "auth_hba_file", complaints,
			 "pam is not supported by this build");
	if (hba && hba_uses(hba, HBA_LDAP) && !ask_ldap_is_there())
		complain(settings, "auth_hba_file", complaints,
			 "ldap is not supported by this build");
	hba_free(hba);
	checking.file = settings->auth_ident_file;
	ident = ident_parse(settings->auth_ident_text, &faults);
	ident_free(ident);
}

static void check_directory(const struct settings *settings, struct complaints *complaints)
{
	struct arena *arena = arena_new();
	struct directory directory;
	const char *fault;

	if (!ask_ldap_is_there())
		complain(settings, "auth_type", complaints, "ldap is not supported by this build");
	if (arena && settings->auth_ldap_options &&
	    directory_read(slice_of(settings->auth_ldap_options), arena, &directory, &fault) !=
		    OK &&
	    fault)
		complain(settings, "auth_ldap_options", complaints, fault);
	arena_free_secret(arena);
}

void rules_check(const struct settings *settings, struct complaints *complaints)
{
	switch (settings->auth_type) {
	case AUTH_TYPE_HBA: check_rules(settings, complaints); break;
	case AUTH_TYPE_LDAP: check_directory(settings, complaints); break;
	case AUTH_TYPE_PAM:
		if (!ask_pam_is_there())
			complain(settings, "auth_type", complaints,
				 "pam is not supported by this build");
		break;
	default: break;
	}
}
