/* PPP (RFC 1661, RFC 1662), PPP over Ethernet (RFC 2516), Cisco HDLC and frame relay (RFC 2427). */
#include "core/walk.h"

enum {
	PPP_IPV4 = 0x0021, PPP_BRIDGE = 0x0031, PPP_MULTILINK = 0x003d, PPP_IPV6 = 0x0057, PPP_MPLS = 0x0281,
	PPP_MPLS_MULTICAST = 0x0283
};

enum { ADDRESS_ALL = 0xff, CONTROL_UI = 0x03, CHDLC_UNICAST = 0x0f, CHDLC_MULTICAST = 0x8f };

/* Bridging (RFC 3518): flags, MAC type, pads. */
static void bridge(struct walk *w)
{
	enum { BRIDGE = 2, MAC_TYPE_802_3 = 1 };

	if (!walk_enter(w) || !link_need(w, BRIDGE))
		return;
	bool is_ethernet = w->s.p[1] == MAC_TYPE_802_3;
	span_skip(&w->s, BRIDGE);
	if (is_ethernet)
		ether_frame(w);
	else
		WALK_COUNT(w, not_ip);
}

static void protocol(struct walk *w);

/* Multilink (RFC 1990) with long sequence numbers: only what is no fragment is followed. */
static void multilink(struct walk *w)
{
	enum { MULTILINK = 4, WHOLE = 0xc0 };

	if (!walk_enter(w) || !link_need(w, MULTILINK))
		return;
	bool is_whole = (w->s.p[0] & WHOLE) == WHOLE;
	span_skip(&w->s, MULTILINK);
	if (is_whole)
		protocol(w);
	else
		WALK_COUNT(w, not_ip);
}

/* The protocol field is one byte when that is odd (protocol field compression), else two. */
static void protocol(struct walk *w)
{
	if (!link_need(w, 1))
		return;
	uint32_t n = w->s.p[0] & 1 ? 1 : 2;
	if (!link_need(w, n))
		return;
	uint16_t number = n == 1 ? w->s.p[0] : be16(w->s.p);
	span_skip(&w->s, n);
	switch (number) {
	case PPP_IPV4:
		ip_v4(w);
		break;
	case PPP_IPV6:
		ip_v6(w);
		break;
	case PPP_MPLS:
	case PPP_MPLS_MULTICAST:
		ether_mpls(w);
		break;
	case PPP_BRIDGE:
		bridge(w);
		break;
	case PPP_MULTILINK:
		multilink(w);
		break;
	default:
		WALK_COUNT(w, not_ip);
	}
}

void ppp_frame(struct walk *w)
{
	if (!walk_enter(w))
		return;
	if (span_has(&w->s, 2)) {
		const uint8_t *p = w->s.p;
		if (p[1] == 0 && (p[0] == CHDLC_UNICAST || p[0] == CHDLC_MULTICAST)) {
			ppp_chdlc(w);
			return;
		}
		if (p[0] == ADDRESS_ALL && p[1] == CONTROL_UI)
			span_skip(&w->s, 2);
	}
	protocol(w);
}

void ppp_chdlc(struct walk *w)
{
	enum { CHDLC = 4 };

	if (!walk_enter(w) || !link_need(w, CHDLC))
		return;
	uint16_t type = be16(w->s.p + 2);
	span_skip(&w->s, CHDLC);
	ether_type(w, type);
}

void ppp_pppoe(struct walk *w)
{
	enum { PPPOE = 6, VERSION_AND_TYPE = 0x11, CODE_SESSION = 0 };

	if (!walk_enter(w) || !link_need(w, PPPOE))
		return;
	const uint8_t *p = w->s.p;
	if (p[0] != VERSION_AND_TYPE || p[1] != CODE_SESSION) {
		WALK_COUNT(w, not_ip);
		return;
	}
	uint32_t len = be16(p + 4);
	span_skip(&w->s, PPPOE);
	if (len < w->s.wire)
		span_set_len(&w->s, len);
	protocol(w);
}

void ppp_nlpid(struct walk *w)
{
	enum { NLPID_SNAP = 0x80, NLPID_IPV6 = 0x8e, NLPID_IPV4 = 0xcc, NLPID_PPP = 0xcf, SNAP = 5, PAD = 0 };

	if (!link_need(w, 1))
		return;
	uint8_t nlpid = w->s.p[0];
	span_skip(&w->s, 1);
	switch (nlpid) {
	case PAD:                       /* one byte, to align what follows */
		if (!walk_enter(w))
			return;
		ppp_nlpid(w);
		break;
	case NLPID_IPV4:
		ip_v4(w);
		break;
	case NLPID_IPV6:
		ip_v6(w);
		break;
	case NLPID_PPP:
		ppp_frame(w);
		break;
	case NLPID_SNAP:
		ether_snap(w);
		break;
	default:
		WALK_COUNT(w, not_ip);
	}
}

void ppp_relay(struct walk *w)
{
	enum { EXTENDED = 0x01, ADDRESS_MIN = 2, ADDRESS_MAX = 4 };
	uint32_t n = 1;

	for (; n <= ADDRESS_MAX; n++) { /* the last byte of the address has its lowest bit set */
		if (!link_need(w, n))
			return;
		if (w->s.p[n - 1] & EXTENDED)
			break;
	}
	if (n < ADDRESS_MIN || n > ADDRESS_MAX) {
		WALK_COUNT(w, not_ip);
		return;
	}
	span_skip(&w->s, n);
	if (!link_need(w, 2))
		return;
	if (w->s.p[0] == CONTROL_UI) {
		span_skip(&w->s, 1);
		ppp_nlpid(w);
	} else {                        /* Cisco: an Ethernet type */
		uint16_t type = be16(w->s.p);
		span_skip(&w->s, 2);
		if (walk_enter(w))
			ether_type(w, type);
	}
}
