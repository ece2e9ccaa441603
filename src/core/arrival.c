/* When does an ACK that passed the capture reach its sender, and does it?
 *
 * Half a path later; but it stays pending until something the sender sends proves it arrived: nobody resends what was
 * acknowledged to him (so a retransmission below a pending ACK shows that it did not arrive), and his TSecr and ACK
 * numbers tell what he had received. */
#include "core/replay_state.h"

#include <string.h>

static void deliver(struct replay *r, struct side *d, struct ack *a, int64_t now_ns)
{
	struct ack_result res;

	a->now_ns = now_ns;
	a->far = !d->near;
	a->clock = &d->clock;
	if (limits_rest(&d->limits) && sender_is_told_nothing(&d->snd, a) && !r->finishing) {
		sender_ack_nothing(&d->snd, a);
		limits_go_on_resting(&d->limits, now_ns);
		replay_tell_sender(r, d, now_ns, a->frame);
		return;
	}
	sender_ack(&d->snd, a, &res);
	if (!d->snd.started)
		return;
	if (res.advanced)
		d->holes = d->snd.snd_una < d->snd.snd_nxt ? d->holes : 0;
	if (res.sampled)
		replay_tell_rtt(r, d, a, &res);
	if (!r->finishing || now_ns <= r->last_ns)
		owner_ack(d, a, &res, vantage_half_ns(r->vantage, d->dir));
	replay_tell_sender(r, d, now_ns, a->frame);
}

static void pending_drop(struct side *d)
{
	d->pending_first = (d->pending_first + 1) & (d->pending_room - 1);
	d->pending_n--;
}

static void pending_deliver(struct replay *r, struct side *d, int64_t now_ns)
{
	deliver(r, d, arrival_oldest(d), now_ns);
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

/* `due_ns`: what passed the capture until then was due when the segment left. */
static inline enum arrival arrival_of(const struct side *d, const struct ack *a, const struct segment *s,
				      int64_t due_ns, bool again)
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
	return a->seen_ns <= due_ns ? ARRIVAL_DUE : ARRIVAL_NOT_DUE;
}

static void hold_overdue(struct side *d, int64_t seen_before_ns)
{
	for (uint32_t i = 0; i < d->pending_n && arrival_pending(d, i)->seen_ns < seen_before_ns; i++)
		arrival_pending(d, i)->held = true;
}

void arrival_flush(struct replay *r, struct side *d, const struct segment *s, int64_t sent_ns, bool again)
{
	int64_t half_ns = vantage_half_ns(r->vantage, d->dir), due_ns = sent_ns - half_ns;

	while (d->pending_n) {
		struct ack *a = arrival_oldest(d);
		enum arrival arrival = arrival_of(d, a, s, due_ns, again);

		if (arrival == ARRIVAL_NOT_DUE)
			break;
		if (arrival == ARRIVAL_DISPROVEN) {
			/* how well its time of sending is known */
			int64_t slack_ns = again ? 0 : 2 * (int64_t)MS + half_ns / 8;

			hold_overdue(d, due_ns - slack_ns);
			break;
		}
		if (a->held && d->pending_n > 1 && arrival_pending(d, 1)->ack >= a->ack &&
		    arrival_of(d, arrival_pending(d, 1), s, due_ns, again) >= ARRIVAL_DUE) {
			/* It was due and had not arrived: lost, or of no account beside the one that has. */
			pending_drop(d);
			continue;
		}
		pending_deliver(r, d, a->held || a->seen_ns > due_ns ? sent_ns : a->seen_ns + half_ns);
	}
	if (s->view->opts.has_ts)
		d->last_ecr = s->view->opts.ts_ecr;
}

static bool pending_grow(struct side *d, struct budget *b)
{
	uint32_t room = d->pending_room ? 2 * d->pending_room : PENDING_FIRST;
	struct ack *p;

	if (room > PENDING_MAX)
		return false;
	p = budget_resize(b, NULL, 0, room * sizeof *p);
	if (!p)
		return false;
	for (uint32_t i = 0; i < d->pending_n; i++)
		p[i] = *arrival_pending(d, i);
	if (d->pending)
		budget_resize(b, d->pending, d->pending_room * sizeof *p, 0);
	d->pending = p;
	d->pending_first = 0;
	d->pending_room = room;
	return true;
}

