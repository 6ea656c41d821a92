/* SET, RESET and SHOW of pgcarwash.*, which no server is asked for. */
#include "sql/own_setting.h"

#include "sql/sql_internal.h"

struct reading {
	struct lexer lexer;
	struct token token;
	enum verdict_hint hint; /* not asked for here */
};

static void next(struct reading *reading)
{
	lexer_next_plain(&reading->lexer, &reading->token, &reading->hint);
}

static bool take_word(struct reading *reading, struct slice word)
{
	if (!token_is_word(&reading->token, word))
		return false;
	next(reading);
	return true;
}

static bool take_mark(struct reading *reading, char mark)
{
	if (!token_is(&reading->token, mark))
		return false;
	next(reading);
	return true;
}

/* A word, folded, or a quoted identifier without " in it, as it is. */
static bool take_name(struct reading *reading, char room[WORD_MAX], struct slice *name)
{
	const struct token *token = &reading->token;

	if (token->kind == TOKEN_WORD) {
		*name = token_fold(token, room);
	} else if (token->kind == TOKEN_QUOTED && token->text.len <= WORD_MAX) {
		*name = (struct slice){ token->text.data + 1, token->text.len - 2 };
		if (memchr(name->data, '"', name->len))
			return false;
	} else {
		return false;
	}
	next(reading);
	return name->len > 0;
}

static bool take_own_name(struct reading *reading, struct own_setting *setting)
{
	char room[WORD_MAX];
	struct slice name;

	if (!take_name(reading, room, &name) ||
	    !slice_equal_nocase(name, SLICE_LITERAL("pgcarwash")) || !take_mark(reading, '.') ||
	    !take_name(reading, room, &name) || name.len > sizeof(setting->name))
		return false;
	memcpy(setting->name, name.data, name.len);
	setting->name_len = name.len;
	return true;
}

static bool add_to_value(struct own_setting *setting, const char *data, size_t len)
{
	if (len > sizeof(setting->value) - setting->value_len)
		return false;
	memcpy(setting->value + setting->value_len, data, len);
	setting->value_len += len;
	return true;
}

static bool take_string(const struct token *token, struct own_setting *setting)
{
	size_t start = token->prefix ? 2 : 1;

	if ((token->prefix && token->prefix != 'E') ||
	    memchr(token->text.data, '\\', token->text.len))
		return false;
	for (size_t i = start; i + 1 < token->text.len; i++) {
		if (!add_to_value(setting, token->text.data + i, 1))
			return false;
		i += token->text.data[i] == '\''; /* the second of two */
	}
	return true;
}

/* A literal, a word, or a number with sign and point. */
static bool take_value(struct reading *reading, struct own_setting *setting)
{
	const struct token *token = &reading->token;
	bool number = false;

	if (token->kind == TOKEN_STRING) {
		if (!take_string(token, setting))
			return false;
		next(reading);
		return true;
	}
	if (token->kind == TOKEN_WORD) {
		if (!add_to_value(setting, token->text.data, token->text.len))
			return false;
		next(reading);
		return true;
	}
	while (token->kind == TOKEN_NUMBER || token_is(token, '.') ||
	       token->kind == TOKEN_OPERATOR) {
		if (!add_to_value(setting, token->text.data, token->text.len))
			return false;
		number |= token->kind == TOKEN_NUMBER;
		next(reading);
	}
	return number;
}

static bool take_end(struct reading *reading)
{
	while (take_mark(reading, ';'))
		;
	return reading->token.kind == TOKEN_END;
}

static bool take_set(struct reading *reading, struct own_setting *setting)
{
	if (take_word(reading, SLICE_LITERAL("local")))
		setting->local = true;
	else
		take_word(reading, SLICE_LITERAL("session"));
	if (!take_own_name(reading, setting))
		return false;
	if (reading->token.kind == TOKEN_OPERATOR && reading->token.text.data[0] == '=')
		next(reading);
	else if (!take_word(reading, SLICE_LITERAL("to")))
		return false;
	if (take_word(reading, SLICE_LITERAL("default"))) {
		setting->action = OWN_SETTING_RESET;
		return true;
	}
	return take_value(reading, setting);
}

bool own_setting_parse(struct slice text, struct own_setting *setting)
{
	struct reading reading = { .hint = VERDICT_HINT_NONE };
	bool ours;

	lexer_init(&reading.lexer, text);
	next(&reading);
	while (take_mark(&reading, ';'))
		;
	setting->local = false;
	setting->name_len = setting->value_len = 0;
	if (take_word(&reading, SLICE_LITERAL("set"))) {
		setting->action = OWN_SETTING_SET;
		ours = take_set(&reading, setting);
	} else if (take_word(&reading, SLICE_LITERAL("show"))) {
		setting->action = OWN_SETTING_SHOW;
		ours = take_own_name(&reading, setting);
	} else if (take_word(&reading, SLICE_LITERAL("reset"))) {
		setting->action = OWN_SETTING_RESET;
		ours = take_own_name(&reading, setting);
	} else {
		return false;
	}
	return ours && take_end(&reading);
}
