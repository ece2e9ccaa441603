#include "core/timers.h"

#include <math.h>
#include <string.h>

enum { MS = 1000000, LATE_MS = 30, BINS = 4, LATE_ENOUGH = 5, DEAD_ENOUGH = 3 };

static const int64_t second_ns = 1000 * MS;

/* Where ACKs cluster that a timer held back, ms. What is measured is less than the timer by what the quickest answer
 * took, and more by the grain of clocks. */
static const struct { int32_t timer, from, to; } bins[BINS] = {
	{ 40, 32, 60 }, { 100, 85, 125 }, { 200, 165, 250 }, { 500, 440, 580 }
};

struct series {                         /* of probes that wait for the same */
	uint64_t seq;                   /* where they begin; 0: none */
	int64_t ts, interval_ns;        /* of the last one */
};

struct timers_half {
	struct series persist, keepalive;
	int64_t persist_first_ns, persist_max_ns;
	double growth;                  /* sum of `growths` ratios */
	int64_t idle_ns, interval_ns;   /* interval_ns: sum of `intervals` */
	uint32_t persists, growths, keepalives, intervals, answered;
	uint32_t unanswered;            /* keepalives in a row */
	uint32_t late, bin[BINS];
	int64_t wait_ts[2];             /* entered FIN-WAIT-2, TIME-WAIT; 0: not */
	int64_t wait_ns[2];             /* TCPSTAT_NULL: not known */
	bool gave_up;
	uint8_t syns;                   /* delays below */
	int64_t syn_delay_ns[8];
};

static bool make(struct timers *t, struct budget *b)
{
	if (t->half)
		return true;
	t->half = budget_resize(b, NULL, 0, 2 * sizeof *t->half);
	for (int i = 0; t->half && i < 2; i++)
		t->half[i].wait_ns[0] = t->half[i].wait_ns[1] = TCPSTAT_NULL;
	return t->half;
}

/* ------------------------------------------------------------------------------------------------- probes */

static void persist(struct timers_half *me, const struct segment *s, int64_t silence_ns)
{
	struct series *p = &me->persist;
	bool first = p->seq != s->seq;
	int64_t interval_ns = first ? silence_ns : s->ts - p->ts;

	if (!me->persists++)
		me->persist_first_ns = interval_ns;
	if (interval_ns > me->persist_max_ns)
		me->persist_max_ns = interval_ns;
	if (!first && p->interval_ns > 0) {
		me->growth += (double)interval_ns / (double)p->interval_ns;
		me->growths++;
	}
	*p = (struct series){ s->seq, s->ts, interval_ns };
}

static void keepalive(struct timers_half *me, const struct segment *s, int64_t silence_ns)
{
	struct series *p = &me->keepalive;

	if (!me->unanswered || p->seq != s->seq) {
		me->unanswered = 0;
		me->idle_ns = silence_ns;
	} else {
		me->interval_ns += s->ts - p->ts;
		me->intervals++;
	}
	me->keepalives++;
	me->unanswered++;
	*p = (struct series){ s->seq, s->ts, 0 };
}

static void follow_probes(struct timers *t, struct budget *b, const struct segment *s, enum window_class class)
{
	if (class != WINDOW_PLAIN && make(t, b)) {
		if (class == WINDOW_IS_PROBE)
			persist(&t->half[s->dir], s, s->ts - t->last_ts);
		else
			keepalive(&t->half[s->dir], s, s->ts - t->last_ts);
		return;
	}
	if (!t->half)
		return;
	struct timers_half *me = &t->half[s->dir], *peer = &t->half[!s->dir];
	if (s->flags & TH_RST) {
		me->gave_up |= me->unanswered > 0;
	} else if (s->flags & TH_ACK && peer->unanswered && s->ack > peer->keepalive.seq) {
		peer->answered++;
		peer->unanswered = 0;
	}
}

/* ------------------------------------------------------------------------------------------------- delayed ACKs */

/* Somebody held back the ACK of one segment for so long. */
static void count_late(struct timers_half *me, int64_t late_ns)
{
	me->late++;
	for (int i = 0; i < BINS; i++)
		me->bin[i] += late_ns >= bins[i].from * (int64_t)MS && late_ns < bins[i].to * (int64_t)MS;
}

static void follow_acks(struct timers *t, struct budget *b, const struct segment *s, int64_t late_ns)
{
	uint64_t prior = t->ack[s->dir];

	if (s->len)
		t->len[s->dir] = s->len;
	if (s->ack <= prior || !(s->flags & TH_ACK) || s->flags & TH_RST)
		return;
	t->ack[s->dir] = s->ack;
	if (late_ns < LATE_MS * (int64_t)MS || s->len || s->flags & (TH_SYN | TH_FIN))
		return;
	if (prior && s->ack - prior <= t->len[!s->dir] && make(t, b))
		count_late(&t->half[s->dir], late_ns);
}

static int64_t ack_timer_ns(const struct timers_half *h)
{
	for (int i = 0; i < BINS; i++)
		if (h->bin[i] >= LATE_ENOUGH && h->bin[i] * 2 >= h->late)
			return bins[i].timer * (int64_t)MS;
	return TCPSTAT_NULL;
}

/* ------------------------------------------------------------------------------------------------- states */

static bool is_wait(uint8_t state)
{
	return state == TCPSTAT_EP_FIN_WAIT_2 || state == TCPSTAT_EP_TIME_WAIT;
}

