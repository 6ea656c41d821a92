/*
 * The third level of tests: every scenario with every allocation failing once. After each round
 * nothing may be left behind, no client may have been told anything wrong, nobody but the
 * client it hit may have been ended, and a newcomer must be served.
 *
 * Usage: faults [-l] [-v] [-n N] [SCENARIO...]    -n N: only the Nth allocation of each
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "faults/scenario.h"
#include "stage/clock.h"

/* More allocations than any scenario makes: one that goes on failing for ever is found out. */
#define MOST_FAULTS 20000

static const struct scenario *const tables[] = {
	scenarios_login,
	scenarios_query,
	scenarios_trouble,
	scenarios_operator,
	scenarios_cluster,
};

static bool verbose;
static unsigned ended_rounds;

struct round {
	const struct scenario *scenario;
	uint64_t nth;
	bool hit;
	bool bad;
	unsigned ended;
	struct stage stage;
};

static void complain(struct round *round, const char *format, ...) PRINTF_LIKE(2, 3);

static void complain(struct round *round, const char *format, ...)
{
	va_list args;

	round->bad = true;
	printf("%s, allocation %llu: ", round->scenario->name, (unsigned long long)round->nth);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

static void judge_client(struct round *round, const struct client *client)
{
	int len = (int)strcspn(client->line, "\n");

	switch (client->state) {
	case CLIENT_DONE: return;
	case CLIENT_ENDED:
		round->ended++;
		if (verbose)
			printf("  %llu: %s was %s at \"%.*s\"\n", (unsigned long long)round->nth,
			       client->name, client->why, len, client->line);
		if (!round->hit)
			complain(round, "%s was %s at \"%.*s\"", client->name, client->why, len,
				 client->line);
		return;
	case CLIENT_WRONG:
		complain(round, "%s %s at \"%.*s\"", client->name, client->why, len, client->line);
		return;
	case CLIENT_ACTING:
		complain(round, "%s is stuck at \"%.*s\"", client->name, len, client->line);
	}
}

static void judge(struct round *round)
{
	unsigned allowed = round->scenario->victims ? round->scenario->victims : 1;

	round->ended = 0;
	LIST_EACH(&round->stage.clients, node)
	judge_client(round, CONTAINER_OF(node, struct client, node));
	if (round->ended > allowed) {
		complain(round, "one fault ended %u clients:", round->ended);
		LIST_EACH(&round->stage.clients, node)
		{
			const struct client *client = CONTAINER_OF(node, struct client, node);

			if (client->state == CLIENT_ENDED)
				printf("  %s: %s at \"%.*s\"\n", client->name, client->why,
				       (int)strcspn(client->line, "\n"), client->line);
		}
	}
	if (round->stage.postgres.complaint[0])
		complain(round, "the server got %s", round->stage.postgres.complaint);
}

/* Somebody new comes when all is over: the daemon goes on. */
static void serve_newcomer(struct round *round)
{
	static const char script[] = "login user=alice database=db\n"
				     "> Q(SELECT me)\n"
				     "< T D(me) C(SELECT) Z(I)\n"
				     "> P(s|SELECT $1) B(|s|too) E(|0) S\n"
				     "< 1 2 D(too) C(SELECT) Z(I)\n";
	struct client *client;

	LIST_EACH(&round->stage.clients, node)
	client_free(CONTAINER_OF(node, struct client, node));
	client = client_new(&round->stage, "newcomer", script);
	if (!stage_play(&round->stage))
		complain(round, "the newcomer is stuck at \"%.*s\"",
			 (int)strcspn(client->line, "\n"), client->line);
	else if (client->state != CLIENT_DONE)
		complain(round, "the newcomer %s", client->why);
}

static void play(struct round *round)
{
	const struct scenario *scenario = round->scenario;

	mem_fault_pause(true);
	for (unsigned i = 0; scenario->clients[i]; i += 2)
		client_new(&round->stage, scenario->clients[i], scenario->clients[i + 1]);
	mem_fault_pause(false);
	round->stage.arm_at = round->nth;
	stage_play(&round->stage);
	round->hit = mem_fault_hit();
	mem_fail_at(0);
	judge(round);
	if (!round->bad)
		serve_newcomer(round);
}

/* A round of a scenario without clients: it is the building that fails. */
static void build(struct round *round)
{
	bool built;

	mem_fail_at(round->nth);
	built = stage_init(&round->stage, &round->scenario->setup);
	round->hit = mem_fault_hit();
	mem_fail_at(0);
	if (!built && !round->hit)
		complain(round, "the daemon cannot be built");
	if (built) {
		serve_newcomer(round);
		stage_release(&round->stage);
	}
}

/* Plays one round. */
static void run(struct round *round)
{
	size_t blocks = mem_blocks_in_use();

	if (verbose)
		printf("%s %llu\n", round->scenario->name, (unsigned long long)round->nth);

	if (!round->scenario->clients[0]) {
		build(round);
	} else if (stage_init(&round->stage, &round->scenario->setup)) {
		play(round);
		stage_release(&round->stage);
	} else {
		complain(round, "the daemon cannot be built");
	}
	if (mem_blocks_in_use() != blocks)
		complain(round, "%lld blocks are left behind",
			 (long long)mem_blocks_in_use() - (long long)blocks);
}

static bool run_scenario(const struct scenario *scenario, uint64_t only)
{
	struct round round = { .scenario = scenario, .nth = only ? only : 1 };
	unsigned bad = 0;

	/* The first without faults: what is wrong then is not their fault. */
	round.nth = 0;
	run(&round);
	if (round.bad)
		return false;
	for (round.nth = only ? only : 1; round.nth <= MOST_FAULTS; round.nth++) {
		round.bad = false;
		run(&round);
		bad += round.bad;
		ended_rounds += round.ended > 0;
		if (only || !round.hit || bad >= 5)
			break;
	}
	printf("  %s: %llu allocations\n", scenario->name, (unsigned long long)round.nth - 1);
	return bad == 0;
}

static bool is_asked_for(const char *name, int count, char **names)
{
	for (int i = 0; i < count; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return count == 0;
}

int main(int count, char **arguments)
{
	unsigned passed = 0, failed = 0;
	uint64_t only = 0;
	bool list = false;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (count--, arguments++; count > 0 && arguments[0][0] == '-'; count--, arguments++) {
		if (strcmp(arguments[0], "-l") == 0) {
			list = true;
		} else if (strcmp(arguments[0], "-v") == 0) {
			verbose = true;
		} else if (strcmp(arguments[0], "-n") == 0 && count > 1) {
			only = strtoull(arguments[1], NULL, 10);
			count--;
			arguments++;
		}
	}
	for (unsigned i = 0; i < COUNT_OF(tables); i++) {
		for (const struct scenario *at = tables[i]; at->name; at++) {
			if (list)
				printf("%s\n", at->name);
			else if (!is_asked_for(at->name, count, arguments))
				continue;
			else if (run_scenario(at, only))
				passed++;
			else
				failed++;
		}
	}
	if (list)
		return 0;
	if (passed + failed == 0)
		failed = 1;
	printf("%u rounds ended a client\n%u passed, %u failed\n", ended_rounds, passed, failed);
	return failed > 0;
}
