#ifndef SQL_OWN_SETTING_H
#define SQL_OWN_SETTING_H

#include <stdbool.h>

#include "base/text.h"

/*
 * Settings that are answered by ourselves, never by a server:
 *
 *         SET [SESSION | LOCAL] pgcarwash.name { = | TO } value
 *         RESET pgcarwash.name            (also SET pgcarwash.name TO DEFAULT)
 *         SHOW pgcarwash.name
 */

#define OWN_SETTING_NAME_MAX  64
#define OWN_SETTING_VALUE_MAX 256

enum own_setting_action {
	OWN_SETTING_SET,
	OWN_SETTING_RESET,
	OWN_SETTING_SHOW,
};

struct own_setting {
	enum own_setting_action action;
	bool local; /* SET LOCAL */
	size_t name_len, value_len;
	char name[OWN_SETTING_NAME_MAX];   /* behind the dot, in lower case */
	char value[OWN_SETTING_VALUE_MAX]; /* of SET; without quotes; words as they are written */
};

/*
 * True when text is one statement of these, and gives it. Names that do not exist are not
 * checked. False for what is too long for the struct, for lists of values, and for literals with
 * a backslash or in other forms than '...' and E'...'.
 */
bool own_setting_parse(struct slice text, struct own_setting *setting);

static inline struct slice own_setting_name(const struct own_setting *setting)
{
	return (struct slice){ setting->name, setting->name_len };
}

static inline struct slice own_setting_value(const struct own_setting *setting)
{
	return (struct slice){ setting->value, setting->value_len };
}

#endif
