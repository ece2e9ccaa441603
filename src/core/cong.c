#include "core/cong.h"

#include "core/cubic.h"
#include "core/sender.h"

#include <math.h>

static double misfit(const struct cong_one *o)
{
	return o->compared ? o->deviation / o->compared : 0;
}

static unsigned reductions(const struct cong *c)
{
	return c->reductions ? c->reductions : 1;
}

/* How badly it explains what was sent: the misfit, and how much its window had to be raised after each reduction. */
static double explains(const struct cong *c, const struct cong_one *o)
{
	return misfit(o) + 0.02 * o->raised / reductions(c);
}

static const struct cong_one *best_fit(const struct cong *c)
{
	return &c->one[c->fits];
}

/* To be called when something changed that the choice rests on: it is asked for far more often. */
static void choose(struct cong *c)
{
	bool reno = explains(c, &c->one[CONG_RENO]) < explains(c, &c->one[CONG_CUBIC]);

	c->fits = reno ? CONG_RENO : CONG_CUBIC;
}

/* BBR keeps on sending what its model says, losses or not: after each reduction that the others would make, their
 * windows have to be raised again by what leaves all the same. */
static bool like_bbr(const struct cong *c)
{
	double raised = c->one[CONG_RENO].raised < c->one[CONG_CUBIC].raised ? c->one[CONG_RENO].raised
									       : c->one[CONG_CUBIC].raised;

	/* From afar a replica may miss why a window grew. */
	return (raised > (c->far ? 3 : 1.5) && raised > (c->far ? 0.75 : 0.55) * reductions(c)) ||
	       (c->deaf && c->deaf >= c->gave_way && raised > 0.5 && misfit(best_fit(c)) > 0.02);
}

bool cong_is_another(const struct cong *c)
{
	const struct cong_one *best = best_fit(c);

	return like_bbr(c) || (best->compared >= 100 && misfit(best) > (c->far ? 0.25 : 0.08));
}

void cong_init(struct cong *c, uint32_t initial_window)
{
	c->seen.cwnd = initial_window;
	c->seen.ssthresh = CONG_INFINITE;
	for (int i = 0; i < CONG_N; i++) {
		c->one[i].cwnd = initial_window;
		c->one[i].ssthresh = CONG_INFINITE;
	}
	choose(c);
}

static bool in_slow_start(const struct cong_one *o)
{
	return o->cwnd < o->ssthresh;
}

static bool in_reduction(enum tcpstat_ca ca)
{
	return ca == TCPSTAT_CA_CWR || ca == TCPSTAT_CA_RECOVERY;
}

/* The window grows only where it was the limit; in slow start up to twice what was used. */
static bool cwnd_limited(const struct cong_one *o)
{
	return o->limited || (in_slow_start(o) && o->cwnd < 2 * o->max_packets_out);
}

static uint32_t slow_start(struct cong_one *o, uint32_t acked)
{
	uint32_t cwnd = o->cwnd + acked < o->ssthresh ? o->cwnd + acked : o->ssthresh;

	acked -= cwnd - o->cwnd;
	o->cwnd = cwnd;
	return acked;
}

/* Congestion avoidance: one segment more for every `w` acknowledged. */
static void avoid(struct cong_one *o, uint32_t w, uint32_t acked)
{
	if (o->cwnd_cnt >= w) {
		o->cwnd_cnt = 0;
		o->cwnd++;
	}
	o->cwnd_cnt += acked;
	if (o->cwnd_cnt >= w) {
		o->cwnd += o->cwnd_cnt / w;
		o->cwnd_cnt %= w;
	}
}

static uint32_t reduced(struct cong *c, int algorithm)
{
	const struct cong_one *o = &c->one[algorithm];

	if (algorithm == CONG_CUBIC)
		return cubic_ssthresh(&c->cubic, o->cwnd);
	return o->cwnd / 2 > 2 ? o->cwnd / 2 : 2;
}

