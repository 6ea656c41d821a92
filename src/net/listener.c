/*
 * Listening sockets. Owned by the daemon, one for each address; hands every accepted socket to
 * on_accept.
 *
 * When the process is out of descriptors, a listening socket stays readable and nothing can be
 * done about it: without care the loop would spin. A reserve descriptor is given up to accept
 * the client waiting longest and close it, so that he is told, and the listener rests a moment.
 */
#include "net/listener.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "conf/settings.h"
#include "net/net_internal.h"
#include "net/timer.h"

/* Accepted in one turn at most while clients come in crowds. */
#define ACCEPTS_PER_TURN 32
/* How long to rest without descriptors, and how often to say so at most. */
#define REST_MS		100
#define WARN_INTERVAL_S 10
/* How long the kernel waits for the first bytes of a client. */
#define DEFER_SECONDS 45

struct listener {
	struct loop *loop;
	struct event event;
	struct timer rest;
	struct loop_task reap;
	void (*on_accept)(void *ctx, int fd, const struct address *peer);
	void *ctx;
	struct address address;
	int fd;
	int reserve;	   /* -1: could not be had back yet */
	bool paused;	   /* by the owner */
	bool freed;	   /* the reaper's */
	bool made_file;	   /* a Unix socket file is ours to remove: */
	dev_t file_device; /* but only if it is still the one we made */
	ino_t file_inode;
	uint64_t last_turn;   /* the last turn something was accepted in */
	struct moment warned; /* never: not yet */
	unsigned refused;     /* clients closed unheard since the last warning */
};

/* ---- out of descriptors ---- */

static int reserve_open(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void warn_rarely(struct listener *listener, int error)
{
	struct moment now = loop_now(listener->loop);
	struct moment again = moment_after(listener->warned, span_seconds(WARN_INTERVAL_S));

	if (!moment_is_never(listener->warned) && !moment_reached(again, now))
		return;
	log_warning("accept failed: %s (%u clients refused since last said)", strerror(error),
		    listener->refused);
	listener->warned = now;
	listener->refused = 0;
}

static void refuse_one(struct listener *listener)
{
	int fd;

	if (listener->reserve < 0)
		return;
	close(listener->reserve);
	fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		close(fd);
		listener->refused++;
	}
	listener->reserve = reserve_open();
}

static void rest(struct listener *listener, int error)
{
	if (error == EMFILE || error == ENFILE)
		refuse_one(listener);
	warn_rarely(listener, error);
	event_del(&listener->event);
	timer_arm_in(&listener->rest, span_ms(REST_MS));
}

static void listen_on(struct listener *listener)
{
	if (event_add(&listener->event, NULL) < 0)
		timer_arm_in(&listener->rest, span_ms(REST_MS));
}

static void on_rested(void *ctx)
{
	struct listener *listener = ctx;

	if (listener->reserve < 0)
		listener->reserve = reserve_open();
	if (!listener->paused)
		listen_on(listener);
}

/* ---- accepting ---- */

/* False when there is nobody more to accept now. */
static bool accept_one(struct listener *listener)
{
	struct address peer = { .len = sizeof(peer.unix_path) };
	int fd = accept4(listener->fd, &peer.any, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		listener->on_accept(listener->ctx, fd, &peer);
		return !listener->freed && !listener->paused;
	}
	switch (errno) {
	case EAGAIN: return false;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM: rest(listener, errno); return false;
	default:
		/* That client is gone already (accept(2): treat network errors like EAGAIN). */
		return true;
	}
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct listener *listener = ctx;
	uint64_t turn = loop_turn_number(listener->loop);
	/*
	 * A single client is the rule, so there is no second accept only to see EAGAIN; the
	 * event is level triggered and comes again next turn when there are more.
	 */
	bool crowd = turn == listener->last_turn + 1;
	int left = crowd ? ACCEPTS_PER_TURN : 1;

	(void)fd;
	(void)what;
	if (listener->freed || listener->paused)
		return;
	listener->last_turn = turn;
	while (left-- > 0 && accept_one(listener))
		;
}

