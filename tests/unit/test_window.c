#include "core/window.h"

#include "observe.h"

#include <criterion/criterion.h>

static const int64_t MS = 1000000;

static struct observe o;
static struct window w;
static int64_t half_ns[2];

static void setup(void)
{
	observe_init(&o);
	memset(&w, 0, sizeof w);
	half_ns[C] = half_ns[S] = TCPSTAT_NULL;
}

static void teardown(void)
{
	window_fini(&w, &o.budget);
	cr_assert_eq(o.budget.used, 0);
}

TestSuite(window, .init = setup, .fini = teardown);

static enum window_class feed(enum tcpstat_dir dir, int64_t ms, uint16_t flags, uint32_t seq, uint32_t len,
	uint32_t ack, uint16_t wnd)
{
	struct segment s = observe_segment(&o, dir, ms, flags, seq, len, ack, wnd);

	return window_segment(&w, &o.budget, &s, half_ns, &o.emitter);
}

static enum window_class feed_ts(enum tcpstat_dir dir, int64_t ms, uint16_t flags, uint32_t seq, uint32_t len,
	uint32_t ack, uint16_t wnd, uint32_t ts_val, uint32_t ts_ecr)
{
	struct segment s = observe_segment(&o, dir, ms, flags, seq, len, ack, wnd);

	observe_timestamps(&o, ts_val, ts_ecr);
	return window_segment(&w, &o.budget, &s, half_ns, &o.emitter);
}

static struct tcpstat_half half(enum tcpstat_dir dir)
{
	static struct tcpstat_conn conn;

	window_snapshot(&w, &conn);
	return conn.half[dir];
}

static void handshake(void)
{
	feed(C, 0, TH_SYN, 0, 0, 0, 65535);
	feed(S, 1, TH_SYN | TH_ACK, 0, 0, 1, 65535);
	feed(C, 2, TH_ACK, 1, 0, 1, 1000);
	cr_assert_eq(o.n_events, 0);
}

static void assert_window(unsigned i, enum tcpstat_window_what what, enum tcpstat_dir dir, int64_t bytes)
{
	cr_assert_lt(i, o.n_events);
	cr_assert_eq(o.event[i].type, TCPSTAT_EV_WINDOW, "event %u", i);
	cr_assert_eq(o.event[i].window.what, what, "event %u: %s", i, tcpstat_window_what_name(o.event[i].window.what));
	cr_assert_eq(o.event[i].dir, dir);
	cr_assert_eq(o.event[i].window.rwnd_bytes, bytes, "event %u: %lld", i, (long long)o.event[i].window.rwnd_bytes);
}

static void assert_keepalive(unsigned i, enum tcpstat_keepalive_what what, enum tcpstat_dir dir, uint32_t count)
{
	cr_assert_lt(i, o.n_events);
	cr_assert_eq(o.event[i].type, TCPSTAT_EV_KEEPALIVE, "event %u", i);
	cr_assert_eq(o.event[i].keepalive.what, what, "event %u", i);
	cr_assert_eq(o.event[i].dir, dir);
	cr_assert_eq(o.event[i].keepalive.count, count, "event %u: %u", i, o.event[i].keepalive.count);
}

Test(window, extremes_leave_the_syn_out)
{
	o.scale = 2;
	handshake();
	feed(C, 3, TH_ACK, 1, 100, 1, 900);
	feed(C, 4, TH_ACK, 101, 100, 1, 1100);
	feed(C, 5, TH_RST | TH_ACK, 201, 0, 1, 0);
	cr_assert_eq(half(C).rwnd.min_bytes, 3600);
	cr_assert_eq(half(C).rwnd.max_bytes, 4400);
	cr_assert_eq(half(C).rwnd.last_bytes, 4400);
	cr_assert_eq(half(C).rwnd.zero_count, 0);
	/* the server said nothing but its SYN */
	cr_assert_eq(half(S).rwnd.min_bytes, TCPSTAT_NULL);
}

