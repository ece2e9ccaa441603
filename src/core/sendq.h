/* What one sender sent and has not seen acknowledged, in sequence order, as its own retransmission queue holds it.
 *
 * An entry is one transmission unit: a segment as captured (a super-segment stands for several of one MSS), a hole that
 * was never seen here, or a part of either after an acknowledgment cut it. A few entries below SND.UNA are kept so that
 * late copies can still be told. No verdicts here. */
#ifndef TCPSTAT_SENDQ_H
#define TCPSTAT_SENDQ_H

#include "core/pool.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	SENT_SACKED = 0x01,             /* the receiver has it */
	SENT_LOST = 0x02,               /* taken for lost by the sender */
	SENT_RETRANS = 0x04,            /* a retransmission of it is in flight */
	SENT_EVER_RETRANS = 0x08,       /* it was retransmitted at some time */
	SENT_UNSEEN = 0x10,             /* no transmission of it passed the capture */
	SENT_SYN = 0x20,
	SENT_FIN = 0x40,
	SENT_TIMED = 0x80               /* carries ts_val */
};

struct sent {
	uint64_t seq, end;
	int64_t xmit_ns;                /* sender time of the last transmission */
	int64_t seen_ns;                /* capture time of the last one that passed here; of the hole's first sign */
	uint64_t frame;                 /* the last one that passed here; 0 none */
	uint32_t ts_val;
	uint16_t ip_id;
	uint16_t pkts;                  /* segments of one MSS that it stands for */
	uint8_t flags;
	uint8_t sent;                   /* transmissions that passed here, saturating */
	uint16_t lost_era;              /* SENT_LOST holds in this era of the sender only */
	uint32_t sacked_run;            /* SACKED: so many entries from here on are, at least; 0 counts as 1 */
};

struct sendq {
	struct sent *entries;
	uint32_t first, head, end, room; /* [first, head): acknowledged, kept as history; [head, end): outstanding */
};

enum { SENDQ_HISTORY = 64, SENDQ_MAX = 1 << 16, SENDQ_SPLIT_MAX = 1 << 12, SENDQ_MERGE_MIN = 128 };

void sendq_fini(struct sendq *, struct budget *);
/* A new last entry, zeroed but for its range. NULL: no memory or SENDQ_MAX outstanding; the range is then not
 * tracked. */
struct sent *sendq_append(struct sendq *, struct budget *, uint64_t seq, uint64_t end);
/* Index of the first entry, history included, that ends above `seq`; q->end if none does. */
uint32_t sendq_find(const struct sendq *, uint64_t seq);
/* Cuts entry *i at `at` (inside it), so that *i ends there and *i + 1 begins. Entries may move: *i follows its entry,
 * other indices and pointers do not. False: not cut, nothing moved (no memory, or too many). */
bool sendq_split(struct sendq *, struct budget *, uint32_t *i, uint64_t at);
/* Index of the first entry from `i` on that is not SACKED; q->end if all are. Runs are passed at once. */
uint32_t sendq_skip_sacked(struct sendq *, uint32_t i);
/* A segment [seq, end) that passed covers far more entries than a sender puts into one: those that are alike become
 * one, with the time of the first, so that the next of the kind costs no walk. */
void sendq_merge(struct sendq *, uint64_t seq, uint64_t end);
/* Entry `head` was acknowledged whole: it becomes history. */
void sendq_retire(struct sendq *);

#endif
