#ifndef NET_TLS_H
#define NET_TLS_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/result.h"
#include "conf/settings.h"

/*
 * What a TLS connection is made from: certificate, key, trusted authorities, versions and
 * ciphers, read once from settings and files and then shared by counting. A reload makes a new
 * one; connections keep the one they were made with.
 */

struct tls_context;

/* With whom: clients see us as the server, servers as the client. */
enum tls_side { TLS_WITH_CLIENTS, TLS_WITH_SERVERS };

/*
 * Reads the client_tls_ or server_tls_ settings and the files they name. The caller holds the
 * context (tls_context_unref). NULL: it cannot be, and why (appended) says what failed first,
 * with the name of the setting, the file and OpenSSL's reason. With sslmode disable no file is
 * read.
 */
struct tls_context *tls_context_new(enum tls_side side, const struct settings *settings,
				    struct buffer *why) MUST_USE;
/* One holder more; gives context itself. */
struct tls_context *tls_context_ref(struct tls_context *context);
/* One holder less. NULL is allowed. */
void tls_context_unref(struct tls_context *context);

/* The sslmode in force, which may be older than that of the settings. */
enum tls_mode tls_context_mode(const struct tls_context *context);
/* True when made from the same settings and the same contents of files. */
bool tls_context_equal(const struct tls_context *a, const struct tls_context *b);

/*
 * The versions of a protocols setting: tlsv1.0 to tlsv1.3, tlsv1 or all (every one), secure or
 * default (1.2 and 1.3), separated by commas or colons; '!' takes out, from all when it comes
 * first. Bit n stands for TLS 1.n. BROKEN: a word is unknown or nothing is left.
 */
enum result tls_protocols_read(struct slice text, unsigned *versions) MUST_USE;

#endif
