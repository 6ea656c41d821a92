/* The packets before the first message: what is taken, what is refused, what is negotiated. */

#include "session/session_test.h"

#define VERSION_3 (3u << 16)

static const char *start_with(struct stage *stage, uint32_t version, const char *const *pairs)
{
	struct buffer out = BUFFER_EMPTY;
	static char got[4096];
	int fd = bare_connect(stage);

	write_startup(&out, version, pairs);
	bare_send_buffer(stage, fd, &out);
	turns(stage, 10);
	snprintf(got, sizeof(got), "%s", bare_got(fd));
	close(fd);
	turns(stage, 2);
	return got;
}

#define START(stage, ...) start_with(stage, VERSION_3, (const char *const[]){ __VA_ARGS__, NULL })

/* Only what differs from welcome to welcome. */
static bool is_welcome(const char *got)
{
	size_t len = strlen(got);

	return len > 7 && got[0] == 'R' && strcmp(got + len - 7, "K Z(I) ") == 0;
}

TEST(user_and_database)
{
	STAGE(stage, .databases = "db = :\nalice = :");

	CHECK(is_welcome(START(&stage, "user", "alice", "database", "db")));
	/* Without a name of a database the user's is meant. */
	CHECK(is_welcome(START(&stage, "user", "alice")));
	CHECK(is_welcome(START(&stage, "user", "alice", "database", "")));
	CHECK_TEXT_EQ(START(&stage, "user", "bob"), "E(FATAL 08P01) closed");
	CHECK_TEXT_EQ(START(&stage, "database", "db"), "E(FATAL 08P01) closed");
	CHECK_TEXT_EQ(START(&stage, "user", "", "database", "db"), "E(FATAL 08P01) closed");
	stage_release(&stage);
}

TEST(names_have_a_length)
{
	STAGE(stage, .databases = "* = : user=alice", .settings = "auth_type = any");
	char name[200];

	memset(name, 'n', sizeof(name));
	name[127] = '\0';
	CHECK(is_welcome(START(&stage, "user", name, "database", "db")));
	CHECK(is_welcome(START(&stage, "user", "alice", "database", name)));
	name[127] = 'n';
	name[128] = '\0';
	CHECK_TEXT_EQ(START(&stage, "user", name, "database", "db"), "E(FATAL 08P01) closed");
	CHECK_TEXT_EQ(START(&stage, "user", "alice", "database", name), "E(FATAL 08P01) closed");
	stage_release(&stage);
}

TEST(settings_come_in_two_forms_of_options)
{
	STAGE(stage, .settings = "");

	client_new(&stage, "a",
		   "login user=alice database=db options=-cTimeZone=CET\n"
		   "welcome TimeZone=CET\n");
	client_new(&stage, "b",
		   "login user=alice database=db options=--application-name=x\\\\y\n"
		   "welcome application_name=x\\y\n");
	/* What has a name of its own counts more, wherever it stands (process_startup_options). */
	client_new(&stage, "c",
		   "login user=alice database=db TimeZone=UTC options=--TimeZone=CET\n"
		   "welcome TimeZone=UTC\n");
	play(&stage);
	CHECK_TEXT_EQ(
		START(&stage, "user", "alice", "database", "db", "options", "-x TimeZone=CET"),
		"E(FATAL 08P01) closed");
	CHECK_TEXT_EQ(START(&stage, "user", "alice", "database", "db", "options", "-c TimeZone"),
		      "E(FATAL 08P01) closed");
	stage_release(&stage);
}

TEST(an_encoding_is_spelled_in_one_way)
{
	STAGE(stage, .settings = "");

	client_new(&stage, "a",
		   "login user=alice database=db client_encoding=utf-8\n"
		   "welcome client_encoding=UTF8\n");
	client_new(&stage, "b",
		   "login user=alice database=db client_encoding=Unicode\n"
		   "welcome client_encoding=UTF8\n");
	client_new(&stage, "c",
		   "login user=alice database=db client_encoding=LATIN1\n"
		   "welcome client_encoding=LATIN1\n");
	play(&stage);
	stage_release(&stage);
}

TEST(what_is_to_be_ignored_is)
{
	STAGE(stage, .settings = "ignore_startup_parameters = nonsense, options");

	client_new(&stage, "a", "login user=alice database=db nonsense=1 options=-x\n" ASKS);
	play(&stage);
	stage_release(&stage);
}

TEST(replication_is_what_postgresql_takes_it_for)
{
	STAGE(stage, .settings = "");

	CHECK(is_welcome(START(&stage, "user", "alice", "database", "db", "replication", "false")));
	CHECK(is_welcome(START(&stage, "user", "alice", "database", "db", "replication", "OFF")));
	CHECK(is_welcome(
		START(&stage, "user", "alice", "database", "db", "replication", "database")));
	CHECK(is_welcome(START(&stage, "user", "alice", "database", "db", "replication", "1")));
	CHECK_TEXT_EQ(START(&stage, "user", "alice", "database", "db", "replication", "perhaps"),
		      "E(FATAL 08P01) closed");
	stage_release(&stage);
}

