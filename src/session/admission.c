/*
 * How a client has to prove who it is: by auth_type, or by the rule of auth_hba_file that fits its
 * login; and against which secret: that of auth_file, or one that auth_query finds. Called by
 * login.c, which carries out the proof. The roster owns the tables of rules and maps.
 */
#include "session_internal.h"

#include <pwd.h>
#include <unistd.h>

#include "auth/challenge.h"
#include "auth/hba.h"
#include "auth/ident.h"
#include "auth/users.h"
#include "base/log.h"
#include "conf/option.h"
#include "lookup.h"
#include "net/ask_ldap.h"
#include "net/ask_pam.h"
#include "net/stream_tls.h"
#include "pool/database.h"
#include "pool/pools.h"

#define PASSWD_ROOM 4096

/* What PAM knows us as: people have its file from the pooler they had before. */
#define PAM_SERVICE "pgbouncer"

/* ---- the tables ---- */

static void on_rule_fault(void *ctx, unsigned line, const char *text)
{
	(void)ctx;
	log_warning("hba line %u: %s", line, text);
	log_warning("could not parse hba config line %u", line);
}

static void on_map_fault(void *ctx, unsigned line, const char *text)
{
	(void)ctx;
	log_warning("ident line %u: %s", line, text);
	log_warning("could not parse ident map line %u", line);
}

bool admission_differs(const struct settings *before, const struct settings *after)
{
	size_t count = before->auth_hba_include_count;

	if (before->auth_type != after->auth_type || count != after->auth_hba_include_count ||
	    !slice_equal(before->auth_hba_text, after->auth_hba_text) ||
	    !slice_equal(before->auth_ident_text, after->auth_ident_text))
		return true;
	for (size_t i = 0; i < count; i++) {
		const struct text_file *a = &before->auth_hba_includes[i];
		const struct text_file *b = &after->auth_hba_includes[i];

		if (!slice_equal(a->name, b->name) || !slice_equal(a->text, b->text) ||
		    (a->text.data == NULL) != (b->text.data == NULL))
			return true;
	}
	return false;
}

/* Told once, not at each login. */
static void check_authorities(const struct roster *roster)
{
	enum auth_type    type = roster->settings->auth_type;
	const struct hba *hba = roster->hba;

	if (!ask_pam_is_there() &&
	    (type == AUTH_TYPE_PAM || (hba != NULL && hba_uses(hba, HBA_PAM))))
		log_error("pam is not supported by this build: nobody can log in by it");
	if (!ask_ldap_is_there() &&
	    (type == AUTH_TYPE_LDAP || (hba != NULL && hba_uses(hba, HBA_LDAP))))
		log_error("ldap is not supported by this build: nobody can log in by it");
}

static void read_tables(struct roster *roster)
{
	const struct settings   *settings = roster->settings;
	const struct line_faults rule_faults = { on_rule_fault, NULL };
	const struct line_faults map_faults = { on_map_fault, NULL };

	if (settings->auth_type != AUTH_TYPE_HBA)
		return;
	if (settings->auth_hba_text.data != NULL)
		roster->hba = hba_parse(settings->auth_hba_text, settings->auth_hba_includes,
		                        settings->auth_hba_include_count, &rule_faults);
	roster->ident = ident_parse(settings->auth_ident_text, &map_faults);
	if (roster->ident == NULL || (settings->auth_hba_text.data != NULL && roster->hba == NULL))
		log_error("out of memory: nobody can log in by auth_type hba until RELOAD");
}

void admission_read(struct roster *roster)
{
	admission_release(roster);
	read_tables(roster);
	check_authorities(roster);
}

void admission_release(struct roster *roster)
{
	hba_free(roster->hba);
	ident_free(roster->ident);
	roster->hba = NULL;
	roster->ident = NULL;
}

/* ---- how it is proved ---- */

/* What counts for auth_query: the entry's own settings, then the global ones. */
struct query_settings {
	const char *user, *query, *dbname; /* user, dbname: NULL = none */
};

