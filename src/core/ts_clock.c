#include "core/ts_clock.h"

#include "core/seq.h"

static const int64_t window_length_ns = 10000000000LL;
static const int64_t tick_max_ns = 1000000000; /* RFC 7323 section 5.4: a tick lasts a second at most */

static int64_t clock_ns(const struct ts_clock *c, uint32_t ts_val)
{
	return (int64_t)seq_diff(ts_val, c->base) * c->tick_ns;
}

/* The usual ticks: what a second or more of the clock's run shows decides, and a fifth of it that the clock is slower
 * than it was taken for. That may be a queue that grows as well; but then segments only seem to leave when they are
 * captured, while a slow clock that is taken for a fast one makes them leave before what let them go. */
static int64_t tick_of(int64_t elapsed_ns, int32_t ticks)
{
	static const int64_t usual_ns[] = { 1000, 1000000, 4000000, 10000000, 100000000, 500000000 };
	double tick = (double)elapsed_ns / ticks;

	for (unsigned i = 0; i < sizeof usual_ns / sizeof *usual_ns; i++)
		if (tick > 0.8 * (double)usual_ns[i] && tick < 1.25 * (double)usual_ns[i])
			return usual_ns[i];
	return (int64_t)tick;
}

static void restart(struct ts_clock *c, uint32_t ts_val, int64_t now_ns)
{
	c->base = ts_val;
	c->start_ns = c->window_ns = now_ns;
	c->min_ns = c->last_min_ns = now_ns;
	c->newest = ts_val;
}

void ts_clock_seen(struct ts_clock *c, uint32_t ts_val, int64_t now_ns)
{
	if (!c->started) {
		*c = (struct ts_clock){ .started = true, .tick_ns = 1000000 };
		restart(c, ts_val, now_ns);
		return;
	}
	int32_t ticks = seq_diff(ts_val, c->base);
	int64_t elapsed_ns = now_ns - c->start_ns;

	if (ticks > 0 && elapsed_ns >= 200000000 && seq_diff(ts_val, c->newest) > 0) {
		int64_t tick_ns = tick_of(elapsed_ns, ticks);

		if (tick_ns > 0 && tick_ns <= tick_max_ns && (tick_ns > 2 * c->tick_ns ||
		    (elapsed_ns >= 1000000000 && 2 * tick_ns < c->tick_ns))) {
			c->tick_ns = tick_ns;
			restart(c, ts_val, now_ns);
			return;
		}
	}
	if (ticks < 0 || ticks > 0x3fffffff) {
		restart(c, ts_val, now_ns);
		return;
	}
	if (seq_diff(ts_val, c->newest) > 0)
		c->newest = ts_val;
	int64_t off_ns = now_ns - clock_ns(c, ts_val);

	if (now_ns - c->window_ns > window_length_ns) {
		/* clocks drift: an old minimum is not for ever */
		c->last_min_ns = c->min_ns;
		c->min_ns = off_ns;
		c->window_ns = now_ns;
	}
	if (off_ns < c->min_ns)
		c->min_ns = off_ns;
}

int64_t ts_clock_earliest_ns(const struct ts_clock *c, uint32_t ts_val)
{
	return clock_ns(c, ts_val) + (c->min_ns < c->last_min_ns ? c->min_ns : c->last_min_ns);
}

uint32_t ts_clock_at(const struct ts_clock *c, int64_t now_ns)
{
	int64_t off_ns = c->min_ns < c->last_min_ns ? c->min_ns : c->last_min_ns;
	int64_t ticks = (now_ns - off_ns) / c->tick_ns;

	return c->base + (uint32_t)ticks;
}
