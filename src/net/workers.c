/*
 * Threads for what blocks. The only file of the daemon with more than one thread in it.
 *
 * The lock guards the two lists, the counts and `abandoned`; a piece of work that a thread has is
 * that thread's alone. What is done comes back through an eventfd, so that the loop sleeps as it
 * always does. Made by the roster when first needed, after the process went to the background.
 */
#include "net/workers.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/alloc.h"
#include "base/log.h"
#include "net/loop.h"

/* How long the end of the process waits for threads. */
#define FAREWELL_MS 250

struct workers {
	struct loop *loop;
	struct event *bell; /* the loop's side of wake */
	int wake;
	pthread_mutex_t lock;
	pthread_cond_t more;  /* waiting has got longer, or it is time to stop */
	pthread_cond_t ended; /* a thread has ended */
	struct list waiting;  /* struct work, oldest first */
	struct list done;
	unsigned waiting_max;
	unsigned idle; /* threads that wait for work */
	unsigned ends; /* threads that have ended */
	bool stopping;
	unsigned threads_max, started;
	pthread_t threads[];
};

/* ---- in the threads ---- */

static void ring(const struct workers *workers)
{
	const uint64_t one = 1;
	ssize_t done;

	/* A full counter has woken the loop already. */
	do
		done = write(workers->wake, &one, sizeof(one));
	while (done < 0 && errno == EINTR);
}

/* Holding the lock. */
static struct work *take(struct workers *workers)
{
	struct list_node *node;

	workers->idle++;
	while (!(node = list_first(&workers->waiting)) && !workers->stopping)
		pthread_cond_wait(&workers->more, &workers->lock);
	workers->idle--;
	if (!node || workers->stopping)
		return NULL;
	list_remove(&workers->waiting, node);
	return CONTAINER_OF(node, struct work, node);
}

static void *run_thread(void *context)
{
	struct workers *workers = context;
	struct work *work;

	pthread_mutex_lock(&workers->lock);
	while ((work = take(workers)) != NULL) {
		pthread_mutex_unlock(&workers->lock);
		work->run(work);
		pthread_mutex_lock(&workers->lock);
		list_append(&workers->done, &work->node);
		ring(workers);
	}
	workers->ends++;
	pthread_cond_signal(&workers->ended);
	pthread_mutex_unlock(&workers->lock);
	return NULL;
}

/* ---- in the loop ---- */

static void on_bell(evutil_socket_t fd, short what, void *context)
{
	struct workers *workers = context;
	uint64_t count;

	(void)what;
	if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN && errno != EINTR)
		log_error("cannot hear of work that is done: %s", strerror(errno));
	for (;;) {
		struct list_node *node;
		struct work *work;

		pthread_mutex_lock(&workers->lock);
		node = list_first(&workers->done);
		if (node)
			list_remove(&workers->done, node);
		pthread_mutex_unlock(&workers->lock);
		if (!node)
			return;
		work = CONTAINER_OF(node, struct work, node);
		if (work->abandoned)
			work->discard(work);
		else
			work->on_done(work);
	}
}

static enum result open_bell(struct workers *workers)
{
	workers->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (workers->wake < 0)
		return BROKEN;
	workers->bell = event_new(loop_base(workers->loop), workers->wake, EV_READ | EV_PERSIST,
				  on_bell, workers);
	if (workers->bell && event_add(workers->bell, NULL) == 0)
		return OK;
	if (workers->bell)
		event_free(workers->bell);
	close(workers->wake);
	return BROKEN;
}

struct workers *workers_new(struct loop *loop, unsigned threads, unsigned waiting)
{
	struct workers *workers =
		mem_alloc_zero(sizeof(*workers) + threads * sizeof(*workers->threads));
	pthread_condattr_t attributes;

	if (!workers)
		return NULL;
	workers->loop = loop;
	workers->threads_max = threads;
	workers->waiting_max = waiting;
	list_init(&workers->waiting);
	list_init(&workers->done);
	if (open_bell(workers) != OK) {
		mem_free(workers);
		return NULL;
	}
	pthread_mutex_init(&workers->lock, NULL);
	pthread_cond_init(&workers->more, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&workers->ended, &attributes);
	pthread_condattr_destroy(&attributes);
	return workers;
}

/* Signals are the loop's: a thread starts with all of them blocked. */
static enum result start_thread(struct workers *workers)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&workers->threads[workers->started], NULL, run_thread, workers);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error == 0)
		workers->started++;
	else
		log_error("cannot start a thread: %s", strerror(error));
	return error == 0 || workers->started ? OK : BROKEN;
}

enum result workers_put(struct workers *workers, struct work *work)
{
	bool is_full, is_busy;

	work->abandoned = false;
	pthread_mutex_lock(&workers->lock);
	is_full = workers->waiting.len >= workers->waiting_max;
	is_busy = workers->waiting.len >= workers->idle;
	pthread_mutex_unlock(&workers->lock);
	if (is_full)
		return BROKEN;
	if (is_busy && workers->started < workers->threads_max && start_thread(workers) != OK)
		return BROKEN;
	pthread_mutex_lock(&workers->lock);
	list_append(&workers->waiting, &work->node);
	pthread_cond_signal(&workers->more);
	pthread_mutex_unlock(&workers->lock);
	return OK;
}

static bool is_in(const struct list *list, const struct work *work)
{
	LIST_EACH(list, node)
	if (node == &work->node)
		return true;
	return false;
}

void workers_abandon(struct workers *workers, struct work *work)
{
	struct list *list = NULL;

	pthread_mutex_lock(&workers->lock);
	work->abandoned = true;
	if (is_in(&workers->waiting, work))
		list = &workers->waiting;
	else if (is_in(&workers->done, work))
		list = &workers->done;
	if (list)
		list_remove(list, &work->node);
	pthread_mutex_unlock(&workers->lock);
	if (list)
		work->discard(work);
}

unsigned workers_waiting(struct workers *workers)
{
	unsigned count;

	pthread_mutex_lock(&workers->lock);
	count = workers->waiting.len;
	pthread_mutex_unlock(&workers->lock);
	return count;
}

/* ---- the end ---- */

static void leave_at_once(int status, void *context)
{
	(void)context;
	_exit(status);
}

/* True when all threads have ended. */
static bool wait_for_threads(struct workers *workers)
{
	struct timespec until;
	bool ended;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += FAREWELL_MS * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	pthread_mutex_lock(&workers->lock);
	workers->stopping = true;
	pthread_cond_broadcast(&workers->more);
	while (workers->ends < workers->started)
		if (pthread_cond_timedwait(&workers->ended, &workers->lock, &until) != 0)
			break;
	ended = workers->ends == workers->started;
	pthread_mutex_unlock(&workers->lock);
	return ended;
}

void workers_free(struct workers *workers)
{
	if (!workers)
		return;
	if (!wait_for_threads(workers)) {
		event_free(workers->bell);
		/* The libraries a thread is in must not be taken from under it. */
		on_exit(leave_at_once, NULL);
		return;
	}
	for (unsigned i = 0; i < workers->started; i++)
		pthread_join(workers->threads[i], NULL);
	/* What was done meanwhile had been abandoned. */
	on_bell(workers->wake, 0, workers);
	event_free(workers->bell);
	close(workers->wake);
	pthread_cond_destroy(&workers->ended);
	pthread_cond_destroy(&workers->more);
	pthread_mutex_destroy(&workers->lock);
	mem_free(workers);
}
