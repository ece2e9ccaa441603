/* Link headers as capture files name them (https://www.tcpdump.org/linktypes.html). */
#include "core/walk.h"

enum {
	LINK_NULL = 0, LINK_ETHERNET = 1, LINK_TOKEN_RING = 6, LINK_ARCNET = 7, LINK_SLIP = 8, LINK_PPP = 9,
	LINK_FDDI = 10, LINK_ATM_LLC = 11, LINK_RAW_12 = 12, LINK_RAW_14 = 14, LINK_PPP_HDLC = 50, LINK_PPP_ETHER = 51,
	LINK_RFC1483 = 100, LINK_RAW = 101, LINK_C_HDLC = 104, LINK_WIFI = 105, LINK_FRAME_RELAY = 107, LINK_LOOP = 108,
	LINK_ENC = 109, LINK_LINUX_SLL = 113, LINK_PFLOG = 117, LINK_PRISM = 119, LINK_IP_OVER_FC = 122,
	LINK_SUNATM = 123, LINK_RADIOTAP = 127, LINK_ARCNET_LINUX = 129, LINK_IP_OVER_1394 = 138, LINK_AVS = 163,
	LINK_PPP_PPPD = 166, LINK_PPI = 192, LINK_PPP_WITH_DIR = 204, LINK_C_HDLC_WITH_DIR = 205,
	LINK_FRELAY_WITH_DIR = 206, LINK_MPLS = 219, LINK_IPNET = 226, LINK_IPV4 = 228, LINK_IPV6 = 229,
	LINK_NFLOG = 239, LINK_NETANALYZER = 240, LINK_NETANALYZER_TRANSPARENT = 241, LINK_IPOIB = 242,
	LINK_PKTAP = 258, LINK_EPON = 259, LINK_LINUX_SLL2 = 276, LINK_DSA_BRCM = 281, LINK_DSA_BRCM_PREPEND = 282,
	LINK_DSA = 284, LINK_EDSA = 285
};

/* The upper bits of a file's link type field tell of frame check sequences. */
enum { LINKTYPE_MASK = 0x03ffffff };

bool link_need(struct walk *w, uint32_t n)
{
	if (span_has(&w->s, n))
		return true;
	WALK_COUNT(w, link_truncated);
	return false;
}

static bool skip(struct walk *w, uint32_t n)
{
	if (!link_need(w, n))
		return false;
	span_skip(&w->s, n);
	return true;
}

/* A header of `len` bytes that has an Ethernet type at `type_at`. */
static void typed(struct walk *w, uint32_t len, uint32_t type_at)
{
	if (!link_need(w, len))
		return;
	uint16_t type = be16(w->s.p + type_at);
	span_skip(&w->s, len);
	ether_type(w, type);
}

/* A 32-bit number of the capturing machine that is known to be small, in whichever order. */
static uint32_t small32(const uint8_t *p)
{
	return p[0] || p[1] ? le32(p) : be32(p);
}

static void by_family(struct walk *w, uint32_t family)
{
	switch (family) {
	case 2:
		ip_v4(w);
		break;
	case 10:                        /* AF_INET6 of Linux, Windows, BSD/OS and NetBSD, EOS, FreeBSD, macOS */
	case 23:
	case 24:
	case 26:
	case 28:
	case 30:
		ip_v6(w);
		break;
	default:
		WALK_COUNT(w, not_ip);
	}
}

/* A header of `len` bytes that begins with an address family: BSD loopback, in the machine's order or the network's. */
static void loopback(struct walk *w, uint32_t len)
{
	if (!link_need(w, len))
		return;
	uint32_t family = small32(w->s.p);
	span_skip(&w->s, len);
	by_family(w, family);
}

/* Linux cooked: the protocol field is an Ethernet type, but for 802.2 and where the device type says otherwise. */
static void cooked(struct walk *w, uint32_t len, uint32_t device_at, uint32_t protocol_at)
{
	enum { DEVICE_NETLINK = 824, PROTOCOL_802_2 = 4, TYPE_MIN = 0x0600 };

	if (!link_need(w, len))
		return;
	uint16_t device = be16(w->s.p + device_at), protocol = be16(w->s.p + protocol_at);
	span_skip(&w->s, len);
	if (device == DEVICE_NETLINK)
		WALK_COUNT(w, not_ip);
	else if (protocol == PROTOCOL_802_2)
		ether_llc(w);
	else if (protocol < TYPE_MIN)
		WALK_COUNT(w, not_ip);
	else
		ether_type(w, protocol);
}

