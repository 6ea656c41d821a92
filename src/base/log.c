/*
 * Log lines to stderr, a file and syslog. Owns the file's descriptor and the process-wide
 * target; called by the shell layers, never by pure ones. A line is built in one buffer on
 * the stack and written with one write per sink, so lines of several processes in one file
 * do not mix. The text of the running second is kept, because most lines share it.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"

#define LINE_BYTES 8192 /* a longer text is cut */
#define CUT_MARK   "..."

static const struct {
	const char *name;
	int priority;
} levels[] = {
	[LEVEL_FATAL] = { "FATAL", LOG_CRIT },	      [LEVEL_ERROR] = { "ERROR", LOG_ERR },
	[LEVEL_WARNING] = { "WARNING", LOG_WARNING }, [LEVEL_LOG] = { "LOG", LOG_INFO },
	[LEVEL_DEBUG] = { "DEBUG", LOG_DEBUG },	      [LEVEL_NOISE] = { "NOISE", LOG_DEBUG },
};

static const struct {
	const char *name;
	int facility;
} facilities[] = {
	{ "auth", LOG_AUTH },	  { "authpriv", LOG_AUTHPRIV }, { "cron", LOG_CRON },
	{ "daemon", LOG_DAEMON }, { "ftp", LOG_FTP },		{ "kern", LOG_KERN },
	{ "lpr", LOG_LPR },	  { "mail", LOG_MAIL },		{ "news", LOG_NEWS },
	{ "syslog", LOG_SYSLOG }, { "user", LOG_USER },		{ "uucp", LOG_UUCP },
	{ "local0", LOG_LOCAL0 }, { "local1", LOG_LOCAL1 },	{ "local2", LOG_LOCAL2 },
	{ "local3", LOG_LOCAL3 }, { "local4", LOG_LOCAL4 },	{ "local5", LOG_LOCAL5 },
	{ "local6", LOG_LOCAL6 }, { "local7", LOG_LOCAL7 },
};

static struct {
	char *file; /* NULL: no file */
	int file_fd;
	bool to_stderr;
	bool to_syslog;
	enum log_level highest; /* lines above it go nowhere */
	char ident[64];		/* openlog keeps the pointer */
} sink = { .file_fd = -1, .to_stderr = true, .highest = LEVEL_LOG, .ident = "pgcarwash" };

static int facility_of(const char *name)
{
	if (!name || !*name)
		return LOG_DAEMON;
	for (size_t i = 0; i < COUNT_OF(facilities); i++) {
		if (strcmp(facilities[i].name, name) == 0)
			return facilities[i].facility;
	}
	return -1;
}

static int open_file(const char *file)
{
	return open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
}

static enum log_level highest_of(int verbose)
{
	if (verbose <= 0)
		return LEVEL_LOG;
	return verbose == 1 ? LEVEL_DEBUG : LEVEL_NOISE;
}

static void replace_syslog(const struct log_target *target, int facility)
{
	const char *ident = target->syslog_ident;

	if (sink.to_syslog)
		closelog();
	sink.to_syslog = target->syslog;
	if (!target->syslog)
		return;
	snprintf(sink.ident, sizeof(sink.ident), "%s", ident && *ident ? ident : "pgcarwash");
	openlog(sink.ident, LOG_PID | LOG_NDELAY, facility);
}

enum result log_open(const struct log_target *target)
{
	int facility = facility_of(target->syslog_facility);
	char *file = NULL;
	int fd = -1;

	if (target->syslog && facility < 0) {
		errno = EINVAL;
		return BROKEN;
	}
	if (target->file && *target->file) {
		file = mem_copy_text(target->file, strlen(target->file));
		if (!file) {
			errno = ENOMEM;
			return BROKEN;
		}
		fd = open_file(file);
		if (fd < 0) {
			int reason = errno;

			mem_free(file);
			errno = reason;
			return BROKEN;
		}
	}
	if (sink.file_fd >= 0)
		close(sink.file_fd);
	mem_free(sink.file);
	sink.file = file;
	sink.file_fd = fd;
	sink.to_stderr = !target->quiet;
	sink.highest = highest_of(target->verbose);
	replace_syslog(target, facility);
	return OK;
}

void log_reopen(void)
{
	int fd;

	if (!sink.file)
		return;
	fd = open_file(sink.file);
	if (fd < 0) {
		/* The old file still takes lines, and this is the first of them. */
		log_error("cannot reopen log file \"%s\": %s", sink.file, strerror(errno));
		return;
	}
	close(sink.file_fd);
	sink.file_fd = fd;
}

void log_detach_stderr(void)
{
	sink.to_stderr = false;
}

bool log_wants(enum log_level level)
{
	return level <= sink.highest && (sink.to_stderr || sink.file_fd >= 0 || sink.to_syslog);
}

/* A line under construction; room for the newline at its end is kept free. */
struct line {
	char text[LINE_BYTES];
	size_t len;
};

static void add_byte(struct line *line, char c)
{
	if (line->len < LINE_BYTES - 1)
		line->text[line->len++] = c;
}

/*
 * Adds text that may hold anything a peer has sent: newlines are followed by a tab, so that
 * no text can look like a line of its own; other control bytes could steer a terminal.
 */
static void add_text(struct line *line, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '\n') {
			add_byte(line, '\n');
			add_byte(line, '\t');
		} else if ((c < 0x20 && c != '\t') || c == 0x7f) {
			add_byte(line, '?');
		} else {
			add_byte(line, *text);
		}
	}
}

static void add_head(struct line *line, enum log_level level)
{
	static time_t shown_second;
	static char date[32], zone[16];
	struct timespec clock;
	int len;

	clock_gettime(CLOCK_REALTIME, &clock);
	if (clock.tv_sec != shown_second) {
		struct tm local;

		localtime_r(&clock.tv_sec, &local);
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &local);
		strftime(zone, sizeof(zone), "%Z", &local);
		shown_second = clock.tv_sec;
	}
	len = snprintf(line->text, LINE_BYTES, "%s.%03ld %s [%d] %s ", date,
		       clock.tv_nsec / 1000000, zone, (int)getpid(), levels[level].name);
	line->len = (size_t)len;
}

static void write_out(int fd, const struct line *line)
{
	ssize_t done;

	do
		done = write(fd, line->text, line->len);
	while (done < 0 && errno == EINTR);
	/* A log that cannot be written has nowhere to complain. */
}

void log_line(enum log_level level, const char *prefix, const char *format, ...)
{
	int saved_errno = errno;
	char text[LINE_BYTES];
	struct line line;
	size_t head_len;
	va_list args;
	int len;

	if (!log_wants(level))
		return;
	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (len < 0)
		return;
	if ((size_t)len >= sizeof(text))
		memcpy(text + sizeof(text) - sizeof(CUT_MARK), CUT_MARK, sizeof(CUT_MARK));
	add_head(&line, level);
	head_len = line.len;
	if (prefix) {
		add_text(&line, prefix);
		add_byte(&line, ' ');
	}
	add_text(&line, text);
	if (sink.to_syslog)
		syslog(levels[level].priority, "%.*s", (int)(line.len - head_len),
		       line.text + head_len);
	line.text[line.len++] = '\n';
	if (sink.to_stderr)
		write_out(STDERR_FILENO, &line);
	if (sink.file_fd >= 0)
		write_out(sink.file_fd, &line);
	errno = saved_errno;
}
