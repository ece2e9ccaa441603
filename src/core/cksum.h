/* The Internet checksum (RFC 1071) over captured bytes. Sums are in the machine's byte order, as they lie in memory. */
#ifndef TCPSTAT_CKSUM_H
#define TCPSTAT_CKSUM_H

#include <stddef.h>
#include <stdint.h>

#include "core/segment.h"

/* Adds `len` bytes (below 4 GiB), the first at an even offset. Sums may be added up until cksum_fold. */
uint64_t cksum_add(uint64_t sum, const uint8_t *p, size_t len);
/* To 16 bits; 0xffff when bytes with a right checksum among them were added. */
static inline uint16_t cksum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}
/* The pseudo-header (RFC 9293 section 3.1, RFC 8200 section 8.1). Both addresses are of the same family. */
uint64_t cksum_pseudo(const struct tcpstat_addr *src, const struct tcpstat_addr *dst, uint8_t protocol, uint32_t len);
/* Of a whole segment of `len` >= 20 bytes. A field that holds the bare sum of the pseudo-header, with or without the
 * length, or 0, was left to the network card: CKSUM_OFFLOADED. */
enum cksum_verdict cksum_tcp(const struct tcpstat_addr *src, const struct tcpstat_addr *dst, const uint8_t *p,
		uint32_t len);

#endif
