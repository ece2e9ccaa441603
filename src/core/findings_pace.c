/* What made the connection slow although nothing was lost: small writes, small windows at the start, applications. */
#include "core/findings.h"

static void nagle(struct study *s, enum tcpstat_dir d)
{
	const struct watch_mark *m = watch_get(s->watch, WATCH_NAGLE, d);
	struct finding f;

	if (!m || m->count < 2)
		return;
	finding_begin(&f, FINDING_NAGLE_DELAYED_ACK, d);
	finding_place(&f, d);
	words_add(&f.title, "small writes waited ");
	words_count(&f.title, m->count, "time");
	words_add(&f.title, " for delayed ACKs (Nagle)");
	finding_cost(&f, m->ns);
	finding_show(&f, m);
	words_add(&f.detail, "at most ");
	words_duration(&f.detail, m->max_ns);
	words_add(&f.detail, " each");
	study_tell(s, &f);
}

/* The flight that a mark measured, in bytes: watch.c keeps it where other marks keep a time. */
static void starts(struct study *s, enum tcpstat_dir d)
{
	const struct watch_mark *first = watch_get(s->watch, WATCH_FIRST_FLIGHT, d);
	const struct watch_mark *idle = watch_get(s->watch, WATCH_IDLE_RESTART, d);
	int64_t mss = known(s->conn->options[!d].mss), wnd = s->conn->half[!d].rwnd.max_bytes;
	int64_t flight = s->conn->half[d].flight.max_bytes;
	struct finding f;

	if (first && mss && first->max_ns >= 2 * mss && first->max_ns <= 4 * mss &&
	    wnd != TCPSTAT_NULL && wnd >= 10 * mss &&
	    flight > first->max_ns) {
		finding_begin(&f, FINDING_SMALL_INITIAL_WINDOW, d);
		finding_place(&f, d);
		words_add(&f.title, "the sender begins with ");
		words_bytes(&f.title, first->max_ns);
		words_add(&f.title, " where 10 segments are allowed");
		finding_show(&f, first);
		study_tell(s, &f);
	}
	if (!idle || idle->max_ns * 2 > flight)
		return;
	finding_begin(&f, FINDING_IDLE_RESTART, d);
	finding_place(&f, d);
	words_add(&f.title, "after a pause the sender began anew with ");
	words_bytes(&f.title, idle->max_ns);
	words_add(&f.title, ", ");
	words_count(&f.title, idle->count, "time");
	finding_show(&f, idle);
	words_add(&f.detail, "flights of ");
	words_bytes(&f.detail, flight);
	words_add(&f.detail, " before");
	study_tell(s, &f);
}

static void application(struct study *s)
{
	int64_t idle = study_owned(s, TCPSTAT_LIMIT_APPLICATION_IDLE), rtt = s->rtt_ns == TCPSTAT_NULL ? 0 : s->rtt_ns;
	struct finding f;

	if (!s->established || idle == TCPSTAT_NULL || idle < s->conn->duration_ns / 2 || idle / 10 <= rtt)
		return;
	finding_begin(&f, FINDING_APPLICATION_LIMITED, TCPSTAT_NODIR);
	words_add(&f.title, "nothing to send for ");
	words_duration(&f.title, idle);
	words_add(&f.title, " of ");
	words_duration(&f.title, s->conn->duration_ns);
	f.cost_ns = idle;
	study_tell(s, &f);
}

static void think(struct study *s, enum tcpstat_dir d, const struct tcpstat_dist *dist)
{
	const struct watch_mark *m = watch_get(s->watch, WATCH_SLOW, d);
	int64_t rtt = s->rtt_ns == TCPSTAT_NULL ? 0 : s->rtt_ns, rto = s->rto_ns[!d];
	bool server = d == TCPSTAT_S2C;
	struct finding f;

	if (!m || dist->count <= 0 || m->max_ns / 10 <= rtt || m->max_ns <= (rto < 1000000000 ? rto : 1000000000))
		return;
	if (m->ns < s->conn->duration_ns / (server ? 5 : 2))
		return;
	finding_begin(&f, server ? FINDING_SLOW_SERVER : FINDING_SLOW_CLIENT, d);
	words_add(&f.title, server ? "the server took up to " : "the client waited up to ");
	words_duration(&f.title, m->max_ns);
	words_add(&f.title, server ? " to answer" : " before it went on");
	finding_cost(&f, m->ns);
	finding_show(&f, m);
	words_add(&f.detail, "half of ");
	words_count(&f.detail, dist->count, "answer");
	words_add(&f.detail, " took more than ");
	words_duration(&f.detail, dist->p50_ns);
	study_tell(s, &f);
}

void findings_pace(struct study *s)
{
	for (enum tcpstat_dir d = TCPSTAT_C2S; d <= TCPSTAT_S2C; d++) {
		nagle(s, d);
		starts(s, d);
	}
	application(s);
	think(s, TCPSTAT_S2C, &s->conn->latency.response);
	think(s, TCPSTAT_C2S, &s->conn->latency.client_wait);
}
