/*
 * Stands in for the kernel's monotonic clock and its timerfd. The program's own definitions of
 * these functions come before the C library's for everything in the process, libevent too.
 */
#include "stage/clock.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* A machine that has been up for a while. */
#define BEGINNING_US 1000000000
/* Time enough for a thread to end, on any machine. */
#define THREADS_SECONDS 10

static int64_t now_us = BEGINNING_US;
static int64_t alarm_us; /* 0: not set */
static int alarm_fd = -1;

static void ring_if_due(void)
{
	uint64_t one = 1;

	if (alarm_us == 0 || alarm_us > now_us)
		return;
	alarm_us = 0;
	if (write(alarm_fd, &one, sizeof(one)) != sizeof(one))
		_exit(99);
}

int clock_gettime(clockid_t id, struct timespec *clock)
{
	if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)
		return (int)syscall(SYS_clock_gettime, id, clock);
	clock->tv_sec = now_us / 1000000;
	clock->tv_nsec = now_us % 1000000 * 1000;
	return 0;
}

int timerfd_create(clockid_t id, int flags)
{
	(void)id;
	/* TFD_NONBLOCK and TFD_CLOEXEC are the same bits as the EFD_ ones. */
	alarm_fd = eventfd(0, flags);
	alarm_us = 0;
	return alarm_fd;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *old)
{
	(void)old;
	if (fd != alarm_fd || !(flags & TFD_TIMER_ABSTIME))
		return -1;
	alarm_us = when->it_value.tv_sec * 1000000 + when->it_value.tv_nsec / 1000;
	ring_if_due();
	return 0;
}

/* Threads live in the kernel's time: a deadline of the stage's would be over at once. */
int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict lock,
			   const struct timespec *restrict until)
{
	struct timespec real;

	(void)until;
	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &real);
	real.tv_sec += THREADS_SECONDS;
	return pthread_cond_clockwait(condition, lock, CLOCK_MONOTONIC, &real);
}

void clock_start(void)
{
	now_us = BEGINNING_US;
	alarm_us = 0;
}

int64_t clock_us(void)
{
	return now_us;
}

void clock_move(int64_t us)
{
	now_us += us;
	ring_if_due();
}

bool clock_move_to_alarm(void)
{
	if (alarm_us == 0)
		return false;
	if (alarm_us > now_us)
		now_us = alarm_us;
	ring_if_due();
	return true;
}