/* ssthresh as it would be kept if the window were given up now. */
static uint32_t current_ssthresh(const struct cong_one *o, enum tcpstat_ca ca)
{
	uint32_t most = o->cwnd / 2 + o->cwnd / 4;

	return in_reduction(ca) || o->ssthresh > most ? o->ssthresh : most;
}

/* Proportional rate reduction, RFC 6937 with its later bound. */
static void prr(struct cong_one *o, const struct cong_env *e)
{
	int64_t delta = (int64_t)o->ssthresh - e->in_flight, send;

	if (!e->delivered || !o->prior_cwnd)
		return;
	o->prr_delivered += e->delivered;
	if (delta < 0) {
		send = ((int64_t)o->ssthresh * o->prr_delivered + o->prior_cwnd - 1) / o->prior_cwnd - o->prr_out;
	} else {
		send = (int64_t)o->prr_delivered - o->prr_out;
		if (send < e->delivered)
			send = e->delivered;
		if (e->flags & ACKED_UNA && !e->newly_lost)
			send++;
		if (send > delta)
			send = delta;
	}
	if (send < (o->prr_out ? 0 : 1))
		send = o->prr_out ? 0 : 1;
	o->cwnd = e->in_flight + (uint32_t)send;
	if (!o->cwnd)
		o->cwnd = 1;
}

/* An episode ended: did the sender give way to the loss? All but BBR do. Only where the window was full before: an
 * application that sends little goes on as before, too. */
static void watch_reaction(struct cong *c)
{
	const struct cong_one *best = best_fit(c);

	if (c->before_loss < 8 || !c->after_loss || c->before_loss * 20 < best->prior_cwnd * 17)
		return;
	c->seen.ssthresh = c->after_loss;
	if (c->after_loss * 100 >= c->before_loss * 87)
		c->deaf++;
	else
		c->gave_way++;
}

/* A sender that answers each ACK at once is limited by the window: then what is in flight is the window. */
static void compare(struct cong *c, const struct cong_env *e)
{
	bool clocked = c->answered && !c->unclocked && e->prior_in_flight && e->prior_room > 2ull * e->mss;

	if (clocked) {
		c->round_acks++;
		if (e->prior_in_flight > c->round_peak)
			c->round_peak = e->prior_in_flight;
		for (int i = 0; i < CONG_N; i++) {
			struct cong_one *o = &c->one[i];
			uint32_t off = o->cwnd > e->prior_in_flight ? o->cwnd - e->prior_in_flight
								    : e->prior_in_flight - o->cwnd;

			o->deviation += (double)off / o->cwnd;
			o->compared++;
			if (o->cwnd > e->prior_in_flight + 2 + o->cwnd / 16)
				o->roomy++;
		}
		choose(c);
	}
	if (e->snd_una < c->round_end)
		return;
	bool may_miss = e->far && e->ca == TCPSTAT_CA_OPEN && c->round_acks >= 6;

	for (int i = 0; i < CONG_N; i++) {
		struct cong_one *o = &c->one[i];

		/* From afar a replica can miss what ended slow start: a whole round below the window says so. */
		if (may_miss && o->roomy == c->round_acks) {
			o->cwnd = c->round_peak;
			if (in_slow_start(o))
				o->ssthresh = o->cwnd;
		}
		o->roomy = 0;
	}
	c->round_end = e->snd_nxt;
	c->round_acks = c->round_peak = 0;
	c->last_peak = c->peak;
	c->peak = e->in_flight;
	c->far = e->far;
}

void cong_mark(const struct cong *c, struct cong_mark *m)
{
	for (int i = 0; i < CONG_N; i++) {
		m->cwnd[i] = c->one[i].cwnd;
		m->ssthresh[i] = c->one[i].ssthresh;
		m->cwnd_cnt[i] = c->one[i].cwnd_cnt;
	}
	m->cubic = c->cubic;
}

void cong_rewind(struct cong *c, const struct cong_mark *m)
{
	for (int i = 0; i < CONG_N; i++) {
		c->one[i].cwnd = m->cwnd[i];
		c->one[i].ssthresh = m->ssthresh[i];
		c->one[i].cwnd_cnt = m->cwnd_cnt[i];
	}
	c->cubic = m->cubic;
}

