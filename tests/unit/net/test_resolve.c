#include "net/resolve.h"

#include <stdlib.h>
#include <strings.h>

#include "base/log.h"
#include "net/zones.h"
#include "net_test.h"

/*
 * A name server of our own: answers A questions for names beginning with 'g' and tells the serial
 * of zones, or keeps silent.
 */
struct server {
	int fd;
	int questions, soa_questions;
	unsigned char serial;
	bool silent;
	char conf[32]; /* path of a resolv.conf that names it */
};

static void server_start(struct server *server)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	FILE *file;
	int fd;

	*server = (struct server){ .fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0) };
	CHECK(bind(server->fd, (struct sockaddr *)&at, sizeof(at)) == 0);
	CHECK(getsockname(server->fd, (struct sockaddr *)&at, &len) == 0);
	strcpy(server->conf, "/tmp/test_resolve_XXXXXX");
	fd = mkstemp(server->conf);
	file = fdopen(fd, "w");
	fprintf(file, "nameserver 127.0.0.1:%d\noptions timeout:1 attempts:1\n",
		ntohs(at.sin_port));
	fclose(file);
}

static void server_stop(struct server *server)
{
	close(server->fd);
	unlink(server->conf);
}

/* Answers one question if there is one (RFC 1035 section 4.1). */
static void server_turn(struct server *server)
{
	unsigned char packet[600];
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	ssize_t n = recvfrom(server->fd, packet, 512, 0, (struct sockaddr *)&from, &len);
	size_t name = 12, end;

	if (n < 17)
		return;
	for (end = name; end < (size_t)n && packet[end]; end += packet[end] + 1u)
		;
	end += 5;
	if (server->silent)
		return;
	packet[2] = 0x81;
	packet[3] = packet[13] == 'g' ? 0x80 : 0x83; /* no error; no such name */
	memset(packet + 6, 0, 6);
	if (packet[13] == 'g' && packet[end - 3] == 1) { /* type A */
		static const unsigned char answer[] = { 0xc0, 12, 0, 1, 0,  1, 0, 0,
							0,    9,  0, 4, 10, 1, 2, 3 };

		server->questions++;
		packet[7] = 1;
		memcpy(packet + end, answer, sizeof(answer));
		end += sizeof(answer);
	}
	if (packet[end - 3] == 6) { /* type SOA; beside the question, behind it */
		static const unsigned char soa[] = { 0xc0, 12, 0, 6,  0, 1, 0,
						     0,	   0,  9, 0, 22, 0, 0 };

		server->soa_questions++;
		packet[7] = 1;
		memcpy(packet + end, soa, sizeof(soa));
		memset(packet + end + sizeof(soa), 0, 20);
		packet[end + sizeof(soa) + 3] = server->serial;
		end += sizeof(soa) + 20;
	}
	sendto(server->fd, packet, end, 0, (struct sockaddr *)&from, len);
}

struct asker {
	int answers;
	unsigned count;
	bool has_error;
	struct address first;
};

static void on_answer(void *ctx, const struct resolve_answer *answer)
{
	struct asker *asker = ctx;

	asker->answers++;
	asker->count = answer->count;
	asker->has_error = answer->error != NULL;
	if (answer->count)
		asker->first = answer->addresses[0];
}

#define SERVE_UNTIL(condition)                                                                     \
	do {                                                                                       \
		for (int serve_i = 0; serve_i < 4000 && !(condition); serve_i++) {                 \
			server_turn(&server);                                                      \
			turn(loop);                                                                \
			if (!(condition))                                                          \
				sleep_ms(1);                                                       \
		}                                                                                  \
		CHECK(condition);                                                                  \
	} while (0)

TEST(numbers_and_localhost_need_no_server)
{
	struct loop *loop = loop_new();
	struct resolver *resolver = resolver_new(loop, NULL, span_seconds(15), span_seconds(15));
	struct asker asker = { 0 };
	char text[64];

	CHECK(resolver_ask(resolver, "10.9.8.7", 5432, on_answer, &asker) != NULL);
	CHECK_INT_EQ(asker.answers, 0);
	turn(loop);
	CHECK_INT_EQ(asker.answers, 1);
	CHECK_TEXT_EQ(address_print(&asker.first, text, sizeof(text)), "10.9.8.7:5432");
	CHECK_UINT_EQ(resolver_names(resolver), 0);
	CHECK(resolver_ask(resolver, "LocalHost", 1, on_answer, &asker) != NULL);
	turn(loop);
	CHECK_INT_EQ(asker.answers, 2);
	CHECK_TEXT_EQ(address_print(&asker.first, text, sizeof(text)), "127.0.0.1:1");
	CHECK_UINT_EQ(resolver_names(resolver), 1);
	resolver_free(resolver);
	loop_free(loop);
}

