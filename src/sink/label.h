/* One line of the flow graph: what is known of a packet, and its words. */
#ifndef SINK_LABEL_H
#define SINK_LABEL_H

#include "sink/format.h"

enum label_verdict { LABEL_NEW, LABEL_RETRANSMISSION, LABEL_OUT_OF_ORDER, LABEL_DUPLICATE };

struct label {
	int64_t ts_ns;
	uint64_t frame;                 /* of a note without a packet: that of the packet before */
	int64_t seq_rel, ack_rel;
	int64_t wnd_bytes;
	int64_t since_ns, original_frame; /* of the verdict: since the copy before, how late; NULL unknown */
	uint32_t len, seq, ack, dup_ack; /* dup_ack: this is the n-th in a row; 0 none */
	uint32_t ts_val, ts_ecr, sack[4][2];
	uint32_t keepalive, backoff;    /* backoff, keepalive: 0 none */
	uint16_t flags, wnd, mss;
	uint8_t state[2], dir, wscale, n_sack;
	uint8_t verdict;                /* enum label_verdict */
	uint8_t cause, lost, where;     /* enum tcpstat_cause, tcpstat_lost, tcpstat_duplicate_where */
	uint8_t window, keepalive_what; /* what the window did, from 1; 0 nothing */
	uint8_t icmp[2];                /* kind, code */
	int8_t spurious;
	bool segment, note;             /* a packet of the connection; a timer or an ICMP message */
	bool timer, dsack;
	bool has_mss, has_wscale, sack_permitted, has_ts;
	char trigger[24];               /* of a timer */
};

/* What the line before in the same direction, and the opposite direction, tell. */
struct label_context {
	int64_t ack_rel[2];             /* last acknowledgment shown of each side */
	uint32_t dup_acks[2];           /* run of duplicate ACKs that each side has sent */
};

void label_context_init(struct label_context *);
/* The words of the line; with `verbose` windows and timestamps too. `context` moves on. Not `full`: without what the
 * line can do without where there is no room. */
void label_text(const struct label *, const struct style *, struct label_context *context, bool full, char *text,
	size_t size);
/* Only moves `context` on, as label_text does. */
void label_pass(const struct label *, struct label_context *context);
/* The words on an arrow of `width` columns, or as wide as they need; on a blank where there is no packet. */
enum { LABEL_ENDS = 7 };                /* columns of the arrow that words cannot have */
char *label_arrow(const struct label *, const struct style *, const char *text, size_t width, char *buf, size_t size);
enum tint label_tint(const struct label *);

#endif
