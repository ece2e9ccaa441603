/* Ethernet (IEEE 802.3), the tags and headers that ride on its types, LLC and MPLS. */
#include "core/walk.h"

enum {
	TYPE_802_3_MAX = 1500, TYPE_IPV4 = 0x0800, TYPE_ARP = 0x0806, TYPE_TRILL = 0x22f3, TYPE_TEB = 0x6558,
	TYPE_VLAN = 0x8100, TYPE_IPV6 = 0x86dd, TYPE_PPP = 0x880b, TYPE_MPLS = 0x8847, TYPE_MPLS_MULTICAST = 0x8848,
	TYPE_PPPOE_DISCOVERY = 0x8863, TYPE_PPPOE = 0x8864, TYPE_JUMBO_LLC = 0x8870, TYPE_QINQ = 0x88a8,
	TYPE_MACSEC = 0x88e5, TYPE_PBB = 0x88e7, TYPE_CISCO_METADATA = 0x8909, TYPE_VNTAG = 0x8926, TYPE_HSR = 0x892f,
	TYPE_NSH = 0x894f, TYPE_QINQ_9100 = 0x9100, TYPE_QINQ_9200 = 0x9200
};

enum { HEADER = 14, TYPE_AT = 12, VLAN_TAG = 4, VLAN_ID_MASK = 0xfff };

/* The first tag met is the outer one, the last the inner. */
static void add_vlan(struct walk *w, uint16_t tci)
{
	uint16_t *vlan = w->out->tcp.vlan;

	vlan[vlan[0] != 0xffff] = tci & VLAN_ID_MASK;
}

/* A tag of n bytes that ends with the type of what follows. False: the walk ended. */
static bool tag(struct walk *w, uint32_t n, uint16_t *type)
{
	if (!walk_enter(w) || !link_need(w, n))
		return false;
	*type = be16(w->s.p + n - 2);
	span_skip(&w->s, n);
	return true;
}

/* Security tag (IEEE 802.1AE): followed by a type when the payload is protected, but not encrypted. */
static bool macsec(struct walk *w, uint16_t *type)
{
	enum { HAS_SCI = 0x20, ENCRYPTED = 0x08, CHANGED = 0x04, TAG = 6, SCI = 8 };

	if (!link_need(w, TAG))
		return false;
	if (w->s.p[0] & (ENCRYPTED | CHANGED)) {
		WALK_COUNT(w, not_ip);
		return false;
	}
	return tag(w, TAG + (w->s.p[0] & HAS_SCI ? SCI : 0) + 2, type);
}

/* Cisco metadata (security group tag): version, length in units of 4 bytes, options, type. */
static bool cisco_metadata(struct walk *w, uint16_t *type)
{
	if (!link_need(w, 2))
		return false;
	return tag(w, 2 + (uint32_t)w->s.p[1] * 4 + 2, type);
}

/* Routing bridges (RFC 6325): options in units of 4 bytes, then a whole frame. */
static void trill(struct walk *w)
{
	enum { TRILL_HEADER = 6 };

	if (!walk_enter(w) || !link_need(w, TRILL_HEADER))
		return;
	uint32_t len = TRILL_HEADER + (uint32_t)(be16(w->s.p) >> 6 & 31) * 4;
	if (!link_need(w, len))
		return;
	span_skip(&w->s, len);
	ether_frame(w);
}

/* Network service header (RFC 8300): length in units of 4 bytes. */
static void nsh(struct walk *w)
{
	enum { NSH_MIN = 8, NEXT_IPV4 = 1, NEXT_IPV6 = 2, NEXT_ETHERNET = 3, NEXT_MPLS = 5 };

	if (!walk_enter(w) || !link_need(w, NSH_MIN))
		return;
	uint32_t len = (uint32_t)(w->s.p[1] & 0x3f) * 4;
	uint8_t next = w->s.p[3];
	if (!link_need(w, len))
		return;
	span_skip(&w->s, len);
	if (len && next == NEXT_ETHERNET)
		ether_frame(w);
	else if (len && next == NEXT_MPLS)
		ether_mpls(w);
	else if (len && (next == NEXT_IPV4 || next == NEXT_IPV6))
		ip_any(w);
	else
		WALK_COUNT(w, not_ip);
}

/* Provider backbone (IEEE 802.1ah): the service tag, then the customer's frame. */
static void backbone(struct walk *w)
{
	enum { SERVICE_TAG = 4 };

	if (!walk_enter(w) || !link_need(w, SERVICE_TAG))
		return;
	span_skip(&w->s, SERVICE_TAG);
	ether_frame(w);
}

/* Types behind which the walk goes on with something else than a type. */
static void payload(struct walk *w, uint16_t type)
{
	switch (type) {
	case TYPE_IPV4:
		ip_v4(w);
		break;
	case TYPE_IPV6:
		ip_v6(w);
		break;
	case TYPE_MPLS:
	case TYPE_MPLS_MULTICAST:
		ether_mpls(w);
		break;
	case TYPE_PPPOE:
		ppp_pppoe(w);
		break;
	case TYPE_PPP:
		ppp_frame(w);
		break;
	case TYPE_PBB:
		backbone(w);
		break;
	case TYPE_TRILL:
		trill(w);
		break;
	case TYPE_NSH:
		nsh(w);
		break;
	case TYPE_TEB:
		if (walk_enter(w))
			ether_frame(w);
		break;
	case TYPE_JUMBO_LLC:
		ether_llc(w);
		break;
	default:
		if (type > TYPE_802_3_MAX) {
			WALK_COUNT(w, not_ip);
			break;
		}
		if (type < w->s.wire)
			span_set_len(&w->s, type);
		ether_llc(w);
	}
}

