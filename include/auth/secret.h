#ifndef AUTH_SECRET_H
#define AUTH_SECRET_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/scram.h"
#include "base/result.h"
#include "base/text.h"

/* What is stored to recognise a user by, in the forms PostgreSQL and auth_file know. */

enum secret_kind {
	SECRET_NONE,  /* empty or a broken verifier: no password fits */
	SECRET_PLAIN, /* the password itself */
	SECRET_MD5,   /* "md5" + 32 hexadecimal digits */
	SECRET_SCRAM, /* SCRAM-SHA-256$... */
};

struct secret {
	enum secret_kind kind;
	struct slice text; /* as stored; borrowed */
};

#define SECRET_MOCK_MAX SCRAM_TEXT_MAX /* bytes of a mock secret's text */

/*
 * The kind is read off the text, as PostgreSQL does (get_password_type), but for a text that
 * begins like a SCRAM verifier and is not one: nobody can log in with that. Borrows text.
 */
struct secret secret_of(struct slice text);

/* How a secret can be proved. */
enum secret_use {
	SECRET_BY_CLEARTEXT, /* the client sends the password */
	SECRET_BY_MD5,
	SECRET_BY_SCRAM,
};
/* False for SECRET_NONE always; md5 cannot serve SCRAM, SCRAM cannot serve md5. */
bool secret_serves(enum secret_kind kind, enum secret_use use);

/*
 * Whether password is the one behind secret, in constant time for its kind; empty passwords
 * never are. user: salts the md5 form. keys: for SECRET_SCRAM the password derived under the
 * verifier's recipe (see derivation.h), else unused.
 */
bool secret_fits(const struct secret *secret, struct slice user, struct slice password,
		 const struct scram_keys *keys);

/*
 * A secret nobody can know, for a user who does not exist: of the same kind (and SCRAM recipe)
 * as example, or SCRAM with the given iterations when example is NULL or of kind NONE. It
 * depends on key, user and example alone: the same question gets the same answer. Its text
 * goes to room, which it borrows. BROKEN when libcrypto fails.
 */
enum result secret_mock(struct secret *mock, const struct secret *example, uint32_t iterations,
			const uint8_t key[SCRAM_KEY_LEN], struct slice user,
			char room[SECRET_MOCK_MAX]) MUST_USE;

#endif
