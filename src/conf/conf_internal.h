#ifndef CONF_INTERNAL_H
#define CONF_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/result.h"
#include "base/text.h"
#include "conf/complaint.h"
#include "conf/option.h"
#include "conf/settings.h"

/* What the modules of conf share and nobody else may see. */

/* Offset of a field, refused by the compiler unless the field has this type. */
#define FIELD_AT(owner, ctype, key) _Generic(((owner *)NULL)->key, ctype : offsetof(owner, key))

#define TIME_MAX 2147483647 /* seconds; what a user may write for "practically never" */

/* The words of ENUM and WORD settings; each ends with a NULL text. */
extern const struct choice choice_pool_mode[];
extern const struct choice choice_auth_type[];
extern const struct choice choice_tls_mode[];
extern const struct choice choice_ssl_negotiation[];
extern const struct choice choice_channel_binding[];
extern const struct choice choice_server_protocol[];
extern const struct choice choice_load_balance[];
extern const struct choice choice_dheparams[];
extern const struct choice choice_syslog_facility[];
extern const struct choice choice_switch[];
extern const struct choice choice_balance[];
extern const struct choice choice_no_replica[];
extern const struct choice choice_consistency[];
extern const struct choice choice_session_target[];

/* ---- value.c: one setting's value as text, in a field, copied, compared ---- */

/*
 * Reads text into field (a copy in arena). BROKEN leaves field alone and appends to why what
 * is wrong, without repeating a secret.
 */
enum result value_parse(const struct option *option, struct slice text, void *field,
			struct arena *arena, struct buffer *why) MUST_USE;
/* Appends the value to out; false (nothing) when the field is not set. */
bool value_print(const struct option *option, const void *field, struct buffer *out);
bool value_equal(const struct option *option, const void *a, const void *b);
/* Copies *from into *to; texts go into arena. */
enum result value_copy(const struct option *option, void *to, const void *from,
		       struct arena *arena) MUST_USE;

static inline void *option_field(const struct option *option, void *owner)
{
	return (char *)owner + option->offset;
}

static inline const void *option_field_of(const struct option *option, const void *owner)
{
	return (const char *)owner + option->offset;
}

/* ---- settings.c: snapshots while they are made ---- */

enum setting_origin {
	ORIGIN_DEFAULT,
	ORIGIN_FILE,
	ORIGIN_COMMAND_LINE,
	ORIGIN_SET,
	ORIGIN_KEPT, /* of a file that says otherwise by now, or nothing */
};

struct setting_source {
	const char *file; /* ORIGIN_FILE only */
	unsigned line;
	enum setting_origin origin;
};

struct settings_private {
	struct arena *arena; /* holds everything, this and the settings included */
	unsigned references;
	bool pgbouncers; /* the main section has that name */
	struct setting_source *sources; /* one for each row of option_global */
};

/* A snapshot with every global key at its default and no entries; one reference. Or NULL. */
struct settings *settings_new(void) MUST_USE;
/* Brings every global key that has a default back to it. BROKEN without memory. */
enum result settings_reset(struct settings *settings) MUST_USE;
/* A copy of all of old in memory of its own; one reference. Or NULL. */
struct settings *settings_copy(const struct settings *old) MUST_USE;
/* Fills an entry with "not set" and the defaults of its table; table's own struct. */
enum result settings_entry_init(const struct option_table *table, void *entry,
				struct arena *arena) MUST_USE;
/* Copies every field of table's struct. */
enum result settings_entry_copy(const struct option_table *table, void *to, const void *from,
				struct arena *arena) MUST_USE;

/* ---- file.c ---- */

/*
 * Appends the whole file to out, in one allocation where the size is known, so that no copy of
 * a secret is left behind. BROKEN: errno tells; EFBIG when it is longer than max.
 */
enum result file_read(const char *path, size_t max, struct buffer *out) MUST_USE;
/* buffer_release for what may hold secrets. */
void buffer_release_secret(struct buffer *buffer);

/* ---- rule_files.c ---- */

/*
 * Reads auth_hba_file, what it names with @, and auth_ident_file into settings, if auth_type is
 * hba. One that cannot be read is a warning; the text of previous (may be NULL) then stays. BROKEN
 * without memory.
 */
enum result rule_files_read(struct settings *settings, const struct settings *previous,
			    struct complaints *complaints) MUST_USE;
/* Copies those texts. */
enum result rule_files_copy(struct settings *to, const struct settings *from) MUST_USE;

/* ---- ini.c: files to assignments ---- */

struct ini_place {
	const char *file; /* valid during the call only */
	unsigned line;
};

/* Called for every section header and every "name = value", decoded, in order. */
struct ini_handler {
	void (*on_section)(void *context, struct ini_place place, struct slice section);
	void (*on_value)(void *context, struct ini_place place, struct slice section,
			 struct slice name, struct slice value);
	void *context;
};

/*
 * Reads path and what it includes. Whatever is not ini grammar becomes an error in complaints
 * and reading goes on, so that all errors are found. BROKEN: path cannot be read, or no memory.
 */
enum result ini_read(const char *path, const struct ini_handler *handler,
		     struct complaints *complaints) MUST_USE;
/* The same for a text at hand; %include is refused. name: what messages call it. */
enum result ini_read_text(const char *name, struct slice text, const struct ini_handler *handler,
			  struct complaints *complaints) MUST_USE;

/* ---- connect_string.c ---- */

enum connect_pair { CONNECT_PAIR, CONNECT_END, CONNECT_BROKEN };

/*
 * Takes the next key=value from the front of *rest. value is built in buffer (cleared first);
 * key is a part of *rest. CONNECT_BROKEN: *why is a literal that says what is wrong.
 */
enum connect_pair connect_string_next(struct slice *rest, struct slice *key, struct buffer *value,
				      const char **why);

/* ---- host_list.c ---- */

/*
 * Fills port, hosts and host_count from the texts of the other fields. Lists that do not fit
 * each other are errors in complaints. BROKEN without memory.
 */
enum result host_list_read(struct database_settings *database, struct arena *arena,
			   struct complaints *complaints) MUST_USE;
/* Copies what host_list_read made. */
enum result host_list_copy(struct database_settings *to, const struct database_settings *from,
			   struct arena *arena) MUST_USE;

/* ---- draft.c: assignments to a snapshot ---- */

struct draft;

/* settings: borrowed, filled until draft_free. NULL without memory. */
struct draft *draft_new(struct settings *settings, struct complaints *complaints) MUST_USE;
struct ini_handler draft_handler(struct draft *draft);
/* Sorts the entries into the settings, checks that the main section was there. */
enum result draft_finish(struct draft *draft) MUST_USE;
void draft_free(struct draft *draft);

/* Sets one global key; place.file NULL: by SET. What is wrong goes to complaints. */
void draft_set_global(struct settings *settings, const struct option *option, struct slice value,
		      struct ini_place place, struct complaints *complaints);

/* An error about a key that table does not have, with the nearest one it has. */
void complain_unknown(struct complaints *complaints, struct ini_place place,
		      const struct option_table *table, struct slice name);

/* ---- check.c ---- */

/* What makes the settings unusable together. */
void check_errors(const struct settings *settings, struct complaints *complaints);
/* What is allowed but hardly meant. */
void check_warnings(const struct settings *settings, struct complaints *complaints);
/* True for the names of the console. */
bool is_reserved_database(struct slice name);

#endif
