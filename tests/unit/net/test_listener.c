#include "net/listener.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/log.h"
#include "net_test.h"

struct host {
	struct loop *loop;
	struct listener *listener;
	int accepted;
	int last; /* the fd accepted last; -1: none */
	struct address peer;
	bool free_in_accept;
};

static void on_accept(void *ctx, int fd, const struct address *peer)
{
	struct host *host = ctx;

	host->accepted++;
	if (host->last >= 0)
		close(host->last);
	host->last = fd;
	host->peer = *peer;
	CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	if (host->free_in_accept) {
		listener_free(host->listener);
		host->listener = NULL;
	}
}

static const struct listener_options options = { .backlog = 64, .unix_mode = 0600 };
static char dir[] = "/tmp/test_listener_XXXXXX";

static bool host_start(struct host *host, const struct address *address)
{
	*host = (struct host){ .loop = loop_new(), .last = -1 };
	host->listener = listener_new(host->loop, address, &options, on_accept, host);
	if (host->listener)
		return true;
	loop_free(host->loop);
	return false;
}

static void host_stop(struct host *host)
{
	listener_free(host->listener);
	if (host->last >= 0)
		close(host->last);
	loop_free(host->loop);
}

static struct address loopback(void)
{
	struct address address;

	CHECK(address_parse(SLICE_LITERAL("127.0.0.1"), 0, &address) == OK);
	return address;
}

static struct address in_dir(int port)
{
	struct address address;

	if (strstr(dir, "XXXXXX"))
		CHECK(mkdtemp(dir) != NULL);
	CHECK(address_unix(slice_of(dir), port, &address) == OK);
	return address;
}

static int client_of(const struct address *address)
{
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, &address->any, address->len) == 0)
		return fd;
	close(fd);
	return -1;
}

TEST(clients_are_accepted_on_tcp)
{
	struct address at = loopback();
	struct host host;
	int client;
	char text[64];

	REQUIRE(host_start(&host, &at));
	CHECK(address_port(listener_address(host.listener)) > 0);
	client = client_of(listener_address(host.listener));
	turn(host.loop);
	CHECK_INT_EQ(host.accepted, 1);
	CHECK_TEXT_EQ(address_host(&host.peer, text, sizeof(text)), "127.0.0.1");
	close(client);
	host_stop(&host);
}

TEST(a_crowd_is_accepted_within_few_turns)
{
	struct address at = loopback();
	struct host host;
	int clients[40];

	REQUIRE(host_start(&host, &at));
	turns(host.loop, 5);
	for (int i = 0; i < 40; i++)
		clients[i] = client_of(listener_address(host.listener));
	turns(host.loop, 4);
	CHECK_INT_EQ(host.accepted, 40);
	for (int i = 0; i < 40; i++)
		close(clients[i]);
	host_stop(&host);
}

TEST(options_of_the_listening_socket_are_inherited)
{
	struct address at = loopback();
	struct socket_options tuning = { .keepalive = true,
					 .keepidle = 77,
					 .user_timeout_ms = 1234 };
	struct host host;
	int client, value;
	socklen_t len = sizeof(value);

	REQUIRE(host_start(&host, &at));
	socket_tune(listener_fd(host.listener), &tuning);
	client = client_of(listener_address(host.listener));
	turn(host.loop);
	CHECK(getsockopt(host.last, IPPROTO_TCP, TCP_NODELAY, &value, &len) == 0 && value);
	CHECK(getsockopt(host.last, SOL_SOCKET, SO_KEEPALIVE, &value, &len) == 0 && value);
	CHECK(getsockopt(host.last, IPPROTO_TCP, TCP_KEEPIDLE, &value, &len) == 0);
	CHECK_INT_EQ(value, 77);
	CHECK(getsockopt(host.last, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &len) == 0);
	CHECK_INT_EQ(value, 1234);
	close(client);
	host_stop(&host);
}

TEST(an_address_in_use_is_refused)
{
	struct address at = loopback();
	struct host one, two;

	REQUIRE(host_start(&one, &at));
	errno = 0;
	CHECK(!host_start(&two, listener_address(one.listener)));
	CHECK_INT_EQ(errno, EADDRINUSE);
	host_stop(&one);
}

TEST(a_unix_socket_has_its_mode_and_goes_with_the_listener)
{
	struct address at = in_dir(1);
	struct stat status;
	struct host host;
	int client;

	REQUIRE(host_start(&host, &at));
	CHECK(stat(at.unix_path.sun_path, &status) == 0 && S_ISSOCK(status.st_mode));
	CHECK_INT_EQ(status.st_mode & 0777, 0600);
	client = client_of(&at);
	turn(host.loop);
	CHECK_INT_EQ(host.accepted, 1);
	CHECK(address_is_unix(&host.peer));
	close(client);
	host_stop(&host);
	CHECK(stat(at.unix_path.sun_path, &status) < 0);
	rmdir(dir);
}

