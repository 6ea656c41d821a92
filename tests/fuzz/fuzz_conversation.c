/*
 * Two clients, one or two servers, and the conversations between them: every client must get, byte
 * for byte and in order, what a PostgreSQL of its own would have answered it (pair.h, model.h).
 *
 * The first byte chooses how many servers there are and how many statements each keeps. Then one
 * byte says what happens next: a client sends something (another byte or two say what), a server
 * reads and answers some messages, the pooler reads some replies, a client vanishes, memory runs
 * out in the next call. In the end all clients end what they have begun, and everything must have
 * been said, to the right one, and cleaned up.
 */

#include "pair.h"

struct input {
	const uint8_t *data;
	size_t size;
};

static unsigned next_byte(struct input *input)
{
	if (input->size == 0)
		return 0;
	input->size--;
	return *input->data++;
}

/* ---- what clients say ---- */

static const char *const texts[] = {
	"select1",
	"select2",
	"mine", /* made the client's own */
	"insert",
	"bad",
	"missing",
	"fail",
	"failbind",
	"notice",
	"begin",
	"commit",
	"rollback",
	"copyin",
	"copyfail",
	"copyout",
	"DISCARD ALL",
	"DEALLOCATE ALL",
	"DEALLOCATE a",
	"SET \"TimeZone\"='EST'",
	"SET \"TimeZone\"='UTC'",
	"SET \"application_name\"='one'",
	"",
	"long text that is not kept",
	/* from here on for Query only */
	"select1;insert;select2",
	"begin;select1",
	"select1;fail;select2",
	"copyin;copyin",
	"insert;DEALLOCATE ALL",
	"SET \"TimeZone\"='EST';fail",
	"insert;bad",
	"begin;SET \"TimeZone\"='EST';rollback",
	"copyin;copyfail",
	"select1;commit;begin",
};
#define ONE_STATEMENT 23

static const char *const names[] = { "", "a", "b", "c", "", "a", "pgcarwash_1", "pgcarwash_2" };
static const char *const portals[] = { "", "", "p", "" };

/* The text of this number; "mine" is another one for each client. */
static const char *text_of(unsigned n, int c, bool one_statement)
{
	const char *text = texts[n % (one_statement ? ONE_STATEMENT : COUNT_OF(texts))];

	if (strcmp(text, "mine") == 0)
		return c == 0 ? "select of zero" : "select of one";
	return text;
}

static void write_parse(struct buffer *out, const char *name, const char *text)
{
	char signature[MODEL_TEXT] = { 0 };

	strcpy(signature, text);
	query_write_parse(out, slice_of(name), (struct slice){ signature, strlen(text) + 3 });
}

/* What is too long to be kept cannot have a name that looks like the pooler's own. */
static void write_named(struct buffer *out, const char *name, const char *text)
{
	if (name[0] == 'p' && strncmp(text, LONG_TEXT, strlen(LONG_TEXT)) == 0)
		name = "a";
	write_parse(out, name, text);
}

static void write_bind(struct buffer *out, const char *portal, const char *name)
{
	size_t mark = writer_begin(out, 'B');

	writer_text(out, slice_of(portal));
	writer_text(out, slice_of(name));
	writer_bytes(out, SLICE_LITERAL("\0\0\0\0\0\0"));
	writer_end(out, mark);
}

static void write_execute(struct buffer *out, const char *portal, uint32_t rows)
{
	size_t mark = writer_begin(out, 'E');

	writer_text(out, slice_of(portal));
	writer_u32(out, rows);
	writer_end(out, mark);
}

static void write_data(struct buffer *out, bool bad)
{
	size_t mark = writer_begin(out, 'd');

	writer_bytes(out, bad ? SLICE_LITERAL("x") : SLICE_LITERAL("row"));
	writer_end(out, mark);
}

static void write_copy_fail(struct buffer *out)
{
	size_t mark = writer_begin(out, 'f');

	writer_text(out, SLICE_LITERAL("no"));
	writer_end(out, mark);
}

/*
 * While it feeds a COPY a client sends nothing else; Sync and Flush only before the data. Whether
 * a COPY that has just failed reads such a Sync or the server answers it, the pooler learns from
 * what comes next, which must therefore not be a reply of its own making.
 */
static void write_in_copy(struct client *client, struct buffer *out, unsigned kind)
{
	switch (kind % 8) {
	case 0:
	case 1:
	case 2: write_data(out, false); break;
	case 3: write_data(out, true); break;
	case 4: write_copy_fail(out); break;
	case 5:
	case 6: writer_empty(out, 'c'); break;
	default:
		if (!client->data_sent) {
			writer_empty(out, kind & 8 ? 'H' : 'S');
			client->careful |= client->oracle.copy == MODEL_NO_COPY;
		}
		break;
	}
	if (out->len > 0 && out->data[0] == 'd')
		client->data_sent = true;
	if (out->len > 0 && (out->data[0] == 'c' || out->data[0] == 'f'))
		client->copying = false;
}

static void write_any(struct buffer *out, int c, unsigned kind, unsigned more)
{
	const char *name = names[more % 8], *portal = portals[more / 8 % 4];

	switch (kind) {
	case 0: write_named(out, name, text_of(more / 8, c, true)); break;
	case 1: write_parse(out, "", text_of(more, c, true)); break;
	case 2: write_bind(out, portal, name); break;
	case 3: write_execute(out, portal, more & 1); break;
	case 4: query_write_target(out, 'D', 'S', slice_of(name)); break;
	case 5: query_write_target(out, 'D', 'P', slice_of(portal)); break;
	case 6: query_write_target(out, 'C', 'S', slice_of(name)); break;
	case 7: query_write_target(out, 'C', 'P', slice_of(portal)); break;
	case 8: query_write_query(out, slice_of(text_of(more, c, false))); break;
	case 9: writer_empty(out, 'F'); break;
	case 10: writer_empty(out, 'H'); break;
	case 11: write_data(out, more & 1); break;
	case 12: writer_empty(out, 'c'); break;
	default: writer_empty(out, 'S'); break;
	}
}

