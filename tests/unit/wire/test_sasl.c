#include "cut.h"
#include "wire/sasl.h"

static enum result read_request(struct slice body)
{
	struct auth_view view;

	return sasl_read_request(body, &view);
}

TEST(each_authentication_request)
{
	struct auth_view view;

	REQUIRE(sasl_read_request(BYTES("\0\0\0\0"), &view) == OK);
	CHECK_INT_EQ(view.request, AUTH_REQUEST_OK);
	CHECK_INT_EQ(view.data.len, 0);
	REQUIRE(sasl_read_request(BYTES("\0\0\0\x05salt"), &view) == OK);
	CHECK_INT_EQ(view.request, AUTH_REQUEST_MD5);
	CHECK_SLICE_EQ(view.data, BYTES("salt"));
	REQUIRE(sasl_read_request(BYTES("\0\0\0\x0br=nonce"), &view) == OK);
	CHECK_INT_EQ(view.request, AUTH_REQUEST_SASL_CONTINUE);
	CHECK_SLICE_EQ(view.data, BYTES("r=nonce"));
	REQUIRE(sasl_read_request(BYTES("\0\0\1\0whatever"), &view) == OK);
	CHECK_INT_EQ(view.request, 256);
	CHECK_SLICE_EQ(view.data, BYTES("whatever"));
}

TEST(requests_of_a_fixed_size_have_just_that)
{
	static const char bare[] = { AUTH_REQUEST_OK, AUTH_REQUEST_KERBEROS_V5,
				     AUTH_REQUEST_CLEARTEXT, AUTH_REQUEST_GSS, AUTH_REQUEST_SSPI };

	for (size_t i = 0; i < COUNT_OF(bare); i++) {
		char body[5] = { 0, 0, 0, bare[i], 'x' };

		CHECK_CUT_BROKEN(read_request, ((struct slice){ body, 4 }));
		CHECK_INT_EQ(read_request((struct slice){ body, 5 }), BROKEN);
	}
	CHECK_CUT_BROKEN(read_request, BYTES("\0\0\0\x05salt"));
	CHECK_INT_EQ(read_request(BYTES("\0\0\0\x05salty")), BROKEN);
	CHECK_CUT_BROKEN_BELOW(read_request, BYTES("\0\0\0\x0c" "abc"), 4);
}

/* All mechanisms are taken and the list ends well. */
static enum result read_list(struct slice list)
{
	struct slice mechanism;
	enum result result;

	while ((result = sasl_next_mechanism(&list, &mechanism)) == OK)
		;
	return result == AGAIN ? OK : BROKEN;
}

TEST(mechanisms_of_a_list)
{
	struct slice list = BYTES("SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"), mechanism;

	CHECK_CUT_BROKEN(read_list, list);
	REQUIRE(sasl_next_mechanism(&list, &mechanism) == OK);
	CHECK_SLICE_EQ(mechanism, BYTES("SCRAM-SHA-256-PLUS"));
	REQUIRE(sasl_next_mechanism(&list, &mechanism) == OK);
	CHECK_SLICE_EQ(mechanism, BYTES("SCRAM-SHA-256"));
	CHECK_INT_EQ(sasl_next_mechanism(&list, &mechanism), AGAIN);
	CHECK_INT_EQ(sasl_next_mechanism(&list, &mechanism), AGAIN);
	CHECK_INT_EQ(read_list(BYTES("X\0\0junk")), BROKEN);
	CHECK_INT_EQ(read_list(BYTES("\0")), OK);
}

static enum result read_password(struct slice body)
{
	struct slice password;

	return sasl_read_password(body, &password);
}

TEST(password_is_one_text)
{
	struct slice password;

	REQUIRE(sasl_read_password(BYTES("secret\0"), &password) == OK);
	CHECK_SLICE_EQ(password, BYTES("secret"));
	CHECK_CUT_BROKEN(read_password, BYTES("secret\0"));
	CHECK_INT_EQ(read_password(BYTES("secret\0x")), BROKEN);
}

static enum result read_initial(struct slice body)
{
	struct slice mechanism, data;

