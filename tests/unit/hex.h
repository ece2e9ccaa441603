/* Packets in tests: hexadecimal digits, blanks between them do not count. */
#ifndef TEST_HEX_H
#define TEST_HEX_H

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static inline int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at = strchr(digits, c);

	return c && at ? (int)(at - digits) : -1;
}

/* Appends to `out`, which has `len` bytes already and room for `room`; the new length. */
static inline size_t hex_append(uint8_t *out, size_t len, size_t room, const char *text)
{
	for (; *text; text++) {
		if (*text == ' ')
			continue;
		int high = hex_digit(text[0]), low = hex_digit(text[1]);
		cr_assert(high >= 0 && low >= 0, "not hexadecimal: %s", text);
		cr_assert(len < room, "no room for %s", text);
		out[len++] = (uint8_t)(high << 4 | low);
		text++;
	}
	return len;
}

/* A copy of exactly n bytes, so that a sanitizer sees a read behind them. The caller frees it. */
static inline uint8_t *exact_copy(const uint8_t *bytes, size_t n)
{
	uint8_t *copy = malloc(n);

	if (n) {
		cr_assert_not_null(copy);
		memcpy(copy, bytes, n);
	}
	return copy;
}

#endif
