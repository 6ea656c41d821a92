/* What an idle TLS stream holds: OpenSSL's own memory is counted block by block. */

#include <malloc.h>

#include "tls_peers.h"

/* A record's buffer is at least so large. */
#define RECORD 16384

static int records, most_records;

/* The allocation of OpenSSL's that fails, counted down; 0: none. */
static int fails;
static bool has_failed;

static void count(void *block, int change)
{
	if (!block || malloc_usable_size(block) < RECORD)
		return;
	records += change;
	if (records > most_records)
		most_records = records;
}

static bool is_to_fail(void)
{
	if (fails == 0 || --fails > 0)
		return false;
	has_failed = true;
	return true;
}

static void *counted_alloc(size_t size, const char *file, int line)
{
	void *block = is_to_fail() ? NULL : malloc(size);

	(void)file;
	(void)line;
	count(block, 1);
	return block;
}

static void *counted_realloc(void *block, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	if (is_to_fail())
		return NULL;
	count(block, -1);
	block = realloc(block, size);
	count(block, 1);
	return block;
}

static void counted_free(void *block, const char *file, int line)
{
	(void)file;
	(void)line;
	count(block, -1);
	free(block);
}

/* Before OpenSSL has allocated anything. */
static __attribute__((constructor)) void count_openssl(void)
{
	CRYPTO_set_mem_functions(counted_alloc, counted_realloc, counted_free);
}

TEST(idle_holds_no_records)
{
	struct settings settings = pair_settings();
	static char bytes[100000];
	struct pair pair;

	pair_init(&pair);
	pair_start(&pair, &settings, "db.example");
	TURN_UNTIL(pair.loop, secured == 2);
	turns(pair.loop, 3);
	CHECK_INT_EQ(records, 0);
	most_records = 0;
	for (int i = 0; i < 3; i++) {
		struct slice piece = { bytes, sizeof(bytes) };

		CHECK_INT_EQ(stream_write(pair.far->stream, piece), OK);
		CHECK_INT_EQ(stream_write(pair.near->stream, piece), OK);
		TURN_UNTIL(pair.loop, pair.near->got_len == (size_t)(i + 1) * sizeof(bytes) &&
					      pair.far->got_len == pair.near->got_len);
	}
	turns(pair.loop, 3);
	/* They were there while there was something in them. */
	CHECK(most_records > 0);
	CHECK_INT_EQ(records, 0);
	pair_release(&pair);
}

TEST(idle_holds_no_buffers_of_ours)
{
	struct settings settings = pair_settings();
	struct pair pair;
	size_t before;

	pair_init(&pair);
	pair_start(&pair, &settings, "db.example");
	TURN_UNTIL(pair.loop, secured == 2);
	turns(pair.loop, 3);
	before = mem_bytes_in_use();
	CHECK_INT_EQ(stream_write(pair.far->stream, SLICE_LITERAL("some text")), OK);
	TURN_UNTIL(pair.loop, pair.near->got_len == 9);
	/* The block it was queued in is kept by the loop for whoever writes next. */
	CHECK(mem_bytes_in_use() <= before + OUT_BLOCK + 64);
	CHECK(pair.near->stream->kept == NULL && pair.far->stream->out == NULL);
	pair_release(&pair);
}

/* Whatever OpenSSL lacks, one connection ends and the other side notices. */
TEST(openssl_without_memory)
{
	struct settings settings = pair_settings();
	struct tls_context *clients = context_for(TLS_WITH_CLIENTS, &settings);
	struct tls_context *servers = context_for(TLS_WITH_SERVERS, &settings);

	has_failed = true;
	for (int nth = 1; has_failed && nth < 100000; nth += 1 + nth / 16) {
		struct pair pair;

		pair_init(&pair);
		has_failed = false;
		fails = nth;
		CHECK_INT_EQ(start(pair.near, clients, NULL), OK);
		CHECK_INT_EQ(start(pair.far, servers, "db.example"), OK);
		for (int i = 0;
		     i < 500 && !pair_is_settled(&pair) && !pair.near->ends && !pair.far->ends; i++)
			turn(pair.loop);
		CHECK(pair.near->ends || pair.far->ends || pair_is_settled(&pair));
		if (stream_write(pair.far->stream, SLICE_LITERAL("hello")) == OK)
			turns(pair.loop, 3);
		fails = 0;
		pair_release(&pair);
	}
	CHECK(!has_failed);
	tls_context_unref(clients);
	tls_context_unref(servers);
}
