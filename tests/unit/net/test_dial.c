#include "net/dial.h"

#include <stdlib.h>

#include "net/listener.h"
#include "net/resolve.h"
#include "net_test.h"

struct caller {
	struct loop *loop;
	struct resolver *resolver;
	int done;
	int fd;
	enum ending why;
	char detail[256];
};

static void on_done(void *ctx, int fd, enum ending why, const char *detail)
{
	struct caller *caller = ctx;

	caller->done++;
	caller->fd = fd;
	caller->why = why;
	snprintf(caller->detail, sizeof(caller->detail), "%s", detail);
}

static const struct socket_options tuning = { .keepalive = true };

static void caller_init(struct caller *caller)
{
	*caller = (struct caller){ .loop = loop_new(), .fd = -1 };
	caller->resolver = resolver_new(caller->loop, NULL, span_seconds(1), span_seconds(1));
}

static void caller_release(struct caller *caller)
{
	if (caller->fd >= 0)
		close(caller->fd);
	resolver_free(caller->resolver);
	loop_free(caller->loop);
}

static struct dial *call(struct caller *caller, const char *host, int port, int timeout_ms)
{
	struct dial_target target = {
		.host = host, .port = port, .timeout = span_ms(timeout_ms), .options = &tuning
	};

	return dial_start(caller->loop, caller->resolver, &target, on_done, caller);
}

/* A socket bound to a free port of 127.0.0.1, listening when backlog >= 0. */
static int port_open(int backlog, int *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
	if (backlog >= 0)
		CHECK(listen(fd, backlog) == 0);
	*port = ntohs(at.sin_port);
	return fd;
}

TEST(a_number_is_connected_without_a_look_up)
{
	struct caller caller;
	int port, listening = port_open(5, &port);

	caller_init(&caller);
	CHECK(call(&caller, "127.0.0.1", port, 1000) != NULL);
	CHECK_INT_EQ(caller.done, 0);
	TURN_UNTIL(caller.loop, caller.done == 1);
	CHECK(caller.fd >= 0);
	CHECK_INT_EQ(caller.why, END_NONE);
	CHECK(fcntl(caller.fd, F_GETFL) & O_NONBLOCK);
	CHECK_UINT_EQ(resolver_names(caller.resolver), 0);
	close(listening);
	caller_release(&caller);
}

TEST(all_addresses_of_a_name_are_tried)
{
	struct caller caller;
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	socklen_t len = sizeof(at);
	int listening = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	/* localhost is 127.0.0.1 and ::1; only the second answers at this port. */
	setsockopt(listening, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (listening < 0 || bind(listening, (struct sockaddr *)&at, sizeof(at)) < 0) {
		printf("no IPv6 on this machine: not tested\n");
		close(listening);
		return;
	}
	CHECK(getsockname(listening, (struct sockaddr *)&at, &len) == 0);
	CHECK(listen(listening, 5) == 0);
	caller_init(&caller);
	CHECK(call(&caller, "localhost", ntohs(at.sin6_port), 1000) != NULL);
	TURN_UNTIL(caller.loop, caller.done == 1);
	CHECK(caller.fd >= 0);
	close(listening);
	caller_release(&caller);
}

TEST(a_closed_port_is_a_failure_with_its_reason)
{
	struct caller caller;
	int port, bound = port_open(-1, &port);
	char expected[64];

	caller_init(&caller);
	CHECK(call(&caller, "127.0.0.1", port, 1000) != NULL);
	TURN_UNTIL(caller.loop, caller.done == 1);
	CHECK_INT_EQ(caller.fd, -1);
	CHECK_INT_EQ(caller.why, END_CONNECT_FAILED);
	snprintf(expected, sizeof(expected), "127.0.0.1:%d: Connection refused", port);
	CHECK_TEXT_EQ(caller.detail, expected);
	close(bound);
	caller_release(&caller);
}

TEST(no_answer_is_a_timeout)
{
	struct caller caller;
	int port, listening = port_open(0, &port), clients[4];
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				  .sin_port = htons((uint16_t)port) };

	/* A full backlog: the kernel leaves further handshakes unanswered. */
	for (int i = 0; i < 4; i++) {
		clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		CHECK(connect(clients[i], (struct sockaddr *)&at, sizeof(at)) < 0);
	}
	sleep_ms(5);
	caller_init(&caller);
	CHECK(call(&caller, "127.0.0.1", port, 30) != NULL);
	TURN_UNTIL(caller.loop, caller.done == 1);
	CHECK_INT_EQ(caller.fd, -1);
	CHECK_INT_EQ(caller.why, END_CONNECT_TIMEOUT);
	for (int i = 0; i < 4; i++)
		close(clients[i]);
	close(listening);
	caller_release(&caller);
}