TEST(newer_protocols_and_options_are_negotiated)
{
	STAGE(stage, .settings = "");
	const char *pairs[80] = { "user", "alice", "database", "db" };
	char names[34][24];
	const char *got;

	CHECK(is_welcome(start_with(&stage, VERSION_3 | 2, pairs)));
	got = start_with(&stage, VERSION_3 | 1, pairs);
	CHECK(got[0] == 'v' && is_welcome(got + 2));
	got = start_with(&stage, VERSION_3 | 3, pairs);
	CHECK(got[0] == 'v' && is_welcome(got + 2));
	for (int i = 0; i < 34; i++) {
		snprintf(names[i], sizeof(names[i]), "_pq_.%d", i);
		pairs[4 + 2 * i] = names[i];
		pairs[5 + 2 * i] = "1";
	}
	got = start_with(&stage, VERSION_3, pairs);
	CHECK(got[0] == 'v' && is_welcome(got + 2));
	stage_release(&stage);
}

TEST(every_unknown_option_is_named)
{
	STAGE(stage, .settings = "");
	struct buffer out = BUFFER_EMPTY;
	char got[64];
	int fd = bare_connect(&stage);

	write_startup(&out, VERSION_3,
		      (const char *const[]){ "user", "alice", "database", "db", "_pq_.a", "1",
					     "_pq_.b", "2", NULL });
	bare_send_buffer(&stage, fd, &out);
	CHECK(recv(fd, got, 27, 0) == 27);
	CHECK_BYTES_EQ(got, "v\0\0\0\x1a\0\3\0\0\0\0\0\2_pq_.a\0_pq_.b\0", 27);
	close(fd);
	stage_release(&stage);
}

TEST(encryption_is_declined_once)
{
	STAGE(stage, .settings = "");
	static const char ssl[] = { 0, 0, 0, 8, 4, (char)210, 22, 47 };
	static const char gss[] = { 0, 0, 0, 8, 4, (char)210, 22, 48 };
	struct buffer out = BUFFER_EMPTY;
	char answer;
	int fd = bare_connect(&stage);

	bare_send(&stage, fd, ssl, 8);
	CHECK(recv(fd, &answer, 1, 0) == 1 && answer == 'N');
	bare_send(&stage, fd, gss, 8);
	CHECK(recv(fd, &answer, 1, 0) == 1 && answer == 'N');
	write_startup(&out, VERSION_3,
		      (const char *const[]){ "user", "alice", "database", "db", NULL });
	bare_send_buffer(&stage, fd, &out);
	turns(&stage, 10);
	CHECK(is_welcome(bare_got(fd)));
	close(fd);

	fd = bare_connect(&stage);
	bare_send(&stage, fd, ssl, 8);
	CHECK(recv(fd, &answer, 1, 0) == 1 && answer == 'N');
	bare_send(&stage, fd, ssl, 8);
	CHECK_TEXT_EQ(bare_got(fd), "E(FATAL 08P01) closed");
	close(fd);
	stage_release(&stage);
}

TEST(nothing_may_be_piled_behind_a_request_for_encryption)
{
	STAGE(stage, .settings = "");
	static const char both[] = { 0, 0, 0, 8, 4, (char)210, 22, 47, 'x' };
	int fd = bare_connect(&stage);

	bare_send(&stage, fd, both, 9);
	CHECK_TEXT_EQ(bare_got(fd), "E(FATAL 08P01) closed");
	close(fd);
	stage_release(&stage);
}

static void check_refused(struct stage *stage, const void *bytes, size_t len)
{
	int fd = bare_connect(stage);

	bare_send(stage, fd, bytes, len);
	CHECK_TEXT_EQ(bare_got(fd), "E(FATAL 08P01) closed");
	close(fd);
}

TEST(other_first_packets_are_refused)
{
	STAGE(stage, .settings = "");

	check_refused(&stage, "\0\0\0\x08\0\2\0\0", 8);		      /* protocol 2 */
	check_refused(&stage, "\0\0\0\x08\0\7\0\0", 8);		      /* protocol 7 */
	check_refused(&stage, "\0\0\0\x04\0\3\0\0", 8);		      /* too short */
	check_refused(&stage, "\x7f\0\0\0\0\3\0\0", 8);		      /* too long */
	check_refused(&stage, "\x16\3\1\0\1\1", 6);		      /* TLS at once */
	check_refused(&stage, "\0\0\0\x0e\0\3\0\0user\0a", 14);	      /* no end */
	check_refused(&stage, "\0\0\0\x12\0\3\0\0user\0a\0\0zz", 18); /* more behind the end */
	CHECK_INT_EQ(roster_clients(stage.roster), 0);
	stage_release(&stage);
}

TEST(it_may_come_in_pieces)
{
	STAGE(stage, .settings = "");
	struct buffer out = BUFFER_EMPTY;
	int fd = bare_connect(&stage);

	write_startup(&out, VERSION_3,
		      (const char *const[]){ "user", "alice", "database", "db", NULL });
	for (size_t i = 0; i < out.len; i++)
		bare_send(&stage, fd, out.data + i, 1);
	buffer_release(&out);
	turns(&stage, 10);
	CHECK(is_welcome(bare_got(fd)));
	close(fd);
	stage_release(&stage);
}
