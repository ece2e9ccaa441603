#include "core/share.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"

static const int64_t MS = 1000000;
static struct budget budget = { .limit = UINT64_MAX };

/* ---- what one sees: two senders that stall ---- */

/* Both send 1000 bytes at 10 ms; a timer of each repeats them when it has waited for so long. */
static void stall(int64_t c2s_ms, int64_t s2c_from_ms, int64_t s2c_ms, struct share *share, int64_t last_ms)
{
	int64_t from_ms[2] = { 10, s2c_from_ms }, to_ms[2] = { 10 + c2s_ms, s2c_from_ms + s2c_ms };
	struct limits l[2];

	share_init(share, &budget, 0, limits_first(false));
	for (int i = 0; i < 2; i++)
		limits_init(&l[i], share, i, 0, false);
	for (int64_t ms = 0; ms <= last_ms; ms++)
		for (int i = 0; i < 2; i++) {
			struct limits_env env = { .now_ns = ms * MS, .slack_ns = MS, .srtt_ns = 10 * MS, .una = 100,
				.nxt = 1100, .wnd = 20000, .mss = 1000, .in_flight = 1, .cwnd = 10 };

			if (ms == from_ms[i])
				limits_sent(&l[i], &env, 1000, false);
			if (ms == to_ms[i]) {
				limits_resent(&l[i], &env, true);
				env.una = env.nxt;
				env.in_flight = 0;
				limits_ack(&l[i], &env, 100, true, false);
			}
		}
	for (int i = 0; i < 2; i++)
		limits_finish(&l[i], last_ms * MS, 1000 * MS);
	share_finish(share, last_ms * MS);
}

static int64_t sum(const int64_t *ns)
{
	int64_t all = 0;

	for (int i = 0; i < TCPSTAT_NLIMITS; i++)
		all += ns[i];
	return all;
}

static void expect_timeouts(const struct share *share, int64_t both_ms, int64_t last_ms)
{
	int64_t ns[TCPSTAT_NLIMITS];

	share_of_both(share, last_ms * MS, ns);
	cr_assert_eq(ns[TCPSTAT_LIMIT_TIMEOUT], both_ms * MS, "%lld ms", (long long)(ns[TCPSTAT_LIMIT_TIMEOUT] / MS));
	cr_assert_eq(sum(ns), last_ms * MS);
}

Test(share, stalls_that_overlap_count_once)
{
	struct share share;
	double ratio[TCPSTAT_NLIMITS];

	stall(200, 110, 200, &share, 400);
	expect_timeouts(&share, 300, 400);
	share_of_half(&share, TCPSTAT_C2S, ratio);
	cr_assert_float_eq(ratio[TCPSTAT_LIMIT_TIMEOUT], 0.5, 1e-9);
	share_of_half(&share, TCPSTAT_S2C, ratio);
	cr_assert_float_eq(ratio[TCPSTAT_LIMIT_TIMEOUT], 0.5, 1e-9);
}

Test(share, stalls_one_within_the_other_count_as_the_longer)
{
	struct share share;

	stall(300, 60, 100, &share, 400);
	expect_timeouts(&share, 300, 400);
}

Test(share, stalls_that_do_not_overlap_count_both)
{
	struct share share;

	stall(100, 150, 100, &share, 400);
	expect_timeouts(&share, 200, 400);
}

Test(share, the_direction_that_is_stalled_owns_the_instant)
{
	struct share share;
	int64_t ns[TCPSTAT_NLIMITS];

	share_init(&share, &budget, 0, TCPSTAT_LIMIT_APPLICATION_IDLE);
	share_join(&share, TCPSTAT_C2S);
	share_join(&share, TCPSTAT_S2C);
	share_pass(&share, TCPSTAT_C2S, 100, TCPSTAT_LIMIT_HANDSHAKE, 0);
	share_pass(&share, TCPSTAT_C2S, 1000, TCPSTAT_LIMIT_APPLICATION_IDLE, 0);
	share_pass(&share, TCPSTAT_S2C, 80, TCPSTAT_LIMIT_HANDSHAKE, 0);
	share_pass(&share, TCPSTAT_S2C, 600, TCPSTAT_LIMIT_TIMEOUT, 0);
	share_pass(&share, TCPSTAT_S2C, 900, TCPSTAT_LIMIT_CONGESTION_WINDOW, 0);
	share_pass(&share, TCPSTAT_S2C, 1000, TCPSTAT_LIMIT_THINK_TIME, 0);
	share_finish(&share, 1000);
	share_of_both(&share, 1000, ns);
	cr_assert_eq(ns[TCPSTAT_LIMIT_HANDSHAKE], 100);
	cr_assert_eq(ns[TCPSTAT_LIMIT_TIMEOUT], 500);
	cr_assert_eq(ns[TCPSTAT_LIMIT_CONGESTION_WINDOW], 300);
	cr_assert_eq(ns[TCPSTAT_LIMIT_THINK_TIME], 100);
	cr_assert_eq(sum(ns), 1000);
}

