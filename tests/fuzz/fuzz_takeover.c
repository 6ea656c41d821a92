/*
 * An online restart from an old process that says anything. The input is pieces: a byte whose upper
 * bit tells that a descriptor comes along and whose rest is the piece's length, then the piece. All
 * of it is what the old process answers, from our login on. Whatever it is, clients that were
 * adopted are gone when their other end is, and every descriptor is closed.
 */
#include <dirent.h>
#include <pthread.h>
#include <string.h>

#include "fuzz.h"

#define CHECK_UINT_EQ(a, b) CHECK((a) == (b))
#include "admin/console_test.h"
#include "daemon/takeover.h"
#include "net/pass.h"

#define WITH_DESCRIPTOR 0x80
#define PORT		1
#define CLIENTS_MAX	16
#define TURNS		8

static char folder[] = "/tmp/fuzz_takeover.XXXXXX";
static int listener = -1;

struct old_process {
	struct slice answers;
	int clients[CLIENTS_MAX]; /* the ends that stay here */
	unsigned client_count;
};

static void remove_folder(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/.s.PGSQL.%d", folder, PORT);
	unlink(path);
	rmdir(folder);
}

static void listen_once(void)
{
	struct address address;

	if (listener >= 0)
		return;
	CHECK(mkdtemp(folder));
	atexit(remove_folder);
	CHECK(address_unix(slice_of(folder), PORT, &address) == OK);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(listener >= 0 && bind(listener, &address.any, address.len) == 0);
	CHECK(listen(listener, 8) == 0);
}

static enum result send_piece(int socket, struct slice piece, struct old_process *old, bool with)
{
	int ends[2] = { -1, -1 };
	enum result result;

	if (with && piece.len % 16 == 15) {
		/* What is no socket is no client. */
		ends[1] = open("/dev/null", O_RDWR | O_CLOEXEC);
	} else if (with && old->client_count < CLIENTS_MAX) {
		CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
		old->clients[old->client_count++] = ends[0];
	}
	result = pass_send(socket, piece, ends[1], span_seconds(5));
	if (ends[1] >= 0)
		close(ends[1]);
	return result;
}

static void *answer(void *ctx)
{
	struct old_process *old = ctx;
	struct slice rest = old->answers;
	int socket = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	enum result result = OK;

	CHECK(socket >= 0);
	while (rest.len > 1 && result == OK) {
		unsigned head = (uint8_t)rest.data[0];
		size_t len = head & ~(unsigned)WITH_DESCRIPTOR;

		len = len < rest.len - 1 ? len : rest.len - 1;
		result = send_piece(socket, (struct slice){ rest.data + 1, len }, old,
				    head & WITH_DESCRIPTOR);
		rest.data += len + 1;
		rest.len -= len + 1;
	}
	/* What was asked meanwhile is read, so that closing the socket does not undo the answers.
	 */
	shutdown(socket, SHUT_WR);
	while (read(socket, (char[512]){ 0 }, 512) > 0)
		;
	close(socket);
	return NULL;
}

static unsigned open_descriptors(void)
{
	DIR *list = opendir("/proc/self/fd");
	unsigned count = 0;

	CHECK(list);
	while (readdir(list))
		count++;
	closedir(list);
	return count;
}

static void take_over(struct console *console, struct old_process *old)
{
	struct takeover *takeover;
	struct address address;
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, answer, old) == 0);
	takeover = takeover_begin(console->settings);
	if (takeover) {
		CHECK(address_parse(SLICE_LITERAL("127.0.0.1"), 5432, &address) == OK);
		CHECK(takeover_listener(takeover, &address) < 0);
		takeover_clients(takeover, console->roster);
		(void)!takeover_finish(takeover);
	}
	takeover_free(takeover);
	pthread_join(thread, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct old_process old = { .answers = { (const char *)data, size } };
	unsigned before;
	struct console console;
	char ini[256];

	if (size > 100000)
		return 0;
	listen_once();
	before = open_descriptors();
	snprintf(ini, sizeof(ini),
		 "[databases]\ndb = host=/nowhere\nsession = host=/nowhere pool_mode=session\n"
		 "[pgcarwash]\nauth_type = any\nunix_socket_dir = %s\nlisten_port = %d\n",
		 folder, PORT);
	CHECK(console_start(&console, ini));
	take_over(&console, &old);
	for (unsigned i = 0; i < old.client_count; i++)
		close(old.clients[i]);
	for (int i = 0; i < TURNS; i++)
		console_turn(&console);
	CHECK(roster_clients(console.roster) == 0);
	console_finish(&console);
	CHECK(open_descriptors() == before);
	return 0;
}
