/* How the connection ended, or does not end. */
#include "core/findings.h"

static const int64_t STUCK_NS = 60 * (int64_t)1000000000; /* Linux: net.ipv4.tcp_fin_timeout */
static const char *const who[] = { "client", "server" };

static int64_t rst_pause(const struct study *s, enum tcpstat_dir by)
{
	const struct watch_half *peer = &s->watch->half[!by];

	return peer->sent_ts && s->watch->half[by].sent_ts ? peer->sent_ts - s->watch->half[by].sent_ts : 0;
}

/* Who sends this RST never sent a packet from so far away, or goes on. */
static bool injected(struct study *s, enum tcpstat_dir by)
{
	const struct watch_half *h = &s->watch->half[by];
	const struct watch_mark *after = watch_get(s->watch, WATCH_AFTER_RST, by);
	bool alien = h->rst_ttl_differs && h->ttl_packets >= 3 && !h->ttl_varies;
	struct finding f;

	if (!s->established || (!after && !alien))
		return false;
	finding_begin(&f, FINDING_RST_INJECTED, by);
	words_add(&f.title, "a RST in the name of the ");
	words_add(&f.title, who[by]);
	words_add(&f.title, alien ? " came from somewhere else" : " was not its own: it went on sending");
	if (alien) {
		words_add(&f.title, " (TTL ");
		words_number(&f.title, h->rst_ttl);
		words_add(&f.title, " instead of ");
		words_number(&f.title, h->ttl);
		words_add(&f.title, ")");
	}
	finding_show(&f, watch_get(s->watch, WATCH_RST, by));
	finding_show(&f, after);
	study_tell(s, &f);
	return true;
}

static bool forgotten(struct study *s, enum tcpstat_dir by)
{
	const struct watch_half *h = &s->watch->half[by];
	struct finding f;

	if (!h->rst_bare || h->fin || rst_pause(s, by) / 10 <= s->rto_ns[!by])
		return false;
	finding_begin(&f, FINDING_HALF_OPEN_PEER, by);
	words_add(&f.title, "the ");
	words_add(&f.title, who[by]);
	words_add(&f.title, " no longer knew the connection after ");
	words_duration(&f.title, rst_pause(s, by));
	words_add(&f.title, " of silence");
	finding_show(&f, watch_get(s->watch, WATCH_RST, by));
	study_tell(s, &f);
	return true;
}

static bool is_over(uint8_t state)
{
	return state == TCPSTAT_EP_CLOSED || state == TCPSTAT_EP_TIME_WAIT || state == TCPSTAT_EP_LAST_ACK ||
		state == TCPSTAT_EP_CLOSING;
}

/* Data that was lost with the connection: it matters less to one that had closed, and not at all if all had. */
static void tell_lost(const struct study *s, enum tcpstat_dir by, uint64_t own, uint64_t theirs, struct finding *f)
{
	bool closed = s->watch->half[by].fin, peer_closed = s->watch->half[!by].fin;

	if ((own && !peer_closed) || (theirs && !closed)) {
		f->severity = TCPSTAT_SEVERITY_PROBLEM;
	} else if (!own) {
		if (peer_closed)
			f->severity = TCPSTAT_SEVERITY_INFO;
		words_add(&f->title, ", closed already, as ");
		words_bytes(&f->title, (int64_t)theirs);
		words_add(&f->title, " more came");
		return;
	}
	words_add(&f->title, " with ");
	words_bytes(&f->title, (int64_t)(own + theirs));
	words_add(&f->title, f->severity == TCPSTAT_SEVERITY_PROBLEM ? " not acknowledged" :
		" not acknowledged, to a peer that had closed");
}

