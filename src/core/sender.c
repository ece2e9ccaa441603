#include "core/sender.h"

#include <assert.h>
#include <string.h>

enum { MS = 1000000 };

void sender_init(struct sender *s, struct budget *budget, const struct stack *stack)
{
	s->budget = budget;
	s->stack = stack;
	s->mss = 536;
	s->reordering = 3;
	s->undo_retrans = -1;
	s->ca = TCPSTAT_CA_OPEN;
	cong_init(&s->cong, stack->initial_window);
}

void sender_fini(struct sender *s)
{
	sendq_fini(&s->q, s->budget);
	resent_fini(&s->resent, s->budget);
}

uint16_t sender_pkts(const struct sender *s, uint64_t len)
{
	uint64_t n = (len + s->mss - 1) / s->mss;

	return n < 1 ? 1 : n > 0x7fff ? 0x7fff : (uint16_t)n;
}

int64_t sender_pipe_bytes(const struct sender *s)
{
	uint64_t flight = s->snd_nxt - s->snd_una;

	if (!s->packets_out)
		return 0;
	return (int64_t)(flight * sender_in_flight(s) / s->packets_out);
}

/* Without what an ACK brought. */
static inline void sender_state(const struct sender *s, int64_t now_ns, struct cong_env *e)
{
	e->now_ns = now_ns;
	e->snd_una = s->snd_una;
	e->snd_nxt = s->snd_nxt;
	e->snd_wnd = s->snd_wnd;
	e->mss = s->mss;
	e->packets_out = s->packets_out;
	e->in_flight = sender_in_flight(s);
	e->reordering = s->reordering;
	e->srtt_ns = rtt_srtt_ns(&s->rtt);
	e->rto_ns = rtt_rto_ns(&s->rtt);
	e->tick_ns = s->stack->tick_ns;
	e->ca = s->ca;
}

static void sender_env(const struct sender *s, int64_t now_ns, struct cong_env *e)
{
	sender_state(s, now_ns, e);
	e->far = false;
	e->rtt_ns = -1;
	e->prior_room = 0;
	e->prior_in_flight = e->delivered = e->newly_lost = e->flags = 0;
}

/* ---------------------------------------------------------------------------------------------------- sending */

static inline struct sent *append(struct sender *s, uint64_t seq, uint64_t end, int64_t now_ns, uint8_t flags,
	bool seen)
{
	struct sent *e = sendq_append(&s->q, s->budget, seq, end);

	if (e) {
		e->xmit_ns = now_ns;
		e->flags = flags | (seen ? 0 : SENT_UNSEEN);
		e->pkts = sender_pkts(s, end - seq);
		e->sent = seen;
		if (!s->packets_out)
			s->rto_base_ns = now_ns;
		s->packets_out += e->pkts;
	}
	s->snd_nxt = end;
	return e;
}

struct sent *sender_new_data(struct sender *s, uint64_t seq, uint64_t end, int64_t now_ns, uint8_t flags, bool seen)
{
	struct cong_env env;

	if (!s->started) {
		s->started = true;
		s->snd_una = s->snd_nxt = s->high_sacked = s->recovery_point = seq;
	}
	if (seq > s->snd_nxt)
		sender_new_data(s, s->snd_nxt, seq, now_ns, 0, false);
	else if (seen && s->hidden_loss && s->ca != TCPSTAT_CA_LOSS)
		s->hidden_loss = false;
	if (!now_ns)
		return append(s, seq, end, now_ns, flags, seen);
	sender_env(s, now_ns, &env);
	if (!s->packets_out)
		cong_before_send(&s->cong, &env);
	struct sent *e = append(s, seq, end, now_ns, flags, seen);
	s->last_send_ns = now_ns;
	env.snd_nxt = end;
	env.packets_out = s->packets_out;
	env.in_flight = sender_in_flight(s);
	if (e && !(flags & SENT_SYN))
		cong_sent(&s->cong, &env, e->pkts, false);
	return e;
}

