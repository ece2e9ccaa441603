#include "core/watch.h"

enum {
	ROOM_STEP = 6,
	LAST_WORDS = 128                /* bytes */
};

_Static_assert(WATCH_NKINDS <= 64, "a kind is a bit");

static const int64_t MS = 1000000;

/* ---------------------------------------------------------------------------------------------------- marks */

struct watch_mark *watch_find(const struct watch *w, enum watch_kind kind, enum tcpstat_dir dir)
{
	for (unsigned i = 0; i < w->n_marks; i++)
		if (w->marks[i].kind == kind && w->marks[i].dir == dir)
			return &w->marks[i];
	return NULL;
}

static struct watch_mark *find(const struct watch *w, enum watch_kind kind, enum tcpstat_dir dir)
{
	return watch_has(w, kind, dir) ? watch_find(w, kind, dir) : NULL;
}

static struct watch_mark *mark_of(struct watch *w, struct budget *b, enum watch_kind kind, enum tcpstat_dir dir)
{
	struct watch_mark *m = find(w, kind, dir);

	if (m)
		return m;
	if (w->n_marks == w->room) {
		m = budget_resize(b, w->marks, w->room * sizeof *m, (w->room + ROOM_STEP) * sizeof *m);
		if (!m)
			return NULL;
		w->marks = m;
		w->room += ROOM_STEP;
	}
	m = &w->marks[w->n_marks++];
	w->marked[dir] |= (uint64_t)1 << kind;
	m->kind = (uint8_t)kind;
	m->dir = (uint8_t)dir;
	return m;
}

void watch_add(struct watch *w, struct budget *b, enum watch_kind kind, enum tcpstat_dir dir, uint64_t frame,
	int64_t ns)
{
	struct watch_mark *m = mark_of(w, b, kind, dir);

	if (!m)
		return;
	m->count++;
	if (ns > 0) /* the times of a capture may span centuries */
		m->ns = m->ns < INT64_MAX - ns ? m->ns + ns : INT64_MAX;
	if (ns > m->max_ns)
		m->max_ns = ns;
	if (frame && m->n_frames < WATCH_FRAMES) {
		m->after_ns[m->n_frames] = ns;
		m->frame[m->n_frames++] = frame;
	}
}

void watch_join(struct watch *w, struct budget *b, const struct watch *later)
{
	for (unsigned i = 0; i < later->n_marks; i++) {
		const struct watch_mark *from = &later->marks[i];
		struct watch_mark *to = mark_of(w, b, (enum watch_kind)from->kind, (enum tcpstat_dir)from->dir);

		if (!to)
			continue;
		to->count += from->count;
		to->ns = to->ns < INT64_MAX - from->ns ? to->ns + from->ns : INT64_MAX;
		to->max_ns = from->max_ns > to->max_ns ? from->max_ns : to->max_ns;
		for (unsigned k = 0; k < from->n_frames && to->n_frames < WATCH_FRAMES; k++) {
			to->after_ns[to->n_frames] = from->after_ns[k];
			to->frame[to->n_frames++] = from->frame[k];
		}
	}
}

/* A later verdict takes it back. */
static void take_back(struct watch *w, enum watch_kind kind, enum tcpstat_dir dir, uint64_t frame, int64_t ns)
{
	struct watch_mark *m = find(w, kind, dir);

	if (!m || !m->count)
		return;
	m->count--;
	if (ns > 0) /* the sum may have stopped at the greatest there is */
		m->ns = m->ns > ns ? m->ns - ns : 0;
	for (unsigned i = 0; i < m->n_frames; i++)
		if (m->frame[i] == frame) {
			m->n_frames--;
			for (; i < m->n_frames; i++) {
				m->frame[i] = m->frame[i + 1];
				m->after_ns[i] = m->after_ns[i + 1];
			}
		}
}

uint64_t watch_unacked(const struct watch *w, enum tcpstat_dir dir)
{
	return w->rst_end[dir] > w->half[dir].acked ? w->rst_end[dir] - w->half[dir].acked : 0;
}

/* `dir` closes before its last answer was acknowledged: the few bytes said with the FIN, after other answers, are no
 * answer but the end of its patience (close_notify of TLS, 421 of SMTP). */
