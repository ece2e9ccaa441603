/* Feeds the two replicas of a connection from what passed the capture, each in its own sender's time.
 *
 * Times of a side are capture times of its sender's segments: a segment from it counts when it was captured (less what its
 * timestamp clock shows it queued on the way), an ACK to it half a path later. An ACK stays pending until something
 * the sender sends proves it arrived: nobody resends what was acknowledged to him (so a retransmission below a pending ACK
 * shows that it did not arrive), and his TSecr and ACK numbers tell what he had received. */
#include "core/replay.h"

#include "core/dist.h"
#include "core/side.h"
#include "core/vantage.h"

#include <string.h>

enum { MS = 1000000 };

struct replay {
	struct budget *budget;
	struct vantage vantage;
	struct side *side[2];
	struct dist rtt[2], ack_delay[2];
	const struct stack *stack[2];
	uint16_t mss[2];                /* as offered by each endpoint's SYN; 0 none */
	bool syn[2], synack[2], sack_permitted[2], timestamps[2];
	int64_t first_ns;               /* the connection's first segment */
	int64_t last_ns, reset_ns;      /* its last one; its RST, if that was the end, or 0 */
	bool finishing;                 /* no segment follows */
	uint64_t acked[2];              /* highest ACK number captured for this direction */
};

struct replay *replay_new(struct budget *budget)
{
	struct replay *r = budget_resize(budget, NULL, 0, sizeof *r);

	if (r) {
		r->budget = budget;
		vantage_init(&r->vantage);
	}
	return r;
}

static void side_free(struct side *d, struct budget *b)
{
	if (!d)
		return;
	sender_fini(&d->snd);
	if (d->pending)
		budget_resize(b, d->pending, d->pending_room * sizeof *d->pending, 0);
	if (d->verdicts)
		budget_resize(b, d->verdicts, VERDICTS * sizeof *d->verdicts, 0);
	budget_resize(b, d, sizeof *d, 0);
}

void replay_free(struct replay *r)
{
	if (!r)
		return;
	for (int i = 0; i < 2; i++) {
		side_free(r->side[i], r->budget);
		dist_fini(&r->rtt[i], r->budget);
		dist_fini(&r->ack_delay[i], r->budget);
	}
	budget_resize(r->budget, r, sizeof *r, 0);
}

static struct side *side_of(struct replay *r, enum tcpstat_dir dir, const struct segment *s)
{
	struct side *d = r->side[dir];

	if (d)
		return d;
	d = budget_resize(r->budget, NULL, 0, sizeof *d);
	if (!d)
		return NULL;
	if (!r->stack[dir])
		r->stack[dir] = s->flags & TH_SYN ? stack_of_syn(s->view) : stack_of_segment(s->view);
	sender_init(&d->snd, r->budget, r->stack[dir]);
	d->dir = dir;
	limits_init(&d->limits, r->first_ns, r->syn[0] || r->syn[1]);
	return r->side[dir] = d;
}

/* ---------------------------------------------------------------------------------------------------- events */

/* A side's time as the time of day at the sender: a segment takes half of the half's round trip to the capture. */
static int64_t at_sender(const struct replay *r, const struct side *d, int64_t now_ns)
{
	return now_ns - vantage_half_ns(&r->vantage, d->dir) / 2;
}

static void tell_sender(struct replay *r, struct side *d, const struct emitter *e, int64_t now_ns, uint64_t frame)
{
	struct sender *s = &d->snd;
	const struct cong_one *o = cong_best(&s->cong);
	int64_t flight = (int64_t)(s->snd_nxt - s->snd_una);
	int64_t cwnd = o ? (int64_t)o->cwnd * s->mss : TCPSTAT_NULL;

	d->counts.flight_sum += (double)flight;
	d->counts.flight_n++;
	if (flight > d->counts.flight_max)
		d->counts.flight_max = flight;
	if (cwnd != TCPSTAT_NULL && cwnd > d->counts.cwnd_max)
		d->counts.cwnd_max = cwnd;
	if (!emit_wants(e, TCPSTAT_EV_SENDER))
		return;
	struct tcpstat_event ev = {
		.type = TCPSTAT_EV_SENDER, .dir = d->dir, .ts_ns = at_sender(r, d, now_ns), .frame = frame,
		.sender = {
			.flight_bytes = flight, .pipe_bytes = sender_pipe_bytes(s),
			.rwnd_bytes = s->wnd_exact ? (int64_t)s->snd_wnd : TCPSTAT_NULL,
			.cwnd_bytes = cwnd,
			.ssthresh_bytes = o && o->ssthresh < CONG_INFINITE ? (int64_t)o->ssthresh * s->mss : TCPSTAT_NULL,
			.ca_state = s->ca, .limit = (int8_t)d->limits.owner,
			.phase = s->ca == TCPSTAT_CA_LOSS                                        ? TCPSTAT_PHASE_LOSS
				 : s->ca == TCPSTAT_CA_RECOVERY || s->ca == TCPSTAT_CA_CWR       ? TCPSTAT_PHASE_RECOVERY
				 : !o                                                            ? TCPSTAT_PHASE_UNKNOWN
				 : o->cwnd < o->ssthresh                                         ? TCPSTAT_PHASE_SLOW_START
												 : TCPSTAT_PHASE_CONGESTION_AVOIDANCE,
		},
	};
	emit_event(e, &ev);
}

