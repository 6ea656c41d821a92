/* The same conversations with the 1st, 2nd, ... allocation failing: nothing leaks or crashes. */
#include "talk.h"

/* The pool's part when its client's session ends or the server breaks. */
static void clean_up(struct talk *self, int server)
{
	talk_say(self, server, "ZI");
	(void)talk_recover(self, server);
}

static void run(void (*scenario)(struct talk *self))
{
	WITH_EACH_FAULT(nth)
	{
		struct talk talk;

		if (talk_open(&talk, 1)) {
			talk_lend(&talk, 0, 0);
			if (talk.lent[0] == 0)
				scenario(&talk);
			for (int i = 0; i < SERVERS; i++)
				clean_up(&talk, i);
		}
		talk_close(&talk);
	}
}

static void named(struct talk *self)
{
	SENDS(0, "Pa=one Ba E Pb=two Bb E Cs=a S");
	SAYS(0, "1 2 C=SELECT 3 1 2 C=SELECT ZI");
	SENDS(0, "P=bad Bb Ba Cs=b Pc=three S Bb S");
	SAYS(0, "E=42601 ZI 3 1 2 ZI");
	SENDS(0, "Pb=x Bpgcarwash_9 S Bpgcarwash_9 S");
	SAYS(0, "E=42703 ZI E=26000 ZI");
	SENDS(0, "P+c=long P+=long H S");
	SAYS(0, "1 1 ZI");
}

TEST(named_statements_without_memory)
{
	run(named);
}

static void outdated(struct talk *self)
{
	SENDS(0, "Pa=one S");
	SAYS(0, "1 ZI");
	SENDS(0, "Ba Dp= E S");
	SAYS(0, "E=0A000/RevalidateCachedQuery");
	if (self->retry && self->lent[0] == 0)
		talk_replay(self, 0);
	SAYS(0, "ZI 3 1 2 T C=SELECT ZI");
	SENDS(0, "Ba S");
	SAYS(0, "E=0A000/RevalidateCachedQuery ZI");
	SENDS(0, "Ba S");
}

TEST(second_tries_without_memory)
{
	run(outdated);
}

static void unnamed(struct talk *self)
{
	SENDS(0, "P=one S");
	SAYS(0, "1 ZI");
	if (self->lent[0] == 0)
		talk_give_back(self, 0);
	talk_lend(self, 1, 0);
	SENDS(1, "B S");
	SAYS(0, "3 E=26000 ZI");
	SENDS(1, "P=two S Bnone P=three S");
	SAYS(0, "1 ZI E=26000 ZI");
	SENDS(1, "B S");
}

TEST(unnamed_statements_without_memory)
{
	run(unnamed);
}

static void settings(struct talk *self)
{
	SAYS(0, "S=TimeZone/UTC S=application_name/x");
	SAYS(1, "S=TimeZone/EST");
	if (self->lent[0] == 0)
		talk_give_back(self, 0);
	talk_lend(self, 0, 1);
	SAYS(1, "C=RESET S=TimeZone/UTC C=RESET ZI");
	SENDS(0, "Q=one");
	SAYS(1, "C=SELECT S=TimeZone/EST ZI");
}

TEST(settings_without_memory)
{
	run(settings);
}

static void recovery(struct talk *self)
{
	SENDS(0, "Pz=one P=copy B E S");
	SAYS(0, "1 1 2 G");
	SENDS(0, "d c S");
	SAYS(0, "E=22P02 ZT");
	if (self->lent[0] == 0)
		talk_give_back(self, 0);
	(void)talk_recover(self, 0);
	SAYS(0, "3 ZT");
	(void)talk_recover(self, 0);
	SAYS(0, "C=ROLLBACK ZI");
}

TEST(recovery_without_memory)
{
	run(recovery);
}

/* Where memory ran out half-way, what the server was told is not what was noted. */
TEST(a_server_told_half_is_not_lent_again)
{
	bool seen = false;

	WITH_EACH_FAULT(nth)
	{
		struct talk talk, *self = &talk;

		if (talk_open(self, 10)) {
			talk_lend(self, 0, 0);
			SENDS(0, "Pa=one");
			if (self->ended == END_NO_MEMORY) {
				seen = true;
				CHECK(!backend_is_clean(&self->servers[0]));
				CHECK(!talk_recover(self, 0));
			}
		}
		talk_close(self);
	}
	CHECK(seen);
}
