/* What an idle TLS stream holds: OpenSSL's own memory is counted block by block. */

#include <malloc.h>

#include "tls_peers.h"

/* A record's buffer is at least so large. */
#define RECORD 16384

static int records, most_records;

static void count(void *block, int change)
{
	if (!block || malloc_usable_size(block) < RECORD)
		return;
	records += change;
	if (records > most_records)
		most_records = records;
}

static void *counted_alloc(size_t size, const char *file, int line)
{
	void *block = malloc(size);

	(void)file;
	(void)line;
	count(block, 1);
	return block;
}

static void *counted_realloc(void *block, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
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