static void farewell(struct watch *w, enum tcpstat_dir dir)
{
	struct watch_half *me = &w->half[dir];
	struct watch_mark *m = find(w, WATCH_SLOW, dir);

	if (!m || m->count < 2 || !me->turn_frame || me->acked != me->turn_acked)
		return;
	if (me->end - me->turn_acked > LAST_WORDS + 1) /* and the FIN */
		return;
	m->count--;
	m->ns -= me->turn_ns;
	if (m->frame[0] == me->turn_frame) {
		m->frame[0] = m->frame[1];
		m->after_ns[0] = m->max_ns = m->after_ns[1];
	}
	me->turn_frame = 0;
}

void watch_turn(struct watch *w, struct budget *b, enum tcpstat_dir dir, uint64_t frame, int64_t ns)
{
	struct watch_half *me = &w->half[dir];
	struct watch_mark *m = mark_of(w, b, WATCH_SLOW, dir);

	if (!m)
		return;
	m->count++;
	m->ns += ns;
	me->turn_frame = frame;
	me->turn_ns = ns;
	me->turn_acked = me->acked;
	unsigned place = m->n_frames && ns <= m->after_ns[0];
	if (!place) {
		m->frame[1] = m->frame[0];
		m->after_ns[1] = m->after_ns[0];
	}
	if (!place || ns > m->after_ns[1]) {
		m->frame[place] = frame;
		m->after_ns[place] = ns;
	}
	m->n_frames = 1; /* the second is for when the first is taken back */
	m->max_ns = m->after_ns[0];
	if (me->fin)
		farewell(w, dir);
}

void watch_fini(struct watch *w, struct budget *b)
{
	if (w->marks)
		budget_resize(b, w->marks, w->room * sizeof *w->marks, 0);
	w->marks = NULL;
	w->n_marks = w->room = 0;
	w->marked[0] = w->marked[1] = w->marked[2] = 0;
}

/* ---------------------------------------------------------------------------------------------------- events */

static enum watch_kind kind_of_cause(enum tcpstat_cause cause)
{
	switch (cause) {
	case TCPSTAT_CAUSE_SYN: return WATCH_SYN;
	case TCPSTAT_CAUSE_SYNACK: return WATCH_SYNACK;
	case TCPSTAT_CAUSE_FIN: return WATCH_FIN;
	case TCPSTAT_CAUSE_RTO: case TCPSTAT_CAUSE_GO_BACK_N: return WATCH_RTO;
	case TCPSTAT_CAUSE_TLP: return WATCH_TLP;
	default: return WATCH_FAST;
	}
}

/* One more timeout, or probe of a tail: in a row with the last one, or the same tail, if nothing came in between. */
static void note_timer(struct watch_half *me, bool timer, bool tail)
{
	uint32_t acked = (uint32_t)me->acked;

	if (timer) {
		me->row = me->row && me->row_acked == acked && me->row < UINT16_MAX ? me->row + 1 : 1;
		me->row_acked = acked;
		if (me->row > me->longest_row)
			me->longest_row = me->row;
	}
	if (tail && (!me->tails || me->tail_acked != acked) && me->tails < UINT16_MAX) {
		me->tails++;
		me->tail_acked = acked;
	}
}

static void retransmission(struct watch *w, struct budget *b, const struct tcpstat_event *ev)
{
	const struct tcpstat_ev_retransmission *r = &ev->retransmission;
	enum watch_kind kind = kind_of_cause(r->cause);
	int64_t ns = r->after_ns == TCPSTAT_NULL ? 0 : r->after_ns;
	bool timer = r->cause == TCPSTAT_CAUSE_RTO, handshake = kind == WATCH_SYN || kind == WATCH_SYNACK;
	w->half[ev->dir].again_frame = ev->frame;
	bool tail = timer ? r->backoff <= 1 && !w->half[ev->dir].dup_acks : kind == WATCH_TLP;

	if (r->spurious == 1) { /* told for the second time */
		if (r->cause != TCPSTAT_CAUSE_GO_BACK_N)
			take_back(w, kind, ev->dir, ev->frame, ns);
		take_back(w, WATCH_TAIL, ev->dir, ev->frame, ns);
		take_back(w, WATCH_LOST_BEFORE, ev->dir, ev->frame, 0);
		take_back(w, WATCH_LOST_AFTER, ev->dir, ev->frame, ns);
		if (!handshake)
			watch_add(w, b, kind == WATCH_RTO ? WATCH_SPURIOUS_RTO : WATCH_SPURIOUS, ev->dir, ev->frame,
				timer || kind == WATCH_TLP ? ns : 0);
		return;
	}
	if (r->cause != TCPSTAT_CAUSE_GO_BACK_N)
		watch_add(w, b, kind, ev->dir, ev->frame, ns);
	note_timer(&w->half[ev->dir], timer, tail);
	if (tail)
		watch_add(w, b, WATCH_TAIL, ev->dir, ev->frame, ns);
	if (handshake)
		return;
	if (r->lost == TCPSTAT_LOST_BEFORE_CAPTURE)
		watch_add(w, b, WATCH_LOST_BEFORE, ev->dir, ev->frame, 0);
	else if (r->lost == TCPSTAT_LOST_AFTER_CAPTURE)
		watch_add(w, b, WATCH_LOST_AFTER, ev->dir, ev->frame, ns);
}

