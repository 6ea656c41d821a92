#ifndef POOL_LOGIN_SECRET_H
#define POOL_LOGIN_SECRET_H

#include "auth/scram.h"
#include "auth/secret.h"

struct pool;

/*
 * What a pool logs in to its servers with: the password of the database's entry for its forced
 * user, else the password a client showed to PAM or LDAP, else the user's secret in auth_file, else
 * the one auth_query gave, and beside it the keys of a client that logged in by SCRAM
 * (pass-through).
 */
struct login_secret {
	struct secret            secret; /* kind NONE: there is none */
	const struct scram_keys *keys;   /* or NULL */
};

/* Borrowed until the next reload or pool_learn_keys, database_learn_secret. */
void pool_login_secret(const struct pool *pool, struct login_secret *found);

#endif
