#ifndef NET_TEST_H
#define NET_TEST_H

/* What the tests of net share: single turns of a loop, and pairs of sockets. */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <netinet/in.h>

#include "net/loop.h"
#include "test.h"

struct stopper {
	struct loop_task task;
	struct loop *loop;
};

static void stopper_run(struct loop_task *task)
{
	struct stopper *stopper = CONTAINER_OF(task, struct stopper, task);

	loop_stop(stopper->loop);
}

/* One turn that does not sleep. */
static inline void turn(struct loop *loop)
{
	struct stopper stopper = { .task.run = stopper_run, .loop = loop };

	loop_at_end(loop, &stopper.task);
	loop_run(loop);
}

static inline void turns(struct loop *loop, int count)
{
	while (count-- > 0)
		turn(loop);
}

static inline void sleep_ms(int ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000L }, NULL);
}

/* Turns until condition holds; about three seconds at most. */
#define TURN_UNTIL(loop, condition)                                                                \
	do {                                                                                       \
		for (int turn_i = 0; turn_i < 3000 && !(condition); turn_i++) {                    \
			turn(loop);                                                                \
			if (!(condition))                                                          \
				sleep_ms(1);                                                       \
		}                                                                                  \
		CHECK(condition);                                                                  \
	} while (0)

static inline void make_nonblocking(int fd)
{
	int rc = fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);

	assert(rc == 0);
	(void)rc;
}

/* Two connected sockets; ends[0] is non-blocking, for the stream. */
static inline void unix_pair(int ends[2])
{
	int rc = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);

	assert(rc == 0);
	(void)rc;
	make_nonblocking(ends[0]);
}

static inline void tcp_pair(int ends[2])
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc;

	rc = bind(listening, (struct sockaddr *)&at, sizeof(at));
	assert(rc == 0);
	rc = listen(listening, 1);
	assert(rc == 0);
	rc = getsockname(listening, (struct sockaddr *)&at, &len);
	assert(rc == 0);
	ends[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	rc = connect(ends[1], (struct sockaddr *)&at, sizeof(at));
	assert(rc == 0);
	(void)rc;
	ends[0] = accept(listening, NULL, NULL);
	assert(ends[0] >= 0);
	close(listening);
	make_nonblocking(ends[0]);
}

/* Closing sends a reset instead of the end. */
static inline void reset_close(int fd)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}

#endif
