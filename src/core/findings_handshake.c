/* How the connection came about, or did not. */
#include "core/findings.h"

static const int64_t SECOND = 1000000000;

static void refused(struct study *s)
{
	const struct tcpstat_conn *c = s->conn;
	struct finding f;

	if (c->handshake.outcome != TCPSTAT_HS_REFUSED)
		return;
	finding_begin(&f, FINDING_CONNECTION_REFUSED, TCPSTAT_S2C);
	words_add(&f.title, "the server refused the connection: RST in answer to the SYN after ");
	words_duration(&f.title, c->duration_ns);
	f.cost_ns = c->duration_ns;
	finding_frame(&f, c->first_frame);
	finding_show(&f, watch_get(s->watch, WATCH_RST, TCPSTAT_S2C));
	finding_frame(&f, c->last_frame);
	words_add(&f.detail, "RST from port ");
	words_number(&f.detail, c->port[1]);
	study_tell(s, &f);
}

/* Whose habit is it to wait so long before SYNs are sent again? */
static const char *stack_of_ladder(const struct watch_mark *m)
{
	int64_t first, second;

	if (!m || m->n_frames < 2)
		return NULL;
	first = m->after_ns[0] / (SECOND / 10);
	second = m->after_ns[1] / (SECOND / 10);
	if (first >= 9 && first <= 12 && second >= 18 && second <= 23)
		return "Linux and Android (1, 2, 4 s)";
	if (first >= 9 && first <= 12 && second >= 9 && second <= 12)
		return "Linux since 6.5 or Apple (1, 1, 1 s)";
	if (first >= 27 && first <= 33 && second >= 54 && second <= 66)
		return "Windows or old Linux (3, 6, 12 s)";
	if (first >= 55 && first <= 63 && second >= 180)
		return "old BSD (6, 24 s)";
	return NULL;
}

static void unanswered(struct study *s)
{
	const struct tcpstat_conn *c = s->conn;
	const struct watch_mark *m = watch_get(s->watch, WATCH_SYN, TCPSTAT_C2S);
	const char *stack = stack_of_ladder(m);
	struct finding f;

	if (c->handshake.outcome != TCPSTAT_HS_TIMEOUT)
		return;
	finding_begin(&f, FINDING_SYN_TIMEOUT, TCPSTAT_C2S);
	if (c->handshake.syn_retransmissions <= 0) /* a probe, or a forged source: nobody waits */
		f.severity = TCPSTAT_SEVERITY_INFO;
	words_add(&f.title, "the server never answered ");
	words_count(&f.title, c->handshake.syn_retransmissions + 1, "SYN");
	words_add(&f.title, " within ");
	words_duration(&f.title, s->now_ns - c->first_ts_ns);
	f.cost_ns = s->now_ns - c->first_ts_ns;
	finding_frame(&f, c->first_frame);
	finding_show(&f, m);
	finding_frame(&f, c->last_frame);
	if (m) {
		words_add(&f.detail, "SYN repeated after");
		for (unsigned i = 0; i < m->n_frames; i++) {
			words_add(&f.detail, i ? ", " : " ");
			words_duration(&f.detail, m->after_ns[i]);
		}
	}
	if (stack) {
		words_add(&f.detail, "; the habit of ");
		words_add(&f.detail, stack);
	}
	study_tell(s, &f);
}

static void ignored_acks(struct study *s)
{
	const struct watch_mark *m = watch_get(s->watch, WATCH_IGNORED_ACK, TCPSTAT_S2C);
	const struct watch_half *server = &s->watch->half[1];
	struct finding f;

	if (!m && server->rst_bare && s->watch->client_acks >= 2 && !server->sent_data &&
	    s->conn->half[1].packets <= 3 &&
	    watch_unacked(s->watch, TCPSTAT_C2S) && s->watch->half[0].sent_data) {
		finding_begin(&f, FINDING_ACCEPT_QUEUE_OVERFLOW, TCPSTAT_S2C);
		words_add(&f.title, "the server let the client in and knew nothing of it: RST in answer to its data "
			"(SYN cookie, accept queue full)");
		finding_cost(&f, s->conn->duration_ns);
		finding_show(&f, watch_get(s->watch, WATCH_RST, TCPSTAT_S2C));
		study_tell(s, &f);
		s->refused_late = true;
	}
	if (!m)
		return;
	finding_begin(&f, FINDING_ACCEPT_QUEUE_OVERFLOW, TCPSTAT_S2C);
	words_add(&f.title, "the server ignored the ACK of its SYN-ACK and repeated it ");
	words_count(&f.title, m->count, "time");
	words_add(&f.title, ": its accept queue is full");
	finding_cost(&f, m->ns ? m->ns : study_owned(s, TCPSTAT_LIMIT_HANDSHAKE));
	finding_show(&f, m);
	study_tell(s, &f);
	s->ignored = true;
}

static bool is_slow(int64_t took, int64_t usual, int64_t rto)
{
	return took != TCPSTAT_NULL && usual != TCPSTAT_NULL && took > usual && took > 3 * usual && took > rto - usual;
}