static void tell_rtt(struct replay *r, struct side *d, const struct emitter *e, const struct ack *a,
		     const struct ack_result *res)
{
	const struct sender *s = &d->snd;
	int64_t rto_ns = rtt_rto_ns(&s->rtt);

	dist_add(&r->rtt[d->dir], r->budget, res->sample_ns);
	if (rto_ns > d->counts.rto_max_ns)
		d->counts.rto_max_ns = rto_ns;
	struct tcpstat_event ev = {
		.type = TCPSTAT_EV_RTT, .dir = d->dir, .ts_ns = at_sender(r, d, a->now_ns), .frame = a->frame,
		.rtt = { .sample_ns = res->sample_ns, .srtt_ns = rtt_srtt_ns(&s->rtt), .rttvar_ns = rtt_rttvar_ns(&s->rtt),
			 .rto_ns = rto_ns, .source = res->source },
	};
	emit_event(e, &ev);
}

/* ---------------------------------------------------------------------------------------------------- ACKs arrive */

static void deliver(struct replay *r, struct side *d, struct ack *a, int64_t now_ns, const struct emitter *e)
{
	struct ack_result res;

	a->now_ns = now_ns;
	a->far = !d->near;
	a->ts_now = d->clock.started ? ts_clock_at(&d->clock, now_ns) : 0;
	sender_ack(&d->snd, a, &res);
	if (!d->snd.started)
		return;
	if (res.advanced)
		d->holes = d->snd.snd_una < d->snd.snd_nxt ? d->holes : 0;
	if (res.sampled)
		tell_rtt(r, d, e, a, &res);
	if (!r->finishing || now_ns <= r->last_ns)
		owner_ack(d, a, &res, vantage_half_ns(&r->vantage, d->dir));
	tell_sender(r, d, e, now_ns, a->frame);
}

static struct ack *pending_at(struct side *d, uint32_t i)
{
	return &d->pending[(d->pending_first + i) & (d->pending_room - 1)];
}

static void pending_drop(struct side *d)
{
	d->pending_first = (d->pending_first + 1) & (d->pending_room - 1);
	d->pending_n--;
}

static void pending_deliver(struct replay *r, struct side *d, int64_t now_ns, const struct emitter *e)
{
	deliver(r, d, pending_at(d, 0), now_ns, e);
	pending_drop(d);
}

static bool sacks(const struct ack *a, uint64_t seq)
{
	for (unsigned k = a->dsack; k < a->n_sack; k++)
		if (a->sack[k][0] <= seq && seq < a->sack[k][1])
			return true;
	return false;
}

/* What a segment of the sender tells of an ACK that passed the capture before. */
enum arrival { ARRIVAL_DISPROVEN, ARRIVAL_NOT_DUE, ARRIVAL_DUE, ARRIVAL_PROVEN };

static enum arrival arrival_of(const struct replay *r, const struct side *d, const struct ack *a,
			       const struct segment *s, int64_t sent_ns, bool again)
{
	const struct tcp_opts *o = &s->view->opts;
	bool in_order = s->flags & TH_ACK && a->seq <= s->ack;
	bool timed = o->has_ts && a->has_ts && in_order;

	/* Nobody resends what was acknowledged; an echo older than the ACK, or less acknowledged than it carried. */
	if ((again && (a->ack > s->seq || sacks(a, s->seq))) || (timed && seq_diff(o->ts_ecr, a->ts_val) < 0) ||
	    (in_order && a->end > s->ack))
		return ARRIVAL_DISPROVEN;
	if ((timed && seq_diff(a->ts_val, d->last_ecr) > 0) || (in_order && a->end > a->seq))
		return ARRIVAL_PROVEN;
	return a->seen_ns + vantage_half_ns(&r->vantage, d->dir) <= sent_ns ? ARRIVAL_DUE : ARRIVAL_NOT_DUE;
}

