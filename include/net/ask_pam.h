#ifndef NET_ASK_PAM_H
#define NET_ASK_PAM_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether PAM lets a user in with a password: pam_authenticate, then pam_acct_mgmt (Linux-PAM
 * Application Developers' Guide). Blocks for as long as the modules of the service like; may be
 * called in any thread; uses nothing of ours but what it is given.
 */

struct pam_question {
	const char *service;
	const char *user;
	const char *password;
	const char *host;   /* where the client comes from (PAM_RHOST) */
	const char *folder; /* of the service's file; NULL: the system's */
};

/* False: this build has none; ask_pam then says no. */
bool ask_pam_is_there(void);
/* When false, reason (cap bytes) says why, for the log. */
bool ask_pam(const struct pam_question *question, char *reason, size_t cap);

#endif
