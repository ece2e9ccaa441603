/* A replica of one sender: what it has in flight, what it takes for lost, its congestion state, timers and windows, in
 * the sender's own time. Fed with what the sender sent and with the ACKs at the moment when they reached it.
 *
 * The state machine is Linux's (Open, Disorder, CWR, Recovery, Loss; RFC 5681, 6675, 6582, 8985, 5682, 3522): every
 * other sender does a subset of it. Retransmissions are never predicted, they are observed: a state that only a
 * retransmission proves (Recovery, Loss) is entered when it is seen. */
#ifndef TCPSTAT_SENDER_H
#define TCPSTAT_SENDER_H

#include "core/cong.h"
#include "core/resent.h"
#include "core/rtt.h"
#include "core/sendq.h"
#include "core/ts_clock.h"

/* An ACK as the sender received it. */
struct ack {
	int64_t now_ns;                 /* sender time of its arrival */
	int64_t seen_ns;                /* capture time */
	uint64_t frame;
	uint64_t ack, wnd;
	uint64_t seq, end;              /* of the segment that carries it, in the peer's space */
	uint32_t ts_val, ts_ecr;
	const struct ts_clock *clock;   /* the sender's own timestamps; NULL, or not started: none */
	uint16_t flags;
	uint8_t n_sack;
	bool dsack, has_ts, wnd_exact;
	bool far;                       /* its time of arrival is an estimate */
	bool held;                      /* something proved that it had not arrived in due time */
	uint64_t sack[4][2];
};

/* What processing one ACK found. */
struct ack_result {
	bool advanced;                  /* SND.UNA moved */
	bool sampled;
	int64_t sample_ns;
	enum tcpstat_rtt_source source;
	uint64_t prior_una;
};

struct rack {
	int64_t xmit_ns, rtt_ns;        /* of the newest segment known delivered */
	uint64_t end_seq;
	bool advanced, dsack_seen;
	uint8_t reo_wnd_steps, reo_wnd_persist;
	uint32_t last_delivered;
};

struct sender {
	struct budget *budget;
	const struct stack *stack;
	struct sendq q;
	struct resent resent;
	uint64_t snd_una, snd_nxt;
	uint64_t snd_wnd, snd_wl1, max_window;
	uint64_t recovery_point;        /* high_seq: SND.NXT when the episode began */
	uint64_t undo_marker;           /* SND.UNA when it began; 0: nothing to undo */
	uint64_t high_sacked;           /* end of the highest SACKed range; SND.UNA if none */
	uint64_t tlp_end_seq;           /* SND.NXT when a probe was sent; 0: none outstanding (RFC 8985) */
	uint64_t prev_sack[4][2];
	int64_t rto_base_ns;            /* when the retransmission timer was last started */
	int64_t progress_ns;            /* last ACK that advanced or SACKed, or last new data */
	int64_t last_send_ns, last_ack_ns;
	int64_t min_rtt_ns;
	int32_t undo_retrans;           /* retransmissions that no DSACK has excused yet; -1: not counting */
	uint32_t mss;
	uint32_t packets_out, sacked_out, lost_out, retrans_out, delivered, lost, total_retrans, dsack_dups;
	uint32_t reordering;            /* segments */
	uint32_t retrans_stamp;         /* TSval of the first retransmission of the episode */
	uint64_t rack_cursor;           /* originals below it were judged */
	uint16_t lost_era;              /* grows when nothing counts as lost any more */
	uint8_t n_prev_sack;
	enum tcpstat_ca ca;
	bool started, established, sack_ok, ts_ok, wnd_exact;
	bool hidden_loss, retrans_stamped, reord_seen, tlp_retrans, frto, mss_known;
	uint8_t backoff;
	struct rtt rtt;
	struct rack rack;
	struct cong cong;
	struct cong_mark before_ack;    /* before the congestion control saw the last ACK */
	struct cong_env ack_env;        /* what it saw */
};

/* Of one that is all 0. */
void sender_init(struct sender *, struct budget *, const struct stack *);
void sender_fini(struct sender *);