static void sender_init_undo(struct sender *s)
{
	s->undo_marker = s->snd_una;
	s->undo_retrans = s->retrans_out ? (int32_t)s->retrans_out : -1;
}

static void sender_begin_recovery(struct sender *s, const struct cong_env *env)
{
	sender_init_undo(s);
	if (s->ca != TCPSTAT_CA_CWR) {
		s->recovery_point = s->snd_nxt;
		s->tlp_end_seq = 0;
		cong_enter_reduction(&s->cong, env, true);
	}
	s->ca = TCPSTAT_CA_RECOVERY;
}

/* A fast retransmission was seen: the ACK before it, or the reordering timer after that, took the sender into
 * Recovery. */
static void sender_enter_recovery(struct sender *s, int64_t now_ns)
{
	bool by_ack = s->ack_env.now_ns && now_ns - s->ack_env.now_ns < 3 * MS;
	bool anew = by_ack && s->ca <= TCPSTAT_CA_DISORDER;
	struct cong_env env = s->ack_env;

	if (!by_ack) {
		sender_env(s, now_ns, &env);
		env.delivered = 1;
	}
	if (anew)
		cong_rewind(&s->cong, &s->before_ack);
	env.in_flight = sender_in_flight(s);
	env.packets_out = s->packets_out;
	sender_begin_recovery(s, &env);
	env.ca = s->ca;
	if (anew)
		cong_reduce(&s->cong, &env);
	else
		cong_ack(&s->cong, &env);
}

/* The retransmission timer fired. */
static void sender_enter_loss(struct sender *s, int64_t now_ns)
{
	bool fresh = s->ca < TCPSTAT_CA_RECOVERY;
	struct cong_env env;
	bool reduce = s->ca <= TCPSTAT_CA_DISORDER || s->recovery_point <= s->snd_una ||
		      (s->ca == TCPSTAT_CA_LOSS && (!s->backoff || !s->snd_wnd));

	scoreboard_timeout(s, now_ns);
	sender_env(s, now_ns, &env);
	cong_loss(&s->cong, &env, reduce);
	if (reduce)
		sender_init_undo(s);
	if (s->ca <= TCPSTAT_CA_DISORDER && s->sacked_out >= 3 && s->reordering > 3)
		s->reordering = 3;
	s->ca = TCPSTAT_CA_LOSS;
	s->recovery_point = s->snd_nxt;
	s->frto = fresh || s->backoff;
	if (s->backoff < 30)
		s->backoff++;
	s->rto_base_ns = now_ns;
	s->tlp_end_seq = 0;
}

void sender_hidden_timeout(struct sender *s, uint32_t pkts, uint32_t size, unsigned times, int64_t now_ns)
{
	int64_t then_ns = s->last_ack_ns > s->last_send_ns ? s->last_ack_ns : s->last_send_ns;

	for (uint32_t i = 0; i < pkts; i++) {
		struct sent *e = sender_new_data(s, s->snd_nxt, s->snd_nxt + size, then_ns, 0, false);
		if (!e)
			break;
		e->seen_ns = then_ns;
	}
	s->hidden_loss = true;
	s->backoff = (uint8_t)(times - 1);
	s->rto_base_ns = now_ns - (rtt_rto_ns(&s->rtt) << (times - 1));
	s->progress_ns = s->rto_base_ns;
}

