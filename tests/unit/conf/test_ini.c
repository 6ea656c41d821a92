#include "test.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf_internal.h"

/* Writes down what the handler hears: "LINE[section]" and "LINE section|name|value". */
static struct buffer heard;

static void on_section(void *context, struct ini_place place, struct slice section)
{
	(void)context;
	buffer_append_format(&heard, "%u[%.*s]\n", place.line, (int)section.len, section.data);
}

static void on_value(void *context, struct ini_place place, struct slice section, struct slice name,
		     struct slice value)
{
	(void)context;
	buffer_append_format(&heard, "%u %.*s|%.*s|", place.line, (int)section.len, section.data,
			     (int)name.len, name.data);
	buffer_append_slice(&heard, value);
	buffer_append(&heard, "\n", 1);
}

static const struct ini_handler handler = { on_section, on_value, NULL };

/* Reads text and compares what was heard and the last complaint (NULL: none). */
static void expect(struct slice text, const char *expected, const char *complaint)
{
	struct complaints complaints;

	complaints_init(&complaints);
	buffer_init(&heard);
	CHECK(ini_read_text("t", text, &handler, &complaints) == OK);
	CHECK_SLICE_EQ(buffer_slice(&heard), slice_of(expected));
	CHECK_UINT_EQ(complaints.count, complaint != NULL);
	if (complaint && complaints.count > 0)
		CHECK_TEXT_EQ(complaints.items[complaints.count - 1].text, complaint);
	buffer_release(&heard);
	complaints_release(&complaints);
}

#define EXPECT(text, expected)		  expect(SLICE_LITERAL(text), expected, NULL)
#define REFUSE(text, expected, complaint) expect(SLICE_LITERAL(text), expected, complaint)

TEST(sections_and_values)
{
	EXPECT("", "");
	EXPECT("[a]\nx = 1\n[b]\ny=2", "1[a]\n2 a|x|1\n3[b]\n4 b|y|2\n");
	EXPECT("[a]\n[a]\nx=1\nx=2\n", "1[a]\n2[a]\n3 a|x|1\n4 a|x|2\n");
	EXPECT("[ a ] \nx=1", "1[a]\n2 a|x|1\n");
	EXPECT("x=1\n", "1 |x|1\n");
}

TEST(indented_lines_are_ordinary)
{
	EXPECT("  [a]\n\tx = 1\n    y = 2\n", "1[a]\n2 a|x|1\n3 a|y|2\n");
	EXPECT("[a]\nx = 1\n  \n   ; comment\n y = 2\n", "1[a]\n2 a|x|1\n5 a|y|2\n");
}

TEST(comments_stand_alone)
{
	EXPECT("; c\n# c\n;[x]\n#x=1\n", "");
	EXPECT("[a]\nx = 1 ; no comment\n", "1[a]\n2 a|x|1 ; no comment\n");
	EXPECT("[a]\nx = 1 # neither\n", "1[a]\n2 a|x|1 # neither\n");
	EXPECT("[a]\nx = ;\n", "1[a]\n2 a|x|;\n");
}

TEST(values_keep_every_byte)
{
	EXPECT("[a]\nx =\n", "1[a]\n2 a|x|\n");
	EXPECT("[a]\nx\t=\ta=b:c [d] \"e\"\t\r\n", "1[a]\n2 a|x|a=b:c [d] \"e\"\n");
	EXPECT("[a]\nx = 100%25 % %\n", "1[a]\n2 a|x|100%25 % %\n");
	EXPECT("[a]\nx = \xc3\xa4\xff\x01\n", "1[a]\n2 a|x|\xc3\xa4\xff\x01\n");
	EXPECT("[a]\nx==\n", "1[a]\n2 a|x|=\n");
}

TEST(names_may_be_quoted)
{
	EXPECT("[a]\n'x = y' = 1\n", "1[a]\n2 a|x = y|1\n");
	EXPECT("[a]\n'a:b;c#d%' = 1\n", "1[a]\n2 a|a:b;c#d%|1\n");
	EXPECT("[a]\n\"it's\" = 1\n", "1[a]\n2 a|it's|1\n");
	EXPECT("[a]\n'?' = 1\n", "1[a]\n2 a|?|1\n");
	EXPECT("[a]\n'' = 1\n", "1[a]\n2 a||1\n");
	EXPECT("[a]\n* = 1\nx.y-z_0=2\n", "1[a]\n2 a|*|1\n3 a|x.y-z_0|2\n");
}

#define TEN   "nnnnnnnnnn"
#define SIXTY TEN TEN TEN TEN TEN TEN

TEST(names_may_be_long)
{
	EXPECT("[a]\n" SIXTY "nnn=1\n", "1[a]\n2 a|" SIXTY "nnn|1\n");
	EXPECT("[a]\n'" SIXTY SIXTY ";'=1\n", "1[a]\n2 a|" SIXTY SIXTY ";|1\n");
	EXPECT("[" SIXTY "]\nx=1\n", "1[" SIXTY "]\n2 " SIXTY "|x|1\n");
	/* as long as inih takes, and one more */
	EXPECT("[a]\n" TEN TEN TEN TEN "nnnnn=1\n" TEN TEN TEN TEN "nnnnnn=2\n",
	       "1[a]\n2 a|" TEN TEN TEN TEN "nnnnn|1\n3 a|" TEN TEN TEN TEN "nnnnnn|2\n");
}

TEST(a_byte_order_mark_is_skipped)
{
	EXPECT("\xEF\xBB\xBF[a]\nx=1\n", "1[a]\n2 a|x|1\n");
}

