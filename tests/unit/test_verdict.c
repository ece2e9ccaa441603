#include "core/side.h"

#include "observe.h"

#include <criterion/criterion.h>

static const int64_t ms = 1000000;
static struct observe o;
static struct side d;

static void start(void)
{
	observe_init(&o);
	memset(&d, 0, sizeof d);
	sender_init(&d.snd, &o.budget, &stack_linux);
	d.dir = TCPSTAT_C2S;
}

static void end(void)
{
	if (d.verdicts)
		budget_resize(&o.budget, d.verdicts, VERDICTS * sizeof *d.verdicts, 0);
	sender_fini(&d.snd);
	cr_assert_eq(o.budget.used, 0);
}

TestSuite(verdict, .init = start, .fini = end);

/* Segment n, of 100 bytes, is sent again; TSval is the time. */
static void resent(int64_t at, uint32_t n, enum tcpstat_cause cause)
{
	struct segment s = observe_segment(&o, C, at, TH_ACK, 1 + n * 100, 100, 1, 65535);
	struct tcpstat_ev_retransmission told = { .cause = cause, .len = 100, .spurious = -1,
						  .lost = TCPSTAT_LOST_AFTER_CAPTURE };

	observe_timestamps(&o, (uint32_t)at, 1);
	verdict_report(&d, &o.emitter, &s, &told, false, false);
}

/* All below segment `n` is acknowledged, with an echo, and [l, r) is a DSACK if l < r; before, `prior` were. */
static void acked(int64_t at, uint32_t prior, uint32_t n, uint32_t ts_ecr, uint32_t l, uint32_t r)
{
	struct segment s = observe_segment(&o, S, at, TH_ACK, 1, 0, 1 + n * 100, 65535);

	observe_timestamps(&o, 1, ts_ecr);
	if (l < r) {
		s.n_sack = 1;
		s.dsack = true;
		s.sack[0][0] = SEQ_ISN + 1 + l * 100;
		s.sack[0][1] = SEQ_ISN + 1 + r * 100;
	}
	verdict_ack(&d, &o.emitter, &s, 40 * ms, SEQ_ISN + 1 + prior * 100);
}

static const struct tcpstat_ev_retransmission *last(void)
{
	cr_assert_gt(o.n_events, 0);
	cr_assert_eq(o.event[o.n_events - 1].type, TCPSTAT_EV_RETRANSMISSION);
	return &o.event[o.n_events - 1].retransmission;
}

Test(verdict, is_told_and_counted)
{
	resent(1000, 3, TCPSTAT_CAUSE_FAST);
	resent(1001, 5, TCPSTAT_CAUSE_RECOVERY);
	cr_assert_eq(o.n_events, 2);
	cr_assert_eq(d.counts.total, 2);
	cr_assert_eq(d.counts.bytes, 200);
	cr_assert_eq(d.counts.by_cause[TCPSTAT_CAUSE_FAST], 1);
	cr_assert_eq(d.counts.lost_after, 2);
	acked(1045, 3, 10, 1001, 0, 0);
	cr_assert_eq(o.n_events, 2, "an echo of the repetition: it was needed");
}

/* RFC 2883: the receiver says that it had it already. The record is told again, with the same frame. */
Test(verdict, dsack_excuses_one_copy)
{
	resent(1000, 3, TCPSTAT_CAUSE_RTO);
	resent(1500, 3, TCPSTAT_CAUSE_RTO);
	acked(1540, 3, 10, 1500, 0, 0);
	acked(1541, 10, 10, 1500, 3, 4);
	cr_assert_eq(d.counts.spurious, 1);
	cr_assert_eq(d.counts.lost_after, 1);
	cr_assert_eq(last()->spurious, 1);
	cr_assert_eq(last()->lost, TCPSTAT_LOST_UNKNOWN);
	cr_assert_eq(o.event[o.n_events - 1].frame, 2, "the later of the two");
	acked(1542, 10, 10, 1500, 3, 4);
	cr_assert_eq(d.counts.spurious, 2, "a second DSACK for the second copy");
	acked(1543, 10, 10, 1500, 3, 4);
	cr_assert_eq(d.counts.spurious, 2, "no third copy to excuse");
}

Test(verdict, dsack_over_several_segments)
{
	for (uint32_t n = 3; n < 6; n++)
		resent(1000, n, TCPSTAT_CAUSE_GO_BACK_N);
	acked(1050, 6, 10, 1000, 3, 6);
	cr_assert_eq(d.counts.spurious, 3);
}

/* RFC 3522: the echo is older than the repetition, so the original answered. */
Test(verdict, eifel)
{
	resent(1000, 3, TCPSTAT_CAUSE_RTO);
	acked(1045, 3, 10, 900, 0, 0);
	cr_assert_eq(d.counts.spurious, 1);
}

Test(verdict, covered_too_soon)
{
	resent(1000, 3, TCPSTAT_CAUSE_FAST);
	acked(1020, 3, 10, 0, 0, 0); /* the receiver never answers sooner than after 40 ms */
	cr_assert_eq(d.counts.spurious, 1);
}

Test(verdict, a_repeated_syn_is_never_excused)
{
	resent(1000, 0, TCPSTAT_CAUSE_SYN);
	acked(1001, 0, 1, 0, 0, 1);
	cr_assert_eq(d.counts.spurious, 0);
}

Test(verdict, the_original_comes_late)
{
	resent(1000, 3, TCPSTAT_CAUSE_FAST);
	resent(1001, 4, TCPSTAT_CAUSE_RECOVERY);
	verdict_late_original(&d, &o.emitter, SEQ_ISN + 301, SEQ_ISN + 401);
	cr_assert_eq(d.counts.spurious, 1);
	cr_assert_eq(o.event[o.n_events - 1].frame, 1);
}

Test(verdict, only_the_latest_can_be_amended)
{
	for (uint32_t n = 0; n < 2 * VERDICTS; n++)
		resent(1000 + n, n, TCPSTAT_CAUSE_RECOVERY);
	acked(2000, 0, 2 * VERDICTS, 2000, 0, 1);
	cr_assert_eq(d.counts.spurious, 0, "the first are forgotten");
	cr_assert_eq(d.counts.total, 2 * VERDICTS, "and stay counted");
}

Test(verdict, without_memory_it_is_told_all_the_same)
{
	o.budget.limit = 0;
	resent(1000, 3, TCPSTAT_CAUSE_FAST);
	acked(1001, 3, 10, 0, 0, 0);
	cr_assert_eq(o.n_events, 1);
	cr_assert_eq(d.counts.total, 1);
}