void sender_retransmit(struct sender *s, uint64_t seq, uint64_t end, int64_t now_ns, enum tcpstat_cause cause,
		       uint32_t ts_val)
{
	scoreboard_cut(s, seq);
	scoreboard_cut(s, end);
	uint32_t i = sendq_find(&s->q, seq), pkts = 0;
	bool fast = cause == TCPSTAT_CAUSE_FAST || cause == TCPSTAT_CAUSE_RECOVERY ||
		    cause == TCPSTAT_CAUSE_LOST_RETRANSMISSION;
	bool timer = cause == TCPSTAT_CAUSE_RTO || cause == TCPSTAT_CAUSE_FIN;
	struct cong_env env;

	if (i < s->q.head)
		i = s->q.head;
	/* What is repeated was taken for lost, but for a probe. */
	if (fast || cause == TCPSTAT_CAUSE_GO_BACK_N) {
		for (uint32_t k = i; k < s->q.end && s->q.entries[k].seq < end; k++) {
			struct sent *e = &s->q.entries[k];

			if (!sender_lost(s, e) || e->flags & SENT_RETRANS)
				scoreboard_mark_lost(s, e);
		}
	}
	if (fast && s->ca != TCPSTAT_CA_RECOVERY)
		sender_enter_recovery(s, now_ns);
	if (timer)
		sender_enter_loss(s, now_ns);
	for (; i < s->q.end && s->q.entries[i].seq < end; i++) {
		struct sent *e = &s->q.entries[i];

		if (e->flags & SENT_SACKED)
			continue;
		if (!(e->flags & SENT_RETRANS)) {
			e->flags |= SENT_RETRANS;
			s->retrans_out += e->pkts;
		}
		e->flags |= SENT_EVER_RETRANS;
		e->xmit_ns = now_ns;
		pkts += e->pkts;
		if (i == s->q.head && cause != TCPSTAT_CAUSE_TLP)
			s->rto_base_ns = now_ns;
	}
	if (pkts)
		resent_push(&s->resent, s->budget, &s->q, seq, end, now_ns);
	else
		pkts = sender_pkts(s, end - seq);
	s->total_retrans += pkts;
	if (!s->retrans_stamped) {
		s->retrans_stamped = true;
		s->retrans_stamp = ts_val;
	}
	s->undo_retrans = (s->undo_retrans < 0 ? 0 : s->undo_retrans) + (int32_t)pkts;
	if (cause == TCPSTAT_CAUSE_TLP) {
		s->tlp_end_seq = s->snd_nxt;
		s->tlp_retrans = true;
		s->rto_base_ns = now_ns;
	}
	s->last_send_ns = now_ns;
	sender_env(s, now_ns, &env);
	cong_sent(&s->cong, &env, pkts, true);
}

/* ---------------------------------------------------------------------------------------------------- undo */

static bool sender_packet_delayed(const struct sender *s, const struct ack *a)
{
	return s->retrans_stamped && a->has_ts && a->ts_ecr && seq_diff(a->ts_ecr, s->retrans_stamp) < 0;
}

static void sender_undo(struct sender *s, const struct ack *a, bool unmark)
{
	struct cong_env env;

	if (unmark)
		scoreboard_unmark_lost(s);
	sender_env(s, a->now_ns, &env);
	cong_undo(&s->cong, &env);
	s->undo_marker = 0;
	s->rack.advanced = true;
}

static bool sender_may_undo(const struct sender *s, const struct ack *a)
{
	return s->undo_marker && (!s->undo_retrans || sender_packet_delayed(s, a));
}

static bool sender_any_retrans(const struct sender *s)
{
	return s->retrans_out ||
	       (s->q.head < s->q.end && s->q.entries[s->q.head].flags & SENT_EVER_RETRANS);
}

static void sender_keep_open(struct sender *s)
{
	bool disorder = s->sacked_out + s->lost_out || sender_any_retrans(s);
	enum tcpstat_ca ca = disorder ? TCPSTAT_CA_DISORDER : TCPSTAT_CA_OPEN;

	if (s->ca != ca) {
		s->ca = ca;
		s->recovery_point = s->snd_nxt;
	}
}

/* True: stay in the old state until something above the recovery point is acknowledged (RFC 6582 section 6; without
 * SACK). */
static bool sender_undo_recovery(struct sender *s, const struct ack *a)
{
	if (sender_may_undo(s, a))
		sender_undo(s, a, false);
	else if (s->rack.reo_wnd_persist)
		s->rack.reo_wnd_persist--;
	if (s->snd_una == s->recovery_point && !s->sack_ok) {
		if (!sender_any_retrans(s))
			s->retrans_stamped = false;
		return true;
	}
	s->ca = TCPSTAT_CA_OPEN;
	return false;
}

