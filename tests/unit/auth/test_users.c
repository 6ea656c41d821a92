#include "test.h"

#include "auth/users.h"

static const uint8_t key[SCRAM_KEY_LEN] = "a key for imitations, 32 bytes..";

static struct users *parse(const char *text, struct users_fault *fault)
{
	return users_parse(slice_of(text), fault);
}

/* The secret of name, "-" when there is no such user. */
static struct slice secret_text(const struct users *users, const char *name)
{
	const struct user *user = users_find(users, slice_of(name));

	return user ? user->secret.text : SLICE_LITERAL("-");
}

TEST(users_of_a_usual_file)
{
	struct users_fault fault;
	struct users *users =
		parse("; our users\n"
		      "\n"
		      "\"anna\" \"secret\"\n"
		      "  \"bert\"\t\"md5543b487be7f769a0afa279cda9a806f4\" since 2019\r\n"
		      "\"ce\"\"cil\" \"say \"\"hi\"\"\"\n"
		      "  ; \"dora\" \"x\"\n"
		      "\"emil\" \"\"",
		      &fault);

	REQUIRE(users);
	CHECK_UINT_EQ(fault.line, 0);
	CHECK(!fault.text);
	CHECK_UINT_EQ(users_len(users), 4);
	CHECK_SLICE_EQ(secret_text(users, "anna"), SLICE_LITERAL("secret"));
	CHECK_SLICE_EQ(secret_text(users, "ce\"cil"), SLICE_LITERAL("say \"hi\""));
	CHECK_SLICE_EQ(secret_text(users, "dora"), SLICE_LITERAL("-"));
	CHECK_SLICE_EQ(secret_text(users, "emil"), SLICE_LITERAL(""));
	CHECK_INT_EQ(users_at(users, 0)->secret.kind, SECRET_PLAIN);
	CHECK_INT_EQ(users_at(users, 1)->secret.kind, SECRET_MD5);
	CHECK_INT_EQ(users_at(users, 3)->secret.kind, SECRET_NONE);
	CHECK_UINT_EQ(users_at(users, 0)->line, 3);
	CHECK_UINT_EQ(users_at(users, 3)->line, 7);
	users_free(users);
}

TEST(an_empty_file_has_nobody)
{
	static const char *const texts[] = { "", "\n", "; only a comment", " \t\r\n\n;" };
	struct users_fault fault;

	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct users *users = parse(texts[i], &fault);

		REQUIRE(users);
		CHECK_UINT_EQ(users_len(users), 0);
		CHECK(!fault.text);
		CHECK(!users_find(users, SLICE_LITERAL("anna")));
		CHECK(!users_example(users, key, SLICE_LITERAL("anna")));
		users_free(users);
	}
	users_free(NULL);
}

TEST(reading_stops_at_a_broken_line)
{
	static const struct {
		const char *line, *text;
	} rows[] = {
		{ "# \"b\" \"y\"", "broken auth file" },
		{ "b y", "broken auth file" },
		{ "\"b\"", "broken auth file" },
		{ "\"b\" y", "broken auth file" },
		{ "\"b\"x \"y\"", "broken auth file" },
		{ "\"b\"\n\"y\"", "broken auth file" },
		{ "\"b", "broken auth file" },
		{ "\"b\"\"y\"", "broken auth file" },
		{ "\xef\xbb\xbf\"b\" \"y\"", "broken auth file" },
	};
	char text[200];

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct users_fault fault;
		struct users *users;

		snprintf(text, sizeof(text), "\"anna\" \"x\"\n\n%s\n\"dora\" z\n", rows[i].line);
		users = parse(text, &fault);
		REQUIRE(users);
		CHECK_TEXT_EQ(fault.text, rows[i].text);
		CHECK_UINT_EQ(fault.line, 3);
		CHECK_UINT_EQ(users_len(users), 1);
		CHECK_SLICE_EQ(secret_text(users, "anna"), SLICE_LITERAL("x"));
		users_free(users);
	}
}

TEST(an_unfinished_secret_is_broken)
{
	struct users_fault fault;
	struct users *users = parse("\"a\" \"x\"\n\"b\" \"y\n", &fault);

	REQUIRE(users);
	CHECK_UINT_EQ(fault.line, 2);
	CHECK_UINT_EQ(users_len(users), 1);
	users_free(users);
}

TEST(lines_are_counted_through_quoted_newlines)
{
	struct users_fault fault;
	struct users *users = parse("\"a\nb\" \"x\ny\"\n\"c\" \"z\"\nbad", &fault);

	REQUIRE(users);
	CHECK_SLICE_EQ(secret_text(users, "a\nb"), SLICE_LITERAL("x\ny"));
	CHECK_UINT_EQ(users_find(users, SLICE_LITERAL("c"))->line, 4);
	CHECK_UINT_EQ(fault.line, 5);
	users_free(users);
}

