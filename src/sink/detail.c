#include "sink/detail.h"
#include "sink/found.h"
#include "sink/standing.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_STATES = 64, MAX_ENDPOINT = 300, LABEL_WIDTH = 26, CELL_WIDTH = 30, BAR_WIDTH = 12 };

struct step {
	int64_t ts_ns;
	uint64_t frame;
	struct tcpstat_ev_state state;
	char trigger[32];
};

struct detail {
	struct style style;
	uint32_t number;
	bool seen;
	struct tcpstat_conn conn;
	char sha256[2][65];
	char dns_name[1024];            /* holds every name */
	struct step steps[MAX_STATES];
	size_t n_steps;
	uint64_t more_steps;
	struct found *found;
	bool no_memory;                 /* a finding is not whole */
};

struct detail *detail_new(const struct style *style, uint32_t conn)
{
	struct detail *d = calloc(1, sizeof *d);

	if (!d)
		return NULL;
	d->style = *style;
	d->number = conn;
	d->found = found_new(style);
	if (d->found)
		return d;
	free(d);
	return NULL;
}

void detail_free(struct detail *d)
{
	if (d)
		found_free(d->found);
	free(d);
}

static void take_step(struct detail *d, const struct tcpstat_event *ev)
{
	struct step *step = &d->steps[d->n_steps];

	if (d->n_steps == MAX_STATES) {
		d->more_steps++;
		return;
	}
	*step = (struct step){ .ts_ns = ev->ts_ns, .frame = ev->frame, .state = ev->state };
	snprintf(step->trigger, sizeof step->trigger, "%s", ev->state.trigger ? ev->state.trigger : "");
	d->n_steps++;
}

void detail_event(struct detail *d, const struct tcpstat_event *ev)
{
	int i;

	if (ev->conn != d->number)
		return;
	if (ev->type == TCPSTAT_EV_STATE) {
		take_step(d, ev);
	} else if (ev->type == TCPSTAT_EV_FINDING) {
		d->no_memory |= !found_event(d->found, ev);
	} else if (ev->type == TCPSTAT_EV_CONNECTION) {
		d->conn = *ev->connection;
		d->seen = true;
		if (d->conn.latency.dns.name) {
			snprintf(d->dns_name, sizeof d->dns_name, "%s", d->conn.latency.dns.name);
			d->conn.latency.dns.name = d->dns_name;
		}
		for (i = 0; i < 2; i++)
			snprintf(d->sha256[i], sizeof d->sha256[i], "%s",
				d->conn.half[i].payload_sha256 ? d->conn.half[i].payload_sha256 : "");
	}
}

/* ------------------------------------------------------------------------------------------------------ the lines */

static void heading(const struct detail *d, const char *text)
{
	fprintf(d->style.out, "\n%s%s%s\n", tint_on(&d->style, TINT_BOLD), text, tint_off(&d->style, TINT_BOLD));
}

