/* From a captured frame to the TCP segment, ICMP message or DNS message in it. Pure, but for the fragments waiting to
 * be made whole.
 *
 * Walks link header, VLAN tags, MPLS, PPPoE, tunnels (GRE, IP-in-IP, 6in4, VXLAN, GENEVE, GTP-U) and IP extension
 * headers, each length checked against what was captured and against what the outer header said; nesting is bounded. */
#ifndef TCPSTAT_DECODE_H
#define TCPSTAT_DECODE_H

#include "core/pool.h"
#include "core/segment.h"

enum decode_verdict {
	DECODE_TCP,                     /* tcp is filled in */
	DECODE_ICMP,                    /* icmp is filled in: an error that quotes a TCP segment */
	DECODE_DNS,                     /* dns is filled in: a UDP datagram from or to port 53 */
	DECODE_NOTHING                  /* none of these; the counter that says why was raised */
};

/* An ICMP or ICMPv6 error about a TCP segment. */
struct icmp_view {
	uint8_t family, kind, code;     /* family 4: ICMP, 6: ICMPv6 */
	struct tcpstat_addr from;       /* who reports */
	struct tcpstat_addr src, dst;   /* of the quoted segment */
	uint16_t src_port, dst_port;
	bool has_seq;
	uint32_t seq;                   /* of the quoted segment */
	uint32_t mtu;                   /* of "fragmentation needed" / "packet too big"; 0 none */
};

/* A UDP datagram that should hold a DNS message; nothing of it has been looked at. */
struct dns_view {
	struct tcpstat_addr src, dst;
	uint16_t src_port, dst_port;
	const uint8_t *bytes;           /* `len` bytes captured, behind the UDP header */
	uint32_t len;
};

struct decoded {
	enum decode_verdict verdict;
	union {
		struct tcp_view tcp;
		struct icmp_view icmp;
		struct dns_view dns;
	};
};

struct decoder;

/* NULL: no memory. The counters belong to the caller and are raised in place: those from `tcp` to `too_deep`; the
 * others are the caller's. */
struct decoder *decoder_new(struct budget *, struct tcpstat_counters *);
void decoder_free(struct decoder *);
/* Whether checksums of IPv4 headers and TCP segments are verified; they are at first. */
void decoder_set_checksums(struct decoder *, bool verify);
/* End of input: fragments that still wait for others are counted as given up. */
void decoder_finish(struct decoder *);
/* What `pkt` carries. Views point into pkt->data, or into a reassembled datagram that stays valid until the next
 * call. */
void decode_frame(struct decoder *, const struct tcpstat_pkt *pkt, struct decoded *out);

#endif
