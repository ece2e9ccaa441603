/* The record of a connection that leaves. */
#include <math.h>
#include <string.h>

#include "core/conn.h"
#include "core/findings.h"
#include "core/histogram.h"
#include "core/survey.h"

static const int64_t patience_ns = 1000000000; /* RFC 6298 section 2: the first timeout of a SYN */

enum { HALF_OPEN_PATIENCE = 3 };        /* so many times that: then the first repetition was in vain, too */

static const int64_t late_ns = 10000000; /* between two words about late segments */

#define NULL_OF(...) TCPSTAT_NULL,
#define NAN_OF(...) NAN,
#define NO_DIST { 0, TCPSTAT_NULL, TCPSTAT_NULL, TCPSTAT_NULL, TCPSTAT_NULL, TCPSTAT_NULL, TCPSTAT_NULL, TCPSTAT_NULL }
#define NO_HALF { \
	.payload_bytes = TCPSTAT_NULL, \
	.retransmissions = { TCPSTAT_NULL, { TCPSTAT_CAUSES(NULL_OF) }, TCPSTAT_NULL, TCPSTAT_NULL, NAN }, \
	.lost = { TCPSTAT_NULL, TCPSTAT_NULL }, .out_of_order = TCPSTAT_NULL, .duplicates = TCPSTAT_NULL, \
	.dup_acks = TCPSTAT_NULL, .dup_ack_runs_3 = TCPSTAT_NULL, .sack_blocks = TCPSTAT_NULL, .dsacks = TCPSTAT_NULL, \
	.dup_ack_then = { TCPSTAT_DUP_ACK_THENS(NULL_OF) }, .rtt = NO_DIST, .ack_delay = NO_DIST, \
	.srtt_ns = TCPSTAT_NULL, .rttvar_ns = TCPSTAT_NULL, .rto = { TCPSTAT_NULL, TCPSTAT_NULL }, \
	.timeouts = { TCPSTAT_NULL, TCPSTAT_NULL, TCPSTAT_NULL }, \
	.rwnd = { TCPSTAT_NULL, TCPSTAT_NULL, TCPSTAT_NULL, TCPSTAT_NULL, TCPSTAT_NULL, TCPSTAT_NULL, TCPSTAT_NULL, \
		TCPSTAT_NULL, TCPSTAT_NULL }, \
	.flight = { TCPSTAT_NULL, TCPSTAT_NULL }, .cwnd = { TCPSTAT_NULL, TCPSTAT_NULL, TCPSTAT_NULL }, \
	.congestion_control = { TCPSTAT_CC_UNKNOWN, NAN }, .ceiling_bps = TCPSTAT_NULL, .ceiling_ratio = NAN, \
	.persist = { TCPSTAT_NULL, TCPSTAT_NULL, NAN }, \
	.keepalive = { TCPSTAT_NULL, TCPSTAT_NULL, TCPSTAT_NULL, TCPSTAT_NULL }, .ack_timer_ns = TCPSTAT_NULL, \
	.fin_wait_2_ns = TCPSTAT_NULL, .time_wait_ns = TCPSTAT_NULL, .throughput_bps = TCPSTAT_NULL, \
	.goodput_bps = TCPSTAT_NULL, .bdp_bytes = TCPSTAT_NULL, .limits = { TCPSTAT_LIMITS(NAN_OF) }, \
	.gaps = { TCPSTAT_NULL, TCPSTAT_NULL, { 0 } }, .overlap_conflicts = TCPSTAT_NULL, \
	.refused_bytes = TCPSTAT_NULL, .keepalives = TCPSTAT_NULL, .zero_window_probes = TCPSTAT_NULL \
}