static void aborted(struct study *s, enum tcpstat_dir by)
{
	const struct watch *w = s->watch;
	bool whole = s->conn->half[0].packets > 0 && s->conn->half[1].packets > 0; /* else nobody knows what was lost */
	uint64_t own = whole ? watch_unacked(w, by) : 0, theirs = whole ? watch_unacked(w, !by) : 0;
	bool unread = !w->half[by].rst_bare && s->conn->half[by].rwnd.max_bytes > 2 * (int64_t)w->half[by].wnd;
	const char *state = tcpstat_state_name((enum tcpstat_state)w->rst_state[by]);
	struct finding f;

	if (w->half[0].fin && w->half[1].fin && !own && !theirs)
		return;
	if (is_over(w->rst_state[by]) && !own && !theirs && w->half[!by].fin)
		return;
	finding_begin(&f, FINDING_RST_ABORT, by);
	words_add(&f.title, "the ");
	words_add(&f.title, who[by]);
	words_add(&f.title, " reset the connection in ");
	words_add(&f.title, state ? state : "an unknown state");
	if (own || theirs) {
		tell_lost(s, by, own, theirs, &f);
	} else if (unread) {
		f.severity = TCPSTAT_SEVERITY_PROBLEM;
		words_add(&f.title, " without having read all that it had received");
	} else if (whole && (w->half[!by].fin || w->half[by].fin)) {
		f.severity = TCPSTAT_SEVERITY_INFO;
		words_add(&f.title, ", after a FIN and with everything acknowledged");
	}
	finding_show(&f, watch_get(w, WATCH_RST, by));
	words_add(&f.detail, "unacknowledged: ");
	if (whole) {
		words_bytes(&f.detail, (int64_t)(by == TCPSTAT_C2S ? own : theirs));
		words_add(&f.detail, " of the client, ");
		words_bytes(&f.detail, (int64_t)(by == TCPSTAT_C2S ? theirs : own));
		words_add(&f.detail, " of the server");
	} else {
		words_add(&f.detail, "unknown, as one side is not in the capture");
	}
	study_tell(s, &f);
}

static bool keepalives(struct study *s, enum tcpstat_dir d)
{
	const struct watch_mark *m = watch_get(s->watch, WATCH_KEEPALIVE, d);
	const struct tcpstat_conn *c = s->conn;
	struct finding f;

	if (!m || s->watch->half[d].unanswered < 3)
		return false;
	finding_begin(&f, FINDING_KEEPALIVE_DEAD, d);
	words_add(&f.title, "the ");
	words_add(&f.title, who[!d]);
	words_add(&f.title, " is dead or out of reach: ");
	words_count(&f.title, s->watch->half[d].unanswered, "keepalive");
	words_add(&f.title, " without an answer");
	finding_cost(&f, c->last_ts_ns - s->watch->half[d].keepalive_ts);
	finding_show(&f, m);
	study_tell(s, &f);
	return true;
}

/* The handshake was reset, and came about all the same: the answer to the first SYN was of another connection. */
static void knocked(struct study *s, enum tcpstat_dir by)
{
	struct finding f;

	if (by != TCPSTAT_C2S || s->conn->handshake.outcome != TCPSTAT_HS_ESTABLISHED)
		return;
	finding_begin(&f, FINDING_HALF_OPEN_PEER, TCPSTAT_S2C);
	words_add(&f.title, "the server still had an older connection of these ports, which the client had to reset");
	finding_show(&f, watch_get(s->watch, WATCH_RST, by));
	study_tell(s, &f);
}

static void resets(struct study *s)
{
	bool told = false;

	for (enum tcpstat_dir d = TCPSTAT_C2S; d <= TCPSTAT_S2C; d++)
		told |= keepalives(s, d);
	if (!s->watch->rst_by)
		return;
	enum tcpstat_dir by = (enum tcpstat_dir)(s->watch->rst_by - 1);

	bool again = watch_get(s->watch, WATCH_STRAY_SYN, TCPSTAT_C2S) ||
		watch_get(s->watch, WATCH_STRAY_SYN, TCPSTAT_S2C);

	if (again || s->refused_late || !s->established)
		return;
	if (s->watch->rst_state[by] < TCPSTAT_EP_ESTABLISHED) {
		knocked(s, by);
		return;
	}
	if (!injected(s, by) && !forgotten(s, by) && !told)
		aborted(s, by);
}

