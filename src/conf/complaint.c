/*
 * The list of what is wrong with a configuration. Owns the texts. A complaint that finds no
 * memory is counted all the same, so a broken file can never pass for a good one.
 */

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "conf/complaint.h"

#define COMPLAINT_LEN_MAX 1024 /* bytes; longer texts are cut */

void complaints_init(struct complaints *complaints)
{
	complaints->count = 0;
	complaints->errors = 0;
	complaints->dropped = 0;
}

void complaints_release(struct complaints *complaints)
{
	for (size_t i = 0; i < complaints->count; i++)
		mem_free((char *)complaints->items[i].text);
	complaints_init(complaints);
}

void complaints_add(struct complaints *complaints, enum complaint_severity severity,
		    const char *file, unsigned line, const char *format, ...)
{
	char text[COMPLAINT_LEN_MAX];
	int len = 0;
	char *copy = NULL;
	va_list args;

	if (severity == COMPLAINT_ERROR)
		complaints->errors++;
	if (file && line)
		len = snprintf(text, sizeof(text), "%s:%u: ", file, line);
	else if (file)
		len = snprintf(text, sizeof(text), "%s: ", file);
	assert(len >= 0);
	if ((size_t)len < sizeof(text)) {
		va_start(args, format);
		vsnprintf(text + len, sizeof(text) - (size_t)len, format, args);
		va_end(args);
	}
	if (complaints->count < COMPLAINTS_MAX)
		copy = mem_copy_text(text, strlen(text));
	if (!copy) {
		complaints->dropped++;
		return;
	}
	complaints->items[complaints->count].severity = severity;
	complaints->items[complaints->count].text = copy;
	complaints->count++;
}

bool complaints_has_errors(const struct complaints *complaints)
{
	return complaints->errors > 0;
}
