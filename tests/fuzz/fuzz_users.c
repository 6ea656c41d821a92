/*
 * The text of an auth_file. What was understood is written anew, quoted, and must be understood
 * as the same users.
 */

#include "auth/users.h"
#include "base/buffer.h"
#include "fuzz.h"

static void write_quoted(struct buffer *out, struct slice text)
{
	buffer_append_text(out, "\"");
	for (size_t i = 0; i < text.len; i++)
		buffer_append(out, text.data[i] == '"' ? "\"\"" : text.data + i,
			      text.data[i] == '"' ? 2 : 1);
	buffer_append_text(out, "\"");
}

static struct users *copy_of(const struct users *users)
{
	struct users_fault fault;
	struct buffer text = BUFFER_EMPTY;
	struct users *copy;

	for (size_t i = 0; i < users_len(users); i++) {
		write_quoted(&text, users_at(users, i)->name);
		buffer_append_text(&text, " ");
		write_quoted(&text, users_at(users, i)->secret.text);
		buffer_append_text(&text, "\n");
	}
	copy = users_parse(buffer_slice(&text), &fault);
	CHECK(copy && fault.line == 0 && !fault.text);
	buffer_release(&text);
	return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t key[SCRAM_KEY_LEN];
	struct slice text = { (const char *)data, size };
	struct users_fault fault;
	struct users *users = users_parse(text, &fault), *copy;

	CHECK(users && (fault.line == 0) == (fault.text == NULL));
	copy = copy_of(users);
	CHECK(users_len(copy) == users_len(users));
	for (size_t i = 0; i < users_len(users); i++) {
		const struct user *user = users_at(users, i), *same = users_at(copy, i);

		CHECK(users_find(users, user->name) == user);
		CHECK(user->name.len <= USERS_NAME_MAX);
		CHECK(user->secret.text.len <= USERS_SECRET_MAX);
		CHECK(slice_equal(user->name, same->name));
		CHECK(slice_equal(user->secret.text, same->secret.text));
		CHECK(user->secret.kind == same->secret.kind);
	}
	if (users_len(users) > 0)
		users_example(users, key, text);
	users_free(users);
	users_free(copy);
	return 0;
}
