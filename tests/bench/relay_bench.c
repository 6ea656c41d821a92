/*
 * What a stream costs over the bare system calls: messages are echoed over TCP connections on
 * loopback, once by a relay that does nothing but epoll_wait, recv and send, once by one over
 * net/stream. Driver and relay take turns in one thread, so that both relays see batches of the
 * same size and only the relay's part is measured.
 *
 *         relay_bench [message bytes [rounds]]
 *
 * Prints, for several numbers of messages ready at once, the CPU microseconds per message of
 * both (medians) and the median of the ratio of neighbouring rounds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "net/loop.h"
#include "net/stream.h"

#define CONNECTIONS	  64
#define MOST_ROUNDS	  1001
#define BATCHES_PER_ROUND 60

static char scratch[64 * 1024];
static size_t message_len = 100;

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(2);
}

static int64_t cpu_ns(void)
{
	struct timespec clock;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &clock);
	return (int64_t)clock.tv_sec * 1000000000 + clock.tv_nsec;
}

/* ends[0] is the relay's, non-blocking; ends[1] the driver's. */
static void connect_pair(int listening, int ends[2])
{
	struct sockaddr_in at;
	socklen_t len = sizeof(at);
	int one = 1;

	must(getsockname(listening, (struct sockaddr *)&at, &len) == 0, "getsockname");
	ends[1] = socket(AF_INET, SOCK_STREAM, 0);
	must(connect(ends[1], (struct sockaddr *)&at, len) == 0, "connect");
	ends[0] = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
	must(ends[0] >= 0, "accept");
	for (int i = 0; i < 2; i++)
		setsockopt(ends[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

/* ---- the bare relay ---- */

struct bare {
	int epoll;
	int driver[CONNECTIONS];
};

static void bare_start(struct bare *bare, int listening)
{
	bare->epoll = epoll_create1(0);
	for (int i = 0; i < CONNECTIONS; i++) {
		struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET };
		int ends[2];

		connect_pair(listening, ends);
		bare->driver[i] = ends[1];
		event.data.fd = ends[0];
		must(epoll_ctl(bare->epoll, EPOLL_CTL_ADD, ends[0], &event) == 0, "epoll_ctl");
	}
}

static void bare_relay(struct bare *bare, int count)
{
	struct epoll_event events[CONNECTIONS];

	while (count > 0) {
		int ready = epoll_wait(bare->epoll, events, CONNECTIONS, -1);

		for (int i = 0; i < ready; i++) {
			int fd = events[i].data.fd;
			ssize_t n = recv(fd, scratch, sizeof(scratch), 0);

			must(n == (ssize_t)message_len, "recv");
			must(send(fd, scratch, (size_t)n, MSG_NOSIGNAL) == n, "send");
			count--;
		}
	}
}

/* ---- the relay over streams ---- */

struct streams {
	struct loop *loop;
	struct stream *stream[CONNECTIONS];
	int driver[CONNECTIONS];
	int count;
};

struct connection {
	struct streams *streams;
	struct stream *stream;
};

static void on_input(void *ctx)
{
	struct connection *connection = ctx;
	struct slice input = stream_input(connection->stream);

	must(stream_write(connection->stream, input) == OK, "stream_write");
	stream_consume(connection->stream, input.len);
	if (--connection->streams->count == 0)
		loop_stop(connection->streams->loop);
}

static void on_room(void *ctx)
{
	(void)ctx;
}

static void on_end(void *ctx, int error)
{
	(void)ctx;
	errno = error;
	must(false, "connection ended");
}

static const struct stream_events events_of_stream = { on_input, on_room, on_end };
static const struct stream_limits limits = {
	.read_size = 64 * 1024,
	.out_high = 256 * 1024,
	.out_low = 64 * 1024,
	.in_max = 1024 * 1024,
	.turn_reads = 4,
};

static void streams_start(struct streams *streams, int listening)
{
	static struct connection connections[CONNECTIONS];

	streams->loop = loop_new();
	must(streams->loop != NULL, "loop_new");
	for (int i = 0; i < CONNECTIONS; i++) {
		int ends[2];

		connect_pair(listening, ends);
		streams->driver[i] = ends[1];
		connections[i].streams = streams;
		connections[i].stream = stream_new(streams->loop, ends[0], &limits,
						   &events_of_stream, &connections[i]);
		must(connections[i].stream != NULL, "stream_new");
	}
}

static void streams_relay(struct streams *streams, int count)
{
	streams->count = count;
	loop_run(streams->loop);
}

/* ---- the driver ---- */

static void say(const int *driver, int count)
{
	static char message[64 * 1024];

	for (int i = 0; i < count; i++)
		must(send(driver[i], message, message_len, 0) == (ssize_t)message_len, "send");
}

static void hear(const int *driver, int count)
{
	static char message[64 * 1024];

	for (int i = 0; i < count; i++)
		must(recv(driver[i], message, message_len, MSG_WAITALL) == (ssize_t)message_len,
		     "recv");
}

/* CPU microseconds per message of one round. */
static double bare_round(struct bare *bare, int count)
{
	int64_t spent = 0;

	for (int i = 0; i < BATCHES_PER_ROUND; i++) {
		say(bare->driver, count);
		spent -= cpu_ns();
		bare_relay(bare, count);
		spent += cpu_ns();
		hear(bare->driver, count);
	}
	return (double)spent / 1000 / BATCHES_PER_ROUND / count;
}

static double streams_round(struct streams *streams, int count)
{
	int64_t spent = 0;

	for (int i = 0; i < BATCHES_PER_ROUND; i++) {
		say(streams->driver, count);
		spent -= cpu_ns();
		streams_relay(streams, count);
		spent += cpu_ns();
		hear(streams->driver, count);
	}
	return (double)spent / 1000 / BATCHES_PER_ROUND / count;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof(*values), by_value);
	return values[count / 2];
}

static void compare(struct bare *bare, struct streams *streams, int count, int rounds)
{
	static double bare_us[MOST_ROUNDS], streams_us[MOST_ROUNDS], ratio[MOST_ROUNDS];

	for (int i = 0; i < rounds; i++) {
		/* The order changes so that neither always comes second. */
		if (i % 2 == 0)
			bare_us[i] = bare_round(bare, count);
		streams_us[i] = streams_round(streams, count);
		if (i % 2 != 0)
			bare_us[i] = bare_round(bare, count);
		ratio[i] = streams_us[i] / bare_us[i];
	}
	printf("%5d ready at once: bare %.3f us, stream %.3f us, ratio %.3f\n", count,
	       median(bare_us, rounds), median(streams_us, rounds), median(ratio, rounds));
}

int main(int count, char **arguments)
{
	static const int batches[] = { 1, 4, 16, CONNECTIONS };
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct bare bare;
	struct streams streams;
	int rounds = 101, listening = socket(AF_INET, SOCK_STREAM, 0);

	if (count > 1)
		message_len = (size_t)atoi(arguments[1]);
	if (count > 2)
		rounds = atoi(arguments[2]);
	if (message_len < 1 || message_len > sizeof(scratch) || rounds < 1 ||
	    rounds > MOST_ROUNDS) {
		fprintf(stderr, "usage: relay_bench [message bytes [rounds]]\n");
		return 2;
	}
	must(bind(listening, (struct sockaddr *)&at, sizeof(at)) == 0, "bind");
	must(listen(listening, CONNECTIONS) == 0, "listen");
	bare_start(&bare, listening);
	streams_start(&streams, listening);
	printf("%zu bytes, medians of %d rounds of %d batches\n", message_len, rounds,
	       BATCHES_PER_ROUND);
	for (size_t i = 0; i < COUNT_OF(batches); i++)
		compare(&bare, &streams, batches[i], rounds);
	return 0;
}