/* Rings of stations: LLC behind the addresses, and on token ring behind the route, when the frame carries LLC. */
static void ring(struct walk *w, uint32_t control_at, bool has_route)
{
	enum { ADDRESSES = 12, IS_LLC = 0x40, KIND_MASK = 0xc0, HAS_ROUTE = 0x80, ROUTE_LEN_MASK = 0x1f };
	uint32_t len = control_at + 1 + ADDRESSES;

	if (!link_need(w, len))
		return;
	const uint8_t *p = w->s.p;
	if ((p[control_at] & KIND_MASK) != IS_LLC) {
		WALK_COUNT(w, not_ip);
		return;
	}
	bool routed = has_route && p[control_at + 1 + ADDRESSES / 2] & HAS_ROUTE;
	span_skip(&w->s, len);
	if (routed && (!link_need(w, 1) || !skip(w, w->s.p[0] & ROUTE_LEN_MASK)))
		return;
	ether_llc(w);
}

/* ARCNET (RFC 1201, and RFC 1051 with its own types and shorter header). The type stands at `type_at`. */
static void arcnet(struct walk *w, uint32_t type_at)
{
	enum { IPV4 = 212, IPV4_RFC1051 = 240, SPLIT_FIELDS = 3 };

	if (!link_need(w, type_at + 1))
		return;
	uint8_t type = w->s.p[type_at];
	if (type != IPV4 && type != IPV4_RFC1051) {
		WALK_COUNT(w, not_ip);
		return;
	}
	if (skip(w, type_at + 1) && (type == IPV4_RFC1051 || skip(w, SPLIT_FIELDS)))
		ip_v4(w);
}

static void by_linktype(struct walk *w, uint32_t linktype);

/* Per-packet information: its length and the link type of what follows, little-endian. */
static void ppi(struct walk *w)
{
	enum { PPI = 8 };

	if (!link_need(w, PPI))
		return;
	uint32_t len = le16(w->s.p + 2), linktype = le32(w->s.p + 4);
	if (len < PPI) {
		WALK_COUNT(w, link_truncated);
		return;
	}
	if (skip(w, len) && walk_enter(w))
		by_linktype(w, linktype);
}

/* Apple's: length, kind and link type as 32-bit numbers of the machine. */
static void pktap(struct walk *w)
{
	enum { PKTAP = 12, IS_PACKET = 1 };

	if (!link_need(w, PKTAP))
		return;
	uint32_t len = small32(w->s.p), kind = small32(w->s.p + 4), linktype = small32(w->s.p + 8);
	if (len < PKTAP) {
		WALK_COUNT(w, link_truncated);
		return;
	}
	if (kind != IS_PACKET) {
		WALK_COUNT(w, not_ip);
		return;
	}
	if (skip(w, len) && walk_enter(w))
		by_linktype(w, linktype);
}

/* Netfilter's log: attributes of length and type in the machine's order, each padded to 4 bytes; one is the packet. */
static void nflog(struct walk *w)
{
	enum { NFLOG = 4, ATTRIBUTE = 4, PAYLOAD = 9 };

	if (!link_need(w, NFLOG))
		return;
	uint8_t family = w->s.p[0];
	span_skip(&w->s, NFLOG);
	while (span_has(&w->s, ATTRIBUTE)) { /* each turn takes 4 bytes at least */
		const uint8_t *p = w->s.p;
		bool is_little = !p[3]; /* types are below 256 */
		uint32_t len = is_little ? le16(p) : be16(p), type = is_little ? le16(p + 2) : be16(p + 2);
		if (len < ATTRIBUTE)
			break;
		if (type == PAYLOAD) {
			span_skip(&w->s, ATTRIBUTE);
			if (len - ATTRIBUTE < w->s.wire)
				span_set_len(&w->s, len - ATTRIBUTE);
			by_family(w, family);
			return;
		}
		len = (len + 3) / 4 * 4;
		if (!span_has(&w->s, len))
			break;
		span_skip(&w->s, len);
	}
	WALK_COUNT(w, not_ip);
}

/* Tags of switch chips between the source address and the type. */
static void switch_tag(struct walk *w, uint32_t tag_len)
{
	enum { ADDRESSES = 12 };

	typed(w, ADDRESSES + tag_len + 2, ADDRESSES + tag_len);
}

/* Firewall log of the BSDs: the header's length, to be padded to 4 bytes, and the family in the second byte. */
static void pflog(struct walk *w)
{
	if (!link_need(w, 2))
		return;
	uint8_t family = w->s.p[1];
	if (skip(w, ((uint32_t)w->s.p[0] + 3) / 4 * 4))
		by_family(w, family);
}

static void sunatm(struct walk *w)
{
	enum { SUNATM = 4, KIND_MASK = 0x0f, KIND_LLC = 2 };

	if (!link_need(w, SUNATM))
		return;
	bool is_llc = (w->s.p[0] & KIND_MASK) == KIND_LLC;
	span_skip(&w->s, SUNATM);
	if (is_llc)
		ether_llc(w);
	else
		WALK_COUNT(w, not_ip);
}

