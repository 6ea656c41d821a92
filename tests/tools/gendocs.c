/*
 * Writes pgcarwash.ini.example and docs/CONFIG.md below the folder given, from the option tables:
 * "gendocs ." in the top folder brings the committed ones up to date, and tests/check_tables.sh
 * compares. What is prose here is only what is not about one key.
 */

#include "base/buffer.h"
#include "conf/option.h"
#include "docs.h"
#include "facts.h"

/* ---- docs/CONFIG.md ---- */

static void write_row(FILE *out, const struct option *option, bool global)
{
	struct buffer facts = BUFFER_EMPTY;

	fprintf(out, "#### `%s`\n\n", option->name);
	add_facts(&facts, option, global);
	if (facts.failed)
		abort();
	fprintf(out, "*%.*s.*\n\n", (int)facts.len, facts.data);
	buffer_release(&facts);
	wrap(out, "", option->help, true);
	fputc('\n', out);
}

static const char grammar[] =
	"# Configuration\n"
	"\n"
	"pgcarwash reads one ini file, named on the command line. `pgcarwash --check FILE` reads "
	"it,\n"
	"reports every mistake with file and line, and exits with 0 or 1. A `pgbouncer.ini` works "
	"as\n"
	"it is.\n"
	"\n"
	"This page is made from the option tables (`make docs`); `pgcarwash.ini.example` too.\n"
	"\n"
	"## The file\n"
	"\n"
	"```ini\n"
	"; a comment: the first character of its line is ; or #\n"
	"[databases]\n"
	"shop = host=10.0.0.5 dbname=shop_production pool_size=40\n"
	"* = host=10.0.0.6\n"
	"\n"
	"[users]\n"
	"reports = pool_mode=session max_user_connections=5\n"
	"\n"
	"[pgcarwash]\n"
	"listen_addr = *\n"
	"auth_file = /etc/pgcarwash/users.txt\n"
	"%include /etc/pgcarwash/limits.ini\n"
	"```\n"
	"\n"
	"* Sections: `[pgcarwash]` (`[pgbouncer]` is the same), which must be there, "
	"`[databases]`,\n"
	"  `[users]` and `[peers]`, in any order and as often as you like.\n"
	"* A line is `name = value`. The value goes to the end of the line without the blanks "
	"around\n"
	"  it: there are no comments behind values. Lines may be indented and 64 kB long. Where a\n"
	"  setting is given twice, the last one counts. A second `[pgcarwash]` starts from the\n"
	"  defaults again: what the first one said is forgotten.\n"
	"* A name has letters, digits and `_ . * -`; any other name stands in single quotes:\n"
	"  `'my db' = host=10.0.0.7`.\n"
	"* `%include FILE` reads another file here, up to 10 deep. A relative name starts at the\n"
	"  working directory.\n"
	"* Whole numbers are decimal, or octal with a leading 0, or hexadecimal with 0x. Times "
	"are\n"
	"  seconds and may have a fraction. Switches are 0 or 1; on, off, true, false, yes and no\n"
	"  are understood.\n"
	"* Entries of `[databases]`, `[users]` and `[peers]` are pairs `key=value` with blanks\n"
	"  between. A value with blanks stands in single quotes, where two of them mean one:\n"
	"  `password='it''s'`. An empty value is a mistake.\n"
	"* Unknown sections and settings, values that do not fit, and a database given twice are\n"
	"  mistakes. All of them are reported, and the file is not used.\n"
	"\n"
	"## Reload\n"
	"\n"
	"RELOAD on the console or SIGHUP reads the file again: all or nothing, so a file with a\n"
	"mistake changes nothing. A setting that is no longer in the file goes back to its "
	"default,\n"
	"and so does one that SET on the console has changed; only settings without a default "
	"keep\n"
	"their value. Settings that need a restart keep theirs too, with a warning. Databases "
	"that\n"
	"are gone lose their clients; where one leads elsewhere now, its server connections are\n"
	"closed as they become free.\n"
	"\n"
	"## `[pgcarwash]`\n"
	"\n";

