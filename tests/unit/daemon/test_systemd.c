/* What systemd is told, and the sockets it passes. */

#include "test.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "daemon/systemd.h"

static char told[1024];

/* A socket that systemd would read from, at a free abstract address named in the environment. */
static int manager_open(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(address.sun_family);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char name[64];

	/* An empty name makes the kernel choose one (unix(7), "autobind"). */
	CHECK(bind(fd, (struct sockaddr *)&address, len) == 0);
	len = sizeof(address);
	CHECK(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
	snprintf(name, sizeof(name), "@%.*s",
		 (int)(len - offsetof(struct sockaddr_un, sun_path) - 1), address.sun_path + 1);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static const char *manager_read(int fd)
{
	ssize_t count = recv(fd, told, sizeof(told) - 1, 0);

	told[count > 0 ? count : 0] = '\0';
	return told;
}

TEST(nothing_is_told_where_nobody_listens)
{
	unsetenv("NOTIFY_SOCKET");
	systemd_ready("a");
	setenv("NOTIFY_SOCKET", "vsock:2:1234", 1);
	systemd_ready("a");
	setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
	systemd_ready("a");
	unsetenv("NOTIFY_SOCKET");
}

TEST(states_are_told)
{
	int fd = manager_open();
	char pid[64];

	snprintf(pid, sizeof(pid), "\nMAINPID=%d\n", getpid());
	systemd_ready("Serving clients");
	CHECK(strstr(manager_read(fd), "READY=1\nSTATUS=Serving clients\n") == told);
	CHECK(strstr(told, pid) != NULL);
	systemd_stopping("Bye");
	CHECK_TEXT_EQ(manager_read(fd), "STOPPING=1\nSTATUS=Bye\n");
	unsetenv("NOTIFY_SOCKET");
	close(fd);
}

TEST(a_reload_tells_the_monotonic_time)
{
	struct timespec clock;
	int fd = manager_open();
	long long us = 0;

	systemd_reloading();
	CHECK(strstr(manager_read(fd), "RELOADING=1\nMONOTONIC_USEC=") == told);
	CHECK_INT_EQ(sscanf(told, "RELOADING=1\nMONOTONIC_USEC=%lld", &us), 1);
	clock_gettime(CLOCK_MONOTONIC, &clock);
	CHECK(us > 0 && us / 1000000 <= clock.tv_sec && us / 1000000 >= clock.tv_sec - 10);
	unsetenv("NOTIFY_SOCKET");
	close(fd);
}

TEST(a_socket_file_is_told_too)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char folder[] = "/tmp/test_systemd_XXXXXX";
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	REQUIRE(mkdtemp(folder) != NULL);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", folder);
	CHECK(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	systemd_stopping("Bye");
	CHECK_TEXT_EQ(manager_read(fd), "STOPPING=1\nSTATUS=Bye\n");
	unsetenv("NOTIFY_SOCKET");
	close(fd);
	unlink(address.sun_path);
	rmdir(folder);
}

static void pass(const char *count, long pid)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", pid);
	setenv("LISTEN_FDS", count, 1);
	setenv("LISTEN_PID", text, 1);
}

TEST(sockets_are_for_one_process_only)
{
	unsetenv("LISTEN_FDS");
	CHECK_UINT_EQ(systemd_take_sockets(), 0);
	pass("1", (long)getpid() + 1);
	CHECK_UINT_EQ(systemd_take_sockets(), 0);
	CHECK(!getenv("LISTEN_FDS") && !getenv("LISTEN_PID"));
}

TEST(numbers_from_the_environment_are_not_trusted)
{
	static const char *const counts[] = { "", "x", "-1", "99999999999999", "5000", "1x" };

	for (size_t i = 0; i < COUNT_OF(counts); i++) {
		pass(counts[i], (long)getpid());
		CHECK_UINT_EQ(systemd_take_sockets(), 0);
	}
}

TEST(sockets_passed_are_taken_once)
{
	int kept = fcntl(SYSTEMD_FIRST_SOCKET, F_DUPFD_CLOEXEC, 10);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	CHECK(dup2(fd, SYSTEMD_FIRST_SOCKET) == SYSTEMD_FIRST_SOCKET);
	pass("1", (long)getpid());
	CHECK_UINT_EQ(systemd_take_sockets(), 1);
	CHECK(fcntl(SYSTEMD_FIRST_SOCKET, F_GETFD) & FD_CLOEXEC);
	CHECK_UINT_EQ(systemd_take_sockets(), 0);
	if (fd != SYSTEMD_FIRST_SOCKET)
		close(fd);
	close(SYSTEMD_FIRST_SOCKET);
	if (kept >= 0) {
		dup2(kept, SYSTEMD_FIRST_SOCKET);
		close(kept);
	}
}
