/* Tunnels inside IP: IP in IP (RFC 2003, 4213, 2473), EtherIP (RFC 3378), MPLS (RFC 4023), GRE (RFC 2784, 2890, PPTP's
 * of RFC 2637, ERSPAN), and over UDP VXLAN (RFC 7348), GENEVE (RFC 8926), GTP-U (3GPP TS 29.281), L2TP (RFC 2661),
 * Teredo (RFC 4380), LISP (RFC 9300). */
#include "core/walk.h"

enum { PROTO_IPIP = 4, PROTO_IPV6 = 41, PROTO_GRE = 47, PROTO_ETHERIP = 97, PROTO_MPLS = 137 };

enum {
	GRE_CHECKSUM = 0x8000, GRE_ROUTING = 0x4000, GRE_KEY = 0x2000, GRE_SEQUENCE = 0x1000, GRE_ACK = 0x0080,
	GRE_VERSION_MASK = 7, GRE_HEADER = 4, GRE_FIELD = 4
};

enum {
	TYPE_ERSPAN = 0x88be, TYPE_ERSPAN_3 = 0x22eb, TYPE_WCCP = 0x883e, TYPE_PPP = 0x880b, TYPE_ARUBA_FIRST = 0x8200,
	TYPE_ARUBA_LAST = 0x83f0
};

enum {
	PORT_DNS = 53, PORT_L2TP = 1701, PORT_GTP_U = 2152, PORT_GTP_0 = 3386, PORT_TEREDO = 3544, PORT_LISP = 4341,
	PORT_VXLAN = 4789,
	PORT_VXLAN_GPE = 4790, PORT_GENEVE = 6081, PORT_MPLS = 6635, PORT_VXLAN_LINUX = 8472
};

/* Encapsulated remote SPAN. Type I has no header of its own and no GRE sequence number; II has 8 bytes; III has 12, and
 * 8 more when its last bit says so. */
static void erspan(struct walk *w, bool has_sequence)
{
	enum {
		VERSION_II = 1, VERSION_III = 2, HEADER_II = 8, HEADER_III = 12, SUBHEADER = 8, FRAME_TYPE_AT = 10,
		IS_IP = 2
	};
	uint32_t len = 0;
	bool is_ip = false;

	walk_tunnel(w, "erspan");
	if (has_sequence) {
		if (!link_need(w, HEADER_II))
			return;
		uint8_t version = w->s.p[0] >> 4;
		len = version == VERSION_III ? HEADER_III : HEADER_II;
		if (!link_need(w, len))
			return;
		if (version == VERSION_III) {
			is_ip = (w->s.p[FRAME_TYPE_AT] >> 2 & 31) == IS_IP;
			if (w->s.p[HEADER_III - 1] & 1)
				len += SUBHEADER;
		}
		if (!link_need(w, len))
			return;
	}
	span_skip(&w->s, len);
	if (is_ip)
		ip_any(w);
	else
		ether_frame(w);
}

static void gre_payload(struct walk *w, uint16_t type, bool has_sequence)
{
	switch (type) {
	case TYPE_ERSPAN:
		erspan(w, has_sequence);
		return;
	case TYPE_ERSPAN_3:
		erspan(w, true);
		return;
	case TYPE_WCCP:                 /* version 2 puts a redirect header of 4 bytes before IP */
		if (!link_need(w, 4))
			return;
		if (w->s.p[0] >> 4 != 4)
			span_skip(&w->s, 4);
		ip_v4(w);
		return;
	}
	if (type >= TYPE_ARUBA_FIRST && type <= TYPE_ARUBA_LAST && !(type & 15))
		wifi_frame(w, false);
	else
		ether_type(w, type);
}

static void gre(struct walk *w)
{
	walk_tunnel(w, "gre");
	if (!walk_enter(w) || !link_need(w, GRE_HEADER))
		return;
	uint16_t flags = be16(w->s.p), type = be16(w->s.p + 2);
	uint32_t len = GRE_HEADER;
	uint8_t version = flags & GRE_VERSION_MASK;
	if (version > 1 || flags & GRE_ROUTING || (version == 1 && type != TYPE_PPP)) {
		WALK_COUNT(w, not_ip);
		return;
	}
	if (version == 0 && flags & GRE_CHECKSUM)
		len += GRE_FIELD;
	if (flags & GRE_KEY)
		len += GRE_FIELD;
	if (flags & GRE_SEQUENCE)
		len += GRE_FIELD;
	if (version == 1 && flags & GRE_ACK)
		len += GRE_FIELD;
	if (!link_need(w, len))
		return;
	span_skip(&w->s, len);
	if (version == 1) {
		w->out->tcp.tunnel = "pptp";
		if (flags & GRE_SEQUENCE)
			ppp_frame(w);
		else                    /* an acknowledgment, no payload */
			WALK_COUNT(w, not_ip);
		return;
	}
	gre_payload(w, type, flags & GRE_SEQUENCE);
}