/* One user whose name and secret have these lengths. */
static const char *fault_of_lengths(size_t name_len, size_t secret_len)
{
	struct buffer text = BUFFER_EMPTY;
	struct users_fault fault;
	struct users *users;

	buffer_append_text(&text, "\"");
	for (size_t i = 0; i < name_len; i++)
		buffer_append(&text, "n", 1);
	buffer_append_text(&text, "\" \"");
	for (size_t i = 0; i < secret_len; i++)
		buffer_append(&text, "s", 1);
	buffer_append_text(&text, "\"");
	users = users_parse(buffer_slice(&text), &fault);
	CHECK(users && users_len(users) == (fault.text ? 0 : 1));
	users_free(users);
	buffer_release(&text);
	return fault.text;
}

TEST(names_and_secrets_have_limits)
{
	CHECK(!fault_of_lengths(USERS_NAME_MAX, USERS_SECRET_MAX));
	CHECK_TEXT_EQ(fault_of_lengths(USERS_NAME_MAX + 1, 1), "username too long in auth file");
	CHECK_TEXT_EQ(fault_of_lengths(1, USERS_SECRET_MAX + 1), "password too long in auth file");
}

TEST(the_later_line_of_a_name_counts)
{
	struct users_fault fault;
	struct users *users = parse("\"a\" \"x\"\n\"b\" \"y\"\n\"a\" \"z\"\n", &fault);

	REQUIRE(users);
	CHECK_UINT_EQ(users_len(users), 2);
	CHECK_SLICE_EQ(secret_text(users, "a"), SLICE_LITERAL("z"));
	CHECK_UINT_EQ(users_at(users, 0)->line, 3);
	users_free(users);
}

TEST(many_users_are_found)
{
	struct buffer text = BUFFER_EMPTY;
	struct users_fault fault;
	struct users *users;
	char name[20];

	for (unsigned i = 0; i < 5000; i++)
		buffer_append_format(&text, "\"user%u\" \"secret%u\"\n", i, i);
	users = users_parse(buffer_slice(&text), &fault);
	buffer_release(&text);
	REQUIRE(users);
	CHECK_UINT_EQ(users_len(users), 5000);
	for (unsigned i = 0; i < 5000; i += 7) {
		snprintf(name, sizeof(name), "user%u", i);
		CHECK(users_find(users, slice_of(name)) == users_at(users, i));
	}
	users_free(users);
}

TEST(examples_are_stable_and_as_mixed_as_the_table)
{
	struct users_fault fault;
	struct users *users = parse("\"a\" \"x\"\n\"b\" \"\"\n"
				    "\"c\" \"md5543b487be7f769a0afa279cda9a806f4\"\n",
				    &fault);
	unsigned plain = 0;
	char name[20];

	REQUIRE(users);
	for (unsigned i = 0; i < 1000; i++) {
		const struct secret *example;

		snprintf(name, sizeof(name), "nobody%u", i);
		example = users_example(users, key, slice_of(name));
		REQUIRE(example && example->kind != SECRET_NONE);
		CHECK(users_example(users, key, slice_of(name)) == example);
		plain += example->kind == SECRET_PLAIN;
	}
	CHECK(plain > 400 && plain < 600);
	users_free(users);
}

TEST(the_mock_key_depends_on_the_users)
{
	struct users_fault fault;
	struct users *a = parse("\"a\" \"x\"\n", &fault);
	struct users *same = parse("; hello\n\"a\"   \"x\"\n", &fault);
	struct users *other = parse("\"a\" \"y\"\n", &fault);
	struct users *none = parse("\"a\" \"\"\n", &fault);
	uint8_t keys[3][SCRAM_KEY_LEN];

	REQUIRE(a && same && other && none);
	CHECK_INT_EQ(users_mock_key(a, keys[0]), OK);
	CHECK_INT_EQ(users_mock_key(same, keys[1]), OK);
	CHECK_INT_EQ(users_mock_key(other, keys[2]), OK);
	CHECK_INT_EQ(users_mock_key(none, keys[2]), BROKEN);
	CHECK_BYTES_EQ(keys[0], keys[1], SCRAM_KEY_LEN);
	CHECK(memcmp(keys[0], keys[2], SCRAM_KEY_LEN) != 0);
	users_free(a);
	users_free(same);
	users_free(other);
	users_free(none);
}

TEST(no_memory_is_no_table)
{
	unsigned refused = 0;

	WITH_EACH_FAULT(nth)
	{
		struct users_fault fault;
		struct users *users = parse("\"a\" \"x\"\n\"b\" \"y\"\n", &fault);

		refused += !users;
		if (users)
			CHECK_UINT_EQ(users_len(users), 2);
		users_free(users);
	}
	CHECK(refused >= 4);
}
