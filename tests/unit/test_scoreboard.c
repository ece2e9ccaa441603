#include "one_sender.h"

static void start(void)
{
	start_sender(true);
	send_new(0, 0, 1);
	receive(40, 1, 0, 0);
}

TestSuite(scoreboard, .init = start, .fini = end_sender);

static bool has(uint32_t segment, uint8_t flag)
{
	return s.q.entries[sendq_find(&s.q, seq_of(segment))].flags & flag;
}

Test(scoreboard, sack_is_counted_once)
{
	send_new(100, 1, 10);
	receive(140, 1, 3, 5);
	cr_assert_eq(s.sacked_out, 2);
	receive(141, 1, 3, 5);
	cr_assert_eq(s.sacked_out, 2);
	receive(142, 1, 3, 6);
	cr_assert_eq(s.sacked_out, 3);
	cr_assert(has(4, SENT_SACKED));
	cr_assert_not(has(2, SENT_SACKED));
	cr_assert_eq(s.high_sacked, seq_of(6));
	receive(143, 11, 0, 0);
	cr_assert_eq(s.sacked_out, 0);
}

/* RFC 8985 section 6.2: with three SACKed no reordering is waited for; before, a quarter of the RTT. */
Test(scoreboard, rack_marks_what_was_overtaken)
{
	send_new(100, 1, 10);
	receive(140, 1, 2, 3);
	cr_assert_eq(s.lost_out, 0, "may be reordered");
	receive(141, 1, 2, 4);
	cr_assert_eq(s.lost_out, 0);
	receive(142, 1, 2, 5);
	cr_assert_eq(s.lost_out, 1);
	cr_assert(has(1, SENT_LOST));
	cr_assert_eq(sender_in_flight(&s), 10 - 3 - 1);
	cr_assert_eq(sender_pipe_bytes(&s), 6 * MSS);
}

Test(scoreboard, rack_waits_a_quarter_of_the_rtt)
{
	send_new(100, 1, 1);
	send_new(105, 2, 1);
	receive(145, 1, 2, 3); /* sent 5 ms later: within the 10 ms */
	cr_assert_eq(s.lost_out, 0);
	send_new(150, 3, 1);
	receive(190, 1, 2, 4); /* 50 ms later */
	cr_assert_eq(s.lost_out, 1);
}

Test(scoreboard, a_lost_retransmission_is_found)
{
	send_new(100, 1, 10);
	receive(140, 1, 2, 5);
	resend(140, 1);
	cr_assert_eq(s.retrans_out, 1);
	send_new(141, 11, 5);
	receive(182, 1, 2, 14); /* what left after the retransmission arrived */
	cr_assert_eq(s.retrans_out, 0, "it was lost, too");
	cr_assert(has(1, SENT_LOST));
	cr_assert_not(has(1, SENT_RETRANS));
}

Test(scoreboard, blocks_that_cannot_be_are_ignored)
{
	struct ack a = ack_of(140, 1, 0, 0);

	send_new(100, 1, 10);
	a.n_sack = 4;
	a.sack[0][0] = seq_of(5), a.sack[0][1] = seq_of(4);        /* inverted */
	a.sack[1][0] = seq_of(5), a.sack[1][1] = seq_of(12);       /* beyond what was sent */
	a.sack[2][0] = seq_of(0), a.sack[2][1] = seq_of(3);        /* below SND.UNA */
	a.sack[3][0] = 0, a.sack[3][1] = UINT64_MAX;               /* everything */
	sender_ack(&s, &a, &result);
	cr_assert_eq(s.sacked_out, 0);
	cr_assert_eq(s.packets_out, 10);
}

Test(scoreboard, a_block_cuts_a_super_segment)
{
	sender_new_data(&s, seq_of(1), seq_of(11), epoch + 100 * ms, 0, true);
	cr_assert_eq(s.packets_out, 10);
	receive(140, 1, 4, 6);
	cr_assert_eq(s.packets_out, 10);
	cr_assert_eq(s.sacked_out, 2);
	cr_assert_not(has(3, SENT_SACKED));
	cr_assert(has(5, SENT_SACKED));
	cr_assert_not(has(6, SENT_SACKED));
}

Test(scoreboard, a_partial_ack_cuts_too)
{
	sender_new_data(&s, seq_of(1), seq_of(11), epoch + 100 * ms, 0, true);
	receive(140, 4, 0, 0);
	cr_assert_eq(s.packets_out, 7);
	cr_assert_eq(s.q.entries[s.q.head].seq, seq_of(4));
}

/* RFC 5681 section 3.2: without SACK three duplicates say that the head is lost. */
Test(scoreboard, reno_counts_duplicates)
{
	s.sack_ok = false;
	send_new(100, 1, 10);
	receive(140, 2, 0, 0);
	for (int i = 1; i <= 3; i++) {
		cr_assert_eq(s.lost_out, 0);
		receive(140 + i, 2, 0, 0);
		cr_assert_eq(s.sacked_out, (uint32_t)i);
	}
	cr_assert_eq(s.lost_out, 1);
	cr_assert(has(2, SENT_LOST));
	cr_assert_eq(resend(144, 2), TCPSTAT_CAUSE_FAST);
	receive(184, 11, 0, 0);
	cr_assert_eq(s.sacked_out + s.lost_out + s.packets_out, 0);
}

Test(scoreboard, timeout_takes_everything_for_lost_but_what_is_fresh)
{
	send_new(1000, 1, 5);
	send_new(1299, 6, 1);
	s.rack.rtt_ns = 40 * ms;
	s.tlp_end_seq = seq_of(7);
	cr_assert_eq(resend(1300, 1), TCPSTAT_CAUSE_RTO);
	cr_assert_eq(s.lost_out, 5);
	cr_assert_not(has(6, SENT_LOST));
}

Test(scoreboard, a_receiver_that_reneges)
{
	send_new(1000, 1, 5);
	receive(1040, 1, 2, 6);
	receive(1041, 2, 0, 0);                 /* the head is SACKed: it threw away what it had */
	cr_assert(has(2, SENT_SACKED));
	cr_assert_eq(resend(2000, 2), TCPSTAT_CAUSE_RTO);
	cr_assert_eq(s.sacked_out, 0);
	cr_assert_not(has(3, SENT_SACKED));
	cr_assert_eq(s.lost_out, 4);
}

Test(scoreboard, marks_of_loss_are_taken_back_at_once)
{
	send_new(100, 1, 10);
	receive(140, 1, 5, 11);
	cr_assert_eq(s.lost_out, 4);
	scoreboard_unmark_lost(&s);
	cr_assert_eq(s.lost_out, 0);
	cr_assert_not(sender_lost(&s, &s.q.entries[sendq_find(&s.q, seq_of(2))]));
	scoreboard_mark_lost(&s, &s.q.entries[sendq_find(&s.q, seq_of(2))]);
	cr_assert_eq(s.lost_out, 1, "and can be set again");
	for (uint32_t i = 0; i < 65536; i++)
		scoreboard_unmark_lost(&s);
	cr_assert_not(sender_lost(&s, &s.q.entries[sendq_find(&s.q, seq_of(2))]), "no mark comes back to life");
}
