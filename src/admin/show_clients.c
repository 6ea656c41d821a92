/*
 * SHOW CLIENTS, SERVERS, SOCKETS and ACTIVE_SOCKETS: one row a connection, whatever its kind.
 * What is known of a session and of a server is brought into one struct row first, so that
 * columns are written in one place. Owns nothing beyond a call.
 */

#include "admin/show_internal.h"
#include "net/address.h"
#include "net/stream.h"
#include "pool/database.h"
#include "pool/pools.h"
#include "session/roster.h"

struct row {
	const char *type; /* "C" or "S" */
	const char *user, *database, *state;
	const char *socket_state;    /* as SHOW SOCKETS says it behind "cl_" or "sv_" */
	const struct stream *stream; /* NULL while a server is being dialled */
	struct moment connected, requested, waiting_since;
	bool close_needed;
	enum replication replication;
	const void *self, *link;
	int64_t remote_pid;
	struct slice application_name;
	unsigned prepared;
	uint64_t id;
};

/* ---- from sessions and servers to rows ---- */

static int64_t peer_pid(const struct stream *stream, int64_t otherwise)
{
	struct peer peer;

	if (stream && address_is_unix(stream_peer(stream)) &&
	    address_peer(stream_fd(stream), &peer) == OK)
		return peer.pid;
	return otherwise;
}

/* false: not to be shown, for it is still logging in, or gone. */
static bool client_row(const struct session *session, bool all, struct row *row)
{
	struct session_facts facts;

	session_facts(session, &facts);
	if (facts.state == SESSION_LEAVING)
		return false;
	/* Proven, and in its pool's queue for the first server: it waits like any other. */
	if (facts.state == SESSION_PROVING && !moment_is_never(facts.waiting_since))
		facts.state = SESSION_WAITING;
	if (!all && (facts.state == SESSION_GREETING || facts.state == SESSION_PROVING))
		return false;
	*row = (struct row){
		.type = "C",
		.user = facts.user,
		.database = facts.database,
		.state = session_state_name(facts.state),
		.socket_state = session_state_name(facts.state == SESSION_IDLE ? SESSION_SERVED
									       : facts.state),
		.stream = facts.stream,
		.connected = facts.connected,
		.requested = moment_is_never(facts.requested) ? facts.connected : facts.requested,
		.waiting_since = facts.waiting_since,
		.close_needed = facts.close_needed,
		.replication = facts.replication,
		.self = session,
		.link = facts.server,
		.remote_pid = peer_pid(facts.stream, 0),
		.application_name = facts.application_name,
		.prepared = facts.statements,
		.id = facts.id,
	};
	return true;
}

static void server_row(const struct server *server, struct row *row)
{
	const struct pool *pool = server_pool(server);
	struct server_facts facts;

	server_facts(server, &facts);
	*row = (struct row){
		.type = "S",
		.user = pool_user(pool),
		.database = database_name(pool_database(pool)),
		.state = server_state_name(facts.state),
		.socket_state = facts.state == SERVER_CONNECTING || facts.state == SERVER_LOGIN
					? "login"
					: server_state_name(facts.state),
		.stream = facts.stream,
		.connected = facts.connected,
		.requested = moment_is_never(facts.requested) ? facts.connected : facts.requested,
		.waiting_since = MOMENT_NEVER,
		.close_needed = facts.close_needed,
		.replication = facts.replication,
		.self = server,
		.link = facts.link,
		.remote_pid = peer_pid(facts.stream, facts.pid),
		.application_name = facts.application_name,
		.prepared = facts.prepared,
		.id = facts.id,
	};
}

/* ---- columns ---- */

/* The reference says "unix" and the listening port for both ends of a Unix socket. */
static void put_address(struct admin *admin, struct table *table, const struct address *address)
{
	char host[64];

	if (!address) {
		table_text(table, "");
		table_number(table, 0);
		return;
	}
	table_text(table, address_host(address, host, sizeof(host)));
	table_number(table, address_is_unix(address) ? admin->settings->listen_port
						     : address_port(address));
}

static void put_wait(struct admin *admin, struct table *table, struct moment since)
{
	struct span wait = { 0 };

	if (!moment_is_never(since))
		wait = moment_between(since, loop_now(admin->loop));
	table_number(table, wait.us / 1000000);
	table_number(table, wait.us % 1000000);
}

static void put_common(struct admin *admin, struct table *table, const struct row *row)
{
	table_text(table, row->type);
	table_text(table, row->user);
	table_text(table, row->database);
	table_text(table, replication_name(row->replication));
	table_text(table, row->state);
	put_address(admin, table, row->stream ? stream_peer(row->stream) : NULL);
	put_address(admin, table, row->stream ? stream_local(row->stream) : NULL);
	table_time(table, admin, row->connected);
	table_time(table, admin, row->requested);
	put_wait(admin, table, row->waiting_since);
	table_number(table, row->close_needed);
	table_pointer(table, row->self);
	table_pointer(table, row->link);
	table_number(table, row->remote_pid);
	table_text(table, row->stream ? stream_tls_info(row->stream) : "");
	table_slice(table, row->application_name.data ? row->application_name : SLICE_LITERAL(""));
	table_number(table, row->prepared);
	table_number(table, (int64_t)row->id);
}

