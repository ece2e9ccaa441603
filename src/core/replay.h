/* The senders of one connection, replayed: RTT and RTO, the class and cause of every segment that goes back in sequence
 * space, flight, congestion window, state and algorithm (inference: RFC 6298, 5681, 6675, 8985, 9438).
 *
 * Sees every segment of the connection in capture order and keeps, per direction, what is in flight and the ACKs that
 * are still under way to their endpoint. Allocates its per-direction part with the first data or SYN that needs it. */
#ifndef TCPSTAT_REPLAY_H
#define TCPSTAT_REPLAY_H

#include "core/emit.h"
#include "core/pool.h"
#include "core/segment.h"
#include "core/vantage.h"

struct replay;

/* What a segment turned out to be, as known at once (a verdict may be amended by a later event). */
enum replay_class { REPLAY_NEW, REPLAY_RETRANSMISSION, REPLAY_OUT_OF_ORDER, REPLAY_DUPLICATE, REPLAY_PROBE };

/* NULL: over the budget; the connection is then tracked without inference. The vantage is borrowed for good: whoever
 * calls shows it every segment first. */
struct replay *replay_new(struct budget *, struct pool *sides, const struct vantage *);
/* The size of the blocks of `sides`. */
size_t replay_side_bytes(void);
void replay_free(struct replay *);
/* After vantage_segment, which said `late_ns`. */
enum replay_class replay_segment(struct replay *, const struct segment *, int64_t late_ns, const struct emitter *);
/* The retransmission timeout of a sender as it stands; TCPSTAT_NULL unknown. */
int64_t replay_rto_ns(const struct replay *, enum tcpstat_dir);
/* Why the last retransmission of this direction was sent, as it stands; CAUSE_UNKNOWN: there was none. */
enum tcpstat_cause replay_last_cause(const struct replay *, enum tcpstat_dir);
/* The connection ends: what waits is settled. */
void replay_finish(struct replay *, const struct emitter *);
/* Adds the RTT samples of both directions to a histogram of the whole. */
void replay_pour(const struct replay *, struct tcpstat_histogram *rtt);
/* Fills in the fields of `conn` that the replay knows (both halves, vantage, handshake halves); others stay. */
void replay_snapshot(const struct replay *, struct tcpstat_conn *conn);

#endif