/* Of which nothing is known. */
static const struct tcpstat_conn unknown = {
	.latency = { .connect_ns = TCPSTAT_NULL, .first_request_ns = TCPSTAT_NULL, .response = NO_DIST,
		.client_wait = NO_DIST,
		.dns = { NULL, 0, 0, TCPSTAT_NULL, TCPSTAT_NULL, TCPSTAT_NULL } },
	.half = { NO_HALF, NO_HALF }, .budget_ns = { TCPSTAT_LIMITS(NULL_OF) }, .worst = -1
};

static struct tcpstat_options options_of(const struct conn_dir *d)
{
	const int64_t null = TCPSTAT_NULL;

	if (!d->syn_seen)
		return (struct tcpstat_options){ null, null, null, null, null, null, null, null };
	return (struct tcpstat_options){ d->has_mss ? d->mss : null, d->has_wscale ? d->wscale : null,
		d->sack_permitted,
		d->has_ts, d->tfo, d->ecn, d->mptcp, d->accecn };
}

static bool is_established(const struct conn *c)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct endpoint *ep = &c->endpoints.ep[i];
		if (endpoint_is_proven(ep, EP_FACT_RCV_SYNACK) || endpoint_is_proven(ep, EP_FACT_RCV_ACK))
			return true;
	}
	return false;
}

static enum tcpstat_outcome outcome_of(const struct conn *c, int64_t now)
{
	const struct conn_dir *server = &c->dir[TCPSTAT_S2C];

	if (!c->dir[0].syn_seen && !c->dir[1].syn_seen)
		return TCPSTAT_HS_NONE;
	if (is_established(c))
		return TCPSTAT_HS_ESTABLISHED;
	if (c->rst_by == TCPSTAT_SERVER && !server->syn_seen)
		return TCPSTAT_HS_REFUSED;
	if (c->rst_by >= 0)
		return TCPSTAT_HS_RESET;
	if (!server->packets && (c->syn_retransmissions || now - c->last_ts >= patience_ns))
		return TCPSTAT_HS_TIMEOUT;
	return TCPSTAT_HS_INCOMPLETE;
}

static bool fin_is_acked(const struct conn *c, unsigned side)
{
	return c->endpoints.fin_end[side] && c->dir[side].acked >= c->endpoints.fin_end[side];
}

static void report_close(const struct conn *c, struct tcpstat_conn *out)
{
	bool both_acked = fin_is_acked(c, 0) && fin_is_acked(c, 1);

	out->close.by = -1;
	if (both_acked || (c->rst_by < 0 && c->dir[0].has_fin && c->dir[1].has_fin)) {
		out->close.how = TCPSTAT_CLOSE_FIN;
		out->close.by = c->fin_by;
	} else if (c->rst_by >= 0) {
		out->close.how = TCPSTAT_CLOSE_RST;
		out->close.by = c->rst_by;
	} else if (endpoint_has(&c->endpoints.ep[0], EP_FACT_TIMEOUT) || out->handshake.outcome == TCPSTAT_HS_TIMEOUT) {
		out->close.how = TCPSTAT_CLOSE_TIMEOUT;
	} else {
		out->close.how = TCPSTAT_CLOSE_OPEN;
	}
	for (unsigned i = 0; i < 2; i++) {
		out->close.state[i] = c->endpoints.ep[i].state;
		out->close.provisional[i] = endpoint_is_provisional(&c->endpoints.ep[i]);
	}
}

/* As Zeek's documentation of conn.log defines them. */
static const char *zeek_state(const struct conn *c, const struct tcpstat_conn *out)
{
	bool syn = c->dir[0].syn_seen, synack = c->dir[1].syn_seen;
	bool fin[2] = { c->dir[0].has_fin, c->dir[1].has_fin };

	if (out->handshake.outcome == TCPSTAT_HS_REFUSED)
		return "REJ";
	if (!syn && !synack)
		return "OTH";
	if (c->rst_by >= 0 && out->close.how == TCPSTAT_CLOSE_RST) {
		if (is_established(c))
			return c->rst_by == TCPSTAT_CLIENT ? "RSTO" : "RSTR";
		if (c->rst_by == TCPSTAT_CLIENT)
			return synack ? "RSTO" : "RSTOS0";
		return syn ? "RSTR" : "RSTRH";
	}
	if (!synack && !c->dir[1].packets)
		return fin[0] ? "SH" : "S0";
	if (!syn)
		return fin[1] ? "SHR" : "OTH";
	if (fin[0] && fin[1])
		return "SF";
	if (fin[0] || fin[1])
		return fin[0] ? "S2" : "S3";
	return is_established(c) ? "S1" : "S0";
}

