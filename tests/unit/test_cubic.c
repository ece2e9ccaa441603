#include "core/cubic.h"

#include "core/sender.h"

#include <criterion/criterion.h>

static const int64_t ms = 1000000;

static struct cong_env env_at(int64_t now_ms)
{
	return (struct cong_env){ .now_ns = 1000000 * ms + now_ms * ms, .tick_ns = ms, .mss = 1000, .packets_out = 1000,
				  .rtt_ns = 40 * ms, .srtt_ns = 40 * ms, .flags = ACKED_DATA };
}

/* RFC 9438 section 4.6: beta 0.7; 4.7: fast convergence, W_max x (1 + beta) / 2. */
Test(cubic, reduction)
{
	struct cubic c = { 0 };

	cr_assert_eq(cubic_ssthresh(&c, 100), 70);
	cr_assert_eq(c.last_max_cwnd, 100);
	cr_assert_eq(cubic_ssthresh(&c, 80), 56);
	cr_assert_eq(c.last_max_cwnd, 68, "80 x 0.85");
	cr_assert_eq(cubic_ssthresh(&c, 2), 2, "never below two segments");
}

/* W(t) = C (t - K)^3 + W_max, K = cbrt(W_max (1 - beta) / C): 100 segments, K = cbrt(30 / 0.4) = 4.217 s. */
Test(cubic, growth)
{
	struct cubic c = { 0 };
	struct cong_env e = env_at(0);

	cubic_ssthresh(&c, 100);
	cr_assert_geq(cubic_count(&c, &e, 70, 1), 70, "at first the curve is at the window: it hardly grows");
	cr_assert_float_eq((double)c.k / 1024, 4.217, 0.01);
	e = env_at(4217);
	cr_assert_eq(cubic_count(&c, &e, 70, 1), 70 / 29, "the plateau, all but a segment");
	e = env_at(4217 + 2000);
	cr_assert_eq(cubic_count(&c, &e, 100, 1), 100 / 3, "0.4 x 2^3 = 3.2 segments above it");
	e = env_at(4217 + 5000);
	cr_assert_eq(cubic_count(&c, &e, 100, 1), 2, "0.4 x 5^3 = 50 segments above it");
}

Test(cubic, the_far_future_does_not_overflow)
{
	struct cubic c = { 0 };
	struct cong_env e = env_at(0);

	cubic_ssthresh(&c, 100);
	cubic_count(&c, &e, 70, 1);
	e.now_ns = INT64_C(1) << 61;
	cr_assert_eq(cubic_count(&c, &e, 70, 1), 2);
	e.now_ns = -(INT64_C(1) << 61);
	cr_assert_geq(cubic_count(&c, &e, 71, 1), 2);
}

/* Idle time is no time of growth (RFC 9438 section 4.2). */
Test(cubic, idle_time_moves_the_epoch)
{
	struct cubic c = { 0 }, busy;
	struct cong_env e = env_at(0);

	cubic_ssthresh(&c, 100);
	cubic_count(&c, &e, 70, 1);
	busy = c;
	e = env_at(5000);
	cubic_idle(&c, &e, e.now_ns - 4000 * ms);
	cr_assert_eq(c.epoch_tick, busy.epoch_tick + 4000);
	cr_assert_gt(cubic_count(&c, &e, 80, 1), cubic_count(&busy, &e, 80, 1));
}

/* HyStart: a round whose delay lies an eighth above the least ends slow start. */
Test(cubic, hystart_by_delay)
{
	struct cubic c = { 0 };
	uint32_t ssthresh = CONG_INFINITE;
	struct cong_env e = env_at(0);

	cubic_reset(&c, &e);
	for (int i = 0; i < 20; i++) {
		e = env_at(10 * i);
		e.snd_nxt = 1000;
		cubic_acked(&c, &e, 20, &ssthresh);
	}
	cr_assert_eq(ssthresh, CONG_INFINITE, "the delay does not grow");
	for (int i = 0; i < 20; i++) {
		e = env_at(1000 + 10 * i);
		e.rtt_ns = 47 * ms;
		e.snd_una = 1001;
		e.snd_nxt = 3000;
		cubic_acked(&c, &e, 20 + (uint32_t)i, &ssthresh);
	}
	cr_assert_lt(ssthresh, 32, "40 ms + 40 / 8 < 47 ms: after eight samples");
	cr_assert_geq(ssthresh, 27);
}
