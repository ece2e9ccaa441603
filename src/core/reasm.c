#include "core/reasm.h"

#include "core/rangeset.h"
#include "core/reasm_buf.h"

#include <string.h>

#define OPEN UINT64_MAX

static const uint64_t plausible_bytes = 64 << 20;       /* ahead of what is expected, whatever the window */
static const uint64_t cap_default_bytes = 16 << 20;
static const uint64_t damaged_cap_bytes = 256 << 10;
static const int64_t patience_ns = 1000000000;          /* for data captured after its ACK ... */
static const int64_t keepalive_idle_ns = 500000000; /* a byte repeated later than this after its ACK is no late one */
enum {
	PATIENCE_SEGMENTS = 128,                        /* ... or so many segments of that direction */
	ONE_SIDED_SEGMENTS = 64,                        /* in a row far ahead: believed if no ACK is captured */
	RANGES_MAX = 8192
};

/* What arrived ahead of a hole. */
struct reasm_ahead {
	struct rangeset seen;           /* by the headers */
	struct rangeset cut;            /* of that, cut by the snapshot length; kept only without `buf` */
	struct reasm_buf buf;           /* the bytes, if somebody wants them */
	struct reasm_buf damaged;       /* bytes of segments with a wrong checksum */
};

/* One direction during one call. */
struct pass {
	struct reasm *r;
	const struct emitter *out;
	enum tcpstat_dir dir;
	int64_t ts;
	uint64_t frame;
};

/* Does anybody want the bytes? */
static bool has_reader(const struct pass *p)
{
	const struct tcpstat_config *c = p->out->config;

	return c->stream && (!c->only_conn || c->only_conn == p->out->conn);
}

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Start of the first interval ahead; OPEN if there is none. */
static uint64_t ahead_lo(const struct reasm *r)
{
	return r->ahead && r->ahead->seen.n ? rangeset_at(&r->ahead->seen, 0).lo : OPEN;
}

/* End of what was seen. */
static uint64_t top(const struct reasm *r)
{
	return r->ahead && r->ahead->seen.n ? rangeset_at(&r->ahead->seen, r->ahead->seen.n - 1).hi : r->next;
}

/* How far ahead a segment may start to be believed at once. */
static uint64_t plausible(const struct reasm *r)
{
	return max64(r->next, max64(r->acked, r->trusted)) + max64(4 * r->max_wnd, plausible_bytes);
}

/* What is not ahead is plausible in any case. */
static bool is_plausible(const struct reasm *r, uint64_t off)
{
	return off <= r->next || off <= plausible(r);
}

static bool is_near(const struct reasm *r, uint64_t a, uint64_t b)
{
	return (a > b ? a - b : b - a) <= max64(4 * r->max_wnd, plausible_bytes);
}

/* What lies here or beyond is held back. */
static uint64_t limit(const struct reasm *r)
{
	if (r->syn_held)
		return r->base;
	return min64(plausible(r), min64(r->fin, r->rst));
}

/* How far the peer's ACKs prove that payload was sent. An ACK beyond everything seen may cover a FIN that was not
 * captured. */
static uint64_t proven(const struct reasm *r)
{
	if (r->fin != OPEN || r->acked <= top(r))
		return min64(r->acked, r->fin);
	return r->acked - 1;
}

/* ------------------------------------------------------------------------------------------------------ output */

static __attribute__((cold)) void tell_gap(struct pass *p)
{
	struct reasm *r = p->r;

	if (!r->gap_len)
		return;
	struct tcpstat_event ev = { .type = TCPSTAT_EV_GAP, .dir = p->dir, .ts_ns = r->gap_ts, .frame = r->gap_frame };
	ev.gap.offset = r->gap_offset;
	ev.gap.len = r->gap_len;
	ev.gap.why = (enum tcpstat_gap_why)r->gap_why;
	r->gap_len = 0;
	emit_event(p->out, &ev);
}

/* What is missing up to `upto` is given up. */
static void give_up(struct pass *p, uint64_t upto, enum tcpstat_gap_why why)
{
	struct reasm *r = p->r;

	if (upto <= r->next)
		return;
	if (r->gap_len && r->gap_why != why)
		tell_gap(p);
	if (!r->gap_len) {
		r->gaps++;
		r->gap_why = (uint8_t)why;
		r->gap_offset = r->next - r->base;
		r->gap_ts = p->ts;
		r->gap_frame = p->frame;
	}
	r->gap_len += upto - r->next;
	r->gap_bytes[why] += upto - r->next;
	r->next = upto;
}