static void report_handshake(const struct conn *c, int64_t now, struct tcpstat_conn *out)
{
	bool clean = c->syn_ts != TCPSTAT_NULL && c->synack_ts != TCPSTAT_NULL && c->third_ack_ts != TCPSTAT_NULL &&
		!c->syn_retransmissions && !c->synack_retransmissions;
	bool seen = c->syn_ts != TCPSTAT_NULL;

	out->handshake.syn_ts_ns = c->syn_ts;
	out->handshake.rtt_ns = clean ? c->third_ack_ts - c->syn_ts : TCPSTAT_NULL;
	out->handshake.client_half_ns = out->handshake.server_half_ns = TCPSTAT_NULL;
	out->handshake.syn_retransmissions = seen ? (int64_t)c->syn_retransmissions : TCPSTAT_NULL;
	out->handshake.synack_retransmissions = seen || c->synack_ts != TCPSTAT_NULL ?
		(int64_t)c->synack_retransmissions : TCPSTAT_NULL;
	out->handshake.outcome = outcome_of(c, now);
	if (seen && c->third_ack_ts != TCPSTAT_NULL)
		out->latency.connect_ns = c->third_ack_ts - c->syn_ts;
	if (c->dns)
		out->latency.dns = c->dns->told;
}

/* What was sent again, trackers know: the letter goes where the history stood then. */
static void report_history(const struct conn *c, char *text, size_t size)
{
	const struct trackers *t = c->trackers;
	size_t n = 0;

	for (uint8_t i = 0; i <= c->history.n; i++) {
		for (unsigned k = 0; t && k < 2; k++) {
			unsigned dir = t->server_first ? !k : k;
			if (t->resent[dir] && t->resent_at[dir] == i && n + 1 < size)
				text[n++] = dir == TCPSTAT_C2S ? 'T' : 't';
		}
		if (i < c->history.n && n + 1 < size)
			text[n++] = c->history.letter[i];
	}
}

static void report(const struct conn *c, int64_t now, struct tcpstat_conn *out)
{
	const struct flow_key *k = &c->node.key;

	*out = unknown;
	out->number = c->number;
	out->incarnation = c->incarnation;
	out->previous = c->previous;
	out->midstream = c->midstream;
	out->over = conn_class(c) == CONN_CLOSED;
	out->over_told = c->over_told;
	out->first_ts_ns = c->first_ts;
	out->last_ts_ns = c->last_ts;
	out->duration_ns = c->last_ts - c->first_ts;
	out->first_frame = c->first_frame;
	out->last_frame = c->last_frame;
	out->completeness = c->completeness;
	out->tunnel = c->tunnel;
	for (unsigned i = 0; i < 2; i++) {
		unsigned end = i ? !c->client : c->client;
		struct tcpstat_half *h = &out->half[i];
		out->addr[i].family = (uint8_t)k->family;
		memcpy(out->addr[i].bytes, k->addr[end], 16);
		out->port[i] = flow_key_port(k, end);
		out->options[i] = options_of(&c->dir[i]);
		h->packets = c->dir[i].packets;
		h->bytes = (int64_t)c->dir[i].bytes;
		h->checksum_errors = c->dir[i].cksum_errors;
		h->checksum_offloaded = c->dir[i].cksum_offloaded;
	}
	report_history(c, out->history, sizeof out->history);
	memcpy(out->vlan, c->vlan, sizeof out->vlan);
	report_handshake(c, now, out);
	report_close(c, out);
	out->conn_state = zeek_state(c, out);
}

