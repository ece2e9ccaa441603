#include "core/window.h"

enum { CHANGES = 4, SCALE_MAX = 14 };

/* Nothing that TCP sends again or late comes this long after; keepalives and zero-window probes wait longer. */
static const int64_t SILENCE_NS = 100 * 1000 * 1000;
/* A byte sent alone is sent again before that; a keepalive that repeats it comes later. */
static const int64_t KEEPALIVE_NS = 5 * (int64_t)1000 * 1000 * 1000;

struct window_half {
	uint64_t end;                   /* greatest sequence number sent, exclusive, probes apart; 0: none */
	uint64_t ack;                   /* greatest acknowledged; 0: none */
	uint64_t edge;                  /* right edge of the last window, in the peer's space */
	uint64_t last_seq;              /* where the last segment that occupies space began, and when it passed */
	int64_t last_ts;
	uint64_t probe_una;             /* SND.UNA of the probes and keepalives that wait for an answer */
	int64_t zero_ns;                /* without the episode that lasts */
	int64_t change_ts[CHANGES];     /* when the window became zero or ceased to be: a ring, and its timestamps */
	uint32_t change_ts_val[CHANGES];
	uint32_t changes;               /* all of them; the next one's slot is its remainder */
	uint32_t min_bytes, max_bytes, wnd_bytes; /* wnd_bytes: the last one */
	uint32_t zero_count, probes, keepalives;
	uint32_t unanswered;
	uint16_t wnd_field;             /* of the last window, as on the wire */
	uint32_t ts_val;                /* newest seen */
	uint32_t shrinks, sillies;
	uint32_t segment;               /* greatest payload that it sent */
	uint64_t scaled_edge;           /* of a window of unknown scale: right edge by wscale_min */
	uint8_t shift;                  /* of the last window that was known in bytes: moves by less are rounded off */
	uint8_t wscale_min;             /* the least scale that explains what the peer sent */
	uint8_t beyond;                 /* segments of the peer beyond scaled_edge */
	bool seen, exact, zero, has_ts, silly;
	bool finished;                  /* its FIN or RST has passed, and nothing new after it */
	bool probing;                   /* it sent a zero-window probe, and no data since */
	uint8_t unanswered_class;       /* enum window_class */
};

struct window_state {
	struct window_half half[2];
	int64_t ts;                     /* of the last segment */
};

static __attribute__((cold)) void emit_window(const struct emitter *e, const struct segment *s,
	enum tcpstat_window_what what, int64_t bytes)
{
	struct tcpstat_event ev = { .type = TCPSTAT_EV_WINDOW, .dir = s->dir, .ts_ns = s->ts, .frame = s->frame };

	ev.window.what = what;
	ev.window.rwnd_bytes = bytes;
	emit_event(e, &ev);
}

static __attribute__((cold)) void emit_keepalive(const struct emitter *e, const struct segment *s,
	enum tcpstat_keepalive_what what, uint32_t count)
{
	struct tcpstat_event ev = { .type = TCPSTAT_EV_KEEPALIVE, .dir = s->dir, .ts_ns = s->ts, .frame = s->frame };

	ev.keepalive.what = what;
	ev.keepalive.count = count;
	emit_event(e, &ev);
}

static int64_t bytes_of(const struct segment *s)
{
	return s->wnd_exact || !s->wnd ? (int64_t)s->wnd : TCPSTAT_NULL;
}

/* Overtaken by segments that its sender sent later: its window is not the current one. */
static bool is_late(const struct window_half *me, const struct segment *s)
{
	const struct tcp_opts *o = &s->view->opts;

	return s->ack < me->ack || (me->has_ts && o->has_ts && seq_diff(o->ts_val, me->ts_val) < 0);
}

/* ------------------------------------------------------------------------------------------ probes and keepalives */

/* Had the sender of `s` received what the peer sent when its window changed for the `n`-th last time? */
static bool had_received(const struct window_half *me, const struct window_half *peer, unsigned n,
	const struct segment *s, int64_t half_ns)
{
	const struct tcp_opts *o = &s->view->opts;
	unsigned slot = (peer->changes - n) % CHANGES;

	if (peer->has_ts && o->has_ts) {
		int32_t newer = seq_diff(o->ts_ecr, peer->change_ts_val[slot]);
		if (newer)
			return newer > 0;
	} else if (n == 1 && !peer->zero && me->probing && s->seq <= me->probe_una) {
		/* it probed here before and sent nothing since: the window that opened did not reach it */
		return false;
	}
	return half_ns == TCPSTAT_NULL || s->ts - peer->change_ts[slot] >= half_ns;
}