/* Delivers what had reached the sender when it sent `s` at `sent_ns`. `again`: s repeats what was sent before. */
static void pending_flush(struct replay *r, struct side *d, const struct segment *s, int64_t sent_ns, bool again,
			  const struct emitter *e)
{
	int64_t half_ns = vantage_half_ns(&r->vantage, d->dir);
	int64_t slack_ns = again ? 0 : 2 * (int64_t)MS + half_ns / 8; /* how well its time of sending is known */

	while (d->pending_n) {
		struct ack *a = pending_at(d, 0);
		int64_t due_ns = a->seen_ns + half_ns;
		enum arrival arrival = arrival_of(r, d, a, s, sent_ns, again);

		if (arrival == ARRIVAL_NOT_DUE)
			break;
		if (arrival == ARRIVAL_DISPROVEN) {
			for (uint32_t i = 0; i < d->pending_n && pending_at(d, i)->seen_ns + half_ns + slack_ns < sent_ns; i++)
				pending_at(d, i)->held = true;
			break;
		}
		if (a->held && d->pending_n > 1 && pending_at(d, 1)->ack >= a->ack &&
		    arrival_of(r, d, pending_at(d, 1), s, sent_ns, again) >= ARRIVAL_DUE) {
			/* It was due and had not arrived: lost, or of no account beside the one that has. */
			pending_drop(d);
			continue;
		}
		if (a->held || due_ns > sent_ns)
			due_ns = sent_ns;
		pending_deliver(r, d, due_ns, e);
	}
	if (s->view->opts.has_ts)
		d->last_ecr = s->view->opts.ts_ecr;
}

static bool pending_push(struct side *d, struct budget *b, const struct ack *a)
{
	if (d->pending_n == d->pending_room) {
		uint32_t room = d->pending_room ? 2 * d->pending_room : PENDING_FIRST;
		struct ack *p;

		if (room > PENDING_MAX)
			return false;
		p = budget_resize(b, NULL, 0, room * sizeof *p);
		if (!p)
			return false;
		for (uint32_t i = 0; i < d->pending_n; i++)
			p[i] = *pending_at(d, i);
		if (d->pending)
			budget_resize(b, d->pending, d->pending_room * sizeof *p, 0);
		d->pending = p;
		d->pending_first = 0;
		d->pending_room = room;
	}
	d->pending_n++;
	*pending_at(d, d->pending_n - 1) = *a;
	return true;
}

/* A segment to this sender passed the capture. */
static void incoming(struct replay *r, struct side *d, const struct segment *s, const struct emitter *e)
{
	const struct tcp_view *v = s->view;
	int64_t half_ns = vantage_half_ns(&r->vantage, d->dir);

	if (!(s->flags & TH_ACK) || s->flags & TH_RST || !d->snd.started)
		return;
	struct ack a = { .seen_ns = s->ts, .frame = s->frame, .ack = s->ack, .wnd = s->wnd, .seq = s->seq, .end = s->end,
			 .ts_val = v->opts.ts_val, .ts_ecr = v->opts.ts_ecr, .flags = s->flags, .n_sack = s->n_sack,
			 .dsack = s->dsack, .has_ts = v->opts.has_ts, .wnd_exact = s->wnd_exact };
	memcpy(a.sack, s->sack, sizeof a.sack);
	verdict_ack(d, e, s, vantage_half_ns(&r->vantage, !d->dir), r->acked[d->dir]);
	if (s->ack > r->acked[d->dir]) {
		r->acked[d->dir] = s->ack;
		d->hole_sign_ns = 0;
	} else if (!d->hole_sign_ns && d->holes && s->ack < d->snd.snd_nxt) {
		d->hole_sign_ns = s->ts;
	}
	d->near = vantage_is_near(&r->vantage, d->dir);
	if (d->near && !d->pending_n) {
		deliver(r, d, &a, s->ts + half_ns, e);
		return;
	}
	/* Nothing came from the sender for long: it will not contradict any more. */
	int64_t grace_ns = 2 * rtt_rto_ns(&d->snd.rtt) + 2000 * (int64_t)MS;

	while (d->pending_n && (d->near || pending_at(d, 0)->seen_ns + half_ns + grace_ns < s->ts))
		pending_deliver(r, d, pending_at(d, 0)->seen_ns + half_ns, e);
	if (d->near) {
		deliver(r, d, &a, s->ts + half_ns, e);
		return;
	}
	while (!pending_push(d, r->budget, &a)) {
		if (!d->pending_n) {
			deliver(r, d, &a, s->ts + half_ns, e);
			return;
		}
		pending_deliver(r, d, pending_at(d, 0)->seen_ns + half_ns, e);
	}
}