/* A sender moves at most the peer's window in a round trip. */
static void report_ceiling(struct tcpstat_half *h, const struct tcpstat_half *peer)
{
	double seconds = (double)h->rtt.p50_ns / 1e9, bps;

	if (h->rtt.p50_ns <= 0 || peer->rwnd.max_bytes <= 0 || peer->rwnd.exact != 1)
		return;
	bps = (double)peer->rwnd.max_bytes * 8 / seconds;
	h->ceiling_bps = (int64_t)bps;
	if (h->throughput_bps != TCPSTAT_NULL)
		h->ceiling_ratio = (double)h->throughput_bps / bps;
}

void conn_snapshot(const struct conn *c, int64_t now, struct tcpstat_conn *out)
{
	report(c, now, out);
	if (!c->trackers) {
		out->half[0].payload_bytes = out->half[1].payload_bytes = c->no_trackers ? TCPSTAT_NULL : 0;
		return;
	}
	trackers_snapshot(c->trackers, out);
	for (int i = 0; i < 2; i++)
		report_ceiling(&out->half[i], &out->half[!i]);
}

static void tell(const struct conn *c, enum tcpstat_event_type type, int64_t now, const struct emitter *e)
{
	struct tcpstat_conn out;
	struct tcpstat_event ev = { .type = type, .dir = TCPSTAT_NODIR, .ts_ns = c->last_ts, .frame = c->last_frame,
		.connection = &out };

	if (!emit_wants(e, type))
		return;
	conn_snapshot(c, now, &out);
	emit_event(e, &ev);
}

static __attribute__((noinline)) void progress(struct conn *c, struct conn_env *env, int64_t now)
{
	struct emitter e = { .config = env->config, .conn = c->number };
	bool over = conn_class(c) == CONN_CLOSED;
	int64_t since = c->progress_ts ? c->progress_ts : c->first_ts;
	/* What comes late is rare, and the next may never come. */
	if ((!over || c->over_told) && now - since < (over ? late_ns : env->config->progress_ns))
		return;
	c->progress_ts = now;
	conn_settle(c, env);
	tell(c, TCPSTAT_EV_PROGRESS, now, &e);
	c->over_told = over;
}

void conn_progress(struct conn *c, struct conn_env *env, int64_t now)
{
	if (c->begun && env->config->events & TCPSTAT_MASK(TCPSTAT_EV_PROGRESS))
		progress(c, env, now);
}

static void take_census(const struct conn *c, const struct tcpstat_conn *out, struct tcpstat_census *census)
{
	survey_census(census, out, trackers_watch(c->trackers), (bool[]){
		c->dir[0].acked > SEQ_ISN + c->midstream, c->dir[1].acked > SEQ_ISN + c->midstream });
}

/* Of one that is half-open, without the record of a connection: there may be a million of them. */
static void census_half_open(const struct conn *c, int64_t now, struct tcpstat_census *census)
{
	const struct flow_key *k = &c->node.key;

	*census = (struct tcpstat_census){ .reused = c->previous != 0, .syn_retransmissions = c->syn_retransmissions,
		.outcome = outcome_of(c, now), .how = TCPSTAT_CLOSE_OPEN, .by = -1,
		.server_state = (uint8_t)c->endpoints.ep[TCPSTAT_SERVER].state, .first_ts_ns = c->first_ts,
		.last_ts_ns = c->last_ts, .first_frame = c->first_frame, .last_frame = c->last_frame };
	for (unsigned i = 0; i < 2; i++) {
		unsigned end = i ? !c->client : c->client;

		census->addr[i].family = (uint8_t)k->family;
		memcpy(census->addr[i].bytes, k->addr[end], 16);
		census->port[i] = flow_key_port(k, end);
		census->half[i].packets = c->dir[i].packets;
		census->half[i].gap_bytes = TCPSTAT_NULL;
	}
}