/* Was the last window that the sender of `s` received zero? */
static bool knows_zero(const struct window_half *me, const struct window_half *peer, const struct segment *s,
	int64_t half_ns)
{
	unsigned known = peer->changes < CHANGES ? peer->changes : CHANGES;
	bool zero = peer->zero;

	for (unsigned n = 1; n <= known && !had_received(me, peer, n, s, half_ns); n++)
		zero = !zero;
	return zero;
}

/* Does `s` look like a probe or keepalive, with `una` what the peer acknowledged? */
static bool is_at_una(const struct window_half *me, const struct segment *s, uint64_t una)
{
	if (s->seq + 1 != una || !una || s->len > 1 || s->flags & TH_FIN || is_late(me, s))
		return false;
	if (s->seq != me->last_seq || (me->unanswered && me->probe_una == una))
		return true;
	return s->ts - me->last_ts >= (s->len ? KEEPALIVE_NS : SILENCE_NS);
}

static enum window_class classify(const struct window_half *me, const struct window_half *peer, const struct segment *s,
	uint64_t una, int64_t half_ns)
{
	if (is_at_una(me, s, una))
		return knows_zero(me, peer, s, half_ns) ? WINDOW_IS_PROBE : WINDOW_IS_KEEPALIVE;
	if (s->len == 1 && una && s->seq == una && s->end > me->end && knows_zero(me, peer, s, half_ns))
		return WINDOW_IS_PROBE;
	return WINDOW_PLAIN;
}

static void probe(struct window_half *me, const struct segment *s, enum window_class class, uint64_t una,
	const struct emitter *e)
{
	if (me->unanswered_class != class || me->probe_una != una)
		me->unanswered = 0;
	me->unanswered_class = class;
	me->probe_una = una;
	me->unanswered++;
	if (class == WINDOW_IS_PROBE) {
		me->probes++;
		me->probing = true;
		emit_window(e, s, TCPSTAT_WINDOW_PROBE, 0);
	} else {
		me->keepalives++;
		emit_keepalive(e, s, TCPSTAT_KEEPALIVE_PROBE, me->unanswered);
	}
}

/* The peer of `s`'s sender waits for an answer to a probe: is it this? */
static void answer(struct window_half *peer, const struct segment *s, const struct emitter *e)
{
	if (s->ack < peer->probe_una)
		return;
	if (!s->len && !(s->flags & TH_FIN)) {
		if (peer->unanswered_class == WINDOW_IS_PROBE)
			emit_window(e, s, TCPSTAT_WINDOW_PROBE_ACK, bytes_of(s));
		else
			emit_keepalive(e, s, TCPSTAT_KEEPALIVE_ACK, peer->unanswered);
	}
	peer->unanswered = 0;
}

/* -------------------------------------------------------------------------------------------------------- windows */

/* A window holds what its peer still has to send: it closes none to one that has finished (RFC 9293 section 3.8.6: what
 * was sent before may be repeated beyond it). */
static void zero_or_not(struct window_half *me, const struct window_half *peer, const struct segment *s, bool late,
	const struct emitter *e)
{
	bool zero = !s->wnd;

	if (zero == me->zero || (zero && peer->finished))
		return;
	if (zero) {
		me->zero_count++;
		emit_window(e, s, TCPSTAT_WINDOW_ZERO, 0);
	} else {
		me->zero_ns += s->ts - me->change_ts[(me->changes - 1) % CHANGES];
	}
	me->change_ts[me->changes % CHANGES] = s->ts;
	/* a late segment must not make the change look older than what was sent before */
	me->change_ts_val[me->changes % CHANGES] = late ? me->ts_val : s->view->opts.ts_val;
	me->changes++;
	me->zero = zero;
}

