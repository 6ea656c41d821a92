#ifndef NET_WORKERS_H
#define NET_WORKERS_H

#include <stdbool.h>

#include "base/list.h"
#include "base/result.h"

/*
 * A few threads for calls that block and cannot be asked not to (PAM, LDAP). The loop hands a
 * piece of work over and gets it back; in between nothing of it may be touched. A thread has all
 * signals blocked, and works with what the piece of work owns alone: no mem_*, no log, no loop.
 */

struct loop;
struct workers;

/* Embedded in its owner, who fills in the functions; the other fields are the workers' own. */
struct work {
	struct list_node node;
	/* In a thread: what blocks. */
	void (*run)(struct work *work);
	/* In the loop: it was run. The owner has it again. */
	void (*on_done)(struct work *work);
	/* In the loop: it was abandoned, and no thread has it any more. The same. */
	void (*discard)(struct work *work);
	bool abandoned;
};

/* threads: at most; they are started as there is work. waiting: pieces no thread has, at most. */
struct workers *workers_new(struct loop *loop, unsigned threads, unsigned waiting) MUST_USE;
/*
 * All work must have been abandoned. Waits a moment for threads under way. One that a library
 * keeps for longer is left alone with its memory, and the process, when it ends, ends without
 * cleaning up beneath it. NULL is allowed.
 */
void workers_free(struct workers *workers);

/* Takes work until on_done or discard. BROKEN, work not taken: too many wait, or no thread. */
enum result workers_put(struct workers *workers, struct work *work) MUST_USE;
/* Nobody wants the answer: on_done is not called any more, but discard, now or later. */
void workers_abandon(struct workers *workers, struct work *work);
/* Pieces that wait for a thread. */
unsigned workers_waiting(struct workers *workers);

#endif
