/*
 * Framing of any bytes, for both sides and several limits. Byte 0 chooses side and limits; the
 * rest is the stream. Checked besides memory: views stay inside the input, AGAIN asks for more
 * than is there and for no more than the message, cutting the stream anywhere gives the same
 * message, and frame_skip_run agrees with a plain walk.
 */

#include <string.h>

#include "fuzz.h"
#include "wire/frame.h"

static const struct frame_limits limits_table[] = {
	{ .max_packet = UINT32_MAX, .max_collect = UINT32_MAX },
	{ .max_packet = 1 << 20, .max_collect = 64 },
	{ .max_packet = 40, .max_collect = 16 },
	{ .max_packet = INT32_MAX, .max_collect = 0 },
};

static enum result next(struct slice input, enum side side, const struct frame_limits *limits,
			struct message *message)
{
	size_t need = 0;
	enum result result = frame_next(input, side, limits, message, &need);

	if (result == AGAIN)
		CHECK(need > input.len && need <= (size_t)UINT32_MAX + 1);
	if (result != OK)
		return result;
	CHECK(message->rule == message_rule(side, message->type) && message->rule);
	CHECK(message->body.len <= message->len);
	CHECK(message->len <= message->rule->max_len && message->len + 5ull <= limits->max_packet);
	CHECK(message_bytes(message).data == input.data);
	CHECK(fuzz_within(message_bytes(message), input));
	if (!message_is_whole(message))
		CHECK(message_bytes(message).len == input.len);
	if (message->rule->gather == GATHER_WHOLE && !message_is_whole(message))
		CHECK(message->len > limits->max_collect);
	return result;
}

/* The first message, seen through every shorter input, each in memory of just its size. */
static void cut_everywhere(struct slice input, enum side side, const struct frame_limits *limits,
			   enum result whole_result, const struct message *whole)
{
	size_t most = input.len < 300 ? input.len : 300;

	for (size_t len = 0; len < most; len++) {
		char *copy = malloc(len ? len : 1);
		struct message message;
		enum result result;

		CHECK(copy);
		memcpy(copy, input.data, len);
		result = next((struct slice){ copy, len }, side, limits, &message);
		CHECK(result == AGAIN || result == whole_result || whole_result == AGAIN);
		if (result == OK && whole_result == OK)
			CHECK(message.type == whole->type && message.len == whole->len);
		CHECK(!(result != AGAIN && whole_result == AGAIN));
		free(copy);
	}
}

static size_t walk_run(struct slice input, const char *types)
{
	size_t at = 0;

	while (input.len - at >= 5 && input.data[at] && strchr(types, input.data[at])) {
		const unsigned char *byte = (const unsigned char *)input.data + at + 1;
		uint64_t len = (uint64_t)byte[0] << 24 | byte[1] << 16 | byte[2] << 8 | byte[3];

		if (len < 4 || len + 1 > input.len - at)
			break;
		at += len + 1;
	}
	return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = { (const char *)data + 1, size - 1 };
	const struct frame_limits *limits;
	struct message message;
	enum result result;
	enum side side;

	if (size == 0)
		return 0;
	side = data[0] & 1 ? SIDE_SERVER : SIDE_CLIENT;
	limits = &limits_table[data[0] >> 1 & 3];

	CHECK(frame_skip_run(input, "Dd") == walk_run(input, "Dd"));
	CHECK(frame_skip_run(input, "") == 0);
	CHECK(frame_skip_run(input, "\xff"
				    "PBDES") == walk_run(input, "\xff"
								"PBDES"));

	result = next(input, side, limits, &message);
	cut_everywhere(input, side, limits, result, &message);
	while (result == OK) {
		struct slice bytes = message_bytes(&message);

		input.data += bytes.len;
		input.len -= bytes.len;
		result = input.len ? next(input, side, limits, &message) : AGAIN;
	}
	return 0;
}
