#include "core/share.h"

#include <criterion/criterion.h>
#include <math.h>

static int64_t sum(const struct tcpstat_conn *c)
{
	int64_t ns = 0;

	for (int i = 0; i < TCPSTAT_NLIMITS; i++)
		ns += c->budget_ns[i];
	return ns;
}

Test(share, the_active_direction_owns_the_instant)
{
	struct tcpstat_conn c = { .duration_ns = 1000 };

	c.half[0].limits[TCPSTAT_LIMIT_HANDSHAKE] = c.half[1].limits[TCPSTAT_LIMIT_HANDSHAKE] = 0.1;
	c.half[0].limits[TCPSTAT_LIMIT_APPLICATION_IDLE] = 0.9;
	c.half[1].limits[TCPSTAT_LIMIT_TIMEOUT] = 0.5;
	c.half[1].limits[TCPSTAT_LIMIT_CONGESTION_WINDOW] = 0.25;
	c.half[1].limits[TCPSTAT_LIMIT_APPLICATION_IDLE] = 0.15;
	share_time(&c);
	cr_assert_eq(c.budget_ns[TCPSTAT_LIMIT_HANDSHAKE], 100);
	cr_assert_eq(c.budget_ns[TCPSTAT_LIMIT_TIMEOUT], 500);
	cr_assert_eq(c.budget_ns[TCPSTAT_LIMIT_CONGESTION_WINDOW], 250);
	cr_assert_eq(c.budget_ns[TCPSTAT_LIMIT_APPLICATION_IDLE], 150);
	cr_assert_eq(sum(&c), 1000);
}

Test(share, both_directions_at_once_count_once)
{
	struct tcpstat_conn c = { .duration_ns = 1000 };

	for (int i = 0; i < 2; i++) {
		c.half[i].limits[TCPSTAT_LIMIT_RECOVERY] = 0.4;
		c.half[i].limits[TCPSTAT_LIMIT_CONGESTION_WINDOW] = 0.6;
	}
	share_time(&c);
	cr_assert_eq(c.budget_ns[TCPSTAT_LIMIT_RECOVERY], 800);
	cr_assert_eq(c.budget_ns[TCPSTAT_LIMIT_CONGESTION_WINDOW], 200);
	cr_assert_eq(sum(&c), 1000);
}

Test(share, unknown_is_null)
{
	struct tcpstat_conn c = { .duration_ns = 1000 };

	c.half[1].limits[TCPSTAT_LIMIT_HANDSHAKE] = NAN;
	share_time(&c);
	for (int i = 0; i < TCPSTAT_NLIMITS; i++)
		cr_assert_eq(c.budget_ns[i], TCPSTAT_NULL);
}
