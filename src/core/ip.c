#include <string.h>

#include "core/cksum.h"
#include "core/walk.h"

enum {
	V4_HEADER_MIN = 20, V4_DF = 0x4000, V4_MF = 0x2000, V4_OFFSET_MASK = 0x1fff,
	V4_FRAGMENT = V4_MF | V4_OFFSET_MASK, ECN_MASK = 3, AH_MIN = 12
};

static void malformed(struct walk *w)
{
	WALK_COUNT(w, ip_malformed);
}

static void set_addr4(struct tcpstat_addr *a, const uint8_t *p)
{
	a->family = 4;
	memcpy(a->bytes, p, 4);
	memset(a->bytes + 4, 0, 12);
}

void ip_any(struct walk *w)
{
	if (!span_has(&w->s, 1))
		malformed(w);
	else if (w->s.p[0] >> 4 == 4)
		ip_v4(w);
	else if (w->s.p[0] >> 4 == 6)
		ip_v6(w);
	else
		WALK_COUNT(w, not_ip);
}

bool ip_fragment(struct walk *w, struct frag_piece *piece)
{
	struct tcp_view *v = &w->out->tcp;
	struct frag_whole whole;

	WALK_COUNT(w, fragments);
	piece->key.src = v->src;
	piece->key.dst = v->dst;
	memcpy(piece->key.vlan, v->vlan, sizeof v->vlan);
	piece->p = w->s.p;
	piece->len = w->s.wire;
	piece->cap = w->s.cap;
	piece->ecn = v->ecn;
	piece->wire_bytes = v->wire_bytes;
	piece->ts_ns = w->pkt->ts_ns;
	if (!frag_add(&w->d->frags, piece, &whole))
		return false;
	w->s = (struct span){ whole.p, whole.cap, whole.len, true };
	v->ecn = whole.ecn;
	v->wire_bytes = whole.wire_bytes;
	piece->next = whole.next;
	return true;
}

/* `field`: flags and offset. True: the datagram is whole now, and what the walk has ahead. */
static bool fragment(struct walk *w, uint8_t protocol, uint16_t id, uint16_t field)
{
	struct frag_piece piece = {
		.key = { .protocol = protocol, .id = id }, .offset = (uint32_t)(field & V4_OFFSET_MASK) * 8,
		.more = field & V4_MF
	};

	return ip_fragment(w, &piece);
}

/* So few words that a loop over blocks costs more than they: five, and those of options. */
static bool is_sound(const uint8_t *p, uint32_t header)
{
	uint64_t pair[2], sum;
	uint32_t word;

	memcpy(pair, p, sizeof pair);
	memcpy(&word, p + sizeof pair, sizeof word);
	sum = (pair[0] & UINT32_MAX) + (pair[0] >> 32) + (pair[1] & UINT32_MAX) + (pair[1] >> 32) + word;
	for (uint32_t at = V4_HEADER_MIN; at < header; at += 4) {
		memcpy(&word, p + at, sizeof word);
		sum += word;
	}
	return cksum_fold(sum) == 0xffff;
}

void ip_v4(struct walk *w)
{
	struct span *s = &w->s;
	const uint8_t *p = s->p;
	struct tcp_view *v = &w->out->tcp;

	if (!walk_enter(w))
		return;
	if (!span_has(s, V4_HEADER_MIN) || p[0] >> 4 != 4) {
		malformed(w);
		return;
	}
	uint32_t header = (uint32_t)(p[0] & 15) * 4, len = be16(p + 2);
	if (!len) {
		WALK_COUNT(w, zero_ip_length);
		len = s->wire;
	}
	if (header < V4_HEADER_MIN || len < header || !span_has(s, header)) {
		malformed(w);
		return;
	}
	if (len > s->wire)
		WALK_COUNT(w, ip_short); /* what is there can still be used */
	/* Cards that fill in the header checksum leave 0. */
	if (w->d->checksums && be16(p + 10) && !is_sound(p, header))
		WALK_COUNT(w, ip_cksum_bad);
	v->ttl = p[8];
	v->ecn = p[1] & ECN_MASK;
	v->has_ip_id = true;
	v->ip_id = be16(p + 4);
	v->df = be16(p + 6) & V4_DF;
	set_addr4(&v->src, p + 12);
	set_addr4(&v->dst, p + 16);
	span_set_len(s, len);
	span_skip(s, header);
	uint8_t protocol = p[9];
	uint16_t offset = be16(p + 6);
	if (offset & V4_FRAGMENT && !fragment(w, protocol, v->ip_id, offset))
		return;
	ip_payload(w, protocol);
}

/* Authentication header (RFC 4302): what it protects is in the clear. */
static void auth(struct walk *w)
{
	const uint8_t *p = w->s.p;

	if (!walk_enter(w))
		return;
	if (!span_has(&w->s, AH_MIN)) {
		malformed(w);
		return;
	}
	uint32_t len = ((uint32_t)p[1] + 2) * 4;
	if (len < AH_MIN || !span_has(&w->s, len)) {
		malformed(w);
		return;
	}
	span_skip(&w->s, len);
	ip_payload(w, p[0]);
}

void ip_payload(struct walk *w, uint8_t protocol)
{
	if (protocol == PROTO_TCP) {
		tcp_segment(w);
		return;
	}
	switch (protocol) {
	case PROTO_UDP:
		tunnel_udp(w);
		break;
	case PROTO_ICMP:
	case PROTO_ICMP6:
		icmp_message(w, protocol == PROTO_ICMP ? 4 : 6);
		break;
	case PROTO_AH:
		auth(w);
		break;
	default:
		if (!tunnel_ip(w, protocol))
			WALK_COUNT(w, other_ip);
	}
}

