/* IPv6 and its extension headers (RFC 8200). */
#include <string.h>

#include "core/walk.h"

enum {
	HEADER = 40, EXTENSION_MIN = 8, FRAGMENT_HEADER = 8, ECN_MASK = 3, OPTION_PAD1 = 0, OPTION_JUMBO = 0xc2,
	OPTION_HOME_ADDRESS = 0xc9
};

/* Routing types: RFC 2460 (obsolete, still in captures), RFC 6275, RFC 8754 */
enum { ROUTING_SOURCE = 0, ROUTING_MOBILE = 2, ROUTING_SEGMENTS = 4 };

static void malformed(struct walk *w)
{
	WALK_COUNT(w, ip_malformed);
}

static void set_addr(struct tcpstat_addr *a, const uint8_t *p)
{
	a->family = 6;
	memcpy(a->bytes, p, 16);
}

bool ip6_is_extension(uint8_t protocol)
{
	switch (protocol) {
	case PROTO_HOP_BY_HOP:
	case PROTO_ROUTING:
	case PROTO_DEST_OPTIONS:
	case PROTO_MOBILITY:
	case PROTO_HIP:
	case PROTO_SHIM6:
	case PROTO_AH:
		return true;
	default:
		return false;
	}
}

uint32_t ip6_extension_len(uint8_t protocol, const uint8_t *p)
{
	return protocol == PROTO_AH ? ((uint32_t)p[1] + 2) * 4 : ((uint32_t)p[1] + 1) * 8;
}

/* Data of the option `kind` with `len` bytes in the hop-by-hop or destination options of `size` bytes at p; or NULL. */
static const uint8_t *find_option(const uint8_t *p, uint32_t size, uint8_t kind, uint8_t len)
{
	for (uint32_t i = 2; i + 1 < size;) {
		if (p[i] == OPTION_PAD1) {
			i++;
			continue;
		}
		if (p[i] == kind && p[i + 1] == len && i + 2 + len <= size)
			return p + i + 2;
		i += 2 + (uint32_t)p[i + 1];
	}
	return NULL;
}

/* The length in a jumbo payload option (RFC 2675) of a hop-by-hop header; 0: none. */
static uint32_t jumbo_len(const struct span *s)
{
	if (!span_has(s, EXTENSION_MIN))
		return 0;
	uint32_t size = ip6_extension_len(PROTO_HOP_BY_HOP, s->p);
	const uint8_t *p = find_option(s->p, size < s->cap ? size : s->cap, OPTION_JUMBO, 4);
	return p ? be32(p) : 0;
}

/* With segments left, the header's destination is a stop on the way. The one that the checksum covers and the
 * connection ends at stands in the routing header. */
static void final_destination(struct walk *w, const uint8_t *p, uint32_t len)
{
	uint32_t n = (len - 8) / 16;

	if (!p[3] || !n)
		return;
	if (p[2] == ROUTING_SOURCE)
		set_addr(&w->out->tcp.dst, p + 8 + (n - 1) * 16);
	else if (p[2] == ROUTING_MOBILE || p[2] == ROUTING_SEGMENTS)
		set_addr(&w->out->tcp.dst, p + 8);
}

/* s: at the fragment header. True: *next and s are those of the whole datagram. */
static bool fragment(struct walk *w, uint8_t *next)
{
	if (!span_has(&w->s, FRAGMENT_HEADER)) {
		malformed(w);
		return false;
	}
	const uint8_t *p = w->s.p;
	uint16_t field = be16(p + 2);
	struct frag_piece piece = {
		.key = { .id = be32(p + 4) }, .offset = field & 0xfff8u, .more = field & 1, .next = p[0]
	};
	span_skip(&w->s, FRAGMENT_HEADER);
	/* An atomic fragment (RFC 6946) is whole by itself. */
	if ((piece.offset || piece.more) && !ip_fragment(w, &piece))
		return false;
	*next = piece.next;
	return true;
}

/* Steps over the extension headers before the upper layer, whose protocol is returned; -1: the walk ended. */
static int skip_extensions(struct walk *w, uint8_t next)
{
	struct span *s = &w->s;

	while (ip6_is_extension(next) || next == PROTO_FRAGMENT) {
		if (!walk_enter(w))
			return -1;
		if (next == PROTO_FRAGMENT) {
			if (!fragment(w, &next))
				return -1;
			continue;
		}
		uint32_t len = span_has(s, EXTENSION_MIN) ? ip6_extension_len(next, s->p) : UINT32_MAX;
		if (!span_has(s, len)) {
			malformed(w);
			return -1;
		}
		if (next == PROTO_ROUTING) {
			final_destination(w, s->p, len);
		} else if (next == PROTO_DEST_OPTIONS) {
			const uint8_t *home = find_option(s->p, len, OPTION_HOME_ADDRESS, 16);
			if (home)       /* RFC 6275 section 6.3: the address the connection goes by */
				set_addr(&w->out->tcp.src, home);
		}
		next = s->p[0];
		span_skip(s, len);
	}
	return next;
}

void ip_v6(struct walk *w)
{
	struct span *s = &w->s;
	const uint8_t *p = s->p;
	struct tcp_view *v = &w->out->tcp;

	if (!walk_enter(w))
		return;
	if (!span_has(s, HEADER) || p[0] >> 4 != 6) {
		malformed(w);
		return;
	}
	v->ttl = p[7];
	v->ecn = p[1] >> 4 & ECN_MASK;
	v->has_ip_id = v->df = false;
	v->ip_id = 0;
	set_addr(&v->src, p + 8);
	set_addr(&v->dst, p + 24);
	uint32_t len = be16(p + 4);
	uint8_t next = p[6];
	span_skip(s, HEADER);
	if (!len && next == PROTO_HOP_BY_HOP)
		len = jumbo_len(s);
	if (!len) {
		WALK_COUNT(w, zero_ip_length);
		len = s->wire;
	}
	if (len > s->wire)
		WALK_COUNT(w, ip_short); /* what is there can still be used */
	span_set_len(s, len);
	if (next == PROTO_TCP) {
		tcp_segment(w);
		return;
	}
	int protocol = skip_extensions(w, next);
	if (protocol >= 0)
		ip_payload(w, (uint8_t)protocol);
}
