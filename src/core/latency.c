#include "core/latency.h"

struct latency_turns {
	struct {
		uint64_t end;           /* greatest data byte sent, exclusive; 0: none */
		uint64_t ack;           /* greatest acknowledged; 0: none */
		int64_t ts;             /* when the last byte passed, or one that had not arrived */
	} half[2];
	struct dist response, client_wait;
	enum tcpstat_dir turn;          /* who speaks */
};

/* What `dir` has sent: up to there, if no more than that is told or acknowledged, nothing was missed. */
static uint64_t sent(const struct latency *l, enum tcpstat_dir dir)
{
	return l->turns && l->turns->half[dir].end ? l->turns->half[dir].end : SEQ_ISN + 1;
}

static void connect(struct latency *l, const struct segment *s)
{
	if (s->seq > sent(l, TCPSTAT_C2S) || s->ack > sent(l, TCPSTAT_S2C))
		l->has_synack = false;  /* the one that answered it did not pass here */
	else
		l->connect_ns = s->ts - l->syn_ts;
	l->has_connect = l->has_synack;
}

static void handshake(struct latency *l, const struct segment *s)
{
	if (s->dir == TCPSTAT_S2C) {
		if (s->flags & TH_SYN)
			l->has_synack |= l->has_syn;
	} else if (!l->has_syn && s->flags & TH_SYN) {
		l->has_syn = true;
		l->syn_ts = s->ts;
	} else if (l->has_synack && !l->has_connect && s->flags & TH_ACK) {
		connect(l, s);
	}
}

static bool make_turns(struct latency *l, struct budget *b)
{
	l->turns = budget_resize(b, NULL, 0, sizeof *l->turns);
	if (l->turns)
		l->turns->turn = TCPSTAT_NODIR;
	return l->turns;
}

/* `s` is the first data after what the other side sent: who answers, and how long did it take? */
static int64_t turn_to(struct latency_turns *t, struct budget *b, const struct segment *s, const int64_t half_ns[2])
{
	int64_t ns = s->ts - t->half[!s->dir].ts;

	if (half_ns[s->dir] != TCPSTAT_NULL)
		ns = ns > half_ns[s->dir] ? ns - half_ns[s->dir] : 0;
	dist_add(s->dir == TCPSTAT_S2C ? &t->response : &t->client_wait, b, ns);
	t->turn = s->dir;
	return ns;
}

static int64_t data(struct latency_turns *t, struct budget *b, const struct segment *s, const int64_t half_ns[2])
{
	uint64_t end = s->seq + (s->flags & TH_SYN ? 1 : 0) + s->len;
	int64_t ns = TCPSTAT_NULL;

	if (end <= t->half[s->dir].end) {
		if (end > t->half[!s->dir].ack)
			t->half[s->dir].ts = s->ts;
		return ns;
	}
	if (t->turn == TCPSTAT_NODIR)
		t->turn = s->dir;
	else if (t->turn != s->dir && s->flags & TH_ACK && s->ack >= t->half[!s->dir].end)
		ns = turn_to(t, b, s, half_ns);
	t->half[s->dir].end = end;
	t->half[s->dir].ts = s->ts;
	return ns;
}

int64_t latency_segment(struct latency *l, struct budget *b, const struct segment *s, const int64_t half_ns[2])
{
	int64_t ns = TCPSTAT_NULL;

	if (s->copy || s->flags & TH_RST)
		return ns;
	handshake(l, s);
	if (s->len) {
		if (s->dir == TCPSTAT_C2S && l->has_syn && !l->has_first_request) {
			l->has_first_request = true;
			l->first_request_ns = s->ts - l->syn_ts;
		}
		if (!l->turns && !make_turns(l, b))
			return ns;
		ns = data(l->turns, b, s, half_ns);
	}
	if (l->turns && s->flags & TH_ACK && s->ack > l->turns->half[s->dir].ack)
		l->turns->half[s->dir].ack = s->ack;
	return ns;
}

void latency_snapshot(const struct latency *l, struct tcpstat_conn *conn)
{
	static const struct dist none;

	conn->latency.connect_ns = l->has_connect ? l->connect_ns : TCPSTAT_NULL;
	conn->latency.first_request_ns = l->has_first_request ? l->first_request_ns : TCPSTAT_NULL;
	dist_get(l->turns ? &l->turns->response : &none, &conn->latency.response);
	dist_get(l->turns ? &l->turns->client_wait : &none, &conn->latency.client_wait);
}

void latency_pour(const struct latency *l, struct tcpstat_histogram *response)
{
	if (l->turns)
		dist_pour(&l->turns->response, response);
}

void latency_fini(struct latency *l, struct budget *b)
{
	if (l->turns) {
		dist_fini(&l->turns->response, b);
		dist_fini(&l->turns->client_wait, b);
		budget_resize(b, l->turns, sizeof *l->turns, 0);
	}
	l->turns = NULL;
}
