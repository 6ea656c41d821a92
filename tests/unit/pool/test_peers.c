/* Cancel requests to other processes, played by a listener on the same loop. */

#include "pool/peers.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/load.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/timer.h"
#include "test.h"
#include "wire/cancel_key.h"

#define KEY_OF(id, hops) "\1" id "\0\4\5\6\7" hops

struct world {
	struct loop *loop;
	struct peers *peers;
	struct listener *listener;
	char dir[64];
	int accepted[8];
	unsigned count;
	struct timer timer;
	struct loop_task last;
	unsigned done;
	enum ending why;
};

static void on_accept(void *ctx, int fd, const struct address *peer)
{
	struct world *world = ctx;

	(void)peer;
	world->accepted[world->count++] = fd;
}

static void on_done(void *ctx, enum ending why)
{
	struct world *world = ctx;

	world->done++;
	world->why = why;
}

static void on_time(void *ctx)
{
	struct world *world = ctx;

	loop_stop(world->loop);
}

static void turn(struct world *world, int ms)
{
	timer_arm_in(&world->timer, span_ms(ms));
	loop_run(world->loop);
}

static const struct settings *settings_of(const struct world *world, const char *peers)
{
	struct complaints complaints;
	const struct settings *settings;
	char text[512], path[96];
	FILE *file;

	snprintf(text, sizeof(text),
		 "[pgcarwash]\npeer_id=1\ncancel_wait_timeout=0.2\n[databases]\n[peers]\n%s",
		 peers);
	snprintf(path, sizeof(path), "%s/a.ini", world->dir);
	file = fopen(path, "w");
	if (!file || fputs(text, file) < 0 || fclose(file) != 0)
		abort();
	complaints_init(&complaints);
	settings = settings_load(path, NULL, &complaints);
	complaints_release(&complaints);
	unlink(path);
	if (!settings)
		abort();
	return settings;
}

static void world_init(struct world *world, const char *more)
{
	const struct listener_options options = { .backlog = 8, .unix_mode = 0700 };
	const struct settings *settings;
	struct address address;
	char text[256];

	*world = (struct world){ .loop = loop_new() };
	snprintf(world->dir, sizeof(world->dir), "/tmp/test_peers.XXXXXX");
	if (!mkdtemp(world->dir) || address_unix(slice_of(world->dir), 5, &address) != OK)
		abort();
	world->listener = listener_new(world->loop, &address, &options, on_accept, world);
	timer_init(&world->timer, world->loop, on_time, world);
	snprintf(text, sizeof(text), "2 = host=%s port=5 %s\n", world->dir, more);
	settings = settings_of(world, text);
	world->peers = peers_new(world->loop, NULL, settings);
	settings_unref(settings);
	if (!world->listener || !world->peers)
		abort();
}

static void stop(struct loop_task *task)
{
	struct world *world = CONTAINER_OF(task, struct world, last);

	loop_stop(world->loop);
}

static void world_release(struct world *world)
{
	peers_free(world->peers);
	for (unsigned i = 0; i < world->count; i++)
		if (world->accepted[i] >= 0)
			close(world->accepted[i]);
	timer_release(&world->timer);
	listener_free(world->listener);
	world->last.run = stop;
	loop_next_turn(world->loop, &world->last);
	loop_run(world->loop);
	loop_free(world->loop);
	rmdir(world->dir);
}

static struct slice key(const char *bytes)
{
	return (struct slice){ bytes, CANCEL_KEY_SHORT };
}

static struct peer_facts facts_of(const struct world *world, int id)
{
	struct peer_facts facts;
	size_t cursor = 0;

	while (peers_next(world->peers, &cursor, &facts))
		if (facts.id == id)
			return facts;
	return (struct peer_facts){ 0 };
}

static enum ending ask(struct world *world, const char *bytes, struct forward **forward)
{
	return peers_forward(world->peers, key(bytes), on_done, world, forward);
}

