#include "core/dupack.h"

#include "core/copy.h"
#include "observe.h"

#include <criterion/criterion.h>

static struct observe o;
static struct dupack d;

static void setup(void)
{
	observe_init(&o);
	memset(&d, 0, sizeof d);
}

TestSuite(dupack, .init = setup);

static void feed(enum tcpstat_dir dir, uint16_t flags, uint32_t seq, uint32_t len, uint32_t ack, uint16_t wnd)
{
	struct segment s = observe_segment(&o, dir, o.frame, flags, seq, len, ack, wnd);

	dupack_segment(&d, &s, &o.emitter);
}

/* Five segments of which the server acknowledged the first. */
static void five_segments(void)
{
	feed(C, TH_SYN, 0, 0, 0, 65535);
	feed(S, TH_SYN | TH_ACK, 0, 0, 1, 65535);
	feed(C, TH_ACK, 1, 0, 1, 500);
	for (int i = 0; i < 5; i++)
		feed(C, TH_ACK, 1 + i * 1000, 1000, 1, 500);
	feed(S, TH_ACK, 1, 0, 1001, 400);
}

static struct tcpstat_half half(enum tcpstat_dir dir)
{
	static struct tcpstat_conn conn;

	dupack_snapshot(&d, &conn);
	return conn.half[dir];
}

Test(dupack, a_run_is_counted)
{
	five_segments();
	cr_assert_eq(o.n_events, 0);
	for (int i = 0; i < 4; i++)
		feed(S, TH_ACK, 1, 0, 1001, 400);
	cr_assert_eq(o.n_events, 4);
	for (uint32_t i = 0; i < 4; i++) {
		cr_assert_eq(o.event[i].type, TCPSTAT_EV_DUP_ACK);
		cr_assert_eq(o.event[i].dir, TCPSTAT_S2C);
		cr_assert_eq(o.event[i].conn, 7);
		cr_assert_eq(o.event[i].frame, 10 + i);
		cr_assert_eq(o.event[i].dup_ack.ack, 2001);
		cr_assert_eq(o.event[i].dup_ack.run, i + 1);
	}
	/* the next number starts a new run */
	feed(S, TH_ACK, 1, 0, 3001, 400);
	feed(S, TH_ACK, 1, 0, 3001, 400);
	cr_assert_eq(o.n_events, 5);
	cr_assert_eq(o.event[4].dup_ack.run, 1);
	cr_assert_eq(half(S).dup_acks, 5);
	cr_assert_eq(half(S).dup_ack_runs_3, 1);
	cr_assert_eq(half(C).dup_acks, 0);
}

Test(dupack, what_is_none)
{
	five_segments();
	feed(S, TH_ACK, 1, 0, 1001, 401);               /* another window */
	feed(S, TH_ACK | TH_FIN, 1, 0, 1001, 401);
	feed(S, TH_ACK | TH_RST, 1, 0, 1001, 401);
	feed(S, TH_ACK, 1, 100, 1001, 401);             /* data */
	feed(S, TH_ACK, 101, 0, 1, 401);                /* less than the greatest */
	feed(C, TH_ACK, 5001, 0, 101, 500);             /* the first of its kind */
	feed(C, TH_ACK, 5001, 0, 101, 500);             /* nothing of the server is outstanding */
	cr_assert_eq(o.n_events, 0);
	cr_assert_eq(half(S).dup_acks, 0);
}

Test(dupack, nothing_outstanding)
{
	five_segments();
	feed(S, TH_ACK, 1, 0, 5001, 400);
	feed(S, TH_ACK, 1, 0, 5001, 400);
	cr_assert_eq(o.n_events, 0);
}

Test(dupack, a_keepalive_is_none)
{
	five_segments();
	feed(C, TH_ACK, 5001, 0, 1, 500);
	feed(S, TH_ACK, 1, 100, 5001, 400);
	/* the client at its SND.UNA - 1, while the server's data is under way */
	feed(C, TH_ACK, 5000, 0, 1, 500);
	cr_assert_eq(o.n_events, 0);
	feed(C, TH_ACK, 5001, 0, 1, 500);
	cr_assert_eq(o.n_events, 1);
}

Test(dupack, copies_are_none)
{
	struct copy copy = { 0 };

	five_segments();
	for (int i = 0; i < 4; i++) {
		struct segment s = observe_segment(&o, S, 100 + i, TH_ACK, 1, 0, 1001, 400);
		o.view.has_ip_id = true;
		o.view.ip_id = 50 + i / 2;
		s.copy = copy_seen(&copy, &s);
		cr_assert_eq(s.copy, i % 2);
		dupack_segment(&d, &s, &o.emitter);
	}
	cr_assert_eq(o.n_events, 2);
	cr_assert_eq(o.event[1].dup_ack.run, 2);
	cr_assert_eq(o.budget.used, 0);
}

