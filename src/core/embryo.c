#include "core/embryo.h"

#include <string.h>

bool embryo_can_keep(const struct tcp_view *v)
{
	return (v->flags & (TH_SYN | TH_ACK | TH_RST | TH_FIN)) == TH_SYN && !v->len && !v->opts.n_sack;
}

void embryo_init(struct embryo *e, const struct tcp_view *v, bool swapped, const struct tcpstat_pkt *pkt)
{
	const struct tcp_opts *o = &v->opts;

	e->ts = pkt->ts_ns;
	e->frame = pkt->frame;
	e->swapped = swapped;
	e->seq = v->seq;
	e->flags = v->flags;
	e->wnd = v->wnd;
	e->wire_bytes = v->wire_bytes;
	e->ttl = v->ttl;
	e->ecn = v->ecn;
	e->cksum = (uint8_t)v->cksum;
	e->has_ip_id = v->has_ip_id;
	e->df = v->df;
	e->ip_id = v->ip_id;
	memcpy(e->vlan, v->vlan, sizeof e->vlan);
	e->tunnel = v->tunnel;
	e->has_mss = o->has_mss;
	e->mss = o->mss;
	e->has_wscale = o->has_wscale;
	e->wscale = o->wscale;
	e->sack_permitted = o->sack_permitted;
	e->has_ts = o->has_ts;
	e->ts_val = o->ts_val;
	e->ts_ecr = o->ts_ecr;
	e->tfo = o->tfo;
	e->mptcp = o->mptcp;
	e->accecn = o->accecn;
	e->md5 = o->md5;
}

static struct tcpstat_addr end_of(const struct flow_key *k, unsigned end)
{
	struct tcpstat_addr a = { .family = (uint8_t)k->family };

	memcpy(a.bytes, k->addr[end], sizeof a.bytes);
	return a;
}

void embryo_syn(const struct embryo *e, struct tcp_view *v, struct tcpstat_pkt *pkt)
{
	const struct flow_key *k = &e->node.key;

	*pkt = (struct tcpstat_pkt){ .ts_ns = e->ts, .frame = e->frame };
	*v = (struct tcp_view){ .src = end_of(k, e->swapped), .dst = end_of(k, !e->swapped),
		.src_port = flow_key_port(k, e->swapped), .dst_port = flow_key_port(k, !e->swapped), .seq = e->seq,
		.flags = e->flags,
		.wnd = e->wnd, .wire_bytes = e->wire_bytes, .ttl = e->ttl, .ecn = e->ecn,
		.cksum = (enum cksum_verdict)e->cksum, .has_ip_id = e->has_ip_id, .df = e->df, .ip_id = e->ip_id,
		.vlan = { e->vlan[0], e->vlan[1] }, .tunnel = e->tunnel,
		.opts = { .has_mss = e->has_mss, .mss = e->mss, .has_wscale = e->has_wscale, .wscale = e->wscale,
			.sack_permitted = e->sack_permitted, .has_ts = e->has_ts, .ts_val = e->ts_val,
			.ts_ecr = e->ts_ecr, .tfo = e->tfo, .mptcp = e->mptcp, .accecn = e->accecn, .md5 = e->md5 } };
}