static void long_value(size_t len, bool fits)
{
	struct buffer text = BUFFER_EMPTY, expected = BUFFER_EMPTY;
	struct complaints complaints;

	complaints_init(&complaints);
	buffer_init(&heard);
	buffer_append_text(&text, "[a]\nx=");
	buffer_append_text(&expected, "1[a]\n2 a|x|");
	for (size_t i = 0; i < len; i++) {
		char c = "a; #%=b"[i % 7];

		buffer_append(&text, &c, 1);
		buffer_append(&expected, &c, 1);
	}
	buffer_append_text(&expected, "\n");
	if (!fits) {
		buffer_clear(&expected);
		buffer_append_text(&expected, "1[a]\n");
	}
	CHECK(ini_read_text("t", buffer_slice(&text), &handler, &complaints) == OK);
	CHECK_UINT_EQ(complaints.count, !fits);
	CHECK(slice_equal(buffer_slice(&heard), buffer_slice(&expected)));
	complaints_release(&complaints);
	buffer_release(&text);
	buffer_release(&expected);
	buffer_release(&heard);
}

TEST(values_may_be_long)
{
	for (size_t len = 1; len < 500; len += 7) /* always ends with "a", not with a blank */
		long_value(len, true);
	long_value(65529, true);
	long_value(65534, true);
	long_value(65541, false);
}

TEST(bad_lines_do_not_stop_the_rest)
{
	REFUSE("[a\nx=1\n", "2 |x|1\n", "t:1: a section header must end with \"]\"");
	REFUSE("[a]\nx\ny=1\n", "1[a]\n3 a|y|1\n",
	       "t:2: expected name = value, there is no \"=\" after the name");
	REFUSE("[a]\nx y = 1\ny=1\n", "1[a]\n3 a|y|1\n",
	       "t:2: expected name = value, there is no \"=\" after the name");
	REFUSE("[a]\n'x = 1\ny=1\n", "1[a]\n3 a|y|1\n",
	       "t:2: the quote around a name is not closed");
	REFUSE("[a]\n= 1\ny=1\n", "1[a]\n3 a|y|1\n",
	       "t:2: expected name = value; other characters than letters, digits and _ . * - in "
	       "a name need single quotes around it");
	REFUSE("[a]\nx=1\0\ny=1\n", "1[a]\n3 a|y|1\n", "t:2: NUL byte in the line");
	REFUSE("[a]\n%include x\ny=1\n", "1[a]\n3 a|y|1\n", "t:2: %include is not possible here");
}

/* ---- %include, with files of its own ---- */

static char folder[] = "/tmp/test_ini_XXXXXX";

static void put_file(const char *name, const char *text)
{
	char path[256];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	out = fopen(path, "w");
	REQUIRE(out != NULL);
	fputs(text, out);
	fclose(out);
}

static void remove_file(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	unlink(path);
}

/* Reads the file, which is in the working directory, and compares. */
static void expect_file(const char *name, const char *expected, size_t count, const char *complaint)
{
	struct complaints complaints;

	complaints_init(&complaints);
	buffer_init(&heard);
	CHECK(ini_read(name, &handler, &complaints) == OK);
	CHECK_SLICE_EQ(buffer_slice(&heard), slice_of(expected));
	CHECK_UINT_EQ(complaints.count, count);
	if (complaint && complaints.count > 0)
		CHECK_TEXT_EQ(complaints.items[0].text, complaint);
	buffer_release(&heard);
	complaints_release(&complaints);
}

TEST(files_include_files)
{
	char working[4096];

	REQUIRE(mkdtemp(folder) != NULL);
	REQUIRE(getcwd(working, sizeof(working)) != NULL && chdir(folder) == 0);
	put_file("main", "[a]\n  %include inner \nz=3\n");
	put_file("inner", "x=1\n[b]\ny=2");
	expect_file("main", "1[a]\n1 a|x|1\n2[b]\n3 b|y|2\n3 b|z|3\n", 0, NULL);

	put_file("main", "%include gone\nx=1\n");
	expect_file("main", "2 |x|1\n", 1,
		    "main:1: cannot read \"gone\": No such file or directory");
	put_file("main", "%include\n");
	expect_file("main", "", 1, "main:1: %include without a file name");
	/* eleven files open at once, then the complaint of the innermost */
	put_file("main", "%include main\n");
	expect_file("main", "", 1, "main:1: %include nested more than 10 deep");
	put_file("main", "%include main\n%include main\n");
	put_file("wide", "%include main\n%include main\n");
	expect_file("wide", "", COMPLAINTS_MAX, NULL);

	remove_file("main");
	remove_file("inner");
	remove_file("wide");
	CHECK(chdir(working) == 0);
	CHECK(rmdir(folder) == 0);
}

TEST(a_file_that_is_not_there)
{
	struct complaints complaints;

	complaints_init(&complaints);
	CHECK(ini_read("/nowhere/at.all", &handler, &complaints) == BROKEN);
	CHECK(ini_read("/", &handler, &complaints) == BROKEN);
	REQUIRE(complaints.count == 2);
	CHECK_TEXT_EQ(complaints.items[0].text,
		      "cannot read \"/nowhere/at.all\": No such file or directory");
	CHECK_TEXT_EQ(complaints.items[1].text, "cannot read \"/\": Is a directory");
	complaints_release(&complaints);
}

TEST(no_memory_is_an_error)
{
	WITH_EACH_FAULT(nth)
	{
		struct complaints complaints;
		enum result result;

		complaints_init(&complaints);
		buffer_init(&heard);
		(void)!buffer_reserve(&heard, 4096);
		result = ini_read_text(
			"t",
			SLICE_LITERAL("[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]"
				      "\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx = "
				      ";;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;\n"),
			&handler, &complaints);
		CHECK(heard.failed || (result != OK) == mem_fault_hit());
		CHECK(complaints_has_errors(&complaints) == (result != OK));
		buffer_release(&heard);
		complaints_release(&complaints);
	}
}
