/*
 * What is done with borrowed text everywhere: compare, trim, split, read numbers, quote,
 * measure. Owns nothing, keeps nothing; independent of the locale on purpose.
 */
#include "base/text.h"

#include <assert.h>
#include <limits.h>

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool slice_equal_nocase(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if (lower(a.data[i]) != lower(b.data[i]))
			return false;
	}
	return true;
}

bool slice_starts_with(struct slice text, struct slice head)
{
	return text.len >= head.len && slice_equal((struct slice){ text.data, head.len }, head);
}

struct slice slice_trim(struct slice text)
{
	while (text.len > 0 && is_space(text.data[0])) {
		text.data++;
		text.len--;
	}
	while (text.len > 0 && is_space(text.data[text.len - 1]))
		text.len--;
	return text;
}

bool slice_next_field(struct slice *rest, char separator, struct slice *field)
{
	const char *end;

	if (rest->len == 0)
		return false;
	end = memchr(rest->data, separator, rest->len);
	if (!end) {
		*field = slice_trim(*rest);
		*rest = SLICE_NONE;
		return true;
	}
	*field = slice_trim((struct slice){ rest->data, (size_t)(end - rest->data) });
	rest->len -= (size_t)(end - rest->data) + 1;
	rest->data = end + 1;
	return true;
}

static unsigned digit_value(char c)
{
	if (is_digit(c))
		return (unsigned)(c - '0');
	c = lower(c);
	return c >= 'a' && c <= 'z' ? (unsigned)(c - 'a') + 10 : UINT_MAX;
}

/* All of digits in the given base, times the sign; BROKEN on anything else or overflow. */
static enum result read_digits(struct slice digits, unsigned base, bool negative, int64_t *value)
{
	int64_t sum = 0;

	if (digits.len == 0)
		return BROKEN;
	for (size_t i = 0; i < digits.len; i++) {
		unsigned digit = digit_value(digits.data[i]);

		/* Summed on the negative side, which is one longer. */
		if (digit >= base || __builtin_mul_overflow(sum, (int64_t)base, &sum) ||
		    __builtin_sub_overflow(sum, (int64_t)digit, &sum))
			return BROKEN;
	}
	if (!negative && sum == INT64_MIN)
		return BROKEN;
	*value = negative ? sum : -sum;
	return OK;
}

static bool take_sign(struct slice *text)
{
	bool negative = text->len > 0 && text->data[0] == '-';

	if (negative || (text->len > 0 && text->data[0] == '+')) {
		text->data++;
		text->len--;
	}
	return negative;
}

int text_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum result text_to_int64(struct slice text, int64_t *value)
{
	bool negative = take_sign(&text);

	return read_digits(text, 10, negative, value);
}

enum result text_to_int64_c(struct slice text, int64_t *value)
{
	bool negative = take_sign(&text);

	if (text.len > 2 && text.data[0] == '0' && lower(text.data[1]) == 'x')
		return read_digits((struct slice){ text.data + 2, text.len - 2 }, 16, negative,
				   value);
	if (text.len > 1 && text.data[0] == '0')
		return read_digits((struct slice){ text.data + 1, text.len - 1 }, 8, negative,
				   value);
	return read_digits(text, 10, negative, value);
}

/* Digits after the point as microseconds; those finer than that are checked and dropped. */
static enum result read_fraction(struct slice digits, int64_t *us)
{
	int64_t sum = 0, unit = 100000;

	for (size_t i = 0; i < digits.len; i++, unit /= 10) {
		if (!is_digit(digits.data[i]))
			return BROKEN;
		sum += (digits.data[i] - '0') * unit;
	}
	*us = sum;
	return OK;
}

enum result text_to_seconds_us(struct slice text, int64_t *us)
{
	const char *point = text.len > 0 ? memchr(text.data, '.', text.len) : NULL;
	size_t whole_len = point ? (size_t)(point - text.data) : text.len;
	struct slice fraction = SLICE_NONE;
	int64_t seconds = 0, fraction_us = 0, sum;

	if (point)
		fraction = (struct slice){ point + 1, text.len - whole_len - 1 };
	if (whole_len == 0 && fraction.len == 0)
		return BROKEN;
	if (whole_len > 0 &&
	    read_digits((struct slice){ text.data, whole_len }, 10, false, &seconds) != OK)
		return BROKEN;
	if (read_fraction(fraction, &fraction_us) != OK)
		return BROKEN;
	if (__builtin_mul_overflow(seconds, (int64_t)1000000, &sum) ||
	    __builtin_add_overflow(sum, fraction_us, &sum))
		return BROKEN;
	*us = sum;
	return OK;
}