/* The client has sent this message: its oracle reads it at once, the pooler when it can. */
static void said(struct world *world, int c, struct slice bytes)
{
	struct client *client = &world->clients[c];
	unsigned copies = client->oracle.copies;

	trace("client", c, bytes);
	buffer_append_slice(&client->pending, bytes);
	buffer_append_slice(&client->oracle.in, bytes);
	while (model_step(&client->oracle)) {
	}
	/* One COPY of a Query may follow another. */
	if (client->oracle.copies != copies) {
		client->copying = true;
		client->data_sent = false;
	}
}

static void say(struct world *world, int c, unsigned kind, unsigned more)
{
	struct client *client = &world->clients[c];
	struct buffer out = BUFFER_EMPTY;

	/* It has seen all replies, so also the error of its COPY. */
	if (client->oracle.copy == MODEL_NO_COPY && client->oracle.out.len == 0 &&
	    client->oracle.unflushed.len == 0)
		client->copying = client->careful = false;
	if (client->careful && !client->copying)
		return;
	if (client->copying)
		write_in_copy(client, &out, kind);
	else
		write_any(&out, c, kind, more);
	if (out.len > 0)
		said(world, c, buffer_slice(&out));
	buffer_release(&out);
	world_pump(world, c);
}

/* The usual: one statement by extended query, prepared in the batch or before. */
static void say_batch(struct world *world, int c, unsigned more)
{
	static const unsigned kinds[][6] = {
		{ 1, 2, 5, 3, 13, 0 },
		{ 2, 3, 13, 0 },
		{ 0, 4, 13, 0 },
		{ 0, 2, 3, 13, 0 },
	};
	const unsigned *kind = kinds[more & 3];
	unsigned which = more >> 2;

	for (bool first = true; *kind || first; kind++, first = false) {
		/* Parse of a text by number, Bind of the name it got. */
		if (*kind == 1)
			say(world, c, 1, which);
		else if (*kind == 0)
			say(world, c, 0, which / 4 * 8 + 1 + which % 3);
		else
			say(world, c, *kind, (more & 3) == 0 ? 0 : 1 + which % 3);
	}
}

/* ---- what else happens ---- */

static void something_special(struct world *world, unsigned what)
{
	switch (what) {
	case 0:
	case 1: client_vanish(world, (int)what); break;
	case 2:
	case 3:
		/* A client that goes is cancelled. */
		if (world->clients[what - 2].server >= 0)
			world->servers[world->clients[what - 2].server].model.cancelled = true;
		client_vanish(world, (int)what - 2);
		break;
	case 4: world_drain(world); break;
	case 5: world_age(world); break;
	default: world->fault_in = what > 16 ? what - 16 : 0; break;
	}
	for (int c = 0; c < CLIENTS; c++)
		world_pump(world, c);
}

static void happen(struct world *world, struct input *input)
{
	unsigned op = next_byte(input), who = op & 1, count = (op >> 1 & 7) + 1;
	unsigned more = op >> 6 == 3 ? 0 : next_byte(input);

	switch (op >> 5) {
	case 0:
	case 1: say(world, (int)who, op >> 1 & 15, more); break;
	case 2: say(world, (int)who, 8, more); break;
	case 3: say_batch(world, (int)who, more); break;
	case 4:
	case 5: something_special(world, more % 24); break;
	case 6:
		while (count-- > 0 && model_step(&world->servers[who].model)) {
		}
		break;
	default:
		while (count-- > 0 && server_deliver(world, (int)who)) {
		}
		break;
	}
}

/* ---- the end ---- */

/* The client ends what it has begun. */
static void finish(struct world *world, int c)
{
	while (world->clients[c].copying)
		say(world, c, 5, 0);
	if (world->clients[c].careful)
		world_drain(world);
	say(world, c, 13, 0);
	say(world, c, 8, 11);
}

/* The client has all its oracle said, and its server is free, unless that must be kept for it. */
static void check_finished(struct world *world, int c)
{
	struct client *client = &world->clients[c];

	CHECK(client->pending.len == 0);
	CHECK(client->oracle.out.len == 0 && client->oracle.unflushed.len == 0);
	if (client->server >= 0)
		CHECK(conversation_is_pinned(client->conversation) ||
		      world->servers[client->server].backend.stray_syncs > 0);
	client_vanish(world, c);
	world_drain(world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t blocks = mem_blocks_in_use();
	struct input input = { data, size };
	struct world world;
	unsigned first = next_byte(&input), who;

	world_open(&world, 1 + (first & 1), 1 + (first >> 1 & 3));
	while (input.size > 0)
		happen(&world, &input);
	world.fault_in = 0;
	for (int c = 0; c < CLIENTS; c++)
		finish(&world, c);
	world_drain(&world);
	/* Who keeps a server first: the other may be waiting for it. */
	who = world.clients[0].server < 0 && world.clients[1].server >= 0;
	check_finished(&world, (int)who);
	check_finished(&world, 1 - (int)who);
	for (int s = 0; s < SERVERS; s++)
		CHECK(backend_is_clean(&world.servers[s].backend));
	world_close(&world);
	CHECK(mem_blocks_in_use() == blocks);
	return 0;
}
