/* What a sender sends below SND.NXT: a copy, something late, or sent again; then why, and was it lost before? */
#include "core/replay_state.h"

/* Next to the receiver: has what passed before arrived? */
enum arrived { ARRIVED_UNKNOWN, ARRIVED_YES, ARRIVED_NO, ARRIVED_PERHAPS };

/* The receiver itself says, as soon as it says anything: what it sends then acknowledges what it has. While it is
 * silent it may delay its ACK for half a second (RFC 1122 section 4.2.3.2); for longer, it has got nothing. */
static enum arrived arrived_before(const struct replay *r, const struct side *d, const struct segment *s,
				   const struct backward *b)
{
	uint64_t acked = r->acked[d->dir];

	if (b->before_ns == TCPSTAT_NULL)
		return ARRIVED_YES;
	if (d->heard_ns <= b->before_ns)
		return s->ts - b->before_ns < 500 * (int64_t)MS ? ARRIVED_PERHAPS : ARRIVED_NO;
	return s->seq >= acked && s->seq < d->missing_end ? ARRIVED_NO : ARRIVED_YES;
}

/* Have ACKs told the sender of a hole? Those before the last that advanced count if it had not come by then. */
static bool told_of_loss(const struct replay *r, const struct side *d, const struct segment *s)
{
	return d->signs || d->snd.sacked_out || (s->end <= r->acked[d->dir] && d->signs_before);
}

/* How long ago did `e` leave, by the sender's own clock where there is one? */
static int64_t age_ns(const struct side *d, const struct segment *s, const struct sent *e, int64_t sent_ns)
{
	const struct tcp_opts *o = &s->view->opts;
	int64_t age = sent_ns - e->xmit_ns, stamped = 0;

	if (o->has_ts && e->flags & SENT_TIMED)
		stamped = (int64_t)seq_diff(o->ts_val, e->ts_val) * d->clock.tick_ns;
	return stamped > age ? stamped : age;
}

/* Can its retransmission timer have fired, for all that is known of it? It sends the head, and no stack waits for less
 * than 200 ms beyond the round trip. From afar it is not certain which ACKs had come, so the original's age counts. */
static bool may_be_timer(const struct side *d, const struct segment *s, int64_t sent_ns)
{
	const struct sender *snd = &d->snd;
	uint32_t i = sendq_find(&snd->q, s->seq);
	int64_t least_ns = 200 * (int64_t)MS + rtt_srtt_ns(&snd->rtt);

	if (d->near && s->seq > snd->snd_una)
		return false;
	return i >= snd->q.end || age_ns(d, s, &snd->q.entries[i], sent_ns) >= least_ns / 100 * 92;
}

static enum replay_class tell_duplicate(struct side *d, const struct segment *s, const struct backward *b,
					const struct emitter *e)
{
	struct tcpstat_event ev = { .type = TCPSTAT_EV_DUPLICATE, .dir = d->dir, .ts_ns = s->ts, .frame = s->frame };

	ev.duplicate.original_frame = b->original_frame;
	ev.duplicate.where = TCPSTAT_DUPLICATE_NETWORK;
	d->counts.duplicates++;
	emit_event(e, &ev);
	return REPLAY_DUPLICATE;
}

static enum replay_class tell_late(struct side *d, const struct segment *s, const struct backward *b,
				   const struct emitter *e)
{
	struct tcpstat_event ev = { .type = TCPSTAT_EV_OUT_OF_ORDER, .dir = d->dir, .ts_ns = s->ts, .frame = s->frame };
	bool overtaken = b->lost == TCPSTAT_LOST_AFTER_CAPTURE;

	ev.out_of_order = (struct tcpstat_ev_out_of_order){
		.seq = s->view->seq, .seq_rel = (int64_t)(s->seq - SEQ_ISN), .len = s->len,
		.late_ns = b->before_ns == TCPSTAT_NULL ? TCPSTAT_NULL : s->ts - b->before_ns };
	d->counts.out_of_order++;
	emit_event(e, &ev);
	if (overtaken)
		verdict_late_original(d, e, s->seq, s->end);
	departure_repeated(d, s, !overtaken);
	return REPLAY_OUT_OF_ORDER;
}

/* By which rule of the sender; never a SYN. */
static enum tcpstat_cause cause_of(const struct replay *r, const struct side *d, const struct segment *s,
				   int64_t sent_ns)
{
	enum tcpstat_cause cause = sender_cause(&d->snd, s->seq, s->end, sent_ns);

	/* Only duplicate ACKs and SACKs make a sender repeat before its timer does. */
	if (cause == TCPSTAT_CAUSE_FAST && !told_of_loss(r, d, s))
		return may_be_timer(d, s, sent_ns) ? TCPSTAT_CAUSE_RTO : TCPSTAT_CAUSE_UNKNOWN;
	return cause;
}

