/* Entry points for fuzzing: one LLVMFuzzerTestOneInput in each fuzz_X.c, for libFuzzer, AFL++ and replay.c alike. What
 * is wrong aborts, with a line on stderr before. */
#ifndef FUZZ_H
#define FUZZ_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Holds in a build with NDEBUG, too. */
#define FUZZ_CHECK(condition, ...)                                                                                     \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);                                \
			fprintf(stderr, __VA_ARGS__);                                                                  \
			fputc('\n', stderr);                                                                           \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

/* Input read in small pieces; 0 where it has ended. */
struct fuzz_bytes {
	const uint8_t *p;
	size_t n;
};

static inline uint8_t fuzz_u8(struct fuzz_bytes *b)
{
	if (!b->n)
		return 0;
	b->n--;
	return *b->p++;
}

static inline uint16_t fuzz_u16(struct fuzz_bytes *b)
{
	uint16_t high = fuzz_u8(b);

	return (uint16_t)(high << 8 | fuzz_u8(b));
}

static inline uint32_t fuzz_u32(struct fuzz_bytes *b)
{
	uint32_t high = fuzz_u16(b);

	return high << 16 | fuzz_u16(b);
}

/* The bytes of the character in UTF-8 that begins here; 0: none does, or one of C1. */
static inline size_t fuzz_character(const uint8_t *p, size_t n)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : p[0] >> 3 == 30 ? 4 : 0;
	uint32_t c = len == 1 ? p[0] : p[0] & (0x7fu >> len);

	if (!len || len > n)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) || (c >= 0x80 && c < 0xa0))
		return 0;
	return len;
}

#endif
