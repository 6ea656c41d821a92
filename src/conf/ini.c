/*
 * Ini files to assignments, in the grammar of the reference (section 2): indented lines are
 * ordinary ones, comments stand on lines of their own, names may be quoted, lines may be 64 kB
 * long, %include nests.
 *
 * inih splits into section, name and value, but its own grammar differs: it ends a value at
 * " ;", takes an indented line for a continuation, and Debian's build stops at 200 bytes a line
 * and 50 a name. So what it reads are lines that ini_feed() has made harmless: every byte
 * outside [A-Za-z0-9_] is written %XX, and a long value comes as several lines of one name,
 * which ini_value() puts together again. Errors of grammar are found while feeding; inih only
 * ever sees good lines.
 */

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#include "conf/conf_internal.h"

#define LINE_LEN_MAX  65536
#define FILE_LEN_MAX  (16u * 1024 * 1024)
#define INCLUDE_DEPTH 10
#define INCLUDE_MAX   1000 /* files in all: an end to files that include themselves */
#define INIH_NAME_MAX 45   /* inih cuts names and sections at 49 bytes */
#define LONG_NAME     "?"  /* sent for longer ones: no encoded name can be this */

struct ini_file {
	char *path;
	struct buffer text;
	struct slice rest; /* of text, not yet read */
	unsigned line;
};

struct ini_reader {
	const struct ini_handler *handler;
	struct complaints *complaints;
	struct ini_file files[INCLUDE_DEPTH + 1];
	unsigned open; /* files in use */
	unsigned included;
	bool may_include;
	bool failed;		/* no memory */
	struct ini_place place; /* of the line in hand */
	struct buffer section, name, encoded_name;
	struct buffer encoded; /* value of the line in hand */
	size_t sent;	       /* bytes of it given to inih */
	bool sending;	       /* a line is in hand */
	struct buffer received, value;
};

static void complain(struct ini_reader *reader, const char *text)
{
	complaints_add(reader->complaints, COMPLAINT_ERROR, reader->place.file, reader->place.line,
		       "%s", text);
}

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

static void encode(struct slice text, struct buffer *out)
{
	static const char digits[] = "0123456789ABCDEF";

	buffer_clear(out);
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];
		char code[3] = { '%', digits[c >> 4], digits[c & 15] };

		if (is_plain(text.data[i]))
			buffer_append(out, &text.data[i], 1);
		else
			buffer_append(out, code, sizeof(code));
	}
}

static void decode(struct slice text, struct buffer *out)
{
	buffer_clear(out);
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (c == '%' && i + 2 < text.len) {
			c = (char)(text_hex_digit(text.data[i + 1]) << 4 |
				   text_hex_digit(text.data[i + 2]));
			i += 2;
		}
		buffer_append(out, &c, 1);
	}
}

/* ---- files ---- */

static void file_close(struct ini_file *file)
{
	mem_free(file->path);
	buffer_release_secret(&file->text);
	file->path = NULL;
}

static enum result file_open(struct ini_reader *reader, const char *path)
{
	struct ini_file *file = &reader->files[reader->open];

	buffer_init(&file->text);
	file->line = 0;
	file->path = mem_copy_text(path, strlen(path));
	if (!file->path) {
		reader->failed = true;
		return BROKEN;
	}
	if (file_read(path, FILE_LEN_MAX, &file->text) != OK) {
		complaints_add(reader->complaints, COMPLAINT_ERROR, reader->place.file,
			       reader->place.line, "cannot read \"%s\": %s", path, strerror(errno));
		file_close(file);
		return BROKEN;
	}
	file->rest = buffer_slice(&file->text);
	reader->open++;
	return OK;
}

/* Gives the next line of the innermost file, closing files that are used up. */
static bool next_line(struct ini_reader *reader, struct slice *line)
{
	while (reader->open > 0) {
		struct ini_file *file = &reader->files[reader->open - 1];
		const char *end;

		if (file->rest.len == 0) {
			file_close(file);
			reader->open--;
			continue;
		}
		end = memchr(file->rest.data, '\n', file->rest.len);
		line->data = file->rest.data;
		line->len = end ? (size_t)(end - file->rest.data) : file->rest.len;
		file->rest.data += line->len + (end != NULL);
		file->rest.len -= line->len + (end != NULL);
		file->line++;
		reader->place = (struct ini_place){ file->path, file->line };
		return true;
	}
	return false;
}

