/* The bytes of both directions of one connection, in order, exactly once, as the receiving application saw them.
 *
 *     struct reasm reasm[2];                        by direction
 *     reasm_init(reasm, budget);
 *     reasm_segment(reasm, &seg, &emitter);         every segment of the connection, in capture order
 *     reasm_finish(reasm, last_ts, &emitter);       before the connection event: what waits is settled
 *     reasm_snapshot(reasm, &conn);                 payload_bytes, gaps, overlap_conflicts, refused_bytes of both
 *     reasm_fini(reasm);
 *
 * Bytes go to config->stream and gaps to EV_GAP; offset 0 is the byte after the SYN, mid-stream the first byte seen.
 * In-order segments are passed on without a copy; only what is ahead of a hole is buffered. If nobody wants the bytes
 * (no `stream`, or only_conn is another connection) lengths are kept and no bytes.
 *
 * A hole closes only when it is certain that the capture will not fill it, and then as a gap that is told:
 *     capture_loss  the peer acknowledged beyond it some time ago (an ACK may be captured before its data)
 *     lost          the connection ended and nobody acknowledged it
 *     truncated     the segment passed, but not all of it is there: cut by the snapshot length, or a packet shorter
 *                   than its IP length
 *     cap           more was ahead of it than may be buffered (config->reasm_conn_bytes, or the budget)
 * Neighbouring gaps of one kind are told as one. A gap event comes before the bytes behind it.
 *
 * What is held back until the peer's ACK vouches for it, and never delivered otherwise (`refused_bytes`): data of a SYN
 * (RFC 7413), beyond the FIN, after a RST, further ahead than max(4 windows, 64 MiB). Payload with a wrong checksum,
 * where the sender's sums are right otherwise, is held back too, and counts if the peer acknowledges it and no good
 * copy was seen.
 *
 * Two copies of a byte that differ, neither delivered yet: which one counts depends on the system that receives; for
 * `new` against `old` (each with the extent that it had on the wire), config->overlap says (J. Novak, S. Sturges,
 * "Target-Based TCP Stream Reassembly", 2007; hpux10 and irix as their Snort does; of equal copies with Solaris see
 * tcp_reass() of its tcp_input.c):
 *     first           old
 *     last            new
 *     new starts earlier      new; solaris, hpux11: only if it reaches the end of the old one
 *     both start together     old; linux, hpux10, irix: new if longer; old-linux, solaris, hpux11: new if at least as
 *                             long (solaris, hpux11: only if longer, where old is the first that waits)
 *     new starts later        old; solaris, hpux11: new if it ends beyond the old one */
#ifndef TCPSTAT_REASM_H
#define TCPSTAT_REASM_H

#include "core/emit.h"
#include "core/pool.h"
#include "core/segment.h"

struct reasm_ahead;                     /* what arrived ahead of a hole; see reasm.c */

/* One direction. Positions are offsets in sequence space as in struct segment. */
struct reasm {
	struct budget *budget;
	struct reasm_ahead *ahead;      /* NULL: nothing was ever out of order */
	uint64_t base;                  /* of stream offset 0 */
	uint64_t next;                  /* delivered up to here, gaps included */
	uint64_t acked;                 /* by the peer, as far as believed; 0: none */
	uint64_t far_ack;               /* an ACK too far ahead to be believed alone; 0: none */
	uint64_t trusted;               /* how far the sender was followed although nobody acknowledges; 0: not */
	uint64_t max_wnd;               /* largest window of the peer, bytes */
	uint64_t fin, rst;              /* nothing counts from here on; UINT64_MAX: open */
	uint64_t far_seq;               /* start of the latest segment beyond what is plausible */
	int64_t acked_ts;               /* when `acked` moved */
	uint64_t missing_ack;           /* the ACK that showed that the capture misses something; 0: nothing known */
	int64_t missing_ts;
	uint32_t missing_segments;      /* of this direction since then */
	uint32_t far_segments;          /* in a row */
	bool based, syn_held, cksum_good, finished;
	bool unread;                    /* payload passed that nobody wanted: conflicts are not known */
	uint8_t gap_why;                /* the gap not yet told */
	uint64_t gap_offset, gap_len, gap_frame;
	int64_t gap_ts;
	uint64_t payload_bytes, gaps, conflicts, refused_bytes;
	uint64_t gap_bytes[TCPSTAT_NGAP_WHYS];
};

void reasm_init(struct reasm both[2], struct budget *);
void reasm_segment(struct reasm both[2], const struct segment *, const struct emitter *);
/* The connection ended; `ts` is the time of the events about it. Later segments are ignored. */
void reasm_finish(struct reasm both[2], int64_t ts, const struct emitter *);
void reasm_snapshot(const struct reasm both[2], struct tcpstat_conn *);
void reasm_fini(struct reasm both[2]);

#endif
