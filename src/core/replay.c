/* Feeds the two replicas of a connection from what passed the capture, each in its own sender's time.
 *
 * Times of a side are capture times of its sender's segments: a segment from it counts when it was captured (less what
 * its timestamp clock shows it queued on the way), an ACK to it half a path later. */
#include "core/replay_state.h"

size_t replay_side_bytes(void)
{
	return sizeof(struct side);
}

struct replay *replay_new(struct budget *budget, struct pool *sides, const struct vantage *vantage)
{
	struct replay *r = budget_resize(budget, NULL, 0, sizeof *r);

	if (r) {
		r->budget = budget;
		r->sides = sides;
		r->vantage = vantage;
	}
	return r;
}

static void side_free(struct side *d, struct budget *b, struct pool *sides)
{
	if (!d)
		return;
	sender_fini(&d->snd);
	if (d->pending)
		budget_resize(b, d->pending, d->pending_room * sizeof *d->pending, 0);
	if (d->verdicts)
		budget_resize(b, d->verdicts, VERDICTS * sizeof *d->verdicts, 0);
	pool_put(sides, d);
}

void replay_free(struct replay *r)
{
	if (!r)
		return;
	for (int i = 0; i < 2; i++) {
		side_free(r->side[i], r->budget, r->sides);
		dist_fini(&r->rtt[i], r->budget);
		dist_fini(&r->ack_delay[i], r->budget);
	}
	share_fini(&r->share);
	budget_resize(r->budget, r, sizeof *r, 0);
}

static struct side *side_of(struct replay *r, enum tcpstat_dir dir, const struct segment *s)
{
	struct side *d = r->side[dir];

	if (d)
		return d;
	d = pool_get(r->sides);
	if (!d)
		return NULL;
	if (!r->stack[dir])
		r->stack[dir] = s->flags & TH_SYN ? stack_of_syn(s->view) : stack_of_segment(s->view);
	sender_init(&d->snd, r->budget, r->stack[dir]);
	d->dir = dir;
	limits_init(&d->limits, &r->share, dir, r->first_ns, r->syn[0] || r->syn[1]);
	return r->side[dir] = d;
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

enum replay_class replay_segment(struct replay *r, const struct segment *s, int64_t late_ns, const struct emitter *e)
{
	enum replay_class class = REPLAY_NEW;
	struct side *d = r->side[s->dir];

	r->emitter = e;
	if (s->flags & TH_RST) {
		r->last_ns = r->reset_ns = s->ts;
		return class;
	}
	if (!r->first_ns) {
		r->first_ns = s->ts;
		share_init(&r->share, r->budget, s->ts, limits_first(s->flags & TH_SYN));
	}
	r->last_ns = s->ts;
	if (segment_occupies(s))
		r->reset_ns = 0;
	if (s->flags & TH_SYN)
		learn_syn(r, s);
	if (late_ns >= 0 && !(s->flags & TH_SYN))
		dist_add(&r->ack_delay[s->dir], r->budget, late_ns);
	if (!d && segment_occupies(s))
		d = side_of(r, s->dir, s);
	if (d)
		class = departure_seen(r, d, s);
	if (r->side[!s->dir])
		arrival_seen(r, r->side[!s->dir], s);
	return class;
}

int64_t replay_rto_ns(const struct replay *r, enum tcpstat_dir dir)
{
	const struct side *d = r->side[dir];

	return d && rtt_known(&d->snd.rtt) ? rtt_rto_ns(&d->snd.rtt) : TCPSTAT_NULL;
}

enum tcpstat_cause replay_last_cause(const struct replay *r, enum tcpstat_dir dir)
{
	const struct side *d = r->side[dir];

	return d && d->verdicts_n ? d->verdicts[(d->verdicts_n - 1) % VERDICTS].told.cause : TCPSTAT_CAUSE_UNKNOWN;
}

void replay_finish(struct replay *r, const struct emitter *e)
{
	r->finishing = true;
	r->emitter = e;
	for (int i = 0; i < 2; i++) {
		struct side *d = r->side[i];

		if (d)
			arrival_finish(r, d);
		if (d && r->reset_ns)
			limits_reset(&d->limits, r->reset_ns);
	}
}