Test(dupack, equal_acks_without_ip_id_may_be_genuine)
{
	struct copy copy = { 0 };

	five_segments();
	for (int i = 0; i < 3; i++) {
		struct segment s = observe_segment(&o, S, 100, TH_ACK, 1, 0, 1001, 400);
		observe_timestamps(&o, 5, 6);
		cr_assert_not(copy_seen(&copy, &s));
	}
	/* with a SACK block the second is a copy: a receiver would name another block */
	for (int i = 0; i < 2; i++) {
		struct segment s = observe_segment(&o, S, 100, TH_ACK, 1, 0, 1001, 400);
		observe_timestamps(&o, 5, 6);
		o.view.opts.n_sack = s.n_sack = 1;
		o.view.opts.sack[0][0] = 3001;
		o.view.opts.sack[0][1] = 4001;
		cr_assert_eq(copy_seen(&copy, &s), i == 1);
	}
}

Test(dupack, sack_and_dsack)
{
	five_segments();
	struct segment s = observe_segment(&o, S, 100, TH_ACK, 1, 0, 1001, 400);
	o.view.opts.n_sack = s.n_sack = 2;
	o.view.opts.sack[0][0] = 1001;
	o.view.opts.sack[0][1] = 2001;
	o.view.opts.sack[1][0] = 4001;
	o.view.opts.sack[1][1] = 5001;
	s.dsack = true;
	dupack_segment(&d, &s, &o.emitter);
	cr_assert_eq(o.n_events, 1);
	cr_assert_eq(o.event[0].dup_ack.n_sack, 2);
	cr_assert(o.event[0].dup_ack.dsack);
	cr_assert_eq(o.event[0].dup_ack.sack[1][0], 4001);
	cr_assert_eq(half(S).sack_blocks, 2);
	cr_assert_eq(half(S).dsacks, 1);
}

Test(dupack, events_that_nobody_wants_are_counted)
{
	o.config.events = 0;
	five_segments();
	feed(S, TH_ACK, 1, 0, 1001, 400);
	cr_assert_eq(o.n_events, 0);
	cr_assert_eq(half(S).dup_acks, 1);
}

static void resent(enum tcpstat_cause cause)
{
	struct segment s = observe_segment(&o, C, o.frame, TH_ACK, 1001, 1000, 1, 500);

	dupack_segment(&d, &s, &o.emitter);
	dupack_resent(&d, &s, cause);
}

static void three(void)
{
	five_segments();
	for (int i = 0; i < 3; i++)
		feed(S, TH_ACK, 1, 0, 1001, 400);
}

static void assert_then(enum tcpstat_dup_ack_then then)
{
	for (int i = 0; i < TCPSTAT_NDUP_ACK_THENS; i++)
		cr_assert_eq(half(S).dup_ack_then[i], i == (int)then, "%s", tcpstat_dup_ack_then_name(i));
}

Test(dupack, what_followed_a_run)
{
	three();
	assert_then(TCPSTAT_THEN_NOTHING);
	feed(C, TH_ACK, 5001, 1000, 1, 500);
	assert_then(TCPSTAT_THEN_LIMITED_TRANSMIT);
	resent(TCPSTAT_CAUSE_FAST);
	assert_then(TCPSTAT_THEN_FAST_RETRANSMIT);
	resent(TCPSTAT_CAUSE_RTO); /* the first thing counts */
	assert_then(TCPSTAT_THEN_FAST_RETRANSMIT);
	feed(S, TH_ACK, 1, 0, 6001, 400);
	assert_then(TCPSTAT_THEN_FAST_RETRANSMIT);
	cr_assert_eq(half(C).dup_ack_then[TCPSTAT_THEN_FAST_RETRANSMIT], 0);
}

Test(dupack, a_run_that_a_timer_ends)
{
	three();
	resent(TCPSTAT_CAUSE_RTO);
	assert_then(TCPSTAT_THEN_TIMEOUT);
}

Test(dupack, short_runs_and_other_segments_do_not_count)
{
	five_segments();
	feed(S, TH_ACK, 1, 0, 1001, 400);
	resent(TCPSTAT_CAUSE_FAST);
	feed(S, TH_ACK, 1, 0, 5001, 400);
	for (int i = 0; i < TCPSTAT_NDUP_ACK_THENS; i++)
		cr_assert_eq(half(S).dup_ack_then[i], 0);
}
