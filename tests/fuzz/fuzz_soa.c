/*
 * What a name server answers when it is asked for a zone's serial number. The input is the zone's
 * name up to a line's end, then the answer, whose first two bytes are the question's id, too. Our
 * own question, said back, is an answer without a serial; nothing shorter than it is one.
 */
#include <string.h>

#include "fuzz.h"
#include "net/soa.h"

#define ANSWER_FLAG 0x80

static void check_echo(char *question, size_t len, uint16_t id, struct slice zone)
{
	uint32_t serial;

	CHECK(soa_read_answer((struct slice){ question, len }, id, zone, &serial) == BROKEN);
	question[2] = (char)(question[2] | ANSWER_FLAG);
	CHECK(soa_read_answer((struct slice){ question, len }, id, zone, &serial) == AGAIN);
	CHECK(soa_read_answer((struct slice){ question, len - 1 }, id, zone, &serial) == BROKEN);
	CHECK(soa_read_answer((struct slice){ question, len }, (uint16_t)~id, zone, &serial) ==
	      BROKEN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *end = size ? memchr(data, '\n', size) : NULL;
	char question[SOA_QUESTION_MAX];
	struct slice zone, answer;
	uint32_t serial = 0;
	enum result result;
	uint16_t id = 0;
	size_t len;

	if (!end)
		return 0;
	zone = (struct slice){ (const char *)data, (size_t)(end - (const char *)data) };
	answer = (struct slice){ end + 1, size - zone.len - 1 };
	if (answer.len >= 2)
		id = (uint16_t)((uint8_t)answer.data[0] << 8 | (uint8_t)answer.data[1]);
	len = soa_write_question(question, id, zone);
	CHECK(len <= sizeof(question));
	result = soa_read_answer(answer, id, zone, &serial);
	CHECK(result == BROKEN || (len > 0 && answer.len >= len && answer.len <= SOA_ANSWER_MAX));
	/* A record with a serial is longer than a header. */
	CHECK(result != OK || answer.len > len + 20);
	if (len > 0)
		check_echo(question, len, id, zone);
	return 0;
}
