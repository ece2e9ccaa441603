/* Copies of a segment that the network or the capture made: the same bytes twice, told from a segment that its sender
 * sent twice.
 *
 * A copy has everything in common with a segment seen shortly before in the same direction: the IP ID, the timestamps,
 * sequence and acknowledgment number, flags, window, SACK blocks. Without an IP ID (IPv6, or 0) only a segment that
 * carries timestamps and SACK blocks is called a copy: a receiver that repeats itself there would name other blocks or
 * another time, while equal ACKs without SACK may well be genuine duplicate ACKs.
 *
 * A zeroed struct has seen nothing. */
#ifndef TCPSTAT_COPY_H
#define TCPSTAT_COPY_H

#include "core/segment.h"

enum { COPY_SLOTS = 8 };

struct copy {
	uint64_t print[2][COPY_SLOTS];  /* of the last ones of each direction; 0: nothing there */
	uint8_t next[2];
};

/* Is `s` a copy of one of the segments seen last in its direction? To be asked once for each segment, in capture
 * order. */
bool copy_seen(struct copy *, const struct segment *s);
/* What two copies have in common, as a number; 0: it cannot be told of this segment. */
uint32_t copy_print(const struct segment *);

#endif
