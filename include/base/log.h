#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#include "base/result.h"

/*
 * Log lines: "YYYY-MM-DD HH:MM:SS.mmm ZONE [PID] LEVEL text", one line each, appended
 * unbuffered to stderr, a file or syslog. A newline in the text becomes newline + tab.
 * The one place with process-wide state besides alloc and slab; pure modules do not log.
 */

enum log_level { LEVEL_FATAL, LEVEL_ERROR, LEVEL_WARNING, LEVEL_LOG, LEVEL_DEBUG, LEVEL_NOISE };

struct log_target {
	const char *file;   /* "" or NULL: no file */
	bool        quiet;  /* nothing to stderr */
	bool        syslog; /* to syslog too */
	const char *syslog_ident;
	const char *syslog_facility; /* "daemon", "local0", ... */
	int         verbose;         /* 0 up to LOG, 1 DEBUG, 2 and more NOISE */
};

/*
 * Sets where lines go, opening the file for append. BROKEN (target unchanged) when the file
 * cannot be opened or the facility is unknown; errno then tells. Copies what it needs.
 */
enum result log_open(const struct log_target *target) MUST_USE;
/* Closes and opens the file again (log rotation). */
void log_reopen(void);
/* stderr no longer (the daemon went to the background). */
void log_detach_stderr(void);

/* True when a line of this level would go anywhere: ask before building costly text. */
bool log_wants(enum log_level level);

/*
 * Writes a line. The text says what failed first, lower case, no full stop; never a secret.
 * prefix: NULL, or the socket's prefix ("C-0x...: db/user@host:port").
 */
void log_line(enum log_level level, const char *prefix, const char *format, ...)
	PRINTF_LIKE(3, 4);

/* The line names its place in the source, as PgBouncer's do. format is a literal. */
#define log_fatal(format, ...)                                                                     \
	log_line(LEVEL_FATAL, NULL, "@%s:%d in function %s(): " format, __FILE__, __LINE__,        \
	         __func__, ##__VA_ARGS__)
#define log_error(...)   log_line(LEVEL_ERROR, NULL, __VA_ARGS__)
#define log_warning(...) log_line(LEVEL_WARNING, NULL, __VA_ARGS__)
#define log_info(...)    log_line(LEVEL_LOG, NULL, __VA_ARGS__)
#define log_debug(...)                                                                             \
	do {                                                                                       \
		if (log_wants(LEVEL_DEBUG))                                                     \
			log_line(LEVEL_DEBUG, NULL, __VA_ARGS__);                               \
	} while (0)

#endif