Test(window, an_unknown_scale_is_no_window)
{
	o.no_scale_known = true;
	feed(C, 0, TH_ACK, 1, 100, 1, 900);
	feed(S, 1, TH_ACK, 1, 0, 101, 500);
	feed(S, 2, TH_ACK, 1, 0, 101, 800);
	cr_assert_eq(o.n_events, 1);
	assert_window(0, TCPSTAT_WINDOW_UPDATE, S, TCPSTAT_NULL);
	cr_assert_eq(half(S).rwnd.max_bytes, TCPSTAT_NULL);
	cr_assert_eq(half(S).rwnd.last_bytes, TCPSTAT_NULL);
	/* but zero is zero on any scale */
	feed(S, 3, TH_ACK, 1, 0, 101, 0);
	assert_window(1, TCPSTAT_WINDOW_ZERO, S, 0);
	cr_assert_eq(half(S).rwnd.min_bytes, 0);
	cr_assert_eq(half(S).rwnd.last_bytes, 0);
}

/* 3,000 bytes into a window of 3,000, which the server's application does not read. */
static void fill_up(void)
{
	handshake();
	feed(S, 3, TH_ACK, 1, 0, 1, 3000);
	feed(C, 4, TH_ACK, 1, 1500, 1, 1000);
	feed(C, 5, TH_ACK, 1501, 1500, 1, 1000);
	feed(S, 10, TH_ACK, 1, 0, 3001, 0);
	cr_assert_eq(o.n_events, 2);
	assert_window(0, TCPSTAT_WINDOW_FULL, C, 3000);
	assert_window(1, TCPSTAT_WINDOW_ZERO, S, 0);
}

Test(window, an_episode_of_zero_windows)
{
	fill_up();
	feed(S, 20, TH_ACK, 1, 0, 3001, 0);
	feed(S, 40, TH_ACK, 1, 0, 3001, 2000);
	cr_assert_eq(o.n_events, 3);
	assert_window(2, TCPSTAT_WINDOW_UPDATE, S, 2000);
	feed(S, 60, TH_ACK, 1, 0, 3001, 0);
	assert_window(3, TCPSTAT_WINDOW_ZERO, S, 0);
	feed(C, 90, TH_ACK, 3001, 0, 1, 1000);
	cr_assert_eq(half(S).rwnd.zero_count, 2);
	cr_assert_eq(half(S).rwnd.zero_ns, 60 * MS);    /* 10 to 40, and from 60 on */
	cr_assert_eq(half(S).rwnd.min_bytes, 0);
	cr_assert_eq(half(C).rwnd.zero_count, 0);
}

Test(window, copies_and_resets_begin_no_episode)
{
	fill_up();
	feed(S, 40, TH_ACK, 1, 0, 3001, 2000);
	struct segment s = observe_segment(&o, S, 41, TH_ACK, 1, 0, 3001, 0);
	s.copy = true;
	window_segment(&w, &o.budget, &s, half_ns, &o.emitter);
	feed(S, 42, TH_ACK | TH_RST, 1, 0, 3001, 0);
	cr_assert_eq(half(S).rwnd.zero_count, 1);
}

Test(window, probes_and_their_answers)
{
	fill_up();
	cr_assert_eq(feed(C, 210, TH_ACK, 3000, 0, 1, 1000), WINDOW_IS_PROBE);
	cr_assert_eq(feed(S, 215, TH_ACK, 1, 0, 3001, 0), WINDOW_PLAIN);
	cr_assert_eq(feed(C, 610, TH_ACK, 3000, 0, 1, 1000), WINDOW_IS_PROBE);
	feed(S, 615, TH_ACK, 1, 0, 3001, 2000);
	feed(S, 616, TH_ACK, 1, 0, 3001, 2000);
	cr_assert_eq(o.n_events, 7);
	assert_window(2, TCPSTAT_WINDOW_PROBE, C, 0);
	assert_window(3, TCPSTAT_WINDOW_PROBE_ACK, S, 0);
	assert_window(4, TCPSTAT_WINDOW_PROBE, C, 0);
	assert_window(5, TCPSTAT_WINDOW_PROBE_ACK, S, 2000);
	assert_window(6, TCPSTAT_WINDOW_UPDATE, S, 2000);
	cr_assert_eq(half(C).zero_window_probes, 2);
	cr_assert_eq(half(C).keepalives, 0);
}