static void window(struct watch *w, struct budget *b, const struct tcpstat_event *ev)
{
	enum watch_kind kind;

	switch (ev->window.what) {
	case TCPSTAT_WINDOW_ZERO: kind = WATCH_ZERO; break;
	case TCPSTAT_WINDOW_FULL: kind = WATCH_FULL; break;
	case TCPSTAT_WINDOW_SHRINK: kind = WATCH_SHRINK; break;
	case TCPSTAT_WINDOW_PROBE: kind = WATCH_PROBE; break;
	default: return;
	}
	watch_add(w, b, kind, ev->dir, ev->frame, 0);
}

void watch_state(struct watch *w, struct budget *b, enum tcpstat_endpoint endpoint, enum tcpstat_state from,
	int64_t ts, uint64_t frame)
{
	struct watch_half *h = &w->half[endpoint & 1];

	if (from == TCPSTAT_EP_FIN_WAIT_2 && h->state_ts)
		watch_add(w, b, WATCH_FIN_WAIT, (enum tcpstat_dir)(endpoint & 1), frame, ts - h->state_ts);
	h->state_ts = ts;
	h->state_before = (uint8_t)from;
	h->state_frame = frame;
}

/* The answer of the peer, or the end of the connection, comes later. */
static void keepalive(struct watch *w, struct budget *b, const struct tcpstat_event *ev)
{
	struct watch_half *me = &w->half[ev->dir], *peer = &w->half[!ev->dir];

	if (ev->keepalive.what != TCPSTAT_KEEPALIVE_PROBE) {
		peer->unanswered = 0;
		return;
	}
	if (!me->unanswered)
		me->keepalive_ts = ev->ts_ns;
	me->unanswered = (uint16_t)(ev->keepalive.count < 0xffff ? ev->keepalive.count : 0xffff);
	watch_add(w, b, WATCH_KEEPALIVE, ev->dir, ev->frame, 0);
}

void watch_event(struct watch *w, struct budget *b, const struct tcpstat_event *ev)
{
	switch (ev->type) {
	case TCPSTAT_EV_RETRANSMISSION:
		retransmission(w, b, ev);
		break;
	case TCPSTAT_EV_OUT_OF_ORDER:
		watch_add(w, b, WATCH_LATE, ev->dir, ev->frame, ev->out_of_order.late_ns);
		break;
	case TCPSTAT_EV_DUPLICATE:
		watch_add(w, b, WATCH_DUPLICATE, ev->dir, ev->frame, 0);
		break;
	case TCPSTAT_EV_WINDOW:
		window(w, b, ev);
		break;
	case TCPSTAT_EV_KEEPALIVE:
		keepalive(w, b, ev);
		break;
	case TCPSTAT_EV_GAP:
		if (ev->gap.why == TCPSTAT_GAP_CAPTURE_LOSS)
			watch_add(w, b, WATCH_GAP, ev->dir, ev->frame, 0);
		else if (ev->gap.why == TCPSTAT_GAP_TRUNCATED)
			watch_add(w, b, WATCH_CUT, ev->dir, ev->frame, 0);
		break;
	case TCPSTAT_EV_ICMP:
		if (ev->icmp.family == 4 && (ev->icmp.kind == 4 || ev->icmp.kind == 5))
			break; /* source quench and redirect: the segment was forwarded (RFC 792) */
		w->icmp_kind = ev->icmp.kind;
		w->icmp_code = ev->icmp.code;
		w->icmp_family = ev->icmp.family;
		watch_add(w, b, WATCH_ICMP, ev->dir, ev->frame, 0);
		break;
	default:
		break;
	}
}

/* ---------------------------------------------------------------------------------------------------- segments */

/* 0 for what is not known. */
static int64_t known_ns(int64_t ns)
{
	return ns == TCPSTAT_NULL ? 0 : ns;
}

static void note_repair(struct watch_half *me)
{
	me->damage_repaired = true;
	me->damaged_end = 0;
}

