/*
 * The files behind auth_type hba: the rules, the files they name with @, the maps of names. Read
 * here, as all files of the configuration are, and understood by auth/hba.c and auth/ident.c.
 * Called by load.c; owns nothing.
 */

#include <errno.h>
#include <string.h>

#include "conf/option.h"

#include "conf/conf_internal.h"

#define RULE_FILE_LEN_MAX (16u * 1024 * 1024)
#define INCLUDES_MAX	  256

struct reading {
	struct settings *settings;
	struct complaints *complaints;
	struct text_file *includes; /* INCLUDES_MAX of them */
	size_t count;
};

static enum result copy_text(struct settings *settings, struct slice from, struct slice *to)
{
	*to = SLICE_NONE;
	if (!from.data)
		return OK;
	to->data = arena_copy_text(settings->private->arena, from);
	to->len = to->data ? from.len : 0;
	return to->data ? OK : BROKEN;
}

/* AGAIN: it cannot be read, errno says why. BROKEN without memory. */
static enum result read_text(struct settings *settings, const char *path, struct slice *text)
{
	struct buffer bytes = BUFFER_EMPTY;
	enum result result = AGAIN;
	int reason;

	*text = SLICE_NONE;
	if (file_read(path, RULE_FILE_LEN_MAX, &bytes) == OK)
		result = copy_text(settings, bytes.len ? buffer_slice(&bytes) : SLICE_LITERAL(""),
				   text);
	reason = errno;
	buffer_release(&bytes);
	errno = reason;
	return result;
}

/* ---- @file ---- */

static bool ends_word(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v' ||
	       c == ',' || c == '#';
}

/* Takes the next word off *rest, its quotes too, into name; false at the end. */
static bool next_word(struct slice *rest, char *name, size_t cap, size_t *len)
{
	const char *at = rest->data, *end = rest->data + rest->len;
	bool in_quotes = false;

	*len = 0;
	while (at < end && ends_word(*at)) {
		if (*at == '#')
			while (at < end && *at != '\n')
				at++;
		else
			at++;
	}
	if (at == end)
		return false;
	for (; at < end && *at != '\n' && (in_quotes || !ends_word(*at)); at++) {
		if (*at == '"')
			in_quotes = !in_quotes;
		/* a name that does not fit is no file's */
		if (*len < cap && (*at != '"' || *len == 0))
			name[(*len)++] = *at;
	}
	*rest = (struct slice){ at, (size_t)(end - at) };
	return true;
}

static bool is_known(const struct reading *reading, struct slice name)
{
	for (size_t i = 0; i < reading->count; i++)
		if (slice_equal(reading->includes[i].name, name))
			return true;
	return false;
}

/* Relative to the folder of auth_hba_file, as PostgreSQL has it. */
static const char *path_of(const struct reading *reading, struct slice name)
{
	struct arena *arena = reading->settings->private->arena;
	const char *rules = reading->settings->auth_hba_file;
	const char *slash = strrchr(rules, '/');
	int folder = slash && *name.data != '/' ? (int)(slash + 1 - rules) : 0;

	return arena_format(arena, "%.*s%.*s", folder, rules, (int)name.len, name.data);
}

static enum result read_include(struct reading *reading, struct slice name)
{
	struct text_file *include = &reading->includes[reading->count];
	const char *path;
	enum result result;

	if (reading->count == INCLUDES_MAX) {
		complaints_add(reading->complaints, COMPLAINT_WARNING,
			       reading->settings->auth_hba_file, 0,
			       "more than %d files are named with @", INCLUDES_MAX);
		return OK;
	}
	path = path_of(reading, name);
	if (!path || copy_text(reading->settings, name, &include->name) != OK)
		return BROKEN;
	reading->count++;
	result = read_text(reading->settings, path, &include->text);
	if (result == AGAIN)
		complaints_add(reading->complaints, COMPLAINT_WARNING,
			       reading->settings->auth_hba_file, 0, "could not open @%s: %s", path,
			       strerror(errno));
	return result == BROKEN ? BROKEN : OK;
}

static enum result read_includes_of(struct reading *reading, struct slice text)
{
	char word[1024];
	struct slice name;
	size_t len;