Test(window, a_probe_of_one_new_byte)
{
	fill_up();
	cr_assert_eq(feed(C, 210, TH_ACK, 3001, 1, 1, 1000), WINDOW_IS_PROBE);
	cr_assert_eq(feed(C, 610, TH_ACK, 3001, 1, 1, 1000), WINDOW_IS_PROBE);
	feed(S, 615, TH_ACK, 1, 0, 3002, 2000);
	cr_assert_eq(feed(C, 616, TH_ACK, 3002, 1, 1, 1000), WINDOW_PLAIN);
	cr_assert_eq(half(C).zero_window_probes, 2);
}

Test(window, a_keepalive_before_any_data)
{
	handshake();
	cr_assert_eq(feed(C, 5002, TH_ACK, 0, 0, 1, 1000), WINDOW_IS_KEEPALIVE);
	feed(S, 5003, TH_ACK, 1, 0, 1, 3000);
	cr_assert_eq(o.n_events, 2);
	assert_keepalive(0, TCPSTAT_KEEPALIVE_PROBE, C, 1);
	assert_keepalive(1, TCPSTAT_KEEPALIVE_ACK, S, 1);
	cr_assert_eq(half(C).keepalives, 1);
}

Test(window, keepalives_without_answer_are_numbered)
{
	handshake();
	feed(C, 3, TH_ACK, 1, 500, 1, 1000);
	feed(S, 4, TH_ACK, 1, 0, 501, 3000);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(feed(C, 1000 * (i + 1), TH_ACK, 500, 0, 1, 1000), WINDOW_IS_KEEPALIVE);
	feed(S, 3010, TH_ACK, 1, 0, 501, 3000);
	cr_assert_eq(feed(C, 4000, TH_ACK, 500, 0, 1, 1000), WINDOW_IS_KEEPALIVE);
	cr_assert_eq(o.n_events, 5);
	assert_keepalive(0, TCPSTAT_KEEPALIVE_PROBE, C, 1);
	assert_keepalive(2, TCPSTAT_KEEPALIVE_PROBE, C, 3);
	assert_keepalive(3, TCPSTAT_KEEPALIVE_ACK, S, 3);
	assert_keepalive(4, TCPSTAT_KEEPALIVE_PROBE, C, 1);
}

Test(window, both_sides_keep_alive)
{
	handshake();
	feed(C, 3, TH_ACK, 1, 500, 1, 1000);
	feed(S, 4, TH_ACK, 1, 500, 501, 3000);
	feed(C, 5, TH_ACK, 501, 0, 501, 1000);
	cr_assert_eq(feed(C, 1000, TH_ACK, 500, 0, 501, 1000), WINDOW_IS_KEEPALIVE);
	cr_assert_eq(feed(S, 1000, TH_ACK, 500, 0, 501, 3000), WINDOW_IS_KEEPALIVE);
	cr_assert_eq(o.n_events, 2);
	assert_keepalive(1, TCPSTAT_KEEPALIVE_PROBE, S, 1);
	feed(S, 1001, TH_ACK, 501, 0, 501, 3000);
	assert_keepalive(2, TCPSTAT_KEEPALIVE_ACK, S, 1);
	feed(C, 1001, TH_ACK, 501, 0, 501, 1000);
	assert_keepalive(3, TCPSTAT_KEEPALIVE_ACK, C, 1);
}

