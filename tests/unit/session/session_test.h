#ifndef SESSION_TEST_H
#define SESSION_TEST_H

/*
 * Sessions on a stage (tests/stage): scripts for clients that behave, and bare sockets for what
 * no script can say.
 */

#include <sys/socket.h>
#include <unistd.h>

#include "net/stream.h"
#include "pool/pools.h"
#include "session/roster.h"
#include "stage/clock.h"
#include "stage/stage.h"
#include "test.h"
#include "wire/startup.h"
#include "wire/writer.h"

#define ALICE "login user=alice database=db\n"
#define BOB   "login user=bob database=db\n"
#define ASKS  "> Q(SELECT 1)\n< T D(1) C(SELECT) Z(I)\n"

/* A stage whose settings are these lines. */
#define STAGE(stage, ...)                                                                          \
	const struct stage_setup setup = { __VA_ARGS__ };                                          \
	struct stage stage;                                                                        \
	REQUIRE(stage_init(&stage, &setup))

/* Everybody plays to the end, and the end is what the scripts say. */
static inline void play(struct stage *stage)
{
	bool over = stage_play(stage);

	LIST_EACH(&stage->clients, node)
	{
		const struct client *client = CONTAINER_OF(node, struct client, node);
		int len = (int)strcspn(client->line, "\n");

		if (client->state != CLIENT_DONE)
			FAIL("%s %s at \"%.*s\"", client->name,
			     client->state == CLIENT_ACTING ? "is stuck" : client->why, len,
			     client->line);
	}
	CHECK(over);
	CHECK_TEXT_EQ(stage->postgres.complaint, "");
}

static inline void turns(struct stage *stage, int count)
{
	while (count--)
		stage_turn(stage);
}

/* The session of this user, NULL when there is none. */
static inline struct session *session_of(struct stage *stage, const char *user)
{
	struct session *session = NULL;
	struct session_facts facts;

	while ((session = roster_next(stage->roster, session))) {
		session_facts(session, &facts);
		if (strcmp(facts.user, user) == 0)
			return session;
	}
	return NULL;
}

/* ---- bare sockets ---- */

static inline int bare_connect(struct stage *stage)
{
	struct address peer = { .unix_path.sun_family = AF_UNIX, .len = sizeof(sa_family_t) };
	int ends[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
	roster_accept(stage->roster, ends[1], &peer);
	return ends[0];
}

static inline void bare_send(struct stage *stage, int fd, const void *data, size_t len)
{
	CHECK(send(fd, data, len, MSG_NOSIGNAL) == (ssize_t)len);
	turns(stage, 3);
}

static inline void bare_send_buffer(struct stage *stage, int fd, struct buffer *bytes)
{
	bare_send(stage, fd, bytes->data, bytes->len);
	buffer_release(bytes);
}

/* A StartupMessage of pairs "name", "value", ..., NULL. */
static inline void write_startup(struct buffer *out, uint32_t version, const char *const *pairs)
{
	size_t mark = startup_write_begin(out, version);

	for (; *pairs; pairs += 2)
		startup_write_pair(out, slice_of(pairs[0]), slice_of(pairs[1]));
	startup_write_end(out, mark);
}

/* What was received, message by message as scripts write them, "closed" at the end. */
static inline const char *bare_got(int fd)
{
	static char text[4096];
	static char bytes[1 << 20];
	struct buffer got = BUFFER_EMPTY;
	ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
	ssize_t at = 0, len;
	char more;

	for (; n > 0 && at + 5 <= n; at += len + 1) {
		len = (ssize_t)((unsigned char)bytes[at + 3] << 8 | (unsigned char)bytes[at + 4]);
		client_render(&got, bytes[at], (struct slice){ bytes + at + 5, (size_t)len - 4 });
		buffer_append_text(&got, " ");
	}
	if (n == 0 || recv(fd, &more, 1, 0) == 0)
		buffer_append_text(&got, "closed");
	snprintf(text, sizeof(text), "%.*s", (int)got.len, got.data ? got.data : "");
	buffer_release(&got);
	return text;
}

#endif
