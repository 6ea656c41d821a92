/*
 * Clients that play scripts. A script is read line by line; a line that cannot be finished yet is
 * tried again at the next step. What comes that the script does not speak of ends the client: by
 * FATAL or a closed connection as ENDED, which a test may allow, by anything else as WRONG.
 */
#include "stage/client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth/scram_client.h"
#include "base/alloc.h"
#include "stage/clock.h"
#include "stage/stage.h"
#include "wire/frame.h"
#include "wire/result.h"
#include "wire/startup.h"

#define READ_SIZE 65536

struct client *client_new(struct stage *stage, const char *name, const char *script)
{
	struct client *client = mem_alloc_zero(sizeof(*client));

	client->stage = stage;
	client->name = name;
	client->line = script;
	client->fd = client->new_fd = -1;
	list_append(&stage->clients, &client->node);
	return client;
}

static void disconnect(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	if (client->new_fd >= 0)
		close(client->new_fd);
	client->fd = client->new_fd = -1;
}

void client_free(struct client *client)
{
	disconnect(client);
	list_remove(&client->stage->clients, &client->node);
	scram_client_free(client->scram);
	buffer_release(&client->in);
	buffer_release(&client->out);
	buffer_release(&client->told);
	mem_free(client);
}

/* What the rest of its script would have marked is marked: others shall not wait for it. */
static void stop(struct client *client, enum client_state state, const char *format, ...)
	PRINTF_LIKE(3, 4);

static void stop(struct client *client, enum client_state state, const char *format, ...)
{
	const char *rest = client->line;
	va_list args;

	va_start(args, format);
	vsnprintf(client->why, sizeof(client->why), format, args);
	va_end(args);
	client->state = state;
	while ((rest = strstr(rest, "mark "))) {
		rest += strlen("mark ");
		stage_mark(client->stage, rest);
	}
	disconnect(client);
}

/* ---- sockets ---- */

static void connect_to_roster(struct client *client)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
		abort();
	client->fd = ends[0];
	client->new_fd = ends[1];
	client->eof = client->ready = false;
}

static bool receive(struct client *client)
{
	struct buffer *in = &client->in;
	bool any = false;
	ssize_t n;

	while (client->fd >= 0 && !client->held && !client->eof) {
		n = recv(client->fd, buffer_reserve(in, READ_SIZE), READ_SIZE, 0);
		if (n < 0 && errno == EAGAIN)
			break;
		any = true;
		if (n > 0)
			in->len += (size_t)n;
		else
			client->eof = true;
	}
	return any;
}

static bool transmit(struct client *client)
{
	ssize_t n;

	if (client->fd < 0 || client->out.len == 0)
		return false;
	n = send(client->fd, client->out.data, client->out.len, MSG_NOSIGNAL);
	/* Who is not heard any more reads why. */
	if (n < 0 && errno != EAGAIN)
		buffer_clear(&client->out);
	if (n > 0)
		buffer_drop_front(&client->out, (size_t)n);
	return n > 0;
}

/* ---- messages got ---- */

static bool next_message(struct client *client, struct message *message)
{
	const struct frame_limits limits = { 1 << 26, 1 << 26 };
	size_t need;
	enum result result;

	result = frame_next(buffer_slice(&client->in), SIDE_SERVER, &limits, message, &need);
	if (result == BROKEN)
		stop(client, CLIENT_WRONG, "got a message of type '%c' that is none",
		     client->in.data[0]);
	return result == OK && message_is_whole(message);
}

static void drop_message(struct client *client, const struct message *message)
{
	buffer_drop_front(&client->in, message->len + MESSAGE_HEADER_LEN);
}

/* Something came that the script does not speak of: FATAL is the end, all else is wrong. */
static void unexpected(struct client *client, const struct message *message, struct slice wanted)
{
	struct buffer got = BUFFER_EMPTY;
	struct slice text;

	client_render(&got, message->type, message->body);
	text = buffer_slice(&got);
	if (slice_starts_with(text, SLICE_LITERAL("E(FATAL "))) {
		snprintf(client->sqlstate, sizeof(client->sqlstate), "%.5s", text.data + 8);
		stop(client, CLIENT_ENDED, "ended by %.*s", (int)text.len, text.data);
	} else {
		stop(client, CLIENT_WRONG, "got %.*s instead of %.*s", (int)text.len, text.data,
		     (int)wanted.len, wanted.data);
	}
	buffer_release(&got);
}

/* An expectation: up to a blank outside brackets. */
static struct slice wanted_at(const char *at)
{
	size_t len = strcspn(at, " (\n");

	if (at[len] == '(')
		len = (size_t)(strchr(at + len, ')') - at) + 1;
	return (struct slice){ at, len };
}

/* True when all that the line expects has come. */
static bool expect(struct client *client)
{
	struct message message;
	struct slice wanted;
	struct buffer got = BUFFER_EMPTY;
	bool all;

	for (;;) {
		client->at += strspn(client->at, " ");
		all = *client->at == '\n' || *client->at == '\0';
		if (all || !next_message(client, &message))
			break;
		wanted = wanted_at(client->at);
		client_render(&got, message.type, message.body);
		if (!slice_equal(buffer_slice(&got), wanted)) {
			unexpected(client, &message, wanted);
			break;
		}
		buffer_clear(&got);
		drop_message(client, &message);
		client->at += wanted.len;
	}
	buffer_release(&got);
	return all;
}

