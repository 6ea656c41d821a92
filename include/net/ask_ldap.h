#ifndef NET_ASK_LDAP_H
#define NET_ASK_LDAP_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether an LDAP directory knows a user with a password: a bind as the user, after a search for
 * its entry where the directory is asked that way (RFC 4511). Blocks until the timeout at most,
 * but for the look-up of host names; may be called in any thread; uses nothing of ours but what
 * it is given.
 */

struct directory;

struct ldap_question {
	const struct directory *directory;
	const char *name;     /* simple bind: whom to bind as; NULL: search */
	const char *filter;   /* what to search for; NULL: simple bind */
	const char *password; /* never empty: that would be an anonymous bind */
	int timeout_ms;	      /* for all of it, more than 0 */
};

/* False: this build has none; ask_ldap then says no. */
bool ask_ldap_is_there(void);
/* When false, reason (cap bytes) says why, for the log; never a password. */
bool ask_ldap(const struct ldap_question *question, char *reason, size_t cap);

#endif
