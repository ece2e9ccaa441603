#include "core/cubic.h"

#include "core/sender.h"

enum {
	BETA = 717, BETA_SCALE = 1024,  /* 0.7 */
	CUBE_SCALE = 410,               /* C = 0.4, times 1024 */
	FRIENDLY_SCALE = 15,            /* 8 * 3 (1 - beta) / (1 + beta), inverted */
	HYSTART_LOW_WINDOW = 16, HYSTART_MIN_SAMPLES = 8, HYSTART_ACK_DELTA_US = 2000,
	HYSTART_DELAY_MIN_US = 4000, HYSTART_DELAY_MAX_US = 16000
};

static int64_t tick_of(const struct cong_env *e)
{
	return e->now_ns / e->tick_ns;
}

static uint32_t cube_root(uint64_t a)
{
	uint64_t lo = 0, hi = 2642245; /* cube root of 2^64 */

	while (lo < hi) {
		uint64_t mid = (lo + hi + 1) / 2;
		if (mid * mid * mid <= a)
			lo = mid;
		else
			hi = mid - 1;
	}
	return (uint32_t)lo;
}

static uint32_t cubic_friendly(struct cubic *c, uint32_t cwnd)
{
	uint32_t delta = cwnd * FRIENDLY_SCALE / 8;

	while (delta && c->ack_cnt > delta) {
		c->ack_cnt -= delta;
		c->tcp_cwnd++;
	}
	if (c->tcp_cwnd > cwnd) {
		uint32_t most = cwnd / (c->tcp_cwnd - cwnd);

		if (c->cnt > most)
			c->cnt = most;
	}
	return c->cnt = c->cnt > 2 ? c->cnt : 2;
}

uint32_t cubic_count(struct cubic *c, const struct cong_env *e, uint32_t cwnd, uint32_t acked)
{
	int64_t now = tick_of(e), hz = 1000000000 / e->tick_ns;

	c->ack_cnt += acked;
	if (c->last_cwnd == cwnd && now - c->last_tick <= hz / 32)
		return c->cnt;
	if (c->epoch_tick && now == c->last_tick)
		return cubic_friendly(c, cwnd);
	c->last_cwnd = cwnd;
	c->last_tick = now;
	if (!c->epoch_tick) {
		c->epoch_tick = now;
		c->ack_cnt = acked;
		c->tcp_cwnd = cwnd;
		if (c->last_max_cwnd <= cwnd) {
			c->k = 0;
			c->origin = cwnd;
		} else {
			/* (W_max - cwnd) / C, with time in 1/1024 s: 2^40 / 410 per segment */
			c->k = cube_root((((uint64_t)1 << 40) / CUBE_SCALE) * (c->last_max_cwnd - cwnd));
			c->origin = c->last_max_cwnd;
		}
	}
	int64_t ticks = now - c->epoch_tick + (c->delay_min_us * 1000 + e->tick_ns - 1) / e->tick_ns;
	int64_t t = ticks * 1024 / hz, off = t < c->k ? c->k - t : t - c->k;

	if (off > 1 << 17) /* two minutes from the plateau: the cube would overflow, the window is unbounded by then */
		off = 1 << 17;
	uint64_t delta = (uint64_t)CUBE_SCALE * (uint64_t)off * (uint64_t)off * (uint64_t)off >> 40;
	int64_t target = t < c->k ? (int64_t)c->origin - (int64_t)delta : (int64_t)c->origin + (int64_t)delta;

	if (target > cwnd)
		c->cnt = cwnd / (uint32_t)(target - cwnd < cwnd ? target - cwnd : cwnd);
	else
		c->cnt = 100 * cwnd;
	if (!c->last_max_cwnd && c->cnt > 20)
		c->cnt = 20;
	return cubic_friendly(c, cwnd);
}

