/* What findings rest on and no tracker keeps: for each thing that may go wrong how often it did, what it took, and the
 * first packets that show it. Learns from segments and from what trackers tell (watched events).
 *
 * A zeroed struct has seen nothing and owns nothing; marks come from the budget, one a kind and direction, when there
 * is something to mark. Without memory a mark is lost, and the finding with it. */
#ifndef TCPSTAT_WATCH_H
#define TCPSTAT_WATCH_H

#include "core/pool.h"
#include "core/segment.h"

enum watch_kind {
	WATCH_FAST,                     /* retransmissions that ACKs caused: fast, recovery, lost again */
	WATCH_RTO, WATCH_TLP, WATCH_SYN, WATCH_SYNACK, WATCH_FIN,
	WATCH_TAIL,                     /* timeouts and probes that no duplicate ACK preceded */
	WATCH_LOST_BEFORE, WATCH_LOST_AFTER,
	WATCH_SPURIOUS, WATCH_SPURIOUS_RTO,
	WATCH_LATE, WATCH_DUPLICATE, WATCH_COPY,
	WATCH_ZERO, WATCH_FULL, WATCH_SHRINK, WATCH_PROBE, WATCH_KEEPALIVE,
	WATCH_GAP, WATCH_CUT,           /* the capture missed bytes; the snapshot length cut them */
	WATCH_ICMP, WATCH_CE, WATCH_ECE, WATCH_CKSUM,
	WATCH_RST, WATCH_AFTER_RST,     /* what its sender says after it */
	WATCH_IGNORED_ACK,              /* SYN-ACKs repeated although the client had answered twice */
	WATCH_STRAY_SYN,
	WATCH_NAGLE, WATCH_IDLE_RESTART, WATCH_FIRST_FLIGHT, WATCH_SILLY,
	WATCH_COLLAPSE,                 /* a window is a small part of its SYN's, though nothing has filled it */
	WATCH_BEYOND_WINDOW,            /* data beyond the peer's window by half of it and more */
	WATCH_TOO_BIG,                  /* repetitions of a segment larger than any that arrived */
	WATCH_BEYOND_MSS,               /* longer than the peer's MSS allows */
	WATCH_FIN_WAIT,                 /* ends of FIN-WAIT-2, and how long it lasted */
	WATCH_SLOW,                     /* the slowest answer: by the server; the longest wait: by the client */
	WATCH_NKINDS
};

enum { WATCH_FRAMES = 6 };

struct watch_mark {
	uint8_t kind, dir, n_frames;
	uint32_t count;
	int64_t ns, max_ns;             /* what it took: sum, greatest */
	uint64_t frame[WATCH_FRAMES];   /* the first ones */
	int64_t after_ns[WATCH_FRAMES]; /* what each took */
};

/* What one endpoint sends. Offsets in sequence space. */
struct watch_half {
	uint64_t end, acked;            /* sent; acknowledged by the peer; 0: none */
	uint64_t burst_seq;             /* where the flight began that is measured; 0: none */
	uint64_t big_end;               /* of the largest segment not yet acknowledged; 0: none */
	uint64_t again_frame;           /* of the last retransmission */
	uint64_t state_frame;           /* of the last change of state */
	uint64_t damaged_end;           /* of data with a wrong checksum, until acknowledged or sent again; 0: none */
	uint64_t turn_frame, turn_acked; /* of its last answer; what was acknowledged then */
	int64_t turn_ns;                /* what that took */
	int64_t sent_ts, state_ts;      /* when `end` moved last */
	int64_t ready_ts;               /* since when all of it is acknowledged and the window large; 0: not so */
	int64_t ack_ts;                 /* when the peer acknowledged all of it, late; 0: not */
	int64_t burst_ack_ts;           /* when the peer acknowledged the first of the measured flight; 0: not yet */
	int64_t stalled_ns;             /* what that ACK was late by; 0: not late */
	int64_t keepalive_ts;           /* of the first of those without an answer */
	uint64_t longest_frame;
	uint64_t edge;                  /* rightmost of the windows it advertised */
	uint64_t after_fin_bytes;       /* what the peer sent after this side's FIN was acknowledged */
	uint32_t flight_max;
	uint32_t small_windows;         /* times that it opened its window by less than a segment */
	uint32_t ttl_packets;
	uint32_t wnd;                   /* last window it advertised, bytes */
	uint32_t dup_acks;              /* ACKs of the peer that repeat `acked` while data is outstanding */
	uint32_t row_acked, tail_acked; /* `acked` when the last timeout of a row, of a tail fired, its low bits */
	uint16_t row, longest_row;      /* timeouts while nothing was acknowledged: the last ones, the most */
	uint16_t tails;                 /* ends of flights that timers resent, each once */
	uint16_t last_len, big_len, big_repeats;
	uint16_t ok_len, hole_len;      /* the largest that was acknowledged; that was repeated twice and never was */
	uint16_t unanswered;            /* keepalives */
	uint16_t syn_wnd;
	uint16_t longest;               /* payload of its longest segment, longest_frame */
	uint8_t ttl, rst_ttl, burst_is;  /* burst_is: WATCH_FIRST_FLIGHT, WATCH_IDLE_RESTART */
	bool rst_ttl_differs : 1, rst_bare : 1;
	bool ttl_varies, shrunk, fin, first_flight_done, sent_data;
	bool wnd_known;                 /* one that is no SYN's was seen */
	bool damage_taken, damage_repaired; /* such data was acknowledged; was sent again */
	bool hole_proven;               /* smaller ones arrived, or the peer was heard, since it was repeated */
	uint8_t state_before;           /* its last change */
};

