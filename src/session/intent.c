/*
 * What a turn asks for, as far as it matters to where it may run: looks at the messages that are
 * at hand, up to the end of the turn, and judges their texts. Nothing is consumed. Called by
 * direct.c before a server is asked for.
 */
#include "direct_internal.h"

#include <string.h>

#include "pool/database.h"
#include "sql/kept.h"
#include "sql/reading.h"
#include "sql/scan.h"
#include "sql/verdicts.h"
#include "track/guard.h"
#include "track/statements.h"
#include "wire/query.h"

/* Names that a batch prepares and uses; one with more is taken for a write. */
#define NAMES_MAX 8
/* Messages of a batch that are looked at. */
#define MESSAGES_MAX 512

/* ---- one text ---- */

/* A backslash in a literal may be half a character, or escape the quote (see VERDICT_BACKSLASH). */
static bool reads_backslashes(const struct session *session)
{
	static const char *const encodings[] = { "BIG5", "GB18030", "GBK", "JOHAB",
		                                 "SHIFT_JIS_2004", "SJIS", "UHC" };
	const struct varset *wants = conversation_wants(session->conversation);
	struct slice standard = varset_value(wants, SLICE_LITERAL("standard_conforming_strings"));
	struct slice encoding = varset_value(wants, SLICE_LITERAL("client_encoding"));

	if (!slice_equal(standard, SLICE_LITERAL("on")) || encoding.data == NULL)
		return false;
	for (size_t i = 0; i < COUNT_OF(encodings); i++) {
		if (slice_equal_nocase(encoding, slice_of(encodings[i])))
			return false;
	}
	return true;
}

/* repeats: values are apart from the text, so that mostly it has been seen as it is. */
static struct verdict judge(struct session *session, struct slice text, bool repeats)
{
	const struct database *database = session->database;
	struct verdicts       *verdicts = database_verdicts(database);
	uint64_t               generation = database_functions_generation(database);
	struct verdict         verdict = { .kind = VERDICT_UNKNOWN };

	if (verdicts == NULL)
		return verdict;
	if (!repeats || !verdicts_recall(verdicts, text, generation, &verdict))
		verdict = verdicts_judge(verdicts, text, database_functions(database), generation);
	if ((verdict.flags & VERDICT_BACKSLASH) && !reads_backslashes(session))
		verdict.kind = VERDICT_UNKNOWN;
	return verdict;
}

static struct verdict judge_statement(struct session *session, struct statement *statement)
{
	uint64_t       generation = database_functions_generation(session->database);
	struct verdict verdict;

	if (statement_verdict(statement, generation, &verdict))
		return verdict;
	verdict = judge(session, statement_text(statement), true);
	/* What depends on the client's settings is nobody else's. */
	if (!(verdict.flags & VERDICT_BACKSLASH))
		statement_note_verdict(statement, generation, verdict);
	return verdict;
}

/* ---- what a verdict means ---- */

static bool wants_read_only(const struct session *session)
{
	return slice_equal(varset_value(conversation_wants(session->conversation),
	                                SLICE_LITERAL("default_transaction_read_only")),
	                   SLICE_LITERAL("on"));
}

/*
 * Every server this client is lent has its value of the setting: it is tracked, and a server has
 * reported it.
 */
static bool is_followed(const struct session *session, struct slice setting)
{
	const struct varset *wants = conversation_wants(session->conversation);

	return varset_tracked_by(wants, setting) && varset_value(wants, setting).data != NULL;
}

/*
 * SET extra_float_digits to 1, 2 or 3, as JDBC says in each new session: since PostgreSQL 12 these
 * print the same, and 1 is the default ("Client Connection Defaults"). 0 and less do not; a text
 * with a minus anywhere, which may stand apart from its number or begin a comment, is not usual.
 */
static bool is_usual_float_digits(struct slice text, struct slice setting)
{
	size_t len = text.len;

	if (!slice_equal_nocase(setting, SLICE_LITERAL("extra_float_digits")) ||
	    memchr(text.data, '-', text.len) != NULL)
		return false;
	while (len > 0 && memchr(" \t\r\n;'", text.data[len - 1], 6) != NULL)
		len--;
	return len > 1 && text.data[len - 1] >= '1' && text.data[len - 1] <= '3' &&
	       memchr(" \t='", text.data[len - 2], 4) != NULL;
}

/* What the text leaves in the session that is not followed to other servers; enum kept. */
static uint16_t kept_by(const struct session *session, struct slice text,
                        const struct verdict *verdict)
{
	char         room[SCAN_NAME_MAX];
	struct slice name;

	if (verdict->makes == KEPT_SETTINGS && verdict->statements == 1 &&
	    scan_setting(text, room, &name) &&
	    (is_followed(session, name) || is_usual_float_digits(text, name)))
		return 0;
	return verdict->makes;
}