Test(window, keepalives_of_one_byte)
{
	handshake();
	feed(C, 3, TH_ACK, 1, 500, 1, 1000);
	feed(S, 4, TH_ACK, 1, 0, 501, 3000);
	cr_assert_eq(feed(C, 7200000, TH_ACK, 500, 1, 1, 1000), WINDOW_IS_KEEPALIVE);
}

Test(window, a_byte_sent_alone_and_again_is_no_keepalive)
{
	handshake();
	feed(C, 3, TH_ACK, 1, 1, 1, 1000);
	feed(S, 4, TH_ACK, 1, 0, 2, 3000);              /* lost beyond the capture */
	cr_assert_eq(feed(C, 230, TH_ACK, 1, 1, 1, 1000), WINDOW_PLAIN);
	feed(S, 231, TH_ACK, 1, 0, 2, 3000);
	cr_assert_eq(feed(C, 75000, TH_ACK, 1, 1, 1, 1000), WINDOW_IS_KEEPALIVE);
	cr_assert_eq(feed(C, 76000, TH_ACK, 1, 1, 1, 1000), WINDOW_IS_KEEPALIVE);
}

Test(window, a_late_ack_is_no_keepalive)
{
	handshake();
	feed_ts(C, 3, TH_ACK, 1, 1, 1, 1000, 50, 1);
	feed_ts(S, 4, TH_ACK, 1, 0, 2, 3000, 60, 50);
	/* sent before the byte, overtaken by it */
	cr_assert_eq(feed_ts(C, 5, TH_ACK, 1, 0, 1, 1000, 49, 1), WINDOW_PLAIN);
	cr_assert_eq(feed_ts(C, 6, TH_ACK, 1, 0, 1, 1000, 50, 1), WINDOW_PLAIN);
	cr_assert_eq(feed_ts(C, 5006, TH_ACK, 1, 0, 1, 1000, 5050, 60), WINDOW_IS_KEEPALIVE);
}

Test(window, an_update_under_way_has_not_arrived)
{
	fill_up();
	half_ns[C] = 20 * MS;
	/* the update passed 5 ms ago, 20 are needed */
	feed(S, 205, TH_ACK, 1, 0, 3001, 2000);
	cr_assert_eq(feed(C, 210, TH_ACK, 3000, 0, 1, 1000), WINDOW_IS_PROBE);
}

Test(window, a_zero_window_under_way_has_not_arrived)
{
	handshake();
	half_ns[C] = 20 * MS;
	feed(C, 3, TH_ACK, 1, 500, 1, 1000);
	feed(S, 4, TH_ACK, 1, 0, 501, 3000);
	feed(S, 4998, TH_ACK, 1, 0, 501, 0);
	cr_assert_eq(feed(C, 5003, TH_ACK, 500, 0, 1, 1000), WINDOW_IS_KEEPALIVE);
}

Test(window, a_lost_update_told_by_timestamps)
{
	feed_ts(C, 0, TH_SYN, 0, 0, 0, 65535, 1, 0);
	feed_ts(S, 1, TH_SYN | TH_ACK, 0, 0, 1, 65535, 101, 1);
	feed_ts(C, 2, TH_ACK, 1, 3000, 1, 1000, 2, 101);
	feed_ts(S, 10, TH_ACK, 1, 0, 3001, 0, 110, 2);
	feed_ts(S, 20, TH_ACK, 1, 0, 3001, 2000, 120, 2);
	/* the last that its sender heard is of 110 */
	cr_assert_eq(feed_ts(C, 210, TH_ACK, 3000, 0, 1, 1000, 210, 110), WINDOW_IS_PROBE);
	/* and here of 120 */
	cr_assert_eq(feed_ts(C, 9210, TH_ACK, 3000, 0, 1, 1000, 9210, 120), WINDOW_IS_KEEPALIVE);
}