static inline void deliver(struct pass *p, const uint8_t *data, uint64_t len)
{
	struct reasm *r = p->r;
	const struct tcpstat_config *c = p->out->config;

	if (r->gap_len)
		tell_gap(p);
	if (has_reader(p))
		c->stream(c->ctx, p->out->conn, p->dir, r->next - r->base, data, (size_t)len);
	r->next += len;
}

/* A segment's bytes from `next` to `upto`, straight from the capture. */
static inline void pass_on(struct pass *p, const struct reasm_bytes *b, uint64_t upto)
{
	struct reasm *r = p->r;
	uint64_t have = min64(b->lo + b->caplen, upto);

	if (r->next < have)
		deliver(p, b->data ? b->data + (r->next - b->lo) : NULL, have - r->next);
	if (r->next < upto)
		give_up(p, upto, TCPSTAT_GAP_TRUNCATED);
}

/* What waits, from `next` to `upto`, all of it seen: bytes, and holes where the snapshot length cut. */
static void pass_on_ahead(struct pass *p, uint64_t upto)
{
	struct reasm *r = p->r;
	struct reasm_ahead *a = r->ahead;
	bool bytes = has_reader(p);

	while (r->next < upto) {
		const uint8_t *data = NULL;
		uint64_t lo = OPEN;
		uint32_t len = 0;

		if (bytes) {
			reasm_buf_drop_below(&a->buf, r->next);
			data = reasm_buf_head(&a->buf, &lo, &len);
			if (data && lo == r->next)
				deliver(p, data, min64(len, upto - r->next));
			else
				give_up(p, min64(lo, upto), TCPSTAT_GAP_TRUNCATED);
			continue;
		}
		rangeset_drop_below(&a->cut, r->next);
		struct range cut = a->cut.n ? rangeset_at(&a->cut, 0) : (struct range){ OPEN, OPEN };
		if (cut.lo <= r->next)
			give_up(p, min64(cut.hi, upto), TCPSTAT_GAP_TRUNCATED);
		else
			deliver(p, NULL, min64(cut.lo, upto) - r->next);
	}
}

/* Something waits: delivers what of it is in order now. */
static void advance_ahead(struct pass *p)
{
	struct reasm *r = p->r;

	if (ahead_lo(r) <= r->next)
		pass_on_ahead(p, min64(rangeset_at(&r->ahead->seen, 0).hi, limit(r)));
	rangeset_drop_below(&r->ahead->seen, r->next);
	rangeset_drop_below(&r->ahead->cut, r->next);
	reasm_buf_drop_below(&r->ahead->buf, r->next);
}

static inline void advance(struct pass *p)
{
	if (p->r->ahead && p->r->ahead->seen.n)
		advance_ahead(p);
}

/* ------------------------------------------------------------------------------------------------------ storage */

static struct reasm_ahead *get_ahead(struct reasm *r)
{
	if (!r->ahead) {
		r->ahead = budget_resize(r->budget, NULL, 0, sizeof *r->ahead);
		if (!r->ahead)
			return NULL;
		rangeset_init(&r->ahead->seen, r->budget, RANGES_MAX);
		rangeset_init(&r->ahead->cut, r->budget, RANGES_MAX);
		reasm_buf_init(&r->ahead->buf, r->budget);
		reasm_buf_init(&r->ahead->damaged, r->budget);
	}
	return r->ahead;
}

/* What waits above `off` goes; how many bytes it was. */
static uint64_t drop_above(struct reasm *r, uint64_t off)
{
	if (!r->ahead || top(r) <= off)
		return 0;
	int64_t gone = rangeset_remove(&r->ahead->seen, off, OPEN);
	rangeset_remove(&r->ahead->cut, off, OPEN);
	reasm_buf_drop_above(&r->ahead->buf, off);
	r->payload_bytes -= (uint64_t)gone;
	return (uint64_t)gone;
}

/* Without a buffer: which of the segment's bytes nobody captured. */
static int note_cut(struct reasm_ahead *a, const struct reasm_bytes *b)
{
	uint64_t have = b->lo + b->caplen, cursor = max64(have, b->from);

	if (rangeset_remove(&a->cut, b->from, have) < 0)
		return TCPSTAT_ENOMEM;
	for (uint32_t i = rangeset_find(&a->seen, cursor); cursor < b->hi; i++) {
		struct range old = i < a->seen.n ? rangeset_at(&a->seen, i) : (struct range){ OPEN, OPEN };
		if (rangeset_add(&a->cut, cursor, min64(old.lo, b->hi)) < 0)
			return TCPSTAT_ENOMEM;
		cursor = max64(cursor, old.hi);
	}
	return 0;
}