/* ---- Unix socket files ---- */

/* True when a process listens there; an unsure answer counts as one. */
static bool somebody_listens(const struct address *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool answer = true;

	if (fd < 0)
		return true;
	if (connect(fd, &address->any, address->len) < 0)
		answer = errno != ECONNREFUSED && errno != ENOENT;
	close(fd);
	return answer;
}

/* A file left behind by a process that is no more is removed. BROKEN with errno. */
static enum result clear_path(const struct address *address)
{
	const char *path = address->unix_path.sun_path;
	struct stat status;

	if (path[0] == '\0' || lstat(path, &status) < 0)
		return OK;
	if (!S_ISSOCK(status.st_mode) || somebody_listens(address)) {
		errno = EADDRINUSE;
		return BROKEN;
	}
	return unlink(path) < 0 && errno != ENOENT ? BROKEN : OK;
}

static enum result set_group(const char *path, const char *name)
{
	struct group *group;
	char *end;
	gid_t gid;

	if (!name || name[0] == '\0')
		return OK;
	group = getgrnam(name);
	gid = group ? group->gr_gid : (gid_t)strtoul(name, &end, 10);
	if (!group && *end != '\0') {
		log_error("unix_socket_group \"%s\": there is none of that name", name);
		errno = EINVAL;
		return BROKEN;
	}
	if (chown(path, (uid_t)-1, gid) == 0)
		return OK;
	log_error("unix_socket_group \"%s\": %s", name, strerror(errno));
	return BROKEN;
}

void listener_own_file(struct listener *listener)
{
	const char *path = listener->address.unix_path.sun_path;
	struct stat status;

	if (!address_is_unix(&listener->address) || path[0] == '\0' || lstat(path, &status) != 0)
		return;
	listener->made_file = true;
	listener->file_device = status.st_dev;
	listener->file_inode = status.st_ino;
}

void listener_disown_file(struct listener *listener)
{
	listener->made_file = false;
}

static enum result bind_unix(struct listener *listener, const struct listener_options *options)
{
	const struct address *address = &listener->address;
	const char *path = address->unix_path.sun_path;
	mode_t before;
	int failed;

	if (clear_path(address) != OK)
		return BROKEN;
	/* Nobody may connect before group and mode are as they shall be. */
	before = umask(0777);
	failed = bind(listener->fd, &address->any, address->len);
	umask(before);
	if (failed)
		return BROKEN;
	if (path[0] == '\0')
		return OK;
	listener_own_file(listener);
	if (set_group(path, options->unix_group) != OK)
		return BROKEN;
	return chmod(path, (mode_t)options->unix_mode) < 0 ? BROKEN : OK;
}

static void remove_file(const struct listener *listener)
{
	const char *path = listener->address.unix_path.sun_path;
	struct stat status;

	/* A successor may have put his own socket in the place. */
	if (listener->made_file && lstat(path, &status) == 0 &&
	    status.st_dev == listener->file_device && status.st_ino == listener->file_inode)
		unlink(path);
}

/* ---- life ---- */

static enum result bind_tcp(struct listener *listener, const struct listener_options *options)
{
	const struct address *address = &listener->address;
	int one = 1, seconds = DEFER_SECONDS;

	setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	/* "*" is listened to by a socket of each family; one must not take the other's place. */
	if (address->any.sa_family == AF_INET6)
		setsockopt(listener->fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (options->reuse_port &&
	    setsockopt(listener->fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) < 0)
		return BROKEN;
	if (options->defer_accept &&
	    setsockopt(listener->fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds)) < 0)
		return BROKEN;
	return bind(listener->fd, &address->any, address->len) < 0 ? BROKEN : OK;
}

static enum result listener_open(struct listener *listener, const struct listener_options *options)
{
	struct address *address = &listener->address;
	bool is_unix = address_is_unix(address);

