#ifndef CONSOLE_TEST_H
#define CONSOLE_TEST_H

/*
 * A console without a network: pools, roster and admin as the daemon builds them, and visitors
 * on socket pairs, who are the daemon's own user and so need no password.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/steering.h"
#include "base/log.h"
#include "base/random.h"
#include "conf/load.h"
#include "net/loop.h"
#include "net/resolve.h"
#include "net/timer.h"
#include "pool/pools.h"
#include "session/roster.h"
#include "track/statements.h"
#include "track/vars.h"
#include "wire/query.h"
#include "wire/startup.h"
#include "wire/writer.h"

struct console {
	struct loop *loop;
	struct resolver *resolver;
	struct statement_store *statements;
	struct varset_store *varsets;
	const struct settings *settings;
	struct pools *pools;
	struct roster *roster;
	struct admin_actions actions;
	struct admin *admin;
	struct loop_task stopper;
	/* what the daemon was asked */
	unsigned reloads, shutdowns;
	enum shutdown how;
	bool listeners_suspended;
	enum result reload_result;
	/* the errand under way */
	unsigned errand_host;
	char errand[160];
	void (*on_answer)(void *ctx, const char *value, const char *error);
	void *answer_ctx;
};

struct visitor {
	struct console *console;
	int fd;
	struct buffer in;  /* what came, not looked at yet */
	struct buffer out; /* to be sent */
};

static enum result console_reload(void *ctx)
{
	struct console *console = ctx;

	console->reloads++;
	return console->reload_result;
}

static enum result console_set(void *ctx, struct slice key, struct slice value)
{
	struct console *console = ctx;
	struct complaints complaints;
	const struct settings *next;

	complaints_init(&complaints);
	next = settings_with(console->settings, key, value, &complaints);
	complaints_release(&complaints);
	if (!next)
		return BROKEN;
	admin_reload(console->admin, next);
	settings_unref(console->settings);
	console->settings = next;
	return OK;
}

static void console_shut_down(void *ctx, enum shutdown how)
{
	struct console *console = ctx;

	console->shutdowns++;
	console->how = how;
}

static void console_suspend_listeners(void *ctx, bool suspended)
{
	((struct console *)ctx)->listeners_suspended = suspended;
}

static enum result console_errand(void *ctx, struct database *database, unsigned host,
				  const char *sql, struct span timeout,
				  void (*on_answer)(void *, const char *, const char *),
				  void *answer_ctx)
{
	struct console *console = ctx;

	(void)database;
	(void)timeout;
	snprintf(console->errand, sizeof(console->errand), "%s", sql);
	console->errand_host = host;
	console->on_answer = on_answer;
	console->answer_ctx = answer_ctx;
	return OK;
}

static const char *console_host_error(void *ctx, const struct database *database, unsigned host)
{
	(void)ctx;
	(void)database;
	return host == 1 ? "it sulks" : "";
}

static void console_on_change(void *ctx)
{
	admin_check_waits(((struct console *)ctx)->admin);
}

static void console_stop(struct loop_task *task)
{
	loop_stop(CONTAINER_OF(task, struct console, stopper)->loop);
}

/* Some turns that do not sleep. */
static inline void console_turn(struct console *console)
{
	for (int i = 0; i < 4; i++) {
		loop_next_turn(console->loop, &console->stopper);
		loop_run(console->loop);
	}
}

/* ini: the whole configuration. false: no memory for one of the parts. */
static inline bool console_start(struct console *console, const char *ini)
{
	struct log_target target = { .quiet = !getenv("SHOW_LOG"), .verbose = 0 };
	struct complaints complaints;

	*console = (struct console){ .loop = loop_new(), .stopper = { .run = console_stop } };
	CHECK(log_open(&target) == OK);
	complaints_init(&complaints);
	console->settings = settings_load_text("test.ini", slice_of(ini), NULL, &complaints);
	complaints_release(&complaints);
	if (!console->loop || !console->settings)
		return false;
	console->resolver = resolver_new(console->loop, NULL, span_seconds(1), span_seconds(1));
	console->statements = statement_store_new(1);
	console->varsets = varset_store_new(2);
	if (!console->resolver || !console->statements || !console->varsets)
		return false;
	console->pools = pools_new(&(struct pools_options){ .loop = console->loop,
							    .resolver = console->resolver,
							    .statements = console->statements,
							    .varsets = console->varsets,
							    .settings = console->settings });
	if (!console->pools)
		return false;
	console->roster = roster_new(&(struct roster_options){ .loop = console->loop,
							       .pools = console->pools,
							       .statements = console->statements,
							       .varsets = console->varsets,
							       .settings = console->settings });
	if (!console->roster)
		return false;
	console->actions = (struct admin_actions){ .ctx = console,
						   .reload = console_reload,
						   .set = console_set,
						   .shut_down = console_shut_down,
						   .suspend_listeners = console_suspend_listeners,
						   .errand = console_errand,
						   .host_error = console_host_error };
	console->admin = admin_new(&(struct admin_options){ .loop = console->loop,
							    .pools = console->pools,
							    .roster = console->roster,
							    .resolver = console->resolver,
							    .settings = console->settings,
							    .actions = &console->actions,
							    .product = "test 1.0",
							    .version = "1.0" });
	if (!console->admin)
		return false;
	pools_watch(console->pools, console_on_change, console);
	roster_watch(console->roster, console_on_change, console);
	return true;
}

