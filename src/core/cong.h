/* The congestion window of one sender, replayed for several algorithms side by side (RFC 5681, 9438; PRR RFC 6937),
 * and the choice of the one that explains what was sent. Windows are in segments of one MSS, as stacks count. */
#ifndef TCPSTAT_CONG_H
#define TCPSTAT_CONG_H

#include "core/stack.h"

enum { CONG_INFINITE = 0x7fffffff };

/* What the sender knows when a hook is called. */
struct cong_env {
	int64_t now_ns;
	uint64_t snd_una, snd_nxt;
	uint64_t snd_wnd;               /* bytes */
	uint32_t mss;
	uint32_t packets_out, in_flight; /* segments */
	uint32_t reordering;
	int64_t srtt_ns, rto_ns;
	int64_t tick_ns;                /* the kernel's */
	enum tcpstat_ca ca;
	bool far;                       /* the ACK's time of arrival is an estimate */
	/* what an ACK brought; else all 0, and rtt_ns -1 */
	int64_t rtt_ns;                 /* of the newest segment this ACK covers; -1 none */
	uint64_t prior_room;            /* bytes that the peer's window still had before it */
	uint32_t prior_in_flight;       /* before it */
	uint32_t delivered;             /* by it, (S)ACKed segments */
	uint32_t newly_lost;
	uint32_t flags;                 /* ACKED_* of sender.h */
};

struct cubic {
	uint32_t cnt, last_max_cwnd, last_cwnd, origin, tcp_cwnd, ack_cnt;
	int64_t last_tick, epoch_tick;  /* in kernel ticks; epoch 0: none */
	int64_t k;                      /* in 1/1024 s */
	int64_t delay_min_us;
	/* HyStart */
	int64_t round_start_us, last_ack_us, curr_rtt_us;
	uint64_t round_end;
	uint8_t sample_cnt;
	bool found;
};

struct cong_one {                       /* one algorithm's replica */
	uint32_t cwnd, ssthresh, cwnd_cnt;
	uint32_t prior_cwnd, prior_ssthresh;
	uint32_t prr_delivered, prr_out;
	uint32_t max_packets_out, cwnd_used;
	uint64_t usage_seq;
	int64_t stamp_ns;               /* when cwnd was last in full use */
	bool limited;                   /* by cwnd, in this window */
	bool hystart;                   /* ssthresh was set by HyStart, not by a loss */
	double deviation;               /* sum of |pipe - cwnd| / cwnd, taken when the pipe should fill it */
	uint32_t compared;
	uint32_t raised_to;             /* what it was raised to last: a lower bound only, while cwnd stays there */
	double raised;                  /* sum of what the window had to be raised by, in windows, because more left */
	uint32_t roomy;                 /* ACKs of this round after which the pipe stayed well below cwnd */
};

enum { CONG_RENO, CONG_CUBIC, CONG_N };
enum { CONG_ENOUGH = 20 };              /* comparisons after which an algorithm may be told from others */

struct cong {
	struct cong_one one[CONG_N];
	uint8_t fits;                   /* the one that explains best what was sent */
	struct cubic cubic;             /* of one[CONG_CUBIC] */
	int64_t last_send_ns;
	/* is the sender clocked by its ACKs? */
	int64_t last_ack_ns;
	bool answered;                  /* the last ACK let something new go, at once */
	bool unclocked;                 /* something left without an ACK since */
	uint64_t round_end;             /* SND.NXT when the round began */
	uint32_t round_acks, round_peak; /* ACKs of the round after which it sent; most in flight then */
	/* what is seen, without any algorithm: most in flight in this round and the last */
	uint32_t peak, last_peak;
	struct cong_one seen;           /* cwnd: the greater; ssthresh: in flight when the last episode ended */
	bool far;
	/* does the sender give way to loss? */
	uint32_t before_loss, after_loss; /* in flight when an episode began, and after its last segment so far */
	uint32_t sends, prompt;         /* of new data; at once after an ACK */
	uint16_t reductions;
	uint16_t gave_way, deaf;        /* episodes that ended with less in flight; that ended as they began */
};

/* What an ACK may have changed that another reading of it takes back. */
struct cong_mark {
	uint32_t cwnd[CONG_N], ssthresh[CONG_N], cwnd_cnt[CONG_N];
	struct cubic cubic;
};

/* Of one that is all 0. */
void cong_init(struct cong *, uint32_t initial_window);
void cong_mark(const struct cong *, struct cong_mark *);
void cong_rewind(struct cong *, const struct cong_mark *);
/* An ACK was processed; the state of env is the one after it. */
void cong_ack(struct cong *, const struct cong_env *);
/* The ACK just processed began a reduction, as shows now. */
void cong_reduce(struct cong *, const struct cong_env *);
/* Segments left; `retransmitted`: they had left before. env is the state after it. */
void cong_sent(struct cong *, const struct cong_env *, uint32_t pkts, bool retransmitted);
void cong_before_send(struct cong *, const struct cong_env *); /* nothing is in flight: restart after idle */
void cong_enter_reduction(struct cong *, const struct cong_env *, bool may_undo); /* CWR, Recovery */
void cong_end_reduction(struct cong *);
void cong_loss(struct cong *, const struct cong_env *, bool reduce); /* RTO; reduce: first of its window */
void cong_undo(struct cong *, const struct cong_env *);
void cong_forbid_undo(struct cong *);

/* An algorithm that is none of these, forced into one of them, would spoil every figure: after enough was compared, is
 * it one? */
bool cong_is_another(const struct cong *);
/* The replica that explains best what was sent. */
static inline const struct cong_one *cong_best(const struct cong *c)
{
	const struct cong_one *best = &c->one[c->fits];

	return best->compared >= CONG_ENOUGH && cong_is_another(c) ? &c->seen : best;
}
/* How well the best algorithm fits: mean of |in flight - cwnd| / cwnd while the window is the limit; NAN: nothing
 * compared. */
double cong_fit(const struct cong *);
/* Its name, once enough was compared. */
enum tcpstat_cc cong_name(const struct cong *);

#endif
