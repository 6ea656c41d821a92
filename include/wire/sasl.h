#ifndef WIRE_SASL_H
#define WIRE_SASL_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/result.h"
#include "base/text.h"

/*
 * Authentication* messages ('R', from a server) and password messages ('p', from a client),
 * both ways (PostgreSQL docs, "Message Formats").
 */

enum auth_request {
	AUTH_REQUEST_OK = 0,
	AUTH_REQUEST_KERBEROS_V5 = 2,
	AUTH_REQUEST_CLEARTEXT = 3,
	AUTH_REQUEST_MD5 = 5,
	AUTH_REQUEST_GSS = 7,
	AUTH_REQUEST_GSS_CONTINUE = 8,
	AUTH_REQUEST_SSPI = 9,
	AUTH_REQUEST_SASL = 10,
	AUTH_REQUEST_SASL_CONTINUE = 11,
	AUTH_REQUEST_SASL_FINAL = 12,
};

struct auth_view {
	uint32_t     request; /* enum auth_request, or a number we do not know */
	struct slice data;    /* MD5: 4 bytes of salt; SASL: mechanism list; else data */
};
enum result sasl_read_request(struct slice body, struct auth_view *view) MUST_USE;
/* Takes the next mechanism name from a SASL list; AGAIN at its end. */
enum result sasl_next_mechanism(struct slice *list, struct slice *mechanism) MUST_USE;

void sasl_write_request(struct buffer *out, enum auth_request request, struct slice data);
/* AuthenticationSASL with these mechanism names. */
void sasl_write_mechanisms(struct buffer *out, const struct slice *names, unsigned count);

/* PasswordMessage: the password without NUL. */
enum result sasl_read_password(struct slice body, struct slice *password) MUST_USE;
/* SASLInitialResponse; data.data NULL when there is none. */
enum result sasl_read_initial(struct slice body, struct slice *mechanism, struct slice *data)
	MUST_USE;
void sasl_write_password(struct buffer *out, struct slice password);
void sasl_write_initial(struct buffer *out, struct slice mechanism, struct slice data);
/* SASLResponse: the body is the data. */
void sasl_write_response(struct buffer *out, struct slice data);

#endif
