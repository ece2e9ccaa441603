#include "core/cksum.h"

#include <string.h>

enum { PROTOCOL_TCP = 6, TCP_CHECKSUM_OFFSET = 16 };

#define LOW UINT64_C(0xffffffff)

/* Adding 32-bit halves to 64 bits loses no carry below 4 GiB, so there is no carry chain to wait for. */
uint64_t cksum_add(uint64_t sum, const uint8_t *p, size_t len)
{
	uint64_t low = 0, high = 0, word;

	for (; len >= 32; p += 32, len -= 32) {
		uint64_t words[4];
		memcpy(words, p, sizeof words);
		low += (words[0] & LOW) + (words[1] & LOW) + (words[2] & LOW) + (words[3] & LOW);
		high += (words[0] >> 32) + (words[1] >> 32) + (words[2] >> 32) + (words[3] >> 32);
	}
	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&word, p, sizeof word);
		low += word & LOW;
		high += word >> 32;
	}
	if (len & 4) {                  /* copies of constant size cost no call */
		uint32_t half;
		memcpy(&half, p, sizeof half);
		low += half;
		p += sizeof half;
	}
	if (len & 2) {
		uint16_t pair;
		memcpy(&pair, p, sizeof pair);
		high += pair;
		p += sizeof pair;
	}
	if (len & 1) {
		uint8_t last[2] = { p[0], 0 };
		uint16_t pair;
		memcpy(&pair, last, sizeof pair);
		high += pair;
	}
	return sum + low + high;
}

uint16_t cksum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

uint64_t cksum_pseudo(const struct tcpstat_addr *src, const struct tcpstat_addr *dst, uint8_t protocol, uint32_t len)
{
	size_t size = src->family == 4 ? 4 : 16;
	uint8_t tail[8] = {
		(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len, 0, 0, 0, protocol
	};

	return cksum_add(cksum_add(cksum_add(0, src->bytes, size), dst->bytes, size), tail, sizeof tail);
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
