#include "net_test.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "net/workers.h"

#define PIECES 50

/* A piece of work that blocks until its gate opens. */
struct piece {
	struct work work;
	atomic_bool *gate; /* NULL: does not block */
	atomic_bool running;
	bool signals_blocked, in_loop_thread;
	pthread_t loop_thread;
	int done, discarded;
};

static void run_piece(struct work *work)
{
	struct piece *piece = CONTAINER_OF(work, struct piece, work);
	sigset_t blocked;

	piece->in_loop_thread = pthread_equal(pthread_self(), piece->loop_thread);
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	piece->signals_blocked = sigismember(&blocked, SIGTERM) && sigismember(&blocked, SIGHUP);
	atomic_store(&piece->running, true);
	while (piece->gate && !atomic_load(piece->gate))
		sleep_ms(1);
}

static void on_done(struct work *work)
{
	CONTAINER_OF(work, struct piece, work)->done++;
}

static void discard(struct work *work)
{
	CONTAINER_OF(work, struct piece, work)->discarded++;
}

static struct piece piece_of(atomic_bool *gate)
{
	return (struct piece){ .work = { .run = run_piece, .on_done = on_done, .discard = discard },
			       .gate = gate,
			       .loop_thread = pthread_self() };
}

TEST(work_comes_back_to_the_loop)
{
	struct loop *loop = loop_new();
	struct workers *workers = workers_new(loop, 3, PIECES);
	struct piece pieces[PIECES];
	int done = 0;

	REQUIRE(workers);
	for (int i = 0; i < PIECES; i++) {
		pieces[i] = piece_of(NULL);
		CHECK(workers_put(workers, &pieces[i].work) == OK);
	}
	for (int i = 0; i < PIECES; i++)
		TURN_UNTIL(loop, pieces[i].done);
	for (int i = 0; i < PIECES; i++) {
		done += pieces[i].done;
		CHECK(pieces[i].signals_blocked && !pieces[i].in_loop_thread);
		CHECK_INT_EQ(pieces[i].discarded, 0);
	}
	CHECK_INT_EQ(done, PIECES);
	workers_free(workers);
	loop_free(loop);
}

TEST(the_loop_turns_while_threads_hang)
{
	struct loop *loop = loop_new();
	struct workers *workers = workers_new(loop, 2, 1);
	atomic_bool gate = false;
	struct piece pieces[4] = { piece_of(&gate), piece_of(&gate), piece_of(&gate),
				   piece_of(&gate) };

	REQUIRE(workers);
	for (int i = 0; i < 2; i++) {
		CHECK(workers_put(workers, &pieces[i].work) == OK);
		TURN_UNTIL(loop, atomic_load(&pieces[i].running));
	}
	CHECK(workers_put(workers, &pieces[2].work) == OK);
	CHECK_UINT_EQ(workers_waiting(workers), 1);
	/* One more than may wait. */
	CHECK(workers_put(workers, &pieces[3].work) == BROKEN);
	turns(loop, 3);
	CHECK(!pieces[0].done && !atomic_load(&pieces[2].running));
	atomic_store(&gate, true);
	TURN_UNTIL(loop, pieces[0].done && pieces[1].done && pieces[2].done);
	CHECK_INT_EQ(pieces[3].done + pieces[3].discarded, 0);
	workers_free(workers);
	loop_free(loop);
}

TEST(abandoned_work_is_discarded)
{
	struct loop *loop = loop_new();
	struct workers *workers = workers_new(loop, 1, 2);
	atomic_bool gate = false;
	struct piece running = piece_of(&gate), waiting = piece_of(NULL), other = piece_of(NULL);

	REQUIRE(workers);
	CHECK(workers_put(workers, &running.work) == OK);
	TURN_UNTIL(loop, atomic_load(&running.running));
	CHECK(workers_put(workers, &waiting.work) == OK);
	CHECK(workers_put(workers, &other.work) == OK);
	/* What waits is given back at once, what runs when it comes home. */
	workers_abandon(workers, &waiting.work);
	CHECK_INT_EQ(waiting.discarded, 1);
	workers_abandon(workers, &running.work);
	CHECK_INT_EQ(running.discarded, 0);
	atomic_store(&gate, true);
	TURN_UNTIL(loop, running.discarded == 1 && other.done == 1);
	CHECK_INT_EQ(running.done + waiting.done, 0);
	CHECK(!atomic_load(&waiting.running));
	workers_free(workers);
	loop_free(loop);
}

TEST(what_was_done_unheard_may_be_abandoned)
{
	struct loop *loop = loop_new();
	struct workers *workers = workers_new(loop, 1, 2);
	struct piece piece = piece_of(NULL), late = piece_of(NULL);

	REQUIRE(workers);
	CHECK(workers_put(workers, &piece.work) == OK);
	sleep_ms(50);
	workers_abandon(workers, &piece.work);
	TURN_UNTIL(loop, piece.discarded == 1);
	CHECK(workers_put(workers, &late.work) == OK);
	workers_abandon(workers, &late.work);
	workers_free(workers);
	CHECK_INT_EQ(late.discarded, 1);
	CHECK_INT_EQ(late.done + piece.done, 0);
	loop_free(loop);
}

/* A thread that never comes home keeps neither the process nor its exit status. */
TEST(a_thread_that_hangs_does_not_keep_the_process)
{
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		struct loop *loop = loop_new();
		struct workers *workers = workers_new(loop, 1, 1);
		static atomic_bool never;
		static struct piece piece;

		piece = piece_of(&never);
		if (!workers || workers_put(workers, &piece.work) != OK)
			exit(1);
		while (!atomic_load(&piece.running))
			sleep_ms(1);
		workers_abandon(workers, &piece.work);
		workers_free(workers);
		loop_free(loop);
		exit(7);
	}
	CHECK(child > 0 && waitpid(child, &status, 0) == child);
	CHECK(WIFEXITED(status));
	CHECK_INT_EQ(WEXITSTATUS(status), 7);
}

TEST(no_memory_is_no_workers)
{
	struct loop *loop = loop_new();

	mem_fail_at(1);
	CHECK(workers_new(loop, 1, 1) == NULL);
	mem_fail_at(0);
	workers_free(NULL);
	loop_free(loop);
}