/* In a block that was begun READ ONLY, or by this statement becomes so before it has read. */
static bool is_read_in_block(const struct direction *direction, const struct verdict *verdict)
{
	bool lesser = verdict_is_isolation_for_standby(verdict);

	if (verdict->kind == VERDICT_SETTING && lesser && !verdict->makes &&
	    verdict->default_access == VERDICT_ACCESS_NOT_SAID &&
	    verdict->default_isolation == VERDICT_ISOLATION_NOT_SAID) {
		if (verdict->access == VERDICT_ACCESS_READ_ONLY)
			return true;
		return verdict->access == VERDICT_ACCESS_NOT_SAID && direction->begin_reads;
	}
	return direction->begin_reads && verdict_is_read(verdict, true);
}

/* Adds what one more statement of the turn, or a text of several, means. */
static void join(struct session *session, struct intent *intent, struct slice text,
                 struct verdict verdict)
{
	struct direction *direction = session->direction;
	bool              begun = direction->begin.len > 0;

	verdict.makes = kept_by(session, text, &verdict);
	intent->makes |= verdict.makes;
	intent->drops = (uint16_t)((intent->drops | verdict.drops) & ~verdict.makes);
	if (verdict.hint == VERDICT_HINT_PRIMARY || intent->hint == VERDICT_HINT_NONE)
		intent->hint = verdict.hint;
	intent->writes |= verdict_is_write(&verdict);
	if (verdict_opens(&verdict) && !intent->opens && !begun) {
		intent->opens = true;
		intent->read_only = verdict_says_read_only(&verdict, wants_read_only(session));
		intent->reads &= verdict_opens_reading(&verdict, wants_read_only(session));
	} else if (begun) {
		intent->reads &= is_read_in_block(direction, &verdict);
	} else {
		intent->reads &= verdict_is_read(&verdict, intent->read_only) ||
		                 (intent->read_only && verdict.kind == VERDICT_END);
	}
}

static void may_be_anything(struct intent *intent)
{
	intent->reads = intent->begin = intent->end = intent->own = false;
	intent->writes = true;
}

/*
 * A Query too long to be looked at: rows in one INSERT, most likely, or else a whole script. Only
 * its first bytes are here.
 */
static uint16_t kept_by_long_query(const struct message *message)
{
	static const struct slice rows[] = { { "insert", 6 }, { "update", 6 }, { "delete", 6 },
		                             { "select", 6 }, { "merge", 5 },  { "copy", 4 } };
	struct slice              text = scan_skip_blank(message->body);

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (text.len > rows[i].len &&
		    slice_equal_nocase((struct slice){ text.data, rows[i].len }, rows[i]))
			return 0;
	}
	return KEPT_UNSEEN;
}

/* ---- Query ---- */

static bool is_end(const struct verdict *verdict, struct slice text)
{
	struct slice rest = scan_skip_blank(text);

	/* PREPARE TRANSACTION is one, too. */
	return verdict->kind == VERDICT_END && !(verdict->flags & (VERDICT_OPENS | VERDICT_MANY)) &&
	       rest.len > 0 && (rest.data[0] | 0x20) != 'p';
}

static void judge_query(struct session *session, const struct message *message,
                        struct intent *intent)
{
	struct verdict verdict;

	intent->len = MESSAGE_HEADER_LEN + (size_t)message->len;
	if (!message_is_whole(message) || query_read_query(message->body, &intent->text) != OK) {
		may_be_anything(intent);
		intent->makes = kept_by_long_query(message);
		return;
	}
	verdict = judge(session, intent->text, false);
	intent->own = verdict.kind == VERDICT_OWN;
	intent->begin = verdict.kind == VERDICT_BEGIN && !(verdict.flags & VERDICT_MANY) &&
	                verdict.statements == 1;
	intent->end = is_end(&verdict, intent->text);
	join(session, intent, intent->text, verdict);
}

/* ---- a batch ---- */

struct batch {
	struct session *session;
	struct intent  *intent;
	struct slice    names[NAMES_MAX]; /* prepared in it */
	unsigned        name_count;
	unsigned        parses, owns;
	bool            executes;
};

static bool is_prepared_here(const struct batch *batch, struct slice name)
{
	for (unsigned i = 0; i < batch->name_count; i++) {
		if (slice_equal(batch->names[i], name))
			return true;
	}
	return false;
}

/* False: it cannot be judged. */
static bool judge_parse(struct batch *batch, const struct message *message)
{
	struct parse_view view;
	struct verdict    verdict;

	if (query_read_parse(message->body, &view) != OK || batch->name_count == NAMES_MAX)
		return false;
	batch->names[batch->name_count++] = view.name;
	batch->parses++;
	verdict = judge(batch->session, view.text, true);
	if (verdict.kind == VERDICT_OWN) {
		batch->owns++;
		batch->intent->text = view.text;
	}
	join(batch->session, batch->intent, view.text, verdict);
	return true;
}

static bool judge_bind(struct batch *batch, const struct message *message)
{
	struct bind_view  view;
	struct statement *statement;
	struct verdict    verdict;

	if (query_read_bind(message->body, &view) != OK)
		return false;
	if (is_prepared_here(batch, view.statement))
		return true;
	statement = conversation_statement(batch->session->conversation, view.statement);
	if (statement == NULL)
		return false;
	batch->parses++;
	verdict = judge_statement(batch->session, statement);
	join(batch->session, batch->intent, statement_text(statement), verdict);
	return true;
}