/* A listening abstract Unix socket, named by *name for dial. */
static int unix_open(int backlog, char *name, size_t cap)
{
	struct address at;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(name, cap, "@test_dial_%d", getpid());
	CHECK(address_unix(slice_of(name), 7, &at) == OK);
	CHECK(bind(fd, &at.any, at.len) == 0);
	CHECK(listen(fd, backlog) == 0);
	return fd;
}

TEST(unix_sockets)
{
	struct caller caller;
	char name[64], path[200];
	int listening = unix_open(5, name, sizeof(name));

	caller_init(&caller);
	CHECK(call(&caller, name, 7, 1000) != NULL);
	CHECK_INT_EQ(caller.done, 0);
	turn(caller.loop);
	CHECK_INT_EQ(caller.done, 1);
	CHECK(caller.fd >= 0);
	close(caller.fd);
	CHECK(call(&caller, "/nonexistent", 7, 1000) != NULL);
	turn(caller.loop);
	CHECK_INT_EQ(caller.why, END_CONNECT_FAILED);
	CHECK_TEXT_EQ(caller.detail, "\"/nonexistent/.s.PGSQL.7\": No such file or directory");
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	CHECK(call(&caller, path, 7, 1000) != NULL);
	turn(caller.loop);
	CHECK_INT_EQ(caller.done, 3);
	CHECK_INT_EQ(caller.why, END_CONNECT_FAILED);
	close(listening);
	caller_release(&caller);
}

TEST(a_full_unix_socket_is_knocked_at_again)
{
	struct caller caller;
	char name[64];
	int listening = unix_open(0, name, sizeof(name)), accepted;
	struct dial *dial;

	caller_init(&caller);
	dial = call(&caller, name, 7, 1000);
	turn(caller.loop);
	CHECK_INT_EQ(caller.done, 1);
	close(caller.fd);
	/* The backlog is full now. */
	CHECK(call(&caller, name, 7, 25) != NULL);
	TURN_UNTIL(caller.loop, caller.done == 2);
	CHECK_INT_EQ(caller.why, END_CONNECT_TIMEOUT);
	CHECK(call(&caller, name, 7, 3000) != NULL);
	turns(caller.loop, 2);
	CHECK_INT_EQ(caller.done, 2);
	accepted = accept(listening, NULL, NULL);
	TURN_UNTIL(caller.loop, caller.done == 3);
	CHECK(caller.fd >= 0);
	close(accepted);
	close(listening);
	caller_release(&caller);
	(void)dial;
}

TEST(a_cancelled_dial_is_silent_at_any_time)
{
	struct caller caller;
	int port, listening = port_open(5, &port);
	struct dial *dial;

	caller_init(&caller);
	/* Connecting; connected but not told; looking up. */
	dial_cancel(call(&caller, "127.0.0.1", port, 1000));
	turns(caller.loop, 3);
	dial = call(&caller, "localhost", port, 1000);
	dial_cancel(dial);
	turns(caller.loop, 3);
	dial_cancel(call(&caller, "/nonexistent", port, 1000));
	turns(caller.loop, 3);
	dial_cancel(NULL);
	CHECK_INT_EQ(caller.done, 0);
	close(listening);
	caller_release(&caller);
}

TEST(a_slow_look_up_ends_with_the_deadline)
{
	/* A name server that never answers. */
	struct caller caller = { .loop = loop_new(), .fd = -1 };
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	char conf[] = "/tmp/test_dial_XXXXXX";
	int server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), fd = mkstemp(conf);

	CHECK(bind(server, (struct sockaddr *)&at, sizeof(at)) == 0);
	CHECK(getsockname(server, (struct sockaddr *)&at, &len) == 0);
	dprintf(fd, "nameserver 127.0.0.1:%d\n", ntohs(at.sin_port));
	close(fd);
	caller.resolver = resolver_new(caller.loop, conf, span_seconds(1), span_seconds(1));
	CHECK(call(&caller, "slow.example.", 1, 20) != NULL);
	TURN_UNTIL(caller.loop, caller.done == 1);
	CHECK_INT_EQ(caller.why, END_DNS_FAILED);
	close(server);
	unlink(conf);
	caller_release(&caller);
}

TEST(no_memory_is_a_failure_told_or_no_dial)
{
	int port, listening = port_open(50, &port);

	WITH_EACH_FAULT(nth)
	{
		struct caller caller = { .loop = loop_new(), .fd = -1 };

		if (caller.loop)
			caller.resolver =
				resolver_new(caller.loop, NULL, span_seconds(1), span_seconds(1));
		if (caller.resolver && call(&caller, "localhost", port, 1000)) {
			TURN_UNTIL(caller.loop, caller.done == 1);
			CHECK((caller.fd >= 0) == (caller.why == END_NONE));
		}
		caller_release(&caller);
	}
	close(listening);
}