static void etherip(struct walk *w)
{
	enum { ETHERIP = 2 };

	walk_tunnel(w, "etherip");
	if (!link_need(w, ETHERIP))
		return;
	span_skip(&w->s, ETHERIP);
	ether_frame(w);
}

bool tunnel_ip(struct walk *w, uint8_t protocol)
{
	bool in_v4 = w->out->tcp.src.family == 4;

	switch (protocol) {
	case PROTO_IPIP:
		walk_tunnel(w, in_v4 ? "ipip" : "4in6");
		ip_v4(w);
		return true;
	case PROTO_IPV6:
		walk_tunnel(w, in_v4 ? "6in4" : "6in6");
		ip_v6(w);
		return true;
	case PROTO_GRE:
		gre(w);
		return true;
	case PROTO_ETHERIP:
		etherip(w);
		return true;
	case PROTO_MPLS:
		walk_tunnel(w, "mpls");
		ether_mpls(w);
		return true;
	default:
		return false;
	}
}

/* The tunnels over UDP: false when the bytes are no header of the kind, which then is a plain datagram on the same
 * port. */

static bool vxlan(struct walk *w, bool is_gpe)
{
	enum {
		VXLAN = 8, HAS_VNI = 0x08, HAS_NEXT = 0x04, NEXT_IPV4 = 1, NEXT_IPV6 = 2, NEXT_ETHERNET = 3,
		NEXT_MPLS = 5
	};

	if (!span_has(&w->s, VXLAN) || !(w->s.p[0] & HAS_VNI))
		return false;
	uint8_t next = is_gpe && w->s.p[0] & HAS_NEXT ? w->s.p[3] : NEXT_ETHERNET;
	walk_tunnel(w, "vxlan");
	span_skip(&w->s, VXLAN);
	if (next == NEXT_ETHERNET)
		ether_frame(w);
	else if (next == NEXT_IPV4 || next == NEXT_IPV6)
		ip_any(w);
	else if (next == NEXT_MPLS)
		ether_mpls(w);
	else
		WALK_COUNT(w, not_ip);
	return true;
}

static bool geneve(struct walk *w)
{
	enum { GENEVE = 8, VERSION_MASK = 0xc0, OPTIONS_MASK = 0x3f };

	if (!span_has(&w->s, GENEVE) || w->s.p[0] & VERSION_MASK)
		return false;
	uint32_t len = GENEVE + (uint32_t)(w->s.p[0] & OPTIONS_MASK) * 4;
	if (len > w->s.wire)
		return false;
	walk_tunnel(w, "geneve");
	if (!link_need(w, len))
		return true;
	uint16_t type = be16(w->s.p + 2);
	span_skip(&w->s, len);
	if (walk_enter(w))
		ether_type(w, type);
	return true;
}

/* The extension headers of GTP-U, each with its length in units of 4 bytes first and the next one's type last. */
static bool gtp_extensions(struct walk *w, uint8_t next)
{
	while (next) {
		if (!link_need(w, 1))
			return false;
		uint32_t len = (uint32_t)w->s.p[0] * 4;
		if (!len) {
			WALK_COUNT(w, not_ip);
			return false;
		}
		if (!walk_enter(w) || !link_need(w, len))
			return false;
		next = w->s.p[len - 1];
		span_skip(&w->s, len);
	}
	return true;
}

static bool gtp(struct walk *w)
{
	enum {
		GTP = 8, G_PDU = 255, VERSION_1 = 1, PROTOCOL_TYPE = 0x10, HAS_EXTENSION = 0x04, HAS_OPTIONAL = 0x07,
		OPTIONAL = 4
	};
	const uint8_t *p = w->s.p;

	if (!span_has(&w->s, GTP) || p[0] >> 5 != VERSION_1 || !(p[0] & PROTOCOL_TYPE) || p[1] != G_PDU)
		return false;
	walk_tunnel(w, "gtpu");
	uint32_t len = be16(p + 2);
	span_skip(&w->s, GTP);
	if (len < w->s.wire)
		span_set_len(&w->s, len);
	if (p[0] & HAS_OPTIONAL) {
		if (!link_need(w, OPTIONAL))
			return true;
		uint8_t next = p[0] & HAS_EXTENSION ? w->s.p[3] : 0;
		span_skip(&w->s, OPTIONAL);
		if (!gtp_extensions(w, next))
			return true;
	}
	ip_any(w);
	return true;
}

