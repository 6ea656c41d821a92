#include <string.h>

#include "cut.h"
#include "wire/cancel_key.h"

static struct slice as_slice(const uint8_t *key, size_t len)
{
	return (struct slice){ (const char *)key, len };
}

TEST(a_pid_is_positive_whatever_is_random)
{
	uint8_t key[CANCEL_KEY_SHORT];

	memset(key, 0xff, sizeof(key));
	cancel_key_shape(key, 0);
	CHECK_INT_EQ(cancel_key_pid(as_slice(key, sizeof(key))), 0x7fffffff);
	CHECK_INT_EQ(key[7], 0xff);
}

TEST(without_a_peer_id_all_else_is_random)
{
	static const uint8_t random[CANCEL_KEY_SHORT] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	uint8_t key[CANCEL_KEY_SHORT];

	memcpy(key, random, sizeof(key));
	cancel_key_shape(key, 0);
	CHECK(memcmp(key, random, sizeof(key)) == 0);
}

TEST(a_key_says_whose_it_is)
{
	static const unsigned ids[] = { 1, 2, 255, 256, 16383, 65535 };
	uint8_t key[CANCEL_KEY_LONG];

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		memset(key, 0xa5, sizeof(key));
		cancel_key_shape(key, ids[i]);
		CHECK_INT_EQ(cancel_key_peer(as_slice(key, sizeof(key))), ids[i]);
		CHECK_INT_EQ(cancel_key_hops(as_slice(key, sizeof(key))), CANCEL_KEY_HOPS);
	}
}

TEST(the_layout_is_the_one_peers_know)
{
	static const uint8_t expected[CANCEL_KEY_SHORT] = { 0x7f, 0x34, 0x12, 0xff,
							    0xff, 0xff, 0xff, 0xff };
	uint8_t key[CANCEL_KEY_SHORT];

	memset(key, 0xff, sizeof(key));
	cancel_key_shape(key, 0x1234);
	CHECK(memcmp(key, expected, sizeof(key)) == 0);
	memset(key, 0, sizeof(key));
	cancel_key_shape(key, 1);
	CHECK_INT_EQ(key[1], 1);
	CHECK_INT_EQ(key[2], 0);
	CHECK_INT_EQ(key[7], 3);
}

TEST(hops_change_nothing_else)
{
	uint8_t key[CANCEL_KEY_SHORT] = { 1, 2, 3, 4, 5, 6, 7, 0xfc };

	for (unsigned hops = 0; hops <= CANCEL_KEY_HOPS; hops++) {
		cancel_key_set_hops(key, hops);
		CHECK_INT_EQ(cancel_key_hops(as_slice(key, sizeof(key))), hops);
		CHECK_INT_EQ(key[7], 0xfc | hops);
	}
	CHECK_INT_EQ(cancel_key_peer(as_slice(key, sizeof(key))), 0x0302);
	CHECK_INT_EQ(key[6], 7);
}

TEST(both_parts_of_a_key)
{
	static const uint8_t key[CANCEL_KEY_LONG] = { 0x01, 0x02, 0x03, 0x04, 0x05 };
	struct slice secret = cancel_key_secret(as_slice(key, sizeof(key)));

	CHECK_INT_EQ(cancel_key_pid(as_slice(key, sizeof(key))), 0x01020304);
	CHECK_INT_EQ(secret.len, 32);
	CHECK(secret.data == (const char *)key + 4);
}

TEST(keys_have_secrets_of_4_to_256_bytes)
{
	static const char zeros[300];
	struct slice key;

	for (size_t len = 0; len < sizeof(zeros); len++) {
		enum result result = cancel_key_read((struct slice){ zeros, len }, &key);

		CHECK_INT_EQ(result, len >= 8 && len <= 260 ? OK : BROKEN);
		if (result == OK)
			CHECK_INT_EQ(key.len, len);
	}
}
