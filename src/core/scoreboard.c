/* The sender's view of which segments were delivered and which are lost (RFC 2018, 2883, 6675, 8985). */
#include "core/sender.h"

#include <assert.h>
#include <string.h>

static void set_lost(struct sender *s, struct sent *e)
{
	e->flags |= SENT_LOST;
	e->lost_era = s->lost_era;
	s->lost_out += e->pkts;
}

void scoreboard_mark_lost(struct sender *s, struct sent *e)
{
	assert(e);
	if (e->flags & SENT_SACKED)
		return;
	if (!sender_lost(s, e)) {
		set_lost(s, e);
		s->lost += e->pkts;
	} else if (e->flags & SENT_RETRANS) {
		e->flags &= (uint8_t)~SENT_RETRANS;
		s->retrans_out -= e->pkts;
		s->lost += e->pkts;
	}
}

void scoreboard_unmark_lost(struct sender *s)
{
	s->lost_out = 0;
	if (++s->lost_era)
		return;
	/* The count begins anew: marks of the first era must not come back to life. */
	for (uint32_t i = s->q.head; i < s->q.end; i++)
		s->q.entries[i].flags &= (uint8_t)~SENT_LOST;
}

/* Splits an entry's count of segments like its range. */
static bool scoreboard_split(struct sender *s, uint32_t *i, uint64_t at)
{
	struct sent *e = &s->q.entries[*i];
	uint32_t before = e->pkts;
	uint8_t flags = e->flags;
	bool lost = sender_lost(s, e);

	if (before < 2 && !(flags & SENT_UNSEEN) && e->end - e->seq < 2)
		return false;
	uint64_t left = at - e->seq, right = e->end - at;

	if (!sendq_split(&s->q, s->budget, i, at))
		return false;
	uint16_t l = sender_pkts(s, left), r = sender_pkts(s, right);
	uint32_t more = (uint32_t)l + r - before;

	s->q.entries[*i].pkts = l;
	s->q.entries[*i + 1].pkts = r;
	/* A cut off the MSS grid makes one segment two: the counters follow. */
	s->packets_out += more;
	if (flags & SENT_SACKED)
		s->sacked_out += more;
	if (lost)
		s->lost_out += more;
	if (flags & SENT_RETRANS)
		s->retrans_out += more;
	return true;
}

void scoreboard_cut(struct sender *s, uint64_t at)
{
	uint32_t i = sendq_find(&s->q, at);

	if (i >= s->q.end || s->q.entries[i].seq >= at)
		return;
	if (i >= s->q.head)
		scoreboard_split(s, &i, at);
	else
		sendq_split(&s->q, s->budget, &i, at);
}

static bool sent_after(int64_t t1, uint64_t seq1, int64_t t2, uint64_t seq2)
{
	return t1 > t2 || (t1 == t2 && seq1 > seq2);
}

static void rack_advance(struct sender *s, const struct sent *e, int64_t now_ns)
{
	struct rack *k = &s->rack;
	int64_t rtt = now_ns - e->xmit_ns;

	if (!e->xmit_ns) /* only its ACK was seen */
		return;
	/* Too soon for the retransmission: the original was late. */
	if (e->flags & SENT_EVER_RETRANS && s->min_rtt_ns && rtt < s->min_rtt_ns)
		return;
	k->advanced = true;
	k->rtt_ns = rtt;
	if (sent_after(e->xmit_ns, e->end, k->xmit_ns, k->end_seq)) {
		k->xmit_ns = e->xmit_ns;
		k->end_seq = e->end;
	}
}

