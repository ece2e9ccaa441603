/* Where the capture was taken: for each endpoint the shortest time from a segment to it until its immediate answer,
 * both as captured. That is the round trip between capture and endpoint, its half of the path. */
#ifndef TCPSTAT_VANTAGE_H
#define TCPSTAT_VANTAGE_H

#include "core/segment.h"

enum { VANTAGE_RING = 4 };

struct half {
	int64_t min_ns;                 /* TCPSTAT_NULL: no answer seen yet */
	uint16_t close;                 /* answers as fast as the shortest, but for a quarter; saturating */
	bool near;                      /* see vantage_is_near */
	uint8_t first, n;
	struct {
		uint64_t end;
		int64_t seen_ns;
	} asked[VANTAGE_RING];          /* segments on their way to this endpoint, a ring from the oldest on */
	uint64_t max_end;
};

struct vantage {
	struct half half[2];            /* by endpoint */
	int64_t half_ns[2];             /* see vantage_half_ns */
};

void vantage_init(struct vantage *);
/* If the segment answers one to its sender exactly: how much longer than the shortest answer it took, else -1. */
int64_t vantage_segment(struct vantage *, const struct segment *);
/* 0 while unknown, and where the capture is next to the endpoint: what is left then is its own reaction, no way. */
static inline int64_t vantage_half_ns(const struct vantage *v, int endpoint)
{
	return v->half_ns[endpoint];
}
/* Is the half well known: has it shown three times? Once may have been slow (a radio that woke up, a SYN cookie). */
static inline bool vantage_is_sure(const struct vantage *v, int endpoint)
{
	return v->half[endpoint].close >= 3;
}
/* Is the capture next to this endpoint: its half at most a tenth of the whole? False while unknown. */
static inline bool vantage_is_near(const struct vantage *v, int endpoint)
{
	return v->half[endpoint].near;
}
enum tcpstat_vantage vantage_of(const struct vantage *);

#endif
