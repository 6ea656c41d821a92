#ifndef SESSION_INTERNAL_H
#define SESSION_INTERNAL_H

#include "auth/challenge.h"
#include "auth/scram.h"
#include "base/list.h"
#include "base/map.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/timer.h"
#include "net/tls.h"
#include "pool/pool.h"
#include "route/policy.h"
#include "session/roster.h"
#include "session/session.h"
#include "track/conversation.h"
#include "wire/cancel_key.h"
#include "wire/frame.h"

/* What the modules of the session layer share: the two structs, and who calls whom. */

struct backend;
struct cancel;
struct direction;
struct hba;
struct ident;
struct lookup;
struct outside;
struct service;
struct workers;

/* How a client shows who it is. */
enum login_proof {
	PROOF_ANY,
	PROOF_TRUST,
	PROOF_PLAIN,
	PROOF_MD5,
	PROOF_SCRAM,
	PROOF_PEER,
	PROOF_CERTIFICATE,
	PROOF_PAM,
	PROOF_LDAP,
};

/* Who is asked about passwords in threads of his own, so that neither waits for the other. */
enum authority { AUTHORITY_PAM, AUTHORITY_LDAP, AUTHORITY_COUNT };

/* What is only needed until the client is in. */
struct login {
	enum login_proof  proof;
	struct lookup    *lookup;  /* of its secret, while under way */
	struct challenge *challenge;
	struct buffer     options; /* PAM: the service; LDAP: the options; NUL-terminated */
	struct outside   *outside; /* the password is being judged by somebody else */
	struct buffer     params;  /* settings the client asked for: name NUL value NUL ...; of a
	                              replication client all that is for its server */
	struct buffer     unknown; /* _pq_ options: name NUL ... */
	unsigned          unknown_count;
	uint32_t protocol;         /* the version spoken with it */
	bool negotiate;            /* it asked for another protocol or unknown options */
	bool skip_authentication;
	bool own_user;
	int  asked;                /* the enum auth_request that the next 'p' message answers */
	bool asked_ssl, asked_gss;
	bool awaits_proxy;         /* a proxy's header comes first */
	size_t proxy_len;          /* what that took; 0: none */
	struct address proxy;      /* whom it came from; len 0: through no proxy */
	struct dedicated dedicated; /* the server a replication client waits for */
};

/* Every client has one, idle or not: no holes, and what few have is behind a pointer. */
struct session {
	struct list_node     node; /* in roster.sessions */
	struct roster       *roster;
	uint64_t             id;
	struct stream       *stream;
	struct conversation *conversation; /* NULL before login and at a service */
	struct pool         *pool;         /* attached; NULL before login and at a service */
	struct database     *database;     /* counted in it; NULL before it is known */
	struct server       *server;       /* lent; NULL = none */
	struct waiter        waiter;
	struct direction    *direction;    /* of a client of a cluster, else NULL; see direct.c */
	struct login        *login;        /* while logging in */
	const struct service *service;     /* the console's, or NULL */
	void                *visit;        /* of the service */
	char                *user;         /* NUL-terminated; NULL before it is known */
	char                *dbname;       /* the same block as user */
	struct timer         deadline;
	struct loop_task     pump;         /* goes on with the input; frees when it left */
	struct cancel       *cancels;      /* the first aimed at this session */
	struct cancel       *cancel;       /* what this connection came for, if a CancelRequest */
	const char          *key;          /* its cancel key, in roster.keys */
	uint64_t query_number; /* of the query under way: what a cancel is meant for */

	/* the message under way from the client */
	uint32_t request_left; /* bytes of its body still to come */
	char     request_type;
	bool     request_drop; /* they are dropped, not sent */

	enum session_state state : 8;
	enum replication   replication : 8; /* its server is a walsender, its own until the end */
	uint8_t            key_len;         /* 0: it has no cancel key */

	bool stalled;       /* the next message waits for a reply (conversation_must_wait) */
	bool server_paused; /* the client is slow, its server is not read */
	bool in_query;      /* something asked is not answered yet */
	bool in_transaction;
	bool told_of_wait : 1; /* query_wait_notify, of the wait under way */
	bool is_unix : 1;      /* connected over a Unix socket, through no proxy */
	bool told : 1;         /* the client got its last error already */
	bool held : 1;         /* a service takes its time */
	bool suspended : 1;    /* SUSPEND */
	bool passed : 1;       /* another process has its socket, and may go on with it */
	bool counted : 1;      /* in database and user counts */
	bool watched : 1;      /* some timeout applies while it works or idles */

	struct moment connected;
	struct moment idle_since;
	struct moment hung_up; /* its end was seen, but what it asked before Terminate is to do */
	struct moment query_began;
	struct moment transaction_began;
	struct moment ready_at; /* the last ReadyForQuery inside a transaction */
};

/* With 8 bytes more malloc would take 16. */
_Static_assert(sizeof(struct session) <= 376, "an idle client costs less than a kilobyte");

/*
 * What the client before was told and wants: clients of one application ask for the same, so the
 * next one mostly need not have it worked out again.
 */
