#include "render.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct out {
	char *at;
	size_t left;
};

__attribute__((format(printf, 2, 3)))
static void word(struct out *o, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(o->at, o->left, format, ap);
	va_end(ap);
	if (n < 0)
		return;
	size_t used = (size_t)n < o->left ? (size_t)n : o->left - 1;
	o->at += used;
	o->left -= used;
}

static void number(struct out *o, const char *name, int64_t value)
{
	if (value == TCPSTAT_NULL)
		word(o, " %s=null", name);
	else
		word(o, " %s=%" PRId64, name, value);
}

static void micros(struct out *o, const char *name, int64_t ns)
{
	number(o, name, ns == TCPSTAT_NULL ? ns : ns / 1000);
}

static void text(struct out *o, const char *name, const char *value)
{
	word(o, " %s=%s", name, value ? value : "null");
}

/* As one word. */
static void title(struct out *o, const char *value)
{
	word(o, " title=");
	for (; *value; value++)
		word(o, "%c", *value == ' ' ? '_' : *value);
}

static void state(struct out *o, const struct tcpstat_ev_state *s)
{
	word(o, " %s %s", s->endpoint == TCPSTAT_CLIENT ? "client" : "server", tcpstat_state_name(s->to));
	text(o, "from", tcpstat_state_name(s->from));
	text(o, "trigger", s->trigger);
	text(o, "provisional", s->provisional ? "yes" : "no");
}

static void seq(struct out *o, int64_t rel, uint32_t len)
{
	word(o, " seq=%" PRId64 ":%" PRId64, rel, rel + len);
}

static void retransmission(struct out *o, const struct tcpstat_ev_retransmission *r)
{
	seq(o, r->seq_rel, r->len);
	text(o, "cause", tcpstat_cause_name(r->cause));
	number(o, "backoff", r->backoff);
	text(o, "spurious", r->spurious < 0 ? NULL : r->spurious ? "yes" : "no");
	text(o, "lost", tcpstat_lost_name(r->lost));
	number(o, "original_frame", r->original_frame);
	micros(o, "after_us", r->after_ns);
}

static void dup_ack(struct out *o, const struct tcpstat_ev_dup_ack *d, uint32_t peer_isn)
{
	number(o, "run", d->run);
	number(o, "ack", d->ack - peer_isn);
	for (int i = 0; i < d->n_sack; i++)
		word(o, " sack=%" PRIu32 ":%" PRIu32, d->sack[i][0] - peer_isn, d->sack[i][1] - peer_isn);
	text(o, "dsack", d->dsack ? "yes" : "no");
}

static void rtt(struct out *o, const struct tcpstat_ev_rtt *r)
{
	text(o, "source", tcpstat_rtt_source_name(r->source));
	micros(o, "sample_us", r->sample_ns);
	micros(o, "srtt_us", r->srtt_ns);
	micros(o, "rttvar_us", r->rttvar_ns);
	micros(o, "rto_us", r->rto_ns);
}

static void sender(struct out *o, const struct tcpstat_ev_sender *s)
{
	number(o, "flight", s->flight_bytes);
	number(o, "pipe", s->pipe_bytes);
	number(o, "rwnd", s->rwnd_bytes);
	number(o, "cwnd", s->cwnd_bytes);
	number(o, "ssthresh", s->ssthresh_bytes);
	text(o, "phase", tcpstat_phase_name(s->phase));
	text(o, "ca_state", tcpstat_ca_name(s->ca_state));
	text(o, "limit", s->limit < 0 ? NULL : tcpstat_limit_name((enum tcpstat_limit)s->limit));
}

static void half(struct out *o, const char *name, const struct tcpstat_half *h)
{
	word(o, " %s.packets=%" PRId64 " %s.payload=%" PRId64, name, h->packets, name, h->payload_bytes);
	word(o, " %s.rtx=%" PRId64 " %s.gaps=%" PRId64, name, h->retransmissions.total, name, h->gaps.count);
}