	listener->fd =
		socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listener->fd < 0)
		return BROKEN;
	if ((is_unix ? bind_unix(listener, options) : bind_tcp(listener, options)) != OK)
		return BROKEN;
	if (listen(listener->fd, options->backlog) < 0)
		return BROKEN;
	/* Port 0 has become a real one. */
	if (!is_unix) {
		address->len = sizeof(address->unix_path);
		if (getsockname(listener->fd, &address->any, &address->len) < 0)
			return BROKEN;
	}
	listener->reserve = reserve_open();
	return listener->reserve < 0 ? BROKEN : OK;
}

static void listener_shut(struct listener *listener)
{
	remove_file(listener);
	if (listener->fd >= 0)
		close(listener->fd);
	if (listener->reserve >= 0)
		close(listener->reserve);
}

static struct listener *listener_make(struct loop *loop,
				      void (*on_accept)(void *ctx, int fd,
							const struct address *peer),
				      void *ctx)
{
	struct listener *listener = mem_alloc_zero(sizeof(*listener));

	if (!listener) {
		errno = ENOMEM;
		return NULL;
	}
	listener->loop = loop;
	listener->on_accept = on_accept;
	listener->ctx = ctx;
	listener->fd = listener->reserve = -1;
	timer_init(&listener->rest, loop, on_rested, listener);
	return listener;
}

/* It cannot listen: errno still says why. */
static struct listener *listener_fail(struct listener *listener)
{
	int error = errno;

	listener_shut(listener);
	mem_free(listener);
	errno = error;
	return NULL;
}

static enum result listener_watch(struct listener *listener)
{
	if (event_assign(&listener->event, loop_base(listener->loop), listener->fd,
			 EV_READ | EV_PERSIST, on_readable, listener) != 0)
		return BROKEN;
	return event_add(&listener->event, NULL) == 0 ? OK : BROKEN;
}

struct listener *listener_new(struct loop *loop, const struct address *address,
			      const struct listener_options *options,
			      void (*on_accept)(void *ctx, int fd, const struct address *peer),
			      void *ctx)
{
	struct listener *listener = listener_make(loop, on_accept, ctx);

	if (!listener)
		return NULL;
	listener->address = *address;
	if (listener_open(listener, options) == OK && listener_watch(listener) == OK)
		return listener;
	return listener_fail(listener);
}

/* What was passed to us may be anything. BROKEN with errno. */
static enum result take_socket(struct listener *listener)
{
	struct address *address = &listener->address;
	int type = 0, listens = 0;
	socklen_t type_len = sizeof(type), listens_len = sizeof(listens);

	address->len = sizeof(address->unix_path);
	if (getsockopt(listener->fd, SOL_SOCKET, SO_TYPE, &type, &type_len) < 0 ||
	    getsockopt(listener->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_len) < 0 ||
	    getsockname(listener->fd, &address->any, &address->len) < 0)
		return BROKEN;
	if (type != SOCK_STREAM || !listens) {
		errno = EINVAL;
		return BROKEN;
	}
	if (fcntl(listener->fd, F_SETFL, O_NONBLOCK) < 0)
		return BROKEN;
	listener->reserve = reserve_open();
	return listener->reserve < 0 ? BROKEN : OK;
}

struct listener *listener_adopt(struct loop *loop, int fd,
				void (*on_accept)(void *ctx, int fd, const struct address *peer),
				void *ctx)
{
	struct listener *listener = listener_make(loop, on_accept, ctx);

	if (!listener)
		return NULL;
	listener->fd = fd;
	if (take_socket(listener) == OK && listener_watch(listener) == OK)
		return listener;
	listener->fd = -1;
	return listener_fail(listener);
}

static void run_reap(struct loop_task *task)
{
	mem_free(CONTAINER_OF(task, struct listener, reap));
}

