#include "core/ts_clock.h"

#include <criterion/criterion.h>

static const int64_t ms = 1000000, start_ns = 5000000000;

/* A sender whose clock has a tick of `tick_ms`, a segment every 100 ms, queued for up to 30 ms on the way. */
static struct ts_clock run(uint32_t first, int64_t tick_ms, int n)
{
	struct ts_clock c = { 0 };

	for (int i = 0; i < n; i++) {
		int64_t left_ms = 100 * (int64_t)i, queued_ms = i % 4 * 10;
		ts_clock_seen(&c, first + (uint32_t)(left_ms / tick_ms), start_ns + (left_ms + queued_ms) * ms);
	}
	return c;
}

Test(ts_clock, finds_the_tick)
{
	cr_assert_eq(run(7, 1, 40).tick_ns, 1 * ms);
	cr_assert_eq(run(7, 10, 40).tick_ns, 10 * ms);
	cr_assert_eq(run(7, 4, 40).tick_ns, 4 * ms);
	cr_assert_eq(run(7, 500, 100).tick_ns, 500 * ms, "4.4BSD");
}

/* Segments of such a clock must not seem to leave before what let them go: it is believed to be slow at once, and fast
 * only when a second has shown it. */
Test(ts_clock, finds_a_slow_tick_early)
{
	cr_assert_eq(run(7, 10, 4).tick_ns, 10 * ms);
	cr_assert_eq(run(7, 1, 4).tick_ns, 1 * ms);
}

Test(ts_clock, takes_the_queue_out)
{
	struct ts_clock c = run(1000, 1, 41);

	/* the 40th was queued for 0, the 39th for 30 ms: both left when their clock says */
	cr_assert_eq(ts_clock_earliest_ns(&c, 1000 + 3900), start_ns + 3900 * ms);
	cr_assert_eq(ts_clock_earliest_ns(&c, 1000 + 4000), start_ns + 4000 * ms);
	cr_assert_eq(ts_clock_at(&c, start_ns + 2500 * ms), 3500);
}

Test(ts_clock, survives_the_wrap_of_its_numbers)
{
	struct ts_clock c = run(0xfffff000, 1, 60); /* wraps after 4.1 s */

	cr_assert_eq(c.tick_ns, 1 * ms);
	cr_assert_eq(ts_clock_earliest_ns(&c, 0xfffff000 + 5000), start_ns + 5000 * ms);
}

Test(ts_clock, begins_anew_when_it_goes_back)
{
	struct ts_clock c = run(100000, 1, 40);

	ts_clock_seen(&c, 50, start_ns + 10000 * ms);
	cr_assert_eq(ts_clock_earliest_ns(&c, 50), start_ns + 10000 * ms);
	cr_assert_eq(ts_clock_earliest_ns(&c, 60), start_ns + 10010 * ms);
}
