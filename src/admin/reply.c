/*
 * The small answers: errors, notices, tags. Owns nothing; called by commands, which return
 * what these return. Every error of the console is logged as the reference logs it.
 */

#include "admin/admin_internal.h"
#include "base/log.h"
#include "session/session.h"
#include "wire/notice.h"
#include "wire/result.h"

#define ERROR_TEXT_MAX 512 /* with NUL; a longer one is cut */

enum outcome reply_error_list(struct request *request, const char *sqlstate, const char *format,
			      va_list args)
{
	struct visit *visit = request->visit;
	char text[ERROR_TEXT_MAX];
	struct notice_view fields = { .severity = SLICE_LITERAL("ERROR") };
	const char *prefix = visit->session ? session_prefix(visit->session) : NULL;

	vsnprintf(text, sizeof(text), format, args);
	fields.sqlstate = slice_of(sqlstate);
	fields.message = slice_of(text);
	notice_write(request->out, 'E', &fields);
	log_line(LEVEL_ERROR, prefix, "%s", text);
	if (visit->admin->settings->log_pooler_errors)
		log_line(LEVEL_WARNING, prefix, "pooler error: %s", text);
	return OUTCOME_REFUSED;
}

enum outcome reply_error(struct request *request, const char *sqlstate, const char *format, ...)
{
	enum outcome outcome;
	va_list args;

	va_start(args, format);
	outcome = reply_error_list(request, sqlstate, format, args);
	va_end(args);
	return outcome;
}

enum outcome reply_invalid(struct request *request)
{
	return reply_refuse(
		request, "invalid command '%.*s', use SHOW HELP;",
		(int)(request->text.len < ERROR_TEXT_MAX ? request->text.len : ERROR_TEXT_MAX),
		request->text.data ? request->text.data : "");
}

enum outcome reply_done(struct request *request, const char *tag)
{
	result_write_tag(request->out, slice_of(tag));
	return OUTCOME_DONE;
}

void reply_notice(struct buffer *out, const char *text, const char *detail)
{
	struct notice_view fields = { .severity = SLICE_LITERAL("NOTICE"),
				      .sqlstate = SLICE_LITERAL("00000"),
				      .message = slice_of(text),
				      .detail = slice_of(detail) };

	notice_write(out, 'N', &fields);
}
