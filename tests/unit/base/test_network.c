#include "base/network.h"
#include "test.h"

static bool has(const char *text, const char *address)
{
	struct network network;
	uint8_t bytes[NETWORK_ADDRESS_MAX];
	size_t len = network_read_address(slice_of(address), bytes);

	if (network_parse(slice_of(text), &network) != OK) {
		FAIL("not a network: %s", text);
		return false;
	}
	return network_has(&network, bytes, len);
}

TEST(a_network_has_what_agrees_in_its_bits)
{
	CHECK(has("10.0.0.0/8", "10.255.3.4"));
	CHECK(!has("10.0.0.0/8", "11.0.0.0"));
	CHECK(has("10.1.2.3", "10.1.2.3"));
	CHECK(!has("10.1.2.3", "10.1.2.2"));
	CHECK(has("10.0.0.128/25", "10.0.0.200"));
	CHECK(!has("10.0.0.128/25", "10.0.0.127"));
	CHECK(has("0.0.0.0/0", "9.9.9.9"));
	CHECK(!has("0.0.0.0/0", "::1"));
	CHECK(has("2001:db8::/32", "2001:db8:1::5"));
	CHECK(!has("2001:db8::/32", "2001:db9::"));
	CHECK(has("::1", "::1"));
}

TEST(what_is_no_network)
{
	static const char *const texts[] = { "",	    "10.0.0",	    "host",
					     "10.0.0.0/33", "10.0.0.0/-1",  "10.0.0.0/",
					     "::/129",	    "10.0.0.0/8/8", "10.0.0.0 /8" };
	struct network network;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (network_parse(slice_of(texts[i]), &network) == OK)
			FAIL("taken: %s", texts[i]);
}

static bool list_has(struct slice list, const char *address)
{
	uint8_t bytes[NETWORK_ADDRESS_MAX];

	return network_list_has(list, bytes, network_read_address(slice_of(address), bytes));
}

TEST(a_list_is_of_networks_and_unix)
{
	struct slice list = SLICE_LITERAL("10.0.0.0/8, ::1 , unix"), fault;

	CHECK(!network_list_fault(list, &fault));
	CHECK(network_list_has(list, NULL, 0));
	CHECK(list_has(list, "10.9.8.7"));
	CHECK(list_has(list, "::1"));
	CHECK(!list_has(list, "::2"));
	CHECK(!network_list_has(SLICE_LITERAL("0.0.0.0/0"), NULL, 0));
	CHECK(!network_list_has(SLICE_LITERAL(""), NULL, 0));
	CHECK(!network_list_fault(SLICE_LITERAL(""), &fault));
	CHECK(network_list_fault(SLICE_LITERAL("10.0.0.0/8,Unix"), &fault));
	CHECK_SLICE_EQ(fault, SLICE_LITERAL("Unix"));
	CHECK(network_list_fault(SLICE_LITERAL("10.0.0.1,,::1"), &fault));
}
