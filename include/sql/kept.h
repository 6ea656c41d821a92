#ifndef SQL_KEPT_H
#define SQL_KEPT_H

#include <stdint.h>

#include "base/text.h"

/*
 * What a statement leaves in the session of the server it ran on, where a later statement may find
 * it and no other server has it: bits of struct verdict.makes and .drops. DISCARD ALL takes away
 * all but KEPT_FOR_GOOD.
 */
enum kept {
	KEPT_TEMPORARY = 1u << 0,     /* temporary tables, views, types, ... */
	KEPT_PREPARED = 1u << 1,      /* PREPARE in SQL; what the protocol prepares is followed */
	KEPT_SETTINGS = 1u << 2,      /* SET, set_config; see scan_setting for those followed */
	KEPT_ROLE = 1u << 3,          /* SET ROLE */
	KEPT_AUTHORIZATION = 1u << 4, /* SET SESSION AUTHORIZATION */
	KEPT_CHANNELS = 1u << 5,      /* LISTEN */
	KEPT_LOCKS = 1u << 6,         /* advisory locks of the session */
	KEPT_CURSORS = 1u << 7,       /* WITH HOLD */
	KEPT_UNSEEN = 1u << 8,        /* a text that is not read, with words that smell of these */
	KEPT_FOR_GOOD = 1u << 9,      /* LOAD, setseed() */
};

#define KEPT_ALL 0x3ffu
/* What DISCARD ALL takes away (PostgreSQL docs, "DISCARD"). */
#define KEPT_DISCARDED (KEPT_ALL & ~(unsigned)KEPT_FOR_GOOD)

struct kept_change {
	uint16_t makes, drops;
};

/* What calling one of PostgreSQL's functions changes. set_config is not among them. */
struct kept_change kept_by_function(struct slice name);
/* What SET (or with back SET TO DEFAULT, RESET) of this setting changes; not SET LOCAL. */
struct kept_change kept_by_setting(struct slice name, bool back);
/*
 * What a text that is not parsed may leave: KEPT_UNSEEN if it has a word that makes something of
 * the above, anywhere, also in literals and comments.
 */
uint16_t kept_by_smell(struct slice text);
/* In words, the first of them: "a temporary object". kept is not 0. */
const char *kept_text(unsigned kept);

#endif