static void by_linktype(struct walk *w, uint32_t linktype)
{
	enum {
		SLIP = 16, IPNET = 24, FC = 16, ENC = 12, SLL = 16, SLL2 = 20, IPOIB = 44, IPOIB_TYPE_AT = 40,
		IEEE1394 = 18, IEEE1394_TYPE_AT = 16, NETANALYZER = 4, PREAMBLE = 8, BRCM_TAG = 4, DSA_TAG = 4,
		EDSA_TAG = 8
	};

	switch (linktype) {
	case LINK_ETHERNET:
		ether_frame(w);
		break;
	case LINK_NULL:
	case LINK_LOOP:
		loopback(w, 4);
		break;
	case LINK_RAW:
	case LINK_RAW_12:
	case LINK_RAW_14:
	case LINK_IPV4:
	case LINK_IPV6:
		ip_any(w);
		break;
	case LINK_LINUX_SLL:
		cooked(w, SLL, 2, 14);
		break;
	case LINK_LINUX_SLL2:
		cooked(w, SLL2, 8, 0);
		break;
	case LINK_PPP:
	case LINK_PPP_HDLC:
		ppp_frame(w);
		break;
	case LINK_PPP_PPPD:             /* the address byte tells the direction */
		if (skip(w, 2))
			ppp_frame(w);
		break;
	case LINK_PPP_WITH_DIR:
		if (skip(w, 1))
			ppp_frame(w);
		break;
	case LINK_PPP_ETHER:
		ppp_pppoe(w);
		break;
	case LINK_C_HDLC:
		ppp_chdlc(w);
		break;
	case LINK_C_HDLC_WITH_DIR:
		if (skip(w, 1))
			ppp_chdlc(w);
		break;
	case LINK_FRAME_RELAY:
		ppp_relay(w);
		break;
	case LINK_FRELAY_WITH_DIR:
		if (skip(w, 1))
			ppp_relay(w);
		break;
	case LINK_WIFI:
		wifi_frame(w, false);
		break;
	case LINK_RADIOTAP:
		wifi_radiotap(w);
		break;
	case LINK_PRISM:
	case LINK_AVS:
		wifi_prism(w);
		break;
	case LINK_PPI:
		ppi(w);
		break;
	case LINK_PKTAP:
		pktap(w);
		break;
	case LINK_NFLOG:
		nflog(w);
		break;
	case LINK_TOKEN_RING:
		ring(w, 1, true);
		break;
	case LINK_FDDI:
		ring(w, 0, false);
		break;
	case LINK_ARCNET:
		arcnet(w, 2);
		break;
	case LINK_ARCNET_LINUX:
		arcnet(w, 4);
		break;
	case LINK_SLIP:
		if (skip(w, SLIP))
			ip_any(w);
		break;
	case LINK_IPNET:
		if (skip(w, IPNET))
			ip_any(w);
		break;
	case LINK_ATM_LLC:
	case LINK_RFC1483:
		ether_llc(w);
		break;
	case LINK_SUNATM:
		sunatm(w);
		break;
	case LINK_IP_OVER_FC:
		if (skip(w, FC))
			ether_llc(w);
		break;
	case LINK_IP_OVER_1394:
		typed(w, IEEE1394, IEEE1394_TYPE_AT);
		break;
	case LINK_IPOIB:
		typed(w, IPOIB, IPOIB_TYPE_AT);
		break;
	case LINK_ENC:
		loopback(w, ENC);
		break;
	case LINK_PFLOG:
		pflog(w);
		break;
	case LINK_MPLS:
		ether_mpls(w);
		break;
	case LINK_NETANALYZER:
		if (skip(w, NETANALYZER))
			ether_frame(w);
		break;
	case LINK_NETANALYZER_TRANSPARENT:
		if (skip(w, NETANALYZER + PREAMBLE))
			ether_frame(w);
		break;
	case LINK_EPON:
		if (skip(w, PREAMBLE))
			ether_frame(w);
		break;
	case LINK_DSA_BRCM:
		switch_tag(w, BRCM_TAG);
		break;
	case LINK_DSA_BRCM_PREPEND:
		if (skip(w, BRCM_TAG))
			ether_frame(w);
		break;
	case LINK_DSA:
		switch_tag(w, DSA_TAG);
		break;
	case LINK_EDSA:
		switch_tag(w, EDSA_TAG);
		break;
	default:
		WALK_COUNT(w, link_unsupported);
	}
}

void link_frame(struct walk *w)
{
	uint32_t linktype = w->pkt->linktype & LINKTYPE_MASK;

	if (linktype == LINK_ETHERNET)  /* the usual case, straight on */
		ether_frame(w);
	else
		by_linktype(w, linktype);
}