	while (next_word(&text, word, sizeof(word), &len)) {
		if (len < 2 || word[0] != '@' || len == sizeof(word))
			continue;
		name = (struct slice){ word + 1, len - 1 };
		if (!is_known(reading, name) && read_include(reading, name) != OK)
			return BROKEN;
	}
	return OK;
}

static enum result read_includes(struct settings *settings, struct complaints *complaints)
{
	struct reading reading = { .settings = settings, .complaints = complaints };

	reading.includes =
		arena_alloc(settings->private->arena, INCLUDES_MAX * sizeof(*reading.includes));
	if (!reading.includes || read_includes_of(&reading, settings->auth_hba_text) != OK)
		return BROKEN;
	/* those that the ones read so far name are appended meanwhile */
	for (size_t i = 0; i < reading.count; i++)
		if (reading.includes[i].text.data &&
		    read_includes_of(&reading, reading.includes[i].text) != OK)
			return BROKEN;
	settings->auth_hba_includes = reading.includes;
	settings->auth_hba_include_count = reading.count;
	return OK;
}

/* ---- all of it ---- */

static void complain_unreadable(const struct settings *settings, const char *key, const char *path,
				bool stays, struct complaints *complaints)
{
	const char *file = NULL;
	unsigned line = 0;

	(void)option_source(option_find(&option_global, slice_of(key)), settings, &file, &line);
	complaints_add(complaints, COMPLAINT_WARNING, file, line, "could not open %s %s: %s%s", key,
		       path, strerror(errno), stays ? "; what was read before stays" : "");
}

static enum result copy_includes(struct settings *to, const struct settings *from)
{
	size_t count = from->auth_hba_include_count;
	struct text_file *includes =
		arena_alloc(to->private->arena, (count + 1) * sizeof(*includes));

	if (!includes)
		return BROKEN;
	for (size_t i = 0; i < count; i++) {
		const struct text_file *file = &from->auth_hba_includes[i];

		if (copy_text(to, file->name, &includes[i].name) != OK ||
		    copy_text(to, file->text, &includes[i].text) != OK)
			return BROKEN;
	}
	to->auth_hba_includes = includes;
	to->auth_hba_include_count = count;
	return OK;
}

static enum result copy_rules(struct settings *to, const struct settings *from)
{
	return copy_text(to, from->auth_hba_text, &to->auth_hba_text) == OK
		       ? copy_includes(to, from)
		       : BROKEN;
}

enum result rule_files_copy(struct settings *to, const struct settings *from)
{
	return copy_rules(to, from) == OK
		       ? copy_text(to, from->auth_ident_text, &to->auth_ident_text)
		       : BROKEN;
}

static enum result read_rules(struct settings *settings, const struct settings *previous,
			      struct complaints *complaints)
{
	bool has_previous = previous && previous->auth_hba_text.data;

	if (!*settings->auth_hba_file)
		return OK;
	switch (read_text(settings, settings->auth_hba_file, &settings->auth_hba_text)) {
	case OK: return read_includes(settings, complaints);
	case BROKEN: return BROKEN;
	case AGAIN: break;
	}
	complain_unreadable(settings, "auth_hba_file", settings->auth_hba_file, has_previous,
			    complaints);
	return has_previous ? copy_rules(settings, previous) : OK;
}

static enum result read_maps(struct settings *settings, const struct settings *previous,
			     struct complaints *complaints)
{
	bool has_previous = previous && previous->auth_ident_text.data;

	if (!settings->auth_ident_file || !*settings->auth_ident_file)
		return OK;
	switch (read_text(settings, settings->auth_ident_file, &settings->auth_ident_text)) {
	case OK: return OK;
	case BROKEN: return BROKEN;
	case AGAIN: break;
	}
	complain_unreadable(settings, "auth_ident_file", settings->auth_ident_file, has_previous,
			    complaints);
	return has_previous
		       ? copy_text(settings, previous->auth_ident_text, &settings->auth_ident_text)
		       : OK;
}

enum result rule_files_read(struct settings *settings, const struct settings *previous,
			    struct complaints *complaints)
{
	settings->auth_hba_text = settings->auth_ident_text = SLICE_NONE;
	settings->auth_hba_includes = NULL;
	settings->auth_hba_include_count = 0;
	if (settings->auth_type != AUTH_TYPE_HBA)
		return OK;
	if (read_rules(settings, previous, complaints) != OK)
		return BROKEN;
	return read_maps(settings, previous, complaints);
}
