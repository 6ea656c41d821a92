/*
 * Online restart: what is taken over from the old process. The order of its columns is that of
 * SHOW FDS (docs/ADMIN.md). Clients are in FDS and in FD_STATES in the same order, so both are
 * walked side by side; one of whom FD_STATES says nothing stays where it is.
 */
#include "daemon/takeover.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "conf/settings.h"
#include "session/handover.h"
#include "daemon/takeover_internal.h"

/* What one step of the old process may take beyond its suspend_timeout. */
#define STEP_SECONDS 10

enum fds_column {
	FDS_FD,
	FDS_TASK,
	FDS_USER,
	FDS_DATABASE,
	FDS_ADDRESS,
	FDS_PORT,
	FDS_CLIENT_KEY = 13,
	FDS_SERVER_KEY,
	FDS_COUNT,
};

enum state_column { STATE_FD, STATE_KIND, STATE_NAME, STATE_VALUE, STATE_COUNT };

struct takeover {
	struct old_console console;
	struct taken_rows  fds, states;
	size_t             at; /* in states */
};

struct takeover *takeover_begin(const struct settings *settings)
{
	struct takeover *takeover = mem_alloc_zero(sizeof(*takeover));
	int              seconds = (int)(settings->suspend_timeout.us / 1000000) + STEP_SECONDS;
	struct address   address;

	if (!takeover)
		return NULL;
	takeover->console.socket = -1;
	if (address_unix(slice_of(settings->unix_socket_dir), settings->listen_port, &address) ==
	            OK &&
	    old_console_open(&takeover->console, &address) == OK &&
	    old_console_ask(&takeover->console, "SUSPEND", NULL, seconds) == OK &&
	    old_console_ask(&takeover->console, "SHOW FDS", &takeover->fds, STEP_SECONDS) == OK &&
	    old_console_ask(&takeover->console, "SHOW FD_STATES", &takeover->states,
	                    STEP_SECONDS) == OK)
		return takeover;
	takeover_free(takeover);
	return NULL;
}

static bool has_task(const struct taken_row *row, const char *task)
{
	return row->count == FDS_COUNT && row->fd >= 0 &&
	       slice_equal(row->values[FDS_TASK], slice_of(task));
}

static int take_fd(struct taken_row *row)
{
	int fd = row->fd;

	row->fd = -1;
	return fd;
}

int takeover_listener(struct takeover *takeover, const struct address *address)
{
	for (size_t i = 0; i < takeover->fds.count; i++) {
		struct taken_row *row = &takeover->fds.items[i];
		struct address    own = { .len = sizeof(own.unix_path) };

		if (has_task(row, "pooler") && getsockname(row->fd, &own.any, &own.len) == 0 &&
		    address_equal(&own, address))
			return take_fd(row);
	}
	return -1;
}

/* ---- clients ---- */

/* "\x0123...", decoded in its place. */
static enum result read_bytes(struct slice text, struct slice *bytes)
{
	char *at = (char *)text.data;

	if (text.len < 2 || text.len % 2 || memcmp(text.data, "\\x", 2) != 0)
		return BROKEN;
	for (size_t i = 2; i < text.len; i += 2) {
		int high = text_hex_digit(text.data[i]), low = text_hex_digit(text.data[i + 1]);

		if (high < 0 || low < 0)
			return BROKEN;
		at[i / 2 - 1] = (char)(high << 4 | low);
	}
	*bytes = (struct slice){ text.data, text.len / 2 - 1 };
	return OK;
}

static void read_peer(const struct taken_row *row, struct address *peer)
{
	struct address real = { .len = sizeof(real.unix_path) };
	int64_t        port = 0;

	peer->len = 0;
	if (text_to_int64(row->values[FDS_PORT], &port) != OK || port < 0 || port > 65535 ||
	    address_parse(row->values[FDS_ADDRESS], (int)port, peer) != OK)
		peer->len = 0;
	/* Only behind a proxy is it another than the socket's. */
	if (getpeername(row->fd, &real.any, &real.len) == 0 && address_equal(&real, peer))
		peer->len = 0;
}

/* What FD_STATES says of one client, gathered. */
struct gathered {
	struct handover_client client;
	struct handover_pair  *pairs; /* settings from the front, statements from the back */
	size_t                 count, settings, statements;
	struct scram_keys      keys;
	bool                   has_recipe;
};

static enum result take_recipe(struct gathered *gathered, struct handover_pair pair)
{
	struct scram_recipe *recipe = &gathered->keys.recipe;
	int64_t              iterations;