void cong_reduce(struct cong *c, const struct cong_env *e)
{
	for (int i = 0; i < CONG_N; i++)
		prr(&c->one[i], e);
}

void cong_ack(struct cong *c, const struct cong_env *e)
{
	bool reduces = in_reduction(e->ca);

	compare(c, e);
	c->answered = c->unclocked = false;
	c->last_ack_ns = e->now_ns;
	if (reduces) /* packets are conserved: for each that left the network, one */
		c->seen.cwnd = e->in_flight + e->delivered;
	bool may_raise = e->flags & (e->reordering > 3 ? ACKED_UNA | ACKED_SACK : ACKED_DATA);

	for (int i = 0; i < CONG_N; i++) {
		struct cong_one *o = &c->one[i];

		if (i == CONG_CUBIC && e->rtt_ns >= 0)
			cubic_acked(&c->cubic, e, o->cwnd, &o->ssthresh);
		if (reduces) {
			prr(o, e);
		} else if (may_raise) {
			if (cwnd_limited(o)) {
				uint32_t acked = e->delivered;

				if (in_slow_start(o))
					acked = slow_start(o, acked);
				if (acked)
					avoid(o, i == CONG_CUBIC ? cubic_count(&c->cubic, e, o->cwnd, acked) : o->cwnd,
					      acked);
			}
			o->stamp_ns = e->now_ns;
		}
	}
}

/* Not used to the full for a whole RTO: the window decays toward what was used (RFC 2861, as Linux does it). */
static void application_limited(struct cong_one *o, const struct cong_env *e)
{
	if (e->ca == TCPSTAT_CA_OPEN) {
		uint32_t used = o->cwnd_used > 10 ? o->cwnd_used : 10;

		if (used < o->cwnd) {
			o->ssthresh = current_ssthresh(o, e->ca);
			o->cwnd = (o->cwnd + used) / 2;
		}
		o->cwnd_used = 0;
	}
	o->stamp_ns = e->now_ns;
}

static void validate(struct cong_one *o, const struct cong_env *e, bool limited)
{
	if (e->snd_una >= o->usage_seq || limited || (!o->limited && e->packets_out > o->max_packets_out)) {
		o->limited = limited;
		o->max_packets_out = e->packets_out;
		o->usage_seq = e->snd_nxt;
	}
	if (cwnd_limited(o)) {
		o->cwnd_used = 0;
		o->stamp_ns = e->now_ns;
	} else {
		if (e->packets_out > o->cwnd_used)
			o->cwnd_used = e->packets_out;
		/* A writer that waits for the peer's window is not idle. */
		if (e->snd_wnd < e->snd_nxt - e->snd_una + e->mss)
			o->stamp_ns = e->now_ns;
		else if (e->now_ns - o->stamp_ns >= e->rto_ns)
			application_limited(o, e);
	}
}

void cong_before_send(struct cong *c, const struct cong_env *e)
{
	int64_t idle = e->now_ns - c->last_send_ns;

	if (!c->last_send_ns)
		return;
	for (int i = 0; i < CONG_N; i++) {
		struct cong_one *o = &c->one[i];
		int64_t left = idle;
		uint32_t restart = o->cwnd < 10 ? o->cwnd : 10;

		if (i == CONG_CUBIC)
			cubic_idle(&c->cubic, e, c->last_send_ns);
		if (idle <= e->rto_ns)
			continue;
		o->ssthresh = current_ssthresh(o, e->ca);
		while ((left -= e->rto_ns) > 0 && o->cwnd > restart)
			o->cwnd /= 2;
		if (o->cwnd < restart)
			o->cwnd = restart;
		o->stamp_ns = e->now_ns;
		o->cwnd_used = 0;
	}
}