static void connection(struct out *o, const struct tcpstat_conn *c)
{
	static const char *const who[] = { "client", "server" };

	number(o, "client", c->port[0]);
	number(o, "server", c->port[1]);
	text(o, "how", tcpstat_close_name(c->close.how));
	text(o, "by", c->close.by < 0 ? NULL : who[c->close.by]);
	text(o, "outcome", tcpstat_outcome_name(c->handshake.outcome));
	text(o, "client_state", tcpstat_state_name(c->close.state[0]));
	text(o, "server_state", tcpstat_state_name(c->close.state[1]));
	number(o, "incarnation", c->incarnation);
	number(o, "previous", c->previous);
	text(o, "midstream", c->midstream ? "yes" : "no");
	number(o, "syn_rtx", c->handshake.syn_retransmissions);
	number(o, "synack_rtx", c->handshake.synack_retransmissions);
	half(o, "c2s", &c->half[0]);
	half(o, "s2c", &c->half[1]);
	micros(o, "duration_us", c->duration_ns);
	text(o, "history", c->history);
	text(o, "conn_state", c->conn_state);
	number(o, "completeness", c->completeness);
}

void render_event(char *out, size_t size, const struct tcpstat_event *e, const uint32_t isn[2])
{
	static const char *const names[] = {
#define X(constant, name) name,
		TCPSTAT_EVENTS(X)
#undef X
	};
	struct out o = { out, size };

	word(&o, "%s conn=%" PRIu32, names[e->type], e->conn);
	if (e->dir != TCPSTAT_NODIR && e->type != TCPSTAT_EV_CONNECTION)
		word(&o, " %s", e->dir == TCPSTAT_C2S ? "c2s" : "s2c");
	switch (e->type) {
	case TCPSTAT_EV_STATE: state(&o, &e->state); break;
	case TCPSTAT_EV_RETRANSMISSION: retransmission(&o, &e->retransmission); break;
	case TCPSTAT_EV_OUT_OF_ORDER:
		seq(&o, e->out_of_order.seq_rel, e->out_of_order.len);
		micros(&o, "late_us", e->out_of_order.late_ns);
		break;
	case TCPSTAT_EV_DUPLICATE:
		text(&o, "where", tcpstat_duplicate_where_name(e->duplicate.where));
		number(&o, "original_frame", e->duplicate.original_frame);
		break;
	case TCPSTAT_EV_DUP_ACK: dup_ack(&o, &e->dup_ack, isn[!e->dir]); break;
	case TCPSTAT_EV_RTT: rtt(&o, &e->rtt); break;
	case TCPSTAT_EV_SENDER: sender(&o, &e->sender); break;
	case TCPSTAT_EV_WINDOW:
		text(&o, "what", tcpstat_window_what_name(e->window.what));
		number(&o, "rwnd", e->window.rwnd_bytes);
		break;
	case TCPSTAT_EV_KEEPALIVE:
		text(&o, "what", tcpstat_keepalive_what_name(e->keepalive.what));
		number(&o, "count", e->keepalive.count);
		break;
	case TCPSTAT_EV_GAP:
		number(&o, "offset", (int64_t)e->gap.offset);
		number(&o, "len", (int64_t)e->gap.len);
		text(&o, "why", tcpstat_gap_why_name(e->gap.why));
		break;
	case TCPSTAT_EV_ICMP:
		number(&o, "kind", e->icmp.kind);
		number(&o, "code", e->icmp.code);
		break;
	case TCPSTAT_EV_FINDING:
		word(&o, " %s", e->finding.id);
		text(&o, "severity", tcpstat_severity_name(e->finding.severity));
		micros(&o, "cost_us", e->finding.cost_ns);
		title(&o, e->finding.title);
		break;
	case TCPSTAT_EV_CONNECTION: connection(&o, e->connection); break;
	case TCPSTAT_EV_SEGMENT:
		number(&o, "seq", e->segment.seq_rel);
		number(&o, "len", e->segment.len);
		break;
	default: break; /* its type says it all */
	}
	micros(&o, "at_us", e->ts_ns);
}