/* One more; where there is no room the oldest are taken to have arrived. NULL: none can wait. */
static inline struct ack *pending_push(struct replay *r, struct side *d, int64_t half_ns)
{
	while (d->pending_n == d->pending_room && !pending_grow(d, r->budget)) {
		if (!d->pending_n)
			return NULL;
		pending_deliver(r, d, arrival_oldest(d)->seen_ns + half_ns);
	}
	return arrival_pending(d, d->pending_n++);
}

/* Of the blocks only those that are there are copied. */
static inline void ack_of(const struct segment *s, struct ack *a)
{
	const struct tcp_opts *o = &s->view->opts;

	a->seen_ns = s->ts;
	a->frame = s->frame;
	a->ack = s->ack;
	a->wnd = s->wnd;
	a->seq = s->seq;
	a->end = s->end;
	a->ts_val = o->ts_val;
	a->ts_ecr = o->ts_ecr;
	a->flags = s->flags;
	a->n_sack = s->n_sack;
	a->dsack = s->dsack;
	a->has_ts = o->has_ts;
	a->wnd_exact = s->wnd_exact;
	a->held = false;
	if (s->n_sack)
		memcpy(a->sack, s->sack, sizeof a->sack);
}

/* No answer of the endpoint comes sooner. */
static int64_t soonest_ns(const struct vantage *v, int endpoint)
{
	int64_t half_ns = vantage_half_ns(v, endpoint);

	return vantage_is_sure(v, endpoint) ? half_ns / 10 * 8 : half_ns / 8;
}

/* What the receiver says that it lacks. Of three SACK blocks and more it may have left out the lowest; without SACK
 * only the byte that it asks for is known. */
static void hear(struct side *d, const struct segment *s)
{
	d->heard_ns = s->ts;
	d->shut = s->wnd_exact && !s->wnd;
	d->missing_end = d->snd.sack_ok ? UINT64_MAX : s->ack + 1;
	if (!s->n_sack)
		return;
	if (s->n_sack > s->dsack + 2u)
		d->missing_end = s->ack + 1;
	else
		for (unsigned k = s->dsack; k < s->n_sack; k++)
			if (s->sack[k][0] < d->missing_end)
				d->missing_end = s->sack[k][0];
}

static __attribute__((noinline)) void deliver_at_once(struct replay *r, struct side *d, const struct segment *s,
	int64_t half_ns)
{
	struct ack now;

	ack_of(s, &now);
	deliver(r, d, &now, s->ts + half_ns);
}

/* A segment to this sender passed the capture. */
void arrival_seen(struct replay *r, struct side *d, const struct segment *s)
{
	int64_t half_ns = vantage_half_ns(r->vantage, d->dir);
	uint64_t acked = r->acked[d->dir];

	if (!(s->flags & TH_ACK) || s->flags & TH_RST || !d->snd.started)
		return;
	if (d->verdicts)
		verdict_ack(d, r->emitter, s, soonest_ns(r->vantage, !d->dir), acked);
	hear(d, s);
	if (s->ack > acked) {
		r->acked[d->dir] = s->ack;
		d->signs_before = d->signs;
		d->signs = 0;
		d->hole_sign_ns = 0;
	} else if (!d->hole_sign_ns && d->holes && s->ack < d->snd.snd_nxt) {
		d->hole_sign_ns = s->ts;
	}
	if (s->n_sack > s->dsack ||
	    (s->ack == acked && s->ack < d->snd.snd_nxt && !s->len && !(s->flags & (TH_SYN | TH_FIN))))
		d->signs++;
	d->near = vantage_is_near(r->vantage, d->dir);
	/* Nothing came from the sender for long: it will not contradict any more. */
	int64_t grace_ns = 2 * rtt_rto_ns(&d->snd.rtt) + 2000 * (int64_t)MS;

	while (d->pending_n && (d->near || arrival_oldest(d)->seen_ns + half_ns + grace_ns < s->ts))
		pending_deliver(r, d, arrival_oldest(d)->seen_ns + half_ns);
	struct ack *a = d->near ? NULL : pending_push(r, d, half_ns);

	if (a)
		ack_of(s, a);
	else
		deliver_at_once(r, d, s, half_ns);
}

void arrival_finish(struct replay *r, struct side *d)
{
	while (d->pending_n)
		pending_deliver(r, d, arrival_oldest(d)->seen_ns + vantage_half_ns(r->vantage, d->dir));
}
