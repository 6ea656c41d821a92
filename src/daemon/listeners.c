/*
 * The listening sockets that the configuration asks for: names and numbers of listen_addr, and
 * the Unix socket. Owns them; opened and closed by the daemon. A TCP address that cannot be
 * had is a warning as long as there is another; the Unix socket has to be there.
 */

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/daemon_internal.h"
#include "daemon/systemd.h"
#include "daemon/takeover.h"
#include "net/address.h"
#include "net/listener.h"

/* What opening needs to know, all the way down. */
struct opening {
	struct listeners *listeners;
	struct loop *loop;
	const struct settings *settings;
	const struct listener_options *options;
	void (*on_accept)(void *ctx, int fd, const struct address *peer);
	void *ctx;
	size_t wanted; /* TCP addresses tried */
};

/* The old process's socket for this address, NULL when it has none. */
static struct listener *take_over(struct opening *opening, const struct address *address)
{
	struct takeover *takeover = opening->listeners->takeover;
	int fd = takeover ? takeover_listener(takeover, address) : -1;
	struct listener *listener;

	if (fd < 0)
		return NULL;
	listener = listener_adopt(opening->loop, fd, opening->on_accept, opening->ctx);
	if (!listener)
		close(fd);
	return listener;
}

static enum result open_one(struct opening *opening, const struct address *address,
			    const char *text)
{
	struct listeners *listeners = opening->listeners;
	struct listener *listener;

	if (listeners->count == LISTENERS_MAX) {
		errno = EMFILE;
		return BROKEN;
	}
	listener = take_over(opening, address);
	if (!listener)
		listener = listener_new(opening->loop, address, opening->options,
					opening->on_accept, opening->ctx);
	if (!listener)
		return BROKEN;
	listeners->items[listeners->count++] = listener;
	log_info("listening on %s", text);
	return OK;
}

/* ---- TCP ---- */

static void open_tcp(struct opening *opening, const struct address *address)
{
	char text[80];

	address_print(address, text, sizeof(text));
	opening->wanted++;
	if (open_one(opening, address, text) != OK)
		log_warning("cannot listen on %s: %s", text, strerror(errno));
}

