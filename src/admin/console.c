/*
 * The console as a service: who may enter, the welcome, and commands sent by simple Query.
 * Owns visits, one per client; a visit is freed by the reaper, since its session may end in
 * the middle of an answer. Called by session/service.
 */

#include "admin/show_internal.h"
#include "base/alloc.h"
#include "base/log.h"
#include "session/roster.h"
#include "wire/query.h"
#include "wire/result.h"
#include "wire/writer.h"

/* The answer's buffer goes back to malloc above this. */
#define OUT_KEEP 65536

static const char *const console_names[] = { "pgcarwash", "pgbouncer", NULL };

/* ---- who may enter ---- */

bool console_is_name(struct slice user)
{
	for (unsigned i = 0; console_names[i]; i++)
		if (slice_equal(user, slice_of(console_names[i])))
			return true;
	return false;
}

static bool may_steer(const struct admin *admin, const struct service_login *login)
{
	return (login->own_user && console_is_name(login->user)) ||
	       settings_list_has(admin->settings->admin_users, login->user);
}

static bool console_may_enter(void *ctx, const struct service_login *login,
			      bool *skip_authentication)
{
	struct admin *admin = ctx;

	if (login->own_user && console_is_name(login->user)) {
		*skip_authentication = true;
		return true;
	}
	return may_steer(admin, login) ||
	       settings_list_has(admin->settings->stats_users, login->user) ||
	       admin->settings->auth_type == AUTH_TYPE_ANY;
}

static void console_write_welcome(void *ctx, struct buffer *out)
{
	static const struct {
		const char *name, *value;
	} parameters[] = {
		{ "client_encoding", "UTF8" }, { "server_encoding", "UTF8" },
		{ "DateStyle", "ISO" },	       { "TimeZone", "GMT" },
		{ "is_superuser", "on" },      { "standard_conforming_strings", "on" },
	};
	struct admin *admin = ctx;
	char version[64];

	snprintf(version, sizeof(version), "%s/bouncer", admin->version);
	result_write_parameter(out, SLICE_LITERAL("server_version"), slice_of(version));
	for (size_t i = 0; i < COUNT_OF(parameters); i++)
		result_write_parameter(out, slice_of(parameters[i].name),
				       slice_of(parameters[i].value));
}

/* ---- visits ---- */

static void visit_free(struct loop_task *task)
{
	struct visit *visit = CONTAINER_OF(task, struct visit, reap);

	extended_release(visit);
	mem_free(visit);
}

static void *console_open(void *ctx, struct session *session, const struct service_login *login)
{
	struct admin *admin = ctx;
	struct visit *visit = mem_alloc_zero(sizeof(*visit));

	if (!visit)
		return NULL;
	visit->admin = admin;
	visit->session = session;
	visit->may_steer = may_steer(admin, login);
	visit->own_user = login->own_user && console_is_name(login->user);
	visit->reap.run = visit_free;
	extended_init(visit);
	list_append(&admin->visits, &visit->node);
	admin->stats.console.client_logins++;
	return visit;
}

static void console_close(void *context)
{
	struct visit *visit = context;
	struct admin *admin = visit->admin;
	bool suspender = admin->suspender == visit;

	wait_abandon(visit, false);
	visit->session = NULL;
	list_remove(&admin->visits, &visit->node);
	if (suspender)
		control_end_suspension(admin);
	loop_reap(admin->loop, &visit->reap);
}

static void console_on_cancel(void *context)
{
	wait_abandon(context, true);
}

/* ---- answering ---- */

void console_ready(struct visit *visit, struct buffer *out)
{
	result_write_ready(out, visit->in_transaction ? 'T' : 'I');
}

void console_send(struct visit *visit, struct buffer *out)
{
	if (visit->session && out->failed)
		session_end(visit->session, END_NO_MEMORY, NULL);
	else if (visit->session && out->len)
		service_reply(visit->session, buffer_slice(out));
	if (out->cap > OUT_KEEP)
		buffer_release(out);
	else
		buffer_clear(out);
}

/* The reference counts a visit as one query in one transaction, at its first command. */
static void count_visit(struct visit *visit)
{
	if (visit->counted)
		return;
	visit->counted = true;
	visit->admin->stats.console.queries++;
	visit->admin->stats.console.transactions++;
}

static enum outcome run_courtesy(struct request *request)
{
	const struct line *line = request->line;
	struct visit *visit = request->visit;