/* RFC 9293 section 3.8.6.2.2: the right edge should move by a full segment, or half of the buffer. */
static bool is_silly(const struct window_half *me, const struct window_half *peer, const struct segment *s)
{
	uint64_t edge = s->ack + s->wnd, moved = edge - me->edge;

	return s->wnd < peer->segment && s->wnd < me->max_bytes / 2 && s->wnd && edge > me->edge &&
		moved < peer->segment && moved < me->max_bytes / 2 && moved >> me->shift;
}

/* Says nothing but what it acknowledges, and the window. */
static bool is_pure(const struct segment *s)
{
	return !s->len && !(s->flags & TH_FIN) && !s->n_sack;
}

/* There was a window before, and this one is later. */
static void update_or_shrink(struct window_half *me, const struct window_half *peer, const struct segment *s,
	const struct emitter *e)
{
	uint64_t edge = s->ack + s->wnd;

	if (s->view->wnd > me->wnd_field && s->ack == me->ack && s->seq >= me->end && is_pure(s))
		emit_window(e, s, TCPSTAT_WINDOW_UPDATE, bytes_of(s));
	if (!s->wnd_exact || !me->exact)
		return;
	if (edge < me->edge && (me->edge - edge) >> me->shift) {
		me->shrinks++;
		emit_window(e, s, TCPSTAT_WINDOW_SHRINK, s->wnd);
	}
	bool silly = is_silly(me, peer, s);
	if (silly) {
		me->sillies++;
		if (!me->silly)
			emit_window(e, s, TCPSTAT_WINDOW_SILLY, s->wnd);
	}
	if (silly || edge != me->edge)
		me->silly = silly;
}

/* The scale is unknown: keeps the right edge as far as the least possible scale moves it. */
static void remember_edge(struct window_half *me, const struct segment *s)
{
	uint64_t edge = s->ack + ((uint64_t)s->view->wnd << me->wscale_min);

	if (edge > me->scaled_edge)
		me->scaled_edge = edge;
}

/* The peer may not send beyond the window. Some of its segments may be beyond the last one seen here, where ACKs were
 * not captured; several that are show that the window is larger: by what scale at least? */
static void infer_scale(struct window_half *peer, const struct segment *s)
{
	enum { ENOUGH = 3 };
	uint64_t flight = s->end - peer->ack;

	if (!peer->scaled_edge || s->end <= peer->scaled_edge || s->len <= 1 || peer->zero)
		return;
	if (++peer->beyond < ENOUGH || !peer->wnd_field)
		return;
	while (peer->wscale_min < SCALE_MAX && flight > (uint64_t)peer->wnd_field << peer->wscale_min)
		peer->wscale_min++;
	peer->beyond = 0;
	peer->scaled_edge = peer->ack + ((uint64_t)peer->wnd_field << peer->wscale_min);
}

static void remember_window(struct window_half *me, const struct segment *s, bool late)
{
	uint64_t bytes = s->wnd_exact ? s->wnd : s->view->wnd; /* of unknown scale: scaled at the end */
	uint32_t wnd = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;

	if (!s->wnd_exact)
		remember_edge(me, s);
	else if (s->view->wnd)
		me->shift = s->wnd_shift;
	if (!me->seen) {
		me->seen = true;
		me->exact = s->wnd_exact;
		me->min_bytes = me->max_bytes = wnd;
		late = false;
	}
	me->exact &= s->wnd_exact;
	if (wnd < me->min_bytes)
		me->min_bytes = wnd;
	if (wnd > me->max_bytes)
		me->max_bytes = wnd;
	if (!late) {
		me->edge = s->ack + s->wnd;
		me->wnd_bytes = wnd;
		me->wnd_field = s->view->wnd;
	}
}

/* New data against the window of the peer. */
static void fill(struct window_half *peer, const struct segment *s, const struct emitter *e)
{
	if (!peer->exact)
		infer_scale(peer, s);
	else if (s->end == peer->edge && s->len && peer->seen)
		emit_window(e, s, TCPSTAT_WINDOW_FULL, peer->wnd_bytes);
}

static void remember_ack(struct window_half *me, const struct segment *s)
{
	const struct tcp_opts *o = &s->view->opts;

	if (o->has_ts && (!me->has_ts || seq_diff(o->ts_val, me->ts_val) > 0))
		me->ts_val = o->ts_val;
	me->has_ts |= o->has_ts;
	if (s->ack > me->ack)
		me->ack = s->ack;
}

