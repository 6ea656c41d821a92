#ifndef WIRE_NOTICE_H
#define WIRE_NOTICE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/result.h"
#include "base/text.h"

/*
 * ErrorResponse and NoticeResponse, both ways (PostgreSQL docs, "Error and Notice Message
 * Fields").
 */

/* The fields we look at; absent ones are empty. Borrowed from the body. */
struct notice_view {
	struct slice severity;  /* 'V' where given (never translated), else 'S' */
	struct slice sqlstate;  /* 'C', five characters */
	struct slice message;   /* 'M' */
	struct slice detail;    /* 'D' */
	struct slice hint;      /* 'H' */
	struct slice routine;   /* 'R', the function in the server's source that raised it */
};
enum result notice_read(struct slice body, struct notice_view *view) MUST_USE;

/*
 * Writes an ErrorResponse ('E') or NoticeResponse ('N'). Fields S, V, C, M as given; detail,
 * hint and routine only when not empty. V is always there, as clients since 9.6 expect.
 */
void notice_write(struct buffer *out, char type, const struct notice_view *fields);

/* True when severity ends the server's connection: FATAL or PANIC. */
bool notice_is_fatal(const struct notice_view *view);

#endif