Test(share, who_never_speaks_is_idle)
{
	struct share share;
	int64_t ns[TCPSTAT_NLIMITS];
	double ratio[TCPSTAT_NLIMITS];

	share_init(&share, &budget, 0, TCPSTAT_LIMIT_APPLICATION_IDLE);
	share_join(&share, TCPSTAT_S2C);
	share_pass(&share, TCPSTAT_S2C, 700, TCPSTAT_LIMIT_CONGESTION_WINDOW, 0);
	share_settle(&share, TCPSTAT_S2C);
	share_finish(&share, 1000);
	share_of_both(&share, 1200, ns);
	cr_assert_eq(ns[TCPSTAT_LIMIT_CONGESTION_WINDOW], 700);
	cr_assert_eq(ns[TCPSTAT_LIMIT_APPLICATION_IDLE], 500);
	share_of_half(&share, TCPSTAT_C2S, ratio);
	cr_assert_eq(ratio[TCPSTAT_LIMIT_APPLICATION_IDLE], 1);
}

Test(share, no_time_has_no_shares)
{
	struct share share;
	double ratio[TCPSTAT_NLIMITS];

	share_init(&share, &budget, 5, TCPSTAT_LIMIT_HANDSHAKE);
	share_finish(&share, 5);
	share_of_half(&share, TCPSTAT_C2S, ratio);
	cr_assert(isnan(ratio[TCPSTAT_LIMIT_HANDSHAKE]));
}

/* ---- against an account that keeps every instant ---- */

enum { SPAN = 1000 };

static struct {
	uint8_t owner[SPAN];
	bool open[SPAN], progress[SPAN], peer_data[SPAN];
	int now;
} plain[2];

static const int order[] = { TCPSTAT_LIMIT_HANDSHAKE, TCPSTAT_LIMIT_TIMEOUT, TCPSTAT_LIMIT_RECOVERY,
	TCPSTAT_LIMIT_RECEIVER_WINDOW, TCPSTAT_LIMIT_DELAYED_ACK, TCPSTAT_LIMIT_CONGESTION_WINDOW,
	TCPSTAT_LIMIT_SENDER_UNKNOWN, TCPSTAT_LIMIT_THINK_TIME, TCPSTAT_LIMIT_APPLICATION_IDLE };

static void plain_act(struct share *s, int dir, int owners)
{
	int what = rand() % 8, from = rand() % owners, to = rand() % owners, upto = plain[dir].now + rand() % 40;
	bool marked = rand() % 2;

	switch (what) {
	case 0:
		for (int i = 0; i < plain[dir].now; i++)
			if (plain[dir].open[i] && plain[dir].owner[i] == from)
				plain[dir].owner[i] = (uint8_t)to;
		share_reassign(s, dir, from, to);
		break;
	case 1:
		for (int i = 0; i < plain[dir].now; i++)
			if (plain[dir].open[i] && plain[dir].progress[i])
				plain[dir].owner[i] = (uint8_t)to;
		share_reassign_since(s, dir, SHARE_PROGRESS, TCPSTAT_NLIMITS, to);
		break;
	case 2:
		for (int i = 0; i < plain[dir].now; i++)
			if (plain[dir].open[i] && plain[dir].peer_data[i] && plain[dir].owner[i] == from)
				plain[dir].owner[i] = (uint8_t)to;
		share_reassign_since(s, dir, SHARE_PEER_DATA, from, to);
		break;
	case 3:
		memset(plain[dir].open, false, sizeof plain[dir].open);
		share_settle(s, dir);
		break;
	case 4:
		memset(marked ? plain[dir].progress : plain[dir].peer_data, false, sizeof plain[dir].progress);
		share_set_mark(s, dir, marked ? SHARE_PROGRESS : SHARE_PEER_DATA);
		break;
	default:
		for (; plain[dir].now < upto && plain[dir].now < SPAN; plain[dir].now++) {
			plain[dir].owner[plain[dir].now] = (uint8_t)from;
			plain[dir].open[plain[dir].now] = plain[dir].progress[plain[dir].now] = true;
			plain[dir].peer_data[plain[dir].now] = marked;
		}
		share_pass(s, dir, plain[dir].now, from, marked ? SHARE_PROGRESS | SHARE_PEER_DATA : SHARE_PROGRESS);
	}
}

