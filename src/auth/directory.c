/*
 * Options of LDAP authentication to a struct directory, and what is asked for a user.
 *
 * Owns nothing: texts go to the caller's arena. Called by hba.c to refuse rules with mistakes, and
 * by the login, which gives each question a directory of its own.
 */
#include "auth/directory.h"

#define DEFAULT_ATTRIBUTE "uid"
#define USERNAME	  "$username"

struct reading {
	struct arena *arena;
	struct directory *directory;
	struct slice servers, bind_name, bind_password, scheme;
	int64_t port; /* 0: not given */
	const char *fault;
	bool no_memory;
};

static enum result fault(struct reading *reading, const char *text)
{
	reading->fault = text;
	return BROKEN;
}

static const char *keep(struct reading *reading, struct slice text)
{
	const char *copy = arena_copy_text(reading->arena, text);

	if (!copy)
		reading->no_memory = true;
	return copy;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

/* ---- the single options ---- */

static enum result take_text(struct reading *reading, const char **to, struct slice value)
{
	*to = keep(reading, value);
	return *to ? OK : BROKEN;
}

static enum result take_port(struct reading *reading, struct slice value)
{
	if (text_to_int64(value, &reading->port) != OK || reading->port < 1 ||
	    reading->port > 65535)
		return fault(reading, "ldapport is not a port number");
	return OK;
}

static enum result take_scheme(struct reading *reading, struct slice value)
{
	if (!slice_equal(value, SLICE_LITERAL("ldap")) &&
	    !slice_equal(value, SLICE_LITERAL("ldaps")))
		return fault(reading, "ldapscheme is neither ldap nor ldaps");
	reading->scheme = value;
	return OK;
}

static enum result take_tls(struct reading *reading, struct slice value)
{
	reading->directory->start_tls = slice_equal(value, SLICE_LITERAL("1"));
	if (!reading->directory->start_tls && !slice_equal(value, SLICE_LITERAL("0")))
		return fault(reading, "ldaptls is neither 0 nor 1");
	return OK;
}

/* ---- ldapurl: scheme://host:port/base?attribute?scope?filter (RFC 4516) ---- */

/* A copy without %XX, never with a NUL in it; NULL and a fault otherwise. */
static const char *decode(struct reading *reading, struct slice text)
{
	char *copy = arena_copy_text(reading->arena, text), *to = copy;

	if (!copy) {
		reading->no_memory = true;
		return NULL;
	}
	for (size_t i = 0; i < text.len; i++) {
		int high, low;

		if (text.data[i] != '%') {
			*to++ = text.data[i];
			continue;
		}
		high = i + 2 < text.len ? text_hex_digit(text.data[i + 1]) : -1;
		low = high >= 0 ? text_hex_digit(text.data[i + 2]) : -1;
		if (low < 0 || high * 16 + low == 0) {
			fault(reading, "a %XX in ldapurl is not well-formed");
			return NULL;
		}
		*to++ = (char)(high * 16 + low);
		i += 2;
	}
	*to = '\0';
	return copy;
}

static enum result take_scope(struct reading *reading, struct slice value)
{
	static const struct slice scopes[] = {
		[DIRECTORY_BASE] = SLICE_LITERAL("base"),
		[DIRECTORY_ONE] = SLICE_LITERAL("one"),
		[DIRECTORY_SUBTREE] = SLICE_LITERAL("sub"),
	};

	if (value.len == 0) {
		reading->directory->scope = DIRECTORY_BASE;
		return OK;
	}
	for (size_t i = 0; i < COUNT_OF(scopes); i++) {
		if (!slice_equal_nocase(value, scopes[i]))
			continue;
		reading->directory->scope = (enum directory_scope)i;
		return OK;
	}
	return fault(reading, "the scope in ldapurl is neither base, one nor sub");
}

/* Up to stop, which is taken off too, or to the end. */
static struct slice cut(struct slice *rest, char stop)
{
	const char *end = rest->len ? memchr(rest->data, stop, rest->len) : NULL;
	struct slice head = { rest->data, end ? (size_t)(end - rest->data) : rest->len };
	size_t taken = head.len + (end ? 1 : 0);

	rest->data += taken;
	rest->len -= taken;
	return head;
}

static enum result take_host(struct reading *reading, struct slice host)
{
	const char *bracket = host.len ? memchr(host.data, ']', host.len) : NULL;
	struct slice rest = host, name;

	if (bracket) {
		name = (struct slice){ host.data, (size_t)(bracket + 1 - host.data) };
		rest.data += name.len;
		rest.len -= name.len;
		if (rest.len && *rest.data != ':')
			return fault(reading, "the host in ldapurl is not well-formed");
		(void)cut(&rest, ':');
	} else {
		name = cut(&rest, ':');
	}
	reading->servers = name;
	return rest.len ? take_port(reading, rest) : OK;
}

static enum result take_query(struct reading *reading, struct slice rest)
{
	struct directory *directory = reading->directory;
	struct slice attributes = cut(&rest, '?'), scope = cut(&rest, '?');
	struct slice filter = cut(&rest, '?'), attribute = cut(&attributes, ',');

	if (rest.len)
		return fault(reading, "extensions of ldapurl are not supported");
	if (attribute.len) {
		directory->attribute = decode(reading, attribute);
		if (!directory->attribute)
			return BROKEN;
	}
	if (filter.len) {
		directory->filter = decode(reading, filter);
		if (!directory->filter)
			return BROKEN;
	}
	return take_scope(reading, scope);
}

static enum result take_url(struct reading *reading, struct slice value)
{
	struct slice scheme = cut(&value, ':'), base;
	const char *name;

	if (take_scheme(reading, scheme) != OK || value.len < 2 || memcmp(value.data, "//", 2) != 0)
		return fault(reading, "ldapurl does not begin with ldap:// or ldaps://");
	value.data += 2;
	value.len -= 2;
	base = value;
	if (take_host(reading, cut(&base, '/')) != OK)
		return BROKEN;
	value = base;
	base = cut(&value, '?');
	name = decode(reading, base);
	if (!name)
		return BROKEN;
	if (*name)
		reading->directory->base = name;
	return take_query(reading, value);
}

/* ---- all options ---- */

static enum result take_option(struct reading *reading, struct slice name, struct slice value)
{
	struct directory *directory = reading->directory;
	const struct {
		struct slice name;
		const char **text; /* where it goes, or */
		struct slice *slice;
		enum result (*take)(struct reading *reading, struct slice value);
	} options[] = {
		{ SLICE_LITERAL("ldapserver"), NULL, &reading->servers, NULL },
		{ SLICE_LITERAL("ldapport"), NULL, NULL, take_port },
		{ SLICE_LITERAL("ldapscheme"), NULL, NULL, take_scheme },
		{ SLICE_LITERAL("ldaptls"), NULL, NULL, take_tls },
		{ SLICE_LITERAL("ldapprefix"), &directory->prefix, NULL, NULL },
		{ SLICE_LITERAL("ldapsuffix"), &directory->suffix, NULL, NULL },
		{ SLICE_LITERAL("ldapbasedn"), &directory->base, NULL, NULL },
		{ SLICE_LITERAL("ldapbinddn"), &directory->bind_name, NULL, NULL },
		{ SLICE_LITERAL("ldapbindpasswd"), &directory->bind_password, NULL, NULL },
		{ SLICE_LITERAL("ldapsearchattribute"), &directory->attribute, NULL, NULL },
		{ SLICE_LITERAL("ldapsearchfilter"), &directory->filter, NULL, NULL },
		{ SLICE_LITERAL("ldapurl"), NULL, NULL, take_url },
	};

	for (size_t i = 0; i < COUNT_OF(options); i++) {
		if (!slice_equal(name, options[i].name))
			continue;
		if (options[i].take)
			return options[i].take(reading, value);
		if (options[i].text)
			return take_text(reading, options[i].text, value);
		*options[i].slice = value;
		return OK;
	}
	return fault(reading, "unknown LDAP option");
}

/* The next word without its quotes, in the arena; AGAIN: there is none. */
static enum result next_word(struct reading *reading, struct slice *rest, struct slice *word)
{
	bool in_quotes = false;
	size_t at = 0, len = 0;
	char *text;

	while (rest->len && is_blank(*rest->data)) {
		rest->data++;
		rest->len--;
	}
	if (rest->len == 0)
		return AGAIN;
	text = arena_alloc(reading->arena, rest->len + 1);
	if (!text) {
		reading->no_memory = true;
		return BROKEN;
	}
	for (; at < rest->len && (in_quotes || !is_blank(rest->data[at])); at++) {
		if (rest->data[at] != '"') {
			text[len++] = rest->data[at];
		} else if (in_quotes && at + 1 < rest->len && rest->data[at + 1] == '"') {
			text[len++] = '"';
			at++;
		} else {
			in_quotes = !in_quotes;
		}
	}
	rest->data += at;
	rest->len -= at;
	*word = (struct slice){ text, len };
	return in_quotes ? fault(reading, "a quote is not closed") : OK;
}

static enum result read_options(struct reading *reading, struct slice rest)
{
	struct slice word;
	enum result result;

	while ((result = next_word(reading, &rest, &word)) == OK) {
		struct slice name = cut(&word, '=');

		/* name is followed by the '=' unless there was none */
		if (word.data == name.data + name.len)
			return fault(reading, "an LDAP option has no value (name=value)");
		if (take_option(reading, name, word) != OK)
			return BROKEN;
	}
	return result == AGAIN ? OK : BROKEN;
}

/* ---- what fits together ---- */

static bool is_given(const char *text)
{
	return text && *text;
}

static enum result check_together(struct reading *reading)
{
	const struct directory *directory = reading->directory;
	bool simple = is_given(directory->prefix) || is_given(directory->suffix);
	bool search = directory->base || is_given(directory->bind_name) ||
		      is_given(directory->bind_password) || directory->attribute ||
		      directory->filter;

	if (reading->servers.len == 0)
		return fault(reading, "ldapserver is missing");
	if (simple && search)
		return fault(reading, "ldapprefix and ldapsuffix do not go with a search");
	if (!simple && !directory->base)
		return fault(reading, "ldapbasedn, ldapprefix or ldapsuffix is missing");
	if (directory->attribute && directory->filter)
		return fault(reading, "ldapsearchattribute does not go with a filter");
	if (directory->start_tls && slice_equal(reading->scheme, SLICE_LITERAL("ldaps")))
		return fault(reading, "ldaptls does not go with ldaps");
	return OK;
}

/* A name or an address, without a port. */
static bool is_host(struct slice host)
{
	size_t colons = 0;

	for (size_t i = 0; i < host.len; i++) {
		char c = host.data[i];

		colons += c == ':';
		if (!((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
		      memchr("-._:[]%", c, 7)))
			return false;
	}
	return colons != 1;
}

/* An address of IPv6 stands in brackets. */
static bool wants_brackets(struct slice host)
{
	const char *colon = memchr(host.data, ':', host.len);

	return colon && *host.data != '[';
}

static enum result write_uri(struct reading *reading)
{
	struct slice rest = reading->servers, host;
	struct buffer uri = BUFFER_EMPTY;
	int port = (int)reading->port;
	enum result result = OK;

	if (port == 0)
		port = slice_equal(reading->scheme, SLICE_LITERAL("ldaps")) ? 636 : 389;
	while (result == OK && slice_next_field(&rest, ' ', &host)) {
		bool brackets;

		if (host.len == 0)
			continue;
		if (!is_host(host))
			result = fault(reading, "a host in ldapserver is not well-formed");
		brackets = wants_brackets(host);
		buffer_append_format(&uri, "%s%.*s://%s%.*s%s:%d", uri.len ? " " : "",
				     (int)reading->scheme.len, reading->scheme.data,
				     brackets ? "[" : "", (int)host.len, host.data,
				     brackets ? "]" : "", port);
	}
	if (result == OK && uri.len == 0 && !uri.failed)
		result = fault(reading, "ldapserver is missing");
	if (result == OK) {
		reading->directory->uri = keep(reading, buffer_slice(&uri));
		reading->no_memory |= uri.failed;
		result = reading->no_memory ? BROKEN : OK;
	}
	buffer_release(&uri);
	return result;
}

enum result directory_read(struct slice options, struct arena *arena, struct directory *directory,
			   const char **why)
{
	struct reading reading = { .arena = arena,
				   .directory = directory,
				   .scheme = SLICE_LITERAL("ldap") };

	*directory = (struct directory){ .prefix = "",
					 .suffix = "",
					 .bind_name = "",
					 .bind_password = "",
					 .scope = DIRECTORY_SUBTREE };
	*why = NULL;
	if (read_options(&reading, options) != OK || check_together(&reading) != OK ||
	    write_uri(&reading) != OK) {
		*why = reading.no_memory ? NULL : reading.fault;
		return BROKEN;
	}
	if (!directory->attribute && !directory->filter)
		directory->attribute = DEFAULT_ATTRIBUTE;
	return OK;
}

/* ---- what is asked ---- */

void directory_write_name(const struct directory *directory, struct slice user, struct buffer *out)
{
	buffer_append_text(out, directory->prefix);
	buffer_append_slice(out, user);
	buffer_append_text(out, directory->suffix);
}

enum result directory_write_filter(const struct directory *directory, struct slice user,
				   struct buffer *out)
{
	const char *at = directory->filter, *next;

	for (size_t i = 0; i < user.len; i++)
		if (memchr("*()\\/", user.data[i], 5) || user.data[i] == '\0')
			return BROKEN;
	if (!directory->filter) {
		buffer_append_format(out, "(%s=%.*s)", directory->attribute, (int)user.len,
				     user.data);
		return OK;
	}
	while ((next = strstr(at, USERNAME)) != NULL) {
		buffer_append(out, at, (size_t)(next - at));
		buffer_append_slice(out, user);
		at = next + sizeof(USERNAME) - 1;
	}
	buffer_append_text(out, at);
	return OK;
}
