/*
 * The text of auth_hba_file to a table of rules, and which of them is for a login.
 *
 * Owns one arena with the rules and their names. Built once, then only read: a reload builds
 * another. Nothing in it is chosen by clients, so a walk over the rules is all it takes.
 */
#include "auth/hba.h"

#include <assert.h>

#include "auth/directory.h"
#include "auth/fields.h"
#include "base/alloc.h"
#include "base/arena.h"
#include "base/network.h"

#define DEPTH_MAX   10	      /* @file in @file in ... */
#define WORDS_MAX   (1 << 20) /* in all lists; each @file that names itself would be endless */

enum rule_kind { RULE_LOCAL, RULE_HOST, RULE_HOSTSSL, RULE_HOSTNOSSL };

struct name {
	struct name *next;
	struct slice text;
};

struct name_list {
	bool all, same_user, replication;
	struct name *first;
};

struct rule {
	struct rule *next;
	enum rule_kind kind;
	struct name_list databases, users;
	struct network network;
	struct hba_rule open;
};

struct hba {
	struct arena *arena;
	struct rule *first, **end;
	size_t len;
};

struct parser {
	struct hba *hba;
	const struct text_file *includes;
	size_t include_count;
	unsigned words;	   /* of lists, so far */
	struct slice line; /* what is left of the line under way */
	const char *fault; /* why the line is skipped; a literal */
	bool no_memory;
};

static enum result fault(struct parser *parser, const char *text)
{
	parser->fault = text;
	return BROKEN;
}

static enum result no_memory(struct parser *parser)
{
	parser->no_memory = true;
	return BROKEN;
}

/* AGAIN: the line has no more. */
static enum result next_word(struct parser *parser, struct slice *line, struct word *word)
{
	enum result result = fields_next_word(line, parser->hba->arena, word);

	if (result != BROKEN)
		return result;
	return word->no_memory ? no_memory(parser) : fault(parser, "a quote is not closed");
}

/* ---- lists of names ---- */

enum list_kind { LIST_DATABASES, LIST_USERS };

static enum result add_words(struct parser *parser, struct slice *text, struct name_list *list,
			     enum list_kind kind, int depth);

/* Its text, SLICE_NONE when it is not there or could not be read. */
static struct slice text_of(const struct parser *parser, struct slice file)
{
	for (size_t i = 0; i < parser->include_count; i++)
		if (slice_equal(parser->includes[i].name, file))
			return parser->includes[i].text;
	return SLICE_NONE;
}

static enum result include(struct parser *parser, struct slice file, struct name_list *list,
			   enum list_kind kind, int depth)
{
	struct slice rest = text_of(parser, file), line;

	if (!rest.data)
		return fault(parser, "a file named with @ could not be read");
	while (fields_next_line(&rest, &line)) {
		while (line.len > 0)
			if (add_words(parser, &line, list, kind, depth + 1) != OK)
				return BROKEN;
	}
	return OK;
}

static bool is_word(const struct word *word, const char *text)
{
	return !word->quoted && slice_equal(word->text, slice_of(text));
}

static enum result add_name(struct parser *parser, struct name_list *list, struct slice text)
{
	struct name *name = arena_alloc(parser->hba->arena, sizeof(*name));

	if (!name)
		return no_memory(parser);
	name->text = text;
	/* In an arena of its own: the text it is part of is the caller's. */
	name->text.data = arena_copy_text(parser->hba->arena, text);
	if (!name->text.data)
		return no_memory(parser);
	name->next = list->first;
	list->first = name;
	return OK;
}

static enum result add_word(struct parser *parser, const struct word *word, struct name_list *list,
			    enum list_kind kind, int depth)
{
	if (++parser->words > WORDS_MAX || depth > DEPTH_MAX)
		return fault(parser, "too many names, or files that name each other");
	if (!word->quoted && word->text.len > 1 && *word->text.data == '@')
		return include(parser, (struct slice){ word->text.data + 1, word->text.len - 1 },
			       list, kind, depth);
	if (is_word(word, "all"))
		list->all = true;
	else if (kind == LIST_DATABASES && is_word(word, "sameuser"))
		list->same_user = true;
	else if (kind == LIST_DATABASES && is_word(word, "replication"))
		list->replication = true;
	else if (kind == LIST_DATABASES &&
		 (is_word(word, "samerole") || is_word(word, "samegroup")))
		return fault(parser, "samerole and samegroup are not supported");
	else if (!word->quoted && word->text.len > 0 && *word->text.data == '+')
		return fault(parser, "groups of users (+name) are not supported");
	else if (!word->quoted && word->text.len > 0 && *word->text.data == '/')
		return fault(parser, "regular expressions are not supported");
	else
		return add_name(parser, list, word->text);
	return OK;
}

/* All words up to the end of the list, or of the text. */
static enum result add_words(struct parser *parser, struct slice *text, struct name_list *list,
			     enum list_kind kind, int depth)
{
	struct word word = { .joined = true };

