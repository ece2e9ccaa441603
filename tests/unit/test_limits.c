#include "core/limits.h"

#include <criterion/criterion.h>

enum { MSS = 1000 };

static const int64_t MS = 1000000;

static struct budget budget = { .limit = UINT64_MAX };
static struct share share;
static struct limits l;
static struct limits_env env;

static void begin(bool syn)
{
	share_init(&share, &budget, 0, limits_first(syn));
	limits_init(&l, &share, TCPSTAT_C2S, 0, syn);
}

/* A sender of 1000-byte segments with a congestion window of 10 and a receive window of 20 of them, its handshake done
 * after 10 ms. */
static void setup(void)
{
	env = (struct limits_env){
		.slack_ns = MS, .srtt_ns = 10 * MS, .una = 100, .nxt = 101, .wnd = 20 * MSS, .mss = MSS, .cwnd = 10,
		.ca = TCPSTAT_CA_OPEN
	};
	begin(true);
	env.now_ns = 10 * MS;
	env.una = 101;
	limits_ack(&l, &env, 100, true, false);
}

TestSuite(limits, .init = setup);

static void sent(int64_t ms, unsigned segments)
{
	env.now_ns = ms * MS;
	for (unsigned i = 0; i < segments; i++) {
		env.nxt += MSS;
		env.in_flight++;
		limits_sent(&l, &env, MSS, false);
	}
}

static void sent_short(int64_t ms, uint32_t len)
{
	env.now_ns = ms * MS;
	env.nxt += len;
	env.in_flight++;
	limits_sent(&l, &env, len, false);
}

static void acked(int64_t ms, unsigned segments, bool data)
{
	uint64_t prior_una = env.una;

	env.now_ns = ms * MS;
	for (unsigned i = 0; i < segments; i++) {
		env.una = env.una + MSS < env.nxt ? env.una + MSS : env.nxt;
		env.in_flight--;
	}
	limits_ack(&l, &env, prior_una, segments, data);
}

static void expect(int64_t last_ms, enum tcpstat_limit owner, int64_t ms)
{
	double ratio[TCPSTAT_NLIMITS], sum = 0;
	struct share_run runs[SHARE_RUNS_COPY];
	struct share copy;
	struct limits end = l;

	share_copy(&copy, &share, runs);
	end.share = &copy;
	limits_finish(&end, last_ms * MS, 200 * MS);
	share_of_half(&copy, TCPSTAT_C2S, ratio);
	for (int i = 0; i < TCPSTAT_NLIMITS; i++) {
		cr_assert(ratio[i] >= 0 && ratio[i] <= 1);
		sum += ratio[i];
	}
	cr_assert_float_eq(sum, 1, 1e-9);
	cr_assert_float_eq(ratio[owner], (double)ms / (double)last_ms, 1e-6, "%s is %f", tcpstat_limit_name(owner),
			   ratio[owner]);
}

Test(limits, the_handshake_lasts_until_the_syn_is_acknowledged)
{
	expect(20, TCPSTAT_LIMIT_HANDSHAKE, 10);
	expect(20, TCPSTAT_LIMIT_APPLICATION_IDLE, 10);
}

Test(limits, a_repeated_syn_stays_handshake)
{
	begin(true);
	env.now_ns = 1000 * MS;
	limits_resent(&l, &env, true);
	expect(3000, TCPSTAT_LIMIT_HANDSHAKE, 3000);
}

Test(limits, data_that_follows_ACKs_waited_for_the_congestion_window)
{
	sent(20, 10);
	for (int64_t ms = 30; ms < 100; ms += 10) {
		acked(ms, 10, false);
		sent(ms, 10);
	}
	expect(90, TCPSTAT_LIMIT_CONGESTION_WINDOW, 70);
	expect(90, TCPSTAT_LIMIT_APPLICATION_IDLE, 10);
}

Test(limits, a_full_congestion_window_alone_does_not_show_that_data_waited)
{
	sent(20, 10);
	acked(30, 10, false);
	sent(70, 10);
	expect(70, TCPSTAT_LIMIT_APPLICATION_IDLE, 60);
	expect(70, TCPSTAT_LIMIT_CONGESTION_WINDOW, 0);
}

