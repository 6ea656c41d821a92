#ifndef CONF_TEXT_FILE_H
#define CONF_TEXT_FILE_H

#include "base/text.h"

/* A file that another one names, as it was when the settings were loaded. */
struct text_file {
	struct slice name; /* as written there */
	struct slice text; /* data NULL: it could not be read */
};

#endif
