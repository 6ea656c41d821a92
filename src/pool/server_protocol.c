/*
 * Which version of the protocol a server is asked for and what it says to that (PostgreSQL docs,
 * "Protocol Flow", Start-up, and NegotiateProtocolVersion). Called by the login; owns nothing.
 *
 * 3.2 differs in nothing but longer cancel keys, which are kept as they come. So whatever older
 * minor version a server settles for is good.
 */

#include "base/log.h"
#include "pool_internal.h"
#include "wire/notice.h"
#include "wire/startup.h"

uint32_t server_protocol_ask(struct server *server)
{
	const struct database *database = server->pool->database;
	enum server_protocol   wanted = database->settings->server_protocol;

	server->protocol = PROTOCOL_3_2;
	/* A client waits for this very server: there is no second try. */
	if (wanted == SERVER_PROTOCOL_3_0 || database->old_protocol ||
	    (wanted == SERVER_PROTOCOL_AUTO && server->dedicated))
		server->protocol = PROTOCOL_3_0;
	return server->protocol;
}

enum result server_protocol_negotiated(struct server *server, struct slice body)
{
	uint32_t version, unknown;

	/* We name no options, so it cannot know any of them not. */
	if (startup_read_negotiate(body, &version, &unknown) != OK || unknown > 0 ||
	    version < PROTOCOL_3_0 || version > server->protocol)
		return BROKEN;
	server->protocol = version;
	return OK;
}

/* What PostgreSQL before 9.3 and poolers say to a version they do not know. */
static bool is_refusal(struct slice error)
{
	struct notice_view view;

	return notice_read(error, &view) == OK &&
	       (slice_equal(view.sqlstate, SLICE_LITERAL("0A000")) ||
		slice_equal(view.sqlstate, SLICE_LITERAL("08P01")));
}

bool server_protocol_steps_down(struct server *server, struct slice error)
{
	struct database *database = server->pool->database;

	if (server->state != SERVER_LOGIN || server->answered ||
	    server->protocol < PROTOCOL_3_2 ||
	    database->settings->server_protocol != SERVER_PROTOCOL_AUTO)
		return false;
	if (error.data && !is_refusal(error))
		return false;
	database->old_protocol = true;
	return true;
}
