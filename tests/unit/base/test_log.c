#include "test.h"

#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

static char path[64];

static struct log_target to_file(int verbose)
{
	snprintf(path, sizeof(path), "/tmp/test_log.%d", (int)getpid());
	return (struct log_target){ .file = path, .quiet = true, .verbose = verbose };
}

/* All of the file at path, which is removed; valid until the next call. */
static const char *written(const char *from)
{
	static char text[100000];
	FILE *file = fopen(from, "r");
	size_t len;

	if (!file)
		return "(no file)";
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	fclose(file);
	unlink(from);
	return text;
}

/* The text of a line behind its head. */
static const char *after_head(const char *line)
{
	const char *bracket = strstr(line, "] ");

	return bracket ? bracket + 2 : line;
}

static void close_log(void)
{
	struct log_target nowhere = { .quiet = true };

	if (log_open(&nowhere) != OK)
		FAIL("log_open");
	unlink(path);
}

TEST(a_line_has_the_agreed_form)
{
	struct log_target target = to_file(0);
	regex_t form;
	const char *line;

	REQUIRE(log_open(&target) == OK);
	log_line(LEVEL_LOG, NULL, "process up: %s", "1.0");
	line = written(path);
	REQUIRE(regcomp(&form,
			"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3} "
			"[A-Za-z0-9+-]+ \\[[0-9]+\\] LOG process up: 1\\.0\n$",
			REG_EXTENDED | REG_NOSUB) == 0);
	if (regexec(&form, line, 0, NULL, 0) != 0)
		FAIL("the line is \"%s\"", line);
	regfree(&form);
	close_log();
}

TEST(a_prefix_comes_before_the_text)
{
	struct log_target target = to_file(0);

	REQUIRE(log_open(&target) == OK);
	log_line(LEVEL_WARNING, "C-0x1: db/user@host:1", "pooler error: %s", "x");
	CHECK_TEXT_EQ(after_head(written(path)), "WARNING C-0x1: db/user@host:1 pooler error: x\n");
	close_log();
}

TEST(levels_above_the_target_are_silent)
{
	for (int verbose = 0; verbose < 3; verbose++) {
		struct log_target target = to_file(verbose);
		const char *text;

		REQUIRE(log_open(&target) == OK);
		CHECK(log_wants(LEVEL_FATAL) && log_wants(LEVEL_LOG));
		CHECK(log_wants(LEVEL_DEBUG) == (verbose > 0));
		CHECK(log_wants(LEVEL_NOISE) == (verbose > 1));
		log_error("seen");
		log_debug("only when verbose");
		text = written(path);
		CHECK(strstr(text, "ERROR seen\n"));
		CHECK((strstr(text, "DEBUG only when verbose\n") != NULL) == (verbose > 0));
		close_log();
	}
	CHECK(!log_wants(LEVEL_FATAL));
}

TEST(no_text_looks_like_a_line_of_its_own)
{
	struct log_target target = to_file(0);

	REQUIRE(log_open(&target) == OK);
	log_info("user \"%s\"", "a\n2026-01-01 FATAL x\r\x1b[2J\x7f\tb");
	CHECK_TEXT_EQ(after_head(written(path)), "LOG user \"a\n\t2026-01-01 FATAL x??[2J?\tb\"\n");
	close_log();
}

TEST(a_long_text_is_cut_and_still_one_line)
{
	struct log_target target = to_file(0);
	static char text[20000];
	const char *line;

	memset(text, 'x', sizeof(text) - 1);
	REQUIRE(log_open(&target) == OK);
	log_info("%s", text);
	memset(text, '\n', sizeof(text) - 1);
	log_info("%s", text);
	log_info("%s", "next");
	line = written(path);
	CHECK(strlen(line) < 20000 && strlen(line) > 10000);
	CHECK(strchr(line, '\n') && strchr(line, '\n') - line > 8000);
	CHECK(strstr(line, " LOG next\n"));
	close_log();
}

TEST(a_rotated_file_is_opened_again)
{
	struct log_target target = to_file(0);
	char moved[80];

	REQUIRE(log_open(&target) == OK);
	log_info("one");
	snprintf(moved, sizeof(moved), "%s.1", path);
	REQUIRE(rename(path, moved) == 0);
	log_info("two");
	log_reopen();
	log_info("three");
	CHECK_TEXT_EQ(after_head(written(path)), "LOG three\n");
	CHECK(strstr(written(moved), "LOG two\n"));
	close_log();
}

TEST(lines_are_appended)
{
	struct log_target target = to_file(0);

	REQUIRE(log_open(&target) == OK);
	log_info("one");
	REQUIRE(log_open(&target) == OK);
	log_info("two");
	CHECK(strstr(written(path), "LOG one\n"));
	close_log();
}

TEST(a_target_that_cannot_be_had_changes_nothing)
{
	struct log_target target = to_file(0);
	struct log_target bad_file = { .file = "/nonexistent/log", .quiet = true };
	struct log_target bad_facility = { .quiet = true, .syslog = true, .syslog_facility = "x" };

	REQUIRE(log_open(&target) == OK);
	errno = 0;
	CHECK(log_open(&bad_file) == BROKEN && errno == ENOENT);
	CHECK(log_open(&bad_facility) == BROKEN && errno == EINVAL);
	mem_fail_at(1);
	CHECK(log_open(&target) == BROKEN && errno == ENOMEM);
	log_info("still here");
	CHECK(strstr(written(path), "LOG still here\n"));
	close_log();
}

TEST(stderr_is_left_when_asked)
{
	struct log_target target = { .quiet = false };
	int saved = dup(STDERR_FILENO);
	FILE *file;

	to_file(0);
	file = freopen(path, "w", stderr);
	REQUIRE(file && saved >= 0 && log_open(&target) == OK);
	log_info("shown");
	log_detach_stderr();
	log_info("not shown");
	CHECK(!log_wants(LEVEL_FATAL));
	dup2(saved, STDERR_FILENO);
	close(saved);
	CHECK_TEXT_EQ(after_head(written(path)), "LOG shown\n");
	close_log();
}

TEST(errno_survives_a_line)
{
	struct log_target target = to_file(0);

	REQUIRE(log_open(&target) == OK);
	errno = EPIPE;
	log_info("line");
	CHECK_INT_EQ(errno, EPIPE);
	close_log();
}