/* ---------------------------------------------------------------------------------------------------- segments leave */

/* When did it leave? As captured, but not later than its timestamp allows; within that tick, with the ACK that let it go. */
static int64_t sent_at(const struct replay *r, struct side *d, const struct segment *s)
{
	const struct tcp_opts *o = &s->view->opts;
	int64_t half_ns = vantage_half_ns(&r->vantage, d->dir), latest_ns = s->ts;

	if (!o->has_ts)
		return latest_ns;
	ts_clock_seen(&d->clock, o->ts_val, s->ts);
	if (d->near)
		return latest_ns;
	int64_t earliest_ns = ts_clock_earliest_ns(&d->clock, o->ts_val);

	if (latest_ns <= earliest_ns + d->clock.tick_ns)
		return latest_ns;
	latest_ns = earliest_ns + d->clock.tick_ns;
	for (uint32_t i = 0; i < d->pending_n && i < 64; i++) {
		const struct ack *a = pending_at(d, i);
		int64_t due_ns = a->seen_ns + half_ns;

		if (due_ns > latest_ns || (a->has_ts && seq_diff(o->ts_ecr, a->ts_val) < 0))
			break;
		if (due_ns >= earliest_ns)
			earliest_ns = due_ns;
	}
	return earliest_ns > ts_clock_earliest_ns(&d->clock, o->ts_val) ? earliest_ns : latest_ns;
}

static void learn_options(struct replay *r, struct side *d, const struct segment *s)
{
	struct sender *snd = &d->snd;
	int peer = !d->dir;

	if (!d->known_options && r->syn[0] && r->syn[1]) {
		d->known_options = true;
		snd->sack_ok = r->sack_permitted[0] && r->sack_permitted[1];
		snd->ts_ok = r->timestamps[0] && r->timestamps[1];
		uint32_t mss = r->mss[peer] ? r->mss[peer] : 536;
		if (r->mss[d->dir] && r->mss[d->dir] < mss)
			mss = r->mss[d->dir];
		if (mss > 64)
			snd->mss = mss - (snd->ts_ok ? 12 : 0);
		snd->mss_known = true;
	} else if (!d->known_options) {
		/* mid-stream: what is seen is what there is */
		snd->ts_ok = s->view->opts.has_ts;
		snd->sack_ok = true;
		if (!snd->mss_known && s->len > snd->mss && s->len <= 9000)
			snd->mss = s->len;
	}
}

static void remember(struct sent *e, const struct segment *s)
{
	const struct tcp_view *v = s->view;

	if (!e)
		return;
	e->frame = s->frame;
	e->seen_ns = s->ts;
	e->ip_id = v->ip_id;
	if (v->opts.has_ts) {
		e->flags |= SENT_TIMED;
		e->ts_val = v->opts.ts_val;
	}
	if (s->flags & TH_FIN && e->end == s->end)
		e->flags |= SENT_FIN;
}

/* Another copy of [seq, end) passed here. */
static void remember_again(struct side *d, const struct segment *s, bool newer)
{
	struct sendq *q = &d->snd.q;

	for (uint32_t i = sendq_find(q, s->seq); i < q->end && q->entries[i].seq < s->end; i++) {
		struct sent *e = &q->entries[i];

		if (newer)
			remember(e, s);
		e->flags &= (uint8_t)~SENT_UNSEEN;
		if (e->sent < 255)
			e->sent++;
	}
}