struct watch {
	struct watch_half half[2];
	struct watch_mark *marks;
	uint64_t marked[3];             /* by enum tcpstat_dir: kinds that have a mark */
	uint64_t rst_end[2];            /* of the data of each direction when the first RST passed; 0: none */
	int64_t synack_ts, answer_ts;   /* of the first SYN-ACK, and of the first answer to it; 0: none */
	bool answered;                  /* by the client, before the SYN-ACK was repeated */
	uint32_t client_acks;           /* segments of the client after the SYN-ACK and before it was repeated */
	uint8_t n_marks, room;
	uint8_t icmp_kind, icmp_code, icmp_family;
	int8_t rst_by;                  /* plus 1; 0 none */
	uint8_t rst_state[2];           /* of both endpoints before it */
};

enum {
	WATCH_EVENTS = TCPSTAT_MASK(TCPSTAT_EV_RETRANSMISSION) |
		TCPSTAT_MASK(TCPSTAT_EV_OUT_OF_ORDER) | TCPSTAT_MASK(TCPSTAT_EV_DUPLICATE) |
		TCPSTAT_MASK(TCPSTAT_EV_WINDOW) |
		TCPSTAT_MASK(TCPSTAT_EV_KEEPALIVE) | TCPSTAT_MASK(TCPSTAT_EV_GAP) | TCPSTAT_MASK(TCPSTAT_EV_ICMP)
};

/* What the connection knows when a segment passes. */
struct watch_scene {
	int64_t half_ns[2];             /* round trip between capture and endpoint; TCPSTAT_NULL unknown */
	const uint16_t *mss;            /* [2]: what each endpoint may send, payload bytes; 0 unknown */
	const uint8_t *state;           /* [2]: of both endpoints, after the segment */
	int64_t rto_ns;                 /* of the sender of this data; TCPSTAT_NULL unknown */
};

void watch_segment(struct watch *, struct budget *, const struct segment *, const struct watch_scene *);
void watch_event(struct watch *, struct budget *, const struct tcpstat_event *);
/* The endpoint left a state. frame: 0 if a timer made it. */
void watch_state(struct watch *, struct budget *, enum tcpstat_endpoint, enum tcpstat_state from, int64_t ts,
	uint64_t frame);
void watch_add(struct watch *, struct budget *, enum watch_kind, enum tcpstat_dir, uint64_t frame, int64_t ns);
/* Marks of another watch, which came after those of the same kind here. */
void watch_join(struct watch *, struct budget *, const struct watch *later);
/* `dir` answered after `ns`, with this packet: the slowest is kept. What it closed with answers nothing. */
void watch_turn(struct watch *, struct budget *, enum tcpstat_dir, uint64_t frame, int64_t ns);
/* What `dir` had sent before the first RST and nobody ever acknowledged, bytes. */
uint64_t watch_unacked(const struct watch *, enum tcpstat_dir);
/* Is there a mark of that kind, be it that all it counted was taken back? */
static inline bool watch_has(const struct watch *w, enum watch_kind kind, enum tcpstat_dir dir)
{
	return w->marked[dir] >> kind & 1;
}
/* That mark. */
struct watch_mark *watch_find(const struct watch *, enum watch_kind, enum tcpstat_dir);
/* NULL: nothing of the kind. */
static inline const struct watch_mark *watch_get(const struct watch *w, enum watch_kind kind, enum tcpstat_dir dir)
{
	const struct watch_mark *m = watch_has(w, kind, dir) ? watch_find(w, kind, dir) : NULL;

	return m && m->count ? m : NULL;
}
void watch_fini(struct watch *, struct budget *);

#endif
