#include "core/walk.h"

enum {
	LINK_NULL = 0, LINK_ETHERNET = 1, LINK_RAW_BSD = 12, LINK_RAW_OPENBSD = 14, LINK_RAW = 101, LINK_LOOP = 108,
	LINK_LINUX_SLL = 113, LINK_IPV4 = 228, LINK_IPV6 = 229, LINK_LINUX_SLL2 = 276
};

enum {
	TYPE_IPV4 = 0x0800, TYPE_VLAN = 0x8100, TYPE_IPV6 = 0x86dd, TYPE_QINQ = 0x88a8, TYPE_QINQ_OLD = 0x9100
};

enum { ETHERNET_HEADER = 14, SLL_HEADER = 16, SLL2_HEADER = 20, VLAN_TAG = 4, VLAN_ID_MASK = 0xfff };

/* The upper bits of a file's link type field tell of frame check sequences. */
enum { LINKTYPE_MASK = 0x03ffffff };

/* Are n bytes of link header there? If not, the walk ends. */
static bool need(struct walk *w, uint32_t n)
{
	if (span_has(&w->s, n))
		return true;
	WALK_COUNT(w, link_truncated);
	return false;
}

/* Tag control information: the first tag met is the outer one, the last the inner. */
static void add_vlan(struct walk *w, uint16_t tci)
{
	uint16_t *vlan = w->out->tcp.vlan;

	vlan[vlan[0] != 0xffff] = tci & VLAN_ID_MASK;
}

void link_ethertype(struct walk *w, uint16_t type)
{
	for (;;) {
		switch (type) {
		case TYPE_IPV4:
			ip_v4(w);
			return;
		case TYPE_IPV6:
			ip_v6(w);
			return;
		case TYPE_VLAN:
		case TYPE_QINQ:
		case TYPE_QINQ_OLD:
			if (!walk_enter(w) || !need(w, VLAN_TAG))
				return;
			add_vlan(w, be16(w->s.p));
			type = be16(w->s.p + 2);
			span_skip(&w->s, VLAN_TAG);
			break;
		default:
			WALK_COUNT(w, not_ip);
			return;
		}
	}
}

void link_ethernet(struct walk *w)
{
	if (!need(w, ETHERNET_HEADER))
		return;
	uint16_t type = be16(w->s.p + 12);
	span_skip(&w->s, ETHERNET_HEADER);
	link_ethertype(w, type);
}

/* BSD loopback: the address family as a 32-bit number of the capturing machine, or in network order. */
static void link_null(struct walk *w)
{
	if (!need(w, 4))
		return;
	const uint8_t *p = w->s.p;
	uint32_t family = p[0] || p[1] ? (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24 : be32(p);
	span_skip(&w->s, 4);
	switch (family) {
	case 2:
		ip_v4(w);
		break;
	case 10:                        /* AF_INET6 of Linux, Windows, BSD/OS and NetBSD, FreeBSD, macOS */
	case 23:
	case 24:
	case 28:
	case 30:
		ip_v6(w);
		break;
	default:
		WALK_COUNT(w, not_ip);
	}
}

void link_frame(struct walk *w)
{
	uint32_t linktype = w->pkt->linktype & LINKTYPE_MASK;
	uint16_t type;

	if (linktype == LINK_ETHERNET) {
		link_ethernet(w);
		return;
	}
	switch (linktype) {
	case LINK_NULL:
	case LINK_LOOP:
		link_null(w);
		break;
	case LINK_RAW:
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD:
	case LINK_IPV4:
	case LINK_IPV6:
		ip_any(w);
		break;
	case LINK_LINUX_SLL:
		if (!need(w, SLL_HEADER))
			return;
		type = be16(w->s.p + 14);
		span_skip(&w->s, SLL_HEADER);
		link_ethertype(w, type);
		break;
	case LINK_LINUX_SLL2:
		if (!need(w, SLL2_HEADER))
			return;
		type = be16(w->s.p);
		span_skip(&w->s, SLL2_HEADER);
		link_ethertype(w, type);
		break;
	default:
		WALK_COUNT(w, link_unsupported);
	}
}
