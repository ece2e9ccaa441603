#include "core/share.h"

#include <math.h>

static int64_t part(const struct tcpstat_conn *c, unsigned d, enum tcpstat_limit owner)
{
	return (int64_t)(c->half[d].limits[owner] * (double)c->duration_ns);
}

void share_time(struct tcpstat_conn *c)
{
	static const uint8_t order[] = { TCPSTAT_LIMIT_TIMEOUT, TCPSTAT_LIMIT_RECOVERY, TCPSTAT_LIMIT_RECEIVER_WINDOW,
		TCPSTAT_LIMIT_DELAYED_ACK, TCPSTAT_LIMIT_CONGESTION_WINDOW, TCPSTAT_LIMIT_SENDER_UNKNOWN,
		TCPSTAT_LIMIT_THINK_TIME };
	int64_t rest = c->duration_ns, a = 0, b = 0;
	bool known = true;

	for (int i = 0; i < TCPSTAT_NLIMITS; i++) {
		known &= !isnan(c->half[0].limits[i]) && !isnan(c->half[1].limits[i]);
		c->budget_ns[i] = TCPSTAT_NULL;
	}
	if (!known)
		return;
	a = part(c, 0, TCPSTAT_LIMIT_HANDSHAKE);
	b = part(c, 1, TCPSTAT_LIMIT_HANDSHAKE);
	c->budget_ns[TCPSTAT_LIMIT_HANDSHAKE] = a > b ? a : b;
	rest -= c->budget_ns[TCPSTAT_LIMIT_HANDSHAKE];
	for (unsigned i = 0; i < sizeof order; i++) {
		int64_t ns = part(c, 0, (enum tcpstat_limit)order[i]) + part(c, 1, (enum tcpstat_limit)order[i]);
		c->budget_ns[order[i]] = ns < rest ? ns : rest;
		rest -= c->budget_ns[order[i]];
	}
	c->budget_ns[TCPSTAT_LIMIT_APPLICATION_IDLE] = rest;
}
