/*
 * Options of LDAP authentication, an operator's text, and the names that users come with: the
 * input is the options up to a form feed, then a name. What is asked of the directory holds the
 * name as it is, and never one that means something in a filter.
 */
#include <string.h>

#include "auth/directory.h"
#include "fuzz.h"

static struct slice text_of(const char *text)
{
	CHECK(text != NULL);
	return slice_of(text);
}

static void check_directory(const struct directory *directory, struct slice options)
{
	CHECK(slice_starts_with(text_of(directory->uri), SLICE_LITERAL("ldap")));
	CHECK(strstr(directory->uri, "://"));
	CHECK(!directory->attribute != !directory->filter);
	CHECK(directory->scope <= DIRECTORY_SUBTREE);
	CHECK(!directory->base || (!*directory->prefix && !*directory->suffix));
	CHECK(text_of(directory->prefix).len + text_of(directory->suffix).len +
		      text_of(directory->bind_name).len + text_of(directory->bind_password).len <=
	      options.len);
}

static void ask_for(const struct directory *directory, struct slice user)
{
	struct buffer name = BUFFER_EMPTY, filter = BUFFER_EMPTY;
	bool special = false;

	for (size_t i = 0; i < user.len; i++)
		special |= !user.data[i] || strchr("*()\\/", user.data[i]);
	directory_write_name(directory, user, &name);
	CHECK(name.len == strlen(directory->prefix) + user.len + strlen(directory->suffix));
	CHECK((directory_write_filter(directory, user, &filter) == BROKEN) == special);
	if (!special && directory->attribute)
		CHECK(filter.len == strlen(directory->attribute) + user.len + 3);
	if (special)
		CHECK(filter.len == 0);
	buffer_release(&name);
	buffer_release(&filter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice options = { (const char *)data, size }, user = SLICE_NONE;
	const char *end = size ? memchr(data, '\f', size) : NULL;
	struct arena *arena = arena_new();
	struct directory directory;
	const char *fault;
	enum result result;

	CHECK(arena);
	if (end) {
		options.len = (size_t)(end - options.data);
		user = (struct slice){ end + 1, size - options.len - 1 };
	}
	result = directory_read(options, arena, &directory, &fault);
	CHECK((result == OK) == (fault == NULL));
	if (result == OK) {
		check_directory(&directory, options);
		ask_for(&directory, user);
	}
	arena_free(arena);
	return 0;
}
