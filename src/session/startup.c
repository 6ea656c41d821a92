/*
 * The StartupMessage: who the client says it is and which settings it asks for. Settings are not
 * judged here: the server decides about them when they are set there (PostgreSQL docs,
 * "Start-up").
 */
#include "session_internal.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "conf/settings.h"
#include "wire/startup.h"

#define MAX_NAME_LEN	     127
#define MAX_APPLICATION_NAME 63

static const char *format_detail(struct roster *roster, const char *text, struct slice name)
{
	buffer_clear(&roster->scratch);
	buffer_append_format(&roster->scratch, "%s: %.*s", text, (int)name.len, name.data);
	buffer_append(&roster->scratch, "", 1);
	return roster->scratch.failed ? NULL : roster->scratch.data;
}

static void append_pair(struct buffer *out, struct slice name, struct slice value)
{
	buffer_append_slice(out, name);
	buffer_append(out, "", 1);
	buffer_append_slice(out, value);
	buffer_append(out, "", 1);
}

/*
 * Servers spell UTF8 in one way; clients in several ('utf-8', utf8, unicode), which PostgreSQL
 * takes for the same (pg_char_to_encoding reads letters and digits only).
 */
static struct slice canonical_encoding(struct slice value)
{
	char   letters[8];
	size_t len = 0;

	for (size_t i = 0; i < value.len; i++) {
		char c = value.data[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c | 0x20);
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))
			continue;
		if (len == sizeof(letters))
			return value;
		letters[len++] = c;
	}
	if ((len == 4 && memcmp(letters, "utf8", 4) == 0) ||
	    (len == 7 && memcmp(letters, "unicode", 7) == 0))
		return SLICE_LITERAL("UTF8");
	return value;
}

static void add_setting(struct session *session, struct slice name, struct slice value)
{
	if (slice_equal_nocase(name, SLICE_LITERAL("client_encoding")))
		value = canonical_encoding(value);
	append_pair(&session->login->params, name, value);
}

static enum ending read_options(struct session *session, struct slice options)
{
	struct buffer scratch = BUFFER_EMPTY;
	struct slice  name, value;
	enum ending   ending = END_NONE;
	enum result   result;

	while ((result = startup_next_option(&options, &scratch, &name, &value)) == OK)
		add_setting(session, name, value);
	if (result == BROKEN)
		ending = scratch.failed ? END_NO_MEMORY : END_STARTUP_OPTIONS_FORM;
	buffer_release(&scratch);
	return ending;
}

struct names_found {
	struct slice user, database;
};

static bool is_ignored(const struct session *session, struct slice name)
{
	return settings_list_has(session->roster->settings->ignore_startup_parameters, name);
}

static enum ending read_pair(struct session *session, struct slice name, struct slice value,
                             struct names_found *found)
{
	struct login *login = session->login;

	if (slice_equal(name, SLICE_LITERAL("user"))) {
		found->user = value;
	} else if (slice_equal(name, SLICE_LITERAL("database"))) {
		found->database = value;
	} else if (slice_starts_with(name, SLICE_LITERAL("_pq_."))) {
		login->negotiate = true;
		buffer_append_slice(&login->unknown, name);
		buffer_append(&login->unknown, "", 1);
		login->unknown_count++;
	} else if (slice_equal(name, SLICE_LITERAL("replication"))) {
		return END_NONE;
	} else if (is_ignored(session, name) || slice_equal(name, SLICE_LITERAL("options"))) {
		return END_NONE;
	} else {
		add_setting(session, name, value);
	}
	return END_NONE;
}

/* The value asked for last, empty without one. */
static struct slice asked_value(const struct login *login, struct slice name)
{
	struct slice found = SLICE_NONE;
	size_t       at = 0;

	while (at < login->params.len) {
		struct slice key = slice_of(login->params.data + at);
		struct slice value = slice_of(login->params.data + at + key.len + 1);

		if (slice_equal_nocase(key, name))
			found = value;
		at += key.len + value.len + 2;
	}
	return found;
}

/*
 * What says how the rest is meant: is it a replication client, and the settings in options, which
 * the others overrule wherever they stand (process_startup_options). A walsender is started with
 * its options as they are, nothing is set later.
 */
static enum ending read_manner(struct session *session, struct slice body, const char **detail)
{
	struct startup_pairs pairs;
	struct slice         name, value, replication = SLICE_NONE, options = SLICE_NONE;
	enum replication     kind = REPLICATION_NONE;

