/*
 * What is answered to a client of a cluster without any server: BEGIN and COMMIT around nothing,
 * and the settings of our own (SET, RESET, SHOW pgcarwash.route, read_after, position), in a Query
 * or in a batch of their own. Called by direct.c when all of the turn is at hand.
 */
#include "direct_internal.h"

#include <stdio.h>

#include "pool/database.h"
#include "pool/server.h"
#include "route/position.h"
#include "sql/own_setting.h"
#include "sql/scan.h"
#include "wire/notice.h"
#include "wire/query.h"
#include "wire/result.h"
#include "wire/writer.h"

/* The longest BEGIN that is kept. */
#define BEGIN_MAX 1024
#define VALUE_MAX 128

static char status_of(const struct session *session)
{
	if (session->server != NULL)
		return server_backend(session->server)->status;
	return session->direction->begin.len > 0 ? 'T' : 'I';
}

static void say(struct session *session, struct buffer *out)
{
	if (out->failed)
		session_end(session, END_NO_MEMORY, NULL);
	else
		session_write(session, buffer_slice(out));
	buffer_release(out);
}

static void answer_tag(struct session *session, const char *tag)
{
	struct buffer out = BUFFER_EMPTY;

	pool_counters(session->pool)->queries++;
	result_write_tag(&out, slice_of(tag));
	result_write_ready(&out, status_of(session));
	say(session, &out);
}

/* ---- blocks ---- */

static char first_letter(struct slice text)
{
	text = scan_skip_blank(text);
	return text.len > 0 ? (char)(text.data[0] | 0x20) : '\0';
}

bool own_begin(struct session *session, const struct intent *intent)
{
	struct direction *direction = session->direction;

	if (intent->text.len > BEGIN_MAX || intent->text.len == 0)
		return false;
	buffer_clear(&direction->begin);
	buffer_append_slice(&direction->begin, intent->text);
	if (direction->begin.failed) {
		buffer_release(&direction->begin);
		return false;
	}
	direction->begin_reads = intent->read_only;
	session->transaction_began = loop_now(session->roster->loop);
	if (intent->hint == VERDICT_HINT_PRIMARY)
		direction->block_wish = WISH_PRIMARY;
	else if (intent->hint == VERDICT_HINT_REPLICA)
		direction->block_wish = WISH_REPLICA;
	answer_tag(session, first_letter(intent->text) == 's' ? "START TRANSACTION" : "BEGIN");
	return true;
}

void own_end(struct session *session, const struct intent *intent)
{
	char letter = first_letter(intent->text);

	direct_forget_block(session);
	answer_tag(session, letter == 'r' || letter == 'a' ? "ROLLBACK" : "COMMIT");
}

/* ---- settings ---- */

static const char *const wish_names[] = {
	[WISH_AUTO] = "auto",
	[WISH_PRIMARY] = "primary",
	[WISH_REPLICA] = "replica",
};

struct own_reply {
	const char *tag;
	char        value[VALUE_MAX]; /* of SHOW */
	const char *sqlstate;         /* of an error; NULL: there is none */
	char        error[OWN_SETTING_VALUE_MAX + OWN_SETTING_NAME_MAX + 64];
};

/* before and after stand around the setting's name. */
static void fail(struct own_reply *reply, const char *sqlstate, const char *before,
                 const struct own_setting *setting, const char *after)
{
	reply->sqlstate = sqlstate;
	snprintf(reply->error, sizeof(reply->error), "%s \"pgcarwash.%.*s\"%s", before,
	         (int)setting->name_len, setting->name, after);
}

static void fail_value(struct own_reply *reply, const struct own_setting *setting)
{
	reply->sqlstate = "22023";
	snprintf(reply->error, sizeof(reply->error),
	         "invalid value for parameter \"pgcarwash.%.*s\": \"%.*s\"",
	         (int)setting->name_len, setting->name, (int)setting->value_len, setting->value);
}

static void set_route(struct session *session, const struct own_setting *setting,
                      struct own_reply *reply)
{
	struct direction *direction = session->direction;
	struct slice      value = own_setting_value(setting);

	if (setting->action == OWN_SETTING_RESET) {
		direction->wish = direction->block_wish = WISH_AUTO;
		return;
	}
	for (unsigned i = 0; i < COUNT_OF(wish_names); i++) {
		if (!slice_equal_nocase(value, slice_of(wish_names[i])))
			continue;
		if (!setting->local)
			direction->wish = (enum route_wish)i;
		else if (status_of(session) != 'I')
			direction->block_wish = (enum route_wish)i;
		return;
	}
	fail_value(reply, setting);
}

static void set_read_after(struct session *session, const struct own_setting *setting,
                           struct own_reply *reply)
{
	struct direction *direction = session->direction;
	uint64_t          need = 0;

	if (setting->action == OWN_SETTING_RESET || setting->value_len == 0) {
		direction->after = 0;
		return;
	}
	if (position_read(database_cluster(session->database), own_setting_value(setting),
	                  &need) != OK)
		fail_value(reply, setting);
	else if (need > direction->after)
		direction->after = need;
}

/* The round that all is in which the client has written or asked to see. */
static uint64_t need_of(const struct session *session)
{
	const struct direction *direction = session->direction;

	return direction->written > direction->after ? direction->written : direction->after;
}

bool own_waits(struct session *session, const struct intent *intent)
{
	struct cluster    *cluster = database_cluster(session->database);
	struct own_setting setting;
	struct slice       name;
	char               room[VALUE_MAX];

	if (!own_setting_parse(intent->text, &setting) || setting.action != OWN_SETTING_SHOW)
		return false;
	name = own_setting_name(&setting);
	if (!slice_equal(name, SLICE_LITERAL("position")) &&
	    !(slice_equal(name, SLICE_LITERAL("read_after")) && session->direction->after > 0))
		return false;
	if (position_write(cluster, need_of(session), room, sizeof(room)) > 0)
		return false;
	position_want(cluster, need_of(session));
	return true;
}