	while (word.joined) {
		switch (next_word(parser, text, &word)) {
		case OK: break;
		case AGAIN: text->len = 0; return OK;
		case BROKEN: return BROKEN;
		}
		if (add_word(parser, &word, list, kind, depth) != OK)
			return BROKEN;
	}
	return OK;
}

static enum result read_list(struct parser *parser, struct name_list *list, enum list_kind kind)
{
	struct slice before = fields_rest(parser->line);

	if (before.len == 0)
		return fault(parser, kind == LIST_DATABASES ? "the database is missing"
							    : "the user is missing");
	return add_words(parser, &parser->line, list, kind, 0);
}

/* ---- addresses ---- */

/* The next word, which must be a single one. */
static enum result read_word(struct parser *parser, struct word *word, const char *missing)
{
	switch (next_word(parser, &parser->line, word)) {
	case OK: break;
	case AGAIN: return fault(parser, missing);
	case BROKEN: return BROKEN;
	}
	return word->joined ? fault(parser, "only one is possible here, not a list") : OK;
}

/* A mask may follow an address without bits; what is no address is the method. */
static enum result read_mask(struct parser *parser, struct network *network)
{
	struct slice line = parser->line;
	uint8_t mask[NETWORK_ADDRESS_MAX];
	struct word word;
	enum result result = next_word(parser, &line, &word);

	if (result != OK)
		return result == AGAIN ? OK : BROKEN;
	if (!word.joined && network_read_address(word.text, mask) == network->len) {
		memcpy(network->mask, mask, network->len);
		parser->line = line;
	}
	return OK;
}

static enum result read_network(struct parser *parser, struct network *network)
{
	struct word word;

	if (read_word(parser, &word, "the address is missing") != OK)
		return BROKEN;
	network->len = 0;
	if (is_word(&word, "all"))
		return OK;
	if (network_parse(word.text, network) != OK)
		return fault(parser, network->len == 0 ?
					     "not an address (host names are not supported)" :
					     "bad number of bits behind the address");
	return memchr(word.text.data, '/', word.text.len) ? OK : read_mask(parser, network);
}

/* ---- rules ---- */

static enum result read_kind(struct parser *parser, enum rule_kind *kind)
{
	static const char *const kinds[] = {
		[RULE_LOCAL] = "local",
		[RULE_HOST] = "host",
		[RULE_HOSTSSL] = "hostssl",
		[RULE_HOSTNOSSL] = "hostnossl",
	};
	struct word word;

	if (read_word(parser, &word, "nothing there") != OK)
		return BROKEN;
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		if (!is_word(&word, kinds[i]))
			continue;
		*kind = (enum rule_kind)i;
		return OK;
	}
	return fault(parser, "unknown type (local, host, hostssl or hostnossl)");
}

static enum result read_method(struct parser *parser, enum hba_method *method)
{
	static const char *const methods[] = {
		[HBA_TRUST] = "trust",	       [HBA_REJECT] = "reject", [HBA_MD5] = "md5",
		[HBA_PASSWORD] = "password",   [HBA_PEER] = "peer",	[HBA_CERT] = "cert",
		[HBA_SCRAM] = "scram-sha-256", [HBA_LDAP] = "ldap",	[HBA_PAM] = "pam",
	};
	struct word word;

	if (read_word(parser, &word, "the method is missing") != OK)
		return BROKEN;
	for (size_t i = 0; i < COUNT_OF(methods); i++) {
		if (!slice_equal(word.text, slice_of(methods[i])))
			continue;
		*method = (enum hba_method)i;
		return OK;
	}
	return fault(parser, "unknown method");
}

/* The rest of the line; a directory is made of it at each login, and here once to see whether. */
static enum result read_directory(struct parser *parser, struct hba_rule *rule)
{
	struct slice rest = fields_rest(parser->line);
	struct arena *arena = arena_new();
	struct directory directory;
	const char *why = NULL;
	enum result result = arena ? directory_read(rest, arena, &directory, &why) : BROKEN;

	arena_free_secret(arena);
	if (result != OK)
		return why ? fault(parser, why) : no_memory(parser);
	rule->options = (struct slice){ arena_copy_text(parser->hba->arena, rest), rest.len };
	return rule->options.data ? OK : no_memory(parser);
}

/* name=value: what comes behind name and is not empty, else fault. */
static enum result read_value(struct parser *parser, const struct word *word, struct slice name,
			      struct slice *value)
{
	if (!slice_starts_with(word->text, name) || word->text.len == name.len)
		return fault(parser, "unknown option");
	value->len = word->text.len - name.len;
	value->data = arena_copy_text(parser->hba->arena,
				      (struct slice){ word->text.data + name.len, value->len });
	return value->data ? OK : no_memory(parser);
}

