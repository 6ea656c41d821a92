/*
 * Writes docs/pgcarwash.5 below the folder given, from the option tables: the manual page says
 * what docs/CONFIG.md says. tests/check_tables.sh compares it with the committed one.
 */

#include <ctype.h>

#include "daemon/daemon.h"
#include "docs.h"
#include "facts.h"

/* ---- roff ---- */

/*
 * Text for groff: `words` become bold, what it would take for its own is escaped (groff(7)). One
 * sentence or so a line is of no use here: lines are filled anyway.
 */
static void put_text(FILE *out, const char *text, size_t len)
{
	bool bold = false;

	if (len && (text[0] == '.' || text[0] == '\''))
		fputs("\\&", out);
	for (size_t i = 0; i < len; i++) {
		switch (text[i]) {
		case '`':
			bold = !bold;
			fputs(bold ? "\\fB" : "\\fP", out);
			break;
		case '\\': fputs("\\e", out); break;
		case '-': fputs("\\-", out); break;
		case '\'': fputs("\\(aq", out); break;
		case '^': fputs("\\(ha", out); break;
		case '~': fputs("\\(ti", out); break;
		default: fputc(text[i], out);
		}
	}
	fputc('\n', out);
}

static void put(FILE *out, const char *text)
{
	put_text(out, text, strlen(text));
}

static void put_heading(FILE *out, const char *macro, const char *text)
{
	fprintf(out, "%s \"", macro);
	for (; *text; text++)
		fputc(*macro && macro[2] == 'H' ? toupper((unsigned char)*text) : *text, out);
	fputs("\"\n", out);
}

/* ---- the page ---- */

static void write_row(FILE *out, const struct option *option, bool global)
{
	struct buffer facts = BUFFER_EMPTY;

	fprintf(out, ".TP\n.B %s\n", option->name);
	put(out, option->help);
	add_facts(&facts, option, global);
	buffer_append_text(&facts, ".)");
	if (facts.failed)
		abort();
	fputs(".br\n(", out);
	put_text(out, facts.data, facts.len);
	buffer_release(&facts);
}

static void write_table(FILE *out, const char *title, const char *text,
			const struct option_table *table)
{
	put_heading(out, ".SH", title);
	put(out, text);
	for (size_t i = 0; i < table->count; i++)
		write_row(out, &table->rows[i], false);
}

static void write_global(FILE *out)
{
	put_heading(out, ".SH", "section [pgcarwash]");
	put(out, "The section must be there; [pgbouncer] is another name for it.");
	for (unsigned group = 0; group < GROUP_COUNT; group++) {
		put_heading(out, ".SS", option_group_title(group));
		for (size_t i = 0; i < option_global.count; i++)
			if (option_global.rows[i].group == group)
				write_row(out, &option_global.rows[i], true);
	}
}

static const char head[] =
	".SH NAME\n"
	"pgcarwash.ini \\- configuration of pgcarwash\n"
	".SH DESCRIPTION\n"
	"The file that\n"
	".BR pgcarwash (1)\n"
	"reads. A\n"
	".I pgbouncer.ini\n"
	"works as it is.\n"
	".PP\n"
	"Sections stand in any order and as often as you like. A line is\n"
	".IR name = value ;\n"
	"the value goes to the end of the line without the blanks around it. A comment begins "
	"with\n"
	"; or # as the first character of its line. Where a setting is given twice, the last one\n"
	"counts.\n"
	".PP\n"
	"A name has letters, digits and _ . * \\-; any other name stands in single quotes.\n"
	".B %include\n"
	".I FILE\n"
	"reads another file at this place. Whole numbers are decimal, or octal with a leading 0, "
	"or\n"
	"hexadecimal with 0x. Times are seconds and may have a fraction. Switches are 0 or 1.\n"
	".PP\n"
	"Unknown sections and settings and values that do not fit are mistakes. All of them are\n"
	"reported, by\n"
	".B pgcarwash \\-\\-check\n"
	"too, and the file is not used.\n"
	".SH EXAMPLE\n"
	".EX\n"
	"[databases]\n"
	"shop = host=10.0.0.5 dbname=shop_production pool_size=40\n"
	"* = host=10.0.0.6\n"
	"\n"
	"[users]\n"
	"reports = pool_mode=session max_user_connections=5\n"
	"\n"
	"[pgcarwash]\n"
	"listen_addr = *\n"
	"auth_type = scram\\-sha\\-256\n"
	"auth_file = /etc/pgcarwash/userlist.txt\n"
	"pool_mode = transaction\n"
	".EE\n";

static const char tail[] =
	".SH THE FILE OF USERS\n"
	"Each line of\n"
	".B auth_file\n"
	"holds a name and a secret, both in double quotes, where two of them mean one. The secret\n"
	"is a password, md5 and 32 hexadecimal digits, or a SCRAM verifier as\n"
	".I pg_authid.rolpassword\n"
	"has it. A line that begins with ; is a comment.\n"
	".SH SEE ALSO\n"
	".BR pgcarwash (1)\n";

static void write_page(FILE *out)
{
	fputs(".\\\" Made from the option tables by \"make docs\".\n", out);
	fprintf(out, ".TH PGCARWASH 5 \"\" \"%s\" \"File formats\"\n", PRODUCT);
	fputs(head, out);
	write_global(out);
	write_table(
		out, "section [databases]",
		"`name = key=value ...` makes a database that clients can ask for. The entry `*` "
		"stands for all names that have no entry of their own. A value with blanks "
		"stands in single quotes, where two of them mean one.",
		&option_database);
	write_table(out, "section [users]",
		    "`name = key=value ...` gives limits to one user, who is known from elsewhere. "
		    "Pools of a database with a forced user go by the forced user's entry; limits "
		    "and timeouts of clients go by the name they log in with.",
		    &option_user);
	write_table(out, "section [peers]",
		    "`peer_id = key=value ...` names other processes behind the same port, to pass "
		    "cancel requests on to.",
		    &option_peer);
	fputs(tail, out);
}

int main(int count, char **arguments)
{
	FILE *out;

	if (count != 2) {
		fprintf(stderr, "usage: genman FOLDER\n");
		return 1;
	}
	out = create(arguments[1], "docs/pgcarwash.5");
	write_page(out);
	finish(out);
	return 0;
}