static int store(struct pass *p, const struct reasm_bytes *b)
{
	struct reasm *r = p->r;
	const struct tcpstat_config *c = p->out->config;
	struct reasm_ahead *a = get_ahead(r);

	if (!a)
		return TCPSTAT_ENOMEM;
	if (has_reader(p)) {
		uint64_t cap = c->reasm_conn_bytes ? c->reasm_conn_bytes : cap_default_bytes;
		if (reasm_buf_add(&a->buf, b, c->overlap, cap, &r->conflicts))
			return TCPSTAT_ENOMEM;
	} else if ((b->caplen < b->hi - b->lo || a->cut.n) && note_cut(a, b)) {
		return TCPSTAT_ENOMEM;
	}
	int64_t added = rangeset_add(&a->seen, b->from, b->hi);
	if (added < 0)
		return TCPSTAT_ENOMEM;
	r->payload_bytes += (uint64_t)added;
	return 0;
}

/* Payload arrives: pass it on, store it, or, where there is no room, give up the first hole until there is. */
static void take(struct pass *p, struct reasm_bytes *b)
{
	struct reasm *r = p->r;

	while (b->hi > r->next) {
		uint64_t clear = min64(min64(b->hi, limit(r)), ahead_lo(r));
		b->from = max64(b->lo, r->next);
		if (b->lo <= r->next && clear == b->hi) {
			r->payload_bytes += b->hi - r->next;
			pass_on(p, b, b->hi);
			advance(p);
			return;
		}
		if (!store(p, b)) {
			advance(p);
			return;
		}
		uint64_t dropped = drop_above(r, limit(r));
		r->refused_bytes += dropped;
		if (dropped)
			continue;
		if (b->lo > r->next && b->lo < limit(r)) {
			give_up(p, min64(ahead_lo(r), b->lo), TCPSTAT_GAP_CAP);
		} else if (b->lo <= r->next && clear > r->next) {
			r->payload_bytes += clear - r->next;
			pass_on(p, b, clear);
		} else {
			r->refused_bytes += b->hi - b->from;
			return;
		}
		advance(p);
	}
}

/* ------------------------------------------------------------------------------------------------------ evidence */

/* Holes that the peer has acknowledged since long ago will not be filled. */
static void settle_holes(struct pass *p)
{
	struct reasm *r = p->r;
	uint64_t ack = proven(r);

	if (!r->based || r->syn_held || ack <= r->next)
		return;
	if (r->missing_ack > r->next) {
		if (r->missing_segments < PATIENCE_SEGMENTS && p->ts - r->missing_ts < patience_ns)
			return;
		while (r->next < r->missing_ack && ahead_lo(r) > r->next) {
			give_up(p, min64(ahead_lo(r), r->missing_ack), TCPSTAT_GAP_CAPTURE_LOSS);
			advance(p);
		}
	}
	r->missing_ack = ack;
	r->missing_ts = p->ts;
	r->missing_segments = 0;
}

static inline void settle(struct pass *p)
{
	if (p->r->acked > p->r->next)
		settle_holes(p);
}

/* A segment with a wrong checksum: its receiver drops it, unless what is wrong is only the capture. */
static void put_aside(struct reasm *r, const struct segment *s)
{
	struct reasm_bytes b = { .lo = s->seq, .hi = s->seq + s->len, .data = s->view->payload,
				 .caplen = s->view->caplen };
	struct reasm_ahead *a = get_ahead(r);

	if (!a || !r->based || s->flags & (TH_SYN | TH_RST) || b.hi <= r->next || !is_plausible(r, b.lo))
		return;
	b.from = max64(b.lo, r->next);
	if (b.caplen > s->len)
		b.caplen = s->len;
	if (reasm_buf_add(&a->damaged, &b, TCPSTAT_OVERLAP_LAST, damaged_cap_bytes, &(uint64_t){ 0 }))
		reasm_buf_drop_above(&a->damaged, 0);
}

/* Something waits, and the peer acknowledged bytes of which only copies with a wrong checksum were captured: then the
 * sums were wrong. */
