/* What the replay tells: `sender` and `rtt` events as things happen, and the figures of a direction at the end. */
#include "core/replay_state.h"

#include <string.h>

/* A side's time as the time of day at the sender: a segment takes half of the half's round trip to the capture. */
static int64_t at_sender(const struct replay *r, const struct side *d, int64_t now_ns)
{
	return now_ns - vantage_half_ns(r->vantage, d->dir) / 2;
}

static enum tcpstat_phase phase_of(const struct sender *s, const struct cong_one *o)
{
	if (s->ca == TCPSTAT_CA_LOSS)
		return TCPSTAT_PHASE_LOSS;
	if (s->ca == TCPSTAT_CA_RECOVERY || s->ca == TCPSTAT_CA_CWR)
		return TCPSTAT_PHASE_RECOVERY;
	return o->cwnd < o->ssthresh ? TCPSTAT_PHASE_SLOW_START : TCPSTAT_PHASE_CONGESTION_AVOIDANCE;
}

static __attribute__((noinline)) void tell_sender(const struct replay *r, const struct side *d, int64_t now_ns,
	uint64_t frame, const struct cong_one *o)
{
	const struct sender *s = &d->snd;
	struct tcpstat_event ev = {
		.type = TCPSTAT_EV_SENDER, .dir = d->dir, .ts_ns = at_sender(r, d, now_ns), .frame = frame,
		.sender = {
			.flight_bytes = (int64_t)(s->snd_nxt - s->snd_una), .pipe_bytes = sender_pipe_bytes(s),
			.rwnd_bytes = s->wnd_exact ? (int64_t)s->snd_wnd : TCPSTAT_NULL,
			.cwnd_bytes = (int64_t)o->cwnd * s->mss,
			.ssthresh_bytes = o->ssthresh < CONG_INFINITE ? (int64_t)o->ssthresh * s->mss : TCPSTAT_NULL,
			.ca_state = s->ca, .limit = (int8_t)d->limits.owner, .phase = phase_of(s, o),
		},
	};
	emit_event(r->emitter, &ev);
}

void replay_tell_sender(struct replay *r, struct side *d, int64_t now_ns, uint64_t frame)
{
	const struct sender *s = &d->snd;
	const struct cong_one *o = cong_best(&s->cong);
	int64_t flight = (int64_t)(s->snd_nxt - s->snd_una), cwnd = (int64_t)o->cwnd * s->mss;

	d->counts.flight_sum += (double)flight;
	d->counts.flight_n++;
	if (flight > d->counts.flight_max)
		d->counts.flight_max = flight;
	if (cwnd > d->counts.cwnd_max)
		d->counts.cwnd_max = cwnd;
	if (emit_wants(r->emitter, TCPSTAT_EV_SENDER))
		tell_sender(r, d, now_ns, frame, o);
}

static __attribute__((noinline)) void tell_rtt(const struct replay *r, const struct side *d, const struct ack *a,
			   const struct ack_result *res)
{
	const struct rtt *rtt = &d->snd.rtt;
	struct tcpstat_event ev = {
		.type = TCPSTAT_EV_RTT, .dir = d->dir, .ts_ns = at_sender(r, d, a->now_ns), .frame = a->frame,
		.rtt = { .sample_ns = res->sample_ns, .srtt_ns = rtt_srtt_ns(rtt),
			 .rttvar_ns = rtt_rttvar_ns(rtt), .rto_ns = rtt_rto_ns(rtt), .source = res->source },
	};
	emit_event(r->emitter, &ev);
}

void replay_tell_rtt(struct replay *r, struct side *d, const struct ack *a, const struct ack_result *res)
{
	int64_t rto_ns = rtt_rto_ns(&d->snd.rtt);

	dist_add(&r->rtt[d->dir], r->budget, res->sample_ns);
	if (rto_ns > d->counts.rto_max_ns)
		d->counts.rto_max_ns = rto_ns;
	if (emit_wants(r->emitter, TCPSTAT_EV_RTT))
		tell_rtt(r, d, a, res);
}

/* Data within nanoseconds can make a rate that is no number; it stays unknown. */
static void set_rate(int64_t *rate, double value)
{
	if (value < 9e18)
		*rate = (int64_t)value;
}

/* Rates from the first data segment to the last; one burst alone has none. */
static void snapshot_rates(const struct side_counts *n, struct tcpstat_half *h)
{
	double seconds = (double)(n->last_data_ns - n->first_data_ns) / 1e9;

	if (n->data_segments < 2 || seconds <= 0)
		return;
	set_rate(&h->throughput_bps, 8.0 * (double)n->data_bytes / seconds);
	set_rate(&h->goodput_bps, 8.0 * (double)n->unique_bytes / seconds);
	if (h->rtt.count && h->rtt.p50_ns != TCPSTAT_NULL)
		set_rate(&h->bdp_bytes, (double)n->unique_bytes / seconds * ((double)h->rtt.p50_ns / 1e9));
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
	if (n->data_segments) {
		h->cwnd.initial_bytes = (int64_t)s->stack->initial_window * s->mss;
		h->cwnd.max_bytes = n->cwnd_max;
		h->cwnd.last_bytes = (int64_t)o->cwnd * s->mss;
		h->congestion_control.name = cong_name(&s->cong);
		h->congestion_control.fit = cong_fit(&s->cong);
	}
}

void replay_pour(const struct replay *r, struct tcpstat_histogram *rtt)
{
	for (int i = 0; i < 2; i++)
		dist_pour(&r->rtt[i], rtt);
}

void replay_snapshot(const struct replay *r, struct tcpstat_conn *c)
{
	struct share_run runs[SHARE_RUNS_COPY];
	struct share share;

	share_copy(&share, &r->share, runs);
	for (int i = 0; i < 2; i++) {
		dist_get(&r->ack_delay[i], &c->half[i].ack_delay);
		if (!r->side[i])
			continue;
		snapshot_side(r, r->side[i], &c->half[i]);
		owner_finish(r->side[i], &share, c->last_ts_ns);
	}
	share_finish(&share, c->last_ts_ns);
	for (int i = 0; i < 2; i++)
		share_of_half(&share, i, c->half[i].limits);
	if (c->duration_ns > 0)
		share_of_both(&share, c->duration_ns, c->budget_ns);
	c->vantage = vantage_of(r->vantage);
	c->handshake.client_half_ns = r->vantage->half[0].min_ns;
	c->handshake.server_half_ns = r->vantage->half[1].min_ns;
}
