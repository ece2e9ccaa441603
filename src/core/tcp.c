#include "core/cksum.h"
#include "core/tcp_opt.h"
#include "core/walk.h"

enum { HEADER_MIN = 20, FLAGS_MASK = 0x1ff };

/* The option area of nearly every segment: two NOPs and a timestamp (RFC 7323 appendix A). */
enum { TS_ONLY_LEN = 12, TS_ONLY_WORD = 0x0101080a };

static void parse_options(const uint8_t *p, uint32_t len, bool cut, struct tcp_opts *opts)
{
	tcp_opt_clear(opts);
	if (len == TS_ONLY_LEN && be32(p) == TS_ONLY_WORD) {
		opts->has_ts = true;
		opts->ts_val = be32(p + 4);
		opts->ts_ecr = be32(p + 8);
		return;
	}
	if (len)
		tcp_opt_parse(p, len, cut, opts);
}

static void check(struct walk *w, struct tcp_view *v)
{
	const struct span *s = &w->s;

	v->cksum = CKSUM_UNKNOWN;
	if (!w->d->checksums || s->cap < s->wire)
		return;
	v->cksum = cksum_tcp(&v->src, &v->dst, s->p, s->wire);
	if (v->cksum == CKSUM_BAD)
		WALK_COUNT(w, tcp_cksum_bad);
	else if (v->cksum == CKSUM_OFFLOADED)
		WALK_COUNT(w, tcp_cksum_offloaded);
}

void tcp_segment(struct walk *w)
{
	const struct span *s = &w->s;
	const uint8_t *p = s->p;
	struct tcp_view *v = &w->out->tcp;

	if (!span_has(s, HEADER_MIN)) {
		WALK_COUNT(w, tcp_malformed);
		return;
	}
	uint32_t header = (uint32_t)(p[12] >> 4) * 4;
	if (header < HEADER_MIN || header > s->wire) {
		WALK_COUNT(w, tcp_malformed);
		return;
	}
	uint32_t header_cap = header < s->cap ? header : s->cap;
	v->src_port = be16(p);
	v->dst_port = be16(p + 2);
	v->seq = be32(p + 4);
	v->ack = be32(p + 8);
	v->flags = be16(p + 12) & FLAGS_MASK;
	v->wnd = be16(p + 14);
	v->urgent = be16(p + 18);
	v->len = s->wire - header;
	v->caplen = s->cap - header_cap;
	v->payload = p + header_cap;
	parse_options(p + HEADER_MIN, header_cap - HEADER_MIN, header_cap < header, &v->opts);
	if (v->opts.malformed)
		WALK_COUNT(w, tcp_options_malformed);
	check(w, v);
	WALK_COUNT(w, tcp);
	w->out->verdict = DECODE_TCP;
}