uint32_t cubic_ssthresh(struct cubic *c, uint32_t cwnd)
{
	c->epoch_tick = 0;
	if (cwnd < c->last_max_cwnd)
		c->last_max_cwnd = cwnd * (BETA_SCALE + BETA) / (2 * BETA_SCALE);
	else
		c->last_max_cwnd = cwnd;
	uint32_t next = (uint32_t)((uint64_t)cwnd * BETA / BETA_SCALE);
	return next > 2 ? next : 2;
}

static void hystart_round(struct cubic *c, const struct cong_env *e)
{
	c->round_start_us = c->last_ack_us = e->now_ns / 1000;
	c->round_end = e->snd_nxt;
	c->curr_rtt_us = INT64_MAX;
	c->sample_cnt = 0;
}

void cubic_reset(struct cubic *c, const struct cong_env *e)
{
	*c = (struct cubic){ 0 };
	hystart_round(c, e);
}

void cubic_idle(struct cubic *c, const struct cong_env *e, int64_t last_send_ns)
{
	int64_t idle = tick_of(e) - last_send_ns / e->tick_ns;

	if (c->epoch_tick && idle > 0) {
		c->epoch_tick += idle;
		if (c->epoch_tick > tick_of(e))
			c->epoch_tick = tick_of(e);
	}
}

/* How late an ACK may be because the sender's own offload held segments back: 4 super-segments at the pacing rate,
 * a millisecond at most. */
static int64_t hystart_ack_delay_us(const struct cong_env *e, uint32_t cwnd, uint32_t ssthresh)
{
	if (e->srtt_ns <= 0)
		return 0;
	uint64_t percent = cwnd < ssthresh / 2 ? 200 : 120;
	uint32_t window = cwnd > e->packets_out ? cwnd : e->packets_out;
	uint64_t rate = (uint64_t)e->mss * window * percent / 100 * 1000000 / (uint64_t)(e->srtt_ns / 1000 + 1);

	if (!rate)
		return 0;
	uint64_t us = (uint64_t)65536 * 4 * 1000000 / rate;
	return us < 1000 ? (int64_t)us : 1000;
}

void cubic_acked(struct cubic *c, const struct cong_env *e, uint32_t cwnd, uint32_t *ssthresh)
{
	int64_t us = e->rtt_ns / 1000 > 0 ? e->rtt_ns / 1000 : 1;

	if (e->flags & ACKED_SYN && !(e->flags & ACKED_DATA)) {
		/* the handshake opens the first round; its delay is no sample of a data path */
		hystart_round(c, e);
		return;
	}
	if (c->epoch_tick && tick_of(e) - c->epoch_tick < 1000000000 / e->tick_ns)
		return;
	if (!c->delay_min_us || us < c->delay_min_us)
		c->delay_min_us = us;
	if (c->found || cwnd >= *ssthresh)
		return;
	if (e->snd_una > c->round_end)
		hystart_round(c, e);
	if (cwnd < HYSTART_LOW_WINDOW)
		return;
	int64_t now_us = e->now_ns / 1000;

	if (now_us - c->last_ack_us <= HYSTART_ACK_DELTA_US) {
		c->last_ack_us = now_us;
		if (now_us - c->round_start_us > (c->delay_min_us + hystart_ack_delay_us(e, cwnd, *ssthresh)) / 2) {
			c->found = true;
			*ssthresh = cwnd;
		}
	}
	if (c->curr_rtt_us > us)
		c->curr_rtt_us = us;
	if (c->sample_cnt < HYSTART_MIN_SAMPLES) {
		c->sample_cnt++;
	} else {
		int64_t slack = c->delay_min_us >> 3;

		slack = slack < HYSTART_DELAY_MIN_US ? HYSTART_DELAY_MIN_US
						     : slack > HYSTART_DELAY_MAX_US ? HYSTART_DELAY_MAX_US : slack;
		if (c->curr_rtt_us > c->delay_min_us + slack) {
			c->found = true;
			*ssthresh = cwnd;
		}
	}
}
