#ifndef AUTH_CHALLENGE_H
#define AUTH_CHALLENGE_H

#include "auth/keyring.h"
#include "auth/secret.h"
#include "base/ending.h"
#include "wire/sasl.h"

/*
 * One client proves who it is: which request to send for an auth_type and a secret, what its
 * answers mean, and when it is let in. A user who does not exist is asked the same questions,
 * from a secret nobody knows, and fails at the same place after the same work.
 *
 *   ASKING --answer--> ASKING | DERIVING | OUTSIDE | PASSED | REFUSED
 *   DERIVING --work--> DERIVING | ASKING | PASSED | REFUSED
 *   OUTSIDE --verdict--> PASSED | REFUSED
 */

/* OUTSIDE: the password in clear text, judged by somebody else (PAM, LDAP); there is no secret. */
enum auth_method { AUTH_ANY, AUTH_TRUST, AUTH_PLAIN, AUTH_MD5, AUTH_SCRAM, AUTH_OUTSIDE };

enum challenge_state {
	CHALLENGE_ASKING,   /* send challenge_request(), then wait for a 'p' message */
	CHALLENGE_DERIVING, /* call challenge_work() when there is time */
	CHALLENGE_OUTSIDE,  /* have challenge_password() judged, then call challenge_verdict() */
	CHALLENGE_PASSED,   /* send challenge_request() unless it is OK, then AuthenticationOk */
	CHALLENGE_REFUSED,  /* challenge_ending() says why */
};

#define CHALLENGE_RANDOM_LEN (SCRAM_NONCE_LEN + 4)

struct challenge_setup {
	enum auth_method method;
	struct slice user;
	const struct secret *secret;  /* NULL: there is no such user */
	const struct secret *example; /* whom to imitate for it (users_example), or NULL */
	uint32_t iterations;	      /* scram_iterations, for plain secrets */
	const uint8_t *mock_key;      /* SCRAM_KEY_LEN bytes, random, the same for a process */
	const uint8_t *random;	      /* CHALLENGE_RANDOM_LEN fresh bytes */
	struct scram_channel channel; /* NONE: SCRAM-SHA-256-PLUS is not offered */
	struct keyring *keyring;      /* borrowed until challenge_free; NULL: remember nothing */
};

struct challenge;

/* Copies all but the keyring. NULL without memory. Look at challenge_state next. */
struct challenge *challenge_new(const struct challenge_setup *setup) MUST_USE;
/* Wipes and frees. NULL is allowed. */
void challenge_free(struct challenge *challenge);

enum challenge_state challenge_state(const struct challenge *challenge);
/*
 * What to send now, made for sasl_write_request: CLEARTEXT, MD5, SASL, SASL_CONTINUE or
 * SASL_FINAL with its data; OK when there is nothing to send. The data is borrowed until the
 * next call that takes the challenge.
 */
enum auth_request challenge_request(const struct challenge *challenge, struct slice *data);

/*
 * Only in ASKING: the client's 'p' message. After AUTH_REQUEST_SASL it is a SASLInitialResponse:
 * mechanism, and data (data.data NULL when it had none); otherwise mechanism is SLICE_NONE and
 * data is the password without its NUL, the md5 answer or the SASL response.
 */
enum challenge_state challenge_answer(struct challenge *challenge, struct slice mechanism,
				      struct slice data);
/* Only in DERIVING: spends up to *budget iterations (see derivation_run). */
enum challenge_state challenge_work(struct challenge *challenge, uint32_t *budget);

/* In OUTSIDE, and after it in PASSED: what the client sent. Borrowed. */
struct slice challenge_password(const struct challenge *challenge);
/* Only in OUTSIDE: END_NONE lets the client in; otherwise why not, and a literal for the log. */
enum challenge_state challenge_verdict(struct challenge *challenge, enum ending ending,
				       const char *reason);

/* In REFUSED: what the client is told; and for the log alone, why (a literal, never NULL). */
enum ending challenge_ending(const struct challenge *challenge);
const char *challenge_reason(const struct challenge *challenge);
/*
 * In PASSED: keys for servers that hold the same SCRAM verifier; NULL when the proof gave
 * none. Borrowed.
 */
const struct scram_keys *challenge_keys(const struct challenge *challenge);

#endif