/* A service with a slash would be a file anywhere. */
static enum result read_pam_option(struct parser *parser, const struct word *word,
				   struct hba_rule *rule)
{
	if (slice_equal(word->text, SLICE_LITERAL("pam_use_hostname=0")))
		return OK;
	if (slice_starts_with(word->text, SLICE_LITERAL("pam_use_hostname=")))
		return fault(parser, "pam_use_hostname is not supported: PAM gets the address");
	if (read_value(parser, word, SLICE_LITERAL("pamservice="), &rule->options) != OK)
		return BROKEN;
	return memchr(rule->options.data, '/', rule->options.len)
		       ? fault(parser, "pamservice is the name of a service, not a file")
		       : OK;
}

/*
 * An option that is not understood may be one that would keep somebody out: the line is not used
 * without it.
 */
static enum result read_options(struct parser *parser, struct hba_rule *rule)
{
	struct word word;
	enum result result;

	rule->map = rule->options = SLICE_NONE;
	if (rule->method == HBA_LDAP)
		return read_directory(parser, rule);
	while ((result = next_word(parser, &parser->line, &word)) == OK) {
		bool maps = rule->method == HBA_PEER || rule->method == HBA_CERT;

		if (rule->method == HBA_PAM)
			result = read_pam_option(parser, &word, rule);
		else if (maps)
			result = read_value(parser, &word, SLICE_LITERAL("map="), &rule->map);
		else
			result = fault(parser, "unknown option");
		if (result != OK)
			return BROKEN;
	}
	return result == AGAIN ? OK : BROKEN;
}

static enum result read_rule(struct parser *parser, unsigned line)
{
	struct rule *rule = arena_alloc(parser->hba->arena, sizeof(*rule));

	if (!rule)
		return no_memory(parser);
	rule->open.line = line;
	if (read_kind(parser, &rule->kind) != OK ||
	    read_list(parser, &rule->databases, LIST_DATABASES) != OK ||
	    read_list(parser, &rule->users, LIST_USERS) != OK ||
	    (rule->kind != RULE_LOCAL && read_network(parser, &rule->network) != OK) ||
	    read_method(parser, &rule->open.method) != OK ||
	    read_options(parser, &rule->open) != OK)
		return BROKEN;
	*parser->hba->end = rule;
	parser->hba->end = &rule->next;
	parser->hba->len++;
	return OK;
}

struct hba *hba_parse(struct slice text, const struct text_file *includes, size_t include_count,
		      const struct line_faults *faults)
{
	struct hba *hba = mem_alloc_zero(sizeof(*hba));
	struct parser parser = { .hba = hba, .includes = includes, .include_count = include_count };
	unsigned line = 0;

	if (!hba)
		return NULL;
	hba->end = &hba->first;
	hba->arena = arena_new();
	parser.no_memory = !hba->arena;
	while (!parser.no_memory && fields_next_line(&text, &parser.line)) {
		line++;
		if (fields_rest(parser.line).len == 0)
			continue;
		if (read_rule(&parser, line) != OK && !parser.no_memory)
			faults->on_fault(faults->ctx, line, parser.fault);
	}
	if (!parser.no_memory)
		return hba;
	hba_free(hba);
	return NULL;
}

void hba_free(struct hba *hba)
{
	if (!hba)
		return;
	arena_free_secret(hba->arena); /* passwords of searching users are in it */
	mem_free(hba);
}

size_t hba_len(const struct hba *hba)
{
	return hba->len;
}

bool hba_uses(const struct hba *hba, enum hba_method method)
{
	for (const struct rule *rule = hba->first; rule; rule = rule->next)
		if (rule->open.method == method)
			return true;
	return false;
}

/* ---- matching ---- */

static bool has_name(const struct name_list *list, struct slice text)
{
	for (const struct name *name = list->first; name; name = name->next)
		if (slice_equal(name->text, text))
			return true;
	return false;
}

static bool fits_database(const struct name_list *list, const struct hba_login *login)
{
	if (login->replication)
		return list->replication;
	return list->all || (list->same_user && slice_equal(login->database, login->user)) ||
	       has_name(list, login->database);
}

static bool fits_kind(enum rule_kind kind, const struct hba_login *login)
{
	if (kind == RULE_LOCAL || !login->address)
		return kind == RULE_LOCAL && !login->address;
	return kind == RULE_HOST || (kind == RULE_HOSTSSL) == login->tls;
}

const struct hba_rule *hba_match(const struct hba *hba, const struct hba_login *login)
{
	assert(!login->address || login->address_len == 4 || login->address_len == 16);
	for (const struct rule *rule = hba->first; rule; rule = rule->next) {
		if (fits_kind(rule->kind, login) &&
		    network_has(&rule->network, login->address, login->address_len) &&
		    fits_database(&rule->databases, login) &&
		    (rule->users.all || has_name(&rule->users, login->user)))
			return &rule->open;
	}
	return NULL;
}