void listener_free(struct listener *listener)
{
	if (!listener)
		return;
	assert(!listener->freed);
	listener->freed = true;
	timer_release(&listener->rest);
	event_del(&listener->event);
	listener_shut(listener);
	listener->reap.run = run_reap;
	loop_reap(listener->loop, &listener->reap);
}

void listener_pause(struct listener *listener)
{
	listener->paused = true;
	event_del(&listener->event);
}

void listener_resume(struct listener *listener)
{
	listener->paused = false;
	if (!timer_is_armed(&listener->rest))
		listen_on(listener);
}

const struct address *listener_address(const struct listener *listener)
{
	return &listener->address;
}

int listener_fd(const struct listener *listener)
{
	return listener->fd;
}

/* ---- options of connected sockets ---- */

static void tune_keepalive(int fd, const struct socket_options *options)
{
	const struct {
		int option, value;
	} rows[] = {
		{ TCP_KEEPIDLE, options->keepidle },
		{ TCP_KEEPINTVL, options->keepintvl },
		{ TCP_KEEPCNT, options->keepcnt },
	};
	int one = 1;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (rows[i].value > 0)
			setsockopt(fd, IPPROTO_TCP, rows[i].option, &rows[i].value, sizeof(int));
}

struct socket_options socket_options_of(const struct settings *settings)
{
	return (struct socket_options){
		.keepalive = settings->tcp_keepalive,
		.keepidle = settings->tcp_keepidle,
		.keepintvl = settings->tcp_keepintvl,
		.keepcnt = settings->tcp_keepcnt,
		.user_timeout_ms = settings->tcp_user_timeout,
		.buffer_bytes = settings->tcp_socket_buffer,
	};
}

void socket_tune(int fd, const struct socket_options *options)
{
	int one = 1;

	/* Fails on a Unix socket, which has none of these. */
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0)
		return;
	if (options->keepalive)
		tune_keepalive(fd, options);
	if (options->user_timeout_ms > 0)
		setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &options->user_timeout_ms,
			   sizeof(int));
	if (options->buffer_bytes > 0) {
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &options->buffer_bytes, sizeof(int));
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &options->buffer_bytes, sizeof(int));
	}
}

/* ---- options of a listener ---- */

/* As a socket of which nobody has said anything; a buffer of fixed size adapts itself again. */
static void forget_tuning(int fd)
{
	static const struct {
		int level, option;
	} rows[] = {
		{ SOL_SOCKET, SO_KEEPALIVE },	{ IPPROTO_TCP, TCP_KEEPIDLE },
		{ IPPROTO_TCP, TCP_KEEPINTVL }, { IPPROTO_TCP, TCP_KEEPCNT },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT },
	};
	int fresh = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int value, unlocked = 0;
	socklen_t len = sizeof(value);

	if (fresh < 0)
		return;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (getsockopt(fresh, rows[i].level, rows[i].option, &value, &len) == 0)
			setsockopt(fd, rows[i].level, rows[i].option, &value, sizeof(value));
	if (getsockopt(fd, SOL_SOCKET, SO_BUF_LOCK, &value, &len) == 0 && value) {
		/* The kernel doubles what it is told, and tells the double. */
		if (getsockopt(fresh, SOL_SOCKET, SO_SNDBUF, &value, &len) == 0 && (value /= 2) > 0)
			setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &value, sizeof(value));
		if (getsockopt(fresh, SOL_SOCKET, SO_RCVBUF, &value, &len) == 0 && (value /= 2) > 0)
			setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, sizeof(value));
		setsockopt(fd, SOL_SOCKET, SO_BUF_LOCK, &unlocked, sizeof(unlocked));
	}
	close(fresh);
}

void listener_tune(struct listener *listener, const struct socket_options *options,
		   bool defer_accept)
{
	int seconds = defer_accept ? DEFER_SECONDS : 0;

	if (address_is_unix(&listener->address))
		return;
	forget_tuning(listener->fd);
	socket_tune(listener->fd, options);
	setsockopt(listener->fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds));
}