TEST(a_stale_unix_socket_is_replaced_a_live_one_is_not)
{
	struct address at;
	struct host host, second;
	struct stat status;
	int stale;

	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
	at = in_dir(2);
	stale = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(bind(stale, &at.any, at.len) == 0);
	close(stale);
	REQUIRE(host_start(&host, &at));
	CHECK(!host_start(&second, &at));
	CHECK_INT_EQ(errno, EADDRINUSE);
	CHECK(stat(at.unix_path.sun_path, &status) == 0);
	/* A successor's socket in the same place is not removed. */
	unlink(at.unix_path.sun_path);
	REQUIRE(host_start(&second, &at));
	host_stop(&host);
	CHECK(stat(at.unix_path.sun_path, &status) == 0);
	host_stop(&second);
	/* Something that is no socket is left alone. */
	close(open(at.unix_path.sun_path, O_CREAT | O_WRONLY, 0600));
	CHECK(!host_start(&second, &at));
	CHECK(stat(at.unix_path.sun_path, &status) == 0);
	unlink(at.unix_path.sun_path);
	rmdir(dir);
}

TEST(abstract_names_work)
{
	struct address at;
	struct host host;
	char name[64];
	int client;

	snprintf(name, sizeof(name), "@test_listener_%d", getpid());
	REQUIRE(address_unix(slice_of(name), 3, &at) == OK);
	REQUIRE(host_start(&host, &at));
	client = client_of(&at);
	turn(host.loop);
	CHECK_INT_EQ(host.accepted, 1);
	close(client);
	host_stop(&host);
}

TEST(a_paused_listener_leaves_clients_waiting)
{
	struct address at = loopback();
	struct host host;
	int client;

	REQUIRE(host_start(&host, &at));
	listener_pause(host.listener);
	client = client_of(listener_address(host.listener));
	turns(host.loop, 3);
	CHECK_INT_EQ(host.accepted, 0);
	listener_resume(host.listener);
	turn(host.loop);
	CHECK_INT_EQ(host.accepted, 1);
	close(client);
	host_stop(&host);
}

TEST(a_listener_may_be_freed_in_on_accept)
{
	struct address at = loopback();
	struct host host;
	int one, two;

	REQUIRE(host_start(&host, &at));
	host.free_in_accept = true;
	one = client_of(listener_address(host.listener));
	two = client_of(listener_address(host.listener));
	turns(host.loop, 3);
	CHECK_INT_EQ(host.accepted, 1);
	close(one);
	close(two);
	host_stop(&host);
}

TEST(without_descriptors_it_rests_and_recovers)
{
	struct log_target quiet = { .quiet = true };
	struct address at = loopback();
	struct rlimit before, none;
	struct host host;
	int one, two;
	char byte;

	CHECK(log_open(&quiet) == OK);
	REQUIRE(host_start(&host, &at));
	turn(host.loop);
	one = client_of(listener_address(host.listener));
	two = client_of(listener_address(host.listener));
	CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
	none = before;
	none.rlim_cur = (rlim_t)two + 1;
	/* Everything under the limit is in use, so the next accept fails. */
	for (int fd = 0; fd <= two; fd++)
		CHECK(fcntl(fd, F_GETFD) >= 0);
	CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
	turns(host.loop, 3);
	CHECK_INT_EQ(host.accepted, 0);
	/* The first was told at once that he is not served; the second waits. */
	CHECK_INT_EQ(recv(one, &byte, 1, MSG_DONTWAIT), 0);
	CHECK_INT_EQ(recv(two, &byte, 1, MSG_DONTWAIT), -1);
	CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
	TURN_UNTIL(host.loop, host.accepted == 1);
	close(one);
	close(two);
	host_stop(&host);
}

TEST(no_memory_makes_no_listener)
{
	struct address at = loopback();
	struct host host;

	WITH_EACH_FAULT(nth)
	{
		struct loop *loop = loop_new();

		if (!loop)
			continue;
		host = (struct host){ .loop = loop, .last = -1 };
		host.listener = listener_new(loop, &at, &options, on_accept, &host);
		host_stop(&host);
	}
}

TEST(a_socket_passed_to_us_is_listened_on)
{
	struct address address = in_dir(77);
	struct host host = { .loop = loop_new(), .last = -1 };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), client;

	mkdir(dir, 0700);
	CHECK(bind(fd, &address.any, address.len) == 0);
	CHECK(listener_adopt(host.loop, fd, on_accept, &host) == NULL);
	CHECK_INT_EQ(errno, EINVAL); /* it is bound, but does not listen */
	CHECK(listen(fd, 8) == 0);
	host.listener = listener_adopt(host.loop, fd, on_accept, &host);
	REQUIRE(host.listener != NULL);
	CHECK(address_equal(listener_address(host.listener), &address));
	client = client_of(&address);
	TURN_UNTIL(host.loop, host.accepted == 1);
	close(client);
	host_stop(&host);
	/* Whoever bound it keeps its file. */
	CHECK(unlink(address.unix_path.sun_path) == 0);
	rmdir(dir);
}

TEST(what_is_not_a_stream_socket_is_refused)
{
	struct host host = { .loop = loop_new(), .last = -1 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	CHECK(listener_adopt(host.loop, fd, on_accept, &host) == NULL);
	CHECK(listener_adopt(host.loop, -1, on_accept, &host) == NULL);
	CHECK(close(fd) == 0);
	loop_free(host.loop);
}
