/* Duplicate ACKs (RFC 5681 section 2), SACK blocks and DSACKs (RFC 2883) in the ACKs that each endpoint sends.
 *
 * An ACK is a duplicate if its receiver has data outstanding as seen here, it carries no data, SYN, FIN and RST are
 * off, it acknowledges the greatest number acknowledged so far, and its window is that of the segment before.
 * Copies made by the network or the capture (s->copy), keepalives and zero-window probes are none. A run lasts
 * until the acknowledgment number advances; the event is `dup_ack`.
 *
 * What the other side did about a run of three or more is told once the run is over, one thing for each: it sent the
 * missing segment again (fast retransmit), or only a timer did (RTO, tail loss probe), or it sent nothing but new
 * data (limited transmit, RFC 3042), or nothing.
 *
 * A zeroed struct has seen nothing. */
#ifndef TCPSTAT_DUPACK_H
#define TCPSTAT_DUPACK_H

#include "core/emit.h"
#include "core/segment.h"

struct dupack {
	struct dupack_half {
		uint64_t end;           /* greatest sequence number sent, exclusive; 0: none */
		uint64_t ack;           /* greatest acknowledged; 0: none */
		uint32_t run;           /* duplicates of it so far */
		uint32_t dup_acks, runs_3, sack_blocks, dsacks;
		uint32_t then[TCPSTAT_NDUP_ACK_THENS]; /* of runs that are over */
		uint8_t followed;       /* enum tcpstat_dup_ack_then: what followed the run so far */
		uint16_t wnd;           /* of the last segment, as on the wire */
	} half[2];                      /* what this endpoint sent */
};

void dupack_segment(struct dupack *, const struct segment *, const struct emitter *);
/* `s`, shown before, is a retransmission for this cause. */
void dupack_resent(struct dupack *, const struct segment *, enum tcpstat_cause);
/* Fills in half[].dup_acks, .dup_ack_runs_3, .dup_ack_then, .sack_blocks and .dsacks. */
void dupack_snapshot(const struct dupack *, struct tcpstat_conn *);

#endif
