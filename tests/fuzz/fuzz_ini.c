/*
 * Any bytes as a configuration: read, drafted, checked; what loads is copied by a SET, loaded
 * again on top of itself, and must not differ from itself.
 */

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "conf/diff.h"
#include "conf/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_copy(const struct settings *settings, struct complaints *complaints)
{
	const struct settings *copy = settings_with(settings, SLICE_LITERAL("listen_port"),
						    SLICE_LITERAL("1"), complaints);
	struct settings_diff diff;

	assert(copy);
	if (settings_diff_init(&diff, settings, copy) != OK)
		abort();
	assert(diff.option_count == 0 && diff.database_count == 0 && diff.user_count == 0);
	settings_diff_release(&diff);
	settings_unref(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = { (const char *)data, size };
	struct complaints complaints;
	const struct settings *first, *second;

	complaints_init(&complaints);
	first = settings_load_text("fuzz.ini", text, NULL, &complaints);
	assert((first == NULL) == complaints_has_errors(&complaints));
	if (first) {
		check_copy(first, &complaints);
		second = settings_load_text("fuzz.ini", text, first, &complaints);
		assert(second);
		settings_unref(second);
	}
	settings_unref(first);
	complaints_release(&complaints);
	return 0;
}
