/*
 * Passwords that somebody else judges: PAM and LDAP. Each question goes to a thread with copies of
 * all it needs, and comes back to the loop; a session that has gone meanwhile leaves its question
 * an orphan. Owns the questions and, through the roster, the threads.
 *
 * What the client proved itself with is what its servers are logged in with, as the database learns
 * it here.
 */
#include "session_internal.h"

#include <stdio.h>
#include <time.h>

#include "auth/directory.h"
#include "base/alloc.h"
#include "base/arena.h"
#include "base/log.h"
#include "net/ask_ldap.h"
#include "net/ask_pam.h"
#include "net/workers.h"
#include "pool/database.h"

/* Threads of an authority, and how many may wait for one. */
#define THREADS_MAX 8
#define WAITING_MAX 1000
/* A question takes no longer than the login; without client_login_timeout no longer than this. */
#define ANSWER_SECONDS 60

struct outside {
	struct work      work;
	struct session  *session; /* not touched in the thread */
	enum authority   authority;
	struct moment    until;    /* nobody wants the answer then */
	struct arena    *arena;    /* of the texts, wiped with them */
	const char      *user, *password;
	const char      *host;     /* PAM */
	const char      *service;  /* PAM */
	const char      *name, *filter; /* LDAP: one of them */
	struct directory directory;     /* LDAP */
	bool             fits;
	char             reason[256];
};

static enum authority authority_of(const struct session *session)
{
	return session->login->proof == PROOF_PAM ? AUTHORITY_PAM : AUTHORITY_LDAP;
}

static enum ending refusal_of(enum authority authority)
{
	return authority == AUTHORITY_PAM ? END_PAM_FAILED : END_LDAP_FAILED;
}

static void free_outside(struct outside *outside)
{
	arena_free_secret(outside->arena);
	mem_free_secret(outside, sizeof(*outside));
}

/* ---- in the thread ---- */

static void ask(struct work *work)
{
	struct outside *outside = CONTAINER_OF(work, struct outside, work);
	struct timespec clock;
	int64_t         left_ms;

	clock_gettime(CLOCK_MONOTONIC, &clock);
	left_ms = outside->until.us / 1000 - (int64_t)clock.tv_sec * 1000 - clock.tv_nsec / 1000000;
	if (left_ms <= 0) {
		snprintf(outside->reason, sizeof(outside->reason), "waited too long");
	} else if (outside->authority == AUTHORITY_PAM) {
		const struct pam_question question = {
			.service = outside->service,
			.user = outside->user,
			.password = outside->password,
			.host = outside->host,
		};
		outside->fits =
			ask_pam(&question, outside->reason, sizeof(outside->reason));
	} else {
		const struct ldap_question question = {
			.directory = &outside->directory,
			.name = outside->name,
			.filter = outside->filter,
			.password = outside->password,
			.timeout_ms = (int)left_ms,
		};
		outside->fits =
			ask_ldap(&question, outside->reason, sizeof(outside->reason));
	}
}

/* ---- the answer ---- */

/* Its pool's servers are logged in with what it showed. */
static enum ending learn(struct session *session)
{
	struct slice user = slice_of(session->user);

	if (session->database == NULL ||
	    database_learn_password(session->database, user,
	                            challenge_password(session->login->challenge)) == OK)
		return END_NONE;
	return END_NO_MEMORY;
}

static void on_done(struct work *work)
{
	struct outside *outside = CONTAINER_OF(work, struct outside, work);
	struct session *session = outside->session;
	enum ending     ending = refusal_of(outside->authority);

	session->login->outside = NULL;
	if (outside->fits)
		ending = learn(session);
	else
		log_line(LEVEL_LOG, session_prefix(session), "%s: %s", ending_row(ending)->text,
		         outside->reason);
	free_outside(outside);
	login_judged(session, ending, "somebody else said no");
}

static void discard(struct work *work)
{
	free_outside(CONTAINER_OF(work, struct outside, work));
}

void outside_cancel(struct outside *outside)
{
	if (outside != NULL)
		workers_abandon(outside->session->roster->workers[outside->authority],
		                &outside->work);
}

/* ---- the question ---- */

