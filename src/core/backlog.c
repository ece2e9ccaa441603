#include "core/backlog.h"

#include <string.h>

/* What every segment has: in the order of struct segment and tcp_view, so that neighbours are copied together. */
struct slot {
	int64_t ts;
	uint64_t frame;
	uint32_t raw_seq, raw_ack;
	uint32_t ts_val, ts_ecr;
	uint64_t seq, ack;
	uint32_t len;
	uint16_t flags, wnd;
	uint8_t wnd_shift, n_sack;
	bool wnd_exact, dsack;
	uint8_t ttl, ecn;
	bool has_ip_id, df;
	uint16_t ip_id;
	uint8_t state[2];
	uint8_t kind, history, dir, cksum;
	bool has_ts, more;
};

/* The slot after it, of a segment that has more to say. */
struct more {
	uint64_t near;                  /* offset of the first block */
	uint32_t sack[4][2];            /* raw */
	uint32_t caplen;
	uint16_t mss, may_send[2];      /* may_send: what each endpoint may send */
	uint8_t wscale;
	bool has_mss : 1, has_wscale : 1, sack_permitted : 1, tfo : 1, mptcp : 1, accecn : 1, md5 : 1;
	uint8_t n_changes;
	uint8_t change[11];           /* as in struct state_changes */
};

_Static_assert(sizeof(struct more) <= sizeof(struct slot), "what follows a slot takes no more than one");

struct backlog_chunk {
	struct backlog_chunk *next;     /* first, for the pool; not of the last one */
	uint64_t n;                     /* slots in use, once there is a next one */
	union {
		struct slot slot;
		struct more more;
	} of[BACKLOG_CHUNK_SLOTS];
};

_Static_assert(sizeof(struct backlog_chunk) == BACKLOG_CHUNK_BYTES, "as the header says");

static bool needs_more(const struct segment *s, const struct scene *scene)
{
	return s->n_sack || scene->changes.n || s->flags & TH_SYN || s->view->caplen != s->view->len;
}

/* Blocks that lie too far apart to be unwrapped from the first one, and more changes than there is room for, are
 * nothing that a peer in its right mind sends. */
static bool fits(const struct segment *s, const struct scene *scene)
{
	const uint32_t (*raw)[2] = s->view->opts.sack;

	for (unsigned i = 0; i < s->n_sack; i++)
		for (unsigned k = 0; k < 2; k++)
			if (seq_unwrap(raw[i][k], s->sack[0][0], raw[0][0]) != s->sack[i][k])
				return false;
	return scene->changes.n <= sizeof ((struct more *)0)->change;
}

/* Two slots that belong together stay in one chunk. */
static bool make_room(struct backlog *b, struct pool *chunks, unsigned n)
{
	if (b->last && b->in_last + n <= BACKLOG_CHUNK_SLOTS)
		return true;
	struct backlog_chunk *fresh = pool_take(chunks);

	if (!fresh)
		return false;
	if (b->last) {
		b->last->next = fresh;
		b->last->n = b->in_last;
	} else {
		b->first = fresh;
	}
	b->last = fresh;
	b->chunks++;
	b->in_last = 0;
	return true;
}

static void fill_slot(struct slot *restrict slot, const struct segment *s, const struct scene *scene, bool more)
{
	const struct tcp_view *v = s->view;

	slot->ts = s->ts;
	slot->frame = s->frame;
	slot->raw_seq = v->seq;
	slot->raw_ack = v->ack;
	slot->ts_val = v->opts.ts_val;
	slot->ts_ecr = v->opts.ts_ecr;
	slot->seq = s->seq;
	slot->ack = s->ack;
	slot->len = s->len;
	slot->flags = v->flags;
	slot->wnd = v->wnd;
	slot->wnd_shift = s->wnd_shift;
	slot->n_sack = s->n_sack;
	slot->wnd_exact = s->wnd_exact;
	slot->dsack = s->dsack;
	slot->ttl = v->ttl;
	slot->ecn = v->ecn;
	slot->has_ip_id = v->has_ip_id;
	slot->df = v->df;
	slot->ip_id = v->ip_id;
	slot->state[0] = scene->state[0];
	slot->state[1] = scene->state[1];
	slot->kind = (uint8_t)scene->kind;
	slot->history = scene->history;
	slot->dir = (uint8_t)s->dir;
	slot->cksum = (uint8_t)v->cksum;
	slot->has_ts = v->opts.has_ts;
	slot->more = more;
}

static void fill_more(struct more *more, const struct segment *s, const struct scene *scene)
{
	const struct tcp_view *v = s->view;
	const struct tcp_opts *o = &v->opts;

	*more = (struct more){ .near = s->n_sack ? s->sack[0][0] : 0, .caplen = v->caplen, .mss = o->mss,
		.wscale = o->wscale,
		.may_send = { scene->mss[0], scene->mss[1] }, .has_mss = o->has_mss, .has_wscale = o->has_wscale,
		.sack_permitted = o->sack_permitted, .tfo = o->tfo, .mptcp = o->mptcp, .accecn = o->accecn,
		.md5 = o->md5, .n_changes = scene->changes.n };
	if (s->n_sack)
		memcpy(more->sack, o->sack, sizeof more->sack);
	for (unsigned i = 0; i < scene->changes.n; i++)
		more->change[i] = scene->changes.of[i];
}