static struct query_settings query_settings(const struct session *session)
{
	const struct settings *settings = session->roster->settings;
	struct query_settings  found = { settings->auth_user, settings->auth_query,
		                         settings->auth_dbname };

	if (session->database != NULL) {
		const struct database_settings *entry = database_settings(session->database);

		found.user = entry->auth_user ? entry->auth_user : found.user;
		found.query = entry->auth_query ? entry->auth_query : found.query;
		found.dbname = entry->auth_dbname ? entry->auth_dbname : found.dbname;
	}
	return found;
}

static void describe(const struct session *session, struct hba_login *login)
{
	const struct address *peer = stream_peer(session->stream);

	*login = (struct hba_login){
		.database = slice_of(session->dbname),
		.user = slice_of(session->user),
		.tls = stream_tls_info(session->stream)[0] != '\0',
		.replication = session->replication == REPLICATION_PHYSICAL,
	};
	login->address_len = address_bytes(peer, &login->address);
}

static bool names_fit(const struct session *session, struct slice map, struct slice name)
{
	const struct ident *ident = session->roster->ident;

	return (map.data == NULL || ident != NULL) &&
	       ident_allows(ident, map, name, slice_of(session->user));
}

/* The operating system's user at the other end of the Unix socket may be this one. */
static enum ending check_peer(const struct session *session, struct slice map)
{
	char           room[PASSWD_ROOM];
	struct passwd  entry, *found = NULL;
	struct peer    peer;

	if (!session->is_unix || address_peer(stream_fd(session->stream), &peer) != OK ||
	    getpwuid_r(peer.uid, &entry, room, sizeof(room), &found) != 0 || found == NULL)
		return END_PEER_FAILED;
	return names_fit(session, map, slice_of(found->pw_name)) ? END_NONE : END_PEER_FAILED;
}

/* The owner of the certificate may be this one. */
static enum ending check_certificate(const struct session *session, struct slice map)
{
	struct buffer name = BUFFER_EMPTY;
	bool fits = stream_certificate_name(session->stream, &name) == OK && !name.failed &&
	            name.len > 0 && names_fit(session, map, buffer_slice(&name));

	buffer_release(&name);
	return fits ? END_NONE : END_CERTIFICATE_FAILED;
}

static bool has_auth_user(const struct query_settings *settings)
{
	return settings->user != NULL && *settings->user != '\0';
}

/* Kept until the password is there: the rule may be gone by then. */
static enum ending keep_options(struct session *session, struct slice options)
{
	struct buffer *kept = &session->login->options;

	buffer_append_slice(kept, options);
	buffer_append(kept, "", 1);
	return kept->failed ? END_NO_MEMORY : END_NONE;
}

static enum ending prepare_pam(struct session *session, struct slice service)
{
	if (!ask_pam_is_there())
		return END_NO_PAM;
	return keep_options(session, service.data ? service : SLICE_LITERAL(PAM_SERVICE));
}

static enum ending prepare_ldap(struct session *session, struct slice options)
{
	if (!ask_ldap_is_there())
		return END_NO_LDAP;
	return options.data ? keep_options(session, options) : END_LDAP_OPTIONS;
}

/* Nobody's secret is looked up then: auth_user would have nothing to do. */
static enum ending check_auth_user(const struct session *session, const char *auth_type)
{
	const struct query_settings settings = query_settings(session);

	if (!has_auth_user(&settings))
		return END_NONE;
	log_line(LEVEL_ERROR, session_prefix(session), "auth_type %s does not go with auth_user",
	         auth_type);
	return END_CONFIG_ERROR;
}

/* By which proof, and what is already known against it. */
static enum ending choose_by_rule(struct session *session, enum login_proof *proof)
{
	static const enum login_proof proofs[] = {
		[HBA_TRUST] = PROOF_TRUST, [HBA_MD5] = PROOF_MD5,   [HBA_PASSWORD] = PROOF_PLAIN,
		[HBA_SCRAM] = PROOF_SCRAM, [HBA_PEER] = PROOF_PEER, [HBA_CERT] = PROOF_CERTIFICATE,
		[HBA_PAM] = PROOF_PAM,     [HBA_LDAP] = PROOF_LDAP,
	};
	const struct hba_rule *rule = NULL;
	struct hba_login       login;

