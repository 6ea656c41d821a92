#ifndef ADMIN_ADMIN_INTERNAL_H
#define ADMIN_ADMIN_INTERNAL_H

#include <stdarg.h>
#include <stdio.h>

#include "admin/admin.h"
#include "admin/command.h"
#include "admin/grammar.h"
#include "admin/steering.h"
#include "admin/table.h"
#include "base/buffer.h"
#include "base/list.h"
#include "base/map.h"
#include "net/loop.h"
#include "net/timer.h"
#include "session/service.h"
#include "stats_internal.h"
#include "wire/message.h"

struct endpoint_facts;

/* ---- tokens: grammar.c and courtesy.c ---- */

#define TOKENS_MAX 8

enum token_kind { TOKEN_WORD, TOKEN_NAME, TOKEN_STRING, TOKEN_SIGN, TOKEN_BAD };

struct token {
	enum token_kind kind;
	struct slice text; /* without quotes, doubled ones still doubled */
};

struct tokens {
	struct token items[TOKENS_MAX];
	unsigned count;
	bool cut;    /* there are more */
	bool ended;  /* by a ; */
	bool broken; /* an open quote, a foreign sign, or something behind the ; */
};

bool token_is_sign(const struct token *token, char sign);
bool token_is_word(const struct token *token, struct slice word);
/* With NUL, doubled quotes undone; false when it does not fit. */
bool token_copy(const struct token *token, char *out, size_t cap);
/* true: line is filled. */
bool courtesy_read(const struct tokens *tokens, struct line *line);
/* A setting of PostgreSQL that drivers set and that has no meaning here. */
bool courtesy_ignores(struct slice setting);

/* ---- the console ---- */

#define CONSOLE_DATABASE "pgbouncer" /* the name SHOW prints, since tools look for it */

/* See failover.c. */
enum failover_step {
	FAILOVER_NONE,
	FAILOVER_DRAINING,  /* transactions on the primary come to their end */
	FAILOVER_ASKING,    /* how far it has written */
	FAILOVER_CATCHING,  /* until the replica has replayed that */
	FAILOVER_PROMOTING, /* pg_promote has been sent */
	FAILOVER_FINDING,   /* until the probes say it is the primary */
};

struct failover {
	enum failover_step step;
	char database[LINE_SUBJECT_MAX];
	char host[LINE_VALUE_MAX];
	int port;
	char position[32]; /* that the replica must reach, as the primary spells it */
	bool asked;	   /* an errand is under way */
	char error[256];   /* of the last one; "": it succeeded */
	struct moment deadline;
	struct timer tick;
};

struct admin {
	struct loop *loop;
	struct pools *pools;
	struct roster *roster;
	struct resolver *resolver;
	const struct settings *settings;
	const struct admin_actions *actions;
	const char *product, *version;
	struct service service;
	struct steering steering;
	struct stats stats;
	struct timer period; /* ends a window of stats */
	struct timer tick;   /* armed while commands wait for what nobody tells */
	struct list visits;
	struct list waits;	 /* visits whose command is not answered yet, oldest first */
	struct visit *suspender; /* whose SUSPEND is in force, or NULL */
	struct visit *shown;	 /* who asked for the SHOW under way, if by Query; else NULL */
	struct buffer out;	 /* the answer being written */
	struct failover failover;
	const struct request *explained; /* of the EXPLAIN ROUTE being answered, else NULL */
};

enum wait_kind {
	WAIT_NOTHING,
	WAIT_PAUSE,   /* until no server is open */
	WAIT_SUSPEND, /* until everything queued is sent */
	WAIT_CLOSE,   /* until no server is marked to be closed */
	WAIT_FAILOVER, /* until the primary has moved, or will not */
};

/* One client at the console. */
struct visit {
	struct list_node node, in_waits;
	struct admin *admin;
	struct session *session; /* NULL: it has left, only the reaper is to come */
	bool may_steer;
	bool own_user;	     /* our own user, over the Unix socket: gets descriptors */
	bool took_over;	     /* it suspended us, and got them */
	bool counted;	     /* its first command was */
	bool in_transaction; /* as far as its driver can see */
	bool skipping;	     /* after an error, until Sync */
	enum wait_kind wait;
	bool wait_simple;		      /* asked by Query: ReadyForQuery follows */
	struct moment wait_until;	      /* never: no limit */
	char wait_database[LINE_SUBJECT_MAX]; /* "": all */
	struct map statements;		      /* name -> struct statement_entry */
	struct map portals;		      /* name -> struct portal */
	struct loop_task reap;
};