	switch (line->courtesy->effect) {
	case COURTESY_NOTHING: break;
	case COURTESY_IGNORED: reply_notice(request->out, "SET ignored", NULL); break;
	case COURTESY_BEGIN: visit->in_transaction = true; break;
	case COURTESY_END:
		visit->in_transaction = false;
		if (request->simple)
			extended_drop_portals(visit);
		break;
	case COURTESY_DISCARD: extended_drop_statements(visit); break;
	case COURTESY_DEALLOCATE:
		if (!line->has_subject)
			extended_drop_statements(visit);
		else if (!extended_drop_statement(visit, slice_of(line->subject)))
			return reply_error(request, "26000",
					   "prepared statement \"%s\" does not exist",
					   line->subject);
		break;
	}
	return reply_done(request, line->courtesy->tag);
}

static enum outcome run_command(struct request *request)
{
	const struct command *command = command_find(request->line->verb);

	if (!command || (request->line->shape == LINE_SET) != (command->run == control_set) ||
	    (request->line->shape == LINE_EXPLAIN) != (command->run == control_explain))
		return reply_invalid(request);
	if (request->line->value[0] && command->run != control_set &&
	    command->run != control_failover)
		return reply_invalid(request);
	if (command->level == LEVEL_STEER && !request->visit->may_steer)
		return reply_refuse(request, "admin access needed");
	return command->run(request);
}

enum outcome console_run(struct request *request)
{
	count_visit(request->visit);
	switch (request->line->shape) {
	case LINE_WORDS:
	case LINE_EXPLAIN:
	case LINE_SET: return run_command(request);
	case LINE_COURTESY: return run_courtesy(request);
	case LINE_TOO_LONG: return reply_refuse(request, "bad arguments");
	case LINE_COMMENT: writer_empty(request->out, 'I'); return OUTCOME_DONE;
	case LINE_EMPTY:
		/* The reference wants an error by simple Query; Parse with nothing is common. */
		if (request->simple)
			return reply_invalid(request);
		writer_empty(request->out, 'I');
		return OUTCOME_DONE;
	case LINE_INVALID: break;
	}
	return reply_invalid(request);
}

const struct show *console_show(const struct line *line)
{
	const struct command *command;

	if (line->shape == LINE_EXPLAIN)
		return &show_explanation;
	if (line->shape != LINE_WORDS || !line->has_subject)
		return NULL;
	command = command_find(line->verb);
	return command && command->run == control_show ? show_find(line->subject) : NULL;
}

static void bad_packet(struct visit *visit)
{
	session_end(visit->session, END_BAD_PACKET, "bad packet");
}

static void on_query(struct visit *visit, const struct message *message)
{
	struct buffer *out = &visit->admin->out;
	struct line line;
	struct request request = { .visit = visit, .line = &line, .out = out, .simple = true };
	enum outcome outcome;

	if (query_read_query(message->body, &request.text) != OK) {
		bad_packet(visit);
		return;
	}
	grammar_read(request.text, &line);
	outcome = console_run(&request);
	if (outcome == OUTCOME_DONE || outcome == OUTCOME_REFUSED)
		console_ready(visit, out);
	console_send(visit, out);
}

static void on_foreign(struct visit *visit, const struct message *message)
{
	struct buffer *out = &visit->admin->out;
	struct request request = { .visit = visit, .out = out, .simple = true };

	(void)reply_refuse(&request, "unsupported packet type for admin console: %d",
			   message->type);
	console_send(visit, out);
	if (visit->session)
		bad_packet(visit);
}

static void console_on_message(void *context, const struct message *message)
{
	struct visit *visit = context;

	/* "reads and discards messages until a Sync is reached" */
	if (visit->skipping && message->type != 'S' && message->type != 'X')
		return;
	switch (message->type) {
	case 'Q': on_query(visit, message); return;
	case 'P':
	case 'B':
	case 'D':
	case 'E':
	case 'C':
	case 'S':
	case 'H': extended_message(visit, message); return;
	case 'd': /* "CopyData, CopyDone and CopyFail ... outside copy-in mode are ignored" */
	case 'c':
	case 'f': return;
	case 'X': session_end(visit->session, END_CLIENT_CLOSED, NULL); return;
	default: on_foreign(visit, message); return;
	}
}

void console_init(struct admin *admin)
{
	list_init(&admin->visits);
	admin->service = (struct service){ .names = console_names,
					   .ctx = admin,
					   .may_enter = console_may_enter,
					   .write_welcome = console_write_welcome,
					   .open = console_open,
					   .on_message = console_on_message,
					   .on_cancel = console_on_cancel,
					   .close = console_close };
	roster_add_service(admin->roster, &admin->service);
}