static void compare(const struct share *s)
{
	int64_t both[TCPSTAT_NLIMITS] = { 0 }, half[2][TCPSTAT_NLIMITS] = { 0 };

	for (int i = 0; i < SPAN; i++) {
		int owner = 0;

		while (order[owner] != plain[0].owner[i] && order[owner] != plain[1].owner[i])
			owner++;
		both[order[owner]]++;
		half[0][plain[0].owner[i]]++;
		half[1][plain[1].owner[i]]++;
	}
	cr_assert_arr_eq(s->ns, both, sizeof both);
	cr_assert_arr_eq(s->half_ns, half, sizeof half);
}

static void plain_settle(struct share *s, int dir)
{
	memset(plain[dir].open, false, sizeof plain[dir].open);
	share_settle(s, dir);
}

static int plain_tag(int dir, int i)
{
	return !plain[dir].open[i] ? plain[dir].owner[i] : plain[dir].owner[i] | 16 | plain[dir].progress[i] << 5 |
		plain[dir].peer_data[i] << 6;
}

/* How many kinds of time are open? */
static int plain_kinds(void)
{
	static bool seen[128][128];
	int n = 0;

	memset(seen, false, sizeof seen);
	for (int i = 0; i < plain[0].now && i < plain[1].now; i++) {
		int a = plain_tag(0, i), b = plain_tag(1, i);

		n += !seen[a][b] && (a | b) & 16;
		seen[a][b] = true;
	}
	return n;
}

/* As long as there is room for all kinds nothing is settled early, though one direction is far ahead. */
Test(share, every_instant_as_in_an_account_that_keeps_them_all)
{
	int compared = 0;

	for (unsigned seed = 1; seed <= 1000; seed++) {
		struct share s, copy;
		struct share_run runs[SHARE_RUNS_COPY];
		uint64_t used = budget.used;
		bool fits = true;

		srand(seed);
		memset(plain, 0, sizeof plain);
		share_init(&s, &budget, 0, TCPSTAT_LIMIT_APPLICATION_IDLE);
		share_join(&s, TCPSTAT_C2S);
		share_join(&s, TCPSTAT_S2C);
		while (plain[0].now < SPAN || plain[1].now < SPAN) {
			int ahead = (int)(seed / 2 % 2), dir = rand() % (seed % 2 ? 3 : 20) ? ahead : !ahead;

			plain_act(&s, plain[dir].now < SPAN ? dir : !dir, TCPSTAT_NLIMITS);
			if (plain_kinds() >= SHARE_KINDS / 2)
				plain_settle(&s, rand() % 2);
			fits = fits && plain_kinds() <= SHARE_KINDS;
		}
		share_copy(&copy, &s, runs);
		share_finish(&copy, SPAN);
		if (fits)
			compare(&copy);
		compared += fits;
		share_fini(&s);
		cr_assert_eq(budget.used, used);
	}
	cr_assert_gt(compared, 100, "%d of 1000", compared);
}

/* With all of them something has to be settled early: no instant is lost or counted twice. */
Test(share, bounded_and_still_every_instant_once)
{
	for (unsigned seed = 1; seed <= 100; seed++) {
		struct budget little = { .limit = seed % 3 * 100 };
		struct share s;

		srand(seed);
		memset(plain, 0, sizeof plain);
		share_init(&s, &little, 0, TCPSTAT_LIMIT_APPLICATION_IDLE);
		share_join(&s, TCPSTAT_C2S);
		share_join(&s, TCPSTAT_S2C);
		while (plain[0].now < SPAN || plain[1].now < SPAN)
			plain_act(&s, rand() % 10 ? (int)(seed % 2) : !(seed % 2), TCPSTAT_NLIMITS);
		share_finish(&s, SPAN);
		cr_assert_eq(sum(s.ns), SPAN);
		cr_assert_eq(sum(s.half_ns[0]), SPAN);
		cr_assert_eq(sum(s.half_ns[1]), SPAN);
		share_fini(&s);
		cr_assert_eq(little.used, 0);
	}
}
