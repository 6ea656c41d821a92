/*
 * The sockets of the small PostgreSQL: who connects, what is read and written, cancels. Plain
 * sockets, not streams, so that it shares nothing with what it tests.
 */
#include "stage/postgres_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "net/address.h"
#include "wire/frame.h"
#include "wire/notice.h"
#include "wire/result.h"
#include "wire/sasl.h"
#include "wire/startup.h"

#define FIRST_PID 1000
#define READ_SIZE 65536

void postgres_complain(struct postgres *postgres, const char *format, ...)
{
	va_list args;

	if (postgres->complaint[0])
		return;
	va_start(args, format);
	vsnprintf(postgres->complaint, sizeof(postgres->complaint), format, args);
	va_end(args);
}

void postgres_error(struct postgres_connection *connection, const char *severity,
		    const char *sqlstate, const char *text)
{
	struct notice_view view = { .severity = slice_of(severity),
				    .sqlstate = slice_of(sqlstate),
				    .message = slice_of(text) };

	notice_write(&connection->out, 'E', &view);
	if (strcmp(severity, "FATAL") == 0)
		connection->closing = true;
}

void postgres_let_in(struct postgres_connection *connection)
{
	char key[4] = { 'k', 'e', 'y', (char)connection->number };

	sasl_write_request(&connection->out, AUTH_REQUEST_OK, SLICE_NONE);
	postgres_report_all(connection);
	result_write_key(&connection->out, FIRST_PID + connection->number,
			 (struct slice){ key, 4 });
	result_write_ready(&connection->out, 'I');
	connection->logged_in = true;
	connection->status = 'I';
	connection->postgres->open++;
}

/* ---- life ---- */

static int listen_on(struct address *address)
{
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, &address->any, address->len) < 0 || listen(fd, 64) < 0) {
		perror("the small PostgreSQL cannot listen");
		abort();
	}
	return fd;
}

void postgres_listen_again(struct postgres *postgres)
{
	struct address address;
	enum result result;

	if (postgres->dir[0]) {
		result = address_unix(slice_of(postgres->dir), 5432, &address);
		if (result == OK)
			unlink(address.unix_path.sun_path);
	} else {
		result = address_parse(SLICE_LITERAL("127.0.0.1"), postgres->port, &address);
	}
	if (result != OK)
		abort();
	postgres->fd = listen_on(&address);
	if (!postgres->dir[0] && getsockname(postgres->fd, &address.any, &address.len) == 0)
		postgres->port = address_port(&address);
}

void postgres_stop_listening(struct postgres *postgres)
{
	close(postgres->fd);
	postgres->fd = -1;
}

void postgres_init(struct postgres *postgres, bool tcp)
{
	*postgres = (struct postgres){ .fd = -1, .password = "secret" };
	list_init(&postgres->connections);
	if (!tcp) {
		strcpy(postgres->dir, "/tmp/small_postgres_XXXXXX");
		if (!mkdtemp(postgres->dir))
			abort();
	}
	postgres_listen_again(postgres);
}

static void connection_free(struct postgres_connection *connection)
{
	struct postgres *postgres = connection->postgres;

	if (connection->logged_in)
		postgres->open--;
	if (connection->sleeping)
		postgres->sleeping--;
	close(connection->fd);
	list_remove(&postgres->connections, &connection->node);
	postgres_login_free(connection);
	postgres_query_free(connection);
	buffer_release(&connection->in);
	buffer_release(&connection->out);
	mem_free(connection);
}

void postgres_kick(struct postgres *postgres)
{
	LIST_EACH(&postgres->connections, node)
	connection_free(CONTAINER_OF(node, struct postgres_connection, node));
}

void postgres_release(struct postgres *postgres)
{
	struct address address;

	postgres_kick(postgres);
	if (postgres->fd >= 0)
		close(postgres->fd);
	if (!postgres->dir[0])
		return;
	if (address_unix(slice_of(postgres->dir), 5432, &address) == OK)
		unlink(address.unix_path.sun_path);
	rmdir(postgres->dir);
}