struct welcome_memo {
	const struct varset *welcome; /* of its pool; a reference, NULL: nothing is kept */
	const struct varset *wants;   /* a reference */
	struct buffer        params;   /* what it asked for, as struct login has it */
	struct buffer        messages; /* the ParameterStatus messages it got */
};

struct roster {
	struct loop            *loop;
	struct pools           *pools;
	struct statement_store *statements;
	struct varset_store    *varsets;
	const struct settings  *settings;
	struct tls_context     *tls; /* held; NULL: without TLS */
	struct list             sessions;
	struct map              keys;  /* cancel key -> session */
	struct map              users; /* name -> struct user_count */
	const struct service   *services[2];
	unsigned                logging_in;
	unsigned                served;
	bool                    shutting_down;
	bool                    suspended;
	struct welcome_memo     memo;
	struct buffer           scratch; /* what a lent server is told first */
	struct frame_limits     limits;
	struct stream_limits    stream_limits;
	struct moment           work_turn; /* when work_left was filled */
	uint32_t                work_left; /* password work left for this turn */
	uint8_t                 mock_key[SCRAM_KEY_LEN];
	struct hba             *hba;   /* with auth_type hba; NULL: no rules */
	struct ident           *ident; /* the maps for them */
	struct workers         *workers[AUTHORITY_COUNT]; /* NULL until the first is asked */
	struct loop_task        changed;
	void (*on_change)(void *ctx);
	void *on_change_ctx;
};

/* session.c */
/* The one door between states; the move must be in its table. */
void session_enter(struct session *session, enum session_state state);
bool session_is_leaving(const struct session *session);
/* Queues bytes for the client; ends the session without memory. */
void session_write(struct session *session, struct slice bytes);
/* The client is read again, unless all are suspended. */
void session_resume_client(struct session *session);
/* An idle client was answered without a server: it idles from now. */
void session_idle_anew(struct session *session);
/* Begins its conversation, with these settings (a reference is taken). BROKEN without memory. */
enum result session_converse(struct session *session, const struct varset *wants) MUST_USE;
/* The database of this name, made from `*` if need be; NULL as pools_database. */
struct database *session_database(struct session *session, struct slice name);
/*
 * A waiter's on_refuse: the client gets the server's error, or the ending's text, and is ended. The
 * log has the same text.
 */
void session_refused(struct waiter *waiter, enum ending why, struct slice error);
/* The server goes back to its pool, whatever its condition. */
void session_give_back(struct session *session);
/* Looks again at which timeout is due first. */
void session_watch_deadline(struct session *session);
/*
 * Ends the session for the packet at the start of input, of which not even the header makes sense
 * here; what there is of the header goes into the text as hexadecimal digits, nothing behind it.
 */
void session_end_unreadable(struct session *session, struct slice input);
void session_on_deadline(void *ctx);
/* Settings or user changed: does any timeout apply while it works or idles? */
void session_find_timeouts(struct session *session);

/* login.c: everything up to the first ReadyForQuery. */
extern const struct stream_events login_events;
void login_free(struct session *session);
/* Has the client prove itself by method; secret NULL: there is no such user. */
void login_challenge(struct session *session, enum auth_method method, const struct secret *secret,
                     const struct secret *example);
/* Whether a database of this name is answered by ourselves. */
bool roster_has_service(const struct roster *roster, const char *dbname);
/*
 * Reads what is at hand: a client may send packets without waiting for what we say to them. To be
 * called after whatever took its time, too.
 */
void login_read_on(struct session *session);
/* A turn's share of password work. */
void login_work(struct session *session);
/* What the challenge that was OUTSIDE has come to. */
void login_judged(struct session *session, enum ending ending, const char *reason);

/* admission.c: how a client has to prove who it is, and against which secret. */
void admission_begin(struct session *session);
/* Whether the tables of rules and maps have to be made anew. */
bool admission_differs(const struct settings *before, const struct settings *after);
/* Makes the tables of rules and maps of the settings in force. */
void admission_read(struct roster *roster);
void admission_release(struct roster *roster);

/* outside.c: PAM and LDAP. */
/* The challenge is OUTSIDE: has the password judged; login_judged follows. */
void outside_ask(struct session *session);
/* Nobody waits for the answer any more. NULL is allowed. */
void outside_cancel(struct outside *outside);
/* No session may be left. */
void outside_release(struct roster *roster);

/* secure.c */
void secure_on_ssl_request(struct session *session, const struct startup_frame *frame);
void secure_on_gss_request(struct session *session, const struct startup_frame *frame);
/* The first byte is that of a TLS handshake. */
void secure_on_direct_tls(struct session *session);
/* True when this client must not go on without TLS. */
bool secure_is_missing(const struct session *session);
/* The stream ended: if that was because of TLS, the log is told. */
void secure_log_failure(const struct session *session);

/* proxied.c */
/* A connection was just accepted: does a proxy have to say first whose it is? */
void proxied_expect(struct session *session, const struct address *peer);
/* Reads the header; ends the session if it is none. True when it is done. */
bool proxied_read(struct session *session);
/* " proxy=10.0.0.9:4711" for the log, "" without; cap >= 80. */
const char *proxied_print(const struct session *session, char *text, size_t cap);