Test(window, two_changes_that_did_not_arrive)
{
	feed_ts(C, 2, TH_ACK, 1, 3000, 1, 1000, 2, 101);
	feed_ts(S, 10, TH_ACK, 1, 0, 3001, 0, 110, 2);
	feed_ts(S, 20, TH_ACK, 1, 0, 3001, 2000, 120, 2);
	feed_ts(S, 30, TH_ACK, 1, 0, 3001, 0, 130, 2);
	cr_assert_eq(feed_ts(C, 210, TH_ACK, 3000, 0, 1, 1000, 210, 110), WINDOW_IS_PROBE);
	cr_assert_eq(feed_ts(C, 410, TH_ACK, 3000, 0, 1, 1000, 410, 120), WINDOW_IS_KEEPALIVE);
	cr_assert_eq(feed_ts(C, 610, TH_ACK, 3000, 0, 1, 1000, 610, 130), WINDOW_IS_PROBE);
	cr_assert_eq(feed_ts(C, 810, TH_ACK, 3000, 0, 1, 1000, 810, 105), WINDOW_IS_KEEPALIVE);
}

Test(window, a_lost_update_told_by_the_probes_that_go_on)
{
	fill_up();
	half_ns[C] = 20 * MS;
	cr_assert_eq(feed(C, 210, TH_ACK, 3000, 0, 1, 1000), WINDOW_IS_PROBE);
	feed(S, 215, TH_ACK, 1, 0, 3001, 2000);
	cr_assert_eq(feed(C, 610, TH_ACK, 3000, 0, 1, 1000), WINDOW_IS_PROBE);
	feed(S, 615, TH_ACK, 1, 0, 3001, 2000);
	feed(C, 640, TH_ACK, 3001, 700, 1, 1000);
	feed(S, 641, TH_ACK, 1, 0, 3701, 2000);
	cr_assert_eq(feed(C, 9000, TH_ACK, 3700, 0, 1, 1000), WINDOW_IS_KEEPALIVE);
}

Test(window, what_is_no_update)
{
	handshake();
	feed(C, 3, TH_ACK, 1, 500, 1, 1000);
	feed(S, 4, TH_ACK, 1, 0, 501, 3000);            /* acknowledges */
	feed(S, 5, TH_ACK, 1, 0, 501, 3000);            /* the same */
	feed(S, 6, TH_ACK, 1, 10, 501, 3100);           /* data */
	struct segment s = observe_segment(&o, S, 7, TH_ACK, 11, 0, 501, 3200);
	s.n_sack = 1;
	window_segment(&w, &o.budget, &s, half_ns, &o.emitter);
	cr_assert_eq(o.n_events, 0);
}

Test(window, the_right_edge_moves_left)
{
	o.scale = 4;
	handshake();
	feed(C, 3, TH_ACK, 1, 500, 1, 1000);
	feed(S, 4, TH_ACK, 1, 0, 501, 500);             /* edge 501 + 8000 */
	feed(C, 5, TH_ACK, 501, 25, 1, 1000);
	feed(S, 6, TH_ACK, 1, 0, 526, 498);             /* 526 + 7968: 7 less, which 16 cannot express */
	cr_assert_eq(o.n_events, 0);
	feed(S, 7, TH_ACK, 1, 0, 526, 400);
	cr_assert_eq(o.n_events, 1);
	assert_window(0, TCPSTAT_WINDOW_SHRINK, S, 6400);
	feed(S, 8, TH_ACK, 1, 0, 526, 400);
	cr_assert_eq(o.n_events, 1);
}

Test(window, a_late_ack_shrinks_nothing)
{
	feed_ts(C, 3, TH_ACK, 1, 500, 1, 1000, 1, 1);
	feed_ts(S, 5, TH_ACK, 1, 0, 501, 3000, 20, 1);
	feed_ts(S, 5, TH_ACK, 1, 0, 501, 2000, 19, 1);
	feed_ts(S, 5, TH_ACK, 1, 0, 1, 2000, 18, 1);
	cr_assert_eq(o.n_events, 0);
	cr_assert_eq(half(S).rwnd.last_bytes, 3000);
}