static bool sender_undo_dsack(struct sender *s, const struct ack *a)
{
	if (!s->undo_marker || s->undo_retrans)
		return false;
	if (s->rack.reo_wnd_persist < 16)
		s->rack.reo_wnd_persist++;
	sender_undo(s, a, false);
	return true;
}

static bool sender_undo_loss(struct sender *s, const struct ack *a, bool frto)
{
	if (!frto && !sender_may_undo(s, a))
		return false;
	sender_undo(s, a, true);
	if (frto || s->sack_ok)
		s->ca = TCPSTAT_CA_OPEN;
	return true;
}

/* ---------------------------------------------------------------------------------------------------- receiving */

/* Without SACK every duplicate ACK stands for one delivered segment. */
static void sender_add_reno_sack(struct sender *s, unsigned dupacks)
{
	uint32_t before = s->sacked_out, holes = s->lost_out > 1 ? s->lost_out : 1;

	if (!dupacks)
		return;
	s->sacked_out += dupacks;
	if (holes > s->packets_out)
		holes = s->packets_out;
	if (s->sacked_out + holes > s->packets_out) {
		s->sacked_out = s->packets_out - holes;
		s->reordering = s->packets_out < 300 ? s->packets_out : 300;
		s->reord_seen = true;
	}
	if (s->sacked_out > before)
		s->delivered += s->sacked_out - before;
}

static void sender_remove_reno_sacks(struct sender *s, uint32_t acked)
{
	if (acked) {
		s->delivered += acked > s->sacked_out + 1 ? acked - s->sacked_out : 1;
		s->sacked_out = acked - 1 >= s->sacked_out ? 0 : s->sacked_out - (acked - 1);
	}
}

static void sender_newreno_mark_lost(struct sender *s, bool advanced)
{
	struct sent *head = s->q.head < s->q.end ? &s->q.entries[s->q.head] : NULL;

	if (head && ((s->ca < TCPSTAT_CA_RECOVERY && s->sacked_out >= s->reordering) ||
		     (s->ca == TCPSTAT_CA_RECOVERY && advanced)) && !sender_lost(s, head) && head->pkts == 1)
		scoreboard_mark_lost(s, head);
}

static void sender_identify_loss(struct sender *s, const struct ack *a, struct tagged *t)
{
	if (!s->packets_out)
		return;
	if (s->sack_ok)
		scoreboard_detect_loss(s, a->now_ns, t);
	else
		sender_newreno_mark_lost(s, t->flags & ACKED_UNA);
}

static void sender_process_tlp(struct sender *s, const struct ack *a, uint32_t flags)
{
	if (a->ack < s->tlp_end_seq)
		return;
	if (!s->tlp_retrans || flags & ACKED_DSACK) {
		s->tlp_end_seq = 0;
	} else if (a->ack > s->tlp_end_seq) {
		struct cong_env env;

		/* The probe repaired a loss: one reduction, at once complete. */
		sender_env(s, a->now_ns, &env);
		s->recovery_point = s->snd_nxt;
		s->tlp_end_seq = 0;
		cong_enter_reduction(&s->cong, &env, true);
		cong_end_reduction(&s->cong);
		s->ca = TCPSTAT_CA_CWR;
		sender_keep_open(s);
	} else if (!(flags & (ACKED_UNA | ACKED_PAYLOAD | ACKED_WINDOW | ACKED_DATA | ACKED_SYN | ACKED_SACK))) {
		s->tlp_end_seq = 0;
	}
}

static void sender_enter_cwr(struct sender *s, const struct ack *a)
{
	struct cong_env env;

	cong_forbid_undo(&s->cong);
	if (s->ca >= TCPSTAT_CA_CWR)
		return;
	s->undo_marker = 0;
	sender_env(s, a->now_ns, &env);
	s->recovery_point = s->snd_nxt;
	s->tlp_end_seq = 0;
	cong_enter_reduction(&s->cong, &env, false);
	s->ca = TCPSTAT_CA_CWR;
}

