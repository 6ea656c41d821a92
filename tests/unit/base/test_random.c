#include "test.h"

#include "base/random.h"

TEST(bytes_are_not_the_same_twice)
{
	unsigned char a[32] = { 0 }, b[32] = { 0 };

	random_bytes(a, sizeof(a));
	random_bytes(b, sizeof(b));
	CHECK(memcmp(a, b, sizeof(a)) != 0);
	random_bytes(NULL, 0);
}

TEST(only_len_bytes_are_written)
{
	for (size_t len = 0; len < 16; len++) {
		unsigned char bytes[16];

		memset(bytes, 0x55, sizeof(bytes));
		random_bytes(bytes, len);
		for (size_t i = len; i < sizeof(bytes); i++)
			CHECK_INT_EQ(bytes[i], 0x55);
	}
}

TEST(long_requests_are_filled)
{
	static unsigned char bytes[100000];
	unsigned counts[256] = { 0 };

	random_bytes(bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		counts[bytes[i]]++;
	/* 390 of each are expected; chance stays within 120 of that. */
	for (int i = 0; i < 256; i++)
		CHECK(counts[i] > 270 && counts[i] < 510);
}

TEST(numbers_stay_below_the_bound)
{
	unsigned counts[10] = { 0 };

	CHECK_UINT_EQ(random_below(0), 0);
	CHECK_UINT_EQ(random_below(1), 0);
	for (int i = 0; i < 100000; i++) {
		uint64_t number = random_below(10);

		REQUIRE(number < 10);
		counts[number]++;
	}
	for (int i = 0; i < 10; i++)
		CHECK(counts[i] > 9400 && counts[i] < 10600);
}
