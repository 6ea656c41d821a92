/* The command line. */

#include "test.h"

#include "daemon/arguments.h"

static struct arguments arguments;
static const char *why;

static enum result read_words(int count, char **words)
{
	return arguments_read(count, words, &arguments, &why);
}

#define READ(...)                                                                                  \
	read_words(COUNT_OF(((char *[]){ (char *)"pgcarwash", __VA_ARGS__ })),                     \
		   (char *[]){ (char *)"pgcarwash", __VA_ARGS__, NULL })
#define W(word) ((char *)(uintptr_t)(word))

TEST(a_file_is_enough)
{
	CHECK(READ(W("a.ini")) == OK);
	CHECK_INT_EQ(arguments.task, TASK_RUN);
	CHECK_TEXT_EQ(arguments.file, "a.ini");
	CHECK(!arguments.background && !arguments.quiet && !arguments.user);
	CHECK_INT_EQ(arguments.verbose, 0);
}

TEST(options_long_and_short_before_and_behind)
{
	CHECK(READ(W("-dqvv"), W("-u"), W("nobody"), W("a.ini")) == OK);
	CHECK(arguments.background && arguments.quiet);
	CHECK_INT_EQ(arguments.verbose, 2);
	CHECK_TEXT_EQ(arguments.user, "nobody");
	CHECK(!arguments.reboot);
	CHECK(READ(W("-R"), W("a.ini")) == OK && arguments.reboot);
	CHECK(READ(W("a.ini"), W("--reboot")) == OK && arguments.reboot);
	CHECK(READ(W("a.ini"), W("--daemon"), W("--verbose"), W("--user=app")) == OK);
	CHECK(arguments.background && !arguments.quiet);
	CHECK_INT_EQ(arguments.verbose, 1);
	CHECK_TEXT_EQ(arguments.user, "app");
	CHECK_TEXT_EQ(arguments.file, "a.ini");
}

TEST(tasks)
{
	CHECK(READ(W("--check"), W("a.ini")) == OK);
	CHECK_INT_EQ(arguments.task, TASK_CHECK);
	CHECK_TEXT_EQ(arguments.file, "a.ini");
	CHECK(READ(W("-V")) == OK);
	CHECK_INT_EQ(arguments.task, TASK_VERSION);
	CHECK(READ(W("--help"), W("-x")) == OK);
	CHECK_INT_EQ(arguments.task, TASK_HELP);
}

TEST(what_is_wrong_is_said)
{
	CHECK(READ(W("-q")) == BROKEN);
	CHECK_TEXT_EQ(why, "no configuration file given");
	CHECK(READ(W("a.ini"), W("b.ini")) == BROKEN);
	CHECK_TEXT_EQ(why, "more than one configuration file given");
	CHECK(READ(W("-x"), W("a.ini")) == BROKEN);
	CHECK_TEXT_EQ(why, "unknown option: -x");
	CHECK(READ(W("--nothing"), W("a.ini")) == BROKEN);
	CHECK_TEXT_EQ(why, "unknown option: --nothing");
	CHECK(READ(W("a.ini"), W("-u")) == BROKEN);
	CHECK_TEXT_EQ(why, "option needs a value: -u");
}