static void show_position(struct session *session, const struct own_setting *setting,
                          struct own_reply *reply)
{
	struct cluster *cluster = database_cluster(session->database);
	size_t len = position_write(cluster, need_of(session), reply->value, sizeof(reply->value));

	if (len > 0 && len < sizeof(reply->value)) {
		reply->value[len] = '\0';
		return;
	}
	position_want(cluster, need_of(session));
	fail(reply, "55000", "parameter", setting, " is not known yet, ask again");
}

static void act(struct session *session, const struct own_setting *setting, struct own_reply *reply)
{
	struct slice name = own_setting_name(setting);
	bool         shows = setting->action == OWN_SETTING_SHOW;

	reply->tag = shows ? "SHOW" : setting->action == OWN_SETTING_SET ? "SET" : "RESET";
	if (slice_equal(name, SLICE_LITERAL("route"))) {
		if (shows)
			snprintf(reply->value, sizeof(reply->value), "%s",
			         wish_names[direct_wish(session)]);
		else
			set_route(session, setting, reply);
	} else if (slice_equal(name, SLICE_LITERAL("read_after"))) {
		if (!shows)
			set_read_after(session, setting, reply);
		else if (session->direction->after > 0)
			show_position(session, setting, reply);
	} else if (slice_equal(name, SLICE_LITERAL("position"))) {
		if (shows)
			show_position(session, setting, reply);
		else
			fail(reply, "55P02", "parameter", setting, " cannot be changed");
	} else {
		fail(reply, "42704", "unrecognized configuration parameter", setting, "");
	}
}

/* ---- as messages ---- */

static void write_error(struct buffer *out, const struct own_reply *reply)
{
	notice_write(out, 'E',
	             &(struct notice_view){ .severity = SLICE_LITERAL("ERROR"),
	                                    .sqlstate = slice_of(reply->sqlstate),
	                                    .message = slice_of(reply->error) });
}

static void write_columns(struct buffer *out, const struct own_setting *setting)
{
	char                 name[OWN_SETTING_NAME_MAX + 16];
	struct result_column column = { name, TYPE_TEXT };

	snprintf(name, sizeof(name), "pgcarwash.%.*s", (int)setting->name_len, setting->name);
	result_write_columns(out, &column, 1, 0);
}

static void write_result(struct buffer *out, const struct own_setting *setting,
                         const struct own_reply *reply)
{
	size_t mark;

	if (setting->action == OWN_SETTING_SHOW) {
		mark = result_write_row_begin(out, 1);
		result_write_value(out, slice_of(reply->value));
		result_write_row_end(out, mark);
	}
	result_write_tag(out, slice_of(reply->tag));
}

static void answer_query(struct session *session, const struct own_setting *setting,
                         struct buffer *out)
{
	struct own_reply reply = { 0 };

	act(session, setting, &reply);
	if (reply.sqlstate != NULL) {
		write_error(out, &reply);
		return;
	}
	if (setting->action == OWN_SETTING_SHOW)
		write_columns(out, setting);
	write_result(out, setting, &reply);
}

static void write_description(struct buffer *out, const struct own_setting *setting,
                              const struct message *message)
{
	struct target_view view;
	size_t             mark;

	if (query_read_target(message->body, &view) == OK && view.kind == 'S') {
		mark = writer_begin(out, 't');
		writer_u16(out, 0);
		writer_end(out, mark);
	}
	if (setting->action == OWN_SETTING_SHOW)
		write_columns(out, setting);
	else
		writer_empty(out, 'n');
}

/* False: an error, the rest of the batch is skipped. */
static bool answer_message(struct session *session, const struct own_setting *setting,
                           const struct message *message, struct buffer *out)
{
	struct own_reply reply = { 0 };

	switch (message->type) {
	case 'P': writer_empty(out, '1'); return true;
	case 'B': writer_empty(out, '2'); return true;
	case 'C': writer_empty(out, '3'); return true;
	case 'D': write_description(out, setting, message); return true;
	case 'E': break;
	default: return true;
	}
	act(session, setting, &reply);
	if (reply.sqlstate != NULL)
		write_error(out, &reply);
	else
		write_result(out, setting, &reply);
	return reply.sqlstate == NULL;
}

static void answer_batch(struct session *session, struct slice rest,
                         const struct own_setting *setting, struct buffer *out)
{
	struct message message;
	size_t         need, len;
	bool           goes_on = true;

	while (frame_next(rest, SIDE_CLIENT, &session->roster->limits, &message, &need) == OK) {
		if (goes_on)
			goes_on = answer_message(session, setting, &message, out);
		if (message.type == 'S')
			return;
		len = MESSAGE_HEADER_LEN + message.body.len;
		rest = (struct slice){ rest.data + len, rest.len - len };
	}
}

void own_answer(struct session *session, struct slice rest, const struct intent *intent)
{
	struct own_setting setting;
	struct buffer      out = BUFFER_EMPTY;

	pool_counters(session->pool)->queries++;
	/* The judge took it for one of ours by the same function. */
	if (!own_setting_parse(intent->text, &setting))
		setting = (struct own_setting){ 0 };
	if (rest.data[0] == 'Q')
		answer_query(session, &setting, &out);
	else
		answer_batch(session, rest, &setting, &out);
	result_write_ready(&out, status_of(session));
	say(session, &out);
}
