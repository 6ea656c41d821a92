#ifndef TEST_H
#define TEST_H

/*
 * The whole unit test harness. A test program is one .c file: it includes this once (main
 * comes from here) and has functions
 *
 *         TEST(name)
 *         {
 *                 CHECK(...);
 *         }
 *
 * Run without arguments it runs all tests in the order of the file, with names as arguments
 * only those; -l lists them. Failures go to stdout as file:line: text. The last line is
 * "N passed, N failed", the exit code 1 when anything failed. A test that leaves blocks of
 * base/alloc.h behind fails too; mem_fail_at is switched off after each.
 */

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

struct test {
	const char *name;
	void (*run)(void);
	struct test *next;
};

static struct test *test_first;
static struct test **test_end = &test_first;
static bool test_failed;

#define TEST(name)                                                                                 \
	static void name(void);                                                                    \
	static __attribute__((constructor)) void test_add_##name(void)                             \
	{                                                                                          \
		static struct test self = { #name, name, NULL };                                   \
		*test_end = &self;                                                                 \
		test_end = &self.next;                                                             \
	}                                                                                          \
	static void name(void)

/* Reports a failure at this place; the test goes on. */
#define FAIL(...)                                                                                  \
	do {                                                                                       \
		test_failed = true;                                                                \
		printf("%s:%d: ", __FILE__, __LINE__);                                             \
		printf(__VA_ARGS__);                                                               \
		putchar('\n');                                                                     \
	} while (0)

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			FAIL("not true: %s", #condition);                                          \
	} while (0)

/* As CHECK, but leaves the test function: for what the rest stands on. */
#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			FAIL("not true: %s", #condition);                                          \
			return;                                                                    \
		}                                                                                  \
	} while (0)

#define CHECK_INT_EQ(actual, expected)                                                             \
	do {                                                                                       \
		int64_t test_a = (int64_t)(actual), test_e = (int64_t)(expected);                  \
		if (test_a != test_e)                                                              \
			FAIL("%s is %" PRId64 ", expected %" PRId64, #actual, test_a, test_e);     \
	} while (0)

#define CHECK_UINT_EQ(actual, expected)                                                            \
	do {                                                                                       \
		uint64_t test_a = (uint64_t)(actual), test_e = (uint64_t)(expected);               \
		if (test_a != test_e)                                                              \
			FAIL("%s is %" PRIu64 ", expected %" PRIu64, #actual, test_a, test_e);     \
	} while (0)

/* expected is a NUL-terminated text; actual may be NULL, which fails. */
#define CHECK_TEXT_EQ(actual, expected)                                                            \
	do {                                                                                       \
		const char *test_a = (actual), *test_e = (expected);                               \
		if (!test_a || strcmp(test_a, test_e) != 0)                                        \
			FAIL("%s is \"%s\", expected \"%s\"", #actual, test_a ? test_a : "(NULL)", \
			     test_e);                                                              \
	} while (0)

/* Two slices; use SLICE_LITERAL or slice_of for the expected one. Bytes are shown escaped. */
#define CHECK_SLICE_EQ(actual, expected)                                                           \
	do {                                                                                       \
		struct slice test_a = (actual), test_e = (expected);                               \
		if (!slice_equal(test_a, test_e)) {                                                \
			FAIL("%s is not as expected", #actual);                                    \
			test_show("is       ", test_a);                                            \
			test_show("expected ", test_e);                                            \
		}                                                                                  \
	} while (0)

/* len bytes at two places. */
#define CHECK_BYTES_EQ(actual, expected, len)                                                      \
	CHECK_SLICE_EQ(((struct slice){ (const void *)(actual), (len) }),                          \
		       ((struct slice){ (const void *)(expected), (len) }))

/* Runs the body with the 1st, 2nd, ... allocation failing, until a round needed fewer. */
#define WITH_EACH_FAULT(nth) for (uint64_t nth = 1; test_fault_round(nth); nth++)

static inline bool test_fault_round(uint64_t nth)
{
	bool more = nth == 1 || mem_fault_hit();

	mem_fail_at(more ? nth : 0);
	return more;
}

static inline void test_show(const char *title, struct slice bytes)
{
	printf("    %s(%zu) \"", title, bytes.len);
	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char c = (unsigned char)bytes.data[i];

		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\')
			putchar(c);
		else
			printf("\\x%02x", c);
	}
	printf("\"\n");
}

static bool test_run(const struct test *test)
{
	size_t before = mem_blocks_in_use();

	test_failed = false;
	test->run();
	mem_fail_at(0);
	if (mem_blocks_in_use() != before)
		FAIL("%s leaves %zd blocks behind", test->name,
		     (ssize_t)(mem_blocks_in_use() - before));
	if (test_failed)
		printf("FAILED %s\n", test->name);
	fflush(stdout);
	return !test_failed;
}

static bool test_is_asked_for(const struct test *test, int count, char **names)
{
	for (int i = 1; i < count; i++) {
		if (strcmp(names[i], test->name) == 0)
			return true;
	}
	return count < 2;
}

int main(int count, char **names)
{
	bool list_only = count == 2 && strcmp(names[1], "-l") == 0;
	unsigned passed = 0, failed = 0;

	for (struct test *test = test_first; test; test = test->next) {
		if (list_only)
			printf("%s\n", test->name);
		else if (!test_is_asked_for(test, count, names))
			continue;
		else if (test_run(test))
			passed++;
		else
			failed++;
	}
	if (list_only)
		return 0;
	/* A name that matches nothing must not look like success. */
	if (passed + failed == 0)
		failed = 1;
	printf("%u passed, %u failed\n", passed, failed);
	return failed > 0;
}

#endif
