#include "test.h"

#include <openssl/evp.h>

#include "auth/auth_internal.h"
#include "auth/derivation.h"
#include "auth/scram.h"

#define SECRET_VERIFIER                                                                            \
	"SCRAM-SHA-256$4096:F4bBmW+z/6UINVFfeskW8Q==$r59o94bfisPpx+HIL2uruFF5M5+/"                 \
	"Qp3vvWU0uMI6iOQ=:bRdQ3YR/8PuFc8nUUtxYHH/gJFO62fX7R2YHXskr7/c="

/* Made by PostgreSQL 15 with CREATE ROLE ... PASSWORD. */
static const struct {
	const char *password, *salt, *stored_key, *server_key;
} made_by_postgresql[] = {
	{ "secret", "F4bBmW+z/6UINVFfeskW8Q==", "r59o94bfisPpx+HIL2uruFF5M5+/Qp3vvWU0uMI6iOQ=",
	  "bRdQ3YR/8PuFc8nUUtxYHH/gJFO62fX7R2YHXskr7/c=" },
	{ "pencil", "XfMTmN6rMaPMeMfuKm2slg==", "MtPw3kaqjeqZaNaFNbYyf8E//fh+r6/f6bRF7nHmgqs=",
	  "xvYSc1xmugNCmb1Ry1iLx1aHbvvXPF0CkJZI2DlXRKM=" },
	{ "I\xc2\xadX", "FWbJO076LpxTYXNm1dpfHw==", "rTgwmnOgGvnf/HQQcKa4e28KwYwbZeizicdf3rOxVxw=",
	  "UjLKT55F8Jhi64fYfArdFo9kyK2evQEU0Y00h6+IFHY=" },
	{ "\xc2\xaa", "ncD1KvQi6QmeLhh23lEOUg==", "KW9JJP7CnzsKARhDNah/fnVGoobGSwn854jIMwfbc/g=",
	  "iekudYFKd1Pjtx11H3FNvVSsCwex6xtZ41UiE1d6eE8=" },
	{ "\xe2\x85\xa8",
	  "L8hMBV53jwJZsfss3ehDSw==", "N+RRrs4iqxxWrYE4ZyAJBS6dlARqoEfc5x/e2eqosog=",
	  "w134c+DDet6WnBmBQqs6VE3j3tya4wTInc2/dWajois=" },
	{ "\x07", "cKp4gqF6MaVlSXmv7eC+4w==", "RNEWXMzHZagRrDFrfzm26II6bkfdxvMbQoEGGOEBHyI=",
	  "dStNwdStd4755uIyrJhOc6bXtpsf5Eog5i7NbllCHTA=" },
	{ "\xd8\xa7"
	  "1",
	  "KdDxyr2Pp22LK65wvNqiPg==", "mDuXW+LcFd/3uTsQnlOnz9EwSM4sQRrE1QzqOUSwyp8=",
	  "o/Qq9gVUoGaCdvyz2TjZzpygYhwJ2Pu3jMwnDDDZSNU=" },
	{ "p\xc3\xa4ss\xc2\xa0w\xe2\x80\xafrd",
	  "eL6td7de8FSMpTWinTJ8ag==", "LWIpuQkN86n5tuo3EGdsrGFLtIKfcX3/Altnu6qbcoU=",
	  "QKFeVLwWrYkCirbBPYF5I23PXotdPcRn1KyZAMQGK4U=" },
	{ "\xef\xac\x81le",
	  "rTfPzOKyvotBsMSWlLN0ow==", "jqtZPIyW3Sj6M4LUfhWD0yaz/P/ahtMnhuu2SqLALw4=",
	  "VJOhffat8m5eKw4JtWVGch+s2xqzRT77JxV24qzK084=" },
	{ "\xef\xbc\xa1\xef\xbc\xa2",
	  "P9+S7KzNH5ir540A9mAYiQ==", "uQR3b1mWooTAn1XZ/bzSWyVV4tV3h+qxDg5jNP8MnOI=",
	  "S/dPOg1aooK2I/Bg2ABnAsTC87CywxevUoqysstUWoc=" },
	{ "caf\xe9", "oZ6n+/pc5XZos5SZELy2aQ==", "hGzDbPIQ2v/lqXien3ouxcxw/cAuTYQNWV9amBp7D7Q=",
	  "BoOPdmUZwLdqd2ay4gKYsqNZ1bgaOQDHhPZxSiCSJUA=" },
	{ "\xe2\x80\x8bzero",
	  "aJ1nAycKUyuIQ5lEqc57iQ==", "yQJOfyMgOs8X44dox9kj+LGTAkAox3WnQjaMJpQH/SU=",
	  "BOvX0BqjEylCMfz7m7vBOOLmIzMul9hpAE3dDFT1BG8=" },
	{ "\xc2\xad", "iE8KiYtpLEggn3Li1o4SZQ==", "7b3VLu3mWhb9xEl7HxcQtGUiqv94KdZWzrP9NO0ZH0k=",
	  "YQN970OZFvgACBek2KTPRjUFUFTmOFoYAwqs6hWkPVw=" },
	{ "\xf0\x9f\x98\x80"
	  "emoji",
	  "dY0Jk4QcQ8zIsCYslm2zpw==", "68CTM6ZjGsdm8Xww/541zX5D0AoulHqmWCcwA5OZb58=",
	  "iCA+OCEyxzCVHdwZV+pfBT1W5QTZWU8uJw9sywhmc6c=" },
	{ "a\xcc\x88", "J6MhRJo5EkCzg82XokA08Q==", "QfvQwFrDnJ1qUT8hZ82DelXhd92s690+ZJ7rW4MW6Wc=",
	  "u8cCLGgFI4xnTsJRWx+VjtJlInLJXgZDiW/X15ijU2U=" },
	{ "\xcd\xb8", "62TNKY2cFLjEL7XehxdWCg==", "BHrmTrcFSIKwsSRkKUA31aFfMzUm4vgCEM2BrO4mQp8=",
	  "R8By19A8Lw8qSpm7ukfH38ajxtM5oj4pLsqKL8lCSes=" },
	{ "\xd8\xa7x", "Iq3F2selldt36GfwsmVYjQ==", "OYSd6bdavy2/7H4+mImQkofJOC3Uv9nl5f6tGA3I/Nk=",
	  "qt6aFZTbiVHaNyUgle+wES6rpKQpYaNBEbvgRdkMNXE=" },
	{ "\xd7\x90\xd7\x91",
	  "t1du7SZ/sS9Bvy9FP5uSxQ==", "iKI55FewX1Rlyz0rrkDj9UFTC7osI99E1L2ZKRueCR0=",
	  "kyv1XwziswE4P29mww83sYUTMq3YEBqg9uPDEJopkgs=" },
	{ "\xef\xb7\xba",
	  "N0Jb+gl66mBfj0x0phz7gw==", "CP8tMG6UGKbM8WkJvqD0+SRYosql+abfrYlrR7AfWZg=",
	  "8/smgGBi8dpH0tqTtQ11HaMm2VW7HCo1YcfbE+jmeYE=" },
	{ "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
	  "INfAY5kl89yPs9NZy7dAkQ==", "BwTpeq+epoCy302KTRtL5VQhVyh1gqGtjO67MGfW2BI=",
	  "Oxrv2cCCzRsKi1RuOhS1XNagA1ZeISSm2LJBogCWRZM=" },
	{ "tab\x09\xc3\xa9",
	  "RjfiO4gGYyrKmENjQwkZpw==", "brPJ4DA3kOB3bD6EFkRYBzq0cX7VD0cXehhc/DJFh44=",
	  "JRC//U3PxyAPIMZobUweLeOdDNTKmo1I3YyEKcRCLfI=" },
};