static void count_timeout(struct side *d, int64_t sent_ns, uint8_t backoff)
{
	int64_t base_ns = d->snd.rto_base_ns, progress_ns = d->snd.progress_ns;
	int64_t stall_ns = sent_ns - (base_ns > progress_ns ? base_ns : progress_ns);

	d->counts.timeouts++;
	if (stall_ns > 0)
		d->counts.stall_ns += stall_ns;
	if (backoff + 1 > d->counts.max_backoff)
		d->counts.max_backoff = backoff + 1;
}

static void resend_syn(struct sender *snd, const struct segment *s, int64_t sent_ns)
{
	uint32_t i = sendq_find(&snd->q, s->seq);

	if (i < snd->q.end) {
		snd->q.entries[i].flags |= SENT_EVER_RETRANS;
		snd->q.entries[i].xmit_ns = sent_ns;
	}
	snd->rto_base_ns = sent_ns;
	snd->total_retrans++;
	if (snd->backoff < 30)
		snd->backoff++;
}

/* `backoff`: timeouts in a row before this one; TCPSTAT_NULL: no timer sent it. */
static void tell_again(const struct replay *r, struct side *d, const struct segment *s, const struct backward *b,
		       enum tcpstat_cause cause, int64_t backoff)
{
	enum arrived arrived = b->seen_whole && vantage_is_near(r->vantage, !d->dir) ? arrived_before(r, d, s, b) :
		ARRIVED_UNKNOWN;
	bool had_it = arrived == ARRIVED_YES;
	bool acked = s->end <= r->acked[d->dir];
	/* Without a reason to repeat it nothing says that what passed here was lost. */
	bool groundless = cause == TCPSTAT_CAUSE_UNKNOWN && b->lost == TCPSTAT_LOST_AFTER_CAPTURE &&
		arrived != ARRIVED_NO;
	struct tcpstat_ev_retransmission told = {
		.seq = s->view->seq, .seq_rel = (int64_t)(s->seq - SEQ_ISN), .len = s->len, .cause = cause,
		.backoff = backoff == TCPSTAT_NULL ? TCPSTAT_NULL : backoff + 1,
		.spurious = !(s->flags & TH_SYN) && (had_it || acked) ? 1 : -1,
		.lost = had_it || groundless || arrived == ARRIVED_PERHAPS ? TCPSTAT_LOST_UNKNOWN : b->lost,
		.original_frame = b->original_frame,
		.after_ns = b->before_ns == TCPSTAT_NULL ? TCPSTAT_NULL : s->ts - b->before_ns };

	verdict_report(d, r->emitter, s, &told, b->same_stamp, arrived == ARRIVED_PERHAPS);
}

enum replay_class again_seen(struct replay *r, struct side *d, const struct segment *s, int64_t sent_ns,
			     const struct backward *b)
{
	const struct emitter *e = r->emitter;
	bool syn = s->flags & TH_SYN;

	if (b->kind == BACKWARD_DUPLICATE)
		return tell_duplicate(d, s, b, e);
	if (b->kind == BACKWARD_LATE)
		return tell_late(d, s, b, e);
	enum tcpstat_cause inner = syn ? TCPSTAT_CAUSE_UNKNOWN : cause_of(r, d, s, sent_ns);
	enum tcpstat_cause cause = !syn ? inner : s->flags & TH_ACK ? TCPSTAT_CAUSE_SYNACK : TCPSTAT_CAUSE_SYN;
	bool timer = cause == TCPSTAT_CAUSE_RTO || syn;
	uint8_t backoff = d->snd.backoff;

	if (cause == TCPSTAT_CAUSE_RTO && !d->near)
		backoff = shots_earlier(r, d, sent_ns);
	if (timer)
		count_timeout(d, sent_ns, backoff);
	if (syn)
		resend_syn(&d->snd, s, sent_ns);
	else
		sender_retransmit(&d->snd, s->seq, s->end < d->snd.snd_nxt ? s->end : d->snd.snd_nxt, sent_ns, inner,
				  s->view->opts.ts_val);
	owner_resent(d, timer || cause == TCPSTAT_CAUSE_TLP, sent_ns, vantage_half_ns(r->vantage, d->dir));
	if (!s->len && s->flags & TH_FIN && (cause == TCPSTAT_CAUSE_RTO || cause == TCPSTAT_CAUSE_TLP))
		cause = TCPSTAT_CAUSE_FIN;
	tell_again(r, d, s, b, cause, timer ? backoff : TCPSTAT_NULL);
	departure_repeated(d, s, true);
	if (inner == TCPSTAT_CAUSE_RTO || inner == TCPSTAT_CAUSE_FAST)
		replay_tell_sender(r, d, sent_ns, s->frame);
	return REPLAY_RETRANSMISSION;
}
