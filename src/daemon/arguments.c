/*
 * The command line. Called by main; borrows its texts. getopt_long does the reading, with its
 * own messages switched off, so that a test can ask for them.
 */

#include "daemon/arguments.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

const char arguments_usage[] =
	"Usage: pgcarwash [OPTION]... CONFIG.ini\n"
	"\n"
	"  -d, --daemon     go to the background (needs pidfile in the configuration)\n"
	"  -R, --reboot     take over from the process that runs (deprecated: use so_reuseport)\n"
	"  -q, --quiet      no log lines on stderr\n"
	"  -v, --verbose    more log lines; may be given twice\n"
	"  -u, --user NAME  change to this user after reading the configuration\n"
	"      --check      read the configuration, report what is wrong with it, leave\n"
	"  -V, --version    show the version, leave\n"
	"  -h, --help       show this text, leave\n";

enum { OPTION_CHECK = 256 };

static const struct option options[] = {
	{ "daemon", no_argument, NULL, 'd' },	      { "quiet", no_argument, NULL, 'q' },
	{ "reboot", no_argument, NULL, 'R' },
	{ "verbose", no_argument, NULL, 'v' },	      { "user", required_argument, NULL, 'u' },
	{ "check", no_argument, NULL, OPTION_CHECK }, { "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },	      { NULL, 0, NULL, 0 },
};

static bool take_option(struct arguments *arguments, int option)
{
	switch (option) {
	case 'd': arguments->background = true; return true;
	case 'R': arguments->reboot = true; return true;
	case 'q': arguments->quiet = true; return true;
	case 'v': arguments->verbose++; return true;
	case 'u': arguments->user = optarg; return true;
	case OPTION_CHECK: arguments->task = TASK_CHECK; return true;
	case 'V': arguments->task = TASK_VERSION; return true;
	case 'h': arguments->task = TASK_HELP; return true;
	default: return false;
	}
}

static const char *describe(int option, const char *word)
{
	static char text[256];
	const char *what = option == ':' ? "option needs a value" : "unknown option";

	if (optopt > 0 && optopt < OPTION_CHECK && strncmp(word, "--", 2) != 0)
		snprintf(text, sizeof(text), "%s: -%c", what, optopt);
	else
		snprintf(text, sizeof(text), "%s: %s", what, word);
	return text;
}

enum result arguments_read(int count, char **values, struct arguments *arguments, const char **why)
{
	int option;

	*arguments = (struct arguments){ .task = TASK_RUN };
	opterr = 0;
	optind = 0;
	while ((option = getopt_long(count, values, ":dqRvu:Vh", options, NULL)) != -1) {
		if (!take_option(arguments, option)) {
			*why = describe(option, values[optind - 1]);
			return BROKEN;
		}
		if (arguments->task == TASK_VERSION || arguments->task == TASK_HELP)
			return OK;
	}
	if (optind == count) {
		*why = "no configuration file given";
		return BROKEN;
	}
	if (optind + 1 < count) {
		*why = "more than one configuration file given";
		return BROKEN;
	}
	arguments->file = values[optind];
	return OK;
}