static void verifier_text(struct buffer *out, size_t i)
{
	buffer_clear(out);
	buffer_append_format(out, "SCRAM-SHA-256$4096:%s$%s:%s", made_by_postgresql[i].salt,
			     made_by_postgresql[i].stored_key, made_by_postgresql[i].server_key);
}

TEST(passwords_come_to_the_verifiers_postgresql_makes)
{
	struct buffer text = BUFFER_EMPTY, ours = BUFFER_EMPTY;

	for (size_t i = 0; i < COUNT_OF(made_by_postgresql); i++) {
		struct scram_verifier theirs, made;
		struct scram_keys keys;

		verifier_text(&text, i);
		REQUIRE(scram_verifier_parse(&theirs, buffer_slice(&text)) == OK);
		REQUIRE(derive_keys(slice_of(made_by_postgresql[i].password), &theirs.recipe,
				    &keys) == OK);
		CHECK(scram_verifier_matches(&theirs, &keys));
		REQUIRE(scram_verifier_from_keys(&made, &keys) == OK);
		buffer_clear(&ours);
		scram_verifier_format(&made, &ours);
		CHECK_SLICE_EQ(buffer_slice(&ours), buffer_slice(&text));
	}
	buffer_release(&text);
	buffer_release(&ours);
}

TEST(example_of_rfc_7677)
{
	static const char message[] = "n=user,r=rOprNGfwEbeRWgbNEkqO,"
				      "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
				      "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
				      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
	struct scram_recipe recipe = { .iterations = 4096 };
	struct scram_verifier verifier;
	struct scram_keys keys;
	struct buffer out = BUFFER_EMPTY;
	uint8_t proof[32], signature[32];
	size_t len = 0;

	REQUIRE(base64_decode(SLICE_LITERAL("W22ZaJ0SNY7soEsUEjb6gQ=="), recipe.salt,
			      sizeof(recipe.salt), &len) == OK);
	recipe.salt_len = (uint32_t)len;
	REQUIRE(derive_keys(SLICE_LITERAL("pencil"), &recipe, &keys) == OK);
	REQUIRE(scram_verifier_from_keys(&verifier, &keys) == OK);
	REQUIRE(scram_proof_mask(verifier.stored_key, slice_of(message), keys.client_key, proof) ==
		OK);
	base64_append(&out, proof, sizeof(proof));
	CHECK_SLICE_EQ(buffer_slice(&out),
		       SLICE_LITERAL("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="));
	REQUIRE(digest_hmac(verifier.server_key, slice_of(message), signature) == OK);
	buffer_clear(&out);
	base64_append(&out, signature, sizeof(signature));
	CHECK_SLICE_EQ(buffer_slice(&out),
		       SLICE_LITERAL("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
	buffer_release(&out);
}

TEST(malformed_verifiers_are_refused)
{
	static const char *const wrong[] = {
		"",
		"SCRAM-SHA-256",
		"SCRAM-SHA-256$",
		"SCRAM-SHA-1$4096:F4bBmW+z/6UINVFfeskW8Q==$r59o94bfisPpx+HIL2uruFF5M5+/"
		"Qp3vvWU0uMI6iOQ=:bRdQ3YR/8PuFc8nUUtxYHH/gJFO62fX7R2YHXskr7/c=",
		"SCRAM-SHA-256$0:F4bBmW+z/6UINVFfeskW8Q==$r59o94bfisPpx+HIL2uruFF5M5+/"
		"Qp3vvWU0uMI6iOQ=:bRdQ3YR/8PuFc8nUUtxYHH/gJFO62fX7R2YHXskr7/c=",
		"SCRAM-SHA-256$10000001:F4bBmW+z/6UINVFfeskW8Q==$r59o94bfisPpx+HIL2uruFF5M5+/"
		"Qp3vvWU0uMI6iOQ=:bRdQ3YR/8PuFc8nUUtxYHH/gJFO62fX7R2YHXskr7/c=",
		"SCRAM-SHA-256$4096:$r59o94bfisPpx+HIL2uruFF5M5+/"
		"Qp3vvWU0uMI6iOQ=:bRdQ3YR/8PuFc8nUUtxYHH/gJFO62fX7R2YHXskr7/c=",
		"SCRAM-SHA-256$4096:F4bBmW+z/6UINVFfeskW8Q$r59o94bfisPpx+HIL2uruFF5M5+/"
		"Qp3vvWU0uMI6iOQ=:bRdQ3YR/8PuFc8nUUtxYHH/gJFO62fX7R2YHXskr7/c=",
		SECRET_VERIFIER "=",
		SECRET_VERIFIER ":",
		SECRET_VERIFIER "\n",
	};
	struct scram_verifier verifier;
	struct slice fine = SLICE_LITERAL(SECRET_VERIFIER);

	CHECK_INT_EQ(scram_verifier_parse(&verifier, fine), OK);
	CHECK_UINT_EQ(verifier.recipe.salt_len, 16);
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		if (scram_verifier_parse(&verifier, slice_of(wrong[i])) != BROKEN)
			FAIL("\"%s\" is taken", wrong[i]);
	}
	for (size_t len = 0; len < fine.len; len++)
		CHECK_INT_EQ(scram_verifier_parse(&verifier, (struct slice){ fine.data, len }),
			     BROKEN);
}

TEST(salts_have_a_limit)
{
	struct scram_verifier verifier = { .recipe = { .iterations = 1 } }, back;
	struct buffer text = BUFFER_EMPTY;

	verifier.recipe.salt_len = SCRAM_SALT_MAX;
	scram_verifier_format(&verifier, &text);
	CHECK(text.len < SCRAM_TEXT_MAX);
	CHECK_INT_EQ(scram_verifier_parse(&back, buffer_slice(&text)), OK);
	CHECK(scram_recipe_equal(&back.recipe, &verifier.recipe));
	buffer_clear(&text);
	buffer_append_text(&text, "SCRAM-SHA-256$1:");
	for (int i = 0; i < 43; i++)
		buffer_append_text(&text, "AAAA");
	buffer_append_text(&text, strrchr(SECRET_VERIFIER, '$'));
	CHECK_INT_EQ(scram_verifier_parse(&back, buffer_slice(&text)), BROKEN);
	buffer_release(&text);
}

TEST(recipes_made_are_stable_and_differ_by_user)
{
	uint8_t key[SCRAM_KEY_LEN] = { 7 };
	struct scram_recipe a, b, c;

	REQUIRE(scram_recipe_make(&a, key, SLICE_LITERAL("anna"), 4096) == OK);
	REQUIRE(scram_recipe_make(&b, key, SLICE_LITERAL("anna"), 4096) == OK);
	REQUIRE(scram_recipe_make(&c, key, SLICE_LITERAL("bert"), 4096) == OK);
	CHECK(scram_recipe_equal(&a, &b));
	CHECK(!scram_recipe_equal(&a, &c));
	CHECK_UINT_EQ(a.salt_len, SCRAM_SALT_MADE);
	CHECK_INT_EQ(scram_recipe_make(&a, key, SLICE_LITERAL("anna"), 0), BROKEN);
	CHECK_INT_EQ(scram_recipe_make(&a, key, SLICE_LITERAL("anna"), SCRAM_ITERATIONS_MAX + 1),
		     BROKEN);
}

TEST(other_keys_do_not_match)
{
	struct scram_verifier verifier;
	struct scram_keys keys;

	REQUIRE(scram_verifier_parse(&verifier, SLICE_LITERAL(SECRET_VERIFIER)) == OK);
	REQUIRE(derive_keys(SLICE_LITERAL("secret"), &verifier.recipe, &keys) == OK);
	CHECK(scram_verifier_matches(&verifier, &keys));
	keys.client_key[31] ^= 1;
	CHECK(!scram_verifier_matches(&verifier, &keys));
	keys.client_key[31] ^= 1;
	keys.recipe.iterations++;
	CHECK(!scram_verifier_matches(&verifier, &keys));
}

/* RFC 8018's function as libcrypto has it, against ours. */
static void check_against_libcrypto(const char *password, uint32_t iterations, uint32_t salt_len)
{
	struct scram_recipe recipe = { .iterations = iterations, .salt_len = salt_len };
	struct scram_keys keys;
	uint8_t salted[32], client_key[32];

	memset(recipe.salt, 0xa5, salt_len);
	REQUIRE(PKCS5_PBKDF2_HMAC(password, (int)strlen(password), recipe.salt, (int)salt_len,
				  (int)iterations, EVP_sha256(), 32, salted) == 1);
	REQUIRE(digest_hmac(salted, SLICE_LITERAL("Client Key"), client_key) == OK);
	REQUIRE(derive_keys(slice_of(password), &recipe, &keys) == OK);
	CHECK_BYTES_EQ(keys.client_key, client_key, 32);
}

TEST(derivation_is_pbkdf2)
{
	char password[200];

	check_against_libcrypto("", 1, 1);
	check_against_libcrypto("x", 2, SCRAM_SALT_MAX);
	for (size_t len = 62; len < sizeof(password); len += len < 66 ? 1 : 60) {
		memset(password, 'k', len);
		password[len] = '\0';
		check_against_libcrypto(password, 3, 16);
	}
}

TEST(derivation_can_be_paused_anywhere)
{
	struct scram_recipe recipe = { .iterations = 50, .salt_len = 4, .salt = "salt" };
	struct scram_keys whole, parts;

	REQUIRE(derive_keys(SLICE_LITERAL("secret"), &recipe, &whole) == OK);
	for (uint32_t step = 1; step <= 51; step++) {
		struct derivation *derivation = derivation_new(SLICE_LITERAL("secret"), &recipe);
		uint32_t rounds = 0, budget = 0;
		enum result result;

		REQUIRE(derivation);
		CHECK_INT_EQ(derivation_run(derivation, &budget, &parts), AGAIN);
		do {
			budget = step;
			rounds++;
			result = derivation_run(derivation, &budget, &parts);
			if (result == AGAIN)
				CHECK_UINT_EQ(budget, 0);
		} while (result == AGAIN);
		CHECK_INT_EQ(result, OK);
		CHECK_UINT_EQ(rounds, (50 + step - 1) / step);
		CHECK_UINT_EQ(budget, rounds * step - 50);
		CHECK_BYTES_EQ(parts.client_key, whole.client_key, 32);
		CHECK_BYTES_EQ(parts.server_key, whole.server_key, 32);
		CHECK(scram_recipe_equal(&parts.recipe, &recipe));
		derivation_free(derivation);
	}
	derivation_free(NULL);
}

TEST(derivation_refuses_recipes_out_of_range)
{
	struct scram_recipe recipe = { .iterations = 0, .salt_len = 4 };
	struct scram_keys keys;

	CHECK(!derivation_new(SLICE_LITERAL("x"), &recipe));
	recipe.iterations = SCRAM_ITERATIONS_MAX + 1;
	CHECK(!derivation_new(SLICE_LITERAL("x"), &recipe));
	recipe.iterations = 1;
	recipe.salt_len = 0;
	CHECK(!derivation_new(SLICE_LITERAL("x"), &recipe));
	recipe.salt_len = SCRAM_SALT_MAX + 1;
	CHECK_INT_EQ(derive_keys(SLICE_LITERAL("x"), &recipe, &keys), BROKEN);
}

TEST(derivation_survives_no_memory)
{
	struct scram_recipe recipe = { .iterations = 1, .salt_len = 1 };
	unsigned failed = 0;

	WITH_EACH_FAULT(nth)
	{
		struct scram_keys keys;

		failed += derive_keys(SLICE_LITERAL("\u00aa"), &recipe, &keys) != OK;
	}
	CHECK(failed >= 2);
}