static void send_new(struct replay *r, struct side *d, const struct segment *s, uint64_t seq, int64_t sent_ns)
{
	uint64_t old = d->snd.snd_nxt;
	d->counts.unique_bytes += (int64_t)(s->end - seq) < s->len ? (int64_t)(s->end - seq) : s->len;
	uint8_t flags = s->flags & TH_SYN ? SENT_SYN : 0;

	if (d->snd.started && seq > old) {
		/* Something before it was sent and did not pass here: in pieces of one MSS, as it will come if it comes. */
		uint64_t hole = seq - old;

		for (uint64_t at = old; at < seq;) {
			uint64_t to = hole > 256ull * d->snd.mss || seq - at < d->snd.mss ? seq : at + d->snd.mss;
			struct sent *e = sender_new_data(&d->snd, at, to, sent_ns, 0, false);
			if (e)
				e->seen_ns = s->ts;
			if (e && d->snd.hidden_loss && d->snd.ca == TCPSTAT_CA_LOSS) {
				/* it left before the timeout that was not seen: F-RTO tries new data beyond it */
				scoreboard_mark_lost(&d->snd, e);
				d->snd.recovery_point = to;
			}
			at = to;
			d->holes++;
		}
	}
	remember(sender_new_data(&d->snd, seq, s->end, sent_ns, flags, true), s);
	owner_sent(d, s, sent_ns, vantage_half_ns(&r->vantage, d->dir));
}

static void tell_loss(struct replay *r, struct side *d, const struct emitter *e, int64_t fired_ns)
{
	enum tcpstat_ca ca = d->snd.ca;

	d->snd.ca = TCPSTAT_CA_LOSS;
	tell_sender(r, d, e, fired_ns, 0);
	d->snd.ca = ca;
}

/* The timer has fired, but so late that it must have fired before: those shots were lost on their way here. Returns how
 * many timeouts in a row came before this one. */
static uint8_t find_earlier_shots(struct replay *r, struct side *d, const struct emitter *e, int64_t sent_ns)
{
	struct sender *snd = &d->snd;
	int64_t next_ns = rtt_rto_ns(&snd->rtt) << (snd->backoff < 16 ? snd->backoff : 16);
	int64_t fired_ns = snd->rto_base_ns + next_ns;

	while (snd->backoff < 16 && fired_ns + 2 * next_ns <= sent_ns + next_ns / 8) {
		if (snd->ca != TCPSTAT_CA_LOSS)
			tell_loss(r, d, e, fired_ns);
		d->counts.timeouts++;
		snd->backoff++;
		next_ns *= 2;
		fired_ns += next_ns;
	}
	return snd->backoff;
}