TEST(a_name_is_asked_for_once_and_remembered)
{
	struct server server;
	struct loop *loop = loop_new();
	struct resolver *resolver;
	struct asker one = { 0 }, two = { 0 }, three = { 0 };
	char text[64];

	server_start(&server);
	resolver = resolver_new(loop, server.conf, span_seconds(15), span_seconds(15));
	REQUIRE(resolver != NULL);
	CHECK(resolver_ask(resolver, "good.example.", 5432, on_answer, &one) != NULL);
	CHECK(resolver_ask(resolver, "good.example.", 5433, on_answer, &two) != NULL);
	CHECK_UINT_EQ(resolver_pending(resolver), 1);
	SERVE_UNTIL(one.answers && two.answers);
	CHECK_TEXT_EQ(address_print(&one.first, text, sizeof(text)), "10.1.2.3:5432");
	CHECK_TEXT_EQ(address_print(&two.first, text, sizeof(text)), "10.1.2.3:5433");
	CHECK(!one.has_error);
	CHECK(resolver_ask(resolver, "good.example.", 1, on_answer, &three) != NULL);
	CHECK_UINT_EQ(resolver_pending(resolver), 0);
	turn(loop);
	CHECK_INT_EQ(three.answers, 1);
	CHECK_UINT_EQ(three.count, 1);
	CHECK_INT_EQ(server.questions, 1);
	resolver_free(resolver);
	server_stop(&server);
	loop_free(loop);
}

TEST(answers_expire)
{
	struct server server;
	struct loop *loop = loop_new();
	struct resolver *resolver;
	struct asker asker = { 0 };

	server_start(&server);
	resolver = resolver_new(loop, server.conf, span_ms(5), span_ms(5));
	CHECK(resolver_ask(resolver, "good.example.", 1, on_answer, &asker) != NULL);
	SERVE_UNTIL(asker.answers == 1);
	sleep_ms(10);
	turn(loop);
	CHECK(resolver_ask(resolver, "good.example.", 1, on_answer, &asker) != NULL);
	SERVE_UNTIL(asker.answers == 2);
	CHECK_INT_EQ(server.questions, 2);
	resolver_free(resolver);
	server_stop(&server);
	loop_free(loop);
}

TEST(a_name_that_does_not_exist_is_an_error_and_remembered)
{
	struct server server;
	struct loop *loop = loop_new();
	struct resolver *resolver;
	struct asker asker = { 0 };

	server_start(&server);
	resolver = resolver_new(loop, server.conf, span_seconds(15), span_seconds(15));
	CHECK(resolver_ask(resolver, "bad.example.", 1, on_answer, &asker) != NULL);
	SERVE_UNTIL(asker.answers == 1);
	CHECK_UINT_EQ(asker.count, 0);
	CHECK(asker.has_error);
	CHECK(resolver_ask(resolver, "bad.example.", 1, on_answer, &asker) != NULL);
	turn(loop);
	CHECK_INT_EQ(asker.answers, 2);
	CHECK(asker.has_error);
	resolver_free(resolver);
	server_stop(&server);
	loop_free(loop);
}

TEST(a_silent_server_is_an_error_in_the_end)
{
	struct log_target quiet = { .quiet = true };
	struct server server;
	struct loop *loop = loop_new();
	struct resolver *resolver;
	struct asker asker = { 0 };

	CHECK(log_open(&quiet) == OK);
	server_start(&server);
	server.silent = true;
	resolver = resolver_new(loop, server.conf, span_seconds(15), span_seconds(15));
	CHECK(resolver_ask(resolver, "good.example.", 1, on_answer, &asker) != NULL);
	SERVE_UNTIL(asker.answers == 1);
	CHECK(asker.has_error);
	resolver_free(resolver);
	server_stop(&server);
	loop_free(loop);
}

TEST(a_cancelled_request_is_not_answered)
{
	struct server server;
	struct loop *loop = loop_new();
	struct resolver *resolver;
	struct asker one = { 0 }, two = { 0 };
	struct resolve_request *request;

	server_start(&server);
	resolver = resolver_new(loop, server.conf, span_seconds(15), span_seconds(15));
	request = resolver_ask(resolver, "good.example.", 1, on_answer, &one);
	CHECK(resolver_ask(resolver, "good.example.", 1, on_answer, &two) != NULL);
	resolver_cancel(request);
	request = resolver_ask(resolver, "1.2.3.4", 1, on_answer, &one);
	resolver_cancel(request);
	SERVE_UNTIL(two.answers == 1);
	CHECK_INT_EQ(one.answers, 0);
	resolver_free(resolver);
	server_stop(&server);
	loop_free(loop);
}

TEST(freeing_with_a_question_under_way)
{
	struct server server;
	struct loop *loop = loop_new();
	struct resolver *resolver;
	struct asker asker = { 0 };
	struct resolve_request *request;

	server_start(&server);
	server.silent = true;
	resolver = resolver_new(loop, server.conf, span_seconds(15), span_seconds(15));
	request = resolver_ask(resolver, "good.example.", 1, on_answer, &asker);
	turn(loop);
	resolver_cancel(request);
	CHECK_UINT_EQ(resolver_pending(resolver), 1);
	resolver_free(resolver);
	server_stop(&server);
	loop_free(loop);
}

