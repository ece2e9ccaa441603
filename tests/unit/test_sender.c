#include "one_sender.h"

static void start(void)
{
	start_sender(true);
	/* one round trip of 40 ms is known */
	send_new(0, 0, 1);
	receive(40, 1, 0, 0);
}

/* The sender's timestamps: milliseconds, and now `at`. */
static struct ts_clock clock_at(uint32_t at)
{
	struct ts_clock c = { 0 };

	ts_clock_seen(&c, at, epoch + at * ms);
	return c;
}

TestSuite(sender, .init = start, .fini = end_sender);

Test(sender, first_sample)
{
	cr_assert(result.sampled);
	cr_assert_eq(result.sample_ns, 40 * ms);
	cr_assert_eq(result.source, TCPSTAT_RTT_ACK);
	cr_assert_eq(rtt_rto_ns(&s.rtt), 240 * ms);
	cr_assert_eq(s.snd_una, seq_of(1));
	cr_assert_eq(s.packets_out, 0);
}

/* Karn: what was sent twice gives no sample. */
Test(sender, no_sample_from_a_retransmission)
{
	send_new(100, 1, 1);
	cr_assert_eq(resend(400, 1), TCPSTAT_CAUSE_TLP);
	receive(440, 2, 0, 0);
	cr_assert_not(result.sampled);
}

Test(sender, a_timestamp_makes_it_one)
{
	send_new(100, 1, 1);
	resend(400, 1);
	struct ack a = ack_of(440, 2, 0, 0);
	a.has_ts = true;
	a.ts_ecr = 400;
	struct ts_clock clock = clock_at(440);
	a.clock = &clock;
	sender_ack(&s, &a, &result);
	cr_assert(result.sampled);
	cr_assert_eq(result.source, TCPSTAT_RTT_TIMESTAMP);
	cr_assert_eq(result.sample_ns, 40 * ms);
}

Test(sender, fast_retransmit_recovery_and_exit)
{
	send_new(100, 1, 10);
	for (uint32_t i = 3; i <= 5; i++)
		receive(140, 1, 2, i); /* segment 1 is missing */
	cr_assert_eq(s.ca, TCPSTAT_CA_DISORDER);
	cr_assert_eq(resend(140, 1), TCPSTAT_CAUSE_FAST);
	cr_assert_eq(s.ca, TCPSTAT_CA_RECOVERY);
	cr_assert_eq(s.recovery_point, seq_of(11));
	cr_assert_eq(s.retrans_out, 1);
	receive(145, 1, 2, 6);
	cr_assert_eq(resend(146, 1), TCPSTAT_CAUSE_LOST_RETRANSMISSION, "again in the same episode");
	receive(180, 11, 0, 0);
	cr_assert_eq(s.ca, TCPSTAT_CA_OPEN);
	cr_assert_eq(s.packets_out + s.sacked_out + s.lost_out + s.retrans_out, 0);
	cr_assert_eq(s.cong.one[CONG_RENO].ssthresh, 5, "half of 11");
	cr_assert_leq(s.cong.one[CONG_RENO].cwnd, 6, "and at most one more by this ACK");
}

Test(sender, second_hole_is_recovery)
{
	send_new(100, 1, 10);
	struct ack a = ack_of(140, 1, 2, 4);
	a.n_sack = 2; /* 1 and 4 are missing */
	a.sack[1][0] = seq_of(5);
	a.sack[1][1] = seq_of(11);
	sender_ack(&s, &a, &result);
	cr_assert_eq(s.lost_out, 2);
	cr_assert_eq(resend(140, 1), TCPSTAT_CAUSE_FAST);
	cr_assert_eq(resend(141, 4), TCPSTAT_CAUSE_RECOVERY);
	receive(181, 4, 5, 11);
	cr_assert_eq(s.ca, TCPSTAT_CA_RECOVERY, "a partial ACK");
	receive(182, 11, 0, 0);
	cr_assert_eq(s.ca, TCPSTAT_CA_OPEN);
}

/* RFC 8985 section 7: two SRTTs, and 200 ms for a lone segment; only one probe. */
Test(sender, tail_loss_probe)
{
	send_new(1000, 1, 3);
	cr_assert_eq(resend(1088, 3), TCPSTAT_CAUSE_TLP);
	cr_assert_eq(s.tlp_end_seq, seq_of(4));
	cr_assert_eq(s.ca, TCPSTAT_CA_OPEN);
	uint32_t cwnd = s.cong.one[CONG_RENO].cwnd;
	send_new(1100, 4, 1);
	receive(1130, 5, 0, 0);
	cr_assert_eq(s.tlp_end_seq, 0);
	cr_assert_lt(s.cong.one[CONG_RENO].cwnd, cwnd, "the probe repaired a loss");
}