static enum replay_class go_back(struct replay *r, struct side *d, const struct segment *s, int64_t sent_ns,
				 const struct backward *b, const struct emitter *e)
{
	bool syn = s->flags & TH_SYN;
	struct tcpstat_event ev = { .dir = d->dir, .ts_ns = s->ts, .frame = s->frame };
	int64_t half_ns = vantage_half_ns(&r->vantage, !d->dir);

	if (b->kind == BACKWARD_DUPLICATE) {
		ev.type = TCPSTAT_EV_DUPLICATE;
		ev.duplicate.original_frame = b->original_frame;
		ev.duplicate.where = TCPSTAT_DUPLICATE_NETWORK;
		d->counts.duplicates++;
		emit_event(e, &ev);
		return REPLAY_DUPLICATE;
	}
	if (b->kind == BACKWARD_LATE) {
		bool overtaken = b->lost == TCPSTAT_LOST_AFTER_CAPTURE;

		ev.type = TCPSTAT_EV_OUT_OF_ORDER;
		ev.out_of_order = (struct tcpstat_ev_out_of_order){
			.seq = s->view->seq, .seq_rel = (int64_t)(s->seq - SEQ_ISN), .len = s->len,
			.late_ns = b->before_ns == TCPSTAT_NULL ? TCPSTAT_NULL : s->ts - b->before_ns };
		d->counts.out_of_order++;
		emit_event(e, &ev);
		if (overtaken)
			verdict_late_original(d, e, s->seq, s->end);
		remember_again(d, s, !overtaken);
		return REPLAY_OUT_OF_ORDER;
	}
	enum tcpstat_cause inner = TCPSTAT_CAUSE_UNKNOWN, cause;
	uint8_t backoff = d->snd.backoff;

	if (syn)
		cause = s->flags & TH_ACK ? TCPSTAT_CAUSE_SYNACK : TCPSTAT_CAUSE_SYN;
	else
		cause = inner = sender_cause(&d->snd, s->seq, s->end, sent_ns);
	bool timer = cause == TCPSTAT_CAUSE_RTO || syn;

	if (cause == TCPSTAT_CAUSE_RTO && !d->near)
		backoff = find_earlier_shots(r, d, e, sent_ns);

	if (timer) {
		int64_t stall_ns = sent_ns - (d->snd.rto_base_ns > d->snd.progress_ns ? d->snd.rto_base_ns : d->snd.progress_ns);
		d->counts.timeouts++;
		if (stall_ns > 0)
			d->counts.stall_ns += stall_ns;
		if (backoff + 1 > d->counts.max_backoff)
			d->counts.max_backoff = backoff + 1;
	}
	if (syn) {
		uint32_t i = sendq_find(&d->snd.q, s->seq);
		if (i < d->snd.q.end) {
			d->snd.q.entries[i].flags |= SENT_EVER_RETRANS;
			d->snd.q.entries[i].xmit_ns = sent_ns;
		}
		d->snd.rto_base_ns = sent_ns;
		d->snd.total_retrans++;
		if (d->snd.backoff < 30)
			d->snd.backoff++;
	} else {
		sender_retransmit(&d->snd, s->seq, s->end < d->snd.snd_nxt ? s->end : d->snd.snd_nxt, sent_ns, inner,
				  s->view->opts.ts_val);
	}
	owner_resent(d, timer || cause == TCPSTAT_CAUSE_TLP, sent_ns);
	if (!s->len && s->flags & TH_FIN && (cause == TCPSTAT_CAUSE_RTO || cause == TCPSTAT_CAUSE_TLP))
		cause = TCPSTAT_CAUSE_FIN;
	/* Next to the receiver: what passed before has arrived. */
	bool had_it = b->seen_whole && half_ns && vantage_is_near(&r->vantage, !d->dir);
	bool acked = s->end <= r->acked[d->dir];
	struct tcpstat_ev_retransmission told = {
		.seq = s->view->seq, .seq_rel = (int64_t)(s->seq - SEQ_ISN), .len = s->len, .cause = cause,
		.backoff = timer ? backoff + 1 : TCPSTAT_NULL, .spurious = !syn && (had_it || acked) ? 1 : -1,
		.lost = had_it ? TCPSTAT_LOST_UNKNOWN : b->lost, .original_frame = b->original_frame,
		.after_ns = b->before_ns == TCPSTAT_NULL ? TCPSTAT_NULL : s->ts - b->before_ns };

	verdict_report(d, e, s, &told);
	remember_again(d, s, true);
	if (inner == TCPSTAT_CAUSE_RTO || inner == TCPSTAT_CAUSE_FAST)
		tell_sender(r, d, e, sent_ns, s->frame);
	return REPLAY_RETRANSMISSION;
}

/* Everything seen is acknowledged, the sequence goes on without a gap, but after a silence of a timeout and with IP IDs
 * missing: what left in between was lost on its way here, and this is what the timer repeats. */
static void find_hidden_timeout(struct replay *r, struct side *d, const struct emitter *e, const struct segment *s, int64_t sent_ns, int64_t before_ns)
{
	struct sender *snd = &d->snd;
	int64_t rto_ns = rtt_rto_ns(&snd->rtt), silent_ns = sent_ns - before_ns;

	if (d->near || !d->ids_count || !s->view->has_ip_id || !s->len || !rtt_known(&snd->rtt) || s->seq != snd->snd_nxt ||
	    snd->snd_una != snd->snd_nxt || silent_ns < rto_ns / 10 * 9)
		return;
	uint32_t missing = (uint16_t)(s->view->ip_id - d->last_id - 1);
	unsigned times = 1;

	/* A counter of its own, and no more than a window can have held. */
	if (d->id_next < 16 || d->id_next < d->id_good / 5 * 4 || missing < 3 ||
	    missing > 2 * (d->counts.flight_max / (d->size ? d->size : snd->mss)) + 10)
		return;
	while (times < 10 && (rto_ns << times) - rto_ns < silent_ns - rto_ns / 2)
		times++;
	/* All but the timer's own copies and a probe. */
	if (missing <= times)
		return;
	sender_hidden_timeout(snd, missing - times, d->size ? d->size : snd->mss, times, sent_ns);
	/* Its first shot, of which only the time is known. */
	tell_loss(r, d, e, sent_ns - ((rto_ns << times) - 2 * rto_ns));
}

