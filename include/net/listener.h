#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include <stdbool.h>

#include "base/result.h"
#include "net/address.h"
#include "net/loop.h"

/*
 * Listening sockets. Accepts a bounded number per turn; when the process is out of descriptors
 * it pauses for a moment instead of spinning (a reserve descriptor tells).
 */

struct listener;
struct settings;

struct listener_options {
	int backlog;
	bool defer_accept; /* TCP_DEFER_ACCEPT: no wake-up before the client's first bytes */
	bool reuse_port;
	int unix_mode;		/* permissions of a Unix socket, e.g. 0777 */
	const char *unix_group; /* name or number; "" = unchanged */
};

/*
 * Binds and listens. NULL on failure with errno set. A stale Unix socket file is replaced; one
 * that answers is EADDRINUSE. on_accept takes fd (non-blocking, close-on-exec).
 */
struct listener *listener_new(struct loop *loop, const struct address *address,
			      const struct listener_options *options,
			      void (*on_accept)(void *ctx, int fd, const struct address *peer),
			      void *ctx) MUST_USE;
/*
 * The same for a socket that listens already, bound by somebody else: takes fd. NULL on failure
 * with errno set (EINVAL: not a stream socket that listens); fd is the caller's then. No socket
 * file is ever removed for it.
 */
struct listener *listener_adopt(struct loop *loop, int fd,
				void (*on_accept)(void *ctx, int fd, const struct address *peer),
				void *ctx) MUST_USE;
/*
 * The file of its Unix socket is from now on another's to remove / is its own. Nothing for TCP and
 * abstract ones.
 */
void listener_disown_file(struct listener *listener);
void listener_own_file(struct listener *listener);
/* Closes; removes a Unix socket file that is its own. NULL is allowed. */
void listener_free(struct listener *listener);
/* Stops and goes on accepting (SUSPEND); meanwhile clients wait in the kernel's queue. */
void listener_pause(struct listener *listener);
void listener_resume(struct listener *listener);
const struct address *listener_address(const struct listener *listener);
int listener_fd(const struct listener *listener);

struct socket_options;
/*
 * TCP connections accepted from now on have these options; they inherit them from the listener,
 * which costs no system call. What is 0 is as a new socket of this system has it, whatever the
 * listener had before. Nothing for Unix sockets.
 */
void listener_tune(struct listener *listener, const struct socket_options *options,
		   bool defer_accept);

struct socket_options {
	bool keepalive;
	int keepidle, keepintvl, keepcnt; /* seconds, seconds, count; 0 = system default */
	int user_timeout_ms;		  /* 0 = system default */
	int buffer_bytes;		  /* SO_SNDBUF and SO_RCVBUF; 0 = system default */
};
/* What tcp_* and their kin say. */
struct socket_options socket_options_of(const struct settings *settings);
/*
 * Sets TCP_NODELAY and the options on a TCP socket; a Unix socket is left alone. Sockets accepted
 * from a listening one inherit all of them on Linux: tuning listener_fd once saves the system
 * calls for each client.
 */
void socket_tune(int fd, const struct socket_options *options);

#endif