Test(sender, a_probe_that_was_not_needed_costs_nothing)
{
	send_new(1000, 1, 3);
	resend(1088, 3);
	uint32_t cwnd = s.cong.one[CONG_RENO].cwnd;
	receive(1090, 4, 0, 0);
	receive_dsack(1128, 4, 3);
	cr_assert_eq(s.tlp_end_seq, 0);
	cr_assert_geq(s.cong.one[CONG_RENO].cwnd, cwnd);
	cr_assert_eq(s.ca, TCPSTAT_CA_OPEN);
}

Test(sender, timeout_and_go_back_n)
{
	send_new(1000, 1, 4);
	resend(1088, 4);                                                     /* the probe restarts the timer */
	cr_assert_eq(resend(1330, 1), TCPSTAT_CAUSE_RTO);
	cr_assert_eq(s.ca, TCPSTAT_CA_LOSS);
	cr_assert_eq(s.backoff, 1);
	cr_assert_eq(s.cong.one[CONG_RENO].cwnd, 2, "one, and the probe is still counted in flight");
	cr_assert_eq(resend(1820, 1), TCPSTAT_CAUSE_RTO, "after twice the time");
	cr_assert_eq(s.backoff, 2);
	receive(1860, 2, 0, 0);
	cr_assert_eq(resend(1860, 2), TCPSTAT_CAUSE_GO_BACK_N);
	cr_assert_eq(resend(1861, 3), TCPSTAT_CAUSE_GO_BACK_N);
	receive(1905, 5, 0, 0);
	cr_assert_neq(s.ca, TCPSTAT_CA_LOSS);
}

/* RFC 5682: after the timeout the ACK covers data that was never sent again. */
Test(sender, f_rto_takes_a_spurious_timeout_back)
{
	uint32_t cwnd = s.cong.one[CONG_RENO].cwnd;

	send_new(1000, 1, 5);
	s.tlp_end_seq = seq_of(6);
	cr_assert_eq(resend(1300, 1), TCPSTAT_CAUSE_RTO);
	receive(1310, 3, 0, 0);
	cr_assert_eq(s.ca, TCPSTAT_CA_OPEN);
	cr_assert_eq(s.lost_out, 0, "nothing is lost any more");
	cr_assert_geq(s.cong.one[CONG_RENO].cwnd, cwnd);
}

/* RFC 3522: the echo is older than the retransmission. */
Test(sender, eifel_takes_a_recovery_back)
{
	uint32_t cwnd;

	send_new(100, 1, 10);
	for (uint32_t i = 3; i <= 5; i++)
		receive(140, 1, 2, i);
	cwnd = s.cong.one[CONG_RENO].cwnd;
	resend(141, 1);
	cr_assert_eq(s.ca, TCPSTAT_CA_RECOVERY);
	struct ack a = ack_of(150, 5, 0, 0);
	a.has_ts = true;
	a.ts_ecr = 100;
	struct ts_clock clock = clock_at(150);
	a.clock = &clock;
	sender_ack(&s, &a, &result);
	cr_assert_neq(s.ca, TCPSTAT_CA_RECOVERY);
	cr_assert_geq(s.cong.one[CONG_RENO].cwnd, cwnd);
}

/* RFC 3708: every retransmission was one too many. */
Test(sender, dsack_takes_a_recovery_back)
{
	uint32_t cwnd;

	send_new(100, 1, 10);
	for (uint32_t i = 3; i <= 5; i++)
		receive(140, 1, 2, i);
	cwnd = s.cong.one[CONG_RENO].cwnd;
	resend(141, 1);
	receive(150, 8, 0, 0);
	receive_dsack(182, 8, 1);
	cr_assert_eq(s.undo_marker, 0);
	cr_assert_geq(s.cong.one[CONG_RENO].cwnd, cwnd);
}

Test(sender, an_ack_of_what_was_never_seen)
{
	struct ack a = ack_of(200, 500, 0, 0);

	sender_ack(&s, &a, &result);
	cr_assert_eq(s.snd_una, seq_of(500));
	cr_assert_eq(s.snd_nxt, seq_of(500));
	cr_assert_eq(s.packets_out, 0);
}

Test(sender, an_old_ack_changes_nothing)
{
	send_new(100, 1, 5);
	receive(140, 4, 0, 0);
	struct sender before = s;
	receive(141, 2, 0, 0);
	cr_assert_eq(s.snd_una, before.snd_una);
	cr_assert_eq(s.packets_out, before.packets_out);
	cr_assert_not(result.advanced);
}
