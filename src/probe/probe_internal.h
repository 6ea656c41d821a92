#ifndef PROBE_INTERNAL_H
#define PROBE_INTERNAL_H

#include <stdbool.h>

#include <libpq-fe.h>

#include "base/result.h"
#include "probe/link.h"
#include "route/cluster.h"

struct resolve_answer;

/* What the files of this folder share. */

/* ---- link_params.c ---- */

#define LINK_PARAMS_MAX 24

/* What libpq is told of a target, as keywords and values; owned. */
struct link_params {
	char *host; /* NULL: not aimed yet */
	int port;
	const char *names[LINK_PARAMS_MAX];
	char *values[LINK_PARAMS_MAX]; /* wiped when released: one is a password */
	unsigned count;
};

enum result link_params_init(struct link_params *params, const struct link_target *target)
	MUST_USE;
void link_params_release(struct link_params *params);
bool link_params_equal(const struct link_params *a, const struct link_params *b);
/*
 * Begins to connect, to the addresses found (NULL: a Unix socket), another one first after each
 * failure. Gives the connection, or NULL without memory.
 */
PGconn *link_params_connect(const struct link_params *params, const struct resolve_answer *found,
			    unsigned attempts) MUST_USE;

/* ---- question.c ---- */

/*
 * The question, with lag_query behind it where there is one; appended to out (an owned text). NULL
 * without memory.
 */
char *question_text(const char *lag_query) MUST_USE;
/* What an answer says; facts->round is not touched. */
void question_read(const struct link_answer *answer, struct probe_facts *facts);

#endif
