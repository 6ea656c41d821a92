#include "test.h"
#include "wire/message.h"

static const char client_types[] = "BCDEFHPQSXcdfp";
static const char server_types[] = "123ACDEGHIKNRSTVWZcdnstv";

static void check_side(enum side side, const char *types)
{
	for (int type = 0; type < 256; type++) {
		const struct message_rule *rule = message_rule(side, (char)type);
		bool known = type && strchr(types, type);

		if (known != (rule != NULL))
			FAIL("side %d type 0x%02x: %s", (int)side, type,
			     rule ? "known" : "unknown");
		if (!rule)
			continue;
		CHECK_INT_EQ(rule->type, (char)type);
		CHECK(rule->name && rule->name[0]);
	}
}

TEST(each_side_knows_its_types_and_no_others)
{
	check_side(SIDE_CLIENT, client_types);
	check_side(SIDE_SERVER, server_types);
}

TEST(names_are_those_of_the_documentation)
{
	CHECK_TEXT_EQ(message_rule(SIDE_CLIENT, 'D')->name, "Describe");
	CHECK_TEXT_EQ(message_rule(SIDE_SERVER, 'D')->name, "DataRow");
	CHECK_TEXT_EQ(message_rule(SIDE_CLIENT, 'C')->name, "Close");
	CHECK_TEXT_EQ(message_rule(SIDE_SERVER, 'C')->name, "CommandComplete");
	CHECK_TEXT_EQ(message_rule(SIDE_CLIENT, 'E')->name, "Execute");
	CHECK_TEXT_EQ(message_rule(SIDE_SERVER, 'E')->name, "ErrorResponse");
	CHECK_TEXT_EQ(message_rule(SIDE_CLIENT, 'S')->name, "Sync");
	CHECK_TEXT_EQ(message_rule(SIDE_SERVER, 'S')->name, "ParameterStatus");
}

/* Types of side with this gather are exactly those in types. */
static void check_gather(enum side side, enum gather gather, const char *types)
{
	for (int type = 1; type < 128; type++) {
		const struct message_rule *rule = message_rule(side, (char)type);

		if (rule && (rule->gather == gather) != (strchr(types, type) != NULL))
			FAIL("%s: gather is %d", rule->name, (int)rule->gather);
	}
}

TEST(what_may_flow)
{
	check_gather(SIDE_CLIENT, GATHER_NONE, "dF");
	check_gather(SIDE_CLIENT, GATHER_HEAD, "B");
	check_gather(SIDE_CLIENT, GATHER_WHOLE, "CDEHPQSXcfp");
	check_gather(SIDE_SERVER, GATHER_NONE, "DTtdV");
	check_gather(SIDE_SERVER, GATHER_HEAD, "");
	check_gather(SIDE_SERVER, GATHER_WHOLE, "123ACEGHIKNRSWZcnsv");
}

/* Types of side with this longest body are exactly those in types. */
static void check_max_len(enum side side, uint32_t max_len, const char *types)
{
	for (int type = 1; type < 128; type++) {
		const struct message_rule *rule = message_rule(side, (char)type);

		if (rule && (rule->max_len == max_len) != (strchr(types, type) != NULL))
			FAIL("%s: max_len is %u", rule->name, (unsigned)rule->max_len);
	}
}

TEST(how_long_they_may_be)
{
	check_max_len(SIDE_CLIENT, 0, "HSXc");
	check_max_len(SIDE_CLIENT, 9996, "CDE");
	check_max_len(SIDE_CLIENT, 65535, "p");
	check_max_len(SIDE_CLIENT, MESSAGE_ANY_LEN, "BFPQdf");
	check_max_len(SIDE_SERVER, 0, "123Icns");
	check_max_len(SIDE_SERVER, 1, "Z");
	check_max_len(SIDE_SERVER, 260, "K");
	check_max_len(SIDE_SERVER, 9996, "Cv");
	check_max_len(SIDE_SERVER, 65535, "R");
	check_max_len(SIDE_SERVER, MESSAGE_ANY_LEN, "ADEGHNSTVWdt");
}

TEST(a_view_knows_its_bytes)
{
	static const char bytes[] = "Q\0\0\0\7ab";
	struct message m = { 'Q', 3, { bytes + 5, 2 }, message_rule(SIDE_CLIENT, 'Q') };

	CHECK(!message_is_whole(&m));
	CHECK_SLICE_EQ(message_bytes(&m), ((struct slice){ bytes, 7 }));
	m.body.len = 3;
	CHECK(message_is_whole(&m));
	CHECK_INT_EQ(message_bytes(&m).len, 8);
}