/* Returns true if the ACK ended there (the state was undone to Open, or nothing more is to be judged). */
static void sender_process_loss(struct sender *s, const struct ack *a, unsigned dupacks, struct tagged *t)
{
	bool recovered = s->snd_una >= s->recovery_point;

	if (t->flags & ACKED_UNA && sender_undo_loss(s, a, false))
		return;
	if (s->frto) { /* RFC 5682 section 3.1, with SACK */
		if (t->flags & ACKED_ORIG && sender_undo_loss(s, a, true))
			return;
		if (s->snd_nxt > s->recovery_point) {
			if (t->flags & ACKED_SACK || dupacks)
				s->frto = false;
		} else if (t->flags & ACKED_UNA && !recovered) {
			/* New data may follow now; if a retransmission follows instead, the timeout was real. */
			s->recovery_point = s->snd_nxt;
			return;
		}
	}
	if (recovered) {
		sender_undo_recovery(s, a);
		return;
	}
	if (!s->sack_ok) {
		if (s->snd_nxt > s->recovery_point && dupacks)
			sender_add_reno_sack(s, dupacks);
		else if (t->flags & ACKED_UNA)
			s->sacked_out = 0;
	}
}

static void sender_alert(struct sender *s, const struct ack *a, unsigned dupacks, struct tagged *t)
{
	if (!s->packets_out && s->sacked_out)
		s->sacked_out = 0;
	if (t->flags & ACKED_ECE)
		cong_forbid_undo(&s->cong);
	if (t->flags & ACKED_RENEGING && s->sack_ok)
		return;
	if (s->ca == TCPSTAT_CA_OPEN) {
		s->retrans_stamped = false;
	} else if (s->snd_una >= s->recovery_point) {
		if (s->ca == TCPSTAT_CA_CWR) {
			if (s->snd_una != s->recovery_point) {
				cong_end_reduction(&s->cong);
				s->ca = TCPSTAT_CA_OPEN;
			}
		} else if (s->ca == TCPSTAT_CA_RECOVERY) {
			if (!s->sack_ok)
				s->sacked_out = 0;
			bool reduced = s->undo_marker && !sender_may_undo(s, a);
			if (sender_undo_recovery(s, a))
				return;
			if (reduced)
				cong_end_reduction(&s->cong);
		}
	}
	switch (s->ca) {
	case TCPSTAT_CA_RECOVERY:
		if (!(t->flags & ACKED_UNA)) {
			if (!s->sack_ok)
				sender_add_reno_sack(s, dupacks);
		} else if (s->undo_marker && sender_packet_delayed(s, a)) {
			scoreboard_check_reordering(s, s->snd_una);
			if (s->retrans_out)
				return;
			sender_undo(s, a, true);
			sender_keep_open(s);
			return;
		}
		if (sender_undo_dsack(s, a)) {
			sender_keep_open(s);
			return;
		}
		sender_identify_loss(s, a, t);
		return;
	case TCPSTAT_CA_LOSS:
		sender_process_loss(s, a, dupacks, t);
		sender_identify_loss(s, a, t);
		if (s->ca != TCPSTAT_CA_OPEN)
			return;
		/* fall through */
	default:
		if (!s->sack_ok) {
			if (t->flags & ACKED_UNA)
				s->sacked_out = 0;
			sender_add_reno_sack(s, dupacks);
		}
		if (s->ca <= TCPSTAT_CA_DISORDER)
			sender_undo_dsack(s, a);
		sender_identify_loss(s, a, t);
		if (s->lost_out && s->retrans_out) {
			/* The episode ended, but repairs of what lies above it are under way: the next one begins. */
			struct cong_env env;

			sender_env(s, a->now_ns, &env);
			sender_begin_recovery(s, &env);
			return;
		}
		if (!sender_any_retrans(s))
			s->retrans_stamped = false;
		if (t->flags & ACKED_ECE)
			sender_enter_cwr(s, a);
		if (s->ca != TCPSTAT_CA_CWR)
			sender_keep_open(s);
	}
}