/* More fitted into the window: after a silence the first piece would have taken it all. */
Test(limits, what_leaves_alone_though_more_fits_was_not_held_by_the_window)
{
	env.wnd = 13 * MSS;
	env.cwnd = 0;
	sent(20, 9);
	for (int64_t ms = 40; ms <= 100; ms += 10) {
		acked(ms, 1, false);
		sent(ms, 1);
	}
	acked(110, 1, false);
	expect(110, TCPSTAT_LIMIT_RECEIVER_WINDOW, 20);
}

Test(limits, data_that_leaves_when_the_window_opens_waited_for_it)
{
	env.wnd = 5 * MSS;
	sent(20, 5);
	acked(30, 2, false);
	sent(30, 2);
	acked(50, 5, false);
	sent(90, 1);
	expect(90, TCPSTAT_LIMIT_RECEIVER_WINDOW, 10);
	expect(90, TCPSTAT_LIMIT_APPLICATION_IDLE, 70);
}

Test(limits, a_full_congestion_window_comes_before_a_full_receive_window)
{
	env.wnd = 10 * MSS;
	sent(20, 10);
	acked(30, 10, false);
	sent(30, 10);
	expect(30, TCPSTAT_LIMIT_CONGESTION_WINDOW, 10);
	expect(30, TCPSTAT_LIMIT_RECEIVER_WINDOW, 0);
}

Test(limits, a_congestion_window_that_may_be_greater_does_not)
{
	env.wnd = 10 * MSS;
	env.cwnd_at_least = true;
	sent(20, 10);
	acked(40, 1, false);
	sent(40, 1);
	expect(40, TCPSTAT_LIMIT_RECEIVER_WINDOW, 20);
}

Test(limits, a_zero_window_without_anything_to_send_is_idle)
{
	env.wnd = 5 * MSS;
	sent(20, 5);
	env.wnd = 0;
	acked(30, 5, false);
	env.wnd = 20 * MSS;
	acked(130, 0, false);
	sent(140, 1);
	expect(140, TCPSTAT_LIMIT_RECEIVER_WINDOW, 0);
	expect(140, TCPSTAT_LIMIT_APPLICATION_IDLE, 130);
}

Test(limits, a_zero_window_belongs_to_the_receiver_until_data_follows)
{
	env.wnd = 5 * MSS;
	sent(20, 5);
	env.wnd = 0;
	acked(30, 5, false);
	env.wnd = 20 * MSS;
	acked(130, 0, false);
	sent(130, 1);
	expect(130, TCPSTAT_LIMIT_RECEIVER_WINDOW, 110);
}

Test(limits, probes_prove_that_data_waits)
{
	env.wnd = 5 * MSS;
	sent(20, 5);
	env.wnd = 0;
	acked(30, 5, false);
	limits_probe(&l, 230 * MS);
	limits_probe(&l, 630 * MS);
	env.wnd = 20 * MSS;
	acked(700, 0, false);
	env.now_ns = 750 * MS;
	sent(750, 1);
	/* what came after the last probe is open to doubt: nothing left when the window opened */
	expect(750, TCPSTAT_LIMIT_RECEIVER_WINDOW, 610);
	expect(750, TCPSTAT_LIMIT_APPLICATION_IDLE, 130);
}

Test(limits, the_rest_of_a_window_sent_alone_proves_that_data_waited)
{
	env.wnd = 5 * MSS + 300;
	sent(20, 5);
	env.wnd = 300;
	acked(30, 5, false);
	sent_short(330, 300);
	expect(330, TCPSTAT_LIMIT_RECEIVER_WINDOW, 310);
}

Test(limits, a_timeout_owns_the_time_since_the_last_progress)
{
	sent(20, 10);
	acked(30, 2, false);
	env.ca = TCPSTAT_CA_DISORDER;
	acked(31, 0, false);
	env.now_ns = 230 * MS;
	env.ca = TCPSTAT_CA_LOSS;
	limits_resent(&l, &env, true);
	env.now_ns = 630 * MS;
	limits_resent(&l, &env, true);
	expect(630, TCPSTAT_LIMIT_TIMEOUT, 600);
	/* then the repair */
	env.ca = TCPSTAT_CA_OPEN;
	acked(640, 8, false);
	sent(640, 1);
	expect(640, TCPSTAT_LIMIT_TIMEOUT, 600);
	expect(640, TCPSTAT_LIMIT_RECOVERY, 10);
}

