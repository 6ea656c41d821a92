#ifndef WIRE_QUERY_H
#define WIRE_QUERY_H

#include "base/buffer.h"
#include "base/result.h"
#include "wire/message.h"

/*
 * Views of and rewrites for what a client asks: Query, Parse, Bind, Describe, Close
 * (PostgreSQL docs, "Message Formats", "Extended Query"). The read functions take bodies;
 * BROKEN means malformed.
 */

struct parse_view {
	struct slice name;      /* statement name, empty = unnamed */
	struct slice text;      /* the SQL, without NUL */
	struct slice signature; /* text, its NUL, number and OIDs of types: all after name */
};
enum result query_read_parse(struct slice body, struct parse_view *view) MUST_USE;

struct bind_view {
	struct slice portal;
	struct slice statement;
	size_t       head_len; /* bytes of the body that the two names take, NULs included */
};
/* body may be cut short (a flowing Bind) after the names. */
enum result query_read_bind(struct slice body, struct bind_view *view) MUST_USE;

struct target_view {
	char         kind; /* 'S' statement or 'P' portal */
	struct slice name;
};
/* Describe and Close. */
enum result query_read_target(struct slice body, struct target_view *view) MUST_USE;

/* The SQL of a whole Query body, without NUL. */
enum result query_read_query(struct slice body, struct slice *text) MUST_USE;

void query_write_query(struct buffer *out, struct slice text);
/* signature: as in parse_view. */
void query_write_parse(struct buffer *out, struct slice name, struct slice signature);
/*
 * Header and names of a Bind whose body after the old names (old->head_len of old_len bytes)
 * follows from elsewhere.
 */
void query_write_bind_head(struct buffer *out, const struct bind_view *old, uint32_t old_len,
                           struct slice statement);
/* type 'D' or 'C'. */
void query_write_target(struct buffer *out, char type, char kind, struct slice name);

#endif
