/*
 * All that a stranger can send to a session: the first byte of an input chooses how clients have
 * to prove themselves, the second how the rest is cut into pieces. Whatever it is, the session
 * is gone and counted out when the stranger is, and no server is opened for one who cannot have
 * proved himself.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "session/roster.h"
#include "session/service.h"
#include "stage/stage.h"

static const char *const methods[] = {
	"auth_type = any", "auth_type = trust",		"auth_type = plain",
	"auth_type = md5", "auth_type = scram-sha-256",
};

/* From here on a proof depends on what we said, which no stored input can know. */
#define FIRST_SAFE_METHOD 3

static struct stage stage;
static const struct settings *settings[COUNT_OF(methods)];

/* ---- a console that listens and says nothing ---- */

static bool may_enter(void *ctx, const struct service_login *login, bool *skip_authentication)
{
	(void)ctx;
	*skip_authentication = slice_equal(login->user, SLICE_LITERAL("owner"));
	return !slice_equal(login->user, SLICE_LITERAL("nobody"));
}

static void write_welcome(void *ctx, struct buffer *out)
{
	(void)ctx;
	(void)out;
}

static void *open_visit(void *ctx, struct session *session, const struct service_login *login)
{
	(void)login;
	(void)session;
	CHECK(login->authenticated);
	return ctx;
}

static void on_message(void *visit, const struct message *message)
{
	CHECK(visit != NULL && message_is_whole(message));
}

static void on_gone(void *visit)
{
	CHECK(visit != NULL);
}

static const char *const names[] = { "console", NULL };
static const struct service service = {
	.names = names,
	.ctx = &stage,
	.may_enter = may_enter,
	.write_welcome = write_welcome,
	.open = open_visit,
	.on_message = on_message,
	.on_cancel = on_gone,
	.close = on_gone,
};

/* ---- one stranger ---- */

static void clear_stage(void)
{
	for (size_t i = 0; i < COUNT_OF(methods); i++)
		settings_unref(settings[i]);
	stage_release(&stage);
}

static void set_stage(void)
{
	static const struct stage_setup setup = { .databases = "db = : user=alice\nother = :" };

	if (stage.loop)
		return;
	CHECK(stage_init(&stage, &setup));
	for (size_t i = 0; i < COUNT_OF(methods); i++)
		CHECK((settings[i] = stage_load(&stage, NULL, methods[i])) != NULL);
	roster_add_service(stage.roster, &service);
	atexit(clear_stage);
}

static int come(void)
{
	struct address peer = { .unix_path.sun_family = AF_UNIX, .len = sizeof(sa_family_t) };
	int ends[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
	roster_accept(stage.roster, ends[1], &peer);
	return ends[0];
}

static void hear(int fd)
{
	char bytes[4096];

	while (recv(fd, bytes, sizeof(bytes), 0) > 0)
		;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t piece, n, method;
	unsigned servers;
	int fd;

	if (size < 2 || size > 100000)
		return 0;
	set_stage();
	method = data[0] % COUNT_OF(methods);
	servers = stage.postgres.started;
	roster_reload(stage.roster, settings[method]);
	piece = data[1] ? data[1] : size;
	/* Not so many turns for so many bytes. */
	if (piece < size / 64)
		piece = size / 64;
	data += 2;
	size -= 2;
	fd = come();
	for (; size > 0; data += n, size -= n) {
		n = size < piece ? size : piece;
		if (send(fd, data, n, MSG_NOSIGNAL) < 0)
			break;
		stage_turn(&stage);
		hear(fd);
	}
	for (int i = 0; i < 4; i++)
		stage_turn(&stage);
	hear(fd);
	close(fd);
	/* A stream that was full is read again a turn later, and meets its end then. */
	for (int i = 0; i < 6; i++)
		stage_turn(&stage);
	CHECK(roster_clients(stage.roster) == 0);
	CHECK(roster_logging_in(stage.roster) == 0);
	CHECK(method < FIRST_SAFE_METHOD || stage.postgres.started == servers);
	return 0;
}
