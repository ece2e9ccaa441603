#include "core/space.h"

/* A jump in sequence space of more than this (or four windows) is not believed until something else confirms it: late
 * segments of another incarnation, forged ones and damage make no phantom bytes. */
static const uint64_t jump_bytes = 64 << 20;

static void anchor(struct conn_dir *d, uint32_t isn, uint64_t snd_max)
{
	d->known = true;
	d->isn = isn;
	d->snd_max = snd_max;
	d->acked = d->far = 0;
}

static uint64_t reach(const struct conn *c, enum tcpstat_dir dir)
{
	uint64_t windows = (uint64_t)c->dir[!dir].max_wnd * 4;

	return windows > jump_bytes ? windows : jump_bytes;
}

/* Far ahead, or something was lately. */
static bool believe_jump(struct conn *c, enum tcpstat_dir dir, uint64_t offset, unsigned weight)
{
	struct conn_dir *d = &c->dir[dir];

	if (offset > d->snd_max + jump_bytes && offset > d->snd_max + reach(c, dir)) {
		uint64_t limit = reach(c, dir);
		bool near = d->far && offset + limit > d->far && offset < d->far + limit;
		d->far_segments = (uint8_t)((near ? d->far_segments : 0) + weight);
		d->far = offset;
		if (d->far_segments < 3)
			return false;
	}
	d->far = 0;
	d->far_segments = 0;
	if (offset > d->snd_max)
		d->snd_max = offset;
	return true;
}

/* Something (a segment's end: weight 1, an ACK: 2) says that `dir` has come as far as `offset`. Is it believed? Beyond
 * reach only if three segments, or a segment and an ACK, or two ACKs agree. */
static inline bool believe(struct conn *c, enum tcpstat_dir dir, uint64_t offset, unsigned weight)
{
	struct conn_dir *d = &c->dir[dir];

	if (d->far || offset > d->snd_max + jump_bytes)
		return believe_jump(c, dir, offset, weight);
	if (offset > d->snd_max)
		d->snd_max = offset;
	return true;
}

void space_begin(struct conn *c, enum tcpstat_dir dir, const struct tcp_view *v)
{
	struct conn_dir *d = &c->dir[dir];

	if (d->syn_seen && d->isn != v->seq) { /* a second SYN-ACK that disagrees; see space_choose */
		d->isn_other = d->isn;
		d->has_isn_other = true;
	}
	if (!d->known || d->isn != v->seq)
		anchor(d, v->seq, SEQ_ISN);
	d->syn_seen = true;
}

void space_choose(struct conn_dir *server, const struct tcp_view *v)
{
	if (!server->has_isn_other)
		return;
	if (v->ack == server->isn_other + 1)
		anchor(server, server->isn_other, SEQ_ISN + 1);
	server->has_isn_other = false;
}

static void scale_window(const struct conn *c, const struct tcp_view *v, struct segment *s)
{
	const struct conn_dir *d = &c->dir[s->dir], *peer = &c->dir[!s->dir];

	s->wnd = v->wnd;
	s->wnd_exact = true;
	if (v->flags & TH_SYN || (d->syn_seen && !d->has_wscale) || (peer->syn_seen && !peer->has_wscale))
		return;
	s->wnd_exact = d->syn_seen && peer->syn_seen;
	s->wnd_shift = d->syn_seen ? d->wscale : 0;
	s->wnd <<= s->wnd_shift;
}

static bool is_dsack(const struct segment *s)
{
	if (!s->n_sack || !(s->flags & TH_ACK))
		return false;
	return s->sack[0][1] <= s->ack || (s->n_sack > 1 && s->sack[0][0] >= s->sack[1][0] &&
		s->sack[0][1] <= s->sack[1][1]);
}

static void unwrap_ack(struct conn *c, struct segment *s)
{
	struct conn_dir *peer = &c->dir[!s->dir];
	const struct tcp_view *v = s->view;

	if (!peer->known && !(v->flags & TH_RST))
		anchor(peer, v->ack - 1, SEQ_ISN + 1);
	s->ack = peer->known ? space_offset(peer, v->ack) : SEQ_ISN + 1;
	for (s->n_sack = 0; s->n_sack < v->opts.n_sack; s->n_sack++)
		for (unsigned i = 0; i < 2; i++)
			s->sack[s->n_sack][i] = space_offset(peer, v->opts.sack[s->n_sack][i]);
	s->dsack = is_dsack(s);
}

void space_unwrap(struct conn *c, const struct tcp_view *v, struct segment *s)
{
	struct conn_dir *d = &c->dir[s->dir];

	if (!d->known && !(v->flags & (TH_RST | TH_SYN)))
		anchor(d, v->seq - 1, SEQ_ISN + 1);
	s->seq = d->known ? space_offset(d, v->seq) : SEQ_ISN + 1;
	s->end = segment_end(s->seq, v->len, v->flags);
	if (v->flags & TH_ACK)
		unwrap_ack(c, s);
	scale_window(c, v, s);
}

/* RFC 9293 section 3.10.7.3 (SYN-SENT) and RFC 5961 section 3: would the receiver obey this RST? It can only be judged
 * by what the receiver acknowledged and what was sent to it. */
bool space_obeys(const struct conn *c, const struct segment *s)
{
	const struct conn_dir *d = &c->dir[s->dir], *peer = &c->dir[!s->dir];
	uint64_t wnd = peer->max_wnd > 65535 ? peer->max_wnd : 65535;

	if (c->endpoints.ep[!s->dir].state == TCPSTAT_EP_SYN_SENT)
		return s->flags & TH_ACK && s->ack > SEQ_ISN && s->ack <= peer->snd_max;
	if (!d->known)
		return true;
	return s->seq >= (d->acked ? d->acked : SEQ_ISN) && s->seq <= d->snd_max + wnd;
}

enum fit space_advance(struct conn *c, const struct segment *s)
{
	struct conn_dir *d = &c->dir[s->dir], *peer = &c->dir[!s->dir];

	if (s->flags & TH_RST)
		return FIT_GOOD;
	if (d->syn_seen && s->seq < SEQ_ISN)
		return FIT_FOREIGN;
	if (s->flags & TH_ACK) {
		if (peer->syn_seen && s->ack <= SEQ_ISN)
			return FIT_FOREIGN;
		/* a challenge ACK of the former incarnation, if it has not even begun */
		if (!believe(c, !s->dir, s->ack, 2))
			return peer->syn_seen && !d->syn_seen ? FIT_FOREIGN : FIT_FAR;
		if (s->ack > peer->acked)
			peer->acked = s->ack;
	}
	return s->end <= d->snd_max || believe(c, s->dir, s->end, 1) ? FIT_GOOD : FIT_FAR;
}