static void open_name(struct opening *opening, struct slice name)
{
	struct addrinfo hints = { .ai_flags = AI_PASSIVE,
				  .ai_family = AF_UNSPEC,
				  .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	char host[256], port[16];
	int error = EAI_NONAME;

	opening->wanted++;
	snprintf(port, sizeof(port), "%d", opening->settings->listen_port);
	if (name.len < sizeof(host)) {
		snprintf(host, sizeof(host), "%.*s", (int)name.len, name.data);
		error = getaddrinfo(host, port, &hints, &found);
	}
	if (error) {
		log_warning("cannot look up listen_addr \"%.*s\": %s", (int)name.len, name.data,
			    gai_strerror(error));
		return;
	}
	for (struct addrinfo *info = found; info; info = info->ai_next) {
		struct address address = { .len = 0 };

		if (info->ai_addrlen > sizeof(address.v6))
			continue;
		memcpy(&address.any, info->ai_addr, info->ai_addrlen);
		address.len = info->ai_addrlen;
		open_tcp(opening, &address);
	}
	freeaddrinfo(found);
}

static void open_listen_addr(struct opening *opening, struct slice name)
{
	struct address address;

	if (slice_equal(name, SLICE_LITERAL("*"))) {
		open_listen_addr(opening, SLICE_LITERAL("0.0.0.0"));
		open_listen_addr(opening, SLICE_LITERAL("::"));
	} else if (address_parse(name, opening->settings->listen_port, &address) == OK) {
		open_tcp(opening, &address);
	} else {
		open_name(opening, name);
	}
}

static enum result open_all_tcp(struct opening *opening)
{
	struct slice rest = slice_of(opening->settings->listen_addr), name;
	size_t before = opening->listeners->count;

	while (slice_next_field(&rest, ',', &name))
		if (name.len)
			open_listen_addr(opening, name);
	if (opening->wanted == 0 || opening->listeners->count > before)
		return OK;
	log_fatal("cannot listen on any address");
	return BROKEN;
}

/* ---- Unix ---- */

/* PostgreSQL's own lock file beside a socket of that name. */
static bool is_locked(const struct address *address)
{
	char path[sizeof(address->unix_path.sun_path) + 8];

	if (address->unix_path.sun_path[0] == '\0')
		return false;
	snprintf(path, sizeof(path), "%s.lock", address->unix_path.sun_path);
	return access(path, F_OK) == 0;
}

static enum result open_unix(struct opening *opening)
{
	const char *folder = opening->settings->unix_socket_dir;
	int port = opening->settings->listen_port;
	struct address address;
	char text[160];

	if (!*folder)
		return OK;
	snprintf(text, sizeof(text), "unix:%s/.s.PGSQL.%d", folder, port);
	if (address_unix(slice_of(folder), port, &address) != OK) {
		log_fatal("unix_socket_dir \"%s\" is too long for a socket", folder);
		return BROKEN;
	}
	if (is_locked(&address)) {
		log_fatal("unix port %d is in use", port);
		return BROKEN;
	}
	if (open_one(opening, &address, text) == OK)
		return OK;
	if (errno == EADDRINUSE)
		log_fatal("unix socket is in use, cannot continue");
	else
		log_fatal("cannot listen on %s: %s", text, strerror(errno));
	return BROKEN;
}

enum result listeners_open(struct listeners *listeners, struct loop *loop,
			   const struct settings *settings,
			   void (*on_accept)(void *ctx, int fd, const struct address *peer),
			   void *ctx)
{
	const struct listener_options options = {
		.backlog = settings->listen_backlog,
		.defer_accept = settings->tcp_defer_accept,
		.reuse_port = settings->so_reuseport,
		.unix_mode = settings->unix_socket_mode,
		.unix_group = settings->unix_socket_group,
	};
	struct opening opening = { .listeners = listeners,
				   .loop = loop,
				   .settings = settings,
				   .options = &options,
				   .on_accept = on_accept,
				   .ctx = ctx };

	if (open_unix(&opening) == OK && open_all_tcp(&opening) == OK) {
		if (listeners->count == 0) {
			log_fatal("nothing to listen on: listen_addr and unix_socket_dir are "
				  "empty");
			return BROKEN;
		}
		listeners_tune(listeners, settings);
		return OK;
	}
	listeners_close(listeners);
	return BROKEN;
}

enum result listeners_adopt(struct listeners *listeners, struct loop *loop,
			    const struct settings *settings, unsigned passed,
			    void (*on_accept)(void *ctx, int fd, const struct address *peer),
			    void *ctx)
{
	char text[80];

	log_warning("sockets were passed by systemd: listen_addr and unix_socket_dir are not "
		    "listened on");
	for (unsigned i = 0; i < passed && i < LISTENERS_MAX; i++) {
		int fd = SYSTEMD_FIRST_SOCKET + (int)i;
		struct listener *listener = listener_adopt(loop, fd, on_accept, ctx);

		if (!listener) {
			log_fatal("cannot listen on socket %d passed by systemd: %s", fd,
				  strerror(errno));
			listeners_close(listeners);
			return BROKEN;
		}
		listeners->items[listeners->count++] = listener;
		address_print(listener_address(listener), text, sizeof(text));
		log_info("listening on %s (passed by systemd)", text);
	}
	listeners_tune(listeners, settings);
	return OK;
}

/* ---- later ---- */

void listeners_close(struct listeners *listeners)
{
	while (listeners->count)
		listener_free(listeners->items[--listeners->count]);
}

void listeners_own_files(struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->count; i++)
		listener_own_file(listeners->items[i]);
}

void listeners_give_up(struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->count; i++)
		listener_disown_file(listeners->items[i]);
	listeners_close(listeners);
}

void listeners_close_tcp(struct listeners *listeners)
{
	size_t kept = 0;

	for (size_t i = 0; i < listeners->count; i++) {
		if (address_is_unix(listener_address(listeners->items[i])))
			listeners->items[kept++] = listeners->items[i];
		else
			listener_free(listeners->items[i]);
	}
	listeners->count = kept;
}

void listeners_suspend(struct listeners *listeners, bool suspended)
{
	for (size_t i = 0; i < listeners->count; i++) {
		if (suspended)
			listener_pause(listeners->items[i]);
		else
			listener_resume(listeners->items[i]);
	}
}

void listeners_tune(struct listeners *listeners, const struct settings *settings)
{
	const struct socket_options options = socket_options_of(settings);

	for (size_t i = 0; i < listeners->count; i++)
		listener_tune(listeners->items[i], &options, settings->tcp_defer_accept);
}