Test(window, without_memory_nothing_is_said)
{
	o.budget.limit = 0;
	handshake();
	feed(S, 3, TH_ACK, 1, 0, 1, 0);
	cr_assert_eq(o.n_events, 0);
	cr_assert_eq(half(S).rwnd.zero_count, 0);
	cr_assert_eq(half(S).rwnd.min_bytes, TCPSTAT_NULL);
}

/* Windows of 500 units, a flight of 20,000 bytes: the scale is 6 at least. */
Test(window, the_flight_shows_a_scale)
{
	o.no_scale_known = true;
	feed(S, 0, TH_ACK, 1, 0, 1, 400);
	feed(S, 1, TH_ACK, 1, 0, 1, 500);
	for (uint32_t i = 0; i < 20; i++)
		feed(C, 2 + i, TH_ACK, 1 + i * 1000, 1000, 1, 900);
	struct tcpstat_half h = half(S);
	cr_assert_eq(h.rwnd.wscale_min, 6, "%lld", (long long)h.rwnd.wscale_min);
	cr_assert_eq(h.rwnd.exact, 0);
	cr_assert_eq(h.rwnd.min_bytes, 400 << 6);
	cr_assert_eq(h.rwnd.max_bytes, 500 << 6);
	cr_assert_eq(h.rwnd.last_bytes, 500 << 6);
	cr_assert_eq(h.rwnd.shrink_count, TCPSTAT_NULL);
	/* the client's window was never put to the test */
	cr_assert_eq(half(C).rwnd.exact, TCPSTAT_NULL);
	cr_assert_eq(half(C).rwnd.max_bytes, TCPSTAT_NULL);
}

Test(window, a_flight_within_the_window_shows_no_scale)
{
	o.no_scale_known = true;
	feed(S, 0, TH_ACK, 1, 0, 1, 30000);
	for (uint32_t i = 0; i < 20; i++)
		feed(C, 2 + i, TH_ACK, 1 + i * 1000, 1000, 1, 900);
	cr_assert_eq(half(S).rwnd.wscale_min, TCPSTAT_NULL);
	cr_assert_eq(half(S).rwnd.max_bytes, TCPSTAT_NULL);
}

Test(window, known_scales_are_exact)
{
	o.scale = 7;
	handshake();
	cr_assert_eq(half(C).rwnd.exact, 1);
	cr_assert_eq(half(C).rwnd.wscale_min, TCPSTAT_NULL);
	cr_assert_eq(half(C).rwnd.shrink_count, 0);
	cr_assert_eq(half(S).rwnd.exact, TCPSTAT_NULL);
}

/* The application reads a few bytes at a time, and each time the window opens by as little. */
Test(window, silly_windows)
{
	handshake();
	feed(S, 3, TH_ACK, 1, 0, 1, 3000);
	feed(C, 4, TH_ACK, 1, 1500, 1, 1000);
	feed(C, 5, TH_ACK, 1501, 1500, 1, 1000);
	feed(S, 10, TH_ACK, 1, 0, 3001, 0);
	o.n_events = 0;
	feed(S, 20, TH_ACK, 1, 0, 3001, 100);
	cr_assert_eq(o.n_events, 2);
	assert_window(0, TCPSTAT_WINDOW_UPDATE, S, 100);
	assert_window(1, TCPSTAT_WINDOW_SILLY, S, 100);
	feed(S, 30, TH_ACK, 1, 0, 3001, 200);
	cr_assert_eq(o.n_events, 3); /* one event for all of them */
	feed(S, 40, TH_ACK, 1, 0, 3001, 3000);
	cr_assert_eq(half(S).rwnd.silly_count, 2);
	cr_assert_eq(half(C).rwnd.silly_count, 0);
}
