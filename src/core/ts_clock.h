/* A sender's timestamp clock (RFC 7323 section 5.4), read from its segments: when did a segment leave, free of the
 * queues between sender and capture? All times are capture times of that sender's segments had they not queued. */
#ifndef TCPSTAT_TS_CLOCK_H
#define TCPSTAT_TS_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct ts_clock {
	bool started;
	uint32_t base;                  /* first TSval */
	int64_t start_ns, tick_ns;
	int64_t min_ns, last_min_ns;    /* least (capture time - clock time), of this window and the one before */
	int64_t window_ns;              /* when this window began */
	uint32_t newest;
};

void ts_clock_seen(struct ts_clock *, uint32_t ts_val, int64_t now_ns);
/* The earliest time at which a segment with this TSval can have left. */
int64_t ts_clock_earliest_ns(const struct ts_clock *, uint32_t ts_val);
/* What the clock showed at a time. */
uint32_t ts_clock_at(const struct ts_clock *, int64_t now_ns);

#endif
