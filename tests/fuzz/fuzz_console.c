/*
 * What is said at the console by somebody who may come in. The first byte of an input chooses who
 * it is and how the rest is meant: lines of text, each a Query, or bytes as they are sent, most
 * usefully messages of the extended protocol. Every answer is made of whole, well-formed messages,
 * and the visitor is gone when it has left.
 */
#include <string.h>

#include "fuzz.h"

#define CHECK_UINT_EQ(a, b) CHECK((a) == (b))
#include "admin/console_test.h"

#define INPUT_MAX	  4096 /* the console's socket takes so much without being read */
#define BYTES_AS_THEY_ARE 1
#define WATCHER		  2

static const char ini[] = "[databases]\n"
			  "db = host=/nowhere\n"
			  "split = host=/nowhere,/elsewhere read_write_split=on\n"
			  "* = host=/nowhere\n"
			  "[users]\n"
			  "alice = pool_mode=session\n"
			  "[pgcarwash]\n"
			  "auth_type = any\n"
			  "admin_users = owner\n"
			  "stats_users = watcher\n"
			  "unix_socket_dir = /nowhere\n";

/* What a value may do beyond being checked (files that are read) is the daemon's, not ours. */
static enum result take_setting(void *ctx, struct slice key, struct slice value)
{
	CHECK(ctx != NULL && key.len > 0);
	return value.len % 2 ? OK : BROKEN;
}

static void each_listener(void *ctx,
			  void (*each)(void *each_ctx, int fd, const struct address *address),
			  void *each_ctx)
{
	CHECK(ctx && each && each_ctx);
}

static void hand_over(void *ctx)
{
	CHECK(ctx != NULL);
}

static void say_lines(struct visitor *visitor, struct slice rest)
{
	while (rest.len > 0) {
		const char *end = memchr(rest.data, '\n', rest.len);
		struct slice line = { rest.data, end ? (size_t)(end - rest.data) : rest.len };
		size_t taken = line.len + (end ? 1 : 0);

		if (!memchr(line.data, '\0', line.len))
			query_write_query(&visitor->out, line);
		rest.data += taken;
		rest.len -= taken;
	}
}

static void hear(struct visitor *visitor)
{
	size_t before;

	do {
		before = visitor->in.len;
		visitor_exchange(visitor);
	} while (visitor->in.len > before);
	(void)visitor_read(visitor);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = { (const char *)data + 1, size - 1 };
	struct console console;
	struct visitor visitor;

	if (size < 2 || size > INPUT_MAX)
		return 0;
	CHECK(console_start(&console, ini));
	console.actions.set = take_setting;
	console.actions.each_listener = each_listener;
	console.actions.hand_over = hand_over;
	visitor_open(&visitor, &console, data[0] & WATCHER ? "watcher" : "owner", "pgcarwash");
	CHECK(visitor.in.len > 0);
	if (data[0] & BYTES_AS_THEY_ARE)
		buffer_append_slice(&visitor.out, rest);
	else
		say_lines(&visitor, rest);
	hear(&visitor);
	visitor_close(&visitor);
	console_turn(&console);
	CHECK(roster_clients(console.roster) == 0);
	console_finish(&console);
	return 0;
}