	if (text_to_int64(pair.name, &iterations) != OK || iterations < 1 ||
	    iterations > SCRAM_ITERATIONS_MAX || pair.value.len < 1 ||
	    pair.value.len > SCRAM_SALT_MAX)
		return BROKEN;
	recipe->iterations = (uint32_t)iterations;
	recipe->salt_len = (uint32_t)pair.value.len;
	memcpy(recipe->salt, pair.value.data, pair.value.len);
	gathered->has_recipe = true;
	return OK;
}

static enum result take_state(struct gathered *gathered, struct taken_row *row)
{
	struct slice         kind = row->values[STATE_KIND];
	struct handover_pair pair;

	if (read_bytes(row->values[STATE_NAME], &pair.name) != OK ||
	    read_bytes(row->values[STATE_VALUE], &pair.value) != OK)
		return BROKEN;
	if (slice_equal(kind, SLICE_LITERAL("key")))
		gathered->client.key = pair.value;
	else if (slice_equal(kind, SLICE_LITERAL("scram")))
		return take_recipe(gathered, pair);
	else if (slice_equal(kind, SLICE_LITERAL("setting")))
		gathered->pairs[gathered->settings++] = pair;
	else if (slice_equal(kind, SLICE_LITERAL("statement")))
		gathered->pairs[gathered->count - ++gathered->statements] = pair;
	return OK;
}

static void take_keys(struct gathered *gathered, const struct taken_row *row)
{
	struct slice client, server;

	if (!gathered->has_recipe || read_bytes(row->values[FDS_CLIENT_KEY], &client) != OK ||
	    read_bytes(row->values[FDS_SERVER_KEY], &server) != OK ||
	    client.len != SCRAM_KEY_LEN || server.len != SCRAM_KEY_LEN)
		return;
	memcpy(gathered->keys.client_key, client.data, SCRAM_KEY_LEN);
	memcpy(gathered->keys.server_key, server.data, SCRAM_KEY_LEN);
	gathered->client.keys = &gathered->keys;
}

/* The rows of states from takeover->at that are about row's client; 0: it stays. */
static size_t count_states(const struct takeover *takeover, const struct taken_row *row)
{
	size_t count = 0;

	while (takeover->at + count < takeover->states.count) {
		const struct taken_row *state = &takeover->states.items[takeover->at + count];

		if (state->count != STATE_COUNT ||
		    !slice_equal(state->values[STATE_FD], row->values[FDS_FD]))
			break;
		count++;
	}
	return count;
}

/* BROKEN: it cannot be continued. */
static enum result adopt(struct takeover *takeover, struct roster *roster, struct taken_row *row,
                         size_t count)
{
	struct gathered gathered = { .count = count };
	enum result     result = OK;

	gathered.pairs = mem_alloc_zero((count + 1) * sizeof(*gathered.pairs));
	if (!gathered.pairs)
		return BROKEN;
	for (size_t i = 0; i < count && result == OK; i++)
		result = take_state(&gathered, &takeover->states.items[takeover->at + i]);
	take_keys(&gathered, row);
	gathered.client.user = row->values[FDS_USER];
	gathered.client.database = row->values[FDS_DATABASE];
	read_peer(row, &gathered.client.peer);
	gathered.client.settings = gathered.pairs;
	gathered.client.setting_count = gathered.settings;
	gathered.client.statements = gathered.pairs + count - gathered.statements;
	gathered.client.statement_count = gathered.statements;
	if (result == OK)
		result = handover_adopt(roster, take_fd(row), &gathered.client);
	scram_keys_wipe(&gathered.keys);
	mem_free(gathered.pairs);
	return result;
}

void takeover_clients(struct takeover *takeover, struct roster *roster)
{
	unsigned taken = 0, lost = 0;

	for (size_t i = 0; i < takeover->fds.count; i++) {
		struct taken_row *row = &takeover->fds.items[i];
		size_t            count;

		if (!has_task(row, "client"))
			continue;
		count = count_states(takeover, row);
		if (!count)
			continue;
		if (adopt(takeover, roster, row, count) == OK)
			taken++;
		else
			lost++;
		takeover->at += count;
	}
	log_info("took over %u clients", taken);
	if (lost)
		log_error("%u clients could not be taken over and are lost", lost);
}

/* ---- the end ---- */

enum result takeover_finish(struct takeover *takeover)
{
	return old_console_ask(&takeover->console, "SHUTDOWN WAIT_FOR_CLIENTS", NULL, STEP_SECONDS);
}

static void free_rows(struct taken_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		if (rows->items[i].fd >= 0)
			close(rows->items[i].fd);
	mem_free(rows->items);
}

void takeover_free(struct takeover *takeover)
{
	if (!takeover)
		return;
	free_rows(&takeover->fds);
	free_rows(&takeover->states);
	old_console_close(&takeover->console);
	mem_free(takeover);
}
