#include "core/rtt.h"

#include <criterion/criterion.h>

static const int64_t ms = 1000000;

/* Linux, by hand: SRTT gains an eighth of the error; the deviation a quarter; the RTO adds four deviations, 200 ms at
 * least, and is rounded up to 4 ms. */
Test(rtt, linux_follows_the_window)
{
	struct rtt r = { 0 };

	cr_assert_eq(rtt_rto_ns(&r), 1000 * ms, "RFC 6298 section 2.1");
	cr_assert_not(rtt_known(&r));
	rtt_sample(&r, &stack_linux, 100 * ms, 0, 1000);
	cr_assert_eq(rtt_srtt_ns(&r), 100 * ms);
	cr_assert_eq(rtt_rto_ns(&r), 300 * ms);
	rtt_sample(&r, &stack_linux, 300 * ms, 500, 1500); /* error 200: SRTT 125, 4 x 87.5 */
	cr_assert_eq(rtt_srtt_ns(&r), 125 * ms);
	cr_assert_eq(rtt_rttvar_ns(&r), 87500000);
	cr_assert_eq(rtt_rto_ns(&r), 476 * ms, "475 ms in ticks of 4 ms");
	rtt_sample(&r, &stack_linux, 125 * ms, 1001, 2000); /* the window ends with the same maximum */
	cr_assert_eq(rtt_rto_ns(&r), 476 * ms);
	rtt_sample(&r, &stack_linux, 125 * ms, 2001, 3000); /* a quiet window: a quarter of (350 - 200) less */
	cr_assert_eq(rtt_rto_ns(&r), 440 * ms, "125 + 312.5 ms");
}

Test(rtt, a_falling_rtt_does_not_raise_the_deviation_as_much)
{
	struct rtt up = { 0 }, down = { 0 };

	rtt_sample(&up, &stack_linux, 500 * ms, 0, 1);
	rtt_sample(&down, &stack_linux, 500 * ms, 0, 1);
	rtt_sample(&up, &stack_linux, 1000 * ms, 0, 1);   /* 1000 + (500 - 250) */
	rtt_sample(&down, &stack_linux, 1 * ms, 0, 1);    /* 1000 + (499 - 250) / 8 */
	cr_assert_eq(up.mdev4_us, 1250000);
	cr_assert_eq(down.mdev4_us, 1000000 + 249000 / 8);
}

/* RFC 6298 section 2: RTTVAR = 3/4 RTTVAR + 1/4 |SRTT - R|, SRTT = 7/8 SRTT + 1/8 R. */
Test(rtt, rfc_6298)
{
	static const struct stack fine = { .rto_min_ns = 1000000, .tick_ns = 1000000 };
	struct rtt r = { 0 };

	rtt_sample(&r, &fine, 100 * ms, 0, 0);
	cr_assert_eq(rtt_rto_ns(&r), 300 * ms, "R + 4 x R/2");
	rtt_sample(&r, &fine, 300 * ms, 0, 0);
	cr_assert_eq(rtt_srtt_ns(&r), 125 * ms);
	cr_assert_eq(rtt_rttvar_ns(&r), 87500000);
	cr_assert_eq(rtt_rto_ns(&r), 475 * ms);
	rtt_sample(&r, &fine, 45 * ms, 0, 0); /* 3/4 x 87.5 + 80/4 = 85.625 */
	cr_assert_eq(rtt_srtt_ns(&r), 115 * ms);
	cr_assert_eq(rtt_rttvar_ns(&r), 85625000);
	cr_assert_eq(rtt_rto_ns(&r), 458 * ms, "457.5 ms in ticks of 1 ms");
}

Test(rtt, floors_and_ceilings)
{
	struct rtt fast = { 0 }, slow = { 0 }, zero = { 0 };

	rtt_sample(&fast, &stack_rfc, 1 * ms, 0, 0);
	cr_assert_eq(rtt_rto_ns(&fast), 1000 * ms, "RFC 6298 (2.4): one second at least");
	rtt_sample(&slow, &stack_linux, 100000000 * ms, 0, 0);
	cr_assert_eq(rtt_rto_ns(&slow), 120000 * ms);
	cr_assert_eq(rtt_srtt_ns(&slow), 300000 * ms, "longer samples count as five minutes");
	rtt_sample(&zero, &stack_linux, 0, 0, 0);
	cr_assert(rtt_known(&zero));
	cr_assert_eq(rtt_rto_ns(&zero), 204 * ms, "1 us + 200 ms in ticks of 4 ms");
}
