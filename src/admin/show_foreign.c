/*
 * What PostgreSQL's own SHOW would say of the few settings that drivers ask for after login.
 * One row each: the column is named like the setting, and its value stands beside it.
 */

#include <strings.h>

#include "admin/show_internal.h"

#define FOREIGN(setting, text)                                                                     \
	{                                                                                          \
		{ setting, TYPE_TEXT }, text                                                       \
	}

static const struct foreign {
	struct result_column column;
	const char *value; /* NULL: the server version */
} foreigns[] = {
	FOREIGN("client_encoding", "UTF-8"),
	FOREIGN("default_transaction_isolation", "read committed"),
	FOREIGN("standard_conforming_strings", "on"),
	FOREIGN("datestyle", "ISO"),
	FOREIGN("timezone", "GMT"),
	FOREIGN("transaction_isolation", "read committed"),
	FOREIGN("transaction_read_only", "off"),
	FOREIGN("server_version", NULL),
};

static enum result foreign_rows(struct admin *admin, struct table *table)
{
	const struct foreign *foreign =
		(const struct foreign *)CONTAINER_OF(table->columns, struct foreign, column);

	table_row(table);
	table_text(table, foreign->value ? foreign->value : admin->version);
	table_row_end(table);
	return OK;
}

#define SHOW(index)                                                                                \
	{                                                                                          \
		.columns = &foreigns[index].column, .count = 1, .rows = foreign_rows               \
	}

static const struct show foreign_shows[COUNT_OF(foreigns)] = {
	SHOW(0), SHOW(1), SHOW(2), SHOW(3), SHOW(4), SHOW(5), SHOW(6), SHOW(7),
};

const struct show *show_foreign_find(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(foreigns); i++)
		if (strcasecmp(foreigns[i].column.name, name) == 0)
			return &foreign_shows[i];
	return NULL;
}
