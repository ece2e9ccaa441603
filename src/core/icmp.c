/* ICMP (RFC 792, RFC 1191) and ICMPv6 (RFC 4443) errors that quote a TCP segment. */
#include <string.h>

#include "core/walk.h"

enum {
	HEADER = 8, V4_HEADER_MIN = 20, V6_HEADER = 40, EXTENSION_MIN = 8, V4_OFFSET_MASK = 0x1fff,
	V6_OFFSET_MASK = 0xfff8, PORTS = 4, PORTS_AND_SEQ = 8
};

enum {
	V4_UNREACHABLE = 3, V4_QUENCH = 4, V4_REDIRECT = 5, V4_TIME_EXCEEDED = 11, V4_PARAMETER = 12,
	V4_CODE_NEED_FRAG = 4
};
enum { V6_TOO_BIG = 2, V6_LAST_ERROR = 4 };

static bool is_error(uint8_t family, uint8_t kind)
{
	if (family == 6)
		return kind >= 1 && kind <= V6_LAST_ERROR;
	return kind == V4_UNREACHABLE || kind == V4_QUENCH || kind == V4_REDIRECT || kind == V4_TIME_EXCEEDED ||
	       kind == V4_PARAMETER;
}

/* Past the quoted IPv4 header. False: no TCP, or a later fragment of it. */
static bool quote_v4(struct span *s, struct icmp_view *icmp)
{
	const uint8_t *p = s->p;

	if (!span_has(s, V4_HEADER_MIN) || p[0] >> 4 != 4 || p[9] != PROTO_TCP || be16(p + 6) & V4_OFFSET_MASK)
		return false;
	uint32_t header = (uint32_t)(p[0] & 15) * 4;
	if (header < V4_HEADER_MIN || !span_has(s, header))
		return false;
	icmp->src.family = icmp->dst.family = 4;
	memcpy(icmp->src.bytes, p + 12, 4);
	memcpy(icmp->dst.bytes, p + 16, 4);
	span_skip(s, header);
	return true;
}

static bool quote_v6(struct span *s, struct icmp_view *icmp)
{
	if (!span_has(s, V6_HEADER) || s->p[0] >> 4 != 6)
		return false;
	uint8_t next = s->p[6];
	icmp->src.family = icmp->dst.family = 6;
	memcpy(icmp->src.bytes, s->p + 8, 16);
	memcpy(icmp->dst.bytes, s->p + 24, 16);
	span_skip(s, V6_HEADER);
	while (next != PROTO_TCP) {     /* each turn takes 8 bytes at least */
		uint32_t len = EXTENSION_MIN;
		if (!span_has(s, EXTENSION_MIN))
			return false;
		if (ip6_is_extension(next))
			len = ip6_extension_len(next, s->p);
		else if (next != PROTO_FRAGMENT || be16(s->p + 2) & V6_OFFSET_MASK)
			return false;
		if (!span_has(s, len))
			return false;
		next = s->p[0];
		span_skip(s, len);
	}
	return true;
}

void icmp_message(struct walk *w, uint8_t family)
{
	struct span s = w->s;

	WALK_COUNT(w, icmp);
	if (!span_has(&s, HEADER) || !is_error(family, s.p[0]))
		return;
	struct icmp_view icmp = { .family = family, .kind = s.p[0], .code = s.p[1], .from = w->out->tcp.src };
	if (family == 6 && icmp.kind == V6_TOO_BIG)
		icmp.mtu = be32(s.p + 4);
	else if (family == 4 && icmp.kind == V4_UNREACHABLE && icmp.code == V4_CODE_NEED_FRAG)
		icmp.mtu = be16(s.p + 6);
	span_skip(&s, HEADER);
	if (!(family == 4 ? quote_v4(&s, &icmp) : quote_v6(&s, &icmp)) || !span_has(&s, PORTS))
		return;
	icmp.src_port = be16(s.p);
	icmp.dst_port = be16(s.p + 2);
	if (span_has(&s, PORTS_AND_SEQ)) {
		icmp.has_seq = true;
		icmp.seq = be32(s.p + 4);
	}
	w->out->icmp = icmp;
	w->out->verdict = DECODE_ICMP;
}