void ether_type(struct walk *w, uint16_t type)
{
	for (;;) {
		switch (type) {
		case TYPE_VLAN:
		case TYPE_QINQ:
		case TYPE_QINQ_9100:
		case TYPE_QINQ_9200:
			if (!tag(w, VLAN_TAG, &type))
				return;
			add_vlan(w, be16(w->s.p - VLAN_TAG));
			break;
		case TYPE_VNTAG:
		case TYPE_HSR:
			if (!tag(w, 6, &type))
				return;
			break;
		case TYPE_CISCO_METADATA:
			if (!cisco_metadata(w, &type))
				return;
			break;
		case TYPE_MACSEC:
			if (!macsec(w, &type))
				return;
			break;
		default:
			payload(w, type);
			return;
		}
	}
}

void ether_frame(struct walk *w)
{
	if (!link_need(w, HEADER))
		return;
	uint16_t type = be16(w->s.p + TYPE_AT);
	span_skip(&w->s, HEADER);
	if (type == TYPE_IPV4)          /* the usual case, straight on */
		ip_v4(w);
	else
		ether_type(w, type);
}

/* Subnetwork access protocol (IEEE 802): organization and type. */
void ether_snap(struct walk *w)
{
	enum {
		SNAP = 5, OUI_ETHERTYPE = 0x000000, OUI_802_1H = 0x0000f8, OUI_BRIDGED = 0x0080c2, PID_ETHERNET_FCS = 1,
		PID_ETHERNET = 7, PAD = 2
	};

	if (!link_need(w, SNAP))
		return;
	uint32_t oui = be24(w->s.p);
	uint16_t type = be16(w->s.p + 3);
	span_skip(&w->s, SNAP);
	if (oui == OUI_ETHERTYPE || oui == OUI_802_1H) {
		if (walk_enter(w))
			ether_type(w, type);
	} else if (oui == OUI_BRIDGED && (type == PID_ETHERNET || type == PID_ETHERNET_FCS)) {
		/* RFC 2684 pads over ATM, RFC 2427 does not over frame relay. */
		if (ether_guess(&w->s, PAD) > ether_guess(&w->s, 0))
			span_skip(&w->s, PAD);
		if (walk_enter(w))
			ether_frame(w);
	} else {
		WALK_COUNT(w, not_ip);
	}
}

void ether_llc(struct walk *w)
{
	enum { LLC = 3, SAP_IP = 0x06, SAP_SNAP = 0xaa, SAP_ISO = 0xfe, UNNUMBERED = 0x03 };

	if (!link_need(w, LLC))
		return;
	uint8_t dsap = w->s.p[0], control = w->s.p[2];
	if (control != UNNUMBERED) {
		WALK_COUNT(w, not_ip);
		return;
	}
	span_skip(&w->s, LLC);
	switch (dsap) {
	case SAP_SNAP:
	case SAP_SNAP | 1:
		ether_snap(w);
		break;
	case SAP_IP:
		ip_v4(w);
		break;
	case SAP_ISO:
		ppp_nlpid(w);
		break;
	default:
		WALK_COUNT(w, not_ip);
	}
}

enum ether_guess ether_guess(const struct span *s, uint32_t at)
{
	enum { LLC_MIN = 3 };

	if (s->cap < at + HEADER)
		return ETHER_UNLIKELY;
	uint16_t type = be16(s->p + at + TYPE_AT);
	switch (type) {
	case TYPE_IPV4:
	case TYPE_ARP:
	case TYPE_VLAN:
	case TYPE_IPV6:
	case TYPE_MPLS:
	case TYPE_PPPOE:
	case TYPE_PPPOE_DISCOVERY:
	case TYPE_QINQ:
		return ETHER_LIKELY;
	default:
		if (type < LLC_MIN || type > TYPE_802_3_MAX || type > s->wire - at - HEADER)
			return ETHER_UNLIKELY;
		return ETHER_POSSIBLE;
	}
}

/* Label stack (RFC 3032). What it carries is not said: IP by its version (RFC 4928), or a pseudowire with an Ethernet
 * frame (RFC 4448), with or without its control word, which begins with a zero nibble. */
void ether_mpls(struct walk *w)
{
	enum { LABEL = 4, BOTTOM = 0x01, CONTROL_WORD = 4 };
	bool bottom;

	do {
		if (!walk_enter(w) || !link_need(w, LABEL))
			return;
		bottom = w->s.p[2] & BOTTOM;
		span_skip(&w->s, LABEL);
	} while (!bottom);
	if (!link_need(w, 1))
		return;
	uint8_t nibble = w->s.p[0] >> 4;
	if (nibble == 4) {
		ip_v4(w);
	} else if (nibble == 6) {
		ip_v6(w);
	} else {
		enum ether_guess bare = ether_guess(&w->s, 0);
		enum ether_guess behind = nibble ? ETHER_UNLIKELY : ether_guess(&w->s, CONTROL_WORD);
		if (behind >= bare && behind)
			span_skip(&w->s, CONTROL_WORD);
		if (behind || bare)
			ether_frame(w);
		else
			WALK_COUNT(w, not_ip);
	}
}
