#ifndef AUTH_HBA_H
#define AUTH_HBA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"
#include "base/text.h"
#include "conf/text_file.h"

/*
 * Who may come in, from where, and how he proves who he is: the rules of auth_hba_file, in the
 * form of pg_hba.conf (PostgreSQL docs, "The pg_hba.conf File") as far as a pooler can know:
 * no groups of roles, no host names. The first rule that matches counts. Read-only once parsed.
 */

enum hba_method {
	HBA_TRUST,
	HBA_REJECT,
	HBA_MD5,
	HBA_PASSWORD,
	HBA_SCRAM,
	HBA_PEER,
	HBA_CERT,
	HBA_LDAP,
	HBA_PAM,
};

struct hba_rule {
	enum hba_method method;
	struct slice map;     /* PEER and CERT: name of an ident map, data NULL: none */
	struct slice options; /* LDAP: see auth/directory.h; PAM: the service, data NULL: none */
	unsigned line;	      /* 1 = the first */
};

/* A login. */
struct hba_login {
	struct slice database, user;
	const uint8_t *address; /* 4 or 16 bytes in network order; NULL: a Unix socket */
	size_t address_len;
	bool tls;
	bool replication; /* physical: only rules for `replication` match, and no others do */
};

/* Told of each line that is skipped: its number and a literal that says why. */
struct line_faults {
	void (*on_fault)(void *ctx, unsigned line, const char *text);
	void *ctx;
};

struct hba;

/*
 * Gives the table (copies all it needs); NULL without memory. includes: the files that @name
 * in text, or in one of them, stands for. A line with a mistake is told and skipped.
 */
struct hba *hba_parse(struct slice text, const struct text_file *includes, size_t include_count,
		      const struct line_faults *faults) MUST_USE;
/* NULL is allowed. */
void hba_free(struct hba *hba);
/* Rules in the table. */
size_t hba_len(const struct hba *hba);
/* Whether a rule has this method. */
bool hba_uses(const struct hba *hba, enum hba_method method);
/* The first rule for this login, or NULL. Borrowed from the table. */
const struct hba_rule *hba_match(const struct hba *hba, const struct hba_login *login);

#endif
