#include "test.h"

#include "auth/derivation.h"
#include "auth/secret.h"

#define VERIFIER                                                                                   \
	"SCRAM-SHA-256$4096:F4bBmW+z/6UINVFfeskW8Q==$r59o94bfisPpx+HIL2uruFF5M5+/"                 \
	"Qp3vvWU0uMI6iOQ=:bRdQ3YR/8PuFc8nUUtxYHH/gJFO62fX7R2YHXskr7/c="
#define MD5_OF_M0 "md5543b487be7f769a0afa279cda9a806f4"

static const uint8_t key[SCRAM_KEY_LEN] = "a key for imitations, 32 bytes..";

TEST(kinds_are_told_apart)
{
	static const struct {
		const char *text;
		enum secret_kind kind;
	} rows[] = {
		{ "", SECRET_NONE },
		{ "secret", SECRET_PLAIN },
		{ "md5", SECRET_PLAIN },
		{ MD5_OF_M0, SECRET_MD5 },
		{ MD5_OF_M0 "0", SECRET_PLAIN },
		{ "md5543B487BE7F769A0AFA279CDA9A806F4", SECRET_PLAIN },
		{ "md5543b487be7f769a0afa279cda9a806g4", SECRET_PLAIN },
		{ VERIFIER, SECRET_SCRAM },
		{ "SCRAM-SHA-256", SECRET_PLAIN },
		{ "SCRAM-SHA-256$4096:F4bBmW", SECRET_NONE },
		{ VERIFIER "x", SECRET_NONE },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct secret secret = secret_of(slice_of(rows[i].text));

		if (secret.kind != rows[i].kind)
			FAIL("\"%s\" is of kind %d", rows[i].text, secret.kind);
		CHECK_SLICE_EQ(secret.text, slice_of(rows[i].text));
	}
}

TEST(what_a_kind_can_serve)
{
	static const bool expected[4][3] = { { false, false, false },
					     { true, true, true },
					     { true, true, false },
					     { true, false, true } };

	for (int kind = SECRET_NONE; kind <= SECRET_SCRAM; kind++) {
		for (int use = SECRET_BY_CLEARTEXT; use <= SECRET_BY_SCRAM; use++)
			CHECK_INT_EQ(secret_serves((enum secret_kind)kind, (enum secret_use)use),
				     expected[kind][use]);
	}
}

static bool fits(const char *secret_text, const char *password, const struct scram_keys *keys)
{
	struct secret secret = secret_of(slice_of(secret_text));

	return secret_fits(&secret, SLICE_LITERAL("m0"), slice_of(password), keys);
}

TEST(a_password_fits_its_secret_of_any_kind)
{
	struct scram_verifier verifier;
	struct scram_keys keys, wrong;

	CHECK(fits("secret", "secret", NULL));
	CHECK(!fits("secret", "secre", NULL));
	CHECK(!fits("secret", "Secret", NULL));
	CHECK(!fits("secret", "secret ", NULL));
	CHECK(fits(MD5_OF_M0, "secret", NULL));
	CHECK(!fits(MD5_OF_M0, "Secret", NULL));
	CHECK(!fits(MD5_OF_M0, MD5_OF_M0, NULL));
	REQUIRE(scram_verifier_parse(&verifier, SLICE_LITERAL(VERIFIER)) == OK);
	REQUIRE(derive_keys(SLICE_LITERAL("secret"), &verifier.recipe, &keys) == OK);
	REQUIRE(derive_keys(SLICE_LITERAL("Secret"), &verifier.recipe, &wrong) == OK);
	CHECK(fits(VERIFIER, "secret", &keys));
	CHECK(!fits(VERIFIER, "Secret", &wrong));
	CHECK(!fits(VERIFIER, "secret", NULL));
	CHECK(!fits(VERIFIER, VERIFIER, NULL));
}

TEST(an_empty_password_never_fits)
{
	struct secret plain = { SECRET_PLAIN, SLICE_LITERAL("") };

	CHECK(!fits("", "", NULL));
	CHECK(!fits("", "x", NULL));
	CHECK(!fits("secret", "", NULL));
	CHECK(!secret_fits(&plain, SLICE_LITERAL("m0"), SLICE_LITERAL(""), NULL));
}

static void check_mock(const char *example_text, enum secret_kind kind)
{
	struct secret example = secret_of(slice_of(example_text));
	struct secret first, again, other;
	char rooms[3][SECRET_MOCK_MAX];

	REQUIRE(secret_mock(&first, &example, 4096, key, SLICE_LITERAL("eve"), rooms[0]) == OK);
	REQUIRE(secret_mock(&again, &example, 4096, key, SLICE_LITERAL("eve"), rooms[1]) == OK);
	REQUIRE(secret_mock(&other, &example, 4096, key, SLICE_LITERAL("eva"), rooms[2]) == OK);
	CHECK_INT_EQ(first.kind, kind);
	CHECK_INT_EQ(secret_of(first.text).kind, kind);
	CHECK_SLICE_EQ(first.text, again.text);
	CHECK(!slice_equal(first.text, other.text));
	if (kind != SECRET_PLAIN && example.kind == kind)
		CHECK_UINT_EQ(first.text.len, example.text.len);
}

TEST(mocks_are_stable_and_of_the_kind_of_the_example)
{
	check_mock("password", SECRET_PLAIN);
	check_mock(MD5_OF_M0, SECRET_MD5);
	check_mock(VERIFIER, SECRET_SCRAM);
	check_mock("", SECRET_SCRAM);
}

TEST(mock_verifiers_copy_the_recipe_but_for_the_salt)
{
	struct secret example = secret_of(SLICE_LITERAL(VERIFIER)), mock;
	struct scram_verifier verifier, like;
	char room[SECRET_MOCK_MAX];

	REQUIRE(scram_verifier_parse(&like, example.text) == OK);
	REQUIRE(secret_mock(&mock, &example, 9999, key, SLICE_LITERAL("eve"), room) == OK);
	REQUIRE(scram_verifier_parse(&verifier, mock.text) == OK);
	CHECK_UINT_EQ(verifier.recipe.iterations, 4096);
	CHECK_UINT_EQ(verifier.recipe.salt_len, like.recipe.salt_len);
	CHECK(!scram_recipe_equal(&verifier.recipe, &like.recipe));
	REQUIRE(secret_mock(&mock, NULL, 9999, key, SLICE_LITERAL("eve"), room) == OK);
	REQUIRE(scram_verifier_parse(&verifier, mock.text) == OK);
	CHECK_UINT_EQ(verifier.recipe.iterations, 9999);
	CHECK_UINT_EQ(verifier.recipe.salt_len, SCRAM_SALT_MADE);
}

TEST(mocks_survive_no_memory)
{
	struct secret example = secret_of(SLICE_LITERAL(VERIFIER));

	WITH_EACH_FAULT(nth)
	{
		char room[SECRET_MOCK_MAX];
		struct secret mock;

		if (secret_mock(&mock, &example, 4096, key, SLICE_LITERAL("eve"), room) == OK)
			CHECK_INT_EQ(secret_of(mock.text).kind, SECRET_SCRAM);
	}
}
