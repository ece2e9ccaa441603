/* Feeds the limits of a direction from the replica of its sender. */
#include "core/side.h"

enum { MS = 1000000 };

/* How exactly are the times known at which ACKs reach the sender and data leaves it? */
static int64_t slack_ns(const struct side *d, int64_t half_ns)
{
	return d->near ? 2 * (int64_t)MS : 2 * (int64_t)MS + half_ns / 8 + d->clock.tick_ns;
}

/* Is that window no more than what was seen in flight? A replica that is right is raised rarely, and by little. */
static bool is_lower_bound(const struct cong *c, const struct cong_one *o)
{
	return o == &c->seen || (o->cwnd == o->raised_to && o->raised > 0.1 * (c->reductions + 1));
}

static inline void env_of(const struct side *d, int64_t now_ns, int64_t half_ns, struct limits_env *e)
{
	const struct sender *s = &d->snd;
	const struct cong_one *o = cong_best(&s->cong);
	/* No segment is larger than half of the window. */
	uint64_t most = s->max_window > 536 ? s->max_window / 2 : s->max_window;
	bool wnd_known = s->last_ack_ns && (s->wnd_exact || !s->snd_wnd);

	e->now_ns = now_ns;
	e->slack_ns = slack_ns(d, half_ns);
	e->srtt_ns = rtt_srtt_ns(&s->rtt);
	e->una = s->snd_una;
	e->nxt = s->snd_nxt;
	e->wnd = wnd_known ? s->snd_wnd : UINT64_MAX / 2;
	e->mss = most && most < s->mss ? (uint32_t)most : s->mss;
	e->in_flight = sender_in_flight(s);
	e->cwnd = o->cwnd;
	e->cwnd_at_least = is_lower_bound(&s->cong, o);
	e->ca = s->ca;
	e->far = !d->near;
}

void owner_ack(struct side *d, const struct ack *a, const struct ack_result *res, int64_t half_ns)
{
	struct limits_env env;
	bool progress = res->advanced || d->snd.progress_ns == a->now_ns;

	env_of(d, a->now_ns, half_ns, &env);
	limits_ack(&d->limits, &env, res->prior_una, progress, a->end > a->seq && !(a->flags & (TH_SYN | TH_FIN)));
}

void owner_sent(struct side *d, const struct segment *s, int64_t sent_ns, int64_t half_ns)
{
	struct limits_env env;

	env_of(d, sent_ns, half_ns, &env);
	limits_sent(&d->limits, &env, s->len, s->flags & TH_FIN);
}

void owner_resent(struct side *d, bool timer, int64_t sent_ns, int64_t half_ns)
{
	struct limits_env env;

	env_of(d, sent_ns, half_ns, &env);
	limits_resent(&d->limits, &env, timer);
}

void owner_finish(const struct side *d, struct share *share, int64_t last_ns)
{
	int64_t rto_ns = rtt_rto_ns(&d->snd.rtt) << (d->snd.backoff < 16 ? d->snd.backoff : 16);
	struct limits end = d->limits;

	end.share = share;
	limits_finish(&end, last_ns, rto_ns);
}

void owner_probe(struct side *d, const struct segment *s, int64_t sent_ns)
{
	if (d->snd.last_ack_ns && d->snd.snd_wnd < d->snd.mss && !(s->flags & (TH_SYN | TH_FIN)))
		limits_probe(&d->limits, sent_ns);
}
