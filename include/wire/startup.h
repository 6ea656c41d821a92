#ifndef WIRE_STARTUP_H
#define WIRE_STARTUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/result.h"
#include "base/text.h"

/*
 * StartupMessage, SSLRequest, GSSENCRequest, CancelRequest, NegotiateProtocolVersion
 * (PostgreSQL docs, "Message Formats" and "Start-up").
 */

#define PROTOCOL_3_0 0x00030000u
#define PROTOCOL_3_2 0x00030002u /* the newest we speak: longer cancel keys */

/* Walks the name/value pairs of a StartupMessage body. */
struct startup_pairs {
	struct slice rest;
	bool         ended; /* the terminator was met as the last byte */
};
void startup_pairs_init(struct startup_pairs *pairs, struct slice body);
/* OK a pair; AGAIN the end (terminator seen, nothing after it); BROKEN malformed. */
enum result startup_pairs_next(struct startup_pairs *pairs, struct slice *name,
                               struct slice *value) MUST_USE;

/* The start-up parameter that makes a server process a walsender. */
enum replication {
	REPLICATION_NONE,
	REPLICATION_PHYSICAL,
	REPLICATION_LOGICAL, /* tied to a database */
};
/* Its value as PostgreSQL reads it; BROKEN: it would refuse it. */
enum result startup_read_replication(struct slice value, enum replication *replication) MUST_USE;
/* "none", "physical" or "logical". */
const char *replication_name(enum replication replication);

/* Reads a CancelRequest body: pid and secret key (4 bytes up to protocol 3.0; 4..256 after). */
enum result startup_read_cancel(struct slice body, uint32_t *pid, struct slice *key) MUST_USE;

/* Writes a StartupMessage: begin, any number of pairs, end. */
size_t startup_write_begin(struct buffer *out, uint32_t version);
void   startup_write_pair(struct buffer *out, struct slice name, struct slice value);
void   startup_write_end(struct buffer *out, size_t mark);
void   startup_write_cancel(struct buffer *out, uint32_t pid, struct slice key);
void   startup_write_ssl_request(struct buffer *out);

/*
 * NegotiateProtocolVersion: the newest minor version we speak and the _pq_ options we do
 * not know (count names, borrowed).
 */
void startup_write_negotiate(struct buffer *out, uint32_t version, const struct slice *names,
                             unsigned count);
/* Reads it: the version, and how many options are not known. */
enum result startup_read_negotiate(struct slice body, uint32_t *version, uint32_t *count) MUST_USE;

/*
 * The "options" start-up parameter: takes the next "-c name=value" or "--name=value" from
 * *rest; backslash escapes are undone into scratch (kept until the next call).
 * OK a setting; AGAIN the end; BROKEN another form of option.
 */
enum result startup_next_option(struct slice *rest, struct buffer *scratch, struct slice *name,
                                struct slice *value) MUST_USE;

#endif