/* One command under way. */
struct request {
	struct visit *visit;
	const struct line *line;
	struct slice text; /* as the client wrote it */
	struct buffer *out;
	const int16_t *formats; /* of the result's columns; NULL: all text */
	bool simple;		/* by Query: a result set begins with its RowDescription */
};

/* ---- console.c ---- */

/* Registers the service. */
void console_init(struct admin *admin);
/* True for the names of the console's database, which are its own user's, too. */
bool console_is_name(struct slice name);
/* Runs a line; the visit may have lost its session afterwards. */
enum outcome console_run(struct request *request);
/* The show that a line asks for, NULL when it is none. */
const struct show *console_show(const struct line *line);
void console_ready(struct visit *visit, struct buffer *out);
/* Sends what is in out and empties it. */
void console_send(struct visit *visit, struct buffer *out);

/* ---- extended.c ---- */

void extended_init(struct visit *visit);
void extended_release(struct visit *visit);
/* Parse, Bind, Describe, Execute, Close, Sync or Flush. */
void extended_message(struct visit *visit, const struct message *message);
/* The end of a transaction takes the portals along. */
void extended_drop_portals(struct visit *visit);
void extended_drop_statements(struct visit *visit);
/* false: there is none of that name. */
bool extended_drop_statement(struct visit *visit, struct slice name);

/* ---- reply.c ---- */

/* Writes the error and logs it; OUTCOME_REFUSED, or OUTCOME_DONE for reply_done. */
enum outcome reply_error(struct request *request, const char *sqlstate, const char *format, ...)
	PRINTF_LIKE(3, 4);
enum outcome reply_error_list(struct request *request, const char *sqlstate, const char *format,
			      va_list args) __attribute__((format(printf, 3, 0)));
/* The same with the reference's SQLSTATE for nearly everything. */
#define reply_refuse(request, ...) reply_error(request, "08P01", __VA_ARGS__)
enum outcome reply_invalid(struct request *request);
enum outcome reply_done(struct request *request, const char *tag);
void reply_notice(struct buffer *out, const char *text, const char *detail);

/* ---- waits.c ---- */

void waits_init(struct admin *admin);
void waits_release(struct admin *admin);
/* The command is answered later, with its verb as tag. until: never, or when it is over anyway. */
enum outcome wait_begin(struct request *request, enum wait_kind wait, struct moment until);
/* The visit's client leaves, or cancels: what it asked for is undone where that is the rule. */
void wait_abandon(struct visit *visit, bool cancelled);
/* RESUME came: commands that wait for a pause (of database, "" = all) will not see it. */
void waits_resumed(struct admin *admin, const char *database);

/* ---- cluster_control.c ---- */

/* True when words (host, host:port, [address]:port) mean this host. */
bool endpoint_is_named(const struct endpoint_facts *facts, const char *words);

/* ---- failover.c: the one planned failover that may be under way ---- */

void failover_init(struct admin *admin);
void failover_release(struct admin *admin);
/* The client who asked cancels or leaves: it is undone, if that can be. */
void failover_abandon(struct admin *admin);
/* True while it goes on; else *error is NULL (the primary has moved) or tells why not. */
bool failover_is_under_way(const struct admin *admin, const char **error);

/* ---- control.c, show*.c ---- */

/* The client whose SUSPEND is in force has left. */
void control_end_suspension(struct admin *admin);
enum outcome control_show(struct request *request);
enum outcome control_set(struct request *request);
enum outcome control_reload(struct request *request);
enum outcome control_pause(struct request *request);
enum outcome control_resume(struct request *request);
enum outcome control_suspend(struct request *request);
enum outcome control_disable(struct request *request);
enum outcome control_enable(struct request *request);
enum outcome control_reconnect(struct request *request);
enum outcome control_wait_close(struct request *request);
enum outcome control_kill(struct request *request);
enum outcome control_kill_client(struct request *request);
enum outcome control_shutdown(struct request *request);
enum outcome control_drain(struct request *request);
enum outcome control_undrain(struct request *request);
enum outcome control_explain(struct request *request);
enum outcome control_failover(struct request *request);

#endif
