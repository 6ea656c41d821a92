/* Sessions at a service, as the console is one. */

#include "session/service.h"
#include "session/session_test.h"
#include "wire/result.h"

/* A service that answers 'Q' with a tag, and does what the text says. */
static struct {
	struct session *session;
	bool refuses, fails, opened, closed;
	unsigned messages, cancels;
} visited;

static bool may_enter(void *ctx, const struct service_login *login, bool *skip_authentication)
{
	(void)ctx;
	*skip_authentication = login->own_user;
	return !visited.refuses;
}

static void write_welcome(void *ctx, struct buffer *out)
{
	(void)ctx;
	result_write_parameter(out, SLICE_LITERAL("server_version"), SLICE_LITERAL("1"));
}

static void *open_visit(void *ctx, struct session *session, const struct service_login *login)
{
	(void)ctx;
	CHECK(login->authenticated);
	if (visited.fails)
		return NULL;
	visited.opened = true;
	visited.session = session;
	return &visited;
}

static void answer(const char *tag)
{
	struct buffer out = BUFFER_EMPTY;

	result_write_tag(&out, slice_of(tag));
	result_write_ready(&out, 'I');
	service_reply(visited.session, buffer_slice(&out));
	buffer_release(&out);
}

static void answer_much(void)
{
	static char much[300000];
	struct buffer out = BUFFER_EMPTY;
	size_t mark = result_write_row_begin(&out, 1);

	memset(much, 'x', sizeof(much));
	result_write_value(&out, (struct slice){ much, sizeof(much) });
	result_write_row_end(&out, mark);
	service_reply(visited.session, buffer_slice(&out));
	buffer_release(&out);
	answer("MUCH");
}

static void on_message(void *visit, const struct message *message)
{
	CHECK(visit == &visited);
	CHECK(message_is_whole(message));
	visited.messages++;
	if (message->type != 'Q')
		return;
	if (strncmp(message->body.data, "HOLD", 4) == 0)
		service_hold(visited.session);
	else if (strncmp(message->body.data, "MUCH", 4) == 0)
		answer_much();
	else if (strncmp(message->body.data, "END", 3) == 0)
		session_end(visited.session, END_ADMIN_KILL, NULL);
	else
		answer("DONE");
}

static void on_cancel(void *visit)
{
	CHECK(visit == &visited);
	visited.cancels++;
	service_release(visited.session);
	answer("CANCELLED");
}

static void close_visit(void *visit)
{
	CHECK(visit == &visited);
	visited.closed = true;
}

static const char *const names[] = { "console", "pgcarwash", NULL };
static const struct service service = {
	.names = names,
	.may_enter = may_enter,
	.write_welcome = write_welcome,
	.open = open_visit,
	.on_message = on_message,
	.on_cancel = on_cancel,
	.close = close_visit,
};

#define CONSOLE "login user=admin database=console\n"

#define SERVICE_STAGE(stage, ...)                                                                  \
	STAGE(stage, __VA_ARGS__);                                                                 \
	memset(&visited, 0, sizeof(visited));                                                      \
	roster_add_service(stage.roster, &service)

TEST(messages_go_to_the_service)
{
	SERVICE_STAGE(stage, .settings = "auth_type = plain");

	/* The daemon's own user over a Unix socket needs no password, if the service says so. */
	stage.password = "wrong";
	client_new(&stage, "a",
		   CONSOLE "welcome server_version=1\n"
			   "> Q(SHOW)\n< C(DONE) Z(I)\n> Q(SHOW)\n< C(DONE) Z(I)\n"
			   "> X\neof\n");
	play(&stage);
	CHECK(visited.opened && visited.closed);
	CHECK_INT_EQ(visited.messages, 2);
	stage_release(&stage);
}

