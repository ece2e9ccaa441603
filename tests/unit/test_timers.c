/* What timers leave behind: ladders of SYNs, probes, keepalives, ACKs held back, states in which endpoints wait. */
#include "core/timers.h"

#include "observe.h"

#include <criterion/criterion.h>
#include <math.h>

static const int64_t MS = 1000000;

static struct observe o;
static struct timers t;
static uint8_t state[2];
static struct timers_scene scene;

static void setup(void)
{
	observe_init(&o);
	memset(&t, 0, sizeof t);
	memset(state, 0, sizeof state);
	scene = (struct timers_scene){ .late_ns = -1, .state = state };
}

static void teardown(void)
{
	timers_fini(&t, &o.budget);
	cr_assert_eq(o.budget.used, 0);
}

TestSuite(timers, .init = setup, .fini = teardown);

static void feed(enum tcpstat_dir dir, int64_t ms, uint16_t flags, uint32_t seq, uint32_t len, uint32_t ack)
{
	struct segment s = observe_segment(&o, dir, ms, flags, seq, len, ack, 1000);

	timers_segment(&t, &o.budget, &s, &scene);
}

static struct tcpstat_half half(enum tcpstat_dir dir)
{
	static struct tcpstat_conn conn;

	timers_snapshot(&t, &conn);
	return conn.half[dir];
}

/* SYNs after these delays, ms, up to a 0. */
static struct tcpstat_syn_ladder syns(const int64_t *delays)
{
	int64_t ms = 1000;

	timers_fini(&t, &o.budget);
	memset(&t, 0, sizeof t);
	feed(C, ms, TH_SYN, 0, 0, 0);
	for (; *delays; delays++)
		feed(C, ms += *delays, TH_SYN, 0, 0, 0);
	return half(C).syn_ladder;
}

Test(timers, nothing_is_known_of_nothing)
{
	feed(C, 1, TH_SYN, 0, 0, 0);
	feed(S, 2, TH_SYN | TH_ACK, 0, 0, 1);
	feed(C, 3, TH_ACK, 1, 100, 1);
	cr_assert_eq(o.budget.used, 0);
	for (int i = 0; i < 2; i++) {
		struct tcpstat_half h = half((enum tcpstat_dir)i);
		cr_assert_eq(h.syn_ladder.n, 0);
		cr_assert_eq(h.syn_ladder.like, TCPSTAT_LADDER_UNKNOWN);
		cr_assert_eq(h.persist.first_ns, TCPSTAT_NULL);
		cr_assert(isnan(h.persist.growth));
		cr_assert_eq(h.keepalive.dead, TCPSTAT_NULL);
		cr_assert_eq(h.ack_timer_ns, TCPSTAT_NULL);
		cr_assert_eq(h.fin_wait_2_ns, TCPSTAT_NULL);
		cr_assert_eq(h.time_wait_ns, TCPSTAT_NULL);
	}
}

Test(timers, ladders)
{
	struct tcpstat_syn_ladder l = syns((int64_t[]){ 1010, 2040, 4090, 8190, 0 });

	cr_assert_eq(l.n, 4);
	cr_assert_eq(l.delay_ns[1], 2040 * MS);
	cr_assert_eq(l.like, TCPSTAT_LADDER_DOUBLING_1S);
	cr_assert_eq(syns((int64_t[]){ 1000, 1000, 1000, 1000, 1000, 2000, 4000, 0 }).like, TCPSTAT_LADDER_LINEAR_1S);
	cr_assert_eq(syns((int64_t[]){ 3000, 6010, 12000, 0 }).like, TCPSTAT_LADDER_DOUBLING_3S);
	cr_assert_eq(syns((int64_t[]){ 5800, 24000, 0 }).like, TCPSTAT_LADDER_BSD_6S_24S);
	/* one of a second may be the beginning of either */
	cr_assert_eq(syns((int64_t[]){ 1000, 0 }).like, TCPSTAT_LADDER_UNKNOWN);
	cr_assert_eq(syns((int64_t[]){ 1000, 700, 2000, 0 }).like, TCPSTAT_LADDER_UNKNOWN);
	/* no more than there is room for */
	cr_assert_eq(syns((int64_t[]){ 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0 }).n, 8);
}

Test(timers, probes_grow_apart)
{
	feed(S, 1000, TH_ACK, 1, 0, 3001);
	scene.class = WINDOW_IS_PROBE;
	feed(C, 1250, TH_ACK, 3000, 0, 1);
	scene.class = WINDOW_PLAIN;
	feed(S, 1260, TH_ACK, 1, 0, 3001);
	scene.class = WINDOW_IS_PROBE;
	feed(C, 1750, TH_ACK, 3000, 0, 1);
	feed(C, 2750, TH_ACK, 3000, 0, 1);
	cr_assert_eq(half(C).persist.first_ns, 250 * MS);
	cr_assert_eq(half(C).persist.max_ns, 1000 * MS);
	cr_assert_float_eq(half(C).persist.growth, 2, 1e-9);
	cr_assert_eq(half(S).persist.first_ns, TCPSTAT_NULL);
}