/* Whoever gets a damaged segment drops it: it is sent again. What is acknowledged without that arrived sound. */
static void note_damage(struct watch *w, struct budget *b, const struct segment *s)
{
	struct watch_half *me = &w->half[s->dir];

	watch_add(w, b, WATCH_CKSUM, s->dir, s->frame, 0);
	if (!segment_occupies(s) || s->flags & TH_RST)
		return;
	if (me->damaged_end && s->seq < me->damaged_end)
		note_repair(me);
	else if (!me->damaged_end && s->end > me->end)
		me->damaged_end = s->end;
}

static void note_header(struct watch *w, struct budget *b, const struct segment *s, struct watch_half *me)
{
	const struct tcp_view *v = s->view;

	if (v->ecn == 3)
		watch_add(w, b, WATCH_CE, s->dir, s->frame, 0);
	if (s->flags & TH_ECE && !(s->flags & TH_SYN))
		watch_add(w, b, WATCH_ECE, s->dir, s->frame, 0);
	if (v->cksum == CKSUM_BAD)
		note_damage(w, b, s);
	else if (me->damaged_end && segment_occupies(s) && s->seq < me->damaged_end)
		note_repair(me);
}

static void note_ttl(struct watch_half *me, uint8_t ttl)
{
	if (me->ttl != ttl) {
		me->ttl_varies |= me->ttl_packets > 0;
		me->ttl = ttl;
	}
	me->ttl_packets++;
}

static void note_reset(struct watch *w, struct budget *b, const struct segment *s, const struct watch_scene *scene)
{
	struct watch_half *me = &w->half[s->dir], *peer = &w->half[!s->dir];

	watch_add(w, b, WATCH_RST, s->dir, s->frame, 0);
	me->rst_ttl = s->view->ttl;
	me->rst_ttl_differs |= me->ttl_packets && !me->ttl_varies && me->ttl != s->view->ttl;
	if (w->rst_by)
		return;
	w->rst_by = (int8_t)(s->dir + 1);
	me->rst_bare = !(s->flags & TH_ACK);
	if (s->flags & TH_ACK && s->ack > peer->acked && s->ack <= peer->end)
		peer->acked = s->ack;
	for (int i = 0; i < 2; i++) {
		const struct watch_half *h = &w->half[i];

		w->rst_end[i] = h->end && h->acked ? h->end - h->fin : 0;
		w->rst_state[i] = h->state_frame == s->frame ? h->state_before : scene->state[i];
	}
}

/* A SYN-ACK again although the client had answered the first one, twice or more, a round trip ago. */
static void note_synack(struct watch *w, struct budget *b, const struct segment *s)
{
	w->answered |= w->synack_ts && w->client_acks;
	/* Sooner it is a copy, or answers a SYN that was repeated, or crossed the answer: no timer is that fast. */
	if (w->synack_ts && w->client_acks >= 2 && s->ts - w->answer_ts >= 200 * MS)
		watch_add(w, b, WATCH_IGNORED_ACK, TCPSTAT_S2C, s->frame, 0);
	if (!w->synack_ts)
		w->synack_ts = s->ts;
}

/* It has room for its window, and its own sequence number. */
static void note_syn(struct watch *w, struct budget *b, const struct segment *s, struct watch_half *me)
{
	if (s->dir != TCPSTAT_C2S)
		note_synack(w, b, s);
	me->syn_wnd = s->view->wnd;
	me->edge = s->flags & TH_ACK ? s->ack + s->wnd : SEQ_ISN + 1 + s->wnd;
}

static uint16_t short_len(const struct segment *s)
{
	return (uint16_t)(s->len < 0xffff ? s->len : 0xffff);
}

/* Segments that are larger than anything that ever arrived: is it their size? */
static void note_size(struct watch *w, struct budget *b, const struct segment *s, struct watch_half *me,
	uint32_t mss, bool isnew)
{
	uint16_t len = short_len(s);

	if (len > me->longest) {
		me->longest = len;
		me->longest_frame = s->frame;
	}
	if (mss && s->len > mss + 12)
		watch_add(w, b, WATCH_BEYOND_MSS, s->dir, s->frame, 0);
	if (isnew && len > me->ok_len && !me->big_end) {
		me->big_end = s->end;
		me->big_len = len;
		me->big_repeats = 0;
		me->shrunk = false;
	} else if (!isnew && me->big_end && s->seq < me->big_end && me->acked < me->big_end &&
		   s->end + me->big_len > me->big_end) {
		if (len >= me->big_len) {
			me->big_repeats++;
			if (me->big_repeats == 2)
				me->hole_len = me->big_len;
			watch_add(w, b, WATCH_TOO_BIG, s->dir, s->frame, 0);
		} else {
			me->shrunk = true;
		}
	}
}

