/*
 * Question and answer about a zone's serial number, as bytes. Owns nothing; called by zones.c,
 * which does the sending. No length in an answer is believed.
 */
#include "net/soa.h"

#include <string.h>

#define HEADER_LEN  12
#define LABEL_MAX   63
#define NAME_LEN_MAX   255
#define TYPE_SOA    6
#define CLASS_IN    1
#define FLAG_ANSWER 0x80 /* first byte of the flags: an answer, and recursion wished for */
#define FLAG_WISHED 0x01
#define TIMES_LEN   20 /* serial and four times end an SOA record */

/* ---- asking ---- */

/* The name as labels with their lengths; 0: it is none. */
static size_t write_name(char out[NAME_LEN_MAX + 1], struct slice name)
{
	struct slice label;
	size_t len = 0;

	while (slice_next_field(&name, '.', &label)) {
		if (label.len == 0 || label.len > LABEL_MAX || len + label.len + 2 > NAME_LEN_MAX)
			return 0;
		out[len++] = (char)label.len;
		memcpy(out + len, label.data, label.len);
		len += label.len;
	}
	if (len == 0)
		return 0;
	out[len++] = 0;
	return len;
}

size_t soa_write_question(char out[SOA_QUESTION_MAX], uint16_t id, struct slice zone)
{
	static const char tail[] = { 0, TYPE_SOA, 0, CLASS_IN };
	size_t len = write_name(out + HEADER_LEN, zone);

	if (len == 0)
		return 0;
	memset(out, 0, HEADER_LEN);
	out[0] = (char)(id >> 8);
	out[1] = (char)(id & 0xff);
	out[2] = FLAG_WISHED;
	out[5] = 1; /* one question */
	memcpy(out + HEADER_LEN + len, tail, sizeof(tail));
	return HEADER_LEN + len + sizeof(tail);
}

/* ---- being answered ---- */

struct cursor {
	const uint8_t *at, *end;
	bool broken;
};

static const uint8_t *take(struct cursor *cursor, size_t len)
{
	const uint8_t *at = cursor->at;

	if (cursor->broken || (size_t)(cursor->end - at) < len) {
		cursor->broken = true;
		return NULL;
	}
	cursor->at += len;
	return at;
}

static unsigned take_u16(struct cursor *cursor)
{
	const uint8_t *at = take(cursor, 2);

	return at ? (unsigned)at[0] << 8 | at[1] : 0;
}

/* A name ends with an empty label or with a pointer to where it goes on (section 4.1.4). */
static void skip_name(struct cursor *cursor)
{
	const uint8_t *len;

	while ((len = take(cursor, 1)) && *len > 0) {
		if ((*len & 0xc0) == 0xc0) {
			(void)take(cursor, 1);
			return;
		}
		if (*len > LABEL_MAX)
			cursor->broken = true;
		(void)take(cursor, *len);
	}
}

/* The next record; true when it is what was looked for. */
static bool take_record(struct cursor *cursor, uint32_t *serial)
{
	const uint8_t *data;
	unsigned type, class, len;

	skip_name(cursor);
	type = take_u16(cursor);
	class = take_u16(cursor);
	(void)take(cursor, 4); /* how long it may be kept */
	len = take_u16(cursor);
	data = take(cursor, len);
	/* Two names, a byte each at least, come before the serial. */
	if (!data || type != TYPE_SOA || class != CLASS_IN || len < TIMES_LEN + 2)
		return false;
	data += len - TIMES_LEN;
	*serial = (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 |
		  data[3];
	return true;
}

/* The question is repeated in the answer, letters in whatever case. */
static bool repeats_question(struct slice answer, uint16_t id, struct slice zone)
{
	char asked[SOA_QUESTION_MAX];
	size_t len = soa_write_question(asked, id, zone);
	const uint8_t *bytes = (const uint8_t *)answer.data;

	if (len == 0 || answer.len < len || answer.len > SOA_ANSWER_MAX ||
	    memcmp(answer.data, asked, 2) != 0 || !(bytes[2] & FLAG_ANSWER) ||
	    memcmp(answer.data + 4, asked + 4, 2) != 0)
		return false;
	return slice_equal_nocase((struct slice){ answer.data + HEADER_LEN, len - HEADER_LEN },
				  (struct slice){ asked + HEADER_LEN, len - HEADER_LEN });
}

enum result soa_read_answer(struct slice answer, uint16_t id, struct slice zone, uint32_t *serial)
{
	const uint8_t *bytes = (const uint8_t *)answer.data;
	char question[SOA_QUESTION_MAX];
	struct cursor cursor;
	unsigned records;

	if (!repeats_question(answer, id, zone))
		return BROKEN;
	cursor = (struct cursor){ bytes + soa_write_question(question, id, zone),
				  bytes + answer.len, false };
	/* The answers, then what authority they have: there a zone's part finds its zone. */
	records = ((unsigned)bytes[6] << 8 | bytes[7]) + ((unsigned)bytes[8] << 8 | bytes[9]);
	while (records-- > 0 && !cursor.broken)
		if (take_record(&cursor, serial))
			return OK;
	return cursor.broken ? BROKEN : AGAIN;
}