static const char *keep_buffer(struct outside *outside, struct buffer *text)
{
	const char *kept = NULL;

	if (!text->failed)
		kept = arena_copy_text(outside->arena, buffer_slice(text));
	buffer_release(text);
	return kept;
}

/* The address as PostgreSQL gives it to PAM. */
static enum ending prepare_pam(struct outside *outside, const struct session *session)
{
	const struct address *peer = stream_peer(session->stream);
	char                  text[48];

	address_host(peer, text, sizeof(text));
	outside->host = arena_copy_text(outside->arena,
	                                slice_of(address_is_unix(peer) ? "[local]" : text));
	outside->service = arena_copy_text(outside->arena,
	                                   slice_of(session->login->options.data));
	return outside->host && outside->service ? END_NONE : END_NO_MEMORY;
}

static enum ending prepare_ldap(struct outside *outside, const struct session *session)
{
	struct buffer out = BUFFER_EMPTY;
	struct slice  user = slice_of(session->user);
	const char   *fault;

	if (directory_read(slice_of(session->login->options.data), outside->arena,
	                   &outside->directory, &fault) != OK) {
		if (fault != NULL)
			log_error("auth_ldap_options: %s", fault);
		return fault != NULL ? END_CONFIG_ERROR : END_NO_MEMORY;
	}
	if (outside->directory.base == NULL) {
		directory_write_name(&outside->directory, user, &out);
		outside->name = keep_buffer(outside, &out);
		return outside->name ? END_NONE : END_NO_MEMORY;
	}
	if (directory_write_filter(&outside->directory, user, &out) != OK) {
		log_line(LEVEL_LOG, session_prefix(session),
		         "LDAP authentication failed: a character of the name is not possible");
		return END_LDAP_FAILED;
	}
	outside->filter = keep_buffer(outside, &out);
	return outside->filter ? END_NONE : END_NO_MEMORY;
}

static enum ending prepare(struct outside *outside, struct session *session)
{
	const struct settings *settings = session->roster->settings;
	struct span            timeout = settings->client_login_timeout;

	if (timeout.us <= 0)
		timeout = span_seconds(ANSWER_SECONDS);
	outside->until = moment_after(session->connected, timeout);
	outside->session = session;
	outside->authority = authority_of(session);
	outside->work = (struct work){ .run = ask, .on_done = on_done, .discard = discard };
	outside->arena = arena_new();
	if (outside->arena == NULL)
		return END_NO_MEMORY;
	outside->user = arena_copy_text(outside->arena, slice_of(session->user));
	outside->password =
		arena_copy_text(outside->arena, challenge_password(session->login->challenge));
	if (outside->user == NULL || outside->password == NULL)
		return END_NO_MEMORY;
	return outside->authority == AUTHORITY_PAM ? prepare_pam(outside, session)
	                                           : prepare_ldap(outside, session);
}

static enum ending hand_over(struct outside *outside, struct session *session)
{
	struct roster   *roster = session->roster;
	struct workers **workers = &roster->workers[outside->authority];

	if (*workers == NULL)
		*workers = workers_new(roster->loop, THREADS_MAX, WAITING_MAX);
	if (*workers == NULL)
		return END_NO_MEMORY;
	if (workers_put(*workers, &outside->work) == OK) {
		session->login->outside = outside;
		return END_NONE;
	}
	log_line(LEVEL_WARNING, session_prefix(session), "too many logins wait for %s",
	         outside->authority == AUTHORITY_PAM ? "PAM" : "LDAP");
	return END_RESOURCES;
}

void outside_ask(struct session *session)
{
	struct outside *outside = mem_alloc_zero(sizeof(*outside));
	enum ending     ending = END_NO_MEMORY;

	if (outside != NULL) {
		ending = prepare(outside, session);
		if (ending == END_NONE)
			ending = hand_over(outside, session);
		if (ending != END_NONE)
			free_outside(outside);
	}
	if (ending != END_NONE)
		session_end(session, ending, NULL);
}

void outside_release(struct roster *roster)
{
	for (size_t i = 0; i < COUNT_OF(roster->workers); i++) {
		workers_free(roster->workers[i]);
		roster->workers[i] = NULL;
	}
}