TEST(who_may_not_enter_does_not)
{
	SERVICE_STAGE(stage, .settings = "");

	visited.refuses = true;
	client_new(&stage, "a", "start user=admin database=console\n< E(FATAL 08P01)\neof\n");
	play(&stage);
	CHECK(!visited.opened && !visited.closed);
	stage_release(&stage);
}

TEST(a_visit_that_cannot_be_opened_is_refused)
{
	SERVICE_STAGE(stage, .settings = "");

	visited.fails = true;
	client_new(&stage, "a", "start user=admin database=pgcarwash\n< E(FATAL 53200)\neof\n");
	play(&stage);
	CHECK(!visited.closed);
	CHECK_INT_EQ(roster_logging_in(stage.roster), 0);
	stage_release(&stage);
}

TEST(it_may_take_its_time)
{
	SERVICE_STAGE(stage, .settings = "");

	client_new(&stage, "a",
		   CONSOLE "> Q(HOLD) Q(SHOW)\nmark a\nawait c\n"
			   "< C(CANCELLED) Z(I) C(DONE) Z(I)\n");
	client_new(&stage, "c", "await a\nwait 100\ncancel a\neof\nmark c\n");
	while (!stage_is_marked(&stage, "a"))
		stage_turn(&stage);
	turns(&stage, 5);
	CHECK_INT_EQ(visited.messages, 1);
	play(&stage);
	CHECK_INT_EQ(visited.cancels, 1);
	CHECK_INT_EQ(visited.messages, 2);
	stage_release(&stage);
}

TEST(it_may_end_the_session)
{
	SERVICE_STAGE(stage, .settings = "");

	client_new(&stage, "a", CONSOLE "> Q(END) Q(SHOW)\n< E(FATAL 08P01)\neof\n");
	play(&stage);
	CHECK(visited.closed);
	CHECK_INT_EQ(visited.messages, 1);
	stage_release(&stage);
}

TEST(long_answers_wait_for_their_reader)
{
	SERVICE_STAGE(stage, .settings = "");
	struct session_facts facts;

	client_new(&stage, "a",
		   CONSOLE "hold\n> Q(MUCH) Q(MUCH) Q(MUCH) Q(MUCH) Q(SHOW)\nmark a\n"
			   "await go\nresume\n"
			   "< D(x*300000) C(MUCH) Z(I) D(x*300000) C(MUCH) Z(I)\n"
			   "< D(x*300000) C(MUCH) Z(I) D(x*300000) C(MUCH) Z(I)\n"
			   "< C(DONE) Z(I)\n");
	while (!stage_is_marked(&stage, "a"))
		stage_turn(&stage);
	turns(&stage, 20);
	session_facts(session_of(&stage, "admin"), &facts);
	CHECK(visited.messages < 4);
	CHECK(stream_out_len(facts.stream) < 2 * 300000);
	stage_mark(&stage, "go");
	play(&stage);
	stage_release(&stage);
}

TEST(it_is_sent_no_message_that_is_too_long)
{
	SERVICE_STAGE(stage, .settings = "");
	struct client *client = client_new(&stage, "a", CONSOLE "mark a\n< E(FATAL 08P01)\neof\n");

	while (!stage_is_marked(&stage, "a"))
		stage_turn(&stage);
	buffer_append(&client->out, "Q\0\2\0\0", 5);
	play(&stage);
	CHECK_INT_EQ(visited.messages, 0);
	CHECK(visited.closed);
	stage_release(&stage);
}

TEST(it_is_open_when_nothing_else_is)
{
	SERVICE_STAGE(stage, .settings = "max_client_conn = 1");

	client_new(&stage, "a", ALICE "mark a\nawait b\n" ASKS);
	client_new(&stage, "b", "await a\n" CONSOLE "> Q(SHOW)\n< C(DONE) Z(I)\nmark b\n");
	play(&stage);
	roster_shut_down(stage.roster);
	client_new(&stage, "c", CONSOLE "> Q(SHOW)\n< C(DONE) Z(I)\n");
	play(&stage);
	stage_release(&stage);
}
