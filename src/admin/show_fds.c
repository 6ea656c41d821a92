/*
 * SHOW FDS: the sockets a successor can take over (online restart), and SHOW FD_STATES, what it
 * must know to go on with the clients among them. To our own user on the Unix socket each row of
 * FDS brings the descriptor along; if that client has suspended us, the clients that can go on
 * elsewhere are marked, and are let go when it sends SHUTDOWN WAIT_FOR_CLIENTS.
 *
 * Rows that bring a descriptor are sent one by one, waiting for who takes them: the loop stands
 * still meanwhile. Secrets are in the answer to our own user only.
 */

#include "admin/show_internal.h"
#include "auth/scram.h"
#include "net/address.h"
#include "net/stream_tls.h"
#include "pool/database.h"
#include "pool/pools.h"
#include "session/handover.h"
#include "session/roster.h"
#include "track/conversation.h"

struct fd_row {
	int fd, link;
	const char *task, *user, *database;
	const struct address *address; /* of the other side; a listener's own */
	struct slice key;
	const struct varset *settings; /* NULL: none */
	const struct scram_keys *keys; /* NULL: none */
};

/* ---- FDS ---- */

static bool gets_descriptors(const struct admin *admin)
{
	return admin->shown && admin->shown->own_user;
}

/* The first eight bytes as a number: longer keys are in FD_STATES. */
static uint64_t key_number(struct slice key)
{
	uint64_t number = 0;

	for (size_t i = 0; i < 8 && i < key.len; i++)
		number = number << 8 | (uint8_t)key.data[i];
	return number;
}

static void put_setting(struct table *table, const struct varset *settings, struct slice name)
{
	table_slice(table, settings ? varset_value(settings, name) : SLICE_NONE);
}

static struct slice key_bytes(const uint8_t *key)
{
	return (struct slice){ (const char *)key, SCRAM_KEY_LEN };
}

static void put_address(struct admin *admin, struct table *table, const struct address *address)
{
	char host[64];

	table_text(table, address_host(address, host, sizeof(host)));
	table_number(table, address_is_unix(address) ? admin->settings->listen_port
						     : address_port(address));
}

static void put_secrets(struct admin *admin, struct table *table, const struct fd_row *row)
{
	table_null(table); /* password: a successor reads the same files */
	if (row->keys && gets_descriptors(admin)) {
		table_bytes(table, key_bytes(row->keys->client_key));
		table_bytes(table, key_bytes(row->keys->server_key));
	} else {
		table_null(table);
		table_null(table);
	}
}

/* Sends the row with its descriptor, if the client is to get it. */
static enum result pass_row(struct admin *admin, struct table *table, int fd)
{
	enum result result;

	if (table->out->failed)
		return BROKEN;
	if (!gets_descriptors(admin))
		return OK;
	result = service_pass(admin->shown->session, buffer_slice(table->out), fd);
	if (table->out->data)
		explicit_bzero(table->out->data, table->out->len);
	buffer_clear(table->out);
	return result;
}

static enum result put_row(struct admin *admin, struct table *table, const struct fd_row *row)
{
	table_row(table);
	table_number(table, row->fd);
	table_text(table, row->task);
	table_text(table, row->user);
	table_text(table, row->database);
	put_address(admin, table, row->address);
	table_number(table, gets_descriptors(admin) ? (int64_t)key_number(row->key) : 0);
	table_number(table, row->link);
	put_setting(table, row->settings, SLICE_LITERAL("client_encoding"));
	put_setting(table, row->settings, SLICE_LITERAL("standard_conforming_strings"));
	put_setting(table, row->settings, SLICE_LITERAL("DateStyle"));
	put_setting(table, row->settings, SLICE_LITERAL("TimeZone"));
	put_secrets(admin, table, row);
	table_row_end(table);
	return pass_row(admin, table, row->fd);
}

struct listener_walk {
	struct admin *admin;
	struct table *table;
	enum result result;
};

static void put_listener(void *ctx, int fd, const struct address *address)
{
	struct listener_walk *walk = ctx;
	struct fd_row row = { .fd = fd, .task = "pooler", .address = address };

	if (walk->result == OK)
		walk->result = put_row(walk->admin, walk->table, &row);
}

static int link_fd(const struct server *server)
{
	struct server_facts facts;

	if (!server)
		return 0;
	server_facts(server, &facts);
	return facts.stream ? stream_fd(facts.stream) : 0;
}

/* False: it is not among those to be told of. */
static bool client_row(const struct session *session, struct fd_row *row)
{
	struct session_facts facts;

	session_facts(session, &facts);
	if (!facts.conversation || stream_is_secured(facts.stream))
		return false;
	*row = (struct fd_row){
		.fd = stream_fd(facts.stream),
		.link = link_fd(facts.server),
		.task = "client",
		.user = facts.user,
		.database = facts.database,
		.address = stream_peer(facts.stream),
		.key = facts.key,
		.settings = conversation_wants(facts.conversation),
		.keys = pool_learned_keys(facts.pool),
	};
	return true;
}

