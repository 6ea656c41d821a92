#ifndef AUTH_SCRAM_SERVER_H
#define AUTH_SCRAM_SERVER_H

#include "auth/scram.h"

/*
 * The server's side of one SCRAM exchange: a client proves that it knows the password.
 * Three messages: client-first in, server-first out; client-final in, server-final out.
 * After BROKEN the exchange is over. Pure: the nonce's bytes come from the caller.
 */

struct scram_server;

/*
 * verifier: copied. channel: what this connection could be bound to, NONE when
 * SCRAM-SHA-256-PLUS was not offered; its data is copied. NULL without memory, or
 * when the data is longer than a channel's can be.
 */
struct scram_server *scram_server_new(const struct scram_verifier *verifier,
				      struct scram_channel channel) MUST_USE;
/* Wipes and frees. NULL is allowed. */
void scram_server_free(struct scram_server *server);

/*
 * Reads client-first and appends server-first to out. mechanism: the one the client chose.
 * The user name in the message is ignored, as PostgreSQL does (it came with the startup
 * message). BROKEN: malformed, or the channel binding does not fit what was offered.
 */
enum result scram_server_first(struct scram_server *server, struct slice mechanism,
			       struct slice message, const uint8_t nonce[SCRAM_NONCE_LEN],
			       struct buffer *out) MUST_USE;
/*
 * Reads client-final and, when its proof is right, appends server-final to out and fills
 * *keys, with which one can log in to servers that hold the same verifier.
 */
enum result scram_server_final(struct scram_server *server, struct slice message,
			       struct buffer *out, struct scram_keys *keys) MUST_USE;

/* Why it is BROKEN, for the log: never NULL, borrowed for ever. */
const char *scram_server_reason(const struct scram_server *server);

#endif
