#ifndef FACTS_H
#define FACTS_H

/* What is known of one row of the option tables, as a line of text with `words` marked. */

#include "base/buffer.h"
#include "conf/option.h"

static inline bool overrides_differ(const struct option *global, const struct option *override)
{
	return strcmp(global->name, override->name) != 0;
}

static inline void add_override(struct buffer *facts, const struct option *option,
				const struct option_table *table, const char *where)
{
	const struct option *override = option_override(table, option);

	if (!override)
		return;
	buffer_append_format(facts, ", per %s", where);
	if (overrides_differ(option, override))
		buffer_append_format(facts, " as `%s`", override->name);
}

static inline void add_choices(struct buffer *facts, const struct option *option)
{
	for (const struct choice *choice = option->choices; choice->text; choice++) {
		buffer_append_text(facts, choice == option->choices ? "`" : ", `");
		buffer_append_text(facts, choice->text);
		buffer_append_text(facts, "`");
	}
}

static inline void add_type(struct buffer *facts, const struct option *option)
{
	if (option->choices)
		add_choices(facts, option);
	else
		buffer_append_text(facts, option_type_text(option->type));
	if (option->type == OPTION_INT && option->max < INT32_MAX)
		buffer_append_format(facts, " from %lld to %lld", (long long)option->min,
				     (long long)option->max);
	if (option->unit && option->type != OPTION_TIME)
		buffer_append_format(facts, " (%s)", option->unit);
}

static inline void add_standard(struct buffer *facts, const struct option *option)
{
	if (!option->standard)
		buffer_append_text(facts, "; not set by default");
	else if (!*option->standard)
		buffer_append_text(facts, "; empty by default");
	else
		buffer_append_format(facts, "; default `%s`", option->standard);
}

/* Type, default, when a change counts and where else it can be set; global: of [pgcarwash]. */
static inline void add_facts(struct buffer *facts, const struct option *option, bool global)
{
	add_type(facts, option);
	add_standard(facts, option);
	if (option->alias)
		buffer_append_format(facts, "; also written `%s`", option->alias);
	if (global) {
		buffer_append_text(facts, option->flags & OPTION_RELOADABLE ? "; by reload and SET"
									    : "; needs a restart");
		add_override(facts, option, &option_database, "database");
		add_override(facts, option, &option_user, "user");
	} else if (option->flags & OPTION_CONNECT) {
		buffer_append_text(facts, "; a change closes the open server connections");
	}
}

#endif
