/* Serial number arithmetic (RFC 9293 section 3.4). The only file that compares raw 32-bit sequence numbers.
 *
 * Inside the core a sequence number is a 64-bit offset ("unwrapped"): the initial sequence number of a direction sits
 * at SEQ_ISN, so what lies before it stays positive; the low 32 bits differ from the raw number by a constant only. */
#ifndef TCPSTAT_SEQ_H
#define TCPSTAT_SEQ_H

#include <stdint.h>

#define SEQ_ISN ((uint64_t)1 << 32)

/* a - b in sequence space, signed */
static inline int32_t seq_diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

/* The offset of raw number `raw`, given that offset `near` has raw number `near_raw` and lies within 2 GB of it. */
static inline uint64_t seq_unwrap(uint32_t raw, uint64_t near, uint32_t near_raw)
{
	return near + (uint64_t)(int64_t)seq_diff(raw, near_raw);
}

#endif