	describe(session, &login);
	if (session->roster->hba != NULL && session->roster->ident != NULL)
		rule = hba_match(session->roster->hba, &login);
	if (rule == NULL)
		return END_NO_AUTH_METHOD;
	log_debug("%s: hba line %u", session_prefix(session), rule->line);
	if (rule->method == HBA_REJECT)
		return END_LOGIN_REJECTED;
	*proof = proofs[rule->method];
	switch (*proof) {
	case PROOF_PEER: return check_peer(session, rule->map);
	case PROOF_CERTIFICATE: return check_certificate(session, rule->map);
	case PROOF_PAM: return prepare_pam(session, rule->options);
	case PROOF_LDAP: return prepare_ldap(session, rule->options);
	default: return END_NONE;
	}
}

static enum ending choose_proof(struct session *session, enum login_proof *proof)
{
	const struct settings *settings = session->roster->settings;
	enum ending            ending;

	switch (settings->auth_type) {
	case AUTH_TYPE_ANY:
		/* Names mean nothing then: the servers need one of the entry's. */
		*proof = PROOF_ANY;
		return session->database == NULL || database_settings(session->database)->user ?
		               END_NONE :
		               END_CONFIG_ERROR;
	case AUTH_TYPE_TRUST: *proof = PROOF_TRUST; return END_NONE;
	case AUTH_TYPE_PLAIN: *proof = PROOF_PLAIN; return END_NONE;
	case AUTH_TYPE_MD5: *proof = PROOF_MD5; return END_NONE;
	case AUTH_TYPE_SCRAM_SHA_256: *proof = PROOF_SCRAM; return END_NONE;
	case AUTH_TYPE_CERT:
		*proof = PROOF_CERTIFICATE;
		return check_certificate(session, SLICE_NONE);
	case AUTH_TYPE_HBA: return choose_by_rule(session, proof);
	case AUTH_TYPE_LDAP:
		*proof = PROOF_LDAP;
		ending = prepare_ldap(session, slice_of(settings->auth_ldap_options));
		return ending != END_NONE ? ending : check_auth_user(session, "ldap");
	case AUTH_TYPE_PAM:
		*proof = PROOF_PAM;
		ending = prepare_pam(session, SLICE_NONE);
		return ending != END_NONE ? ending : check_auth_user(session, "pam");
	}
	return END_NO_AUTH_METHOD;
}

/* secret NULL: there is no such user. */
static void admit(struct session *session, const struct secret *secret,
                  const struct secret *example)
{
	static const enum auth_method methods[] = {
		[PROOF_ANY] = AUTH_ANY, [PROOF_TRUST] = AUTH_TRUST, [PROOF_PLAIN] = AUTH_PLAIN,
		[PROOF_MD5] = AUTH_MD5, [PROOF_SCRAM] = AUTH_SCRAM,
		[PROOF_PAM] = AUTH_OUTSIDE, [PROOF_LDAP] = AUTH_OUTSIDE,
	};
	enum login_proof proof = session->login->proof;

	if (proof != PROOF_PEER && proof != PROOF_CERTIFICATE)
		login_challenge(session, methods[proof], secret, example);
	else if (secret == NULL)
		session_end(session, proof == PROOF_PEER ? END_PEER_FAILED : END_CERTIFICATE_FAILED,
		            NULL);
	else
		welcome_begin(session);
}

/* ---- against which secret ---- */

static bool is_standard(const char *query)
{
	const struct option *option = option_find(&option_global, SLICE_LITERAL("auth_query"));

	return option->standard != NULL && strcmp(option->standard, query) == 0;
}

