#include "test.h"

#include "auth/auth_internal.h"

static struct slice encode(struct buffer *out, struct slice bytes)
{
	buffer_clear(out);
	base64_append(out, (const uint8_t *)bytes.data, bytes.len);
	return buffer_slice(out);
}

static bool decodes(const char *text)
{
	uint8_t out[64];
	size_t len = 0;

	return base64_decode(slice_of(text), out, sizeof(out), &len) == OK;
}

TEST(base64_vectors_of_rfc_4648)
{
	static const char *const pairs[][2] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
	};
	struct buffer out = BUFFER_EMPTY;

	for (size_t i = 0; i < COUNT_OF(pairs); i++) {
		uint8_t bytes[8];
		size_t len = 99;

		CHECK_SLICE_EQ(encode(&out, slice_of(pairs[i][0])), slice_of(pairs[i][1]));
		CHECK_INT_EQ(base64_decode(slice_of(pairs[i][1]), bytes, sizeof(bytes), &len), OK);
		CHECK_UINT_EQ(len, strlen(pairs[i][0]));
		CHECK_BYTES_EQ(bytes, pairs[i][0], len);
	}
	buffer_release(&out);
}

TEST(base64_goes_both_ways_for_every_byte)
{
	struct buffer out = BUFFER_EMPTY;
	uint8_t bytes[3], back[3];
	size_t len;

	for (unsigned i = 0; i < 256 * 3; i++) {
		memset(bytes, 0x5a, sizeof(bytes));
		bytes[i % 3] = (uint8_t)(i / 3);
		encode(&out, (struct slice){ (char *)bytes, 3 });
		REQUIRE(base64_decode(buffer_slice(&out), back, 3, &len) == OK && len == 3);
		CHECK_BYTES_EQ(back, bytes, 3);
	}
	buffer_release(&out);
}

TEST(base64_has_one_spelling_only)
{
	static const char *const wrong[] = {
		"Z",	"Zg",	 "Zg=",	  "Zh==",   "Zm9=", "Zg==Zg==", "====",	    "Z===",
		"=Zg=", "Zm 9v", "Zm9v ", "Zm9v\n", "Zm9-", "Zm9_",	"Zm9v====", "Zm9\x80"
	};

	CHECK(decodes("Zg=="));
	CHECK(decodes("Zm9v"));
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		if (decodes(wrong[i]))
			FAIL("\"%s\" is taken", wrong[i]);
	}
}

TEST(base64_stops_at_the_room_given)
{
	uint8_t out[3];
	size_t len = 0;

	CHECK_INT_EQ(base64_decode(SLICE_LITERAL("Zm9v"), out, 3, &len), OK);
	CHECK_INT_EQ(base64_decode(SLICE_LITERAL("Zm9v"), out, 2, &len), BROKEN);
	CHECK_INT_EQ(base64_decode(SLICE_LITERAL("Zm9vYg=="), out, 3, &len), BROKEN);
}

TEST(hmac_and_sha256_of_their_rfcs)
{
	/* RFC 4231 test case 6 hashes a long key first; ours are always 32 bytes: case 1, padded.
	 */
	uint8_t key[32] = { 0 }, out[32];
	char digits[64];

	memset(key, 0x0b, 20);
	CHECK_INT_EQ(digest_hmac(key, SLICE_LITERAL("Hi There"), out), OK);
	hex_write(out, sizeof(out), digits);
	CHECK_BYTES_EQ(digits, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
		       64);
	CHECK_INT_EQ(digest_sha256("abc", 3, out), OK);
	hex_write(out, sizeof(out), digits);
	CHECK_BYTES_EQ(digits, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		       64);
}