	startup_pairs_init(&pairs, body);
	while (startup_pairs_next(&pairs, &name, &value) == OK) {
		if (slice_equal(name, SLICE_LITERAL("replication")))
			replication = value;
		else if (slice_equal(name, SLICE_LITERAL("options")) && !is_ignored(session, name))
			options = value;
	}
	if (replication.data != NULL &&
	    startup_read_replication(replication, &kind) != OK) {
		*detail = format_detail(session->roster,
		                        "invalid value for parameter \"replication\"", replication);
		return END_STARTUP_PARAMETER;
	}
	session->replication = kind;
	if (kind == REPLICATION_NONE)
		return read_options(session, options);
	append_pair(&session->login->params, SLICE_LITERAL("replication"), replication);
	if (options.len > 0)
		append_pair(&session->login->params, SLICE_LITERAL("options"), options);
	return END_NONE;
}

/* "10.0.0.1:4711", or of a Unix socket, whose peer has no address, "unix(PID@HOST):PORT". */
static void print_peer(const struct session *session, char *text, size_t cap)
{
	const struct address *address = stream_peer(session->stream);
	char                  host[HOST_NAME_MAX + 1] = "";
	struct peer           peer = { 0 };

	if (!address_is_unix(address)) {
		address_print(address, text, cap);
		return;
	}
	/* What cannot be had is left out: it is for people to read. */
	if (gethostname(host, sizeof(host) - 1) != 0 ||
	    address_peer(stream_fd(session->stream), &peer) != OK)
		host[0] = '\0';
	snprintf(text, cap, "unix(%d@%s):%d", peer.pid, host,
	         session->roster->settings->listen_port);
}

static size_t cut_utf8(struct slice text, size_t room)
{
	if (text.len <= room)
		return text.len;
	while (room > 0 && ((unsigned char)text.data[room] & 0xc0) == 0x80)
		room--;
	return room;
}

/*
 * Servers keep 63 bytes of an application_name (NAMEDATALEN - 1): a long name gives way, so that
 * the address is there to be read in pg_stat_activity.
 */
static void add_host_to_name(struct session *session)
{
	struct slice name = asked_value(session->login, SLICE_LITERAL("application_name"));
	char         peer[HOST_NAME_MAX + 64], text[HOST_NAME_MAX + 192];
	size_t       used;

	print_peer(session, peer, sizeof(peer));
	used = strlen(" - ") + strlen(peer);
	if (name.len == 0)
		name = SLICE_LITERAL("app");
	name.len = cut_utf8(name, used < MAX_APPLICATION_NAME ? MAX_APPLICATION_NAME - used : 0);
	snprintf(text, sizeof(text), "%.*s - %s", (int)name.len, name.data, peer);
	append_pair(&session->login->params, SLICE_LITERAL("application_name"), slice_of(text));
}

/* One block holds both names, NUL-terminated. */
static enum ending keep_names(struct session *session, const struct names_found *found)
{
	struct slice database = found->database.len ? found->database : found->user;

	if (found->user.len == 0)
		return END_NO_USERNAME;
	if (found->user.len > MAX_NAME_LEN || database.len > MAX_NAME_LEN)
		return END_USERNAME_TOO_LONG;
	session->user = mem_alloc_zero(found->user.len + database.len + 2);
	if (session->user == NULL)
		return END_NO_MEMORY;
	session->dbname = session->user + found->user.len + 1;
	memcpy(session->user, found->user.data, found->user.len);
	memcpy(session->dbname, database.data, database.len);
	return END_NONE;
}

/* 3.1 was never given out: PostgreSQL went from 3.0 to 3.2. */
static void choose_protocol(struct login *login, uint32_t asked)
{
	login->protocol = asked >= PROTOCOL_3_2 ? PROTOCOL_3_2 : PROTOCOL_3_0;
	login->negotiate = asked != login->protocol;
}

enum ending startup_read(struct session *session, const struct startup_frame *frame,
                         const char **detail)
{
	struct startup_pairs pairs;
	struct names_found   found = { SLICE_NONE, SLICE_NONE };
	struct slice         name, value;
	enum ending          ending;
	enum result          result;

	choose_protocol(session->login, frame->version);
	ending = read_manner(session, frame->body, detail);
	if (ending != END_NONE)
		return ending;
	startup_pairs_init(&pairs, frame->body);
	while ((result = startup_pairs_next(&pairs, &name, &value)) == OK) {
		ending = read_pair(session, name, value, &found);
		if (ending != END_NONE)
			return ending;
	}
	if (result == BROKEN)
		return END_STARTUP_LAYOUT;
	if (session->roster->settings->application_name_add_host)
		add_host_to_name(session);
	if (session->login->params.failed || session->login->unknown.failed)
		return END_NO_MEMORY;
	return keep_names(session, &found);
}