static void refuse_disabled(struct session *session, const char *name)
{
	struct buffer text = BUFFER_EMPTY;

	buffer_append_format(&text, "authentication database \"%s\" is disabled", name);
	buffer_append(&text, "", 1);
	session_end(session, END_AUTH_DATABASE_DISABLED, text.failed ? NULL : text.data);
	buffer_release(&text);
}

/* The database to ask in; NULL when there is none, then the session may have ended. */
static struct database *find_auth_database(struct session *session, const char *dbname)
{
	struct database *database;

	if (dbname == NULL || *dbname == '\0')
		return session->database;
	if (roster_has_service(session->roster, dbname)) {
		log_error("cannot use the reserved \"%s\" database as an auth_dbname", dbname);
		session_end(session, END_CONFIG_ERROR, NULL);
		return NULL;
	}
	database = session_database(session, slice_of(dbname));
	if (database == NULL) {
		log_error("authentication database \"%s\" is not configured.", dbname);
		session_end(session, END_CONFIG_ERROR, NULL);
		return NULL;
	}
	if (!database_is_disabled(database))
		return database;
	refuse_disabled(session, dbname);
	return NULL;
}

/* Kept for logins to the client's own database. */
static enum result learn(struct session *session, const struct lookup_answer *answer)
{
	struct slice user = slice_of(session->user);

	if (session->database == NULL)
		return OK;
	if (answer->found && answer->secret.data != NULL)
		return database_learn_secret(session->database, user, answer->secret);
	database_forget_secret(session->database, user);
	return OK;
}

static void on_found(void *ctx, const struct lookup_answer *answer)
{
	struct session      *session = ctx;
	const struct secret *example = NULL;
	struct secret        secret;

	session->login->lookup = NULL;
	if (answer->why != END_NONE || learn(session, answer) != OK) {
		session_end(session, answer->why != END_NONE ? answer->why : END_NO_MEMORY, NULL);
		return;
	}
	if (!answer->found)
		log_line(LEVEL_LOG, session_prefix(session), "no such user: %s", session->user);
	if (session->database != NULL)
		example = database_learned_example(session->database, slice_of(session->user));
	secret = secret_of(answer->secret);
	admit(session, answer->found ? &secret : NULL, example);
	login_read_on(session);
}

static void look_up(struct session *session, const struct query_settings *settings)
{
	struct database   *database = find_auth_database(session, settings->dbname);
	struct lookup_wish wish = {
		.database = database,
		.auth_user = settings->user,
		.query = settings->query,
		.is_standard = is_standard(settings->query),
		.user = slice_of(session->user),
		.on_done = on_found,
		.ctx = session,
	};

	if (session_is_leaving(session))
		return;
	/* Nowhere to ask: the database is not there, as is told to who proved himself only. */
	if (database == NULL) {
		admit(session, NULL, NULL);
		return;
	}
	session->login->lookup = lookup_start(session->roster, &wish);
	if (session->login->lookup == NULL)
		session_end(session, END_NO_MEMORY, NULL);
}

static bool asks_for_secret(enum login_proof proof)
{
	return proof != PROOF_ANY && proof != PROOF_PAM && proof != PROOF_LDAP;
}

void admission_begin(struct session *session)
{
	struct roster        *roster = session->roster;
	struct query_settings settings = query_settings(session);
	struct slice          user = slice_of(session->user);
	const struct secret  *secret = pools_user_secret(roster->pools, user);
	const struct secret  *example = NULL;
	enum ending           ending = choose_proof(session, &session->login->proof);

	if (ending != END_NONE) {
		session_end(session, ending, NULL);
		return;
	}
	if (asks_for_secret(session->login->proof) && has_auth_user(&settings) &&
	    (secret == NULL || secret->kind == SECRET_NONE)) {
		look_up(session, &settings);
		return;
	}
	/*
	 * Who asks for a database that is not there is asked for a password like anybody, and who
	 * knows it is told: the rest are not to learn which databases there are.
	 */
	if (secret == NULL)
		example = users_example(pools_users(roster->pools), roster->mock_key, user);
	admit(session, secret, example);
}