TEST(no_memory_is_no_answer)
{
	WITH_EACH_FAULT(nth)
	{
		struct loop *loop = loop_new();
		struct resolver *resolver = NULL;
		struct resolve_request *request = NULL;
		struct asker asker = { 0 };

		if (loop)
			resolver = resolver_new(loop, NULL, span_seconds(1), span_seconds(1));
		if (resolver)
			request = resolver_ask(resolver, "localhost", 1, on_answer, &asker);
		if (request) {
			turn(loop);
			CHECK_INT_EQ(asker.answers, 1);
		}
		resolver_free(resolver);
		loop_free(loop);
	}
}

TEST(names_can_be_listed_and_kept_shorter)
{
	struct server server;
	struct loop *loop = loop_new();
	struct resolver *resolver;
	struct resolved_name name;
	struct asker one = { 0 }, two = { 0 };
	size_t cursor = 0;

	server_start(&server);
	resolver = resolver_new(loop, server.conf, span_seconds(15), span_seconds(15));
	REQUIRE(resolver != NULL);
	CHECK(!resolver_next(resolver, &cursor, &name));
	CHECK(resolver_ask(resolver, "good.example.", 5432, on_answer, &one) != NULL);
	cursor = 0;
	CHECK(resolver_next(resolver, &cursor, &name));
	CHECK_INT_EQ(name.left.us, 0);
	SERVE_UNTIL(one.answers);
	cursor = 0;
	CHECK(resolver_next(resolver, &cursor, &name));
	CHECK_TEXT_EQ(name.host, "good.example.");
	CHECK_UINT_EQ(name.count, 1);
	CHECK(name.left.us > span_seconds(10).us && name.left.us <= span_seconds(15).us);
	CHECK(!resolver_next(resolver, &cursor, &name));
	resolver_tune(resolver, span_seconds(1), span_seconds(0));
	CHECK(resolver_ask(resolver, "bad.example.", 5432, on_answer, &two) != NULL);
	SERVE_UNTIL(two.answers);
	CHECK(two.has_error);
	for (cursor = 0; resolver_next(resolver, &cursor, &name);)
		if (strcmp(name.host, "bad.example.") == 0)
			CHECK(name.count == 0 && name.left.us == 0);
	resolver_free(resolver);
	server_stop(&server);
	loop_free(loop);
}

static struct watched_zone only_zone(struct resolver *resolver)
{
	struct watched_zone zone = { 0 }, second;
	const void *cursor = NULL;

	CHECK(zones_next(resolver_zones(resolver), &cursor, &zone));
	CHECK(!zones_next(resolver_zones(resolver), &cursor, &second));
	return zone;
}

TEST(a_zone_that_changes_has_its_names_looked_up_anew)
{
	struct loop *loop = loop_new();
	struct server server;
	struct resolver *resolver;
	struct asker asker = { 0 };

	server_start(&server);
	resolver = resolver_new(loop, server.conf, span_seconds(1000), span_seconds(1000));
	CHECK(resolver_ask(resolver, "good.example.org", 1, on_answer, &asker) != NULL);
	CHECK(resolver_ask(resolver, "great.Example.org", 1, on_answer, &asker) != NULL);
	CHECK(resolver_ask(resolver, "nodot", 1, on_answer, &asker) != NULL);
	SERVE_UNTIL(asker.answers == 3);
	CHECK_INT_EQ(zones_len(resolver_zones(resolver)), 0);
	server.questions = 0;
	server.serial = 7;
	resolver_watch_zones(resolver, span_ms(20));
	CHECK(strcasecmp(only_zone(resolver).name, "example.org") == 0);
	CHECK_INT_EQ(only_zone(resolver).names, 2);
	CHECK(!only_zone(resolver).known);
	SERVE_UNTIL(server.soa_questions >= 3);
	CHECK_UINT_EQ(only_zone(resolver).serial, 7);
	CHECK(resolver_ask(resolver, "good.example.org", 1, on_answer, &asker) != NULL);
	SERVE_UNTIL(asker.answers == 4);
	CHECK_INT_EQ(server.questions, 0);

	server.serial = 8;
	SERVE_UNTIL(only_zone(resolver).serial == 8);
	CHECK(resolver_ask(resolver, "good.example.org", 1, on_answer, &asker) != NULL);
	SERVE_UNTIL(asker.answers == 5);
	CHECK(server.questions > 0);

	/* A name server that keeps silent is no change; off is off. */
	server.silent = true;
	for (int i = 0; i < 100; i++) {
		server_turn(&server);
		turn(loop);
		sleep_ms(1);
	}
	CHECK_UINT_EQ(only_zone(resolver).serial, 8);
	resolver_watch_zones(resolver, span_seconds(0));
	CHECK_INT_EQ(zones_len(resolver_zones(resolver)), 0);
	resolver_free(resolver);
	server_stop(&server);
	loop_free(loop);
}