/* The first version (GSM 09.60), with a fixed header. */
static bool gtp_0(struct walk *w)
{
	enum { GTP_0 = 20, T_PDU = 255, PROTOCOL_TYPE = 0x10 };
	const uint8_t *p = w->s.p;

	if (!span_has(&w->s, GTP_0) || p[0] >> 5 || !(p[0] & PROTOCOL_TYPE) || p[1] != T_PDU)
		return false;
	walk_tunnel(w, "gtp");
	span_skip(&w->s, GTP_0);
	ip_any(w);
	return true;
}

static bool l2tp(struct walk *w)
{
	enum {
		CONTROL = 0x8000, HAS_LEN = 0x4000, HAS_SEQUENCE = 0x0800, HAS_OFFSET = 0x0200, VERSION_MASK = 15,
		VERSION_2 = 2
	};

	if (!span_has(&w->s, 2))
		return false;
	uint16_t flags = be16(w->s.p);
	if (flags & CONTROL || (flags & VERSION_MASK) != VERSION_2)
		return false;
	uint32_t len = 6 + (flags & HAS_LEN ? 2 : 0) + (flags & HAS_SEQUENCE ? 4 : 0);
	walk_tunnel(w, "l2tp");
	if (!link_need(w, len + 2))
		return true;
	if (flags & HAS_OFFSET)
		len += 2 + (uint32_t)be16(w->s.p + len);
	if (!link_need(w, len))
		return true;
	span_skip(&w->s, len);
	ppp_frame(w);
	return true;
}

/* An authentication header and an origin indication may come before the IPv6 packet. */
static bool teredo(struct walk *w)
{
	enum { AUTHENTICATION = 1, AUTH_FIXED = 13, ORIGIN = 0, ORIGIN_LEN = 8 };
	struct span s = w->s;

	if (span_has(&s, AUTH_FIXED) && be16(s.p) == AUTHENTICATION) {
		uint32_t len = AUTH_FIXED + (uint32_t)s.p[2] + s.p[3];
		if (!span_has(&s, len))
			return false;
		span_skip(&s, len);
	}
	if (span_has(&s, ORIGIN_LEN) && be16(s.p) == ORIGIN)
		span_skip(&s, ORIGIN_LEN);
	if (!span_has(&s, 1) || s.p[0] >> 4 != 6)
		return false;
	w->s = s;
	walk_tunnel(w, "teredo");
	ip_v6(w);
	return true;
}

static bool lisp(struct walk *w)
{
	enum { LISP = 8 };

	if (!span_has(&w->s, LISP + 1) || (w->s.p[LISP] >> 4 != 4 && w->s.p[LISP] >> 4 != 6))
		return false;
	walk_tunnel(w, "lisp");
	span_skip(&w->s, LISP);
	ip_any(w);
	return true;
}

static bool mpls_in_udp(struct walk *w)
{
	walk_tunnel(w, "mpls");
	ether_mpls(w);
	return true;
}

static bool by_port(struct walk *w, uint16_t port)
{
	switch (port) {
	case PORT_VXLAN:
	case PORT_VXLAN_LINUX:
		return vxlan(w, false);
	case PORT_VXLAN_GPE:
		return vxlan(w, true);
	case PORT_GENEVE:
		return geneve(w);
	case PORT_GTP_U:
		return gtp(w);
	case PORT_GTP_0:
		return gtp_0(w);
	case PORT_L2TP:
		return l2tp(w);
	case PORT_TEREDO:
		return teredo(w);
	case PORT_LISP:
		return lisp(w);
	case PORT_MPLS:
		return mpls_in_udp(w);
	default:
		return false;
	}
}

static void dns_datagram(struct walk *w, uint16_t src, uint16_t dst)
{
	struct dns_view v = { .src = w->out->tcp.src, .dst = w->out->tcp.dst, .src_port = src, .dst_port = dst,
		.bytes = w->s.p, .len = w->s.cap };

	w->out->dns = v;
	w->out->verdict = DECODE_DNS;
}

void tunnel_udp(struct walk *w)
{
	enum { UDP = 8 };
	const uint8_t *p = w->s.p;

	if (!span_has(&w->s, UDP)) {
		WALK_COUNT(w, udp);
		return;
	}
	uint16_t src = be16(p), dst = be16(p + 2);
	uint32_t len = be16(p + 4);
	if (len >= UDP && len < w->s.wire)
		span_set_len(&w->s, len);
	span_skip(&w->s, UDP);
	if (by_port(w, dst))
		return;
	/* Answers of these come from the port; with the others it is the port of the receiver alone. */
	if ((src == PORT_TEREDO || src == PORT_L2TP || src == PORT_GTP_U) && by_port(w, src))
		return;
	WALK_COUNT(w, udp);
	if (src == PORT_DNS || dst == PORT_DNS)
		dns_datagram(w, src, dst);
}
