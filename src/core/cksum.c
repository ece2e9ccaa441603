#include "core/cksum.h"

#include <string.h>

enum { PROTOCOL_TCP = 6, TCP_CHECKSUM_OFFSET = 16 };

/* Two sums side by side, where the machine can. */
typedef uint64_t pair_of_sums __attribute__((vector_size(16)));
typedef uint64_t pair_of_words __attribute__((vector_size(16), aligned(1), may_alias));

/* Whole pieces of 16 bytes. */
static uint64_t add_pieces(const uint8_t *p, size_t pieces)
{
	pair_of_sums all = { 0 }, high = { 0 };
	const pair_of_words *w = (const pair_of_words *)p;

	for (; pieces >= 4; pieces -= 4, w += 4) {
		all += w[0] + w[1] + w[2] + w[3];
		high += (w[0] >> 32) + (w[1] >> 32) + (w[2] >> 32) + (w[3] >> 32);
	}
	for (; pieces; pieces--, w++) {
		all += w[0];
		high += w[0] >> 32;
	}
	all -= high << 32; /* that of the low halves: what went beyond 64 bits went with the high ones */
	all += high;
	return all[0] + all[1];
}

static uint64_t add_word(uint64_t sum, const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof word); /* copies of constant size cost no call */
	return sum + (word & UINT32_MAX) + (word >> 32);
}

uint64_t cksum_add(uint64_t sum, const uint8_t *p, size_t len)
{
	sum += add_pieces(p, len / 16);
	p += len & ~(size_t)15;
	if (len & 8) {
		sum = add_word(sum, p);
		p += 8;
	}
	if (len & 4) {
		uint32_t half;
		memcpy(&half, p, sizeof half);
		sum += half;
		p += sizeof half;
	}
	if (len & 2) {
		uint16_t pair;
		memcpy(&pair, p, sizeof pair);
		sum += pair;
		p += sizeof pair;
	}
	if (len & 1) {
		uint8_t last[2] = { p[0], 0 };
		uint16_t pair;
		memcpy(&pair, last, sizeof pair);
		sum += pair;
	}
	return sum;
}

/* A big-endian number as if it stood in memory. */
static uint32_t as_word(uint32_t v)
{
	uint8_t bytes[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };
	uint32_t word;

	memcpy(&word, bytes, sizeof word);
	return word;
}

uint64_t cksum_pseudo(const struct tcpstat_addr *src, const struct tcpstat_addr *dst, uint8_t protocol, uint32_t len)
{
	uint64_t sum = (uint64_t)as_word(len) + as_word(protocol);

	if (src->family == 4) {
		uint32_t words[2];
		memcpy(&words[0], src->bytes, 4);
		memcpy(&words[1], dst->bytes, 4);
		return sum + words[0] + words[1];
	}
	return cksum_add(cksum_add(sum, src->bytes, 16), dst->bytes, 16);
}

/* 0 and 0xffff are the same number in one's complement. */
static bool same_sum(uint16_t a, uint16_t b)
{
	return a == b || (uint16_t)(a + 1) + (uint16_t)(b + 1) == 1;
}

enum cksum_verdict cksum_tcp(const struct tcpstat_addr *src, const struct tcpstat_addr *dst, const uint8_t *p,
		uint32_t len)
{
	uint64_t pseudo = cksum_pseudo(src, dst, PROTOCOL_TCP, len);
	uint16_t field;

	if (cksum_fold(cksum_add(pseudo, p, len)) == 0xffff)
		return CKSUM_GOOD;
	memcpy(&field, p + TCP_CHECKSUM_OFFSET, sizeof field);
	if (!field || same_sum(field, cksum_fold(pseudo)))
		return CKSUM_OFFLOADED;
	/* Segmentation in hardware: the card adds the length of each segment itself. */
	if (same_sum(field, cksum_fold(cksum_pseudo(src, dst, PROTOCOL_TCP, 0))))
		return CKSUM_OFFLOADED;
	return CKSUM_BAD;
}
