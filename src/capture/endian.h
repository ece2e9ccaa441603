/* Reads in the byte order of whoever wrote the file. */
#ifndef TCPSTAT_CAPTURE_ENDIAN_H
#define TCPSTAT_CAPTURE_ENDIAN_H

#include "core/bytes.h"

static inline uint16_t order16(const uint8_t *p, bool big)
{
	return big ? be16(p) : (uint16_t)(p[1] << 8 | p[0]);
}

static inline uint32_t order32(const uint8_t *p, bool big)
{
	return big ? be32(p) : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static inline uint64_t order64(const uint8_t *p, bool big)
{
	uint64_t first = order32(p, big), second = order32(p + 4, big);

	return big ? first << 32 | second : second << 32 | first;
}

#endif
