#ifndef AUTH_USERS_H
#define AUTH_USERS_H

#include <stddef.h>
#include <stdint.h>

#include "auth/secret.h"

/*
 * The users of an auth_file: lines `"name" "secret" anything`, "" for a quote inside quotes,
 * a line that begins with ; is a comment. Reading stops at the first broken line; the users
 * before it count. The same name again: the later line counts. Read-only once parsed.
 */

#define USERS_NAME_MAX	 127   /* bytes of a name */
#define USERS_SECRET_MAX 65530 /* bytes of a secret */

struct user {
	struct slice name;
	struct secret secret; /* kind NONE: the file has "" for it */
	unsigned line;	      /* where it was read, 1 = the first */
};

struct users;

/* Where and why reading stopped. */
struct users_fault {
	unsigned line;	  /* 0: it did not */
	const char *text; /* NULL, or a literal */
};

/* Gives the table (copies text); NULL without memory. *fault is always filled. */
struct users *users_parse(struct slice text, struct users_fault *fault) MUST_USE;
/* Wipes and frees. NULL is allowed. */
void users_free(struct users *users);

size_t users_len(const struct users *users);
/* index < users_len; in the order of the file. */
const struct user *users_at(const struct users *users, size_t index);
/* The user of that name, or NULL. Borrowed from the table. */
const struct user *users_find(const struct users *users, struct slice name);
/*
 * Somebody whose kind of secret an unknown name shall imitate: always the same one for the
 * same name, and each kind as often as it is in the table. NULL when nobody has a secret.
 */
const struct secret *users_example(const struct users *users, const uint8_t key[SCRAM_KEY_LEN],
				   struct slice name);
/*
 * A key for imitations that is the same after a restart and in every process that reads the
 * same file, so that the salts shown for unknown names last as long as those of real ones.
 * BROKEN when nobody has a secret: take random bytes then.
 */
enum result users_mock_key(const struct users *users, uint8_t key[SCRAM_KEY_LEN]) MUST_USE;

#endif
