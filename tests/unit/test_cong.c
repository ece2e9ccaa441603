#include "core/cong.h"

#include "core/sender.h"

#include <criterion/criterion.h>

static const int64_t ms = 1000000;
static struct cong c;
static struct cong_env e;

static void start(void)
{
	c = (struct cong){ 0 };
	cong_init(&c, 10);
	e = (struct cong_env){ .now_ns = 1000 * ms, .mss = 1000, .tick_ns = 4 * ms, .srtt_ns = 40 * ms,
			       .rto_ns = 240 * ms, .rtt_ns = -1, .reordering = 3, .ca = TCPSTAT_CA_OPEN,
			       .snd_wnd = 1 << 30 };
}

TestSuite(cong, .init = start);

/* The window is filled at once, and all of it acknowledged 40 ms later. */
static void round_trip(uint32_t pkts)
{
	for (uint32_t i = 0; i < pkts; i++) {
		e.in_flight = e.packets_out = i + 1;
		e.snd_nxt += 1000;
		cong_sent(&c, &e, 1, false);
	}
	e.now_ns += 40 * ms;
	for (uint32_t i = 0; i < pkts; i++) {
		e.prior_in_flight = pkts - i;
		e.in_flight = e.packets_out = pkts - i - 1;
		e.snd_una += 1000;
		e.delivered = 1;
		e.flags = ACKED_DATA | ACKED_UNA;
		cong_ack(&c, &e);
	}
}

Test(cong, slow_start_doubles)
{
	cr_assert_eq(c.one[CONG_RENO].cwnd, 10, "RFC 6928");
	round_trip(10);
	cr_assert_eq(c.one[CONG_RENO].cwnd, 20);
	round_trip(20);
	cr_assert_eq(c.one[CONG_RENO].cwnd, 40);
	cr_assert_eq(c.one[CONG_CUBIC].cwnd, 40);
}

Test(cong, does_not_grow_while_the_application_is_the_limit)
{
	for (int i = 0; i < 10; i++)
		round_trip(2);
	cr_assert_leq(c.one[CONG_RENO].cwnd, 12);
}

Test(cong, avoidance_adds_one_segment_a_round)
{
	c.one[CONG_RENO].ssthresh = 10;
	round_trip(10);
	cr_assert_eq(c.one[CONG_RENO].cwnd, 11);
	round_trip(11);
	cr_assert_eq(c.one[CONG_RENO].cwnd, 12);
}

Test(cong, recovery_halves_and_undo_takes_it_back)
{
	round_trip(10);
	round_trip(20);
	cong_enter_reduction(&c, &e, true);
	cr_assert_eq(c.one[CONG_RENO].ssthresh, 20);
	cr_assert_eq(c.one[CONG_CUBIC].ssthresh, 28);
	struct cong kept = c;
	cong_end_reduction(&c);
	cr_assert_eq(c.one[CONG_RENO].cwnd, 20);
	cr_assert_eq(c.one[CONG_CUBIC].cwnd, 28);
	c = kept;
	c.one[CONG_RENO].cwnd = 20;
	cong_undo(&c, &e);
	cr_assert_eq(c.one[CONG_RENO].cwnd, 40);
	cr_assert_eq(c.one[CONG_RENO].ssthresh, CONG_INFINITE);
}

Test(cong, no_undo_where_the_network_marked)
{
	round_trip(10);
	cong_enter_reduction(&c, &e, true);
	cong_forbid_undo(&c);
	cong_end_reduction(&c);
	cong_undo(&c, &e);
	cr_assert_eq(c.one[CONG_RENO].cwnd, 10);
}

/* RFC 6937: of 20 in flight and a target of 10, one leaves for two that are delivered. */
Test(cong, proportional_rate_reduction)
{
	uint32_t sent = 0;

	c.one[CONG_RENO].cwnd = 20;
	e.in_flight = e.packets_out = 20;
	cong_enter_reduction(&c, &e, true);
	e.ca = TCPSTAT_CA_RECOVERY;
	e.flags = ACKED_SACK;
	for (uint32_t acked = 1; acked <= 10; acked++) {
		e.delivered = 1;
		e.in_flight--;
		cong_ack(&c, &e);
		while (e.in_flight < c.one[CONG_RENO].cwnd) {
			e.in_flight++;
			sent++;
			cong_sent(&c, &e, 1, true);
		}
	}
	cr_assert_geq(sent, 5);
	cr_assert_leq(sent, 6, "%u sent for 10 delivered", sent);
}

Test(cong, timeout)
{
	round_trip(10);
	e.in_flight = 0;
	cong_loss(&c, &e, true);
	cr_assert_eq(c.one[CONG_RENO].cwnd, 1);
	cr_assert_eq(c.one[CONG_RENO].ssthresh, 10);
	cong_loss(&c, &e, false);
	cr_assert_eq(c.one[CONG_RENO].ssthresh, 10, "the same window is not reduced twice");
}

/* RFC 2861: halved for each RTO without sending, not below the initial window. */
Test(cong, restart_after_idle)
{
	round_trip(10);
	round_trip(20);
	round_trip(40);
	cr_assert_eq(c.one[CONG_RENO].cwnd, 80);
	c.one[CONG_RENO].ssthresh = 30;
	e.packets_out = 0;
	e.now_ns += 2 * e.rto_ns + e.rto_ns / 2;
	cong_before_send(&c, &e);
	cr_assert_eq(c.one[CONG_RENO].cwnd, 20);
	cr_assert_eq(c.one[CONG_RENO].ssthresh, 60, "three quarters of what it was");
}

Test(cong, nothing_is_named_before_enough_was_seen)
{
	cr_assert_eq(cong_name(&c), TCPSTAT_CC_UNKNOWN);
	cr_assert(cong_fit(&c) != cong_fit(&c), "no number");
}