Test(limits, repair_is_recovery)
{
	sent(20, 10);
	env.ca = TCPSTAT_CA_DISORDER;
	acked(30, 0, false);
	env.ca = TCPSTAT_CA_RECOVERY;
	env.now_ns = 32 * MS;
	limits_resent(&l, &env, false);
	env.ca = TCPSTAT_CA_OPEN;
	acked(42, 10, false);
	sent(42, 10);
	expect(42, TCPSTAT_LIMIT_RECOVERY, 10);
	expect(42, TCPSTAT_LIMIT_CONGESTION_WINDOW, 12); /* Disorder goes on as Open */
}

Test(limits, a_short_segment_held_until_a_delayed_ACK)
{
	sent_short(20, 100);
	acked(60, 1, false);
	sent_short(60, 100);
	expect(60, TCPSTAT_LIMIT_DELAYED_ACK, 40);
}

Test(limits, an_answer_is_no_delayed_ACK)
{
	sent_short(20, 100);
	acked(60, 1, true);
	sent_short(60, 100);
	expect(60, TCPSTAT_LIMIT_DELAYED_ACK, 0);
	expect(60, TCPSTAT_LIMIT_APPLICATION_IDLE, 50);
}

Test(limits, without_Nagle_nothing_short_is_held)
{
	sent_short(20, 100);
	sent_short(25, 100);
	acked(60, 1, false);
	acked(70, 1, false);
	sent_short(70, 100);
	expect(70, TCPSTAT_LIMIT_DELAYED_ACK, 0);
	expect(70, TCPSTAT_LIMIT_APPLICATION_IDLE, 60);
}

Test(limits, an_answer_takes_thought)
{
	sent_short(20, 100);
	acked(60, 1, true);
	acked(80, 0, true);
	sent_short(200, 100);
	expect(200, TCPSTAT_LIMIT_THINK_TIME, 120);
	expect(200, TCPSTAT_LIMIT_APPLICATION_IDLE, 70);
}

Test(limits, bursts_on_ACKs_below_both_windows_have_no_known_reason)
{
	sent(20, 4);
	acked(30, 2, false);
	sent(30, 2);
	expect(30, TCPSTAT_LIMIT_SENDER_UNKNOWN, 10);
}

Test(limits, after_FIN_there_is_nothing_to_send)
{
	sent(20, 9);
	env.now_ns = 20 * MS;
	env.nxt += MSS + 1;
	env.in_flight++;
	limits_sent(&l, &env, MSS, true);
	expect(40, TCPSTAT_LIMIT_APPLICATION_IDLE, 30);
}

Test(limits, time_does_not_run_backward)
{
	sent(20, 10);
	acked(15, 5, false);
	sent(12, 1);
	acked(30, 5, false);
	expect(40, TCPSTAT_LIMIT_HANDSHAKE, 10);
}

Test(limits, a_direction_without_a_sender_has_the_time_of_the_handshake_or_of_nothing)
{
	double ratio[TCPSTAT_NLIMITS];

	for (int syn = 0; syn < 2; syn++) {
		begin(syn);
		limits_finish(&l, 10, 0);
		share_finish(&share, 10);
		share_of_half(&share, TCPSTAT_S2C, ratio);
		cr_assert_eq(ratio[syn ? TCPSTAT_LIMIT_HANDSHAKE : TCPSTAT_LIMIT_APPLICATION_IDLE], 1);
		cr_assert_eq(ratio[TCPSTAT_LIMIT_TIMEOUT], 0);
	}
}

Test(limits, what_stays_unacknowledged_waits_for_timers)
{
	sent(20, 10);
	expect(200, TCPSTAT_LIMIT_TIMEOUT, 0);
	expect(1020, TCPSTAT_LIMIT_TIMEOUT, 1000);
	limits_reset(&l, 30 * MS);
	expect(1020, TCPSTAT_LIMIT_TIMEOUT, 0);
	expect(1020, TCPSTAT_LIMIT_CONGESTION_WINDOW, 10);
}

