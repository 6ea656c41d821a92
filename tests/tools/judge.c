/*
 * Prints what texts of SQL do: for each of the files given, its name, the kind of the verdict and
 * its flags in hexadecimal. For tests that ask a real server whether it agrees.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sql/classify.h"

static const char *const kinds[] = {
	[VERDICT_UNKNOWN] = "unknown", [VERDICT_EMPTY] = "empty", [VERDICT_SETTING] = "setting",
	[VERDICT_OWN] = "own",	       [VERDICT_BEGIN] = "begin", [VERDICT_END] = "end",
	[VERDICT_READ] = "read",       [VERDICT_WRITE] = "write",
};

int main(int count, char **names)
{
	static char text[1 << 20];

	for (int i = 1; i < count; i++) {
		FILE *file = fopen(names[i], "rb");
		struct verdict verdict;
		size_t len;

		if (!file) {
			perror(names[i]);
			return 1;
		}
		len = fread(text, 1, sizeof(text), file);
		fclose(file);
		verdict = classify((struct slice){ text, len }, NULL);
		printf("%s %s %x\n", names[i], kinds[verdict.kind], verdict.flags);
	}
	return 0;
}