static enum replay_class outgoing(struct replay *r, struct side *d, const struct segment *s, const struct emitter *e)
{
	bool occupies = segment_occupies(s), started = d->snd.started;
	uint64_t top = d->snd.snd_nxt;
	int64_t before_ns = d->last_sent_ns;
	struct backward b = { .kind = BACKWARD_RETRANSMISSION };

	learn_options(r, d, s);
	int64_t sent_ns = sent_at(r, d, s);
	bool back = started && occupies && s->seq < top;
	/* A probe of a silent peer repeats the byte before SND.UNA; it resends nothing. */
	bool probe = back && s->len <= 1 && !(s->flags & (TH_SYN | TH_FIN)) && s->seq + 1 == r->acked[d->dir] &&
		     s->end == r->acked[d->dir];

	bool opens = back && (s->flags & (TH_SYN | TH_ACK)) == (TH_SYN | TH_ACK) && !r->synack[d->dir] &&
		     sendq_find(&d->snd.q, s->seq) < d->snd.q.end;

	if (s->flags & TH_SYN && s->flags & TH_ACK)
		r->synack[d->dir] = true;
	if (back && !probe && !opens)
		backward_judge(d, s, vantage_half_ns(&r->vantage, d->dir), &b);
	bool again = back && !probe && !opens && b.kind == BACKWARD_RETRANSMISSION;

	if (!(back && b.kind != BACKWARD_RETRANSMISSION)) {
		if (sent_ns < d->last_sent_ns)
			sent_ns = d->last_sent_ns;
		d->last_sent_ns = sent_ns;
		pending_flush(r, d, s, sent_ns, again, e);
	}
	if (!back && started && occupies && sent_ns > before_ns) {
		find_hidden_timeout(r, d, e, s, sent_ns, before_ns);
		top = d->snd.snd_nxt;
		back = s->seq < top;
		b.lost = TCPSTAT_LOST_BEFORE_CAPTURE;
		b.original_frame = b.before_ns = TCPSTAT_NULL;
	}
	backward_learn_id(d, s);
	if (s->len <= 1 && started && s->seq + 1 == r->acked[d->dir])
		owner_probe(d, s, sent_ns);
	if (!occupies || probe)
		return probe ? REPLAY_PROBE : REPLAY_NEW;
	if (s->len) {
		if (!d->counts.data_segments++)
			d->counts.first_data_ns = s->ts;
		d->counts.last_data_ns = s->ts;
		d->counts.data_bytes += s->len;
		d->size = s->len < d->snd.mss ? s->len : d->snd.mss;
	}
	if (!back) {
		send_new(r, d, s, s->seq, sent_ns);
		return REPLAY_NEW;
	}
	if (opens) {
		/* Simultaneous open: the SYN-ACK is no repetition, and the round trip counts from it. */
		remember_again(d, s, true);
		d->snd.q.entries[sendq_find(&d->snd.q, s->seq)].xmit_ns = sent_ns;
		return REPLAY_NEW;
	}
	enum replay_class class = go_back(r, d, s, sent_ns, &b, e);

	if (s->end > top)
		send_new(r, d, s, top, sent_ns);
	return class;
}

static void learn_syn(struct replay *r, const struct segment *s)
{
	const struct tcp_opts *o = &s->view->opts;

	r->syn[s->dir] = true;
	r->sack_permitted[s->dir] = o->sack_permitted;
	r->timestamps[s->dir] = o->has_ts;
	r->mss[s->dir] = o->has_mss ? o->mss : 0;
	r->stack[s->dir] = stack_of_syn(s->view);
}

enum replay_class replay_segment(struct replay *r, const struct segment *s, const struct emitter *e)
{
	enum replay_class class = REPLAY_NEW;
	struct side *d = r->side[s->dir];

	if (s->flags & TH_RST) {
		r->last_ns = r->reset_ns = s->ts;
		return class;
	}
	if (!r->first_ns)
		r->first_ns = s->ts;
	r->last_ns = s->ts;
	if (segment_occupies(s))
		r->reset_ns = 0;
	if (s->flags & TH_SYN)
		learn_syn(r, s);
	int64_t late_ns = vantage_segment(&r->vantage, s);

