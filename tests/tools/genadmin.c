/*
 * Writes docs/ADMIN.md below the folder given, from the console's tables: "genadmin ." in the
 * top folder brings the committed one up to date, and tests/check_tables.sh compares. What is
 * prose here is only what is not about one command or one SHOW.
 */

#include "admin/command.h"
#include "docs.h"

static const char head[] =
	"# The console\n"
	"\n"
	"<!-- Made from src/admin by \"make docs\"; changes belong there. -->\n"
	"\n"
	"pgcarwash answers itself to the databases `pgcarwash` and `pgbouncer`:\n"
	"\n"
	"    psql -p 6432 pgcarwash\n"
	"\n"
	"## Who gets in\n"
	"\n"
	"* Over the Unix socket, as user `pgcarwash` or `pgbouncer`, whoever runs under the same\n"
	"  operating system user as the daemon: without a password, with all commands.\n"
	"* Users named in `admin_users`: with all commands, after the usual authentication.\n"
	"* Users named in `stats_users`: with SHOW only. With `auth_type = any` so is everybody.\n"
	"\n"
	"Clients of the console are not counted for `max_client_conn`.\n"
	"\n"
	"## What it understands\n"
	"\n"
	"One command a query, letter case aside, with or without a `;` at the end. SQL comments\n"
	"are skipped. A word with other characters than letters, digits and `_ . / : - +` stands\n"
	"in double quotes, a value of SET in single quotes. Both the simple and the extended "
	"query\n"
	"protocol work, with values in text or binary, so that drivers need no special settings;\n"
	"commands have no parameters. BEGIN, COMMIT, ROLLBACK and SET of PostgreSQL's own "
	"settings,\n"
	"which drivers send by themselves, are accepted and do nothing.\n"
	"\n"
	"A command that is refused is an error; the connection goes on.\n"
	"\n"
	"## Commands\n"
	"\n";

static const char shows_head[] = "## SHOW\n"
				 "\n"
				 "The console's own database and pool are called `pgbouncer` in "
				 "all of them, since tools look\n"
				 "for that name. Times of day are in local time.\n"
				 "\n";

static const char *type_name(enum result_type type)
{
	switch (type) {
	case TYPE_BYTEA: return "bytea";
	case TYPE_INT8: return "int8";
	case TYPE_FLOAT8: return "float8";
	case TYPE_INT4: return "int4";
	case TYPE_NUMERIC: return "numeric";
	case TYPE_TEXT: break;
	}
	return "text";
}

static void write_command(FILE *out, const struct command *command)
{
	fprintf(out, "### %s\n\n", command->name);
	fprintf(out, "    %s%s%s\n\n", command->name, *command->arguments ? " " : "",
		command->arguments);
	wrap(out, "", command->help, true);
	fputc('\n', out);
}

static void write_show(FILE *out, const struct show *show)
{
	fprintf(out, "### SHOW %s\n\n", show->name);
	wrap(out, "", show->help, true);
	fputc('\n', out);
	if (!show->count)
		return;
	fputs("| column | type |\n| --- | --- |\n", out);
	for (unsigned i = 0; i < show->count; i++)
		fprintf(out, "| %s | %s |\n", show->columns[i].name,
			type_name(show->columns[i].type));
	fputc('\n', out);
}

int main(int count, char **arguments)
{
	FILE *out;

	if (count != 2) {
		fprintf(stderr, "usage: genadmin FOLDER\n");
		return 1;
	}
	out = create(arguments[1], "docs/ADMIN.md");
	fputs(head, out);
	for (size_t i = 0; i < command_table.count; i++)
		write_command(out, &command_table.rows[i]);
	fputs(shows_head, out);
	for (size_t i = 0; i < show_table.count; i++)
		write_show(out, show_table.rows[i]);
	finish(out);
	return 0;
}
