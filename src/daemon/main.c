/* The program's arguments, and nothing else. */

#include <stdlib.h>

#include "daemon/arguments.h"
#include "daemon/daemon.h"

int main(int count, char **values)
{
	struct arguments arguments;
	const char *why;

	if (arguments_read(count, values, &arguments, &why) != OK) {
		fprintf(stderr, "pgcarwash: %s\nTry \"pgcarwash --help\".\n", why);
		return EXIT_FAILURE;
	}
	switch (arguments.task) {
	case TASK_HELP: fputs(arguments_usage, stdout); return EXIT_SUCCESS;
	case TASK_VERSION: daemon_print_version(stdout); return EXIT_SUCCESS;
	case TASK_CHECK: return daemon_check(arguments.file);
	case TASK_RUN: break;
	}
	return daemon_run(&arguments);
}
