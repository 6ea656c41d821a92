#ifndef ROUTE_POSITION_H
#define ROUTE_POSITION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/moment.h"
#include "base/result.h"
#include "base/text.h"
#include "route/cluster.h"

/*
 * How far somebody has written, for one integer comparison per read. Rounds of probes are
 * numbered; each samples the primary's insert position. What was written before round n was sent
 * is in its position; a replica that has replayed it has reached round n. So after a write a
 * client needs the round after the newest sent.
 */

/* A round is to be sent now: its number. Rounds lost on their way are simply never reached. */
uint64_t position_send_round(struct cluster *cluster, struct moment now);
/* The round that something written until now will be in: the newest sent, plus one. */
uint64_t position_need(const struct cluster *cluster);
/* True when some read needs a round that no replica has reached: probing may hurry. */
bool position_is_wanted(const struct cluster *cluster);
/* The same, and the round is not sent yet. */
bool position_wants_round(const struct cluster *cluster);
/* The newest round whose position is known; 0: none on this timeline. */
uint64_t position_answered(const struct cluster *cluster);
/* Somebody waits, or goes to the primary, for want of this round. */
void position_want(struct cluster *cluster, uint64_t need);

/*
 * Needs shared by a scope (user, application, database: read_consistency): key is the user's or
 * application's name, empty for the database. Bounded: the least recently written key is
 * forgotten into a need of all keys, which is never too old. note BROKEN without memory: it was
 * noted for all keys instead, so the result may be ignored.
 */
void     position_note_scope(struct cluster *cluster, struct slice key, uint64_t need);
uint64_t position_scope_need(const struct cluster *cluster, struct slice key);

/*
 * SHOW pgcarwash.position and SET pgcarwash.read_after: "<system id>/<timeline>/<LSN>", a position
 * at or after all that was written until the round of need was sent. write: the text's length, 0
 * when no primary has answered since (to be asked again after the next round). read: the need
 * that such a text means here; BROKEN when it is no position; a position of another cluster or
 * of an older timeline is reached when the present timeline has begun behind it.
 */
size_t      position_write(const struct cluster *cluster, uint64_t need, char *text, size_t room);
enum result position_read(struct cluster *cluster, struct slice text, uint64_t *need) MUST_USE;

#endif