/* It is no probe. */
static void remember_sent(struct window_half *me, const struct segment *s)
{
	if (s->end > me->end) {
		me->end = s->end;
		me->finished = s->flags & TH_FIN;
	}
	if (s->end == s->seq)
		return;
	me->last_seq = s->seq;
	me->last_ts = s->ts;
	me->probing = false;
	if (s->len > me->segment)
		me->segment = s->len;
}

enum window_class window_segment(struct window *w, struct budget *b, const struct segment *s, const int64_t half_ns[2],
	const struct emitter *e)
{
	if (s->copy)
		return WINDOW_PLAIN;
	if (s->flags & TH_RST) {
		if (w->state)
			w->state->half[s->dir].finished = true;
		return WINDOW_PLAIN;
	}
	if (!(s->flags & TH_ACK))
		return WINDOW_PLAIN;
	if (s->flags & TH_SYN) {
		w->syn_ack[s->dir] = s->ack;
		return WINDOW_PLAIN;
	}
	if (!w->state && !(w->state = budget_resize(b, NULL, 0, sizeof *w->state)))
		return WINDOW_PLAIN;
	bool back = s->dir != TCPSTAT_C2S;
	struct window_half *half = w->state->half, *me = back ? &half[1] : &half[0],
		*peer = back ? &half[0] : &half[1];
	uint64_t una = peer->ack ? peer->ack : w->syn_ack[!s->dir];
	enum window_class class = classify(me, peer, s, una, half_ns[s->dir]);
	bool late = is_late(me, s);

	w->state->ts = s->ts;
	if (class == WINDOW_PLAIN) {
		if (peer->unanswered)
			answer(peer, s, e);
		if (s->end > me->end)
			fill(peer, s, e);
	} else {
		probe(me, s, class, una, e);
	}
	zero_or_not(me, peer, s, late, e);
	if (me->seen && !late)
		update_or_shrink(me, peer, s, e);
	remember_window(me, s, late);
	remember_ack(me, s);
	if (class == WINDOW_PLAIN)
		remember_sent(me, s);
	return class;
}

static int64_t count_or_null(bool known, uint32_t n)
{
	return known ? (int64_t)n : TCPSTAT_NULL;
}

/* No window is larger than the largest scale makes it, whatever was inferred. */
static int64_t bytes_or_null(bool known, uint32_t bytes, uint8_t shift)
{
	int64_t scaled = (int64_t)bytes << shift, most = (int64_t)UINT16_MAX << SCALE_MAX;

	return !known ? TCPSTAT_NULL : scaled < most ? scaled : most;
}

void window_snapshot(const struct window *w, struct tcpstat_conn *conn)
{
	static const struct window_half nothing;

	for (int i = 0; i < 2; i++) {
		const struct window_half *h = w->state ? &w->state->half[i] : &nothing;
		bool known = h->seen && h->exact, inferred = h->seen && !known && h->wscale_min;
		uint8_t shift = inferred ? h->wscale_min : 0;

		conn->half[i].rwnd.min_bytes = bytes_or_null(known || inferred || h->zero_count, h->min_bytes, shift);
		conn->half[i].rwnd.max_bytes = bytes_or_null(known || inferred, h->max_bytes, shift);
		conn->half[i].rwnd.last_bytes = bytes_or_null(known || inferred || h->zero, h->wnd_bytes, shift);
		conn->half[i].rwnd.exact = known ? 1 : inferred ? 0 : TCPSTAT_NULL;
		conn->half[i].rwnd.wscale_min = inferred ? (int64_t)h->wscale_min : TCPSTAT_NULL;
		conn->half[i].rwnd.shrink_count = count_or_null(known, h->shrinks);
		conn->half[i].rwnd.silly_count = count_or_null(known, h->sillies);
		conn->half[i].rwnd.zero_count = h->zero_count;
		conn->half[i].rwnd.zero_ns = h->zero_ns;
		if (w->state && h->zero)
			conn->half[i].rwnd.zero_ns += w->state->ts - h->change_ts[(h->changes - 1) % CHANGES];
		conn->half[i].keepalives = h->keepalives;
		conn->half[i].zero_window_probes = h->probes;
	}
}

void window_fini(struct window *w, struct budget *b)
{
	if (w->state)
		budget_resize(b, w->state, sizeof *w->state, 0);
	w->state = NULL;
}