/* Everybody gets new settings, as after a RELOAD. */
static inline void console_reload_text(struct console *console, const char *ini)
{
	struct complaints complaints;
	const struct settings *old = console->settings;

	complaints_init(&complaints);
	console->settings = settings_load_text("test.ini", slice_of(ini), NULL, &complaints);
	complaints_release(&complaints);
	CHECK(console->settings);
	pools_reload(console->pools, console->settings);
	roster_reload(console->roster, console->settings);
	admin_reload(console->admin, console->settings);
	settings_unref(old);
}

/* All but the loop, for those who have something of their own on it. */
static inline void console_take_down(struct console *console)
{
	if (console->roster) {
		roster_watch(console->roster, NULL, NULL);
		roster_end_all(console->roster, END_DAEMON_EXIT);
		console_turn(console);
	}
	roster_free(console->roster);
	admin_free(console->admin);
	pools_free(console->pools);
	resolver_free(console->resolver);
	if (console->loop)
		console_turn(console);
	varset_store_free(console->varsets);
	statement_store_free(console->statements);
	settings_unref(console->settings);
	*console = (struct console){ .loop = console->loop, .stopper = { .run = console_stop } };
}

static inline void console_finish(struct console *console)
{
	console_take_down(console);
	if (console->loop)
		console_turn(console);
	loop_free(console->loop);
}

/* ---- a visitor ---- */

static inline void visitor_close(struct visitor *visitor)
{
	if (visitor->fd >= 0)
		close(visitor->fd);
	visitor->fd = -1;
	buffer_release(&visitor->in);
	buffer_release(&visitor->out);
	console_turn(visitor->console);
}

/* Sends what was written to out, lets the console answer, collects it. */
static inline void visitor_exchange(struct visitor *visitor)
{
	char bytes[65536];
	ssize_t got;

	if (visitor->out.len)
		(void)!send(visitor->fd, visitor->out.data, visitor->out.len, MSG_NOSIGNAL);
	buffer_clear(&visitor->out);
	console_turn(visitor->console);
	while ((got = recv(visitor->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		buffer_append(&visitor->in, bytes, (size_t)got);
}

/*
 * What came, message by message: types alone, but for texts of tags, errors, notices, values
 * and states: "T D(a,1) C(SHOW) Z(I)". Forgets it.
 */
static inline const char *visitor_read(struct visitor *visitor);

static inline void visitor_open(struct visitor *visitor, struct console *console, const char *user,
				const char *database)
{
	struct address peer = { .len = 0 };
	int ends[2];
	size_t mark;

	*visitor = (struct visitor){ .console = console, .fd = -1 };
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
	CHECK(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
	visitor->fd = ends[1];
	peer.unix_path.sun_family = AF_UNIX;
	peer.len = sizeof(sa_family_t);
	roster_accept(console->roster, ends[0], &peer);
	mark = startup_write_begin(&visitor->out, PROTOCOL_3_0);
	startup_write_pair(&visitor->out, SLICE_LITERAL("user"), slice_of(user));
	startup_write_pair(&visitor->out, SLICE_LITERAL("database"), slice_of(database));
	startup_write_end(&visitor->out, mark);
	visitor_exchange(visitor);
}

#include "admin/console_read.h"

/* A simple Query and its answer. */
static inline const char *visitor_query(struct visitor *visitor, const char *text)
{
	query_write_query(&visitor->out, slice_of(text));
	visitor_exchange(visitor);
	return visitor_read(visitor);
}

/* ---- messages of the extended protocol ---- */

static inline void write_parse(struct buffer *out, const char *name, const char *text)
{
	size_t mark = writer_begin(out, 'P');

	writer_text(out, slice_of(name));
	writer_text(out, slice_of(text));
	writer_u16(out, 0);
	writer_end(out, mark);
}

/* formats: one digit a format, "" for none. */
static inline void write_bind(struct buffer *out, const char *portal, const char *statement,
			      unsigned parameters, const char *formats)
{
	size_t mark = writer_begin(out, 'B');

	writer_text(out, slice_of(portal));
	writer_text(out, slice_of(statement));
	writer_u16(out, 0);
	writer_u16(out, (uint16_t)parameters);
	for (unsigned i = 0; i < parameters; i++)
		writer_u32(out, UINT32_MAX);
	writer_u16(out, (uint16_t)strlen(formats));
	for (; *formats; formats++)
		writer_u16(out, (uint16_t)(*formats - '0'));
	writer_end(out, mark);
}

static inline void write_execute(struct buffer *out, const char *portal, uint32_t limit)
{
	size_t mark = writer_begin(out, 'E');

	writer_text(out, slice_of(portal));
	writer_u32(out, limit);
	writer_end(out, mark);
}

#endif
