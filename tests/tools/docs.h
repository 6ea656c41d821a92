#ifndef DOCS_H
#define DOCS_H

/* What the tools that write the manual from the tables share. */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Opens name below folder for writing; ends the program when it cannot. */
static inline FILE *create(const char *folder, const char *name)
{
	char path[4096];
	FILE *out;

	snprintf(path, sizeof(path), "%s/docs", folder);
	/* there already, or fopen will say what is wrong */
	(void)mkdir(path, 0777);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	out = fopen(path, "w");
	if (!out) {
		perror(path);
		exit(1);
	}
	return out;
}

static inline void finish(FILE *out)
{
	if (ferror(out) || fclose(out) != 0) {
		perror("writing");
		exit(1);
	}
}

/* Writes len bytes; where escape is set, so that Markdown takes them as they are. */
static inline size_t write_word(FILE *out, const char *word, size_t len, bool escape)
{
	size_t written = len;

	for (size_t i = 0; i < len; i++) {
		if (escape && strchr("*<", word[i])) {
			fputc('\\', out);
			written++;
		}
		fputc(word[i], out);
	}
	return written;
}

/* Writes text in lines of about 92 columns, each behind head. */
static inline void wrap(FILE *out, const char *head, const char *text, bool escape)
{
	size_t column = 0;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (column > 0 && column + 1 + len > 92) {
			fputc('\n', out);
			column = 0;
		}
		if (column == 0)
			column = (size_t)fprintf(out, "%s", head);
		else
			column += (size_t)fprintf(out, " ");
		column += write_word(out, text, len, escape);
		text += len;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

#endif