/* True when it is welcome. */
static bool be_welcomed(struct client *client)
{
	struct message message;
	struct slice name, value, key;
	uint32_t pid;

	while (!client->ready && client->state == CLIENT_ACTING && next_message(client, &message)) {
		switch (message.type) {
		case 'R': client_prove(client, message.body); break;
		case 'S':
			if (result_read_parameter(message.body, &name, &value) == OK)
				buffer_append_format(&client->told, "%.*s=%.*s\n", (int)name.len,
						     name.data, (int)value.len, value.data);
			break;
		case 'K':
			client->has_key =
				result_read_key(message.body, &pid, &key) == OK && key.len == 4;
			memcpy(client->key, message.body.data, sizeof(client->key));
			break;
		case 'Z': client->ready = client->has_key; break;
		case 'N':
		case 'v': break;
		default: unexpected(client, &message, SLICE_LITERAL("a welcome")); return false;
		}
		drop_message(client, &message);
	}
	return client->ready;
}

/* Answers requests for a proof; what else comes is for the script. */
static bool prove(struct client *client)
{
	struct message message;

	while (next_message(client, &message) && message.type == 'R' &&
	       memcmp(message.body.data, "\0\0\0", 4) != 0) {
		client_prove(client, message.body);
		drop_message(client, &message);
	}
	return true;
}

/* ---- lines ---- */

static bool is(const char *line, const char *word)
{
	size_t len = strlen(word);

	return strncmp(line, word, len) == 0 && strchr(" \n", line[len]);
}

static const char *argument_of(const char *line)
{
	return line + strcspn(line, " \n") + 1;
}

static bool was_told(struct client *client, const char *pair)
{
	size_t len = strcspn(pair, "\n");

	buffer_append(&client->told, "", 1);
	client->told.len--;
	for (const char *at = client->told.data; *at; at = strchr(at, '\n') + 1)
		if (strncmp(at, pair, len) == 0 && at[len] == '\n')
			return true;
	stop(client, CLIENT_WRONG, "was not told %.*s", (int)len, pair);
	return false;
}

static void begin_cancel(struct client *client, const char *name)
{
	struct client *target = stage_client(client->stage, name);
	uint8_t key[8] = { 0 };
	uint32_t pid;

	if (target && target->has_key)
		memcpy(key, target->key, sizeof(key));
	pid = (uint32_t)key[0] << 24 | (uint32_t)key[1] << 16 | (uint32_t)key[2] << 8 | key[3];
	connect_to_roster(client);
	startup_write_cancel(&client->out, pid, (struct slice){ (char *)key + 4, 4 });
}

/* The first half of a line: done once. */
static void begin_line(struct client *client)
{
	const char *line = client->line;
	const char *argument = argument_of(line);

	client->begun = true;
	client->at = argument;
	if (is(line, "login") || is(line, "start")) {
		buffer_clear(&client->told);
		connect_to_roster(client);
		client_write_startup(client, argument);
	} else if (is(line, ">")) {
		while (client_write(&client->out, &argument))
			;
	} else if (is(line, "cancel")) {
		begin_cancel(client, argument);
	} else if (is(line, "do")) {
		client->act = argument;
	} else if (is(line, "arm")) {
		client->arm = true;
	} else if (is(line, "mark")) {
		stage_mark(client->stage, argument);
	} else if (is(line, "wait")) {
		client->until = clock_us() + atoi(argument) * 1000;
	} else if (is(line, "hold") || is(line, "resume")) {
		client->held = is(line, "hold");
	} else if (is(line, "close")) {
		close(client->fd);
		client->fd = -1;
	} else if (is(line, "half")) {
		shutdown(client->fd, SHUT_WR);
	}
}

/* True when the line is played. */
static bool line_is_over(struct client *client)
{
	const char *line = client->line;
	const char *argument = argument_of(line);

	if (is(line, "login"))
		return be_welcomed(client);
	if (is(line, "start"))
		return prove(client) && client->in.len > 0;
	if (is(line, "welcome"))
		return was_told(client, argument);
	if (is(line, "<"))
		return expect(client);
	if (is(line, "eof")) {
		if (!client->eof || client->in.len > 0)
			return false;
		disconnect(client);
		client->eof = false;
		return true;
	}
	if (is(line, ">") || is(line, "cancel"))
		return client->out.len == 0;
	if (is(line, "await"))
		return stage_is_marked(client->stage, argument);
	if (is(line, "do"))
		return client->act == NULL;
	if (is(line, "arm"))
		return !client->arm;
	if (is(line, "wait"))
		return clock_us() >= client->until;
	return true;
}

/* Plays lines as long as they are over at once. True: at least one was. */
static bool play(struct client *client)
{
	bool any = false;

	while (client->state == CLIENT_ACTING) {
		if (*client->line == '\0') {
			if (client->in.len > 0)
				stop(client, CLIENT_WRONG, "got %zu bytes more", client->in.len);
			else
				stop(client, CLIENT_DONE, "done");
			return true;
		}
		if (!client->begun)
			begin_line(client);
		any |= transmit(client);
		if (!line_is_over(client))
			return any;
		any = true;
		client->begun = false;
		client->line += strcspn(client->line, "\n");
		client->line += *client->line == '\n';
	}
	return any;
}

/* The connection is closed, but the script needs it. */
static void look_at_end(struct client *client)
{
	struct message message;
	bool tells =
		is(client->line, "<") || is(client->line, "login") || is(client->line, "start");

	if (client->state != CLIENT_ACTING || !client->eof || !client->begun ||
	    !(tells || is(client->line, "await asleep")))
		return;
	if (next_message(client, &message))
		unexpected(client, &message, SLICE_LITERAL("anything"));
	else if (client->state == CLIENT_ACTING)
		stop(client, CLIENT_ENDED, "closed without a word%s",
		     client->in.len ? " in the middle of a message" : "");
}

bool client_step(struct client *client)
{
	bool any = receive(client);

	any |= transmit(client);
	any |= play(client);
	any |= transmit(client);
	look_at_end(client);
	return any;
}
