/* What timers leave behind in a capture.
 *
 * persist        zero-window probes of an endpoint (RFC 9293 section 3.8.6.1): how long after the last segment the
 *                first came, the longest interval, and by what factor intervals grow on average
 * keepalive      (RFC 1122 section 4.2.3.6): the silence before a series of probes, the mean interval between probes
 *                without answer, how many were answered; dead: three in a row were not, or its sender gave up with
 *                a RST
 * delayed ACK    (RFC 1122 section 4.2.3.2): the timer at which the ACKs that an endpoint held back cluster: of five
 *                late ones at least half are near 40, 100, 200 or 500 ms. Counted is a pure ACK of just the one segment
 *                sent last, so that no loss is taken for a delay
 * FIN-WAIT-2     from entering the state until leaving it for TIME-WAIT or CLOSED
 * TIME-WAIT      from entering it until another connection took the addresses and ports
 * SYN ladder     the delays from one SYN (or SYN-ACK) to the next, and what they resemble within a fifth:
 *                doubling_1s 1, 2, 4 .. s (RFC 6298: Linux, Android, Windows 8 and later); linear_1s 1, 1 .. and then
 *                doubling (iOS, macOS, Linux since 6.5); doubling_3s 3, 6, 12 s (RFC 1122: older systems);
 *                bsd_6s_24s 6, 24 s (4.4BSD)
 *
 * A zeroed struct has seen nothing and owns nothing; memory comes with the first thing that a timer did. */
#ifndef TCPSTAT_TIMERS_H
#define TCPSTAT_TIMERS_H

#include "core/pool.h"
#include "core/segment.h"
#include "core/window.h"

struct timers_half;

struct timers {
	struct timers_half *half;       /* of both endpoints; NULL: nothing yet */
	int64_t last_ts;                /* of the last segment */
	int64_t syn_ts[2];              /* of the last SYN */
	uint64_t ack[2];                /* greatest acknowledged by this endpoint */
	uint32_t len[2];                /* payload of its last data segment */
	uint8_t state[2];               /* enum tcpstat_state after the last segment */
};

/* What others found out about the segment. */
struct timers_scene {
	enum window_class class;
	int64_t late_ns;                /* how long after the quickest answer this one came; negative: no answer */
	const uint8_t *state;           /* [2]: of both endpoints after it */
};

void timers_segment(struct timers *, struct budget *, const struct segment *, const struct timers_scene *);
/* Another connection has the addresses and ports from now on. */
void timers_reused(struct timers *, int64_t ts);
/* Fills in half[].persist, .keepalive, .ack_timer_ns, .fin_wait_2_ns, .time_wait_ns and .syn_ladder. */
void timers_snapshot(const struct timers *, struct tcpstat_conn *);
void timers_fini(struct timers *, struct budget *);

#endif
