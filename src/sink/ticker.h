/* Live, for people: a line for each connection that ends (not for those that the end of the capture cuts off), one for
 * what begins to hold of the whole, and one now and then about it.
 *
 *     14:03:11.204  #12 192.0.2.10:59616 > 192.0.2.80:80  closed, 1.25 s, 88 B up, 24.1 kB down, RTT 30.3 ms
 *     14:03:14.310  problem: 192.0.2.80:80 is flooded with SYNs: 1,204 half-open ... (syn-flood)
 *     14:03:20      1,204 packets/s, 3.4 Mbit/s; 12 open, 3 half-open; 25 begun, 24 ended, 1 reset */
#ifndef SINK_TICKER_H
#define SINK_TICKER_H

#include "sink/format.h"

/* Sums since the last line. */
struct ticker {
	struct style style;             /* out: where to */
	uint64_t ended, reset, refused, no_answer;
	struct tcpstat_counters last;
	int64_t last_dropped;
};

void ticker_init(struct ticker *, const struct style *);
enum { TICKER_EVENTS = TCPSTAT_MASK(TCPSTAT_EV_CONNECTION) | TCPSTAT_MASK(TCPSTAT_EV_PROGRESS) |
	TCPSTAT_MASK(TCPSTAT_EV_FINDING) };
/* Passes over all other events. */
void ticker_event(struct ticker *, const struct tcpstat_event *);
/* `span_ns` since the last line; `dropped` packets by the capturing system so far, NULL unknown; `now_ns` for the clock
 * at its beginning. */
void ticker_line(struct ticker *, const struct tcpstat_gauges *, const struct tcpstat_counters *, int64_t dropped,
	int64_t now_ns, int64_t span_ns);

#endif