/* Segments of one MSS in a range. */
uint16_t sender_pkts(const struct sender *, uint64_t len);
static inline uint32_t sender_in_flight(const struct sender *s)
{
	uint32_t n = s->packets_out - s->sacked_out - s->lost_out + s->retrans_out;

	return n <= INT32_MAX ? n : 0; /* never less than none */
}

/* Is the entry taken for lost? */
static inline bool sender_lost(const struct sender *s, const struct sent *e)
{
	return e->flags & SENT_LOST && e->lost_era == s->lost_era;
}

/* RFC 6675 pipe in bytes, by the share of segments in flight. */
int64_t sender_pipe_bytes(const struct sender *);

/* New data [seq, end) leaves; a hole before it is taken as sent just before. The entry, or NULL where memory lacks. */
struct sent *sender_new_data(struct sender *, uint64_t seq, uint64_t end, int64_t now_ns, uint8_t flags, bool seen);
/* [seq, end) leaves again for the given cause; `ts_val` is the sender's clock. */
void sender_retransmit(struct sender *, uint64_t seq, uint64_t end, int64_t now_ns, enum tcpstat_cause cause,
		       uint32_t ts_val);
/* A timeout that never passed the capture: everything from SND.NXT on that left since was lost, `pkts` segments of
 * `size` bytes, and the timer fired `times` times, last at `now_ns` for the segment that shows up now. */
void sender_hidden_timeout(struct sender *, uint32_t pkts, uint32_t size, unsigned times, int64_t now_ns);
void sender_ack(struct sender *, const struct ack *, struct ack_result *);
/* Does this ACK say no more to a sender that has nothing outstanding than that further data of the peer has come? If
 * the ACK before was of the kind, sender_ack_nothing does what sender_ack would do. */
bool sender_is_told_nothing(const struct sender *, const struct ack *);
void sender_ack_nothing(struct sender *, const struct ack *);
/* cause.c: the cause of a retransmission of [seq, end) at `now_ns`, from the state of the replica (never a SYN). */
enum tcpstat_cause sender_cause(const struct sender *, uint64_t seq, uint64_t end, int64_t now_ns);

/* ---- scoreboard.c: the parts that sender.c orders ---- */

enum {
	/* ORIG: never retransmitted data was (S)ACKed */
	ACKED_DATA = 0x01, ACKED_SYN = 0x02, ACKED_RETRANS = 0x04, ACKED_ORIG = 0x08,
	ACKED_SACK = 0x10, ACKED_DSACK = 0x20, ACKED_UNA = 0x40, ACKED_LOST_RETRANS = 0x80, ACKED_ECE = 0x100,
	ACKED_WINDOW = 0x200, ACKED_PAYLOAD = 0x400, ACKED_RENEGING = 0x800
};

struct tagged {
	uint32_t flags;
	int64_t first_sack_xmit_ns, last_sack_xmit_ns; /* of never retransmitted data newly SACKed; 0 none */
	int64_t first_ack_xmit_ns, last_ack_xmit_ns;
	uint64_t reord;                 /* lowest never retransmitted sequence that was delivered late */
	uint32_t pkts_acked;
};

void scoreboard_sack(struct sender *, const struct ack *, uint64_t prior_una, struct tagged *);
void scoreboard_clean(struct sender *, const struct ack *, uint64_t prior_fack, struct tagged *);
void scoreboard_check_reordering(struct sender *, uint64_t low_seq);
/* Makes `at` a boundary between entries: a repetition may carry a part of what left in one piece. */
void scoreboard_cut(struct sender *, uint64_t at);
void scoreboard_mark_lost(struct sender *, struct sent *);
/* RACK (RFC 8985): marks what was overtaken by long enough. */
void scoreboard_detect_loss(struct sender *, int64_t now_ns, struct tagged *);
/* After a timeout: everything outstanding but what was sent lately is lost. */
void scoreboard_timeout(struct sender *, int64_t now_ns);
void scoreboard_unmark_lost(struct sender *);

#endif