static void include(struct ini_reader *reader, struct slice name)
{
	char *path;

	name = slice_trim(name);
	if (!reader->may_include)
		complain(reader, "%include is not possible here");
	else if (name.len == 0)
		complain(reader, "%include without a file name");
	else if (reader->open > INCLUDE_DEPTH)
		complain(reader, "%include nested more than 10 deep");
	else if (reader->included >= INCLUDE_MAX)
		complain(reader, "too many files by %include");
	else if (!(path = mem_copy_text(name.data, name.len)))
		reader->failed = true;
	else {
		reader->included++;
		/* the complaint is made; the rest is read for further errors */
		if (file_open(reader, path) != OK && reader->failed)
			complain(reader, "out of memory");
		mem_free(path);
	}
}

/* ---- lines ---- */

static bool is_name_char(char c)
{
	return is_plain(c) || c == '.' || c == '*' || c == '-';
}

/* Takes the name from the front of line; false after a complaint. */
static bool take_name(struct ini_reader *reader, struct slice *line, struct slice *name)
{
	char quote = *line->data;

	if (quote == '\'' || quote == '"') {
		const char *end = memchr(line->data + 1, quote, line->len - 1);

		if (!end) {
			complain(reader, "the quote around a name is not closed");
			return false;
		}
		*name = (struct slice){ line->data + 1, (size_t)(end - line->data - 1) };
		line->len -= name->len + 2;
		line->data = end + 1;
		return true;
	}
	*name = (struct slice){ line->data, 0 };
	while (name->len < line->len && is_name_char(line->data[name->len]))
		name->len++;
	line->data += name->len;
	line->len -= name->len;
	if (name->len)
		return true;
	complain(reader, "expected name = value; other characters than letters, digits and _ . * - "
			 "in a name need single quotes around it");
	return false;
}

/* Puts "name = value" in hand for ini_feed; false when it is not of that form. */
static bool hold_value(struct ini_reader *reader, struct slice line)
{
	struct slice name;

	if (!take_name(reader, &line, &name))
		return false;
	line = slice_trim(line);
	if (line.len == 0 || *line.data != '=') {
		complain(reader, "expected name = value, there is no \"=\" after the name");
		return false;
	}
	line = slice_trim((struct slice){ line.data + 1, line.len - 1 });
	buffer_clear(&reader->name);
	buffer_append_slice(&reader->name, name);
	encode(name, &reader->encoded_name);
	encode(line, &reader->encoded);
	buffer_clear(&reader->received);
	reader->sent = 0;
	reader->failed =
		reader->name.failed || reader->encoded_name.failed || reader->encoded.failed;
	reader->sending = !reader->failed;
	return reader->sending;
}

/* Tells the handler; true when inih must hear of it (a well-formed header). */
static bool hold_section(struct ini_reader *reader, struct slice line)
{
	struct slice name;

	if (line.len < 2 || line.data[line.len - 1] != ']') {
		complain(reader, "a section header must end with \"]\"");
		return false;
	}
	name = slice_trim((struct slice){ line.data + 1, line.len - 2 });
	buffer_clear(&reader->section);
	buffer_append_slice(&reader->section, name);
	reader->handler->on_section(reader->handler->context, reader->place, name);
	encode(name, &reader->encoded_name);
	reader->failed = reader->section.failed || reader->encoded_name.failed;
	return !reader->failed;
}

static const char *short_name(struct ini_reader *reader, size_t *len)
{
	if (reader->encoded_name.len > INIH_NAME_MAX || reader->encoded_name.len == 0) {
		*len = sizeof(LONG_NAME) - 1;
		return LONG_NAME;
	}
	*len = reader->encoded_name.len;
	return reader->encoded_name.data;
}

/* Writes the next "name=piece" of the line in hand. */
static char *feed_piece(struct ini_reader *reader, char *out, size_t cap)
{
	size_t name_len;
	const char *name = short_name(reader, &name_len);
	size_t room = cap - name_len - 4; /* "=", "\r\n" and NUL */
	size_t left = reader->encoded.len - reader->sent;
	size_t piece = left < room ? left : room;

	snprintf(out, cap, "%.*s=%.*s\n", (int)name_len, name, (int)piece,
		 piece ? reader->encoded.data + reader->sent : "");
	reader->sent += piece;
	if (reader->sent == reader->encoded.len)
		reader->sending = false;
	return out;
}

static char *feed_section(struct ini_reader *reader, char *out, size_t cap)
{
	size_t len;
	const char *name = short_name(reader, &len);

	snprintf(out, cap, "[%.*s]\n", (int)len, name);
	return out;
}

/*
 * What a line is: a directive or an error is dealt with at once (NULL), a header or a value
 * gives the text inih is to read.
 */