bool conn_census(const struct conn *c, int64_t now, struct tcpstat_census *census)
{
	struct tcpstat_conn out;

	if (conn_class(c) == CONN_HALF_OPEN) {
		census_half_open(c, now, census);
		return now - c->first_ts >= HALF_OPEN_PATIENCE * patience_ns;
	}
	report(c, now, &out);
	if (c->trackers)
		reasm_snapshot(c->trackers->reasm, &out);
	take_census(c, &out, census);
	return true;
}

/* For what only the whole capture shows; a shard tells those who know all of them. */
static void count(const struct conn *c, const struct tcpstat_conn *out, struct survey *survey, const struct emitter *e)
{
	struct emitter whole = { .config = e->config };
	struct tcpstat_census census;

	take_census(c, out, &census);
	if (e->config->shards)
		emit_event(&whole, &(struct tcpstat_event){ .type = TCPSTAT_EV_CENSUS, .dir = TCPSTAT_NODIR,
			.ts_ns = c->last_ts, .census = &census });
	else
		survey_add(survey, &census);
	if (!survey->totals)
		return;
	if (out->latency.connect_ns != TCPSTAT_NULL)
		histogram_add(&survey->totals->connect, out->latency.connect_ns);
	if (c->trackers)
		trackers_pour(c->trackers, survey->totals);
}

static void find(const struct conn *c, int64_t now, struct tcpstat_conn *out, struct survey *survey,
	const struct emitter *e)
{
	const struct watch *w = trackers_watch(c->trackers);
	const struct watch_mark *icmp = w ? watch_get(w, WATCH_ICMP, TCPSTAT_C2S) : NULL;
	struct study study = { .emitter = e, .conn = out, .watch = w, .now_ns = now > c->last_ts ? now : c->last_ts };

	if (w && !icmp)
		icmp = watch_get(w, WATCH_ICMP, TCPSTAT_S2C);
	if (icmp) {
		study.icmp_frame = icmp->frame[0];
		study.icmp_kind = w->icmp_kind;
		study.icmp_code = w->icmp_code;
		study.icmp_family = w->icmp_family;
	}
	for (unsigned d = 0; d < 2; d++)
		study.unheard[d] = !out->half[!d].packets && c->dir[!d].acked > SEQ_ISN + c->midstream;
	findings_conn(&study);
	out->worst = study.worst;
	if (survey)
		count(c, out, survey, e);
}

void conn_findings(const struct conn *c, int64_t now, struct tcpstat_conn *out, const struct tcpstat_config *config)
{
	struct emitter e = { .config = config, .conn = c->number };

	find(c, now, out, NULL, &e);
}

void conn_finish(struct conn *c, struct conn_env *env, struct survey *survey, int64_t now)
{
	const struct tcpstat_config *config = env->config;
	struct emitter e = { .config = config, .conn = c->number };
	struct tcpstat_conn out;
	struct tcpstat_event ev = { .type = TCPSTAT_EV_CONNECTION, .dir = TCPSTAT_NODIR, .ts_ns = c->last_ts,
		.frame = c->last_frame, .connection = &out };

	conn_learn_gaps(c, env);
	if (c->trackers) {
		e.watch = trackers_watch(c->trackers);
		e.budget = &c->trackers->budget;
		trackers_finish(c->trackers, c->last_ts, &e);
	} else if (c->stream) {
		reasm_finish(c->stream->reasm, c->last_ts, &e);
	}
	if (!config->watched && !emit_wants(&e, TCPSTAT_EV_CONNECTION))
		return;
	conn_snapshot(c, now, &out);
	if (config->watched)
		find(c, now, &out, survey, &e);
	emit_event(&e, &ev);
}