static void repeated(struct study *s)
{
	const struct tcpstat_conn *c = s->conn;
	int64_t syns = watch_count(s->watch, WATCH_SYN, TCPSTAT_C2S);
	int64_t synacks = watch_count(s->watch, WATCH_SYNACK, TCPSTAT_S2C);
	const struct watch_mark *syn = watch_get(s->watch, WATCH_SYN, TCPSTAT_C2S);
	const struct watch_mark *synack = watch_get(s->watch, WATCH_SYNACK, TCPSTAT_S2C);
	int64_t usual = s->rtt_ns == TCPSTAT_NULL ? 0 : s->rtt_ns;
	struct finding f;

	finding_begin(&f, FINDING_SLOW_HANDSHAKE, synacks > syns ? TCPSTAT_S2C : TCPSTAT_C2S);
	words_add(&f.title, "slow handshake: ");
	if (syns) {
		words_count(&f.title, syns, "SYN");
		words_add(&f.title, synacks ? " and " : "");
	}
	if (synacks)
		words_count(&f.title, synacks, "SYN-ACK");
	words_add(&f.title, " had to be repeated");
	if (c->latency.connect_ns != TCPSTAT_NULL && c->latency.connect_ns > usual + SECOND / 10)
		finding_cost(&f, c->latency.connect_ns - usual);
	if (!syns && s->watch->answered)
		f.severity = TCPSTAT_SEVERITY_INFO;
	finding_show(&f, syn);
	finding_show(&f, synack);
	words_add(&f.detail, s->watch->rst_by && s->watch->rst_state[TCPSTAT_C2S] < TCPSTAT_EP_ESTABLISHED ?
		"the answer to the first SYN was none that the client could use, and was reset" : syns && !synacks ?
		"SYNs were lost before the server answered, or its answers before the capture" :
		s->watch->answered ?
		"the client's ACK was lost, or the server waited for data (TCP_DEFER_ACCEPT)" :
		"SYN-ACKs, or the client's ACKs of them, were lost");
	study_tell(s, &f);
}

/* No timer is shorter than 200 ms: what comes sooner is a copy. */
static bool by_timer(const struct study *s, enum watch_kind kind, enum tcpstat_dir d)
{
	const struct watch_mark *m = watch_get(s->watch, kind, d);

	return m && (m->max_ns >= SECOND / 5 || !m->max_ns);
}

static void slow(struct study *s)
{
	const struct tcpstat_conn *c = s->conn;
	int64_t connect = c->latency.connect_ns, rto = s->rto_ns[0] < s->rto_ns[1] ? s->rto_ns[0] : s->rto_ns[1];
	struct finding f;

	if (!s->established || c->midstream || watch_count(s->watch, WATCH_IGNORED_ACK, TCPSTAT_S2C))
		return;
	if (by_timer(s, WATCH_SYN, TCPSTAT_C2S) || by_timer(s, WATCH_SYNACK, TCPSTAT_S2C)) {
		repeated(s);
		return;
	}
	if (!is_slow(connect, s->rtt_ns, rto))
		return;
	finding_begin(&f, FINDING_SLOW_HANDSHAKE, TCPSTAT_S2C);
	words_add(&f.title, "slow handshake: ");
	words_duration(&f.title, connect);
	words_add(&f.title, ", where the path takes ");
	words_duration(&f.title, s->rtt_ns);
	finding_cost(&f, connect - s->rtt_ns);
	finding_frame(&f, c->first_frame);
	study_tell(s, &f);
}

static void icmp(struct study *s)
{
	const char *what = "ICMP error";
	struct finding f;

	if (!s->icmp_frame)
		return;
	if (s->icmp_family == 4 && s->icmp_kind == 3)
		what = s->icmp_code == 0 ? "network unreachable" : s->icmp_code == 1 ? "host unreachable" :
			s->icmp_code == 3 ? "port unreachable" : s->icmp_code == 4 ? "fragmentation needed" :
			s->icmp_code == 9 || s->icmp_code == 10 || s->icmp_code == 13 ? "administratively prohibited" :
			"destination unreachable";
	else if (s->icmp_family == 4 && s->icmp_kind == 11)
		what = "time to live exceeded";
	else if (s->icmp_family == 6)
		what = s->icmp_kind == 1 ? "destination unreachable" : s->icmp_kind == 2 ? "packet too big" :
			s->icmp_kind == 3 ? "hop limit exceeded" : what;
	finding_begin(&f, FINDING_ICMP_UNREACHABLE, TCPSTAT_NODIR);
	words_add(&f.title, "ICMP says ");
	words_add(&f.title, what);
	words_add(&f.title, s->established ? " about a segment of this connection" : " in answer to the SYN");
	if (!s->established)
		f.severity = TCPSTAT_SEVERITY_PROBLEM;
	else if ((s->icmp_family == 4 && s->icmp_kind == 3 && s->icmp_code == 4) ||
		 (s->icmp_family == 6 && s->icmp_kind == 2))
		f.severity = TCPSTAT_SEVERITY_INFO;
	finding_frame(&f, s->icmp_frame);
	words_add(&f.detail, "type ");
	words_number(&f.detail, s->icmp_kind);
	words_add(&f.detail, ", code ");
	words_number(&f.detail, s->icmp_code);
	study_tell(s, &f);
}

static void reused(struct study *s)
{
	const struct tcpstat_conn *c = s->conn;
	struct finding f;

	if (!c->previous)
		return;
	finding_begin(&f, FINDING_PORT_REUSE, TCPSTAT_C2S);
	/* no number: a shard of a capture does not know it, and the record has it */
	words_add(&f.title, "the client reused the port of an earlier connection");
	if (c->handshake.outcome == TCPSTAT_HS_TIMEOUT || c->handshake.outcome == TCPSTAT_HS_REFUSED ||
	    known(c->handshake.syn_retransmissions)) {
		words_add(&f.title, ", and was not let in at once");
		f.severity = TCPSTAT_SEVERITY_WARNING;
	}
	finding_frame(&f, c->first_frame);
	study_tell(s, &f);
}

void findings_handshake(struct study *s)
{
	refused(s);
	unanswered(s);
	icmp(s);
	ignored_acks(s);
	slow(s);
	reused(s);
}
