/*
 * The console of the process that is to be replaced, from the other side: a small blocking client,
 * which takes descriptors. Owns the connection and what it received. Called by takeover.c.
 */
#include "daemon/takeover_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "net/pass.h"
#include "wire/frame.h"
#include "wire/notice.h"
#include "wire/query.h"
#include "wire/reader.h"
#include "wire/startup.h"

#define LOGIN_SECONDS 5
#define MESSAGE_MAX   (64u << 20)

/* ---- bytes ---- */

static enum result send_out(struct old_console *console, struct buffer *out)
{
	enum result result = BROKEN;

	if (!out->failed)
		result = pass_send(console->socket, buffer_slice(out), -1,
		                   span_seconds(LOGIN_SECONDS));
	buffer_release(out);
	return result;
}

static enum result keep_fd(struct old_console *console, int fd)
{
	if (console->fd_count == console->fd_cap) {
		size_t cap = console->fd_cap ? console->fd_cap * 2 : 64;
		int   *fds = mem_realloc(console->fds, cap * sizeof(*fds));

		if (!fds) {
			close(fd);
			return BROKEN;
		}
		console->fds = fds;
		console->fd_cap = cap;
	}
	console->fds[console->fd_count++] = fd;
	return OK;
}

static enum result receive(struct old_console *console, int seconds)
{
	char    bytes[8192];
	int     fd;
	ssize_t got = pass_receive(console->socket, bytes, sizeof(bytes), &fd,
	                           span_seconds(seconds));

	if (got <= 0)
		log_error("the old process does not answer: %s", got < 0 ? strerror(errno) :
		                                                           "it has left");
	if (fd >= 0 && keep_fd(console, fd) != OK)
		return BROKEN;
	if (got <= 0)
		return BROKEN;
	buffer_append(&console->input, bytes, (size_t)got);
	explicit_bzero(bytes, sizeof(bytes));
	return console->input.failed ? BROKEN : OK;
}

/* The next whole message; its body is borrowed until drop_message. */
static enum result next_message(struct old_console *console, struct message *message, int seconds)
{
	const struct frame_limits limits = { MESSAGE_MAX, MESSAGE_MAX };
	size_t                    need;

	for (;;) {
		enum result result = frame_next(buffer_slice(&console->input), SIDE_SERVER, &limits,
		                                message, &need);

		if (result == BROKEN)
			return BROKEN;
		if (result == OK && message_is_whole(message))
			return OK;
		if (receive(console, seconds) != OK)
			return BROKEN;
	}
}

static void drop_message(struct old_console *console, const struct message *message)
{
	buffer_drop_front(&console->input, MESSAGE_HEADER_LEN + message->len);
}

/* ---- rows ---- */

static struct taken_row *add_row(struct taken_rows *rows)
{
	if (rows->count == rows->cap) {
		size_t            cap = rows->cap ? rows->cap * 2 : 64;
		struct taken_row *items = mem_realloc(rows->items, cap * sizeof(*items));

		if (!items)
			return NULL;
		rows->items = items;
		rows->cap = cap;
	}
	rows->items[rows->count] = (struct taken_row){ .fd = -1 };
	return &rows->items[rows->count++];
}

/* Rows and descriptors come in the same order. */
static int next_fd(struct old_console *console)
{
	int fd;

	if (!console->fd_count)
		return -1;
	fd = console->fds[0];
	console->fd_count--;
	memmove(console->fds, console->fds + 1, console->fd_count * sizeof(*console->fds));
	return fd;
}

static enum result take_row(struct old_console *console, struct taken_rows *rows, struct slice body)
{
	struct taken_row *row = rows ? add_row(rows) : NULL;
	struct reader     reader;

	if (!row)
		return BROKEN;
	row->fd = next_fd(console);
	reader_init(&reader, body);
	row->count = reader_u16(&reader);
	if (row->count > FDS_MAX_COLUMNS)
		return BROKEN;
	for (unsigned i = 0; i < row->count; i++) {
		int32_t      len = reader_i32(&reader);
		struct slice value = reader_bytes(&reader, len > 0 ? (size_t)len : 0);

		if (len < 0 || reader_ok(&reader) != OK)
			continue;
		row->values[i].data = arena_copy_text(console->arena, value);
		row->values[i].len = value.len;
		if (!row->values[i].data)
			return BROKEN;
	}
	return reader_end(&reader);
}

/* ---- talking ---- */

static void log_refusal(const char *command, struct slice body)
{
	struct notice_view view;

	if (notice_read(body, &view) == OK)
		log_error("the old process refuses %s: %.*s", command, (int)view.message.len,
		          view.message.data);
}

/* Everything up to ReadyForQuery. */
static enum result read_answer(struct old_console *console, const char *command,
                               struct taken_rows *rows, int seconds)
{
	enum result    result = OK;
	struct message message;
	bool           ready = false;

	while (!ready) {
		if (next_message(console, &message, seconds) != OK)
			return BROKEN;
		switch (message.type) {
		case 'D':
			if (take_row(console, rows, message.body) != OK)
				result = BROKEN;
			break;
		case 'E':
			log_refusal(command, message.body);
			result = BROKEN;
			break;
		case 'R':
			/* Our own user is not asked for a password. */
			if (message.body.len != 4 || memcmp(message.body.data, "\0\0\0", 4) != 0)
				return BROKEN;
			break;
		case 'Z': ready = true; break;
		default: break;
		}
		drop_message(console, &message);
	}
	return result;
}

enum result old_console_ask(struct old_console *console, const char *command,
                            struct taken_rows *rows, int seconds)
{
	struct buffer out = BUFFER_EMPTY;

	query_write_query(&out, slice_of(command));
	if (send_out(console, &out) != OK) {
		log_error("the old process cannot be asked for %s: %s", command, strerror(errno));
		return BROKEN;
	}
	return read_answer(console, command, rows, seconds);
}

static enum result log_in(struct old_console *console)
{
	struct buffer out = BUFFER_EMPTY;
	size_t        mark = startup_write_begin(&out, PROTOCOL_3_0);

	startup_write_pair(&out, SLICE_LITERAL("user"), SLICE_LITERAL("pgbouncer"));
	startup_write_pair(&out, SLICE_LITERAL("database"), SLICE_LITERAL("pgbouncer"));
	startup_write_end(&out, mark);
	if (send_out(console, &out) != OK)
		return BROKEN;
	return read_answer(console, "our login", NULL, LOGIN_SECONDS);
}

enum result old_console_open(struct old_console *console, const struct address *address)
{
	*console = (struct old_console){ .socket = -1 };
	console->arena = arena_new();
	if (!console->arena)
		return BROKEN;
	console->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (console->socket < 0)
		return BROKEN;
	if (connect(console->socket, &address->any, address->len) != 0) {
		log_info("no old process answers: %s", strerror(errno));
		return BROKEN;
	}
	return log_in(console);
}

void old_console_close(struct old_console *console)
{
	while (console->fd_count)
		close(console->fds[--console->fd_count]);
	mem_free(console->fds);
	console->fds = NULL;
	if (console->socket >= 0)
		close(console->socket);
	console->socket = -1;
	if (console->input.data)
		explicit_bzero(console->input.data, console->input.cap);
	buffer_release(&console->input);
	arena_free_secret(console->arena);
	console->arena = NULL;
}
