/*
 * Finding rows of the option tables and speaking about them. Used by everything that reads,
 * shows or documents settings; owns nothing.
 */

#include <inttypes.h>
#include <stdio.h>

#include "base/network.h"
#include "conf/option.h"

#include "conf/conf_internal.h"

#define NEAR 3 /* edits between a typo and what was meant, at most */

const struct option *option_find(const struct option_table *table, struct slice name)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct option *row = &table->rows[i];

		if (slice_equal_nocase(slice_of(row->name), name) ||
		    (row->alias && slice_equal_nocase(slice_of(row->alias), name)))
			return row;
	}
	return NULL;
}

/* The same thing under its name in the other kind of section: pool_size, default_pool_size. */
static const char *other_name(const struct option_table *table, struct slice name)
{
	for (size_t i = 0; i < option_global.count; i++) {
		const struct option *row = &option_global.rows[i];
		const struct option *override;

		if (table == &option_global) {
			if (row->scoped && slice_equal_nocase(slice_of(row->scoped), name))
				return row->name;
			continue;
		}
		override = option_override(table, row);
		if (override && slice_equal_nocase(slice_of(row->name), name))
			return override->name;
	}
	return NULL;
}

const char *option_nearest(const struct option_table *table, struct slice name)
{
	const char *nearest = other_name(table, name);
	/* a short name must match better, else anything is near */
	unsigned best = name.len <= 4 ? 2 : NEAR + 1;

	if (nearest)
		return nearest;
	for (size_t i = 0; i < table->count; i++) {
		const char *candidate = table->rows[i].name;
		unsigned distance = text_distance(name, slice_of(candidate), NEAR);

		if (distance < best) {
			best = distance;
			nearest = candidate;
		}
	}
	return nearest;
}

const struct option *option_override(const struct option_table *table, const struct option *global)
{
	return option_find(table, slice_of(global->scoped ? global->scoped : global->name));
}

const char *option_type_text(enum option_type type)
{
	static const char *const texts[] = {
		[OPTION_TEXT] = "text",		[OPTION_LIST] = "list of names",
		[OPTION_PATH] = "path",		[OPTION_SECRET] = "secret",
		[OPTION_WORD] = "word",		[OPTION_INT] = "whole number",
		[OPTION_UINT] = "whole number", [OPTION_MODE] = "octal number",
		[OPTION_BOOL] = "0 or 1",	[OPTION_TIME] = "seconds",
		[OPTION_ENUM] = "word",		[OPTION_NUMBERS] = "whole numbers",
		[OPTION_NETWORKS] = "list of networks",
	};

	return texts[type];
}

const char *option_group_title(enum option_group group)
{
	static const char *const titles[GROUP_COUNT] = {
		[GROUP_LISTEN] = "Where to listen",
		[GROUP_PROCESS] = "The process",
		[GROUP_LOG] = "Log and statistics",
		[GROUP_CONSOLE] = "The console",
		[GROUP_AUTH] = "Authentication",
		[GROUP_CLIENTS] = "Clients",
		[GROUP_POOLS] = "Pools",
		[GROUP_SERVERS] = "Server connections",
		[GROUP_ROUTING] = "Several hosts behind an entry",
		[GROUP_TIMEOUTS] = "Timeouts",
		[GROUP_DNS] = "Name lookup",
		[GROUP_NETWORK] = "Network and buffers",
		[GROUP_CLIENT_TLS] = "TLS with clients",
		[GROUP_SERVER_TLS] = "TLS with servers",
	};

	return titles[group];
}

static void append_words(const struct choice *choice, struct buffer *out)
{
	for (const struct choice *next = choice; next->text; next++) {
		if (next != choice)
			buffer_append_text(out, ", ");
		buffer_append_text(out, next->text);
	}
}

static void append_range(const struct option *option, struct buffer *out)
{
	if (option->max >= INT32_MAX)
		buffer_append_format(out, "a whole number from %" PRId64 " up", option->min);
	else
		buffer_append_format(out, "a whole number from %" PRId64 " to %" PRId64,
				     option->min, option->max);
	if (option->unit)
		buffer_append_format(out, " (%s)", option->unit);
}

void option_allowed(const struct option *option, struct buffer *out)
{
	switch (option->type) {
	case OPTION_TEXT:
	case OPTION_PATH:
	case OPTION_SECRET: buffer_append_text(out, "any text"); break;
	case OPTION_LIST: buffer_append_text(out, "names with commas between"); break;
	case OPTION_NETWORKS:
		buffer_append_text(out, "addresses and networks (10.0.0.0/8) with commas between, "
					"\"" NETWORK_UNIX "\" for Unix sockets");
		break;
	case OPTION_WORD:
	case OPTION_ENUM: append_words(option->choices, out); break;
	case OPTION_INT:
	case OPTION_UINT: append_range(option, out); break;
	case OPTION_NUMBERS:
		append_range(option, out);
		buffer_append_text(out, ", or several with commas between");
		break;
	case OPTION_MODE:
		buffer_append_text(out, "an octal number from 0 to 0777, with a leading zero");
		break;
	case OPTION_BOOL: buffer_append_text(out, "0 or 1"); break;
	case OPTION_TIME: buffer_append_text(out, "seconds from 0 up, fraction allowed"); break;
	}
}

bool option_current(const struct option *option, const struct settings *settings,
		    struct buffer *out)
{
	return value_print(option, option_field_of(option, settings), out);
}

bool option_source(const struct option *option, const struct settings *settings, const char **file,
		   unsigned *line)
{
	const struct setting_source *source =
		&settings->private->sources[option - option_global.rows];

	if (!source->file)
		return false;
	*file = source->file;
	*line = source->line;
	return true;
}

void option_origin(const struct option *option, const struct settings *settings, struct buffer *out)
{
	static const char *const texts[] = {
		[ORIGIN_DEFAULT] = "default",
		[ORIGIN_COMMAND_LINE] = "command line",
		[ORIGIN_SET] = "SET",
		[ORIGIN_KEPT] = "kept from before the reload",
	};
	const struct setting_source *source =
		&settings->private->sources[option - option_global.rows];

	if (source->origin == ORIGIN_FILE)
		buffer_append_format(out, "%s:%u", source->file, source->line);
	else
		buffer_append_text(out, texts[source->origin]);
}
