/* What the receiver let the sender do. */
#include "core/findings.h"

#include <math.h>

static const char *const who[] = { "client", "server" };

/* The time that the receiver's window held what `d` had to send. */
static int64_t held_ns(const struct study *s, enum tcpstat_dir d)
{
	double share = s->conn->half[d].limits[TCPSTAT_LIMIT_RECEIVER_WINDOW];

	return isnan(share) ? 0 : (int64_t)(share * (double)s->conn->duration_ns);
}

/* `d`: the side whose window it is. */
static void zero(struct study *s, enum tcpstat_dir d)
{
	const struct tcpstat_half *h = &s->conn->half[d];
	const struct watch_mark *m = watch_get(s->watch, WATCH_ZERO, d);
	int64_t rto = s->rto_ns[!d], ns = h->rwnd.zero_ns, held = held_ns(s, !d);
	struct finding f;

	if (!m || h->rwnd.zero_count <= 0)
		return;
	finding_begin(&f, FINDING_ZERO_WINDOW, d);
	words_add(&f.title, "the ");
	words_add(&f.title, who[d]);
	words_add(&f.title, " does not read: its window was closed ");
	words_count(&f.title, h->rwnd.zero_count, "time");
	words_add(&f.title, " for ");
	words_duration(&f.title, ns);
	finding_cost(&f, held > ns ? held : ns);
	if (ns < rto && ns < s->conn->duration_ns / 20)
		f.severity = TCPSTAT_SEVERITY_WARNING;
	finding_show(&f, m);
	finding_show(&f, watch_get(s->watch, WATCH_PROBE, !d));
	words_count(&f.detail, known(s->conn->half[!d].zero_window_probes), "zero window probe");
	words_add(&f.detail, ", windows of at most ");
	words_bytes(&f.detail, known(h->rwnd.max_bytes));
	study_tell(s, &f);
}

/* Neither can announce more than 64 kB if one does not offer to scale (RFC 7323 section 1.3). */
static bool unscaled(struct study *s, enum tcpstat_dir d)
{
	const struct tcpstat_conn *c = s->conn;
	bool client = c->options[0].wscale == TCPSTAT_NULL, server = c->options[1].wscale == TCPSTAT_NULL;
	int64_t flight = c->half[d].flight.max_bytes, mss = known(c->options[!d].mss);
	struct finding f;

	if (c->options[0].sack_permitted == TCPSTAT_NULL ||
	    c->options[1].sack_permitted == TCPSTAT_NULL || !(client || server))
		return false;
	if (flight == TCPSTAT_NULL || flight + 4 * mss < 65535)
		return false;
	finding_begin(&f, FINDING_WINDOW_SCALING_MISSING, d);
	finding_place(&f, d);
	words_add(&f.title, client && server ? "neither side offers" : client ? "the client does not offer" :
		"the server does not offer");
	words_add(&f.title, " window scaling: 64 kB in flight at most");
	finding_cost(&f, held_ns(s, d));
	finding_frame(&f, c->first_frame);
	finding_show(&f, watch_get(s->watch, WATCH_FULL, d));
	study_tell(s, &f);
	return true;
}

/* The window of `d`'s receiver, as the SYNs seen here scale it, cannot be the one that both ends mean. */
static bool mistaken(struct study *s, enum tcpstat_dir d)
{
	const struct tcpstat_half *h = &s->conn->half[d], *peer = &s->conn->half[!d];
	const struct watch_mark *fell = watch_get(s->watch, WATCH_COLLAPSE, !d);
	const struct watch_mark *beyond = watch_get(s->watch, WATCH_BEYOND_WINDOW, d);
	int64_t syn_wnd = s->watch->half[!d].syn_wnd, later = peer->rwnd.max_bytes;
	bool offered = s->conn->options[0].wscale != TCPSTAT_NULL || s->conn->options[1].wscale != TCPSTAT_NULL;
	struct finding f;

	/* It stayed so, and there was data to feel it; what the capture missed may have told another window. Nobody
	 * scales whom nobody asked to: then the packets were not those of two TCPs. */
	if (fell && (later == TCPSTAT_NULL || later * 4 > syn_wnd || s->watch->half[d].flight_max * 4ll > syn_wnd ||
		known(h->payload_bytes) <= later))
		fell = NULL;
	if (beyond && (beyond->count < 10 || 10ll * beyond->count < h->packets || known(peer->gaps.count) ||
		known(h->gaps.count) || !offered))
		beyond = NULL;
	if (!fell && !beyond)
		return false;
	finding_begin(&f, FINDING_WINDOW_SCALING_MISSING, d);
	finding_place(&f, d);
	if (fell) {
		words_add(&f.title, "the receiver's window fell from ");
		words_bytes(&f.title, syn_wnd);
		words_add(&f.title, " to ");
		words_bytes(&f.title, later);
		words_add(&f.title, " with the handshake: something on the path changed its scale");
		finding_cost(&f, held_ns(s, d));
	} else {
		words_count(&f.title, beyond->count, "segment");
		words_add(&f.title, " far beyond the receiver's window: something on the path changed its scale");
	}
	finding_frame(&f, s->conn->first_frame);
	finding_show(&f, fell ? fell : beyond);
	study_tell(s, &f);
	return true;
}

static bool silly(struct study *s, enum tcpstat_dir d)
{
	const struct watch_mark *m = watch_get(s->watch, WATCH_SILLY, d);
	struct finding f;

	if (!m || m->count < 3 || s->watch->half[!d].small_windows < 3)
		return false;
	finding_begin(&f, FINDING_SILLY_WINDOW, d);
	finding_place(&f, d);
	words_add(&f.title, "silly window: ");
	words_count(&f.title, m->count, "short segment");
	words_add(&f.title, " filled windows below one segment");
	finding_show(&f, m);
	study_tell(s, &f);
	return true;
}

/* `d`: of the data that waits. */
static void small(struct study *s, enum tcpstat_dir d)
{
	const struct tcpstat_half *peer = &s->conn->half[!d];
	int64_t ns = held_ns(s, d), rtt = s->rtt_ns == TCPSTAT_NULL ? 0 : s->rtt_ns;
	struct finding f;

	if (peer->rwnd.max_bytes <= 0 || mistaken(s, d) || peer->rwnd.zero_count > 0 || unscaled(s, d) ||
		silly(s, d)) /* said already */
		return;
	if (ns <= 0 || ns < s->conn->duration_ns / 5 || ns < 4 * rtt)
		return;
	/* It went beyond: the ACKs that allowed it are not in the capture, or nobody obeys them. */
	if (s->watch->half[d].flight_max > peer->rwnd.max_bytes + known(s->conn->options[!d].mss))
		return;
	finding_begin(&f, FINDING_SMALL_WINDOW, d);
	finding_place(&f, d);
	words_add(&f.title, "the receiver's window of ");
	words_bytes(&f.title, peer->rwnd.max_bytes);
	words_add(&f.title, " holds the sender");
	finding_cost(&f, ns);
	finding_show(&f, watch_get(s->watch, WATCH_FULL, d));
	words_add(&f.detail, "at an RTT of ");
	words_duration(&f.detail, rtt);
	if (rtt > 0) {
		words_add(&f.detail, " no more than ");
		words_bytes(&f.detail, (int64_t)((double)peer->rwnd.max_bytes * 1e9 / (double)rtt));
		words_add(&f.detail, " a second");
	}
	study_tell(s, &f);
}

void findings_window(struct study *s)
{
	for (enum tcpstat_dir d = TCPSTAT_C2S; d <= TCPSTAT_S2C; d++) {
		zero(s, d);
		small(s, d);
	}
}