static void scoreboard_sack_entry(struct sender *s, struct sent *e, const struct ack *a, struct tagged *t)
{
	if (e->flags & SENT_SACKED)
		return;
	rack_advance(s, e, a->now_ns);
	if (e->flags & SENT_RETRANS) {
		/* Not taken for lost: the retransmission is still believed in flight. */
		if (sender_lost(s, e)) {
			e->flags &= (uint8_t)~(SENT_LOST | SENT_RETRANS);
			s->lost_out -= e->pkts;
			s->retrans_out -= e->pkts;
		}
	} else {
		if (!(e->flags & SENT_EVER_RETRANS)) {
			if (e->seq < s->high_sacked && e->seq < t->reord)
				t->reord = e->seq;
			if (e->end <= s->recovery_point)
				t->flags |= ACKED_ORIG;
			if (!t->first_sack_xmit_ns)
				t->first_sack_xmit_ns = e->xmit_ns;
			t->last_sack_xmit_ns = e->xmit_ns;
		}
		if (sender_lost(s, e)) {
			e->flags &= (uint8_t)~SENT_LOST;
			s->lost_out -= e->pkts;
		}
	}
	e->flags |= SENT_SACKED;
	e->sacked_run = 0;
	t->flags |= ACKED_SACK;
	s->sacked_out += e->pkts;
	s->delivered += e->pkts;
	if (e->end > s->high_sacked)
		s->high_sacked = e->end;
}

/* Marks what of [l, r) was not SACKed by the previous ACK. */
static void scoreboard_sack_range(struct sender *s, uint64_t l, uint64_t r, const struct ack *a, struct tagged *t)
{
	uint32_t i = sendq_find(&s->q, l);

	if (i < s->q.head)
		i = s->q.head;
	for (; i < s->q.end && s->q.entries[i].seq < r; i++) {
		struct sent *e = &s->q.entries[i];

		if (e->flags & SENT_SACKED) {
			i = sendq_skip_sacked(&s->q, i) - 1;
			continue;
		}
		if (e->seq < l) {
			if ((e->pkts < 2 && !(e->flags & SENT_UNSEEN)) || !scoreboard_split(s, &i, l))
				continue;
			e = &s->q.entries[++i];
		}
		if (e->end > r) {
			if ((e->pkts < 2 && !(e->flags & SENT_UNSEEN)) || !scoreboard_split(s, &i, r))
				break;
			e = &s->q.entries[i];
		}
		scoreboard_sack_entry(s, e, a, t);
	}
}

/* [l, r) less the blocks [k..) of the previous ACK: only the news is walked. */
static void scoreboard_sack_news(struct sender *s, uint64_t l, uint64_t r, unsigned k, const struct ack *a,
				 struct tagged *t)
{
	for (; k < s->n_prev_sack && l < r; k++) {
		uint64_t pl = s->prev_sack[k][0], pr = s->prev_sack[k][1];

		if (pr <= l || r <= pl)
			continue;
		if (l < pl)
			scoreboard_sack_news(s, l, pl, k + 1, a, t);
		l = pr;
	}
	if (l < r)
		scoreboard_sack_range(s, l, r, a, t);
}

/* One DSACK, RFC 2883: somebody's copy was not needed. */
static void scoreboard_dsack(struct sender *s, const struct ack *a, uint64_t prior_una, struct tagged *t)
{
	uint64_t l = a->sack[0][0], r = a->sack[0][1];

	if (r <= l || (s->max_window && r - l > s->max_window))
		return;
	uint32_t segs = sender_pkts(s, r - l);

	s->dsack_dups += segs;
	if (s->dsack_dups > s->total_retrans) /* not our copy: the network's */
		return;
	s->rack.dsack_seen = true;
	t->flags |= ACKED_DSACK;
	s->delivered += segs;
	if (s->undo_marker && s->undo_retrans > 0 && r <= prior_una && r > s->undo_marker)
		s->undo_retrans = s->undo_retrans > (int32_t)segs ? s->undo_retrans - (int32_t)segs : 0;
	if (r <= s->snd_una)
		return;
	for (uint32_t i = sendq_find(&s->q, l); i < s->q.end && s->q.entries[i].seq < r; i++) {
		struct sent *e = &s->q.entries[i];

		if (e->seq < l || e->end > r || i < s->q.head || !(e->flags & SENT_EVER_RETRANS))
			continue;
		if (s->undo_marker && s->undo_retrans > 0 && e->end > s->undo_marker)
			s->undo_retrans--;
		if (e->flags & SENT_SACKED && e->seq < t->reord)
			t->reord = e->seq;
		if (e->flags & SENT_RETRANS) {
			e->flags &= (uint8_t)~SENT_RETRANS;
			s->retrans_out -= e->pkts;
		}
	}
}

