/*
 * The text of auth_ident_file to a table of name maps. Owns one arena with the lines. Built
 * once, then only read: a reload builds another.
 */
#include "auth/ident.h"

#include "auth/fields.h"
#include "base/alloc.h"
#include "base/arena.h"

struct line {
	struct line *next;
	struct slice map, system_user, database_user;
	bool any_user;
};

struct ident {
	struct arena *arena;
	struct line *first;
	size_t len;
};

static struct slice copy(struct arena *arena, struct slice text)
{
	return (struct slice){ arena_copy_text(arena, text), text.len };
}

static enum result add(struct ident *ident, const struct word words[3])
{
	struct line *line = arena_alloc(ident->arena, sizeof(*line));

	if (!line)
		return BROKEN;
	line->map = copy(ident->arena, words[0].text);
	line->system_user = copy(ident->arena, words[1].text);
	line->database_user = copy(ident->arena, words[2].text);
	line->any_user = !words[2].quoted && slice_equal(words[2].text, SLICE_LITERAL("all"));
	if (!line->map.data || !line->system_user.data || !line->database_user.data)
		return BROKEN;
	line->next = ident->first;
	ident->first = line;
	ident->len++;
	return OK;
}

/* Exactly three words; NULL, or a literal that says what is wrong ("" without memory). */
static const char *read_words(struct arena *arena, struct slice line, struct word words[3])
{
	struct word more;

	for (size_t i = 0; i < 3; i++) {
		switch (fields_next_word(&line, arena, &words[i])) {
		case OK: break;
		case AGAIN: return "three names are needed: map, system user, database user";
		case BROKEN: return words[i].no_memory ? "" : "a quote is not closed";
		}
		if (words[i].joined)
			return "only one name is possible here, not a list";
		if (i > 0 && !words[i].quoted && words[i].text.len > 0 &&
		    *words[i].text.data == '/')
			return "regular expressions are not supported";
	}
	return fields_next_word(&line, arena, &more) == AGAIN ? NULL : "more than three names";
}

struct ident *ident_parse(struct slice text, const struct line_faults *faults)
{
	struct ident *ident = mem_alloc_zero(sizeof(*ident));
	struct word words[3];
	struct slice line;
	unsigned number = 0;
	bool complete;

	if (!ident)
		return NULL;
	ident->arena = arena_new();
	complete = ident->arena != NULL;
	while (complete && fields_next_line(&text, &line)) {
		const char *fault;

		number++;
		if (fields_rest(line).len == 0)
			continue;
		fault = read_words(ident->arena, line, words);
		if (fault && !*fault)
			complete = false;
		else if (fault)
			faults->on_fault(faults->ctx, number, fault);
		else
			complete = add(ident, words) == OK;
	}
	if (complete)
		return ident;
	ident_free(ident);
	return NULL;
}

void ident_free(struct ident *ident)
{
	if (!ident)
		return;
	arena_free(ident->arena);
	mem_free(ident);
}

size_t ident_len(const struct ident *ident)
{
	return ident->len;
}

bool ident_allows(const struct ident *ident, struct slice map, struct slice system_user,
		  struct slice database_user)
{
	if (!map.data)
		return slice_equal(system_user, database_user);
	for (const struct line *line = ident->first; line; line = line->next) {
		if (slice_equal(line->map, map) && slice_equal(line->system_user, system_user) &&
		    (line->any_user || slice_equal(line->database_user, database_user)))
			return true;
	}
	return false;
}