bool backlog_put(struct backlog *b, struct pool *chunks, const struct segment *s, const struct scene *scene)
{
	bool more = needs_more(s, scene);

	if ((more && !fits(s, scene)) || !make_room(b, chunks, 1 + more))
		return false;
	struct backlog_chunk *c = b->last;
	fill_slot(&c->of[b->in_last].slot, s, scene, more);
	if (more)
		fill_more(&c->of[b->in_last + 1].more, s, scene);
	b->in_last = (uint8_t)(b->in_last + 1 + more);
	b->slots = (uint16_t)(b->slots + 1 + more);
	return true;
}

static void read_slot(const struct slot *restrict slot, struct segment *restrict s, struct tcp_view *restrict v,
	struct scene *restrict scene)
{
	s->ts = slot->ts;
	s->frame = slot->frame;
	v->seq = slot->raw_seq;
	v->ack = slot->raw_ack;
	v->opts.ts_val = slot->ts_val;
	v->opts.ts_ecr = slot->ts_ecr;
	s->seq = slot->seq;
	s->ack = slot->ack;
	s->len = v->len = v->caplen = slot->len;
	s->flags = v->flags = slot->flags;
	v->wnd = slot->wnd;
	s->wnd_shift = slot->wnd_shift;
	s->n_sack = v->opts.n_sack = slot->n_sack;
	s->wnd_exact = slot->wnd_exact;
	s->dsack = slot->dsack;
	v->ttl = slot->ttl;
	v->ecn = slot->ecn;
	v->has_ip_id = slot->has_ip_id;
	v->df = slot->df;
	v->ip_id = slot->ip_id;
	v->cksum = (enum cksum_verdict)slot->cksum;
	v->opts.has_ts = slot->has_ts;
	s->dir = (enum tcpstat_dir)slot->dir;
	s->end = segment_end(slot->seq, slot->len, slot->flags);
	s->wnd = (uint64_t)slot->wnd << slot->wnd_shift;
	s->copy = false;
	scene->state[0] = slot->state[0];
	scene->state[1] = slot->state[1];
	scene->kind = (enum scene_kind)slot->kind;
	scene->history = slot->history;
	scene->changes.n = 0;
}

static void read_more(const struct more *more, struct segment *s, struct tcp_view *v, struct scene *scene)
{
	struct tcp_opts *o = &v->opts;

	v->caplen = more->caplen;
	o->mss = more->mss;
	o->wscale = more->wscale;
	o->has_mss = more->has_mss;
	o->has_wscale = more->has_wscale;
	o->sack_permitted = more->sack_permitted;
	o->tfo = more->tfo;
	o->mptcp = more->mptcp;
	o->accecn = more->accecn;
	o->md5 = more->md5;
	scene->mss[0] = more->may_send[0];
	scene->mss[1] = more->may_send[1];
	for (unsigned i = 0; i < s->n_sack; i++)
		for (unsigned k = 0; k < 2; k++) {
			o->sack[i][k] = more->sack[i][k];
			s->sack[i][k] = seq_unwrap(more->sack[i][k], more->near, more->sack[0][0]);
		}
	scene->changes.n = more->n_changes;
	for (unsigned i = 0; i < more->n_changes; i++)
		scene->changes.of[i] = more->change[i];
}

void backlog_show(const struct backlog *b, void (*each)(void *ctx, struct segment *, const struct scene *), void *ctx)
{
	const struct backlog_chunk *c = b->first;
	struct tcp_view view = { .vlan = { 0xffff, 0xffff } };
	struct segment s = { .view = &view };
	struct scene scene = { 0 };

	for (unsigned n; c; c = c == b->last ? NULL : c->next) {
		n = c == b->last ? b->in_last : (unsigned)c->n;
		if (c != b->last)
			fetch_block(c->next, sizeof *c);
		for (unsigned i = 0; i < n; i++) {
			bool more = c->of[i].slot.more;

			read_slot(&c->of[i].slot, &s, &view, &scene);
			if (more)
				read_more(&c->of[++i].more, &s, &view, &scene);
			each(ctx, &s, &scene);
			if (more) { /* what only they had */
				view.opts = (struct tcp_opts){ 0 };
				scene.mss[0] = scene.mss[1] = 0;
			}
		}
	}
}

void backlog_drop(struct backlog *b, struct pool *chunks)
{
	if (b->last)
		pool_put_all(chunks, b->first, b->last, b->chunks);
	*b = (struct backlog){ 0 };
}

void backlog_fetch(const struct backlog *b)
{
	if (b->last && b->in_last < BACKLOG_CHUNK_SLOTS) {
		const char *slot = (const char *)&b->last->of[b->in_last];

		__builtin_prefetch(slot, 1);
		__builtin_prefetch(slot + sizeof(struct slot) - 1, 1);
	}
}

void backlog_fetch_first(const struct backlog *b)
{
	if (b->first)
		fetch_block(b->first, sizeof *b->first);
}