void scoreboard_sack(struct sender *s, const struct ack *a, uint64_t prior_una, struct tagged *t)
{
	unsigned i = 0;

	if (!s->sacked_out)
		s->high_sacked = s->snd_una;
	if (a->dsack) {
		scoreboard_dsack(s, a, prior_una, t);
		i = 1;
	}
	unsigned first = i;
	for (; i < a->n_sack; i++) {
		uint64_t l = a->sack[i][0], r = a->sack[i][1];

		if (l >= r || r > s->snd_nxt || l <= s->snd_una)
			continue;
		scoreboard_sack_news(s, l, r, 0, a, t);
	}
	s->n_prev_sack = 0;
	for (i = first; i < a->n_sack; i++) {
		memcpy(s->prev_sack[s->n_prev_sack], a->sack[i], sizeof a->sack[i]);
		s->n_prev_sack++;
	}
}

void scoreboard_check_reordering(struct sender *s, uint64_t low_seq)
{
	if (low_seq >= s->high_sacked || !s->mss)
		return;
	uint64_t metric = s->high_sacked - low_seq;

	if (metric > (uint64_t)s->reordering * s->mss) {
		uint64_t n = (metric + s->mss - 1) / s->mss;
		s->reordering = n < 300 ? (uint32_t)n : 300;
	}
	s->reord_seen = true;
}

void scoreboard_clean(struct sender *s, const struct ack *a, uint64_t prior_fack, struct tagged *t)
{
	uint64_t reord = s->snd_nxt;

	while (s->q.head < s->q.end) {
		struct sent *e = &s->q.entries[s->q.head];

		if (e->end > s->snd_una) {
			if (e->seq >= s->snd_una)
				break;
			uint32_t head = s->q.head;

			if ((e->pkts < 2 && !(e->flags & SENT_UNSEEN)) || !scoreboard_split(s, &head, s->snd_una))
				break;
			e = &s->q.entries[s->q.head];
		}
		if (e->flags & SENT_EVER_RETRANS) {
			if (e->flags & SENT_RETRANS)
				s->retrans_out -= e->pkts;
			t->flags |= ACKED_RETRANS;
		} else if (!(e->flags & SENT_SACKED)) {
			t->last_ack_xmit_ns = e->xmit_ns;
			if (!t->first_ack_xmit_ns)
				t->first_ack_xmit_ns = e->xmit_ns;
			if (e->seq < reord)
				reord = e->seq;
			if (e->end <= s->recovery_point)
				t->flags |= ACKED_ORIG;
		}
		if (e->flags & SENT_SACKED) {
			s->sacked_out -= e->pkts;
		} else if (s->sack_ok) {
			s->delivered += e->pkts;
			/* Eifel: an echo older than the retransmission speaks for the original. */
			if (!(e->flags & SENT_EVER_RETRANS && e->flags & SENT_TIMED && a->has_ts &&
			      seq_diff(a->ts_ecr, e->ts_val) < 0))
				rack_advance(s, e, a->now_ns);
		}
		if (sender_lost(s, e))
			s->lost_out -= e->pkts;
		s->packets_out -= e->pkts;
		t->pkts_acked += e->pkts;
		t->flags |= e->flags & SENT_SYN ? ACKED_SYN : ACKED_DATA;
		if (e->flags & SENT_SYN)
			s->retrans_stamped = false;
		sendq_retire(&s->q);
	}
	if (s->q.head < s->q.end && s->q.entries[s->q.head].flags & SENT_SACKED)
		t->flags |= ACKED_RENEGING;
	if (t->flags & (ACKED_DATA | ACKED_SYN) && s->sack_ok && reord < prior_fack)
		scoreboard_check_reordering(s, reord);
	if (!s->packets_out)
		s->sacked_out = s->lost_out = s->retrans_out = 0;
}

