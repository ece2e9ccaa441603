#include <criterion/criterion.h>

#include "capture/clock.h"

#define S INT64_C(1000000000)
#define HOUR (3600 * S)
#define DAY0 (INT64_C(1700000000) * S)

static struct live_clock c;

static void init(void)
{
	live_clock_init(&c, DAY0, 100 * S);
}

TestSuite(clock, .init = init);

Test(clock, without_steps_nothing_changes)
{
	cr_assert_eq(live_clock_look(&c, DAY0 + 5 * S, 105 * S), 0);
	cr_assert_eq(live_clock_fix(&c, DAY0 + 4 * S, 105 * S), DAY0 + 4 * S);
	cr_assert_eq(live_clock_now(&c, DAY0 + 5 * S), DAY0 + 5 * S);
}

/* ntpd slews by up to half a millisecond a second */
Test(clock, what_keeps_it_right_is_no_step)
{
	for (int64_t i = 1; i < 10000; i++)
		cr_assert_eq(live_clock_look(&c, DAY0 + i * S + i * 500000, (100 + i) * S), 0);
	cr_assert_eq(live_clock_fix(&c, DAY0, 10100 * S), DAY0);
}

Test(clock, set_ahead_times_go_on)
{
	cr_assert_eq(live_clock_look(&c, DAY0 + HOUR + S, 101 * S), HOUR);
	cr_assert_eq(live_clock_now(&c, DAY0 + HOUR + 2 * S), DAY0 + 2 * S);
	cr_assert_eq(live_clock_fix(&c, DAY0 + HOUR + 2 * S, 102 * S), DAY0 + 2 * S);
	cr_assert_eq(live_clock_fix(&c, DAY0 + HOUR + 20 * S, 120 * S), DAY0 + 20 * S);
}

Test(clock, set_back_times_go_on)
{
	cr_assert_eq(live_clock_look(&c, DAY0 - HOUR + S, 101 * S), -HOUR);
	cr_assert_eq(live_clock_fix(&c, DAY0 - HOUR + 2 * S, 102 * S), DAY0 + 2 * S);
}

Test(clock, packets_stamped_before_the_step_keep_their_time)
{
	live_clock_look(&c, DAY0 + HOUR + S, 101 * S);
	cr_assert_eq(live_clock_fix(&c, DAY0 + S / 2, 101 * S), DAY0 + S / 2);
	cr_assert_eq(live_clock_fix(&c, DAY0 + HOUR + S + 1, 101 * S), DAY0 + S + 1);
}

Test(clock, steps_add_up)
{
	live_clock_look(&c, DAY0 + HOUR + S, 101 * S);
	cr_assert_eq(live_clock_look(&c, DAY0 - HOUR + 10 * S, 110 * S), -2 * HOUR);
	cr_assert_eq(live_clock_fix(&c, DAY0 - HOUR + 20 * S, 120 * S), DAY0 + 20 * S);
}
