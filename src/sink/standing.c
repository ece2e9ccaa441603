#include "sink/standing.h"

#include <math.h>
#include <string.h>

#define NS_PER_MS INT64_C(1000000)

static const char *const who[] = { "client", "server" };

/* The peer's state is worth a word only where it differs. */
static char *states(char buf[FORMAT_MAX], const struct tcpstat_conn *c)
{
	const char *client = tcpstat_state_name(c->close.state[0]), *server = tcpstat_state_name(c->close.state[1]);

	if (c->close.state[0] == c->close.state[1])
		snprintf(buf, FORMAT_MAX, "%s", client ? client : "-");
	else
		snprintf(buf, FORMAT_MAX, "%s / %s", client ? client : "-", server ? server : "-");
	return buf;
}

static bool at_rest(enum tcpstat_state s)
{
	return s == TCPSTAT_EP_CLOSED || s == TCPSTAT_EP_TIME_WAIT || s == TCPSTAT_EP_LISTEN;
}

char *standing_state(char buf[FORMAT_MAX], const struct tcpstat_conn *c)
{
	switch (c->handshake.outcome) {
	case TCPSTAT_HS_REFUSED: return format_text(buf, "refused");
	case TCPSTAT_HS_TIMEOUT: return format_text(buf, "no answer");
	case TCPSTAT_HS_RESET: return format_text(buf, "reset in handshake");
	default: break;
	}
	switch (c->close.how) {
	case TCPSTAT_CLOSE_RST:
		if (c->close.by != TCPSTAT_CLIENT && c->close.by != TCPSTAT_SERVER)
			return format_text(buf, "reset");
		snprintf(buf, FORMAT_MAX, "reset by %s", who[c->close.by]);
		return buf;
	case TCPSTAT_CLOSE_TIMEOUT: return format_text(buf, "timed out");
	case TCPSTAT_CLOSE_FIN:
		if (at_rest(c->close.state[0]) && at_rest(c->close.state[1]))
			return format_text(buf, "closed");
		return states(buf, c);
	default: return states(buf, c);
	}
}

enum tint standing_tint(const struct tcpstat_conn *c)
{
	switch (c->handshake.outcome) {
	case TCPSTAT_HS_REFUSED: case TCPSTAT_HS_TIMEOUT: case TCPSTAT_HS_RESET: return TINT_RED;
	default: return c->close.how == TCPSTAT_CLOSE_RST || c->close.how == TCPSTAT_CLOSE_TIMEOUT ? TINT_YELLOW :
		TINT_NONE;
	}
}

const char *standing_limit_name(enum tcpstat_limit limit)
{
	static const char *const names[] = {
		[TCPSTAT_LIMIT_HANDSHAKE] = "handshake",
		[TCPSTAT_LIMIT_APPLICATION_IDLE] = "nothing to send",
		[TCPSTAT_LIMIT_THINK_TIME] = "think time",
		[TCPSTAT_LIMIT_RECEIVER_WINDOW] = "receiver window",
		[TCPSTAT_LIMIT_CONGESTION_WINDOW] = "congestion window",
		[TCPSTAT_LIMIT_RECOVERY] = "loss recovery",
		[TCPSTAT_LIMIT_TIMEOUT] = "timeouts",
		[TCPSTAT_LIMIT_DELAYED_ACK] = "delayed ACKs",
		[TCPSTAT_LIMIT_SENDER_UNKNOWN] = "sender, unknown why",
	};

	return names[limit];
}

int standing_limit_most(const struct tcpstat_conn *c, double *share)
{
	const struct tcpstat_half *half = &c->half[c->half[1].payload_bytes > c->half[0].payload_bytes];
	int i, most = -1;

	for (i = 0; i < TCPSTAT_NLIMITS; i++)
		if (half->limits[i] > 0 && (most < 0 || half->limits[i] > half->limits[most]))
			most = i;
	*share = most < 0 ? 0 : half->limits[most];
	return most;
}

char *standing_limit(char buf[FORMAT_MAX], const struct tcpstat_conn *c)
{
	char text[FORMAT_MAX];
	double share;
	int most = standing_limit_most(c, &share);

	if (most < 0)
		return format_text(buf, "");
	snprintf(buf, FORMAT_MAX, "%s %s", standing_limit_name((enum tcpstat_limit)most), format_share(text, share));
	return buf;
}

double standing_retransmitted(const struct tcpstat_conn *c)
{
	double a = c->half[0].retransmissions.ratio, b = c->half[1].retransmissions.ratio;

	return isnan(a) || b > a ? b : a;
}

int64_t standing_rtt(const struct tcpstat_conn *c)
{
	const struct tcpstat_half *half = &c->half[c->half[1].payload_bytes > c->half[0].payload_bytes];
	const struct tcpstat_dist *rtt = half->rtt.count > 0 ? &half->rtt : &c->half[half == c->half].rtt;

	return rtt->count > 0 && rtt->p50_ns != TCPSTAT_NULL ? rtt->p50_ns : c->handshake.rtt_ns;
}

static int64_t known(int64_t n)
{
	return n > 0 ? n : 0;           /* TCPSTAT_NULL is negative */
}

int64_t standing_trouble(const struct tcpstat_conn *c)
{
	enum { REFUSED_MS = 1000, RESET_MS = 200, RESENT_MS = 20, SYN_TIMEOUT_MS = 1000 };
	int64_t trouble = 0,
		syns = known(c->handshake.syn_retransmissions) + known(c->handshake.synack_retransmissions);
	int i;

	for (i = 0; i < 2; i++) {
		const struct tcpstat_half *h = &c->half[i];

		trouble += known(h->timeouts.stall_ns) + known(h->rwnd.zero_ns);
		trouble += known(h->retransmissions.total) * RESENT_MS * NS_PER_MS;
	}
	trouble += syns * SYN_TIMEOUT_MS * NS_PER_MS;
	switch (c->handshake.outcome) {
	case TCPSTAT_HS_REFUSED: case TCPSTAT_HS_RESET: case TCPSTAT_HS_TIMEOUT:
		trouble += REFUSED_MS * NS_PER_MS;
		break;
	default:
		if (c->close.how == TCPSTAT_CLOSE_RST || c->close.how == TCPSTAT_CLOSE_TIMEOUT)
			trouble += RESET_MS * NS_PER_MS;
	}
	return trouble;
}
