/* What the values of settings mean that say where a transaction may run. Called by tree.c. */
#include "sql/sql_internal.h"

#define NAME(text)                                                                                 \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}

/* Any beginning of a word that is not ambiguous, as PostgreSQL's parse_bool reads them. */
enum verdict_access setting_access(struct slice value)
{
	static const struct {
		struct slice word;
		size_t least;
		enum verdict_access access;
	} words[] = {
		{ NAME("true"), 1, VERDICT_ACCESS_READ_ONLY },
		{ NAME("yes"), 1, VERDICT_ACCESS_READ_ONLY },
		{ NAME("on"), 2, VERDICT_ACCESS_READ_ONLY },
		{ NAME("1"), 1, VERDICT_ACCESS_READ_ONLY },
		{ NAME("false"), 1, VERDICT_ACCESS_READ_WRITE },
		{ NAME("no"), 1, VERDICT_ACCESS_READ_WRITE },
		{ NAME("off"), 2, VERDICT_ACCESS_READ_WRITE },
		{ NAME("0"), 1, VERDICT_ACCESS_READ_WRITE },
	};

	for (size_t i = 0; i < COUNT_OF(words); i++) {
		struct slice head = { words[i].word.data, value.len };

		if (value.len >= words[i].least && value.len <= words[i].word.len &&
		    slice_equal_nocase(value, head))
			return words[i].access;
	}
	return VERDICT_ACCESS_OTHER;
}

enum verdict_isolation setting_isolation(struct slice value)
{
	return slice_equal_nocase(value, SLICE_LITERAL("serializable"))
		       ? VERDICT_ISOLATION_SERIALIZABLE
		       : VERDICT_ISOLATION_LESS;
}
