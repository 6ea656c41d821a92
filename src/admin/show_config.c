/*
 * SHOW CONFIG and SHOW CONFIG_SOURCES: the settings of [pgcarwash] and where each value is from.
 * CONFIG keeps the four columns it has always had, for there are exporters that refuse any other
 * number. Owns nothing.
 */

#include "admin/show_internal.h"
#include "conf/option.h"

/* key, value, default, changeable; BROKEN without memory, as the value's buffer says. */
static void put_setting(struct admin *admin, struct table *table, const struct option *option,
			struct buffer *value)
{
	table_text(table, option->name);
	buffer_clear(value);
	if (!option_current(option, admin->settings, value))
		table_null(table);
	else
		table_slice(table, value->len ? buffer_slice(value) : SLICE_LITERAL(""));
	table_text(table, option->standard);
	table_yes_no(table, option->flags & OPTION_RELOADABLE);
}

static void put_origin(struct admin *admin, struct table *table, const struct option *option,
		       struct buffer *text)
{
	buffer_clear(text);
	option_origin(option, admin->settings, text);
	table_slice(table, buffer_slice(text));
}

static enum result put_settings(struct admin *admin, struct table *table, bool origins)
{
	struct buffer text = BUFFER_EMPTY;
	bool failed;

	for (size_t i = 0; i < option_global.count && !text.failed; i++) {
		const struct option *option = &option_global.rows[i];

		table_row(table);
		put_setting(admin, table, option, &text);
		if (origins)
			put_origin(admin, table, option, &text);
		table_row_end(table);
	}
	failed = text.failed;
	buffer_release(&text);
	return failed ? BROKEN : OK;
}

static enum result config_rows(struct admin *admin, struct table *table)
{
	return put_settings(admin, table, false);
}

static enum result sources_rows(struct admin *admin, struct table *table)
{
	return put_settings(admin, table, true);
}

#define CONFIG_COLUMNS TEXT("key"), TEXT("value"), TEXT("default"), TEXT("changeable")

static const struct result_column config_columns[] = { CONFIG_COLUMNS };
static const struct result_column sources_columns[] = { CONFIG_COLUMNS, TEXT("source") };

const struct show show_config = {
	.name = "CONFIG",
	.help = "All settings of `[pgcarwash]`: value now, default, and whether RELOAD and SET "
		"can change them.",
	COLUMNS(config_columns),
	.rows = config_rows,
};

const struct show show_config_sources = {
	.name = "CONFIG_SOURCES",
	.help = "SHOW CONFIG with where each value is from: file and line, the default, the "
		"command line, SET, or kept from before a reload, because only a restart can "
		"change it or the file does not name it any more. A command of its own, because "
		"widely used exporters refuse SHOW CONFIG with more columns.",
	COLUMNS(sources_columns),
	.rows = sources_rows,
};
