#ifndef TRACK_GUARD_H
#define TRACK_GUARD_H

#include "base/result.h"
#include "track/backend.h"

/* Turns that may be run on another server than the one they were sent to. */

/* A turn of more bytes is not to be guarded. */
#define BACKEND_GUARD_MAX 65536
/*
 * The turn that begins now, on a server just lent and aligned, may be run elsewhere as long as its
 * client has got nothing of it: REPLY_ELSEWHERE. It is alone (nothing is sent behind it before it
 * is over) and no longer than BACKEND_GUARD_MAX. Ends by itself.
 */
void backend_guard(struct backend *backend);
/*
 * Looks at what has come for a guarded turn, input beginning with a message of the server: if it
 * tells already that the turn stays, the guard ends and no reply needs to be kept. Else nothing.
 */
void backend_guard_look(struct backend *backend, struct slice input);
/*
 * The same place and time, for a server that may do what cannot be done twice: the turn is only
 * recorded, for backend_take_unsent. Ends by itself with the turn.
 */
void backend_keep(struct backend *backend);
/* True when backend_take_unsent would take the turn. */
bool backend_is_kept(const struct backend *backend);
/*
 * The server is lost and nothing was sent to it since it was lent, which only the caller can know:
 * as after REPLY_ELSEWHERE. AGAIN: the turn is not all here or not kept, nothing is changed.
 * BROKEN without memory: the client is lost.
 */
enum result backend_take_unsent(struct backend *backend) MUST_USE;
/*
 * The server is lost, or not wanted any more: as after REPLY_ELSEWHERE if the turn may still be
 * run elsewhere. AGAIN: it may not, nothing is changed. BROKEN without memory: the client is lost.
 */
enum result backend_take_elsewhere(struct backend *backend) MUST_USE;

#endif
