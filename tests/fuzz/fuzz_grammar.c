/*
 * A text at the console, from anybody who may come in. It is one line of the console's language or
 * it is not; blanks and comments in front of it change nothing.
 */
#include <string.h>

#include "admin/grammar.h"
#include "base/buffer.h"
#include "fuzz.h"

static void check_line(const struct line *line, struct slice text)
{
	CHECK(line->shape <= LINE_INVALID);
	CHECK((line->shape == LINE_COURTESY) == (line->courtesy != NULL));
	CHECK(memchr(line->verb, '\0', sizeof(line->verb)));
	CHECK(memchr(line->subject, '\0', sizeof(line->subject)));
	CHECK(memchr(line->value, '\0', sizeof(line->value)));
	CHECK(line->rest <= text.len);
	if (line->shape == LINE_WORDS || line->shape == LINE_SET || line->shape == LINE_EXPLAIN)
		CHECK(*line->verb);
	if (line->shape == LINE_SET || line->shape == LINE_EXPLAIN)
		CHECK(line->has_subject);
}

static void check_same(const struct line *line, struct slice text, const char *before)
{
	struct buffer longer = BUFFER_EMPTY;
	struct line other;

	buffer_append_text(&longer, before);
	buffer_append_slice(&longer, text);
	grammar_read(buffer_slice(&longer), &other);
	check_line(&other, buffer_slice(&longer));
	CHECK(other.shape == line->shape && other.courtesy == line->courtesy);
	CHECK(strcmp(other.verb, line->verb) == 0 && strcmp(other.value, line->value) == 0);
	CHECK(strcmp(other.subject, line->subject) == 0);
	CHECK(other.has_subject == line->has_subject);
	if (line->shape == LINE_EXPLAIN)
		CHECK(other.rest == line->rest + strlen(before));
	buffer_release(&longer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = { (const char *)data, size };
	struct line line;

	grammar_read(text, &line);
	check_line(&line, text);
	check_same(&line, text, " \n");
	if (line.shape != LINE_EMPTY && line.shape != LINE_COMMENT)
		check_same(&line, text, "/* a /* b */ ; ' */");
	return 0;
}