TEST(expanded_bytes_depend_on_everything_asked)
{
	uint8_t key[32] = { 1 }, other_key[32] = { 2 };
	uint8_t first[100], again[100], part[40];

	REQUIRE(digest_expand(key, "label", SLICE_LITERAL("name"), first, 100) == OK);
	REQUIRE(digest_expand(key, "label", SLICE_LITERAL("name"), again, 100) == OK);
	CHECK_BYTES_EQ(again, first, 100);
	REQUIRE(digest_expand(key, "label", SLICE_LITERAL("name"), part, 40) == OK);
	CHECK_BYTES_EQ(part, first, 40);
	CHECK(memcmp(first, first + 32, 32) != 0);
	REQUIRE(digest_expand(other_key, "label", SLICE_LITERAL("name"), again, 100) == OK);
	CHECK(memcmp(first, again, 32) != 0);
	REQUIRE(digest_expand(key, "labem", SLICE_LITERAL("name"), again, 100) == OK);
	CHECK(memcmp(first, again, 32) != 0);
	REQUIRE(digest_expand(key, "label", SLICE_LITERAL("nam"), again, 100) == OK);
	CHECK(memcmp(first, again, 32) != 0);
}

static void check_prepared(const char *in, const char *out)
{
	struct prepared prepared;

	REQUIRE(saslprep(slice_of(in), &prepared) == OK);
	CHECK_SLICE_EQ(((struct slice){ prepared.data, prepared.len }), slice_of(out));
	prepared_release(&prepared);
}

TEST(saslprep_examples_of_rfc_4013)
{
	check_prepared("I\u00adX", "IX");
	check_prepared("user", "user");
	check_prepared("USER", "USER");
	check_prepared("\u00aa", "a");
	check_prepared("\u2168", "IX");
}

TEST(saslprep_leaves_what_it_cannot_take)
{
	char longer[2001];

	check_prepared("\x07", "\x07");
	check_prepared("\u06271", "\u06271");
	check_prepared("caf\xe9", "caf\xe9");
	check_prepared("\u00ad", "\u00ad");
	check_prepared("", "");
	memset(longer, 'a', 2000);
	memcpy(longer, "\u00aa", 2);
	longer[2000] = '\0';
	check_prepared(longer, longer);
}

TEST(saslprep_survives_no_memory)
{
	WITH_EACH_FAULT(nth)
	{
		struct prepared prepared;

		if (saslprep(SLICE_LITERAL("I\u00adX"), &prepared) != OK)
			continue;
		CHECK_UINT_EQ(prepared.len, 2);
		prepared_release(&prepared);
	}
}

TEST(iterations_are_plain_numbers_in_range)
{
	static const char *const wrong[] = { "",     "0",   "01",	 "-1",	     "+1",
					     " 1",   "1 ",  "4096x",	 "10000001", "99999999999",
					     "0x10", "1e3", "4294967297" };
	uint32_t value = 0;

	CHECK_INT_EQ(iterations_read(SLICE_LITERAL("4096"), &value), OK);
	CHECK_UINT_EQ(value, 4096);
	CHECK_INT_EQ(iterations_read(SLICE_LITERAL("10000000"), &value), OK);
	CHECK_UINT_EQ(value, SCRAM_ITERATIONS_MAX);
	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		CHECK_INT_EQ(iterations_read(slice_of(wrong[i]), &value), BROKEN);
}

TEST(attributes_are_cut_one_by_one)
{
	struct slice rest = SLICE_LITERAL("n=,r=a=b,x=");
	struct slice value;
	char name;

	CHECK_INT_EQ(attribute_take(&rest, 'n', &value), OK);
	CHECK_SLICE_EQ(value, SLICE_LITERAL(""));
	CHECK_INT_EQ(attribute_next(&rest, &name, &value), OK);
	CHECK_INT_EQ(name, 'r');
	CHECK_SLICE_EQ(value, SLICE_LITERAL("a=b"));
	CHECK(attributes_are_well_formed(rest));
	CHECK_INT_EQ(attribute_take(&rest, 'y', &value), BROKEN);
}

TEST(attributes_out_of_form_are_refused)
{
	static const char *const wrong[] = { "",     "n",    "=x",  "n,",  "1=x",
					     "n=a,", ",n=a", "m=x", "nn=x" };

	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		struct slice rest = slice_of(wrong[i]), value;
		char name;

		if (attribute_next(&rest, &name, &value) == OK)
			FAIL("\"%s\" is taken", wrong[i]);
	}
	CHECK(!attributes_are_well_formed(SLICE_LITERAL("a=1,,b=2")));
	CHECK(attributes_are_well_formed(SLICE_LITERAL("a=1,b=2")));
}
