/*
 * Descriptors from one process to another (unix(7), SCM_RIGHTS). Blocking, with a deadline for
 * each step. Owns nothing.
 */
#include "net/pass.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for one descriptor, aligned as the kernel wants it. */
union control {
	struct cmsghdr header;
	char           room[CMSG_SPACE(sizeof(int))];
};

static enum result wait_for(int socket, short events, struct span timeout)
{
	struct pollfd poller = { .fd = socket, .events = events };
	int           ready;

	do {
		ready = poll(&poller, 1, (int)(timeout.us / 1000));
	} while (ready < 0 && errno == EINTR);
	if (ready == 0)
		errno = ETIMEDOUT;
	return ready > 0 ? OK : BROKEN;
}

static ssize_t send_some(int socket, struct slice bytes, int fd)
{
	union control control = { .room = { 0 } };
	struct iovec  data = { (void *)bytes.data, bytes.len };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1 };

	if (fd >= 0) {
		message.msg_control = control.room;
		message.msg_controllen = sizeof(control.room);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

enum result pass_send(int socket, struct slice bytes, int fd, struct span timeout)
{
	while (bytes.len > 0) {
		ssize_t sent = send_some(socket, bytes, fd);

		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return BROKEN;
		if (sent < 0) {
			if (errno == EAGAIN && wait_for(socket, POLLOUT, timeout) != OK)
				return BROKEN;
			continue;
		}
		bytes.data += sent;
		bytes.len -= (size_t)sent;
		fd = -1;
	}
	return OK;
}

/* The first descriptor; any more would be a mistake of the sender's and are closed. */
static int take_descriptor(struct msghdr *message)
{
	int found = -1;

	for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at; at = CMSG_NXTHDR(message, at)) {
		size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(at) + i * sizeof(int), sizeof(int));
			if (found < 0)
				found = fd;
			else
				close(fd);
		}
	}
	return found;
}

ssize_t pass_receive(int socket, void *buffer, size_t cap, int *fd, struct span timeout)
{
	union control control;
	struct iovec  data = { buffer, cap };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1 };
	ssize_t       got;

	*fd = -1;
	do {
		message.msg_control = control.room;
		message.msg_controllen = sizeof(control.room);
		if (wait_for(socket, POLLIN, timeout) != OK)
			return -1;
		got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	} while (got < 0 && (errno == EINTR || errno == EAGAIN));
	if (got >= 0)
		*fd = take_descriptor(&message);
	return got;
}
