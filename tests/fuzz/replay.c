/*
 * Stands in for libFuzzer where there is no clang: runs a fuzz target over its stored corpus.
 * The corpus is tests/fuzz/corpus/<module>/ with <module> taken from the program's name
 * (replay_<module>), or the folders and files given as arguments. A finding ends the process
 * through the sanitizer, so what is counted as failed is what could not be read.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned passed, failed;

static void replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct stat facts;
	uint8_t *data;

	/* Exactly as large as the input, so that a read past its end is found. */
	if (!file || fstat(fileno(file), &facts) != 0 ||
	    !(data = malloc(facts.st_size ? (size_t)facts.st_size : 1))) {
		printf("%s: cannot be read\n", path);
		failed++;
	} else if (fread(data, 1, (size_t)facts.st_size, file) != (size_t)facts.st_size) {
		printf("%s: cannot be read\n", path);
		failed++;
		free(data);
	} else {
		/* Unbuffered, so that a finding is preceded by the name of its input. */
		fprintf(stderr, "%s\n", path);
		LLVMFuzzerTestOneInput(data, (size_t)facts.st_size);
		free(data);
		passed++;
	}
	if (file)
		fclose(file);
}

static void replay(const char *path)
{
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, alphasort);

	if (count < 0) {
		replay_file(path);
		return;
	}
	for (int i = 0; i < count; i++) {
		char inner[4096];

		snprintf(inner, sizeof(inner), "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.')
			replay_file(inner);
		free(entries[i]);
	}
	free(entries);
}

int main(int count, char **arguments)
{
	const char *name = strstr(arguments[0], "replay_");
	char corpus[4096];

	for (int i = 1; i < count; i++)
		replay(arguments[i]);
	if (count < 2 && name) {
		snprintf(corpus, sizeof(corpus), "tests/fuzz/corpus/%s", name + strlen("replay_"));
		replay(corpus);
	}
	if (passed == 0)
		failed++;
	printf("%u passed, %u failed\n", passed, failed);
	return failed > 0;
}