/* False: what it does is not known. */
static bool judge_message(struct batch *batch, const struct message *message)
{
	if (!message_is_whole(message))
		return false;
	switch (message->type) {
	case 'P': return judge_parse(batch, message);
	case 'B': return judge_bind(batch, message);
	case 'E':
		batch->executes = true;
		/* Of a portal that was bound elsewhere nothing is known. */
		return batch->parses > 0;
	case 'C':
	case 'D':
	case 'H':
	case 'S': return true;
	default: return false;
	}
}

static bool judge_batch(struct batch *batch, struct slice rest)
{
	struct frame_limits *limits = &batch->session->roster->limits;
	struct message       message;
	size_t               need, len;

	for (unsigned i = 0; i < MESSAGES_MAX; i++) {
		if (frame_next(rest, SIDE_CLIENT, limits, &message, &need) != OK ||
		    !judge_message(batch, &message))
			return false;
		len = MESSAGE_HEADER_LEN + message.body.len;
		batch->intent->len += len;
		rest = (struct slice){ rest.data + len, rest.len - len };
		if (message.type == 'S')
			return true;
	}
	return false;
}

/* A block of which no statement is known yet may write, unless it said that it will not. */
static bool may_begin_on_replica(const struct direction *direction)
{
	return direction->begin.len == 0 || direction->begin_reads;
}

void intent_judge(struct session *session, struct slice rest, const struct message *message,
                  struct intent *intent)
{
	struct batch batch = { .session = session, .intent = intent };

	*intent = (struct intent){ .reads = true };
	if (message->type == 'Q') {
		judge_query(session, message, intent);
	} else if (message->type == 'F' || !judge_batch(&batch, rest)) {
		may_be_anything(intent);
	} else {
		intent->own = batch.owns > 0 && batch.parses == 1;
		/* Preparing changes nothing; in which order all is executed is not looked at. */
		intent->writes &= batch.executes;
		if (!batch.executes)
			intent->makes = 0;
		if (!batch.executes || batch.parses != 1)
			intent->drops = 0;
		if (batch.parses == 0)
			intent->reads = may_begin_on_replica(session->direction);
	}
	if (intent->len > BACKEND_GUARD_MAX)
		intent->reads = intent->reads && intent->opens;
	intent->opens |= session->direction->begin.len > 0;
}

void intent_judge_next(struct session *session, const struct message *message,
                       struct intent *intent)
{
	struct verdict    verdict = { .kind = VERDICT_EMPTY };
	struct statement *statement;
	struct parse_view parse;
	struct bind_view  bind;
	struct slice      text = SLICE_NONE;

	*intent = (struct intent){ 0 };
	if (message->type == 'F' || !message_is_whole(message)) {
		may_be_anything(intent);
		intent->makes = message->type == 'Q' ? kept_by_long_query(message) : 0;
		return;
	}
	if (message->type == 'Q' && query_read_query(message->body, &text) == OK)
		verdict = judge(session, text, false);
	if (message->type == 'P' && query_read_parse(message->body, &parse) == OK) {
		verdict = judge(session, parse.text, true);
		verdict.makes = 0;
	}
	if (message->type == 'B' && query_read_bind(message->body, &bind) == OK) {
		statement = conversation_statement(session->conversation, bind.statement);
		if (statement == NULL) {
			may_be_anything(intent);
			return;
		}
		text = statement_text(statement);
		verdict = judge_statement(session, statement);
	}
	intent->writes = verdict_is_write(&verdict);
	intent->makes = kept_by(session, text, &verdict);
}

/* ---- what the server knew better ---- */

static void overrule(struct session *session, struct slice text)
{
	struct verdicts *verdicts = database_verdicts(session->database);

	if (verdicts != NULL)
		verdicts_overrule(verdicts, text, VERDICT_WRITE);
}

static void overrule_statement(struct session *session, struct statement *statement)
{
	if (statement == NULL)
		return;
	overrule(session, statement_text(statement));
	statement_note_verdict(statement, database_functions_generation(session->database),
	                       (struct verdict){ .kind = VERDICT_WRITE,
	                                         .statements = 1,
	                                         .flags = VERDICT_OVERRULED });
}

void intent_overrule(struct session *session, struct slice requests)
{
	struct message    message;
	struct parse_view parse;
	struct bind_view  bind;
	struct slice      text;
	size_t            need, len;

	while (requests.len > 0 && frame_next(requests, SIDE_CLIENT, &session->roster->limits,
	                                      &message, &need) == OK) {
		if (message.type == 'Q' && query_read_query(message.body, &text) == OK)
			overrule(session, text);
		if (message.type == 'P' && query_read_parse(message.body, &parse) == OK)
			overrule(session, parse.text);
		if (message.type == 'B' && query_read_bind(message.body, &bind) == OK)
			overrule_statement(session, conversation_statement(session->conversation,
			                                                   bind.statement));
		len = MESSAGE_HEADER_LEN + message.body.len;
		requests = (struct slice){ requests.data + len, requests.len - len };
	}
}
