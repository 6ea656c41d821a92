#include "test.h"

#include "auth/keyring.h"

static struct scram_keys keys_of(unsigned number)
{
	struct scram_keys keys = { .recipe = { .iterations = 4096, .salt_len = 4 } };

	memcpy(keys.recipe.salt, &number, 4);
	memset(keys.client_key, (int)number, SCRAM_KEY_LEN);
	return keys;
}

static bool has(struct keyring *keyring, const char *password, unsigned number)
{
	struct scram_keys keys = keys_of(number);
	const struct scram_keys *found = keyring_find(keyring, slice_of(password), &keys.recipe);

	if (found)
		CHECK_BYTES_EQ(found->client_key, keys.client_key, SCRAM_KEY_LEN);
	return found != NULL;
}

static void put(struct keyring *keyring, const char *password, unsigned number)
{
	struct scram_keys keys = keys_of(number);

	keyring_put(keyring, slice_of(password), &keys);
}

TEST(keys_are_found_by_password_and_recipe)
{
	struct keyring *keyring = keyring_new(10, 1);
	struct scram_keys keys = keys_of(1);

	REQUIRE(keyring);
	CHECK(!has(keyring, "secret", 1));
	put(keyring, "secret", 1);
	put(keyring, "secret", 1);
	CHECK_UINT_EQ(keyring_len(keyring), 1);
	CHECK(has(keyring, "secret", 1));
	CHECK(!has(keyring, "Secret", 1));
	CHECK(!has(keyring, "secret", 2));
	keys.recipe.iterations++;
	CHECK(!keyring_find(keyring, SLICE_LITERAL("secret"), &keys.recipe));
	/* What lies behind the salt's end is no part of the question. */
	keys = keys_of(1);
	keys.recipe.salt[100] = 1;
	CHECK(keyring_find(keyring, SLICE_LITERAL("secret"), &keys.recipe));
	keyring_free(keyring);
	keyring_free(NULL);
}

TEST(the_longest_unused_is_forgotten)
{
	struct keyring *keyring = keyring_new(3, 1);

	REQUIRE(keyring);
	put(keyring, "a", 1);
	put(keyring, "b", 2);
	put(keyring, "c", 3);
	CHECK(has(keyring, "a", 1));
	put(keyring, "d", 4);
	CHECK_UINT_EQ(keyring_len(keyring), 3);
	CHECK(!has(keyring, "b", 2));
	CHECK(has(keyring, "a", 1));
	CHECK(has(keyring, "c", 3));
	CHECK(has(keyring, "d", 4));
	keyring_free(keyring);
}

TEST(no_memory_forgets)
{
	WITH_EACH_FAULT(nth)
	{
		struct keyring *keyring = keyring_new(1, 1);

		if (!keyring)
			continue;
		put(keyring, "a", 1);
		put(keyring, "b", 2);
		CHECK(keyring_len(keyring) <= 1);
		if (!mem_fault_hit())
			CHECK(has(keyring, "b", 2));
		keyring_free(keyring);
	}
}
