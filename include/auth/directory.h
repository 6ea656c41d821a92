#ifndef AUTH_DIRECTORY_H
#define AUTH_DIRECTORY_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/result.h"
#include "base/text.h"

/*
 * How users are looked for in an LDAP directory: the options of a rule with method ldap, or of
 * auth_ldap_options, in the words of pg_hba.conf (PostgreSQL docs, "LDAP Authentication"). Two
 * ways: a simple bind as prefix + user + suffix, or a search below a base for the entry of the
 * user and a bind as that entry. net/ask_ldap.h does the asking.
 */

enum directory_scope { DIRECTORY_BASE, DIRECTORY_ONE, DIRECTORY_SUBTREE };

/* All texts end with a NUL. */
struct directory {
	const char *uri;       /* scheme://host:port, several with blanks between */
	bool start_tls;	       /* StartTLS before anything else */
	const char *prefix;    /* "" when not given */
	const char *suffix;    /* the same */
	const char *base;      /* NULL: a simple bind */
	const char *bind_name; /* who searches; "": anonymous */
	const char *bind_password;
	const char *attribute; /* that holds the user's name; NULL: there is a filter */
	const char *filter;    /* with $username in it; NULL: there is an attribute */
	enum directory_scope scope;
};

/*
 * Reads options: name=value with blanks between, "..." around what has blanks in it. The texts go
 * to arena. BROKEN: *fault is a literal that says why, or NULL without memory.
 */
enum result directory_read(struct slice options, struct arena *arena, struct directory *directory,
			   const char **fault) MUST_USE;

/* Simple bind: whom to bind as. */
void directory_write_name(const struct directory *directory, struct slice user, struct buffer *out);
/*
 * Search: the filter for a user. BROKEN when the name has a character that means something in
 * filters (RFC 4515, section 3): nobody is called so.
 */
enum result directory_write_filter(const struct directory *directory, struct slice user,
				   struct buffer *out) MUST_USE;

#endif
