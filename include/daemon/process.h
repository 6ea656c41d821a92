#ifndef DAEMON_PROCESS_H
#define DAEMON_PROCESS_H

#include <stdbool.h>

#include "base/result.h"

struct settings;

/*
 * The process as the system sees it: user, background, pid file, descriptors. Everything that
 * fails says why in the log.
 */

/* Changes to this user and its groups for good; nothing when name is NULL, "" or who we are. */
enum result process_change_user(const char *name) MUST_USE;
/* BROKEN as root. */
enum result process_refuse_root(void) MUST_USE;

/* BROKEN when path names a living process; a stale file is removed. "" is no file. */
enum result pidfile_check(const char *path) MUST_USE;
enum result pidfile_write(const char *path) MUST_USE;
/* The same in the place of the process whose work we took over. */
enum result pidfile_replace(const char *path) MUST_USE;
void pidfile_remove(const char *path);

/*
 * Goes to the background. The process that was started stays until the one in the background
 * calls process_report or dies, and leaves with 0 or 1 then, so that whoever started it knows
 * how it went. stderr stays open until then: it says why it did not go well.
 */
enum result process_go_to_background(void) MUST_USE;
/* All is up: closes stderr. Nothing in the foreground. */
void process_report(void);

/* The name that ps and top show; its first 15 bytes. "" changes nothing. */
void process_set_name(const char *name);

/* Raises the limit of open files to what these settings may need, and says so in the log. */
void process_raise_limits(const struct settings *settings);

#endif