static const char databases[] =
	"## `[databases]`\n"
	"\n"
	"`name = key=value ...` makes a database that clients can ask for. Names have at most 63\n"
	"bytes; `pgcarwash` and `pgbouncer` are the console's. The entry `*` stands for all names\n"
	"that have no entry of their own.\n"
	"\n";

static const char users[] = "## `[users]`\n"
			    "\n"
			    "`name = key=value ...` gives limits to one user, who is known from "
			    "elsewhere (`auth_file`).\n"
			    "Pools of a database with a forced user go by the forced user's entry; "
			    "limits and timeouts of\n"
			    "clients go by the name they log in with.\n"
			    "\n";

static const char peers[] = "## `[peers]`\n"
			    "\n"
			    "`peer_id = key=value ...` names other processes behind the same port, "
			    "to pass cancel requests\n"
			    "on to; see RESTARTING.md.\n"
			    "\n";

static void write_table(FILE *out, const char *head, const struct option_table *table)
{
	fputs(head, out);
	for (size_t i = 0; i < table->count; i++)
		write_row(out, &table->rows[i], false);
}

static void write_manual(FILE *out)
{
	fputs(grammar, out);
	for (unsigned group = 0; group < GROUP_COUNT; group++) {
		fprintf(out, "### %s\n\n", option_group_title(group));
		for (size_t i = 0; i < option_global.count; i++)
			if (option_global.rows[i].group == group)
				write_row(out, &option_global.rows[i], true);
	}
	write_table(out, databases, &option_database);
	write_table(out, users, &option_user);
	write_table(out, peers, &option_peer);
}

/* ---- pgcarwash.ini.example ---- */

static const char example_head[] =
	";; Example of a configuration, with every setting at its default. Take what you need; a\n"
	";; setting that is not in the file has its default anyway. docs/CONFIG.md explains more.\n"
	";; Made from the option tables by \"make docs\".\n"
	"\n"
	"[databases]\n"
	"\n"
	";; One database, under its own name and under another one with its own limits.\n"
	";shop = host=127.0.0.1 port=5432\n"
	";shop_reports = host=127.0.0.1 dbname=shop pool_size=3 pool_mode=session\n"
	"\n"
	";; All clients share one pool, logged in to the server as \"app\".\n"
	";shop_shared = host=127.0.0.1 dbname=shop user=app password='it''s a secret'\n"
	"\n"
	";; Every other name, at the same server.\n"
	";* = host=127.0.0.1\n"
	"\n"
	"[users]\n"
	"\n"
	";reports = pool_mode=session max_user_connections=5 query_timeout=600\n"
	"\n"
	"[pgcarwash]\n";

static void write_example_row(FILE *out, const struct option *option)
{
	fputc('\n', out);
	wrap(out, ";; ", option->help, false);
	if (!(option->flags & OPTION_RELOADABLE))
		fputs(";; Needs a restart.\n", out);
	fprintf(out, ";%s =%s%s\n", option->name, option->standard && *option->standard ? " " : "",
		option->standard ? option->standard : "");
}

static void write_example(FILE *out)
{
	fputs(example_head, out);
	for (unsigned group = 0; group < GROUP_COUNT; group++) {
		fprintf(out, "\n;;;; %s\n", option_group_title(group));
		for (size_t i = 0; i < option_global.count; i++)
			if (option_global.rows[i].group == group)
				write_example_row(out, &option_global.rows[i]);
	}
}

int main(int count, char **arguments)
{
	FILE *out;

	if (count != 2) {
		fprintf(stderr, "usage: gendocs FOLDER\n");
		return 1;
	}
	out = create(arguments[1], "docs/CONFIG.md");
	write_manual(out);
	finish(out);
	out = create(arguments[1], "pgcarwash.ini.example");
	write_example(out);
	finish(out);
	return 0;
}