static void line(const struct detail *d, const char *label, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void line(const struct detail *d, const char *label, const char *format, ...)
{
	va_list args;

	fprintf(d->style.out, "  %-*s", LABEL_WIDTH, label);
	va_start(args, format);
	vfprintf(d->style.out, format, args);
	va_end(args);
	fputc('\n', d->style.out);
}

static void pair(const struct detail *d, const char *label, const char *client, const char *server)
{
	size_t used = format_columns(client);
	int pad = used < CELL_WIDTH ? (int)(CELL_WIDTH - used) : 1;

	if (!strcmp(client, "-") && !strcmp(server, "-"))
		return;
	fprintf(d->style.out, "  %-*s%s%*s%s\n", LABEL_WIDTH, label, client, pad, "", server);
}

enum unit { COUNT, BYTES, RATE, TIME };

static char *figure(const struct detail *d, char buf[FORMAT_MAX], enum unit unit, int64_t value)
{
	switch (unit) {
	case BYTES: return format_bytes(buf, value);
	case RATE: return format_rate(buf, value);
	case TIME: return format_duration(buf, &d->style, value);
	default: return format_count(buf, value);
	}
}

static void figures(const struct detail *d, const char *label, enum unit unit, int64_t client, int64_t server)
{
	char a[FORMAT_MAX], b[FORMAT_MAX];

	pair(d, label, figure(d, a, unit, client), figure(d, b, unit, server));
}

/* Only where something happened: zeros on both sides say nothing. */
static void happened(const struct detail *d, const char *label, enum unit unit, int64_t client, int64_t server)
{
	if (client > 0 || server > 0)
		figures(d, label, unit, client, server);
}

static const char *when(const struct detail *d, char buf[FORMAT_MAX], int64_t ts_ns)
{
	return format_seconds(buf, ts_ns == TCPSTAT_NULL ? ts_ns : ts_ns - d->conn.first_ts_ns);
}

/* ------------------------------------------------------------------------------------------------------ the groups */

static void print_head(const struct detail *d)
{
	const struct tcpstat_conn *c = &d->conn;
	char client[MAX_ENDPOINT], server[MAX_ENDPOINT], a[FORMAT_MAX], b[FORMAT_MAX];
	const char *vantage = tcpstat_vantage_name(c->vantage);

	fprintf(d->style.out, "%sConnection %" PRIu32 ": %s %s %s%s\n", tint_on(&d->style, TINT_BOLD), c->number,
		format_endpoint(client, sizeof client, &d->style, &c->addr[0], c->port[0]),
		d->style.utf8 ? "\u2192" : "->",
		format_endpoint(server, sizeof server, &d->style, &c->addr[1], c->port[1]),
		tint_off(&d->style, TINT_BOLD));
	line(d, "state", "%s%s", standing_state(a, c), c->midstream ? ", begun before the capture" : "");
	line(d, "first packet", "#%" PRIu64 "  %s", c->first_frame, format_time(a, c->first_ts_ns));
	line(d, "last packet", "#%" PRIu64 "  %s", c->last_frame, format_time(a, c->last_ts_ns));
	line(d, "duration", "%s", format_duration(a, &d->style, c->duration_ns));
	if (vantage)
		line(d, "captured", c->vantage == TCPSTAT_VANTAGE_MIDDLE ? "between the two" : "near the %s", vantage);
	if (c->previous)
		line(d, "same ports as", "connection %" PRIu32 " before it", c->previous);
	if (c->vlan[0] != 0xffff) {
		snprintf(b, sizeof b, ", inner %u", c->vlan[1]);
		line(d, "VLAN", "%u%s", c->vlan[0], c->vlan[1] != 0xffff ? b : "");
	}
	if (c->tunnel)
		line(d, "tunnel", "%s", c->tunnel);
	if (*c->history)
		line(d, "for Zeek, Wireshark", "history %.*s, conn_state %s, completeness %u",
			(int)sizeof c->history, c->history, c->conn_state ? c->conn_state : "-", c->completeness);
}

static const char *outcome_words(enum tcpstat_outcome outcome)
{
	switch (outcome) {
	case TCPSTAT_HS_ESTABLISHED: return "established";
	case TCPSTAT_HS_REFUSED: return "refused by a RST";
	case TCPSTAT_HS_TIMEOUT: return "never answered";
	case TCPSTAT_HS_RESET: return "reset before it was complete";
	case TCPSTAT_HS_INCOMPLETE: return "incomplete";
	default: return "not in the capture";
	}
}

static void time_line(const struct detail *d, const char *label, int64_t ns)
{
	char a[FORMAT_MAX];

	if (ns != TCPSTAT_NULL)
		line(d, label, "%s", format_duration(a, &d->style, ns));
}

/* "1.02 s, 2.05 s: doubling from 1 s" */
static void print_ladder(const struct detail *d, const char *label, const struct tcpstat_syn_ladder *ladder)
{
	static const char *const like[] = {
		[TCPSTAT_LADDER_UNKNOWN] = "",
		[TCPSTAT_LADDER_DOUBLING_1S] = ": doubling from 1 s, as Linux, Android and Windows",
		[TCPSTAT_LADDER_LINEAR_1S] = ": some of 1 s before it doubles, as iOS, macOS and Linux since 6.5",
		[TCPSTAT_LADDER_DOUBLING_3S] = ": doubling from 3 s, as older systems",
		[TCPSTAT_LADDER_BSD_6S_24S] = ": 6 s and 24 s, as 4.4BSD",
	};
	char t[FORMAT_MAX];

	if (!ladder->n)
		return;
	fprintf(d->style.out, "  %-*s", LABEL_WIDTH, label);
	for (unsigned i = 0; i < ladder->n; i++)
		fprintf(d->style.out, "%s%s", i ? ", " : "", format_duration(t, &d->style, ladder->delay_ns[i]));
	fprintf(d->style.out, "%s\n", like[ladder->like]);
}

static void print_handshake(const struct detail *d)
{
	const struct tcpstat_conn *c = &d->conn;

	heading(d, "Handshake");
	line(d, "outcome", "%s", outcome_words(c->handshake.outcome));
	time_line(d, "round trip", c->handshake.rtt_ns);
	time_line(d, "  capture to client", c->handshake.client_half_ns);
	time_line(d, "  capture to server", c->handshake.server_half_ns);
	if (c->handshake.syn_retransmissions > 0)
		line(d, "SYN sent again", "%" PRId64 " time%s", c->handshake.syn_retransmissions,
			format_s(c->handshake.syn_retransmissions));
	print_ladder(d, "  after", &c->half[0].syn_ladder);
	if (c->handshake.synack_retransmissions > 0)
		line(d, "SYN,ACK sent again", "%" PRId64 " time%s", c->handshake.synack_retransmissions,
			format_s(c->handshake.synack_retransmissions));
	print_ladder(d, "  after", &c->half[1].syn_ladder);
}

static const char *yes_no(int64_t value)
{
	return value == TCPSTAT_NULL ? "-" : value ? "yes" : "no";
}

static char *scale(char buf[FORMAT_MAX], const struct detail *d, const struct tcpstat_options *o)
{
	if (o->wscale == TCPSTAT_NULL)
		return format_text(buf, o->sack_permitted == TCPSTAT_NULL ? "-" : "not offered");
	snprintf(buf, FORMAT_MAX, "%" PRId64 " (%s%" PRId64 ")", o->wscale, d->style.utf8 ? "\u00d7" : "x",
		INT64_C(1) << (o->wscale > 14 ? 14 : o->wscale < 0 ? 0 : o->wscale));
	return buf;
}

static void print_options(const struct detail *d)
{
	const struct tcpstat_options *a = &d->conn.options[0], *b = &d->conn.options[1];
	char x[FORMAT_MAX], y[FORMAT_MAX];

	if (a->sack_permitted == TCPSTAT_NULL && b->sack_permitted == TCPSTAT_NULL)
		return;
	heading(d, "Options of the SYNs");
	pair(d, "", "client", "server");
	figures(d, "MSS", COUNT, a->mss, b->mss);
	pair(d, "window scale", scale(x, d, a), scale(y, d, b));
	pair(d, "SACK permitted", yes_no(a->sack_permitted), yes_no(b->sack_permitted));
	pair(d, "timestamps", yes_no(a->timestamps), yes_no(b->timestamps));
#define RARE(label, field) if (a->field > 0 || b->field > 0) pair(d, label, yes_no(a->field), yes_no(b->field))
	RARE("ECN", ecn);
	RARE("AccECN", accecn);
	RARE("TCP Fast Open", tfo);
	RARE("MPTCP", mptcp);
#undef RARE
}

static void print_states(const struct detail *d)
{
	const struct tcpstat_conn *c = &d->conn;
	static const char *const who[] = { "client", "server" };
	static const char *const ends[] = {
		[TCPSTAT_CLOSE_FIN] = "FIN", [TCPSTAT_CLOSE_RST] = "RST", [TCPSTAT_CLOSE_TIMEOUT] = "timeout",
	};
	bool known = c->close.by == TCPSTAT_CLIENT || c->close.by == TCPSTAT_SERVER;
	char t[FORMAT_MAX], from[32], trigger[FORMAT_MAX];
	size_t i;

	heading(d, "States");
	for (i = 0; i < d->n_steps; i++) {
		const struct step *s = &d->steps[i];
		const char *from_name = tcpstat_state_name((enum tcpstat_state)s->state.from);
		const char *to_name = tcpstat_state_name((enum tcpstat_state)s->state.to);

		snprintf(from, sizeof from, "%s", from_name ? from_name : "-");
		fprintf(d->style.out, "  %12s  %s  %-12s %s %-12s %s", when(d, t, s->ts_ns),
			who[s->state.endpoint & 1], from,
			d->style.utf8 ? "\u2192" : "->", to_name ? to_name : "-", format_trigger(trigger, s->trigger));
		if (s->frame)
			fprintf(d->style.out, ", #%" PRIu64, s->frame);
		fputc('\n', d->style.out);
	}
	if (d->more_steps)
		fprintf(d->style.out, "  %s more\n", format_count(t, (int64_t)d->more_steps));
	if (c->close.provisional[0] || c->close.provisional[1])
		line(d, "not proven", "the last state of %s: its packet may not have arrived", c->close.provisional[0] ?
			c->close.provisional[1] ? "both" : "the client" : "the server");
	for (i = 0; i < 2; i++) {
		if (c->half[i].fin_wait_2_ns != TCPSTAT_NULL)
			line(d, "in FIN-WAIT-2", "%s, the %s", format_duration(t, &d->style, c->half[i].fin_wait_2_ns),
				who[i]);
		if (c->half[i].time_wait_ns != TCPSTAT_NULL)
			line(d, "in TIME-WAIT", "%s, the %s, when its ports were used again",
				format_duration(t, &d->style, c->half[i].time_wait_ns), who[i]);
	}
	if (c->close.how != TCPSTAT_CLOSE_OPEN)
		line(d, "ended", "by %s%s%s", ends[c->close.how], known ? " of the " : "",
			known ? who[c->close.by] : "");
}

static void print_traffic(const struct detail *d)
{
	const struct tcpstat_half *a = &d->conn.half[0], *b = &d->conn.half[1];

	figures(d, "packets", COUNT, a->packets, b->packets);
	figures(d, "bytes on the wire", BYTES, a->bytes, b->bytes);
	figures(d, "payload (each byte once)", BYTES, a->payload_bytes, b->payload_bytes);
	figures(d, "throughput", RATE, a->throughput_bps, b->throughput_bps);
	figures(d, "goodput", RATE, a->goodput_bps, b->goodput_bps);
	happened(d, "gaps", COUNT, a->gaps.count, b->gaps.count);
	happened(d, "bytes in gaps", BYTES, a->gaps.bytes, b->gaps.bytes);
	happened(d, "bytes refused", BYTES, a->refused_bytes, b->refused_bytes);
	happened(d, "conflicting overlaps", COUNT, a->overlap_conflicts, b->overlap_conflicts);
	happened(d, "checksum errors", COUNT, a->checksum_errors, b->checksum_errors);
	happened(d, "checksums offloaded", COUNT, a->checksum_offloaded, b->checksum_offloaded);
	if (*d->sha256[0] || *d->sha256[1]) {
		line(d, "SHA-256 of the client's", "%s", *d->sha256[0] ? d->sha256[0] : "-");
		line(d, "SHA-256 of the server's", "%s", *d->sha256[1] ? d->sha256[1] : "-");
	}
}

/* What the other endpoint did about three duplicate ACKs. */
static void print_then(const struct detail *d, const struct tcpstat_half *a, const struct tcpstat_half *b)
{
	static const char *const words[TCPSTAT_NDUP_ACK_THENS] = { "    nothing followed", "    then sent again",
		"    then only new data", "    then a timeout" };

	for (int i = 0; i < TCPSTAT_NDUP_ACK_THENS; i++)
		happened(d, words[i], COUNT, a->dup_ack_then[i], b->dup_ack_then[i]);
}

static void print_losses(const struct detail *d)
{
	const struct tcpstat_half *a = &d->conn.half[0], *b = &d->conn.half[1];
	char x[FORMAT_MAX], y[FORMAT_MAX];
	static const char *const causes[TCPSTAT_NCAUSES] = { "  cause unknown", "  SYN", "  SYN,ACK", "  FIN",
		"  timeout",
		"  after a timeout", "  fast", "  in recovery", "  tail loss probe", "  lost again" };
	int i;

	figures(d, "retransmitted segments", COUNT, a->retransmissions.total, b->retransmissions.total);
	if (a->retransmissions.ratio > 0 || b->retransmissions.ratio > 0)
		pair(d, "  of the data segments", format_share(x, a->retransmissions.ratio),
			format_share(y, b->retransmissions.ratio));
	for (i = 0; i < TCPSTAT_NCAUSES; i++)
		happened(d, causes[i], COUNT, a->retransmissions.by_cause[i], b->retransmissions.by_cause[i]);
	happened(d, "  needless", COUNT, a->retransmissions.spurious, b->retransmissions.spurious);
	happened(d, "  bytes", BYTES, a->retransmissions.bytes, b->retransmissions.bytes);
	happened(d, "lost before the capture", COUNT, a->lost.before_capture, b->lost.before_capture);
	happened(d, "lost after the capture", COUNT, a->lost.after_capture, b->lost.after_capture);
	happened(d, "out of order", COUNT, a->out_of_order, b->out_of_order);
	happened(d, "duplicates", COUNT, a->duplicates, b->duplicates);
	happened(d, "duplicate ACKs sent", COUNT, a->dup_acks, b->dup_acks);
	happened(d, "  runs of 3 or more", COUNT, a->dup_ack_runs_3, b->dup_ack_runs_3);
	print_then(d, a, b);
	happened(d, "SACK blocks sent", COUNT, a->sack_blocks, b->sack_blocks);
	happened(d, "DSACKs sent", COUNT, a->dsacks, b->dsacks);
	happened(d, "timeouts", COUNT, a->timeouts.count, b->timeouts.count);
	happened(d, "  in a row, at most", COUNT, a->timeouts.max_backoff, b->timeouts.max_backoff);
	happened(d, "  time lost by them", TIME, a->timeouts.stall_ns, b->timeouts.stall_ns);
	happened(d, "keepalives", COUNT, a->keepalives, b->keepalives);
	figures(d, "  after a silence of", TIME, a->keepalive.idle_ns, b->keepalive.idle_ns);
	figures(d, "  repeated every", TIME, a->keepalive.interval_ns, b->keepalive.interval_ns);
	happened(d, "  answered", COUNT, a->keepalive.answered, b->keepalive.answered);
	if (a->keepalive.dead == 1 || b->keepalive.dead == 1)
		pair(d, "  the peer is dead", yes_no(a->keepalive.dead), yes_no(b->keepalive.dead));
}

static void why(const struct detail *d, const char *label, const struct tcpstat_half *h)
{
	if (h->stack && *h->stack_why)
		line(d, label, "%.*s", (int)sizeof h->stack_why, h->stack_why);
}

static char *factor(char buf[FORMAT_MAX], double ratio)
{
	if (isnan(ratio))
		return format_text(buf, "-");
	snprintf(buf, FORMAT_MAX, "%.1f times", ratio);
	return buf;
}

static void print_windows(const struct detail *d)
{
	const struct tcpstat_half *a = &d->conn.half[0], *b = &d->conn.half[1];
	char x[FORMAT_MAX], y[FORMAT_MAX];

	if (a->rwnd.exact == 0 || b->rwnd.exact == 0)
		pair(d, "window scale, at least", format_count(x, a->rwnd.wscale_min),
			format_count(y, b->rwnd.wscale_min));
	figures(d, "window it offers, least", BYTES, a->rwnd.min_bytes, b->rwnd.min_bytes);
	figures(d, "  most", BYTES, a->rwnd.max_bytes, b->rwnd.max_bytes);
	figures(d, "  last", BYTES, a->rwnd.last_bytes, b->rwnd.last_bytes);
	happened(d, "  times it was zero", COUNT, a->rwnd.zero_count, b->rwnd.zero_count);
	happened(d, "  for, in all", TIME, a->rwnd.zero_ns, b->rwnd.zero_ns);
	happened(d, "  times it shrank", COUNT, a->rwnd.shrink_count, b->rwnd.shrink_count);
	happened(d, "  silly openings", COUNT, a->rwnd.silly_count, b->rwnd.silly_count);
	happened(d, "zero window probes", COUNT, a->zero_window_probes, b->zero_window_probes);
	figures(d, "  the first after", TIME, a->persist.first_ns, b->persist.first_ns);
	if (a->persist.growth > 0 || b->persist.growth > 0)
		pair(d, "  each wait longer by", factor(x, a->persist.growth), factor(y, b->persist.growth));
	figures(d, "bytes in flight, most", BYTES, a->flight.max_bytes, b->flight.max_bytes);
	figures(d, "  mean", BYTES, a->flight.mean_bytes, b->flight.mean_bytes);
	figures(d, "congestion window, first", BYTES, a->cwnd.initial_bytes, b->cwnd.initial_bytes);
	figures(d, "  most", BYTES, a->cwnd.max_bytes, b->cwnd.max_bytes);
	figures(d, "  last", BYTES, a->cwnd.last_bytes, b->cwnd.last_bytes);
	figures(d, "bandwidth-delay product", BYTES, a->bdp_bytes, b->bdp_bytes);
	figures(d, "most the window allows", RATE, a->ceiling_bps, b->ceiling_bps);
	if (a->ceiling_ratio > 0 || b->ceiling_ratio > 0)
		pair(d, "  share of it reached", format_share(x, a->ceiling_ratio), format_share(y, b->ceiling_ratio));
	snprintf(x, sizeof x, "%s", tcpstat_cc_name(a->congestion_control.name) ?
		tcpstat_cc_name(a->congestion_control.name) : "-");
	snprintf(y, sizeof y, "%s", tcpstat_cc_name(b->congestion_control.name) ?
		tcpstat_cc_name(b->congestion_control.name) : "-");
	pair(d, "congestion control", x, y);
	if (a->congestion_control.name || b->congestion_control.name)
		pair(d, "  off by", format_share(x, a->congestion_control.fit),
			format_share(y, b->congestion_control.fit));
	pair(d, "habits of", a->stack ? a->stack : "-", b->stack ? b->stack : "-");
	why(d, "  the client's, by", a);
	why(d, "  the server's, by", b);
}

static char *spread(const struct detail *d, char buf[FORMAT_MAX], const struct tcpstat_dist *dist)
{
	char least[FORMAT_MAX], median[FORMAT_MAX], most[FORMAT_MAX];

	if (dist->count == TCPSTAT_NULL || dist->count == 0)
		return format_text(buf, "-");
	snprintf(buf, FORMAT_MAX, "%.30s / %.30s / %.30s", format_duration(least, &d->style, dist->min_ns),
		format_duration(median, &d->style, dist->p50_ns), format_duration(most, &d->style, dist->max_ns));
	return buf;
}

static void print_times(const struct detail *d)
{
	const struct tcpstat_half *a = &d->conn.half[0], *b = &d->conn.half[1];
	char x[FORMAT_MAX], y[FORMAT_MAX];

	pair(d, "RTT least/median/most", spread(d, x, &a->rtt), spread(d, y, &b->rtt));
	figures(d, "  90th percentile", TIME, a->rtt.p90_ns, b->rtt.p90_ns);
	figures(d, "  99th percentile", TIME, a->rtt.p99_ns, b->rtt.p99_ns);
	figures(d, "  mean", TIME, a->rtt.mean_ns, b->rtt.mean_ns);
	figures(d, "  standard deviation", TIME, a->rtt.stddev_ns, b->rtt.stddev_ns);
	happened(d, "  samples", COUNT, a->rtt.count, b->rtt.count);
	pair(d, "ACKs held back", spread(d, x, &a->ack_delay), spread(d, y, &b->ack_delay));
	figures(d, "  by a timer of", TIME, a->ack_timer_ns, b->ack_timer_ns);
	figures(d, "smoothed RTT, last", TIME, a->srtt_ns, b->srtt_ns);
	figures(d, "  variation, last", TIME, a->rttvar_ns, b->rttvar_ns);
	figures(d, "RTO, last", TIME, a->rto.last_ns, b->rto.last_ns);
	figures(d, "  most", TIME, a->rto.max_ns, b->rto.max_ns);
}

static void print_lookup(const struct detail *d, const struct tcpstat_dns *dns)
{
	char name[4 * 256], took[FORMAT_MAX], before[FORMAT_MAX];

	if (!dns->name)
		return;
	line(d, "name looked up", "%s", format_safe(name, sizeof name, &d->style, dns->name));
	if (dns->took_ns != TCPSTAT_NULL)
		line(d, "  answered after", "%s%s, #%" PRIu64 " and #%" PRIu64,
			format_duration(took, &d->style, dns->took_ns),
			dns->queries > 1 ? ", asked more than once" : "", dns->query_frame, dns->answer_frame);
	line(d, "  before the SYN by", "%s", format_duration(before, &d->style, dns->before_ns));
}

static void print_latency(const struct detail *d)
{
	const struct tcpstat_conn *c = &d->conn;
	char x[FORMAT_MAX], n[FORMAT_MAX];

	if (c->latency.connect_ns == TCPSTAT_NULL && c->latency.first_request_ns == TCPSTAT_NULL &&
	    c->latency.response.count <= 0 && c->latency.client_wait.count <= 0 && !c->latency.dns.name)
		return;
	heading(d, "Latency");
	print_lookup(d, &c->latency.dns);
	time_line(d, "connect", c->latency.connect_ns);
	time_line(d, "first request after", c->latency.first_request_ns);
	if (c->latency.response.count > 0)
		line(d, "request to answer", "%s (least / median / most of %s)", spread(d, x, &c->latency.response),
			format_count(n, c->latency.response.count));
	if (c->latency.client_wait.count > 0)
		line(d, "answer to next request", "%s (least / median / most of %s)",
			spread(d, x, &c->latency.client_wait), format_count(n, c->latency.client_wait.count));
}

/* "####------  61 %" */
static char *bar(const struct detail *d, char buf[FORMAT_MAX], double share)
{
	int i, full = share > 0 ? (int)(share * BAR_WIDTH + 0.5) : 0;
	const char *block = d->style.utf8 ? "\u2588" : "#", *none = d->style.utf8 ? "\u2591" : ".";
	char blocks[4 * BAR_WIDTH] = "", percent[FORMAT_MAX];
	size_t len = 0;

	if (isnan(share))
		return format_text(buf, "-");
	for (i = 0; i < BAR_WIDTH; i++)
		len += (size_t)snprintf(blocks + len, sizeof blocks - len, "%s", i < full ? block : none);
	snprintf(buf, FORMAT_MAX, "%s  %5.16s", blocks, format_share(percent, share));
	return buf;
}

static void print_limits(const struct detail *d)
{
	const double *a = d->conn.half[0].limits, *b = d->conn.half[1].limits;
	char x[FORMAT_MAX], y[FORMAT_MAX];
	bool any = false;
	int i;

	for (i = 0; i < TCPSTAT_NLIMITS; i++) {
		if (!(a[i] > 0) && !(b[i] > 0))
			continue;
		if (!any) {
			heading(d, "What limited it (share of the time)");
			pair(d, "", "client to server", "server to client");
		}
		any = true;
		pair(d, standing_limit_name((enum tcpstat_limit)i), bar(d, x, a[i]), bar(d, y, b[i]));
	}
}

/* Whose the time was: one bar of all, then the parts. */
static void print_budget(const struct detail *d)
{
	enum { WIDTH = 60 };
	static const char marks[TCPSTAT_NLIMITS + 1] = "H.twCRTD?";
	const struct tcpstat_conn *c = &d->conn;
	char cells[WIDTH + 1], time[FORMAT_MAX], share[FORMAT_MAX];
	int64_t sum = 0;
	int i, at = 0;

	if (c->budget_ns[0] == TCPSTAT_NULL || c->duration_ns <= 0)
		return;
	heading(d, "Budget of time");
	for (i = 0; i < TCPSTAT_NLIMITS; i++) {
		sum += c->budget_ns[i];
		for (; at < WIDTH && (double)at + 0.5 < (double)sum / (double)c->duration_ns * WIDTH; at++)
			cells[at] = marks[i];
	}
	cells[at] = '\0';
	fprintf(d->style.out, "  [%s]\n", cells);
	for (i = 0; i < TCPSTAT_NLIMITS; i++)
		if (c->budget_ns[i] > 0)
			fprintf(d->style.out, "  %c %-*s%12s  %8s\n", marks[i], LABEL_WIDTH - 2,
				standing_limit_name((enum tcpstat_limit)i), format_duration(time, &d->style,
					c->budget_ns[i]),
				format_share(share, (double)c->budget_ns[i] / (double)c->duration_ns));
	fprintf(d->style.out, "  %-*s%12s\n", LABEL_WIDTH, "in all", format_duration(time, &d->style, c->duration_ns));
}

static void print_findings(const struct detail *d)
{
	heading(d, "Findings");
	found_print(d->found, FOUND_MAX);
	if (d->no_memory)
		fprintf(d->style.out, "The findings are incomplete: out of memory\n");
}

bool detail_print(const struct detail *d)
{
	if (!d->seen)
		return false;
	print_head(d);
	print_findings(d);
	print_budget(d);
	print_handshake(d);
	print_options(d);
	print_states(d);
	heading(d, "Directions");
	pair(d, "", "client to server", "server to client");
	print_traffic(d);
	print_times(d);
	print_losses(d);
	print_windows(d);
	print_latency(d);
	print_limits(d);
	return true;
}
