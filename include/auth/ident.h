#ifndef AUTH_IDENT_H
#define AUTH_IDENT_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/hba.h"

/*
 * The maps of auth_ident_file: which database users a name from a certificate or of the
 * operating system may be (PostgreSQL docs, "User Name Maps"). Lines `map system-user
 * database-user`; the database user `all` stands for every one. Read-only once parsed.
 */

struct ident;

/* Gives the table (copies what it needs); NULL without memory. A broken line is told, skipped. */
struct ident *ident_parse(struct slice text, const struct line_faults *faults) MUST_USE;
/* NULL is allowed. */
void ident_free(struct ident *ident);
size_t ident_len(const struct ident *ident);
/*
 * Whether this system user may be this database user. map.data NULL: the names must be equal.
 * An unknown map allows nothing.
 */
bool ident_allows(const struct ident *ident, struct slice map, struct slice system_user,
		  struct slice database_user);

#endif