static void follow_wait(struct timers_half *h, int64_t ts, uint8_t from, uint8_t to)
{
	bool ends = to == TCPSTAT_EP_TIME_WAIT || to == TCPSTAT_EP_CLOSED;

	if (from == TCPSTAT_EP_FIN_WAIT_2) {
		if (ends && h->wait_ts[0])
			h->wait_ns[0] = ts - h->wait_ts[0];
		h->wait_ts[0] = 0;
	} else if (from == TCPSTAT_EP_TIME_WAIT) {
		h->wait_ts[1] = 0;
	}
	if (to == TCPSTAT_EP_FIN_WAIT_2)
		h->wait_ts[0] = ts;
	else if (to == TCPSTAT_EP_TIME_WAIT)
		h->wait_ts[1] = ts;
}

static void follow_states(struct timers *t, struct budget *b, int64_t ts, const uint8_t state[2])
{
	for (int i = 0; i < 2; i++) {
		uint8_t from = t->state[i], to = state[i];

		t->state[i] = to;
		if (from != to && (is_wait(from) || is_wait(to)) && make(t, b))
			follow_wait(&t->half[i], ts, from, to);
	}
}

void timers_reused(struct timers *t, int64_t ts)
{
	for (int i = 0; t->half && i < 2; i++)
		if (t->half[i].wait_ts[1])
			t->half[i].wait_ns[1] = ts - t->half[i].wait_ts[1];
}

/* ------------------------------------------------------------------------------------------------- SYNs */

static void follow_syns(struct timers *t, struct budget *b, const struct segment *s)
{
	int64_t before = t->syn_ts[s->dir];

	t->syn_ts[s->dir] = s->ts;
	if (!before || !make(t, b))
		return;
	struct timers_half *me = &t->half[s->dir];
	if (me->syns < sizeof me->syn_delay_ns / sizeof *me->syn_delay_ns)
		me->syn_delay_ns[me->syns++] = s->ts - before;
}

static bool is_about(int64_t ns, int64_t expected_ns)
{
	return ns > expected_ns / 5 * 4 && ns < expected_ns / 5 * 6;
}

/* Do the delays from `i` on begin with `first_ns` and double? */
static bool doubles(const struct timers_half *h, unsigned i, int64_t first_ns)
{
	for (; i < h->syns; i++, first_ns *= 2)
		if (!is_about(h->syn_delay_ns[i], first_ns))
			return false;
	return true;
}

static enum tcpstat_ladder ladder_of(const struct timers_half *h)
{
	unsigned ones = 0;

	while (ones < h->syns && is_about(h->syn_delay_ns[ones], second_ns))
		ones++;
	if (ones >= 2 && doubles(h, ones, 2 * second_ns))
		return TCPSTAT_LADDER_LINEAR_1S;
	if (h->syns >= 2 && doubles(h, 0, second_ns))
		return TCPSTAT_LADDER_DOUBLING_1S;
	if (h->syns >= 1 && doubles(h, 0, 3 * second_ns))
		return TCPSTAT_LADDER_DOUBLING_3S;
	if (h->syns == 2 && is_about(h->syn_delay_ns[0], 6 * second_ns) &&
	    is_about(h->syn_delay_ns[1], 24 * second_ns))
		return TCPSTAT_LADDER_BSD_6S_24S;
	return TCPSTAT_LADDER_UNKNOWN;
}

/* ------------------------------------------------------------------------------------------------- together */

void timers_segment(struct timers *t, struct budget *b, const struct segment *s, const struct timers_scene *scene)
{
	if (memcmp(t->state, scene->state, sizeof t->state))
		follow_states(t, b, s->ts, scene->state);
	if (s->copy)
		return;
	if ((s->flags & (TH_SYN | TH_RST)) == TH_SYN)
		follow_syns(t, b, s);
	if (t->half || scene->class != WINDOW_PLAIN)
		follow_probes(t, b, s, scene->class);
	follow_acks(t, b, s, scene->late_ns);
	t->last_ts = s->ts;
}

static void blank(struct tcpstat_half *h)
{
	h->persist = (struct tcpstat_persist){ TCPSTAT_NULL, TCPSTAT_NULL, NAN };
	h->keepalive = (struct tcpstat_keepalives){ TCPSTAT_NULL, TCPSTAT_NULL, TCPSTAT_NULL, TCPSTAT_NULL };
	h->ack_timer_ns = h->fin_wait_2_ns = h->time_wait_ns = TCPSTAT_NULL;
	h->syn_ladder = (struct tcpstat_syn_ladder){ .n = 0 };
}

static void snapshot(const struct timers_half *from, struct tcpstat_half *h)
{
	if (from->persists) {
		h->persist.first_ns = from->persist_first_ns;
		h->persist.max_ns = from->persist_max_ns;
		if (from->growths)
			h->persist.growth = from->growth / from->growths;
	}
	if (from->keepalives) {
		h->keepalive.idle_ns = from->idle_ns;
		if (from->intervals)
			h->keepalive.interval_ns = from->interval_ns / from->intervals;
		h->keepalive.answered = from->answered;
		h->keepalive.dead = from->unanswered >= DEAD_ENOUGH || from->gave_up;
	}
	h->ack_timer_ns = ack_timer_ns(from);
	h->fin_wait_2_ns = from->wait_ns[0];
	h->time_wait_ns = from->wait_ns[1];
	h->syn_ladder.n = from->syns;
	for (unsigned i = 0; i < from->syns; i++)
		h->syn_ladder.delay_ns[i] = from->syn_delay_ns[i];
	h->syn_ladder.like = ladder_of(from);
}

void timers_snapshot(const struct timers *t, struct tcpstat_conn *conn)
{
	for (int i = 0; i < 2; i++) {
		blank(&conn->half[i]);
		if (t->half)
			snapshot(&t->half[i], &conn->half[i]);
	}
}

void timers_fini(struct timers *t, struct budget *b)
{
	if (t->half)
		budget_resize(b, t->half, 2 * sizeof *t->half, 0);
	t->half = NULL;
}