static void take_damaged(struct pass *p)
{
	struct reasm *r = p->r;
	struct reasm_bytes b = { 0 };
	uint64_t ack = min64(r->acked, r->fin);
	uint32_t len;

	for (;;) {
		reasm_buf_drop_below(&r->ahead->damaged, r->next);
		b.data = reasm_buf_head(&r->ahead->damaged, &b.lo, &len);
		if (!b.data || b.lo >= ack)
			return;
		b.hi = min64(b.lo + len, ack);
		b.caplen = (uint32_t)(b.hi - b.lo);
		take(p, &b);
		reasm_buf_drop_below(&r->ahead->damaged, b.hi);
	}
}

/* The SYN's data count up to `off`; what lies beyond comes again. */
static void release_syn(struct pass *p, uint64_t off)
{
	drop_above(p->r, off);
	p->r->syn_held = false;
	advance(p);
}

static void take_ack(struct pass *p, const struct segment *s)
{
	struct reasm *r = p->r;

	if (s->wnd > r->max_wnd)
		r->max_wnd = s->wnd;
	if (!r->based) {
		r->acked = s->ack;
		r->acked_ts = s->ts;
		return;
	}
	if (!is_plausible(r, s->ack)) {
		r->far_ack = s->ack;
		if (!is_near(r, s->ack, top(r)))
			return;
	}
	if (r->syn_held && s->ack >= r->base)
		release_syn(p, s->ack);
	if (s->ack > r->acked) {
		r->acked = s->ack;
		r->acked_ts = s->ts;
		/* The peer takes more than it could if that RST or FIN were real. */
		if (s->ack > r->rst)
			r->rst = OPEN;
		if (s->ack > r->fin && s->ack - r->fin > 1)
			r->fin = OPEN;
		if (r->ahead) {
			advance(p);
			take_damaged(p);
		}
	}
	settle(p);
}

/* A segment starts beyond what is plausible: it counts when an ACK agrees, or when the peer is not captured at all. */
static void weigh_far(struct reasm *r, uint64_t lo)
{
	r->far_segments = r->far_segments && is_near(r, lo, r->far_seq) ? r->far_segments + 1 : 1;
	r->far_seq = lo;
	if (r->far_ack && is_near(r, lo, r->far_ack))
		r->acked = max64(r->acked, r->far_ack);
	else if (!r->acked && r->far_segments >= ONE_SIDED_SEGMENTS)
		r->trusted = lo;
}

static void set_base(struct reasm *r, uint64_t base)
{
	r->based = true;
	r->base = r->next = base;
	if (!is_plausible(r, r->acked))
		r->acked = 0;
}

static void take_payload(struct pass *p, const struct segment *s, uint64_t lo)
{
	struct reasm *r = p->r;
	struct reasm_bytes b = { .lo = lo, .hi = lo + s->len, .data = s->view->payload, .caplen = s->view->caplen };

	if (b.caplen > s->len)
		b.caplen = s->len;
	/* A keepalive repeats a byte, not always the right one (RFC 1122 section 4.2.3.6). */
	if (s->len == 1 && b.hi == r->acked && (!r->based || s->ts - r->acked_ts >= keepalive_idle_ns))
		return;
	if (!r->based)
		set_base(r, lo);
	if (is_plausible(r, lo))
		r->far_segments = 0;
	else
		weigh_far(r, lo);
	take(p, &b);
}

/* Is that RST one that its receiver takes (RFC 5961 section 3.2, generously)? */
static bool rst_counts(const struct reasm *r, uint64_t seq)
{
	return !r->based || (seq + 1 >= max64(r->acked, r->base) && is_plausible(r, seq));
}

/* A sender that goes on below what the peer acknowledged never sent that much: the ACK was none of this connection. */
static void contradict(struct reasm *r, const struct segment *s)
{
	if (s->len || s->seq + 1 >= r->acked || !r->based || r->fin != OPEN || r->acked <= top(r))
		return;
	r->acked = max64(top(r), s->seq);
	r->missing_ack = 0;
}

static void take_own(struct pass *p, const struct segment *s)
{
	struct reasm *r = p->r;
	uint64_t lo = s->seq + (s->flags & TH_SYN ? 1 : 0);

	if (s->flags & TH_SYN) {
		if (!r->based || (!r->payload_bytes && r->next == r->base))
			set_base(r, lo);
		if (s->len && lo == r->next && lo == r->base && r->acked <= lo)
			r->syn_held = true;
	} else if (r->syn_held && s->seq >= r->base) {
		/* It saw its SYN acknowledged, although we did not: it goes on behind the data, or repeats them. */
		release_syn(p, s->seq == r->base ? r->base : OPEN);
	}
	contradict(r, s);
	if (s->len) {
		r->unread |= !has_reader(p);
		take_payload(p, s, lo);
	}
	if (!r->based)
		return;
	if (s->flags & TH_FIN && r->fin == OPEN && lo + s->len >= r->next && is_plausible(r, lo + s->len))
		r->fin = lo + s->len;
	if (r->missing_ack && s->len)
		r->missing_segments++;
	settle(p);
}

