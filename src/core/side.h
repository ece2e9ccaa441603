/* One direction of a replayed connection: the replica of its sender, and what it takes to feed it from a distance. */
#ifndef TCPSTAT_SIDE_H
#define TCPSTAT_SIDE_H

#include "core/emit.h"
#include "core/limits.h"
#include "core/segment.h"
#include "core/sender.h"
#include "core/ts_clock.h"

/* A retransmission that was reported and may still be amended. */
struct verdict {
	struct tcpstat_ev_retransmission told;
	uint64_t frame, seq, end;
	int64_t ts_ns;                  /* captured */
	uint32_t ts_val;
	bool has_ts, covered;           /* has_ts: that tells it from the copy before; an ACK has acknowledged it */
	bool had;                       /* once an ACK comes, it is for the copy before */
};

enum { VERDICTS = 64, PENDING_FIRST = 4, PENDING_MAX = 4096 };

struct side_counts {
	int64_t total, by_cause[TCPSTAT_NCAUSES], spurious, bytes;
	int64_t lost_before, lost_after, out_of_order, duplicates;
	int64_t timeouts, max_backoff, stall_ns;
	int64_t data_segments, data_bytes, unique_bytes;
	int64_t first_data_ns, last_data_ns; /* as captured */
	int64_t rto_max_ns, flight_max, cwnd_max;
	double flight_sum;
	int64_t flight_n;
};

struct side {
	struct sender snd;
	enum tcpstat_dir dir;
	bool known_options;             /* both SYNs were seen */
	bool near;                      /* the capture is next to this sender */
	bool shut;                      /* by the last captured ACK the receiver's window is closed */
	bool ids_count, has_ids;        /* its IP IDs count up */
	uint16_t last_id;
	uint8_t id_good, id_bad;
	uint8_t id_next;                /* of the good steps: by exactly one; no other connection shares the counter */
	uint64_t id_steps;              /* what they counted since the first that passed */
	int64_t id_since_ns;
	struct ts_clock clock;
	int64_t last_sent_ns;           /* sender time of the last segment */
	int64_t hole_sign_ns;           /* captured: first duplicate ACK since a hole was open; 0 none */
	uint32_t signs;                 /* ACKs captured since SND.UNA moved that tell of a hole: duplicates, SACKs */
	uint32_t signs_before;          /* those before it moved last */
	uint32_t holes;                 /* unseen entries were made since SND.UNA last moved */
	int64_t heard_ns;               /* captured: the last ACK of the receiver */
	uint64_t missing_end;           /* by which it lacks all from its ACK number up to here */
	uint32_t last_ecr;
	uint32_t size;                  /* payload of the last data segment, at most one MSS */
	/* ACKs that passed the capture and may not have reached the sender yet */
	struct ack *pending;
	uint32_t pending_first, pending_n, pending_room; /* room: a power of two */
	/* reported retransmissions, newest last */
	struct verdict *verdicts;
	uint32_t verdicts_n;            /* ever; the ring holds the last VERDICTS */
	struct side_counts counts;
	struct limits limits;
};

/* ---- backward.c: what is a segment that starts below SND.MAX? ---- */

enum backward_kind { BACKWARD_RETRANSMISSION, BACKWARD_LATE, BACKWARD_DUPLICATE };

struct backward {
	enum backward_kind kind;
	enum tcpstat_lost lost;
	int64_t original_frame;         /* TCPSTAT_NULL: not seen */
	int64_t before_ns;              /* capture time of the previous copy, or when the hole opened; NULL unknown */
	bool seen_whole;                /* every byte had passed here before */
	bool same_stamp;                /* with the same timestamp */
};

/* Follows whether the IP IDs of this sender can be compared. */
void backward_learn_id(struct side *, const struct segment *);
void backward_judge(const struct side *, const struct segment *, int64_t half_ns, struct backward *);

/* ---- verdict.c: retransmissions as reported, and their amendment ---- */

/* same_stamp: its timestamp is that of the copy before. had: if it is acknowledged at all, that copy had arrived. */
void verdict_report(struct side *, const struct emitter *, const struct segment *,
		    const struct tcpstat_ev_retransmission *, bool same_stamp, bool had);
/* An ACK for this side passed the capture: DSACK, Eifel, and ACKs that come too soon excuse retransmissions. least_ns:
 * the receiver does not answer sooner. */
void verdict_ack(struct side *, const struct emitter *, const struct segment *ack, int64_t least_ns,
		 uint64_t prior_ack);
/* The original of [seq, end) arrived late after all. */
void verdict_late_original(struct side *, const struct emitter *, uint64_t seq, uint64_t end);

/* ---- owner.c: who owns the time of this direction, limits.h; half_ns: round trip from capture to sender ---- */

/* The sender processed an ACK at ack->now_ns. */
void owner_ack(struct side *, const struct ack *, const struct ack_result *, int64_t half_ns);
void owner_sent(struct side *, const struct segment *, int64_t sent_ns, int64_t half_ns);
/* Something was sent again; `timer`: because a timer fired. */
void owner_resent(struct side *, bool timer, int64_t sent_ns, int64_t half_ns);
/* A segment below SND.UNA: a zero-window probe, if the window is. */
void owner_probe(struct side *, const struct segment *, int64_t sent_ns);
/* Settles what this side owns in a copy of the connection's share. */
void owner_finish(const struct side *, struct share *, int64_t last_ns);

#endif