static char *feed_line(struct ini_reader *reader, struct slice line, char *out, size_t cap)
{
	static const struct slice directive = { "%include", 8 };

	if (reader->place.line == 1 && slice_starts_with(line, SLICE_LITERAL("\xEF\xBB\xBF")))
		line = (struct slice){ line.data + 3, line.len - 3 };
	line = slice_trim(line);
	if (line.len == 0 || *line.data == ';' || *line.data == '#')
		return NULL;
	if (slice_starts_with(line, directive) &&
	    (line.len == directive.len || line.data[directive.len] == ' ' ||
	     line.data[directive.len] == '\t')) {
		include(reader,
			(struct slice){ line.data + directive.len, line.len - directive.len });
		return NULL;
	}
	if (*line.data == '[')
		return hold_section(reader, line) ? feed_section(reader, out, cap) : NULL;
	return hold_value(reader, line) ? feed_piece(reader, out, cap) : NULL;
}

/* inih's reader: the next harmless line, NULL at the end. */
static char *ini_feed(char *out, int cap, void *context)
{
	struct ini_reader *reader = context;
	struct slice line;

	if (reader->sending)
		return feed_piece(reader, out, (size_t)cap);
	while (!reader->failed && next_line(reader, &line)) {
		char *fed = NULL;

		if (line.len > LINE_LEN_MAX)
			complain(reader, "line longer than 65536 bytes");
		else if (memchr(line.data, '\0', line.len))
			complain(reader, "NUL byte in the line");
		else
			fed = feed_line(reader, line, out, (size_t)cap);
		if (fed)
			return fed;
	}
	return NULL;
}

/* inih's handler: collects the pieces of a value, then tells our own handler. */
static int ini_value(void *context, const char *section, const char *name, const char *value)
{
	struct ini_reader *reader = context;

	buffer_append_text(&reader->received, value);
	if (reader->sending)
		return 1;
	if (strcmp(name, LONG_NAME) != 0)
		decode(slice_of(name), &reader->name);
	if (strcmp(section, LONG_NAME) != 0)
		decode(slice_of(section), &reader->section);
	decode(buffer_slice(&reader->received), &reader->value);
	reader->failed = reader->received.failed || reader->name.failed || reader->section.failed ||
			 reader->value.failed;
	if (reader->failed)
		return 0;
	reader->handler->on_value(reader->handler->context, reader->place,
				  buffer_slice(&reader->section), buffer_slice(&reader->name),
				  buffer_slice(&reader->value));
	return 1;
}

/* ---- the whole ---- */

static void reader_init(struct ini_reader *reader, const struct ini_handler *handler,
			struct complaints *complaints)
{
	memset(reader, 0, sizeof(*reader));
	reader->handler = handler;
	reader->complaints = complaints;
	/* as large as they may get, so that growing leaves no copy of a password behind */
	reader->failed = !buffer_reserve(&reader->encoded, 3 * LINE_LEN_MAX) ||
			 !buffer_reserve(&reader->received, 3 * LINE_LEN_MAX + 1) ||
			 !buffer_reserve(&reader->value, LINE_LEN_MAX);
}

static void reader_release(struct ini_reader *reader)
{
	while (reader->open > 0)
		file_close(&reader->files[--reader->open]);
	buffer_release(&reader->section);
	buffer_release(&reader->name);
	buffer_release(&reader->encoded_name);
	buffer_release_secret(&reader->encoded);
	buffer_release_secret(&reader->received);
	buffer_release_secret(&reader->value);
}

static enum result reader_run(struct ini_reader *reader, const char *path)
{
	if (!reader->failed)
		ini_parse_stream(ini_feed, reader, ini_value, reader);
	if (reader->failed)
		complaints_add(reader->complaints, COMPLAINT_ERROR, path, 0, "out of memory");
	return reader->failed ? BROKEN : OK;
}

enum result ini_read(const char *path, const struct ini_handler *handler,
		     struct complaints *complaints)
{
	struct ini_reader reader;
	enum result result;

	reader_init(&reader, handler, complaints);
	reader.may_include = true;
	if (!reader.failed && file_open(&reader, path) != OK && !reader.failed)
		result = BROKEN; /* and said so */
	else
		result = reader_run(&reader, path);
	reader_release(&reader);
	return result;
}

enum result ini_read_text(const char *name, struct slice text, const struct ini_handler *handler,
			  struct complaints *complaints)
{
	struct ini_reader reader;
	enum result result;

	reader_init(&reader, handler, complaints);
	reader.files[0].path = mem_copy_text(name, strlen(name));
	reader.files[0].rest = text;
	reader.open = reader.files[0].path != NULL;
	reader.failed |= reader.files[0].path == NULL;
	result = reader_run(&reader, name);
	reader_release(&reader);
	return result;
}
