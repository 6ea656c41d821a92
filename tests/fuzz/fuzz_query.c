/*
 * The readers of message bodies. Byte 0 chooses the reader; the rest is the body. Whatever a
 * reader accepts is written anew and must give the same bytes, or, where the writer normalises
 * (notices), a body that is read as the same view.
 */

#include "fuzz.h"
#include "wire/frame.h"
#include "wire/notice.h"
#include "wire/query.h"
#include "wire/result.h"
#include "wire/sasl.h"
#include "wire/writer.h"

/* out holds one whole message of this type whose body is body. */
static void check_same(const struct buffer *out, char type, struct slice body)
{
	struct slice bytes = buffer_slice(out);

	CHECK(!out->failed && bytes.len == body.len + MESSAGE_HEADER_LEN && bytes.data[0] == type);
	CHECK(frame_skip_run(bytes, (const char[]){ type, 0 }) == bytes.len);
	bytes.data += MESSAGE_HEADER_LEN;
	bytes.len -= MESSAGE_HEADER_LEN;
	CHECK(slice_equal(bytes, body));
}

static void fuzz_parse(struct slice body, struct buffer *out)
{
	struct parse_view view;

	if (query_read_parse(body, &view) != OK)
		return;
	CHECK(view.signature.len == body.len - view.name.len - 1);
	CHECK(view.signature.len >= view.text.len + 3 && view.signature.data == view.text.data);
	query_write_parse(out, view.name, view.signature);
	check_same(out, 'P', body);
}

static void fuzz_bind(struct slice body, struct buffer *out)
{
	struct slice tail;
	struct bind_view view;

	if (query_read_bind(body, &view) != OK)
		return;
	CHECK(view.head_len <= body.len);
	tail = (struct slice){ body.data + view.head_len, body.len - view.head_len };
	query_write_bind_head(out, &view, (uint32_t)body.len, view.statement);
	writer_bytes(out, tail);
	check_same(out, 'B', body);

	buffer_clear(out);
	query_write_bind_head(out, &view, (uint32_t)body.len, SLICE_LITERAL("another"));
	writer_bytes(out, tail);
	CHECK(frame_skip_run(buffer_slice(out), "B") == out->len);
}

static void fuzz_target(struct slice body, struct buffer *out)
{
	struct target_view view;

	if (query_read_target(body, &view) != OK)
		return;
	query_write_target(out, 'D', view.kind, view.name);
	check_same(out, 'D', body);
}

static void fuzz_text(struct slice body, struct buffer *out)
{
	struct slice text;

	if (query_read_query(body, &text) == OK) {
		query_write_query(out, text);
		check_same(out, 'Q', body);
		buffer_clear(out);
	}
	if (result_read_tag(body, &text) == OK) {
		result_write_tag(out, text);
		check_same(out, 'C', body);
		buffer_clear(out);
	}
	if (sasl_read_password(body, &text) == OK) {
		sasl_write_password(out, text);
		check_same(out, 'p', body);
	}
}

static void fuzz_notice(struct slice body, struct buffer *out)
{
	struct notice_view first, again;
	struct slice bytes;

	if (notice_read(body, &first) != OK)
		return;
	CHECK(fuzz_within(first.severity, body) && fuzz_within(first.sqlstate, body));
	CHECK(fuzz_within(first.message, body) && fuzz_within(first.detail, body));
	CHECK(fuzz_within(first.hint, body) && fuzz_within(first.routine, body));
	notice_write(out, 'E', &first);
	bytes = buffer_slice(out);
	CHECK(frame_skip_run(bytes, "E") == bytes.len);
	bytes.data += MESSAGE_HEADER_LEN;
	bytes.len -= MESSAGE_HEADER_LEN;
	CHECK(notice_read(bytes, &again) == OK);
	CHECK(slice_equal(first.severity, again.severity));
	CHECK(slice_equal(first.sqlstate, again.sqlstate));
	CHECK(slice_equal(first.message, again.message));
	CHECK(slice_equal(first.detail, again.detail) && slice_equal(first.hint, again.hint));
	CHECK(slice_equal(first.routine, again.routine));
	CHECK(notice_is_fatal(&first) == notice_is_fatal(&again));
}

static void fuzz_result(struct slice body, struct buffer *out)
{
	struct slice name, value;
	uint32_t pid;
	char status;

	if (result_read_parameter(body, &name, &value) == OK) {
		result_write_parameter(out, name, value);
		check_same(out, 'S', body);
		buffer_clear(out);
	}
	if (result_read_key(body, &pid, &value) == OK) {
		CHECK(value.len >= 4 && value.len <= 256);
		result_write_key(out, pid, value);
		check_same(out, 'K', body);
		buffer_clear(out);
	}
	if (result_read_ready(body, &status) == OK) {
		result_write_ready(out, status);
		check_same(out, 'Z', body);
	}
}

static void fuzz_request(struct slice body, struct buffer *out)
{
	struct slice names[16], list;
	struct auth_view view;
	enum result result = OK;
	unsigned count = 0;

	if (sasl_read_request(body, &view) != OK)
		return;
	sasl_write_request(out, (enum auth_request)view.request, view.data);
	check_same(out, 'R', body);
	if (view.request != AUTH_REQUEST_SASL)
		return;
	list = view.data;
	while (count < COUNT_OF(names)) {
		result = sasl_next_mechanism(&list, &names[count]);
		if (result != OK)
			break;
		CHECK(names[count].len > 0 && fuzz_within(names[count], view.data));
		count++;
	}
	if (result == AGAIN) {
		buffer_clear(out);
		sasl_write_mechanisms(out, names, count);
		check_same(out, 'R', body);
	}
}

static void fuzz_initial(struct slice body, struct buffer *out)
{
	struct slice mechanism, data;

	if (sasl_read_initial(body, &mechanism, &data) == OK) {
		sasl_write_initial(out, mechanism, data);
		check_same(out, 'p', body);
	}
	buffer_clear(out);
	sasl_write_response(out, body);
	check_same(out, 'p', body);
}

static void (*const readers[])(struct slice, struct buffer *) = {
	fuzz_parse,  fuzz_bind,	  fuzz_target,	fuzz_text,
	fuzz_notice, fuzz_result, fuzz_request, fuzz_initial,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer out;

	if (size == 0)
		return 0;
	buffer_init(&out);
	readers[data[0] % COUNT_OF(readers)]((struct slice){ (const char *)data + 1, size - 1 },
					     &out);
	buffer_release(&out);
	return 0;
}
