#include "test.h"

#include "auth/md5.h"

static const uint8_t salt[MD5_SALT_LEN] = { 0x01, 0x02, 0x00, 0xff };

static struct secret plain(const char *text)
{
	return (struct secret){ SECRET_PLAIN, slice_of(text) };
}

TEST(stored_form_is_postgresqls)
{
	char out[MD5_TEXT_LEN + 1];

	/* Made by PostgreSQL 15: CREATE ROLE m0 PASSWORD 'secret' under password_encryption md5. */
	CHECK_INT_EQ(md5_store(SLICE_LITERAL("secret"), SLICE_LITERAL("m0"), out), OK);
	CHECK_TEXT_EQ(out, "md5543b487be7f769a0afa279cda9a806f4");
}

TEST(plain_and_stored_secrets_answer_the_same)
{
	struct secret secret = plain("secret"), stored;
	char text[MD5_TEXT_LEN + 1], from_plain[MD5_TEXT_LEN + 1], from_stored[MD5_TEXT_LEN + 1];

	REQUIRE(md5_store(secret.text, SLICE_LITERAL("anna"), text) == OK);
	stored = secret_of(slice_of(text));
	CHECK_INT_EQ(stored.kind, SECRET_MD5);
	CHECK_INT_EQ(md5_answer(&secret, SLICE_LITERAL("anna"), salt, from_plain), OK);
	CHECK_INT_EQ(md5_answer(&stored, SLICE_LITERAL("anna"), salt, from_stored), OK);
	CHECK_TEXT_EQ(from_plain, from_stored);
	CHECK_TEXT_EQ(from_plain, "md505e851f7f78dc7b84fd593c0360c7e29");
}

TEST(an_answer_fits_its_salt_user_and_password_only)
{
	struct secret secret = plain("secret"), other = plain("Secret");
	uint8_t other_salt[MD5_SALT_LEN] = { 0x01, 0x02, 0x00, 0xfe };
	struct slice anna = SLICE_LITERAL("anna");
	char answer[MD5_TEXT_LEN + 1];

	REQUIRE(md5_answer(&secret, anna, salt, answer) == OK);
	CHECK(md5_answer_fits(&secret, anna, salt, slice_of(answer)));
	CHECK(!md5_answer_fits(&other, anna, salt, slice_of(answer)));
	CHECK(!md5_answer_fits(&secret, SLICE_LITERAL("anne"), salt, slice_of(answer)));
	CHECK(!md5_answer_fits(&secret, anna, other_salt, slice_of(answer)));
	for (size_t i = 0; i < MD5_TEXT_LEN; i++) {
		answer[i] ^= 1;
		CHECK(!md5_answer_fits(&secret, anna, salt, slice_of(answer)));
		answer[i] ^= 1;
		CHECK(!md5_answer_fits(&secret, anna, salt, (struct slice){ answer, i }));
	}
	CHECK(!md5_answer_fits(&secret, anna, salt, SLICE_NONE));
}

TEST(other_kinds_cannot_answer)
{
	struct secret none = secret_of(SLICE_NONE);
	struct secret scram = { SECRET_SCRAM, SLICE_LITERAL("SCRAM-SHA-256$") };
	char out[MD5_TEXT_LEN + 1];

	CHECK_INT_EQ(md5_answer(&none, SLICE_LITERAL("anna"), salt, out), BROKEN);
	CHECK_INT_EQ(md5_answer(&scram, SLICE_LITERAL("anna"), salt, out), BROKEN);
	CHECK(!md5_answer_fits(&none, SLICE_LITERAL("anna"), salt, SLICE_NONE));
}