TEST(a_key_goes_to_its_peer_with_a_hop_less)
{
	struct world world;
	struct forward *forward;
	char got[32];

	world_init(&world, "");
	CHECK(peers_own(world.peers, key(KEY_OF("\2", "\3"))));
	CHECK(!peers_own(world.peers, key(KEY_OF("\1", "\3"))));
	REQUIRE(ask(&world, KEY_OF("\2", "\3"), &forward) == END_NONE);
	turn(&world, 30);
	REQUIRE(world.count == 1);
	CHECK_INT_EQ(read(world.accepted[0], got, sizeof(got)), 16);
	CHECK(memcmp(got, "\0\0\0\20\4\322\26\56" KEY_OF("\2", "\2"), 16) == 0);
	CHECK_UINT_EQ(facts_of(&world, 2).active, 1);
	CHECK_UINT_EQ(world.done, 0);
	close(world.accepted[0]);
	world.accepted[0] = -1;
	turn(&world, 30);
	CHECK_UINT_EQ(world.done, 1);
	CHECK_INT_EQ(world.why, END_CANCEL_SENT);
	CHECK_UINT_EQ(facts_of(&world, 2).active, 0);
	world_release(&world);
}

TEST(what_cannot_be_passed_on)
{
	struct world world;
	struct forward *forward;

	world_init(&world, "");
	CHECK_INT_EQ(ask(&world, KEY_OF("\3", "\3"), &forward), END_CANCEL_NO_PEER);
	CHECK_INT_EQ(ask(&world, KEY_OF("\2", "\0"), &forward), END_CANCEL_HOPS);
	world_release(&world);
}

TEST(a_peer_that_says_nothing_is_given_up)
{
	struct world world;
	struct forward *forward;

	world_init(&world, "pool_size=1");
	REQUIRE(ask(&world, KEY_OF("\2", "\3"), &forward) == END_NONE);
	REQUIRE(ask(&world, KEY_OF("\2", "\3"), &forward) == END_NONE);
	turn(&world, 30);
	CHECK_UINT_EQ(world.count, 1);
	CHECK_UINT_EQ(facts_of(&world, 2).waiting, 1);
	turn(&world, 600);
	CHECK_UINT_EQ(world.done, 2);
	CHECK_INT_EQ(world.why, END_CANCEL_TIMEOUT);
	world_release(&world);
}

TEST(who_leaves_waits_no_more)
{
	struct world world;
	struct forward *first, *second;

	world_init(&world, "pool_size=1");
	REQUIRE(ask(&world, KEY_OF("\2", "\3"), &first) == END_NONE);
	REQUIRE(ask(&world, KEY_OF("\2", "\3"), &second) == END_NONE);
	peers_forget(second);
	peers_forget(first);
	turn(&world, 30);
	/* What is on its way goes on. */
	CHECK_UINT_EQ(world.count, 1);
	CHECK_UINT_EQ(facts_of(&world, 2).waiting, 0);
	CHECK_UINT_EQ(facts_of(&world, 2).active, 1);
	CHECK_UINT_EQ(world.done, 0);
	world_release(&world);
}

TEST(peers_come_and_go)
{
	struct world world;
	struct forward *forward;
	const struct settings *settings;
	struct peer_facts facts;
	size_t cursor = 0;

	world_init(&world, "");
	REQUIRE(ask(&world, KEY_OF("\2", "\3"), &forward) == END_NONE);
	settings = settings_of(&world, "3 = host=h\n1 = host=i port=7 pool_size=4\n");
	peers_reload(world.peers, settings);
	settings_unref(settings);
	turn(&world, 30);
	CHECK_UINT_EQ(world.done, 1);
	CHECK_INT_EQ(world.why, END_PEER_REMOVED);
	CHECK_UINT_EQ(peers_count(world.peers), 2);
	REQUIRE(peers_next(world.peers, &cursor, &facts));
	CHECK_INT_EQ(facts.id, 1);
	CHECK_TEXT_EQ(facts.host, "i");
	CHECK_INT_EQ(facts.port, 7);
	CHECK_UINT_EQ(facts.size, 4);
	REQUIRE(peers_next(world.peers, &cursor, &facts));
	CHECK_INT_EQ(facts.id, 3);
	CHECK_UINT_EQ(facts.size, 20);
	CHECK(!peers_next(world.peers, &cursor, &facts));
	world_release(&world);
}

TEST(without_memory_nothing_is_left_behind)
{
	struct world world;

	world_init(&world, "");
	WITH_EACH_FAULT(nth)
	{
		struct forward *forward = NULL;
		enum ending why = ask(&world, KEY_OF("\2", "\3"), &forward);

		CHECK(why == END_NONE || (why == END_NO_MEMORY && mem_fault_hit()));
		turn(&world, 5);
		if (why == END_NONE && world.done == 0)
			peers_forget(forward);
		world.done = 0;
		if (world.count > 4)
			break;
	}
	world_release(&world);
}