static int64_t rack_reo_wnd(const struct sender *s)
{
	int64_t srtt = rtt_srtt_ns(&s->rtt);

	if (!s->reord_seen) {
		if (s->ca >= TCPSTAT_CA_RECOVERY)
			return 0;
		if (s->sacked_out >= s->reordering)
			return 0;
	}
	int64_t wnd = s->min_rtt_ns / 4 * (s->rack.reo_wnd_steps ? s->rack.reo_wnd_steps : 1);
	return wnd < srtt ? wnd : srtt;
}

/* Retransmissions that were lost in turn, in the order in which they left. */
static void scoreboard_detect_lost_again(struct sender *s, int64_t now_ns, int64_t reo_wnd, struct tagged *t)
{
	struct resent_item *r;

	while ((r = resent_first(&s->resent)) && r->xmit_ns <= s->rack.xmit_ns &&
	       r->xmit_ns + s->rack.rtt_ns + reo_wnd <= now_ns) {
		for (uint32_t i = sendq_find(&s->q, r->seq); i < s->q.end && s->q.entries[i].seq < r->end; i++) {
			struct sent *e = &s->q.entries[i];

			if (i < s->q.head || !(e->flags & SENT_RETRANS) || e->flags & SENT_SACKED ||
			    e->xmit_ns != r->xmit_ns)
				continue;
			if (!sent_after(s->rack.xmit_ns, s->rack.end_seq, e->xmit_ns, e->end)) {
				r->seq = e->seq; /* what lies below is done */
				return;
			}
			if (!sender_lost(s, e))
				set_lost(s, e);
			e->flags &= (uint8_t)~SENT_RETRANS;
			s->retrans_out -= e->pkts;
			s->lost += e->pkts;
			t->flags |= ACKED_LOST_RETRANS;
		}
		resent_pop(&s->resent);
	}
}

void scoreboard_detect_loss(struct sender *s, int64_t now_ns, struct tagged *t)
{
	if (!s->rack.advanced || !s->sack_ok)
		return;
	int64_t reo_wnd = rack_reo_wnd(s);
	uint32_t i = sendq_find(&s->q, s->rack_cursor > s->snd_una ? s->rack_cursor : s->snd_una);

	s->rack.advanced = false;
	if (i < s->q.head)
		i = s->q.head;
	/* Originals left in the order of their sequence. */
	for (; i < s->q.end; i++) {
		struct sent *e = &s->q.entries[i];

		if (!(e->flags & (SENT_SACKED | SENT_EVER_RETRANS))) {
			if (!sent_after(s->rack.xmit_ns, s->rack.end_seq, e->xmit_ns, e->end))
				break;
			if (e->xmit_ns + s->rack.rtt_ns + reo_wnd > now_ns)
				break;
			scoreboard_mark_lost(s, e);
		}
		s->rack_cursor = e->end;
	}
	scoreboard_detect_lost_again(s, now_ns, reo_wnd, t);
}

void scoreboard_timeout(struct sender *s, int64_t now_ns)
{
	struct sent *head = s->q.head < s->q.end ? &s->q.entries[s->q.head] : NULL;
	bool reneged = head && head->flags & SENT_SACKED;
	int64_t reo_wnd = rack_reo_wnd(s);

	if (reneged || !s->sack_ok)
		s->sacked_out = 0;
	for (uint32_t i = s->q.head; i < s->q.end; i++) {
		struct sent *e = &s->q.entries[i];

		if (reneged)
			e->flags &= (uint8_t)~SENT_SACKED;
		else if (s->sack_ok && i != s->q.head && e->xmit_ns + s->rack.rtt_ns + reo_wnd > now_ns)
			continue;
		scoreboard_mark_lost(s, e);
	}
}
