/* What limited one direction: every instant of it belongs to exactly one owner (enum tcpstat_limit).
 *
 * handshake          until the peer acknowledged the SYN
 * receiver_window    data waits and the next segment does not fit below SND.UNA + SND.WND, though the congestion window
 *                    has room; a zero window and its probes too
 * congestion_window  data waits for ACKs with the congestion window in full use
 * recovery           a loss is repaired (Recovery, and Loss once its timer has fired), data waits or not
 * timeout            from the last progress (an ACK that advances or SACKs, or new data) until a timer resent something
 * delayed_ack        a short segment waits until an earlier short one is acknowledged (RFC 896), as long as that takes
 * think_time         nothing to send, from the last data of the peer, who had all of this side's, until the answer
 * application_idle   nothing to send else; what was sent may still be under way
 * sender_unknown     data leaves, and nothing of the above held it: pacing, a small send buffer, a busy host
 *
 * Whether data waited shows later: it leaves at once when an ACK makes room, or it did not wait. So the time since data
 * last left is open, and settled when more leaves. The account itself is share.h: limits tell it who owns what, and
 * when they think better of it. Constant work and memory.
 *
 * Times are the sender's, nanoseconds, and may not decrease (those that do count as no time). */
#ifndef TCPSTAT_LIMITS_H
#define TCPSTAT_LIMITS_H

#include "core/share.h"

struct limits {
	struct share *share;            /* borrowed: the connection's */
	int64_t since_ns;               /* accounted until then */
	int64_t sent_ns;                /* when data last left, or a timer resent it: time is open from there */
	int64_t progress_ns;
	int64_t ack_ns, opened_ns;      /* the last ACK; the first one since data left that made room; 0: none */
	int64_t peer_data_ns;           /* the peer's last data that answers all of this side's since then; 0: none */
	uint64_t small_end;             /* end of the last short segment sent; 0: none */
	uint16_t open;                  /* 1 << enum tcpstat_limit: owners of open time */
	uint8_t dir, marked;            /* marked: marks that were set before some of the open time */
	uint8_t owner;                  /* of the time from since_ns on, enum tcpstat_limit */
	uint8_t released;               /* what held the data that left last */
	bool idle;                      /* nothing waited when there was room */
	bool probed;                    /* the peer's closed window was probed since data last left */
	bool flight;                    /* something is unacknowledged */
	bool done;                      /* FIN sent */
	bool acked_small;               /* the last ACK acknowledged all short segments, and brought no data */
	bool held;                      /* before the last ACK something was unacknowledged or the window full */
	bool lone;                      /* what left last left alone: nothing else did in the ms before */
	bool no_nagle;                  /* a short segment left while another was unacknowledged */
	bool rests;                     /* another ACK like the last would change nothing but when */
	int64_t rest_ns;                /* when the last such ACK came; 0: none that is not yet accounted for */
};

/* The sender after the event. */
struct limits_env {
	int64_t now_ns;
	int64_t slack_ns;               /* data that leaves so soon after an ACK was let go by it */
	int64_t srtt_ns;                /* 0 unknown */
	uint64_t una, nxt, wnd;         /* wnd: UINT64_MAX / 2 while unknown */
	uint32_t mss, in_flight, cwnd;  /* segments but for mss; cwnd 0: unknown */
	bool cwnd_at_least;             /* cwnd is only what was seen in flight: it may be greater */
	enum tcpstat_ca ca;
	bool far;                       /* times of ACKs are estimates */
};

/* Whose is the time before a sender is heard? `syn`: the connection begins with a handshake. */
static inline enum tcpstat_limit limits_first(bool syn)
{
	return syn ? TCPSTAT_LIMIT_HANDSHAKE : TCPSTAT_LIMIT_APPLICATION_IDLE;
}
/* The share was begun at now_ns, with limits_first(syn); it has to outlive the limits. */
void limits_init(struct limits *, struct share *, enum tcpstat_dir, int64_t now_ns, bool syn);
/* An ACK reached the sender. `prior_una`: SND.UNA before; `progress`: it advanced or SACKed; `data`: it has payload. */
void limits_ack(struct limits *, const struct limits_env *, uint64_t prior_una, bool progress, bool data);
/* Has the last ACK left everything as it was, and would one more of the kind: one that comes with data and acknowledges
 * nothing new? Then it is enough to say when it came. */
static inline bool limits_rest(const struct limits *l)
{
	/* while the other direction gets ahead, its time waits in runs: not for too long */
	return l->rests && l->share->n_runs < SHARE_RUNS_ENOUGH;
}
static inline void limits_go_on_resting(struct limits *l, int64_t now_ns)
{
	if (now_ns > l->rest_ns)
		l->rest_ns = now_ns;
}
/* New data of `len` bytes left, up to env.nxt; fin: this side will send no more. */
void limits_sent(struct limits *, const struct limits_env *, uint32_t len, bool fin);
/* Something was sent again; `timer`: because a timer fired. */
void limits_resent(struct limits *, const struct limits_env *, bool timer);
/* A zero-window probe left: data does wait. */
void limits_probe(struct limits *, int64_t now_ns);
/* A RST passed: whatever waited, waits no more. */
void limits_reset(struct limits *, int64_t now_ns);
/* Settles everything: the capture ended at `last_ns`. What stayed unacknowledged for longer than `rto_ns` then waited
 * for timers, though none was seen to fire. */
void limits_finish(struct limits *, int64_t last_ns, int64_t rto_ns);

#endif