/* startup.c */
/*
 * Reads the StartupMessage into session->user, dbname and login. END_NONE or why not; *detail
 * may get a better text (in the roster's scratch buffer).
 */
enum ending startup_read(struct session *session, const struct startup_frame *frame,
                         const char **detail);

/* welcome.c: the client proved who it is: what it is told, and the wait for the first server. */
void welcome_begin(struct session *session);
/* Has everything sent that a login ends with, parameters being the ParameterStatus messages. */
void welcome_send(struct session *session, struct slice parameters);
void welcome_memo_clear(struct welcome_memo *memo);

/* replication.c: clients whose server is a walsender, started for them alone. */
/* The client proved who it is, its pool is known: starts its server, welcomes it then. */
void replication_begin(struct session *session);

/* request.c: client to server. */
extern const struct stream_events request_events;
void request_pump(struct session *session);
/* Sends the turn's requests again after REPLY_RETRY. */
void request_replay(struct session *session);
/* A server has been lent: tells it what it must know. */
void request_granted(struct session *session, struct server *server);
/* The login is over: it is idle, and its requests are read; servers are asked for as they need. */
void request_begin(struct session *session);
/* CancelRequest for a session that waits for a server. */
void request_cancel_waiting(struct session *session);
/* The turn that waits gets this error instead of a server; false: it cannot be told. */
bool request_refuse_waiting(struct session *session, const char *sqlstate, const char *text);

/*
 * direct.c: where the transactions of clients of a cluster go. All but the first and the last two
 * are for sessions with a direction only.
 */
/* Gives the session a direction if its database is a cluster now. BROKEN without memory. */
enum result direct_open(struct session *session) MUST_USE;
enum direct_step {
	DIRECT_GOES,     /* a server is lent */
	DIRECT_ANSWERED, /* the next *answered bytes of input are dealt with */
	DIRECT_OVER,     /* it waits, or is over, or was told that the turn is not run */
};
/* The first message of a turn, at the front of rest, needs a server and there is none. */
enum direct_step direct_begin(struct session *session, struct slice rest,
                              const struct message *message, size_t *answered);
/* The cluster has changed, or a wait is over: decides anew for the turn that waits. */
void direct_again(struct session *session);
/* A server is lent and aligned: appends what else it is told first. BROKEN without memory. */
enum result direct_granted(struct session *session, struct backend *backend,
                           struct buffer *out) MUST_USE;
/* The turn is sent to the same server once more. */
void direct_replayed(struct session *session, struct backend *backend);
/* True when the message may not be sent before the server has answered. */
bool direct_must_wait(struct session *session, const struct message *message);
/* True when the message was answered without the server lent; see direct_begin. */
bool direct_answers(struct session *session, const struct message *message, size_t *answered);
/* This message was dealt with. */
void direct_sent(struct session *session, const struct message *message);
/* A ReadyForQuery goes to the client. */
void direct_ready(struct session *session);
/* The server goes away; in_query and in_transaction tell how. */
void direct_given_back(struct session *session);
/* Another server is to run the turn. */
void direct_move(struct session *session, enum moved_why why);
void direct_consume(struct session *session, size_t n);
/* The wait for a host has lasted too long. */
void direct_hold_over(struct session *session);
void direct_forget_block(struct session *session);
enum route_wish direct_wish(const struct session *session);
/* What is left of a turn to be sent again, in front of the client's input. */
struct slice direct_moved(const struct session *session);
/* When direct_hold_over is due; never: it waits for no host. *why: what the wait ends with. */
struct moment direct_hold_ends(const struct session *session, enum ending *why);
/* True when it was told that its block has begun, and no server knows of it. */
bool direct_has_block(const struct session *session);
void direct_close(struct session *session);

/* reply.c: server to client. */
extern const struct borrower_events reply_events;
/* The turn is over: the server is given back, if the mode and nothing else keeps it. */
void reply_turn_over(struct session *session);

/* visit.c: sessions at a service. */
extern const struct stream_events visit_events;

/* cancel.c */
/* A CancelRequest came on this connection. */
void cancel_begin(struct session *requester, struct slice key);
/* Gives session a cancel key of its own, CANCEL_KEY_SHORT or _LONG. BROKEN without memory. */
enum result cancel_give_key(struct session *session, size_t len) MUST_USE;
/* Gives session this key. BROKEN without memory, or if another has it. */
enum result cancel_keep_key(struct session *session, struct slice key) MUST_USE;
/* Its cancel key; empty: it has none. */
struct slice cancel_key_of(const struct session *session);
/* The session ends: its key is void, cancels aimed at it or asked by it let go of it. */
void cancel_forget(struct session *session);

/* roster.c */
/*
 * A session for a connection, in its first state; fd is taken, also on failure (NULL without
 * memory).
 */
struct session *roster_add_session(struct roster *roster, int fd) MUST_USE;
enum result roster_count_user(struct roster *roster, struct slice user, int change) MUST_USE;
void        roster_changed(struct roster *roster);

#endif
