#ifndef NET_PASS_H
#define NET_PASS_H

#include <stddef.h>
#include <sys/types.h>

#include "base/moment.h"
#include "base/result.h"
#include "base/text.h"

/*
 * Bytes and descriptors over a Unix socket (SCM_RIGHTS, unix(7)), waiting for the other side: for
 * the online restart only, where both processes stand still anyway.
 */

/* Sends all bytes, and with the first of them fd (-1: none). BROKEN with errno, also in time. */
enum result pass_send(int socket, struct slice bytes, int fd, struct span timeout) MUST_USE;
/*
 * Receives at least one byte into buffer; how many, 0 at the end, -1 with errno. *fd is the
 * descriptor that came with them, close-on-exec and the caller's, or -1; at most one comes at once.
 */
ssize_t pass_receive(int socket, void *buffer, size_t cap, int *fd, struct span timeout);

#endif
