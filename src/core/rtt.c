#include "core/rtt.h"

/* Linux's ceiling (RFC 6298 section 2.5 asks for 60 s at least) */
static const int64_t max_rto_ns = 120 * 1000000000LL;

/* The mean deviation moves by a quarter of the error, but only by a 32nd when the sample is well below the mean:
 * a falling RTT must not raise the timeout. */
static void rtt_deviate(struct rtt *r, int64_t error_us)
{
	int64_t step;

	if (error_us < 0) {
		step = -error_us - (int64_t)(r->mdev4_us >> 2);
		if (step > 0)
			step >>= 3;
	} else {
		step = error_us - (int64_t)(r->mdev4_us >> 2);
	}
	r->mdev4_us = (uint32_t)((int64_t)r->mdev4_us + step);
}

static void rtt_sample_windowed(struct rtt *r, int64_t us, uint32_t floor_us, uint64_t snd_una, uint64_t snd_nxt)
{
	if (!r->srtt8_us) {
		r->srtt8_us = (uint32_t)(us << 3);
		r->mdev4_us = (uint32_t)(us << 1);
		r->rttvar4_us = r->mdev4_us > floor_us ? r->mdev4_us : floor_us;
		r->mdev_max4_us = r->rttvar4_us;
		r->window_mark = snd_nxt;
		return;
	}
	int64_t error = us - (int64_t)(r->srtt8_us >> 3);

	r->srtt8_us = (uint32_t)((int64_t)r->srtt8_us + error);
	rtt_deviate(r, error);
	if (r->mdev4_us > r->mdev_max4_us) {
		r->mdev_max4_us = r->mdev4_us;
		if (r->mdev_max4_us > r->rttvar4_us)
			r->rttvar4_us = r->mdev_max4_us;
	}
	if (snd_una > r->window_mark) {
		if (r->mdev_max4_us < r->rttvar4_us)
			r->rttvar4_us -= (r->rttvar4_us - r->mdev_max4_us) >> 2;
		r->window_mark = snd_nxt;
		r->mdev_max4_us = floor_us;
	}
}

/* RFC 6298 section 2: alpha 1/8, beta 1/4. */
static void rtt_sample_rfc(struct rtt *r, int64_t us)
{
	if (!r->srtt8_us) {
		r->srtt8_us = (uint32_t)(us << 3);
		r->rttvar4_us = (uint32_t)(us << 1);
		return;
	}
	int64_t error = us - (int64_t)(r->srtt8_us >> 3), size = error < 0 ? -error : error;

	r->rttvar4_us = (uint32_t)((int64_t)r->rttvar4_us + size - (int64_t)(r->rttvar4_us >> 2));
	r->srtt8_us = (uint32_t)((int64_t)r->srtt8_us + error);
}

static int64_t rto_of(const struct rtt *r, const struct stack *stack)
{
	int64_t rto = ((int64_t)(r->srtt8_us >> 3) + r->rttvar4_us) * 1000;

	rto = (rto + stack->tick_ns - 1) / stack->tick_ns * stack->tick_ns;
	if (!stack->windowed_mdev && rto < stack->rto_min_ns)
		rto = stack->rto_min_ns;
	return rto < max_rto_ns ? rto : max_rto_ns;
}

void rtt_sample(struct rtt *r, const struct stack *stack, int64_t sample_ns, uint64_t snd_una, uint64_t snd_nxt)
{
	int64_t us = sample_ns / 1000;

	if (us < 1)
		us = 1;
	if (us > 300 * 1000000LL) /* keeps the scaled fields within 32 bits */
		us = 300 * 1000000LL;
	if (stack->windowed_mdev)
		rtt_sample_windowed(r, us, (uint32_t)(stack->rto_min_ns / 1000), snd_una, snd_nxt);
	else
		rtt_sample_rfc(r, us);
	if (!r->srtt8_us)
		r->srtt8_us = 1;
	r->rto_ns = rto_of(r, stack);
}
