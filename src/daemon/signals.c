/*
 * Signals: a table of what each one does. Owns one libevent event per signal; their callbacks
 * come from the loop like any other.
 */

#include <signal.h>
#include <string.h>

#include <event2/event.h>

#include "admin/steering.h"
#include "base/log.h"
#include "daemon/daemon_internal.h"
#include "net/loop.h"

struct action {
	int signal;
	void (*run)(struct daemon *daemon);
};

static void on_hup(struct daemon *daemon)
{
	log_info("got SIGHUP, re-reading config");
	(void)!daemon_reload(daemon);
}

/* The second one of those that wait, whoever asked for the first, does not wait. */
static void leave(struct daemon *daemon, const char *name, enum leaving leaving, const char *how)
{
	if (daemon->leaving != LEAVING_NOT) {
		log_info("got %s while shutting down, fast exit", name);
		daemon_leave(daemon, LEAVING_NOW);
		return;
	}
	log_info("got %s, shutting down, %s", name, how);
	daemon_leave(daemon, leaving);
}

static void on_term(struct daemon *daemon)
{
	leave(daemon, "SIGTERM", LEAVING_FOR_CLIENTS, "waiting for all clients disconnect");
}

static void on_int(struct daemon *daemon)
{
	leave(daemon, "SIGINT", LEAVING_FOR_SERVERS,
	      "waiting for all servers connections to be released");
}

static void on_quit(struct daemon *daemon)
{
	log_info("got SIGQUIT, fast exit");
	daemon_leave(daemon, LEAVING_NOW);
}

static void on_usr1(struct daemon *daemon)
{
	if (steering_pause(admin_steering(daemon->admin)))
		log_info("got SIGUSR1, but already paused/suspended");
	else
		log_info("got SIGUSR1, pausing all activity");
}

static void on_usr2(struct daemon *daemon)
{
	if (daemon->leaving != LEAVING_NOT)
		log_info("got SIGUSR2 while shutting down, ignoring");
	else if (admin_resume(daemon->admin))
		log_info("got SIGUSR2, but not paused/suspended");
	else
		log_info("got SIGUSR2, continuing from PAUSE or SUSPEND");
}

static const struct action actions[] = {
	{ SIGHUP, on_hup },   { SIGTERM, on_term }, { SIGINT, on_int },
	{ SIGQUIT, on_quit }, { SIGUSR1, on_usr1 }, { SIGUSR2, on_usr2 },
};

_Static_assert(COUNT_OF(actions) <= SIGNALS_MAX, "a place for each signal");

static void on_signal(evutil_socket_t number, short what, void *context)
{
	(void)what;
	for (size_t i = 0; i < COUNT_OF(actions); i++)
		if (actions[i].signal == number)
			actions[i].run(context);
}

static void set_mask(int how)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < COUNT_OF(actions); i++)
		sigaddset(&set, actions[i].signal);
	sigprocmask(how, &set, NULL);
}

void signals_hold(void)
{
	set_mask(SIG_BLOCK);
}

enum result signals_open(struct daemon *daemon)
{
	/* A peer that is gone is told by write, not by a signal. */
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < COUNT_OF(actions); i++) {
		daemon->signals[i] =
			evsignal_new(loop_base(daemon->loop), actions[i].signal, on_signal, daemon);
		if (!daemon->signals[i] || event_add(daemon->signals[i], NULL) != 0) {
			log_fatal("cannot watch signal %s", strsignal(actions[i].signal));
			return BROKEN;
		}
	}
	set_mask(SIG_UNBLOCK);
	return OK;
}

void signals_close(struct daemon *daemon)
{
	for (size_t i = 0; i < COUNT_OF(actions); i++) {
		if (daemon->signals[i])
			event_free(daemon->signals[i]);
		daemon->signals[i] = NULL;
	}
}
