/*
 * What is told to systemd and taken from it. Called by the daemon at its start, its end and
 * around reloads. Keeps nothing: the environment says where to tell.
 */

#include "daemon/systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"

/* No unit has more; a number out of the environment is not believed beyond it. */
#define SOCKETS_MAX 1024

/* ---- sockets ---- */

static long number_in(const char *name)
{
	const char *text = getenv(name);
	int64_t number;

	if (!text || text_to_int64(slice_of(text), &number) != OK || number < 0 || number > INT_MAX)
		return -1;
	return (long)number;
}

unsigned systemd_take_sockets(void)
{
	long count = number_in("LISTEN_FDS");
	bool ours = number_in("LISTEN_PID") == (long)getpid();

	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDNAMES");
	if (!ours || count < 0 || count > SOCKETS_MAX)
		return 0;
	for (int fd = SYSTEMD_FIRST_SOCKET; fd < SYSTEMD_FIRST_SOCKET + (int)count; fd++)
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
			return 0;
	return (unsigned)count;
}

/* ---- states ---- */

/* The length of the address; 0 when it is none that we know. */
static socklen_t address_of(const char *path, struct sockaddr_un *address)
{
	size_t len = strlen(path);

	if (len < 2 || len >= sizeof(address->sun_path) || (path[0] != '/' && path[0] != '@'))
		return 0;
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(address->sun_path, path, len);
	if (path[0] == '@')
		address->sun_path[0] = '\0';
	else
		len++;
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

static void tell(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address;
	socklen_t len;
	ssize_t sent = -1;
	int fd;

	if (!path)
		return;
	len = address_of(path, &address);
	fd = len ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;
	if (fd >= 0)
		sent = sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address,
			      len);
	if (sent < 0)
		log_warning("cannot tell systemd on \"%s\": %s", path,
			    len ? strerror(errno) : "not an address of a socket");
	if (fd >= 0)
		close(fd);
}

void systemd_ready(const char *status)
{
	char text[256];

	snprintf(text, sizeof(text), "READY=1\nSTATUS=%s\nMAINPID=%ld\n", status, (long)getpid());
	tell(text);
}

void systemd_reloading(void)
{
	struct timespec clock;
	char text[256];

	clock_gettime(CLOCK_MONOTONIC, &clock);
	snprintf(text, sizeof(text),
		 "RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\nSTATUS=Reloading its configuration\n",
		 (int64_t)clock.tv_sec * 1000000 + clock.tv_nsec / 1000);
	tell(text);
}

void systemd_stopping(const char *status)
{
	char text[256];

	snprintf(text, sizeof(text), "STOPPING=1\nSTATUS=%s\n", status);
	tell(text);
}
