/*
 * The text of an auth_hba_file, which names the rest of the input with @rest, and of an
 * auth_ident_file. Every line is a rule, a fault, or nothing; every rule that matches is one of
 * the table.
 */

#include <string.h>

#include "auth/hba.h"
#include "auth/ident.h"
#include "fuzz.h"

struct seen {
	unsigned faults, line;
};

static void note_fault(void *ctx, unsigned line, const char *text)
{
	struct seen *seen = ctx;

	CHECK(text && *text && line > seen->line);
	seen->line = line;
	seen->faults++;
}

static size_t count_lines(struct slice text)
{
	size_t lines = text.len > 0 && text.data[text.len - 1] != '\n';

	for (size_t i = 0; i < text.len; i++)
		lines += text.data[i] == '\n';
	return lines;
}

static void match(const struct hba *hba, struct slice text, const uint8_t *address, size_t len)
{
	struct slice head = { text.data, text.len < 8 ? text.len : 8 };

	for (unsigned i = 0; i < 4; i++) {
		struct hba_login login = { head, head, address, len, i & 1, i & 2 };
		const struct hba_rule *rule = hba_match(hba, &login);

		CHECK(!rule || (rule->line > 0 && rule->line <= count_lines(text)));
		CHECK(!rule || rule->method <= HBA_PAM);
		CHECK(rule || hba_len(hba) == 0 || hba_match(hba, &login) == NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t address[16] = { 127, 0, 0, 1 };
	struct slice text = { (const char *)data, size };
	const char *end = size ? memchr(data, '\f', size) : NULL;
	struct seen seen = { 0, 0 }, seen_maps = { 0, 0 };
	const struct line_faults faults = { note_fault, &seen };
	const struct line_faults map_faults = { note_fault, &seen_maps };
	struct text_file rest = { SLICE_LITERAL("rest"), SLICE_NONE };
	struct hba *hba;
	struct ident *ident;

	if (end) {
		text.len = (size_t)(end - text.data);
		rest.text = (struct slice){ end + 1, size - text.len - 1 };
	}
	hba = hba_parse(text, &rest, 1, &faults);
	CHECK(hba && hba_len(hba) + seen.faults <= count_lines(text));
	match(hba, text, NULL, 0);
	match(hba, text, address, 4);
	match(hba, text, address, 16);
	hba_free(hba);

	ident = ident_parse(text, &map_faults);
	CHECK(ident && ident_len(ident) + seen_maps.faults <= count_lines(text));
	CHECK(ident_allows(ident, SLICE_NONE, text, text));
	CHECK(!ident_allows(ident, SLICE_LITERAL("no\nmap"), text, text));
	ident_free(ident);
	return 0;
}