static enum result put_clients(struct admin *admin, struct table *table)
{
	bool marks = gets_descriptors(admin) && admin->suspender == admin->shown;
	struct session *session = NULL;
	struct fd_row row;

	while ((session = roster_next(admin->roster, session))) {
		if (!client_row(session, &row))
			continue;
		if (put_row(admin, table, &row) != OK)
			return BROKEN;
		if (marks && handover_is_possible(session))
			handover_mark(session);
	}
	return OK;
}

static bool server_row(const struct server *server, struct fd_row *row)
{
	struct server_facts facts;

	server_facts(server, &facts);
	if (!facts.stream || facts.state <= SERVER_LOGIN || stream_is_secured(facts.stream))
		return false;
	*row = (struct fd_row){
		.fd = stream_fd(facts.stream),
		.task = "server",
		.user = pool_user(server_pool(server)),
		.database = database_name(pool_database(server_pool(server))),
		.address = stream_peer(facts.stream),
	};
	return true;
}

static enum result put_servers(struct admin *admin, struct table *table)
{
	struct pool *pool = NULL;
	struct server *server;
	struct fd_row row;

	while ((pool = pools_next_pool(admin->pools, pool))) {
		server = NULL;
		while ((server = pool_next_server(pool, server)))
			if (server_row(server, &row) && put_row(admin, table, &row) != OK)
				return BROKEN;
	}
	return OK;
}

static enum result fds_rows(struct admin *admin, struct table *table)
{
	struct listener_walk walk = { admin, table, OK };

	admin->actions->each_listener(admin->actions->ctx, put_listener, &walk);
	if (walk.result != OK || put_clients(admin, table) != OK || put_servers(admin, table) != OK)
		return BROKEN;
	if (gets_descriptors(admin) && admin->suspender == admin->shown)
		admin->shown->took_over = true;
	return OK;
}

static const struct result_column fds_columns[] = {
	INT4("fd"),		    TEXT("task"),
	TEXT("user"),		    TEXT("database"),
	TEXT("addr"),		    INT4("port"),
	INT8("cancel"),		    INT4("link"),
	TEXT("client_encoding"),    TEXT("std_strings"),
	TEXT("datestyle"),	    TEXT("timezone"),
	TEXT("password"),	    BYTEA("scram_client_key"),
	BYTEA("scram_server_key"),
};

const struct show show_fds = {
	.name = "FDS",
	.help = "The sockets that an online restart (`-R`) may take over: `pooler` for those we "
		"listen on, `client`, `server`; encrypted ones are left out. Our own user on the "
		"Unix socket gets the descriptors along with the rows, and keys; the program "
		"stands still meanwhile.",
	.level = LEVEL_STEER,
	COLUMNS(fds_columns),
	.rows = fds_rows,
};

/* ---- FD_STATES ---- */

struct state_walk {
	struct table *table;
	int fd;
};

static void put_state(const struct state_walk *walk, const char *kind, struct slice name,
		      struct slice value)
{
	table_row(walk->table);
	table_number(walk->table, walk->fd);
	table_text(walk->table, kind);
	table_bytes(walk->table, name.data ? name : SLICE_LITERAL(""));
	table_bytes(walk->table, value.data ? value : SLICE_LITERAL(""));
	table_row_end(walk->table);
}

static void put_statement(void *ctx, struct slice name, struct slice signature)
{
	put_state(ctx, "statement", name, signature);
}

/* What the keys in FDS were derived with. */
static void put_recipe(const struct state_walk *walk, const struct scram_keys *keys)
{
	char iterations[16];

	if (!keys)
		return;
	snprintf(iterations, sizeof(iterations), "%u", keys->recipe.iterations);
	put_state(walk, "scram", slice_of(iterations),
		  (struct slice){ (const char *)keys->recipe.salt, keys->recipe.salt_len });
}

static void put_states(struct table *table, const struct session *session)
{
	struct session_facts facts;
	struct state_walk walk;
	struct slice name, value;
	unsigned index = 0;

	session_facts(session, &facts);
	walk = (struct state_walk){ table, stream_fd(facts.stream) };
	put_state(&walk, "key", SLICE_NONE, facts.key);
	put_recipe(&walk, pool_learned_keys(facts.pool));
	while (varset_next(conversation_wants(facts.conversation), &index, &name, &value))
		put_state(&walk, "setting", name, value);
	conversation_each_statement(facts.conversation, put_statement, &walk);
}

static enum result states_rows(struct admin *admin, struct table *table)
{
	struct session *session = NULL;

	if (!gets_descriptors(admin))
		return OK;
	while ((session = roster_next(admin->roster, session)))
		if (handover_is_marked(session))
			put_states(table, session);
	return table->out->failed ? BROKEN : OK;
}

static const struct result_column states_columns[] = {
	INT4("fd"),
	TEXT("kind"),
	BYTEA("name"),
	BYTEA("value"),
};

const struct show show_fd_states = {
	.name = "FD_STATES",
	.help = "Goes with `FDS`, for our own user only: what has to be known to go on with the "
		"clients that were passed: key, settings, prepared statements.",
	.level = LEVEL_STEER,
	COLUMNS(states_columns),
	.rows = states_rows,
};