#define COMMON_COLUMNS                                                                             \
	TEXT("type"), TEXT("user"), TEXT("database"), TEXT("replication"), TEXT("state"),          \
		TEXT("addr"), INT4("port"), TEXT("local_addr"), INT4("local_port"),                \
		TEXT("connect_time"), TEXT("request_time"), INT4("wait"), INT4("wait_us"),         \
		INT4("close_needed"), TEXT("ptr"), TEXT("link"), INT4("remote_pid"), TEXT("tls"),  \
		TEXT("application_name"), INT4("prepared_statements"), INT4("id")

static const struct result_column common_columns[] = { COMMON_COLUMNS };

/* ---- CLIENTS, SERVERS ---- */

static enum result clients_rows(struct admin *admin, struct table *table)
{
	const struct session *session = NULL;
	struct row row;

	while ((session = roster_next(admin->roster, session))) {
		if (!client_row(session, false, &row))
			continue;
		table_row(table);
		put_common(admin, table, &row);
		table_row_end(table);
	}
	return OK;
}

const struct show show_clients = {
	.name = "CLIENTS",
	.help = "The clients that are logged in, one row each.",
	COLUMNS(common_columns),
	.rows = clients_rows,
};

/* Walks all servers of all pools: *pool NULL gives the first, NULL at the end. */
static const struct server *next_server(const struct admin *admin, const struct pool **pool,
					const struct server *server)
{
	if (*pool)
		server = pool_next_server(*pool, server);
	while (!server) {
		*pool = pools_next_pool(admin->pools, *pool);
		if (!*pool)
			return NULL;
		server = pool_next_server(*pool, NULL);
	}
	return server;
}

static enum result servers_rows(struct admin *admin, struct table *table)
{
	const struct pool *pool = NULL;
	const struct server *server = NULL;
	struct row row;

	while ((server = next_server(admin, &pool, server))) {
		server_row(server, &row);
		table_row(table);
		put_common(admin, table, &row);
		table_row_end(table);
	}
	return OK;
}

const struct show show_servers = {
	.name = "SERVERS",
	.help = "The connections to PostgreSQL, one row each.",
	COLUMNS(common_columns),
	.rows = servers_rows,
};

/* ---- SOCKETS ---- */

static void put_socket(struct admin *admin, struct table *table, struct row *row, bool active_only)
{
	size_t unread = row->stream ? stream_input(row->stream).len : 0;
	size_t unsent = row->stream ? stream_out_len(row->stream) : 0;
	struct row shown = *row;
	char state[32];

	if (active_only && !unread && !unsent)
		return;
	snprintf(state, sizeof(state), "%s_%s", row->type[0] == 'C' ? "cl" : "sv",
		 row->socket_state);
	shown.state = state;
	table_row(table);
	put_common(admin, table, &shown);
	table_number(table, (int64_t)unread); /* recv_pos */
	table_number(table, 0);		      /* pkt_pos */
	table_number(table, 0);		      /* pkt_remain */
	table_number(table, 0);		      /* send_pos */
	table_number(table, (int64_t)unsent); /* send_remain */
	table_number(table, (int64_t)unread); /* pkt_avail */
	table_number(table, (int64_t)unsent); /* send_avail */
	table_row_end(table);
}

static void put_sockets(struct admin *admin, struct table *table, bool active_only)
{
	const struct session *session = NULL;
	const struct pool *pool = NULL;
	const struct server *server = NULL;
	struct row row;

	while ((session = roster_next(admin->roster, session)))
		if (client_row(session, true, &row))
			put_socket(admin, table, &row, active_only);
	while ((server = next_server(admin, &pool, server))) {
		server_row(server, &row);
		put_socket(admin, table, &row, active_only);
	}
}

static enum result sockets_rows(struct admin *admin, struct table *table)
{
	put_sockets(admin, table, false);
	return OK;
}

static enum result active_sockets_rows(struct admin *admin, struct table *table)
{
	put_sockets(admin, table, true);
	return OK;
}

static const struct result_column sockets_columns[] = {
	COMMON_COLUMNS,	  INT4("recv_pos"),    INT4("pkt_pos"),	  INT4("pkt_remain"),
	INT4("send_pos"), INT4("send_remain"), INT4("pkt_avail"), INT4("send_avail"),
};

const struct show show_sockets = {
	.name = "SOCKETS",
	.help = "All connections, those still logging in included, with the bytes that wait in "
		"their buffers.",
	COLUMNS(sockets_columns),
	.rows = sockets_rows,
};

const struct show show_active_sockets = {
	.name = "ACTIVE_SOCKETS",
	.help = "SHOW SOCKETS, but only those with bytes in their buffers.",
	COLUMNS(sockets_columns),
	.rows = active_sockets_rows,
};