/* The RTT sample of this ACK, in the order in which Linux looks for one. Returns the delay that the congestion
 * control sees, or -1. */
static int64_t sender_measure(struct sender *s, const struct ack *a, const struct tagged *t, struct ack_result *r)
{
	int64_t sample = -1, cong = -1;
	bool karn = t->flags & ACKED_RETRANS;

	if (t->first_ack_xmit_ns && !karn) {
		sample = a->now_ns - t->first_ack_xmit_ns;
		cong = a->now_ns - t->last_ack_xmit_ns;
		r->source = t->flags & ACKED_SYN && !(t->flags & ACKED_DATA) ? TCPSTAT_RTT_SYN : TCPSTAT_RTT_ACK;
	}
	if (t->first_sack_xmit_ns) {
		if (sample < 0) {
			sample = a->now_ns - t->first_sack_xmit_ns;
			r->source = TCPSTAT_RTT_ACK;
		}
		cong = a->now_ns - t->last_sack_xmit_ns;
	}
	if (sample < 0 && a->has_ts && a->ts_ecr && a->clock && a->clock->started &&
	    t->flags & (ACKED_DATA | ACKED_SYN)) {
		int32_t ticks = seq_diff(ts_clock_at(a->clock, a->now_ns), a->ts_ecr);

		if (ticks >= 0 && ticks < 1000000) {
			cong = sample = (ticks ? ticks : 1) * a->clock->tick_ns;
			r->source = TCPSTAT_RTT_TIMESTAMP;
		}
	}
	if (sample < 0)
		return -1;
	if (cong > 0 && (!s->min_rtt_ns || cong < s->min_rtt_ns))
		s->min_rtt_ns = cong;
	rtt_sample(&s->rtt, s->stack, sample, s->snd_una, s->snd_nxt);
	s->backoff = 0;
	r->sampled = true;
	r->sample_ns = sample;
	return cong;
}

static void sender_update_reo_wnd(struct sender *s)
{
	struct rack *k = &s->rack;

	if (k->dsack_seen && s->delivered - k->last_delivered > s->packets_out) {
		if (k->reo_wnd_steps < 255)
			k->reo_wnd_steps = (uint8_t)((k->reo_wnd_steps ? k->reo_wnd_steps : 1) + 1);
		k->dsack_seen = false;
		k->last_delivered = s->delivered;
		k->reo_wnd_persist = 16;
	} else if (!k->reo_wnd_persist) {
		k->reo_wnd_steps = 1;
	}
}

bool sender_is_told_nothing(const struct sender *s, const struct ack *a)
{
	return s->started && !s->packets_out && s->snd_una == s->snd_nxt && a->ack == s->snd_una &&
		a->end > a->seq && a->seq > s->snd_wl1 && a->wnd == s->snd_wnd && a->wnd_exact == s->wnd_exact &&
		!a->n_sack && !(a->flags & (TH_SYN | TH_FIN | TH_RST | TH_ECE)) && !s->tlp_end_seq &&
		a->far == s->ack_env.far && a->now_ns != s->progress_ns;
}

void sender_ack_nothing(struct sender *s, const struct ack *a)
{
	s->last_ack_ns = s->ack_env.now_ns = a->now_ns;
	s->snd_wl1 = a->seq;
}