/* A flight that begins and what follows it: the first one, and one after a pause. */
static void note_burst(struct watch *w, struct budget *b, const struct segment *s, const struct watch_scene *scene,
	struct watch_half *me, uint32_t mss)
{
	int64_t half = scene->half_ns[s->dir];

	if (half == TCPSTAT_NULL && scene->half_ns[!s->dir] != TCPSTAT_NULL)
		half = 0; /* nothing made it answer: what the path takes lies on the other side, as far as is known */
	/* what an ACK let go is told by time, which takes a path that is long against how well times are known */
	if (half == TCPSTAT_NULL || !mss || (half > MS / 4 && half < 4 * MS))
		return;
	if (me->again_frame == s->frame) { /* no flight of its own: a repetition of what did not pass here */
		me->burst_seq = 0;
		me->first_flight_done = true;
		return;
	}
	if (me->burst_seq && me->burst_ack_ts && s->ts - me->burst_ack_ts >= (half > MS ? half / 8 * 7 : 0)) {
		/* what the sender sent once the ACK had reached it: at once, if the flight was held */
		if (s->ts - me->burst_ack_ts <= half + half / 8 + 2 * MS && s->len >= mss && me->last_len >= mss)
			watch_add(w, b, (enum watch_kind)me->burst_is, s->dir, s->frame,
				(int64_t)(me->end - me->burst_seq));
		me->burst_seq = 0;
	}
	if (me->burst_seq || me->end > me->acked)
		return;
	me->burst_ack_ts = 0;
	if (!me->first_flight_done) {
		me->burst_is = WATCH_FIRST_FLIGHT;
		me->burst_seq = s->seq;
		me->first_flight_done = true;
	} else if (scene->rto_ns > 0 && me->ready_ts && s->ts - me->ready_ts > scene->rto_ns + half && me->flight_max) {
		me->burst_is = WATCH_IDLE_RESTART;
		me->burst_seq = s->seq;
	}
}

/* New payload: what made it wait, or come so short. */
static void note_payload(struct watch *w, struct budget *b, const struct segment *s, const struct watch_scene *scene,
	struct watch_half *me, const struct watch_half *peer)
{
	uint32_t mss = scene->mss[s->dir];

	if (me->stalled_ns && me->ack_ts && me->last_len < mss &&
	    s->ts - me->ack_ts <= known_ns(scene->half_ns[s->dir]) + 2 * MS)
		watch_add(w, b, WATCH_NAGLE, s->dir, s->frame, me->stalled_ns);
	if (peer->wnd < mss && peer->wnd && s->end - me->acked >= peer->wnd && s->len < mss)
		watch_add(w, b, WATCH_SILLY, s->dir, s->frame, 0);
	note_burst(w, b, s, scene, me, mss);
	me->sent_data = true;
}

static void note_data(struct watch *w, struct budget *b, const struct segment *s, const struct watch_scene *scene,
	struct watch_half *me, struct watch_half *peer)
{
	bool isnew = s->end > me->end;

	if (w->rst_by == (int)s->dir + 1)
		watch_add(w, b, WATCH_AFTER_RST, s->dir, s->frame, 0);
	if (s->len)
		note_size(w, b, s, me, scene->mss[s->dir], isnew);
	if (!isnew)
		return;
	if (s->len)
		note_payload(w, b, s, scene, me, peer);
	me->stalled_ns = me->ack_ts = me->ready_ts = 0;
	me->end = s->end;
	me->sent_ts = s->ts;
	me->last_len = short_len(s);
	if (s->flags & TH_FIN && !me->fin) {
		me->fin = true;
		farewell(w, s->dir);
	}
	if (peer->fin && peer->acked >= peer->end)
		peer->after_fin_bytes += s->len;
	uint64_t flight = me->end - me->acked;
	if (flight > me->flight_max && flight < UINT32_MAX && me->acked)
		me->flight_max = (uint32_t)flight;
}

