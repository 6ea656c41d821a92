/*
 * One setting's value: read from text, printed, copied, compared, by the type of its row. The
 * only place that writes through a row's offset. Owns nothing; texts live in the given arena.
 */

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/network.h"
#include "conf/option.h"

#include "conf/conf_internal.h"

static enum result refuse(const struct option *option, struct slice text, struct buffer *why)
{
	buffer_append_format(why, "bad value \"%.*s\" for setting \"%s\": allowed is ",
			     complaint_shown(text), text.data, option->name);
	option_allowed(option, why);
	if (memchr(text.data, ';', text.len) || memchr(text.data, '#', text.len))
		buffer_append_text(why, "; comments need a line of their own");
	return BROKEN;
}

static enum result parse_text(struct slice text, void *field, struct arena *arena,
			      struct buffer *why)
{
	char *copy = arena_copy_text(arena, text);

	if (!copy) {
		buffer_append_text(why, "out of memory");
		return BROKEN;
	}
	*(const char **)field = copy;
	return OK;
}

static enum result parse_networks(const struct option *option, struct slice text, void *field,
				  struct arena *arena, struct buffer *why)
{
	struct slice fault;

	return network_list_fault(text, &fault) ? refuse(option, fault, why) :
						  parse_text(text, field, arena, why);
}

static enum result parse_number(const struct option *option, struct slice text, void *field,
				struct buffer *why)
{
	int64_t number;

	if (text_to_int64_c(text, &number) != OK || number < option->min || number > option->max)
		return refuse(option, text, why);
	if (option->type == OPTION_UINT)
		*(unsigned *)field = (unsigned)number;
	else
		*(int *)field = (int)number;
	return OK;
}

/* Kept as it is written: who reads it knows that each is in range. */
static enum result parse_numbers(const struct option *option, struct slice text, void *field,
				 struct arena *arena, struct buffer *why)
{
	struct slice rest = text, one;
	int64_t number;

	while (slice_next_field(&rest, ',', &one))
		if (text_to_int64_c(one, &number) != OK || number < option->min ||
		    number > option->max)
			return refuse(option, text, why);
	return parse_text(text, field, arena, why);
}

static enum result parse_bool(const struct option *option, struct slice text, void *field,
			      struct buffer *why)
{
	static const struct choice words[] = {
		{ "1", true },	  { "0", false },   { "on", true },
		{ "off", false }, { "true", true }, { "false", false },
		{ "yes", true },  { "no", false },  { NULL, 0 },
	};
	int64_t number;

	for (const struct choice *word = words; word->text; word++) {
		if (slice_equal_nocase(slice_of(word->text), text)) {
			*(bool *)field = word->value;
			return OK;
		}
	}
	/* tcp_defer_accept once was a number of seconds, and still is in many files */
	if (option->max > 1 && text_to_int64_c(text, &number) == OK && number >= option->min &&
	    number <= option->max) {
		*(bool *)field = number != 0;
		return OK;
	}
	return refuse(option, text, why);
}

static enum result parse_time(const struct option *option, struct slice text, void *field,
			      struct buffer *why)
{
	int64_t us;

	if (text_to_seconds_us(text, &us) != OK || us < option->min * 1000000 ||
	    us > option->max * 1000000)
		return refuse(option, text, why);
	((struct span *)field)->us = us;
	return OK;
}

static enum result parse_choice(const struct option *option, struct slice text, void *field,
				struct buffer *why)
{
	for (const struct choice *choice = option->choices; choice->text; choice++) {
		if (!slice_equal_nocase(slice_of(choice->text), text))
			continue;
		if (option->type == OPTION_ENUM)
			*(int *)field = choice->value;
		else
			*(const char **)field = choice->text;
		return OK;
	}
	return refuse(option, text, why);
}

enum result value_parse(const struct option *option, struct slice text, void *field,
			struct arena *arena, struct buffer *why)
{
	switch (option->type) {
	case OPTION_TEXT:
	case OPTION_LIST:
	case OPTION_PATH:
	case OPTION_SECRET: return parse_text(text, field, arena, why);
	case OPTION_NETWORKS: return parse_networks(option, text, field, arena, why);
	case OPTION_INT:
	case OPTION_UINT:
	case OPTION_MODE: return parse_number(option, text, field, why);
	case OPTION_NUMBERS: return parse_numbers(option, text, field, arena, why);
	case OPTION_BOOL: return parse_bool(option, text, field, why);
	case OPTION_TIME: return parse_time(option, text, field, why);
	case OPTION_WORD:
	case OPTION_ENUM: return parse_choice(option, text, field, why);
	}
	assert(!"a value of no type");
	return BROKEN;
}

static bool is_text(const struct option *option)
{
	return option->type == OPTION_TEXT || option->type == OPTION_LIST ||
	       option->type == OPTION_PATH || option->type == OPTION_SECRET ||
	       option->type == OPTION_NETWORKS || option->type == OPTION_WORD ||
	       option->type == OPTION_NUMBERS;
}

static bool print_time(struct span span, struct buffer *out)
{
	char text[48];
	size_t len;

	if (span.us < 0)
		return false;
	len = (size_t)snprintf(text, sizeof(text), "%" PRId64 ".%06" PRId64, span.us / 1000000,
			       span.us % 1000000);
	while (text[len - 1] == '0')
		len--;
	if (text[len - 1] == '.')
		len--;
	buffer_append(out, text, len);
	return true;
}

static bool print_choice(const struct option *option, int value, struct buffer *out)
{
	for (const struct choice *choice = option->choices; choice->text; choice++) {
		if (choice->value == value) {
			buffer_append_text(out, choice->text);
			return true;
		}
	}
	return false;
}

bool value_print(const struct option *option, const void *field, struct buffer *out)
{
	if (is_text(option)) {
		const char *text = *(const char *const *)field;

		if (text)
			buffer_append_text(out, option->type == OPTION_SECRET ? "***" : text);
		return text != NULL;
	}
	switch (option->type) {
	case OPTION_UINT: buffer_append_format(out, "%u", *(const unsigned *)field); return true;
	case OPTION_BOOL: buffer_append_text(out, *(const bool *)field ? "1" : "0"); return true;
	case OPTION_TIME: return print_time(*(const struct span *)field, out);
	case OPTION_ENUM: return print_choice(option, *(const int *)field, out);
	default: break;
	}
	if (*(const int *)field == NOT_SET)
		return false;
	buffer_append_format(out, "%d", *(const int *)field);
	return true;
}

static size_t value_size(const struct option *option)
{
	switch (option->type) {
	case OPTION_BOOL: return sizeof(bool);
	case OPTION_TIME: return sizeof(struct span);
	default: return sizeof(int);
	}
}

bool value_equal(const struct option *option, const void *a, const void *b)
{
	if (is_text(option)) {
		const char *left = *(const char *const *)a, *right = *(const char *const *)b;

		return left && right ? strcmp(left, right) == 0 : left == right;
	}
	return memcmp(a, b, value_size(option)) == 0;
}

enum result value_copy(const struct option *option, void *to, const void *from, struct arena *arena)
{
	if (is_text(option)) {
		const char *text = *(const char *const *)from;
		char *copy = text ? arena_copy_text(arena, slice_of(text)) : NULL;

		if (text && !copy)
			return BROKEN;
		*(const char **)to = copy;
		return OK;
	}
	memcpy(to, from, value_size(option));
	return OK;
}
