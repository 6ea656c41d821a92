/* Connections a trusted proxy passes on: whose they are, and what is not taken for a header. */

#include <stdlib.h>

#include "session/session_test.h"

#define VERSION_3 (3u << 16)
#define TCP4	  "PROXY TCP4 192.0.2.7 10.0.0.1 4711 6432\r\n"
#define TCP6	  "PROXY TCP6 2001:db8::7 ::1 4711 6432\r\n"
#define LOCAL	  "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"
#define PROXIES	  .settings = "auth_type = trust\nproxy_protocol_from = 10.0.0.0/8, unix"

/* A connection that seems to come from there. */
static int connect_from(struct stage *stage, const char *host)
{
	struct address peer;
	int ends[2];

	CHECK(address_parse(slice_of(host), 999, &peer) == OK);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
	roster_accept(stage->roster, ends[1], &peer);
	return ends[0];
}

/* head, then a start-up packet of alice's, in one. */
static void send_startup(struct stage *stage, int fd, struct slice head)
{
	struct buffer out = BUFFER_EMPTY;

	buffer_append_slice(&out, head);
	write_startup(&out, VERSION_3,
		      (const char *const[]){ "user", "alice", "database", "db", NULL });
	bare_send_buffer(stage, fd, &out);
	turns(stage, 20);
}

static bool is_in(int fd)
{
	return strstr(bare_got(fd), "Z(I)") != NULL;
}

/* What log lines call alice's address. */
static const char *address_of(struct stage *stage)
{
	const struct session *session = session_of(stage, "alice");
	const char *at = session ? strchr(session_prefix(session), '@') : NULL;

	return at ? at : "nobody";
}

TEST(the_client_is_whom_the_header_names)
{
	STAGE(stage, PROXIES);
	int fd = connect_from(&stage, "10.1.2.3");

	send_startup(&stage, fd, SLICE_LITERAL(TCP4));
	CHECK(is_in(fd));
	CHECK_TEXT_EQ(address_of(&stage), "@192.0.2.7:4711");
	close(fd);
	turns(&stage, 5);
	fd = bare_connect(&stage);
	send_startup(&stage, fd, SLICE_LITERAL(TCP6));
	CHECK(is_in(fd));
	CHECK_TEXT_EQ(address_of(&stage), "@[2001:db8::7]:4711");
	close(fd);
	stage_release(&stage);
}

TEST(a_header_may_come_byte_by_byte)
{
	STAGE(stage, PROXIES);
	static const char header[] = TCP4;
	int fd = connect_from(&stage, "10.1.2.3");

	for (size_t i = 0; i < sizeof(header) - 1; i++)
		bare_send(&stage, fd, header + i, 1);
	send_startup(&stage, fd, SLICE_NONE);
	CHECK(is_in(fd));
	CHECK_TEXT_EQ(address_of(&stage), "@192.0.2.7:4711");
	close(fd);
	stage_release(&stage);
}

TEST(a_proxy_that_speaks_for_itself_is_its_own_client)
{
	STAGE(stage, PROXIES);
	int fd = bare_connect(&stage);

	send_startup(&stage, fd, SLICE_LITERAL("PROXY UNKNOWN\r\n"));
	CHECK(is_in(fd));
	close(fd);
	fd = bare_connect(&stage);
	send_startup(&stage, fd, SLICE_LITERAL(LOCAL));
	CHECK(is_in(fd));
	close(fd);
	stage_release(&stage);
}

TEST(without_a_header_a_proxy_is_not_let_in)
{
	STAGE(stage, PROXIES);
	static const struct slice heads[] = { SLICE_NONE, SLICE_LITERAL("GET / HTTP/1.0\r\n"),
					      SLICE_LITERAL("\0\0\0\x08\x04\xd2\x16\x2f" TCP4),
					      SLICE_LITERAL("\x16\x03\x01\x02\0"),
					      SLICE_LITERAL("PROXY TCP4 1 2 3 4\r\n") };

	for (size_t i = 0; i < COUNT_OF(heads); i++) {
		int fd = connect_from(&stage, "10.1.2.3");

		send_startup(&stage, fd, heads[i]);
		CHECK_TEXT_EQ(bare_got(fd), "closed");
		close(fd);
	}
	CHECK_UINT_EQ(roster_clients(stage.roster), 0);
	stage_release(&stage);
}

TEST(a_header_is_said_once)
{
	STAGE(stage, PROXIES);
	int fd = connect_from(&stage, "10.1.2.3");

	send_startup(&stage, fd, SLICE_LITERAL(TCP4 TCP4));
	CHECK(strstr(bare_got(fd), "closed"));
	CHECK_UINT_EQ(roster_clients(stage.roster), 0);
	close(fd);
	stage_release(&stage);
}

TEST(from_elsewhere_no_header_is_taken)
{
	STAGE(stage, .settings = "auth_type = trust\nproxy_protocol_from = 10.0.0.0/8, ::1");
	int fd = connect_from(&stage, "11.0.0.1");

	send_startup(&stage, fd, SLICE_LITERAL(TCP4));
	CHECK(strstr(bare_got(fd), "closed"));
	close(fd);
	fd = bare_connect(&stage);
	send_startup(&stage, fd, SLICE_NONE);
	CHECK(is_in(fd));
	close(fd);
	stage_release(&stage);
}

TEST(a_header_that_does_not_come_is_not_waited_for_long)
{
	STAGE(stage, PROXIES);
	int64_t begin = clock_us();
	int fd = connect_from(&stage, "10.1.2.3");

	bare_send(&stage, fd, "PROXY ", 6);
	while (roster_clients(stage.roster) > 0 && clock_us() - begin < 50000000)
		stage_turn(&stage);
	CHECK_TEXT_EQ(bare_got(fd), "closed");
	CHECK_INT_EQ((clock_us() - begin) / 1000000, 10);
	close(fd);
	stage_release(&stage);
}

/* Settings with these rules in a file of its own. */
static const char *write_rules(const char *rules, char *file)
{
	static char text[256];
	int fd = mkstemp(file);

	CHECK(write(fd, rules, strlen(rules)) == (ssize_t)strlen(rules));
	close(fd);
	snprintf(text, sizeof(text),
		 "auth_type = hba\nauth_hba_file = %s\nproxy_protocol_from = 10.0.0.0/8, unix",
		 file);
	return text;
}

TEST(rules_are_for_the_client_named)
{
	char file[] = "/tmp/pgcarwash-rules-XXXXXX";
	STAGE(stage, .settings = write_rules("host all all 192.0.2.7/32 trust\n"
					     "local all all peer\n",
					     file));
	int fd = connect_from(&stage, "10.1.2.3");

	unlink(file);
	send_startup(&stage, fd, SLICE_LITERAL(TCP4));
	CHECK(is_in(fd));
	close(fd);
	fd = connect_from(&stage, "10.1.2.3");
	send_startup(&stage, fd, SLICE_LITERAL(TCP6));
	CHECK_TEXT_EQ(bare_got(fd), "E(FATAL 08P01) closed");
	close(fd);
	/* Nobody who comes through a proxy is the user who runs it. */
	fd = bare_connect(&stage);
	send_startup(&stage, fd, SLICE_LITERAL(LOCAL));
	CHECK_TEXT_EQ(bare_got(fd), "E(FATAL 08P01) closed");
	close(fd);
	stage_release(&stage);
}