void sender_ack(struct sender *s, const struct ack *a, struct ack_result *r)
{
	uint64_t prior_una = s->snd_una, prior_fack = s->sack_ok && s->sacked_out ? s->high_sacked : s->snd_una;
	uint32_t delivered = s->delivered, lost = s->lost, prior_packets = s->packets_out;
	struct tagged t = { .reord = s->snd_nxt };
	unsigned dupacks = 0;
	uint32_t prior_in_flight = sender_in_flight(s);
	uint64_t prior_flight = s->snd_nxt - s->snd_una;
	uint64_t prior_room = s->snd_wnd > prior_flight ? s->snd_wnd - prior_flight : 0;
	int64_t rtt_ns = -1;

	*r = (struct ack_result){ .prior_una = prior_una };
	if (!s->started)
		return;
	s->last_ack_ns = a->now_ns;
	if (a->flags & TH_ECE && !(a->flags & TH_SYN)) /* on a SYN-ACK it only agrees to ECN */
		t.flags |= ACKED_ECE;
	if (a->ack < prior_una) {
		if (a->n_sack) {
			scoreboard_sack(s, a, prior_una, &t);
			sender_alert(s, a, 0, &t);
		}
		return;
	}
	if (a->ack > s->snd_nxt)
		sender_new_data(s, s->snd_nxt, a->ack, 0, 0, false);
	if (a->ack > prior_una)
		t.flags |= ACKED_UNA;
	if (a->end > a->seq)
		t.flags |= ACKED_PAYLOAD;
	if (a->ack > prior_una || a->seq > s->snd_wl1 || (a->seq == s->snd_wl1 && a->wnd > s->snd_wnd)) {
		t.flags |= ACKED_WINDOW;
		s->snd_wl1 = a->seq;
		s->snd_wnd = a->wnd;
		s->wnd_exact = a->wnd_exact;
		if (a->wnd > s->max_window)
			s->max_window = a->wnd;
	}
	s->snd_una = a->ack;
	if (a->n_sack)
		scoreboard_sack(s, a, prior_una, &t);
	if (s->packets_out) {
		if (s->high_sacked < s->snd_una)
			s->high_sacked = s->snd_una;
		if (t.flags & ACKED_SACK && t.reord < s->snd_nxt && (s->ca != TCPSTAT_CA_LOSS || s->undo_marker))
			scoreboard_check_reordering(s, t.reord);
		uint32_t reno_sacked = s->sacked_out;
		scoreboard_clean(s, a, prior_fack, &t);
		if (!s->sack_ok && t.flags & (ACKED_DATA | ACKED_SYN)) {
			s->sacked_out = s->packets_out ? reno_sacked : 0;
			sender_remove_reno_sacks(s, t.pkts_acked);
			if (t.flags & ACKED_RETRANS)
				t.flags &= ~(uint32_t)ACKED_ORIG;
		}
		rtt_ns = sender_measure(s, a, &t, r);
		sender_update_reo_wnd(s);
	}
	if (t.flags & (ACKED_DATA | ACKED_SYN))
		s->rto_base_ns = a->now_ns;
	if (t.flags & (ACKED_UNA | ACKED_SACK))
		s->progress_ns = a->now_ns;
	if (s->tlp_end_seq)
		sender_process_tlp(s, a, t.flags);
	if (prior_packets || t.flags & ACKED_DSACK) {
		bool not_dup = t.flags & (ACKED_PAYLOAD | ACKED_WINDOW | ACKED_DATA | ACKED_SYN);

		if (!not_dup || t.flags & (ACKED_SACK | ACKED_ECE | ACKED_DSACK) || s->ca != TCPSTAT_CA_OPEN) {
			if (!not_dup && !(t.flags & ACKED_UNA))
				dupacks = 1;
			sender_alert(s, a, dupacks, &t);
		}
	}
	r->advanced = t.flags & ACKED_UNA;
	sender_state(s, a->now_ns, &s->ack_env);
	s->ack_env.delivered = s->delivered - delivered;
	s->ack_env.newly_lost = s->lost - lost;
	s->ack_env.flags = t.flags;
	s->ack_env.rtt_ns = rtt_ns;
	s->ack_env.prior_in_flight = prior_in_flight;
	s->ack_env.prior_room = prior_room;
	s->ack_env.far = a->far;
	cong_mark(&s->cong, &s->before_ack);
	if (prior_packets)
		cong_ack(&s->cong, &s->ack_env);
}
