#include <string.h>

#include "core/cksum.h"
#include "core/walk.h"

enum {
	V4_HEADER_MIN = 20, V6_HEADER = 40, V4_FRAGMENT = 0x3fff, V4_DF = 0x4000, ECN_MASK = 3,
	EXTENSION_MIN = 8, OPTION_JUMBO = 0xc2
};

enum {
	PROTO_HOP_BY_HOP = 0, PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ROUTING = 43, PROTO_FRAGMENT = 44,
	PROTO_AH = 51, PROTO_ICMP6 = 58, PROTO_DEST_OPTIONS = 60, PROTO_MOBILITY = 135, PROTO_HIP = 139, PROTO_SHIM6 = 140
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

static void set_addr6(struct tcpstat_addr *a, const uint8_t *p)
{
	a->family = 6;
	memcpy(a->bytes, p, 16);
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
		malformed(w);           /* what is there can still be used */
	/* Cards that fill in the header checksum leave 0. */
	if (w->d->checksums && be16(p + 10) && cksum_fold(cksum_add(0, p, header)) != 0xffff)
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
	if (be16(p + 6) & V4_FRAGMENT) {
		WALK_COUNT(w, fragments);
		return;
	}
	ip_payload(w, p[9]);
}

/* The length in a jumbo payload option (RFC 2675) of a hop-by-hop header; 0: none. */
static uint32_t jumbo_len(const struct span *s)
{
	if (!span_has(s, EXTENSION_MIN))
		return 0;
	uint32_t end = ((uint32_t)s->p[1] + 1) * 8;
	if (end > s->cap)
		end = s->cap;
	for (uint32_t i = 2; i + 1 < end;) {
		if (!s->p[i]) {         /* Pad1 */
			i++;
			continue;
		}
		uint32_t n = s->p[i + 1];
		if (s->p[i] == OPTION_JUMBO && n == 4 && i + 6 <= end)
			return be32(s->p + i + 2);
		i += 2 + n;
	}
	return 0;
}

/* Steps over the extension headers before the upper layer, whose protocol is returned; -1: the walk ended. */
static int skip_extensions(struct walk *w, uint8_t next)
{
	struct span *s = &w->s;

	for (;;) {
		uint32_t len;
		switch (next) {
		case PROTO_HOP_BY_HOP:
		case PROTO_ROUTING:
		case PROTO_DEST_OPTIONS:
		case PROTO_MOBILITY:
		case PROTO_HIP:
		case PROTO_SHIM6:
		case PROTO_AH:
			break;
		case PROTO_FRAGMENT:
			WALK_COUNT(w, fragments);
			return -1;
		default:
			return next;
		}
		if (!walk_enter(w))
			return -1;
		if (!span_has(s, EXTENSION_MIN)) {
			malformed(w);
			return -1;
		}
		len = next == PROTO_AH ? ((uint32_t)s->p[1] + 2) * 4 : ((uint32_t)s->p[1] + 1) * 8;
		if (!span_has(s, len)) {
			malformed(w);
			return -1;
		}
		next = s->p[0];
		span_skip(s, len);
	}
}

void ip_v6(struct walk *w)
{
	struct span *s = &w->s;
	const uint8_t *p = s->p;
	struct tcp_view *v = &w->out->tcp;

	if (!walk_enter(w))
		return;
	if (!span_has(s, V6_HEADER) || p[0] >> 4 != 6) {
		malformed(w);
		return;
	}
	v->ttl = p[7];
	v->ecn = p[1] >> 4 & ECN_MASK;
	v->has_ip_id = v->df = false;
	v->ip_id = 0;
	set_addr6(&v->src, p + 8);
	set_addr6(&v->dst, p + 24);
	uint32_t len = be16(p + 4);
	uint8_t next = p[6];
	span_skip(s, V6_HEADER);
	if (!len && next == PROTO_HOP_BY_HOP)
		len = jumbo_len(s);
	if (!len) {
		WALK_COUNT(w, zero_ip_length);
		len = s->wire;
	}
	if (len > s->wire)
		malformed(w);
	span_set_len(s, len);
	int protocol = skip_extensions(w, next);
	if (protocol >= 0)
		ip_payload(w, (uint8_t)protocol);
}

void ip_payload(struct walk *w, uint8_t protocol)
{
	if (protocol == PROTO_TCP) {
		tcp_segment(w);
		return;
	}
	switch (protocol) {
	case PROTO_UDP:
		WALK_COUNT(w, udp);
		break;
	case PROTO_ICMP:
	case PROTO_ICMP6:
		WALK_COUNT(w, icmp);
		break;
	default:
		WALK_COUNT(w, other_ip);
	}
}
