/*
 * SHOW PEERS and PEER_POOLS: the processes that cancel requests are passed on to, by number, and
 * what is on its way to them. Owns nothing.
 */

#include "admin/show_internal.h"
#include "pool/peers.h"
#include "pool/pools.h"

static enum result peers_rows(struct admin *admin, struct table *table)
{
	struct peer_facts facts;
	size_t cursor = 0;

	while (peers_next(pools_peers(admin->pools), &cursor, &facts)) {
		table_row(table);
		table_number(table, facts.id);
		table_text(table, facts.host);
		table_number(table, facts.port);
		table_number(table, facts.size);
		table_row_end(table);
	}
	return OK;
}

static const struct result_column peers_columns[] = {
	INT4("peer_id"),
	TEXT("host"),
	INT4("port"),
	INT4("pool_size"),
};

const struct show show_peers = {
	.name = "PEERS",
	.help = "The entries of `[peers]`: processes that cancel requests are passed on to.",
	COLUMNS(peers_columns),
	.rows = peers_rows,
};

static enum result pools_rows(struct admin *admin, struct table *table)
{
	struct peer_facts facts;
	size_t cursor = 0;

	while (peers_next(pools_peers(admin->pools), &cursor, &facts)) {
		table_row(table);
		table_number(table, facts.id);
		table_number(table, facts.active);
		table_number(table, facts.waiting);
		table_number(table, facts.sent);
		table_number(table, facts.dialling);
		table_row_end(table);
	}
	return OK;
}

static const struct result_column pools_columns[] = {
	INT4("peer_id"),
	INT4("cl_active_cancel_req"),
	INT4("cl_waiting_cancel_req"),
	INT4("sv_active_cancel"),
	INT4("sv_login"),
};

const struct show show_peer_pools = {
	.name = "PEER_POOLS",
	.help = "Cancel requests on their way to the peers: clients whose request was sent, and "
		"that wait for that; connections over which one was sent, and that are being made.",
	COLUMNS(pools_columns),
	.rows = pools_rows,
};
