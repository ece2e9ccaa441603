#include "core/side.h"

static void tell(const struct side *d, const struct emitter *e, const struct verdict *v)
{
	struct tcpstat_event ev = { .type = TCPSTAT_EV_RETRANSMISSION, .dir = d->dir, .ts_ns = v->ts_ns,
				    .frame = v->frame, .retransmission = v->told };

	emit_event(e, &ev);
}

void verdict_report(struct side *d, const struct emitter *e, const struct segment *s,
		    const struct tcpstat_ev_retransmission *told, bool same_stamp, bool had)
{
	struct verdict once, *v = &once;

	if (!d->verdicts)
		d->verdicts = budget_resize(d->snd.budget, NULL, 0, VERDICTS * sizeof *d->verdicts);
	if (d->verdicts)
		v = &d->verdicts[d->verdicts_n++ % VERDICTS];
	*v = (struct verdict){ .told = *told, .frame = s->frame, .seq = s->seq, .end = s->end, .ts_ns = s->ts,
			       .ts_val = s->view->opts.ts_val, .has_ts = s->view->opts.has_ts && !same_stamp,
			       .had = had };
	d->counts.total++;
	d->counts.by_cause[told->cause]++;
	d->counts.bytes += told->len;
	d->counts.spurious += told->spurious == 1;
	d->counts.lost_before += told->lost == TCPSTAT_LOST_BEFORE_CAPTURE;
	d->counts.lost_after += told->lost == TCPSTAT_LOST_AFTER_CAPTURE;
	tell(d, e, v);
}

/* It was not needed. */
static void excuse(struct side *d, const struct emitter *e, struct verdict *v)
{
	if (v->told.spurious == 1)
		return;
	d->counts.spurious++;
	d->counts.lost_before -= v->told.lost == TCPSTAT_LOST_BEFORE_CAPTURE;
	d->counts.lost_after -= v->told.lost == TCPSTAT_LOST_AFTER_CAPTURE;
	v->told.spurious = 1;
	v->told.lost = TCPSTAT_LOST_UNKNOWN;
	tell(d, e, v);
}

static uint32_t first_of(const struct side *d)
{
	return d->verdicts_n > VERDICTS ? d->verdicts_n - VERDICTS : 0;
}

void verdict_late_original(struct side *d, const struct emitter *e, uint64_t seq, uint64_t end)
{
	if (!d->verdicts)
		return;
	for (uint32_t i = d->verdicts_n; i-- > first_of(d);) {
		struct verdict *v = &d->verdicts[i % VERDICTS];

		if (v->seq >= seq && v->end <= end)
			excuse(d, e, v);
	}
}

/* One DSACK speaks for one copy: the last one sent that has no excuse yet. */
static void verdict_dsack(struct side *d, const struct emitter *e, uint64_t l, uint64_t r)
{
	uint64_t done = r;

	for (uint32_t i = d->verdicts_n; i-- > first_of(d);) {
		struct verdict *v = &d->verdicts[i % VERDICTS];

		if (v->told.spurious == 1 || v->end <= l || v->seq >= r || v->seq >= done)
			continue;
		if (v->told.cause == TCPSTAT_CAUSE_SYN || v->told.cause == TCPSTAT_CAUSE_SYNACK)
			continue;
		excuse(d, e, v);
		/* A block over several segments excuses one copy of each. */
		if (v->seq <= l)
			return;
		done = v->seq;
	}
}

static bool covered_by(const struct segment *a, const struct verdict *v)
{
	if (a->ack >= v->end)
		return true;
	for (unsigned k = a->dsack; k < a->n_sack; k++)
		if (a->sack[k][0] <= v->seq && v->end <= a->sack[k][1])
			return true;
	return false;
}

void verdict_ack(struct side *d, const struct emitter *e, const struct segment *a, int64_t least_ns,
		 uint64_t prior_ack)
{
	const struct tcp_opts *o = &a->view->opts;

	if (a->dsack)
		verdict_dsack(d, e, a->sack[0][0], a->sack[0][1]);
	/* The hole at SND.UNA was filled by an original if the echo is older than the retransmission (RFC 3522); then
	 * what this ACK covers beyond it had arrived as originals, too. */
	bool eifel = false;

	for (uint32_t i = first_of(d); i < d->verdicts_n; i++) {
		struct verdict *v = &d->verdicts[i % VERDICTS];

		if (v->covered || !covered_by(a, v))
			continue;
		v->covered = true;
		if (v->told.cause == TCPSTAT_CAUSE_SYN || v->told.cause == TCPSTAT_CAUSE_SYNACK)
			continue;
		bool echoed = a->ack >= v->end && v->has_ts && o->has_ts && seq_diff(o->ts_ecr, v->ts_val) >= 0;

		/* Covered sooner than the repetition can have got there and been answered. */
		if (v->had || (!echoed && a->ts - v->ts_ns < least_ns)) {
			excuse(d, e, v);
			continue;
		}
		if (a->ack < v->end || a->ack <= prior_ack || !v->has_ts || !o->has_ts)
			continue;
		bool older = seq_diff(o->ts_ecr, v->ts_val) < 0;

		if (v->seq <= prior_ack)
			eifel = older;
		if (older && eifel)
			excuse(d, e, v);
	}
}
