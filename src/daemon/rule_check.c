/*
 * The files that a configuration names, and what else of it only the machine can judge, looked at
 * for --check alone: a running daemon makes its own tables of them. Called by daemon.c; owns
 * nothing beyond a call.
 */

#include "daemon/rule_check.h"

#include <pwd.h>
#include <string.h>

#include "auth/directory.h"
#include "auth/hba.h"
#include "auth/ident.h"
#include "auth/users.h"
#include "base/arena.h"
#include "conf/complaint.h"
#include "conf/option.h"
#include "conf/settings.h"
#include "net/ask_ldap.h"
#include "net/ask_pam.h"
#include "net/tls.h"

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

static void check_users(const struct settings *settings, struct complaints *complaints)
{
	struct users_fault fault;

	users_free(users_parse(settings->auth_file_text, &fault));
	if (fault.line)
		complaints_add(complaints, COMPLAINT_ERROR, settings->auth_file, fault.line,
			       "%s, the rest of it is not read", fault.text);
}

/* The first setting that a reason names: the longest name, where several begin there. */
static const struct option *named_setting(struct slice why)
{
	const struct option *found = NULL;
	const char *at = NULL;

	for (size_t i = 0; i < option_global.count; i++) {
		const char *name = option_global.rows[i].name;
		const char *here = why.len ? memmem(why.data, why.len, name, strlen(name)) : NULL;

		if (!here || (at && here > at))
			continue;
		if (here == at && strlen(name) < strlen(found->name))
			continue;
		found = &option_global.rows[i];
		at = here;
	}
	return found;
}

static void check_tls(enum tls_side side, const struct settings *settings,
		      struct complaints *complaints)
{
	struct buffer why = BUFFER_EMPTY;
	struct tls_context *context = tls_context_new(side, settings, &why);
	const struct option *option = context ? NULL : named_setting(buffer_slice(&why));
	const char *file = NULL;
	unsigned line = 0;

	if (option)
		(void)option_source(option, settings, &file, &line);
	if (!context)
		complaints_add(complaints, COMPLAINT_ERROR, file, line, "TLS setup failed: %.*s",
			       (int)why.len, why.data ? why.data : "");
	tls_context_unref(context);
	buffer_release(&why);
}

/* A warning: the machine of the check need not be the one it shall run on. */
static void check_os_user(const struct settings *settings, struct complaints *complaints)
{
	const char *file = NULL;
	unsigned line = 0;

	if (!settings->user || !*settings->user || getpwnam(settings->user))
		return;
	(void)option_source(option_find(&option_global, SLICE_LITERAL("user")), settings, &file,
			    &line);
	complaints_add(complaints, COMPLAINT_WARNING, file, line,
		       "user: there is no operating system user \"%s\"", settings->user);
}

void rules_check(const struct settings *settings, struct complaints *complaints)
{
	check_users(settings, complaints);
	check_tls(TLS_WITH_CLIENTS, settings, complaints);
	check_tls(TLS_WITH_SERVERS, settings, complaints);
	check_os_user(settings, complaints);
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
