/*
 * The first packet of a connection, and the "options" parameter. What was understood is written
 * anew and must be understood as the same.
 */

#include "fuzz.h"
#include "wire/frame.h"
#include "wire/startup.h"

/* Writes the pairs of body anew into out; false when body is malformed. */
static int copy_pairs(const struct startup_frame *frame, struct buffer *out)
{
	struct startup_pairs pairs;
	struct slice name, value;
	enum result result;
	size_t mark = startup_write_begin(out, frame->version);

	startup_pairs_init(&pairs, frame->body);
	while ((result = startup_pairs_next(&pairs, &name, &value)) == OK) {
		CHECK(name.len > 0 && fuzz_within(name, frame->body));
		CHECK(fuzz_within(value, frame->body));
		startup_write_pair(out, name, value);
	}
	if (result == BROKEN)
		return 0;
	CHECK(pairs.ended && startup_pairs_next(&pairs, &name, &value) == AGAIN);
	startup_write_end(out, mark);
	return 1;
}

static void check_cancel(const struct startup_frame *frame, struct buffer *out)
{
	struct slice key;
	uint32_t pid;

	if (startup_read_cancel(frame->body, &pid, &key) == OK) {
		CHECK(key.len >= 4 && key.len <= 256);
		startup_write_cancel(out, pid, key);
	}
}

static void check_packet(struct slice input)
{
	struct startup_frame frame;
	struct buffer out;
	struct slice bytes;

	if (frame_startup(input, &frame) != OK)
		return;
	if (frame.kind == STARTUP_DIRECT_TLS) {
		CHECK(frame.len == 0 && input.data[0] == 0x16);
		return;
	}
	CHECK(frame.len >= 8 && frame.len <= input.len && frame.len == frame.body.len + 8);
	CHECK(fuzz_within(frame.body, input));

	buffer_init(&out);
	if (frame.kind == STARTUP_CANCEL)
		check_cancel(&frame, &out);
	else if (frame.kind == STARTUP_SSL_REQUEST)
		startup_write_ssl_request(&out);
	else if (frame.kind == STARTUP_MESSAGE && !copy_pairs(&frame, &out))
		buffer_clear(&out);
	bytes = buffer_slice(&out);
	if (bytes.len)
		CHECK(slice_equal(bytes, (struct slice){ input.data, frame.len }));
	buffer_release(&out);
}

static void check_options(struct slice text)
{
	struct slice name, value, before;
	struct buffer scratch;

	buffer_init(&scratch);
	before = text;
	while (startup_next_option(&text, &scratch, &name, &value) == OK) {
		CHECK(text.len < before.len && fuzz_within(text, before));
		CHECK(name.len > 0 && !memchr(name.data, '=', name.len));
		CHECK(!memchr(name.data, '-', name.len));
		CHECK(fuzz_within(name, buffer_slice(&scratch)));
		CHECK(fuzz_within(value, buffer_slice(&scratch)));
		CHECK(name.len + value.len < before.len);
		before = text;
	}
	buffer_release(&scratch);
}

static void check_negotiation(struct slice body)
{
	uint32_t version, count;

	if (startup_read_negotiate(body, &version, &count) == OK)
		CHECK(count <= body.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = { (const char *)data, size };

	check_packet(input);
	check_negotiation(input);
	check_options(input);
	return 0;
}
