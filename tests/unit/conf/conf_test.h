#ifndef CONF_TEST_H
#define CONF_TEST_H

#include "test.h"

#include "conf/load.h"

/* What the tests of this folder share: loading texts, and looking at complaints. */

/* Loads a text; complaints must be initialised by the caller and released after. */
static inline const struct settings *load_text(const char *text, struct complaints *complaints)
{
	return settings_load_text("test.ini", slice_of(text), NULL, complaints);
}

static inline bool complaints_have(const struct complaints *complaints,
				   enum complaint_severity severity, const char *text)
{
	for (size_t i = 0; i < complaints->count; i++)
		if (complaints->items[i].severity == severity &&
		    strcmp(complaints->items[i].text, text) == 0)
			return true;
	return false;
}

static inline void complaints_show(const struct complaints *complaints)
{
	for (size_t i = 0; i < complaints->count; i++)
		printf("    complaint: %s\n", complaints->items[i].text);
}

#endif
