#include "config.h"
#include "sink/ticker.h"
#include "sink/standing.h"

#include <inttypes.h>
#include <string.h>

enum { CLOCK_AT = 11, CLOCK_LEN = 12, SECONDS_LEN = 8, WORDS = 1000 }; /* of 14:03:11.204 in what format_time writes */

void ticker_init(struct ticker *t, const struct style *style)
{
	*t = (struct ticker){ .style = *style };
}

static void print_clock(const struct ticker *t, int64_t ts_ns, int len)
{
	char when[FORMAT_MAX];

	format_time(when, ts_ns);
	if (strlen(when) >= CLOCK_AT + CLOCK_LEN)
		fprintf(t->style.out, "%s%.*s%*s%s", tint_on(&t->style, TINT_DIM), len, when + CLOCK_AT,
			CLOCK_LEN + 2 - len, "", tint_off(&t->style, TINT_DIM));
}

static void print_finding(const struct ticker *t, const struct tcpstat_event *ev)
{
	static const enum tint tints[] = { TINT_NONE, TINT_YELLOW, TINT_RED };
	const struct tcpstat_ev_finding *f = &ev->finding;
	char title[WORDS];

	print_clock(t, ev->ts_ns, CLOCK_LEN);
	fprintf(t->style.out, "%s%s%s: %s (%s)\n", tint_on(&t->style, tints[f->severity]),
		tcpstat_severity_name(f->severity), tint_off(&t->style, tints[f->severity]),
		format_safe(title, sizeof title, &t->style, f->title), f->id);
}

void ticker_event(struct ticker *t, const struct tcpstat_event *ev)
{
	const struct tcpstat_conn *c = ev->connection; /* of these two types only */
	const struct style *style = &t->style;
	char end[300], small[FORMAT_MAX];
	double resent;
	FILE *out = style->out;

	if (ev->type == TCPSTAT_EV_FINDING && ev->finding.ongoing)
		print_finding(t, ev);
	/* Told when it is over, not when its addresses are forgotten a minute later, and not because the capture
	 * ends or memory is short. */
	if ((ev->type != TCPSTAT_EV_CONNECTION && ev->type != TCPSTAT_EV_PROGRESS) || c->over_told)
		return;
	if (!c->over && (ev->type == TCPSTAT_EV_PROGRESS || c->close.how == TCPSTAT_CLOSE_OPEN))
		return;
	t->ended++;
	t->refused += c->handshake.outcome == TCPSTAT_HS_REFUSED;
	t->no_answer += c->handshake.outcome == TCPSTAT_HS_TIMEOUT;
	t->reset += c->close.how == TCPSTAT_CLOSE_RST && c->handshake.outcome != TCPSTAT_HS_REFUSED;
	print_clock(t, c->last_ts_ns, CLOCK_LEN);
	fprintf(out, "%s#%" PRIu32 "%s ", tint_on(style, TINT_BOLD), c->number, tint_off(style, TINT_BOLD));
	fprintf(out, "%s > ", format_endpoint(end, sizeof end, style, &c->addr[0], c->port[0]));
	fprintf(out, "%s  ", format_endpoint(end, sizeof end, style, &c->addr[1], c->port[1]));
	fprintf(out, "%s%s%s", tint_on(style, standing_tint(c)), standing_state(small, c),
		tint_off(style, standing_tint(c)));
	fprintf(out, ", %s", format_duration(small, style, c->duration_ns));
	if (c->half[0].payload_bytes > 0)
		fprintf(out, ", %s up", format_bytes(small, c->half[0].payload_bytes));
	if (c->half[1].payload_bytes > 0)
		fprintf(out, ", %s down", format_bytes(small, c->half[1].payload_bytes));
	if (standing_rtt(c) != TCPSTAT_NULL)
		fprintf(out, ", RTT %s", format_duration(small, style, standing_rtt(c)));
	resent = standing_retransmitted(c);
	if (resent > 0)
		fprintf(out, ", %s resent", format_share(small, resent));
	if (c->handshake.syn_retransmissions > 0)
		fprintf(out, ", %s SYN resent", format_count(small, c->handshake.syn_retransmissions));
	fputc('\n', out);
}

static void part(FILE *out, uint64_t n, const char *text)
{
	char small[FORMAT_MAX];

	if (n)
		fprintf(out, ", %s %s", format_count(small, (int64_t)n), text);
}

void ticker_line(struct ticker *t, const struct tcpstat_gauges *g, const struct tcpstat_counters *c, int64_t dropped,
	int64_t now_ns, int64_t span_ns)
{
	FILE *out = t->style.out;
	char small[FORMAT_MAX];
	double s = span_ns > 0 ? (double)span_ns / 1e9 : 1;

	print_clock(t, now_ns, SECONDS_LEN);
	fprintf(out, "%s packets/s", format_count(small, (int64_t)((double)(c->packets - t->last.packets) / s + 0.5)));
	fprintf(out, ", %s; ", format_rate(small, (int64_t)((double)(c->bytes - t->last.bytes) * 8 / s + 0.5)));
	fprintf(out, "%s open", format_count(small, (int64_t)(g->open + g->closing)));
	part(out, g->half_open, "half-open");
	fprintf(out, "; %s begun", format_count(small, (int64_t)(c->connections - t->last.connections)));
	fprintf(out, ", %s ended", format_count(small, (int64_t)t->ended));
	part(out, t->reset, "reset");
	part(out, t->refused, "refused");
	part(out, t->no_answer, "without an answer");
	part(out, c->evicted - t->last.evicted, "ended early to stay within the memory");
	if (dropped > t->last_dropped)
		fprintf(out, "; %s%s packets dropped by the capturing system%s", tint_on(&t->style, TINT_RED),
			format_count(small, dropped - t->last_dropped), tint_off(&t->style, TINT_RED));
	fputc('\n', out);
	t->last = *c;
	t->last_dropped = dropped > 0 ? dropped : 0;
	t->ended = t->reset = t->refused = t->no_answer = 0;
}