static void stray_syn(struct study *s)
{
	for (enum tcpstat_dir d = TCPSTAT_C2S; d <= TCPSTAT_S2C; d++) {
		const struct watch_mark *m = watch_get(s->watch, WATCH_STRAY_SYN, d);
		struct finding f;

		if (!m || !s->established)
			continue;
		finding_begin(&f, FINDING_HALF_OPEN_PEER, d);
		words_add(&f.title, "the ");
		words_add(&f.title, who[d]);
		words_add(&f.title, " began anew while its peer still had the connection");
		finding_show(&f, m);
		study_tell(s, &f);
	}
}

static void half_closed(struct study *s)
{
	const struct watch *w = s->watch;

	for (enum tcpstat_dir d = TCPSTAT_C2S; d <= TCPSTAT_S2C; d++) {
		int64_t rto = s->rto_ns[!d], ns = w->half[!d].sent_ts - w->half[d].sent_ts;
		struct finding f;

		if (!w->half[d].fin || !w->half[d].end || w->half[d].acked < w->half[d].end || ns / 10 <= rto ||
		    !w->half[d].after_fin_bytes)
			continue;
		finding_begin(&f, FINDING_HALF_CLOSED, d);
		words_add(&f.title, "the ");
		words_add(&f.title, who[d]);
		words_add(&f.title, " had closed its side for ");
		words_duration(&f.title, ns);
		words_add(&f.title, " while the ");
		words_add(&f.title, who[!d]);
		words_add(&f.title, " went on");
		f.cost_ns = ns;
		study_tell(s, &f);
	}
}

static void waited(struct study *s, enum tcpstat_dir d)
{
	const struct watch_mark *m = watch_get(s->watch, WATCH_FIN_WAIT, d);
	struct finding f;

	if (!m || m->max_ns <= STUCK_NS || s->watch->half[d].after_fin_bytes)
		return;
	finding_begin(&f, FINDING_FIN_WAIT_2_STUCK, d);
	words_add(&f.title, "the ");
	words_add(&f.title, who[d]);
	words_add(&f.title, " waited ");
	words_duration(&f.title, m->max_ns);
	words_add(&f.title, " for the other side to close");
	finding_cost(&f, m->max_ns);
	finding_show(&f, m);
	study_tell(s, &f);
}

static void stuck(struct study *s)
{
	const struct tcpstat_conn *c = s->conn;

	for (int i = 0; i < 2; i++) {
		const struct watch_half *h = &s->watch->half[i];
		int64_t ns = s->now_ns - (h->sent_ts > h->state_ts ? h->sent_ts : h->state_ts);
		bool close_wait = c->close.state[i] == TCPSTAT_EP_CLOSE_WAIT;
		struct finding f;

		if (!h->state_ts || ns <= STUCK_NS || !close_wait || c->close.provisional[i])
			continue;
		finding_begin(&f, FINDING_CLOSE_WAIT_STUCK, (enum tcpstat_dir)i);
		words_add(&f.title, "the ");
		words_add(&f.title, who[i]);
		words_add(&f.title, " has not closed its socket for ");
		words_duration(&f.title, ns);
		words_add(&f.title, " since the ");
		words_add(&f.title, who[!i]);
		words_add(&f.title, " did");
		f.cost_ns = ns;
		finding_frame(&f, h->state_frame);
		study_tell(s, &f);
	}
}

void findings_end(struct study *s)
{
	resets(s);
	stray_syn(s);
	half_closed(s);
	stuck(s);
	waited(s, TCPSTAT_C2S);
	waited(s, TCPSTAT_S2C);
}