Test(timers, keepalives_answered_and_not)
{
	feed(S, 0, TH_ACK, 1, 0, 101);
	scene.class = WINDOW_IS_KEEPALIVE;
	feed(C, 60000, TH_ACK, 100, 0, 1);
	scene.class = WINDOW_PLAIN;
	feed(S, 60010, TH_ACK, 1, 0, 101);
	cr_assert_eq(half(C).keepalive.idle_ns, 60000 * MS);
	cr_assert_eq(half(C).keepalive.interval_ns, TCPSTAT_NULL);
	cr_assert_eq(half(C).keepalive.answered, 1);
	cr_assert_eq(half(C).keepalive.dead, 0);
	scene.class = WINDOW_IS_KEEPALIVE;
	for (int i = 0; i < 3; i++)
		feed(C, 120000 + i * 10000, TH_ACK, 100, 0, 1);
	cr_assert_eq(half(C).keepalive.idle_ns, 59990 * MS);
	cr_assert_eq(half(C).keepalive.interval_ns, 10000 * MS);
	cr_assert_eq(half(C).keepalive.answered, 1);
	cr_assert_eq(half(C).keepalive.dead, 1);
}

Test(timers, who_gives_up_holds_the_peer_for_dead)
{
	scene.class = WINDOW_IS_KEEPALIVE;
	feed(C, 60000, TH_ACK, 100, 0, 1);
	cr_assert_eq(half(C).keepalive.dead, 0);
	scene.class = WINDOW_PLAIN;
	feed(C, 70000, TH_RST | TH_ACK, 101, 0, 1);
	cr_assert_eq(half(C).keepalive.dead, 1);
}

/* One segment, and an ACK of it that comes `late` ms after the quickest. */
static void one_and_its_ack(int i, int64_t late)
{
	scene.late_ns = -1;
	feed(C, i * 1000, TH_ACK, 1 + (uint32_t)i * 100, 100, 1);
	scene.late_ns = late * MS;
	feed(S, i * 1000 + 10 + late, TH_ACK, 1, 0, 101 + (uint32_t)i * 100);
}

Test(timers, acks_that_cluster_at_a_timer)
{
	feed(S, 0, TH_ACK, 1, 0, 1);
	for (int i = 0; i < 4; i++)
		one_and_its_ack(i, 39 + i);
	cr_assert_eq(half(S).ack_timer_ns, TCPSTAT_NULL); /* too few */
	one_and_its_ack(4, 43);
	cr_assert_eq(half(S).ack_timer_ns, 40 * MS);
	cr_assert_eq(half(C).ack_timer_ns, TCPSTAT_NULL);
	/* late for many reasons */
	for (int i = 5; i < 12; i++)
		one_and_its_ack(i, 300 + i);
	cr_assert_eq(half(S).ack_timer_ns, TCPSTAT_NULL);
}

Test(timers, an_ack_of_several_segments_is_no_delayed_one)
{
	feed(S, 0, TH_ACK, 1, 0, 1);
	for (uint32_t i = 0; i < 6; i++) {
		scene.late_ns = -1;
		for (uint32_t k = 0; k < 3; k++)
			feed(C, i * 1000, TH_ACK, 1 + i * 300 + k * 100, 100, 1);
		scene.late_ns = 40 * MS;
		feed(S, i * 1000 + 50, TH_ACK, 1, 0, 301 + i * 300);
	}
	cr_assert_eq(half(S).ack_timer_ns, TCPSTAT_NULL);
}

static void both(int64_t ms, enum tcpstat_state client, enum tcpstat_state server)
{
	state[C] = (uint8_t)client;
	state[S] = (uint8_t)server;
	feed(C, ms, TH_ACK, 1, 0, 1);
}

Test(timers, states_in_which_endpoints_wait)
{
	both(1, TCPSTAT_EP_ESTABLISHED, TCPSTAT_EP_ESTABLISHED);
	both(100, TCPSTAT_EP_FIN_WAIT_2, TCPSTAT_EP_CLOSE_WAIT);
	both(150, TCPSTAT_EP_FIN_WAIT_1, TCPSTAT_EP_CLOSE_WAIT); /* taken back */
	cr_assert_eq(half(C).fin_wait_2_ns, TCPSTAT_NULL);
	both(200, TCPSTAT_EP_FIN_WAIT_2, TCPSTAT_EP_CLOSE_WAIT);
	both(500, TCPSTAT_EP_TIME_WAIT, TCPSTAT_EP_CLOSED);
	cr_assert_eq(half(C).fin_wait_2_ns, 300 * MS);
	cr_assert_eq(half(C).time_wait_ns, TCPSTAT_NULL);
	timers_reused(&t, 2500 * MS);
	cr_assert_eq(half(C).time_wait_ns, 2000 * MS);
	cr_assert_eq(half(S).time_wait_ns, TCPSTAT_NULL);
}

Test(timers, without_memory_nothing_is_said)
{
	o.budget.limit = 0;
	scene.class = WINDOW_IS_KEEPALIVE;
	feed(C, 60000, TH_ACK, 100, 0, 1);
	feed(C, 61000, TH_SYN, 0, 0, 0);
	feed(C, 62000, TH_SYN, 0, 0, 0);
	cr_assert_eq(half(C).keepalive.dead, TCPSTAT_NULL);
	cr_assert_eq(half(C).syn_ladder.n, 0);
}
