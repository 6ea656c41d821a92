#ifndef PROBE_LINK_H
#define PROBE_LINK_H

#include <stdbool.h>

#include "base/moment.h"
#include "base/result.h"
#include "conf/settings.h"
#include "net/loop.h"

/*
 * A connection of our own to one server, over libpq's asynchronous interface (PostgreSQL docs,
 * "Asynchronous Command Processing"): opened when it is needed, kept, one question at a time, each
 * with a deadline. Names are resolved without blocking.
 */

struct link;
struct resolver;
struct pg_result;

/* Borrowed for the call; texts NULL: not given. */
struct link_target {
	const char *host; /* name, address, "/dir", "@dir" */
	int port;
	const char *dbname, *user, *password;
	enum channel_binding channel_binding;
	const struct settings *settings; /* server_tls_*, tcp_* */
};

#define LINK_RESULTS 2 /* statements of one question whose results are kept */

struct link_answer {
	bool answered; /* the last statement's result, or an error, came in time */
	bool refused;  /* not answered; but alive: it let us not in */
	bool is_new;   /* the first answer on a new connection */
	struct moment asked;
	struct span latency;
	/* borrowed for the call; NULL: that statement gave no rows, or failed */
	const struct pg_result *results[LINK_RESULTS];
	const char *error; /* NULL: none. Borrowed for the call */
};

struct link_owner {
	/* A connection that waited for nothing was lost. NULL: nobody wants to know. */
	void (*on_lost)(void *ctx);
	void *ctx;
};

struct link *link_new(struct loop *loop, struct resolver *resolver, struct link_owner owner)
	MUST_USE;
/* No callback any more; may be called inside one. NULL is allowed. */
void link_free(struct link *link);
/*
 * Where it leads from now on. Another target than before closes the connection; a question under
 * way is then answered with an error. BROKEN without memory: as before.
 */
enum result link_aim(struct link *link, const struct link_target *target) MUST_USE;
/*
 * Asks (sql may hold several statements), connecting first where needed; each of the two may take
 * timeout. on_answer is called exactly once from the loop, unless the link is freed. Not while it
 * is busy. BROKEN without memory: no answer will come.
 */
enum result link_ask(struct link *link, const char *sql, struct span timeout,
		     void (*on_answer)(void *ctx, const struct link_answer *answer),
		     void *ctx) MUST_USE;
bool link_is_busy(const struct link *link);
/* When the question under way was asked (or begun to connect for); never: none is. */
struct moment link_busy_since(const struct link *link);
/* Closes the connection; not while it is busy. */
void link_close(struct link *link);

#endif
