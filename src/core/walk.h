/* The walk through the layers of one frame: what is shared by the files that decode.
 *
 * Each layer is a function that takes the walk with `s` at its header, and calls the next layer or ends the walk by
 * raising one counter. The IP fields of out->tcp always hold the innermost IP header met so far. */
#ifndef TCPSTAT_WALK_H
#define TCPSTAT_WALK_H

#include "core/bytes.h"
#include "core/decode.h"
#include "core/frag.h"

/* The bytes ahead; cap <= wire. */
struct span {
	const uint8_t *p;
	uint32_t cap;                   /* captured */
	uint32_t wire;                  /* there on the wire, by the frame and the outer headers */
	bool bounded;                   /* `wire` comes from a header, not from the frame */
};

static inline bool span_has(const struct span *s, uint32_t n)
{
	return s->cap >= n;
}

/* Past n captured bytes. */
static inline void span_skip(struct span *s, uint32_t n)
{
	s->p += n;
	s->cap -= n;
	s->wire -= n;
}

/* A header says that n bytes are ahead: what is behind them is padding. One that claims more than the frame had is
 * believed (the frame may have been cut without saying so), but not one that claims more than an outer header. */
static inline void span_set_len(struct span *s, uint32_t n)
{
	if (!s->bounded || n < s->wire)
		s->wire = n;
	if (s->cap > n)
		s->cap = n;
	s->bounded = true;
}

enum {
	WALK_MAX_DEPTH = 32             /* headers of encapsulation (tags, labels, tunnels, IP and extension headers) */
};

struct decoder {
	struct budget *budget;
	struct tcpstat_counters *counters;
	bool checksums;
	struct frag_table frags;
};

struct walk {
	struct decoder *d;
	const struct tcpstat_pkt *pkt;
	struct decoded *out;
	struct span s;
	unsigned depth;
};

#define WALK_COUNT(w, counter) ((w)->d->counters->counter++)

/* One header deeper. false: too deep, counted; the walk ends. */
static inline bool walk_enter(struct walk *w)
{
	if (w->depth++ < WALK_MAX_DEPTH)
		return true;
	WALK_COUNT(w, too_deep);
	return false;
}

/* Into a tunnel; `name` is static. */
static inline void walk_tunnel(struct walk *w, const char *name)
{
	if (!w->out->tcp.tunnel)
		WALK_COUNT(w, tunnelled);
	w->out->tcp.tunnel = name;
}

/* link.c: link headers */
void link_frame(struct walk *);                         /* by pkt->linktype */
/* Are n bytes of link header captured? If not, that is counted, and the walk ends. */
bool link_need(struct walk *, uint32_t n);

/* ether.c: Ethernet and what rides on its types */
void ether_frame(struct walk *);
void ether_type(struct walk *, uint16_t type);          /* s: behind the type */
void ether_llc(struct walk *);                          /* IEEE 802.2 */
void ether_snap(struct walk *);                         /* s: at the organization */
void ether_mpls(struct walk *);
/* Does an Ethernet header stand `at` bytes ahead? By the type it would have. */
enum ether_guess { ETHER_UNLIKELY, ETHER_POSSIBLE, ETHER_LIKELY };
enum ether_guess ether_guess(const struct span *, uint32_t at);

/* ppp.c */
void ppp_frame(struct walk *);                          /* with or without address and control, HDLC or Cisco's */
void ppp_chdlc(struct walk *);
void ppp_pppoe(struct walk *);
void ppp_relay(struct walk *);                          /* frame relay */
void ppp_nlpid(struct walk *);                          /* s: at the network layer protocol identifier */

/* wifi.c */
void wifi_frame(struct walk *, bool padded);            /* padded: the header is filled up to a multiple of 4 */
void wifi_radiotap(struct walk *);
void wifi_prism(struct walk *);                         /* or AVS */

/* ip.c, ip6.c */
enum {
	PROTO_HOP_BY_HOP = 0, PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ROUTING = 43, PROTO_FRAGMENT = 44,
	PROTO_AH = 51, PROTO_ICMP6 = 58, PROTO_DEST_OPTIONS = 60, PROTO_MOBILITY = 135, PROTO_HIP = 139,
	PROTO_SHIM6 = 140
};
void ip_any(struct walk *);                             /* the version field decides */
void ip_v4(struct walk *);
void ip_v6(struct walk *);
void ip_payload(struct walk *, uint8_t protocol);       /* s: trimmed to the IP payload */
/* s: the fragment's payload; `piece` has key.protocol, key.id, offset, more and next. True: whole now; s and
 * piece->next are those of the datagram. */
bool ip_fragment(struct walk *, struct frag_piece *piece);
bool ip6_is_extension(uint8_t protocol);                /* not the fragment header */
uint32_t ip6_extension_len(uint8_t protocol, const uint8_t *p); /* of the header at p, of which 8 bytes are there */

/* tunnel.c */
bool tunnel_ip(struct walk *, uint8_t protocol);        /* false: no tunnel, nothing was done */
void tunnel_udp(struct walk *);

/* icmp.c */
void icmp_message(struct walk *, uint8_t family);       /* 4: ICMP, 6: ICMPv6 */

/* tcp.c */
void tcp_segment(struct walk *);                        /* s: trimmed to the segment */

#endif
