#ifndef POOL_CANCELER_H
#define POOL_CANCELER_H

#include <stdbool.h>

#include "base/ending.h"
#include "base/result.h"
#include "pool/server.h"

/*
 * Delivers a cancel to a server and holds that server until it is settled: dials its address,
 * sends CancelRequest with the server's key, waits for PostgreSQL to close (which it does after
 * the signal was sent; docs, "Canceling Requests in Progress"). Only then may the server be
 * lent again or be sent a later request, so a cancel never hits a later query.
 */

/*
 * Cancels what runs on server now (it must be lent). Until this is settled server_has_cancel
 * says true. A server given back before the key was sent is not cancelled (END_CANCEL_LATE).
 * still_wanted is asked again when the connection is made: if
 * it says false the key is not sent. on_done (may be NULL) gets END_CANCEL_SENT,
 * END_CANCEL_LATE, END_CANCEL_TIMEOUT, END_CONNECT_FAILED. Both with ctx, which must stay valid
 * until on_done or canceler_forget. BROKEN without memory.
 */
enum result canceler_start(struct server *server, bool (*still_wanted)(void *ctx),
                           void (*on_done)(void *ctx, enum ending why), void *ctx) MUST_USE;
/* ctx goes away: still_wanted and on_done are not called any more (the key is then not sent). */
void canceler_forget(struct server *server, void *ctx);

#endif
