/* What a sender sends: when it left, whether it is new, and what happens in the replica. */
#include "core/replay_state.h"

/* When did it leave? As captured, but not later than its timestamp allows; within that tick, with the ACK that let it
 * go. */
static int64_t sent_at(const struct replay *r, struct side *d, const struct segment *s)
{
	const struct tcp_opts *o = &s->view->opts;
	int64_t half_ns = vantage_half_ns(r->vantage, d->dir), latest_ns = s->ts;

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
		const struct ack *a = arrival_pending(d, i);
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

static inline void remember(struct sent *e, const struct segment *s)
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

static void cut_hole(struct sender *snd, uint64_t at)
{
	uint32_t i = sendq_find(&snd->q, at);

	if (i < snd->q.end && snd->q.entries[i].flags & SENT_UNSEEN)
		scoreboard_cut(snd, at);
}

void departure_repeated(struct side *d, const struct segment *s, bool newer)
{
	struct sendq *q = &d->snd.q;

	/* A hole is in pieces of one MSS: of a piece that came in part, the rest has not passed. */
	cut_hole(&d->snd, s->seq);
	cut_hole(&d->snd, s->end);
	for (uint32_t i = sendq_find(q, s->seq); i < q->end && q->entries[i].seq < s->end; i++) {
		struct sent *e = &q->entries[i];

		if (newer)
			remember(e, s);
		e->flags &= (uint8_t)~SENT_UNSEEN;
		if (e->sent < 255)
			e->sent++;
	}
	sendq_merge(q, s->seq, s->end);
}

static void send_new(struct replay *r, struct side *d, const struct segment *s, uint64_t seq, int64_t sent_ns)
{
	uint64_t old = d->snd.snd_nxt;
	d->counts.unique_bytes += (int64_t)(s->end - seq) < s->len ? (int64_t)(s->end - seq) : s->len;
	uint8_t flags = s->flags & TH_SYN ? SENT_SYN : 0;

	if (d->snd.started && seq < old) {
		/* An ACK of it was captured before: up to there it counts as sent already. */
		departure_repeated(d, s, true);
		seq = old;
		if (s->end <= seq)
			return;
	}
	if (d->snd.started && seq > old) {
		/* Something before it was sent and did not pass here: in pieces of one MSS, as it will come. */
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
	owner_sent(d, s, sent_ns, vantage_half_ns(r->vantage, d->dir));
}

static bool is_synack(const struct segment *s)
{
	return (s->flags & (TH_SYN | TH_ACK)) == (TH_SYN | TH_ACK);
}

/* BACK: it starts below SND.NXT. */
enum departure { DEPARTURE_NOTHING, DEPARTURE_NEW, DEPARTURE_PROBE, DEPARTURE_OPEN, DEPARTURE_BACK };

static enum departure departure_of(const struct replay *r, const struct side *d, const struct segment *s)
{
	if (!segment_occupies(s))
		return DEPARTURE_NOTHING;
	if (!d->snd.started || s->seq >= d->snd.snd_nxt)
		return DEPARTURE_NEW;
	/* A probe of a silent peer repeats the byte before SND.UNA; it resends nothing. */
	if (s->len <= 1 && !(s->flags & (TH_SYN | TH_FIN)) && s->seq + 1 == r->acked[d->dir] &&
	    s->end == r->acked[d->dir])
		return DEPARTURE_PROBE;
	/* Simultaneous open: the SYN-ACK is no repetition. */
	if (is_synack(s) && !r->synack[d->dir] && sendq_find(&d->snd.q, s->seq) < d->snd.q.end)
		return DEPARTURE_OPEN;
	return DEPARTURE_BACK;
}

/* Who knocks at a closed window with the next byte has not sent it: when it follows, it is no repetition. */
static bool knocks(const struct replay *r, const struct side *d, const struct segment *s)
{
	return s->len == 1 && d->shut && d->snd.started && !(s->flags & (TH_SYN | TH_FIN)) &&
	       s->seq == r->acked[d->dir];
}

static void count_data(struct side *d, const struct segment *s)
{
	if (!d->counts.data_segments++)
		d->counts.first_data_ns = s->ts;
	d->counts.last_data_ns = s->ts;
	d->counts.data_bytes += s->len;
	d->size = s->len < d->snd.mss ? s->len : d->snd.mss;
}

enum replay_class departure_seen(struct replay *r, struct side *d, const struct segment *s)
{
	enum departure what = departure_of(r, d, s);
	uint64_t top = d->snd.snd_nxt;
	int64_t before_ns = d->last_sent_ns;
	struct backward b = { .kind = BACKWARD_RETRANSMISSION };

	learn_options(r, d, s);
	int64_t sent_ns = sent_at(r, d, s);

	if (is_synack(s))
		r->synack[d->dir] = true;
	if (what == DEPARTURE_BACK)
		backward_judge(d, s, vantage_half_ns(r->vantage, d->dir), &b);
	if (b.kind == BACKWARD_RETRANSMISSION) {
		if (sent_ns < d->last_sent_ns)
			sent_ns = d->last_sent_ns;
		d->last_sent_ns = sent_ns;
		arrival_flush(r, d, s, sent_ns, what == DEPARTURE_BACK);
	}
	if (what == DEPARTURE_NEW && d->snd.started && sent_ns > before_ns) {
		shots_hidden(r, d, s, sent_ns, before_ns);
		top = d->snd.snd_nxt;
		if (s->seq < top)
			what = DEPARTURE_BACK;
		b.lost = TCPSTAT_LOST_BEFORE_CAPTURE;
		b.original_frame = b.before_ns = TCPSTAT_NULL;
	}
	backward_learn_id(d, s);
	if (what == DEPARTURE_NEW && knocks(r, d, s))
		what = DEPARTURE_PROBE;
	if (what == DEPARTURE_PROBE || (s->len <= 1 && d->snd.started && s->seq + 1 == r->acked[d->dir]))
		owner_probe(d, s, sent_ns);
	if (what == DEPARTURE_NOTHING || what == DEPARTURE_PROBE)
		return what == DEPARTURE_PROBE ? REPLAY_PROBE : REPLAY_NEW;
	if (s->len)
		count_data(d, s);
	if (what == DEPARTURE_NEW) {
		send_new(r, d, s, s->seq, sent_ns);
		return REPLAY_NEW;
	}
	if (what == DEPARTURE_OPEN) {
		/* The round trip counts from it. */
		departure_repeated(d, s, true);
		d->snd.q.entries[sendq_find(&d->snd.q, s->seq)].xmit_ns = sent_ns;
		return REPLAY_NEW;
	}
	enum replay_class class = again_seen(r, d, s, sent_ns, &b);

	if (s->end > top)
		send_new(r, d, s, top, sent_ns);
	return class;
}