void cong_sent(struct cong *c, const struct cong_env *e, uint32_t pkts, bool retransmitted)
{
	bool reduces = in_reduction(e->ca);

	if (e->now_ns - c->last_ack_ns <= 1000000)
		c->answered = true;
	else
		c->unclocked = true;
	if (e->in_flight > c->peak)
		c->peak = e->in_flight;
	if (!reduces)
		c->seen.cwnd = c->peak > c->last_peak ? c->peak : c->last_peak;
	else if (e->in_flight > c->seen.cwnd)
		c->seen.cwnd = e->in_flight;
	c->far = e->far;
	if (reduces)
		c->after_loss = e->in_flight;
	if (!retransmitted) {
		c->sends++;
		c->prompt += e->now_ns - c->last_ack_ns <= 150000;
	}
	for (int i = 0; i < CONG_N && reduces; i++)
		c->one[i].prr_out += pkts;
	for (int i = 0; i < CONG_N && !retransmitted; i++) {
		struct cong_one *o = &c->one[i];

		/* Nothing new leaves beyond the window: what did shows that the window was larger. */
		if (e->in_flight > o->cwnd) {
			o->raised += (double)(e->in_flight - o->cwnd) / o->cwnd;
			o->deviation += (double)(e->in_flight - o->cwnd) / o->cwnd;
			o->compared++;
			o->cwnd = o->raised_to = e->in_flight;
			choose(c);
		}
		validate(o, e, e->in_flight >= o->cwnd);
	}
	c->last_send_ns = e->now_ns;
}

void cong_enter_reduction(struct cong *c, const struct cong_env *e, bool may_undo)
{
	c->before_loss = e->prior_in_flight;
	c->reductions++;
	choose(c);
	c->after_loss = 0;
	for (int i = 0; i < CONG_N; i++) {
		struct cong_one *o = &c->one[i];

		o->prior_ssthresh = may_undo ? current_ssthresh(o, e->ca) : 0;
		o->cwnd_cnt = 0;
		o->prior_cwnd = o->cwnd;
		o->prr_delivered = o->prr_out = 0;
		o->ssthresh = reduced(c, i);
		o->hystart = false;
	}
}

void cong_end_reduction(struct cong *c)
{
	watch_reaction(c);
	for (int i = 0; i < CONG_N; i++)
		if (c->one[i].ssthresh < CONG_INFINITE)
			c->one[i].cwnd = c->one[i].ssthresh;
}

void cong_loss(struct cong *c, const struct cong_env *e, bool reduce)
{
	for (int i = 0; i < CONG_N; i++) {
		struct cong_one *o = &c->one[i];

		if (reduce) {
			o->prior_ssthresh = current_ssthresh(o, e->ca);
			o->prior_cwnd = o->cwnd;
			o->ssthresh = reduced(c, i);
		}
		o->cwnd = e->in_flight + 1;
		o->cwnd_cnt = 0;
		o->stamp_ns = e->now_ns;
		if (i == CONG_CUBIC)
			cubic_reset(&c->cubic, e);
	}
}

void cong_undo(struct cong *c, const struct cong_env *e)
{
	for (int i = 0; i < CONG_N; i++) {
		struct cong_one *o = &c->one[i];

		if (!o->prior_ssthresh)
			continue;
		if (o->cwnd < o->prior_cwnd)
			o->cwnd = o->prior_cwnd;
		if (o->prior_ssthresh > o->ssthresh)
			o->ssthresh = o->prior_ssthresh;
		o->stamp_ns = e->now_ns;
	}
}

void cong_forbid_undo(struct cong *c)
{
	for (int i = 0; i < CONG_N; i++)
		c->one[i].prior_ssthresh = 0;
}

enum tcpstat_cc cong_name(const struct cong *c)
{
	const struct cong_one *best = cong_best(c);

	if (best == &c->seen)
		return like_bbr(c) ? TCPSTAT_CC_BBR : TCPSTAT_CC_UNKNOWN;
	if (best->compared < CONG_ENOUGH && c->reductions < 2)
		return TCPSTAT_CC_UNKNOWN;
	return best == &c->one[CONG_RENO] ? TCPSTAT_CC_RENO : TCPSTAT_CC_CUBIC;
}

double cong_fit(const struct cong *c)
{
	const struct cong_one *best = best_fit(c);

	return best->compared ? misfit(best) : NAN;
}