Test(limits, from_afar_a_full_pipe_is_enough)
{
	env.far = true;
	sent(20, 10);
	acked(22, 1, false);
	sent(25, 1);
	expect(25, TCPSTAT_LIMIT_CONGESTION_WINDOW, 5);
}

Test(limits, data_of_the_peer_that_acknowledges_only_a_part_is_no_request)
{
	sent(20, 4);
	acked(60, 1, true);
	sent_short(200, 100);
	expect(200, TCPSTAT_LIMIT_THINK_TIME, 0);
	expect(200, TCPSTAT_LIMIT_APPLICATION_IDLE, 190);
}

Test(limits, an_end_without_more_data_is_idle)
{
	sent(20, 10);
	acked(30, 10, false);
	expect(1030, TCPSTAT_LIMIT_APPLICATION_IDLE, 1020);
}

Test(limits, a_closed_window_at_the_end_counts_if_it_was_probed)
{
	env.wnd = 5 * MSS;
	sent(20, 5);
	env.wnd = 0;
	acked(30, 5, false);
	expect(1030, TCPSTAT_LIMIT_APPLICATION_IDLE, 1020);
	limits_probe(&l, 230 * MS);
	expect(1030, TCPSTAT_LIMIT_RECEIVER_WINDOW, 1010);
}

Test(limits, a_retransmission_of_what_is_acknowledged_repairs_nothing)
{
	sent(20, 5);
	acked(30, 5, false);
	env.ca = TCPSTAT_CA_RECOVERY;
	env.now_ns = 40 * MS;
	limits_resent(&l, &env, false);
	expect(1040, TCPSTAT_LIMIT_RECOVERY, 0);
}

/* What came at rest and was only noted adds up to the same as what was accounted for one by one. */
Test(limits, rest_changes_no_account)
{
	enum { STEPS = 4000 };
	struct share shares[2];
	struct limits both[2];
	uint32_t random = 1;
	unsigned rested = 0;

	for (unsigned k = 0; k < 2; k++) {
		share_init(&shares[k], &budget, 0, limits_first(true));
		limits_init(&both[k], &shares[k], TCPSTAT_C2S, 0, true);
		share_join(&shares[k], TCPSTAT_S2C); /* the other direction is heard, too */
	}
	env.una = 100;
	for (unsigned i = 0; i < STEPS; i++) {
		uint64_t prior_una = env.una;
		unsigned what;

		random = random * 1103515245 + 12345;
		what = random >> 16 & 31;
		env.now_ns += (random >> 20) * 1000 - (what == 31) * 2 * MS; /* they may go back */
		for (unsigned k = 0; k < 2; k++) {
			struct limits *side = &both[k];

			env.una = prior_una;
			if (what == 0)
				env.nxt = prior_una + 300;
			else if (what == 1)
				env.una = env.nxt;
			if (what == 0)
				limits_sent(side, &env, 300, false);
			else if (what > 1 && env.una == env.nxt && k && limits_rest(side))
				rested++, limits_go_on_resting(side, env.now_ns);
			else
				limits_ack(side, &env, prior_una, env.una > prior_una, what > 1);
			if (what % 8 == 7)
				share_pass(&shares[k], TCPSTAT_S2C, env.now_ns,
					(enum tcpstat_limit)(what / 8 + TCPSTAT_LIMIT_CONGESTION_WINDOW), 0);
		}
	}
	cr_assert_gt(rested, STEPS / 4);
	for (unsigned k = 0; k < 2; k++) {
		limits_finish(&both[k], env.now_ns + MS, 200 * MS);
		share_pass(&shares[k], TCPSTAT_S2C, env.now_ns + MS, TCPSTAT_LIMIT_APPLICATION_IDLE, 0);
		share_finish(&shares[k], env.now_ns + MS);
	}
	for (int i = 0; i < TCPSTAT_NLIMITS; i++) {
		cr_expect_eq(shares[0].half_ns[0][i], shares[1].half_ns[0][i]);
		cr_expect_eq(shares[0].half_ns[1][i], shares[1].half_ns[1][i]);
		cr_expect_eq(shares[0].ns[i], shares[1].ns[i]);
	}
	share_fini(&shares[0]);
	share_fini(&shares[1]);
}