/* What `s` acknowledges of the peer's. */
static void note_ack(const struct segment *s, const struct watch_scene *scene, struct watch_half *peer)
{
	if (peer->damaged_end && s->ack >= peer->damaged_end) {
		peer->damage_taken = true;
		peer->damaged_end = 0;
	}
	if (peer->big_repeats >= 2 && s->ack < peer->big_end)
		peer->hole_proven = true;
	if (s->ack <= peer->acked || !peer->end) {
		if (s->ack == peer->acked && peer->end > peer->acked && !s->len)
			peer->dup_acks++;
		return;
	}
	peer->dup_acks = 0;
	if (peer->big_end && s->ack >= peer->big_end) {
		peer->hole_proven |= peer->big_repeats >= 2 && peer->shrunk;
		if (!peer->shrunk && peer->big_len > peer->ok_len)
			peer->ok_len = peer->big_len;
		else if (peer->shrunk && peer->last_len > peer->ok_len && peer->last_len < peer->big_len)
			peer->ok_len = peer->last_len;
		peer->big_end = 0;
	}
	if (peer->burst_seq && !peer->burst_ack_ts && s->ack > peer->burst_seq)
		peer->burst_ack_ts = s->ts;
	peer->acked = s->ack;
	if (s->len || s->ack < peer->end)
		return;
	/* delayed ACKs wait 40 ms and more (Linux), 200 ms (others), at most 500 ms (RFC 1122 section 4.2.3.2) */
	int64_t late = s->ts - peer->sent_ts - known_ns(scene->half_ns[s->dir]);
	if (late >= 25 * MS && late <= 600 * MS) {
		peer->stalled_ns = late;
		peer->ack_ts = s->ts;
	}
}

static void note_window(const struct segment *s, const struct watch_scene *scene, struct watch_half *me,
	struct watch_half *peer)
{
	if (s->wnd < scene->mss[!s->dir] && s->wnd && s->wnd_exact)
		me->small_windows++;
	me->wnd = s->wnd < UINT32_MAX ? (uint32_t)s->wnd : UINT32_MAX;
	if (s->ack < peer->end || me->wnd < peer->flight_max)
		peer->ready_ts = 0;
	else if (!peer->ready_ts)
		peer->ready_ts = s->ts;
}

/* How far beyond the last window of its peer a segment may be for what was not captured. */
static uint64_t slack(const struct watch_half *peer, uint32_t mss)
{
	return peer->wnd / 2 + 2u * (mss ? mss : 1460);
}

/* Is the scale that the SYNs agreed upon here the one that both ends use? A box on the path may have changed it. */
static void note_scale(struct watch *w, struct budget *b, const struct segment *s, const struct watch_scene *scene,
	struct watch_half *me, const struct watch_half *peer)
{
	enum { COLLAPSED = 16 };
	uint64_t edge = s->ack + s->wnd;

	if (!s->wnd_exact || !me->syn_wnd)
		return;
	if (!me->wnd_known && s->wnd && s->wnd * COLLAPSED <= me->syn_wnd && edge + me->syn_wnd / 2 < me->edge)
		watch_add(w, b, WATCH_COLLAPSE, s->dir, s->frame, 0);
	me->wnd_known = true;
	if (edge > me->edge)
		me->edge = edge;
	if (s->len && peer->wnd_known && s->end > peer->edge && s->end - peer->edge > slack(peer, scene->mss[s->dir]))
		watch_add(w, b, WATCH_BEYOND_WINDOW, s->dir, s->frame, 0);
}

void watch_segment(struct watch *w, struct budget *b, const struct segment *s, const struct watch_scene *scene)
{
	bool back = s->dir != TCPSTAT_C2S;
	struct watch_half *me = back ? &w->half[1] : &w->half[0], *peer = back ? &w->half[0] : &w->half[1];

	if (s->copy) {
		watch_add(w, b, WATCH_COPY, s->dir, s->frame, 0);
		return;
	}
	note_header(w, b, s, me);
	if (s->flags & TH_RST) {
		note_reset(w, b, s, scene);
		return;
	}
	note_ttl(me, s->view->ttl);
	if (s->flags & TH_SYN) {
		note_syn(w, b, s, me);
	} else if (s->flags & TH_ACK) {
		if (!back && w->synack_ts && !w->client_acks++)
			w->answer_ts = s->ts;
		note_scale(w, b, s, scene, me, peer);
	}
	if (s->flags & TH_ACK)
		note_ack(s, scene, peer);
	if (s->flags & TH_SYN) {
		me->end = me->acked = s->end;
		return;
	}
	if (!me->end) {
		me->end = me->acked = s->seq;
		me->sent_ts = s->ts;
	}
	if (s->flags & TH_ACK)
		note_window(s, scene, me, peer);
	if (s->end > s->seq)
		note_data(w, b, s, scene, me, peer);
}
