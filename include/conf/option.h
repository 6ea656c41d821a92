#ifndef CONF_OPTION_H
#define CONF_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/text.h"
#include "conf/settings.h"

/*
 * The option tables: one row a key. Parsing, defaults, SHOW CONFIG, SET, reload, the example
 * ini and docs/CONFIG.md all come from them.
 */

enum option_type {
	OPTION_TEXT,   /* const char * */
	OPTION_LIST,   /* const char *, names with commas between */
	OPTION_NETWORKS, /* const char *, addresses and networks with commas between */
	OPTION_PATH,   /* const char * */
	OPTION_SECRET, /* const char *, never shown */
	OPTION_WORD,   /* const char *, one of choices */
	OPTION_INT,    /* int */
	OPTION_UINT,   /* unsigned */
	OPTION_NUMBERS, /* const char *, whole numbers with commas between */
	OPTION_MODE,   /* int, shown in decimal, written in octal */
	OPTION_BOOL,   /* bool */
	OPTION_TIME,   /* struct span, written in seconds with fraction */
	OPTION_ENUM,   /* an enum (int), one of choices */
};

enum option_flag {
	OPTION_RELOADABLE = 1, /* by reload and by SET */
	OPTION_CONNECT = 2,    /* in [databases]: a change makes open servers useless */
	OPTION_HOSTS = 4,      /* with it: but not those of a cluster's hosts that stay */
};

enum option_group {
	GROUP_LISTEN,
	GROUP_PROCESS,
	GROUP_LOG,
	GROUP_CONSOLE,
	GROUP_AUTH,
	GROUP_CLIENTS,
	GROUP_POOLS,
	GROUP_SERVERS,
	GROUP_ROUTING,
	GROUP_TIMEOUTS,
	GROUP_DNS,
	GROUP_NETWORK,
	GROUP_CLIENT_TLS,
	GROUP_SERVER_TLS,
	GROUP_COUNT,
};

struct choice {
	const char *text; /* NULL ends the table */
	int value;
};

struct option {
	const char *name;
	const char *alias;	      /* or NULL */
	const char *standard;	      /* default as text; NULL = none */
	const char *unit;	      /* "seconds", "bytes", "milliseconds" or NULL */
	const char *scoped;	      /* its name per database and user, NULL = the same */
	const char *help;	      /* prose for the manual */
	const struct choice *choices; /* WORD and ENUM */
	int64_t min, max;	      /* numbers; TIME in seconds */
	size_t offset;		      /* of the field */
	enum option_type type;
	enum option_group group;
	unsigned flags;
};

struct option_table {
	const char *section; /* "pgcarwash", "databases", "users", "peers" */
	const struct option *rows;
	size_t count;
};

extern const struct option_table option_global;	  /* struct settings, SHOW CONFIG's order */
extern const struct option_table option_database; /* struct database_settings */
extern const struct option_table option_user;	  /* struct user_settings */
extern const struct option_table option_peer;	  /* struct peer_settings */

/* The row of this name or alias, letter case aside, or NULL. */
const struct option *option_find(const struct option_table *table, struct slice name);
/* The known name most like this one, or NULL when none is near. */
const char *option_nearest(const struct option_table *table, struct slice name);
/* The key of table (option_database, option_user) that overrides this global one, or NULL. */
const struct option *option_override(const struct option_table *table, const struct option *global);
/* "text", "list of names", "whole number", ... */
const char *option_type_text(enum option_type type);
const char *option_group_title(enum option_group group);
/* "0 to 65535", "session, transaction or statement", "0 or 1": what a value may be. */
void option_allowed(const struct option *option, struct buffer *out);

/* For SHOW CONFIG: the present value as text appended to out; false (nothing) when unset. */
bool option_current(const struct option *option, const struct settings *settings,
		    struct buffer *out);
/* Where the value is from, for people: "/etc/pgcarwash.ini:12", "default", "SET", ... */
void option_origin(const struct option *option, const struct settings *settings,
		   struct buffer *out);
/* Where the value was given: false when it is the default or came by SET. Borrows settings. */
bool option_source(const struct option *option, const struct settings *settings, const char **file,
		   unsigned *line);

#endif
