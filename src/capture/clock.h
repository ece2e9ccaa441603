/* Times of packets that go on when the clock of the system is set.
 *
 * The kernel stamps packets with the time of day. When that is set, all timers would be wrong: durations negative or
 * hours long. So the time of day is compared with a clock that nobody sets, and what it jumped by is taken off again.
 * Pure: the caller reads the clocks. Nanoseconds. */
#ifndef TCPSTAT_CLOCK_H
#define TCPSTAT_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

enum { CLOCK_STEP_NS = 200000000 };     /* less is how a clock is kept right, not a step */

struct live_clock {
	int64_t offset_ns;              /* time of day less steady time, at the last look */
	int64_t correction_ns;          /* to be added to the kernel's times */
	int64_t before_ns;              /* the correction before the last step */
	int64_t step_at_ns;             /* steady time of the last step; 0: none yet */
};

/* `day_ns`: CLOCK_REALTIME; `steady_ns`: CLOCK_BOOTTIME, both read now. */
static inline void live_clock_init(struct live_clock *c, int64_t day_ns, int64_t steady_ns)
{
	*c = (struct live_clock){ .offset_ns = day_ns - steady_ns };
}

/* How far the time of day jumped ahead since the last look; 0: it did not. */
static inline int64_t live_clock_look(struct live_clock *c, int64_t day_ns, int64_t steady_ns)
{
	int64_t step = day_ns - steady_ns - c->offset_ns;

	c->offset_ns += step;
	if (step < CLOCK_STEP_NS && step > -CLOCK_STEP_NS)
		return 0;
	c->before_ns = c->correction_ns;
	c->correction_ns -= step;
	c->step_at_ns = steady_ns;
	return step;
}

/* The time of day as it would be without steps. */
static inline int64_t live_clock_now(const struct live_clock *c, int64_t day_ns)
{
	return day_ns + c->correction_ns;
}

/* A packet's time, corrected. Shortly after a step packets come that were stamped before it: they lie near the present
 * with the correction of then. */
static inline int64_t live_clock_fix(const struct live_clock *c, int64_t ts_ns, int64_t steady_ns)
{
	int64_t now = steady_ns + c->offset_ns + c->correction_ns, after, before;

	if (!c->step_at_ns || steady_ns - c->step_at_ns > INT64_C(5000000000))
		return ts_ns + c->correction_ns;
	after = now - (ts_ns + c->correction_ns);
	before = now - (ts_ns + c->before_ns);
	after = after < 0 ? -after : after;
	before = before < 0 ? -before : before;
	return ts_ns + (before < after ? c->before_ns : c->correction_ns);
}

#endif