	return sasl_read_initial(body, &mechanism, &data);
}

TEST(initial_response_with_and_without_data)
{
	struct slice mechanism, data;

	REQUIRE(sasl_read_initial(BYTES("SCRAM\0\0\0\0\3n,,"), &mechanism, &data) == OK);
	CHECK_SLICE_EQ(mechanism, BYTES("SCRAM"));
	CHECK_SLICE_EQ(data, BYTES("n,,"));
	REQUIRE(sasl_read_initial(BYTES("X\0\xff\xff\xff\xff"), &mechanism, &data) == OK);
	CHECK(data.data == NULL);
	REQUIRE(sasl_read_initial(BYTES("X\0\0\0\0\0"), &mechanism, &data) == OK);
	CHECK(data.data != NULL);
	CHECK_INT_EQ(data.len, 0);
	CHECK_CUT_BROKEN(read_initial, BYTES("SCRAM\0\0\0\0\3n,,"));
	CHECK_CUT_BROKEN(read_initial, BYTES("X\0\xff\xff\xff\xff"));
}

TEST(initial_response_with_a_wrong_length_is_broken)
{
	CHECK_INT_EQ(read_initial(BYTES("X\0\0\0\0\3abcd")), BROKEN);
	CHECK_INT_EQ(read_initial(BYTES("X\0\xff\xff\xff\xff" "x")), BROKEN);
	CHECK_INT_EQ(read_initial(BYTES("X\0\xff\xff\xff\xfe")), BROKEN);
	CHECK_INT_EQ(read_initial(BYTES("X\0\x7f\xff\xff\xff" "x")), BROKEN);
	CHECK_INT_EQ(read_initial(BYTES("X\0\x80\0\0\0")), BROKEN);
}

TEST(answers_written_byte_for_byte)
{
	struct buffer out;

	buffer_init(&out);
	sasl_write_password(&out, BYTES("secret"));
	CHECK_SLICE_EQ(buffer_slice(&out), BYTES("p\0\0\0\x0bsecret\0"));
	buffer_clear(&out);
	sasl_write_initial(&out, BYTES("X"), BYTES("n,,"));
	CHECK_SLICE_EQ(buffer_slice(&out), BYTES("p\0\0\0\x0dX\0\0\0\0\3n,,"));
	buffer_clear(&out);
	sasl_write_initial(&out, BYTES("X"), BYTES(""));
	CHECK_SLICE_EQ(buffer_slice(&out), BYTES("p\0\0\0\x0aX\0\0\0\0\0"));
	buffer_clear(&out);
	sasl_write_initial(&out, BYTES("X"), SLICE_NONE);
	CHECK_SLICE_EQ(buffer_slice(&out), BYTES("p\0\0\0\x0aX\0\xff\xff\xff\xff"));
	buffer_clear(&out);
	sasl_write_response(&out, BYTES("c=biws"));
	CHECK_SLICE_EQ(buffer_slice(&out), BYTES("p\0\0\0\x0a" "c=biws"));
	buffer_release(&out);
}

TEST(requests_written_byte_for_byte)
{
	static const struct slice names[] = { SLICE_LITERAL("A"), SLICE_LITERAL("BC") };
	struct buffer out;

	buffer_init(&out);
	sasl_write_request(&out, AUTH_REQUEST_OK, SLICE_NONE);
	CHECK_SLICE_EQ(buffer_slice(&out), BYTES("R\0\0\0\x08\0\0\0\0"));
	buffer_clear(&out);
	sasl_write_request(&out, AUTH_REQUEST_MD5, BYTES("salt"));
	CHECK_SLICE_EQ(buffer_slice(&out), BYTES("R\0\0\0\x0c\0\0\0\5salt"));
	buffer_clear(&out);
	sasl_write_mechanisms(&out, names, COUNT_OF(names));
	CHECK_SLICE_EQ(buffer_slice(&out), BYTES("R\0\0\0\x0e\0\0\0\x0a" "A\0BC\0\0"));
	buffer_release(&out);
}
