/*
 * The process as the system sees it. Called while the daemon starts and stops; owns the one
 * descriptor on which the background process reports to the one that was started.
 */

#include "daemon/process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "conf/effective.h"

/* Listeners, epoll, signals, log, DNS, files being read. */
#define OWN_DESCRIPTORS 32

static int report_fd = -1;

/* ---- user ---- */

/* Who raises the limit of core files wants them, also from a process that changed its user. */
static void keep_core_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur > 0)
		(void)prctl(PR_SET_DUMPABLE, 1);
}

enum result process_change_user(const char *name)
{
	const struct passwd *user;

	if (!name || !*name)
		return OK;
	errno = 0;
	user = getpwnam(name);
	if (!user) {
		log_fatal("cannot change to user \"%s\": %s", name,
			  errno ? strerror(errno) : "there is none of that name");
		return BROKEN;
	}
	if (user->pw_uid == geteuid() && user->pw_uid == getuid())
		return OK;
	if (initgroups(name, user->pw_gid) != 0 || setgid(user->pw_gid) != 0 ||
	    setuid(user->pw_uid) != 0) {
		log_fatal("cannot change to user \"%s\": %s", name, strerror(errno));
		return BROKEN;
	}
	keep_core_files();
	return OK;
}

enum result process_refuse_root(void)
{
	if (geteuid() != 0)
		return OK;
	log_fatal("pgcarwash should not run as root; give it a user to change to (-u, or \"user\" "
		  "in the configuration)");
	return BROKEN;
}

/* ---- pid file ---- */

/* The pid in the file; 0 when there is no file or no number in it. */
static pid_t pidfile_read(const char *path)
{
	char text[32] = "";
	int64_t pid = 0;
	FILE *file = fopen(path, "re");

	if (!file)
		return 0;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	fclose(file);
	if (text_to_int64(slice_trim(slice_of(text)), &pid) != OK || pid <= 0 || pid > INT32_MAX)
		return 0;
	return (pid_t)pid;
}

/* One whose parent never asks how it ended keeps its pid, and is dead all the same. */
static bool is_zombie(pid_t pid)
{
	char path[32], text[128] = "";
	const char *state;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	fclose(file);
	/* "pid (name) state ..."; the name may hold anything. */
	state = strrchr(text, ')');
	return state && state[1] == ' ' && state[2] == 'Z';
}

static bool is_alive(pid_t pid)
{
	return (kill(pid, 0) == 0 || errno == EPERM) && !is_zombie(pid);
}

enum result pidfile_check(const char *path)
{
	pid_t pid;

	if (!*path || access(path, F_OK) != 0)
		return OK;
	pid = pidfile_read(path);
	if (pid > 0 && pid != getpid() && is_alive(pid)) {
		log_fatal("pidfile '%s' exists, another instance running?", path);
		return BROKEN;
	}
	log_info("stale pidfile '%s', removing", path);
	if (unlink(path) == 0)
		return OK;
	log_fatal("cannot remove stale pidfile '%s': %s", path, strerror(errno));
	return BROKEN;
}

enum result pidfile_write(const char *path)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	int fd;
	bool written;

	if (!*path)
		return OK;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	written = fd >= 0 && write(fd, text, (size_t)len) == len;
	if (fd >= 0 && close(fd) != 0)
		written = false;
	if (!written)
		log_fatal("cannot write pidfile '%s': %s", path, strerror(errno));
	return written ? OK : BROKEN;
}

enum result pidfile_replace(const char *path)
{
	if (*path && unlink(path) != 0 && errno != ENOENT)
		log_warning("cannot remove pidfile '%s': %s", path, strerror(errno));
	return pidfile_write(path);
}

void pidfile_remove(const char *path)
{
	if (*path && pidfile_read(path) == getpid() && unlink(path) != 0)
		log_warning("cannot remove pidfile '%s': %s", path, strerror(errno));
}

/* ---- background ---- */

/* What is left of the process that was started: waits for the report, and leaves. */
static void wait_for_report(int fd, pid_t child)
{
	char report = 0;
	ssize_t got;

	(void)waitpid(child, NULL, 0);
	do {
		got = read(fd, &report, 1);
	} while (got < 0 && errno == EINTR);
	_exit(got == 1 ? 0 : 1);
}

/* first to last of the three standard files lead nowhere from here on. */
static enum result detach_standard_files(int first, int last)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return BROKEN;
	for (int standard = first; standard <= last; standard++)
		if (dup2(fd, standard) < 0)
			return BROKEN;
	if (fd > 2)
		close(fd);
	return OK;
}

enum result process_go_to_background(void)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) != 0)
		goto failed;
	fflush(NULL);
	child = fork();
	if (child < 0)
		goto failed;
	if (child > 0) {
		close(ends[1]);
		wait_for_report(ends[0], child);
	}
	close(ends[0]);
	report_fd = ends[1];
	if (setsid() < 0)
		goto failed;
	/* The second fork: no longer the leader of a session, it never gets a terminal. */
	child = fork();
	if (child < 0)
		goto failed;
	if (child > 0)
		_exit(0);
	/* What still goes wrong is said where the one who started us sees it. */
	if (detach_standard_files(STDIN_FILENO, STDOUT_FILENO) == OK)
		return OK;
failed:
	log_fatal("cannot go to the background: %s", strerror(errno));
	return BROKEN;
}

void process_report(void)
{
	if (report_fd < 0)
		return;
	log_detach_stderr();
	if (detach_standard_files(STDERR_FILENO, STDERR_FILENO) != OK)
		log_warning("cannot detach from stderr: %s", strerror(errno));
	if (write(report_fd, "+", 1) != 1)
		log_debug("nobody waits for the daemon to be up");
	close(report_fd);
	report_fd = -1;
}

void process_set_name(const char *name)
{
	/* prctl(2): longer names are cut. */
	if (*name && prctl(PR_SET_NAME, name) != 0)
		log_debug("the process keeps its name: %s", strerror(errno));
}

/* ---- descriptors ---- */

static int64_t expected_servers(const struct settings *settings)
{
	int64_t users = (int64_t)settings->user_count + 1, servers = 0;

	for (size_t i = 0; i < settings->database_count; i++) {
		const struct database_settings *entry = &settings->databases[i];
		int64_t size = effective_pool_size(settings, entry, NULL) +
			       effective_reserve_pool_size(settings, entry, NULL);

		servers += entry->user ? size : size * users;
	}
	return servers;
}

void process_raise_limits(const struct settings *settings)
{
	int64_t expected =
		OWN_DESCRIPTORS + (int64_t)settings->max_client_conn + expected_servers(settings);
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
		log_warning("cannot read the limit of open files: %s", strerror(errno));
		return;
	}
	if (limit.rlim_cur < limit.rlim_max && limit.rlim_cur < (rlim_t)expected) {
		limit.rlim_cur =
			limit.rlim_max < (rlim_t)expected ? limit.rlim_max : (rlim_t)expected;
		if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
			log_warning("cannot raise the limit of open files: %s", strerror(errno));
		(void)getrlimit(RLIMIT_NOFILE, &limit);
	}
	log_info("kernel file descriptor limit: %" PRIu64 " (hard: %" PRIu64
		 "); max_client_conn: %d, max expected fd use: %" PRId64,
		 (uint64_t)limit.rlim_cur, (uint64_t)limit.rlim_max, settings->max_client_conn,
		 expected);
	if (limit.rlim_cur < (rlim_t)expected)
		log_warning("%" PRIu64 " open files may be too few for %" PRId64,
			    (uint64_t)limit.rlim_cur, expected);
}
