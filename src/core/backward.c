#include "core/side.h"

/* Entries above a segment that it is compared with, and those that are passed over for it: never seen ones. */
enum { LOOK_AHEAD = 256, LOOK_FAR = 4096 };

void backward_learn_id(struct side *d, const struct segment *s)
{
	const struct tcp_view *v = s->view;

	if (!v->has_ip_id)
		return;
	if (d->has_ids) {
		uint16_t step = (uint16_t)(v->ip_id - d->last_id);

		if (step < 0xf000) /* else it went back: reordering */
			d->id_steps += step;
		/* Reordering makes a few steps go back. */
		if (step && step <= 1000) {
			d->id_good++;
			d->id_next += step == 1;
		} else {
			d->id_bad++;
		}
		if (d->id_good == 255 || d->id_bad == 255) {
			d->id_good /= 2;
			d->id_bad /= 2;
			d->id_next /= 2;
		}
		d->ids_count = d->id_good > 2 * d->id_bad;
	}
	if (!d->has_ids)
		d->id_since_ns = s->ts;
	d->has_ids = true;
	d->last_id = v->ip_id;
}

static bool id_newer(uint16_t a, uint16_t b)
{
	return (int16_t)(uint16_t)(a - b) > 0;
}

/* Do the IDs of `s` and of what passed at `then_ns` (0: only its ACK did) tell their order? A counter that a busy host
 * shares goes round in seconds. */
static bool ids_tell(const struct side *d, const struct segment *s, int64_t then_ns)
{
	enum { HALF_ROUND = 24576 };
	double run_ns = (double)(s->ts - d->id_since_ns);

	return d->ids_count && s->view->has_ip_id && (!then_ns || s->ts <= then_ns ||
		(double)d->id_steps * (double)(s->ts - then_ns) < HALF_ROUND * run_ns);
}

/* 1: left after the entry's last copy, -1: before it, 0: cannot be told. */
static int order(const struct side *d, const struct segment *s, const struct sent *e)
{
	const struct tcp_view *v = s->view;

	if (ids_tell(d, s, e->seen_ns))
		return id_newer(v->ip_id, e->ip_id) ? 1 : v->ip_id == e->ip_id ? 0 : -1;
	if (v->opts.has_ts && e->flags & SENT_TIMED) {
		int32_t step = seq_diff(v->opts.ts_val, e->ts_val);
		return step > 0 ? 1 : step < 0 ? -1 : 0;
	}
	return 0;
}

static bool comparable(const struct side *d, const struct segment *s, const struct sent *e)
{
	return ids_tell(d, s, e->seen_ns) || s->view->opts.has_ts;
}

/* Did it leave after some segment with a higher sequence number that was seen? Compared pairwise: the newest alone
 * would fail when the retransmission was overtaken itself. */
static bool left_after_higher(const struct side *d, const struct segment *s, uint32_t i)
{
	uint32_t stop = i + LOOK_FAR < d->snd.q.end ? i + LOOK_FAR : d->snd.q.end, looked = 0;

	for (; i < stop && looked < LOOK_AHEAD; i++) {
		const struct sent *e = &d->snd.q.entries[i];

		if (e->flags & SENT_UNSEEN || e->seq < s->end)
			continue;
		if (order(d, s, e) > 0)
			return true;
		looked++;
	}
	return false;
}

static bool same_packet(const struct side *d, const struct segment *s, const struct sent *e, int64_t half_ns)
{
	const struct tcp_view *v = s->view;
	bool timed = v->opts.has_ts && e->flags & SENT_TIMED;

	if (e->seq > s->seq || e->end < s->end)
		return false;
	if (timed && v->opts.ts_val != e->ts_val)
		return false;
	if (v->has_ip_id && v->ip_id != e->ip_id)
		return false;
	if (v->has_ip_id && d->ids_count)
		return true;
	/* Only a timer repeats a SYN, and none is that fast. */
	if (s->flags & TH_SYN)
		return s->ts - e->seen_ns < 200000000;
	/* Two stamps alike, of two clocks: nobody repeats within a tick. */
	if (v->has_ip_id && v->ip_id && timed)
		return s->ts - e->seen_ns < 500000000;
	/* No counter to tell by: nobody repeats before an answer can have come. */
	int64_t soonest_ns = half_ns / 10 * 9;

	if (timed && soonest_ns < 2000000)
		soonest_ns = 2000000;
	return s->ts - e->seen_ns < soonest_ns;
}

void backward_judge(const struct side *d, const struct segment *s, int64_t half_ns, struct backward *b)
{
	const struct sendq *q = &d->snd.q;
	uint32_t i = sendq_find(q, s->seq);

	*b = (struct backward){ .kind = BACKWARD_RETRANSMISSION, .lost = TCPSTAT_LOST_AFTER_CAPTURE,
				.original_frame = TCPSTAT_NULL, .before_ns = TCPSTAT_NULL, .seen_whole = true };
	if (i >= q->end || q->entries[i].seq > s->seq)
		return;         /* older than what is remembered: it was seen once */
	const struct sent *e = &q->entries[i];

	b->before_ns = e->seen_ns ? e->seen_ns : TCPSTAT_NULL;
	for (uint32_t k = i; k < q->end && q->entries[k].seq < s->end; k++)
		if (q->entries[k].flags & SENT_UNSEEN)
			b->seen_whole = false;
	if (e->flags & SENT_UNSEEN) {
		bool again;

		b->lost = TCPSTAT_LOST_BEFORE_CAPTURE;
		if (comparable(d, s, e)) {
			again = left_after_higher(d, s, i);
		} else if (!d->hole_sign_ns) {
			again = s->ts - e->seen_ns > rtt_rto_ns(&d->snd.rtt) / 10 * 9;
		} else {
			again = s->ts - d->hole_sign_ns >= half_ns / 10 * 9;
		}
		if (!again)
			b->kind = BACKWARD_LATE;
		return;
	}
	b->original_frame = (int64_t)e->frame;
	b->same_stamp = s->view->opts.has_ts && e->flags & SENT_TIMED && s->view->opts.ts_val == e->ts_val;
	if (s->copy || same_packet(d, s, e, half_ns))
		b->kind = BACKWARD_DUPLICATE;
	else if (comparable(d, s, e) && order(d, s, e) < 0 && !left_after_higher(d, s, i))
		b->kind = BACKWARD_LATE; /* its own retransmission overtook it */
}