static bool take_connections(struct postgres *postgres)
{
	struct postgres_connection *connection;
	bool any = false;
	int fd, one = 1;

	while (postgres->fd >= 0 &&
	       (fd = accept4(postgres->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		/* Real time, in which the kernel would hold bytes back, is none for us. */
		if (!postgres->dir[0])
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		connection = mem_alloc_zero(sizeof(*connection));
		connection->postgres = postgres;
		connection->fd = fd;
		list_init(&connection->statements);
		list_init(&connection->portals);
		list_append(&postgres->connections, &connection->node);
		any = true;
	}
	return any;
}

/* ---- what is read ---- */

static void cancel(struct postgres_connection *connection, struct slice body)
{
	struct postgres *postgres = connection->postgres;
	struct slice key;
	uint32_t pid;

	connection->is_cancel = true;
	connection->closing = !postgres->holds_cancels;
	postgres->cancels++;
	if (startup_read_cancel(body, &pid, &key) != OK) {
		postgres_complain(postgres, "a malformed CancelRequest");
		return;
	}
	LIST_EACH(&postgres->connections, node)
	{
		struct postgres_connection *other =
			CONTAINER_OF(node, struct postgres_connection, node);

		if (!other->logged_in || FIRST_PID + other->number != pid)
			continue;
		if (key.len != 4 || key.data[3] != (char)other->number)
			postgres_complain(postgres, "a CancelRequest with a wrong key");
		else if (other->sleeping)
			postgres_wake(other);
	}
}

/* Deals with one thing at the front of the input; gives its length, 0: not all there. */
static size_t take_one(struct postgres_connection *connection)
{
	const struct frame_limits limits = { 1 << 26, 1 << 26 };
	struct slice input = buffer_slice(&connection->in);
	struct startup_frame start;
	struct message message;
	enum result result;
	size_t need;

	if (!connection->started) {
		result = frame_startup(input, &start);
		if (result == OK && start.kind == STARTUP_CANCEL)
			cancel(connection, start.body);
		else if (result == OK && start.kind == STARTUP_MESSAGE)
			postgres_start(connection, start.body);
		else if (result != AGAIN)
			postgres_complain(connection->postgres, "a strange first packet");
		connection->started = result != AGAIN;
		return result == OK ? start.len : 0;
	}
	result = frame_next(input, SIDE_CLIENT, &limits, &message, &need);
	if (result == BROKEN) {
		postgres_complain(connection->postgres, "a message of type '%c' that is none",
				  input.data[0]);
		connection->closing = true;
	}
	if (result != OK || !message_is_whole(&message))
		return 0;
	if (connection->logged_in)
		postgres_message(connection, &message);
	else if (message.type == 'p')
		postgres_answer(connection, message.body);
	else
		postgres_complain(connection->postgres, "'%c' during a login", message.type);
	return message.len + MESSAGE_HEADER_LEN;
}

/* False: the other side is gone. */
static bool receive(struct postgres_connection *connection, bool *any)
{
	struct buffer *in = &connection->in;
	ssize_t n;

	if (connection->postgres->deaf && connection->logged_in)
		return true;
	n = recv(connection->fd, buffer_reserve(in, READ_SIZE), READ_SIZE, 0);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	*any = true;
	in->len += (size_t)n;
	return n > 0;
}

static bool transmit(struct postgres_connection *connection, bool *any)
{
	struct buffer *out = &connection->out;
	ssize_t n;

	if (out->len == 0)
		return true;
	n = send(connection->fd, out->data, out->len, MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	*any |= n > 0;
	buffer_drop_front(out, (size_t)n);
	return true;
}

static bool connection_step(struct postgres_connection *connection)
{
	bool any = false;
	bool there = connection->closing || receive(connection, &any);
	size_t n;

	/* While it sleeps it reads nothing. */
	while (connection->in.len && !connection->sleeping && !connection->closing &&
	       (n = take_one(connection)) > 0) {
		buffer_drop_front(&connection->in, n);
		any = true;
	}
	there = there && transmit(connection, &any);
	if (there && !(connection->closing && connection->out.len == 0))
		return any;
	connection_free(connection);
	return true;
}

bool postgres_step(struct postgres *postgres)
{
	bool any = take_connections(postgres);

	LIST_EACH(&postgres->connections, node)
	any |= connection_step(CONTAINER_OF(node, struct postgres_connection, node));
	return any;
}