/* Copies text with every byte of doubled written twice; quote around it. 0: no room, or NUL. */
static size_t quote(struct slice text, const char *doubled, char mark, char *out, size_t cap)
{
	size_t len = 0;

	/* Each round may write two bytes, and the mark and the NUL come after. */
	if (cap < 3)
		return 0;
	out[len++] = mark;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (c == '\0' || cap - len < 3)
			return 0;
		if (strchr(doubled, c)) {
			if (cap - len < 4)
				return 0;
			out[len++] = c;
		}
		out[len++] = c;
	}
	out[len++] = mark;
	out[len] = '\0';
	return len;
}

size_t text_quote_literal(struct slice value, char *out, size_t cap)
{
	size_t len;

	if (value.len == 0 || !memchr(value.data, '\\', value.len))
		return quote(value, "'", '\'', out, cap);
	if (cap == 0)
		return 0;
	/* E'' reads the same whatever standard_conforming_strings is. */
	out[0] = 'E';
	len = quote(value, "'\\", '\'', out + 1, cap - 1);
	return len ? len + 1 : 0;
}

size_t text_quote_identifier(struct slice name, char *out, size_t cap)
{
	return quote(name, "\"", '"', out, cap);
}

#define DISTANCE_LIMIT 15
#define BAND	       (2 * DISTANCE_LIMIT + 3)

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/*
 * Rows of the edit matrix, kept only in a band of limit cells on either side of the
 * diagonal, because cells outside it are over the limit anyway. Cell k of row i is column
 * i + k - over; the outermost cells of the band stay at over.
 */
struct band {
	struct slice a, b;
	unsigned over; /* limit + 1, which stands for everything above the limit */
	unsigned rows[3][BAND];
};

static unsigned band_cell(const struct band *band, size_t i, unsigned k)
{
	const unsigned *row = band->rows[i % 3], *above = band->rows[(i + 2) % 3];
	const unsigned *two_above = band->rows[(i + 1) % 3];
	const char *a = band->a.data, *b = band->b.data;
	size_t j = i + k - band->over;
	unsigned best = band->over;

	if (k == 0 || k == 2 * band->over || i + k < band->over || j > band->b.len)
		return best;
	if (i == 0 || j == 0)
		return least((unsigned)(i + j), best);
	best = least(above[k] + (a[i - 1] != b[j - 1]), best);
	best = least(above[k + 1] + 1, best);
	best = least(row[k - 1] + 1, best);
	if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
		best = least(two_above[k] + 1, best);
	return best;
}

unsigned text_distance(struct slice a, struct slice b, unsigned limit)
{
	struct band band = { .a = a, .b = b, .over = limit + 1 };

	assert(limit <= DISTANCE_LIMIT);
	if ((a.len > b.len ? a.len - b.len : b.len - a.len) > limit)
		return band.over;
	for (size_t i = 0; i <= a.len; i++) {
		for (unsigned k = 0; k <= 2 * band.over; k++)
			band.rows[i % 3][k] = band_cell(&band, i, k);
	}
	return band.rows[a.len % 3][b.len + band.over - a.len];
}

/* Length of the well-formed sequence at the front (Unicode 15, table 3-7), 0 for none. */
static size_t sequence_len(const unsigned char *at, size_t len)
{
	unsigned char first = at[0], low = 0x80, high = 0xbf;
	size_t need;

	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	need = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	if (len < need)
		return 0;
	if (first == 0xe0)
		low = 0xa0; /* shorter forms exist */
	else if (first == 0xed)
		high = 0x9f; /* surrogates */
	else if (first == 0xf0)
		low = 0x90; /* shorter forms exist */
	else if (first == 0xf4)
		high = 0x8f; /* over U+10FFFF */
	if (at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < need; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	}
	return need;
}

bool text_is_utf8(struct slice text)
{
	const unsigned char *at = (const unsigned char *)text.data;
	size_t left = text.len, step;

	for (; left > 0; at += step, left -= step) {
		step = sequence_len(at, left);
		if (step == 0)
			return false;
	}
	return true;
}