	if (late_ns >= 0 && !(s->flags & TH_SYN))
		dist_add(&r->ack_delay[s->dir], r->budget, late_ns);
	if (!d && segment_occupies(s))
		d = side_of(r, s->dir, s);
	if (d)
		class = outgoing(r, d, s, e);
	if (r->side[!s->dir])
		incoming(r, r->side[!s->dir], s, e);
	return class;
}

void replay_finish(struct replay *r, const struct emitter *e)
{
	r->finishing = true;
	for (int i = 0; i < 2; i++) {
		struct side *d = r->side[i];
		int64_t half_ns = vantage_half_ns(&r->vantage, i);

		while (d && d->pending_n)
			pending_deliver(r, d, pending_at(d, 0)->seen_ns + half_ns, e);
		if (d && r->reset_ns)
			limits_reset(&d->limits, r->reset_ns);
	}
}

/* ---------------------------------------------------------------------------------------------------- snapshot */

/* Rates from the first data segment to the last; one burst alone has none. */
static void snapshot_rates(const struct side_counts *n, struct tcpstat_half *h)
{
	double seconds = (double)(n->last_data_ns - n->first_data_ns) / 1e9;

	if (n->data_segments < 2 || seconds <= 0)
		return;
	h->throughput_bps = (int64_t)(8.0 * (double)n->data_bytes / seconds);
	h->goodput_bps = (int64_t)(8.0 * (double)n->unique_bytes / seconds);
	if (h->rtt.count && h->rtt.p50_ns != TCPSTAT_NULL)
		h->bdp_bytes = (int64_t)((double)n->unique_bytes / seconds * ((double)h->rtt.p50_ns / 1e9));
}

static void snapshot_side(const struct replay *r, const struct side *d, struct tcpstat_half *h)
{
	const struct sender *s = &d->snd;
	const struct side_counts *n = &d->counts;
	const struct cong_one *o = cong_best(&s->cong);

	h->retransmissions.total = n->total;
	memcpy(h->retransmissions.by_cause, n->by_cause, sizeof n->by_cause);
	h->retransmissions.spurious = n->spurious;
	h->retransmissions.bytes = n->bytes;
	h->retransmissions.ratio = n->data_segments ? (double)n->total / (double)n->data_segments : 0;
	h->lost.before_capture = n->lost_before;
	h->lost.after_capture = n->lost_after;
	h->out_of_order = n->out_of_order;
	h->duplicates = n->duplicates;
	h->timeouts.count = n->timeouts;
	h->timeouts.max_backoff = n->max_backoff;
	h->timeouts.stall_ns = n->stall_ns;
	h->stack = s->stack->name;
	dist_get(&r->rtt[d->dir], &h->rtt);
	if (rtt_known(&s->rtt)) {
		h->srtt_ns = rtt_srtt_ns(&s->rtt);
		h->rttvar_ns = rtt_rttvar_ns(&s->rtt);
		h->rto.last_ns = rtt_rto_ns(&s->rtt);
		h->rto.max_ns = n->rto_max_ns;
	}
	snapshot_rates(n, h);
	if (n->flight_n) {
		h->flight.max_bytes = n->flight_max;
		h->flight.mean_bytes = (int64_t)(n->flight_sum / (double)n->flight_n);
	}
	if (o && n->data_segments) {
		h->cwnd.initial_bytes = (int64_t)s->stack->initial_window * s->mss;
		h->cwnd.max_bytes = n->cwnd_max;
		h->cwnd.last_bytes = (int64_t)o->cwnd * s->mss;
		h->congestion_control.name = cong_name(&s->cong);
		h->congestion_control.fit = cong_fit(&s->cong);
	}
}

void replay_snapshot(const struct replay *r, struct tcpstat_conn *c)
{
	for (int i = 0; i < 2; i++) {
		dist_get(&r->ack_delay[i], &c->half[i].ack_delay);
		if (r->side[i]) {
			snapshot_side(r, r->side[i], &c->half[i]);
			owner_get(r->side[i], c->last_ts_ns, c->half[i].limits);
		} else {
			limits_get_silent(r->syn[!i], c->duration_ns, c->half[i].limits);
		}
	}
	c->vantage = vantage_of(&r->vantage);
	c->handshake.client_half_ns = r->vantage.half[0].min_ns;
	c->handshake.server_half_ns = r->vantage.half[1].min_ns;
}
