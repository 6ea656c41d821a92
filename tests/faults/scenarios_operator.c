/* What operators do while clients work: reload, PAUSE, RESUME, SUSPEND, KILL, RECONNECT. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "faults/scenario.h"
#include "net/address.h"
#include "pool/pools.h"
#include "session/handover.h"
#include "session/roster.h"

#define ALICE  "login user=alice database=db\n"
#define ASKS_1 "> Q(SELECT 1)\n< T D(1) C(SELECT) Z(I)\n"
#define ASKS_2 "> P(s|SELECT 2) B(|s|) E(|0) C(S|s) S\n< 1 2 D(2) C(SELECT) 3 Z(I)\n"

static struct database *database(struct stage *stage)
{
	return pools_known_database(stage->pools, SLICE_LITERAL("db"));
}

/* What could not be read for want of memory changes nothing: an operator tries again. */
static void reload(struct stage *stage, const char *databases, const char *settings)
{
	while (!stage_reload(stage, databases, settings))
		;
}

static void change(struct stage *stage)
{
	reload(stage, "db = : application_name=moved\nother = :", "verbose = 1");
}

static void drop_database(struct stage *stage)
{
	reload(stage, "other = :", NULL);
}

static void bring_database(struct stage *stage)
{
	reload(stage, "db = :", NULL);
}

static void pause_all(struct stage *stage)
{
	pools_pause(stage->pools, NULL);
}

static void resume_all(struct stage *stage)
{
	pools_resume(stage->pools, NULL);
	pools_resume(stage->pools, database(stage));
}

static void suspend(struct stage *stage)
{
	roster_suspend(stage->roster);
}

static void unsuspend(struct stage *stage)
{
	roster_resume(stage->roster);
}

static void reconnect(struct stage *stage)
{
	pools_reconnect(stage->pools, NULL);
}

static void kill_database(struct stage *stage)
{
	pools_kill(stage->pools, database(stage));
	roster_end_database(stage->roster, database(stage), END_ADMIN_KILL);
}

/* A client comes from another process, with all it may have, and leaves. */
static void adopt(struct stage *stage)
{
	const struct handover_pair settings[] = { { SLICE_LITERAL("TimeZone"),
						    SLICE_LITERAL("CET") } };
	const struct handover_pair statements[] = {
		{ SLICE_LITERAL("s"), SLICE_LITERAL("SELECT 2\0\0\0") },
		{ SLICE_LITERAL(""), SLICE_LITERAL("SELECT 1\0\0\0") },
	};
	struct handover_client client = {
		.user = SLICE_LITERAL("carol"),
		.database = SLICE_LITERAL("db"),
		.key = SLICE_LITERAL("01234567"),
		.settings = settings,
		.setting_count = COUNT_OF(settings),
		.statements = statements,
		.statement_count = COUNT_OF(statements),
	};
	int ends[2];

	if (address_parse(SLICE_LITERAL("192.0.2.7"), 4711, &client.peer) != OK ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
		return;
	(void)!handover_adopt(stage->roster, ends[1], &client);
	close(ends[0]);
}

static const struct {
	const char *word;
	void (*act)(struct stage *stage);
} acts[] = {
	{ "change", change },	    { "drop", drop_database },	{ "bring", bring_database },
	{ "pause", pause_all },	    { "resume", resume_all },	{ "suspend", suspend },
	{ "unsuspend", unsuspend }, { "reconnect", reconnect }, { "kill", kill_database },
	{ "adopt", adopt },
};

static void act(struct stage *stage, const char *word)
{
	struct slice wanted = { word, strcspn(word, " \n") };

	for (unsigned i = 0; i < COUNT_OF(acts); i++)
		if (slice_equal(wanted, slice_of(acts[i].word)))
			acts[i].act(stage);
}

#define OPERATED .act = act

const struct scenario scenarios_operator[] = {
	{ .name = "reload",
	  SET_UP(OPERATED),
	  PLAYED_BY("a",
		    ALICE ASKS_1 "> Q(BEGIN)\n< C(BEGIN) Z(T)\nmark a\nawait o\n"
				 "> Q(STORE 1)\n< C(STORE) Z(T)\n> Q(RECALL)\n"
				 "< T D(1) C(RECALL) Z(T)\n> Q(COMMIT)\n< C(COMMIT) Z(I)\n" ASKS_2,
		    "o", "await a\narm\ndo change\nmark o\n" ALICE ASKS_2) },
	{ .name = "a database is removed",
	  SET_UP(OPERATED),
	  PLAYED_BY("a", ALICE ASKS_1 "mark a\nawait o\n> Q(SELECT 1)\n< E(FATAL 08P01)\neof\n",
		    "o", "await a\narm\ndo drop\nmark o\nwait 1000\ndo bring\n" ALICE ASKS_2) },
	{ .name = "pause and resume",
	  SET_UP(OPERATED, .settings = "default_pool_size = 1"),
	  PLAYED_BY("a",
		    ALICE "> Q(BEGIN)\n< C(BEGIN) Z(T)\nmark a\nawait o\n"
			  "> Q(COMMIT)\n< C(COMMIT) Z(I)\n" ASKS_1,
		    "b", ALICE "await o\n" ASKS_2, "o",
		    "await a\narm\ndo pause\nmark o\nwait 1000\ndo resume\n") },
	{ .name = "suspend and resume",
	  SET_UP(OPERATED),
	  PLAYED_BY("a", ALICE "mark a\nawait o\n" ASKS_1, "b", "await o\n" ALICE ASKS_2, "o",
		    "await a\narm\ndo suspend\nmark o\nwait 1000\ndo unsuspend\n") },
	{ .name = "reconnect",
	  SET_UP(OPERATED),
	  PLAYED_BY("a",
		    ALICE "> Q(BEGIN)\n< C(BEGIN) Z(T)\nmark a\nawait o\n"
			  "> Q(COMMIT)\n< C(COMMIT) Z(I)\n" ASKS_2,
		    "o", ALICE "await a\narm\ndo reconnect\nmark o\n" ASKS_1) },
	{ .name = "kill",
	  SET_UP(OPERATED),
	  PLAYED_BY("a",
		    ALICE "> Q(BEGIN)\n< C(BEGIN) Z(T)\nmark a\nawait o\n"
			  "< E(FATAL 08P01)\neof\n",
		    "o", "await a\narm\ndo kill\nmark o\nwait 100\ndo resume\n") },
	{ .name = "a client comes from another process",
	  SET_UP(OPERATED),
	  PLAYED_BY("a", ALICE ASKS_1 "mark a\nawait o\n" ASKS_2, "o",
		    "await a\narm\ndo adopt\nmark o\nwait 100\n" ALICE ASKS_2) },
	{ .name = NULL },
};