/* ------------------------------------------------------------------------------------------------------ interface */

void reasm_init(struct reasm both[2], struct budget *budget)
{
	for (int i = 0; i < 2; i++)
		both[i] = (struct reasm){ .budget = budget, .fin = OPEN, .rst = OPEN };
}

void reasm_segment(struct reasm both[2], const struct segment *s, const struct emitter *out)
{
	if (s->dir != TCPSTAT_C2S && s->dir != TCPSTAT_S2C)
		return;
	enum tcpstat_dir back = s->dir == TCPSTAT_C2S ? TCPSTAT_S2C : TCPSTAT_C2S;
	struct reasm *own = back ? &both[0] : &both[1], *peer = back ? &both[1] : &both[0];
	struct pass p = { .r = peer, .out = out, .dir = back, .ts = s->ts, .frame = s->frame };

	if (own->finished)
		return;
	/* Where no sum was ever right, the sums prove nothing; where no ACK is captured, nothing else can. */
	if (s->view->cksum == CKSUM_GOOD)
		own->cksum_good = true;
	if (s->view->cksum == CKSUM_BAD && own->cksum_good && own->acked) {
		if (s->len)
			put_aside(own, s);
		return;
	}
	if (s->flags & TH_RST) {
		if (rst_counts(own, s->seq)) {
			own->rst = min64(own->rst, top(own));
			peer->rst = min64(peer->rst, top(peer));
		}
		return;
	}
	if (s->flags & TH_ACK)
		take_ack(&p, s);
	p.r = own;
	p.dir = s->dir;
	take_own(&p, s);
}

static void finish(struct pass *p)
{
	struct reasm *r = p->r;

	r->finished = true;
	r->refused_bytes += drop_above(r, limit(r));
	if (r->based && !r->syn_held) {
		uint64_t ack = proven(r), end = max64(top(r), ack);
		if (r->fin != OPEN)
			end = max64(end, r->fin);
		while (r->next < end) {
			uint64_t hole = min64(ahead_lo(r), end);
			give_up(p, min64(hole, ack), TCPSTAT_GAP_CAPTURE_LOSS);
			give_up(p, hole, TCPSTAT_GAP_LOST);
			advance(p);
		}
	}
	tell_gap(p);
}

void reasm_finish(struct reasm both[2], int64_t ts, const struct emitter *out)
{
	for (enum tcpstat_dir dir = TCPSTAT_C2S; dir <= TCPSTAT_S2C; dir++) {
		struct pass p = { .r = &both[dir], .out = out, .dir = dir, .ts = ts };
		if (!p.r->finished)
			finish(&p);
	}
}

void reasm_snapshot(const struct reasm both[2], struct tcpstat_conn *conn)
{
	for (int dir = 0; dir < 2; dir++) {
		const struct reasm *r = &both[dir];
		struct tcpstat_half *half = &conn->half[dir];
		uint64_t held = r->ahead ? rangeset_count(&r->ahead->seen, limit(r), OPEN) : 0;

		half->payload_bytes = (int64_t)(r->payload_bytes - held);
		half->gaps.count = (int64_t)r->gaps;
		half->gaps.bytes = 0;
		for (unsigned why = 0; why < TCPSTAT_NGAP_WHYS; why++) {
			half->gaps.bytes_of[why] = (int64_t)r->gap_bytes[why];
			half->gaps.bytes += half->gaps.bytes_of[why];
		}
		half->overlap_conflicts = r->unread ? TCPSTAT_NULL : (int64_t)r->conflicts;
		half->refused_bytes = (int64_t)(r->refused_bytes + held);
	}
}

void reasm_fini(struct reasm both[2])
{
	for (int i = 0; i < 2; i++) {
		struct reasm_ahead *a = both[i].ahead;
		if (!a)
			continue;
		rangeset_fini(&a->seen);
		rangeset_fini(&a->cut);
		reasm_buf_fini(&a->buf);
		reasm_buf_fini(&a->damaged);
		budget_resize(both[i].budget, a, sizeof *a, 0);
		both[i].ahead = NULL;
	}
}
